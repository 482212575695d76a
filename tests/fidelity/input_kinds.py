"""One small picture as a file of every kind that is read, and what each of them shows."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pixelpipe.formats.registry import Format
from pixelpipe.imaging.pixels import Pixels
from tests.fidelity import bmp_writer, png_suite, tiff_writer
from tests.fidelity.arithmetic_jpeg import ARITHMETIC
from tests.fidelity.jpeg_writer import YCCK, jpeg, luma_and_chroma
from tests.fidelity.pictures import read_only

WIDTH, HEIGHT = 48, 32
EXACT = np.inf
_LOSSY_DB, _GIF_COLORS = 30.0, 200
_PNG_GRAY = (png_suite.GRAY, png_suite.GRAY_ALPHA)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file.

    Attributes:
        make: Its bytes.
        shown: What it shows, BGRA; of an animation the first frame.
        least_db: The least peak signal to noise ratio of its decoded colours.
        frames: How many it has.
    """

    make: Callable[[], bytes]
    shown: Callable[[], Pixels]
    least_db: float = EXACT
    frames: int = 1


@cache
def color() -> Pixels:
    """BGR: light that fades, a disc with a soft edge, and a corner with a hard one."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float64)
    light = np.dstack([60 + 3 * x, 80 + 4 * y, 200 - 2 * x - y])
    disc = np.clip(9.5 - np.hypot(x - 17, y - 15), 0, 1)[..., None]
    picture = light * (1 - disc) + disc * np.array([40, 90, 210])
    picture[:8, 40:] = (160, 150, 120)
    return read_only(np.clip(np.rint(picture), 0, 255).astype(np.uint8))


@cache
def gray() -> Pixels:
    """The same without colour."""
    return read_only(np.asarray(Image.fromarray(color()[..., ::-1].copy()).convert("L")))


@cache
def alpha() -> Pixels:
    """Clear at the left, opaque from the middle on."""
    row = np.clip(np.arange(WIDTH) * 12 - 40, 0, 255).astype(np.uint8)
    return read_only(np.tile(row, (HEIGHT, 1)))


@cache
def indexes() -> Pixels:
    """Numbers of colours in a palette of 255, none of which is the last one of 256."""
    return read_only(np.asarray(_indexed()))


def opaque(pixels: Pixels) -> Pixels:
    """Gray or BGR pixels as BGRA."""
    return with_alpha(pixels, np.full(pixels.shape[:2], 255, np.uint8))


def with_alpha(pixels: Pixels, opacity: Pixels) -> Pixels:
    """Gray or BGR pixels as BGRA."""
    bgr = pixels if pixels.ndim == 3 else np.dstack([pixels] * 3)
    return np.dstack([bgr, opacity])


def levels(pixels: Pixels, bits: int) -> Pixels:
    """Of the 256 levels those that so many bits have, as 8-bit levels."""
    few: NDArray[np.float64] = np.rint((pixels >> 8 - bits) * (255 / ((1 << bits) - 1)))
    return few.astype(np.uint8)


@cache
def _indexed() -> Image.Image:
    return Image.fromarray(color()[..., ::-1].copy()).quantize(_GIF_COLORS)


@cache
def _of_palette() -> Pixels:
    return np.asarray(_indexed().convert("RGB"))[..., ::-1].copy()


def _black_and_white() -> Pixels:
    return np.where(gray() > 127, 255, 0).astype(np.uint8)


def _clear_index() -> int:
    return int(indexes()[2, 2])


def _hole() -> Pixels:
    """Clear where the palette's clear colour is."""
    return np.where(indexes() == _clear_index(), 0, 255).astype(np.uint8)


@cache
def _picture(mode: str) -> Image.Image:
    """The picture as Pillow has it."""
    if mode == "RGBA":
        return Image.fromarray(np.dstack([color()[..., ::-1], alpha()]), "RGBA")
    if mode == "LA":
        return Image.merge("LA", (Image.fromarray(gray()), Image.fromarray(alpha())))
    if mode == "P":
        return _indexed()
    if mode == "1":
        return Image.fromarray(_black_and_white()).convert("1", dither=Image.Dither.NONE)
    if mode == "I;16":
        return Image.fromarray(gray().astype(np.uint16) * 257)
    return Image.fromarray(color()[..., ::-1].copy()).convert(mode)


def _saved(form: str, mode: str, **options: Any) -> bytes:
    return _file_of(_picture(mode), form, **options)


def _animated(form: str, mode: str, **options: Any) -> bytes:
    later = [
        _picture(mode).transpose(way)
        for way in (Image.Transpose.ROTATE_180, Image.Transpose.FLIP_LEFT_RIGHT)
    ]
    return _saved(
        form, mode, save_all=True, append_images=later, duration=[70, 110, 150], **options
    )


_color, _gray = (lambda: opaque(color())), (lambda: opaque(gray()))


def _color_alpha() -> Pixels:
    return with_alpha(color(), alpha())


def _gray_alpha() -> Pixels:
    return with_alpha(gray(), alpha())


def _palette() -> Pixels:
    return opaque(_of_palette())


def _palette_hole() -> Pixels:
    return with_alpha(_of_palette(), _hole())


def _few(bits: int) -> Pixels:
    return opaque(levels(gray(), bits))


def _jpegs() -> Iterator[tuple[str, Kind]]:
    def kind(make: Callable[[], bytes], shown: Callable[[], Pixels] = _color) -> Kind:
        return Kind(make, shown, _LOSSY_DB)

    def odd(factors: tuple[tuple[int, int], ...]) -> Callable[[], bytes]:
        return lambda: jpeg(luma_and_chroma(color()), factors)

    rgb = partial(_saved, "JPEG", "RGB", quality=95)
    one = (1, 1)
    yield "jpeg", kind(rgb)
    yield "jpeg 444", kind(partial(rgb, subsampling="4:4:4"))
    yield "jpeg 422", kind(partial(rgb, subsampling="4:2:2"))
    yield "jpeg 411", kind(odd(((4, 1), one, one)))
    yield "jpeg 440", kind(odd(((1, 2), one, one)))
    yield "jpeg 410", kind(odd(((4, 2), one, one)))
    yield "jpeg of little luma", kind(odd((one, (2, 2), (2, 2))))
    yield "jpeg progressive", kind(partial(rgb, progressive=True))
    yield "jpeg arithmetic", kind(lambda: ARITHMETIC)
    yield "jpeg restarts", kind(partial(rgb, restart_marker_blocks=1))
    yield "jpeg rgb", kind(partial(rgb, keep_rgb=True))
    yield "jpeg gray", kind(partial(_saved, "JPEG", "L", quality=95), _gray)
    yield "jpeg cmyk", kind(partial(_saved, "JPEG", "CMYK", quality=95))
    yield "jpeg ycck", kind(_ycck)
    yield "jpeg mpo", kind(partial(_animated, "MPO", "RGB", quality=95))


def _ycck() -> bytes:
    """Inverted, as Adobe's always are: what is stored is the paper that each ink leaves."""
    black = np.full((HEIGHT, WIDTH), 255, np.uint8)
    ink = np.invert(color())
    return jpeg([*luma_and_chroma(ink), black], ((1, 1),) * 4, adobe=YCCK)


def _pngs() -> Iterator[tuple[str, Kind]]:
    yield "png", Kind(partial(_saved, "PNG", "RGB"), _color)
    yield "png animated", Kind(partial(_animated, "PNG", "RGBA"), _color_alpha, frames=3)
    for bits in (1, 2, 4, 8):
        few = _picture("RGB").quantize(1 << bits)
        name = f"png palette {bits} bit" + "s" * (bits > 1)
        yield name, Kind(partial(_file_of, few, "PNG", bits=bits), partial(_bgra, few))
    hole = lambda: _saved("PNG", "P", transparency=_clear_index())  # noqa: E731 - the index is not known yet
    yield "png palette trns", Kind(hole, _palette_hole)
    for png in _png_kinds():
        stored = _png_samples(png)
        name = "png " + str(png).split(f"-{WIDTH}x")[0] + " interlaced" * png.interlaced
        kind = Kind(partial(png_suite.written, png, stored), partial(png_suite.shown, png, stored))
        yield name + " trns" * png.transparent, kind


def _png_kinds() -> Iterator[png_suite.Png]:
    size = WIDTH, HEIGHT
    for color_type, depths in png_suite.DEPTHS.items():
        for depth in depths if color_type != png_suite.PALETTE else ():
            yield png_suite.Png(color_type, depth, *size)
            if color_type in png_suite.WITH_TRNS and depth >= 8:
                yield png_suite.Png(color_type, depth, *size, transparent=True)
    yield png_suite.Png(png_suite.RGB, 8, *size, interlaced=True)
    yield png_suite.Png(png_suite.RGBA, 16, *size, interlaced=True)


def _png_samples(png: png_suite.Png) -> png_suite.Samples:
    """The picture in the file's samples; its corner clear, where one colour is."""
    colors = gray()[..., None] if png.colour in _PNG_GRAY else color()[..., ::-1]
    planes = np.dstack([colors, alpha()]) if png.channels == 4 and not png.transparent else colors
    stored = (planes.astype(np.uint16) * 257 >> 16 - png.depth).astype(np.uint16)
    if png.transparent:
        stored[:8, 40:] = png_suite.clear_colour(png)
    return stored


def _file_of(picture: Image.Image, form: str, **options: Any) -> bytes:
    content = io.BytesIO()
    picture.save(content, form, **options)
    return content.getvalue()


def _bgra(picture: Image.Image) -> Pixels:
    return np.asarray(picture.convert("RGBA"))[..., [2, 1, 0, 3]]


def _webps() -> Iterator[tuple[str, Kind]]:
    for mode, shown in (("RGB", _color), ("RGBA", _color_alpha)):
        name = " alpha" * (mode == "RGBA")
        lossless = partial(_saved, "WEBP", mode, lossless=True, exact=True)
        yield f"webp lossless{name}", Kind(lossless, shown)
        yield f"webp{name}", Kind(partial(_saved, "WEBP", mode, quality=95), shown, _LOSSY_DB)
    moving = partial(_animated, "WEBP", "RGB", lossless=True)
    yield "webp animated", Kind(moving, _color, frames=3)


def _avifs() -> Iterator[tuple[str, Kind]]:
    for bits in (8, 10, 12):
        yield f"avif {bits} bits", Kind(partial(_deep_avif, bits), _color, _LOSSY_DB)
    yield "avif alpha", Kind(partial(_saved, "AVIF", "RGBA", quality=90), _color_alpha, _LOSSY_DB)
    monochrome = partial(_saved, "AVIF", "L", quality=90, subsampling="4:0:0")
    yield "avif gray", Kind(monochrome, _gray, _LOSSY_DB)
    moving = partial(_animated, "AVIF", "RGB", quality=90)
    yield "avif animated", Kind(moving, _color, _LOSSY_DB, frames=3)


def _deep_avif(bits: int) -> bytes:
    deep = np.rint(color() * (((1 << bits) - 1) / 255))
    samples = deep.astype(np.uint8 if bits == 8 else np.uint16)
    how = (cv2.IMWRITE_AVIF_DEPTH, bits, cv2.IMWRITE_AVIF_QUALITY, 95)
    return cv2.imencode(".avif", samples, how)[1].tobytes()


def _gifs() -> Iterator[tuple[str, Kind]]:
    yield "gif", Kind(partial(_saved, "GIF", "P"), _palette)
    yield "gif interlaced", Kind(partial(_saved, "GIF", "P", interlace=1), _palette)
    hole = lambda: _saved("GIF", "P", transparency=_clear_index())  # noqa: E731 - the index is not known yet
    yield "gif transparent", Kind(hole, _palette_hole)
    yield "gif animated", Kind(partial(_animated, "GIF", "P"), _palette, frames=3)


def _tiffs() -> Iterator[tuple[str, Kind]]:
    w = tiff_writer
    for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"):
        name = compression.removeprefix("tiff_")
        yield f"tiff {name}", Kind(partial(_saved, "TIFF", "RGB", compression=compression), _color)
    lossy = partial(_saved, "TIFF", "RGB", compression="jpeg", quality=95)
    yield "tiff jpeg", Kind(lossy, _color, _LOSSY_DB)
    fax = partial(_saved, "TIFF", "1", compression="group4")
    yield "tiff bilevel", Kind(partial(_saved, "TIFF", "1"), lambda: opaque(_black_and_white()))
    yield "tiff fax", Kind(fax, lambda: opaque(_black_and_white()))
    rgb, deep = color()[..., ::-1], color()[..., ::-1].astype(np.uint16) * 257
    rgba = np.dstack([rgb, alpha()])
    yield "tiff strips", Kind(partial(w.tiff, rgb, w.RGB, rows=5), _color)
    yield "tiff tiles", Kind(partial(w.tiff, rgb, w.RGB, tile=(32, 16)), _color)
    yield "tiff planes", Kind(partial(w.tiff, rgb, w.RGB, planes=True), _color)
    predicted = partial(w.tiff, deep, w.RGB, compression=w.DEFLATE, predictor=2)
    yield "tiff 16 bits", Kind(predicted, _color)
    yield "tiff alpha", Kind(partial(w.tiff, rgba, w.RGB, extra=(w.UNASSOCIATED,)), _color_alpha)
    yield (
        "tiff 16 bits alpha",
        Kind(
            partial(w.tiff, rgba.astype(np.uint16) * 257, w.RGB, extra=(w.UNASSOCIATED,)),
            _color_alpha,
        ),
    )
    for bits in (2, 4, 8):
        few = partial(w.tiff, (gray() >> 8 - bits).astype(np.uint8), w.BLACK_IS_ZERO, bits=bits)
        yield f"tiff gray {bits} bits", Kind(few, partial(_few, bits))
    yield "tiff gray 16 bits", Kind(partial(_saved, "TIFF", "I;16"), _gray)
    yield "tiff gray alpha", Kind(partial(_saved, "TIFF", "LA"), _gray_alpha)
    yield "tiff palette", Kind(partial(_saved, "TIFF", "P"), _palette)
    yield "tiff cmyk", Kind(partial(_saved, "TIFF", "CMYK"), _color)
    yield "tiff pages", Kind(partial(_animated, "TIFF", "RGB"), _color)


def _bmps() -> Iterator[tuple[str, Kind]]:
    w = bmp_writer
    size = WIDTH, HEIGHT
    yield "bmp", Kind(partial(_saved, "BMP", "RGB"), _color)
    yield "bmp 1 bit", Kind(partial(_saved, "BMP", "1"), lambda: opaque(_black_and_white()))
    few = np.random.default_rng(2).integers(0, 256, (16, 4), np.uint8)
    number = gray() >> 4
    yield (
        "bmp 4 bits",
        Kind(
            partial(w.bmp, size, 4, w.rows(number, 4), palette=few),
            lambda: opaque(few[number][..., :3]),
        ),
    )
    yield "bmp 8 bits", Kind(partial(_saved, "BMP", "P"), _palette)
    for masks, name in ((w.RGB555, "555"), (w.RGB565, "565")):
        pixels = w.rows(w.words(color(), masks), 16)
        yield (
            f"bmp 16 bits {name}",
            Kind(partial(w.bmp, size, 16, pixels, masks=masks), partial(_through, masks)),
        )
    with_mask = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    pixels = w.rows(w.words(color(), with_mask, alpha()), 32)
    yield "bmp 32 bits", Kind(partial(w.bmp, size, 32, pixels), _color)
    yield (
        "bmp alpha",
        Kind(partial(w.bmp, size, 32, pixels, header_bytes=w.V5, masks=with_mask), _color_alpha),
    )


def _through(masks: tuple[int, ...]) -> Pixels:
    blue, green, red = cv2.split(color())
    order = zip((blue, green, red), masks[::-1], strict=True)
    return opaque(np.dstack([bmp_writer.spread(plane, mask) for plane, mask in order]))


def _extras() -> Iterator[tuple[str, Kind]]:
    """Of formats that are read where their libraries are installed."""
    for name, form, plugin in (("heic", "HEIF", "pillow_heif"), ("jxl", "JXL", "pillow_jxl")):
        if name in set(Format) and _registered(plugin):
            yield name, Kind(partial(_saved, form, "RGB", quality=95), _color, _LOSSY_DB)
            with_it = partial(_saved, form, "RGBA", quality=95)
            yield f"{name} alpha", Kind(with_it, _color_alpha, _LOSSY_DB)


def _registered(plugin: str) -> bool:
    """Let Pillow write a format, if the library for it is installed."""
    try:
        module = __import__(plugin)
    except ImportError:
        return False
    if hasattr(module, "register_heif_opener"):
        module.register_heif_opener()
    return True


_ALL: dict[str, Kind] = {
    name: kind
    for kinds in (_jpegs, _pngs, _webps, _avifs, _gifs, _tiffs, _bmps, _extras)
    for name, kind in kinds()
}

KINDS: dict[str, Callable[[], bytes]] = {name: cache(kind.make) for name, kind in _ALL.items()}


def reference(name: str) -> Pixels:
    """What a kind shows, BGRA."""
    return _ALL[name].shown()


def least_db(name: str) -> float:
    """How near its decoded colours come to that at least; `EXACT` where they are the same."""
    return _ALL[name].least_db


def frames(name: str) -> int:
    """How many frames it has."""
    return _ALL[name].frames
