"""Pictures as they are shown: upright, in sRGB, on white; gray or colour, in floating point."""

import io
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps

Floats = NDArray[np.float64]

WHITE = 255.0
_PNG_START, _PNG_DEPTH_AT, _DEEP_BITS = b"\x89PNG\r\n\x1a\n", 24, 16
_DEEP_STEP = 257.0
_SPACES = {"L": "GRAY", "RGB": "RGB"}
# BT.601, of levels; and BT.709, of light: the two ways in which programs make gray.
_GAMMA, _OFFSET, _SLOPE, _LINEAR_BELOW = 2.4, 0.055, 12.92, 0.04045
_LUMA = np.array([0.299, 0.587, 0.114])
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])


def shown(content: bytes) -> Floats:
    """The levels of a picture's file as a viewer shows it.

    Returns:
        (height, width, 3), RGB in 0..255; 16 bits keep their fractions, gray is repeated.
    """
    if _is_deep(content):
        # Pillow would leave the lower 8 bits out.
        deep = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
        assert deep is not None, "it was made by a program that works"
        return _on_white(_rgb(deep))
    image = _srgb(ImageOps.exif_transpose(Image.open(io.BytesIO(content))))
    return _on_white(np.asarray(image, np.float64))


def luma(levels: Floats) -> Floats:
    """Gray by the levels (BT.601): what TIFF, JPEG and most programs mean by it."""
    return np.asarray(levels @ _LUMA)


def luminance(levels: Floats) -> Floats:
    """Gray by the light (BT.709, IEC 61966-2-1), as levels: what libvips means by it."""
    part = levels / WHITE
    curved = ((part + _OFFSET) / (1 + _OFFSET)) ** _GAMMA
    light = np.where(part <= _LINEAR_BELOW, part / _SLOPE, curved) @ _LUMINANCE
    curved = (1 + _OFFSET) * light ** (1 / _GAMMA) - _OFFSET
    coded = np.where(light <= _LINEAR_BELOW / _SLOPE, light * _SLOPE, curved)
    return np.asarray(coded * WHITE)


def _is_deep(content: bytes) -> bool:
    """Whether a file is a PNG of 16 bits a sample."""
    return content.startswith(_PNG_START) and content[_PNG_DEPTH_AT] == _DEEP_BITS


def _rgb(pixels: NDArray[Any]) -> Floats:
    """16-bit gray, BGR or BGRA of OpenCV as levels of RGB or RGBA."""
    levels = pixels / _DEEP_STEP
    if levels.ndim == 2:  # noqa: PLR2004 - rows and columns
        return np.dstack([levels] * 3)
    return np.dstack([levels[..., 2::-1], levels[..., 3:]])


def _srgb(image: Image.Image) -> Image.Image:
    """In sRGB: RGB, or RGBA where there is alpha."""
    alpha = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
    image = _by_profile(image).convert("RGB")
    if alpha is not None:
        image.putalpha(alpha)
    return image


def _by_profile(image: Image.Image) -> Image.Image:
    """By the profile in the file, if it is one for such pixels; viewers heed no other."""
    content = image.info.get("icc_profile")
    if not content:
        return image
    plain = image if image.mode == "L" else image.convert("RGB")
    profile = ImageCms.ImageCmsProfile(io.BytesIO(content))
    if profile.profile.xcolor_space.strip() != _SPACES[plain.mode]:
        return image
    target = ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(plain, profile, target, outputMode="RGB")
    assert converted is not None, "not in place"
    return converted


def _on_white(levels: Floats) -> Floats:
    if levels.shape[2] == 3:  # noqa: PLR2004 - no alpha
        return levels
    cover = levels[..., 3:] / WHITE
    return np.asarray(levels[..., :3] * cover + WHITE * (1 - cover))
