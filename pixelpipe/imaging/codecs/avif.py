"""AVIF: Pillow's, which takes a third of the time of OpenCV's, and reads more files.

OpenCV's takes gray of limited range for full range, and refuses gray with alpha. But of more than 8
bits Pillow cuts the rest off before it converts colours, and OpenCV hands them out.
"""

import numpy as np
from cv2.typing import MatLike
from PIL import AvifImagePlugin

from pixelpipe.errors import DamagedImageError
from pixelpipe.formats.avif import read_avif, shown_part
from pixelpipe.formats.reader import Budget, Reader
from pixelpipe.formats.registry import Format
from pixelpipe.formats.screens.fault import incomplete
from pixelpipe.imaging.codecs import opencv
from pixelpipe.imaging.codecs.pillow import opened, pixels_of
from pixelpipe.imaging.codecs.stored import Stored
from pixelpipe.imaging.pixels import GRAY, Pixels, channels

_SAMPLE_BITS = 8
_NO_MEMORY = "out of memory"

# A worker may start none.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1


def decode_avif(data: Pixels) -> Stored:
    """The first picture of a screened AVIF, cut to what is shown of it, not turned.

    Returns:
        Samples of 8 bits; of 16 where the file has more than 8, if OpenCV can read it.

    Raises:
        DamagedImageError: It cannot be decoded.
    """
    header = read_avif(Reader(data.data, "AVIF file", Budget()))
    samples: MatLike | None = _deep(data) if header.bit_depth > _SAMPLE_BITS else None
    if samples is None:
        samples = _by_pillow(data)
    shown = shown_part(data.data)
    if shown is not None:
        rows = slice(shown.top, shown.top + shown.height)
        samples = samples[rows, shown.left : shown.left + shown.width]
    return Stored(samples)


def _by_pillow(data: Pixels) -> Pixels:
    try:
        return pixels_of(opened(AvifImagePlugin.AvifImageFile, data, Format.AVIF))
    except (RuntimeError, ZeroDivisionError) as refusal:  # whatever libavif, or a time, says
        if _NO_MEMORY in str(refusal).lower():
            raise MemoryError from refusal
        raise incomplete(Format.AVIF) from refusal


def _deep(data: Pixels) -> MatLike | None:
    """Samples of 16 bits; None where OpenCV has none, or gray, whose range it gets wrong."""
    try:
        samples = opencv.decoded(data, Format.AVIF)
    except DamagedImageError:
        return None
    return samples if samples.dtype == np.uint16 and channels(samples) != GRAY else None
