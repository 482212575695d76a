"""AVIF files box by box, after ISO/IEC 14496-12 and 23008-12."""

import base64
import io
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from PIL import Image

from tests.unit.probe_files import box, full_box, ipma, ispe, pixi

BRANDS = b"avif\0\0\0\0mif1avifmiaf"
CONTAINERS = frozenset({b"meta", b"iprp", b"ipco", b"iinf", b"iref", b"moov", b"trak", b"mdia"})
_FULL = frozenset({b"meta", b"iref"})
_HUGE_CONFIGURATION = box(b"av1C", b"\x81\x1f\x1c\0")
# Encoding it takes 12 s: a bomb is best kept packed.
_HUGE = (
    "c-j+U;Nq75UjP69-(^fvybeao`6UDmXF4=hvM?}Mo<A4(L11>iYWlQiw!RD6esaGMU-adA#`Z+#&`b8b3s"
    "||YTyp!Iyl+WZ_C&j+go|vhN9s72M2X&0&a^&%E}|xQ+6!0Z$t<T+_nkS_o5w5@@!v1zPN%sF&my7P#E4K"
    "GX0g)HAnOCq<e6VSzZMgA)YNgoN|{xj2BVrsHIHf@)jX<sRP(UbOo?6qI0;_o"
)
_HANDLER = full_box(b"hdlr", bytes(4), b"pict", bytes(13))


@dataclass(frozen=True, slots=True)
class Item:
    """One item.

    Attributes:
        data: Its bytes; they lie in `mdat`, one item's behind the other's, the same ones once.
        properties: Their numbers, from 1.
        kind: Its type.
        extents: Offsets (in `mdat`) and lengths instead of where the bytes lie.
    """

    data: bytes
    properties: tuple[int, ...] = (1, 2, 3)
    kind: bytes = b"av01"
    extents: Sequence[tuple[int, int]] = field(default=())


def boxes(whole: bytes, at: int = 0, end: int | None = None) -> Iterator[tuple[str, int, int]]:
    """Path, start and end of each box, those inside other ones included."""
    last = len(whole) if end is None else end
    while at + 8 <= last:
        size, name = struct.unpack_from(">I4s", whole, at)
        yield name.decode("latin-1"), at, at + size
        if name in CONTAINERS:
            inner = at + 8 + 4 * (name in _FULL) + 6 * (name == b"iinf")
            for path, start, stop in boxes(whole, inner, at + size):
                yield f"{name.decode()}/{path}", start, stop
        at += size


@cache
def coded(width: int, height: int, mode: str = "L") -> tuple[bytes, bytes]:
    """The AV1 configuration box and the bytes of one picture of one colour."""
    stream = io.BytesIO()
    Image.new(mode, (width, height), 99).save(stream, "AVIF", speed=10)
    whole = stream.getvalue()
    places = {path.rpartition("/")[2]: (start, end) for path, start, end in boxes(whole)}
    config, data = places["av1C"], places["mdat"]
    return whole[slice(*config)], whole[data[0] + 8 : data[1]]


def avif_of(
    items: Mapping[int, Item],
    properties: Sequence[bytes],
    *,
    primary: int = 1,
    references: bytes = b"",
    more: bytes = b"",
) -> bytes:
    """A whole file; `references` is what is in its `iref`, `more` what else is in its `meta`."""
    blocks: dict[bytes, int] = {}
    size = 0
    for item in items.values():
        if item.data not in blocks:
            blocks[item.data] = size
            size += len(item.data)
    start = 0
    for _ in range(2):  # the first round tells where `mdat` lies
        meta = full_box(
            b"meta",
            _HANDLER,
            full_box(b"pitm", struct.pack(">H", primary)),
            _locations(items, blocks, start),
            _infos(items),
            full_box(b"iref", references) if references else b"",
            box(b"iprp", box(b"ipco", *properties), _associations(items)),
            more,
        )
        head = box(b"ftyp", BRANDS) + meta
        start = len(head) + 8
    return head + box(b"mdat", *blocks)


def _locations(items: Mapping[int, Item], blocks: Mapping[bytes, int], start: int) -> bytes:
    entries = []
    for number, item in items.items():
        extents = item.extents or [(blocks[item.data], len(item.data))]
        places = ((start + at) & 0xFFFFFFFF for at, _ in extents)
        entries.append(struct.pack(">HHH", number, 0, len(extents)))
        entries += [
            struct.pack(">II", at, size) for at, (_, size) in zip(places, extents, strict=True)
        ]
    return full_box(b"iloc", b"\x44\x00", struct.pack(">H", len(items)), *entries)


def _infos(items: Mapping[int, Item]) -> bytes:
    infos = (
        full_box(b"infe", struct.pack(">HH4s", number, 0, item.kind), b"\0", version=2)
        for number, item in items.items()
    )
    return full_box(b"iinf", struct.pack(">H", len(items)), *infos)


def _associations(items: Mapping[int, Item]) -> bytes:
    return ipma({number: item.properties for number, item in items.items()})


def reference(name: bytes, source: int, targets: Sequence[int]) -> bytes:
    """What one item has to do with others."""
    return box(name, struct.pack(f">HH{len(targets)}H", source, len(targets), *targets))


def single(
    claimed: tuple[int, int], real: tuple[int, int] = (64, 48), *more: bytes, **options: bytes
) -> bytes:
    """One gray picture of the size `real` that claims another one; further properties of it."""
    config, data = coded(*real)
    properties = (ispe(*claimed), pixi(8), config, *more)
    numbers = tuple(range(1, len(properties) + 1))
    return avif_of({1: Item(data, numbers)}, properties, **options)  # type: ignore[arg-type]


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
    config, data = coded(*tile)
    count = tiles[0] * tiles[1]
    plan = struct.pack(">BBBBII", 0, 1, tiles[1] - 1, tiles[0] - 1, *(canvas or claimed))
    parts = {number: Item(data, (3, 2, 4)) for number in range(2, count + 2)}
    items = {1: Item(plan, (1, 2), b"grid")} | parts
    properties = (ispe(*claimed), pixi(8), ispe(*tile), config)
    made_of = reference(b"dimg", 1, list(parts) if targets is None else targets)
    return avif_of(items, properties, references=made_of)


def huge() -> bytes:
    """A gray picture of 16384x16384 that says to be one of 64x48."""
    properties = (ispe(64, 48), pixi(8), _HUGE_CONFIGURATION)
    return avif_of({1: Item(zlib.decompress(base64.b85decode(_HUGE)))}, properties)
