"""Files that say everything about themselves.

EXIF with GPS, a maker's note and a thumbnail, XMP, IPTC, comments and texts: each thing said can be
found again by its bytes.
"""

import io
import struct
import zlib
from collections.abc import Mapping
from functools import cache

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from pixelpipe.formats.registry import Format
from tests.fidelity.pictures import scene

ARTIST, NOTICE, CREDIT, USAGE = "Ann Ex", "(c) Ann Ex 2026", "Ann's Agency", "Ask Ann <first>"
SERIAL, COMMENT, CAPTION = "SERIAL-4711", "a comment nobody shall read", "CAPTION-OF-ANN"
MAKER_NOTE = b"MAKERNOTE" + bytes(range(200))
THUMBNAIL = b"\xff\xd8THUMBNAIL" + bytes(range(256)) * 4 + b"\xff\xd9"
# 47 degrees, 12 minutes and 34.56 seconds, as the bytes of rationals in either order.
GPS_SECONDS = (3456, 100)

# By which each of the things above is found again, wherever it lies.
TELLTALES = (
    b"Exif",
    b"EXIF",
    b"II*\0",
    b"MM\0*",
    b"xpacket",
    b"xmpmeta",
    b"ns.adobe.com",
    b"rdf:",
    b"8BIM",
    b"Photoshop",
    b"XML:com.adobe",
    b"tEXt",
    b"zTXt",
    b"iTXt",
    b"eXIf",
    b"tIME",
    b"gAMA",
    b"iCCP",
    b"ICC_PROFILE",
    b"ICCP",
    b"MAKERNOTE",
    b"THUMBNAIL",
    b"4711",
    b"comment",
    b"CAPTION",
    b"Ann",
    b"Lavc",
    b"CREATOR",
    struct.pack("<II", *GPS_SECONDS),
    struct.pack(">II", *GPS_SECONDS),
    b"47,12.576N",
)

Values = Mapping[int, tuple[int, bytes]]  # type and bytes of each tag

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1}


def exif(order: str = "<", orientation: int = 6, *, thumbnail: bool = True) -> bytes:
    """A block as cameras write it: the maker's note behind the directories, the thumbnail last."""

    def short(value: int) -> tuple[int, bytes]:
        return 3, struct.pack(order + "H", value)

    def text(value: str) -> tuple[int, bytes]:
        return 2, value.encode() + b"\0"

    def rationals(*pairs: tuple[int, int]) -> tuple[int, bytes]:
        return 5, b"".join(struct.pack(order + "II", *pair) for pair in pairs)

    main = {
        0x0100: short(4000),
        0x010E: text(CAPTION),
        0x0112: short(orientation),
        0x013B: text(ARTIST),
        0x8298: text(NOTICE),
    }
    camera = {
        0x829A: rationals((1, 250)),
        0x927C: (7, MAKER_NOTE),
        0xA001: short(0xFFFF),
        0xA002: short(4000),
        0xA003: short(3000),
        0xA431: text(SERIAL),
    }
    gps = {1: text("N"), 2: rationals((47, 1), (12, 1), GPS_SECONDS)}
    interop = {1: text("R03")}
    return _laid_out(order, (main, camera, gps, interop), THUMBNAIL if thumbnail else b"")


def _laid_out(order: str, directories: tuple[Values, ...], thumbnail: bytes) -> bytes:
    main, camera, gps, interop = directories
    out = bytearray((b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8))

    def directory(values: Values, links: Mapping[int, int], following: int = 0) -> bytes:
        """The directory at the end of what there is; each of its links has its place inside."""
        at = len(out)
        behind = at + 2 + 12 * (len(values) + len(links)) + 4
        entries, rest = {}, b""
        for tag, (kind, value) in values.items():
            field = value.ljust(4, b"\0")
            if len(value) > 4:
                field = struct.pack(order + "I", behind + len(rest))
                rest += value + bytes(len(value) % 2)
            head = struct.pack(order + "HHI", tag, kind, len(value) // _SIZES[kind])
            entries[tag] = head + field
        for tag, target in links.items():
            entries[tag] = struct.pack(order + "HHII", tag, 4, 1, target)
        packed = b"".join(entries[tag] for tag in sorted(entries))
        count = struct.pack(order + "H", len(entries))
        return count + packed + struct.pack(order + "I", following) + rest

    # Twice: where each lies is known once all of them were laid out.
    places = {"exif": 0, "gps": 0, "interop": 0, "second": 0}
    for _ in range(2):
        del out[8:]
        links = {0x8769: places["exif"], 0x8825: places["gps"]}
        out += directory(main, links, places["second"] if thumbnail else 0)
        places["exif"] = len(out)
        out += directory(camera, {0xA005: places["interop"]})
        places["interop"] = len(out)
        out += directory(interop, {})
        places["gps"] = len(out)
        out += directory(gps, {})
        places["second"] = len(out)
        if thumbnail:
            inside = 2 + 12 * 2 + 4
            where = struct.pack(order + "I", len(out) + inside)
            size = struct.pack(order + "I", len(thumbnail))
            out += directory({0x0201: (4, where), 0x0202: (4, size)}, {}) + thumbnail
    return bytes(out)


def xmp() -> bytes:
    """A packet with attributes and elements, a thumbnail, a gain map and lots of padding."""
    packet = f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="CREATOR TOOL">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:exif="http://ns.adobe.com/exif/1.0/"
    xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:xmpRights="http://ns.adobe.com/xap/1.0/rights/"
    xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"
    xmlns:xmpGImg="http://ns.adobe.com/xap/1.0/g/img/"
    xmlns:aux="http://ns.adobe.com/exif/1.0/aux/"
    xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/"
    tiff:Orientation="6" tiff:ImageWidth="4000" exif:GPSLatitude="47,12.576N"
    photoshop:Credit="{CREDIT}" aux:SerialNumber="{SERIAL}" hdrgm:Version="1.0"
    xmpRights:Marked="True">
   <dc:creator><rdf:Seq><rdf:li>{ARTIST}</rdf:li><rdf:li>Ben</rdf:li></rdf:Seq></dc:creator>
   <dc:rights><rdf:Alt><rdf:li xml:lang="de">(c) auf deutsch</rdf:li>
     <rdf:li xml:lang="x-default">{NOTICE}</rdf:li></rdf:Alt></dc:rights>
   <dc:description><rdf:Alt><rdf:li xml:lang="x-default">{CAPTION} &amp; &lt;more&gt;</rdf:li>
   </rdf:Alt></dc:description>
   <xmpRights:UsageTerms><rdf:Alt><rdf:li xml:lang="x-default">Ask Ann &lt;first&gt;</rdf:li>
   </rdf:Alt></xmpRights:UsageTerms>
   <xmp:Thumbnails><rdf:Alt><rdf:li rdf:parseType="Resource">
     <xmpGImg:image>VEhVTUJOQUlM-THUMBNAIL</xmpGImg:image></rdf:li></rdf:Alt></xmp:Thumbnails>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
"""
    return packet.encode() + b" " * 2000 + b'\n<?xpacket end="w"?>'


def iptc() -> bytes:
    """Data sets in UTF-8: by-line, credit, notice, caption."""
    values = (
        (1, 90, b"\x1b%G"),
        (2, 80, ARTIST.encode()),
        (2, 110, CREDIT.encode()),
        (2, 116, NOTICE.encode()),
        (2, 120, CAPTION.encode()),
    )
    return b"".join(struct.pack(">BBBH", 0x1C, *at, len(value)) + value for *at, value in values)


def segment(code: int, body: bytes) -> bytes:
    """A segment of a JPEG."""
    return struct.pack(">BBH", 0xFF, code, len(body) + 2) + body


def resources(block: bytes, number: int = 0x0404) -> bytes:
    """Photoshop's resources: one of no matter, with a name, and the block."""
    other = b"8BIM" + struct.pack(">HB", 0x03ED, 3) + b"res" + struct.pack(">I", 3) + b"abc\0"
    own = b"8BIM" + struct.pack(">HHI", number, 0, len(block)) + block + bytes(len(block) % 2)
    return b"Photoshop 3.0\0" + other + own


@cache
def labelled(source: Format, *, channels: int = 3) -> bytes:
    """A picture of 120x90 px that says everything that its format can."""
    return _MAKERS[source](_picture(channels))


@cache
def _picture(channels: int) -> Image.Image:
    pixels = np.ascontiguousarray(scene(90, 120)[..., ::-1])
    if channels == 1:
        return Image.fromarray(pixels[..., 1].copy())
    if channels == 4:
        alpha = np.tile(np.linspace(0, 255, 120).astype(np.uint8), (90, 1))
        return Image.fromarray(np.dstack([pixels, alpha]))
    return Image.fromarray(pixels)


def _saved(picture: Image.Image, target: str, **options: object) -> bytes:
    content = io.BytesIO()
    picture.save(content, target, **options)
    return content.getvalue()


def _jpeg(picture: Image.Image) -> bytes:
    plain = _saved(picture.convert("RGB"), "JPEG", quality=90)
    said = (
        segment(0xE1, b"Exif\0\0" + exif())
        + segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp())
        + segment(0xED, resources(iptc()))
        + segment(0xFE, COMMENT.encode())
    )
    return plain[:2] + said + plain[2:]


def _png(picture: Image.Image) -> bytes:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Comment", COMMENT)
    texts.add_text("Software", "CREATOR TOOL", zip=True)
    texts.add_itxt("Title", CAPTION, "en", "Title", zip=True)
    texts.add_itxt("XML:com.adobe.xmp", xmp().decode())
    return _saved(picture, "PNG", pnginfo=texts, exif=exif())


def _webp(picture: Image.Image) -> bytes:
    return _saved(picture, "WEBP", quality=90, exif=exif(), xmp=xmp())


def _avif(picture: Image.Image) -> bytes:
    return _saved(picture, "AVIF", quality=90, exif=exif(orientation=1), xmp=xmp())


def _tiff(picture: Image.Image) -> bytes:
    tags = Image.Exif()
    tags.load(exif(thumbnail=False))
    for tag in (0x0100, 0x0112):
        del tags[tag]
    tags[0x0112] = 6
    tags[0x02BC] = xmp()
    tags[0x83BB] = iptc()
    tags[0x0131] = "CREATOR TOOL"
    return _saved(picture, "TIFF", exif=tags)


def _gif(picture: Image.Image) -> bytes:
    plain = _saved(picture.convert("RGB"), "GIF", comment=COMMENT.encode())
    trailer = bytes([1, *range(0xFF, -1, -1), 0])
    return plain[:-1] + b"\x21\xff\x0bXMP DataXMP" + xmp() + trailer + b";"


def _bmp(picture: Image.Image) -> bytes:
    return _saved(picture.convert("RGB"), "BMP") + COMMENT.encode()


def _heic(picture: Image.Image) -> bytes:
    heif = pytest.importorskip("pillow_heif")
    content = io.BytesIO()
    said = {"exif": b"Exif\0\0" + exif(orientation=1), "xmp": xmp()}
    heif.from_pillow(picture).save(content, quality=80, **said)
    return content.getvalue()


def _jxl(picture: Image.Image) -> bytes:
    jxl = pytest.importorskip("pillow_jxl")
    encoder = jxl.Encoder(
        mode=picture.mode, lossless=False, quality=90, effort=3, use_container=True, num_threads=0
    )
    said = {"exif": exif(orientation=1), "xmp": xmp(), "jumb": None, "compress": False}
    made: bytes = encoder(picture.tobytes(), *picture.size, jpeg_encode=False, **said)
    return made


_MAKERS = {
    Format.JPEG: _jpeg,
    Format.PNG: _png,
    Format.WEBP: _webp,
    Format.AVIF: _avif,
    Format.TIFF: _tiff,
    Format.GIF: _gif,
    Format.BMP: _bmp,
    Format.HEIC: _heic,
    Format.JXL: _jxl,
}


def png_text(kind: bytes, keyword: bytes, text: bytes) -> bytes:
    """A chunk of text, of each of the three kinds, compressed where it can be."""
    body = {
        b"tEXt": keyword + b"\0" + text,
        b"zTXt": keyword + b"\0\0" + zlib.compress(text),
        b"iTXt": keyword + b"\0\1\0en\0translated\0" + zlib.compress(text),
    }[kind]
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
