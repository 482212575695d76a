"""HEIC, after ISO/IEC 23008-12, 14496-15 and ITU-T H.265."""

import struct
from collections.abc import Iterator
from functools import partial

from tests.hostile.avif_files import Item, boxes, reference
from tests.hostile.heic_files import (
    CODED,
    coded,
    configuration_of,
    grid,
    heic_of,
    parameter_set,
    single,
    with_alpha,
)
from tests.hostile.kind import (
    COMPLETED,
    DAMAGED,
    FOREIGN,
    PIXELS,
    Kind,
    cuts,
    kind,
    replaced,
)
from tests.unit.probe_files import box, ispe, pixi

_MIB = 1 << 20
_SIZE = (64, 48)
_TILE = (64, 64)

GOOD = single(_SIZE)
GRID = grid((128, 128), (2, 2), _TILE)


def _marks() -> Iterator[tuple[str, int]]:
    yield "inside its magic", 6
    for number, (path, start, end) in enumerate(boxes(GOOD)):
        what = f"box {number} ({path.strip()})"
        yield f"before {what}", start
        yield f"inside {what}", (start + end) // 2
        yield f"at the last byte of {what}", end - 1


def _first(name: bytes) -> int:
    """Where the first box of the good file of this type starts."""
    return next(start for path, start, _ in boxes(GOOD) if path.endswith(name.decode()))


def _box_size(name: bytes, size: int) -> bytes:
    return replaced(GOOD, _first(name), struct.pack(">I", size))


def _renamed(name: bytes) -> bytes:
    return replaced(GOOD, _first(name) + 4, b"free")


def _configured(configuration: bytes, data: bytes | None = None) -> bytes:
    """The good picture, or another one, with another configuration."""
    properties = (ispe(*_SIZE), pixi(8, 8, 8), box(b"hvcC", configuration))
    return heic_of({1: Item(coded(*_SIZE)[1] if data is None else data, kind=CODED)}, properties)


def _with_data(data: bytes) -> bytes:
    configuration = coded(*_SIZE)[0]
    properties = (ispe(*_SIZE), pixi(8, 8, 8), configuration)
    return heic_of({1: Item(data, kind=CODED)}, properties)


def _many_items(count: int) -> bytes:
    configuration, data = coded(*_SIZE)
    items = {number: Item(data, kind=CODED) for number in range(1, count + 1)}
    return heic_of(items, (ispe(*_SIZE), pixi(8, 8, 8), configuration))


def _vast_set() -> bytes:
    """The good configuration whose sequence parameter set says 16384x16384."""
    return _configured(configuration_of(parameter_set(16384, 16384)))


KINDS: list[Kind] = [
    *cuts("HEIC", GOOD, _marks()),
    kind("HEIC that is put together and good", partial(bytes, GOOD), COMPLETED),
    kind("HEIC of a grid that is good", partial(bytes, GRID), COMPLETED),
    kind("HEIC with trailing junk", lambda: GOOD + b"\xff" * 999, COMPLETED),
    kind("HEIC of 65535x65535", partial(single, (65535, 65535)), PIXELS),
    kind("HEIC of 4294967295x4294967295", partial(single, (2**32 - 1, 2**32 - 1)), PIXELS),
    kind("HEIC of 0x0", partial(single, (0, 0)), DAMAGED),
    kind("HEIC that says 49 MP and is 64x48", partial(single, (7000, 7000)), DAMAGED),
    kind("HEIC that says 64x48 and is 4 MP", partial(single, _SIZE, (2048, 2048)), DAMAGED),
    kind("HEIC whose parameter set says 16384x16384", _vast_set, DAMAGED),
    kind(
        "HEIC of two parameter sets, one of them vast",
        lambda: _configured(configuration_of(parameter_set(64, 48), parameter_set(16384, 16384))),
        DAMAGED,
    ),
    kind(
        "HEIC of 17 parameter sets",
        lambda: _configured(configuration_of(*[parameter_set(64, 48)] * 17)),
        DAMAGED,
    ),
    kind("HEIC without parameter sets", lambda: _configured(configuration_of()), DAMAGED),
    kind(
        "HEIC of parameter sets of no bytes",
        lambda: _configured(configuration_of(b"", b"", b"")),
        DAMAGED,
    ),
    kind(
        "HEIC of a parameter set of zeros",
        lambda: _configured(configuration_of(b"\x42\x01" + bytes(200))),
        DAMAGED,
    ),
    kind("HEIC grid bomb of 255x255 tiles", partial(grid, _TILE, (255, 255), _TILE), DAMAGED),
    kind(
        "HEIC grid bomb that says 64x64",
        partial(grid, _TILE, (30, 30), _TILE, canvas=(1920, 1920)),
        DAMAGED,
    ),
    kind(
        "HEIC grid of 4294967295x4294967295 that says 64x64",
        partial(grid, _TILE, (1, 1), _TILE, canvas=(2**32 - 1, 2**32 - 1)),
        DAMAGED,
    ),
    kind("HEIC grid of 900 tiles", partial(grid, (1920, 1920), (30, 30), _TILE), COMPLETED),
    kind(
        "HEIC grid that its tiles do not cover",
        partial(grid, (512, 512), (2, 2), _TILE),
        DAMAGED,
    ),
    kind(
        "HEIC grid of tiles that are not there",
        partial(grid, (128, 128), (2, 2), _TILE, targets=[9] * 4),
        DAMAGED,
    ),
    kind(
        "HEIC grid of too few tiles", partial(grid, (128, 128), (2, 2), _TILE, targets=[2]), DAMAGED
    ),
    kind(
        "HEIC grid that is made of itself",
        partial(grid, _TILE, (1, 1), _TILE, targets=[1]),
        DAMAGED,
    ),
    kind("HEIC with alpha of 16000x3000", partial(with_alpha, (16000, 3000)), DAMAGED),
    kind("HEIC with alpha of another size", partial(with_alpha, (32, 24)), COMPLETED, DAMAGED),
    kind("HEIC that is its own alpha", partial(with_alpha, _SIZE, own=True), COMPLETED, DAMAGED),
    *(
        kind(
            f"HEIC whose {name.decode()} says {size:#x} bytes",
            partial(_box_size, name, size),
            DAMAGED,
            *([COMPLETED] if name == b"mdat" else []),
        )
        for name in (b"meta", b"iloc", b"iprp", b"hvcC", b"mdat")
        for size in (1, 7, 0x7FFFFFFF, 0xFFFFFFFF)
    ),
    *(
        kind(f"HEIC without {name.decode()}", partial(_renamed, name), DAMAGED, FOREIGN)
        for name in (b"meta", b"pitm", b"iloc", b"iinf", b"iprp", b"ipco", b"ispe", b"hvcC")
    ),
    kind("HEIC whose picture is zeros", lambda: _with_data(bytes(900)), DAMAGED),
    kind("HEIC whose picture is ones", lambda: _with_data(b"\xff" * 900), DAMAGED),
    kind("HEIC of no picture", lambda: _with_data(b"\0\0\0\3\x4e\x01\0"), DAMAGED),
    kind(
        "HEIC of 8 MB of empty units",
        lambda: _with_data(b"\0\0\0\3\x4e\x01\0" * (8 * _MIB // 7)),
        DAMAGED,
    ),
    kind(
        "HEIC whose unit says 4 GB",
        lambda: _with_data(b"\xff\xff\xff\xff" + coded(*_SIZE)[1]),
        DAMAGED,
    ),
    kind(
        "HEIC of the same slice 500 times",
        lambda: _with_data(coded(*_SIZE)[1] * 500),
        COMPLETED,
        DAMAGED,
    ),
    kind("HEIC with 60,000 items", partial(_many_items, 60_000), DAMAGED),
    kind(
        "HEIC with a reference to 65,535 items",
        partial(single, _SIZE, references=reference(b"auxl", 2, [3] * 65535)),
        DAMAGED,
    ),
    kind(
        "HEIC with a profile of 20 MB",
        partial(single, _SIZE, _SIZE, box(b"colr", b"prof", bytes(20 * _MIB))),
        COMPLETED,
    ),
    kind(
        "HEIC with colours of a few bytes",
        partial(single, _SIZE, _SIZE, box(b"colr", b"nclx")),
        COMPLETED,
    ),
    kind("HEIC of another codec", lambda: GOOD.replace(b"hvc1", b"unci"), FOREIGN),
    kind("HEIC of nothing but its brands", lambda: GOOD[: _first(b"meta")], DAMAGED),
]
