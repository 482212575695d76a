"""JPEG: the markers of the whole file, the number of its scans and the size of its data.

After ITU-T T.81, annex B. Like libjpeg, the walk skips whatever is no marker wherever it stands,
and ends at the first end marker: what comes behind (the other pictures of an MPO, a motion photo's
film) is never read.
"""

import re
from dataclasses import dataclass
from struct import Struct, error

from pixelpipe.formats.registry import Format
from pixelpipe.formats.screens.fault import damaged, incomplete

# A marker with a segment, or the end: no stuffed 0xFF, no restart, none that stands alone.
_MARKER = re.compile(rb"\xff[\x02-\xcf\xd9-\xfe]")
_FIRST_MARKER_AT = 2
_LENGTH = Struct(">H")
_FRAME = Struct(">xHHB")
_COMPONENT = Struct(">xBx")

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SOS, _EOI = 0xDA, 0xD9

# Fewest bits that a block takes where it is Huffman-coded: a difference and the end of the block,
# or in a progressive file the difference alone.
_BLOCK_BITS = {0xC0: 2, 0xC1: 2, 0xC2: 1}
_BLOCK_PX = 8

_MAX_SEGMENTS = 4096
# A scan costs libjpeg 0.9 ns a pixel though it be empty. Cameras and programs write up to 20.
_MAX_SCANS = 100
_MAX_SCANNED_PX = 1_000_000_000
# A scan takes at most 27 bits a sample, of 4 samples a pixel, and stuffing as much again.
_MAX_SCAN_BYTES_PER_PX = 32
_SPARE_SCAN_BYTES = 1 << 20


def screen_jpeg(data: memoryview, _max_frames: int) -> memoryview:
    """Hand on the whole file, or refuse it.

    Raises:
        DamagedImageError: Two frame headers or none, a flood of segments, more scans than a picture
            of this size may have, or too few or too many data for its pixels.
    """
    frame: _Frame | None = None
    scans = scan_bytes = 0
    at, in_scan = _FIRST_MARKER_AT, False
    for _ in range(_MAX_SEGMENTS):
        limit = min(len(data), at + frame.most_bytes) if in_scan and frame else len(data)
        match = _MARKER.search(data, at, limit)
        if match is None and limit < len(data):
            raise damaged(Format.JPEG, "a scan is far longer than its pixels take")
        code_at = match.end() - 1 if match else len(data) + 1
        scan_bytes += code_at - 1 - at if in_scan else 0
        if match is None or data[code_at] == _EOI:
            break
        code, at = data[code_at], code_at + 1 + _length(data, code_at + 1)
        in_scan = code == _SOS
        scans += in_scan
        if code in _FRAMES:
            if frame is not None:
                raise damaged(Format.JPEG, "it has more than one frame header")
            frame = _read_frame(data, code, code_at + 1)
    else:
        raise damaged(Format.JPEG, f"it has more than {_MAX_SEGMENTS} segments")
    if frame is None or not scans or scan_bytes < frame.least_bytes:
        raise incomplete(Format.JPEG)
    _check_scans(scans, frame.pixels)
    return data


@dataclass(frozen=True, slots=True)
class _Frame:
    """A frame header: how many pixels it promises, and how few bytes they can take."""

    pixels: int
    least_bytes: int

    @property
    def most_bytes(self) -> int:
        """How many bytes a scan of them can take."""
        return self.pixels * _MAX_SCAN_BYTES_PER_PX + _SPARE_SCAN_BYTES


def _length(data: memoryview, at: int) -> int:
    try:
        (length,) = _LENGTH.unpack_from(data, at)
    except error:
        raise incomplete(Format.JPEG) from None
    if length < _LENGTH.size:
        raise damaged(Format.JPEG, f"the segment at offset {at} has a length of {length} bytes")
    return int(length)


def _read_frame(data: memoryview, code: int, at: int) -> _Frame:
    try:
        height, width, components = _FRAME.unpack_from(data, at + _LENGTH.size)
        first = at + _LENGTH.size + _FRAME.size
        places = range(first, first + components * _COMPONENT.size, _COMPONENT.size)
        sampling = [_COMPONENT.unpack_from(data, place)[0] for place in places]
    except error:
        raise incomplete(Format.JPEG) from None
    blocks = _blocks(width, height, [(factors >> 4, factors & 15) for factors in sampling])
    return _Frame(width * height, blocks * _BLOCK_BITS.get(code, 0) // 8)


def _blocks(width: int, height: int, sampling: list[tuple[int, int]]) -> int:
    """Blocks of the component that has most."""
    across = max((right for right, _ in sampling), default=1) or 1
    down = max((lower for _, lower in sampling), default=1) or 1
    return max(
        (
            -(width * right // (-_BLOCK_PX * across)) * -(height * lower // (-_BLOCK_PX * down))
            for right, lower in sampling
        ),
        default=0,
    )


def _check_scans(scans: int, pixels: int) -> None:
    if scans > _MAX_SCANS or scans * pixels > _MAX_SCANNED_PX:
        allowed = min(_MAX_SCANS, _MAX_SCANNED_PX // max(pixels, 1))
        raise damaged(Format.JPEG, f"it has {scans} scans; {allowed} are allowed at its size")
