"""PNG files of every kind, written chunk by chunk, and what each of them shows.

After the structure of Willem van Schaik's PngSuite: colour types and depths, interlaced and not,
with and without transparency, odd sizes, every filter, image data in pieces. The pictures are this
module's own.
"""

import struct
import zlib
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from pixelpipe.imaging.pixels import Pixels
from tests.unit.probe_files import png_chunk

GRAY, RGB, PALETTE, GRAY_ALPHA, RGBA = 0, 2, 3, 4, 6
DEPTHS = {
    GRAY: (1, 2, 4, 8, 16),
    RGB: (8, 16),
    PALETTE: (1, 2, 4, 8),
    GRAY_ALPHA: (8, 16),
    RGBA: (8, 16),
}
SAMPLES = {GRAY: 1, RGB: 3, PALETTE: 1, GRAY_ALPHA: 2, RGBA: 4}
WITH_TRNS = (GRAY, RGB, PALETTE)
_NAMES = {GRAY: "gray", RGB: "rgb", PALETTE: "palette", GRAY_ALPHA: "gray-alpha", RGBA: "rgba"}

# Adam7: where each pass begins (x, y) and its steps.
_PASSES = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
_WHOLE = ((0, 0, 1, 1),)
_FILTERS = 5

Samples = NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class Png:
    """One file of the suite.

    Attributes:
        colour: The colour type.
        depth: Bits by sample.
        width: In pixels.
        height: In pixels.
        interlaced: By Adam7.
        transparent: Whether it has a tRNS chunk.
        filters: The filter of each row; row n has the one of number n, from the start again
            where they are used up.
        piece_bytes: Of so many bytes each image data chunk is; 0 for one of all.
    """

    colour: int
    depth: int
    width: int = 32
    height: int = 32
    interlaced: bool = False
    transparent: bool = False
    filters: tuple[int, ...] = tuple(range(_FILTERS))
    piece_bytes: int = 0

    def __str__(self) -> str:
        ways = "interlaced" * self.interlaced, "trns" * self.transparent
        name = f"{_NAMES[self.colour]}{self.depth}-{self.width}x{self.height}"
        more = (
            *ways,
            f"filters{self.filters}",
            f"pieces{self.piece_bytes}" * bool(self.piece_bytes),
        )
        return "-".join((name, *filter(None, more)))

    @property
    def channels(self) -> int:
        """What it decodes to: 1 gray, 3 BGR, 4 BGRA."""
        if self.transparent or self.colour in {GRAY_ALPHA, RGBA}:
            return 4
        return 1 if self.colour == GRAY else 3


def suite() -> list[Png]:
    """All files: the basic ones, odd sizes, and other filters and chunks."""
    basic = [
        Png(colour, depth, interlaced=interlaced, transparent=transparent)
        for colour, depths in DEPTHS.items()
        for depth in depths
        for interlaced in (False, True)
        for transparent in ((False, True) if colour in WITH_TRNS else (False,))
    ]
    sizes = (*range(1, 10), *range(32, 41))
    palettes = [
        Png(PALETTE, depth, side, side)
        for side, depth in zip(sizes, [1] * 3 + [2] * 6 + [4] * 9, strict=True)
    ]
    flat = [Png(RGB, 8, side, 41 - side) for side in range(1, 41)]
    deep = [Png(GRAY, 1, side, 3, transparent=True) for side in range(1, 18)]
    odd = [*palettes, *flat, *deep]
    odd += [replace(png, interlaced=True) for png in odd]
    filtered = [
        Png(colour, 8, filters=(kind,)) for colour in (GRAY, RGB) for kind in range(_FILTERS)
    ]
    cut = [Png(GRAY, 16, 32, 16, piece_bytes=size) for size in (1, 100)]
    return [*basic, *odd, *filtered, *cut]


@cache
def samples(png: Png) -> Samples:
    """The stored samples, (height, width, samples): waves, and some at random."""
    rng = np.random.default_rng(png.width * 41 + png.height)
    y, x, channel = np.mgrid[0 : png.height, 0 : png.width, 0 : SAMPLES[png.colour]]
    wave = 0.5 + 0.5 * np.sin(x / 5 + y / (7 + channel) + 2 * channel)
    levels = np.rint(wave * _white(png)).astype(np.uint16)
    anywhere = rng.integers(0, _white(png), levels.shape, np.uint16, endpoint=True)
    mixed: Samples = np.where(rng.random(levels.shape[:2])[..., None] < 0.1, anywhere, levels)
    if png.transparent and png.colour != PALETTE:
        mixed[:: max(png.height // 3, 1)] = clear_colour(png)
    return mixed


def palette(png: Png) -> Pixels:
    """Red, green and blue of each entry."""
    return np.random.default_rng(3).integers(0, 256, (_white(png) + 1, 3), np.uint8)


def alphas(png: Png) -> Pixels:
    """Of the first entries of the palette; the others are opaque."""
    few = max((_white(png) + 1) * 3 // 4, 1)
    return np.linspace(0, 255, few).astype(np.uint8)


def clear_colour(png: Png) -> Samples:
    """The one colour that is transparent; at 16 bits others share its upper halves."""
    white = _white(png)
    return (np.array([0.3, 0.5, 0.7])[: SAMPLES[png.colour]] * white).astype(np.uint16)


def written(png: Png, stored: Samples | None = None) -> bytes:
    """The file, of its own samples or of others."""
    header = struct.pack(
        ">IIBBBBB", png.width, png.height, png.depth, png.colour, 0, 0, png.interlaced
    )
    data = zlib.compress(b"".join(_rows(png, samples(png) if stored is None else stored)))
    step = png.piece_bytes or len(data)
    chunks = [(b"IHDR", header)]
    if png.colour == PALETTE:
        chunks.append((b"PLTE", palette(png).tobytes()))
    if png.transparent:
        chunks.append((b"tRNS", _transparency(png)))
    chunks += [(b"IDAT", data[at : at + step]) for at in range(0, len(data), step)]
    chunks.append((b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(kind, body) for kind, body in chunks)


def shown(png: Png, stored: Samples | None = None) -> Pixels:
    """What a browser shows, BGRA: samples to the nearest of 256 levels."""
    stored = samples(png) if stored is None else stored
    alpha = np.full(stored.shape[:2], 255, np.uint8)
    if png.colour == PALETTE:
        table = np.full(_white(png) + 1, 255, np.uint8)
        if png.transparent:
            table[: len(alphas(png))] = alphas(png)
        colours, alpha = palette(png)[stored[..., 0]], table[stored[..., 0]]
    else:
        colours = np.rint(stored * (255 / _white(png))).astype(np.uint8)
        if png.transparent:
            alpha = np.where((stored == clear_colour(png)).all(axis=2), 0, 255).astype(np.uint8)
    if png.colour in {GRAY_ALPHA, RGBA}:
        colours, alpha = colours[..., :-1], colours[..., -1]
    rgb = np.broadcast_to(colours, (*alpha.shape, 3))
    return np.dstack([rgb[..., ::-1], alpha])


def _white(png: Png) -> int:
    return (1 << png.depth) - 1


def _transparency(png: Png) -> bytes:
    if png.colour == PALETTE:
        return alphas(png).tobytes()
    return clear_colour(png).astype(">u2").tobytes()


def _rows(png: Png, stored: Samples) -> list[bytes]:
    """The filtered rows of each pass."""
    pixel_bytes = max(SAMPLES[png.colour] * png.depth // 8, 1)
    rows = []
    for left, top, right, down in _PASSES if png.interlaced else _WHOLE:
        reduced = stored[top::down, left::right]
        if not reduced.size:
            continue
        packed = [_packed(row, png.depth) for row in reduced]
        above = [bytes(len(packed[0])), *packed]
        for number, (row, before) in enumerate(zip(packed, above, strict=False)):
            kind = png.filters[number % len(png.filters)]
            rows.append(bytes((kind,)) + _filtered(kind, row, before, pixel_bytes))
    return rows


def _packed(row: Samples, depth: int) -> bytes:
    if depth >= 8:
        return row.astype(f">u{depth // 8}").tobytes()
    bits = np.unpackbits(row.astype(np.uint8).reshape(-1, 1), axis=1)[:, 8 - depth :]
    return np.packbits(bits.ravel()).tobytes()


def _filtered(kind: int, row: bytes, above: bytes, pixel_bytes: int) -> bytes:
    """A row with its prediction subtracted: none, left, above, mean of both, Paeth."""
    now = np.frombuffer(row, np.uint8).astype(int)
    up = np.frombuffer(above, np.uint8).astype(int)
    nothing = np.zeros(min(pixel_bytes, len(now)), int)
    left = np.concatenate([nothing, now])[: len(now)]
    corner = np.concatenate([nothing, up])[: len(now)]
    predictions = (0 * now, left, up, (left + up) // 2, _paeth(left, up, corner))
    return (now - predictions[kind]).astype(np.uint8).tobytes()


def _paeth(
    left: NDArray[np.int_], up: NDArray[np.int_], corner: NDArray[np.int_]
) -> NDArray[np.int_]:
    guess = left + up - corner
    far = [np.abs(guess - near) for near in (left, up, corner)]
    return np.where(
        (far[0] <= far[1]) & (far[0] <= far[2]), left, np.where(far[1] <= far[2], up, corner)
    )
