"""Brightness, contrast and saturation."""

import cv2
import numpy as np

from pixelpipe.imaging.alpha import apart_from_alpha
from pixelpipe.imaging.pixels import BGR, GRAY, Pixels, as_pixels, channels
from pixelpipe.recipes.task import Adjust

_MID_GRAY = 128
_LEVELS = np.arange(256)
# ITU-R BT.601, of blue, green and red.
_LUMA = np.array([0.114, 0.587, 0.299])


def adjust(pixels: Pixels, asked: Adjust) -> Pixels:
    """Change brightness, contrast and saturation, in one step that is cut to 0 to 255 at its end.

    A colour is moved to or away from the gray of its luma (ITU-R BT.601), by `saturation`;
    multiplied by `brightness`; and moved to or away from mid gray, 128, by `contrast`. Within 1
    level of the exact result; gray stays gray. Alpha is left alone.

    Args:
        pixels: Any number of channels.
        asked: The factors, up to 10.

    Returns:
        As many channels; the same pixels where all factors are 1.
    """
    if asked == Adjust():
        return pixels
    gain = asked.brightness * asked.contrast
    offset = _MID_GRAY * (1 - asked.contrast)
    if channels(pixels) == GRAY or asked.saturation == 1:
        table = np.clip(np.rint(gain * _LEVELS + offset), 0, 255).astype(np.uint8)
        return apart_from_alpha(lambda straight: as_pixels(cv2.LUT(straight, table)), pixels)
    to_gray = np.tile(_LUMA, (BGR, 1))
    mixed = gain * (asked.saturation * np.eye(BGR) + (1 - asked.saturation) * to_gray)
    matrix = np.column_stack([mixed, np.full(BGR, offset)])
    return apart_from_alpha(lambda straight: as_pixels(cv2.transform(straight, matrix)), pixels)
