"""AVIF files put together from pictures by Pillow, built as the public av1-avif samples are."""

import io
import struct
from collections.abc import Sequence
from typing import Any

from PIL import Image

from tests.hostile.avif_files import BRANDS, Item, avif_of, boxes, reference
from tests.unit.probe_files import ALPHA_URN, box, full_box, ispe, pixi

ALPHA_OF = full_box(b"auxC", ALPHA_URN)


def avif(picture: Image.Image, **options: Any) -> bytes:
    """A whole file by Pillow."""
    content = io.BytesIO()
    picture.save(content, "AVIF", **{"speed": 9, "quality": 95} | options)
    return content.getvalue()


def coded(picture: Image.Image, **options: Any) -> tuple[bytes, bytes]:
    """The configuration box and the bytes of a picture without alpha."""
    whole = avif(picture, **options)
    places = {path.rpartition("/")[2]: (start, end) for path, start, end in boxes(whole)}
    configuration, data = places["av1C"], places["mdat"]
    return whole[slice(*configuration)], whole[data[0] + 8 : data[1]]


def _planes(picture: Image.Image) -> bytes:
    return pixi(*[8] * len(picture.getbands()))


def single(picture: Image.Image, *more: bytes, **options: Any) -> bytes:
    """One picture, and further properties of it."""
    configuration, data = coded(picture, **options)
    properties = (ispe(*picture.size), _planes(picture), configuration, *more)
    return avif_of({1: Item(data, tuple(range(1, len(properties) + 1)))}, properties)


def grid(
    picture: Image.Image, tile_px: int, *more: bytes, alpha: Image.Image | None = None
) -> bytes:
    """Tiles of one size, the last of which reach past the picture.

    Args:
        picture: The whole.
        tile_px: Sides of a tile.
        more: Further properties of the whole.
        alpha: Gray; each tile has its part of it.
    """
    columns, rows = -(-picture.width // tile_px), -(-picture.height // tile_px)
    plan = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, *picture.size)
    places = [(x * tile_px, y * tile_px) for y in range(rows) for x in range(columns)]
    properties = [ispe(*picture.size), _planes(picture), ispe(tile_px, tile_px), *more]
    properties += [pixi(8), ALPHA_OF]
    whole = (1, 2, *range(4, 4 + len(more)))
    items, references = {1: Item(plan, whole, b"grid")}, []
    for number, (x, y) in enumerate(places):
        area = (x, y, x + tile_px, y + tile_px)
        for first, source, own in ((10, picture, (3, 2)), (100, alpha, (3, 4 + len(more)))):
            if source is not None:
                # Of half the chroma, grids of odd sizes are not allowed.
                subsampling = "4:0:0" if source.mode == "L" else "4:4:4"
                configuration, data = coded(source.crop(area), subsampling=subsampling)
                properties.append(configuration)
                of_alpha = (5 + len(more),) if first == 100 else ()
                items[first + number] = Item(data, (*own, *of_alpha, len(properties)))
        if alpha is not None:
            references.append(reference(b"auxl", 100 + number, [10 + number]))
    parts = reference(b"dimg", 1, [10 + number for number in range(len(places))])
    in_order = dict(sorted(items.items()))
    return avif_of(in_order, properties, references=b"".join([parts, *references]))


def in_meta(picture: Image.Image) -> bytes:
    """The bytes lie in `idat`, inside the metadata."""
    return _placed(picture, method=1, extents=[(0, None)])


def scattered(picture: Image.Image, *cuts: int) -> bytes:
    """The bytes lie in several places of the file, in another order."""
    places = list(zip((0, *cuts), (*cuts, None), strict=True))
    return _placed(picture, method=0, extents=places)


def _placed(
    picture: Image.Image, *, method: int, extents: Sequence[tuple[int, int | None]]
) -> bytes:
    configuration, data = coded(picture)
    parts = [data[slice(*extent)] for extent in extents]
    stored = b"".join(reversed(parts))
    starts = [sum(len(part) for part in parts[number + 1 :]) for number in range(len(parts))]
    properties = box(b"ipco", ispe(*picture.size), _planes(picture), configuration)
    numbers = full_box(b"ipma", struct.pack(">IHB", 1, 1, 3), bytes((0x81, 0x82, 0x83)))
    info = full_box(b"infe", struct.pack(">HH4s", 1, 0, b"av01"), b"\0", version=2)
    base = 0
    for _ in range(2):  # the first round tells where `mdat` lies
        places = [
            struct.pack(">II", base + start, len(part))
            for start, part in zip(starts, parts, strict=True)
        ]
        item = struct.pack(">HHHH", 1, method, 0, len(parts)) + b"".join(places)
        meta = full_box(
            b"meta",
            full_box(b"hdlr", bytes(4), b"pict", bytes(13)),
            full_box(b"pitm", struct.pack(">H", 1)),
            full_box(b"iloc", b"\x44\x00", struct.pack(">H", 1), item, version=1),
            full_box(b"iinf", struct.pack(">H", 1), info),
            box(b"iprp", properties, numbers),
            *([box(b"idat", stored)] if method else []),
        )
        head = box(b"ftyp", BRANDS) + meta
        base = 0 if method else len(head) + 8
    return head if method else head + box(b"mdat", stored)


def sequence_alone(frames: Sequence[Image.Image]) -> bytes:
    """An animation that has tracks and no items."""
    first, *others = frames
    whole = avif(first, save_all=True, append_images=others, duration=50)
    places = {path: (start, end) for path, start, end in boxes(whole)}
    start, end = places["meta"]
    hidden = whole[:start] + box(b"free", bytes(end - start - 8)) + whole[end:]
    brands = hidden[8 : places["ftyp"][1]]
    return hidden.replace(brands, brands.replace(b"avif", b"msf1").replace(b"mif1", b"msf1"), 1)


def clap(width: int, height: int, right: float, down: float) -> bytes:
    """A clean aperture; offsets are from the middle, in halves."""
    whole = struct.pack(">IIII", width, 1, height, 1)
    return box(b"clap", whole, struct.pack(">iIiI", round(2 * right), 2, round(2 * down), 2))
