"""The frames of an animation, each as it is seen: put together, on the whole canvas."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from io import BytesIO
from typing import TypeVar

import cv2
import numpy as np
from PIL import AvifImagePlugin
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile

from pixelpipe.formats.animations.parts import Disposal, Frame
from pixelpipe.formats.registry import Format
from pixelpipe.formats.screens.fault import damaged, incomplete
from pixelpipe.imaging.codecs.pillow import REFUSALS, opened, pixels_of
from pixelpipe.imaging.codecs.png import decode_png
from pixelpipe.imaging.operations.compositing import lay
from pixelpipe.imaging.pixels import BGRA, Pixels
from pixelpipe.imaging.samples import to_8_bits, to_channels

# A worker may start no thread.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1

_Answer = TypeVar("_Answer")

_OPAQUE = 255
_NO_MEMORY = "memory"


def composed(frames: Sequence[Frame], source: Format, size: tuple[int, int]) -> Iterator[Pixels]:
    """Decode frames one by one and put them together.

    Args:
        frames: As `formats.animations` found them.
        source: GIF or PNG.
        size: Height and width of the canvas.

    Yields:
        BGRA of that size, each in the same memory.

    Raises:
        DamagedImageError: A frame does not decode, or not to its size.
    """
    canvas = np.zeros((*size, BGRA), np.uint8)
    for frame in frames:
        place = canvas[frame.top : frame.top + frame.height, frame.left : frame.left + frame.width]
        before = place.copy() if frame.disposal is Disposal.RESTORE else None
        _draw(_still(frame, source), place, over=frame.over)
        yield canvas
        if before is not None:
            place[...] = before
        elif frame.disposal is Disposal.CLEAR:
            place[...] = 0


def _still(frame: Frame, source: Format) -> Pixels:
    """The pixels of a frame alone, BGRA."""
    data = np.frombuffer(frame.still, np.uint8)
    if source == Format.GIF:
        # Four times as quick as OpenCV, which also takes 7 us for each reset of the code table.
        pixels = pixels_of(opened(GifImageFile, data, source).convert("RGBA"))
    else:
        pixels = to_channels(to_8_bits(decode_png(data), data, source), BGRA)
    if pixels.shape[:2] != (frame.height, frame.width):
        raise incomplete(source)
    return pixels


def _draw(pixels: Pixels, place: Pixels, *, over: bool) -> None:
    """Draw BGRA onto a part of the canvas."""
    alpha = cv2.extractChannel(pixels, BGRA - 1)
    if not over or alpha.min() == _OPAQUE:
        place[...] = pixels
    elif ((alpha == 0) | (alpha == _OPAQUE)).all():
        np.copyto(place, pixels, where=alpha[:, :, np.newaxis] != 0)
    else:
        lay(pixels, place)


def played(
    plugin: Callable[[BytesIO], ImageFile], data: memoryview, source: Format, count: int
) -> Iterator[Pixels]:
    """Decode frames one by one by a codec that puts them together itself.

    Args:
        plugin: Pillow's class of the format.
        data: The screened file.
        source: Its format.
        count: How many frames it has.

    Yields:
        Gray, BGR or BGRA.

    Raises:
        DamagedImageError: Pillow refuses the data, or finds another number of frames.
    """
    picture = _asked(source, partial(plugin, BytesIO(data)))
    if getattr(picture, "n_frames", 1) != count:
        raise damaged(source, f"it does not hold the {count} frames that were counted")
    for number in range(count):
        _asked(source, partial(_go, picture, number))
        yield pixels_of(picture)


def _go(picture: ImageFile, number: int) -> None:
    picture.seek(number)
    picture.load()


def _asked(source: Format, call: Callable[[], _Answer]) -> _Answer:
    """What Pillow answers, its refusals made errors."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return call()
    except (*REFUSALS, RuntimeError, ZeroDivisionError) as refusal:
        if _NO_MEMORY in str(refusal).lower():
            raise MemoryError from refusal
        raise incomplete(source) from refusal
