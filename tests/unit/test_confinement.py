"""What a worker says of its sandbox: nothing from a worker is believed unread."""

import json
import socket
from multiprocessing.context import ForkServerProcess
from typing import cast

import pytest

from pixelpipe.engine.confinement import SandboxMode, SandboxReport, read_report
from pixelpipe.engine.process import Newcomer, WorkerStartError

REPORT = SandboxReport(SandboxMode.TRY, seccomp=True, landlock=7, missing=("a reason",))
HELLO = {"forkserver": 5, "sandbox": REPORT.facts()}


def test_a_report_comes_back_as_it_was_sent() -> None:
    assert read_report(json.loads(json.dumps(REPORT.facts()))) == REPORT


@pytest.mark.parametrize(
    "change",
    [
        {"mode": "perhaps"},
        {"mode": 1},
        {"seccomp": 1},
        {"landlock": "7"},
        {"missing": "a reason"},
        {"missing": [1]},
        {"missing": ["one"] * 9},
    ],
)
def test_what_is_no_report_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"no report|not a valid"):
        read_report(REPORT.facts() | change)


@pytest.mark.parametrize("facts", [None, [], "x", {}, {"mode": "try"}])
def test_what_is_nothing_like_a_report_is_refused(facts: object) -> None:
    with pytest.raises(ValueError, match="no report"):
        read_report(facts)


def test_a_reason_is_cut_to_a_line() -> None:
    (reason,) = read_report(REPORT.facts() | {"missing": ["x" * 5000]}).missing
    assert len(reason) == 200


def greeted(message: bytes, *, descriptors: int = 1) -> SandboxReport:
    """The report of a worker that says this."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        given = [theirs.fileno()] * descriptors
        socket.send_fds(theirs, [message], given) if given else theirs.sendall(message)
        worker = Newcomer(cast("ForkServerProcess", None), ours).greeted()
        worker.close()
        return worker.sandbox


def test_a_hello_brings_the_report() -> None:
    assert greeted(json.dumps(HELLO).encode()) == REPORT


@pytest.mark.parametrize(
    "hello",
    [
        b"",
        b"5",
        b"null",
        b"{",
        b"\xff",
        b'{"forkserver": 5}',
        b'{"forkserver": null, "sandbox": {}}',
        json.dumps(HELLO | {"forkserver": "x"}).encode(),
        json.dumps(HELLO | {"sandbox": None}).encode(),
        b"[" * 4096,
    ],
)
def test_what_is_no_hello_is_refused(hello: bytes) -> None:
    with pytest.raises(WorkerStartError, match="did not say hello"):
        greeted(hello or b" ")


def test_a_hello_without_a_descriptor_is_refused() -> None:
    with pytest.raises(WorkerStartError, match="did not say hello"):
        greeted(json.dumps(HELLO).encode(), descriptors=0)


def test_a_worker_without_its_required_sandbox_is_refused_with_the_reasons() -> None:
    report = SandboxReport(SandboxMode.REQUIRE, missing=("this", "that"))
    hello = {"forkserver": 5, "sandbox": report.facts()}
    with pytest.raises(WorkerStartError, match=r"sandbox is required.*: this; that$"):
        greeted(json.dumps(hello).encode())
