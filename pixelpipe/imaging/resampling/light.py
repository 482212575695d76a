"""Levels of sRGB and the light that they stand for (IEC 61966-2-1)."""

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelpipe.imaging.pixels import Pixels

Floats = NDArray[np.float32]

_WHITE = 255
# In the dark, where levels lie closest, one is 20 of these steps.
_STEPS = 65535
# Below them sRGB is a straight line.
_DARK_LEVEL, _DARK_LIGHT = 0.04045, 0.0031308


def to_light(levels: Pixels) -> Floats:
    """Light from 0 to 1, of any number of channels."""
    return np.asarray(cv2.LUT(levels, _light_of_levels()), np.float32)


def to_levels(light: Floats) -> Pixels:
    """The nearest levels; light beyond 0 and 1 is cut off. Writes over `light`."""
    np.multiply(light, np.float32(_STEPS), out=light)
    np.clip(light, 0, _STEPS, out=light)
    np.rint(light, out=light)
    return _levels_of_light()[light.astype(np.uint16)]


@lru_cache(maxsize=1)
def _light_of_levels() -> Floats:
    level = np.arange(_WHITE + 1) / _WHITE
    light = np.where(level <= _DARK_LEVEL, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)
    return light.astype(np.float32)


@lru_cache(maxsize=1)
def _levels_of_light() -> Pixels:
    light = np.arange(_STEPS + 1) / _STEPS
    level = np.where(light <= _DARK_LIGHT, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(level * _WHITE), np.uint8)
