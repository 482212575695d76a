"""The colour profile of Display P3, written byte by byte (ICC.1:2022, 7 to 10)."""

import struct

_VERSION = 0x04400000
# Colorants of P3 under D65, adapted to D50 by Bradford; white; the curve of sRGB.
_RED = (0.51512, 0.24120, -0.00105)
_GREEN = (0.29198, 0.69225, 0.04189)
_BLUE = (0.15710, 0.06657, 0.78407)
_WHITE = (0.9642, 1.0, 0.8249)
_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_HEADER_BYTES = 128
_ENTRY_BYTES = 12


def display_p3() -> bytes:
    """A profile of three colorants and one curve."""
    curve = struct.pack(">4s4xH2x", b"para", 3) + _fixed(*_CURVE)
    tags = {
        b"desc": _text("Display P3"),
        b"cprt": _text("Public domain"),
        b"wtpt": _xyz(_WHITE),
        b"rXYZ": _xyz(_RED),
        b"gXYZ": _xyz(_GREEN),
        b"bXYZ": _xyz(_BLUE),
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
    }
    start = _HEADER_BYTES + 4 + _ENTRY_BYTES * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, tag in tags.items():
        table += struct.pack(">4sII", name, start + len(body), len(tag))
        body += tag + bytes(-len(tag) % 4)
    return _header(start + len(body)) + table + body


def _header(size_bytes: int) -> bytes:
    fields = (size_bytes, _VERSION, b"mntr", b"RGB ", b"XYZ ", b"acsp")
    header = struct.pack(">I4xI4s4s4s12x4s28x", *fields) + _fixed(*_WHITE)
    return header.ljust(_HEADER_BYTES, b"\0")


def _fixed(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def _xyz(values: tuple[float, float, float]) -> bytes:
    return b"XYZ \0\0\0\0" + _fixed(*values)


def _text(text: str) -> bytes:
    encoded = text.encode("utf-16-be")
    return struct.pack(">4s4xII4sII", b"mluc", 1, 12, b"enUS", len(encoded), 28) + encoded
