"""Good files of every format, and the ways in which a fuzzer spoils them."""

import zlib
from collections.abc import Callable
from random import Random

from tests.hostile import (
    apng_kinds,
    avif_kinds,
    bmp_kinds,
    gif_kinds,
    heic_kinds,
    jpeg_kinds,
    jxl_kinds,
    png_kinds,
    tiff_kinds,
    webp_kinds,
)
from tests.hostile.avif_files import grid
from tests.hostile.good_files import good
from tests.hostile.tiff_files import tiled
from tests.unit.jxl_files import ANIMATION

SEEDS: tuple[bytes, ...] = (
    jpeg_kinds.GOOD,
    jpeg_kinds.PROGRESSIVE,
    good("JPEG", size=(97, 67), subsampling=2),  # Decoded to luma and chroma.
    png_kinds.GOOD,
    good("PNG", "P"),
    apng_kinds.apng(apng_kinds.frame(1), apng_kinds.pixels(2)),
    apng_kinds.still_first(apng_kinds.pixels(1)),
    webp_kinds.GOOD,
    webp_kinds.LOSSLESS,
    webp_kinds.ALPHA,
    webp_kinds.ANIMATED,
    gif_kinds.GOOD,
    gif_kinds.ANIMATED,
    avif_kinds.GOOD,
    avif_kinds.SEQUENCE,
    grid((128, 128), (2, 2), (64, 64)),
    tiff_kinds.GOOD,
    tiff_kinds.DEFLATED,
    good("TIFF", compression="tiff_lzw"),
    good("TIFF", compression="jpeg"),
    good("TIFF", compression="packbits"),
    tiled(32, (16, 16), bytes(256)),
    bmp_kinds.GOOD,
    bmp_kinds.PALETTE,
    heic_kinds.GOOD,
    heic_kinds.GRID,
    jxl_kinds.GOOD,
    jxl_kinds.LOSSLESS,
    ANIMATION,
)
LENGTHS = (0, 1, 2, 3, 7, 8, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000)
HUGE_LENGTHS = (0x7FFFFFFF, 0x80000000, 0xFFFFFFF0, 0xFFFFFFFF, 0x40000000)


def mutated(random: Random) -> bytes:
    """One of the seeds with one to six things changed; the same for the same state of `random`."""
    data = bytearray(random.choice(SEEDS))
    for _ in range(random.randint(1, 6)):
        random.choice(_CHANGES)(data, random)
    if data.startswith(png_kinds.MAGIC) and random.random() < 0.8:
        _sign(data)
    return bytes(data)


def _sign(png: bytearray) -> None:
    """Give each chunk its right checksum: libpng looks no further than a wrong one."""
    at = len(png_kinds.MAGIC)
    while at + 12 <= len(png):
        end = at + 8 + int.from_bytes(png[at : at + 4], "big")
        if end + 4 > len(png):
            break
        png[end : end + 4] = zlib.crc32(png[at + 4 : end]).to_bytes(4, "big")
        at = end + 4


def _flip(data: bytearray, random: Random) -> None:
    if data:
        data[_place(data, random) % len(data)] = random.randrange(256)


def _flip_a_bit(data: bytearray, random: Random) -> None:
    if data:
        data[_place(data, random) % len(data)] ^= 1 << random.randrange(8)


def _length(data: bytearray, random: Random) -> None:
    """A number that may be a length, in either byte order."""
    size = random.choice((1, 2, 4))
    number = random.choice(LENGTHS + HUGE_LENGTHS) & ((1 << 8 * size) - 1)
    at = _place(data, random)
    data[at : at + size] = number.to_bytes(size, random.choice(("big", "little")))


def _cut(data: bytearray, random: Random) -> None:
    del data[_place(data, random) :]


def _remove(data: bytearray, random: Random) -> None:
    at = _place(data, random)
    del data[at : at + random.randint(1, 64)]


def _repeat(data: bytearray, random: Random) -> None:
    at = _place(data, random)
    data[at:at] = data[at : at + random.randint(1, 200)] * random.randint(1, 40)


def _splice(data: bytearray, random: Random) -> None:
    other = random.choice(SEEDS)
    start = random.randrange(len(other))
    at = _place(data, random)
    data[at : at + random.choice((0, 50))] = other[start : start + random.randint(1, 400)]


def _place(data: bytearray, random: Random) -> int:
    """Half of the time where headers are."""
    most = len(data) if random.random() < 0.5 else min(len(data), 160)
    return random.randint(0, most)


_CHANGES: tuple[Callable[[bytearray, Random], None], ...] = (
    _flip,
    _flip,
    _flip_a_bit,
    _length,
    _length,
    _cut,
    _remove,
    _repeat,
    _splice,
)
