"""Everything done once, on a few pixels, so that nothing is left to be loaded later."""

import contextlib
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from io import BytesIO
from itertools import chain

import cv2
import numpy as np
from PIL import Image, ImageCms

from pixelpipe.errors import PixelPipeError
from pixelpipe.formats.color.tags import Cicp, ColorTags
from pixelpipe.formats.metadata.exif_block import rights_block
from pixelpipe.formats.metadata.iptc import rights_data_sets
from pixelpipe.formats.metadata.rights import Rights
from pixelpipe.formats.metadata.xmp import rights_packet
from pixelpipe.formats.registry import ANIMATED, FORMATS, WRITABLE, Format
from pixelpipe.imaging import pipeline
from pixelpipe.imaging.animation import Timing, decode_frames, encode_animation
from pixelpipe.imaging.attachments import attachments
from pixelpipe.imaging.codecs.avif import decode_avif
from pixelpipe.imaging.codecs.tiff import decode_tiff
from pixelpipe.imaging.color.convert import to_srgb
from pixelpipe.imaging.color.littlecms import LittleCms
from pixelpipe.imaging.decode import decode
from pixelpipe.imaging.encode import encode
from pixelpipe.imaging.pixels import as_pixels
from pixelpipe.imaging.sidecar import Sidecar
from pixelpipe.imaging.source import Source
from pixelpipe.imaging.warm_extras import warm_extras
from pixelpipe.recipes.sizing import SMART, Gravity
from pixelpipe.recipes.task import (
    Adjust,
    Canvas,
    Choices,
    Decode,
    Duotone,
    EncodeOptions,
    Kernel,
    Metadata,
    QuadBlur,
    Rect,
    Sharpen,
    Task,
    Trim,
    Watermark,
)

_SIDE_PX = 48
_P3_PRIMARIES, _SRGB_TRANSFER = 12, 13
_BY_CHANNELS = {1: (), 3: (3,), 4: (4,)}


def warm_up() -> None:
    """Run every codec and every step once.

    What cannot be run is passed over, and who needs it is told then: a codec that this OpenCV was
    built without, or pictures that are over a small limit on pixels.
    """
    codecs: Iterable[Callable[[], object]] = (partial(_codec, each) for each in FORMATS)
    for work in chain(_steps(), codecs, _OTHERS):
        with contextlib.suppress(PixelPipeError, cv2.error):
            work()


def _steps() -> Iterator[Callable[[], object]]:
    for channels, last in _BY_CHANNELS.items():
        pixels = np.arange(_SIDE_PX * _SIDE_PX * channels).astype(np.uint8)
        pixels = pixels.reshape(_SIDE_PX, _SIDE_PX, *last)
        decode = Decode(Format.PNG, _SIDE_PX, _SIDE_PX, channels, 1, 1, _SIDE_PX, _SIDE_PX)
        source = Source(pixels.reshape(-1), decode)
        for task in (*map(_task, WRITABLE), *_rarer_tasks()):
            yield partial(pipeline.make, source, task)


def _codec(format_: Format) -> None:
    pixels = np.zeros((_SIDE_PX, _SIDE_PX, 3), np.uint8)
    _, content = cv2.imencode(FORMATS[format_].extension, pixels)
    cv2.imdecode(as_pixels(content), cv2.IMREAD_UNCHANGED)


def _planes() -> None:
    """A JPEG decoded to luma and chroma, and variants of them, one of which mixes them."""
    pixels = np.zeros((_SIDE_PX, _SIDE_PX, 3), np.uint8)
    _, content = cv2.imencode(".jpg", pixels)
    plan = Decode(Format.JPEG, *pixels.shape, 1, 1, _SIDE_PX, _SIDE_PX, planar=True)
    room = np.empty(plan.pixels_bytes, np.uint8)
    decode(as_pixels(content), plan, room, before_codec=lambda: None, max_frames=1)
    source = Source(room, plan)
    for output in (Format.JPEG, Format.PNG):
        pipeline.make(source, replace(_task(output), canvas=None))


def _each_avif() -> None:
    """What Pillow decodes, and what OpenCV does."""
    for depth, kind in ((8, np.uint8), (10, np.uint16)):
        pixels = np.zeros((_SIDE_PX, _SIDE_PX, 4), kind)
        _, content = cv2.imencode(".avif", pixels, (cv2.IMWRITE_AVIF_DEPTH, depth))
        decode_avif(as_pixels(content))


def _each_tiff() -> None:
    """The kinds that Pillow decodes."""
    for mode in ("RGBA", "LA", "CMYK", "LAB"):
        for compression in ("raw", "tiff_lzw"):
            content = BytesIO()
            picture = Image.new(mode, (_SIDE_PX, _SIDE_PX))
            picture.save(content, "TIFF", compression=compression)
            decode_tiff(np.frombuffer(content.getvalue(), np.uint8))


def _each_color() -> None:
    """LittleCMS, and the tables of what can do without it."""
    pixels = np.zeros((_SIDE_PX, _SIDE_PX, 3), np.uint8)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    LittleCms(profile.tobytes(), "RGB", "BGR").convert(pixels, pixels)
    to_srgb(pixels, ColorTags(coding=Cicp(_P3_PRIMARIES, _SRGB_TRANSFER)))


def _each_file() -> None:
    """Files by Pillow, and metadata read and written."""
    pixels = np.arange(_SIDE_PX * _SIDE_PX * 4).astype(np.uint8).reshape(_SIDE_PX, _SIDE_PX, 4)
    rights = Rights(("Nobody",), "None")
    known = Sidecar(
        exif=rights_block(rights), xmp=rights_packet(rights), iptc=rights_data_sets(rights)
    )
    kept = [
        attachments(known, metadata, keep_profile=False)
        for metadata in (Metadata.COPYRIGHT, Metadata.ALL)
    ]
    for options in (
        EncodeOptions(colors=16),
        EncodeOptions(lossless=True, progressive=True, optimize=True),
        EncodeOptions(max_bytes=1 << 20, budget_ms=1000),
    ):
        for output in WRITABLE:
            for each in kept:
                encode(pixels, replace(_task(output), options=options), each)
    palette = replace(_task(Format.PNG), options=EncodeOptions(colors=16))
    for picture in (pixels[..., :3].copy(), np.zeros_like(pixels), np.zeros_like(pixels[..., 0])):
        encode(picture, palette)


def _each_animation() -> None:
    """Animations written and read; GIF, which is not written, by Pillow."""
    pixels = np.arange(_SIDE_PX * _SIDE_PX * 4).astype(np.uint8)
    # Two that differ: frames that are alike become one.
    frames = np.stack([pixels, pixels[::-1]]).reshape(2, _SIDE_PX, _SIDE_PX, 4)
    timing = Timing((40, 50), 3)
    files = {
        output: encode_animation(list(frames), timing, output, 80, options=EncodeOptions())
        for output in ANIMATED
    }
    gif = BytesIO()
    first, second = (Image.fromarray(frame[..., :3].copy()) for frame in frames)
    first.save(gif, "GIF", save_all=True, append_images=[second], loop=0)
    for source, content in [*files.items(), (Format.GIF, gif.getvalue())]:
        plan = Decode(source, _SIDE_PX, _SIDE_PX, 4, 1, 1, _SIDE_PX, _SIDE_PX, frames=2)
        data = np.frombuffer(content, np.uint8)
        decode_frames(data, plan, np.empty_like(frames), before_codec=lambda: None)


def _rarer_tasks() -> Iterator[Task]:
    """Tasks that use, together, every step in every way."""
    _, mark = cv2.imencode(".png", np.zeros((8, 8, 4), np.uint8))
    plain = replace(_task(Format.JPEG), canvas=None)
    for focus in SMART:
        yield replace(plain, focus=focus, kernel=Kernel.LANCZOS3)
    yield replace(
        plain,
        linear=True,
        blurred_canvas=True,
        canvas=Canvas(_SIDE_PX, _SIDE_PX, 0, 0),
        turn=6,
        adjust=Adjust(1.1, 1.1, 1.1),
        sepia=0.5,
        sharpen=Sharpen(1.0, 1.0),
        pixelate_px=4,
        corner_radius_px=5,
        watermark=Watermark(
            image=b64encode(mark.tobytes()).decode(),
            gravity=Gravity.CENTER,
            margin_px=1,
            width_share=0.5,
            opacity=0.5,
            tile=True,
        ),
    )
    yield replace(
        plain,
        trim=Trim(10, None, None),
        duotone=Duotone((0, 0, 0), (255, 255, 255)),
        choices=Choices(Format.JPEG, Format.PNG, Format.PNG),
        kernel=Kernel.LANCZOS3,
        linear=True,
    )


def _task(output: Format) -> Task:
    half = _SIDE_PX // 2
    return Task(
        name="warm",
        region=Rect(0, 0, _SIDE_PX, _SIDE_PX),
        width=half,
        height=half,
        canvas=Canvas(_SIDE_PX, _SIDE_PX, 0, 0),
        grayscale=False,
        blur_sigma=4.0,
        quad=QuadBlur(4, 2.0),
        background=(255, 255, 255, 255),
        keep_alpha=False,
        format=output,
        quality=80,
        reduced=False,
    )


_OTHERS: tuple[Callable[[], None], ...] = (
    _planes,
    _each_tiff,
    _each_color,
    _each_file,
    _each_animation,
    _each_avif,
    warm_extras,
)
