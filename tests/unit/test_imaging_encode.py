"""Each format that can be written, read again by Pillow."""

import io

import numpy as np
import pytest
from PIL import Image

from pixelpipe.errors import InternalError
from pixelpipe.formats.registry import FORMATS, WRITABLE, Format
from pixelpipe.imaging.encode import encode
from pixelpipe.imaging.pixels import Pixels
from tests.fidelity.files import bgr
from tests.fidelity.pictures import noise, read_only, scene
from tests.fidelity.references import psnr

GRAY = read_only(scene(90, 121)[..., 1].copy())
ALPHA = read_only(np.dstack([scene(90, 121), np.full((90, 121), 180, np.uint8)]))


def reopened(pixels: Pixels, target: Format, quality: int = 90) -> Image.Image:
    opened = Image.open(io.BytesIO(bytes(encode(pixels, target, quality))))
    assert opened.format == target.name
    opened.load()
    return opened


@pytest.mark.parametrize("target", WRITABLE)
@pytest.mark.parametrize("pixels", [scene(90, 121), GRAY], ids=["BGR", "gray"])
def test_decodes_to_what_went_in(target: Format, pixels: Pixels) -> None:
    opened = reopened(pixels, target)
    assert opened.size == (121, 90)
    result = bgr(opened)
    if pixels is GRAY and result.ndim == 3:
        result = result[..., 1]
    assert psnr(result, pixels) > (1000 if target == Format.PNG else 30)


@pytest.mark.parametrize("target", [Format.JPEG, Format.PNG, Format.AVIF])
def test_gray_stays_one_channel(target: Format) -> None:
    assert reopened(GRAY, target).mode == "L"


@pytest.mark.parametrize("target", [f for f in WRITABLE if FORMATS[f].holds_alpha])
def test_alpha_is_written(target: Format) -> None:
    opened = reopened(ALPHA, target)
    assert opened.mode == "RGBA"
    assert np.abs(np.asarray(opened)[..., 3].astype(int) - 180).max() <= 2
    assert psnr(bgr(opened), ALPHA) > 30


@pytest.mark.parametrize("target", [f for f in WRITABLE if FORMATS[f].default_quality])
def test_quality_costs_bytes(target: Format) -> None:
    sizes = [len(encode(scene(90, 121), target, quality)) for quality in (1, 50, 100)]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[2] / 3


@pytest.mark.parametrize("target", WRITABLE)
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (13, 2)])
@pytest.mark.parametrize("channels", [1, 3])
def test_tiny_pictures(target: Format, shape: tuple[int, int], channels: int) -> None:
    assert reopened(noise(*shape, channels), target).size == shape[::-1]


@pytest.mark.parametrize("target", WRITABLE)
def test_part_of_a_larger_picture(target: Format) -> None:
    part = scene(200, 300)[31:131, 17:218]
    assert psnr(bgr(reopened(part, target)), part) > 28


@pytest.mark.parametrize("target", [Format.JPEG, Format.WEBP])
def test_what_a_format_cannot_hold_is_an_internal_error(target: Format) -> None:
    with pytest.raises(InternalError, match=f"encoded as {target}"):
        encode(np.zeros((1, 70_000, 3), np.uint8), target, 80)
