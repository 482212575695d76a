"""Open files: how many `pixelpipe serve` may have, and how many it asks for."""

import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.processes import descendants
from tests.serving import LiveServer

Start = Callable[..., LiveServer]

FEW = 512


@pytest.fixture
def few_descriptors() -> Iterator[int]:
    """A soft limit that is lower than the hard one, which is given."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (FEW, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def soft_limit(pid: int) -> int:
    lines = Path(f"/proc/{pid}/limits").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("Max open files"))
    return int(line.split()[3])


def test_the_soft_limit_is_raised_and_workers_inherit_it(
    few_descriptors: int, start_server: Start
) -> None:
    server = start_server()
    assert {soft_limit(pid) for pid in (server.pid, *descendants(server.pid))} == {few_descriptors}


def test_more_connections_than_can_be_held_are_refused_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIXELPIPE_MAX_CONNECTIONS", "1000000000")
    program = [sys.executable, "-m", "pixelpipe", "serve", "--port", "0", "--data", str(tmp_path)]
    ended = subprocess.run(program, capture_output=True, text=True, timeout=180, check=False)

    assert ended.returncode == 2
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    assert line.startswith("pixelpipe: PIXELPIPE_MAX_CONNECTIONS is 1000000000, but the limit of ")
    assert not any(tmp_path.iterdir())
