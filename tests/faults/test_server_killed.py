"""The server's own end, however it comes, leaves no process and no memory behind."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.photographs import photo_jpeg, unlike
from tests.processes import alive, command_line, descendants

HERE = Path(__file__).parent
PATIENCE_S = 60.0
WORKERS = 2


def until(condition: Callable[[], bool], patience_s: float) -> bool:
    deadline = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _segments(pids: set[int]) -> set[Path]:
    """The arenas that these processes have mapped."""
    found = set()
    for pid in pids:
        maps = Path(f"/proc/{pid}/maps").read_text()
        found |= {Path(path) for path in re.findall(r"(/dev/shm/psm_\w+)", maps)}
    return found


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    process = subprocess.Popen(
        [sys.executable, str(HERE / "faulty_server.py"), str(tmp_path / "data"), "60"],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(HERE.parents[1])},
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    yield process, line.split()[-1]
    process.kill()
    process.wait()
    process.stdout.close()


def _submit_hanging_job(url: str) -> str:
    specs = json.dumps([{"name": "hang", "resize": {"width": 50}}])
    request = urllib.request.Request(
        f"{url}/api/jobs?variants={urllib.parse.quote(specs)}", unlike(photo_jpeg(400, 300))
    )
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
        job: dict[str, str] = json.load(response)
    return f"{url}{job['links']['self']}"  # type: ignore[index]


def _is_running(job_url: str) -> bool:
    with urllib.request.urlopen(job_url, timeout=PATIENCE_S) as response:
        job = json.load(response)
    return bool(job["variants"][0]["state"] == "running")


def _refuses(url: str) -> bool:
    """Whether it takes no more connections, as it was told to stop."""
    try:
        urllib.request.urlopen(f"{url}/healthz", timeout=PATIENCE_S).close()
    except OSError:
        return True
    return False


def _kill_tracker(family: set[int]) -> None:
    """Kill the process that would remove what the server leaves."""
    (tracker,) = {pid for pid in family if b"resource_tracker" in command_line(pid)}
    os.kill(tracker, signal.SIGKILL)


@pytest.mark.parametrize("tracked", [True, False])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_server_that_ends_during_hanging_tasks_leaves_nothing(
    server: tuple[subprocess.Popen[str], str], number: signal.Signals, *, tracked: bool
) -> None:
    process, url = server
    for job_url in [_submit_hanging_job(url) for _ in range(WORKERS)]:
        assert until(partial(_is_running, job_url), PATIENCE_S)
    family = descendants(process.pid)
    segments = _segments(family)
    assert len(family) == 2 + WORKERS  # with the resource tracker and the forkserver
    assert len(segments) == 1
    if not tracked:
        _kill_tracker(family)
    if number is signal.SIGTERM:
        process.send_signal(signal.SIGTERM)  # drains; the second ends it at once
        # Of two that are pending the kernel makes one.
        assert until(partial(_refuses, url), PATIENCE_S)
    process.send_signal(number)
    ended = 128 + number if number is signal.SIGTERM else -number
    assert process.wait(PATIENCE_S) == ended
    assert until(lambda: not any(alive(pid) for pid in family), PATIENCE_S)
    assert until(lambda: not any(segment.exists() for segment in segments), PATIENCE_S)
