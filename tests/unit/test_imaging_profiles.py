"""Kept profiles: what a file says of its colours is true of its pixels."""

import io

import numpy as np
import pytest
from PIL import Image

from pixelpipe.formats.color.tags import profile_space
from pixelpipe.formats.registry import Format
from pixelpipe.imaging.attachments import Attachments
from pixelpipe.imaging.color.convert import profile_to_srgb
from pixelpipe.imaging.encode import encode
from pixelpipe.imaging.encoders.profiles import agreed
from pixelpipe.imaging.looks.describe import describe
from pixelpipe.imaging.pipeline import make
from pixelpipe.imaging.pixels import Pixels
from pixelpipe.imaging.sidecar import Sidecar, write
from pixelpipe.imaging.source import Source
from pixelpipe.recipes.task import Decode, EncodeOptions, Rect
from tests.fidelity.profiles import ADOBE_PRIMARIES, gamma_curve, gray_profile, matrix_profile
from tests.tasks import make_task

GRAY_PROFILE = gray_profile(gamma_curve(1.0))
ADOBE = matrix_profile(ADOBE_PRIMARIES, curve=gamma_curve(2.2))
ATTACHED = Attachments(profile=GRAY_PROFILE)
LOSSLESS = EncodeOptions(lossless=True)


def ramp() -> Pixels:
    return np.tile(np.arange(0, 256, 4, dtype=np.uint8), (40, 1))


def opened(content: object) -> Image.Image:
    return Image.open(io.BytesIO(bytes(content)))  # type: ignore[call-overload]


def space(picture: Image.Image) -> bytes:
    return profile_space(picture.info.get("icc_profile", b""))


@pytest.mark.parametrize("target", [Format.JPEG, Format.PNG, Format.AVIF])
def test_a_profile_for_gray_stays_where_gray_does(target: Format) -> None:
    picture = opened(encode(ramp(), make_task(format=target), ATTACHED).content)
    assert (picture.mode, space(picture)) == ("L", b"GRAY")


@pytest.mark.parametrize(
    ("target", "options"), [(Format.WEBP, LOSSLESS), (Format.PNG, EncodeOptions(colors=64))]
)
def test_gray_in_a_file_of_colours_becomes_srgb(target: Format, options: EncodeOptions) -> None:
    picture = opened(encode(ramp(), make_task(format=target, options=options), ATTACHED).content)
    assert space(picture) == b""
    assert (np.asarray(picture.convert("L")) == profile_to_srgb(ramp(), GRAY_PROFILE)).all()


def test_gray_that_becomes_webp_to_save_time_becomes_srgb() -> None:
    options = EncodeOptions(speed=0, budget_ms=1)
    large = np.tile(ramp(), (20, 10))
    file = encode(large, make_task(format=Format.AVIF, quality=90, options=options), ATTACHED)
    assert file.format is Format.WEBP
    assert space(opened(file.content)) == b""


def test_gray_frames_and_a_profile_for_colours_agree() -> None:
    frames = np.stack([np.dstack([ramp()] * 3), np.dstack([ramp()[:, ::-1]] * 3)])
    sidecar = np.zeros(4096, np.uint8)
    write(Sidecar((50, 60), 0, ADOBE), sidecar)
    height, width = ramp().shape
    plan = Decode(
        Format.PNG,
        *(width, height, 3, 1, 1),
        *(width, height),
        frames=2,
        keep_profile=True,
        sidecar_bytes=sidecar.size,
    )
    source = Source(np.concatenate([frames.reshape(-1), sidecar]), plan)
    task = make_task(
        region=Rect(0, 0, width, height),
        width=width,
        height=height,
        format=Format.PNG,
        grayscale=True,
        keep_profile=True,
        animated=True,
    )
    picture = opened(make(source, task).content)
    assert (picture.mode, space(picture), picture.n_frames) == ("RGB", b"RGB ", 2)  # type: ignore[attr-defined]


def test_frames_of_gray_become_srgb_in_webp() -> None:
    pixels, profile = agreed(ramp(), GRAY_PROFILE, Format.WEBP)
    assert profile == b""
    assert (pixels == profile_to_srgb(ramp(), GRAY_PROFILE)).all()


def test_a_description_is_in_srgb() -> None:
    green = np.full((300, 200, 3), (50, 200, 100), np.uint8)
    assert describe(green, ADOBE) == describe(profile_to_srgb(green, ADOBE)) != describe(green)


def test_a_variant_with_its_own_profile_is_described_in_srgb() -> None:
    pixels = np.full((40, 64, 3), (50, 200, 100), np.uint8)
    sidecar = np.zeros(4096, np.uint8)
    write(Sidecar(profile=ADOBE), sidecar)
    plan = Decode(
        Format.PNG, 64, 40, 3, 1, 1, 64, 40, keep_profile=True, sidecar_bytes=sidecar.size
    )
    source = Source(np.concatenate([pixels.reshape(-1), sidecar]), plan)
    kept, converted = (
        make(source, make_task(region=Rect(0, 0, 64, 40), width=64, height=40, keep_profile=keep))
        for keep in (True, False)
    )
    assert kept.facts.dominant == converted.facts.dominant == describe(pixels, ADOBE).dominant
