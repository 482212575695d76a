"""What the real processes carry: read off a running server."""

import re
from pathlib import Path

import pytest

from tests.processes import descendants
from tests.serving import LiveServer

CODECS = re.compile(r"/(cv2|simplejpeg)/")
SERVER_ONLY = re.compile(r"/(aiohttp|pydantic_core|multidict)/")


def _maps(pid: int) -> str:
    return Path(f"/proc/{pid}/maps").read_text()


@pytest.fixture
def family(live_server: LiveServer) -> set[int]:
    return descendants(live_server.pid)


def test_the_server_never_loads_the_codecs(live_server: LiveServer) -> None:
    assert not CODECS.search(_maps(live_server.pid))


def test_workers_have_the_codecs_and_nothing_of_the_server(family: set[int]) -> None:
    workers = {pid for pid in family if CODECS.search(_maps(pid))}
    assert len(workers) == 3  # the forkserver and two workers
    assert not {pid for pid in workers if SERVER_ONLY.search(_maps(pid))}


def test_workers_hold_their_channel_and_nothing_else(family: set[int]) -> None:
    workers = {pid for pid in family if "/psm_" in _maps(pid)}
    assert len(workers) == 2
    for pid in workers:
        links = {int(fd.name): str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir()}
        opened = {fd: link for fd, link in links.items() if link != "/dev/null"}
        assert len(opened) == 1
        assert next(iter(opened.values())).startswith("socket:")


def test_idle_workers_see_nothing_of_the_arena(family: set[int]) -> None:
    for pid in family:
        segments = [line.split() for line in _maps(pid).splitlines() if "/psm_" in line]
        assert all(access == "---s" for _, access, *_ in segments)
