"""Image files made by codecs that are not PixelPipe's, and their decoding by PixelPipe."""

import io

import numpy as np
from PIL import Image

from pixelpipe.formats.registry import Format
from pixelpipe.imaging.decode import decode
from pixelpipe.imaging.pixels import Pixels
from pixelpipe.recipes.task import Decode
from tests.fidelity.pictures import read_only, scene
from tests.modern_files import ENCODERS

ORIENTATION_TAG = 0x0112


def image(height: int = 90, width: int = 121) -> Image.Image:
    """A small scene, RGB."""
    return Image.fromarray(scene(height, width)[..., ::-1].copy())


def saved(picture: Image.Image, target: Format, orientation: int = 1, **options: object) -> bytes:
    """The picture as a file, with an EXIF orientation (AVIF, HEIC: `irot` and `imir`)."""
    if target in ENCODERS:
        options |= {"orientation": orientation} if orientation > 1 else {}
        return ENCODERS[target](picture, **options)
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = orientation
    content = io.BytesIO()
    picture.save(content, str(target), exif=exif if orientation > 1 else b"", **options)
    return content.getvalue()


def plan_for(
    target: Format,
    stored: tuple[int, int],
    channels: int = 3,
    orientation: int = 1,
    reduction: int = 1,
) -> Decode:
    """The decode of a picture that is stored with that height and width."""
    height, width = stored
    if orientation >= 5:
        height, width = width, height
    reduced = (-(-width // reduction), -(-height // reduction))
    return Decode(target, *reduced, channels, orientation, reduction, width, height)


def decoded(content: bytes, plan: Decode, sidecar: Pixels | None = None) -> Pixels:
    """Decode into fresh memory, from memory that cannot be written to."""
    shape = (plan.height, plan.width, plan.channels)[: 2 if plan.channels == 1 else 3]
    out = np.full(shape, 77, np.uint8)
    data = read_only(np.frombuffer(content, np.uint8))
    decode(data, plan, out, before_codec=lambda: None, max_frames=1000, sidecar=sidecar)
    return out


def bgr(picture: Image.Image) -> Pixels:
    """Pillow's pixels in OpenCV's order; gray stays gray."""
    if picture.mode == "L":
        return np.asarray(picture)
    if picture.mode == "RGBA":
        return np.asarray(picture)[..., [2, 1, 0, 3]]
    return np.asarray(picture.convert("RGB"))[..., ::-1]
