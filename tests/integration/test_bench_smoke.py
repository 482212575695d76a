"""The benchmark runs: every part of it, as small as it can be. What it measures does not count."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark.contenders import PEERS
from benchmark.peer_setup import missing
from benchmark.pictures import DRAWN, PHOTO
from benchmark.sets import SET_NAMES, variant_sets

BENCH = Path(__file__).parents[2] / "scripts" / "bench.py"
TIMEOUT_S = 180
PNG_START = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bench")


@pytest.fixture(scope="module")
def contenders() -> list[str]:
    """PixelPipe, and whatever peers are installed: none of them has to be."""
    absent = missing()
    return ["pixelpipe", *(name for name in PEERS if name not in absent)]


@pytest.fixture(scope="module")
def printed(folder: Path, contenders: list[str]) -> str:
    """What it prints; its files are in `folder`."""
    del contenders  # They are looked for before it does so itself.
    done = subprocess.run(
        [sys.executable, BENCH, "--smoke", "--json", "figures.json", "--chart", "chart.png"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _rows(printed: str) -> list[list[str]]:
    return [line.split() for line in printed.splitlines()]


def test_prints_a_row_for_each_contender_of_each_set(printed: str, contenders: list[str]) -> None:
    for name in SET_NAMES:
        assert f"photo, {name}" in printed
    names = [row[0] if row[0] != "1" else row[1] for row in _rows(printed) if len(row) > 10]
    for contender in contenders:
        # Four sets at least, but for what a peer cannot make, and the drawn pictures.
        assert names.count(contender) >= len(SET_NAMES) - 1


def test_prints_quality_of_each_variant_and_every_goal(printed: str) -> None:
    rows = _rows(printed)
    for asked in variant_sets(SET_NAMES):
        for spec in asked.specs:
            # PSNR and SSIM.
            assert sum(spec["name"] in row for row in rows) >= 2
    assert sum("<=" in row for row in rows) == len(SET_NAMES)


def test_tables_fit_a_terminal(printed: str) -> None:
    """Where one does not, cells are cut off."""
    assert "…" not in printed


@pytest.mark.usefixtures("printed")
def test_writes_all_figures_as_json(folder: Path, contenders: list[str]) -> None:
    figures = json.loads((folder / "figures.json").read_text())

    assert figures["machine"]["cpus"] >= 1
    assert figures["versions"].keys() >= {"pixelpipe", "simplejpeg"}
    assert figures["pictures"].keys() == {PHOTO, *DRAWN}
    measured = {
        (each["asked"], each["same"])
        for each in figures["results"]
        if each["contender"] == "pixelpipe" and each["picture"] == PHOTO
    }
    assert measured == {*((name, False) for name in SET_NAMES), ("bench-social", True)}
    assert {each["contender"] for each in figures["results"]} == set(contenders)
    for each in figures["results"]:
        assert each["jobs"] == 2
        assert each["made_bytes"] > 0
        assert each["p50_ms"] <= each["p99_ms"]
    assert all(each["total_ms"] > 0 for each in figures["limits"])
    assert figures["refusals"] == []


@pytest.mark.usefixtures("printed")
def test_nobody_makes_another_picture(folder: Path, contenders: list[str]) -> None:
    """Blur, quad and gray too are the same thing on every side."""
    figures = json.loads((folder / "figures.json").read_text())

    likenesses = {
        (quality["picture"], quality["variant"], name): side
        for quality in figures["qualities"]
        for name, side in quality["sides"].items()
        if side is not None
    }
    assert {name for _, _, name in likenesses} == set(contenders)
    assert {at: side for at, side in likenesses.items() if side["psnr_db"] < 30} == {}


@pytest.mark.usefixtures("printed")
def test_draws_a_chart(folder: Path) -> None:
    assert (folder / "chart.png").read_bytes().startswith(PNG_START)
