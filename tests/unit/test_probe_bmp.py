import pytest

from pixelpipe.errors import DamagedImageError, UnsupportedFormatError
from tests.unit.probe_files import bmp, probed

BITFIELDS, ALPHA_BITFIELDS = 3, 6
COLOUR_MASKS, ALPHA_MASK = (0xFF0000, 0xFF00, 0xFF), 0xFF000000


@pytest.mark.parametrize("header_bytes", [12, 40, 52, 56, 64, 108, 124])
@pytest.mark.parametrize("bits", [1, 4, 8, 16, 24, 32])
def test_every_header_gives_the_size(header_bytes: int, bits: int) -> None:
    info = probed(bmp((60, 40), bits, header_bytes=header_bytes))
    assert (info.stored_width, info.stored_height, info.channels) == (60, 40, 3)
    assert info.bit_depth == (5 if bits == 16 else 8)


def test_a_negative_height_is_stored_from_the_top_down() -> None:
    assert probed(bmp((60, -40))).stored_height == 40


@pytest.mark.parametrize(
    ("header_bytes", "alpha", "channels"),
    [
        (124, ALPHA_MASK, 4),
        (108, ALPHA_MASK, 4),
        (56, ALPHA_MASK, 4),
        (108, 0, 3),
        (52, 0, 3),
        (40, 0, 3),
    ],
)
def test_alpha_needs_a_mask(header_bytes: int, alpha: int, channels: int) -> None:
    masks = (*COLOUR_MASKS, alpha)
    data = bmp((60, 40), 32, header_bytes=header_bytes, compression=BITFIELDS, masks=masks)
    assert probed(data).channels == channels


@pytest.mark.parametrize(
    ("bits", "compression", "mask", "channels"),
    [(32, 0, ALPHA_MASK, 3), (16, BITFIELDS, ALPHA_MASK, 3), (16, BITFIELDS, 0x8000, 4)],
)
def test_a_mask_counts_only_in_bit_fields_and_for_bits_that_there_are(
    bits: int, compression: int, mask: int, channels: int
) -> None:
    masks = (*COLOUR_MASKS, mask)
    data = bmp((60, 40), bits, header_bytes=124, compression=compression, masks=masks)
    assert probed(data).channels == channels


@pytest.mark.parametrize("compression", [4, 5, ALPHA_BITFIELDS])
def test_other_compressions_are_not_accepted(compression: int) -> None:
    with pytest.raises(UnsupportedFormatError, match=f"BMP of compression {compression}"):
        probed(bmp((60, 40), 32, compression=compression))


@pytest.mark.parametrize("bits", [0, 2, 7, 64])
def test_other_depths_are_damage(bits: int) -> None:
    with pytest.raises(DamagedImageError, match=f"with {bits} bits per pixel"):
        probed(bmp((60, 40), bits))


def test_a_negative_width_is_damage() -> None:
    with pytest.raises(DamagedImageError, match="width of -60 px"):
        probed(bmp((-60, 40)))


@pytest.mark.parametrize("header_bytes", [0, 16, 39])
def test_other_headers_are_damage(header_bytes: int) -> None:
    data = bytearray(bmp((60, 40)))
    data[14] = header_bytes
    with pytest.raises(DamagedImageError, match=f"header is {header_bytes} bytes"):
        probed(bytes(data))
