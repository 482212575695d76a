"""Decoding measured against Pillow."""

import io
import struct

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from pixelpipe.formats.registry import Format
from tests.fidelity.files import bgr, decoded, image, plan_for, saved
from tests.fidelity.pictures import scene
from tests.fidelity.references import psnr

LOSSLESS = (Format.PNG, Format.TIFF, Format.BMP)
ORIENTED = (Format.JPEG, Format.PNG, Format.WEBP, Format.TIFF, Format.AVIF)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("source", ORIENTED)
def test_every_orientation_is_undone_once(source: Format, orientation: int) -> None:
    content = saved(image(), source, orientation)
    pixels = decoded(content, plan_for(source, (90, 121), 3, orientation))
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    assert pixels.shape[:2] == (upright.height, upright.width)
    assert psnr(pixels, bgr(upright)) > 38


@pytest.mark.parametrize("orientation", [1, 3, 6, 7])
def test_orientation_of_16_bit_tiff(orientation: int) -> None:
    levels = np.arange(24 * 40, dtype=np.uint16).reshape(24, 40) * 68
    content = saved(Image.fromarray(levels), Format.TIFF, orientation)
    pixels = decoded(content, plan_for(Format.TIFF, (24, 40), 1, orientation))
    upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(content))))
    assert np.abs(pixels - upright / 257).max() <= 0.5


@pytest.mark.parametrize("source", LOSSLESS)
def test_lossless_formats_bit_by_bit(source: Format) -> None:
    assert (decoded(saved(image(), source), plan_for(source, (90, 121))) == scene(90, 121)).all()


@pytest.mark.parametrize(("mode", "bits", "palette_bytes"), [("RGB", 24, 0), ("P", 8, 768)])
def test_a_bmp_of_os2_is_in_colour(mode: str, bits: int, palette_bytes: int) -> None:
    picture = image().convert(mode)
    content = saved(picture, Format.BMP)
    (pixels_at,) = struct.unpack_from("<I", content, 10)
    palette = np.frombuffer(content[54:pixels_at], np.uint8).reshape(-1, 4)[:, :3].tobytes()
    pixels = content[pixels_at:]
    header = struct.pack("<IHHHH", 12, *picture.size, 1, bits)
    header += palette.ljust(palette_bytes, b"\0")
    start = 14 + len(header)
    old = b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + header + pixels
    assert (decoded(old, plan_for(Format.BMP, (90, 121))) == bgr(picture)).all()


@pytest.mark.parametrize("source", [Format.JPEG, Format.WEBP, Format.AVIF, Format.GIF])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_lossy_formats(source: Format, mode: str) -> None:
    content = saved(image().convert(mode), source)
    channels = 1 if mode == "L" and source in (Format.JPEG, Format.AVIF) else 3
    pixels = decoded(content, plan_for(source, (90, 121), channels))
    reference = Image.open(io.BytesIO(content)).convert("L" if channels == 1 else "RGB")
    assert psnr(pixels, bgr(reference)) > 42


@pytest.mark.parametrize("reduction", [2, 4, 8])
@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_reduced_jpeg(reduction: int, orientation: int, mode: str) -> None:
    content = saved(image(331, 445).convert(mode), Format.JPEG, orientation)
    channels = 1 if mode == "L" else 3
    plan = plan_for(Format.JPEG, (331, 445), channels, orientation, reduction)
    pixels = decoded(content, plan)
    reduced = Image.open(io.BytesIO(content))
    reduced.draft(mode, (445 // reduction, 331 // reduction))
    assert psnr(pixels, bgr(ImageOps.exif_transpose(reduced))) > 45


def test_cmyk_jpeg() -> None:
    cmyk = np.asarray(image().convert("CMYK")).copy()
    cmyk[:40, :, 3] = 90
    content = saved(Image.fromarray(cmyk, "CMYK"), Format.JPEG, quality=95)
    pixels = decoded(content, plan_for(Format.JPEG, (90, 121)))
    assert psnr(pixels, bgr(Image.open(io.BytesIO(content)))) > 40


@pytest.mark.parametrize("source", [Format.PNG, Format.TIFF])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_16_bits_are_rounded_to_8(source: Format, channels: int) -> None:
    rng = np.random.default_rng(3)
    shape = (40, 50, channels) if channels > 1 else (40, 50)
    deep = rng.integers(0, 65536, shape, dtype=np.uint16)
    suffix = {Format.PNG: ".png", Format.TIFF: ".tif"}[source]
    content = cv2.imencode(suffix, deep)[1].tobytes()
    pixels = decoded(content, plan_for(source, (40, 50), channels))
    assert np.abs(pixels - deep / 257).max() <= 0.5


@pytest.mark.parametrize(("bits", "step"), [(10, 4), (12, 16)])
@pytest.mark.parametrize("channels", [3, 4])
def test_deep_avif(bits: int, step: int, channels: int) -> None:
    pixels = scene(60, 80)
    if channels == 4:
        pixels = np.dstack([pixels, np.full((60, 80), 200, np.uint8)])
    how = (cv2.IMWRITE_AVIF_DEPTH, bits, cv2.IMWRITE_AVIF_QUALITY, 95)
    content = cv2.imencode(".avif", pixels.astype(np.uint16) * step, how)[1].tobytes()
    result = decoded(content, plan_for(Format.AVIF, (60, 80), channels))
    assert psnr(result, pixels) > 34


@pytest.mark.parametrize("source", [Format.PNG, Format.TIFF])
def test_alpha_is_straight(source: Format) -> None:
    picture = image().convert("RGBA")
    alpha = np.linspace(40, 255, 121).astype(np.uint8)
    picture.putalpha(Image.fromarray(np.tile(alpha, (90, 1))))
    pixels = decoded(saved(picture, source), plan_for(source, (90, 121), 4))
    assert (pixels[..., 3] == alpha).all()
    # libtiff multiplies by alpha and rounds: at 40 of 255 that is 3 levels.
    assert np.abs(pixels.astype(int) - bgr(picture)).max() <= (0 if source == Format.PNG else 4)


def test_palettes_and_gray_with_alpha() -> None:
    palette = image().quantize(64)
    assert (
        decoded(saved(palette, Format.PNG), plan_for(Format.PNG, (90, 121)))
        == bgr(palette.convert("RGB"))
    ).all()
    transparent = saved(palette, Format.PNG, transparency=palette.getpixel((5, 5)))
    assert decoded(transparent, plan_for(Format.PNG, (90, 121), 4))[5, 5, 3] == 0
    gray = image().convert("LA")
    pixels = decoded(saved(gray, Format.PNG), plan_for(Format.PNG, (90, 121), 4))
    assert (pixels[..., 0] == np.asarray(gray)[..., 0]).all()


@pytest.mark.parametrize("source", [Format.GIF, Format.WEBP, Format.AVIF, Format.PNG])
def test_the_first_frame_of_an_animation(source: Format) -> None:
    later = Image.new("RGB", (121, 90), "red")
    content = saved(image().quantize(200), source, save_all=True, append_images=[later])
    pixels = decoded(content, plan_for(source, (90, 121), 3))
    first = Image.open(io.BytesIO(content))
    assert psnr(pixels, bgr(first)) > 40
