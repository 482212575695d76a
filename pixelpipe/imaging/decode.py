"""From the source's bytes to upright 8-bit pixels in shared memory."""

from collections.abc import Callable

import cv2
import numpy as np
import simplejpeg
from cv2.typing import MatLike

from pixelpipe.errors import DamagedImageError
from pixelpipe.formats.registry import Format
from pixelpipe.formats.screen import screen
from pixelpipe.formats.screens.fault import incomplete
from pixelpipe.imaging.orientation import SIDEWAYS, UPRIGHT, turn_upright
from pixelpipe.imaging.pixels import BGR, GRAY, Pixels
from pixelpipe.imaging.samples import to_8_bits, to_channels
from pixelpipe.recipes.task import Decode

# libjpeg's warnings after which a part of the picture is made up. Others can leave it whole: junk
# between segments, or no end marker.
_NO_END = "Premature end of JPEG file"
_END = np.array([0xFF, 0xD9], np.uint8)
_PIXELS_LOST = (
    "premature end of data",
    "bad Huffman code",
    "bad arithmetic code",
    "instead of RST",
)

_COLORSPACES = {GRAY: "GRAY", BGR: "BGR"}
_LENIENT = {
    (GRAY, 1): cv2.IMREAD_GRAYSCALE,
    (GRAY, 2): cv2.IMREAD_REDUCED_GRAYSCALE_2,
    (GRAY, 4): cv2.IMREAD_REDUCED_GRAYSCALE_4,
    (GRAY, 8): cv2.IMREAD_REDUCED_GRAYSCALE_8,
    (BGR, 1): cv2.IMREAD_COLOR_BGR,
    (BGR, 2): cv2.IMREAD_REDUCED_COLOR_2,
    (BGR, 4): cv2.IMREAD_REDUCED_COLOR_4,
    (BGR, 8): cv2.IMREAD_REDUCED_COLOR_8,
}


def decode(
    data: Pixels,
    plan: Decode,
    out: Pixels,
    *,
    before_codec: Callable[[], None],
    max_frames: int,
) -> None:
    """Screen a source and decode it, upright.

    Args:
        data: The source's bytes, 1-D uint8; only read.
        plan: What the pixels shall be.
        out: Is filled. C-contiguous uint8, (height, width) for one channel, else
            (height, width, channels).
        before_codec: Called once, right before the codec. Where a JPEG has harmless junk the
            codec is run again, more leniently; that is the same decode. Of a source that the
            screen refuses no codec is called.
        max_frames: Most frames that an animation may have; the first one is decoded.

    Raises:
        DamagedImageError: Screen or codec refuse the data, or they are not what the plan promises.
        FrameLimitError: The animation has more frames.
    """
    data = np.frombuffer(screen(data.data, plan.format, max_frames=max_frames), np.uint8)
    before_codec()
    decoded = _codec(data, plan, out)
    width, height = _codec_size(plan)
    if decoded.shape[:2] != (height, width):
        raise DamagedImageError(
            f"The {plan.format.name} holds {decoded.shape[1]}x{decoded.shape[0]} pixels where its "
            f"header promises {width}x{height}."
        )
    if np.may_share_memory(decoded, out):
        return
    pixels = to_8_bits(decoded, data, plan.format)
    # OpenCV reads TIFF by way of libtiff's RGBA interface, which multiplies by alpha.
    in_tiff = plan.format == Format.TIFF and decoded.dtype == np.uint8
    pixels = to_channels(pixels, plan.channels, premultiplied=in_tiff)
    turn_upright(pixels, _orientation_left(plan), out)


def _codec(data: Pixels, plan: Decode, out: Pixels) -> MatLike:
    """Run the codec. Nothing else does; the result lies in `out` where it can.

    Raises:
        DamagedImageError: It refuses the data.
    """
    if plan.format == Format.JPEG:
        return _jpeg(data, plan, out)
    if plan.format == Format.BMP and plan.channels == BGR:
        # Unchanged, those of OS/2 would come out gray.
        return _opencv(data, plan.format, cv2.IMREAD_COLOR_BGR)
    return _opencv(data, plan.format, cv2.IMREAD_UNCHANGED)


def _jpeg(data: Pixels, plan: Decode, out: Pixels) -> MatLike:
    try:
        return _strict_jpeg(data, plan, out)
    except ValueError as refusal:
        warning = str(refusal)
    if _NO_END in warning and not np.array_equal(data[-2:], _END):
        # With an end it says whether anything but the end was missing.
        return _jpeg(np.append(data, _END), plan, out)
    if any(lost in warning for lost in _PIXELS_LOST):
        raise incomplete(plan.format)
    flags = _LENIENT[plan.channels, plan.reduction] | cv2.IMREAD_IGNORE_ORIENTATION
    return _opencv(data, plan.format, flags)


def _strict_jpeg(data: Pixels, plan: Decode, out: Pixels) -> MatLike:
    """Decode by libjpeg-turbo itself, straight into `out` if the picture is stored upright.

    Raises:
        ValueError: Any error or warning of libjpeg, harmless ones included.
    """
    width, height = _codec_size(plan) if plan.reduction > 1 else (0, 0)
    decoded: MatLike = simplejpeg.decode_jpeg(
        data,
        _COLORSPACES[plan.channels],
        min_width=width,
        min_height=height,
        min_factor=plan.reduction,
        buffer=out if plan.orientation == UPRIGHT else None,
    )
    return decoded[:, :, 0] if plan.channels == GRAY else decoded


def _opencv(data: Pixels, source: Format, flags: int) -> MatLike:
    try:
        decoded: MatLike | None = cv2.imdecode(data, flags)
    except cv2.error as refusal:
        if refusal.code == cv2.Error.StsNoMem:
            raise
        raise incomplete(source) from refusal
    if decoded is None:
        raise incomplete(source)
    return decoded


def _orientation_left(plan: Decode) -> int:
    """What the codec leaves to be undone: OpenCV turns TIFF upright, whatever the flags say."""
    return UPRIGHT if plan.format == Format.TIFF else plan.orientation


def _codec_size(plan: Decode) -> tuple[int, int]:
    """Width and height as they come out of the codec."""
    if _orientation_left(plan) in SIDEWAYS:
        return plan.height, plan.width
    return plan.width, plan.height
