"""JPEG files of any subsampling, put together from gray ones that Pillow writes.

A scan of one component is coded as the only scan of a gray file is, so the scans of several gray
files, each of a component's own size, are those of one file in colour (ITU-T T.81, A.2.2).
"""

import io
import struct
from collections.abc import Sequence

import numpy as np
from PIL import Image

from pixelpipe.imaging.pixels import Pixels
from tests.unit.probe_files import segment

Factors = Sequence[tuple[int, int]]

YCCK = 2
_START_OF_SCAN, _FRAME = b"\xff\xda", b"\xff\xc0"
_SOF0, _SOS, _APP14 = 0xC0, 0xDA, 0xEE


def jpeg(planes: Sequence[Pixels], factors: Factors, *, adobe: int | None = None) -> bytes:
    """A baseline file.

    Args:
        planes: Its components at full size, as they are stored.
        factors: How often each is sampled, across and down.
        adobe: The transform of an Adobe segment; None for no such segment.
    """
    height, width = planes[0].shape
    across, down = (max(place) for place in zip(*factors, strict=True))
    gray = [
        _gray(plane, (-(-width * right // across), -(-height * lower // down)))
        for plane, (right, lower) in zip(planes, factors, strict=True)
    ]
    components = b"".join(
        bytes((number, right << 4 | lower, 0)) for number, (right, lower) in enumerate(factors, 1)
    )
    frame = struct.pack(">BHHB", 8, height, width, len(planes)) + components
    words = struct.pack(">5sHHHB", b"Adobe", 100, 0, 0, adobe or 0)
    return b"".join(
        [
            gray[0][: gray[0].index(_FRAME)],
            segment(_APP14, words) if adobe is not None else b"",
            segment(_SOF0, frame),
            _tables(gray[0]),
            *(_scan(number, file) for number, file in enumerate(gray, 1)),
            b"\xff\xd9",
        ]
    )


def _gray(plane: Pixels, size: tuple[int, int]) -> bytes:
    content = io.BytesIO()
    smaller = Image.fromarray(plane).resize(size, Image.Resampling.BOX)
    smaller.save(content, "JPEG", quality=95)
    return content.getvalue()


def _tables(file: bytes) -> bytes:
    """The Huffman tables, which lie between frame and scan."""
    frame = file.index(_FRAME)
    (size,) = struct.unpack_from(">H", file, frame + 2)
    return file[frame + 2 + size : file.index(_START_OF_SCAN)]


def _scan(number: int, file: bytes) -> bytes:
    start = file.index(_START_OF_SCAN)
    (size,) = struct.unpack_from(">H", file, start + 2)
    return segment(_SOS, bytes((1, number, 0, 0, 63, 0))) + file[start + 2 + size : -2]


def luma_and_chroma(bgr: Pixels) -> list[Pixels]:
    """Y, Cb and Cr."""
    return [np.asarray(plane) for plane in Image.fromarray(bgr[..., ::-1]).convert("YCbCr").split()]
