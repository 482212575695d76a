"""Marks that come as files: which are opened, and which are refused in words."""

import io
from base64 import b64encode

import numpy as np
import pytest
from PIL import Image

from pixelpipe.errors import DamagedImageError
from pixelpipe.formats.registry import Format
from pixelpipe.imaging.operations.marks import open_mark
from tests.fidelity.files import image, saved
from tests.fidelity.pictures import noise


def base64_of(content: bytes) -> str:
    return b64encode(content).decode()


def png(mode: str, *, size: tuple[int, int] = (17, 9)) -> tuple[str, Image.Image]:
    picture = Image.fromarray(noise(size[1], size[0], 4), "RGBA").convert(mode)
    content = io.BytesIO()
    picture.save(content, "PNG")
    return base64_of(content.getvalue()), picture


@pytest.mark.parametrize("mode", ["RGBA", "RGB", "L", "LA", "P", "1"])
def test_any_png_becomes_colours_with_alpha(mode: str) -> None:
    content, picture = png(mode)
    mark = open_mark(content)
    assert (mark == np.asarray(picture.convert("RGBA"))[..., [2, 1, 0, 3]]).all()


@pytest.mark.parametrize("source", [Format.JPEG, Format.WEBP, Format.AVIF])
def test_other_formats_are_opened(source: Format) -> None:
    mark = open_mark(base64_of(saved(image(), source)))
    assert mark.shape == (90, 121, 4)
    assert (mark[..., 3] == 255).all()
    wanted = np.asarray(image())[..., ::-1]
    assert np.abs(mark[..., :3].astype(int) - wanted).mean() < 6


def test_it_is_upright() -> None:
    assert open_mark(base64_of(saved(image(), Format.JPEG, orientation=6))).shape == (121, 90, 4)


def test_the_same_file_is_decoded_once() -> None:
    content, _ = png("RGBA")
    first = open_mark(content)
    assert open_mark(content[:50] + content[50:]) is first
    assert not first.flags.writeable


def test_of_an_animation_the_first_frame_is_opened() -> None:
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    content = io.BytesIO()
    frames[0].save(content, "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    assert (open_mark(base64_of(content.getvalue())) == (0, 0, 255, 255)).all()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("%%%", "base64"),
        ("", "no bytes"),
        (base64_of(b"nothing that is a picture"), "The watermark cannot be used"),
        (base64_of(saved(image(), Format.PNG)[:300]), "The watermark cannot be used"),
        (base64_of(saved(image(), Format.JPEG)[:900]), "The watermark cannot be used"),
        (png("1", size=(2000, 1001))[0], "2000000 pixels"),
        (png("1", size=(4097, 1))[0], "4096 px"),
    ],
)
def test_what_cannot_be_used_is_refused(content: str, words: str) -> None:
    for _ in range(2):
        with pytest.raises(DamagedImageError, match=words):
            open_mark(content)
