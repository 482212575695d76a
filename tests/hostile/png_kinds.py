"""PNG, after the PNG specification, third edition."""

import struct
import zlib
from collections.abc import Iterator
from functools import partial

from tests.hostile.good_files import LEGAL_SIDE, good
from tests.hostile.kind import COMPLETED, DAMAGED, FOREIGN, MEMORY, PIXELS, Kind, cuts, kind
from tests.unit.probe_files import exif, png_chunk

MAGIC = b"\x89PNG\r\n\x1a\n"
END = png_chunk(b"IEND")
_MIB = 1 << 20
_ADLER_PRIME = 65521

GOOD = good("PNG")


def chunks(whole: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Type, start and end of each chunk."""
    at = len(MAGIC)
    while at < len(whole):
        size, name = struct.unpack_from(">I4s", whole, at)
        yield name, at, at + size + 12
        at += size + 12


def _marks() -> Iterator[tuple[str, int]]:
    yield "inside its magic", 5
    for name, start, end in chunks(GOOD):
        what = name.decode()
        yield f"before {what}", start
        yield f"inside the length of {what}", start + 2
        yield f"inside the type of {what}", start + 6
        yield f"behind the type of {what}", start + 8
        yield f"inside {what}", (start + end) // 2
        yield f"before the checksum of {what}", end - 4
        yield f"inside the checksum of {what}", end - 2


def _pixels_end() -> int:
    return max(end for name, _, end in chunks(GOOD) if name == b"IDAT")


def header(
    width: int, height: int, *, depth: int = 8, colour: int = 0, interlaced: int = 0
) -> bytes:
    return png_chunk(
        b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    )


def file_of(*parts: bytes) -> bytes:
    return MAGIC + b"".join(parts) + END


def deflated_zeros(size: int) -> bytes:
    """A zlib stream of `size` zero bytes, made at the cost of one MiB of them."""

    def block(count: int) -> bytes:
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        return packer.compress(bytes(count)) + packer.flush(zlib.Z_FULL_FLUSH)

    times, rest = divmod(size, _MIB)
    adler = (size % _ADLER_PRIME) << 16 | 1
    return b"\x78\xda" + block(_MIB) * times + block(rest) + b"\x03\0" + struct.pack(">I", adler)


def _data(size: int) -> bytes:
    return png_chunk(b"IDAT", deflated_zeros(size))


def _inserted(extra: bytes, before: bytes = b"IDAT") -> bytes:
    """The good file with bytes before the first chunk of that type."""
    at = next(start for name, start, _ in chunks(GOOD) if name == before)
    return GOOD[:at] + extra + GOOD[at:]


def _lying(name: bytes, length: int) -> bytes:
    """A good picture, and before it a chunk of one byte which says that it is longer."""
    return _inserted(struct.pack(">I", length) + name + b"x" + bytes(4))


def _without(name: bytes) -> bytes:
    return MAGIC + b"".join(GOOD[start:end] for found, start, end in chunks(GOOD) if found != name)


def _bad_checksum(name: bytes) -> bytes:
    end = next(end for found, _, end in chunks(GOOD) if found == name)
    return GOOD[: end - 1] + bytes((GOOD[end - 1] ^ 1,)) + GOOD[end:]


def _texts(name: bytes, count: int, size: int) -> bytes:
    packed = zlib.compress(bytes(size), 9)
    body = {b"zTXt": b"k\0\0", b"iTXt": b"k\0\1\0\0\0", b"iCCP": b"k\0\0"}[name] + packed
    return _inserted(png_chunk(name, body) * count)


def _split(size: int) -> bytes:
    """The pixels of a good picture, in chunks of `size` bytes."""
    raw = b"".join(
        GOOD[start + 8 : end - 4] for name, start, end in chunks(GOOD) if name == b"IDAT"
    )
    pieces = (raw[at : at + size] for at in range(0, len(raw), size))
    return file_of(header(64, 48, colour=2), *(png_chunk(b"IDAT", piece) for piece in pieces))


def _square(side: int, *, depth: int = 8, colour: int = 0, interlaced: int = 0) -> bytes:
    """A black square."""
    bits = depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    # Interlaced, each of seven passes has its own filter bytes: a little more never hurts.
    size = side * ((side * bits + 7) // 8 + 1) + interlaced * 32 * side
    palette = png_chunk(b"PLTE", bytes(768)) if colour == 3 else b""
    start = header(side, side, depth=depth, colour=colour, interlaced=interlaced)
    return file_of(start, palette, _data(size))


def _filtered() -> bytes:
    rows = b"".join(b"\xff" + bytes(64) for _ in range(48))
    return file_of(header(64, 48), png_chunk(b"IDAT", zlib.compress(rows)))


def _palette(colours: int, *, extra: int = 0) -> bytes:
    rows = b"".join(b"\0" + b"\xff" * 64 for _ in range(48))
    plte = png_chunk(b"PLTE", bytes(3 * colours + extra))
    return file_of(header(64, 48, colour=3), plte, png_chunk(b"IDAT", zlib.compress(rows)))


def _raw_data(data: bytes) -> bytes:
    return file_of(header(64, 48), png_chunk(b"IDAT", data))


_LIES = (0x7FFFFFFF, 0x80000000, 0xFFFFFFF0, 0xFFFFFFFF, 0x40000000)

KINDS: list[Kind] = [
    *cuts("PNG", GOOD, _marks(), pixels_end=_pixels_end()),
    kind("PNG with trailing bytes", lambda: GOOD + bytes(_MIB), COMPLETED),
    kind(
        "PNG with chunks behind its pixels",
        lambda: _inserted(png_chunk(b"tEXt", b"k\0v"), b"IEND"),
        COMPLETED,
    ),
    kind("PNG with bytes between chunks", partial(_inserted, b"junk"), DAMAGED),
    kind("PNG of 65535x65535", lambda: file_of(header(65535, 65535), _data(99)), PIXELS),
    kind(
        "PNG of 2147483647x2147483647",
        lambda: file_of(header(0x7FFFFFFF, 0x7FFFFFFF), _data(99)),
        PIXELS,
    ),
    kind("PNG of 4294967295x1", lambda: file_of(header(0xFFFFFFFF, 1), _data(99)), PIXELS),
    kind("PNG of 1000000x49", lambda: file_of(header(1_000_000, 49), _data(99)), PIXELS),
    kind("PNG of 0x0", lambda: file_of(header(0, 0), _data(99)), DAMAGED),
    kind(
        "PNG of 49 MP with no pixels",
        lambda: file_of(header(LEGAL_SIDE, LEGAL_SIDE), _data(0)),
        DAMAGED,
        MEMORY,
    ),
    kind(
        "PNG of 49 MP of 64 bits with no pixels",
        lambda: file_of(header(7000, 7000, depth=16, colour=6), _data(0)),
        DAMAGED,
        MEMORY,
    ),
    *(
        kind(
            f"PNG with {name.decode()} that says {length:#x} bytes",
            partial(_lying, name, length),
            DAMAGED,
            kills="memory" if name in {b"tEXt", b"IDAT"} else "",
        )
        for name in (b"tEXt", b"zTXt", b"iCCP", b"eXIf", b"IDAT", b"abCd")
        for length in _LIES
    ),
    *(
        kind(f"PNG without {name.decode()}", partial(_without, name), DAMAGED)
        for name in (b"IHDR", b"IDAT")
    ),
    kind("PNG without IEND", partial(_without, b"IEND"), DAMAGED, COMPLETED),
    *(
        kind(f"PNG with a bad checksum of {name.decode()}", partial(_bad_checksum, name), DAMAGED)
        for name in (b"IHDR", b"IDAT")
    ),
    kind("PNG with a bad checksum of IEND", partial(_bad_checksum, b"IEND"), DAMAGED, COMPLETED),
    kind("PNG of two headers", lambda: _inserted(header(65535, 65535)), DAMAGED),
    kind(
        "PNG of two headers, the second behind",
        lambda: _inserted(header(7000, 7000), b"IEND"),
        DAMAGED,
        COMPLETED,
    ),
    kind(
        "PNG with a critical chunk that nobody knows",
        lambda: _inserted(png_chunk(b"ABCD")),
        DAMAGED,
        COMPLETED,
    ),
    kind(
        "PNG in Apple's variant", lambda: MAGIC + png_chunk(b"CgBI", bytes(4)) + GOOD[8:], DAMAGED
    ),
    kind("PNG with mangled line ends", lambda: GOOD.replace(b"\r\n", b"\n"), FOREIGN),
    kind("MNG", lambda: b"\x8aMNG\r\n\x1a\n" + GOOD[8:], FOREIGN),
    kind("PNG of colour type 5", lambda: file_of(header(9, 9, colour=5), _data(99)), DAMAGED),
    kind("PNG of 3 bits", lambda: file_of(header(9, 9, depth=3), _data(99)), DAMAGED),
    kind(
        "PNG of interlace method 7", lambda: file_of(header(9, 9, interlaced=7), _data(99)), DAMAGED
    ),
    kind("PNG with filters that nobody knows", _filtered, DAMAGED),
    kind("PNG with a palette of no colours", partial(_palette, 0), DAMAGED),
    kind("PNG with a palette of 300 colours", partial(_palette, 300), DAMAGED),
    kind("PNG with a palette of half a colour", partial(_palette, 5, extra=1), DAMAGED),
    kind("PNG with too short a palette", partial(_palette, 2), DAMAGED, COMPLETED),
    kind("PNG without a palette", lambda: file_of(header(9, 9, colour=3), _data(90)), DAMAGED),
    kind("PNG with pixels that are no zlib stream", partial(_raw_data, b"not at all" * 9), DAMAGED),
    kind("PNG with a zlib dictionary", partial(_raw_data, b"\x78\xbb\0\0\0\1\x03\0"), DAMAGED),
    kind("PNG with too few pixels", lambda: _raw_data(deflated_zeros(1000)), DAMAGED),
    kind(
        "PNG deflate bomb of 1 GiB in its pixels",
        lambda: _raw_data(deflated_zeros(1 << 30)),
        COMPLETED,
        DAMAGED,
        kills="time",
    ),
    kind(
        "PNG deflate bomb of 4 GiB in its pixels",
        lambda: _raw_data(deflated_zeros(4 << 30)),
        COMPLETED,
        DAMAGED,
        kills="time",
    ),
    *(
        kind(
            f"PNG with 300 {name.decode()} bombs",
            partial(_texts, name, 300, 8_000_000),
            COMPLETED,
            kills="" if name == b"iCCP" else "time",
        )
        for name in (b"zTXt", b"iTXt", b"iCCP")
    ),
    kind(
        "PNG with one zTXt bomb of 1 GiB",
        lambda: _inserted(png_chunk(b"zTXt", b"k\0\0" + deflated_zeros(1 << 30))),
        COMPLETED,
    ),
    kind(
        "PNG with one iCCP bomb of 1 GiB",
        lambda: _inserted(png_chunk(b"iCCP", b"k\0\0" + deflated_zeros(1 << 30))),
        COMPLETED,
    ),
    kind(
        "PNG with a text of 20 MB",
        lambda: _inserted(png_chunk(b"tEXt", b"k\0" + b"x" * 20 * _MIB)),
        COMPLETED,
    ),
    kind("PNG with 3,000 texts", lambda: _inserted(png_chunk(b"tEXt", b"k\0v") * 3000), COMPLETED),
    kind(
        "PNG with 100,000 texts", lambda: _inserted(png_chunk(b"tEXt", b"k\0v") * 100_000), DAMAGED
    ),
    kind(
        "PNG with 100,000 texts behind its pixels",
        lambda: _inserted(png_chunk(b"tEXt", b"k\0v") * 100_000, b"IEND"),
        COMPLETED,
        DAMAGED,
    ),
    kind(
        "PNG with a suggested palette of 10 MB",
        lambda: _inserted(png_chunk(b"sPLT", b"k\0\x08" + bytes(6_000_000))),
        COMPLETED,
    ),
    kind("PNG with pixels in chunks of one byte", partial(_split, 1), COMPLETED, DAMAGED),
    kind(
        "PNG with 100,000 empty pixel chunks",
        lambda: _inserted(png_chunk(b"IDAT") * 100_000),
        COMPLETED,
        DAMAGED,
    ),
    kind(
        "PNG with pixels in two places",
        lambda: (
            _split(4000).replace(png_chunk(b"IDAT"), b"")[:-12]
            + png_chunk(b"tIME", bytes(7))
            + png_chunk(b"IDAT", b"more")
            + END
        ),
        COMPLETED,
        DAMAGED,
    ),
    kind(
        "PNG with EXIF behind its pixels",
        lambda: _inserted(png_chunk(b"eXIf", exif(6)), b"IEND"),
        COMPLETED,
    ),
    kind(
        "PNG with broken EXIF",
        lambda: _inserted(png_chunk(b"eXIf", b"II*\0\xff\xff\xff\xff")),
        COMPLETED,
    ),
    kind(
        "PNG with too long a tRNS",
        lambda: _inserted(png_chunk(b"tRNS", bytes(256))),
        COMPLETED,
        DAMAGED,
    ),
    kind("PNG of 49 MP", partial(_square, LEGAL_SIDE), COMPLETED, dear=True),
    kind("PNG of 49 MP of 24 bits", partial(_square, LEGAL_SIDE, colour=2), COMPLETED, dear=True),
    kind(
        "PNG of 49 MP of 64 bits",
        partial(_square, LEGAL_SIDE, depth=16, colour=6),
        COMPLETED,
        DAMAGED,
        MEMORY,
        dear=True,
    ),
    kind(
        "PNG of 49 MP, interlaced", partial(_square, LEGAL_SIDE, interlaced=1), COMPLETED, dear=True
    ),
    kind("PNG of 49 MP in one bit", partial(_square, LEGAL_SIDE, depth=1), COMPLETED, dear=True),
    kind("PNG of nothing but its magic", partial(bytes, MAGIC), DAMAGED),
]
