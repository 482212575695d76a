"""From a source and specs to one decode and its tasks: pure, and the same every time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pixelpipe.errors import ImageTooSmallError
from pixelpipe.formats.registry import FORMATS, WRITABLE, Format
from pixelpipe.formats.source import SourceInfo
from pixelpipe.recipes.geometry import lay_out
from pixelpipe.recipes.mistakes import Mistake, invalid_spec
from pixelpipe.recipes.quadrants import MIN_SIDE_PX
from pixelpipe.recipes.spec import SizeLimits, Spec
from pixelpipe.recipes.task import Decode, QuadBlur, Task

_REDUCTIONS = (8, 4, 2)
_LEFT_TO_RESIZE = (8, 5)  # a ratio of 1.6
_LOSSLESS_QUALITY = 100
_WEBP_MAX_SIDE_PX = 16383


@dataclass(frozen=True, slots=True)
class Plan:
    """What a job does.

    Attributes:
        decode: How the source becomes pixels, once.
        tasks: One for each spec, in their order.
    """

    decode: Decode
    tasks: tuple[Task, ...]


def plan(source: SourceInfo, specs: Sequence[Spec], limits: SizeLimits) -> Plan:
    """Work out every number that the workers need.

    Args:
        source: What the probe found.
        specs: At least one. Those that the client wrote itself come first: pointers count them.
        limits: How large a variant may become.

    Raises:
        InvalidSpecError: Variants that would be larger than `limits` or their format allow.
        ImageTooSmallError: A quad edge-blur of less than 2 pixels a side.
    """
    tasks = tuple(_task(source, spec) for spec in specs)
    _check_sizes(tasks, limits)
    _check_quads(tasks)
    decode = _decode(source, tasks)
    return Plan(decode, tuple(_aligned(task, decode.reduction) for task in tasks))


def _task(source: SourceInfo, spec: Spec) -> Task:
    layout = lay_out(source.width, source.height, spec.resize)
    output = spec.format or _default_format(source)
    keep_alpha = source.has_alpha and FORMATS[output].holds_alpha
    default_quality = FORMATS[output].default_quality or _LOSSLESS_QUALITY
    return Task(
        name=spec.name,
        region=layout.region,
        width=layout.width,
        height=layout.height,
        canvas=layout.canvas,
        grayscale=spec.grayscale,
        blur_sigma=spec.blur.sigma if spec.blur else 0.0,
        quad=QuadBlur(spec.quad.band_px, spec.quad.sigma) if spec.quad else None,
        background=_background(spec.background, keep_alpha=keep_alpha),
        keep_alpha=keep_alpha,
        format=output,
        quality=spec.quality or default_quality,
        reduced=layout.reduced,
    )


def _default_format(source: SourceInfo) -> Format:
    if source.format in WRITABLE:
        return source.format
    return Format.PNG if source.has_alpha else Format.JPEG


def _background(color: str | None, *, keep_alpha: bool) -> tuple[int, int, int, int]:
    if color is None:
        return (255, 255, 255, 0 if keep_alpha else 255)
    digits = color[1:]
    if len(digits) == len("rgb"):
        digits = "".join(digit * 2 for digit in digits)
    red, green, blue = bytes.fromhex(digits)
    return (red, green, blue, 255)


def _check_sizes(tasks: Sequence[Task], limits: SizeLimits) -> None:
    mistakes = [
        Mistake(("variants", index), detail)
        for index, task in enumerate(tasks)
        if (detail := _too_large(task, limits))
    ]
    if mistakes:
        raise invalid_spec(mistakes)


def _too_large(task: Task, limits: SizeLimits) -> str:
    """What is wrong with the task's size; empty where nothing is."""
    width, height = task.output_width, task.output_height
    would_be = f"({task.name!r}) would be {width}x{height} pixels"
    max_side_px = limits.max_side_px
    if task.format == Format.WEBP:
        max_side_px = min(max_side_px, _WEBP_MAX_SIDE_PX)
    if max(width, height) > max_side_px:
        return f"{would_be}; a side may have {max_side_px} in {task.format}"
    if width * height > limits.max_pixels:
        return f"{would_be}; {limits.max_pixels} in all are allowed"
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
    return Decode(
        format=source.format,
        width=reduced.width,
        height=reduced.height,
        channels=source.channels,
        orientation=source.orientation,
        reduction=reduction,
        source_width=source.width,
        source_height=source.height,
    )


def _reduction(source: SourceInfo, tasks: Sequence[Task]) -> int:
    """The largest that leaves every task enough to resize; only JPEG can decode smaller."""
    if source.format != Format.JPEG:
        return 1
    for reduction in _REDUCTIONS:
        if _stays_in_place(source, reduction) and all(
            _leaves_enough(task, reduction) for task in tasks
        ):
            return reduction
    return 1


def _stays_in_place(source: SourceInfo, reduction: int) -> bool:
    """Whether the picture still begins where it did.

    The codec rounds a size up by a pixel that is not all picture. That is at the end of a side,
    until the picture is turned.
    """
    sides = (source.stored_width, source.stored_height)
    return source.orientation == 1 or not any(side % reduction for side in sides)


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


def _aligned(task: Task, reduction: int) -> Task:
    """The task with its crop moved, by less than a decoded pixel, to where one begins.

    Between pixels the resize takes three to five times as long.
    """
    region = task.region
    x, y = (at - at % reduction for at in (region.x, region.y))
    return (
        task if (x, y) == (region.x, region.y) else replace(task, region=replace(region, x=x, y=y))
    )


def _divided_up(size_px: int, reduction: int) -> int:
    return -(-size_px // reduction)
