"""Animations: every frame, delay and loop, next to what other programs make of them."""

import contextlib
import io
import struct
from itertools import product

import cv2
import numpy as np
import pytest
import pyvips
from PIL import Image, ImageCms

from pixelpipe.errors import DamagedImageError, PixelPipeError
from pixelpipe.formats.animations.parts import Timing
from pixelpipe.formats.registry import Format
from pixelpipe.imaging.attachments import Attachments
from pixelpipe.imaging.pixels import Pixels, as_pixels
from tests.fidelity import files
from tests.fidelity.animations import (
    DELAYS_MS,
    apng_of,
    decoded,
    encoded,
    gif_frame,
    gif_of,
    moving,
    of_pillow,
    read_by_pillow,
    same_to_the_eye,
    written,
)
from tests.fidelity.references import psnr
from tests.hostile import apng_kinds
from tests.hostile.kind import Kind
from tests.unit.probe_files import probed, riff_chunk, vp8x, webp

COLOURS = bytes(np.random.default_rng(3).integers(0, 256, 768, dtype=np.uint8))
WRITTEN = (Format.WEBP, Format.PNG, Format.AVIF)
SMALL = (12, 9)
COPYRIGHT_TAG = 0x8298


def by_vips(content: bytes) -> tuple[list[Pixels], tuple[int, ...], int]:
    """Frames as BGRA, their delays, and how often they are played, all by libvips."""
    strip = pyvips.Image.new_from_buffer(content, "", n=-1)
    height = strip.get("page-height")
    pixels = strip.numpy()
    if pixels.shape[2] == 3:
        pixels = np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
    frames = [bgra(pixels[top : top + height]) for top in range(0, len(pixels), height)]
    return frames, tuple(strip.get("delay")), strip.get("loop")


def indices(height: int, width: int, seed: int) -> Pixels:
    return np.random.default_rng(seed).integers(0, 250, (height, width), dtype=np.uint8)


def rgba(height: int, width: int, seed: int, alpha: int | None = None) -> Pixels:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 4), dtype=np.uint8)
    pixels[..., 3] = pixels[..., 3] // 128 * 255 if alpha is None else alpha
    return pixels


def bgra(pixels: Pixels) -> Pixels:
    return as_pixels(cv2.cvtColor(pixels, cv2.COLOR_RGBA2BGRA))


def bgr(pixels: Pixels) -> Pixels:
    return as_pixels(cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR)) if pixels.ndim == 2 else pixels


def luma(pixels: Pixels) -> Pixels:
    return as_pixels(cv2.cvtColor(bgr(pixels), cv2.COLOR_BGR2GRAY))


# What comes out of the sources.


@pytest.mark.parametrize("disposals", list(product(range(4), repeat=2)))
@pytest.mark.parametrize("transparent", [17, 255], ids=["transparent", "opaque"])
def test_frames_of_a_gif_are_put_together_as_by_libvips(
    disposals: tuple[int, int], transparent: int
) -> None:
    # Each has a transparent colour, be it one that no pixel has: where a frame has none libvips
    # fills what is cleared with the background colour, which no browser does.
    first, second = disposals
    patch = np.where(indices(5, 6, 2) < 120, 17, indices(5, 6, 3))
    content = gif_of(
        SMALL,
        COLOURS,
        gif_frame(indices(9, 12, 1), disposal=first, transparent=255),
        gif_frame(patch, (3, 2), disposal=second, transparent=transparent, delay=0),
        gif_frame(patch, (5, 1), disposal=1, transparent=transparent, delay=1),
        gif_frame(indices(2, 2, 4), (10, 7), transparent=255, delay=300),
        loops=4,
    )
    frames, timing = decoded(content)
    expected, delays, plays = by_vips(content)
    assert all(map(same_to_the_eye, frames, expected))
    assert (timing.delays_ms, timing.loops) == ((70, 0, 10, 3000), 5) == (delays, plays)


@pytest.mark.parametrize("disposal", [2, 3])
def test_what_a_gif_clears_is_transparent_also_where_no_colour_is(disposal: int) -> None:
    colours = np.frombuffer(COLOURS, np.uint8).reshape(-1, 3)
    whole, patch = indices(9, 12, 1), indices(4, 5, 2)
    content = gif_of(
        SMALL,
        COLOURS,
        gif_frame(whole, disposal=1),
        gif_frame(patch, (3, 2), disposal=disposal),
        gif_frame(patch[:1, :1], (0, 0)),
    )
    frames, _ = decoded(content)
    cleared = frames[2, 2:6, 3:8]
    if disposal == 2:
        assert not cleared[..., 3].any()
    else:
        assert (cleared[..., 2::-1] == colours[whole[2:6, 3:8]]).all()
    assert (frames[1, 2:6, 3:8, 2::-1] == colours[patch]).all()
    assert (frames[2, 6:, :, 2::-1] == colours[whole[6:]]).all()


def test_a_smaller_first_frame_of_a_gif_lies_on_nothing() -> None:
    frame = gif_frame(indices(4, 5, 1), (2, 3), disposal=1)
    content = gif_of(SMALL, COLOURS, frame, gif_frame(indices(9, 12, 2)))
    frames, _ = decoded(content)
    assert frames.shape[-1] == 4
    assert frames[0, ..., 3].sum() == 255 * 20
    assert frames[0, 3:7, 2:7, 3].all()
    assert (frames[1, ..., 3] == 255).all()


def test_frames_of_a_gif_have_colours_of_their_own() -> None:
    own = COLOURS[::-1]
    pixels = indices(9, 12, 1)
    content = gif_of(SMALL, COLOURS, gif_frame(pixels), gif_frame(pixels, colours=own))
    frames, _ = decoded(content)
    for frame, table in zip(frames, (COLOURS, own), strict=True):
        expected = np.frombuffer(table, np.uint8).reshape(-1, 3)[pixels]
        assert (frame[..., ::-1] == expected).all()


@pytest.mark.parametrize("disposal", [0, 1, 2])
@pytest.mark.parametrize("channels", [1, 3])
def test_frames_of_a_gif_by_pillow_are_as_pillow_reads_them(channels: int, disposal: int) -> None:
    content = written(of_pillow(moving(channels)), "GIF", disposal=disposal)
    frames, timing = decoded(content)
    expected, delays, _ = read_by_pillow(content)
    assert len(frames) == len(DELAYS_MS)
    assert all(map(same_to_the_eye, frames, expected))
    assert timing == Timing(delays, 0)


@pytest.mark.parametrize(("said", "plays"), [(None, 1), (0, 0), (1, 2), (65535, 65536)])
def test_a_gif_says_how_often_it_is_repeated_others_how_often_played(
    said: int | None, plays: int
) -> None:
    frame = gif_frame(indices(9, 12, 1), disposal=1)
    _, timing = decoded(gif_of(SMALL, COLOURS, frame, frame, loops=said))
    assert timing.loops == plays


@pytest.mark.parametrize(("disposal", "blend"), list(product(range(3), range(2))))
def test_frames_of_an_apng_are_put_together_as_by_pillow(disposal: int, blend: int) -> None:
    # Of a half transparent pixel over nothing Pillow gets the alpha wrong; there are none here.
    content = apng_of(
        SMALL,
        (rgba(9, 12, 1, alpha=255), (0, 0), 0, 0),
        (rgba(5, 6, 2), (3, 2), disposal, blend),
        (rgba(5, 6, 3), (5, 1), disposal, blend),
        (rgba(2, 2, 4), (10, 7), 0, 1),
        plays=3,
    )
    frames, timing = decoded(content)
    expected, delays, plays = read_by_pillow(content)
    assert all(map(same_to_the_eye, frames, expected))
    assert (timing.delays_ms, timing.loops) == ((75,) * 4, 3) == (delays, plays)


def test_half_transparent_frames_of_an_apng_are_laid_over_each_other() -> None:
    lower, upper = rgba(9, 12, 1), rgba(9, 12, 2)
    lower[..., 3] = np.arange(108).reshape(9, 12) * 2
    upper[..., 3] = 220 - lower[..., 3]
    frames, _ = decoded(apng_of(SMALL, (lower, (0, 0), 0, 0), (upper, (0, 0), 0, 1)))
    below, above = lower / 255, upper / 255
    alpha = above[..., 3:] + below[..., 3:] * (1 - above[..., 3:])
    share = above[..., 3:] / alpha
    colours = above[..., :3] * share + below[..., :3] * (1 - share)
    expected = np.rint(255 * np.dstack([colours, alpha])).astype(np.uint8)
    assert same_to_the_eye(frames[0], bgra(lower))
    assert same_to_the_eye(frames[1], bgra(expected), tolerance=1)


def test_an_apng_without_alpha_is_transparent_where_it_is_cleared() -> None:
    opaque = rgba(9, 12, 1)[..., :3].copy()
    patch = rgba(4, 4, 2)[..., :3].copy()
    content = apng_of(
        SMALL, (opaque, (0, 0), 0, 0), (patch, (1, 2), 1, 0), (patch[:1, :1], (0, 0), 0, 0)
    )
    frames, _ = decoded(content)
    assert (frames[:2, ..., 3] == 255).all()
    assert frames[2, ..., 3].sum() == 255 * (9 * 12 - 16)
    assert not frames[2, 2:6, 1:5, 3].any()


def test_the_picture_before_an_apng_is_no_frame() -> None:
    content = apng_of(
        SMALL,
        (rgba(9, 12, 1), (0, 0), 0, 0),
        (rgba(3, 3, 2), (4, 4), 0, 0),
        still=rgba(9, 12, 5),
    )
    frames, _ = decoded(content)
    expected, *_ = read_by_pillow(content)
    assert len(frames) == 2 == len(expected) - 1
    assert all(map(same_to_the_eye, frames, expected[1:]))


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("target", ["PNG", "WEBP", "AVIF"])
def test_frames_are_as_pillow_reads_them(target: str, channels: int) -> None:
    content = written(of_pillow(moving(channels)), target, loop=7)
    frames, timing = decoded(content)
    expected, delays, _ = read_by_pillow(content)
    assert len(frames) == len(DELAYS_MS)
    if frames.ndim == 3:
        frames = np.repeat(frames[..., np.newaxis], 3, axis=3)
    assert all(map(same_to_the_eye, frames, expected))
    assert timing.delays_ms == delays == DELAYS_MS
    assert timing.loops == (0 if target == "AVIF" else 7)


def test_frames_of_a_webp_are_put_together_as_by_libvips() -> None:
    stills = []
    for number, (flags, at) in enumerate([(2, (0, 0)), (1, (2, 2)), (0, (4, 4)), (3, (6, 2))]):
        file = io.BytesIO()
        size = (9, 12) if not number else (4, 6)
        Image.fromarray(rgba(*size, number)).save(file, "WEBP", lossless=True, exact=True)
        picture = file.getvalue()
        body = picture[picture.index(b"VP8L") :]
        sides = (at[0] // 2, at[1] // 2, size[1] - 1, size[0] - 1, 50 + number)
        header = b"".join(side.to_bytes(3, "little") for side in sides)
        stills.append(riff_chunk(b"ANMF", header + bytes([flags]) + body))
    # Without the flag for alpha, which some writers forget: what is cleared is transparent.
    content = webp(vp8x(*SMALL, 0x02), riff_chunk(b"ANIM", bytes(4) + b"\6\0"), *stills)
    flagged = webp(vp8x(*SMALL, 0x12), riff_chunk(b"ANIM", bytes(4) + b"\6\0"), *stills)
    frames, timing = decoded(content)
    expected, delays, plays = by_vips(flagged)
    assert all(map(same_to_the_eye, frames, expected))
    assert (timing.delays_ms, timing.loops) == ((50, 51, 52, 53), 6) == (delays, plays)


def test_a_smaller_first_frame_of_a_webp_lies_on_nothing_when_it_is_all_that_is_shown() -> None:
    file = io.BytesIO()
    Image.new("RGB", (6, 4), "red").save(file, "WEBP", lossless=True)
    picture = file.getvalue()[12:]
    header = b"".join(number.to_bytes(3, "little") for number in (1, 1, 5, 3, 50))
    frame = riff_chunk(b"ANMF", header + b"\0" + picture)
    content = webp(vp8x(*SMALL, 0x02), riff_chunk(b"ANIM", bytes(6)), frame, frame)
    info = probed(content)
    shown = files.decoded(content, files.plan_for(Format.WEBP, SMALL[::-1], info.channels))
    expected = np.zeros((*SMALL[::-1], 4), np.uint8)
    expected[2:6, 2:8] = (0, 0, 255, 255)
    assert (shown == expected).all()


@pytest.mark.parametrize("target", ["PNG", "WEBP"])  # For AVIF Pillow 13.0 crashes.
@pytest.mark.parametrize("orientation", [3, 5, 6])
def test_every_frame_is_turned_upright(target: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright, _ = decoded(written(of_pillow(moving(3)), target))
    turned, _ = decoded(written(of_pillow(moving(3)), target, exif=exif.tobytes()))
    turns = {
        3: lambda frame: frame[::-1, ::-1],
        5: lambda frame: frame.transpose(1, 0, 2),
        6: lambda frame: frame.transpose(1, 0, 2)[:, ::-1],
    }
    expected = [turns[orientation](frame) for frame in upright]
    assert len(turned) == len(DELAYS_MS)
    assert (turned == np.stack(expected)).all()


# What goes into the variants.


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("target", [Format.PNG, Format.WEBP])
def test_lossless_frames_come_back_as_they_were(target: Format, channels: int) -> None:
    content = encoded(moving(channels), target, Timing(DELAYS_MS, 3), lossless=True)
    frames, delays, loops = read_by_pillow(content)
    assert len(frames) == len(DELAYS_MS)
    for frame, expected in zip(frames, moving(channels), strict=True):
        assert same_to_the_eye(frame, bgr(expected))
    assert (delays, loops) == (DELAYS_MS, 3)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(("target", "least_db"), [(Format.WEBP, 33), (Format.AVIF, 33)])
def test_lossy_frames_come_back_nearly_as_they_were(
    target: Format, least_db: float, channels: int
) -> None:
    content = encoded(moving(channels), target, Timing(DELAYS_MS, 3), quality=90)
    frames, delays, _ = read_by_pillow(content)
    assert delays == DELAYS_MS
    for frame, expected in zip(frames, moving(channels), strict=True):
        if channels == 4:
            made, wanted = (pixels * (pixels[..., 3:] / 255) for pixels in (frame, expected))
            assert psnr(made, wanted) >= least_db
        else:
            assert psnr(luma(frame[..., :3]), luma(expected)) >= least_db
            assert (frame[..., 3] == 255).all()


@pytest.mark.parametrize("plays", [0, 1, 2, 50])
@pytest.mark.parametrize("target", WRITTEN)
def test_an_animation_is_played_as_often_as_its_source(target: Format, plays: int) -> None:
    content = encoded(moving(3)[:2], target, Timing((40, 70), plays))
    assert decoded(content)[1] == Timing((40, 70), plays)


@pytest.mark.parametrize(
    ("source", "target"),
    [("GIF", Format.WEBP), ("PNG", Format.WEBP), ("WEBP", Format.PNG), ("AVIF", Format.PNG)],
)
def test_one_animation_becomes_another(source: str, target: Format) -> None:
    content = written(of_pillow(moving(3)), source, loop=4)
    pixels, timing = decoded(content)
    made = encoded(list(pixels), target, timing, lossless=True)
    frames, delays, loops = read_by_pillow(made)
    expected, *_ = read_by_pillow(content)
    assert all(map(same_to_the_eye, frames, expected))
    assert delays == DELAYS_MS
    assert loops == {"GIF": 5, "AVIF": 0}.get(source, 4)


def test_an_apng_becomes_an_avif() -> None:
    frames, timing = decoded(written(of_pillow(moving(4)), "PNG", loop=2))
    made, remade = decoded(encoded(list(frames), Format.AVIF, timing, quality=90))
    assert remade == timing == Timing(DELAYS_MS, 2)
    for frame, expected in zip(made, frames, strict=True):
        assert psnr(frame[..., 3], expected[..., 3]) > 35


@pytest.mark.parametrize("target", WRITTEN)
def test_delays_are_kept_whatever_a_browser_makes_of_them(target: Format) -> None:
    delays = (0, 10, 1, 65_535, 65_540, 655_350)
    _, timing = decoded(encoded(moving(3), target, Timing(delays, 0)))
    assert timing.delays_ms == (max(delays[0], target == Format.AVIF), *delays[1:])


@pytest.mark.parametrize("target", WRITTEN)
def test_the_longest_delays_do_not_overflow(target: Format) -> None:
    longest = (1 << 24) - 1
    frames = list(np.random.default_rng(1).integers(0, 256, (200, 4, 4, 3), dtype=np.uint8))
    _, timing = decoded(encoded(frames, target, Timing((longest,) * 200, 0)))
    assert len(timing.delays_ms) == 200
    assert min(timing.delays_ms) > 10_000_000


def test_frames_that_show_the_same_stay_as_long() -> None:
    first, second, *_ = moving(3)
    frames = [first, first, second, second, first]
    for target in WRITTEN:
        _, timing = decoded(encoded(frames, target, Timing((10, 20, 30, 40, 50), 0)))
        merged = target == Format.WEBP
        assert timing.delays_ms == ((30, 70, 50) if merged else (10, 20, 30, 40, 50))


@pytest.mark.parametrize("target", WRITTEN)
def test_alpha_that_no_frame_needs_is_left_out(target: Format) -> None:
    opaque = [as_pixels(cv2.cvtColor(frame, cv2.COLOR_BGR2BGRA)) for frame in moving(3)]
    with_alpha = [*opaque[:-1], moving(4)[-1]]
    assert encoded(opaque, target) == encoded(moving(3), target)
    assert decoded(encoded(with_alpha, target))[0].shape[-1] == 4


@pytest.mark.parametrize("target", WRITTEN)
def test_the_same_frames_make_the_same_bytes(target: Format) -> None:
    content = encoded(moving(3), target)
    if target == Format.AVIF:  # libavif writes the time into the headers
        assert struct.pack(">QQ", 0, 0) == content[content.index(b"mvhd") + 8 :][:16]
    assert content == encoded(moving(3), target)


def test_an_avif_says_that_its_levels_are_of_the_limited_range() -> None:
    # A sequence of the full range comes out too bright in Chromium.
    said = encoded(moving(3), Format.AVIF).split(b"colrnclx")[1:]
    assert [tuple(codes[:7]) for codes in said] == [(0, 1, 0, 13, 0, 6, 0)] * 2


@pytest.mark.parametrize("target", WRITTEN)
def test_metadata_and_profile_go_into_animations(target: Format) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[COPYRIGHT_TAG] = "Somebody"
    given = Attachments(exif=exif.tobytes()[6:], xmp=b"<x:xmpmeta/>", profile=profile)
    content = encoded(moving(3), target, attachments=given)
    with Image.open(io.BytesIO(content)) as picture:
        assert picture.getexif()[COPYRIGHT_TAG] == "Somebody"
        assert picture.info["icc_profile"] == profile
        assert picture.info["xmp"] == b"<x:xmpmeta/>"
    plain = encoded(moving(3), target)
    assert (decoded(content)[0] == decoded(plain)[0]).all()
    assert b"xif" not in plain
    assert b"ICC" not in plain


# What is refused.


def refused(content: bytes, frames: int | None = None) -> str:
    with pytest.raises(DamagedImageError) as caught:
        decoded(content, frames)
    return str(caught.value)


@pytest.mark.parametrize("target", ["GIF", "PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize("frames", [len(DELAYS_MS) - 1, len(DELAYS_MS) + 1])
def test_another_number_of_frames_than_was_counted_is_damage(target: str, frames: int) -> None:
    with pytest.raises(PixelPipeError):
        decoded(written(of_pillow(moving(3)), target), frames)


@pytest.mark.parametrize("target", ["PNG", "WEBP", "AVIF"])
def test_an_animation_that_is_cut_off_is_damage(target: str) -> None:
    content = written(of_pillow(moving(3)), target)
    assert "PNG" in refused(content[:-200]) or target != "PNG"


def test_a_gif_that_is_cut_off_keeps_its_whole_frames() -> None:
    content = written(of_pillow(moving(3)), "GIF")
    whole, _ = decoded(content)
    frames, timing = decoded(content[:-60])
    assert (frames == whole[:-1]).all()
    assert timing.delays_ms == DELAYS_MS[:-1]


@pytest.mark.parametrize("place", [(8, 0), (0, 6), (65_535, 65_535)])
def test_a_frame_that_leaves_its_canvas_is_damage(place: tuple[int, int]) -> None:
    frame = gif_frame(indices(9, 12, 1), disposal=1)
    outside = gif_frame(indices(5, 6, 2), place)
    assert "does not fit its canvas of 12x9 px" in refused(gif_of(SMALL, COLOURS, frame, outside))
    patches = (rgba(9, 12, 1), (0, 0), 0, 0), (rgba(5, 6, 2), place, 0, 0)
    assert "does not fit its canvas of 12x9 px" in refused(apng_of(SMALL, *patches))


def test_codes_of_a_gif_that_end_too_early_are_damage() -> None:
    frame = gif_frame(indices(9, 12, 1), disposal=1)
    at = frame.index(b"\x2c") + 10
    short = frame[: at + 1] + bytes([20]) + frame[at + 2 : at + 22] + b"\0"
    assert "incomplete" in refused(gif_of(SMALL, COLOURS, frame, short))


@pytest.mark.parametrize("kind", apng_kinds.KINDS, ids=lambda kind: kind.name)
def test_hostile_animations_are_decoded_or_damage(kind: Kind) -> None:
    content = kind.build()
    with contextlib.suppress(DamagedImageError):
        frames, timing = decoded(content, min(probed(content).frames, 300))
        assert len(frames) == len(timing.delays_ms)


@pytest.mark.parametrize("target", ["GIF", "PNG", "WEBP", "AVIF"])
def test_a_codec_is_called_only_for_what_is_sound(target: str) -> None:
    content = written(of_pillow(moving(3)), target)
    calls: list[str] = []
    decoded(content, before_codec=lambda: calls.append("sound"))
    with pytest.raises(PixelPipeError):
        decoded(content, len(DELAYS_MS) + 1, before_codec=lambda: calls.append("broken"))
    assert calls == ["sound"]
