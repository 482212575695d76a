"""Colours and placeholders: against decoders and encoders that are not PixelPipe's."""

import re
from base64 import b64decode
from functools import cache
from itertools import combinations, pairwise

import blurhash_rs
import cv2
import fast_thumbhash  # type: ignore[import-untyped]
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pixelpipe.imaging.looks.blurhash import blurhash
from pixelpipe.imaging.looks.describe import describe
from pixelpipe.imaging.looks.thumbhash import thumbhash
from pixelpipe.imaging.pixels import Pixels
from tests.fidelity.pictures import noise, read_only, scene

Floats = NDArray[np.float64]
Bgr = tuple[int, int, int]

BASE_83 = (
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"  # digits and letters
    "#$%*+,-.:;=?@[]^_{|}~"
)


@cache
def four_lights(height: int, width: int) -> Pixels:
    """BGR: another colour in each corner, and all between."""
    corners = np.array(
        [[[30, 40, 220], [40, 200, 60]], [[220, 120, 30], [240, 240, 240]]], np.float32
    )
    spread = cv2.resize(corners, (width, height), interpolation=cv2.INTER_LINEAR)
    return read_only(np.asarray(spread, np.uint8))


def of_colors(*parts: tuple[Bgr, int]) -> Pixels:
    """Columns of colours, each of so many pixels."""
    row = np.concatenate([np.tile(np.array(color, np.uint8), (width, 1)) for color, width in parts])
    return np.repeat(row[np.newaxis], 200, axis=0)


def linear(srgb: Floats) -> Floats:
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def srgb(light: Floats) -> Floats:
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def from_blurhash(text: str, width: int, height: int) -> Floats:
    """BGR, 0 to 255: a decoder written after the published algorithm."""
    digits = [BASE_83.index(letter) for letter in text]
    down, across = divmod(digits[0], 9)
    down, across = down + 1, across + 1
    assert len(digits) == 4 + 2 * across * down
    most = (digits[1] + 1) / 166
    mean = sum(digit * 83**place for place, digit in enumerate(reversed(digits[2:6])))
    dc = linear(np.array([mean >> 16, mean >> 8 & 255, mean & 255]) / 255)
    terms = [dc]
    for first, second in zip(digits[6::2], digits[7::2], strict=True):
        value = first * 83 + second
        levels = (np.array([value // 361, value // 19 % 19, value % 19]) - 9) / 9
        terms.append(np.sign(levels) * levels**2 * most)
    x = np.cos(np.pi * np.outer(np.arange(across), np.arange(width) / width))
    y = np.cos(np.pi * np.outer(np.arange(down), np.arange(height) / height))
    spectrum = np.array(terms).reshape(down, across, 3)
    light = np.einsum("jy,jic,ix->yxc", y, spectrum, x)
    return srgb(light)[:, :, ::-1] * 255


def from_thumbhash(text: str) -> Pixels:
    """BGRA, by the Rust of the algorithm's author."""
    width, height, rgba = fast_thumbhash.thumb_hash_to_rgba(b64decode(text))
    return np.array(rgba, np.uint8).reshape(height, width, 4)[:, :, [2, 1, 0, 3]]


def thumbhash_fields(content: bytes) -> NDArray[np.int64]:
    """Every number in it."""
    head = int.from_bytes(content[:5], "little")
    places = ((0, 6), (6, 6), (12, 6), (18, 5), (23, 1), (24, 3), (27, 6), (33, 6), (39, 1))
    fields = [head >> first & (1 << bits) - 1 for first, bits in places]
    return np.array(fields + [byte >> bits & 15 for byte in content[5:] for bits in (0, 4)])


def difference(made: NDArray[np.generic], wanted: Pixels) -> float:
    """Mean difference in CIE 1976 from a picture of any size, at the size of what was made."""
    size = (made.shape[1], made.shape[0])
    small = cv2.resize(wanted, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    lab = cv2.cvtColor(small, cv2.COLOR_BGR2Lab)
    made_lab = cv2.cvtColor(made.astype(np.float32) / 255, cv2.COLOR_BGR2Lab)
    return float(np.linalg.norm(lab - made_lab, axis=2).mean())


def bgr(color: str) -> Bgr:
    return int(color[5:7], 16), int(color[3:5], 16), int(color[1:3], 16)


def lab(color: str) -> Floats:
    pixel = np.array([[bgr(color)]], np.float32) / 255
    return np.asarray(cv2.cvtColor(pixel, cv2.COLOR_BGR2Lab)[0, 0], np.float64)


@pytest.mark.parametrize(
    ("size", "first"),
    [((240, 320), "L"), ((320, 240), "T"), ((300, 300), "U"), ((1080, 1080), "U")],
)
def test_the_placeholders_look_like_the_picture(size: tuple[int, int], first: str) -> None:
    picture = four_lights(*size)
    told = describe(picture)
    assert told.blurhash.startswith(first)  # 4 by 3, 3 by 4, 4 by 4 components
    assert difference(from_blurhash(told.blurhash, 32, 32), picture) < 13
    assert difference(from_thumbhash(told.thumbhash)[:, :, :3], picture) < 18
    upside_down = np.ascontiguousarray(picture[::-1])
    assert difference(from_blurhash(told.blurhash, 32, 32), upside_down) > 30


def test_a_photograph_is_recognised_in_its_placeholders() -> None:
    picture = scene(480, 640)
    soft = np.asarray(cv2.GaussianBlur(picture, (0, 0), 60), np.uint8)
    told = describe(picture)
    assert difference(from_blurhash(told.blurhash, 32, 24), soft) < 12
    assert difference(from_thumbhash(told.thumbhash)[:, :, :3], soft) < 12


def test_placeholders_do_not_depend_on_the_size() -> None:
    large, small = describe(four_lights(1200, 900)), describe(four_lights(400, 300))
    decoded = [from_blurhash(told.blurhash, 24, 32) for told in (large, small)]
    assert np.abs(decoded[0] - decoded[1]).mean() < 3


def test_lines_do_not_fall_in_with_the_rows_that_are_read() -> None:
    for period in (2, 4, 6, 8, 11, 12):
        rows = np.where(np.arange(1080) % period < period // 2, 0, 255).astype(np.uint8)
        told = describe(np.repeat(rows[:, np.newaxis], 600, axis=1))
        assert set(told.palette) == {"#000000", "#ffffff"}
        assert 90 < from_blurhash(told.blurhash, 8, 8).mean() < 190


@pytest.mark.parametrize("components", [(1, 1), (4, 3), (3, 4), (4, 4), (7, 7)])
def test_blurhash_is_that_of_others_for_a_large_picture(components: tuple[int, int]) -> None:
    picture = scene(480, 640)
    theirs = blurhash_rs.blurhash_encode(Image.fromarray(picture[:, :, ::-1]), *components)
    small = np.asarray(cv2.resize(picture, (32, 24), interpolation=cv2.INTER_AREA), np.uint8)
    ours = blurhash(small, *components)
    assert (len(ours), ours[0]) == (len(theirs), theirs[0])
    apart = from_blurhash(ours, 16, 16) - from_blurhash(theirs, 16, 16)
    assert np.abs(apart).mean() < 4


@pytest.mark.parametrize("number", range(60))
def test_thumbhash_is_that_of_its_author(number: int) -> None:
    rng = np.random.default_rng(number)
    height, width = (int(side) for side in rng.integers(2, 40, 2))
    coarse = rng.integers(0, 256, (2 + height // 16, 2 + width // 16, 4)).astype(np.float32)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    pixels = np.clip(smooth, 0, 255).astype(np.uint8)
    if number % 2:
        pixels[:, :, 3] = 255
    rgba = pixels[:, :, [2, 1, 0, 3]].tobytes()
    theirs = np.array(fast_thumbhash.rgba_to_thumb_hash(width, height, rgba), np.uint8)
    ours = np.frombuffer(thumbhash(pixels), np.uint8)
    assert ours.size == theirs.size
    # What lies between two levels may be rounded either way; theirs are floats of 32 bits.
    apart = np.abs(thumbhash_fields(ours.tobytes()) - thumbhash_fields(theirs.tobytes()))
    assert apart.max() <= 1
    assert np.count_nonzero(apart) <= 4


def test_flat_pictures_have_hashes_without_chance() -> None:
    for level in (0, 90, 255):
        first, second = (
            describe(np.full((height, 300, 3), level, np.uint8)) for height in (200, 400)
        )
        assert first.dominant == second.dominant == f"#{level:02x}{level:02x}{level:02x}"
        assert first.palette == (first.dominant,)
        assert np.abs(from_blurhash(first.blurhash, 8, 8) - level).max() < 1
        assert np.abs(from_thumbhash(first.thumbhash)[:, :, :3].astype(int) - level).max() < 8


def test_the_palette_is_what_there_is_by_how_widespread() -> None:
    white, red, blue, black = (255, 255, 255), (20, 30, 220), (200, 90, 10), (0, 0, 0)
    told = describe(of_colors((red, 60), (white, 300), (black, 20), (blue, 120)))
    assert [bgr(color) for color in told.palette] == [white, blue, red, black]
    assert told.dominant == "#ffffff"


def test_the_palette_has_five_colours_at_most_and_no_two_alike() -> None:
    for picture in (scene(480, 640), noise(200, 200, 3), four_lights(300, 400)):
        told = describe(picture)
        assert len(told.palette) == 5
        assert told.palette[0] == told.dominant
        assert all(re.fullmatch("#[0-9a-f]{6}", color) for color in told.palette)
        for first, second in combinations(told.palette, 2):
            assert np.linalg.norm(lab(first) - lab(second)) > 18


def test_shades_of_one_colour_are_one() -> None:
    shades = [((40 + n, 42 + n, 200 + n), 40) for n in range(0, 12, 2)]
    assert len(describe(of_colors(*shades, ((240, 240, 240), 300))).palette) == 2


def test_the_blend_at_edges_is_no_colour() -> None:
    picture = np.full((600, 600, 3), 255, np.uint8)
    cv2.circle(picture, (300, 300), 180, (200, 30, 30), -1, cv2.LINE_AA)
    assert describe(picture).palette == ("#ffffff", "#1e1ec8")


def test_a_vivid_thing_is_in_the_palette_of_a_gray_picture() -> None:
    gray = np.asarray(cv2.cvtColor(scene(300, 400), cv2.COLOR_BGR2GRAY))
    picture = cv2.merge([gray, gray, gray])
    cv2.circle(picture, (250, 100), 45, (10, 200, 250), -1)
    assert "#fac80a" in describe(np.asarray(picture, np.uint8)).palette


def test_each_pixel_counts_by_its_alpha() -> None:
    picture = np.dstack([of_colors(((20, 30, 220), 300), ((200, 90, 10), 100))] * 1)
    alpha = np.full((200, 400), 255, np.uint8)
    alpha[:, :250] = 0
    told = describe(np.dstack([picture, alpha]))
    assert [bgr(color) for color in told.palette] == [(200, 90, 10), (20, 30, 220)]
    other = np.dstack([picture, alpha])
    other[:, :250, :3] = (0, 255, 0)
    assert describe(other) == told  # colours that are not to be seen do not matter


def test_blurhash_lies_on_white_and_thumbhash_keeps_the_transparency() -> None:
    picture = np.zeros((200, 200, 4), np.uint8)
    picture[:, 100:] = (30, 30, 200, 255)
    told = describe(picture)
    blurred = from_blurhash(told.blurhash, 20, 20)
    assert blurred[:, 2].min() > 200
    assert blurred[:, -2, 0].max() < 140
    hashed = from_thumbhash(told.thumbhash)
    height, width = hashed.shape[:2]
    assert hashed[height // 2, width // 8, 3] < 60
    assert hashed[height // 2, width * 7 // 8, 3] > 200


def test_a_picture_that_is_transparent_all_over_is_white() -> None:
    told = describe(np.full((90, 120, 4), (9, 200, 9, 0), np.uint8))
    assert (told.dominant, told.palette) == ("#ffffff", ("#ffffff",))
    assert from_blurhash(told.blurhash, 4, 4).min() > 250
    assert from_thumbhash(told.thumbhash)[:, :, 3].max() < 20


def test_opaque_alpha_changes_nothing_and_gray_is_gray() -> None:
    picture = scene(300, 400)
    with_alpha = np.dstack([picture, np.full((300, 400), 255, np.uint8)])
    assert describe(with_alpha) == describe(picture)
    gray = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)
    assert describe(gray) == describe(np.asarray(cv2.merge([gray] * 3), np.uint8))


@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 1, 3), (1, 1, 4), (1, 5000, 3), (5000, 1, 4), (3, 2, 3), (33, 1000, 4)]
)
def test_a_picture_may_have_any_shape(shape: tuple[int, ...]) -> None:
    picture = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    told = describe(picture)
    assert from_blurhash(told.blurhash, 4, 4).shape == (4, 4, 3)
    assert from_thumbhash(told.thumbhash).size
    assert 1 <= len(told.palette) <= 5


def test_a_view_of_a_larger_picture_is_described_without_writing_to_it() -> None:
    picture = scene(480, 640)
    part = picture[101:301, 57:358]
    assert describe(part) == describe(np.ascontiguousarray(part))
    told = [describe(picture[:height]).blurhash for height in (120, 480)]
    assert all(one != other for one, other in pairwise(told))
