"""Whether a picture is a drawing, which a lossless format suits, or a photograph.

What tells them apart is how neighbouring pixels differ. In a photograph, and in what was made from
one, most differ a little, and hardly any by much. In a drawing most are equal, and of those that
are not many differ by much: at the edges of flat areas and of letters. Over photographs, also
dark, overexposed, blurred, enlarged, padded and heavily compressed ones, the second kind was at
most a tenth of the first; in logos, charts, text, screenshots and line art, as drawn, enlarged and
reduced, it was from a third to thrice as much.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from pixelpipe.imaging.pixels import Pixels, as_pixels

_ROWS = 128
_SOFT = 16
_HARD = 32
_HARD_BY_SOFT = 0.25
# Noise of every strength has hard differences; it has no equal neighbours.
_EQUAL = 0.15


def is_drawing(pixels: Pixels) -> bool:
    """Whether it is a drawing, a screenshot or text, and not a photograph.

    A smooth gradient alone is none. A drawing that a lossy file has blurred around its edges, or
    that is reduced until its lines run together, may count as a photograph: lossless it would be
    several times as large.

    Args:
        pixels: Gray, BGR or BGRA; of large pictures some rows are looked at.
    """
    height, width = pixels.shape[:2]
    step = max(1, (height - 1) // _ROWS)
    rows, below = pixels[0 : height - 1 : step], pixels[1:height:step]
    found = _Differences()
    if width > 1:
        found.add(pixels[::step, 1:], pixels[::step, :-1])
    if height > 1:
        found.add(rows, below[: len(rows)])
    return found.equal >= _EQUAL * found.all and found.hard >= _HARD_BY_SOFT * found.soft


@dataclass(slots=True)
class _Differences:
    """How many neighbours differ by how much, each channel for itself.

    Attributes:
        all: All pairs.
        equal: Those without a difference.
        soft: Those that differ a little.
        hard: Those that differ by much.
    """

    all: int = 0
    equal: int = 0
    soft: int = 0
    hard: int = 0

    def add(self, first: Pixels, second: Pixels) -> None:
        """Count the differences between two arrays of one shape."""
        by = as_pixels(cv2.absdiff(first, second)).reshape(len(first), -1)
        unequal = int(np.count_nonzero(by))
        self.all += by.size
        self.equal += by.size - unequal
        self.soft += unequal - int(np.count_nonzero(by > _SOFT))
        self.hard += int(np.count_nonzero(by > _HARD))
