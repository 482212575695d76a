"""Variants made with libvips: one decode into memory, and a pipeline over it for each output."""

from math import ceil
from typing import Any

import pyvips

from peers.bands import Box, bands
from peers.sizes import decoder_shrink, wanted_size

Spec = dict[str, Any]

_FIRST_TURNED = 5
_GRAY_BANDS = 2
# libvips cuts a Gaussian where it falls below a fifth of its height, at 1.8 sigma.
_REACH_SIGMAS = 2

# No two jobs have anything in common that could be looked up.
pyvips.cache_set_max(0)


def make_variants(image: bytes, specs: list[Spec]) -> list[bytes]:
    """Files of the variants, in the order of their specs."""
    picture = _decoded(image, specs)
    return [_encoded(_variant(picture, spec), spec) for spec in specs]


def _decoded(image: bytes, specs: list[Spec]) -> pyvips.Image:
    """The upload upright, in 8 bits and sRGB, its pixels in memory."""
    opened = pyvips.Image.new_from_buffer(image, "", access="sequential")
    turned = _orientation(opened) >= _FIRST_TURNED
    size = (opened.height, opened.width) if turned else (opened.width, opened.height)
    if opened.get("vips-loader").startswith("jpegload"):
        shrink = decoder_shrink(size, specs)
        opened = pyvips.Image.jpegload_buffer(image, access="sequential", shrink=shrink)
    picture = _in_srgb(opened).copy_memory()
    return picture if _orientation(picture) == 1 else picture.autorot().copy_memory()


def _orientation(picture: pyvips.Image) -> int:
    return int(picture.get("orientation")) if picture.get_typeof("orientation") else 1


def _in_srgb(picture: pyvips.Image) -> pyvips.Image:
    if picture.get_typeof("icc-profile-data"):
        return picture.icc_transform("srgb", embedded=True, intent="perceptual")
    return picture.colourspace("b-w" if picture.bands <= _GRAY_BANDS else "srgb")


def _variant(picture: pyvips.Image, spec: Spec) -> pyvips.Image:
    if "resize" in spec:
        width, height = wanted_size((picture.width, picture.height), spec)
        fit = {"crop": "centre"} if spec["resize"]["fit"] == "cover" else {"size": "force"}
        picture = picture.thumbnail_image(width, height=height, **fit)
    if spec.get("grayscale"):
        picture = picture.colourspace("b-w")
    if "blur" in spec:
        picture = _blurred(picture, spec["blur"]["sigma"])
    if "quad" in spec:
        picture = _quadrants(picture, spec["quad"]["band_px"], spec["quad"]["sigma"])
    return picture


def _blurred(picture: pyvips.Image, sigma: float) -> pyvips.Image:
    """Colours count by their alpha: what is transparent must not bleed."""
    if picture.hasalpha():
        # In bytes: of the floats that `premultiply` gives, a blur takes twenty times as long.
        blurred = _in_bytes(picture.premultiply()).gaussblur(sigma)
        return _in_bytes(blurred.unpremultiply())
    return picture.gaussblur(sigma)


def _in_bytes(picture: pyvips.Image) -> pyvips.Image:
    return picture.rint().cast("uchar")


def _quadrants(picture: pyvips.Image, band_px: int, sigma: float) -> pyvips.Image:
    result = picture
    for band in bands(picture.width, picture.height, band_px, ceil(_REACH_SIGMAS * sigma)):
        blurred = _blurred(_part(picture, band.read), sigma)
        part = _part(blurred, band.box.within(band.read))
        result = result.insert(part, band.box.left, band.box.top)
    return result


def _part(picture: pyvips.Image, box: Box) -> pyvips.Image:
    return picture.crop(box.left, box.top, *box.size)


def _encoded(picture: pyvips.Image, spec: Spec) -> bytes:
    if spec["format"] == "jpeg":
        flat = picture.flatten(background=255) if picture.hasalpha() else picture
        return bytes(flat.jpegsave_buffer(Q=spec["quality"], keep="none"))
    return bytes(picture.write_to_buffer(f".{spec['format']}", keep="none"))
