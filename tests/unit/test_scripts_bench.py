import io
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import simplejpeg
from PIL import Image
from rich.console import Console

import photograph
from benchmark import codec_limit, codecs, levels, likeness, references, rounds
from benchmark.contenders import CONTENDERS
from benchmark.display_p3 import display_p3
from benchmark.limit import CodecProcess, Limit, LimitFiles
from benchmark.pictures import DRAWN, Picture, drawn
from benchmark.process_memory import PeakMemory
from benchmark.quality import Likeness, VariantQuality
from benchmark.results import Comparison, Turn, results_of
from benchmark.rounds import Case, Length, Round, run_round
from benchmark.sets import VariantSet
from benchmark.tables import show
from benchmark.verdict import verdicts
from load import Reply
from process_tree import TICK_S, CpuTime, cpu_time

BURN = "import time\nwhile time.process_time() < {seconds}: pass"


@pytest.mark.parametrize(
    ("variants", "expected"),
    [
        ([(750, 500)], [1, 2, 4]),
        ([(751, 10)], [1, 2]),
        ([(10, 501)], [1, 2]),
        ([(300, 200), (1500, 100)], [1, 2]),
        ([(3000, 2000)], [1]),
        ([(3, 2)], [1, 2, 4, 8]),
    ],
)
def test_reductions_serve_the_largest_variant(
    variants: list[tuple[int, int]], expected: list[int]
) -> None:
    assert codec_limit.sufficient_reductions((3000, 2000), variants) == expected


def drawn_png(width: int, height: int) -> bytes:
    pixels = (photograph.draw_scene(width, height) * 255).astype(np.uint8)
    return cv2.imencode(".png", pixels)[1].tobytes()


async def test_the_codec_limit_is_measured_in_a_process_of_its_own(tmp_path: Path) -> None:
    photo, variant = tmp_path / "photo", tmp_path / "variant"
    photo.write_bytes(photograph.draw_photograph(300, 200))
    variant.write_bytes(drawn_png(140, 100))
    files = LimitFiles(photo, (variant,))
    async with CodecProcess.running(3) as codecs:
        choice = await codecs.choose(files, None)
        limit = await codecs.measure(files, choice)
        target = choice.made_bytes * 4 // 5
        small = await codecs.choose(files, target)

    assert choice.quality == 80
    assert choice.decode in choice.tried_decodes_ms
    assert {name.rpartition(" ")[2] for name in choice.tried_decodes_ms} == {"1/1", "1/2"}
    assert min(choice.tried_encodes_ms, key=lambda name: choice.tried_encodes_ms[name]) == (
        choice.encode
    )
    assert limit.decode_ms > 0
    assert limit.encode_ms > 0
    assert limit.total_ms == limit.decode_ms + limit.encode_ms
    assert small.made_bytes == pytest.approx(target, rel=0.03)
    assert small.quality < 80


@pytest.mark.parametrize(("target", "expected"), [(700, 70), (704, 70), (706, 71), (1, 60)])
def test_the_quality_is_that_of_the_nearest_size(target: int, expected: int) -> None:
    assert codec_limit.nearest_quality(lambda quality: quality * 10, target) == expected


def test_a_quality_above_all_is_the_highest() -> None:
    assert codec_limit.nearest_quality(lambda quality: quality, 1000) == 95


@pytest.mark.parametrize("encode", codecs.ENCODERS.values(), ids=codecs.ENCODERS)
def test_encoders_subsample_colour_and_keep_gray_gray(encode: codecs.Encode) -> None:
    color = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    headers = [
        simplejpeg.decode_jpeg_header(encode(pixels, 80))
        for pixels in (color, color[..., 0].copy())
    ]

    assert [header[:2] for header in headers] == [(40, 60), (40, 60)]
    assert headers[0][3] == "420"
    assert headers[1][2].upper() == "GRAY"


@pytest.mark.parametrize("name", DRAWN)
def test_drawn_pictures_differ_in_their_bytes_alone(name: str) -> None:
    picture = drawn(name, 20)
    one, two = picture.numbered("1"), picture.numbered("2")

    assert one != two
    assert (levels.shown(one) == levels.shown(picture.content)).all()
    assert (levels.shown(two) == levels.shown(one)).all()


def test_a_picture_is_shown_upright_and_in_srgb() -> None:
    p3 = drawn("p3", 20)
    stored = Image.open(io.BytesIO(p3.content))
    shown = levels.shown(p3.content)

    assert stored.size == (200, 150)
    assert shown.shape == (200, 150, 3)
    plain = np.rot90(np.asarray(stored, np.float64), 3)
    # The red of P3 is beyond that of sRGB: what is red becomes redder.
    red = plain[..., 0] > plain[..., 1] + 20
    assert red.any()
    assert (shown[red][:, 0] - plain[red][:, 0]).mean() > 1


def test_a_profile_for_other_pixels_is_not_heeded() -> None:
    """Some programs leave that of the colours in a gray file."""
    gray, file = Image.new("L", (20, 10), 77), io.BytesIO()
    gray.save(file, "PNG", icc_profile=display_p3())

    assert (levels.shown(file.getvalue()) == 77).all()


def test_alpha_is_shown_on_white_and_16_bits_keep_their_fractions() -> None:
    pixels = np.array([[[0, 0, 0, 0], [0, 0, 255, 51]]], np.uint8)
    deep = np.full((1, 1, 3), 257 * 10 + 128, np.uint16)

    on_white = levels.shown(cv2.imencode(".png", pixels)[1].tobytes())
    assert on_white.tolist() == [[[255, 255, 255], [255, 204, 204]]]
    assert levels.shown(cv2.imencode(".png", deep)[1].tobytes()) == pytest.approx(10.498, abs=1e-3)


def test_the_same_picture_is_like_itself_and_another_is_not() -> None:
    scene = photograph.draw_scene(90, 60).astype(np.float64) * 255
    noisy = scene + np.random.default_rng(0).normal(0, 10, scene.shape)

    assert likeness.psnr(scene, scene) == 100
    assert likeness.ssim(scene, scene) == pytest.approx(1)
    assert likeness.psnr(noisy, scene) == pytest.approx(20 * np.log10(255 / 10), abs=0.1)
    assert likeness.ssim(noisy, scene) < 0.95


def test_the_reference_blurs_one_colour_into_itself_and_keeps_the_quarters_apart() -> None:
    picture = np.zeros((61, 80, 3))
    picture[:30, 40:], picture[30:, :40], picture[30:, 40:] = 90, 170, 250

    assert references.quad_edge_blur(picture, 24, 12) == pytest.approx(picture)
    assert references.gaussian(picture[:30, 40:], 9) == pytest.approx(picture[:30, 40:])


def test_the_reference_of_a_quad_blurs_the_band_alone() -> None:
    picture = photograph.draw_scene(120, 90).astype(np.float64) * 255
    made = references.quad_edge_blur(picture, 6, 3)
    upper_left = references.gaussian(picture[:45, :60], 3)

    assert (made[:39, :54] == picture[:39, :54]).all()
    assert made[39:45, :60] == pytest.approx(upper_left[39:])
    assert made[:45, 54:60] == pytest.approx(upper_left[:, 54:])


def test_a_crop_is_compared_where_it_was_made() -> None:
    """Some programs crop the source, others the resized picture."""
    source = photograph.draw_scene(301, 200).astype(np.float64) * 255
    spec = {"name": "v", "resize": {"width": 100, "height": 100, "fit": "cover"}, "format": "png"}
    resized = references.lanczos(source, (0, 0, 301, 200), (151, 100))
    best = references.reference(source, spec, (100, 100))

    for left in (25, 26):
        likest = max(likeness.psnr(resized[:, left : left + 100], each) for each in best.levels)
        assert likest > 60
    assert best.area is not None
    assert max(likeness.psnr(best.area, each) for each in best.levels) > 35


def turn_of(own_ms: float, peer_ms: float, limit_ms: float, clients: int = 1) -> Turn:
    def side(cpu_ms: float) -> Round:
        return Round(2, 4.0, [cpu_ms, 2 * cpu_ms], cpu_ms, 1000, 5000.0)

    case = Case(Picture("photo", "", b""), VariantSet("bench-thumb", ()), clients)
    sides = {"sharp-each": side(peer_ms), "pixelpipe": side(own_ms)}
    return Turn(case, Limit(limit_ms - 1, 1), sides)


def test_ratios_are_those_of_the_same_round() -> None:
    """A slow moment of the machine then slows both sides."""
    turns = [turn_of(10, 20, 5), turn_of(100, 200, 50), turn_of(10, 30, 5)]
    own, peer = results_of(turns)

    assert [own.contender, peer.contender] == ["pixelpipe", "sharp-each"]
    assert (own.cpu_ms, peer.cpu_ms) == (10, 30)
    assert (own.to_pixelpipe, peer.to_pixelpipe) == (1, 2)
    assert (own.to_limit, peer.to_limit) == (2, 4)
    assert (own.rounds, own.jobs, own.jobs_per_s) == (3, 6, 0.5)
    assert (own.p50_ms, own.p99_ms) == (20, 200)


def test_a_goal_is_missed_at_the_clients_at_which_it_is() -> None:
    turns = [turn_of(10, 15, 5), turn_of(10, 13, 8, 4)]
    found = list(verdicts(Comparison({}, results_of(turns), [], [], [])))

    assert [verdict.goal.against for verdict in found] == ["sharp-each", "L"]
    assert [verdict.ratios for verdict in found] == [{1: 1.5, 4: 1.3}, {1: 2, 4: 1.25}]
    assert [verdict.missed_at for verdict in found] == [[4], [1]]


def test_worse_than_inter_area_is_said() -> None:
    sides = {"pixelpipe": Likeness(40.0, 0.9), "sharp-each": Likeness(30.0, 0.9), "other": None}
    near = VariantQuality("photo", "s", "v", 10, 10, 39.9, sides)

    assert not near.below_area
    assert replace(near, area_db=40.1).below_area
    assert not replace(near, area_db=None).below_area


def test_peak_memory_is_that_of_the_whole_tree() -> None:
    program = (
        "import subprocess, sys\n"
        "child = 'held = bytearray(40_000_000); print(flush=True); input()'\n"
        "subprocess.run([sys.executable, '-c', child])"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with PeakMemory(process.pid) as memory:
            pass
        process.communicate(b"\n")

    assert 40_000_000 < memory.peak_bytes < 200_000_000


def test_cpu_time_holds_children_that_live_and_those_that_ended() -> None:
    program = (
        "import subprocess, sys\n"
        f"burn = [sys.executable, '-c', {BURN.format(seconds=0.1)!r}]\n"
        "subprocess.run(burn)\n"
        "child = subprocess.Popen([*burn[:2], burn[2] + '\\nprint(flush=True)\\ninput()'])\n"
        "child.wait()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        measured = cpu_time(process.pid)
        process.communicate(b"\n")

    assert measured.tree_s >= 0.18
    assert measured.root_s < measured.tree_s - 0.15


def test_cpu_time_grows_by_what_is_used() -> None:
    before, start_s = cpu_time(os.getpid()), time.process_time()
    while time.process_time() < start_s + 0.1:
        pass
    used = cpu_time(os.getpid()) - before

    assert used.root_s > 0.05
    assert used.tree_s > 0.05


class Idle:
    """A service that takes no time."""

    name = "pixelpipe"
    pid = os.getpid()

    async def send(self, image: bytes, asked: VariantSet) -> Reply:
        """Answer."""
        del image, asked
        return Reply(None, 0, 1)

    async def outputs(self, image: bytes, asked: VariantSet) -> dict[str, bytes]:
        """Nothing."""
        del image, asked
        return {}


async def test_a_round_of_less_than_the_kernel_counts_took_something(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rounds, "cpu_time", lambda _: CpuTime(1.0, 1.0))
    case = Case(Picture("photo", "", drawn_png(8, 8)), VariantSet("bench-thumb", ()), 1)
    measured = await run_round(Idle(), case, Length(2, 0.0))
    assert measured.cpu_ms == TICK_S * 1000 / 2


def test_a_process_that_is_not_there_is_said_so() -> None:
    with pytest.raises(ProcessLookupError):
        cpu_time(2**22 + 1)


def test_cpu_times_subtract() -> None:
    assert CpuTime(3.0, 2.0) - CpuTime(1.0, 0.5) == CpuTime(2.0, 1.5)


def test_a_row_of_large_figures_fits_a_terminal() -> None:
    """Sixteen clients, the slowest peer, and the very same bytes over and over."""
    console = Console(file=io.StringIO(), width=80)
    names = ("pixelpipe", "sharp-each", "thumbor")
    slow = Round(200, 8.8, [12345.6] * 200, 1719.9, 1_999_999_999, 9_999_999)
    sides = dict.fromkeys(names, slow)
    case = Case(Picture("photo", "", b""), VariantSet("bench-social", ()), 16, same=True)
    near = dict.fromkeys(CONTENDERS, Likeness(100.0, 1.0))
    quality = VariantQuality("photo", "bench-social", "instagram-portrait", 9, 9, 99.9, near)
    results = results_of([Turn(case, Limit(1, 2), sides)])
    show(Comparison({}, results, [], [quality], []), console)

    assert isinstance(console.file, io.StringIO)
    assert "1720" in console.file.getvalue()
    assert "…" not in console.file.getvalue()
