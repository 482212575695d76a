"""EXIF: its directories read, and written again.

After TIFF 6.0, section 2, and CIPA DC-008 (EXIF) 4.6. The second directory, with the thumbnail, is
never read, nor is anything that tells how pixels are stored.
"""

from dataclasses import dataclass, field
from struct import Struct, error, pack

from pixelpipe.formats.metadata.rights import Rights, clean

ORIENTATION, ARTIST, COPYRIGHT = 0x0112, 0x013B, 0x8298
XMP, IPTC = 0x02BC, 0x83BB
_EXIF, _GPS, _INTEROP, _MAKER_NOTE = 0x8769, 0x8825, 0xA005, 0x927C
_COLOR_SPACE, _SIZES = 0xA001, (0xA002, 0xA003)
# White, primaries and gamma, which cameras add in Adobe RGB.
_WHITE_POINT, _PRIMARIES, _GAMMA = 0x013E, 0x013F, 0xA500
_UPRIGHT, _SRGB = 1, 1

_ASCII, _SHORT, _LONG, _UTF8 = 2, 3, 4, 129
_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, _UTF8: 1}
_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}

_ENTRY_BYTES = 12
_INLINE_BYTES = 4
_MAX_ENTRIES = 512
_MAX_VALUES_BYTES = 256 << 10
_FIRST_AT = 8
# Further behind it would leave too much unused room before it.
_MAX_NOTE_AT = 16 << 10

# How pixels are stored, pictures in the picture, and what is kept in blocks of its own.
_UNREAD = frozenset(
    {
        *range(0x00FE, 0x0104),  # kind of picture, width, length, bits, compression
        *(0x0106, 0x0107, 0x0108, 0x0109, 0x010A),
        *(0x0111, 0x0115, 0x0116, 0x0117, 0x0118, 0x0119, 0x011C, 0x0120, 0x0121),
        *(0x0122, 0x0123, 0x0124, 0x0125, 0x012D, 0x013D, 0x0140, 0x0141),
        *range(0x0142, 0x014B),  # tiles, fax lines, further directories
        *(0x0152, 0x0153, 0x0154, 0x0155, 0x015B),
        *range(0x0200, 0x020A),  # JPEG inside TIFF, also where a thumbnail lies
        *(0x501B, 0x5023, 0x5024, 0x5025),  # thumbnails by Windows
        *(0x8649, 0x8773, 0x935C),  # Photoshop's resources, ICC profile, Photoshop's layers
        0xEA1C,  # padding
    }
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A tag's type, the number of its values, and their bytes in the block's order."""

    kind: int
    count: int
    value: bytes


Directory = dict[int, Entry]


@dataclass(slots=True)
class Exif:
    """The directories, by tag, without the entries that lead from one to the next.

    Attributes:
        order: `<` or `>`, as struct has it.
        main: The picture.
        camera: How it was taken.
        gps: Where it was taken.
        interop: What it may be exchanged with.
        note_at: Where the maker's note lay; offsets inside it often count from the block's start.
    """

    order: str = "<"
    main: Directory = field(default_factory=dict)
    camera: Directory = field(default_factory=dict)
    gps: Directory = field(default_factory=dict)
    interop: Directory = field(default_factory=dict)
    note_at: int = 0


def read_exif(block: bytes | memoryview) -> Exif | None:
    """Read a block, or the first directory of a TIFF file; entries that are broken are left out.

    Returns:
        None where it does not begin with a TIFF header.
    """
    order = _ORDERS.get(bytes(block[:4]))
    if order is None:
        return None
    reading = _Reading(block, order)
    exif = Exif(order)
    exif.main = reading.directory(reading.offset_at(4))
    exif.camera = reading.subdirectory(exif.main, _EXIF)
    exif.note_at = reading.note_at
    exif.gps = reading.subdirectory(exif.main, _GPS)
    exif.interop = reading.subdirectory(exif.camera, _INTEROP)
    return exif


class _Reading:
    """A block that is read; nothing past its end, and no more than anybody writes."""

    def __init__(self, block: bytes | memoryview, order: str) -> None:
        self.note_at = 0
        self._block = block
        self._long = Struct(order + "I")
        self._count = Struct(order + "H")
        self._entry = Struct(order + "HHI")
        # Values may lie upon each other: all together are not larger than a block.
        self._left_bytes = min(len(block), _MAX_VALUES_BYTES)

    def offset_at(self, at: int) -> int:
        """The offset that is written at `at`; 0 past the end."""
        return int(self._long.unpack_from(self._block, at)[0]) if at + 4 <= len(self._block) else 0

    def directory(self, at: int) -> Directory:
        """The directory at an offset; of a tag that comes twice the first one counts."""
        found: Directory = {}
        try:
            (count,) = self._count.unpack_from(self._block, at)
            first = at + self._count.size
            for entry_at in range(first, first + min(count, _MAX_ENTRIES) * _ENTRY_BYTES, 12):
                tag, kind, number = self._entry.unpack_from(self._block, entry_at)
                entry = self._value(tag, kind, number, entry_at + self._entry.size)
                if entry and tag not in found:
                    found[tag] = entry
        except error:
            pass  # It ends early; what was read so far counts.
        return found

    def subdirectory(self, parent: Directory, tag: int) -> Directory:
        """The directory that an entry leads to, which is taken out; empty where none does."""
        entry = parent.pop(tag, None)
        if entry is None or entry.kind != _LONG or entry.count != 1:
            return {}
        at = int(self._long.unpack(entry.value)[0])
        return self.directory(at) if at >= _FIRST_AT else {}

    def _value(self, tag: int, kind: int, count: int, at: int) -> Entry | None:
        size = _TYPE_BYTES.get(kind, 0) * count
        if size > _INLINE_BYTES:
            at = self.offset_at(at)
        if not size or size > self._left_bytes or at + size > len(self._block) or tag in _UNREAD:
            return None
        self._left_bytes -= size
        if tag == _MAKER_NOTE:
            self.note_at = at
        return Entry(kind, count, bytes(self._block[at : at + size]))


def write_exif(exif: Exif) -> bytes:
    """The block; a maker's note lies where it lay, so that the offsets inside it stay right."""
    return _Writing(exif).block()


class _Writing:
    """A block that grows; what is placed leaves out where the maker's note will lie."""

    def __init__(self, exif: Exif) -> None:
        self._exif = exif
        self._order = exif.order
        note = exif.camera.get(_MAKER_NOTE)
        kept = note is not None and _FIRST_AT <= exif.note_at <= _MAX_NOTE_AT
        self._note_at = exif.note_at if kept else 0
        self._note_end = exif.note_at + len(note.value) if kept and note else 0
        self._end = _FIRST_AT
        self._parts: list[tuple[int, bytes]] = []

    def block(self) -> bytes:
        exif = self._exif
        main, camera = dict(exif.main), dict(exif.camera)
        # The directory that the header leads to comes first, so its room is taken first; what it
        # leads to is known only once the others are placed.
        links = {_EXIF: camera or exif.interop, _GPS: exif.gps}
        main |= {tag: self._link(0) for tag, directory in links.items() if directory}
        first_at = self._place(_directory_bytes(main))
        if exif.interop:
            camera[_INTEROP] = self._link(self._directory(exif.interop))
        if camera:
            main[_EXIF] = self._link(self._directory(camera))
        if exif.gps:
            main[_GPS] = self._link(self._directory(exif.gps))
        self._fill(main, first_at)
        return self._joined(first_at)

    def _link(self, at: int) -> Entry:
        return Entry(_LONG, 1, pack(self._order + "I", at))

    def _directory(self, directory: Directory) -> int:
        at = self._place(_directory_bytes(directory))
        self._fill(directory, at)
        return at

    def _fill(self, directory: Directory, at: int) -> None:
        packed = [pack(self._order + "H", len(directory))]
        for tag, entry in sorted(directory.items()):
            value = entry.value
            if len(value) > _INLINE_BYTES:
                value = pack(self._order + "I", self._value(tag, value))
            head = pack(self._order + "HHI", tag, entry.kind, entry.count)
            packed.append(head + value.ljust(_INLINE_BYTES, b"\0"))
        self._parts.append((at, b"".join(packed) + bytes(4)))

    def _value(self, tag: int, value: bytes) -> int:
        at = self._note_at if tag == _MAKER_NOTE and self._note_at else self._place(len(value))
        self._parts.append((at, value))
        return at

    def _place(self, size: int) -> int:
        """Take room for so many bytes, at an even offset."""
        if self._end < self._note_end and self._end + size > self._note_at:
            self._end = self._note_end + self._note_end % 2
        at = self._end
        self._end += size + size % 2
        return at

    def _joined(self, first_at: int) -> bytes:
        block = bytearray(max(at + len(part) for at, part in self._parts))
        block[:4] = next(magic for magic, order in _ORDERS.items() if order == self._order)
        block[4:_FIRST_AT] = pack(self._order + "I", first_at)
        for at, part in self._parts:
            block[at : at + len(part)] = part
        return bytes(block)


def _directory_bytes(directory: Directory) -> int:
    return 2 + _ENTRY_BYTES * len(directory) + 4


def set_upright(exif: Exif) -> None:
    """Say that the picture is stored upright, if anything is said."""
    if ORIENTATION in exif.main:
        exif.main[ORIENTATION] = _short(exif, _UPRIGHT)


def forget_sizes(exif: Exif) -> None:
    """Leave out how many pixels the picture has."""
    for tag in _SIZES:
        exif.camera.pop(tag, None)


def set_srgb(exif: Exif) -> None:
    """Say that colours are those of sRGB, if anything is said."""
    if _COLOR_SPACE in exif.camera:
        exif.camera[_COLOR_SPACE] = _short(exif, _SRGB)
    exif.main.pop(_WHITE_POINT, None)
    exif.main.pop(_PRIMARIES, None)
    exif.camera.pop(_GAMMA, None)
    exif.interop.clear()  # where a camera says Adobe RGB


def _short(exif: Exif, value: int) -> Entry:
    return Entry(_SHORT, 1, pack(exif.order + "H", value))


def exif_rights(exif: Exif) -> Rights:
    """Who made the picture, by its main directory."""
    artist, notice = (_text(exif.main.get(tag)) for tag in (ARTIST, COPYRIGHT))
    return Rights((artist,) if artist else (), notice)


def rights_block(rights: Rights) -> bytes:
    """A block with artist and copyright, and nothing else; empty if there is neither."""
    entries = _rights_entries(rights)
    return write_exif(Exif(main=entries)) if entries else b""


def with_rights(block: bytes, rights: Rights) -> bytes:
    """A block in which artist and copyright are added where it says nothing of them."""
    exif = read_exif(block)
    if exif is None:
        return rights_block(rights)
    said = exif_rights(exif)
    known = {tag for tag, text in ((ARTIST, said.creators), (COPYRIGHT, said.notice)) if text}
    added = {tag: text for tag, text in _rights_entries(rights).items() if tag not in known}
    exif.main |= added
    return write_exif(exif) if added else block


def _rights_entries(rights: Rights) -> Directory:
    texts = {ARTIST: "; ".join(rights.creators), COPYRIGHT: rights.notice}
    return {tag: _ascii(text) for tag, text in texts.items() if text}


def _ascii(text: str) -> Entry:
    # Others than ASCII have no place in this type; UTF-8 is what everybody writes and reads.
    value = text.encode() + b"\0"
    return Entry(_ASCII, len(value), value)


def _text(entry: Entry | None) -> str:
    if entry is None or entry.kind not in {_ASCII, _UTF8}:
        return ""
    # The notices of photographer and editor have a zero between them.
    value = entry.value.rstrip(b"\0").replace(b"\0", b" ")
    try:
        return clean(value.decode())
    except UnicodeDecodeError:
        return clean(value.decode("latin-1"))
