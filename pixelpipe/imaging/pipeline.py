"""One variant: its steps, in their order, from the picture's pixels to a file."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from operator import attrgetter
from time import perf_counter

from pixelpipe.imaging import planar, steps
from pixelpipe.imaging.alpha import flatten
from pixelpipe.imaging.animation import Timing
from pixelpipe.imaging.attachments import attachments
from pixelpipe.imaging.encode import Encoded, File, encode, encode_moving
from pixelpipe.imaging.looks.describe import Description
from pixelpipe.imaging.pixels import Pixels, has_alpha
from pixelpipe.imaging.planar import PlanarPicture
from pixelpipe.imaging.planes import Planes
from pixelpipe.imaging.settle import settled
from pixelpipe.imaging.source import AnyPicture, Source
from pixelpipe.imaging.steps import Draft
from pixelpipe.recipes.facts import Facts
from pixelpipe.recipes.planar import stays_planar
from pixelpipe.recipes.task import Task

STEPS: tuple[Callable[[Draft], Pixels], ...] = (
    steps.fit,
    steps.turn,
    steps.pad,
    steps.adjust,
    steps.tint,
    steps.grayscale,
    steps.sharpen,
    steps.blur,
    steps.pixelate,
    steps.quad_edge_blur,
    steps.watermark,
    steps.round_corners,
)


# Everything about a task but its file.
_OF_FILE = frozenset(
    {
        "name",
        "reduced",
        "keep_alpha",
        "format",
        "quality",
        "options",
        "choices",
        "metadata",
        "animated",
        "one_of_several",
    }
)
_LOOK = attrgetter(*(f.name for f in fields(Task) if f.name not in _OF_FILE))


@dataclass(frozen=True, slots=True)
class Made:
    """A finished variant.

    Attributes:
        content: The bytes of the file, a 1-D buffer.
        facts: What it tells of itself.
        process_ms: What the pixels took.
        encode_ms: What the file took.
    """

    content: Encoded
    facts: Facts
    process_ms: float
    encode_ms: float


def make(source: Source, task: Task) -> Made:
    """Make one variant.

    Args:
        source: What was decoded; other tasks may have used it before.
        task: What to make.

    Raises:
        ImageTooSmallError: For the quad edge-blur.
        DamagedImageError: The watermark cannot be decoded.
        MaxBytesUnreachableError: No quality makes the file small enough.
        InternalError: It could not be encoded.
    """
    began = perf_counter()
    pictures = source.pictures(task)
    task = settled(pictures, task)
    inside = _within_bounds(task)
    frames = []
    for picture in pictures:
        frames.append(_finished(source.part(picture, task.bounds), inside))
        if len(pictures) > 1:
            picture.forget()  # What is kept of one picture would be kept of each frame.
    processed = perf_counter()
    kept = attachments(source.sidecar, task.metadata, keep_profile=task.keep_profile)
    if len(frames) > 1:
        timing = Timing(source.sidecar.delays_ms, source.sidecar.loops)
        mixed = [frame for frame in frames if not isinstance(frame, Planes)]
        assert len(mixed) == len(frames), "no animation is decoded to planes"
        file = encode_moving(mixed, timing, task, kept)
    else:
        file = encode(frames[0], task, kept)
    facts = _facts(frames, file, task, _described(source, task, frames[0]))
    ended = perf_counter()
    return Made(file.content, facts, (processed - began) * 1000, (ended - processed) * 1000)


def _within_bounds(task: Task) -> Task:
    """The task as of a picture that is no larger than its bounds."""
    if task.bounds is None or not (task.bounds.x or task.bounds.y):
        return task
    region = task.region
    x, y = region.x - task.bounds.x, region.y - task.bounds.y
    return replace(task, region=replace(region, x=x, y=y))


def _finished(picture: AnyPicture, task: Task) -> Pixels | Planes:
    """The variant's pixels, flat where alpha is not kept."""
    if isinstance(picture, PlanarPicture) and stays_planar(task):
        return planar.finished(picture, task)
    pixels = _shared(picture, task)
    if task.keep_alpha or not has_alpha(pixels):
        return pixels
    return flatten(pixels, task.background[:3])


def _shared(picture: AnyPicture, task: Task) -> Pixels:
    """After the last step; formats of one variant that are made in a row share it."""
    if not task.one_of_several:
        return _stepped(picture, task)
    return picture.shared(_LOOK(task), lambda: _stepped(picture, task))


def _stepped(picture: AnyPicture, task: Task) -> Pixels:
    draft = Draft(picture, task)
    for step in STEPS:
        draft.pixels = step(draft)
    return draft.pixels


def _described(source: Source, task: Task, pixels: Pixels | Planes) -> Description:
    """What it looks like; the same in another format looks the same.

    In another size it does almost: but then what is told would depend on which was made first.
    """
    look = (*_LOOK(task), task.keep_alpha, isinstance(pixels, Planes))
    return source.described(look, pixels, in_profile=task.keep_profile)


def _facts(
    frames: Sequence[Pixels | Planes], file: File, task: Task, described: Description
) -> Facts:
    height, width = frames[0].shape[:2]
    return Facts(
        width=width,
        height=height,
        format=file.format,
        quality=file.quality,
        reduced=task.reduced,
        frames=len(frames),
        dominant=described.dominant,
        palette=described.palette,
        blurhash=described.blurhash,
        thumbhash=described.thumbhash,
    )
