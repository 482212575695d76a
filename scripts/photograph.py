"""A photograph drawn by arithmetic, and uploads of it that differ in their bytes alone."""

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_SKY_TOP, _SKY_LOW = (0.62, 0.36, 0.16), (0.55, 0.74, 0.98)
_SUN, _HAZE, _NEAR = (0.72, 0.90, 1.0), (0.62, 0.66, 0.80), (0.10, 0.14, 0.09)
_FINEST_PX = 2
_SUN_RADIUS, _GLOW_RADIUS = 0.035, 0.28
_JPEG_START = b"\xff\xd8"
_MAX_COMMENT_BYTES = 0xFFFF - 2


def draw_photograph(width: int, height: int, *, quality: int = 88) -> bytes:
    """Mountains in an evening haze above a lake, with the grain of a camera, as a JPEG.

    Args:
        width: Width in pixels.
        height: Height in pixels.
        quality: JPEG quality, 1 to 100.

    Returns:
        The same bytes for the same arguments.
    """
    pixels = (draw_scene(width, height) * 255).astype(np.uint8)
    return cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def draw_scene(width: int, height: int) -> Floats:
    """The same picture before it is encoded.

    Args:
        width: Width in pixels.
        height: Height in pixels.

    Returns:
        (height, width, 3), BGR in 0..1.
    """
    random = np.random.default_rng(7)
    shore = round(height * 0.68)
    scene = _sky(width, shore, random)
    for depth in (0.0, 0.35, 0.7, 1.0):
        _raise_ridge(scene, depth, random)
    picture = np.concatenate([scene, _lake(scene, height - shore, random)])
    picture += random.normal(0.0, 0.012, picture.shape).astype(np.float32)
    return np.asarray(np.clip(picture, 0.0, 1.0), np.float32)


def with_comment(jpeg: bytes, comment: str) -> bytes:
    """The same picture in other bytes: a comment segment (COM, ITU-T T.81 B.2.4.5) after SOI.

    Raises:
        ValueError: `jpeg` is not a JPEG, or the comment does not fit a segment.
    """
    if not jpeg.startswith(_JPEG_START):
        raise ValueError("only a JPEG takes a comment segment")
    text = comment.encode()
    if len(text) > _MAX_COMMENT_BYTES:
        raise ValueError(f"a comment has at most {_MAX_COMMENT_BYTES} bytes")
    segment = b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text
    return _JPEG_START + segment + jpeg[len(_JPEG_START) :]


def is_jpeg(image: bytes) -> bool:
    """Whether the bytes start as a JPEG does."""
    return image.startswith(_JPEG_START)


def _noise(
    width: int, height: int, random: np.random.Generator, *, roughness: float = 0.5
) -> Floats:
    """Fractal value noise around 0: octaves of random grids, each `roughness` times as strong."""
    noise = np.zeros((height, width), np.float32)
    cell_px, strength = max(width, height) // 2, 1 - roughness
    while cell_px >= _FINEST_PX:
        grid = random.random((height // cell_px + 2, width // cell_px + 2), np.float32) - 0.5
        noise += strength * cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
        cell_px, strength = cell_px // 2, strength * roughness
    return noise


def _sky(width: int, height: int, random: np.random.Generator) -> Floats:
    """A gradient from blue to the warm horizon, the sun's glow and thin clouds; BGR in 0..1."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32) / height
    sky = _blend(_SKY_TOP, _SKY_LOW, rows)
    distance = np.hypot(rows - 0.52, columns - 0.62 * width / height)
    glow = np.exp(-((distance / _GLOW_RADIUS) ** 2))
    sky = _blend(sky, _SUN, glow * 0.55 + (distance < _SUN_RADIUS) * 0.45)
    clouds = np.clip(_noise(width, height, random, roughness=0.6) * 5, 0, 1)
    return _blend(sky, (0.93, 0.93, 0.97), clouds * 0.75 * (1 - rows))


def _raise_ridge(scene: Floats, depth: float, random: np.random.Generator) -> None:
    """Draw one range of mountains into `scene`, from the far and hazy 0 to the near and dark 1."""
    height, width = scene.shape[:2]
    skyline = _noise(width, 1, random)[0]
    tops = height * (0.62 + 0.2 * depth - skyline * (0.5 - 0.2 * depth))
    below = np.arange(height, dtype=np.float32)[:, None] - tops
    texture = _noise(width, height, random, roughness=0.75)
    color = _blend(_HAZE, _NEAR, np.float32(0.15 + 0.8 * depth) + np.zeros_like(texture))
    color *= (1 + texture * (0.5 + 2.5 * depth))[..., None]
    mist = np.clip(below / (0.3 * height), 0, 1) * (1 - depth) * 0.6
    scene[:] = _blend(scene, _blend(color, _HAZE, mist), np.clip(below, 0, 1))


def _lake(shore: Floats, height: int, random: np.random.Generator) -> Floats:
    """The mirror image of the scene above, stirred by ripples that grow towards the viewer."""
    width = shore.shape[1]
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    squeezed = _noise(width // 6 + 1, height, random, roughness=0.65)
    ripples = cv2.resize(squeezed, (width, height), interpolation=cv2.INTER_CUBIC)
    stirred = (rows * 1.6 + ripples * (4 + rows * 0.22)).astype(np.float32)
    flipped = np.ascontiguousarray(shore[::-1])
    mirror = cv2.remap(flipped, columns, stirred, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return _blend(
        mirror.astype(np.float32, copy=False), (0.32, 0.24, 0.14), 0.25 + 0.35 * rows / height
    )


def _blend(
    under: Floats | tuple[float, ...], over: Floats | tuple[float, ...], share: Floats
) -> Floats:
    """Mix two colours or BGR pictures by a map of shares, 0 for `under` and 1 for `over`."""
    below, above = (np.asarray(color, np.float32) for color in (under, over))
    return np.asarray(below + (above - below) * share[..., None], np.float32)
