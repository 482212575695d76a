"""Luma and chroma apart: by libjpeg-turbo, and split from mixed pixels where that cannot."""

import io
import struct
from collections.abc import Callable, Sequence
from dataclasses import replace

import cv2
import numpy as np
import pytest
import simplejpeg
from PIL import Image

from pixelpipe.errors import DamagedImageError
from pixelpipe.formats.registry import Format
from pixelpipe.imaging.codecs import turbojpeg
from pixelpipe.imaging.encoders.jpeg import encode_jpeg_planes
from pixelpipe.imaging.pixels import Pixels, as_pixels
from pixelpipe.imaging.planar import finished, planar_picture
from pixelpipe.imaging.planes import Planes, padded_planes_in, planes_in, split
from pixelpipe.recipes.task import Decode, Rect
from tests.fidelity.arithmetic_jpeg import ARITHMETIC
from tests.fidelity.files import plan_for
from tests.fidelity.jpeg_writer import jpeg
from tests.fidelity.pictures import noise, photograph, read_only, scene
from tests.fidelity.planar_chain import filled, jpeg_420
from tests.fidelity.profiles import matrix_profile
from tests.tasks import make_task
from tests.unit.probe_files import probed

S420 = ((2, 2), (1, 1), (1, 1))
DISPLAY_P3 = ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06))
AROUND_BYTES = 300
needs_the_library = pytest.mark.skipif(
    turbojpeg._turbojpeg is None, reason="this system has no libturbojpeg"
)


def read(content: bytes, size: tuple[int, int], reduction: int = 1) -> Planes | None:
    """Planes by the library, between bytes that must stay as they are; None where it does not."""
    width, height = size
    wanted = -(-width // 2) * -(-height // 2) * 6
    room = noise(1, wanted + 2 * AROUND_BYTES, 1)[0].copy()
    before = room.copy()
    planes = padded_planes_in(room[AROUND_BYTES:-AROUND_BYTES], width, height)
    data = read_only(np.frombuffer(content, np.uint8))
    done = turbojpeg.decode_planes(data, size, reduction, planes)
    for around in (slice(AROUND_BYTES), slice(-AROUND_BYTES, None)):
        assert (room[around] == before[around]).all()
    return replace(planes, luma=planes.luma[:height, :width]) if done else None


def planar_plan(stored: tuple[int, int], orientation: int = 1, reduction: int = 1) -> Decode:
    """The decode of a picture that is stored with that height and width."""
    return replace(plan_for(Format.JPEG, stored, 3, orientation, reduction), planar=True)


def planes_of(content: bytes, plan: Decode) -> Planes:
    return planes_in(filled(content, plan), plan)


def each(planes: Planes) -> Sequence[Pixels]:
    return planes.luma, planes.blue, planes.red


def gray(content: bytes, reduction: int) -> Pixels:
    """A gray file, by OpenCV."""
    flags = {
        1: cv2.IMREAD_GRAYSCALE,
        2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
        4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
        8: cv2.IMREAD_REDUCED_GRAYSCALE_8,
    }[reduction]
    decoded = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    assert decoded is not None
    return as_pixels(decoded)


def gray_file(plane: Pixels) -> bytes:
    content = io.BytesIO()
    Image.fromarray(plane).save(content, "JPEG", quality=95)
    return content.getvalue()


def halved(plane: Pixels) -> Pixels:
    """As `jpeg` makes the smaller components."""
    height, width = plane.shape
    size = (-(-width // 2), -(-height // 2))
    return np.asarray(Image.fromarray(plane).resize(size, Image.Resampling.BOX))


@needs_the_library
@pytest.mark.parametrize("reduction", [1, 2, 4, 8])
@pytest.mark.parametrize("height", [*range(1, 18), 71, 129])
def test_each_plane_is_as_if_it_were_a_file_of_its_own(height: int, reduction: int) -> None:
    """Its blocks are those of a gray file, which another program reads."""
    for width in (*range(1, 18), 131):
        reduced = (-(-width // reduction), -(-height // reduction))
        if reduction > 1 and min(reduced) < 3:
            continue  # Of so few pixels several scales come to the same size.
        components = [noise(131, 131, 3)[:height, :width, index] for index in range(3)]
        made = read(jpeg(components, S420), reduced, reduction)
        assert made is not None
        apart = [components[0], *(halved(plane) for plane in components[1:])]
        for plane, alone in zip(each(made), apart, strict=True):
            assert np.array_equal(plane, gray(gray_file(alone), reduction))


@needs_the_library
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"progressive": True},
        {"optimize": True},
        {"restart_marker_blocks": 1},
        {"restart_marker_rows": 2},
        {"quality": 1},
    ],
)
@pytest.mark.parametrize("reduction", [1, 2, 4, 8])
def test_luma_is_that_of_pillow(reduction: int, options: dict[str, int]) -> None:
    content = jpeg_420(photograph(251, 303), **options)
    made = read(content, (-(-303 // reduction), -(-251 // reduction)), reduction)
    picture = Image.open(io.BytesIO(content))
    picture.draft("L", (303 // reduction, 251 // reduction))
    assert made is not None
    assert np.array_equal(made.luma, np.asarray(picture))


@needs_the_library
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("reduction", [1, 2])
def test_planes_are_turned_upright(orientation: int, reduction: int) -> None:
    content = jpeg_420(scene(96, 128))
    upright = planes_of(content, planar_plan((96, 128), reduction=reduction))
    turned = planes_of(content, planar_plan((96, 128), orientation, reduction))
    flips: dict[int, Callable[[Pixels], Pixels]] = {
        1: lambda plane: plane,
        2: np.fliplr,
        3: lambda plane: np.rot90(plane, 2),
        4: np.flipud,
        5: np.transpose,
        6: lambda plane: np.rot90(plane, -1),
        7: lambda plane: np.rot90(plane, 2).T,
        8: np.rot90,
    }
    for one, other in zip(each(turned), each(upright), strict=True):
        assert np.array_equal(one, flips[orientation](other))


def no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turbojpeg, "_turbojpeg", None)


@pytest.mark.parametrize("stored", [(96, 128), (97, 131), (129, 66)])
@pytest.mark.parametrize(("orientation", "reduction"), [(1, 1), (1, 2), (1, 4), (1, 8), (6, 1)])
def test_without_the_library_planes_are_the_same_within_the_codec_s_smoothing(
    stored: tuple[int, int], orientation: int, reduction: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if orientation > 1 and any(side % 2 for side in stored):
        return
    content = jpeg_420(as_pixels(cv2.GaussianBlur(scene(*stored), (0, 0), 5)), quality=98)
    plan = planar_plan(stored, orientation, reduction)
    made = planes_of(content, plan)
    no_library(monkeypatch)
    instead = planes_of(content, plan)
    for one, other in zip(each(made), each(instead), strict=True):
        assert one.shape == other.shape
        error = np.abs(one.astype(int) - other)
        assert np.percentile(error, 99) <= 2
        assert error.mean() < 1


def test_a_library_without_the_functions_counts_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turbojpeg, "_LIBRARY", "libm.so.6")
    assert turbojpeg._functions() is None
    monkeypatch.setattr(turbojpeg, "_LIBRARY", "libturbojpeg-that-is-nowhere.so.0")
    assert turbojpeg._functions() is None


def test_no_memory_for_the_codec_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class Exhausted:
        def start(self) -> None:
            return None

    monkeypatch.setattr(turbojpeg, "_turbojpeg", Exhausted())
    with pytest.raises(MemoryError):
        read(jpeg_420(scene(16, 16)), (16, 16))


def with_segment(content: bytes, body: bytes) -> bytes:
    return content[:2] + body + content[2:]


def of_other_kinds() -> dict[str, tuple[bytes, tuple[int, int]]]:
    """Files that the library must not be asked to write at that width and height."""
    pixels = np.ascontiguousarray(scene(64, 80))
    plain = jpeg_420(pixels)
    frame = plain.index(b"\xff\xc0")
    higher = bytearray(plain)
    struct.pack_into(">H", higher, frame + 5, 4000)
    lossless = plain[: frame + 1] + b"\xc3" + plain[frame + 2 :]
    deep = plain[: frame + 4] + b"\x0c" + plain[frame + 5 :]
    ink = io.BytesIO()
    Image.fromarray(pixels).convert("CMYK").save(ink, "JPEG")
    components = [np.asarray(pixels[..., index]) for index in range(3)]
    rgb = jpeg(components, S420, adobe=0)
    whole = (80, 64)
    return {
        "444": (simplejpeg.encode_jpeg(pixels, 90, "BGR", "444"), whole),
        "422": (simplejpeg.encode_jpeg(pixels, 90, "BGR", "422"), whole),
        "440": (simplejpeg.encode_jpeg(pixels, 90, "BGR", "440"), whole),
        "gray": (gray_file(components[0]), whole),
        "cmyk": (ink.getvalue(), whole),
        "rgb": (rgb[:2] + rgb[20:], whole),
        "a pixel wider": (plain, (79, 64)),
        "a pixel narrower": (plain, (81, 64)),
        "sides exchanged": (plain, (64, 80)),
        "much higher": (bytes(higher), whole),
        "two frames": (with_segment(plain, plain[frame : frame + 19]), whole),
        "12 bits": (deep, whole),
        "lossless": (lossless, whole),
        "no height": (plain[: frame + 5] + b"\0\0" + plain[frame + 7 :], whole),
        "cut": (plain[: len(plain) // 2], whole),
        "cut and closed": (plain[: len(plain) // 2] + b"\xff\xd9", whole),
        "junk between segments": (with_segment(plain, b"\0\0\1\2"), whole),
        "nothing": (b"\xff\xd8\xff\xd9", whole),
    }


OTHER_KINDS = of_other_kinds()


@pytest.mark.parametrize("name", OTHER_KINDS)
def test_what_the_library_is_not_for_is_left_to_others(name: str) -> None:
    content, size = OTHER_KINDS[name]
    assert read(content, size) is None


@pytest.mark.parametrize("name", OTHER_KINDS)
@pytest.mark.parametrize("orientation", [1, 3])
def test_what_cannot_be_decoded_is_told_as_it_is_of_mixed_pixels(
    name: str, orientation: int
) -> None:
    content, (width, height) = OTHER_KINDS[name]
    plan = planar_plan((height, width), orientation)
    assert outcome(content, plan) == outcome(content, replace(plan, planar=False))


def outcome(content: bytes, plan: Decode) -> str:
    try:
        filled(content, plan)
    except DamagedImageError as refusal:
        return refusal.detail
    return "decoded"


@pytest.mark.parametrize("reduction", [1, 4])
def test_broken_bits_are_told_as_they_are_of_mixed_pixels(reduction: int) -> None:
    rng = np.random.default_rng(5)
    plan = planar_plan((90, 121), reduction=reduction)
    told = set()
    for progressive in (False, True):
        content = jpeg_420(scene(90, 121), 85, progressive=progressive)
        for _ in range(30):
            broken = bytearray(content)
            for at in rng.integers(2, len(content), 3):
                broken[at] ^= 1 << int(rng.integers(8))
            told.add(outcome(bytes(broken), plan))
            assert outcome(bytes(broken), plan) in told
            assert outcome(bytes(broken), replace(plan, planar=False)) in told
    assert len(told) > 1


def test_arithmetic_coding_is_decoded_all_the_same() -> None:
    info = probed(ARITHMETIC)
    plan = planar_plan((info.stored_height, info.stored_width))
    assert outcome(ARITHMETIC, plan) == "decoded"


def test_colours_of_a_profile_become_those_of_srgb_first() -> None:
    pixels = as_pixels(cv2.GaussianBlur(photograph(96, 130), (0, 0), 3))
    content = jpeg_420(pixels, 98, icc_profile=matrix_profile(DISPLAY_P3))
    plan = planar_plan((96, 130))
    planes = planes_of(content, plan)
    mixed = filled(content, replace(plan, planar=False)).reshape(96, 130, 3)
    wanted = cv2.cvtColor(mixed, cv2.COLOR_BGR2YCrCb)
    assert np.array_equal(planes.luma, wanted[..., 0])
    for plane, channel in ((planes.red, 1), (planes.blue, 2)):
        means = wanted[..., channel].reshape(48, 2, 65, 2).mean((1, 3))
        assert np.abs(plane - means).max() <= 1
    untagged = planes_of(jpeg_420(pixels, 98), plan)
    assert np.abs(untagged.red.astype(int) - planes.red).max() > 5


@pytest.mark.parametrize("shape", [(6, 8), (7, 9), (6, 9), (301, 8), (1, 1), (1, 2), (2, 1)])
def test_split_repeats_the_last_pixel_of_an_odd_side(shape: tuple[int, int]) -> None:
    height, width = shape
    pixels = noise(height, width, 3)
    out = padded_planes_in(noise(1, 6 * 151 * 5, 1)[0].copy(), width, height)
    split(pixels, out)
    wanted = cv2.cvtColor(pixels, cv2.COLOR_BGR2YCrCb).astype(np.float64)
    longer = np.pad(wanted, ((0, height % 2), (0, width % 2), (0, 0)), "edge")
    assert np.array_equal(out.luma, longer[..., 0])
    means = longer.reshape(len(longer) // 2, 2, -1, 2, 3).mean((1, 3))
    assert np.abs(out.red - means[..., 1]).max() <= 1
    assert np.abs(out.blue - means[..., 2]).max() <= 1


@pytest.mark.parametrize("width", [101, 121])
@pytest.mark.parametrize("height", [77, 90])
def test_an_odd_variant_has_a_pixel_more_in_memory(width: int, height: int) -> None:
    """The encoder reads it."""
    plan = planar_plan((90, 121))
    picture = planar_picture(filled(jpeg_420(photograph(90, 121)), plan), plan)
    task = make_task(region=Rect(0, 0, 121, 90), width=width, height=height)
    planes = finished(picture, task)
    assert isinstance(planes, Planes)
    assert planes.luma.shape == (height, width)
    assert planes.blue.shape == planes.red.shape == (-(-height // 2), -(-width // 2))
    whole = planes.luma.base
    assert isinstance(whole, np.ndarray)
    assert whole.shape == (height + height % 2, width + width % 2)
    assert np.array_equal(whole[height - 1], whole[-1])
    assert np.array_equal(whole[:, width - 1], whole[:, -1])


@pytest.mark.parametrize("shape", [(16, 16), (17, 18), (18, 17), (17, 17), (1, 1), (33, 47)])
def test_nothing_beyond_the_repeated_pixel_is_encoded(shape: tuple[int, int]) -> None:
    """Whatever lies in the same memory around the planes, the file is the same."""
    height, width = shape
    rows, columns = -(-height // 2), -(-width // 2)
    files = set()
    for level in (0, 255):
        room = np.full((3, 2 * rows + 8, 2 * columns + 8), level, np.uint8)
        inside = room[:, 2:, 2:]
        inside[0, : 2 * rows, : 2 * columns] = np.pad(
            noise(height, width, 1), ((0, height % 2), (0, width % 2)), "edge"
        )
        inside[1:, :rows, :columns] = np.moveaxis(noise(rows, columns, 2), 2, 0)
        planes = Planes(inside[0, :height, :width], *inside[1:, :rows, :columns])
        files.add(bytes(encode_jpeg_planes(planes, 90)))
    assert len(files) == 1
    picture = Image.open(io.BytesIO(files.pop()))
    assert picture.size == (width, height)
    picture.load()
