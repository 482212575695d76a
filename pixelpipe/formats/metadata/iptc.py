"""IPTC-IIM: the data sets that tell who made a picture.

After IPTC-NAA Information Interchange Model 4.2, chapters 3, 5 and 6.
"""

from collections.abc import Iterator
from struct import Struct

from pixelpipe.formats.metadata.rights import Rights, clean

_DATA_SET = Struct(">BBBH")
_START = 0x1C
# From here on the length of the length follows: nobody writes texts so long.
_LONG = 0x8000
_MAX_DATA_SETS = 4096

_CHARACTERS, _VERSION = (1, 90), (2, 0)
_BY_LINE, _CREDIT, _NOTICE = (2, 80), (2, 110), (2, 116)
_UTF8 = b"\x1b%G"
_VERSION_4 = b"\0\4"
_MAX_TEXT_BYTES = 2000


def iptc_rights(data: bytes) -> Rights:
    """Who made the picture; what is broken ends the walk."""
    found: dict[tuple[int, int], list[bytes]] = {}
    for number, value in _data_sets(data):
        found.setdefault(number, []).append(value)
    encoding = "utf-8" if _UTF8 in found.get(_CHARACTERS, ()) else ""
    return Rights(
        tuple(filter(None, (_text(value, encoding) for value in found.get(_BY_LINE, ())))),
        _text(found.get(_NOTICE, [b""])[0], encoding),
        _text(found.get(_CREDIT, [b""])[0], encoding),
    )


def rights_data_sets(rights: Rights) -> bytes:
    """Data sets with by-lines, credit and notice, and nothing else; empty if there is none."""
    texts = [(_BY_LINE, creator) for creator in rights.creators]
    texts += [(_CREDIT, rights.credit), (_NOTICE, rights.notice)]
    packed = [_packed(number, _cut(text)) for number, text in texts if text]
    if not packed:
        return b""
    return b"".join([_packed(_CHARACTERS, _UTF8), _packed(_VERSION, _VERSION_4), *packed])


def _data_sets(data: bytes) -> Iterator[tuple[tuple[int, int], bytes]]:
    at = 0
    for _ in range(_MAX_DATA_SETS):
        if at + _DATA_SET.size > len(data):
            return
        start, record, number, size = _DATA_SET.unpack_from(data, at)
        at += _DATA_SET.size
        if start != _START or size >= _LONG or at + size > len(data):
            return
        yield (record, number), data[at : at + size]
        at += size


def _packed(number: tuple[int, int], value: bytes) -> bytes:
    return _DATA_SET.pack(_START, *number, len(value)) + value


def _text(value: bytes, encoding: str) -> str:
    """By the encoding that the block names; without one many write UTF-8 nevertheless."""
    try:
        return clean(value.decode(encoding or "utf-8"))
    except UnicodeDecodeError:
        return clean(value.decode("latin-1"))


def _cut(text: str) -> bytes:
    """No more bytes than fit, and none of half a character."""
    return text.encode()[:_MAX_TEXT_BYTES].decode(errors="ignore").encode()
