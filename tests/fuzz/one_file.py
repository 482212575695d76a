"""One spoiled file through everything that a worker does with it before its variants are made."""

from random import Random

import numpy as np

from pixelpipe.config import Settings
from pixelpipe.errors import PixelPipeError
from pixelpipe.formats.probe import probe
from pixelpipe.imaging.decode import decode
from pixelpipe.imaging.source import frames_of
from pixelpipe.recipes.plan import plan
from pixelpipe.recipes.spec import Spec
from tests.fuzz.mutations import mutated

_SETTINGS = Settings.model_construct(max_pixels=1_000_000, max_side_px=4096)
_SPECS = (Spec.model_validate({"name": "same"}),)
_MAX_FRAMES = 100


def decoded(random: Random) -> bool:
    """Whether it is a picture after all.

    Raises:
        Exception: An error that is not one of PixelPipe's; a defect.
    """
    data = mutated(random)
    try:
        source = probe(memoryview(data), max_pixels=1_000_000, max_side_px=4096)
        wanted = plan(source, _SPECS, _SETTINGS).decode
        out = frames_of(np.empty(wanted.frame_bytes, np.uint8), wanted)
        decode(
            np.frombuffer(data, np.uint8),
            wanted,
            out,
            before_codec=lambda: None,
            max_frames=_MAX_FRAMES,
        )
    except PixelPipeError:
        return False
    return True
