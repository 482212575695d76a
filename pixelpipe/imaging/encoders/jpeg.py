"""JPEG: baseline or progressive, in three subsamplings."""

import cv2
import numpy as np
import simplejpeg

from pixelpipe.formats.registry import Format
from pixelpipe.imaging.encoders.codec import Encoded, opencv, refused
from pixelpipe.imaging.pixels import GRAY, Pixels, channels
from pixelpipe.imaging.planes import Planes
from pixelpipe.recipes.task import EncodeOptions, Subsampling

_SAMPLING = {
    Subsampling.S420: cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
    Subsampling.S422: cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422,
    Subsampling.S444: cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
}


def encode_jpeg(pixels: Pixels, quality: int, options: EncodeOptions) -> Encoded:
    """Encode gray or BGR.

    Raises:
        InternalError: The codec refuses the pixels.
    """
    if options.progressive or options.optimize:
        return _by_opencv(pixels, quality, options)
    return _by_turbojpeg(pixels, quality, options.subsampling)


def encode_jpeg_planes(planes: Planes, quality: int) -> Encoded:
    """Encode luma and chroma as they are, baseline, 4:2:0.

    Args:
        planes: Where a side is odd, the codec reads a pixel of luma beyond it, which has to be
            there.
        quality: 1 to 100.

    Raises:
        InternalError: The codec refuses the planes.
    """
    try:
        return bytes(simplejpeg.encode_jpeg_yuv_planes(*planes.each, quality))
    except ValueError as refusal:
        raise refused(Format.JPEG) from refusal


def _by_turbojpeg(pixels: Pixels, quality: int, subsampling: Subsampling) -> Encoded:
    """Through libjpeg-turbo itself, which is a sixth quicker than by way of OpenCV."""
    try:
        if channels(pixels) == GRAY:
            gray = np.ascontiguousarray(pixels)[:, :, np.newaxis]
            return bytes(simplejpeg.encode_jpeg(gray, quality, "GRAY", "Gray"))
        return bytes(simplejpeg.encode_jpeg(pixels, quality, "BGR", subsampling.value))
    except ValueError as refusal:
        raise refused(Format.JPEG) from refusal


def _by_opencv(pixels: Pixels, quality: int, options: EncodeOptions) -> Encoded:
    """What TurboJPEG's interface does not offer; a progressive file is always optimised."""
    parameters = [
        cv2.IMWRITE_JPEG_QUALITY,
        quality,
        cv2.IMWRITE_JPEG_PROGRESSIVE,
        int(options.progressive),
        cv2.IMWRITE_JPEG_OPTIMIZE,
        int(options.optimize),
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        _SAMPLING[options.subsampling],
    ]
    return opencv(Format.JPEG, pixels, parameters)
