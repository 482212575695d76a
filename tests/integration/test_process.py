"""`pixelpipe process` and `pixelpipe presets`: the same work with no server."""

import json
import re
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixelpipe.config import MIB, Settings
from pixelpipe.process import process_photos
from pixelpipe.recipes.spec import Spec
from pixelpipe.storage.folder import FolderError
from tests.photographs import opened, photo_jpeg

SPECS = [
    {"name": "small", "resize": {"width": 64, "height": 48}},
    {"name": "gray", "resize": {"width": 40}, "grayscale": True, "format": "webp"},
]
CROP = {"width": 100, "height": 200}
MINE = """
[shop.variants.thumb]
resize.height = 50
note = "[b]ig"
"""


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The program, run in `folder`."""
    return subprocess.run(
        [sys.executable, "-m", "pixelpipe", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=180,
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
        (["beach.jpg"], "pixelpipe: give --preset, --variants or both; presets: social, "),
        (["beach.jpg", "--preset", "nope"], "'nope'; there are"),
        (["beach.jpg", "--variants", "beach.jpg"], "beach.jpg is not a file of JSON"),
        (
            ["beach.jpg", "--variants", "gone.json"],
            "pixelpipe: cannot read gone.json: No such file",
        ),
        (["beach.jpg", "--variants", "deep.json"], "deep.json is not a file of JSON"),
        (["beach.jpg", "--variants", "null.json"], "pixelpipe: must name a preset"),
        (["beach.jpg", "--preset", "web", "--presets", "gone.toml"], "gone.toml: cannot be read"),
        (
            ["beach.jpg", "--preset", "web", "--workers", "0"],
            "--workers must be a whole number from 1 to 512, not 0",
        ),
        (["beach.jpg", "--preset", "web", "-o", "beach.jpg"], "is a file"),
    ],
)
def test_bad_use(folder: Path, arguments: list[str], said: str) -> None:
    (folder / "deep.json").write_text("[" * 100_000)
    (folder / "null.json").write_text("null")
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


def test_an_empty_file_and_names_with_brackets(folder: Path) -> None:
    (folder / "[bold]none.jpg").touch()
    (folder / "[red]cut.jpg").write_bytes(photo_jpeg()[:-3000])
    photos = ["[bold]none.jpg", "[red]cut.jpg"]
    ended = run(folder, "process", *photos, "--variants", "specs.json")

    assert ended.returncode == 1
    lines = ended.stdout.splitlines()
    assert "[bold]none.jpg: the file is empty" in lines
    assert "[red]cut.jpg in out/[red]cut" in lines
    told = [line for line in lines if line.startswith(("small: ", "gray: "))]
    assert [line.partition(": ")[0] for line in told] == ["small", "gray"]
    assert all(line.endswith(".") for line in told)


def test_variants_smaller_than_asked_are_marked(folder: Path) -> None:
    specs = [{"name": "wide", "resize": {"width": 9000}}, {"name": "tiny", "resize": {"width": 9}}]
    (folder / "wide.json").write_text(json.dumps(specs))
    ended = run(folder, "process", "beach.jpg", "--variants", "wide.json")

    assert ended.returncode == 0
    (wide,) = [line for line in ended.stdout.splitlines() if " wide " in line]
    (tiny,) = [line for line in ended.stdout.splitlines() if " tiny " in line]
    assert "reduced" in wide
    assert "reduced" not in tiny


@pytest.mark.parametrize(
    ("out", "why"),
    [("/proc/zz", "No such file or directory"), ("beach.jpg/sub", "Not a directory")],
)
def test_a_folder_that_cannot_be_made_is_said_before_the_work(
    folder: Path, out: str, why: str
) -> None:
    ended = run(folder, "process", "beach.jpg", "--variants", "specs.json", "-o", out)

    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr == f"pixelpipe: cannot use the folder {out}: {why}\n"


async def test_a_temporary_folder_that_cannot_be_made_is_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/proc/zz")
    photo, out = folder / "beach.jpg", folder / "out"
    with pytest.raises(FolderError, match="cannot use a temporary folder: No such file"):
        await process_photos([photo], (Spec(name="same"),), out, Settings.model_construct())


def test_an_interruption_says_how_much_is_complete(folder: Path) -> None:
    """The first photograph is small; the second has more work than it will get time for."""
    (folder / "vast.jpg").write_bytes(photo_jpeg(3000, 2000))
    specs = [{"name": f"v{n}", "blur": {"sigma": 250}, "format": "png"} for n in range(20)]
    (folder / "slow.json").write_text(json.dumps(specs))
    arguments = ("process", "dunes.jpg", "vast.jpg", "--variants", "slow.json")
    with subprocess.Popen(
        [sys.executable, "-m", "pixelpipe", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        last = folder / "out" / "dunes" / "v19.png"
        while not last.exists() and process.poll() is None:
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.01)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=180)

    assert process.returncode == 130
    assert stdout == ""
    assert re.fullmatch(r"pixelpipe: interrupted; [01] of 2 photographs are complete\n", stderr)
    assert not list(folder.rglob("*.part"))


def test_presets_are_listed(folder: Path) -> None:
    (folder / "mine.toml").write_text(MINE)
    ended = run(folder, "presets", "--presets", "mine.toml")

    assert ended.returncode == 0
    assert "instagram-square" in ended.stdout
    assert "1080 x 1080" in ended.stdout
    assert "640 wide" in ended.stdout
    assert "as the source" in ended.stdout
    assert "50 high" in ended.stdout
    assert "shop-thumb" in ended.stdout
    assert "[b]ig" in ended.stdout


def test_presets_of_the_file_in_the_environment_are_listed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "mine.toml").write_text(MINE)
    monkeypatch.setenv("PIXELPIPE_PRESETS_FILE", "mine.toml")
    assert "shop-thumb" in run(folder, "presets").stdout

    (folder / "mine.toml").write_text("[shop]")
    ended = run(folder, "presets")
    assert ended.returncode == 2
    assert ended.stderr.startswith("pixelpipe: mine.toml: shop needs variants of its own")


def test_the_work_needs_no_web_server(folder: Path) -> None:
    """Nor a codec in the process that only hands the work out."""
    program = (
        "import sys; import pixelpipe.process; "
        "sys.exit('aiohttp' in sys.modules or 'cv2' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", program], cwd=folder, check=False)
    assert ended.returncode == 0


def test_photographs_that_do_not_fit_together_come_one_after_the_other(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (900, 1000, 3), np.uint8)
    photos = [f"{number}.bmp" for number in range(8)]
    for photo in photos:
        Image.fromarray(noise).save(folder / photo)  # 2.7 MB; uploads in flight share 4 MiB
    monkeypatch.setenv("PIXELPIPE_ARENA_BYTES", str(16 * MIB))
    done = run(folder, "process", *photos, "--variants", "specs.json", "--workers", "4")
    assert done.returncode == 0, done.stdout
    assert len(sizes(folder / "out")) == len(photos) * len(SPECS)


def test_formats_are_files_side_by_side(folder: Path) -> None:
    wish = {"name": "hero", "resize": {"width": 60}, "rotate": 90, "trim": {}, "crop": CROP}
    spec = [{**wish, "formats": ["webp", "jpeg"]}, {"name": "auto", "format": "auto"}]
    (folder / "specs.json").write_text(json.dumps(spec))
    made = run(folder, "process", "beach.jpg", "--variants", "specs.json")
    assert made.returncode == 0, made.stderr
    assert sizes(folder / "out") == {
        "hero.webp": (60, 120),
        "hero.jpg": (60, 120),
        "auto.jpg": opened(photo_jpeg()).size,
    }
