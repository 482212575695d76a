"""PNG: cICP, iCCP, sRGB, gAMA and cHRM, in this order of precedence.

After the PNG specification, third edition, section 4.3 and 11.3.2. Only what stands before the
image data counts.
"""

import zlib
from struct import Struct, error

from pixelpipe.formats.color.tags import (
    MAX_PROFILE_BYTES,
    UNTAGGED,
    Calibration,
    Cicp,
    ColorTags,
    checked_profile,
)

_CHUNK = Struct(">I4s")
_CHUNK_OVERHEAD = 12  # length, type, CRC
_FIRST_CHUNK_AT = 8
_MAX_CHUNKS = 4096

_WANTED = frozenset({b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM"})
_CICP = Struct(">BBBB")
_RGB_MATRIX = 0
# The code points of H.273 that say something: not those for "unspecified", and none to come.
_PRIMARIES, _TRANSFERS = frozenset({1, *range(4, 13), 22}), frozenset({1, *range(4, 19)})
_GAMMA, _CHROMATICITIES = Struct(">I"), Struct(">8I")
_UNIT = 100_000
_MAX_NAME_BYTES = 80
# Light of a sample to a power beyond these is black or white everywhere.
_EXPONENTS = (0.1, 10.0)
# Alone, a gamma so near to that of old screens stands for sRGB, as libpng and browsers have it.
_USUAL_EXPONENT, _NEAR = 2.2, 0.05


def read_png_color(data: memoryview) -> ColorTags:
    """The first of the chunks, by precedence, that is not broken."""
    chunks = _chunks(data)
    if coding := _cicp(chunks.get(b"cICP")):
        return ColorTags(coding=coding)
    if profile := _profile(chunks.get(b"iCCP")):
        return ColorTags(profile)
    if b"sRGB" in chunks:
        return UNTAGGED
    exponent, points = _exponent(chunks.get(b"gAMA")), _chromaticities(chunks.get(b"cHRM"))
    if points is None and (exponent is None or abs(_USUAL_EXPONENT / exponent - 1) <= _NEAR):
        return UNTAGGED
    return ColorTags(coding=Calibration(exponent, points))


def _chunks(data: memoryview) -> dict[bytes, memoryview]:
    """The bodies of the wanted chunks; of a kind that comes twice the first one."""
    found: dict[bytes, memoryview] = {}
    at = _FIRST_CHUNK_AT
    for _ in range(_MAX_CHUNKS):
        if at + _CHUNK_OVERHEAD > len(data):
            break
        size, kind = _CHUNK.unpack_from(data, at)
        if kind in {b"IDAT", b"IEND"}:
            break
        if kind in _WANTED and kind not in found:
            found[kind] = data[at + _CHUNK.size : at + _CHUNK.size + size]
        at += size + _CHUNK_OVERHEAD
    return found


def _cicp(body: memoryview | None) -> Cicp | None:
    if body is None or len(body) != _CICP.size:
        return None
    primaries, transfer, matrix, full_range = _CICP.unpack(body)
    if matrix != _RGB_MATRIX or primaries not in _PRIMARIES or transfer not in _TRANSFERS:
        return None
    return Cicp(primaries, transfer, bool(full_range))


def _profile(body: memoryview | None) -> bytes:
    """The inflated profile; nothing past its largest size is inflated."""
    if body is None:
        return b""
    name_bytes = bytes(body[:_MAX_NAME_BYTES]).find(b"\0")
    # The byte behind the name says how it is compressed: deflate, the only way.
    if name_bytes < 0 or bytes(body[name_bytes + 1 : name_bytes + 2]) != b"\0":
        return b""
    inflater = zlib.decompressobj()
    try:
        profile = inflater.decompress(body[name_bytes + 2 :], MAX_PROFILE_BYTES)
    except zlib.error:
        return b""
    return checked_profile(profile)


def _exponent(body: memoryview | None) -> float | None:
    if body is None or len(body) != _GAMMA.size:
        return None
    (gamma,) = _GAMMA.unpack(body)
    lowest, highest = _EXPONENTS
    return _UNIT / gamma if gamma and lowest <= _UNIT / gamma <= highest else None


def _chromaticities(body: memoryview | None) -> tuple[float, ...] | None:
    if body is None:
        return None
    try:
        return tuple(value / _UNIT for value in _CHROMATICITIES.unpack(body))
    except error:
        return None
