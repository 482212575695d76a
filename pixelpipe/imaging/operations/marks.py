"""Marks that come as files: opened once, and then remembered."""

from base64 import b64decode
from binascii import Error as Base64Error
from functools import lru_cache

import numpy as np

from pixelpipe.errors import DamagedImageError, PixelPipeError
from pixelpipe.formats.probe import probe
from pixelpipe.imaging.decode import decode
from pixelpipe.imaging.pixels import BGRA, GRAY, Pixels
from pixelpipe.imaging.samples import to_channels
from pixelpipe.recipes.task import MAX_MARK_PIXELS, MAX_MARK_SIDE_PX, Decode

_MAX_FRAMES = 100
_KEPT_MARKS = 4


@lru_cache(maxsize=_KEPT_MARKS)
def open_mark(image: str) -> Pixels:
    """Decode a mark.

    Args:
        image: Its file, in base64. The last few are remembered.

    Returns:
        BGRA, upright; not to be written to.

    Raises:
        DamagedImageError: It cannot be decoded, or is too large.
    """
    try:
        mark = _decoded(b64decode(image, validate=True))
    except Base64Error as error:
        raise DamagedImageError("The watermark is not in base64.") from error
    except PixelPipeError as error:
        raise DamagedImageError(f"The watermark cannot be used. {error.detail}") from error
    mark.flags.writeable = False
    return mark


def _decoded(content: bytes) -> Pixels:
    info = probe(memoryview(content), max_pixels=MAX_MARK_PIXELS, max_side_px=MAX_MARK_SIDE_PX)
    size = (info.width, info.height)
    plan = Decode(info.format, *size, info.channels, info.orientation, 1, *size)
    out = np.empty((*size[::-1], info.channels)[: 2 if info.channels == GRAY else 3], np.uint8)
    data = np.frombuffer(content, np.uint8)
    decode(data, plan, out, before_codec=lambda: None, max_frames=_MAX_FRAMES)
    return to_channels(out, BGRA)
