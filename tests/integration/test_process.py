"""`pixelpipe process` and `pixelpipe presets`: the same work with no server."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.photographs import opened, photo_jpeg

SPECS = [
    {"name": "small", "resize": {"width": 64, "height": 48}},
    {"name": "gray", "resize": {"width": 40}, "grayscale": True, "format": "webp"},
]


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The program, run in `folder`."""
    return subprocess.run(
        [sys.executable, "-m", "pixelpipe", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two photographs and a file of specs."""
    (tmp_path / "beach.jpg").write_bytes(photo_jpeg())
    (tmp_path / "dunes.jpg").write_bytes(photo_jpeg(200, 200))
    (tmp_path / "specs.json").write_text(json.dumps(SPECS))
    return tmp_path


def sizes(folder: Path) -> dict[str, tuple[int, int]]:
    """Every picture below `folder`, by its path there."""
    return {
        path.relative_to(folder).as_posix(): opened(path.read_bytes()).size
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_one_photograph(folder: Path) -> None:
    ended = run(folder, "process", "beach.jpg", "--variants", "specs.json", "--preset", "icons")
    found = sizes(folder / "out")

    assert ended.returncode == 0, ended.stderr
    assert (found["small.jpg"], found["gray.webp"]) == ((64, 48), (40, 30))
    assert len(found) > len(SPECS)
    assert "small" in ended.stdout
    assert "64x48" in ended.stdout
    assert ended.stderr == ""


def test_several_photographs_have_folders_of_their_own(folder: Path) -> None:
    (folder / "more").mkdir()
    (folder / "more" / "beach.jpg").write_bytes(photo_jpeg(100, 100))
    photos = ["beach.jpg", "dunes.jpg", "more/beach.jpg"]
    ended = run(folder, "process", *photos, "--variants", "specs.json", "-o", "made")

    assert ended.returncode == 0, ended.stderr
    assert sizes(folder / "made") == {
        "beach/small.jpg": (64, 48),
        "beach/gray.webp": (40, 30),
        "dunes/small.jpg": (64, 48),
        "dunes/gray.webp": (40, 40),
        "beach-2/small.jpg": (64, 48),
        "beach-2/gray.webp": (40, 40),
    }


def test_a_file_from_before_is_replaced(folder: Path) -> None:
    (folder / "out").mkdir()
    (folder / "out" / "small.jpg").write_text("old")
    assert run(folder, "process", "beach.jpg", "--variants", "specs.json").returncode == 0
    assert sizes(folder / "out")["small.jpg"] == (64, 48)


def test_a_photograph_that_is_none_does_not_stop_the_others(folder: Path) -> None:
    (folder / "broken.jpg").write_bytes(photo_jpeg()[:-3000])
    (folder / "text.jpg").write_text("this is no photograph")
    photos = ["text.jpg", "broken.jpg", "beach.jpg"]
    ended = run(folder, "process", *photos, "--variants", "specs.json")

    assert ended.returncode == 1
    assert "text.jpg: " in ended.stdout
    assert set(sizes(folder / "out")) == {"beach/small.jpg", "beach/gray.webp"}


def test_what_cannot_be_written_is_said(folder: Path) -> None:
    (folder / "out" / "small.jpg").mkdir(parents=True)
    ended = run(folder, "process", "beach.jpg", "--variants", "specs.json")

    assert ended.returncode == 1
    assert "Is a directory" in ended.stdout
    assert ended.stderr == ""
    assert sizes(folder / "out") == {}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nope.jpg", "--preset", "web"], "nope.jpg"),
        (["beach.jpg"], "must name a preset or give variants"),
        (["beach.jpg", "--preset", "nope"], "'nope'; there are"),
        (["beach.jpg", "--variants", "beach.jpg"], "beach.jpg is not a file of JSON"),
        (["beach.jpg", "--variants", "gone.json"], "gone.json is not a file of JSON"),
        (["beach.jpg", "--preset", "web", "--presets", "gone.toml"], "gone.toml: cannot be read"),
        (["beach.jpg", "--preset", "web", "--workers", "0"], "greater than or equal to 1"),
        (["beach.jpg", "--preset", "web", "-o", "beach.jpg"], "is a file"),
    ],
)
def test_bad_use(folder: Path, arguments: list[str], said: str) -> None:
    ended = run(folder, "process", *arguments)

    assert ended.returncode == 2
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (folder / "out").exists()


def test_every_mistake_in_the_specs_is_said(folder: Path) -> None:
    specs = [{"name": "A", "resize": {"width": 0}}, {"name": "b", "quality": 101}]
    (folder / "bad.json").write_text(json.dumps(specs))
    ended = run(folder, "process", "beach.jpg", "--variants", "bad.json")

    assert ended.returncode == 2
    assert {line.split()[1] for line in ended.stderr.splitlines()} == {
        "/variants/0/name",
        "/variants/0/resize/width",
        "/variants/1/quality",
    }


def test_every_bad_setting_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIXELPIPE_DRAIN_S", "-1")
    monkeypatch.setenv("PIXELPIPE_MAX_PIXELS", "many")
    ended = run(folder, "serve", "--port", "70000")

    assert ended.returncode == 2
    lines = ended.stderr.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("pixelpipe: ") for line in lines)


def test_presets_are_listed(folder: Path) -> None:
    (folder / "mine.toml").write_text("[shop.variants.thumb.resize]\nwidth = 50\n")
    ended = run(folder, "presets", "--presets", "mine.toml")

    assert ended.returncode == 0
    assert "instagram-square" in ended.stdout
    assert "1080 x 1080" in ended.stdout
    assert "shop-thumb" in ended.stdout


def test_the_work_needs_no_web_server(folder: Path) -> None:
    """Nor a codec in the process that only hands the work out."""
    program = (
        "import sys; import pixelpipe.process; "
        "sys.exit('aiohttp' in sys.modules or 'cv2' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", program], cwd=folder, check=False)
    assert ended.returncode == 0
