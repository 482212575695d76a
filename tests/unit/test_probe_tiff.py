import struct

import pytest

from pixelpipe.errors import DamagedImageError, UnsupportedFormatError
from tests.unit.probe_files import probed, tiff

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, MASK, CMYK, YCBCR, CIELAB = 0, 1, 2, 3, 4, 5, 6, 8
GRAY_BITS = (1, 2, 4, 8, 16)
Tags = dict[int, int | tuple[int, ...]]


def tags(photometric: int, samples: int, bits: int, **more: int) -> Tags:
    names = {"extra": 338, "orientation": 274, "sample_format": 339}
    own: Tags = {256: 60, 257: 40, 258: (bits,) * samples, 262: photometric, 277: samples}
    return own | {names[name]: value for name, value in more.items()}


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("photometric", "samples", "bits", "channels"),
    [
        *((kind, 1, bits, 1) for kind in (WHITE_IS_ZERO, BLACK_IS_ZERO) for bits in GRAY_BITS),
        (BLACK_IS_ZERO, 2, 8, 1),
        (RGB, 3, 8, 3),
        (RGB, 3, 16, 3),
        (RGB, 4, 8, 4),
        (RGB, 4, 16, 4),
        (CMYK, 4, 8, 3),
        (CMYK, 4, 16, 3),
        (YCBCR, 3, 8, 3),
        (CIELAB, 3, 8, 3),
    ],
)
def test_channels_and_depth(
    photometric: int, samples: int, bits: int, channels: int, order: str
) -> None:
    info = probed(tiff(tags(photometric, samples, bits), order))
    assert (info.stored_width, info.stored_height) == (60, 40)
    assert (info.channels, info.bit_depth) == (channels, bits)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_a_palette_is_8_bit_colour(bits: int) -> None:
    info = probed(tiff(tags(PALETTE, 1, bits)))
    assert (info.channels, info.bit_depth) == (3, 8)


@pytest.mark.parametrize(("extra", "channels"), [(0, 3), (1, 4), (2, 4)])
def test_a_fourth_sample_is_alpha_where_it_says_so(extra: int, channels: int) -> None:
    assert probed(tiff(tags(RGB, 4, 8, extra=extra))).channels == channels


@pytest.mark.parametrize(("extra", "channels"), [(0, 1), (1, 4), (2, 4)])
def test_a_second_sample_beside_gray_is_alpha_where_it_says_so(extra: int, channels: int) -> None:
    assert probed(tiff(tags(BLACK_IS_ZERO, 2, 8, extra=extra))).channels == channels


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(orientation: int, order: str) -> None:
    assert probed(tiff(tags(RGB, 3, 8, orientation=orientation), order)).orientation == orientation


@pytest.mark.parametrize("compression", [1, 2, 3, 4, 5, 7, 8, 32773, 32946])
def test_usual_compressions_are_accepted(compression: int) -> None:
    assert probed(tiff({**tags(RGB, 3, 8), 259: compression})).channels == 3


@pytest.mark.parametrize("compression", [0, 6, 32809, 34661, 34676, 34925, 50000, 50001])
def test_other_compressions_are_not(compression: int) -> None:
    with pytest.raises(UnsupportedFormatError, match=f"compression {compression} is not accepted"):
        probed(tiff({**tags(RGB, 3, 8), 259: compression}))


@pytest.mark.parametrize("orientation", [0, 9])
def test_an_orientation_that_does_not_exist_is_upright(orientation: int) -> None:
    assert probed(tiff(tags(RGB, 3, 8, orientation=orientation))).orientation == 1


def test_one_bit_is_the_default() -> None:
    assert probed(tiff({256: 60, 257: 40, 262: 0})).bit_depth == 1


def test_directory_at_the_end_of_the_file() -> None:
    assert probed(tiff(tags(RGB, 3, 8), directory_at=100_000)).channels == 3


def test_sizes_may_be_bytes_and_longs() -> None:
    entries = ((256, 4, 60), (257, 1, 40), (258, 3, 8), (262, 3, BLACK_IS_ZERO))
    packed = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    info = probed(b"II*\0" + struct.pack("<IH", 8, len(entries)) + packed)
    assert (info.stored_width, info.stored_height) == (60, 40)


@pytest.mark.parametrize(
    ("unread", "named"),
    [
        (tags(RGB, 3, 32), "32 bits per sample is not accepted; 8 or 16 are"),
        (tags(BLACK_IS_ZERO, 1, 12), "12 bits per sample"),
        (tags(BLACK_IS_ZERO, 2, 4), "several samples of less than 8 bits"),
        (tags(BLACK_IS_ZERO, 2, 16, extra=2), "gray with alpha in 16 bits"),
        (tags(BLACK_IS_ZERO, 1, 16, sample_format=3), "floating point samples"),
        (tags(MASK, 1, 1), "photometric interpretation 4"),
        (tags(RGB, 5, 8), "up to 4 are"),
    ],
)
def test_samples_that_are_not_read_are_refused(unread: Tags, named: str) -> None:
    with pytest.raises(UnsupportedFormatError, match=named):
        probed(tiff(unread))


def test_deep_samples_in_separate_planes_are_refused() -> None:
    """OpenCV would fill such a picture with what was in memory before."""
    assert probed(tiff({**tags(RGB, 3, 8), 284: 2})).channels == 3
    assert probed(tiff({**tags(BLACK_IS_ZERO, 1, 16), 284: 2})).channels == 1
    with pytest.raises(UnsupportedFormatError, match="16 bits per sample in separate planes"):
        probed(tiff({**tags(RGB, 3, 16), 284: 2}))


@pytest.mark.parametrize("missing", [256, 257, 262])
def test_a_missing_tag_is_damage(missing: int) -> None:
    own = tags(RGB, 3, 8)
    del own[missing]
    with pytest.raises(DamagedImageError, match=f"no tag {missing}"):
        probed(tiff(own))


def test_a_directory_outside_the_file_is_damage() -> None:
    with pytest.raises(DamagedImageError, match="belong at offset 70000"):
        probed(b"II*\0" + struct.pack("<I", 70_000) + bytes(100))


def test_a_value_outside_the_file_is_damage() -> None:
    whole = bytearray(tiff(tags(RGB, 3, 8)))
    struct.pack_into("<I", whole, whole.index(struct.pack("<HHI", 258, 3, 3)) + 8, 1 << 31)
    with pytest.raises(DamagedImageError, match=f"belong at offset {1 << 31}"):
        probed(bytes(whole))
