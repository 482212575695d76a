"""Every kind of file that is read shows what it should."""

import numpy as np
import pytest

from pixelpipe.imaging.pixels import Pixels
from tests.fidelity.files import decoded, plan_for
from tests.fidelity.input_kinds import EXACT, KINDS, least_db, reference
from tests.fidelity.references import psnr
from tests.unit.probe_files import probed


def shown(name: str) -> Pixels:
    """Decoded by what the probe says, as BGRA."""
    content = KINDS[name]()
    info = probed(content)
    stored = (info.stored_height, info.stored_width)
    pixels = decoded(content, plan_for(info.format, stored, info.channels))
    if info.channels == 4:
        return pixels
    opaque = np.full((*stored, 1), 255, np.uint8)
    return np.concatenate([np.broadcast_to(pixels.reshape(*stored, -1), (*stored, 3)), opaque], 2)


@pytest.mark.parametrize("name", KINDS)
def test_it_shows_the_picture(name: str) -> None:
    made, wanted = shown(name), reference(name)
    assert made.shape == wanted.shape
    seen = wanted[..., 3] > 0
    if least_db(name) == EXACT:
        assert (made[..., 3] == wanted[..., 3]).all()
        assert (made[seen] == wanted[seen]).all()
    else:
        assert np.abs(made[..., 3].astype(int) - wanted[..., 3]).max() <= 6
        assert psnr(made[seen], wanted[seen]) >= least_db(name)
