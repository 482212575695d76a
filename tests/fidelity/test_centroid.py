"""Where things lie after resizing: a twentieth of a pixel off would be too much."""

import io
from functools import cache

import numpy as np
import pytest
from PIL import Image

from pixelpipe.formats.registry import Format
from pixelpipe.imaging.picture import Picture
from pixelpipe.imaging.pixels import Pixels
from pixelpipe.imaging.resampling.resize import resize
from pixelpipe.recipes.task import Kernel, Rect
from tests.fidelity.files import decoded, plan_for
from tests.fidelity.pictures import picture_of, read_only

WIDTH, HEIGHT = 407, 309
SPOT = (181.3, 140.8)
SCALES = (0.06, 0.11, 0.13, 0.19, 0.27, 0.33, 0.38, 0.45, 0.51, 0.58, 0.66, 0.74, 0.85, 1.4, 2.3)
# None begins or ends at a multiple of 2, but for the whole.
REGIONS = (Rect(0, 0, WIDTH, HEIGHT), Rect(13, 7, 381, 285), Rect(31, 25, 303, 231))
LIMIT_PX = 0.05


@cache
def spot(scale: float = 1) -> Pixels:
    """A soft spot on black, in the middle of no pixel, and of some pixels in the target."""
    sigma = max(12, 1.5 / scale)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH] + 0.5
    square = (x - SPOT[0]) ** 2 + (y - SPOT[1]) ** 2
    return read_only(np.rint(250 * np.exp(-square / 2 / sigma**2)).astype(np.uint8))


def shift(made: Pixels, region: Rect) -> float:
    """How far the spot is from where it should be, in pixels of the target."""
    height, width = made.shape[:2]
    light = made.astype(np.float64)
    wanted = (
        (SPOT[0] - region.x) * width / region.width,
        (SPOT[1] - region.y) * height / region.height,
    )
    found = (
        (light.sum(axis=0) @ (np.arange(width) + 0.5)) / light.sum(),
        (light.sum(axis=1) @ (np.arange(height) + 0.5)) / light.sum(),
    )
    return float(np.abs(np.subtract(found, wanted)).max())


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("kernel", Kernel)
def test_nothing_is_shifted(kernel: Kernel, scale: float, region: Rect) -> None:
    for linear in (False, True):
        width, height = round(region.width * scale), round(region.height * scale)
        picture = picture_of(spot(scale))
        made = resize(picture, region, width, height, kernel=kernel, linear=linear)
        # Of light the spot is another, but as round.
        assert shift(made, region) < LIMIT_PX


@pytest.mark.parametrize(("across", "down"), [(0.2, 0.7), (0.8, 0.31), (1.5, 0.4), (0.5, 0.125)])
def test_nothing_is_shifted_where_sides_differ(across: float, down: float) -> None:
    for region in REGIONS:
        size = (round(region.width * across), round(region.height * down))
        picture = picture_of(spot(min(across, down)))
        assert shift(resize(picture, region, *size), region) < LIMIT_PX


@pytest.mark.parametrize("reduction", [2, 4, 8])
@pytest.mark.parametrize("left", [1.05, 1.3, 1.7, 2.2, 3.3])
def test_nothing_is_shifted_after_a_reduced_decode_of_odd_size(reduction: int, left: float) -> None:
    content = io.BytesIO()
    Image.fromarray(spot(1 / reduction / left)).save(content, "JPEG", quality=95)
    plan = plan_for(Format.JPEG, (HEIGHT, WIDTH), 1, 1, reduction)
    picture = Picture(read_only(decoded(content.getvalue(), plan)), plan)
    for region in REGIONS:
        width = round(region.width / reduction / left)
        height = round(region.height / reduction / left)
        assert shift(resize(picture, region, width, height), region) < LIMIT_PX


def test_the_measure_sees_a_shift() -> None:
    assert shift(spot()[:, 1:], Rect(0, 0, WIDTH - 1, HEIGHT)) > 0.9
