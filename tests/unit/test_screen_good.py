"""Good files, plain and odd: what the screen leaves of them gives the codec the same pixels."""

import struct
import zlib
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from PIL import Image

from pixelpipe.formats.registry import Format
from pixelpipe.imaging.pixels import Pixels
from tests.fidelity.files import decoded, plan_for
from tests.unit.probe_files import exif, gif_comment, png_chunk, riff_chunk, segment, vp8x, webp
from tests.unit.screening import animated, gray_tags, noise, saved, screened, tiff_file

WIDTH, HEIGHT = 121, 90
COLOUR = {
    b"gAMA": struct.pack(">I", 45455),
    b"cHRM": struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000),
    b"sRGB": b"\0",
    b"cICP": bytes((9, 16, 0, 1)),
    b"iCCP": b"p\0\0" + zlib.compress(bytes(200_000)),
}


def jpegs() -> Iterator[tuple[str, bytes]]:
    plain = saved(noise(), Format.JPEG)
    progressive = saved(noise(), Format.JPEG, progressive=True, restart_marker_rows=2)
    for name, data in (("baseline", plain), ("progressive", progressive)):
        at = data.index(b"\xff\xdb")
        yield name, data
        yield f"{name}, with junk between segments", data[:at] + b"\0\1junk" + data[at:]
        yield f"{name}, with fill bytes", data[:at] + b"\xff" * 3000 + data[at:]
        yield f"{name}, with another picture behind it", data + plain
        yield f"{name}, without its end", data[:-2]
        thumbnail = segment(0xE1, b"Exif\0\0" + exif(1) + plain[:60_000])
        yield f"{name}, with a thumbnail", data[:2] + thumbnail + data[2:]
    yield "CMYK", saved(noise("CMYK"), Format.JPEG)


def pngs() -> Iterator[tuple[str, bytes]]:
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
        deep = Image.fromarray(np.asarray(noise("L")).astype(np.uint16) * 257)
        picture = deep if mode == "I;16" else noise(mode)
        data = saved(picture, Format.PNG)
        yield mode, data
        for kind, body in COLOUR.items():
            yield f"{mode} with {kind.decode()}", data[:33] + png_chunk(kind, body) + data[33:]
        text = png_chunk(b"tEXt", b"Comment\0" + b"x" * 100_000)
        yield f"{mode} with texts and EXIF", data[:33] + text * 20 + exif_chunk() + data[33:]
        yield f"{mode} with a trailer", data + b"trailer" * 1000
    yield "transparent", saved(noise("P"), Format.PNG, transparency=3)
    yield "interlaced", interlaced()
    yield "animated", animated(Format.PNG, 3, (WIDTH, HEIGHT))


def exif_chunk() -> bytes:
    return png_chunk(b"eXIf", exif(1) + bytes(100_000))


def interlaced() -> bytes:
    """A gray Adam7 PNG of noise; the filters are all 0."""
    pixels = np.asarray(noise("L"))
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)]
    passes += [(0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    rows = b"".join(
        b"\0" + row.tobytes()
        for left, top, right, down in passes
        for row in pixels[top::down, left::right]
    )
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 0, 0, 0, 1)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)


def webps() -> Iterator[tuple[str, bytes]]:
    for mode in ("RGB", "RGBA"):
        for lossless in (False, True):
            data = saved(noise(mode), Format.WEBP, lossless=lossless)
            yield f"{mode}, lossless: {lossless}", data
            noted = saved(
                noise(mode), Format.WEBP, lossless=lossless, exif=exif(1), icc_profile=b"p"
            )
            yield f"{mode} with metadata, lossless: {lossless}", noted
    yield "animated", animated(Format.WEBP, 3)
    small = saved(noise("RGB", (40, 30)), Format.WEBP)[12:]
    places = (20, 10, 39, 29, 100)
    frame = b"".join(place.to_bytes(3, "little") for place in places) + b"\2" + small
    control = riff_chunk(b"ANIM", b"\x10\x80\xff\xff\0\0")
    # Without the flag for alpha, OpenCV makes black of what no frame covers: the screen sets it.
    parts = (vp8x(WIDTH, HEIGHT, 0x12), control, riff_chunk(b"ANMF", frame))
    yield "a small first frame", webp(*parts)


def gifs() -> Iterator[tuple[str, bytes]]:
    plain = saved(noise("P"), Format.GIF)
    yield "plain", plain
    yield "interlaced", saved(noise("P"), Format.GIF, interlace=1)
    yield "commented", plain[:781] + gif_comment(b"x" * 200) * 30 + plain[781:]
    yield "animated", animated(Format.GIF, 3)
    yield "with a trailer", plain + b"trailer"


def tiffs() -> Iterator[tuple[str, bytes]]:
    for compression in ("raw", "packbits", "tiff_lzw", "tiff_adobe_deflate", "jpeg"):
        yield compression, saved(noise(), Format.TIFF, compression=compression)
    yield "fax", saved(noise("1"), Format.TIFF, compression="group4")
    pages = [noise(seed=seed) for seed in range(3)]
    yield "of several pages", saved(pages[0], Format.TIFF, save_all=True, append_images=pages[1:])
    tags = gray_tags((WIDTH, HEIGHT), tag_322=64, tag_323=64)
    tags |= {324: (4, [8 + 4096 * number for number in range(4)]), 325: (4, [4096] * 4)}
    yield "tiled", tiff_file(tags, np.asarray(noise("L", (64, 256))).tobytes())


def bmps() -> Iterator[tuple[str, bytes]]:
    for mode in ("1", "L", "P", "RGB"):
        yield mode, saved(noise(mode), Format.BMP)
    data = saved(noise(), Format.BMP)
    yield "from the top down", data[:22] + struct.pack("<i", -HEIGHT) + data[26:]
    runs = b"".join(bytes((100, row, 21, 255 - row, 0, 0)) for row in range(HEIGHT)) + b"\0\1"
    palette = saved(noise("P"), Format.BMP)[:1078]
    yield "in runs", palette[:30] + struct.pack("<I", 1) + palette[34:] + runs


def avifs() -> Iterator[tuple[str, bytes]]:
    for mode in ("L", "RGB", "RGBA"):
        yield mode, saved(noise(mode), Format.AVIF)
    yield "animated", animated(Format.AVIF, 3)
    yield "with a trailer", saved(noise(), Format.AVIF) + b"trailer"


FILES = {
    (source, name): data
    for source, files in (
        (Format.JPEG, jpegs()),
        (Format.PNG, pngs()),
        (Format.WEBP, webps()),
        (Format.GIF, gifs()),
        (Format.TIFF, tiffs()),
        (Format.BMP, bmps()),
        (Format.AVIF, avifs()),
    )
    for name, data in files
}


def by_the_codec(data: bytes) -> Pixels | None:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("source", "name"), [key for key in FILES if "without its end" not in key[1]]
)
def test_the_codec_sees_the_same_picture(source: Format, name: str) -> None:
    data = FILES[source, name]
    whole, left = by_the_codec(data), by_the_codec(screened(data, source))
    assert whole is not None
    assert left is not None
    if (whole.shape[2:], left.shape[2:]) == ((4,), (3,)):
        # Of a GIF, OpenCV asks its last frame whether there is alpha.
        assert source == Format.GIF
        whole = whole[..., :3]
    assert (whole == left).all()


@pytest.mark.parametrize(("source", "name"), FILES)
def test_the_decode_gives_its_size(source: Format, name: str) -> None:
    pixels = decoded(FILES[source, name], plan_for(source, (HEIGHT, WIDTH), 3))
    assert pixels.shape == (HEIGHT, WIDTH, 3)
    assert len(np.unique(pixels)) > 1


def test_the_frames_behind_the_first_do_not_decide_on_its_alpha() -> None:
    """OpenCV takes the word of the last frame for all of them."""
    first = noise("P")
    first.info["transparency"] = 5
    content = saved(first, Format.GIF, save_all=True, append_images=[Image.new("L", first.size)])
    left = by_the_codec(screened(content, Format.GIF))
    assert left is not None
    assert left.shape[2] == 4
