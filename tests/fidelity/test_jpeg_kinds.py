"""JPEG of every kind, against Pillow; and how one is told of which a part is missing."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from pixelpipe.errors import DamagedImageError
from pixelpipe.formats.registry import Format
from pixelpipe.imaging.pixels import Pixels
from tests.fidelity.files import bgr, decoded, image, plan_for, saved
from tests.fidelity.input_kinds import KINDS
from tests.fidelity.jpeg_writer import Factors, jpeg, luma_and_chroma
from tests.fidelity.pictures import scene
from tests.fidelity.references import psnr
from tests.unit.probe_files import probed

HEIGHT, WIDTH = 90, 121
ONE = (1, 1)
SUBSAMPLINGS: tuple[Factors, ...] = (
    (ONE, ONE, ONE),
    ((2, 1), ONE, ONE),
    ((2, 2), ONE, ONE),
    ((1, 2), ONE, ONE),
    ((4, 1), ONE, ONE),
    ((1, 4), ONE, ONE),
    ((4, 2), ONE, ONE),
    ((3, 1), ONE, ONE),
    (ONE, (2, 2), (2, 2)),
    (ONE, (2, 1), (2, 1)),
    ((1, 2), (2, 1), ONE),
    ((2, 2), (1, 2), (2, 1)),
)
JUNK = b"\0\0\1\2"
JPEGS = [name for name in KINDS if name.startswith("jpeg")]


def by_pillow(content: bytes, reduction: int = 1) -> Pixels:
    picture = Image.open(io.BytesIO(content))
    picture.draft("RGB", (picture.width // reduction, picture.height // reduction))
    return bgr(picture)


@pytest.mark.parametrize("reduction", [1, 2, 4, 8])
@pytest.mark.parametrize("factors", SUBSAMPLINGS, ids=str)
def test_every_subsampling(factors: Factors, reduction: int) -> None:
    content = jpeg(luma_and_chroma(scene(HEIGHT, WIDTH)), factors)
    made = decoded(content, plan_for(Format.JPEG, (HEIGHT, WIDTH), reduction=reduction))
    assert psnr(made, by_pillow(content, reduction)) > 45


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("name", JPEGS)
def test_every_kind_is_the_same_picture_turned(name: str, orientation: int) -> None:
    content = KINDS[name]()
    info = probed(content)
    stored = (info.stored_height, info.stored_width)
    made = decoded(content, plan_for(Format.JPEG, stored, info.channels, orientation))
    plain = decoded(content, plan_for(Format.JPEG, stored, info.channels))
    assert (made == (plain if orientation == 1 else np.rot90(plain, -1))).all()


def test_of_several_pictures_the_first_one_is_taken() -> None:
    first, second = image(), Image.new("RGB", (WIDTH, HEIGHT), "red")
    content = saved(first, Format.JPEG)
    pair = io.BytesIO()
    first.save(pair, "MPO", save_all=True, append_images=[second])
    plan = plan_for(Format.JPEG, (HEIGHT, WIDTH))
    assert (decoded(pair.getvalue(), plan) == decoded(content, plan)).all()


@pytest.mark.parametrize("transform", [0, 1, 2, 3, 9])
def test_what_adobe_says_of_the_colours_counts_as_it_does_for_pillow(transform: int) -> None:
    content = jpeg(luma_and_chroma(scene(HEIGHT, WIDTH)), (ONE,) * 3, adobe=transform)
    without_jfif = content[:2] + content[20:]
    made = decoded(without_jfif, plan_for(Format.JPEG, (HEIGHT, WIDTH)))
    assert psnr(made, by_pillow(without_jfif)) > 45


def _with_junk(content: bytes) -> bytes:
    at = content.index(b"\xff\xdb")
    return content[:at] + JUNK + content[at:]


def _of_no_known_version(content: bytes) -> bytes:
    at = content.index(b"JFIF\0") + 5
    return content[:at] + b"\x07" + content[at + 1 :]


ODDITIES = [_with_junk, _of_no_known_version]


@pytest.mark.parametrize("odd", ODDITIES)
@pytest.mark.parametrize("progressive", [False, True])
def test_an_oddity_does_no_harm(odd: Callable[[bytes], bytes], *, progressive: bool) -> None:
    content = saved(image(), Format.JPEG, progressive=progressive)
    plan = plan_for(Format.JPEG, (HEIGHT, WIDTH))
    assert (decoded(odd(content), plan) == decoded(content, plan)).all()


@pytest.mark.parametrize("end", [b"", b"\xff\xd9"])
@pytest.mark.parametrize("odd", ODDITIES)
@pytest.mark.parametrize("progressive", [False, True])
def test_an_oddity_does_not_hide_that_a_part_is_missing(
    odd: Callable[[bytes], bytes], end: bytes, *, progressive: bool
) -> None:
    content = odd(saved(image(), Format.JPEG, progressive=progressive))
    with pytest.raises(DamagedImageError, match="damaged or incomplete"):
        decoded(content[: len(content) * 2 // 3] + end, plan_for(Format.JPEG, (HEIGHT, WIDTH)))


def test_bytes_behind_the_last_scan_do_no_harm() -> None:
    content = saved(image(), Format.JPEG)
    plan = plan_for(Format.JPEG, (HEIGHT, WIDTH))
    padded = content[:-2] + b"\0" * 30 + content[-2:]
    assert (decoded(padded, plan) == decoded(content, plan)).all()
