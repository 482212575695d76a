"""JPEG: baseline or progressive, in three subsamplings."""

import cv2
import numpy as np
import simplejpeg

from pixelpipe.formats.registry import Format
from pixelpipe.imaging.encoders.codec import Encoded, opencv, refused
from pixelpipe.imaging.pixels import GRAY, Pixels, channels
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


def _by_turbojpeg(pixels: Pixels, quality: int, subsampling: Subsampling) -> Encoded:
    """Through libjpeg-turbo itself, which is a sixth quicker than by way of OpenCV."""
    try:
        if channels(pixels) == GRAY:
            return bytes(simplejpeg.encode_jpeg(pixels[:, :, np.newaxis], quality, "GRAY", "Gray"))
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
