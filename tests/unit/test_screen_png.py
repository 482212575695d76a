import struct
import zlib

import pytest

from pixelpipe.formats.registry import Format
from pixelpipe.formats.screens.png import _pixels_bytes
from tests.unit.probe_files import exif, png, png_chunk
from tests.unit.screening import incomplete, noise, refusal, saved, screened

PLAIN = png()
MIB = 1 << 20


def chunk_types(data: bytes) -> list[bytes]:
    found, at = [], 8
    while at < len(data):
        (size,) = struct.unpack_from(">I", data, at)
        found.append(data[at + 4 : at + 8])
        at += size + 12
    return found


def image(size: tuple[int, int], *bodies: bytes, interlaced: bool = False) -> bytes:
    """A gray PNG with these image data."""
    header = struct.pack(">IIBBBBB", *size, 8, 0, 0, 0, interlaced)
    chunks = [png_chunk(b"IHDR", header), *(png_chunk(b"IDAT", body) for body in bodies)]
    return PLAIN[:8] + b"".join(chunks) + png_chunk(b"IEND")


def frame_control(number: int) -> bytes:
    return png_chunk(b"fcTL", struct.pack(">IIIIIHHBB", number, 5, 4, 0, 0, 1, 10, 0, 0))


@pytest.mark.parametrize(
    "odd",
    [
        png_chunk(b"tEXt", b"Comment\0hello"),
        png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(MIB))),
        png_chunk(b"iCCP", b"profile\0\0" + zlib.compress(bytes(MIB))),
        png_chunk(b"eXIf", exif(6) + bytes(MIB)),
        png_chunk(b"acTL", struct.pack(">II", 2, 0)) + frame_control(0),
        png_chunk(b"fdAT"),
        png_chunk(b"vpAg", b"whatever"),
        png_chunk(b"tEXt", b"Comment\0wrong CRC")[:-4] + b"oops",
    ],
)
def test_what_decoding_does_not_need_is_left_out(odd: bytes) -> None:
    assert screened(png(before=odd, behind=odd), Format.PNG) == PLAIN


def test_palette_and_transparency_stay() -> None:
    transparency = png_chunk(b"tRNS", b"\0")
    data = png(colour=3, before=transparency, behind=transparency)
    assert chunk_types(screened(data, Format.PNG)) == [
        b"IHDR",
        b"PLTE",
        b"tRNS",
        b"IDAT",
        b"IEND",
    ]


def test_of_two_palettes_the_first_stays() -> None:
    first = png(colour=3)
    second = png(colour=3, before=png_chunk(b"PLTE", bytes(768)))
    assert screened(second, Format.PNG) == first


@pytest.mark.parametrize("kind", [b"tEXt", b"IDAT", b"fdAT", b"IEND"])
@pytest.mark.parametrize("length", [1000, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_length_that_lies_is_not_believed(kind: bytes, length: int) -> None:
    data = png(behind=struct.pack(">I4s", length, kind) + b"few")
    assert refusal(data, Format.PNG) == incomplete(Format.PNG)


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (png(behind=png_chunk(b"IHDR", bytes(13))), "more than one header chunk"),
        (PLAIN[:8] + png_chunk(b"IHDR", bytes(12)) + PLAIN[33:], "does not begin with a header"),
        (PLAIN[:8] + PLAIN[33:], "does not begin with a header"),
        (png(behind=png_chunk(b"tEXt") + png_chunk(b"IDAT")), "not in one piece"),
        (PLAIN[:33] + png_chunk(b"IEND"), "no image data"),
        (png(behind=png_chunk(b"IDAT") * 70_000), "far too many chunks"),
        (png(colour=5), "colour type 5 is not allowed"),
    ],
)
def test_a_broken_order_is_damage(data: bytes, fault: str) -> None:
    assert fault in refusal(data, Format.PNG)


def test_many_chunks_of_pixels_are_no_flood() -> None:
    stream = zlib.compress(noise("L", (800, 800)).tobytes()[: 800 * 800])
    bodies = [stream[at : at + 300] for at in range(0, len(stream), 300)]
    data = image((800, 799), *bodies)
    assert screened(data, Format.PNG) == data


@pytest.mark.parametrize("size", [(10, 10), (3000, 3000)])
@pytest.mark.parametrize("chunk_bytes", [8192, 1 << 30])
def test_image_data_that_inflate_far_past_the_picture_are_refused(
    size: tuple[int, int], chunk_bytes: int
) -> None:
    rows = (size[0] + 1) * size[1]
    stream = zlib.compress(bytes(rows + 100 * MIB))
    bodies = [stream[at : at + chunk_bytes] for at in range(0, len(stream), chunk_bytes)]
    assert "far more image data" in refusal(image(size, *bodies), Format.PNG)


def test_a_bomb_behind_real_pixels_is_refused() -> None:
    pixels = noise("L", (1500, 1501)).tobytes()
    stream = zlib.compress(pixels + bytes(100 * MIB))
    assert "far more image data" in refusal(image((1500, 1500), stream), Format.PNG)


def test_image_data_of_nothing_are_refused() -> None:
    """Empty blocks: nothing to inflate, and a table to be built for each."""
    packer = zlib.compressobj()
    flat = packer.compress(bytes(4000 * 3999)) + packer.flush(zlib.Z_FULL_FLUSH)
    empty = b"\0\0\0\xff\xff" * 200_000
    assert "far more image data" in refusal(image((3999, 4000), flat + empty), Format.PNG)


def test_a_little_too_much_image_data_does_no_harm() -> None:
    rows = bytes(101 * 100)
    data = image((100, 100), zlib.compress(rows + bytes(50_000)), b"rest")
    assert screened(data, Format.PNG) == data


@pytest.mark.parametrize("value", [0, 255])
def test_flat_pictures_are_no_bombs(value: int) -> None:
    row = b"\0" + bytes([value]) * 7000
    data = image((7000, 7000), zlib.compress(row * 7000))
    assert screened(data, Format.PNG) == data


def test_a_dense_picture_that_is_all_used_passes() -> None:
    """So large that it has to be inflated to know."""
    half = noise("L", (2000, 2000)).tobytes()
    data = image((2000, 30_000), zlib.compress(half[:2_000_000] + bytes(58_030_000)))
    assert screened(data, Format.PNG) == data


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 4), (8, 8), (9, 17), (100, 33)])
def test_interlaced_rows_are_counted(size: tuple[int, int]) -> None:
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)]
    passes += [(0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    expected = 0
    for left, top, right, down in passes:
        columns, rows = range(left, size[0], right), range(top, size[1], down)
        expected += len(rows) * (1 + len(columns)) if columns else 0
    assert _pixels_bytes(memoryview(image(size, b"", interlaced=True))) == expected


def test_a_photograph_passes() -> None:
    data = saved(noise("RGB", (600, 400)), Format.PNG)
    assert screened(data, Format.PNG) == data
