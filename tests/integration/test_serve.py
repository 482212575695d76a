"""`pixelpipe serve` as a process: start, signals, refusals."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.photographs import photo_jpeg
from tests.processes import descendants
from tests.serving import LiveServer

Start = Callable[..., LiveServer]


def fetch(url: str, body: bytes | None = None, **headers: str) -> bytes:
    request = urllib.request.Request(url, body, headers)
    with urllib.request.urlopen(request, timeout=180) as answer:
        content: bytes = answer.read()
        return content


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-m", "pixelpipe", *arguments]
    return subprocess.run(program, capture_output=True, text=True, timeout=180, check=False)


def test_a_job_from_start_to_end_then_sigterm(start_server: Start) -> None:
    server = start_server()
    url = f"{server.url}/api/jobs?preset=icons"
    job = json.loads(fetch(url, photo_jpeg(), Prefer="wait=20"))

    assert job["state"] == "completed"
    assert server.terminate() == 0
    assert '"status": 200' in server.log.read_text()


def test_sigint_drains_as_well(start_server: Start) -> None:
    server = start_server()
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(60) == 0


def test_an_open_event_stream_does_not_hold_up_the_end(start_server: Start) -> None:
    server = start_server(PIXELPIPE_DRAIN_TIMEOUT_S="300")
    with urllib.request.urlopen(f"{server.url}/api/events", timeout=180) as stream:
        assert stream.readline() == b"retry: 1000\n"
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(60) == 0


def test_what_was_acknowledged_is_finished_first(start_server: Start) -> None:
    server = start_server(PIXELPIPE_DRAIN_TIMEOUT_S="20")
    job = json.loads(fetch(f"{server.url}/api/jobs?preset=social", photo_jpeg(1600, 1200)))
    assert server.terminate() == 0

    blobs = [path for path in (server.data_dir / "blobs").rglob("*") if path.is_file()]
    assert len(blobs) == 1 + len(job["variants"])


def test_a_second_signal_ends_it_at_once(start_server: Start) -> None:
    """The first waits for an upload that never ends."""
    server = start_server(PIXELPIPE_DRAIN_TIMEOUT_S="300")
    host, _, port = server.url.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port))) as client:
        head = "POST /api/transform HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n"
        client.sendall(f"{head}Expect: 100-continue\r\n\r\n".encode())
        assert client.recv(100).startswith(b"HTTP/1.1 100 ")
        server.process.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            server.process.wait(0.5)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(60) == 128 + signal.SIGTERM


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run("serve", "--port", str(port), "--data", str(tmp_path), "--workers", "1")

    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr == (
        f"pixelpipe: cannot listen on 127.0.0.1:{port}: address already in use\n"
    )


def test_a_data_folder_that_is_taken(start_server: Start) -> None:
    server = start_server()
    ended = run("serve", "--port", "0", "--data", str(server.data_dir), "--workers", "1")

    assert ended.returncode == 1
    assert ended.stderr == f"pixelpipe: another server works in {server.data_dir}\n"


def test_a_data_folder_that_cannot_be_made(tmp_path: Path) -> None:
    ended = run("serve", "--port", "0", "--data", "/proc/zz")
    assert ended.returncode == 1
    assert ended.stderr == (
        "pixelpipe: cannot use the data folder /proc/zz: No such file or directory\n"
    )

    (tmp_path / "file").touch()
    ended = run("serve", "--port", "0", "--data", str(tmp_path / "file"))
    assert ended.returncode == 1
    assert ended.stderr == (
        f"pixelpipe: cannot use the data folder {tmp_path}/file: "
        "a file of that name is in the way\n"
    )


def test_a_folder_for_blobs_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "blobs").touch()
    ended = run("serve", "--port", "0", "--data", str(tmp_path))

    assert ended.returncode == 1
    assert ended.stderr == f"pixelpipe: cannot use the folder {tmp_path}/blobs: Not a directory\n"


def test_every_bad_setting_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIXELPIPE_DRAIN_TIMEOUT_S", "-1")
    monkeypatch.setenv("WORKERS_COUNT", "many")
    ended = run("serve", "--port", "70000", "--presets", "gone.toml")

    assert ended.returncode == 2
    assert ended.stderr.splitlines() == [
        "pixelpipe: --port must be a whole number from 0 to 65535, not 70000",
        'pixelpipe: WORKERS_COUNT must be a whole number from 1 to 512, not "many"',
        'pixelpipe: PIXELPIPE_DRAIN_TIMEOUT_S must be a number of at least 0, not "-1"',
        "pixelpipe: gone.toml: cannot be read: No such file or directory",
    ]


def test_a_webhook_secret_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIXELPIPE_WEBHOOK_SECRETS", "hunter2")
    ended = run("serve", "--port", "0", "--data", str(tmp_path / "data"), "--workers", "1")

    assert ended.returncode == 2
    assert ended.stderr == (
        "pixelpipe: PIXELPIPE_WEBHOOK_SECRETS webhook secret 1 must be whsec_ and then "
        "24 to 64 bytes in base64\n"
    )


def test_an_arena_that_the_machine_cannot_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIXELPIPE_ARENA_BYTES", str(2**50))
    ended = run("serve", "--port", "0", "--data", str(tmp_path / "data"), "--workers", "1")

    assert ended.returncode == 2
    assert ended.stderr.startswith(f"pixelpipe: the arena cannot have {2**50} bytes: /dev/shm has ")


def test_a_sandbox_that_is_off_is_told_in_the_log(start_server: Start) -> None:
    server = start_server(PIXELPIPE_SANDBOX="off")
    assert "the workers' sandbox is off" in server.log.read_text()


def test_a_sigterm_to_the_whole_group_ends_no_worker(start_server: Start) -> None:
    server = start_server()
    before = descendants(server.pid)
    for process in before:
        os.kill(process, signal.SIGTERM)
    job = json.loads(fetch(f"{server.url}/api/jobs?preset=icons", photo_jpeg(), Prefer="wait=20"))
    assert job["state"] == "completed"
    assert descendants(server.pid) == before
    assert server.terminate() == 0
