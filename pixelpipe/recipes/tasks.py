"""From one spec and a source to the task that makes its variant."""

from collections.abc import Collection
from dataclasses import replace

from pixelpipe.formats.registry import ANIMATED, FORMATS, WRITABLE, Format
from pixelpipe.formats.source import SourceInfo
from pixelpipe.recipes import task as tasks
from pixelpipe.recipes.geometry import Layout
from pixelpipe.recipes.marks import base64_of
from pixelpipe.recipes.mistakes import rule
from pixelpipe.recipes.placing import place, turn_code, unturned
from pixelpipe.recipes.sizing import SMART, Fit, Gravity, Point, Sizing
from pixelpipe.recipes.spec import FORMAT_MARK, Animation, Flip, Profile, Spec
from pixelpipe.recipes.spec_fields import AUTO, BLURRED, rgb
from pixelpipe.recipes.spec_steps import Resize
from pixelpipe.recipes.task import SIDEWAYS, Rect, Task

# What every client can show.
UNIVERSAL = frozenset({Format.JPEG, Format.PNG})

_LOSSLESS_QUALITY = 100
# What `auto` likes best, by content; the first that the client takes is chosen.
_PHOTOGRAPH = (Format.AVIF, Format.WEBP, Format.JXL, Format.JPEG, Format.PNG)
_TRANSPARENT = (Format.AVIF, Format.WEBP, Format.JXL, Format.PNG, Format.JPEG)
_DRAWING = (Format.WEBP, Format.JXL, Format.PNG, Format.AVIF, Format.JPEG)
_MOVING = (Format.WEBP, Format.PNG, Format.AVIF)


def make_task(source: SourceInfo, spec: Spec, accepted: Collection[Format]) -> Task:
    """Work out every number of one variant.

    Args:
        source: What the probe found.
        spec: Of one format at most.
        accepted: What the client can show, for `auto`.

    Raises:
        PydanticCustomError: The crop does not lie in the picture.
    """
    animated = spec.animation is Animation.KEEP and source.frames > 1
    choices = _choices(source, accepted, animated=animated) if spec.format == AUTO else None
    output = _format(source, spec, choices, animated=animated)
    animated = animated and output in ANIMATED
    turn = _turn(spec)
    bounds = _bounds(source, spec, turn)
    placed = _placed(bounds, spec, turn)
    has_alpha = source.has_alpha or (animated and source.frames_alpha)
    makes_alpha = has_alpha or spec.corners is not None
    keep_alpha = makes_alpha and (choices is not None or FORMATS[output].holds_alpha)
    return Task(
        name=spec.name,
        region=placed.region,
        width=placed.width,
        height=placed.height,
        canvas=placed.canvas,
        grayscale=spec.grayscale,
        blur_sigma=spec.blur.sigma if spec.blur else 0.0,
        quad=tasks.QuadBlur(spec.quad.band_px, spec.quad.sigma) if spec.quad else None,
        background=_background(spec.background, transparent=has_alpha and keep_alpha),
        keep_alpha=keep_alpha,
        format=output,
        quality=_quality(spec, output),
        reduced=placed.reduced,
        turn=turn,
        bounds=bounds,
        focus=_focus(spec.resize),
        trim=_trim(spec),
        kernel=spec.resize.kernel if spec.resize else tasks.Kernel.FAST,
        linear=spec.resize.linear if spec.resize else False,
        blurred_canvas=spec.background == BLURRED,
        adjust=_adjust(spec),
        sepia=spec.sepia,
        duotone=_duotone(spec),
        sharpen=tasks.Sharpen(spec.sharpen.sigma, spec.sharpen.amount) if spec.sharpen else None,
        pixelate_px=spec.pixelate.size_px if spec.pixelate else 0,
        watermark=_watermark(spec),
        corner_radius_px=spec.corners.radius_px if spec.corners else 0,
        options=_options(spec, output),
        choices=choices,
        metadata=spec.metadata,
        keep_profile=spec.profile is Profile.KEEP,
        animated=animated,
        one_of_several=FORMAT_MARK in spec.name,
    )


def _format(
    source: SourceInfo, spec: Spec, choices: tasks.Choices | None, *, animated: bool
) -> Format:
    if choices is not None:
        return choices.transparent if source.has_alpha else choices.photograph
    if isinstance(spec.format, Format):
        return spec.format
    if animated and source.format not in ANIMATED:
        return Format.WEBP
    if source.format in WRITABLE:
        return source.format
    return Format.PNG if source.has_alpha else Format.JPEG


def _choices(source: SourceInfo, accepted: Collection[Format], *, animated: bool) -> tasks.Choices:
    if animated and (moving := [each for each in _MOVING if each in accepted]):
        return tasks.Choices(moving[0], moving[0], moving[0])
    return tasks.Choices(
        photograph=next((each for each in _PHOTOGRAPH if each in accepted), Format.JPEG),
        transparent=next((each for each in _TRANSPARENT if each in accepted), Format.PNG),
        drawing=next((each for each in _DRAWING if each in accepted), Format.PNG),
        # What a JPEG has lost already would only make a lossless file several times as large.
        tells_drawings=source.format is not Format.JPEG,
    )


def _quality(spec: Spec, output: Format) -> int:
    """0 where the format is not certain yet, and with it the usual quality."""
    if spec.quality is not None:
        return spec.quality
    if spec.format == AUTO or (output is Format.AVIF and spec.avif.budget_ms):
        return 0
    return FORMATS[output].default_quality or _LOSSLESS_QUALITY


def _turn(spec: Spec) -> int:
    across = spec.flip in (Flip.HORIZONTAL, Flip.BOTH)
    down = spec.flip in (Flip.VERTICAL, Flip.BOTH)
    return turn_code(spec.rotate, horizontally=across, vertically=down)


def _bounds(source: SourceInfo, spec: Spec, turn: int) -> Rect:
    """The part of the upright source that is used, before it is turned."""
    crop, width, height = spec.crop, source.width, source.height
    if crop is None:
        return Rect(0, 0, width, height)
    shown = (height, width) if turn in SIDEWAYS else (width, height)
    if crop.x + crop.width > shown[0] or crop.y + crop.height > shown[1]:
        raise rule(f"must lie in the picture, which is {shown[0]}x{shown[1]} pixels once turned")
    return unturned(Rect(crop.x, crop.y, crop.width, crop.height), turn, width, height)


def _placed(bounds: Rect, spec: Spec, turn: int) -> Layout:
    """Where the variant lies; with `trim`, how large it may become at most."""
    whole = place(bounds, turn, spec.resize, _pad(spec))
    if spec.trim is None:
        return whole
    if spec.resize and not spec.resize.keeps_all_and_ratio:
        return replace(whole, region=bounds)
    width, height = _most_left(bounds, spec.resize, turn)
    wide = place(Rect(0, 0, width, height), turn, None, _pad(spec))
    return Layout(bounds, width, height, wide.canvas, whole.reduced)


def _most_left(bounds: Rect, resize: Resize | None, turn: int) -> tuple[int, int]:
    """The longest that both sides may become, not turned, whatever shape a trim leaves."""
    most = bounds.width, bounds.height
    if resize is None or not (resize.width and resize.height) or resize.fit is Fit.OUTSIDE:
        return most
    box = (resize.width, resize.height)
    box = box[::-1] if turn in SIDEWAYS else box
    return box if resize.enlarge else (min(box[0], most[0]), min(box[1], most[1]))


def _pad(spec: Spec) -> tasks.Pad | None:
    pad = spec.pad
    return tasks.Pad(pad.top, pad.right, pad.bottom, pad.left) if pad else None


def _focus(resize: Resize | None) -> Gravity | None:
    if resize is None or resize.leaves_a_side_open or resize.gravity not in SMART:
        return None
    assert isinstance(resize.gravity, Gravity), "the smart ones are"
    return resize.gravity


def _trim(spec: Spec) -> tasks.Trim | None:
    if spec.trim is None:
        return None
    sizing = _sizing(spec.resize) if spec.resize else None
    return tasks.Trim(spec.trim.threshold, sizing, _pad(spec))


def _sizing(resize: Resize) -> Sizing:
    wanted = resize.gravity
    gravity = wanted if isinstance(wanted, Gravity) else Point(wanted.x, wanted.y)
    return Sizing(resize.width, resize.height, resize.fit, gravity, resize.enlarge)


def _adjust(spec: Spec) -> tasks.Adjust | None:
    adjust = tasks.Adjust(spec.brightness, spec.contrast, spec.saturation)
    return None if adjust == tasks.Adjust() else adjust


def _duotone(spec: Spec) -> tasks.Duotone | None:
    duotone = spec.duotone
    return tasks.Duotone(rgb(duotone.shadow), rgb(duotone.highlight)) if duotone else None


def _watermark(spec: Spec) -> tasks.Watermark | None:
    mark = spec.watermark
    if mark is None:
        return None
    return tasks.Watermark(
        image=base64_of(mark.image),
        gravity=mark.gravity,
        margin_px=mark.margin_px,
        width_share=mark.width,
        opacity=mark.opacity,
        tile=mark.tile,
    )


def _options(spec: Spec, output: Format) -> tasks.EncodeOptions:
    lossless = {Format.WEBP: spec.webp.lossless, Format.JXL: spec.jxl.lossless}
    return tasks.EncodeOptions(
        max_bytes=spec.max_bytes or 0,
        progressive=spec.jpeg.progressive,
        optimize=spec.jpeg.optimize,
        subsampling=tasks.Subsampling(spec.jpeg.subsampling),
        colors=spec.png.colors or 0,
        lossless=lossless.get(output, False),
        speed=spec.avif.speed,
        budget_ms=spec.avif.budget_ms or 0,
    )


def _background(color: str | None, *, transparent: bool) -> tuple[int, int, int, int]:
    if color is None or color == BLURRED:
        return (255, 255, 255, 0 if transparent else 255)
    return (*rgb(color), 255)
