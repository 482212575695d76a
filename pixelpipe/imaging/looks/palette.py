"""The colours of a picture: the most widespread ones that an eye tells apart."""

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelpipe.imaging.pixels import Pixels, as_pixels

_MOST = 5
# In CIE 1976, where 2.3 is just to be seen.
_DIFFERENT = 20.0
# Less than this share of a picture is the blend at an edge, or noise.
_NOTHING = 0.004
_BITS = 4
_PLACES = np.array([1, 1 << _BITS, 1 << 2 * _BITS])
_COLORS = 1 << 3 * _BITS
_COMPARED = 64
# A colour with this chroma is chosen before a gray of nearly twice its extent: it is noticed.
_VIVID = 50.0
_NO_COLOR = "#ffffff"
# What OpenCV makes of L, a and b in 8 bits.
_LAB_SCALE = np.array([100 / 255, 1, 1], np.float32)
_LAB_ORIGIN = np.array([0, 128, 128], np.float32)

_Floats = NDArray[np.float32]


def palette(samples: Pixels) -> tuple[str, ...]:
    """Find the colours.

    Samples are counted by colour, in steps of sixteen levels. The colour around which most of them
    lie is taken with all that are like it, then that of the rest, up to five times.

    Args:
        samples: (count, 4), BGRA; each counts by its alpha.

    Returns:
        One to five as `#rrggbb`, the most widespread first, no two alike; white for nothing. Each
        is the colour of a sample.
    """
    left, colors = _counted(samples)
    if not left.size:
        return (_NO_COLOR,)
    alike, noticed = _compared(colors)
    least = _NOTHING * float(left.sum())
    found: list[tuple[float, int]] = []
    while len(found) < _MOST:
        around = alike @ left
        # The heaviest of these, not the one in the middle, is a colour that is really there.
        heaviest = int((left * alike[(around * noticed).argmax()]).argmax())
        extent = float(around[heaviest])
        if found and extent <= least:
            break
        found.append((extent, heaviest))
        left = left * (1 - alike[heaviest])
    found.sort(key=lambda color: -color[0])
    return tuple(_hex(*colors[at].tolist()) for _, at in found)


def _counted(samples: Pixels) -> tuple[_Floats, Pixels]:
    """How much there is of each colour, and a sample of it, (count, 3), BGR; the frequent ones."""
    keys = (samples[:, :3] >> (8 - _BITS)) @ _PLACES
    counts = np.bincount(keys, samples[:, 3], _COLORS)
    known = counts.nonzero()[0]
    if known.size > _COMPARED:
        known = known[(-counts[known]).argsort(kind="stable")[:_COMPARED]]
    sample = np.zeros(_COLORS, np.intp)
    seen = samples[:, 3].nonzero()[0]
    sample[keys[seen]] = seen
    return counts[known].astype(np.float32), samples[sample[known], :3]


def _compared(colors: Pixels) -> tuple[_Floats, _Floats]:
    """1 for each pair that is not to be told apart, and how much each colour is noticed."""
    levels = as_pixels(cv2.cvtColor(colors[np.newaxis], cv2.COLOR_BGR2Lab))[0]
    lab = (levels - _LAB_ORIGIN) * _LAB_SCALE
    squares = (lab * lab) @ np.ones(3, np.float32)
    distances = squares[:, np.newaxis] + squares - 2 * (lab @ lab.T)
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    return (distances < _DIFFERENT**2).astype(np.float32), 1 + chroma / np.float32(_VIVID)


def _hex(blue: int, green: int, red: int) -> str:
    return f"#{red:02x}{green:02x}{blue:02x}"
