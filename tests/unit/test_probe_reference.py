"""The probe against two codecs: what Pillow and OpenCV write, and what OpenCV decodes."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from pixelpipe.formats.source import SourceInfo
from tests.unit.probe_files import bmp, gif_control, png, png_chunk, probed

WIDTH_PX, HEIGHT_PX = 30, 20
RGBA = np.random.default_rng(5).integers(0, 255, (HEIGHT_PX, WIDTH_PX, 4), np.uint8)
DECODE_FLAGS = {1: cv2.IMREAD_GRAYSCALE, 3: cv2.IMREAD_COLOR, 4: cv2.IMREAD_UNCHANGED}


def picture(mode: str) -> Image.Image:
    if mode == "I;16":
        return Image.fromarray(RGBA[..., 0].astype(np.uint16) << 8)
    samples = RGBA if mode.endswith("A") else RGBA[..., :3]
    return Image.fromarray(samples).convert(mode)


def saved(mode: str, file_format: str, **options: object) -> bytes:
    stream = io.BytesIO()
    picture(mode).save(stream, file_format, **options)
    return stream.getvalue()


def decoded_shape(data: bytes, info: SourceInfo) -> tuple[int, ...]:
    flags = DECODE_FLAGS[info.channels] | cv2.IMREAD_IGNORE_ORIENTATION
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    assert pixels is not None
    return pixels.shape if pixels.ndim == 3 else (*pixels.shape, 1)


def check(data: bytes, channels: int, bit_depth: int = 8) -> None:
    info = probed(data)
    assert (info.channels, info.bit_depth) == (channels, bit_depth)
    assert decoded_shape(data, info) == (info.stored_height, info.stored_width, channels)


@pytest.mark.parametrize(
    ("file_format", "mode", "channels"),
    [
        *(("JPEG", mode, channels) for mode, channels in (("L", 1), ("RGB", 3), ("CMYK", 3))),
        *(("PNG", mode, channels) for mode, channels in (("L", 1), ("P", 3), ("RGB", 3))),
        *(("PNG", mode, 4) for mode in ("LA", "RGBA")),
        *(("WEBP", mode, channels) for mode, channels in (("L", 3), ("RGB", 3), ("RGBA", 4))),
        *(("AVIF", mode, channels) for mode, channels in (("L", 1), ("RGB", 3), ("RGBA", 4))),
        *(("GIF", mode, 3) for mode in ("L", "P", "RGB")),
        *(("TIFF", mode, channels) for mode, channels in (("L", 1), ("P", 3))),
        *(("TIFF", mode, channels) for mode, channels in (("RGB", 3), ("RGBA", 4), ("CMYK", 3))),
        *(("BMP", mode, 3) for mode in ("1", "L", "P", "RGB", "RGBA")),
    ],
)
def test_written_by_pillow(file_format: str, mode: str, channels: int) -> None:
    options = {"subsampling": "4:0:0"} if (file_format, mode) == ("AVIF", "L") else {}
    check(saved(mode, file_format, **options), channels)


@pytest.mark.parametrize(("mode", "bits"), [("1", 1), ("I;16", 16)])
@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
def test_gray_of_other_depths(file_format: str, mode: str, bits: int) -> None:
    check(saved(mode, file_format), 1, bits)


@pytest.mark.parametrize(
    ("file_format", "mode", "options"),
    [
        ("JPEG", "RGB", {"progressive": True}),
        ("WEBP", "RGB", {"lossless": True}),
        ("WEBP", "RGB", {"exif": b"Exif\0\0II*\0\x08\0\0\0\0\0"}),
        ("WEBP", "RGB", {"save_all": True, "append_images": [picture("RGB").rotate(180)]}),
        ("AVIF", "RGB", {"save_all": True, "append_images": [picture("RGB").rotate(180)]}),
        ("TIFF", "RGB", {"compression": "tiff_lzw"}),
        ("TIFF", "RGB", {"compression": "jpeg"}),
    ],
)
def test_colour_in_other_wrappings(file_format: str, mode: str, options: dict[str, object]) -> None:
    check(saved(mode, file_format, **options), 3)


@pytest.mark.parametrize(
    ("file_format", "mode", "options"),
    [
        ("PNG", "RGB", {"transparency": (1, 2, 3)}),
        ("PNG", "P", {"transparency": 3}),
        ("WEBP", "RGBA", {"lossless": True}),
        ("WEBP", "RGBA", {"save_all": True, "append_images": [picture("RGBA").rotate(180)]}),
        ("GIF", "RGBA", {}),
    ],
)
def test_alpha_in_other_wrappings(file_format: str, mode: str, options: dict[str, object]) -> None:
    check(saved(mode, file_format, **options), 4)


@pytest.mark.parametrize(
    ("extension", "channels", "bits"),
    [
        *((".jpg", channels, 8) for channels in (1, 3)),
        *((".png", channels, bits) for channels in (1, 3, 4) for bits in (8, 16)),
        *((".webp", channels, 8) for channels in (3, 4)),
        *((".avif", channels, bits) for channels in (1, 3, 4) for bits in (8, 10, 12)),
        *((".gif", channels, 8) for channels in (3, 4)),
        *((".tiff", channels, bits) for channels in (1, 3, 4) for bits in (8, 16)),
        *((".bmp", channels, 8) for channels in (3, 4)),
    ],
)
def test_written_by_opencv(extension: str, channels: int, bits: int) -> None:
    dtype = np.uint8 if bits == 8 else np.uint16
    pixels = np.left_shift(RGBA[..., :channels].squeeze(), bits - 8, dtype=dtype)
    parameters = [cv2.IMWRITE_AVIF_DEPTH, bits] if extension == ".avif" else []
    _, data = cv2.imencode(extension, pixels, parameters)
    check(data.tobytes(), channels, bits)


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_written_by_pillow(file_format: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    info = probed(saved("RGB", file_format, exif=exif))
    assert info.orientation == orientation
    assert (info.stored_width, info.stored_height) == (WIDTH_PX, HEIGHT_PX)


@pytest.mark.parametrize(("colour", "depth"), [(2, 16), (3, 1), (3, 2), (3, 4)])
def test_png_made_by_hand(colour: int, depth: int) -> None:
    check(png((7, 3), depth, colour), 3, 8 if colour == 3 else depth)
    entries = bytes(6 if colour == 2 else 2)
    transparent = png((7, 3), depth, colour, before=png_chunk(b"tRNS", entries))
    check(transparent, 4, 8 if colour == 3 else depth)


@pytest.mark.parametrize("header_bytes", [12, 40, 52, 56, 64, 108, 124])
@pytest.mark.parametrize("bits", [1, 4, 8, 24, 32])
def test_bmp_made_by_hand(header_bytes: int, bits: int) -> None:
    check(bmp((7, 3), bits, header_bytes=header_bytes), 3)


def test_gif_whose_first_frame_is_smaller_than_its_canvas() -> None:
    whole = saved("P", "GIF")
    canvas = (WIDTH_PX + 10).to_bytes(2, "little") + (HEIGHT_PX + 10).to_bytes(2, "little")
    larger = whole[:6] + canvas + whole[10:]
    assert probed(larger).channels == 4
    first_frame_at = larger.index(b"\x2c" + bytes(4))
    check(larger[:first_frame_at] + gif_control(1) + larger[first_frame_at:], 4)
