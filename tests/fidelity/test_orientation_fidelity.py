"""Each of the eight orientations, in every format that can say it: undone once, and before a crop.

Oriented files are made here from the upright picture; Pillow and libvips turn them as well.
"""

import io
import struct
from collections.abc import Callable

import numpy as np
import pytest
import pyvips
from PIL import Image, ImageOps

from pixelpipe.formats.registry import Format
from pixelpipe.imaging import pipeline
from pixelpipe.imaging.pixels import Pixels
from pixelpipe.imaging.source import Source
from pixelpipe.recipes.task import Decode, Rect
from tests.fidelity.files import ORIENTATION_TAG, bgr, decoded, plan_for, saved
from tests.fidelity.pictures import read_only, scene
from tests.fidelity.references import psnr
from tests.tasks import make_task
from tests.unit.probe_files import exif, png, png_chunk, probed, segment

SIZE = HEIGHT, WIDTH = 66, 90
ORIENTATIONS = range(1, 9)
SIDEWAYS = (5, 6, 7, 8)
LEAST_DB = 32
RESOLUTION_UNIT_TAG = 296
OUTPUTS = (Format.JPEG, Format.PNG, Format.WEBP, Format.AVIF)

# What a viewer does to a stored picture of each orientation, undone.
STORE: dict[int, Callable[[Pixels], Pixels]] = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.swapaxes(0, 1),
    6: np.rot90,
    7: lambda upright: upright[::-1, ::-1].swapaxes(0, 1),
    8: lambda upright: np.rot90(upright, -1),
}

LOSSY = (Format.JPEG, Format.WEBP, Format.AVIF)
LOSSLESS = (Format.PNG, Format.TIFF)
ALL = LOSSY + LOSSLESS


def oriented(source: Format, orientation: int) -> bytes:
    """The scene, upright to whoever undoes the orientation."""
    stored = np.ascontiguousarray(STORE[orientation](scene(*SIZE))[..., ::-1])
    options = {"quality": 95} if source in LOSSY else {}
    return saved(Image.fromarray(stored), source, orientation, **options)


def upright(content: bytes) -> Pixels:
    """Decoded by what the probe says."""
    plan = probed_plan(content)
    assert (plan.width, plan.height) == (WIDTH, HEIGHT)
    return decoded(content, plan)


def source_of(content: bytes) -> Source:
    return Source(read_only(upright(content)).reshape(-1), probed_plan(content))


def probed_plan(content: bytes) -> Decode:
    info = probed(content)
    stored = (info.stored_height, info.stored_width)
    return plan_for(info.format, stored, info.channels, info.orientation)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("source", LOSSLESS)
def test_lossless_pictures_are_upright_bit_by_bit(source: Format, orientation: int) -> None:
    assert (upright(oriented(source, orientation)) == scene(*SIZE)).all()


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("source", LOSSY)
def test_lossy_pictures_are_upright(source: Format, orientation: int) -> None:
    assert psnr(upright(oriented(source, orientation)), scene(*SIZE)) > LEAST_DB


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("source", ALL)
def test_pillow_and_libvips_turn_them_the_same_way(source: Format, orientation: int) -> None:
    content = oriented(source, orientation)
    ours = upright(content)
    by_pillow = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    assert psnr(ours, bgr(by_pillow)) > LEAST_DB
    if source != Format.AVIF:  # libvips has it turned by its decoder, and by `autorot` again
        by_vips = pyvips.Image.new_from_buffer(content, "").autorot().numpy()
        assert psnr(ours, by_vips[..., ::-1]) > LEAST_DB


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("source", ALL)
def test_a_crop_is_one_of_the_upright_picture(source: Format, orientation: int) -> None:
    content = oriented(source, orientation)
    region = Rect(60, 8, 24, 40)
    task = make_task(region=region, width=24, height=40, format=Format.PNG, keep_alpha=True)
    made = pipeline.make(source_of(content), task)
    shown = Image.open(io.BytesIO(bytes(made.content)))
    wanted = scene(*SIZE)[8:48, 60:84]
    assert psnr(bgr(shown), wanted) > LEAST_DB


@pytest.mark.parametrize("output", OUTPUTS)
def test_a_variant_has_no_orientation_left_to_be_undone_again(output: Format) -> None:
    content = oriented(Format.JPEG, 6)
    task = make_task(region=Rect(0, 0, WIDTH, HEIGHT), width=WIDTH, height=HEIGHT, format=output)
    made = pipeline.make(source_of(content), task)
    assert probed(bytes(made.content)).orientation == 1


@pytest.mark.parametrize("reduction", [2, 4])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_a_picture_that_is_decoded_smaller_is_upright(orientation: int, reduction: int) -> None:
    stored = (WIDTH, HEIGHT) if orientation in SIDEWAYS else SIZE
    content = oriented(Format.JPEG, orientation)
    ours = decoded(content, plan_for(Format.JPEG, stored, 3, orientation, reduction))
    size = (-(-WIDTH // reduction), -(-HEIGHT // reduction))
    smaller = Image.fromarray(scene(*SIZE)[..., ::-1].copy()).resize(size, Image.Resampling.BOX)
    assert psnr(ours, bgr(smaller)) > 24


def test_the_first_of_two_exif_segments_counts() -> None:
    whole = oriented(Format.JPEG, 6)
    second = segment(0xE1, b"Exif\0\0" + exif(3))
    first_end = 4 + int.from_bytes(whole[4:6], "big")
    assert whole[2:4] in (b"\xff\xe0", b"\xff\xe1")
    at = whole.index(b"\xff\xdb")
    assert first_end <= at
    assert (upright(whole[:at] + second + whole[at:]) == upright(whole)).all()


def test_exif_behind_the_image_data_of_a_png_counts() -> None:
    stored = png((5, 4), behind=png_chunk(b"eXIf", exif(6)))
    info = probed(stored)
    assert (info.orientation, info.width, info.height) == (6, 4, 5)


@pytest.mark.parametrize("orientation", [3, 6])
def test_exif_in_an_avif_is_ignored(orientation: int) -> None:
    """Pillow makes properties of an orientation in EXIF, which is therefore put in behind it."""
    block = Image.Exif()
    block[RESOLUTION_UNIT_TAG] = orientation
    content = io.BytesIO()
    picture = Image.fromarray(scene(*SIZE)[..., ::-1].copy())
    picture.save(content, "AVIF", exif=block, quality=90)
    entry = struct.Struct(">HHIHH")
    plain, turned = (
        entry.pack(tag, 3, 1, orientation, 0) for tag in (RESOLUTION_UNIT_TAG, ORIENTATION_TAG)
    )
    assert content.getvalue().count(plain) == 1
    assert (upright(content.getvalue().replace(plain, turned)) == upright(content.getvalue())).all()
