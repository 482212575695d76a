import io
import struct

import pytest
from PIL import Image, ImageSequence
from PIL.TiffImagePlugin import TiffImageFile

from pixelpipe.formats.registry import Format
from tests.unit.screening import (
    Tags,
    gray_tags,
    incomplete,
    noise,
    refusal,
    saved,
    screened,
    tiff_file,
)

PIXELS = bytes(range(100))
ONE_STRIP = gray_tags((10, 10), tag_273=8, tag_278=10, tag_279=100)
WHOLE = 0xFFFFFFFF


def changed(**tags: int) -> bytes:
    """A good TIFF with some tags, all of type LONG, changed; -1 removes one."""
    new: Tags = dict(ONE_STRIP)
    for name, value in tags.items():
        number = int(name.removeprefix("tag_"))
        if value < 0:
            del new[number]
        else:
            new[number] = (4, [value])
    return tiff_file(new, PIXELS)


def tiled(size: tuple[int, int], tile: tuple[int, int]) -> bytes:
    across, down = (-(-side // part) for side, part in zip(size, tile, strict=True))
    tile_bytes = tile[0] * tile[1]
    tags = gray_tags(size, tag_322=tile[0], tag_323=tile[1])
    tags[324] = (4, [8 + tile_bytes * index for index in range(across * down)])
    tags[325] = (4, [tile_bytes] * (across * down))
    return tiff_file(tags, bytes(tile_bytes * across * down))


def with_entries(count: int, value_bytes: int) -> bytes:
    """A good TIFF with further tags that all take their values from the same place."""
    entries = [(tag, kind, 1, values[0]) for tag, (kind, values) in sorted(ONE_STRIP.items())]
    entries += [(40_000 + number, 7, value_bytes, 8) for number in range(count)]
    packed = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    data = PIXELS + bytes(value_bytes)
    head = b"II*\0" + struct.pack("<I", 8 + len(data)) + data
    return head + struct.pack("<H", len(entries)) + packed + bytes(4)


@pytest.mark.parametrize("compression", ["raw", "packbits", "tiff_lzw", "tiff_deflate", "jpeg"])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_real_files_pass(compression: str, mode: str) -> None:
    data = saved(noise(mode, (400, 300)), Format.TIFF, compression=compression)
    assert screened(data, Format.TIFF) == data


@pytest.mark.parametrize("compression", ["group3", "group4"])
def test_faxes_pass(compression: str) -> None:
    data = saved(noise("1"), Format.TIFF, compression=compression)
    assert screened(data, Format.TIFF) == data


@pytest.mark.parametrize(
    "data",
    [
        changed(),
        changed(tag_278=WHOLE),
        changed(tag_278=-1),
        changed(tag_278=1000),
        changed(tag_279=-1),
        tiled((128, 96), (64, 32)),
        tiled((100, 70), (64, 64)),
        tiled((10, 10), (512, 512)),
        tiff_file(ONE_STRIP, PIXELS, behind=b"trailer"),
    ],
)
def test_odd_layouts_pass(data: bytes) -> None:
    assert screened(data, Format.TIFF) == data


def test_only_the_first_page_is_left() -> None:
    stream = io.BytesIO()
    pages: list[Image.Image] = [noise(), noise()]
    noise().save(stream, "TIFF", save_all=True, append_images=pages)
    data = stream.getvalue()
    left = screened(data, Format.TIFF)
    assert len(left) == len(data)
    assert sum(a != b for a, b in zip(left, data, strict=True)) <= 4
    assert len(list(ImageSequence.Iterator(Image.open(io.BytesIO(data))))) == 3
    assert len(list(ImageSequence.Iterator(Image.open(io.BytesIO(left))))) == 1


def test_a_directory_that_leads_to_itself_leads_nowhere() -> None:
    data = tiff_file(ONE_STRIP, PIXELS)
    (directory,) = struct.unpack_from("<I", data, 4)
    assert screened(tiff_file(ONE_STRIP, PIXELS, next_directory=directory), Format.TIFF) == data


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (changed(tag_257=16384, tag_278=1), "tag 273 does not have the 16384 values"),
        (changed(tag_278=0), "parts without pixels"),
        (changed(tag_278=(1 << 24) - 1), "far larger than it"),
        (changed(tag_322=64, tag_323=64), "both strips and tiles"),
        (with_entries(400, 100_000), "tags take more room"),
    ],
)
def test_what_no_writer_writes_is_damage(data: bytes, fault: str) -> None:
    assert fault in refusal(data, Format.TIFF)


def test_tiles_that_are_far_too_large_are_damage() -> None:
    tags = gray_tags((10, 10), tag_322=16384, tag_323=16000, tag_324=8, tag_325=100)
    assert "far larger than it" in refusal(tiff_file(tags, PIXELS), Format.TIFF)
    tags = gray_tags((16384, 16), tag_322=16, tag_323=1 << 20, tag_324=8, tag_325=100)
    assert "far larger than it" in refusal(tiff_file(tags, PIXELS), Format.TIFF)


def test_a_flood_of_tiles_is_damage() -> None:
    tags = gray_tags((1000, 1000), tag_322=1, tag_323=1, tag_324=8, tag_325=1)
    assert "1000000 parts; 65536 are allowed" in refusal(tiff_file(tags, PIXELS), Format.TIFF)


def test_strips_that_lie_upon_each_other_are_damage() -> None:
    data = bytes(100_000)
    tags = gray_tags((10, 1000), tag_278=1)
    tags |= {273: (4, [8] * 1000), 279: (4, [len(data)] * 1000)}
    assert "take more room than it has" in refusal(tiff_file(tags, data), Format.TIFF)


def test_blank_strips_may_share_their_bytes() -> None:
    tags = gray_tags((10, 1000), tag_278=1)
    tags |= {273: (4, [8] * 1000), 279: (4, [10] * 1000)}
    data = tiff_file(tags, PIXELS)
    assert screened(data, Format.TIFF) == data


@pytest.mark.parametrize("kind", [6, 8, 9, 11, 16])
@pytest.mark.parametrize("tag", [256, 257, 258, 273, 277])
def test_numbers_of_other_types_are_damage(tag: int, kind: int) -> None:
    data = bytearray(changed())
    entry = struct.pack("<HH", tag, ONE_STRIP[tag][0])
    at = data.index(entry, 100)
    data[at : at + 4] = struct.pack("<HH", tag, kind)
    assert "is no whole number" in refusal(bytes(data), Format.TIFF)


def test_a_tag_that_comes_twice_is_damage() -> None:
    data = bytearray(changed(tag_37724=5))
    at = data.index(struct.pack("<HH", 37724, 4))
    data[at : at + 2] = struct.pack("<H", 256)
    assert "tag 256 comes twice" in refusal(bytes(data), Format.TIFF)


@pytest.mark.parametrize("tags", [{"tag_273": 10_000}, {"tag_279": 10_000}, {"tag_273": WHOLE}])
def test_strips_have_to_lie_in_the_file(tags: dict[str, int]) -> None:
    assert refusal(changed(**tags), Format.TIFF) == incomplete(Format.TIFF)


@pytest.mark.parametrize("size", [9, 60, 120, 150, 180])
def test_a_cut_file_is_incomplete(size: int) -> None:
    assert refusal(changed()[:size], Format.TIFF) == incomplete(Format.TIFF)


def test_scans_of_jpeg_data_are_limited() -> None:
    data = saved(noise(), Format.TIFF, compression="jpeg")
    assert "JPEG data have more than" in refusal(data + b"\xff\xda" * 2000, Format.TIFF)


def test_metadata_and_the_orientation_are_left_out() -> None:
    exif = {34665: 8, 274: 6, 37724: 5}
    data = changed(**{f"tag_{tag}": value for tag, value in exif.items()})
    left = Image.open(io.BytesIO(screened(data, Format.TIFF)))
    assert isinstance(left, TiffImageFile)
    assert exif.keys().isdisjoint(left.tag_v2)
    assert left.tobytes() == Image.open(io.BytesIO(changed())).tobytes()
