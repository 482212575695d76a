"""What the encoders share: the type of what they return, and the call of OpenCV."""

from collections.abc import Sequence

import cv2
import numpy as np

from pixelpipe.errors import InternalError
from pixelpipe.formats.registry import FORMATS, Format
from pixelpipe.imaging.pixels import Pixels, as_pixels

# A file's bytes; as an array, 1-D.
Encoded = bytes | Pixels


def opencv(
    target: Format,
    pixels: Pixels,
    parameters: Sequence[int],
    blocks: dict[int, bytes] | None = None,
) -> Encoded:
    """Encode by OpenCV.

    Args:
        target: The format.
        pixels: What it can hold.
        parameters: Names and values in turn, as `cv2.imencode` takes them.
        blocks: Metadata by `cv2.IMAGE_METADATA_*`.

    Raises:
        InternalError: The codec refuses the pixels.
    """
    extension = FORMATS[target].extension
    try:
        if blocks:
            values = [np.frombuffer(block, np.uint8) for block in blocks.values()]
            encoded, content = cv2.imencodeWithMetadata(
                extension, pixels, list(blocks), values, parameters
            )
        else:
            encoded, content = cv2.imencode(extension, pixels, parameters)
    except cv2.error as refusal:
        if refusal.code == cv2.Error.StsNoMem:
            raise
        raise refused(target) from refusal
    if not encoded:
        raise refused(target)
    return as_pixels(content)


def refused(target: Format) -> InternalError:
    """The error for pixels that a codec does not take."""
    return InternalError(f"The finished picture could not be encoded as {target}.")
