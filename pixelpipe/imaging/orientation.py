"""The eight EXIF orientations (EXIF 2.32, tag 0x0112)."""

import cv2
import numpy as np

from pixelpipe.imaging.pixels import Pixels

UPRIGHT = 1
SIDEWAYS = frozenset({5, 6, 7, 8})

# After the transposition of a sideways picture: 1 mirrors left to right, 0 top to bottom, -1 both.
_FLIPS = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}


def turn_upright(stored: Pixels, orientation: int, out: Pixels) -> None:
    """Write stored pixels upright into `out`.

    Args:
        stored: Pixels as stored.
        orientation: 1 to 8.
        out: C-contiguous and of the upright shape: OpenCV then writes there and not elsewhere.
    """
    turned = cv2.transpose(stored, dst=out) if orientation in SIDEWAYS else stored
    if orientation in _FLIPS:
        cv2.flip(turned, _FLIPS[orientation], dst=out)
    elif turned is stored:
        np.copyto(out, stored)
