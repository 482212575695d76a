"""JPEG, after ITU-T T.81."""

import struct
from collections.abc import Iterator
from functools import partial

from tests.hostile.good_files import LEGAL_SIDE, good, solid
from tests.hostile.kind import (
    COMPLETED,
    DAMAGED,
    FOREIGN,
    PIXELS,
    Kind,
    bits_from_high,
    cuts,
    kind,
)
from tests.unit.probe_files import SOI, exif, segment

EOI = b"\xff\xd9"
_SOF0, _SOF2, _DHT, _DQT, _DRI, _SOS, _DNL = 0xC0, 0xC2, 0xC4, 0xDB, 0xDD, 0xDA, 0xDC
_APP0, _APP1, _APP2, _APP13, _APP14, _COM = 0xE0, 0xE1, 0xE2, 0xED, 0xEE, 0xFE
_MIB = 1 << 20
_MANY = 10_000

GOOD = good("JPEG", quality=85)
PROGRESSIVE = good("JPEG", quality=85, progressive=True)


def segments(whole: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of each segment up to the first scan, the scan's header included."""
    at = 2
    while True:
        marker = whole[at + 1]
        end = at + 2 + int.from_bytes(whole[at + 2 : at + 4], "big")
        yield marker, at, end
        if marker == _SOS:
            return
        at = end


def _marks() -> Iterator[tuple[str, int]]:
    yield "inside its magic", 2
    for number, (marker, start, end) in enumerate(segments(GOOD)):
        what = f"segment {number} ({marker:#x})"
        yield f"before {what}", start
        yield f"inside the marker of {what}", start + 1
        yield f"inside the length of {what}", start + 3
        yield f"inside {what}", (start + end) // 2
    yield "before its first MCU", end
    yield "inside its scan", (end + len(GOOD)) // 2
    yield "before its end", len(GOOD) - 2
    yield "inside its end", len(GOOD) - 1


def _edited(marker: int, change: bytes, offset: int) -> bytes:
    """The good file with the first segment of this marker overwritten from `offset` of its body."""
    start = next(start for found, start, _ in segments(GOOD) if found == marker)
    at = start + 4 + offset
    return GOOD[:at] + change + GOOD[at + len(change) :]


def _with(extra: bytes) -> bytes:
    """The good file with bytes right behind its start."""
    return SOI + extra + GOOD[2:]


def _length(marker: int, length: int) -> bytes:
    """The good file with a lie for the length of a segment."""
    return _edited(marker, struct.pack(">H", length), -2)


def _before_scan(extra: bytes) -> bytes:
    scan = next(start for marker, start, _ in segments(GOOD) if marker == _SOS)
    return GOOD[:scan] + extra + GOOD[scan:]


def _sized(width: int, height: int) -> bytes:
    return _edited(_SOF0, struct.pack(">HH", height, width), 1)


def frame_header(width: int, height: int, marker: int = _SOF2, bits: int = 8) -> bytes:
    """One gray component."""
    return segment(marker, struct.pack(">BHHB", bits, height, width, 1) + b"\x01\x11\x00")


def table(place: int, symbol: int) -> bytes:
    """A Huffman table of one symbol, whose code is a zero bit."""
    return segment(_DHT, bytes((place, 1)) + bytes(15) + bytes((symbol,)))


def scan(first: int, last: int, high: int, low: int, data: bytes) -> bytes:
    return segment(_SOS, bytes((1, 1, 0, first, last, high << 4 | low))) + data


def _quantization() -> bytes:
    return segment(_DQT, b"\0" + b"\x01" * 64)


def scan_bomb(side: int, scans: int) -> bytes:
    """A progressive picture of one colour, each scan of which is right, and costs the whole."""
    blocks = ((side + 7) // 8) ** 2
    # Runs of 32,767 empty blocks: code 0, then 14 bits.
    runs, rest = divmod(blocks, 32767)
    fields = [(0, 1), (0x3FFF, 14)] * (runs + bool(rest))
    empty = bits_from_high(fields).replace(b"\xff", b"\xff\0")
    parts = [SOI, _quantization(), frame_header(side, side), table(0x00, 0), table(0x10, 0xE0)]
    parts.append(scan(0, 0, 0, 0, bytes((blocks + 7) // 8)))
    places = [(k, low) for low in range(13, -1, -1) for k in range(1, 64)]
    for number in range(scans):
        k, low = places[number % len(places)]
        parts.append(scan(k, k, low + 1 if low < 13 else 0, low, empty))
    return b"".join(parts) + EOI


def _empty_scans(side: int, scans: int) -> bytes:
    start = SOI + _quantization() + frame_header(side, side) + table(0, 0) + table(0x10, 0)
    return start + scan(1, 63, 0, 0, b"") * scans + EOI


def _repeated_scans(scans: int) -> bytes:
    """A photograph whose last refinement is sent again and again."""
    last = PROGRESSIVE.rindex(b"\xff\xda")
    return PROGRESSIVE[:last] + PROGRESSIVE[last:-2] * scans + EOI


def _looping_exif() -> bytes:
    """Its directory's next directory is itself, and so is its sub-directory."""
    entry = struct.pack("<HHII", 0x8769, 4, 1, 8)
    block = b"II*\0" + struct.pack("<IH", 8, 1) + entry + struct.pack("<I", 8)
    return _with(segment(_APP1, b"Exif\0\0" + block))


def _xmp(parts: int) -> bytes:
    body = b"http://ns.adobe.com/xmp/extension/\0".ljust(65533, b"x")
    return _with(segment(_APP1, body) * parts)


def _icc(parts: int, number: int) -> bytes:
    return _with(
        b"".join(
            segment(_APP2, b"ICC_PROFILE\0" + bytes((number, parts)) + bytes(60_000))
            for _ in range(parts)
        )
    )


def _two_frames(width: int, height: int) -> bytes:
    body = struct.pack(">BHHB", 8, height, width, 3) + b"\1\x22\0\2\x11\1\3\x11\1"
    return _before_scan(segment(_SOF0, body))


def _restarts() -> bytes:
    return _before_scan(segment(_DRI, b"\0\1"))[:-2] + b"\xff\xd3" * _MANY + EOI


def _codes_overflow() -> bytes:
    return _before_scan(segment(_DHT, b"\x00" + b"\xff" * 16 + bytes(4080)))


def _legal(*, progressive: bool) -> bytes:
    return solid("JPEG", (LEGAL_SIDE, LEGAL_SIDE), progressive=progressive)


def _coding(marker: int) -> bytes:
    at = GOOD.index(b"\xff\xc0")
    return GOOD[:at] + bytes((0xFF, marker)) + GOOD[at + 2 :]


KINDS: list[Kind] = [
    *cuts("JPEG", GOOD, _marks(), pixels_end=len(GOOD) - 2),
    kind("JPEG with trailing bytes", partial(bytes, GOOD + bytes(_MIB)), COMPLETED),
    kind("JPEG with junk between segments", partial(_before_scan, b"\0junk\x07" * 50), COMPLETED),
    kind("JPEG with fill bytes", partial(_before_scan, b"\xff" * 500), COMPLETED),
    kind("JPEG with another one behind it", partial(bytes, GOOD + PROGRESSIVE), COMPLETED),
    kind("JPEG of two starts", partial(bytes, SOI + GOOD), COMPLETED, DAMAGED),
    kind("JPEG of 65535x65535", partial(_sized, 65535, 65535), PIXELS),
    kind("JPEG of 16384x16384", partial(_sized, 16384, 16384), PIXELS, kills="time"),
    kind("JPEG of 7000x7000 with a small scan", partial(_sized, 7000, 7000), DAMAGED),
    kind("JPEG of 0x0", partial(_sized, 0, 0), DAMAGED),
    kind("JPEG whose height comes behind", partial(_sized, 64, 0), DAMAGED),
    kind("JPEG that is taller than its scan", partial(_sized, 64, 4000), DAMAGED),
    *(
        kind(f"JPEG with a length of {n} in {m:#x}", partial(_length, m, n), DAMAGED)
        for m in (_APP0, _DQT, _SOF0, _DHT, _SOS)
        for n in (0, 1, 65535)
    ),
    kind("JPEG with no components", partial(_edited, _SOF0, b"\0", 5), DAMAGED),
    kind("JPEG with 255 components", partial(_edited, _SOF0, b"\xff", 5), DAMAGED),
    kind("JPEG with sampling factors of 0", partial(_edited, _SOF0, b"\0", 7), DAMAGED),
    kind("JPEG with sampling factors of 15", partial(_edited, _SOF0, b"\xff", 7), DAMAGED),
    kind(
        "JPEG with a quantization table that is not there",
        partial(_edited, _SOF0, b"\3", 8),
        DAMAGED,
    ),
    kind(
        "JPEG with a Huffman table that is not there", partial(_edited, _SOS, b"\x33", 2), DAMAGED
    ),
    kind("JPEG with too many Huffman codes", _codes_overflow, DAMAGED),
    kind("JPEG of 12 bits", partial(_edited, _SOF0, b"\x0c", 0), FOREIGN),
    *(
        kind(f"JPEG of coding {marker:#x}", partial(_coding, marker), DAMAGED, FOREIGN, COMPLETED)
        for marker in (0xC2, 0xC3, 0xC5, 0xC9, 0xCB, 0xCF)
    ),
    kind("JPEG with a second frame of 65535x65535", partial(_two_frames, 65535, 65535), DAMAGED),
    kind("JPEG with a second frame of 8x8", partial(_two_frames, 8, 8), DAMAGED),
    kind(
        "JPEG with a height behind its scan",
        partial(bytes, GOOD[:-2] + segment(_DNL, b"\xff\xff") + EOI),
        DAMAGED,
        COMPLETED,
    ),
    kind("JPEG with restarts that are not due", _restarts, DAMAGED, COMPLETED),
    kind("JPEG scan bomb of 800 right scans", partial(scan_bomb, 4000, 800), DAMAGED, kills="time"),
    kind(
        "JPEG scan bomb of 20,000 right scans",
        partial(scan_bomb, 2000, 20_000),
        DAMAGED,
        kills="time",
    ),
    kind(
        "JPEG scan bomb of 99 scans at 49 MP",
        partial(scan_bomb, 7000, 99),
        COMPLETED,
        DAMAGED,
        dear=True,
    ),
    kind(
        "JPEG scan bomb of 60 scans at 49 MP",
        partial(scan_bomb, 7000, 60),
        COMPLETED,
        DAMAGED,
        dear=True,
    ),
    kind(
        "JPEG scan bomb of 5,000 empty scans",
        partial(_empty_scans, 7000, 5000),
        DAMAGED,
        kills="time",
    ),
    kind("JPEG scan bomb of 3,000 refinements", partial(_repeated_scans, 3000), DAMAGED, COMPLETED),
    kind(
        "JPEG with 10,000 APP segments",
        partial(_with, segment(_APP13, b"nothing") * _MANY),
        COMPLETED,
        DAMAGED,
    ),
    kind(
        "JPEG with 10,000 comments", partial(_with, segment(_COM, b"?") * _MANY), COMPLETED, DAMAGED
    ),
    kind(
        "JPEG with 1,000 APP segments",
        partial(_with, segment(_APP13, b"nothing") * 1000),
        COMPLETED,
    ),
    kind("JPEG with 20 MB of XMP", partial(_xmp, 305), COMPLETED),
    kind("JPEG with 255 parts of a profile", partial(_icc, 255, 1), COMPLETED),
    kind("JPEG with a profile of part 0 of 0", partial(_icc, 1, 0), COMPLETED),
    kind("JPEG with EXIF that loops", _looping_exif, COMPLETED),
    kind(
        "JPEG with EXIF of orientation 9",
        partial(_with, segment(_APP1, b"Exif\0\0" + exif(9))),
        COMPLETED,
    ),
    kind(
        "JPEG with a broken Adobe segment", partial(_with, segment(_APP14, b"Adobe\xff")), COMPLETED
    ),
    kind("JPEG of CMYK", partial(good, "JPEG", "CMYK"), COMPLETED),
    kind("JPEG of 49 MP", partial(_legal, progressive=False), COMPLETED, dear=True),
    kind("JPEG of 49 MP, progressive", partial(_legal, progressive=True), COMPLETED, dear=True),
    kind("JPEG of 31 MB of fill", lambda: SOI + b"\xff" * (31 * _MIB), DAMAGED),
    kind("JPEG of 31 MB of zeros", lambda: SOI + b"\xff\0" + bytes(31 * _MIB), DAMAGED),
    kind(
        "JPEG of a scan of 31 MB of zeros",
        lambda: GOOD[:-2] + bytes(31 * _MIB) + EOI,
        COMPLETED,
        DAMAGED,
    ),
    kind("JPEG of nothing but its start", lambda: SOI + b"\xff", DAMAGED),
]
