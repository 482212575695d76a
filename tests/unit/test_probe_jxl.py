import pytest
from PIL import Image

from pixelpipe.errors import DamagedImageError, UnsupportedFormatError
from tests.modern_files import jxl
from tests.unit.jxl_files import (
    ALPHA,
    ANIMATION,
    BLACK,
    DEPTHS,
    GRAY,
    PREMULTIPLIED,
    PROFILE,
    SRGB,
    TOO_DEEP,
    Fields,
    contained,
    header,
    in_parts,
)
from tests.unit.probe_files import box, probed

SIZES = [(1, 1), (5, 4), (512, 513), (8192, 200), (300, 9000)]


@pytest.mark.parametrize("size", SIZES)
def test_sizes_of_every_length(size: tuple[int, int]) -> None:
    info = probed(header(size))
    assert (info.stored_width, info.stored_height) == size
    assert (info.channels, info.bit_depth, info.orientation, info.frames) == (3, 8, 1, 1)


@pytest.mark.parametrize(
    "size", [*SIZES, (8, 8), (256, 256), (128, 64), (40, 30), (64, 36), (9, 6)]
)
@pytest.mark.parametrize(("mode", "channels"), [("RGB", 3), ("RGBA", 4), ("L", 1), ("LA", 4)])
def test_what_an_encoder_writes(size: tuple[int, int], mode: str, channels: int) -> None:
    """It abbreviates: sides in eighths, ratios, and headers of which all is as usual."""
    for lossless in (False, True):
        quality = 100 if lossless else 90
        picture = Image.new(mode, size)
        info = probed(jxl(picture, effort=1, lossless=lossless, quality=quality))
        assert (info.stored_width, info.stored_height) == size
        assert (info.channels, info.bit_depth) == (channels, 8)


@pytest.mark.parametrize("depth", DEPTHS)
def test_depths(depth: int) -> None:
    assert probed(header((5, 4), depth=depth)).bit_depth == depth


@pytest.mark.parametrize("depth", TOO_DEEP)
def test_samples_deeper_than_the_format_has_them_are_refused(depth: int) -> None:
    with pytest.raises(DamagedImageError, match=f"its samples have {depth} bits"):
        probed(header((5, 4), depth=depth))


@pytest.mark.parametrize(
    ("color", "extra", "channels"),
    [
        (SRGB, [], 3),
        (GRAY, [], 1),
        (PROFILE, [], 3),
        (SRGB, [ALPHA], 4),
        (GRAY, [PREMULTIPLIED], 4),
        (SRGB, [PREMULTIPLIED, ALPHA], 4),
    ],
)
def test_channels(color: Fields, extra: list[Fields], channels: int) -> None:
    assert probed(header((5, 4), color=color, extra=extra)).channels == channels


@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_is_upright_as_the_decoder_turns_it(orientation: int) -> None:
    info = probed(header((50, 40), orientation=orientation))
    assert info.orientation == 1
    assert (info.width, info.height) == ((40, 50) if orientation > 4 else (50, 40))


def test_an_animation_is_its_first_frame() -> None:
    info = probed(ANIMATION)
    assert (info.stored_width, info.stored_height, info.frames) == (60, 40, 1)


def test_a_preview_is_not_the_picture() -> None:
    assert probed(header((500, 400), preview=True)).stored_width == 500


@pytest.mark.parametrize("cuts", [(), (1,), (2, 3, 4), (5,)])
def test_a_codestream_in_parts(cuts: tuple[int, ...]) -> None:
    whole = header((300, 200), extra=[ALPHA])
    assert probed(in_parts(whole, *cuts)) == probed(whole)


def test_a_codestream_behind_other_boxes() -> None:
    whole = header((300, 200))
    data = contained(box(b"jxll", b"\x0a"), box(b"brob", b"Exif" + bytes(99)), box(b"jxlc", whole))
    assert probed(data) == probed(whole)


def test_inks_are_not_accepted() -> None:
    with pytest.raises(UnsupportedFormatError, match="A JPEG XL in CMYK is not accepted"):
        probed(header((5, 4), extra=[BLACK]))


def test_a_flood_of_channels_is_not_accepted() -> None:
    assert probed(header((5, 4), extra=[ALPHA] * 4)).channels == 4
    with pytest.raises(UnsupportedFormatError, match="of 5 channels beside colours is not"):
        probed(header((5, 4), extra=[ALPHA] * 5))


def test_a_header_that_ends_early_is_damage() -> None:
    whole = header((300, 200), orientation=5, depth=16, extra=[PREMULTIPLIED])
    for size in range(2, len(whole)):
        with pytest.raises(DamagedImageError, match="its header ends early"):
            probed(whole[:size])


@pytest.mark.parametrize(
    "data", [contained(), contained(box(b"Exif", bytes(9))), contained(box(b"jxlc", b"junk"))]
)
def test_a_container_of_nothing_is_damage(data: bytes) -> None:
    with pytest.raises(DamagedImageError, match="no codestream"):
        probed(data)
