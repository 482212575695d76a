"""BlurHash: a picture in some thirty letters, without alpha.

After https://github.com/woltapp/blurhash/blob/master/Algorithm.md: a cosine transform of the
light, of which the lowest frequencies are kept, each in two digits to the base of 83.

The usual encoders, compiled ones too, take their cosines at the border of each pixel. A plain
picture of 32 pixels then has waves, of ten levels where it is gray, which vanish only with the
size. Here they are taken at the middle, as in any cosine transform: nothing is lost by shrinking
the picture first. What reads the hash is the same.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from pixelpipe.imaging.looks.cosines import cosines
from pixelpipe.imaging.pixels import Pixels

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"
_BASE = len(_DIGITS)
_LETTERS = np.frombuffer(_DIGITS.encode("ascii"), np.uint8)
_PLACES = np.array([19.0 * 19, 19, 1])
# Of sRGB, IEC 61966-2-1: straight up to there.
_KNEE, _SLOPE = 0.04045, 12.92

_Floats = NDArray[np.float64]


def blurhash(pixels: Pixels, across: int, down: int) -> str:
    """The hash of a small picture.

    Args:
        pixels: BGR.
        across: How many frequencies, 1 to 7.
        down: Likewise.
    """
    height, width = pixels.shape[:2]
    light = np.moveaxis(_light()[pixels], 2, 0)
    spectra = cosines(height)[:down] @ light @ cosines(width)[:across].T
    # Of each red, green and blue; row by row.
    terms = 2 / (width * height) * spectra.reshape(3, -1).T[:, ::-1]
    strongest = float(np.abs(terms[1:]).max(initial=0.0))
    scale = min(82, max(0, int(strongest * 166 - 0.5)))
    relative = terms[1:] * (166 / (scale + 1))
    rooted = np.copysign(np.sqrt(np.abs(relative)), relative)
    steps = np.minimum(np.floor(rooted * 9 + 9.5), 18)
    values = (steps @ _PLACES).astype(np.intp)
    digits = np.stack([values // _BASE, values % _BASE], axis=1)
    head = (_digits(across - 1 + (down - 1) * 9, 1), _digits(scale, 1), _mean(terms[0].tolist()))
    tail: bytes = _LETTERS[digits].tobytes()
    return "".join(head) + tail.decode("ascii")


@cache
def _light() -> _Floats:
    """The light of each level of sRGB."""
    levels = np.arange(256) / 255
    curved = ((levels + 0.055) / 1.055) ** 2.4
    light: _Floats = np.where(levels <= _KNEE, levels / _SLOPE, curved)
    return light


def _mean(twice: list[float]) -> str:
    """Red, green and blue in 24 bits."""
    color = 0
    for value in twice:
        light = min(1.0, value / 2)
        straight = light <= _KNEE / _SLOPE
        level = light * _SLOPE if straight else 1.055 * light ** (1 / 2.4) - 0.055
        color = color << 8 | int(level * 255 + 0.5)
    return _digits(color, 4)


def _digits(value: int, count: int) -> str:
    digits = ""
    for _ in range(count):
        value, digit = divmod(value, _BASE)
        digits = _DIGITS[digit] + digits
    return digits
