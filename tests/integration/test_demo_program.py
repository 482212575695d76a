import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from photograph import draw_photograph

DEMO = Path(__file__).parents[2] / "scripts" / "demo.py"
TIMEOUT_S = 60


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


def _left_behind(folder: Path) -> list[str]:
    """Processes that were started with this folder for temporary files, and such files."""
    started_here = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment = (process / "environ").read_bytes()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if f"TMPDIR={folder}\0".encode() in environment:
            started_here.append(str(process))
    return started_here + [str(path) for path in folder.glob("pixelpipe-*")]


def test_the_demo_writes_every_variant_and_ends(tmp_path: Path, photo: Path) -> None:
    done = _demo(tmp_path, "--once", photo.name)

    assert (done.returncode, done.stderr) == (0, "")
    assert "job.accepted" in done.stdout
    assert "job.completed" in done.stdout
    for path in (tmp_path / "out").iterdir():
        with Image.open(path) as variant:
            variant.load()
            assert f"{variant.width}x{variant.height}" in done.stdout
    names = {path.stem for path in (tmp_path / "out").iterdir()}
    assert {"instagram-square", "facebook-cover", "pinterest-pin"} < names
    assert len(names) == 9
    assert _left_behind(tmp_path) == []


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
    assert _left_behind(tmp_path) == []


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
    assert _left_behind(tmp_path) == []
