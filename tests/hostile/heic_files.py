"""HEIC files box by box; the pictures in them are by x265."""

import struct
from collections.abc import Sequence
from functools import cache

from PIL import Image

from tests.hostile.avif_files import Item, avif_of, boxes, reference
from tests.hostile.good_files import picture
from tests.modern_files import heic
from tests.unit.probe_files import ALPHA_URN, full_box, ispe, pixi

_AVIF, _HEIC = b"avif\0\0\0\0mif1avifmiaf", b"heic\0\0\0\0mif1heicmiaf"
_SIZE = (64, 48)
CODED, GRID = b"hvc1", b"grid"


@cache
def coded(width: int, height: int, mode: str = "RGB") -> tuple[bytes, bytes]:
    """The HEVC configuration box and the bytes of one picture; sides are multiples of 8."""
    flat = Image.new(mode, (width, height), 99)
    whole = heic(picture(mode) if (width, height) == _SIZE else flat, quality=30)
    places = {path.rpartition("/")[2]: (start, end) for path, start, end in boxes(whole)}
    configuration, data = places["hvcC"], places["mdat"]
    return whole[slice(*configuration)], whole[data[0] + 8 : data[1]]


def heic_of(items: dict[int, Item], properties: Sequence[bytes], **options: bytes) -> bytes:
    """A whole file; options are those of `avif_of`."""
    return avif_of(items, properties, **options).replace(_AVIF, _HEIC)  # type: ignore[arg-type]


def single(
    claimed: tuple[int, int], real: tuple[int, int] = _SIZE, *more: bytes, **options: bytes
) -> bytes:
    """One picture of the size `real` that claims another one; further properties of it."""
    configuration, data = coded(*real)
    properties = (ispe(*claimed), pixi(8, 8, 8), configuration, *more)
    numbers = tuple(range(1, len(properties) + 1))
    return heic_of({1: Item(data, numbers, CODED)}, properties, **options)


def with_alpha(size: tuple[int, int], *, own: bool = False) -> bytes:
    """With alpha that says to be of this size; or that is the picture itself."""
    configuration, data = coded(*_SIZE)
    auxiliary = full_box(b"auxC", ALPHA_URN)
    properties = (ispe(*_SIZE), pixi(8, 8, 8), configuration, auxiliary, ispe(*size))
    numbers = (1, 2, 3, 4) if own else (1, 2, 3)
    items = {1: Item(data, numbers, CODED), 2: Item(data, (5, 2, 3, 4), CODED)}
    pair = (1, [1]) if own else (2, [1])
    return heic_of(items, properties, references=reference(b"auxl", *pair))


def grid(
    claimed: tuple[int, int],
    tiles: tuple[int, int],
    tile: tuple[int, int],
    *,
    canvas: tuple[int, int] | None = None,
    targets: Sequence[int] | None = None,
) -> bytes:
    """A picture put together from tiles, each of which has the same bytes.

    Args:
        claimed: The size that it says to have.
        tiles: Columns and rows.
        tile: Their size.
        canvas: The size inside the grid's own description.
        targets: The items that it is made of, when not those of the tiles.
    """
    configuration, data = coded(*tile)
    count = tiles[0] * tiles[1]
    plan = struct.pack(">BBBBII", 0, 1, tiles[1] - 1, tiles[0] - 1, *(canvas or claimed))
    parts = {number: Item(data, (3, 2, 4), CODED) for number in range(2, count + 2)}
    items = {1: Item(plan, (1, 2), GRID)} | parts
    properties = (ispe(*claimed), pixi(8, 8, 8), ispe(*tile), configuration)
    made_of = reference(b"dimg", 1, list(parts) if targets is None else targets)
    return heic_of(items, properties, references=made_of)


def parameter_set(width: int, height: int) -> bytes:
    """The beginning of a sequence parameter set of a still picture of such sides, in 4:2:0."""
    bits = "0000" + "000" + "1" + "0" * 88 + "0" * 8 + golomb(0) + golomb(1)
    bits += golomb(width) + golomb(height)
    bits += "1" * (-len(bits) % 8)
    body = int(bits, 2).to_bytes(len(bits) // 8, "big")
    return b"\x42\x01" + body.replace(b"\0\0", b"\0\0\3")


def golomb(number: int) -> str:
    """A number of variable length."""
    binary = f"{number + 1:b}"
    return "0" * (len(binary) - 1) + binary


def configuration_of(*units: bytes, length_bytes: int = 4) -> bytes:
    """What an `hvcC` box holds, with units of any kind."""
    head = bytes(16) + b"\xfd\xf8" + bytes(3) + bytes((length_bytes - 1, len(units)))
    arrays = (
        struct.pack(">BHH", unit[0] >> 1 & 63 if unit else 33, 1, len(unit)) + unit
        for unit in units
    )
    return head + b"".join(arrays)
