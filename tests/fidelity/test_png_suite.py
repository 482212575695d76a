"""Every kind of PNG: decoded to what a browser shows, and to what Pillow decodes."""

import io

import numpy as np
import pytest
from PIL import Image

from pixelpipe.formats.registry import Format
from pixelpipe.imaging.pixels import Pixels
from tests.fidelity.files import decoded, plan_for
from tests.fidelity.png_suite import DEPTHS, GRAY, Png, shown, suite, written
from tests.unit.probe_files import probed

SUITE = suite()
DEEP_BITS = 16


def ours(png: Png) -> Pixels:
    """Decoded by what the probe says, as BGRA."""
    content = written(png)
    info = probed(content)
    stored = (info.stored_height, info.stored_width)
    pixels = decoded(content, plan_for(Format.PNG, stored, info.channels))
    if info.channels == 4:
        return pixels
    opaque = np.full((*stored, 1), 255, np.uint8)
    return np.concatenate([np.broadcast_to(pixels.reshape(*stored, -1), (*stored, 3)), opaque], 2)


def by_pillow(png: Png) -> Pixels:
    picture: Image.Image = Image.open(io.BytesIO(written(png)))
    if picture.mode == "I;16":
        levels = np.rint(np.asarray(picture) / 257).astype(np.uint8)
        picture = Image.fromarray(levels)
    return np.asarray(picture.convert("RGBA"))[..., [2, 1, 0, 3]]


def pillow_is_wrong(png: Png) -> bool:
    """It compares the transparent level with levels of 8 bits, whatever the file's depth."""
    return png.transparent and png.depth != 8 and png.colour != 3


def test_the_suite_has_every_kind() -> None:
    kinds = {(png.colour, png.depth, png.interlaced) for png in SUITE}
    every = {(c, d, i) for c, depths in DEPTHS.items() for d in depths for i in (False, True)}
    assert kinds == every
    assert {side for png in SUITE for side in (png.width, png.height)} >= set(range(1, 41))


@pytest.mark.parametrize("png", SUITE, ids=str)
def test_it_decodes_to_what_a_browser_shows(png: Png) -> None:
    assert (ours(png) == shown(png)).all()


@pytest.mark.parametrize("png", [p for p in SUITE if not pillow_is_wrong(p)], ids=str)
def test_it_decodes_as_pillow_does(png: Png) -> None:
    # Of 16 bits Pillow takes the upper 8, but for gray.
    allowed = png.depth == DEEP_BITS and png.colour != GRAY
    assert np.abs(ours(png).astype(int) - by_pillow(png)).max() <= allowed


def test_nearly_the_clear_colour_is_opaque() -> None:
    """Both of 16 bits, and the same in their upper 8."""
    picture = Png(GRAY, DEEP_BITS, transparent=True)
    alpha = ours(picture)[..., 3]
    assert 0 < (alpha == 0).mean() < 1
