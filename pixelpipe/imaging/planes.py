"""Luma and chroma apart from each other, as a JPEG of 4:2:0 stores them (JFIF 1.02, BT.601)."""

from dataclasses import dataclass

import cv2

from pixelpipe.imaging.pixels import Pixels, as_pixels
from pixelpipe.imaging.resampling.halves import halve
from pixelpipe.recipes.task import Decode

# Even, and few enough to stay in the processor's cache.
_ROWS_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Planes:
    """A picture of three planes, uint8 with full range.

    Attributes:
        luma: (height, width).
        blue: Blue chroma (Cb), (height / 2, width / 2), rounded up: each sample is for 2x2 pixels
            and lies in their middle.
        red: Red chroma (Cr), likewise.
    """

    luma: Pixels
    blue: Pixels
    red: Pixels

    @property
    def each(self) -> tuple[Pixels, Pixels, Pixels]:
        """Luma, blue and red."""
        return self.luma, self.blue, self.red

    @property
    def shape(self) -> tuple[int, ...]:
        """Height and width in pixels."""
        return self.luma.shape


def planes_in(data: Pixels, plan: Decode) -> Planes:
    """The planes that lie among decoded bytes.

    Args:
        data: 1-D, `plan.frame_bytes` or more.
        plan: How they were decoded, planar.

    Returns:
        Views. Those of odd sides leave out what is too much.
    """
    planes = padded_planes_in(data, plan.width, plan.height)
    return Planes(planes.luma[: plan.height, : plan.width], planes.blue, planes.red)


def padded_planes_in(data: Pixels, width: int, height: int) -> Planes:
    """The same with sides rounded up to even ones."""
    columns, rows = (width + 1) // 2, (height + 1) // 2
    chroma = columns * rows
    luma = data[: 4 * chroma].reshape(2 * rows, 2 * columns)
    blue = data[4 * chroma : 5 * chroma].reshape(rows, columns)
    return Planes(luma, blue, data[5 * chroma : 6 * chroma].reshape(rows, columns))


def split(pixels: Pixels, out: Planes) -> None:
    """Take BGR pixels apart.

    Args:
        pixels: (height, width, 3).
        out: Is filled; its luma may be a pixel longer, and then repeats the last.
    """
    height, width = pixels.shape[:2]
    for top in range(0, height, _ROWS_AT_ONCE):
        luma, red, blue = map(
            as_pixels,
            cv2.split(cv2.cvtColor(pixels[top : top + _ROWS_AT_ONCE], cv2.COLOR_BGR2YCrCb)),
        )
        out.luma[top : top + len(luma), :width] = luma
        halves = slice(top // 2, (top + len(luma) + 1) // 2)
        out.blue[halves] = halve(blue, across=True, down=True)
        out.red[halves] = halve(red, across=True, down=True)
    out.luma[:height, width:] = out.luma[:height, width - 1 : width]
    out.luma[height:] = out.luma[height - 1]


def merge(luma: Pixels, blue: Pixels, red: Pixels) -> Pixels:
    """Mix three planes of one size to BGR."""
    return as_pixels(cv2.cvtColor(cv2.merge([luma, red, blue]), cv2.COLOR_YCrCb2BGR))
