"""`pixelpipe serve` and `pixelpipe keys` as processes, beside each other."""

import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from tests.serving import LiveServer

Start = Callable[..., LiveServer]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-m", "pixelpipe", *arguments]
    return subprocess.run(program, capture_output=True, text=True, timeout=180, check=False)


def status(url: str, key: str | None = None) -> int:
    """What the jobs are answered with."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    request = urllib.request.Request(f"{url}/api/jobs", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def until_status(url: str, key: str, wanted: int) -> None:
    """Return once the key is answered with that."""
    deadline = time.monotonic() + 60
    while (found := status(url, key)) != wanted:
        assert time.monotonic() < deadline, found
        time.sleep(0.5)  # Seldom: wrong keys are held off.


def test_without_a_key_a_server_for_others_does_not_start(tmp_path: Path) -> None:
    data = str(tmp_path / "data")
    ended = run("serve", "--host", "0.0.0.0", "--port", "0", "--data", data, "--workers", "1")
    assert ended.returncode == 1
    assert ended.stdout == ""
    (line,) = [line for line in ended.stderr.splitlines() if line.startswith("pixelpipe: ")]
    assert line == (
        f"pixelpipe: a key is needed, and there is none in {data}/keys.json: make one with "
        f"`pixelpipe keys add NAME --data {data}`, or waive keys with PIXELPIPE_AUTH=off"
    )
    assert "Traceback" not in ended.stderr


def test_a_damaged_keys_file_stops_the_start(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("{}x")
    environment = ("env", "PIXELPIPE_AUTH=on", f"PIXELPIPE_KEYS_FILE={file}")
    program = [*environment, sys.executable, "-m", "pixelpipe", "serve", "--port", "0"]
    ended = subprocess.run(
        [*program, "--data", str(tmp_path / "data"), "--workers", "1"],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert ended.returncode == 1
    assert f"pixelpipe: the keys file {file} is damaged" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_keys_come_and_go_while_the_server_runs(start_server: Start, tmp_path: Path) -> None:
    data = str(tmp_path / "data-0")
    first = run("keys", "add", "first", "--data", data).stdout.strip()
    server = start_server(PIXELPIPE_AUTH="on")
    assert status(server.url) == 401
    assert status(server.url, first) == 200

    second = run("keys", "add", "second", "--data", data).stdout.strip()
    until_status(server.url, second, 200)
    assert run("keys", "revoke", first[3:15], "--data", data).returncode == 0
    until_status(server.url, first, 401)
    assert status(server.url, second) == 200

    (tmp_path / "data-0" / "keys.json").write_text("{")
    deadline = time.monotonic() + 60
    while "the keys stay as they were" not in server.log.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert status(server.url, second) == 200
    log = server.log.read_text()
    assert first[-64:] not in log
    assert second[-64:] not in log


def test_a_server_behind_a_proxy_that_asks_for_no_key_says_so(start_server: Start) -> None:
    said = "no key is needed"
    assert said not in start_server().log.read_text()
    public = start_server(PIXELPIPE_PUBLIC_URL="https://img.example.com")
    assert said in public.log.read_text()
