"""Variants made with Pillow: one decode, no larger than is needed, and N outputs from it."""

import io
from math import ceil
from typing import Any

from PIL import Image, ImageCms, ImageFilter, ImageOps

from peers.bands import bands
from peers.sizes import covered_box, wanted_size

Spec = dict[str, Any]
Picture = Image.Image

_ORIENTATION = 0x0112
_FIRST_TURNED = 5
_PREMULTIPLIED = {"RGBA": "RGBa", "LA": "La"}
_LEVELS_OF_16_BITS = 257  # to one of 8 bits
_KEPT_MODES = ("L", "LA", "RGB", "RGBA")
# The blur is three boxes, each about one sigma to either side.
_REACH_SIGMAS = 3
# As `thumbnail` has it: shrink by whole numbers first, as long as twice the size is left.
_REDUCING_GAP = 2.0


def make_variants(image: bytes, specs: list[Spec]) -> list[bytes]:
    """Files of the variants, in the order of their specs."""
    picture = _decoded(image, specs)
    return [_encoded(_variant(picture, spec), spec) for spec in specs]


def _decoded(image: bytes, specs: list[Spec]) -> Picture:
    """The upload upright, in 8 bits and sRGB."""
    opened: Picture = Image.open(io.BytesIO(image))
    turned = opened.getexif().get(_ORIENTATION, 1) >= _FIRST_TURNED
    upright = opened.size[::-1] if turned else opened.size
    sizes = [wanted_size(upright, spec) for spec in specs]
    least = max(width for width, _ in sizes), max(height for _, height in sizes)
    opened.draft(None, least[::-1] if turned else least)
    return _in_srgb(_in_8_bits(ImageOps.exif_transpose(opened)))


def _in_8_bits(picture: Picture) -> Picture:
    if picture.mode in _KEPT_MODES:
        return picture
    if picture.mode.startswith("I;16"):
        # `convert` alone would make white of all that is over 255.
        return picture.point(lambda level: level / _LEVELS_OF_16_BITS).convert("L")
    return picture.convert("RGBA" if picture.has_transparency_data else "RGB")


def _in_srgb(picture: Picture) -> Picture:
    profile = picture.info.get("icc_profile")
    if profile is None or picture.mode not in {"RGB", "RGBA"}:
        return picture
    converted = ImageCms.profileToProfile(
        picture,
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        outputMode=picture.mode,
    )
    assert converted is not None, "it is not done in place"
    return converted


def _variant(picture: Picture, spec: Spec) -> Picture:
    if "resize" in spec:
        picture = _resized(picture, spec)
    if spec.get("grayscale"):
        picture = picture.convert("LA" if picture.has_transparency_data else "L")
    if "blur" in spec:
        picture = _blurred(picture, spec["blur"]["sigma"])
    if "quad" in spec:
        picture = _quadrants(picture, spec["quad"]["band_px"], spec["quad"]["sigma"])
    return picture


def _resized(picture: Picture, spec: Spec) -> Picture:
    size = wanted_size(picture.size, spec)
    whole = (0, 0, *picture.size)
    box = covered_box(picture.size, size) if spec["resize"]["fit"] == "cover" else whole
    return picture.resize(size, Image.Resampling.LANCZOS, box, _REDUCING_GAP)


def _blurred(picture: Picture, sigma: float) -> Picture:
    """Colours count by their alpha: what is transparent must not bleed."""
    blur, mode = ImageFilter.GaussianBlur(sigma), picture.mode
    if mode in _PREMULTIPLIED:
        return picture.convert(_PREMULTIPLIED[mode]).filter(blur).convert(mode)
    return picture.filter(blur)


def _quadrants(picture: Picture, band_px: int, sigma: float) -> Picture:
    result = picture.copy()
    for band in bands(*picture.size, band_px, ceil(_REACH_SIGMAS * sigma)):
        blurred = _blurred(picture.crop(band.read), sigma)
        result.paste(blurred.crop(band.box.within(band.read)), band.box)
    return result


def _encoded(picture: Picture, spec: Spec) -> bytes:
    file = io.BytesIO()
    if spec["format"] == "jpeg":
        _flattened(picture).save(file, "JPEG", quality=spec["quality"])
    else:
        picture.save(file, spec["format"])
    return file.getvalue()


def _flattened(picture: Picture) -> Picture:
    """Without alpha, on white."""
    if not picture.has_transparency_data:
        return picture
    ground = Image.new("RGBA", picture.size, "white")
    ground.alpha_composite(picture.convert("RGBA"))
    return ground.convert("L" if picture.mode == "LA" else "RGB")
