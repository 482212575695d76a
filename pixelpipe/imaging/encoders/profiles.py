"""Pixels and the profile that they are in, made to agree with each other and with their file."""

import cv2
import numpy as np

from pixelpipe.formats.registry import Format
from pixelpipe.imaging.color.convert import profile_fits, profile_to_srgb
from pixelpipe.imaging.pixels import GRAY, Pixels, as_pixels, channels

_WITHOUT_PROFILES = frozenset({Format.JXL})
_WITHOUT_GRAY = frozenset({Format.WEBP})


def agreed(
    pixels: Pixels, profile: bytes, target: Format, *, palette: bool = False
) -> tuple[Pixels, bytes]:
    """Make pixels and profile agree.

    Args:
        pixels: Gray, BGR or BGRA, in the colours of the profile.
        profile: An ICC profile; empty for none.
        target: The format of the file.
        palette: Whether the file has one. It then holds colours, also where all of them are gray,
            as WebP does: with a profile for gray, programs would show them as they are.

    Returns:
        Pixels, and the profile that goes into the file; none where they had to become sRGB.
    """
    if not profile:
        return pixels, b""
    if channels(pixels) == GRAY and not profile_fits(profile, pixels):
        # Gray in the curve of a profile for colours.
        pixels = as_pixels(cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR))
    colored = palette or target in _WITHOUT_GRAY
    lost = target in _WITHOUT_PROFILES or (channels(pixels) == GRAY and colored)
    if lost or not profile_fits(profile, pixels):
        return profile_to_srgb(np.ascontiguousarray(pixels), profile), b""
    return pixels, profile
