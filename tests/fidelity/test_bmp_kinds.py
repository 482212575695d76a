"""BMP of every kind of pixels."""

import cv2
import numpy as np
import pytest

from pixelpipe.imaging.pixels import Pixels
from tests.fidelity import bmp_writer as w
from tests.fidelity.bmp_writer import bmp, rows, spread, words
from tests.fidelity.files import decoded, plan_for
from tests.fidelity.input_kinds import HEIGHT, WIDTH, alpha, color
from tests.unit.probe_files import probed

SIZE = WIDTH, HEIGHT
LONG_HEADERS = (w.INFO, w.V2, w.V3, w.V4, w.V5)
ARGB4444 = (0xF00, 0xF0, 0xF, 0xF000)
ARGB1555 = (*w.RGB555, 0x8000)
BGRA = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
PALETTE = np.random.default_rng(1).integers(0, 256, (256, 4), np.uint8)


def shown(content: bytes) -> Pixels:
    """Decoded by what the probe says."""
    info = probed(content)
    stored = (info.stored_height, info.stored_width)
    return decoded(content, plan_for(info.format, stored, info.channels))


def through(masks: tuple[int, ...]) -> Pixels:
    """The picture with as many levels as the masks have; alpha too, if they have one for it."""
    planes = [*cv2.split(color()), alpha()]
    order = (*reversed(masks[:3]), *masks[3:])
    return np.dstack([spread(plane, mask) for plane, mask in zip(planes, order, strict=False)])


@pytest.mark.parametrize("header_bytes", LONG_HEADERS)
@pytest.mark.parametrize("masks", [w.RGB555, w.RGB565])
def test_16_bits_by_masks(masks: tuple[int, ...], header_bytes: int) -> None:
    content = bmp(SIZE, 16, rows(words(color(), masks), 16), masks=masks, header_bytes=header_bytes)
    assert (shown(content) == through(masks)).all()


@pytest.mark.parametrize("header_bytes", [w.CORE, *LONG_HEADERS])
def test_16_bits_without_masks_are_five_of_each_colour(header_bytes: int) -> None:
    content = bmp(SIZE, 16, rows(words(color(), w.RGB555), 16), header_bytes=header_bytes)
    assert (shown(content) == through(w.RGB555)).all()


@pytest.mark.parametrize("masks", [ARGB4444, ARGB1555])
def test_16_bits_with_alpha(masks: tuple[int, ...]) -> None:
    pixels = rows(words(color(), masks, alpha()), 16)
    content = bmp(SIZE, 16, pixels, masks=masks, header_bytes=w.V4)
    assert (shown(content) == through(masks)).all()


def test_16_bits_from_the_top_down() -> None:
    pixels = rows(words(color()[::-1], w.RGB565), 16)
    content = bmp((WIDTH, -HEIGHT), 16, pixels, masks=w.RGB565)
    assert (shown(content) == through(w.RGB565)).all()


def test_a_width_that_does_not_fill_its_rows() -> None:
    pixels = rows(words(color()[:, :13], w.RGB565), 16)
    content = bmp((13, HEIGHT), 16, pixels, masks=w.RGB565)
    assert (shown(content) == through(w.RGB565)[:, :13]).all()


@pytest.mark.parametrize("masks", [(0, 0, 0), (0xFFFF, 0xFFFF, 0xFFFF), (0xA5A5, 1, 0x8000)])
def test_masks_that_nobody_has_do_no_harm(masks: tuple[int, ...]) -> None:
    pixels = rows(words(color(), w.RGB565), 16)
    assert shown(bmp(SIZE, 16, pixels, masks=masks)).shape == (HEIGHT, WIDTH, 3)


@pytest.mark.parametrize("header_bytes", [w.V3, w.V4, w.V5])
@pytest.mark.parametrize(
    "masks", [BGRA, (0xFF, 0xFF00, 0xFF0000, 0xFF000000), (0xFF000000, 0xFF0000, 0xFF00, 0xFF)]
)
def test_32_bits_with_alpha(masks: tuple[int, ...], header_bytes: int) -> None:
    pixels = rows(words(color(), masks, alpha()), 32)
    content = bmp(SIZE, 32, pixels, masks=masks, header_bytes=header_bytes)
    assert (shown(content) == np.dstack([color(), alpha()])).all()


@pytest.mark.parametrize("masks", [BGRA, ARGB4444])
def test_alpha_that_is_nowhere_is_everywhere(masks: tuple[int, ...]) -> None:
    bits = 32 if masks == BGRA else 16
    pixels = rows(words(color(), masks, np.zeros_like(alpha())), bits)
    made = shown(bmp(SIZE, bits, pixels, masks=masks, header_bytes=w.V5))
    assert (made[..., 3] == 255).all()
    assert (made[..., :3] == through(masks)[..., :3]).all()


@pytest.mark.parametrize("header_bytes", [w.INFO, w.V5])
def test_32_bits_without_a_mask_have_no_alpha(header_bytes: int) -> None:
    pixels = rows(words(color(), BGRA, alpha()), 32)
    assert (shown(bmp(SIZE, 32, pixels, header_bytes=header_bytes)) == color()).all()


@pytest.mark.parametrize("bits", [1, 4, 8])
def test_palettes(bits: int) -> None:
    numbers = color()[..., 1] >> 8 - bits
    content = bmp(SIZE, bits, rows(numbers, bits), palette=PALETTE[: 1 << bits])
    assert (shown(content) == PALETTE[numbers][..., :3]).all()


def test_runs_with_jumps_leave_the_first_colour() -> None:
    run = bytes((10, 7)) + w.JUMP + bytes((5, 2, 3, 9)) + w.END_OF_BITMAP
    numbers = np.zeros((30, 50), np.uint8)
    numbers[29, :10], numbers[27, 15:18] = 7, 9
    content = bmp((50, 30), 8, run, palette=PALETTE, runs=w.RLE8)
    assert (shown(content) == PALETTE[numbers][..., :3]).all()


def test_runs_of_4_bits() -> None:
    row = b"\0\x05\x12\x34\x50\0" + bytes((45, 0x77)) + w.END_OF_ROW
    numbers = np.full((30, 50), 7)
    numbers[:, :5] = (1, 2, 3, 4, 5)
    content = bmp((50, 30), 4, row * 30 + w.END_OF_BITMAP, palette=PALETTE[:16], runs=w.RLE4)
    assert (shown(content) == PALETTE[numbers][..., :3]).all()
