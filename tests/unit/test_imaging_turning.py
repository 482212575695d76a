"""Turning, against Pillow's."""

import numpy as np
import pytest
from PIL import Image, ImageOps

from pixelpipe.imaging.operations.turning import turned
from tests.fidelity.pictures import noise

ORIENTATION_TAG = 0x0112


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("kind", [1, 3, 4])
def test_it_undoes_an_orientation(turn: int, kind: int) -> None:
    pixels = noise(9, 14, kind)
    image = Image.fromarray(pixels)
    image.getexif()[ORIENTATION_TAG] = turn
    assert (turned(pixels, turn) == np.asarray(ImageOps.exif_transpose(image))).all()
