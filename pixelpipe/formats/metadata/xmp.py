"""XMP packets: who made the picture read out of them, what went wrong of them left out.

After the XMP specification, part 1 (data model, serialization) and part 2 (name spaces). Only
well-formed packets without a document type are looked at: no entity, no outside file.
"""

from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Collection, Mapping
from typing import TypeVar
from xml.etree.ElementTree import ParseError, XMLParser
from xml.sax.saxutils import escape, quoteattr

from pixelpipe.formats.metadata.blocks import bounded
from pixelpipe.formats.metadata.rights import Rights, clean

_UTF16_MARKS = (BOM_UTF16_BE, BOM_UTF16_LE)
_MAX_DEPTH = 64
_MAX_ELEMENTS = 1 << 14
# Every name is kept with its name space before it: a long one of many names would fill the memory.
_MAX_SPACE_CHARS = 256
_MAX_SPACES = 256

_SPACES = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmpRights": "http://ns.adobe.com/xap/1.0/rights/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
}
_META = "adobe:ns:meta/"
_TIFF, _EXIF = "http://ns.adobe.com/tiff/1.0/", "http://ns.adobe.com/exif/1.0/"
_XML = "http://www.w3.org/XML/1998/namespace"

_CREATOR, _NOTICE = f"{{{_SPACES['dc']}}}creator", f"{{{_SPACES['dc']}}}rights"
_CREDIT = f"{{{_SPACES['photoshop']}}}Credit"
_MARKED, _STATEMENT, _USAGE = (
    f"{{{_SPACES['xmpRights']}}}{name}" for name in ("Marked", "WebStatement", "UsageTerms")
)
_ITEM, _LANGUAGE, _DEFAULT = f"{{{_SPACES['rdf']}}}li", f"{{{_XML}}}lang", "x-default"
_ORIENTATION, _UPRIGHT = f"{{{_TIFF}}}Orientation", "1"

# Pictures in the picture, sizes and ways to store pixels that are others now, and what belongs to a
# second part of the file that is not there any more: gain maps, depth, sound, the film of a motion
# photo, the rest of the packet. A cropped panorama is none.
_GONE_NAMES = frozenset(
    {
        "{http://ns.adobe.com/xap/1.0/}Thumbnails",
        "{http://ns.adobe.com/xmp/note/}HasExtendedXMP",
        f"{{{_TIFF}}}ImageWidth",
        f"{{{_TIFF}}}ImageLength",
        f"{{{_EXIF}}}PixelXDimension",
        f"{{{_EXIF}}}PixelYDimension",
        *(
            f"{{{_TIFF}}}{name}"
            for name in (
                "BitsPerSample",
                "Compression",
                "PhotometricInterpretation",
                "PlanarConfiguration",
                "SamplesPerPixel",
                "YCbCrSubSampling",
            )
        ),
    }
)
# What the colours were before they became those of sRGB.
_GONE_COLORS = frozenset(
    {
        f"{{{_SPACES['photoshop']}}}ColorMode",
        f"{{{_SPACES['photoshop']}}}ICCProfile",
        f"{{{_EXIF}}}ColorSpace",
        f"{{{_EXIF}}}Gamma",
        f"{{{_TIFF}}}PrimaryChromaticities",
        f"{{{_TIFF}}}TransferFunction",
        f"{{{_TIFF}}}WhitePoint",
    }
)
_GONE_SPACES = frozenset(
    {
        "http://ns.adobe.com/hdr-gain-map/1.0/",
        "http://ns.apple.com/HDRGainMap/1.0/",
        "http://ns.google.com/photos/1.0/audio/",
        "http://ns.google.com/photos/1.0/camera/",
        "http://ns.google.com/photos/1.0/container/",
        "http://ns.google.com/photos/1.0/depthmap/",
        "http://ns.google.com/photos/1.0/image/",
        "http://ns.google.com/photos/1.0/panorama/",
        "http://ns.google.com/photos/dd/1.0/device/",
    }
)

_HEAD = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
_TAIL = '<?xpacket end="r"?>'


class _RefusedError(Exception):
    """Not a packet that is looked at."""


class _Walk:
    """Is told of a packet's elements by the parser; raises where it is none of an honest writer."""

    def __init__(self) -> None:
        self._depth = self._elements = self._spaces = 0

    def doctype(self, *_: str | None) -> None:
        raise _RefusedError

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self._depth += 1
        self._elements += 1
        if self._depth > _MAX_DEPTH or self._elements > _MAX_ELEMENTS:
            raise _RefusedError
        self.opened(tag, attributes)

    def end(self, tag: str) -> None:
        self._depth -= 1
        self.closed(tag)

    def start_ns(self, prefix: str, space: str) -> None:
        """A name space and its prefix; comes before the element that declares it."""
        self._spaces += 1
        if self._spaces > _MAX_SPACES or len(space) > _MAX_SPACE_CHARS:
            raise _RefusedError
        self.declared(prefix, space)

    def declared(self, prefix: str, space: str) -> None:
        """A name space that is not too long, and its prefix."""

    def opened(self, tag: str, attributes: Mapping[str, str]) -> None:
        """An element begins; names are `{space}name`."""

    def closed(self, tag: str) -> None:
        """An element ends."""

    def data(self, text: str) -> None:
        """A piece of text."""


_Target = TypeVar("_Target", bound=_Walk)


def _walked(packet: bytes, target: _Target) -> _Target | None:
    """The target, once it was told of all; None where the packet is not looked at."""
    # The encoding is said here, whatever the packet says: to look another one up would open a file.
    parser = XMLParser(target=target, encoding="utf-8")  # noqa: S314 - a document type is refused
    try:
        parser.feed(_in_utf8(packet).strip(b"\0 \t\r\n"))
        parser.close()
    except (ParseError, _RefusedError, ValueError):
        return None
    return target


def _in_utf8(packet: bytes) -> bytes:
    """The packet, also if it begins with the byte order mark of UTF-16.

    Raises:
        ValueError: It is not in the encoding that it begins with.
    """
    return packet.decode("utf-16").encode() if packet.startswith(_UTF16_MARKS) else packet


class _Collector(_Walk):
    """Gathers the texts of the wanted properties; each may be an attribute, or have items."""

    def __init__(self, wanted: Collection[str]) -> None:
        super().__init__()
        # Of each item the pieces: the parser hands out every line and every entity apart.
        self._found: dict[str, list[list[str]]] = {name: [] for name in wanted}
        self._property = ""
        self._item: list[str] = []

    def texts(self, name: str) -> tuple[str, ...]:
        """The items of a property, clean, without those that are empty."""
        return tuple(text for item in self._found[name] if (text := clean("".join(item))))

    def opened(self, tag: str, attributes: Mapping[str, str]) -> None:
        for name in attributes.keys() & self._found.keys():
            self._found[name].append([attributes[name]])
        if not self._property and tag in self._found:
            self._property = tag
            self._begin(0)
        elif self._property and tag == _ITEM:
            # Of a text in several languages the default one comes first.
            is_default = attributes.get(_LANGUAGE) == _DEFAULT
            self._begin(0 if is_default else len(self._found[self._property]))

    def closed(self, tag: str) -> None:
        if tag == self._property:
            self._property = ""

    def data(self, text: str) -> None:
        if self._property:
            self._item.append(text)

    def _begin(self, at: int) -> None:
        self._item = []
        self._found[self._property].insert(at, self._item)


def xmp_rights(packet: bytes) -> Rights:
    """Who made the picture; nothing of a packet that is broken."""
    found = _walked(packet, _Collector({_CREATOR, _NOTICE, _CREDIT, _MARKED, _STATEMENT, _USAGE}))
    if found is None:
        return Rights()
    firsts = (
        next(iter(found.texts(name)), "")
        for name in (_NOTICE, _CREDIT, _MARKED, _STATEMENT, _USAGE)
    )
    return Rights(found.texts(_CREATOR), *firsts)


class _Rewriter(_Walk):
    """Writes what it is told of, but for what is gone; the orientation becomes upright."""

    def __init__(self, gone: Collection[str]) -> None:
        super().__init__()
        self._gone = gone
        self._written: list[str] = []
        self._suggested: dict[str, str] = {}
        self._prefixes = {_XML: "xml"}
        self._left_out = 0

    def text(self) -> str:
        """The packet; all name spaces are declared at its root."""
        declared = "".join(
            f" xmlns:{prefix}={quoteattr(space)}"
            for space, prefix in self._prefixes.items()
            if space != _XML
        )
        opening, *rest = self._written or [""]
        return "".join([opening[:-1], declared, opening[-1:], *rest])

    def declared(self, prefix: str, space: str) -> None:
        self._suggested.setdefault(space, prefix)

    def opened(self, tag: str, attributes: Mapping[str, str]) -> None:
        if self._left_out or self._is_gone(tag) or tag == _ORIENTATION:
            if tag == _ORIENTATION and not self._left_out:
                self._written.append(f"<{self._name(tag)}>{_UPRIGHT}</{self._name(tag)}>")
            self._left_out += 1
            return
        kept = {name: value for name, value in attributes.items() if not self._is_gone(name)}
        if _ORIENTATION in kept:
            kept[_ORIENTATION] = _UPRIGHT
        pairs = (f" {self._name(name)}={quoteattr(value)}" for name, value in kept.items())
        self._written.append(f"<{self._name(tag)}{''.join(pairs)}>")

    def closed(self, tag: str) -> None:
        if self._left_out:
            self._left_out -= 1
        else:
            self._written.append(f"</{self._name(tag)}>")

    def data(self, text: str) -> None:
        if not self._left_out:
            self._written.append(escape(text))

    def _name(self, expanded: str) -> str:
        space, _, name = expanded[1:].rpartition("}") if expanded[:1] == "{" else ("", "", expanded)
        if not space:
            return name
        if space not in self._prefixes:
            prefix = self._suggested.get(space)
            taken = not prefix or prefix in self._prefixes.values()
            self._prefixes[space] = f"ns{len(self._prefixes)}" if taken or not prefix else prefix
        return f"{self._prefixes[space]}:{name}"

    def _is_gone(self, name: str) -> bool:
        return name in self._gone or name[1:].rpartition("}")[0] in _GONE_SPACES


def upright_xmp(packet: bytes, *, in_srgb: bool = False) -> bytes:
    """The packet of a picture that was turned upright, cut and resized; padding is left out.

    Args:
        packet: As its file had it.
        in_srgb: Whether its colours are those of sRGB now.

    Returns:
        Empty where it is broken, or not well-formed, or larger than anybody writes: one that is
        written again, with all that XML wants escaped, may be four times as long.
    """
    gone = _GONE_NAMES | _GONE_COLORS if in_srgb else _GONE_NAMES
    written = _walked(packet, _Rewriter(gone))
    return bounded(_wrapped(written.text())) if written else b""


def rights_packet(rights: Rights) -> bytes:
    """A packet with the texts that there are, and nothing else; empty if there is none."""
    if not rights:
        return b""
    creators = "".join(f"<rdf:li>{escape(each)}</rdf:li>" for each in rights.creators)
    parts = [f"<dc:creator><rdf:Seq>{creators}</rdf:Seq></dc:creator>"] if creators else []
    for name, text in (("dc:rights", rights.notice), ("xmpRights:UsageTerms", rights.usage)):
        if text:
            item = f'<rdf:li xml:lang="{_DEFAULT}">{escape(text)}</rdf:li>'
            parts.append(f"<{name}><rdf:Alt>{item}</rdf:Alt></{name}>")
    for name, text in (
        ("xmpRights:Marked", rights.marked),
        ("xmpRights:WebStatement", rights.statement),
        ("photoshop:Credit", rights.credit),
    ):
        if text:
            parts.append(f"<{name}>{escape(text)}</{name}>")
    described = f'<rdf:Description rdf:about="">{"".join(parts)}</rdf:Description>'
    spaces = "".join(f' xmlns:{prefix}="{space}"' for prefix, space in _SPACES.items())
    return _wrapped(
        f'<x:xmpmeta xmlns:x="{_META}"><rdf:RDF{spaces}>{described}</rdf:RDF></x:xmpmeta>'
    )


def _wrapped(packet: str) -> bytes:
    return f"{_HEAD}{packet}{_TAIL}".encode()
