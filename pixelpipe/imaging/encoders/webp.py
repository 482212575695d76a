"""WebP, lossy and lossless."""

import io

import cv2
from PIL import Image

from pixelpipe.formats.registry import Format
from pixelpipe.imaging.encoders.codec import Encoded, opencv, refused
from pixelpipe.imaging.pixels import BGR, BGRA, GRAY, Pixels, channels

_TO_RGB = {
    GRAY: (cv2.COLOR_GRAY2RGB, "RGB"),
    BGR: (cv2.COLOR_BGR2RGB, "RGB"),
    BGRA: (cv2.COLOR_BGRA2RGBA, "RGBA"),
}
# Half the time of OpenCV's, which has no choice; a photograph is as large, a drawing 2 % larger.
_METHOD, _EFFORT = 3, 30


def encode_webp(pixels: Pixels, quality: int) -> Encoded:
    """Encode gray, BGR or BGRA with a loss in colours; alpha has none.

    Raises:
        InternalError: The codec refuses the pixels.
    """
    return opencv(Format.WEBP, pixels, (cv2.IMWRITE_WEBP_QUALITY, quality))


def encode_lossless_webp(pixels: Pixels) -> bytes:
    """Encode every pixel as it is, but for the colours of those that are wholly transparent.

    Raises:
        InternalError: The codec refuses the pixels.
    """
    code, mode = _TO_RGB[channels(pixels)]
    height, width = pixels.shape[:2]
    picture = Image.frombuffer(mode, (width, height), cv2.cvtColor(pixels, code), "raw", mode, 0, 1)
    content = io.BytesIO()
    try:
        picture.save(content, "WEBP", lossless=True, method=_METHOD, quality=_EFFORT)
    except (OSError, ValueError) as refusal:
        raise refused(Format.WEBP) from refusal
    return content.getvalue()
