"""Everything done once, on a few pixels, so that nothing is left to be loaded later."""

import contextlib

import cv2
import numpy as np

from pixelpipe.errors import PixelPipeError
from pixelpipe.formats.registry import FORMATS, WRITABLE, Format
from pixelpipe.imaging import pipeline
from pixelpipe.imaging.picture import Picture
from pixelpipe.imaging.pixels import Pixels, as_pixels
from pixelpipe.recipes.task import Canvas, Decode, QuadBlur, Rect, Task

_SIDE_PX = 48
_BY_CHANNELS = {1: (), 3: (3,), 4: (4,)}


def warm_up() -> None:
    """Run every codec and every step once.

    A codec that this OpenCV was built without is passed over: who needs it is told then.
    """
    for channels, last in _BY_CHANNELS.items():
        pixels = np.arange(_SIDE_PX * _SIDE_PX * channels).astype(np.uint8)
        _each_step(pixels.reshape(_SIDE_PX, _SIDE_PX, *last), channels)
    for format_ in FORMATS:
        _each_codec(format_)


def _each_step(pixels: Pixels, channels: int) -> None:
    decode = Decode(Format.PNG, _SIDE_PX, _SIDE_PX, channels, 1, 1, _SIDE_PX, _SIDE_PX)
    for output in WRITABLE:
        with contextlib.suppress(PixelPipeError):
            pipeline.make(Picture(pixels, decode), _task(output))


def _each_codec(format_: Format) -> None:
    pixels = np.zeros((_SIDE_PX, _SIDE_PX, 3), np.uint8)
    with contextlib.suppress(cv2.error):
        _, content = cv2.imencode(FORMATS[format_].extension, pixels)
        cv2.imdecode(as_pixels(content), cv2.IMREAD_UNCHANGED)


def _task(output: Format) -> Task:
    half = _SIDE_PX // 2
    return Task(
        name="warm",
        region=Rect(0, 0, _SIDE_PX, _SIDE_PX),
        width=half,
        height=half,
        canvas=Canvas(_SIDE_PX, _SIDE_PX, 0, 0),
        grayscale=False,
        blur_sigma=4.0,
        quad=QuadBlur(4, 2.0),
        background=(255, 255, 255, 255),
        keep_alpha=False,
        format=output,
        quality=80,
        reduced=False,
    )
