"""Colours that a file says without a profile, measured against LittleCMS with one that says it."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from pixelpipe.formats.color.tags import Calibration, Cicp, ColorTags
from pixelpipe.formats.registry import Format
from pixelpipe.imaging.color.convert import to_srgb
from pixelpipe.imaging.pixels import Pixels
from tests.fidelity.difference import srgb_difference
from tests.fidelity.files import bgr, decoded, plan_for, saved
from tests.fidelity.pictures import scene
from tests.fidelity.profiles import (
    ADOBE_PRIMARIES,
    D65_WHITE,
    P3_PRIMARIES,
    SRGB_CURVE,
    SRGB_PRIMARIES,
    by_littlecms,
    gamma_curve,
    matrix_profile,
    parametric_curve,
)

HEIGHT, WIDTH = 60, 80
BT2020_PRIMARIES = ((0.708, 0.292), (0.17, 0.797), (0.131, 0.046))
DCI_WHITE = (0.314, 0.351)
Chunk = tuple[bytes, bytes]


def _picture() -> Image.Image:
    pixels = scene(HEIGHT, WIDTH).copy()
    pixels[:20] = np.indices((20, WIDTH)).sum(0)[..., np.newaxis] * (1, 2, 3) % 256
    return Image.fromarray(pixels[..., ::-1].copy())


def _png(picture: Image.Image, *chunks: Chunk) -> bytes:
    plain = saved(picture, Format.PNG)
    more = b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
    return plain[:33] + more + plain[33:]


def _gamma(exponent: float) -> Chunk:
    return b"gAMA", struct.pack(">I", round(100_000 / exponent))


def _chromaticities(
    primaries: tuple[tuple[float, float], ...], white: tuple[float, float] = D65_WHITE
) -> Chunk:
    points = [round(value * 100_000) for point in (white, *primaries) for value in point]
    return b"cHRM", struct.pack(">8I", *points)


def _cicp(primaries: int, transfer: int, full_range: int = 1) -> Chunk:
    return b"cICP", bytes([primaries, transfer, 0, full_range])


def _assert_like(content: bytes, picture: Image.Image, profile: bytes) -> None:
    made = decoded(content, plan_for(Format.PNG, (HEIGHT, WIDTH)))
    mean, worst = srgb_difference(made, bgr(by_littlecms(picture, profile)))
    assert mean < 1
    assert worst < 3


SRGB = matrix_profile(SRGB_PRIMARIES)
P3 = matrix_profile(P3_PRIMARIES)
SRGB_BY_POWER = matrix_profile(SRGB_PRIMARIES, curve=gamma_curve(2.2))
WRONG = matrix_profile(ADOBE_PRIMARIES, curve=gamma_curve(1))


@pytest.mark.parametrize(
    ("chunks", "profile"),
    [
        ([_gamma(1.8)], matrix_profile(SRGB_PRIMARIES, curve=gamma_curve(1.8))),
        ([_gamma(1.0)], matrix_profile(SRGB_PRIMARIES, curve=gamma_curve(1))),
        ([_chromaticities(P3_PRIMARIES)], P3),
        (
            [_gamma(2.2), _chromaticities(ADOBE_PRIMARIES)],
            matrix_profile(ADOBE_PRIMARIES, curve=gamma_curve(2.2)),
        ),
        ([_gamma(1.0), _chromaticities(ADOBE_PRIMARIES), (b"sRGB", b"\0")], SRGB),
        ([_cicp(12, 13), _gamma(1.0)], P3),
        ([_cicp(1, 13)], SRGB),
        ([_cicp(1, 1)], SRGB),
        ([_cicp(9, 8)], matrix_profile(BT2020_PRIMARIES, curve=gamma_curve(1))),
        ([_cicp(9, 4)], matrix_profile(BT2020_PRIMARIES, curve=gamma_curve(2.2))),
        ([_cicp(11, 13)], matrix_profile(P3_PRIMARIES, DCI_WHITE, SRGB_CURVE)),
        # As every browser has it: alone, what old screens had stands for sRGB.
        ([_gamma(2.2)], SRGB),
        ([_gamma(2.2), _chromaticities(SRGB_PRIMARIES)], SRGB_BY_POWER),
        ([_cicp(2, 2)], SRGB),
        ([_cicp(12, 2), (b"iCCP", b"x\0\0" + zlib.compress(P3))], P3),
        ([_cicp(250, 250)], SRGB),
        ([_cicp(12, 13), (b"iCCP", b"x\0\0" + zlib.compress(WRONG))], P3),
        ([_gamma(1.0), (b"iCCP", b"x\0\0" + zlib.compress(P3))], P3),
        (
            [_gamma(1.8), (b"iCCP", b"x\0\0")],
            matrix_profile(SRGB_PRIMARIES, curve=gamma_curve(1.8)),
        ),
        ([_chromaticities(((0.3, 0.0),) * 3)], SRGB),
        ([_chromaticities(((0.3, 0.3),) * 3)], SRGB),
        ([_chromaticities(P3_PRIMARIES, (0.3, 0.0))], SRGB),
    ],
)
def test_chunks_of_png_mean_the_same_as_a_profile(chunks: list[Chunk], profile: bytes) -> None:
    _assert_like(_png(_picture(), *chunks), _picture(), profile)


def test_gray_with_a_gamma() -> None:
    gray = _picture().convert("L")
    made = decoded(_png(gray, _gamma(1.4)), plan_for(Format.PNG, (HEIGHT, WIDTH), 1))
    profile = matrix_profile(SRGB_PRIMARIES, curve=gamma_curve(1.4))
    expected = bgr(by_littlecms(gray.convert("RGB"), profile))
    assert srgb_difference(np.dstack([made] * 3), expected)[1] < 3


def test_the_range_of_video_is_stretched() -> None:
    levels = np.linspace(16, 235, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH)
    picture = Image.fromarray(np.rint(levels).astype(np.uint8)).convert("RGB")
    made = decoded(_png(picture, _cicp(1, 13, 0)), plan_for(Format.PNG, (HEIGHT, WIDTH)))
    assert made.min() == 0
    assert made.max() == 255
    assert np.abs(made[..., 0] - (np.rint(levels) - 16) * 255 / 219).max() < 0.6


def test_an_avif_by_its_code_points() -> None:
    content = saved(_picture(), Format.AVIF, quality=95)
    at = content.index(b"colrnclx")
    coded = content[: at + 8] + struct.pack(">HH", 12, 13) + content[at + 12 :]
    plan = plan_for(Format.AVIF, (HEIGHT, WIDTH))
    before = Image.fromarray(decoded(content, plan)[..., ::-1].copy())
    mean, worst = srgb_difference(decoded(coded, plan), bgr(by_littlecms(before, P3)))
    assert mean < 1
    assert worst < 3


def _converted_ramp(coding: Cicp | Calibration) -> Pixels:
    ramp = np.repeat(np.arange(256, dtype=np.uint8), 3).reshape(1, 256, 3)
    to_srgb(ramp, ColorTags(coding=coding))
    return ramp


@pytest.mark.parametrize("transfer", [16, 18])
def test_high_dynamic_range_fits_and_keeps_its_order(transfer: int) -> None:
    ramp = _converted_ramp(Cicp(9, transfer)).astype(int)
    assert (np.diff(ramp, axis=1) >= 0).all()
    assert (np.ptp(ramp, axis=2) <= 1).all(), "gray stays gray"
    assert ramp[0, 0, 0] == 0
    assert ramp[0, 255, 0] == 255


@pytest.mark.parametrize(
    ("transfer", "signal", "light"),
    [
        # ST 2084 and BT.2408: how a signal is shown, as a part of a white of 203 nits.
        (16, 0.5081, 100 / 203),
        (16, 0.4, 32.5 / 203),
        (18, 0.5, 50.7 / 203),
        (18, 0.3, 14.8 / 203),
    ],
)
def test_high_dynamic_range_below_white_is_shown_as_it_is(
    transfer: int, signal: float, light: float
) -> None:
    level = _converted_ramp(Cicp(1, transfer))[0, round(signal * 255), 0]
    expected = 255 * (1.055 * light ** (1 / 2.4) - 0.055)
    assert level == pytest.approx(expected, abs=2)


@pytest.mark.parametrize(
    "curve",
    [
        parametric_curve(0, 1.9),
        parametric_curve(1, 2.1, 1.05, -0.05),
        parametric_curve(2, 2.1, 0.9, 0.05, 0.02),
        parametric_curve(3, 2.2, 0.9, 0.1, 0.2, 0.1),
        parametric_curve(4, 2.2, 0.9, 0.05, 0.2, 0.1, 0.01, 0.005),
        struct.pack(">4s4xI", b"curv", 0),
        gamma_curve(0.7),
        struct.pack(">4s4xI2H", b"curv", 2, 5000, 60000),
    ],
)
def test_curves_of_every_kind(curve: bytes) -> None:
    profile = matrix_profile(P3_PRIMARIES, curve=curve)
    made = bgr(_picture()).copy()
    to_srgb(made, ColorTags(profile))
    mean, worst = srgb_difference(made, bgr(by_littlecms(_picture(), profile)))
    assert mean < 1
    assert worst < 3
