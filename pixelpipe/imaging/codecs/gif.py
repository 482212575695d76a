"""GIF: the first frame, and nothing around it."""

import cv2
import numpy as np

from pixelpipe.formats.gif import first_frame
from pixelpipe.formats.reader import Budget, Reader
from pixelpipe.formats.registry import Format
from pixelpipe.imaging.codecs.opencv import decoded
from pixelpipe.imaging.pixels import BGR, Pixels, as_pixels, channels


def decode_gif(data: Pixels) -> Pixels:
    """The first frame of a screened GIF on its canvas: BGR, or BGRA where that shows through."""
    pixels = as_pixels(decoded(data, Format.GIF))
    frame = first_frame(Reader(data.data, "GIF file", Budget()))
    if frame.covers:
        return pixels
    # OpenCV fills the rest with the background colour, which no browser does.
    canvas = np.zeros((*pixels.shape[:2], 4), np.uint8)
    rows = slice(frame.top, frame.top + frame.height)
    columns = slice(frame.left, frame.left + frame.width)
    inner = pixels[rows, columns]
    if channels(inner) == BGR:
        inner = as_pixels(cv2.cvtColor(inner, cv2.COLOR_BGR2BGRA))
    canvas[rows, columns] = inner
    return canvas
