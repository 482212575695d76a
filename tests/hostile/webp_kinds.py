"""WebP, after the container specification, RFC 6386 (VP8) and the lossless bitstream."""

import struct
from collections.abc import Iterator
from functools import partial

from tests.hostile.good_files import LEGAL_SIDE, animated, good
from tests.hostile.kind import (
    COMPLETED,
    DAMAGED,
    FOREIGN,
    FRAMES,
    PIXELS,
    Kind,
    bits_from_low,
    cuts,
    kind,
    replaced,
)
from tests.unit.probe_files import exif, riff_chunk, vp8, vp8x, webp

_MIB = 1 << 20
_ALPHA, _EXIF, _ANIMATION, _ICC = 0x10, 0x08, 0x02, 0x20

GOOD = good("WEBP", quality=80)
LOSSLESS = good("WEBP", lossless=True)
ALPHA = good("WEBP", "RGBA", quality=80)
ANIMATED = animated("WEBP")


def chunks(whole: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Type, start and end of each chunk."""
    at = 12
    while at < len(whole):
        size = int.from_bytes(whole[at + 4 : at + 8], "little")
        yield whole[at : at + 4], at, at + 8 + size + size % 2
        at += 8 + size + size % 2


def _marks(whole: bytes) -> Iterator[tuple[str, int]]:
    yield "inside its magic", 6
    yield "behind its magic", 12
    for number, (name, start, end) in enumerate(chunks(whole)):
        what = f"chunk {number} ({name.decode().strip()})"
        yield f"inside the type of {what}", start + 2
        yield f"inside the length of {what}", start + 6
        yield f"behind the length of {what}", start + 8
        yield f"inside the head of {what}", start + 12
        yield f"inside {what}", (start + end) // 2
        yield f"at the last byte of {what}", end - 1


def solid(width: int, height: int) -> bytes:
    """A whole lossless picture of one colour; its pixels take no bits at all."""
    one_symbol = (1, 1), (0, 1), (0, 1), (0, 1)
    start = (0x2F, 8), (width - 1, 14), (height - 1, 14), (0, 1), (0, 3), (0, 3)
    return riff_chunk(b"VP8L", bits_from_low((*start, *(one_symbol * 5))) + bytes(4))


def _animation(frames: bytes, size: tuple[int, int] = (8, 8)) -> bytes:
    return webp(vp8x(*size, _ANIMATION), riff_chunk(b"ANIM", bytes(6)), frames)


def _frame(
    size: tuple[int, int] = (8, 8), at: tuple[int, int] = (0, 0), image: bytes | None = None
) -> bytes:
    numbers = (at[0] // 2, at[1] // 2, size[0] - 1, size[1] - 1, 50)
    head = b"".join(number.to_bytes(3, "little") for number in numbers) + b"\0"
    return riff_chunk(b"ANMF", head + (solid(*size) if image is None else image))


def _riff_size(size: int) -> bytes:
    return replaced(GOOD, 4, struct.pack("<I", size))


def _lossy_size(whole: bytes, size: tuple[int, int]) -> bytes:
    at = whole.index(b"\x9d\x01\x2a") + 3
    return replaced(whole, at, struct.pack("<HH", *size))


def _partition(size: int) -> bytes:
    """The good lossy file with a lie for the size of its first partition."""
    tag = 0x10 | size << 5
    return replaced(GOOD, 20, tag.to_bytes(3, "little"))


def _body() -> bytes:
    return GOOD[12:]


def _with_alpha(alpha: bytes) -> bytes:
    return webp(vp8x(64, 48, _ALPHA), riff_chunk(b"ALPH", alpha), _body())


def _packed_alpha() -> bytes:
    """Lossless alpha without a header, all of one value."""
    fields = [(0, 3), *(((1, 1), (0, 1), (0, 1), (0, 1)) * 5)]
    return b"\x01" + bits_from_low(fields) + bytes(4)


def _lossless_bits(*fields: tuple[int, int]) -> bytes:
    start = (0x2F, 8), (63, 14), (47, 14), (0, 1), (0, 3)
    return webp(riff_chunk(b"VP8L", bits_from_low((*start, *fields)) + bytes(8)))


KINDS: list[Kind] = [
    *cuts("WebP", GOOD, _marks(GOOD)),
    *cuts("WebP, lossless,", LOSSLESS, _marks(LOSSLESS)),
    *cuts("WebP with alpha", ALPHA, _marks(ALPHA)),
    *cuts("WebP, animated,", ANIMATED, _marks(ANIMATED), pixels_end=len(ANIMATED) // 3),
    kind("WebP that is animated and good", partial(bytes, ANIMATED), COMPLETED),
    kind("WebP with trailing bytes", lambda: GOOD + bytes(_MIB), COMPLETED),
    kind("WebP of 38 bytes and 16383x16383", lambda: webp(vp8(16383, 16383))[:38], PIXELS),
    kind("WebP, lossless, of 16384x16384", lambda: webp(solid(16384, 16384)), PIXELS, kills="time"),
    kind(
        "WebP, lossless, of 32 bytes and 16383x16383",
        lambda: webp(solid(16383, 16383)),
        PIXELS,
        kills="time",
    ),
    kind("WebP of 49 MP with no pixels", partial(_lossy_size, GOOD, (7000, 7000)), DAMAGED),
    kind(
        "WebP of 49 MP in 40 bytes",
        lambda: webp(solid(LEGAL_SIDE, LEGAL_SIDE)),
        COMPLETED,
        dear=True,
    ),
    kind("WebP of 0x0", partial(_lossy_size, GOOD, (0, 0)), DAMAGED),
    kind(
        "WebP with a canvas of 16777216x16777216",
        lambda: webp(vp8x(1 << 24, 1 << 24), _body()),
        PIXELS,
    ),
    kind(
        "WebP with a canvas of 7000x7000 and a picture of 64x48",
        lambda: webp(vp8x(7000, 7000), _body()),
        DAMAGED,
    ),
    kind(
        "WebP with a canvas of 1x1 and a picture of 64x48",
        lambda: webp(vp8x(1, 1), _body()),
        DAMAGED,
    ),
    kind(
        "WebP with a canvas of 1x1 and a picture of 16383x16383",
        lambda: webp(vp8x(1, 1), vp8(16383, 16383)),
        DAMAGED,
    ),
    kind(
        "WebP with a canvas of 1x1 and a lossless picture of 16384x16384",
        lambda: webp(vp8x(1, 1), solid(16384, 16384)),
        DAMAGED,
    ),
    *(
        kind(f"WebP that says {size:#x} bytes", partial(_riff_size, size), DAMAGED, COMPLETED)
        for size in (0, 3, 4, 11, 0x7FFFFFFF, 0xFFFFFFFF, 0xFFFFFFFE)
    ),
    *(
        kind(
            f"WebP with a chunk that says {size:#x} bytes",
            partial(replaced, GOOD, 16, struct.pack("<I", size)),
            DAMAGED,
        )
        for size in (0, 9, 0x7FFFFFFF, 0xFFFFFFF6, 0xFFFFFFFF)
    ),
    *(
        kind(f"WebP with a partition that says {size:#x} bytes", partial(_partition, size), DAMAGED)
        for size in (0, 0x7FFFF)
    ),
    kind(
        "WebP whose first chunk nobody knows",
        lambda: webp(riff_chunk(b"ABCD", b"x"), _body()),
        DAMAGED,
        COMPLETED,
    ),
    kind("WebP of an inter frame", lambda: webp(vp8(64, 48, flags=0x11)), DAMAGED),
    kind(
        "WebP, lossless, of version 7",
        lambda: webp(riff_chunk(b"VP8L", struct.pack("<BI", 0x2F, 7 << 29) + bytes(9))),
        DAMAGED,
    ),
    kind(
        "WebP, lossless, with endless transforms",
        partial(_lossless_bits, *[(1, 1), (2, 2)] * 9),
        DAMAGED,
    ),
    kind(
        "WebP, lossless, with a colour cache of 15 bits",
        partial(_lossless_bits, (0, 1), (1, 1), (15, 4), (0, 1), (0, 20)),
        DAMAGED,
    ),
    kind(
        "WebP, lossless, with 65536 groups of codes",
        partial(_lossless_bits, (0, 1), (0, 1), (1, 1), (0, 3), (0xFFFFFFFFFF, 40)),
        DAMAGED,
    ),
    kind(
        "WebP, lossless, of ones",
        lambda: webp(riff_chunk(b"VP8L", struct.pack("<BI", 0x2F, 0xFC00F) + b"\xff" * 5000)),
        DAMAGED,
    ),
    kind("WebP with packed alpha", lambda: _with_alpha(_packed_alpha()), COMPLETED, DAMAGED),
    kind(
        "WebP with no alpha where some is due",
        lambda: webp(vp8x(64, 48, _ALPHA), _body()),
        COMPLETED,
        DAMAGED,
    ),
    kind("WebP with alpha of one byte", lambda: _with_alpha(b"\0"), DAMAGED, COMPLETED),
    kind(
        "WebP with alpha of method 3", lambda: _with_alpha(b"\x03" + bytes(99)), DAMAGED, COMPLETED
    ),
    kind(
        "WebP with 10,000 alphas",
        lambda: webp(vp8x(64, 48, _ALPHA), riff_chunk(b"ALPH", b"\0") * 10_000, _body()),
        DAMAGED,
        COMPLETED,
    ),
    kind(
        "WebP with 100,000 chunks that nobody knows",
        lambda: webp(vp8x(64, 48), riff_chunk(b"JUNK", b"x") * 100_000, _body()),
        DAMAGED,
        COMPLETED,
    ),
    kind(
        "WebP with a profile of 20 MB",
        lambda: webp(vp8x(64, 48, _ICC), riff_chunk(b"ICCP", bytes(20 * _MIB)), _body()),
        COMPLETED,
    ),
    kind(
        "WebP with 1,000 blocks of EXIF",
        lambda: webp(vp8x(64, 48, _EXIF), _body(), riff_chunk(b"EXIF", exif(6)) * 1000),
        COMPLETED,
    ),
    kind(
        "WebP with EXIF that loops",
        lambda: webp(
            vp8x(64, 48, _EXIF),
            _body(),
            riff_chunk(b"EXIF", b"II*\0" + struct.pack("<IHI", 8, 0, 8)),
        ),
        COMPLETED,
    ),
    kind("WebP animation of no frames", lambda: _animation(b""), DAMAGED),
    kind("WebP animation of 100,000 frames", lambda: _animation(_frame() * 100_000), FRAMES),
    kind("WebP animation of 1,001 frames", lambda: _animation(_frame() * 1001), FRAMES),
    kind(
        "WebP animation of 900 frames of 49 MP",
        lambda: _animation(_frame((7000, 7000)) * 900, (7000, 7000)),
        COMPLETED,
        DAMAGED,
        FRAMES,
        dear=True,
    ),
    kind(
        "WebP animation with a frame outside its canvas",
        lambda: _animation(_frame(at=(6, 6))),
        DAMAGED,
    ),
    kind(
        "WebP animation with a frame of 16384x16384",
        lambda: _animation(_frame((16384, 16384))),
        DAMAGED,
    ),
    kind(
        "WebP animation with a frame at 33554430",
        lambda: _animation(_frame(at=(33554430, 33554430))),
        DAMAGED,
    ),
    kind(
        "WebP animation with a frame of no picture", lambda: _animation(_frame(image=b"")), DAMAGED
    ),
    kind(
        "WebP animation with a frame that says 4 GB",
        lambda: _animation(b"ANMF" + struct.pack("<I", 0xFFFFFFFE) + bytes(64)),
        DAMAGED,
    ),
    kind(
        "WebP animation with a picture beside its frames",
        lambda: _animation(_frame() + solid(8, 8)),
        COMPLETED,
        DAMAGED,
    ),
    kind(
        "WebP animation without ANIM",
        lambda: webp(vp8x(8, 8, _ANIMATION), _frame()),
        COMPLETED,
        DAMAGED,
    ),
    kind(
        "WebP that says it is animated and is not",
        lambda: webp(vp8x(64, 48, _ANIMATION), _body()),
        COMPLETED,
        DAMAGED,
    ),
    kind(
        "WebP frames that say they are not animated",
        lambda: webp(vp8x(8, 8), _frame()),
        COMPLETED,
        DAMAGED,
    ),
    kind("RIFF that is a sound", lambda: replaced(GOOD, 8, b"WAVE"), FOREIGN),
]
