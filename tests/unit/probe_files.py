"""Small image files made field by field, so that each test can break exactly one of them.

Apart from PNG they carry no pixels: the probe reads headers only.
"""

import struct
import zlib
from collections.abc import Mapping

from pixelpipe.formats.probe import probe
from pixelpipe.formats.source import SourceInfo

ALPHA_URN = b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0"
SOI, START_OF_SCAN = b"\xff\xd8", b"\xff\xda\0\x02"


def probed(data: bytes) -> SourceInfo:
    """What the probe says of a file, at the limits that the server has by default."""
    return probe(memoryview(data), max_pixels=50_000_000, max_side_px=16384)


def tiff(
    tags: dict[int, int | tuple[int, ...]], order: str = "<", *, directory_at: int = 8
) -> bytes:
    """A TIFF file, or EXIF block, of SHORT tags; values that do not fit lie behind the entries."""
    entries, values = b"", b""
    values_at = directory_at + 2 + 12 * len(tags) + 4
    for tag, value in sorted(tags.items()):
        numbers = value if isinstance(value, tuple) else (value,)
        packed = struct.pack(f"{order}{len(numbers)}H", *numbers)
        field = packed.ljust(4, b"\0")
        if len(packed) > 4:
            field = struct.pack(order + "I", values_at + len(values))
            values += packed
        entries += struct.pack(order + "HHI", tag, 3, len(numbers)) + field
    magic = b"II*\0" if order == "<" else b"MM\0*"
    header = (magic + struct.pack(order + "I", directory_at)).ljust(directory_at, b"\0")
    return header + struct.pack(order + "H", len(tags)) + entries + bytes(4) + values


def exif(orientation: int, order: str = "<") -> bytes:
    return tiff({274: orientation}, order)


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def exif_segment(orientation: int) -> bytes:
    return segment(0xE1, b"Exif\0\0" + exif(orientation))


def frame(
    width: int, height: int, *, components: int = 3, bits: int = 8, marker: int = 0xC0
) -> bytes:
    body = struct.pack(">BHHB", bits, height, width, components)
    return segment(marker, body + b"".join(bytes((i, 0x11, 0)) for i in range(components)))


def jpeg(*segments: bytes) -> bytes:
    return SOI + b"".join(segments) + START_OF_SCAN + b"\x55\xff\xd9"


def png_chunk(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(
    size: tuple[int, int] = (5, 4),
    depth: int = 8,
    colour: int = 2,
    *,
    before: bytes = b"",
    behind: bytes = b"",
) -> bytes:
    """A PNG whose pixels are all zero; `before` and `behind` are chunks around its IDAT."""
    width, height = size
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(colour, 1)
    row = bytes(1 + (width * samples * depth + 7) // 8)
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    palette = png_chunk(b"PLTE", bytes((10, 20, 30, 40, 50, 60))) if colour == 3 else b""
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + palette
        + before
        + png_chunk(b"IDAT", zlib.compress(row * height))
        + behind
        + png_chunk(b"IEND")
    )


def riff_chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


def webp(*chunks: bytes) -> bytes:
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def vp8(width: int, height: int, start: bytes = b"\x9d\x01\x2a", flags: int = 0x10) -> bytes:
    return riff_chunk(b"VP8 ", struct.pack("<B2x3sHH", flags, start, width, height) + bytes(4))


def vp8l(width: int, height: int, *, alpha: bool = False, signature: int = 0x2F) -> bytes:
    bits = (width - 1) | (height - 1) << 14 | int(alpha) << 28
    return riff_chunk(b"VP8L", struct.pack("<BI", signature, bits) + bytes(4))


def vp8x(width: int, height: int, flags: int = 0) -> bytes:
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return riff_chunk(b"VP8X", bytes((flags, 0, 0, 0)) + sides)


def box(kind: bytes, *contents: bytes) -> bytes:
    body = b"".join(contents)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def full_box(kind: bytes, *contents: bytes, version: int = 0, flags: int = 0) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags), *contents)


def ispe(width: int, height: int) -> bytes:
    return full_box(b"ispe", struct.pack(">II", width, height))


def pixi(*depths: int) -> bytes:
    return full_box(b"pixi", bytes((len(depths), *depths)))


def ipma(items: Mapping[int, tuple[int, ...]]) -> bytes:
    """Which of the properties, counted from 1, belong to which item."""
    entries = (
        struct.pack(">HB", item, len(numbers)) + bytes(number | 0x80 for number in numbers)
        for item, numbers in items.items()
    )
    return full_box(b"ipma", struct.pack(">I", len(items)), *entries)


def auxl(auxiliary: int, *targets: int) -> bytes:
    ids = struct.pack(f">HH{len(targets)}H", auxiliary, len(targets), *targets)
    return full_box(b"iref", box(b"auxl", ids))


def avif(
    *properties: bytes,
    items: Mapping[int, tuple[int, ...]] | None = None,
    primary: int = 1,
    references: bytes = b"",
    brands: bytes = b"avif\0\0\0\0mif1avif",
) -> bytes:
    """An AVIF whose primary item has all the properties, unless `items` says which has which."""
    items = items or {primary: tuple(range(1, len(properties) + 1))}
    pitm = full_box(b"pitm", struct.pack(">H", primary))
    iprp = box(b"iprp", box(b"ipco", *properties), ipma(items))
    return box(b"ftyp", brands) + full_box(b"meta", pitm, references, iprp)


def gif_control(flags: int) -> bytes:
    return b"\x21\xf9\x04" + struct.pack("<BHB", flags, 0, 0) + b"\0"


def gif_comment(*blocks: bytes) -> bytes:
    return b"\x21\xfe" + b"".join(bytes((len(block),)) + block for block in blocks) + b"\0"


def gif(
    size: tuple[int, int],
    *extensions: bytes,
    table: int | None = 0,
    first_frame: tuple[int, int, int, int] | None = None,
) -> bytes:
    """A GIF with a global table of `2 << table` colours; its first frame fills the canvas."""
    flags = 0 if table is None else 0x80 | table
    colours = b"" if table is None else bytes(3 * (2 << table))
    descriptor = struct.pack("<HHHHB", *(first_frame or (0, 0, *size)), 0)
    screen = b"GIF89a" + struct.pack("<HHBBB", *size, flags, 0, 0)
    return screen + colours + b"".join(extensions) + b"\x2c" + descriptor + b"\x02\0;"


def bmp(
    size: tuple[int, int],
    bits: int = 24,
    *,
    header_bytes: int = 40,
    compression: int = 0,
    masks: tuple[int, ...] = (),
) -> bytes:
    width, height = size
    if header_bytes == 12:
        header = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        fields = (header_bytes, width, height, 1, bits, compression, 0, 0, 0, 0, 0)
        header = struct.pack("<IiiHHIIiiII", *fields) + struct.pack(f"<{len(masks)}I", *masks)
        header = header.ljust(header_bytes, b"\0")
    palette = bytes((1 << bits) * (3 if header_bytes == 12 else 4)) if bits <= 8 else b""
    pixels = bytes(abs(height) * ((abs(width) * bits + 31) // 32 * 4))
    offset = 14 + len(header) + len(palette)
    return (
        b"BM" + struct.pack("<IHHI", offset + len(pixels), 0, 0, offset) + header + palette + pixels
    )
