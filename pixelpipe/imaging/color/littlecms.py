"""Colours by LittleCMS, for profiles that are more than curves and a matrix."""

import hashlib
import io
from dataclasses import dataclass, field
from functools import cache

import cv2
import numpy as np
from PIL import Image, ImageCms

from pixelpipe.imaging.pixels import Pixels, as_pixels

# Browsers and libvips choose the tables for perception too, and move no black point; some profiles
# have only the other ones.
_INTENTS = (ImageCms.Intent.PERCEPTUAL, ImageCms.Intent.RELATIVE_COLORIMETRIC)


@dataclass(frozen=True, slots=True)
class Profile:
    """An ICC profile as a key: two are the same by their digest."""

    digest: bytes
    content: bytes = field(compare=False, repr=False)

    @classmethod
    def of(cls, content: bytes) -> "Profile":
        """The profile with its digest."""
        return cls(hashlib.sha256(content).digest(), content)


class LittleCms:
    """Makes BGR of sRGB by a profile.

    Args:
        profile: An ICC profile.
        mode: What its samples are, in Pillow's words: `RGB`, `L` or `CMYK`.
        stored: The order in which the samples come: `BGR`, `L`, `CMYK` or `CMYK;I` (inverted).

    Raises:
        ImageCms.PyCMSError: The profile is broken, or is for other samples.
    """

    def __init__(self, profile: bytes, mode: str, stored: str) -> None:
        self._mode, self._stored = mode, stored
        self._transform = _transform(profile, mode)

    def convert(self, pixels: Pixels, out: Pixels) -> None:
        """Convert 8-bit pixels.

        Args:
            pixels: Samples as `stored` says, C-contiguous.
            out: BGR, contiguous; may be the same where the shape is.
        """
        height, width = pixels.shape[:2]
        image = Image.frombuffer(self._mode, (width, height), pixels, "raw", self._stored, 0, 1)
        cv2.cvtColor(np.asarray(self._transform.apply(image)), cv2.COLOR_RGB2BGR, dst=out)


def lab_to_bgr(picture: Image.Image) -> Pixels:
    """A picture of Pillow's mode `LAB`, whose white is that of D50, as BGR of sRGB."""
    converted = _from_lab().apply(picture)
    return as_pixels(cv2.cvtColor(np.asarray(converted), cv2.COLOR_RGB2BGR))


@cache
def _from_lab() -> ImageCms.ImageCmsTransform:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    return ImageCms.buildTransform(lab, _srgb(), "LAB", "RGB", _INTENTS[-1])


def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    except OSError as error:
        raise ImageCms.PyCMSError(error) from error
    first, second = _INTENTS
    try:
        return ImageCms.buildTransform(source, _srgb(), mode, "RGB", first)
    except ImageCms.PyCMSError:
        return ImageCms.buildTransform(source, _srgb(), mode, "RGB", second)


@cache
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
