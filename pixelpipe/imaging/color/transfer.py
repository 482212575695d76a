"""Curves from samples to light, both from 0 (black) to 1 (white).

High dynamic range has light above white. It is made to fit by a shoulder that leaves the lower
levels alone, in each colour for itself.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Curve = Callable[[Floats], Floats]

# BT.2408: how bright white is on a display, and how bright the brightest highlight.
_WHITE_NITS, _PEAK_NITS = 203.0, 1000.0
_SHOULDER = 0.6


def from_srgb(samples: Floats) -> Floats:
    """IEC 61966-2-1."""
    return np.where(samples <= 0.04045, samples / 12.92, ((samples + 0.055) / 1.055) ** 2.4)  # noqa: PLR2004 - the standard's


def to_srgb(light: Floats) -> Floats:
    """The inverse of `from_srgb`."""
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)  # noqa: PLR2004 - the standard's


def power(exponent: float) -> Curve:
    """Light is the sample to this power."""
    return lambda samples: samples**exponent


def from_pq(samples: Floats) -> Floats:
    """SMPTE ST 2084, which codes nits up to 10,000; tone mapped."""
    root = samples ** (32 / 2523)
    light = np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)
    return _fitted(10_000 * light ** (8192 / 1305) / _WHITE_NITS)


def from_hlg(samples: Floats) -> Floats:
    """ARIB STD-B67 on a display of 1000 nits (BT.2100: system gamma 1.2); tone mapped."""
    bright = (np.exp((samples - 0.55991073) / 0.17883277) + 0.28466892) / 12
    scene = np.where(samples <= 0.5, samples**2 / 3, bright)  # noqa: PLR2004 - the standard's
    return _fitted(_PEAK_NITS * scene**1.2 / _WHITE_NITS)


def _from_smpte_240m(samples: Floats) -> Floats:
    bright = ((samples + 0.1115) / 1.1115) ** (1 / 0.45)
    return np.where(samples <= 0.0913, samples / 4, bright)  # noqa: PLR2004 - the standard's


def _fitted(light: Floats) -> Floats:
    """Bend what lies above the shoulder so that the peak becomes white (Reinhard's curve)."""
    room = 1 - _SHOULDER
    over = np.maximum(light - _SHOULDER, 0) / room
    peak = (_PEAK_NITS / _WHITE_NITS - _SHOULDER) / room
    bent = over * (1 + over / peak**2) / (1 + over)
    return np.minimum(np.minimum(light, _SHOULDER) + room * bent, 1)


# By the code points of ITU-T H.273. The curves of video (1, 6, 11, 14, 15) are what a camera does,
# and not what a screen does: browsers take them for that of sRGB.
TRANSFERS: Mapping[int, Curve] = {
    **dict.fromkeys((1, 6, 11, 12, 13, 14, 15), from_srgb),
    4: power(2.2),
    5: power(2.8),
    7: _from_smpte_240m,
    8: power(1.0),
    16: from_pq,
    17: lambda samples: np.minimum(samples**2.6 * 52.37 / 48, 1),
    18: from_hlg,
}
