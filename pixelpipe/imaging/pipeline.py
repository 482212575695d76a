"""One variant: the steps, in their order, from the picture's pixels to a file."""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

from pixelpipe.imaging import alpha, canvas, effects, quad
from pixelpipe.imaging import resize as resizing
from pixelpipe.imaging.encode import Encoded, encode
from pixelpipe.imaging.picture import Picture
from pixelpipe.imaging.pixels import Pixels, has_alpha
from pixelpipe.recipes.task import Task


@dataclass(frozen=True, slots=True)
class Made:
    """A finished variant.

    Attributes:
        content: The bytes of the file, a 1-D buffer.
        width: In pixels.
        height: In pixels.
        process_ms: What the pixels took.
        encode_ms: What the file took.
    """

    content: Encoded
    width: int
    height: int
    process_ms: float
    encode_ms: float


@dataclass(slots=True)
class Draft:
    """A variant in the making; `pixels` may be the picture's own and are never written to."""

    picture: Picture
    task: Task
    pixels: Pixels


def crop(draft: Draft) -> Pixels:
    """See only the region."""
    return draft.picture.view(draft.task.region)


def resize(draft: Draft) -> Pixels:
    """Bring the region to its size; variants of one region and size share the result."""
    task, picture = draft.task, draft.picture
    if draft.pixels.shape[:2] == (task.height, task.width) and picture.plan.reduction == 1:
        return draft.pixels
    size = (task.region, task.width, task.height)
    return picture.shared(size, lambda: resizing.resize(picture, *size))


def pad(draft: Draft) -> Pixels:
    """Lay it on its canvas."""
    task = draft.task
    return canvas.pad(draft.pixels, task.canvas, task.background) if task.canvas else draft.pixels


def grayscale(draft: Draft) -> Pixels:
    """Drop colour."""
    return effects.grayscale(draft.pixels) if draft.task.grayscale else draft.pixels


def blur(draft: Draft) -> Pixels:
    """Blur all of it."""
    sigma = draft.task.blur_sigma
    return effects.blur(draft.pixels, sigma) if sigma else draft.pixels


def quad_edge_blur(draft: Draft) -> Pixels:
    """Blur the inner edges of its four parts."""
    asked = draft.task.quad
    return quad.quad_edge_blur(draft.pixels, asked.band_px, asked.sigma) if asked else draft.pixels


def flatten(draft: Draft) -> Pixels:
    """Put what loses its alpha onto the background."""
    if draft.task.keep_alpha or not has_alpha(draft.pixels):
        return draft.pixels
    return alpha.flatten(draft.pixels, draft.task.background[:3])


STEPS: tuple[Callable[[Draft], Pixels], ...] = (
    crop,
    resize,
    pad,
    grayscale,
    blur,
    quad_edge_blur,
    flatten,
)


def make(picture: Picture, task: Task) -> Made:
    """Make one variant.

    Args:
        picture: The decoded pixels; other tasks may have used it before.
        task: What to make.

    Raises:
        ImageTooSmallError: For the quad edge-blur.
        InternalError: It could not be encoded.
    """
    began = perf_counter()
    draft = Draft(picture, task, picture.pixels)
    for step in STEPS:
        draft.pixels = step(draft)
    processed = perf_counter()
    content = encode(draft.pixels, task.format, task.quality)
    ended = perf_counter()
    height, width = draft.pixels.shape[:2]
    return Made(content, width, height, (processed - began) * 1000, (ended - processed) * 1000)
