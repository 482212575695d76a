"""From a source and specs to one decode and its tasks: pure, and the same every time."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from pydantic_core import PydanticCustomError

from pixelpipe.errors import ImageTooSmallError
from pixelpipe.formats.registry import WEBP_MAX_SIDE_PX, Format
from pixelpipe.formats.source import UNCOUNTED_FRAMES, SourceInfo
from pixelpipe.recipes.mistakes import Mistake, invalid_spec
from pixelpipe.recipes.placing import begun_on_a_pixel
from pixelpipe.recipes.planar import starts_from_planes
from pixelpipe.recipes.quadrants import MIN_SIDE_PX
from pixelpipe.recipes.spec import SizeLimits, Spec, expanded
from pixelpipe.recipes.task import Decode, Kernel, Metadata, Task
from pixelpipe.recipes.tasks import UNIVERSAL, make_task

_REDUCTIONS = (8, 4, 2)
_LEFT_TO_RESIZE = (8, 5)  # a ratio of 1.6

# Of the sidecar. Metadata that is longer, such as an extended XMP, is left out.
_KEPT_BYTES = 1024 * 1024
_TIMING_BYTES = 1024
_DELAY_BYTES = 16


@dataclass(frozen=True, slots=True)
class Plan:
    """What a job does.

    Attributes:
        decode: How the source becomes pixels, once.
        tasks: One for each spec, in their order.
    """

    decode: Decode
    tasks: tuple[Task, ...]


def plan(
    source: SourceInfo,
    specs: Sequence[Spec],
    limits: SizeLimits,
    accepted: Collection[Format] = UNIVERSAL,
) -> Plan:
    """Work out every number that the workers need.

    Args:
        source: What the probe found.
        specs: At least one. Those that the client wrote itself come first: pointers count them.
        limits: How large a variant may become, and all frames of an animation together.
        accepted: What the client can show, for a format that is left open.

    Raises:
        InvalidSpecError: Variants that would be larger than `limits` or their format allow, or
            crops that do not lie in the picture.
        ImageTooSmallError: A quad edge-blur of less than 2 pixels a side.
    """
    tasks = _tasks(source, specs, limits, accepted)
    _check_quads(tasks)
    decode = _decode(source, tasks)
    step_px = decode.reduction * 2 if decode.planar else decode.reduction
    if step_px > 1:
        tasks = tuple(_aligned(task, step_px) for task in tasks)
    return Plan(decode, tasks)


def _tasks(
    source: SourceInfo, specs: Sequence[Spec], limits: SizeLimits, accepted: Collection[Format]
) -> tuple[Task, ...]:
    tasks: list[Task] = []
    mistakes: list[Mistake] = []
    for index, spec in enumerate(specs):
        for each in expanded([spec]):
            try:
                task = make_task(source, each, accepted)
            except PydanticCustomError as error:
                mistakes.append(Mistake(("variants", index, "crop"), error.message()))
                break
            tasks.append(task)
            if detail := _too_large(task, source, limits):
                mistakes.append(Mistake(("variants", index), detail))
    if mistakes:
        raise invalid_spec(mistakes)
    return tuple(tasks)


def _too_large(task: Task, source: SourceInfo, limits: SizeLimits) -> str:
    """What is wrong with the task's size; empty where nothing is."""
    width, height = task.output_width, task.output_height
    would_be = f"({task.name!r}) would be {width}x{height} pixels"
    max_side_px = limits.max_side_px
    if Format.WEBP in task.possible_formats:
        max_side_px = min(max_side_px, WEBP_MAX_SIDE_PX)
    if max(width, height) > max_side_px:
        return f"{would_be}; a side may have {max_side_px} in {task.format}"
    frames = source.frames if task.animated else 1
    decoded = source.width * source.height * frames if task.animated else 0
    if max(width * height * frames, decoded) > limits.max_pixels:
        count = "uncounted" if frames == UNCOUNTED_FRAMES else frames
        each = f" in each of {count} frames" if frames > 1 else ""
        return f"{would_be}{each}; {limits.max_pixels} in all are allowed"
    return ""


def _check_quads(tasks: Sequence[Task]) -> None:
    for task in tasks:
        width, height = task.output_width, task.output_height
        if task.quad and min(width, height) < MIN_SIDE_PX:
            raise ImageTooSmallError(
                f"The variant {task.name!r} is {width}x{height} pixels; the quad edge-blur needs "
                f"at least {MIN_SIDE_PX} a side."
            )


def _decode(source: SourceInfo, tasks: Sequence[Task]) -> Decode:
    reduction = _reduction(source, tasks)
    reduced = replace(
        source,
        stored_width=_divided_up(source.stored_width, reduction),
        stored_height=_divided_up(source.stored_height, reduction),
    )
    animated = any(task.animated for task in tasks)
    return Decode(
        format=source.format,
        width=reduced.width,
        height=reduced.height,
        channels=source.animation_channels if animated else source.channels,
        orientation=source.orientation,
        reduction=reduction,
        source_width=source.width,
        source_height=source.height,
        frames=source.frames if animated else 1,
        keep_profile=any(task.keep_profile for task in tasks),
        sidecar_bytes=_sidecar_bytes(source, tasks),
        planar=_is_planar(source, tasks, reduction),
    )


def _is_planar(source: SourceInfo, tasks: Sequence[Task], reduction: int) -> bool:
    """Whether luma and chroma are kept apart: for all variants, or for none."""
    step_px = 2 * reduction
    return (
        source.halved_chroma
        and _stays_in_place(source, step_px)
        and all(
            starts_from_planes(task, reduction) and _begins_on_a_pixel(task, step_px)
            for task in tasks
        )
    )


def _sidecar_bytes(source: SourceInfo, tasks: Sequence[Task]) -> int:
    """Room for what the tasks need of the source beside its pixels."""
    room = 0
    if any(task.animated for task in tasks):
        room += _TIMING_BYTES + source.frames * _DELAY_BYTES
    if any(task.keep_profile or task.metadata is not Metadata.NONE for task in tasks):
        room += _KEPT_BYTES
    return room


def _reduction(source: SourceInfo, tasks: Sequence[Task]) -> int:
    """The largest that leaves every task enough to resize; only JPEG can decode smaller."""
    if source.format != Format.JPEG or not all(map(_may_be_reduced, tasks)):
        return 1
    for reduction in _REDUCTIONS:
        if _stays_in_place(source, reduction) and all(
            _leaves_enough(task, reduction) and _begins_on_a_pixel(task, reduction)
            for task in tasks
        ):
            return reduction
    return 1


def _may_be_reduced(task: Task) -> bool:
    """Whether the codec's own way to reduce is good enough, and what is needed is known."""
    return task.kernel is Kernel.FAST and not task.linear and task.trim is None


def _stays_in_place(source: SourceInfo, reduction: int) -> bool:
    """Whether the picture still begins where it did.

    The codec rounds a size up by a pixel that is not all picture. That is at the end of a side,
    until the picture is turned.
    """
    sides = (source.stored_width, source.stored_height)
    return source.orientation == 1 or not any(side % reduction for side in sides)


def _begins_on_a_pixel(task: Task, reduction: int) -> bool:
    """Whether a crop can be cut out of the reduced picture, with nothing from around it."""
    bounds = task.bounds
    return bounds is None or not (bounds.x % reduction or bounds.y % reduction)


def _leaves_enough(task: Task, reduction: int) -> bool:
    """Whether a last resize by at least 1.6 stays, which hides how the codec reduces.

    Measured against a Lanczos filter: with less than that left, the aliasing of libjpeg's reduced
    decodes costs up to 1.5 dB.
    """
    left, of = _LEFT_TO_RESIZE
    return (
        of * task.region.width >= left * task.width * reduction
        and of * task.region.height >= left * task.height * reduction
    )


def _aligned(task: Task, step_px: int) -> Task:
    region = begun_on_a_pixel(task.region, step_px)
    return task if region == task.region else replace(task, region=region)


def _divided_up(size_px: int, reduction: int) -> int:
    return -(-size_px // reduction)
