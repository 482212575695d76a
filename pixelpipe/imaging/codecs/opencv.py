"""OpenCV's codecs, their answers made errors."""

import cv2
from cv2.typing import MatLike

from pixelpipe.formats.registry import Format
from pixelpipe.formats.screens.fault import incomplete
from pixelpipe.imaging.pixels import Pixels


def decoded(data: Pixels, source: Format, flags: int = cv2.IMREAD_UNCHANGED) -> MatLike:
    """The samples as OpenCV has them: 8 or 16 bits, blue first.

    Raises:
        DamagedImageError: It refuses the data.
    """
    try:
        samples: MatLike | None = cv2.imdecode(data, flags)
    except cv2.error as refusal:
        if refusal.code == cv2.Error.StsNoMem:
            raise
        raise incomplete(source) from refusal
    if samples is None:
        raise incomplete(source)
    return samples
