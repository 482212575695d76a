import struct

import pytest

from pixelpipe.errors import DamagedImageError, UnsupportedFormatError
from tests.unit.probe_files import ALPHA_URN, auxl, avif, box, full_box, ispe, pixi, probed

SIZE = ispe(60, 40)
ALPHA = full_box(b"auxC", ALPHA_URN)
DEPTH_MAP = full_box(b"auxC", b"urn:mpeg:mpegB:cicp:systems:auxiliary:depth\0")
COLOUR_AND_ALPHA = {1: (1, 2), 2: (1, 3)}


@pytest.mark.parametrize(
    ("planes", "channels", "bit_depth"),
    [((8,), 1, 8), ((8, 8, 8), 3, 8), ((10,), 1, 10), ((10, 10, 10), 3, 10), ((12, 12, 12), 3, 12)],
)
def test_planes(planes: tuple[int, ...], channels: int, bit_depth: int) -> None:
    info = probed(avif(SIZE, pixi(*planes)))
    assert (info.stored_width, info.stored_height) == (60, 40)
    assert (info.channels, info.bit_depth) == (channels, bit_depth)


def test_without_any_information_it_is_8_bit_colour() -> None:
    info = probed(avif(SIZE))
    assert (info.channels, info.bit_depth) == (3, 8)


def test_bits_that_av1_does_not_have_are_damage() -> None:
    with pytest.raises(DamagedImageError, match="9 bits per channel; 8, 10 and 12"):
        probed(avif(SIZE, pixi(9, 9, 9)))


@pytest.mark.parametrize(
    ("turns", "mirror", "orientation"),
    [
        (None, None, 1),
        (None, 0, 4),
        (None, 1, 2),
        (0, None, 1),
        (0, 0, 4),
        (0, 1, 2),
        (1, None, 8),
        (1, 0, 5),
        (1, 1, 7),
        (2, None, 3),
        (2, 0, 2),
        (2, 1, 4),
        (3, None, 6),
        (3, 0, 7),
        (3, 1, 5),
    ],
)
@pytest.mark.parametrize("first", ["irot", "imir"])
def test_rotation_then_mirror_as_orientation(
    turns: int | None, mirror: int | None, orientation: int, first: str
) -> None:
    properties = [] if turns is None else [box(b"irot", bytes((turns,)))]
    properties += [] if mirror is None else [box(b"imir", bytes((mirror,)))]
    if first == "imir":
        properties.reverse()
    assert probed(avif(SIZE, *properties)).orientation == orientation


def test_alpha_item_adds_a_channel() -> None:
    data = avif(SIZE, pixi(8, 8, 8), ALPHA, items=COLOUR_AND_ALPHA, references=auxl(2, 1))
    assert probed(data).channels == 4


@pytest.mark.parametrize(
    ("auxiliary", "references"),
    [(DEPTH_MAP, auxl(2, 1)), (ALPHA, b""), (ALPHA, auxl(2, 3)), (ALPHA, auxl(3, 1))],
    ids=["depth map", "no reference", "of another item", "item without properties"],
)
def test_other_auxiliary_items_do_not(auxiliary: bytes, references: bytes) -> None:
    data = avif(SIZE, pixi(8, 8, 8), auxiliary, items=COLOUR_AND_ALPHA, references=references)
    assert probed(data).channels == 3


def test_only_the_primary_item_counts() -> None:
    items = {1: (1,), 7: (2, 3)}
    data = avif(ispe(10, 10), SIZE, pixi(8), items=items, primary=7)
    info = probed(data)
    assert (info.stored_width, info.channels) == (60, 1)


def test_wide_item_ids_and_property_numbers() -> None:
    properties = box(b"ipco", *[box(b"free")] * 200, SIZE)
    association = struct.pack(">IIBH", 1, 70_000, 1, 0x8000 | 201)
    ipma = full_box(b"ipma", association, version=1, flags=1)
    pitm = full_box(b"pitm", struct.pack(">I", 70_000), version=1)
    meta = full_box(b"meta", pitm, box(b"iprp", properties, ipma))
    assert probed(box(b"ftyp", b"avif\0\0\0\0avif") + meta).stored_width == 60


def test_meta_box_behind_the_pixels() -> None:
    whole = avif(SIZE)
    meta_at = whole.index(b"meta") - 4
    large = struct.pack(">I4sQ", 1, b"mdat", 16 + 100) + bytes(100)
    assert probed(whole[:meta_at] + large + whole[meta_at:]).stored_width == 60


def test_last_box_may_have_no_size() -> None:
    whole = avif(SIZE)
    meta_at = whole.index(b"meta") - 4
    assert probed(whole[:meta_at] + bytes(4) + whole[meta_at + 4 :]).stored_width == 60


@pytest.mark.parametrize("brands", [b"avis\0\0\0\0msf1", b"mif1\0\0\0\0mif1miafavif"])
def test_brands_of_avif(brands: bytes) -> None:
    assert probed(avif(SIZE, brands=brands)).stored_width == 60


@pytest.mark.parametrize("brands", [b"isom\0\0\0\0isommp42", b"qt  \0\0\0\0qt  "])
def test_the_same_boxes_under_another_brand_are_not_accepted(brands: bytes) -> None:
    with pytest.raises(UnsupportedFormatError, match="A video or another ISO media file is not"):
        probed(avif(SIZE, brands=brands))


@pytest.mark.parametrize(
    ("flags", "channels", "bit_depth"),
    [(0x0C, 3, 8), (0x1C, 1, 8), (0x4C, 3, 10), (0x5C, 1, 10), (0x6C, 3, 12), (0x7C, 1, 12)],
)
def test_without_pixel_information_the_configuration_counts(
    flags: int, channels: int, bit_depth: int
) -> None:
    info = probed(avif(SIZE, box(b"av1C", bytes((0x81, 0, flags, 0)))))
    assert (info.channels, info.bit_depth) == (channels, bit_depth)


def test_of_a_grid_the_configuration_of_its_first_tile_counts() -> None:
    properties = SIZE, ispe(30, 40), box(b"av1C", bytes((0x81, 0, 0x1C, 0)))
    parts = full_box(b"iref", box(b"dimg", struct.pack(">HHHH", 1, 2, 2, 3)))
    data = avif(*properties, items={1: (1,), 2: (2, 3), 3: (2, 3)}, references=parts)
    info = probed(data)
    assert (info.stored_width, info.channels) == (60, 1)


def test_a_flood_of_references_is_damage() -> None:
    many = box(b"auxl", struct.pack(">HH", 2, 9000), bytes(18000))
    with pytest.raises(DamagedImageError, match="refer to more than 8192 others"):
        probed(avif(SIZE, references=full_box(b"iref", many)))


@pytest.mark.parametrize("missing", [b"meta", b"pitm", b"iprp", b"ipco"])
def test_a_missing_box_is_damage(missing: bytes) -> None:
    with pytest.raises(DamagedImageError, match=f"no {missing.decode()} box"):
        probed(avif(SIZE).replace(missing, b"free"))


def test_a_primary_item_without_size_is_damage() -> None:
    with pytest.raises(DamagedImageError, match="primary item has no size"):
        probed(avif(pixi(8, 8, 8)))


def test_a_property_that_does_not_exist_is_damage() -> None:
    with pytest.raises(DamagedImageError, match="property 9 of 1"):
        probed(avif(SIZE, items={1: (1, 9)}))


def test_a_box_that_leaves_its_parent_is_damage() -> None:
    whole = bytearray(avif(SIZE))
    struct.pack_into(">I", whole, whole.index(b"ispe") - 4, 4000)
    with pytest.raises(DamagedImageError, match="ends before the 3992 bytes"):
        probed(bytes(whole))


def test_a_box_smaller_than_its_header_is_damage() -> None:
    with pytest.raises(DamagedImageError, match="size of 7 bytes"):
        probed(box(b"ftyp", b"avif\0\0\0\0") + struct.pack(">I4s", 7, b"meta"))
