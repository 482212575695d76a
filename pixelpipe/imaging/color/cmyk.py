"""CMYK, and YCCK which the codec makes CMYK: ink on paper to BGR of sRGB."""

from functools import lru_cache

import cv2
import numpy as np
from PIL import ImageCms

from pixelpipe.formats.color.tags import CMYK as CMYK_PROFILE
from pixelpipe.formats.color.tags import ColorTags, profile_space
from pixelpipe.imaging.color.blocks import blocks
from pixelpipe.imaging.color.littlecms import LittleCms, Profile
from pixelpipe.imaging.pixels import Pixels

_KEPT_PROFILES = 2
_ORDERS = {False: "CMYK", True: "CMYK;I"}


def cmyk_to_bgr(ink: Pixels, tags: ColorTags, out: Pixels) -> None:
    """Convert by the profile for CMYK; without one, each ink takes its own colour away.

    Args:
        ink: (height, width, 4), cyan, magenta, yellow and black.
        tags: What the file says: its profile; in a JPEG the samples are inverted.
        out: BGR of the same size; is filled.
    """
    by_profile = None
    if profile_space(tags.profile) == CMYK_PROFILE:
        by_profile = _conversion(Profile.of(tags.profile), tags.ink)
    for block, converted in zip(blocks(ink), blocks(out), strict=True):
        if by_profile:
            by_profile.convert(block, converted)
        else:
            _naively(block, converted, inverted=tags.ink)


@lru_cache(_KEPT_PROFILES)
def _conversion(profile: Profile, inverted: bool) -> LittleCms | None:  # noqa: FBT001 - part of the key
    """The way that a profile says; None if it is broken."""
    try:
        return LittleCms(profile.content, "CMYK", _ORDERS[inverted])
    except ImageCms.PyCMSError:
        return None


def _naively(ink: Pixels, out: Pixels, *, inverted: bool) -> None:
    """What browsers do without a profile: the paper that both inks leave."""
    paper = ink if inverted else np.invert(ink)
    red, green, blue, light = cv2.split(paper)
    left = [cv2.multiply(color, light, scale=1 / 255) for color in (blue, green, red)]
    cv2.merge(left, dst=out)
