import struct

import pytest
from PIL import Image

from pixelpipe.errors import DamagedImageError
from pixelpipe.formats.registry import Format
from tests.modern_files import heic
from tests.unit.probe_files import ALPHA_URN, auxl, avif, box, full_box, ispe, pixi, probed

BRANDS = b"heic\0\0\0\0mif1heic"
SIZE = ispe(60, 40)
ALPHA = full_box(b"auxC", ALPHA_URN)
GAIN_MAP = full_box(b"auxC", b"urn:com:apple:photo:2020:aux:hdrgainmap\0")
COLOUR_AND_OTHER = {1: (1, 2), 2: (1, 3)}


def made(*properties: bytes, **options: object) -> bytes:
    return avif(*properties, brands=BRANDS, **options)  # type: ignore[arg-type]


def configuration(chroma: int, depth: int) -> bytes:
    return box(b"hvcC", bytes(16), bytes((0xFC | chroma, 0xF8 | depth - 8)), bytes(5))


def clap(width: float, height: float, right: float, down: float) -> bytes:
    """Halves, so that what is not whole can be said as well."""
    numbers = [round(2 * number) for number in (width, height, right, down)]
    return box(b"clap", *(struct.pack(">iI", number, 2) for number in numbers))


@pytest.mark.parametrize(("mode", "channels"), [("RGB", 3), ("L", 1), ("RGBA", 4), ("LA", 4)])
@pytest.mark.parametrize("size", [(64, 64), (121, 90), (300, 200)])
def test_what_an_encoder_writes(mode: str, channels: int, size: tuple[int, int]) -> None:
    info = probed(heic(Image.new(mode, size)))
    assert (info.format, info.stored_width, info.stored_height) == (Format.HEIC, *size)
    assert (info.channels, info.bit_depth, info.orientation) == (channels, 8, 1)


def test_a_grid() -> None:
    info = probed(heic(Image.new("RGB", (700, 300)), tile_size=256))
    assert (info.stored_width, info.stored_height, info.channels) == (700, 300, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_that_of_irot_and_imir(orientation: int) -> None:
    assert probed(heic(Image.new("RGB", (64, 128)), orientation)).orientation == orientation


@pytest.mark.parametrize(
    ("turn", "mirror", "orientation"), [(1, 0, 7), (1, 1, 5), (3, 0, 5), (3, 1, 7), (2, 0, 2)]
)
def test_a_mirror_before_the_rotation_is_done_before_it(
    turn: int, mirror: int, orientation: int
) -> None:
    properties = box(b"imir", bytes((mirror,))), box(b"irot", bytes((turn,)))
    assert probed(made(SIZE, *properties)).orientation == orientation


@pytest.mark.parametrize("brands", [b"mif1\0\0\0\0mif1heic", b"heix\0\0\0\0", b"msf1\0\0\0\0hevc"])
def test_brands_of_heic(brands: bytes) -> None:
    assert probed(avif(SIZE, brands=brands)).format == Format.HEIC


@pytest.mark.parametrize(("chroma", "channels"), [(0, 1), (1, 3), (3, 3)])
@pytest.mark.parametrize("depth", [8, 10, 12])
def test_without_pixel_information_the_configuration_counts(
    chroma: int, channels: int, depth: int
) -> None:
    info = probed(made(SIZE, configuration(chroma, depth)))
    assert (info.channels, info.bit_depth) == (channels, depth)


def test_a_gain_map_is_no_alpha() -> None:
    options = {"items": COLOUR_AND_OTHER, "references": auxl(2, 1)}
    assert probed(made(SIZE, pixi(8, 8, 8), GAIN_MAP, **options)).channels == 3
    assert probed(made(SIZE, pixi(8, 8, 8), ALPHA, **options)).channels == 4


def test_alpha_of_each_tile_is_alpha_of_the_whole() -> None:
    parts = box(b"dimg", struct.pack(">HHHH", 1, 2, 2, 3))
    of_both = [box(b"auxl", struct.pack(">HHH", *pair)) for pair in ((4, 1, 2), (5, 1, 3))]
    items = {1: (1,), 2: (1,), 3: (1,), 4: (2,), 5: (2,)}
    for found, channels in ((of_both, 4), (of_both[:1], 3)):
        references = full_box(b"iref", parts, *found)
        assert probed(made(SIZE, ALPHA, items=items, references=references)).channels == channels


@pytest.mark.parametrize(
    ("aperture", "size"),
    [
        (clap(50, 30, 0, 0), (50, 30)),
        (clap(59, 39, -0.5, 0.5), (59, 39)),
        (clap(20, 10, 20, -15), (20, 10)),
        (clap(50.5, 30, 0, 0), (60, 40)),
        (clap(59, 40, 0, 0), (60, 40)),
        (clap(50, 30, 6, 0), (60, 40)),
        (clap(70, 40, 0, 0), (60, 40)),
        (clap(0, 40, 0, 0), (60, 40)),
        (box(b"clap", bytes(32)), (60, 40)),
        (box(b"clap", bytes(3)), (60, 40)),
    ],
)
def test_an_aperture_on_whole_pixels_cuts_and_another_does_not(
    aperture: bytes, size: tuple[int, int]
) -> None:
    for brands in (BRANDS, b"avif\0\0\0\0mif1avif"):
        info = probed(avif(SIZE, aperture, brands=brands))
        assert (info.stored_width, info.stored_height) == size


def test_a_picture_is_cut_before_it_is_turned() -> None:
    info = probed(made(SIZE, clap(50, 30, 0, 0), box(b"irot", b"\1")))
    assert (info.stored_width, info.stored_height) == (50, 30)
    assert (info.width, info.height) == (30, 50)


@pytest.mark.parametrize("missing", [b"meta", b"pitm", b"iprp", b"ipco"])
def test_a_missing_box_is_damage(missing: bytes) -> None:
    with pytest.raises(DamagedImageError, match=f"The HEIC file.*no {missing.decode()} box"):
        probed(made(SIZE).replace(missing, b"free"))


def test_a_primary_item_without_size_is_damage() -> None:
    with pytest.raises(DamagedImageError, match="primary item has no size"):
        probed(made(pixi(8, 8, 8)))
