"""What is no picture, what is two things at once, and what is called what it is not."""

import gzip
import io
import os
import struct
import sys
import zipfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from tests.hostile import bmp_kinds, gif_kinds, jpeg_kinds, png_kinds, webp_kinds
from tests.hostile.kind import (
    COMPLETED,
    DAMAGED,
    EMPTY,
    FOREIGN,
    MALFORMED,
    PIXELS,
    Kind,
    kind,
)
from tests.unit.probe_files import box, gif_comment, png_chunk, segment

_MIB = 1 << 20
_JPEG, _PNG, _GIF = jpeg_kinds.GOOD, png_kinds.GOOD, gif_kinds.GOOD

_SVG = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>alert(1)</script></svg>'
)
_ENTITIES = (
    b'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    b'<svg xmlns="http://www.w3.org/2000/svg"><text>&x;</text></svg>'
)
_LAUGHS = (
    b"<!DOCTYPE svg ["
    + b"".join(b'<!ENTITY l%d "%s">' % (n + 1, b"&l%d;" % n * 10) for n in range(9))
    + b"]><svg>&l9;</svg>"
)
_HTML = b"<!doctype html><script>alert(document.domain)</script>"
_SCRIPT = b"=1;alert(document.domain);/*"


def _archive() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(zipfile.ZipInfo("../../etc/passwd"), b"root")
    return stream.getvalue()


def _pillow(form: str, mode: str = "RGB") -> bytes:
    stream = io.BytesIO()
    Image.new(mode, (9, 7), 3).save(stream, form)
    return stream.getvalue()


def _random() -> bytes:
    return b"\x07" + np.random.default_rng(3).bytes(100_000)


def _elf() -> bytes:
    with Path(os.path.realpath(sys.executable)).open("rb") as program:
        return program.read(_MIB)


def _script_gif() -> bytes:
    """GIF89a is a name, its size begins a comment."""
    start = b"GIF89a" + struct.pack("<H", 0x2A2F)
    return start + _GIF[8:] + b"*/" + _SCRIPT


def _photoshop() -> bytes:
    return b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 9, 9, 8, 3) + bytes(300)


_FILES: list[Kind] = [
    kind("nothing", bytes, EMPTY),
    *(kind(f"one byte, {byte:#x}", partial(bytes, [byte]), FOREIGN) for byte in (0, 0xFF, 0x89)),
    kind("text", lambda: b"Dear Sir or Madam,\n" * 500, FOREIGN),
    kind("zeros", lambda: bytes(_MIB), FOREIGN),
    kind("ones", lambda: b"\xff" * _MIB, FOREIGN, DAMAGED),
    kind("random bytes", _random, FOREIGN),
    kind("a program", _elf, FOREIGN),
    kind("SVG", lambda: _SVG, FOREIGN),
    kind("SVG with external entities", lambda: _ENTITIES, FOREIGN),
    kind("SVG with entities in entities", lambda: _LAUGHS, FOREIGN),
    kind("SVG, packed", lambda: gzip.compress(_SVG, mtime=0), FOREIGN),
    kind("gzip bomb", lambda: gzip.compress(bytes(64 * _MIB), 9, mtime=0), FOREIGN),
    kind("HTML", lambda: _HTML, FOREIGN),
    kind("ZIP", _archive, FOREIGN),
    kind("ICO", partial(_pillow, "ICO"), FOREIGN),
    kind("JPEG 2000", partial(_pillow, "JPEG2000"), FOREIGN),
    kind("JPEG 2000 codestream", lambda: b"\xff\x4f\xff\x51" + bytes(99), FOREIGN),
    kind(
        "JPEG 2000 of 4294967295x4294967295",
        lambda: b"\xff\x4f\xff\x51\0\x2f\0\0" + b"\xff" * 16 + bytes(60),
        FOREIGN,
    ),
    kind(
        "JPEG XL of next to nothing",
        lambda: b"\xff\x0a\xfa\x7f\x01\x90" + bytes(30),
        DAMAGED,
        FOREIGN,
        PIXELS,
    ),
    kind(
        "JPEG XL in boxes",
        lambda: box(b"JXL ", b"\x0d\x0a\x87\x0a") + box(b"ftyp", b"jxl "),
        DAMAGED,
    ),
    kind("PNM", lambda: b"P6\n2 2\n255\n" + bytes(12), FOREIGN),
    kind("PNM of 99999x99999", lambda: b"P6\n99999 99999\n255\n" + bytes(12), FOREIGN),
    kind(
        "PAM", lambda: b"P7\nWIDTH 9\nHEIGHT 9\nDEPTH 3\nMAXVAL 255\nENDHDR\n" + bytes(243), FOREIGN
    ),
    kind("PFM", lambda: b"PF\n9 9\n-1.0\n" + bytes(972), FOREIGN),
    kind("OpenEXR", lambda: b"\x76\x2f\x31\x01\x02\0\0\0" + bytes(300), FOREIGN),
    kind(
        "Radiance HDR",
        lambda: b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 9 +X 9\n" + bytes(400),
        FOREIGN,
    ),
    kind(
        "Sun Raster",
        lambda: struct.pack(">8I", 0x59A66A95, 9, 9, 24, 252, 1, 0, 0) + bytes(252),
        FOREIGN,
    ),
    kind("Photoshop", _photoshop, FOREIGN),
    kind("QOI", lambda: b"qoif" + struct.pack(">IIBB", 9, 9, 3, 0) + bytes(300), FOREIGN),
    kind("TGA", partial(_pillow, "TGA"), FOREIGN),
    kind("PCX", partial(_pillow, "PCX"), FOREIGN),
    kind("video of AVI", lambda: b"RIFF" + struct.pack("<I", 99) + b"AVI " + bytes(99), FOREIGN),
    kind("Matroska", lambda: b"\x1a\x45\xdf\xa3" + bytes(99), FOREIGN),
    kind("GIF of OpenCV that is a DICOM", lambda: bytes(128) + b"DICM" + bytes(99), FOREIGN),
    kind(
        "PDF with a JPEG in it",
        lambda: b"%PDF-1.4\n1 0 obj<</Filter/DCTDecode>>stream\n" + _JPEG + b"\nendstream",
        FOREIGN,
    ),
    kind("HTML with a JPEG in it", lambda: _HTML + _JPEG, FOREIGN),
    kind("a byte order mark and a PNG", lambda: b"\xef\xbb\xbf" + _PNG, FOREIGN),
    kind("white space and a JPEG", lambda: b"\n" + _JPEG, FOREIGN),
    kind("ZIP that holds a JPEG", lambda: _archive() + _JPEG, FOREIGN),
    kind("JPEG that is a ZIP as well", lambda: _JPEG + _archive(), COMPLETED),
    kind(
        "JPEG that is a page as well",
        lambda: b"\xff\xd8" + segment(0xFE, _HTML) + _JPEG[2:],
        COMPLETED,
    ),
    kind(
        "JPEG that is a PHP program as well",
        lambda: b"\xff\xd8" + segment(0xFE, b"<?php system($_GET[0]); ?>") + _JPEG[2:],
        COMPLETED,
    ),
    kind("GIF that is a script as well", _script_gif, COMPLETED, DAMAGED, "exceeds-memory"),
    kind(
        "GIF with a script in a comment",
        lambda: gif_kinds.screen((8, 8)) + gif_comment(_SCRIPT) + gif_kinds.frame((8, 8)) + b";",
        COMPLETED,
    ),
    kind(
        "PNG that is a page as well",
        lambda: _PNG[:33] + png_chunk(b"tEXt", b"k\0" + _HTML) + _PNG[33:],
        COMPLETED,
    ),
    kind("PNG that is a ZIP as well", lambda: _PNG + _archive(), COMPLETED),
    kind("BMP that is a script as well", lambda: bmp_kinds.GOOD + b"/*" + _SCRIPT, COMPLETED),
    kind("WebP that is a page as well", lambda: webp_kinds.GOOD + _HTML, COMPLETED),
]

_NAMES = (
    "../../../../etc/passwd",
    "..\\..\\windows\\system32\\config",
    "/etc/shadow",
    "photo.php.jpg",
    "photo.jpg/../../x",
    "\u202egpj.exe",
    'a"; filename="b.exe',
    "a\r\nSet-Cookie: a=b",
    "CON",
    ".",
    "~root",
    "x" * 5000 + ".jpg",
    "\u0000.jpg",
    "$(reboot).jpg",
    "<script>alert(1)</script>.jpg",
)
_TYPES = (
    "image/png",
    "text/html",
    "image/svg+xml",
    "application/json",
    "application/x-httpd-php",
    "image/jpeg; charset=utf-7",
)


def _called(name: str) -> Kind:
    # No header may hold a NUL; any other name is no worse than a good one.
    allowed = (COMPLETED, MALFORMED) if "\0" in name else (COMPLETED,)
    called = kind(f"JPEG called {name[:40]!r}", partial(bytes, _JPEG), *allowed)
    return replace(called, file_name=name)


def _declared(media_type: str) -> Kind:
    good = kind(f"JPEG declared as {media_type}", partial(bytes, _JPEG), COMPLETED)
    return replace(good, media_type=media_type)


def _misnamed(name: str, build: bytes, file_name: str) -> Kind:
    return replace(kind(name, partial(bytes, build), COMPLETED), file_name=file_name)


KINDS: list[Kind] = [
    *_FILES,
    *map(_called, _NAMES),
    *map(_declared, _TYPES),
    _misnamed("PNG called a JPEG", _PNG, "photo.jpg"),
    _misnamed("JPEG called an SVG", _JPEG, "photo.svg"),
    _misnamed("GIF called a TIFF", _GIF, "photo.tiff"),
    _misnamed("WebP called a program", webp_kinds.GOOD, "photo.exe"),
]
