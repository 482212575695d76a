import pytest

from pixelpipe.errors import (
    DamagedImageError,
    EmptyBodyError,
    PixelLimitError,
    UnsupportedFormatError,
)
from pixelpipe.formats.probe import probe
from pixelpipe.formats.registry import Format
from tests.unit.jxl_files import contained, header
from tests.unit.probe_files import (
    avif,
    bmp,
    box,
    frame,
    gif,
    ispe,
    jpeg,
    png,
    probed,
    tiff,
    vp8,
    webp,
)

RGB_TIFF = tiff({256: 5, 257: 4, 258: (8, 8, 8), 262: 2, 277: 3})

ONE_OF_EACH = {
    Format.JPEG: jpeg(frame(5, 4)),
    Format.PNG: png((5, 4)),
    Format.WEBP: webp(vp8(5, 4)),
    Format.AVIF: avif(ispe(5, 4)),
    Format.GIF: gif((5, 4)),
    Format.TIFF: RGB_TIFF,
    Format.BMP: bmp((5, 4)),
    Format.HEIC: avif(ispe(5, 4), brands=b"heic\0\0\0\0mif1heic"),
    Format.JXL: contained(box(b"jxlc", header((5, 4)))),
}


@pytest.mark.parametrize("expected", list(Format))
def test_format_is_decided_by_content(expected: Format) -> None:
    info = probed(ONE_OF_EACH[expected])
    assert (info.format, info.stored_width, info.stored_height) == (expected, 5, 4)
    assert (info.channels, info.bit_depth, info.orientation) == (3, 8, 1)


def test_no_bytes_is_an_empty_body() -> None:
    with pytest.raises(EmptyBodyError):
        probed(b"")


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", "video"),
        (b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"\0\0\x01\0\x01\0\x10\x10", "ICO"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b"P6\n5 4\n255\n", "PNM"),
        (b"\x76\x2f\x31\x01\x02\0\0\0", "OpenEXR"),
        (b"II+\0\x08\0\0\0", "BigTIFF"),
        (b"MM\0+\0\x08\0\0", "BigTIFF"),
        (b"just some words", "This file"),
        (b"\xff", "This file"),
        (bytes(64), "This file"),
    ],
)
def test_other_files_are_refused_by_name(data: bytes, named: str) -> None:
    with pytest.raises(UnsupportedFormatError) as caught:
        probed(data)
    assert named in caught.value.detail
    assert "jpeg, png, webp, avif, gif, tiff, bmp, heic, jxl" in caught.value.detail


@pytest.mark.parametrize(
    "data", [png((300, 20)), jpeg(frame(300, 20)), tiff({256: 300, 257: 20, 262: 1, 258: 8})]
)
def test_longest_side_is_limited(data: bytes) -> None:
    with pytest.raises(PixelLimitError, match="300x20 px; at most 299 px a side") as caught:
        probe(memoryview(data), max_pixels=6000, max_side_px=299)
    assert caught.value.status == 422
    assert probe(memoryview(data), max_pixels=6000, max_side_px=300).stored_width == 300


def test_pixels_are_limited() -> None:
    data = memoryview(bmp((300, -20)))
    with pytest.raises(PixelLimitError, match="5999 pixels"):
        probe(data, max_pixels=5999, max_side_px=300)
    assert probe(data, max_pixels=6000, max_side_px=300).stored_height == 20


@pytest.mark.parametrize(
    "data",
    [
        jpeg(frame(0, 4)),
        jpeg(frame(5, 0)),
        png((0, 4)),
        webp(vp8(5, 0)),
        avif(ispe(0, 4)),
        gif((0, 0)),
        tiff({256: 5, 257: 0, 262: 1}),
        bmp((5, 0)),
    ],
)
def test_a_side_of_zero_is_damage(data: bytes) -> None:
    with pytest.raises(DamagedImageError, match=r"(0x4|5x0|0x0) px is not allowed"):
        probed(data)


@pytest.mark.parametrize("file_format", list(Format))
def test_a_header_that_ends_early_is_damage(file_format: Format) -> None:
    whole = ONE_OF_EACH[file_format]
    magic_bytes = 12
    with pytest.raises(
        DamagedImageError, match=r"file is damaged: it (ends before|has no)"
    ) as caught:
        probed(whole[:magic_bytes])
    assert caught.value.status == 422


def test_upright_size_follows_the_orientation() -> None:
    info = probed(tiff({256: 5, 257: 4, 258: 8, 262: 1, 274: 6}))
    assert (info.stored_width, info.stored_height) == (5, 4)
    assert (info.width, info.height) == (4, 5)
