"""Animations for measuring: drawn here, written by Pillow or, where that cannot, field by field."""

import io
import struct
import zlib
from collections.abc import Callable, Sequence
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pixelpipe.formats.animations.parts import Timing
from pixelpipe.formats.probe import probe
from pixelpipe.formats.registry import Format
from pixelpipe.imaging.animation import decode_frames, encode_animation
from pixelpipe.imaging.attachments import NOTHING, Attachments
from pixelpipe.imaging.pixels import Pixels, as_pixels
from pixelpipe.recipes.task import Decode, EncodeOptions
from tests.fidelity.pictures import scene

HEIGHT, WIDTH = 40, 62
DELAYS_MS = (40, 70, 200, 20, 1000, 100)
_PER_CLEAR = 250  # codes before they would become wider


@cache
def moving(channels: int) -> tuple[Pixels, ...]:
    """Frames of a disc that moves before a scene; where there is alpha, it is soft, on nothing."""
    frames = []
    for number in range(len(DELAYS_MS)):
        disc = np.zeros((HEIGHT, WIDTH), np.uint8)
        cv2.circle(disc, (10 + 8 * number, 12 + 3 * number), 9, 255, -1, cv2.LINE_AA)
        if channels == 4:
            colour = np.full((HEIGHT, WIDTH, 3), (40 * number, 200, 255 - 30 * number), np.uint8)
            frames.append(np.dstack([colour, disc]))
            continue
        frame = scene(HEIGHT, WIDTH).copy()
        frame[disc > 127] = (40 * number, 200, 255 - 30 * number)
        gray = as_pixels(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY))
        frames.append(gray if channels == 1 else frame)
    return tuple(frames)


def of_pillow(frames: Sequence[Pixels]) -> list[Image.Image]:
    """The same frames as Pillow has them."""
    codes = {3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGBA}
    return [
        Image.fromarray(cv2.cvtColor(frame, codes[frame.shape[2]]) if frame.ndim > 2 else frame)
        for frame in frames
    ]


def written(
    pictures: Sequence[Image.Image], target: str, *, loop: int | None = 0, **options: object
) -> bytes:
    """An animation, as Pillow writes it."""
    content = io.BytesIO()
    first, *rest = pictures
    if loop is not None:
        options["loop"] = loop
    if target == "AVIF":
        options = {"max_threads": 1, "speed": 8, **options}
    options = {"duration": list(DELAYS_MS[: len(pictures)]), **options}
    first.save(content, target, save_all=True, append_images=rest, **options)
    return content.getvalue()


def read_by_pillow(content: bytes) -> tuple[list[Pixels], tuple[int, ...], int | None]:
    """Frames as BGRA, their delays, and what the file says about loops, all by Pillow."""
    frames, delays, number = [], [], 0
    # Opened anew for each frame: of an APNG it restores the wrong pixels once it has shown others.
    while True:
        with Image.open(io.BytesIO(content)) as picture:
            picture.seek(number)
            pixels = np.asarray(picture.convert("RGBA"))
            frames.append(as_pixels(cv2.cvtColor(pixels, cv2.COLOR_RGBA2BGRA)))
            delays.append(round(picture.info.get("duration", 0)))
            loop = picture.info.get("loop")
            number += 1
            if number == getattr(picture, "n_frames", 1):
                return frames, tuple(delays), loop


def decoded(
    content: bytes,
    frames: int | None = None,
    before_codec: Callable[[], None] = lambda: None,
) -> tuple[Pixels, Timing]:
    """All frames, as PixelPipe decodes them; so many, if that is not what the probe counted."""
    info = probe(memoryview(content), max_pixels=10**7, max_side_px=10**4)
    plan = Decode(
        format=info.format,
        width=info.width,
        height=info.height,
        channels=info.animation_channels,
        orientation=info.orientation,
        reduction=1,
        source_width=info.width,
        source_height=info.height,
        frames=frames or info.frames,
    )
    shape = (plan.frames, plan.height, plan.width, plan.channels)
    out = np.full(shape[: 3 if plan.channels == 1 else 4], 99, np.uint8)
    data = np.frombuffer(content, np.uint8)
    return out, decode_frames(data, plan, out, before_codec=before_codec)


def encoded(  # noqa: PLR0913 - what a task asks for
    frames: Sequence[Pixels],
    target: Format,
    timing: Timing | None = None,
    quality: int = 80,
    *,
    lossless: bool = False,
    attachments: Attachments = NOTHING,
) -> bytes:
    """All frames in one file, as PixelPipe encodes them."""
    timing = timing or Timing(DELAYS_MS[: len(frames)], 0)
    asked = EncodeOptions(lossless=lossless)
    return bytes(
        encode_animation(frames, timing, target, quality, options=asked, attachments=attachments)
    )


def same_to_the_eye(made: Pixels, expected: Pixels, tolerance: int = 0) -> bool:
    """Whether pixels are equal, whatever colour those have that are wholly transparent."""
    made, expected = (
        pixels if pixels.shape[-1] == 4 else as_pixels(cv2.cvtColor(pixels, cv2.COLOR_BGR2BGRA))
        for pixels in (made, expected)
    )
    visible = (made[..., 3] > 0) | (expected[..., 3] > 0)
    apart = np.abs(made.astype(int) - expected)[visible]
    return not apart.size or int(apart.max()) <= tolerance


def gif_codes(indices: NDArray[np.uint8]) -> bytes:
    """Pixels of 8 bits in the least clever LZW: codes of 9 bits, begun anew before they widen."""
    codes: list[int] = []
    for at in range(0, indices.size, _PER_CLEAR):
        codes += [256, *indices.ravel()[at : at + _PER_CLEAR].tolist()]
    bits = "".join(f"{code:09b}"[::-1] for code in [*codes, 257])
    data = bytes(int(bits[at : at + 8][::-1], 2) for at in range(0, len(bits), 8))
    blocks = (data[at : at + 255] for at in range(0, len(data), 255))
    return b"\x08" + b"".join(bytes([len(block)]) + block for block in blocks) + b"\0"


def gif_frame(  # noqa: PLR0913 - what a frame has
    indices: NDArray[np.uint8],
    at: tuple[int, int] = (0, 0),
    *,
    disposal: int = 0,
    transparent: int | None = None,
    colours: bytes = b"",
    delay: int = 7,
) -> bytes:
    """A frame with its graphic control; `delay` is in hundredths of a second."""
    flags = disposal << 2 | (transparent is not None)
    control = b"\x21\xf9\x04" + struct.pack("<BHBx", flags, delay, transparent or 0)
    height, width = indices.shape
    table = 0x87 if colours else 0
    descriptor = struct.pack("<HHHHB", *at, width, height, table)
    return control + b"\x2c" + descriptor + colours + gif_codes(indices)


def gif_of(
    size: tuple[int, int], colours: bytes, *frames: bytes, loops: int | None = None
) -> bytes:
    """A GIF of frames; `loops` is what its NETSCAPE2.0 extension says, if it has one."""
    screen = b"GIF89a" + struct.pack("<HHBBB", *size, 0x87, 0, 0) + colours
    if loops is not None:
        screen += b"\x21\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<H", loops) + b"\0"
    return screen + b"".join(frames) + b";"


def png_chunk(kind: bytes, body: bytes = b"") -> bytes:
    """One chunk."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def rows(pixels: Pixels) -> bytes:
    """Pixels of RGBA, or of RGB, as PNG stores them."""
    return zlib.compress(b"".join(b"\0" + row.tobytes() for row in pixels))


def apng_of(
    size: tuple[int, int],
    *frames: tuple[Pixels, tuple[int, int], int, int],
    still: Pixels | None = None,
    plays: int = 0,
) -> bytes:
    """An APNG of RGBA or RGB.

    Args:
        size: Width and height of its canvas.
        frames: Pixels, left and top, what becomes of them (0 to 2), whether they are laid over.
        still: A picture before them that is not one of them.
        plays: How often it is played.
    """
    colour = 6 if frames[0][0].shape[2] == 4 else 2
    parts = [png_chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 8, colour, 0, 0, 0))]
    parts.append(png_chunk(b"acTL", struct.pack(">II", len(frames), plays)))
    if still is not None:
        parts.append(png_chunk(b"IDAT", rows(still)))
    number = 0
    for pixels, at, disposal, over in frames:
        height, width = pixels.shape[:2]
        control = struct.pack(">IIIIIHHBB", number, width, height, *at, 3, 40, disposal, over)
        parts.append(png_chunk(b"fcTL", control))
        number += 1
        if number == 1 and still is None:
            parts.append(png_chunk(b"IDAT", rows(pixels)))
        else:
            parts.append(png_chunk(b"fdAT", struct.pack(">I", number) + rows(pixels)))
            number += 1
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + png_chunk(b"IEND")
