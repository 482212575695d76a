import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from photograph import draw_photograph
from tests.processes import left_behind

DEMO = Path(__file__).parents[2] / "scripts" / "demo.py"
TIMEOUT_S = 180


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    path.write_bytes(draw_photograph(640, 480))
    return path


def _demo(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, DEMO, *arguments],
        cwd=folder,
        env=os.environ | {"TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def test_the_demo_writes_every_variant_and_ends(tmp_path: Path, photo: Path) -> None:
    done = _demo(tmp_path, "--once", photo.name)

    assert (done.returncode, done.stderr) == (0, "")
    assert "job.accepted" in done.stdout
    assert "job.completed" in done.stdout
    for path in (tmp_path / "out").iterdir():
        with Image.open(path) as variant:
            variant.load()
            assert f"{variant.width}x{variant.height}" in done.stdout
            assert f" out/{path.name}" in done.stdout
    names = {path.stem for path in (tmp_path / "out").iterdir()}
    assert {"instagram-square", "facebook-cover", "pinterest-pin"} < names
    assert len(names) == 9
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("absent.jpg", None, "cannot read absent.jpg: No such file or directory"),
        ("note.jpg", b"no picture at all", "note.jpg was refused: "),
    ],
)
def test_a_photograph_that_is_none_is_one_line_and_exit_code_1(
    tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)

    done = _demo(tmp_path, name)

    assert done.returncode == 1
    assert done.stderr.startswith(f"scripts/demo: {message}")
    assert done.stderr.count("\n") == 1
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize(
    ("in_the_way", "message"),
    [
        ("out", "cannot write out: File exists"),
        ("out/x-post.jpg/", "cannot write out/x-post.jpg: Is a directory"),
    ],
)
def test_what_cannot_be_written_is_one_line_and_exit_code_1(
    tmp_path: Path, photo: Path, in_the_way: str, message: str
) -> None:
    if in_the_way.endswith("/"):
        (tmp_path / in_the_way).mkdir(parents=True)
    else:
        (tmp_path / in_the_way).touch()

    done = _demo(tmp_path, photo.name)

    assert (done.returncode, done.stderr) == (1, f"scripts/demo: {message}\n")
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize("name", ["Über uns.jpg", '[b] "c" :smile:.jpg'])
def test_a_file_name_is_shown_as_it_is(tmp_path: Path, photo: Path, name: str) -> None:
    done = _demo(tmp_path, str(photo.rename(tmp_path / name)))

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{name} (")
    assert f"{name}, 640x480: completed" in map(str.strip, done.stdout.splitlines())


def test_at_a_terminal_it_serves_until_ctrl_c_and_leaves_nothing(
    tmp_path: Path, photo: Path
) -> None:
    terminal, its_side = pty.openpty()
    with subprocess.Popen(
        [sys.executable, DEMO, photo.name],
        cwd=tmp_path,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stdin=its_side,
        stdout=its_side,
    ) as demo:
        os.close(its_side)
        shown = b""
        while b"Ctrl-C" not in shown:
            shown += os.read(terminal, 65536)
        demo.send_signal(signal.SIGINT)
        assert demo.wait(TIMEOUT_S) == 0
    os.close(terminal)
    assert left_behind(tmp_path) == []
