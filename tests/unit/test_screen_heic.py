import pytest

from pixelpipe.errors import DamagedImageError, UnsupportedFormatError
from pixelpipe.formats.heic_picture import Coding, read_picture
from pixelpipe.formats.hevc import picture_units, unit_type
from pixelpipe.formats.registry import Format
from tests.hostile.avif_files import Item
from tests.hostile.heic_files import (
    CODED,
    coded,
    configuration_of,
    grid,
    heic_of,
    parameter_set,
    single,
    with_alpha,
)
from tests.modern_files import heic
from tests.unit.probe_files import box, ispe, pixi
from tests.unit.screening import incomplete, noise, refusal, screened

SIZE = (64, 48)
STILL = heic(noise("RGB", (120, 90)))
ALPHA = heic(noise("RGBA", (120, 90)))
GRID = heic(noise("RGB", (500, 300)), tile_size=128)
SLICE, OTHER, KEPT = 20, 39, 1


def configured(*units: bytes, data: bytes | None = None, length_bytes: int = 4) -> bytes:
    """The picture of 64x48 with other parameter sets, or other bytes."""
    hvcc = box(b"hvcC", configuration_of(*units, length_bytes=length_bytes))
    item = Item(coded(*SIZE)[1] if data is None else data, kind=CODED)
    return heic_of({1: item}, (ispe(*SIZE), pixi(8, 8, 8), hvcc))


def unit(kind: int, *, first: bool = True, length_bytes: int = 4) -> bytes:
    body = bytes((kind << 1, 1, 0x80 * first, 7))
    return len(body).to_bytes(length_bytes, "big") + body


@pytest.mark.parametrize("data", [STILL, ALPHA, GRID, single(SIZE)])
def test_real_files_pass(data: bytes) -> None:
    assert screened(data, Format.HEIC) == data


def test_what_is_to_be_decoded() -> None:
    picture = read_picture(memoryview(GRID))
    assert (picture.color.width, picture.color.height, picture.color.columns) == (500, 300, 4)
    assert len(picture.color.tiles) == 4 * 3
    assert picture.color.coding == Coding(6, full_range=True)
    assert picture.alpha is None
    assert read_picture(memoryview(ALPHA)).alpha is not None


def test_a_configuration_that_tiles_share_is_read_once() -> None:
    first, *others = read_picture(memoryview(grid((128, 128), (2, 2), (64, 64)))).color.tiles
    assert all(tile.configuration is first.configuration for tile in others)


def test_tiles_that_are_the_same_item_share_its_bytes() -> None:
    """Else a file of a few MB, put together from pieces 1,000 times, would be gigabytes."""
    data = grid((640, 640), (10, 10), (64, 64), targets=[2] * 100)
    first, *others = read_picture(memoryview(data)).color.tiles
    assert all(tile.sample is first.sample for tile in others)


def test_tiles_are_limited() -> None:
    many = grid((640, 640), (10, 10), (64, 64), targets=[2] * 33 * 32)
    data = many.replace(b"\0\1\x09\x09", b"\0\1\x20\x1f")
    assert "its grid has 1056 tiles" in refusal(data, Format.HEIC)


@pytest.mark.parametrize("sides", [(8, 8), (64, 48), (4032, 3024), (16384, 16384), (65535, 99)])
def test_the_size_of_a_parameter_set(sides: tuple[int, int]) -> None:
    if sides <= SIZE:
        assert screened(configured(parameter_set(*sides)), Format.HEIC)
    else:
        said = f"picture of 3072 px has {SIZE[0] * SIZE[1] + sides[0] * sides[1]} px coded"
        assert said in refusal(configured(parameter_set(*sides)), Format.HEIC)


def test_the_largest_of_several_parameter_sets_counts() -> None:
    sets = parameter_set(64, 48), parameter_set(4032, 3024)
    assert "px coded" in refusal(configured(*sets), Format.HEIC)


def test_an_alpha_larger_than_its_picture_is_refused() -> None:
    assert screened(with_alpha((160, 300)), Format.HEIC)
    assert "picture of 3072 px has 48004096 px coded" in refusal(
        with_alpha((16000, 3000)), Format.HEIC
    )


def test_tiles_that_are_far_more_than_their_picture_are_refused() -> None:
    bomb = grid((64, 64), (30, 30), (64, 64))
    assert "picture of 4096 px has" in refusal(bomb, Format.HEIC)


def test_a_grid_of_another_size_than_its_item_is_refused() -> None:
    odd = grid((128, 128), (2, 2), (64, 64), canvas=(128, 120))
    assert "grid is not of the size" in refusal(odd, Format.HEIC)


@pytest.mark.parametrize("targets", [[2], [2, 3, 4], [2, 3, 4, 5, 5]])
def test_a_grid_has_as_many_tiles_as_it_says(targets: list[int]) -> None:
    odd = grid((128, 128), (2, 2), (64, 64), targets=targets)
    assert f"grid has {len(targets)} tiles" in refusal(odd, Format.HEIC)


def test_a_tile_that_is_a_grid_is_refused() -> None:
    assert "not coded by HEVC" in refusal(
        grid((64, 64), (1, 1), (64, 64), targets=[1]), Format.HEIC
    )


@pytest.mark.parametrize("kind", [b"unci", b"av01", b"jpeg", b"iden", b"iovl"])
def test_other_pictures_are_not_accepted(kind: bytes) -> None:
    with pytest.raises(UnsupportedFormatError, match="This kind of HEIC is not accepted"):
        screened(single(SIZE).replace(b"hvc1", kind), Format.HEIC)


def test_a_cut_file_is_incomplete() -> None:
    assert refusal(STILL[:-10], Format.HEIC) == incomplete(Format.HEIC)


@pytest.mark.parametrize("length_bytes", [1, 2, 4])
def test_units_of_one_picture_are_kept_and_nothing_else(length_bytes: int) -> None:
    several = [
        unit(kind, first=first, length_bytes=length_bytes)
        for kind, first in ((33, True), (OTHER, True), (SLICE, True), (SLICE, False), (KEPT, True))
    ]
    kept = list(picture_units(memoryview(b"".join(several)), length_bytes))
    assert [unit_type(each) for each in kept] == [SLICE, SLICE]


@pytest.mark.parametrize(
    "sample",
    [
        b"",
        b"\0\0",
        unit(SLICE)[:-1],
        unit(OTHER),
        unit(SLICE, first=False),
        b"\0\0\0\2\x28\1" + unit(SLICE),
        b"\xff\xff\xff\xff" + unit(SLICE),
        unit(OTHER) * 5000,
    ],
)
def test_an_item_without_a_picture_is_damage(sample: bytes) -> None:
    with pytest.raises(ValueError, match=r"unit does not lie in its item|no picture, or too many"):
        list(picture_units(memoryview(sample), 4))
    assert refusal(configured(parameter_set(*SIZE), data=sample or b"\0"), Format.HEIC)


@pytest.mark.parametrize("units", [(), (b"",), (b"\x42\1",), (b"\x42\1" + bytes(99),)])
def test_parameter_sets_that_say_nothing_are_damage(units: tuple[bytes, ...]) -> None:
    with pytest.raises(DamagedImageError):
        screened(configured(*units), Format.HEIC)


def test_a_unit_among_others_that_is_no_parameter_set_is_left_out() -> None:
    note = bytes((OTHER << 1, 1, 4, 9))
    (tile,) = read_picture(memoryview(configured(parameter_set(*SIZE), note))).color.tiles
    assert len(tile.configuration.sets) == 1
