"""Aliasing, seen on a zone plate: rings that are too fine for the target have to become gray."""

import numpy as np
import pytest

from pixelpipe.imaging.pixels import Pixels
from pixelpipe.imaging.resampling.resize import resize
from pixelpipe.recipes.task import Kernel, Rect
from tests.fidelity.pictures import picture_of, zone_plate
from tests.fidelity.references import area

SHRINKING = (0.05, 0.07, 0.1, 0.13, 0.17, 0.2, 0.25, 0.3, 0.33, 0.34, 0.36, 0.4, 0.44, 0.49)
BARELY_SHRINKING = (0.5, 0.51, 0.53, 0.57, 0.6, 0.63)
GRAY = 127.5


def too_fine(made: Pixels, side_px: int) -> float:
    """RMS of what lies 1.5 times beyond what the target can hold; no ring of it should be seen."""
    target = made.shape[0]
    at = (np.arange(target) + 0.5) * side_px / target - side_px / 2
    radius = np.hypot(at[:, None], at) / (side_px / 2)
    # At the rim the rings have half a cycle by pixel.
    beyond = (radius / 2 > 1.5 * target / side_px / 2) & (radius < 0.98)
    return float(np.sqrt(np.mean((made[beyond] - GRAY) ** 2)))


@pytest.mark.parametrize("side_px", [1000, 1001])
@pytest.mark.parametrize("scale", [*SHRINKING, *BARELY_SHRINKING])
def test_no_more_is_left_than_by_area_means(scale: float, side_px: int) -> None:
    pixels = zone_plate(side_px)
    asked = (Rect(0, 0, side_px, side_px), round(side_px * scale), round(side_px * scale))
    by_area = too_fine(area(pixels, *asked), side_px)
    assert too_fine(resize(picture_of(pixels), *asked), side_px) <= 1.5 * by_area
    lanczos3 = resize(picture_of(pixels), *asked, kernel=Kernel.LANCZOS3)
    assert too_fine(lanczos3, side_px) <= 0.5 * by_area


@pytest.mark.parametrize("kernel", Kernel)
@pytest.mark.parametrize("scale", [0.2, 0.34, 0.49, 0.6])
def test_what_the_target_can_hold_is_kept(scale: float, kernel: Kernel) -> None:
    pixels = zone_plate(601)
    target = round(601 * scale)
    resized = resize(picture_of(pixels), Rect(0, 0, 601, 601), target, target, kernel=kernel)
    at = (np.arange(target) + 0.5) / scale - 300.5
    radius = np.hypot(at[:, None], at) / 300.5
    held = (radius < 0.6 * scale) & (radius > 0.1 * scale)
    # Rings from black to white have an RMS of 90.
    assert np.sqrt(np.mean((resized[held] - GRAY) ** 2)) > 75


def test_the_measure_sees_aliasing() -> None:
    pixels = zone_plate(601)
    assert too_fine(pixels[::3, ::3], 601) > 50
