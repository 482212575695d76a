"""From pixels to the bytes of a file, in the format, and as small, as a task asks for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter

import cv2

from pixelpipe.errors import MaxBytesUnreachableError
from pixelpipe.formats.registry import FORMATS, WEBP_MAX_SIDE_PX, Format
from pixelpipe.imaging.alpha import flatten, is_opaque
from pixelpipe.imaging.animation import Timing, encode_animation
from pixelpipe.imaging.attachments import NOTHING, Attachments
from pixelpipe.imaging.embed import embed
from pixelpipe.imaging.encoders.avif import QUICKEST_SPEED, USUAL_SPEED, Pace, encode_avif
from pixelpipe.imaging.encoders.codec import Encoded
from pixelpipe.imaging.encoders.fitting import MOST_TRIALS, fit, unreachable
from pixelpipe.imaging.encoders.jpeg import encode_jpeg, encode_jpeg_planes
from pixelpipe.imaging.encoders.png import encode_palette, encode_png
from pixelpipe.imaging.encoders.profiles import agreed
from pixelpipe.imaging.encoders.webp import encode_lossless_webp, encode_webp
from pixelpipe.imaging.looks.content import is_drawing
from pixelpipe.imaging.pixels import Pixels, as_pixels, has_alpha
from pixelpipe.imaging.planes import Planes
from pixelpipe.recipes.task import EncodeOptions, Task

__all__ = ["Encoded", "File", "encode", "encode_moving"]

_FEWEST_COLORS = 2
_HIGHEST = 100

_pace = Pace()


@dataclass(frozen=True, slots=True)
class File:
    """A finished file.

    Attributes:
        content: Its bytes, as `bytes` or as a 1-D uint8 array.
        format: What it is; a task may leave that open.
        quality: As used; None where nothing is lost, or a palette is.
    """

    content: Encoded
    format: Format
    quality: int | None


@dataclass(frozen=True, slots=True)
class _Draft:
    """A file in the making: everything about it but its quality."""

    pixels: Pixels
    format: Format
    options: EncodeOptions
    attachments: Attachments


def encode(pixels: Pixels | Planes, task: Task, attachments: Attachments = NOTHING) -> File:
    """Encode pixels as a task asks.

    Args:
        pixels: Gray, BGR or BGRA. Alpha that the format cannot hold is laid onto the task's
            background. Planes are for a task that stays planar (see `recipes.planar`).
        task: Its format or choices, quality, options and background count.
        attachments: What goes into the file beside the pixels.

    Raises:
        MaxBytesUnreachableError: No quality makes it small enough.
        InternalError: The codec refuses the pixels.
    """
    if isinstance(pixels, Planes):
        return _of_planes(pixels, task, attachments)
    lossless = task.options.lossless
    if task.choices is None:
        return _in_format(pixels, task, task.format, attachments, lossless=lossless)
    opaque = not has_alpha(pixels) or is_opaque(pixels)
    if opaque:
        pixels = _without_alpha(pixels)
    lossy = task.choices.photograph if opaque else task.choices.transparent
    if not task.choices.tells_drawings or not is_drawing(pixels):
        return _in_format(pixels, task, lossy, attachments, lossless=lossless)
    return _drawing(pixels, task, (task.choices.drawing, lossy), attachments)


def encode_moving(
    frames: Sequence[Pixels], timing: Timing, task: Task, attachments: Attachments = NOTHING
) -> File:
    """Encode an animation as a task asks, all frames in one file.

    Args:
        frames: Two or more, of one size and number of channels.
        timing: When they are shown.
        task: Its format, quality and options count.
        attachments: What goes into the file beside the frames.

    Raises:
        MaxBytesUnreachableError: No quality makes it small enough.
        InternalError: The codec refuses the frames.
    """
    colored = [agreed(frame, attachments.profile, task.format) for frame in frames]
    frames = [frame for frame, _ in colored]
    kept = replace(attachments, profile=colored[0][1])
    usual = FORMATS[task.format].default_quality
    lossless = usual is None or (task.options.lossless and task.format is Format.WEBP)

    def at(quality: int) -> Encoded:
        return encode_animation(
            frames, timing, task.format, quality, options=task.options, attachments=kept
        )

    highest = 1 if lossless else task.quality or usual or _HIGHEST
    content, used = fit(at, highest, task.options.max_bytes)
    return File(content, task.format, None if lossless else used)


def _drawing(
    pixels: Pixels, task: Task, choices: tuple[Format, Format], attachments: Attachments
) -> File:
    """Without a loss; where that is too large, as if it were a photograph."""
    try:
        return _in_format(pixels, task, choices[0], attachments, lossless=True)
    except MaxBytesUnreachableError as without_loss:
        try:
            return _in_format(pixels, task, choices[1], attachments, lossless=False)
        except MaxBytesUnreachableError as lossy:
            # Whichever comes nearer to what was asked for is told.
            least = "smallest_bytes"
            if without_loss.extensions[least] < lossy.extensions[least]:
                raise without_loss from lossy
            raise


def _of_planes(planes: Planes, task: Task, attachments: Attachments) -> File:
    def at(quality: int) -> Encoded:
        return embed(encode_jpeg_planes(planes, quality), Format.JPEG, attachments)

    highest = task.quality or FORMATS[Format.JPEG].default_quality or _HIGHEST
    content, used = fit(at, highest, task.options.max_bytes)
    return File(content, Format.JPEG, used)


def _in_format(
    pixels: Pixels, task: Task, target: Format, attachments: Attachments, *, lossless: bool
) -> File:
    if has_alpha(pixels) and not FORMATS[target].holds_alpha:
        opaque = is_opaque(pixels)
        pixels = _without_alpha(pixels) if opaque else flatten(pixels, task.background[:3])
    draft = _profiled(_Draft(pixels, target, task.options, attachments))
    if target is Format.PNG:
        return _png(draft)
    if lossless and target in _LOSSLESS:
        return _without_loss(draft)
    if target is Format.AVIF:
        return _avif(draft, task.quality)
    return _lossy(draft, task.quality)


def _without_alpha(pixels: Pixels) -> Pixels:
    return as_pixels(cv2.cvtColor(pixels, cv2.COLOR_BGRA2BGR)) if has_alpha(pixels) else pixels


def _profiled(draft: _Draft) -> _Draft:
    """Make pixels and profile agree, and leave the profile out where the format has no place."""
    if not draft.attachments.profile:
        return draft
    pixels, profile = agreed(
        draft.pixels,
        draft.attachments.profile,
        draft.format,
        palette=draft.format is Format.PNG and bool(draft.options.colors),
    )
    return replace(draft, pixels=pixels, attachments=replace(draft.attachments, profile=profile))


def _png(draft: _Draft) -> File:
    """With a palette, fewer colours make it smaller; without one, only time does."""
    options = draft.options
    if options.colors:
        content, _ = fit(
            lambda colors: _embedded(draft, encode_palette(draft.pixels, colors)),
            options.colors,
            options.max_bytes,
            lowest=_FEWEST_COLORS,
        )
        return File(content, draft.format, None)
    content = _embedded(draft, encode_png(draft.pixels))
    if _is_too_large(content, options):
        content = _embedded(draft, encode_png(draft.pixels, small=True))
    return _without_quality(draft, content)


def _without_loss(draft: _Draft) -> File:
    return _without_quality(draft, _embedded(draft, _LOSSLESS[draft.format](draft.pixels)))


def _without_quality(draft: _Draft, content: Encoded) -> File:
    if _is_too_large(content, draft.options):
        raise unreachable(len(content), draft.options.max_bytes)
    return File(content, draft.format, None)


def _is_too_large(content: Encoded, options: EncodeOptions) -> bool:
    return bool(options.max_bytes) and len(content) > options.max_bytes


def _avif(draft: _Draft, quality: int) -> File:
    """As slow as the budget allows, or else WebP; all trials for a size share the budget."""
    options = draft.options
    speed = USUAL_SPEED if options.speed is None else options.speed
    if options.budget_ms:
        trials = MOST_TRIALS if options.max_bytes else 1
        within = _pace.speed_within(draft.pixels, speed, options.budget_ms / trials)
        if within is None and max(draft.pixels.shape[:2]) <= WEBP_MAX_SIDE_PX:
            return _lossy(_profiled(replace(draft, format=Format.WEBP)), quality)
        speed = QUICKEST_SPEED if within is None else within
    return _lossy(replace(draft, options=replace(options, speed=speed)), quality)


def _lossy(draft: _Draft, quality: int) -> File:
    highest = quality or FORMATS[draft.format].default_quality or _HIGHEST
    content, used = fit(partial(_at_quality, draft), highest, draft.options.max_bytes)
    return File(content, draft.format, used)


def _at_quality(draft: _Draft, quality: int) -> Encoded:
    return _embedded(draft, _LOSSY[draft.format](draft, quality))


def _embedded(draft: _Draft, content: Encoded) -> Encoded:
    return embed(content, draft.format, draft.attachments)


def _jpeg_at(draft: _Draft, quality: int) -> Encoded:
    return encode_jpeg(draft.pixels, quality, draft.options)


def _webp_at(draft: _Draft, quality: int) -> Encoded:
    return encode_webp(draft.pixels, quality)


def _avif_at(draft: _Draft, quality: int) -> Encoded:
    speed = draft.options.speed
    assert speed is not None, "it was chosen"
    began = perf_counter()
    content = encode_avif(draft.pixels, quality, speed, draft.attachments)
    _pace.learn(draft.pixels, speed, (perf_counter() - began) * 1000)
    return content


def _jxl_at(draft: _Draft, quality: int) -> Encoded:
    # Its codec is an extra, which may not be installed.
    from pixelpipe.imaging.jxl import encode_jxl  # noqa: PLC0415

    # Its codec takes 100 for no loss, and nothing else.
    return encode_jxl(draft.pixels, quality, lossless=quality == _HIGHEST)


def _lossless_jxl(pixels: Pixels) -> Encoded:
    from pixelpipe.imaging.jxl import encode_jxl  # noqa: PLC0415

    return encode_jxl(pixels, _HIGHEST, lossless=True)


_LOSSY: dict[Format, Callable[[_Draft, int], Encoded]] = {
    Format.JPEG: _jpeg_at,
    Format.WEBP: _webp_at,
    Format.AVIF: _avif_at,
    Format.JXL: _jxl_at,
}
_LOSSLESS: dict[Format, Callable[[Pixels], Encoded]] = {
    Format.WEBP: encode_lossless_webp,
    Format.JXL: _lossless_jxl,
}
