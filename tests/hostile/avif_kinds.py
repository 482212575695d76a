"""AVIF, after ISO/IEC 14496-12, 23008-12 and the AVIF specification."""

import struct
from collections.abc import Iterator
from functools import partial

from tests.hostile.avif_files import Item, avif_of, boxes, coded, grid, huge, reference, single
from tests.hostile.good_files import animated, good
from tests.hostile.kind import (
    COMPLETED,
    DAMAGED,
    FOREIGN,
    FRAMES,
    PIXELS,
    Kind,
    cuts,
    kind,
    replaced,
)
from tests.unit.probe_files import ALPHA_URN, box, exif, full_box, ispe, pixi

_MIB = 1 << 20
_SIZE = (64, 48)
_TILE = (64, 64)

GOOD = good("AVIF")
SEQUENCE = animated("AVIF")


def _marks() -> Iterator[tuple[str, int]]:
    yield "inside its magic", 6
    for number, (path, start, end) in enumerate(boxes(GOOD)):
        what = f"box {number} ({path.strip()})"
        yield f"before {what}", start
        yield f"inside the size of {what}", start + 2
        yield f"behind the type of {what}", start + 8
        yield f"inside {what}", (start + end) // 2
        yield f"at the last byte of {what}", end - 1


def _first(name: bytes) -> int:
    """Where the first box of the good file of this type starts."""
    return next(start for path, start, _ in boxes(GOOD) if path.endswith(name.decode()))


def _box_size(name: bytes, size: int) -> bytes:
    return replaced(GOOD, _first(name), struct.pack(">I", size))


def _body(name: bytes, offset: int, change: bytes) -> bytes:
    return replaced(GOOD, _first(name) + 8 + offset, change)


def _renamed(name: bytes) -> bytes:
    return replaced(GOOD, _first(name) + 4, b"free")


def _extents(extents: list[tuple[int, int]]) -> bytes:
    config, data = coded(*_SIZE)
    return avif_of({1: Item(data, extents=extents)}, (ispe(*_SIZE), pixi(8), config))


def _referring(name: bytes, source: int, targets: list[int], times: int = 1) -> bytes:
    return single(_SIZE, references=reference(name, source, targets) * times)


def _alpha_of_alpha() -> bytes:
    config, data = coded(*_SIZE)
    properties = (ispe(*_SIZE), pixi(8), config, full_box(b"auxC", ALPHA_URN))
    items = {1: Item(data), 2: Item(data, (1, 2, 3, 4))}
    loop = reference(b"auxl", 2, [1]) + reference(b"auxl", 1, [2]) + reference(b"auxl", 2, [2])
    return avif_of(items, properties, references=loop)


def _grid_of_itself() -> bytes:
    return grid(_SIZE, (1, 1), _SIZE, targets=[1])


def _many_items(count: int) -> bytes:
    config, data = coded(*_SIZE)
    items = {number: Item(data) for number in range(1, count + 1)}
    return avif_of(items, (ispe(*_SIZE), pixi(8), config))


def _sequence(name: bytes, count: int, offset: int) -> bytes:
    """The good sequence that says to have `count` samples in one of its tables."""
    at = SEQUENCE.index(name) + 4 + offset
    return replaced(SEQUENCE, at, struct.pack(">I", count))


def _many_samples(count: int) -> bytes:
    """A sequence whose table gives each of its samples the bytes of the first."""
    at = SEQUENCE.index(b"stsz") + 4
    old = struct.unpack_from(">I", SEQUENCE, at - 8)[0]
    table = full_box(b"stsz", struct.pack(">II", 40, count))
    return replaced(SEQUENCE, at - 8, table + box(b"free", bytes(max(0, old - len(table) - 8))))


KINDS: list[Kind] = [
    *cuts("AVIF", GOOD, _marks()),
    kind("AVIF that is put together and good", partial(single, _SIZE), COMPLETED),
    kind("AVIF of a grid that is good", partial(grid, (128, 128), (2, 2), _TILE), COMPLETED),
    kind("AVIF sequence that is good", partial(bytes, SEQUENCE), COMPLETED),
    kind("AVIF with trailing bytes", lambda: GOOD + box(b"free", bytes(_MIB)), COMPLETED),
    kind("AVIF with trailing junk", lambda: GOOD + b"\xff" * 999, COMPLETED, DAMAGED),
    kind("AVIF of 65535x65535", partial(single, (65535, 65535)), PIXELS),
    kind("AVIF of 4294967295x4294967295", partial(single, (2**32 - 1, 2**32 - 1)), PIXELS),
    kind("AVIF of 0x0", partial(single, (0, 0)), DAMAGED),
    kind(
        "AVIF that says 49 MP and is 64x48",
        partial(single, (7000, 7000)),
        DAMAGED,
        COMPLETED,
        dear=True,
    ),
    kind(
        "AVIF that says 64x48 and is 9 MP",
        partial(single, _SIZE, (3000, 3000)),
        DAMAGED,
        COMPLETED,
    ),
    kind("AVIF that says 64x48 and is 268 MP", huge, DAMAGED, kills="time"),
    kind("AVIF of 9 MP", partial(single, (3000, 3000), (3000, 3000)), COMPLETED, dear=True),
    kind(
        "AVIF grid of 49 MP",
        partial(grid, (7000, 7000), (7, 7), (1000, 1000)),
        COMPLETED,
        dear=True,
    ),
    kind(
        "AVIF grid bomb of 255x255 tiles",
        partial(grid, (16320, 16320), (255, 255), _TILE),
        PIXELS,
        DAMAGED,
        kills="time",
    ),
    kind(
        "AVIF grid bomb that says 64x64",
        partial(grid, _TILE, (200, 200), _TILE, canvas=(12800, 12800)),
        DAMAGED,
        kills="time",
    ),
    kind(
        "AVIF grid of 65535x65535 that says 64x64",
        partial(grid, _TILE, (1, 1), _TILE, canvas=(65535, 65535)),
        DAMAGED,
    ),
    kind(
        "AVIF grid of 4294967295x4294967295 that says 64x64",
        partial(grid, _TILE, (1, 1), _TILE, canvas=(2**32 - 1, 2**32 - 1)),
        DAMAGED,
    ),
    kind(
        "AVIF grid of 48 MP in 10,000 tiles",
        partial(grid, (7000, 6900), (100, 100), (70, 69)),
        COMPLETED,
        DAMAGED,
    ),
    kind(
        "AVIF grid of tiles that are not there",
        partial(grid, (128, 128), (2, 2), _TILE, targets=[9] * 4),
        DAMAGED,
    ),
    kind(
        "AVIF grid of too few tiles", partial(grid, (128, 128), (2, 2), _TILE, targets=[2]), DAMAGED
    ),
    kind("AVIF grid that is made of itself", _grid_of_itself, DAMAGED),
    kind("AVIF with alpha that is its own alpha", _alpha_of_alpha, COMPLETED, DAMAGED),
    *(
        kind(
            f"AVIF whose {name.decode()} says {size:#x} bytes",
            partial(_box_size, name, size),
            DAMAGED,
            *([COMPLETED] if name == b"mdat" else []),
        )
        for name in (b"meta", b"iloc", b"iprp", b"ispe", b"mdat")
        for size in (1, 7, 0x7FFFFFFF, 0xFFFFFFFF)
    ),
    *(
        kind(f"AVIF without {name.decode()}", partial(_renamed, name), DAMAGED)
        for name in (
            b"meta",
            b"pitm",
            b"iloc",
            b"iinf",
            b"iprp",
            b"ipco",
            b"ispe",
            b"ipma",
            b"av1C",
        )
    ),
    kind("AVIF without mdat", partial(_renamed, b"mdat"), COMPLETED, DAMAGED),
    kind(
        "AVIF whose picture is zeros",
        lambda: GOOD[: _first(b"mdat") + 8] + bytes(len(GOOD) - _first(b"mdat") - 8),
        DAMAGED,
    ),
    kind(
        "AVIF whose picture is ones",
        lambda: GOOD[: _first(b"mdat") + 8] + b"\xff" * (len(GOOD) - _first(b"mdat") - 8),
        DAMAGED,
    ),
    kind("AVIF whose primary item is not there", partial(_body, b"pitm", 4, b"\0\x09"), DAMAGED),
    kind("AVIF with an item past its end", partial(_extents, [(0x7FFFFFFF, 100)]), DAMAGED),
    kind("AVIF with an item of 4 GB", partial(_extents, [(0, 0xFFFFFFFF)]), DAMAGED),
    kind(
        "AVIF with an item of 65,535 extents of 4 GB",
        partial(_extents, [(0, 0xFFFFFFFF)] * 65535),
        DAMAGED,
    ),
    kind(
        "AVIF with an item of 65,535 extents that are the same",
        partial(_extents, [(0, 60)] * 65535),
        DAMAGED,
        COMPLETED,
    ),
    kind("AVIF with 60,000 items", partial(_many_items, 60_000), COMPLETED, DAMAGED, kills="time"),
    kind("AVIF with 2,000 items", partial(_many_items, 2000), COMPLETED, DAMAGED),
    kind(
        "AVIF with 10,000 references",
        partial(_referring, b"cdsc", 1, [1], 10_000),
        DAMAGED,
        COMPLETED,
    ),
    kind(
        "AVIF with a reference to 65,535 items",
        partial(_referring, b"auxl", 2, [3] * 65535),
        DAMAGED,
        COMPLETED,
    ),
    kind(
        "AVIF with 200 properties",
        partial(single, _SIZE, _SIZE, *[pixi(8)] * 120),
        COMPLETED,
        DAMAGED,
    ),
    kind(
        "AVIF with an aperture of nothing",
        partial(single, _SIZE, _SIZE, box(b"clap", bytes(32))),
        DAMAGED,
        COMPLETED,
    ),
    kind(
        "AVIF with an aperture outside it",
        partial(single, _SIZE, _SIZE, box(b"clap", struct.pack(">8I", 9999, 1, 9999, 1, *[1] * 4))),
        DAMAGED,
        COMPLETED,
    ),
    kind(
        "AVIF turned by 255",
        partial(single, _SIZE, _SIZE, box(b"irot", b"\xff")),
        COMPLETED,
        DAMAGED,
    ),
    kind("AVIF of 255 bits", lambda: single(_SIZE).replace(pixi(8), pixi(255)), DAMAGED),
    kind(
        "AVIF of 255 planes",
        lambda: single(_SIZE).replace(pixi(8)[8:], b"\0\0\0\0\xff\x08"),
        DAMAGED,
        COMPLETED,
    ),
    kind(
        "AVIF with a profile of 20 MB",
        partial(single, _SIZE, _SIZE, box(b"colr", b"prof", bytes(20 * _MIB))),
        COMPLETED,
        DAMAGED,
    ),
    kind(
        "AVIF with EXIF of 20 MB",
        lambda: single(_SIZE, more=box(b"free", b"Exif\0\0" + exif(6) + bytes(20 * _MIB))),
        COMPLETED,
    ),
    kind("AVIF in 500 metas", lambda: _nested(500), DAMAGED),
    kind(
        "AVIF with 100,000 empty boxes",
        lambda: GOOD[: _first(b"meta")] + box(b"free") * 100_000 + GOOD[_first(b"meta") :],
        DAMAGED,
    ),
    kind(
        "AVIF sequence of 4294967295 samples",
        partial(_sequence, b"stsz", 0xFFFFFFFF, 8),
        DAMAGED,
        COMPLETED,
        FRAMES,
    ),
    kind(
        "AVIF sequence of 4294967295 times",
        partial(_sequence, b"stts", 0xFFFFFFFF, 8),
        DAMAGED,
        COMPLETED,
        FRAMES,
    ),
    kind(
        "AVIF sequence of 4294967295 chunks",
        partial(_sequence, b"stco", 0xFFFFFFFF, 4),
        DAMAGED,
        COMPLETED,
        FRAMES,
    ),
    kind("AVIF sequence of 100,000 frames", partial(_many_samples, 100_000), FRAMES, DAMAGED),
    kind(
        "AVIF sequence of 65535x65535",
        lambda: SEQUENCE.replace(ispe(*_SIZE), ispe(65535, 65535)),
        PIXELS,
    ),
    kind("AVIF of nothing but its brands", lambda: GOOD[: _first(b"meta")], DAMAGED),
    kind(
        "AVIF that calls itself HEIC",
        lambda: box(b"ftyp", b"heic\0\0\0\0mif1heic") + GOOD[_first(b"meta") :],
        FOREIGN,
        DAMAGED,
    ),
    kind("MP4", lambda: box(b"ftyp", b"isom\0\0\0\0isomavc1") + box(b"moov", bytes(99)), FOREIGN),
]


def _nested(depth: int) -> bytes:
    inner = b""
    for _ in range(depth):
        inner = full_box(b"meta", inner)
    return GOOD[: _first(b"meta")] + inner
