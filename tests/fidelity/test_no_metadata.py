"""No variant made with default settings says anything but its pixels.

Every kind of source that says everything about itself becomes every kind of variant, through screen
and decoder; the bytes of each are searched, and its structure is walked.
"""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from pixelpipe.formats.metadata.blocks import NO_BLOCKS
from pixelpipe.formats.metadata.read import read_blocks
from pixelpipe.formats.probe import read_header
from pixelpipe.formats.reader import Budget
from pixelpipe.formats.registry import FORMATS, WRITABLE, Format, is_installed
from pixelpipe.imaging.attachments import Attachments
from pixelpipe.imaging.encode import encode
from pixelpipe.recipes.task import EncodeOptions, Subsampling
from tests import labelled as labels
from tests.fidelity.files import decoded, plan_for
from tests.fidelity.pictures import scene
from tests.labelled import TELLTALES, labelled
from tests.tasks import make_task

SOURCES = (
    Format.JPEG,
    Format.PNG,
    Format.WEBP,
    Format.AVIF,
    Format.TIFF,
    Format.GIF,
    Format.BMP,
    *(extra for extra in (Format.HEIC, Format.JXL) if is_installed(extra)),
)
PLACELESS = {(each, "iptc") for each in WRITABLE if each is not Format.JPEG}
PLACELESS.add((Format.JXL, "profile"))
WITH_ALPHA = (Format.PNG, Format.WEBP, Format.AVIF, Format.TIFF)

# JPEG: APP0 (JFIF), tables, frame, scan; no other APPn and no comment.
_JPEG_SEGMENTS = {0xE0, 0xDB, 0xC0, 0xC2, 0xC4, 0xDA, 0xD9}
_PNG_CHUNKS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
_WEBP_CHUNKS = {b"VP8X", b"ALPH", b"VP8 ", b"VP8L"}
_AVIF_BOXES = {b"ftyp", b"meta", b"mdat"}


def variant(source: Format, target: Format, channels: int, **options: object) -> bytes:
    """What a source becomes by default."""
    content = labelled(source, channels=channels)
    info = read_header(memoryview(content), Budget())
    stored = (info.stored_height, info.stored_width)
    pixels = decoded(content, plan_for(source, stored, info.channels, info.orientation))
    if info.channels == 4 and not FORMATS[target].holds_alpha:
        pixels = np.ascontiguousarray(pixels[..., :3])
    task = make_task(format=target, quality=0, options=EncodeOptions(**options))  # type: ignore[arg-type]
    return bytes(encode(pixels, task).content)


def _jpeg_segments(content: bytes) -> list[int]:
    found, at = [], 2
    while content[at + 1] != 0xDA:
        assert content[at] == 0xFF
        found.append(content[at + 1])
        at += 2 + int.from_bytes(content[at + 2 : at + 4])
    # Behind the first scan: whatever is no stuffing and no restart.
    rest = content[at:]
    codes = [rest[i + 1] for i in range(len(rest) - 1) if rest[i] == 0xFF]
    return found + [code for code in codes if code and code not in range(0xD0, 0xD8)]


def _png_chunks(content: bytes) -> list[bytes]:
    found, at = [], 8
    while at < len(content):
        found.append(content[at + 4 : at + 8])
        at += 12 + int.from_bytes(content[at : at + 4])
    return found


def _webp_chunks(content: bytes) -> list[bytes]:
    found, at = [], 12
    while at < len(content):
        kind, size = struct.unpack_from("<4sI", content, at)
        found.append(kind)
        at += 8 + size + size % 2
    return found


def _avif_boxes(content: bytes) -> list[bytes]:
    found, at = [], 0
    while at < len(content):
        size, kind = struct.unpack_from(">I4s", content, at)
        found.append(kind)
        at += size
    assert content.count(b"infe") == content.count(b"av01") - content[:32].count(b"av01")
    return found


def _strange_parts(content: bytes, target: Format) -> set[int] | set[bytes]:
    """The types of those parts of a file that a picture does not need."""
    if target is Format.JPEG:
        return set(_jpeg_segments(content)) - _JPEG_SEGMENTS
    if target is Format.PNG:
        return set(_png_chunks(content)) - _PNG_CHUNKS
    if target is Format.WEBP:
        return set(_webp_chunks(content)) - _WEBP_CHUNKS
    if target is Format.AVIF:
        return set(_avif_boxes(content)) - _AVIF_BOXES
    assert content.startswith(b"\xff\x0a"), "a bare codestream has no parts"
    return set()


def assert_says_nothing(content: bytes, target: Format) -> None:
    found = [telltale for telltale in TELLTALES if telltale in content]
    assert not found
    assert read_blocks(memoryview(content), target) == NO_BLOCKS
    assert not _strange_parts(content, target)
    picture = Image.open(io.BytesIO(content))
    picture.load()
    harmless = {"jfif", "jfif_version", "jfif_unit", "jfif_density", "progressive", "progression"}
    harmless |= {"timestamp", "duration", "transparency", "loop", "background"}
    if target is Format.JXL:
        harmless.add("icc_profile")  # made by its decoder, from the numbers that stand for sRGB
    assert set(picture.info) <= harmless
    assert not picture.getexif()


@pytest.mark.parametrize("source", SOURCES)
def test_a_source_says_it_all(source: Format) -> None:
    content = labelled(source)
    found = {telltale for telltale in TELLTALES if telltale in content}
    least = {Format.BMP: 1, Format.GIF: 3}.get(source, 10)
    assert len(found) >= least


@pytest.mark.parametrize(
    ("target", "block"),
    [
        (target, block)
        for target in WRITABLE
        for block in ("exif", "xmp", "iptc", "profile")
        if (target, block) not in PLACELESS
    ],
)
def test_whatever_is_said_is_found(target: Format, block: str) -> None:
    said = {
        "exif": labels.exif(),
        "xmp": labels.xmp(),
        "iptc": labels.iptc(),
        "profile": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    }
    file = encode(scene(90, 120), make_task(format=target), Attachments(**{block: said[block]}))
    with pytest.raises(AssertionError):
        assert_says_nothing(bytes(file.content), target)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("target", WRITABLE)
def test_a_variant_says_nothing(source: Format, target: Format) -> None:
    assert_says_nothing(variant(source, target, 3), target)


@pytest.mark.parametrize("source", WITH_ALPHA)
@pytest.mark.parametrize("target", WRITABLE)
def test_a_transparent_variant_says_nothing(source: Format, target: Format) -> None:
    assert_says_nothing(variant(source, target, 4), target)


@pytest.mark.parametrize(
    ("target", "options"),
    [
        (Format.JPEG, {"progressive": True}),
        (Format.JPEG, {"optimize": True, "subsampling": Subsampling.S444}),
        (Format.PNG, {"colors": 64}),
        (Format.WEBP, {"lossless": True}),
        (Format.AVIF, {"speed": 10}),
    ],
)
@pytest.mark.parametrize("source", [Format.JPEG, Format.PNG])
def test_no_encoder_adds_anything(
    source: Format, target: Format, options: dict[str, object]
) -> None:
    assert_says_nothing(variant(source, target, 3, **options), target)
    if FORMATS[target].holds_alpha and source is Format.PNG:
        assert_says_nothing(variant(source, target, 4, **options), target)
