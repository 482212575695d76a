"""Pillow's codecs, for the kinds of files that OpenCV gets wrong."""

import warnings
from collections.abc import Callable
from io import BytesIO
from struct import error

import cv2
import numpy as np
from PIL import Image
from PIL.ImageFile import ImageFile

from pixelpipe.formats.registry import Format
from pixelpipe.formats.screens.fault import incomplete
from pixelpipe.imaging.pixels import Pixels, as_pixels

# The probe has a limit of its own, which this one would only get in the way of.
Image.MAX_IMAGE_PIXELS = None

# What its plugins raise for broken files, beside the OSError that is meant for them.
REFUSALS = (OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, EOFError, error)

_GRAY_MODES = frozenset({"1", "L"})


def opened(plugin: Callable[[BytesIO], ImageFile], data: Pixels, source: Format) -> Image.Image:
    """A decoded picture, in whatever mode Pillow has for it.

    Args:
        plugin: The class of its format. `Image.open` would look for others, and load them from
            files, which a worker cannot.
        data: The screened file.
        source: Its format, for the error.

    Raises:
        DamagedImageError: Pillow refuses the data.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            picture = plugin(BytesIO(data.data))
            picture.load()
    except REFUSALS as refusal:
        raise incomplete(source) from refusal
    return picture


def pixels_of(picture: Image.Image) -> Pixels:
    """Gray, BGR or BGRA; alpha is straight, whatever it was."""
    if picture.mode in _GRAY_MODES:
        return np.asarray(picture.convert("L"))
    if picture.mode == "La":
        picture = picture.convert("LA")
    if picture.mode in {"LA", "RGBA"}:
        return as_pixels(cv2.cvtColor(np.asarray(picture.convert("RGBA")), cv2.COLOR_RGBA2BGRA))
    return as_pixels(cv2.cvtColor(np.asarray(picture.convert("RGB")), cv2.COLOR_RGB2BGR))
