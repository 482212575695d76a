"""A kind of hostile file, as data: how it is built, and how its sender may be answered."""

import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

COMPLETED = "completed"
DAMAGED = "damaged-image"
FOREIGN = "unsupported-format"
PIXELS = "pixel-limit"
FRAMES = "frame-limit"
MEMORY = "exceeds-memory"
EMPTY = "empty-body"
MALFORMED = "malformed-request"

_MAGIC_BYTES = 12


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of file.

    Attributes:
        name: The format that it pretends to be, then what is wrong with it.
        build: Makes its bytes, the same ones each time.
        allowed: `completed`, and the slugs of the errors, that may be the end of it.
        kills: What it costs an OpenCV that nothing guards: `crash`, `time` (over 2 s) or
            `memory` (over 1 GiB); empty where it costs little.
        dear: Whether it may be a picture within every limit that takes most of a second to decode.
        file_name: What its sender calls it.
        media_type: What its sender says that it is.
    """

    name: str
    build: Callable[[], bytes]
    allowed: frozenset[str]
    kills: str = ""
    dear: bool = False
    file_name: str = "photo.jpg"
    media_type: str = "application/octet-stream"

    def varied(self, whole: bytes, number: int) -> bytes:
        """The file `whole` of this kind in bytes that it has for no other number."""
        tail = number.to_bytes(8, "big")
        if self.name.startswith("AVIF"):
            tail = struct.pack(">I4s", 8 + len(tail), b"free") + tail
        return whole + tail


def kind(
    name: str, build: Callable[[], bytes], *allowed: str, kills: str = "", dear: bool = False
) -> Kind:
    """A kind that is called `photo.jpg`, whatever it is."""
    return Kind(name, build, frozenset(allowed), kills, dear)


def cuts(
    name: str, whole: bytes, marks: Iterable[tuple[str, int]], *, pixels_end: int | None = None
) -> list[Kind]:
    """A good file cut off at each mark.

    Args:
        name: The file's format.
        whole: The good file.
        marks: A name and an offset for each place.
        pixels_end: From here on nothing is missing that the picture needs.
    """
    found: dict[int, Kind] = {}
    for place, at in marks:
        allowed = {DAMAGED}
        if at < _MAGIC_BYTES:
            allowed.add(FOREIGN)
        if pixels_end is not None and at >= pixels_end:
            allowed.add(COMPLETED)
        if 0 < at < len(whole):
            build = partial(bytes, whole[:at])
            found.setdefault(at, kind(f"{name} cut {place}", build, *allowed))
    return list(found.values())


def replaced(data: bytes, at: int, new: bytes) -> bytes:
    """The file with the bytes from `at` on overwritten."""
    return data[:at] + new + data[at + len(new) :]


def bits_from_low(fields: Sequence[tuple[int, int]]) -> bytes:
    """Fields of (value, bits), the first one lowest in the first byte."""
    found, number, used = bytearray(), 0, 0
    for value, size in fields:
        number |= value << used
        used += size
        while used >= 8:
            found.append(number & 0xFF)
            number >>= 8
            used -= 8
    return bytes(found) + number.to_bytes((used + 7) // 8, "little")


def bits_from_high(fields: Sequence[tuple[int, int]]) -> bytes:
    """Fields of (value, bits), the first one highest in the first byte; ones fill the last."""
    text = "".join(f"{value:0{size}b}" for value, size in fields)
    text += "1" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big")
