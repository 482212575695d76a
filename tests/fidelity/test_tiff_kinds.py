"""TIFF of every kind of samples: alpha, depths, palettes, ink; most are known sample by sample."""

import io

import cv2
import numpy as np
import pytest
import pyvips
from PIL import Image, ImageCms

from pixelpipe.imaging.pixels import Pixels
from tests.fidelity import tiff_writer as w
from tests.fidelity.files import decoded, plan_for
from tests.fidelity.input_kinds import alpha, color, gray
from tests.fidelity.tiff_writer import Stored, tiff
from tests.unit.probe_files import probed

RGB = np.ascontiguousarray(color()[..., ::-1])
RGBA = np.dstack([RGB, alpha()])
COMPRESSIONS = (w.NONE, w.DEFLATE, w.PACK_BITS)
COLOUR_MAP_TAG, SUBSAMPLING_TAG = 320, 530


def shown(content: bytes) -> Pixels:
    """Decoded by what the probe says."""
    info = probed(content)
    stored = (info.stored_height, info.stored_width)
    return decoded(content, plan_for(info.format, stored, info.channels))


def deep(pixels: Pixels) -> Stored:
    return pixels.astype(np.uint16) * 257


def multiplied(pixels: Stored) -> Stored:
    """Colours multiplied by alpha, as associated alpha has them."""
    white = np.iinfo(pixels.dtype).max
    colours = np.rint(pixels[..., :-1] * (pixels[..., -1:] / white)).astype(pixels.dtype)
    return np.dstack([colours, pixels[..., -1]])


def bgra(rgba: Pixels) -> Pixels:
    return rgba[..., [2, 1, 0, 3]]


def farthest(made: Pixels, wanted: Pixels, *, above: int) -> int:
    """Levels by which colours differ where alpha is over a level; alpha has to be the same."""
    assert (made[..., 3] == wanted[..., 3]).all()
    seen = wanted[..., 3] > above
    return int(np.abs(made[seen].astype(int) - wanted[seen]).max())


def _kind(stored: Stored) -> str:
    return f"{stored.dtype}{stored.shape}"


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("planes", [False, True])
@pytest.mark.parametrize("extra", [(), (w.UNASSOCIATED,)])
def test_straight_alpha_loses_nothing(
    extra: tuple[int, ...], compression: int, *, planes: bool
) -> None:
    """Also where the file does not say what its fourth sample is."""
    content = tiff(RGBA, w.RGB, extra=extra, compression=compression, planes=planes, rows=7)
    assert (shown(content) == bgra(RGBA)).all()


@pytest.mark.parametrize("extra", [(), (w.UNASSOCIATED,)])
def test_straight_alpha_of_16_bits(extra: tuple[int, ...]) -> None:
    assert (shown(tiff(deep(RGBA), w.RGB, extra=extra)) == bgra(RGBA)).all()


@pytest.mark.parametrize("stored", [RGBA, deep(RGBA)], ids=["8 bits", "16 bits"])
def test_associated_alpha_is_divided_out(stored: Stored) -> None:
    made = shown(tiff(multiplied(stored), w.RGB, extra=(w.ASSOCIATED,)))
    assert farthest(made, bgra(RGBA), above=127) <= (2 if stored.dtype == np.uint8 else 1)


def test_libvips_divides_associated_alpha_the_same_way() -> None:
    content = tiff(multiplied(RGBA), w.RGB, extra=(w.ASSOCIATED,))
    by_vips = pyvips.Image.new_from_buffer(content, "").numpy()
    assert farthest(shown(content), bgra(by_vips), above=0) <= 1


@pytest.mark.parametrize("stored", [RGBA, deep(RGBA)], ids=["8 bits", "16 bits"])
def test_a_fourth_sample_that_is_something_else_is_dropped(stored: Stored) -> None:
    assert (shown(tiff(stored, w.RGB, extra=(0,))) == color()).all()


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_gray_keeps_its_alpha(compression: int) -> None:
    stored = np.dstack([gray(), alpha()])
    content = tiff(stored, w.BLACK_IS_ZERO, extra=(w.UNASSOCIATED,), compression=compression)
    assert (shown(content) == np.dstack([gray(), gray(), gray(), alpha()])).all()


def test_associated_alpha_of_gray_is_divided_out() -> None:
    stored = multiplied(np.dstack([gray(), alpha()]))
    made = shown(tiff(stored, w.BLACK_IS_ZERO, extra=(w.ASSOCIATED,)))
    assert farthest(made, np.dstack([gray(), gray(), gray(), alpha()]), above=127) <= 2


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("photometric", [w.WHITE_IS_ZERO, w.BLACK_IS_ZERO])
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_gray_of_every_depth(bits: int, photometric: int, compression: int) -> None:
    levels = gray().astype(np.uint16) * 257 >> 16 - bits
    white = (1 << bits) - 1
    turned = white - levels if photometric == w.WHITE_IS_ZERO else levels
    stored: Stored = turned.astype(np.uint16 if bits == 16 else np.uint8)
    content = tiff(stored, photometric, bits=bits, compression=compression, rows=9)
    assert (shown(content) == np.rint(levels * (255 / white))).all()


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_palettes_of_every_size(bits: int, compression: int) -> None:
    colours = np.random.default_rng(4).integers(0, 256, (1 << bits, 3), np.uint8)
    table = (colours.T.astype(np.uint16) * 257).ravel().tolist()
    numbers = gray() >> 8 - bits
    more = {COLOUR_MAP_TAG: (3, table)}
    content = tiff(
        numbers.astype(np.uint8), w.PALETTE, bits=bits, compression=compression, more=more
    )
    assert (shown(content) == colours[numbers][..., ::-1]).all()


@pytest.mark.parametrize("stored", [RGB, deep(RGB)], ids=["8 bits", "16 bits"])
@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_ink_without_a_profile_is_what_is_left_of_the_paper(
    stored: Stored, compression: int
) -> None:
    white = np.iinfo(stored.dtype).max
    black = np.full(stored.shape[:2], white // 5, stored.dtype)
    ink = np.dstack([white - stored, black])
    made = shown(tiff(ink, w.CMYK, compression=compression))
    assert np.abs(made - color() * 0.8).max() <= 1


@pytest.mark.parametrize("tile", [(16, 16), (48, 16), (16, 32), (64, 64)])
@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("stored", [gray(), RGB, RGBA, deep(gray()), deep(RGB)], ids=_kind)
def test_tiles(stored: Stored, compression: int, tile: tuple[int, int]) -> None:
    """OpenCV refuses those that are neither compressed nor whole kilobytes."""
    photometric = w.BLACK_IS_ZERO if stored.ndim == 2 else w.RGB
    made = shown(tiff(stored, photometric, compression=compression, tile=tile))
    plain = shown(tiff(stored, photometric))
    assert (made == plain).all()


@pytest.mark.parametrize("tile", [(32, 16), (16, 64), (128, 128)])
@pytest.mark.parametrize("predictor", [1, 2])
def test_tiles_and_differences_of_16_bits(predictor: int, tile: tuple[int, int]) -> None:
    stored = deep(RGB)
    stored[::3] += 100
    content = tiff(stored, w.RGB, compression=w.DEFLATE, predictor=predictor, tile=tile)
    assert np.abs(shown(content) - stored[..., ::-1] / 257).max() <= 0.5


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_luma_and_chroma(compression: int) -> None:
    stored = cv2.cvtColor(color(), cv2.COLOR_BGR2YCrCb)[..., [0, 2, 1]].astype(np.uint8)
    more = {SUBSAMPLING_TAG: (3, (1, 1))}
    made = shown(tiff(stored, w.YCBCR, compression=compression, more=more))
    assert np.abs(made.astype(int) - color()).max() <= 2


def test_lab_is_white_where_its_white_is() -> None:
    """It is that of D50, and a gray of it is a gray on every screen."""
    file = io.BytesIO()
    Image.new("LAB", (16, 16), (178, 128, 128)).save(file, "TIFF")
    levels = shown(file.getvalue())[0, 0, :3].astype(int)
    assert np.abs(levels - 171).max() <= 1


def test_lab_shows_what_littlecms_does() -> None:
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    colours = Image.fromarray(np.ascontiguousarray(RGBA[..., 2::-1]).astype(np.uint8))
    picture = ImageCms.profileToProfile(colours, srgb, lab, outputMode="LAB")
    assert picture is not None
    file = io.BytesIO()
    picture.save(file, "TIFF")
    back = ImageCms.profileToProfile(
        picture, lab, srgb, ImageCms.Intent.RELATIVE_COLORIMETRIC, outputMode="RGB"
    )
    assert back is not None
    assert np.abs(shown(file.getvalue())[..., 2::-1].astype(int) - np.asarray(back)).max() <= 1
