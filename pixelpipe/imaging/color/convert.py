"""Colours of any kind to those of sRGB, by what the file says of them.

Most pictures are in sRGB, whether they say so or not, and cost nothing here. What a profile is like
is found out by what it does to samples, not by its name; the last few are remembered.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import cv2
import numpy as np
from cv2.typing import MatLike
from PIL import ImageCms

from pixelpipe.formats.color.tags import GRAY as GRAY_PROFILE
from pixelpipe.formats.color.tags import RGB as RGB_PROFILE
from pixelpipe.formats.color.tags import Calibration, Cicp, ColorTags, profile_space
from pixelpipe.imaging.color.blocks import blocks
from pixelpipe.imaging.color.icc import UnusableProfileError, read_matrix_profile
from pixelpipe.imaging.color.littlecms import LittleCms, Profile
from pixelpipe.imaging.color.primaries import PRIMARIES, to_xyz
from pixelpipe.imaging.color.shaper import Shaper
from pixelpipe.imaging.color.transfer import TRANSFERS, Curve, Floats, from_srgb, power
from pixelpipe.imaging.pixels import BGRA, GRAY, Pixels, as_pixels, channels

_KEPT_PROFILES = 4
# As much as lies behind the pixels without doubt; none but those of tables are longer.
_MOST_KEPT_BYTES = 512 * 1024
# Levels by which what is taken for sRGB may differ from it; curves and colorants are rounded.
_TOLERANCE = 1
_GRID_STEP = 17
_SRGB_PRIMARIES = 1
_VIDEO_BLACK, _VIDEO_RANGE = 16 / 255, 219 / 255


class Conversion(Protocol):
    """A way to sRGB."""

    def convert(self, pixels: Pixels, out: Pixels) -> None:
        """From BGR to BGR; `out` is contiguous and may be the same."""


def is_srgb(tags: ColorTags) -> bool:
    """Whether colours are those of sRGB already, whatever a file says of them."""
    return not tags.ink and _conversion(tags) is None


def to_srgb(pixels: Pixels, tags: ColorTags) -> None:
    """Convert pixels where they lie.

    Args:
        pixels: Gray, BGR or BGRA, C-contiguous; alpha stays.
        tags: What their file says. A profile that is broken, or for other samples, counts as none.
    """
    conversion = _conversion(tags)
    if conversion is None:
        return
    if channels(pixels) == GRAY:
        cv2.LUT(pixels, _gray_table(conversion), dst=pixels)
        return
    if isinstance(conversion, _GrayConversion) and not _is_colorless(pixels):
        return
    for block in blocks(pixels):
        if channels(pixels) == BGRA:
            colors = as_pixels(cv2.cvtColor(block, cv2.COLOR_BGRA2BGR))
            conversion.convert(colors, colors)
            cv2.mixChannels([colors], [block], [0, 0, 1, 1, 2, 2])
        else:
            conversion.convert(block, block)


def deep_to_srgb(samples: MatLike, white: int, tags: ColorTags) -> Pixels | None:
    """Convert 16-bit samples, of which dark levels would be lost in 8 bits before.

    Args:
        samples: Gray, BGR or BGRA, uint16.
        white: The highest level.
        tags: As in `to_srgb`.

    Returns:
        8-bit pixels; None where there is nothing to do, or no more to gain than by `to_srgb`.
    """
    conversion = _conversion(tags)
    if not isinstance(conversion, Shaper):
        return None
    tables = conversion.deep_tables(white)
    if samples.ndim == 2:  # noqa: PLR2004 - rows and columns
        levels = np.arange(white + 1, dtype=np.uint16)
        ramp = np.repeat(levels, 3).reshape(1, -1, 3)
        table = np.full((65536, 1), 255, np.uint8)
        table[: white + 1] = _deep_converted(conversion, ramp, tables)[0, :, 1:2]
        return as_pixels(cv2.LUT(samples, table))
    converted = as_pixels(cv2.convertScaleAbs(samples, alpha=255 / white))
    for block, deep in zip(blocks(converted), blocks(samples), strict=True):
        colors = cv2.cvtColor(deep, cv2.COLOR_BGRA2BGR) if samples.shape[2] == BGRA else deep
        cv2.mixChannels([_deep_converted(conversion, colors, tables)], [block], [0, 0, 1, 1, 2, 2])
    return converted


def profile_to_srgb(pixels: Pixels, profile: bytes) -> Pixels:
    """Convert pixels that are in the colours of a kept profile.

    Args:
        pixels: Gray, BGR or BGRA, C-contiguous; only read.
        profile: The ICC profile.

    Returns:
        New pixels, or the same where there is nothing to do.
    """
    tags = ColorTags(profile)
    if _conversion(tags) is None:
        return pixels
    converted = pixels.copy()
    to_srgb(converted, tags)
    return converted


def kept_profile(tags: ColorTags, kept_channels: int) -> bytes:
    """The profile with which pixels can stay as they are; empty where they must become sRGB.

    CMYK never stays; neither do pixels for which the profile is not meant, like gray ones with a
    profile for colours, nor what a file says in another way than by a profile.

    Args:
        tags: What the file says.
        kept_channels: How many channels the pixels have.
    """
    wanted = GRAY_PROFILE if kept_channels == GRAY else RGB_PROFILE
    if profile_space(tags.profile) != wanted:
        return b""
    if tags.ink or len(tags.profile) > _MOST_KEPT_BYTES:
        return b""
    return tags.profile if _known(Profile.of(tags.profile)).whole else b""


def profile_fits(profile: bytes, pixels: Pixels) -> bool:
    """Whether a profile is for pixels of this kind: one for gray, or one for colours."""
    wanted = GRAY_PROFILE if channels(pixels) == GRAY else RGB_PROFILE
    return profile_space(profile) == wanted


@dataclass(frozen=True, slots=True)
class _Known:
    """What a profile turned out to be: whole or broken, and what there is to do."""

    whole: bool
    conversion: Conversion | None


class _GrayConversion:
    """One table for all samples, which must be the same in all colours."""

    def __init__(self, table: Pixels) -> None:
        self._table = table

    def convert(self, pixels: Pixels, out: Pixels) -> None:
        """As a `Conversion` does."""
        cv2.LUT(pixels, self._table, dst=out)


def _conversion(tags: ColorTags) -> Conversion | None:
    if tags.ink:
        return None  # one for colours does not count, and one for ink has been followed
    if tags.profile:
        return _known(Profile.of(tags.profile)).conversion
    return _coded(tags.coding) if tags.coding else None


@lru_cache(_KEPT_PROFILES)
def _known(profile: Profile) -> _Known:
    space = profile_space(profile.content)
    try:
        if space == RGB_PROFILE:
            conversion = _rgb_conversion(profile.content)
        elif space == GRAY_PROFILE:
            conversion = _gray_conversion(profile.content)
        else:
            return _Known(whole=False, conversion=None)
    except (ImageCms.PyCMSError, UnusableProfileError):
        return _Known(whole=False, conversion=None)
    return _Known(whole=True, conversion=None if _changes_nothing(conversion) else conversion)


def _rgb_conversion(profile: bytes) -> Conversion:
    matrix = read_matrix_profile(profile)
    return Shaper(matrix.curves, matrix.matrix) if matrix else LittleCms(profile, "RGB", "BGR")


def _gray_conversion(profile: bytes) -> Conversion:
    ramp = np.arange(256, dtype=np.uint8)[np.newaxis]
    converted = np.empty((1, 256, 3), np.uint8)
    LittleCms(profile, "L", "L").convert(ramp, converted)
    return _GrayConversion(converted[:, :, 1].copy())


@lru_cache
def _coded(coding: Cicp | Calibration) -> Conversion | None:
    if isinstance(coding, Cicp):
        curve = TRANSFERS.get(coding.transfer, from_srgb)
        chromaticities = PRIMARIES.get(coding.primaries, PRIMARIES[_SRGB_PRIMARIES])
        if not coding.full_range:
            curve = _behind_video_range(curve)
    else:
        curve = from_srgb if coding.exponent is None else power(coding.exponent)
        chromaticities = coding.chromaticities or PRIMARIES[_SRGB_PRIMARIES]
    matrix = to_xyz(chromaticities)
    if matrix is None:
        return None
    shaper = Shaper((curve, curve, curve), matrix)
    return None if _changes_nothing(shaper) else shaper


def _behind_video_range(curve: Curve) -> Curve:
    def stretched(samples: Floats) -> Floats:
        return curve(np.clip((samples - _VIDEO_BLACK) / _VIDEO_RANGE, 0, 1))

    return stretched


def _changes_nothing(conversion: Conversion) -> bool:
    """Whether colours all over the cube, and every gray, stay what they are."""
    ramp = np.repeat(np.arange(256, dtype=np.uint8), 3).reshape(1, -1, 3)
    if isinstance(conversion, _GrayConversion):
        samples = ramp
    else:
        steps = np.arange(0, 256, _GRID_STEP, dtype=np.uint8)
        grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, 3)
        samples = np.concatenate([ramp, grid], axis=1)
    converted = np.empty_like(samples)
    conversion.convert(samples, converted)
    return int(cv2.norm(samples, converted, cv2.NORM_INF)) <= _TOLERANCE


def _gray_table(conversion: Conversion) -> Pixels:
    ramp = np.repeat(np.arange(256, dtype=np.uint8), 3).reshape(1, -1, 3)
    conversion.convert(ramp, ramp)
    return ramp[:, :, 1].copy()


def _is_colorless(pixels: Pixels) -> bool:
    """Whether blue, green and red are the same everywhere."""
    for block in blocks(pixels):
        blue, green, red = cv2.split(block)[:3]
        if cv2.norm(blue, green, cv2.NORM_INF) or cv2.norm(green, red, cv2.NORM_INF):
            return False
    return True


def _deep_converted(conversion: Shaper, colors: MatLike, tables: MatLike) -> Pixels:
    converted = np.empty(colors.shape, np.uint8)
    conversion.convert_deep(colors, tables, converted)
    return converted
