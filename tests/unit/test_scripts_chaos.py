import hashlib
import io
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from chaos_outcome import Outcome, show
from chaos_processes import existing, memory_bytes, open_descriptors, segments, until
from chaos_verdict import (
    content_violations,
    digests_of,
    folder_violations,
    job_violations,
    journal_violations,
    listing_violations,
    replay_violations,
    stream_violations,
)
from chaos_workers import SLACK_BYTES, Holdings
from event_stream import Event

SOURCE, MADE = b"a photograph", b"a variant"
NAMES = ["job.accepted", "job.started", "variant.started", "variant.completed", "job.completed"]
Change = Callable[[list[Event]], list[Event]]


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _job(job_id: str = "j", **changes: Any) -> dict[str, Any]:
    variant = {"name": "a", "state": "completed", "bytes": len(MADE), "sha256": _digest(MADE)}
    job = {
        "id": job_id,
        "state": "completed",
        "source": {"name": f"{job_id}.jpg", "sha256": _digest(SOURCE)},
        "variants": [variant],
        "failures": [],
    }
    return job | changes


def _event(seq: int, name: str, **changes: Any) -> Event:
    about = {"name": "a"} if name.startswith("variant.") else {}
    return Event(str(10 * seq), name, {"seq": seq, "job": "j"} | about | changes)


def _events() -> list[Event]:
    return [_event(seq, name) for seq, name in enumerate(NAMES, 1)]


def _renumbered(events: list[Event]) -> list[Event]:
    return [_event(seq, event.name) for seq, event in enumerate(events, 1)]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder as a server leaves it that has made one job."""
    for name in ("journal.sqlite3", "lock", "reserve", "webhook-secret"):
        (tmp_path / name).touch()
    (tmp_path / "blobs" / "unfinished").mkdir(parents=True)
    for content in (SOURCE, MADE):
        path = tmp_path / "blobs" / _digest(content)[:2] / _digest(content)
        path.parent.mkdir()
        path.write_bytes(content)
    return tmp_path


def test_a_completed_job_is_no_violation() -> None:
    assert list(job_violations(_job())) == []


def test_a_job_that_failed_is_found_with_its_reason() -> None:
    job = _job(state="failed", failures=[{"detail": "The worker was lost."}])

    assert list(job_violations(job)) == ["job j is failed: The worker was lost."]


def test_a_variant_that_is_not_completed_is_found() -> None:
    job = _job(variants=[{"name": "a", "state": "running"}])

    assert list(job_violations(job)) == ["job j: variant a is running"]


def test_a_whole_stream_is_no_violation() -> None:
    assert list(stream_violations("j", _events(), ["a"])) == []


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda events: [*events[:1], *events[2:]], "its events are numbered [1, 3, 4, 5]"),
        (lambda events: [*events[:2], *events[1:]], "its events are numbered [1, 2, 2, 3, 4, 5]"),
        (lambda events: [*events[:2], *events[1:]], "the ids of its events do not rise"),
        (lambda events: events[:-1], "do not end with one job.completed"),
        (lambda events: [*events[:-1], _event(5, "job.failed")], "do not end with one"),
        (lambda events: [*events, _event(6, "job.completed")], "do not end with one"),
        (lambda events: _renumbered([*events, events[3]]), "do not end with one"),
        (lambda events: _renumbered(events[1:]), "do not begin with one job.accepted"),
        (lambda _: [], "do not begin with one job.accepted"),
        (lambda events: _renumbered([*events[:4], events[3], events[4]]), "were told completed"),
        (lambda events: _renumbered([*events[:3], events[4]]), "were told completed"),
        (lambda events: [*events[:-1], _event(5, "job.completed", job="k")], "of other jobs"),
    ],
)
def test_a_stream_with_a_fault_is_found(change: Change, found: str) -> None:
    violations = list(stream_violations("j", change(_events()), ["a"]))

    assert any(violation.startswith("job j: ") and found in violation for violation in violations)


def test_ids_that_do_not_rise_are_found_although_the_numbers_do() -> None:
    events = _events()
    events[2] = replace(events[2], id=events[1].id)

    (violation,) = stream_violations("j", events, ["a"])

    assert violation == "job j: the ids of its events do not rise: [10, 20, 20, 40, 50]"


def test_a_replay_that_is_what_was_followed_is_no_violation() -> None:
    assert list(replay_violations("j", _events(), _events())) == []


@pytest.mark.parametrize(
    "replayed", [[], _events()[:-1], [*_events()[:-1], _event(5, "job.completed", state="failed")]]
)
def test_a_replay_that_differs_is_found(replayed: list[Event]) -> None:
    (violation,) = replay_violations("j", _events(), replayed)

    assert "is not what was followed: 10:job.accepted" in violation


def test_the_bytes_of_their_digest_are_no_violation() -> None:
    assert list(content_violations("j", _job()["variants"][0], MADE)) == []


@pytest.mark.parametrize("content", [b"", MADE[:-1], MADE[:-1] + b"?"])
def test_bytes_of_another_digest_are_found(content: bytes) -> None:
    (violation,) = content_violations("j", _job()["variants"][0], content)

    assert f"variant a has {len(content)} bytes of digest {_digest(content)}" in violation


def test_jobs_that_are_listed_once_each_are_no_violation() -> None:
    jobs = [_job("j"), _job("nobody was told of this one")]

    assert list(listing_violations(jobs, {"j": "j.jpg"})) == []


@pytest.mark.parametrize(
    ("jobs", "found"),
    [
        ([], "job j of j.jpg was acknowledged and is not listed"),
        ([_job("j"), _job("j")], "job j is listed 2 times"),
        (
            [_job("j"), _job("k", source=_job("j")["source"])],
            "the upload j.jpg was made 2 jobs of: j, k",
        ),
    ],
)
def test_a_list_with_a_fault_is_found(jobs: list[dict[str, Any]], found: str) -> None:
    assert list(listing_violations(jobs, {"j": "j.jpg"})) == [found]


def test_jobs_refer_to_their_sources_and_to_the_variants_that_are_made() -> None:
    unmade = _job("k", variants=[{"name": "a", "state": "queued", "sha256": None}])

    assert digests_of([_job()]) == {_digest(SOURCE), _digest(MADE)}
    assert digests_of([unmade]) == {_digest(SOURCE)}


def test_a_folder_with_what_jobs_refer_to_is_no_violation(data: Path) -> None:
    assert list(folder_violations(data, digests_of([_job()]))) == []


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("core", "the data folder has a file that does not belong there: core"),
        ("reserve.unfinished", "that does not belong there: reserve.unfinished"),
        ("blobs/unfinished/0a", "a write was left unfinished: blobs/unfinished/0a"),
        (f"blobs/{'0' * 64}", f"no job refers to blobs/{'0' * 64}"),
    ],
)
def test_a_leftover_file_is_found(data: Path, name: str, found: str) -> None:
    (data / name).touch()

    (violation,) = folder_violations(data, digests_of([_job()]))

    assert violation.endswith(found)


def test_a_blob_that_no_job_refers_to_is_found(data: Path) -> None:
    (violation,) = folder_violations(data, {_digest(SOURCE)})

    assert violation == f"no job refers to blobs/{_digest(MADE)[:2]}/{_digest(MADE)}"


def test_a_blob_that_is_not_there_is_found(data: Path) -> None:
    path = data / "blobs" / _digest(SOURCE)[:2] / _digest(SOURCE)
    path.unlink()

    (violation,) = folder_violations(data, digests_of([_job()]))

    assert violation == f"a job refers to {path.relative_to(data)}, which is not there"


def test_a_blob_of_other_bytes_is_found(data: Path) -> None:
    path = data / "blobs" / _digest(SOURCE)[:2] / _digest(SOURCE)
    path.write_bytes(MADE)

    (violation,) = folder_violations(data, digests_of([_job()]))

    assert violation == f"{path.relative_to(data)} has other bytes than its name says"


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[tuple[Path, sqlite3.Connection]]:
    """A journal that has the one column which is looked at, and how to write to it."""
    path = tmp_path / "journal.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE jobs (number INTEGER PRIMARY KEY, ended_us INTEGER)")
        connection.execute("INSERT INTO jobs VALUES (1, 7)")
        yield path, connection


def test_a_journal_of_ended_jobs_is_no_violation(
    journal: tuple[Path, sqlite3.Connection],
) -> None:
    assert list(journal_violations(journal[0])) == []


def test_a_journal_with_an_open_job_is_found(journal: tuple[Path, sqlite3.Connection]) -> None:
    path, connection = journal
    connection.execute("INSERT INTO jobs VALUES (2, NULL)")

    assert list(journal_violations(path)) == ["the journal has 1 jobs that have not ended"]


def test_a_journal_that_refers_to_nothing_is_found(
    journal: tuple[Path, sqlite3.Connection],
) -> None:
    path, connection = journal
    connection.execute("CREATE TABLE events (job INTEGER REFERENCES jobs)")
    connection.execute("INSERT INTO events VALUES (5)")

    (violation,) = journal_violations(path)

    assert violation.startswith("the journal refers to what is not there: ('events', 1, 'jobs'")


def test_what_a_server_holds_may_shrink_and_grow_a_little() -> None:
    start = Holdings(processes=5, descriptors=20, memory_bytes=10**8)

    assert start.beyond(start) == []
    assert replace(start, memory_bytes=1).beyond(start) == []
    assert replace(start, memory_bytes=10**8 + SLACK_BYTES).beyond(start) == []


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"processes": 6}, "there are 6 processes, not 5"),
        ({"processes": 4}, "there are 4 processes, not 5"),
        ({"descriptors": 21}, "21 descriptors are open, not 20"),
        ({"memory_bytes": 10**9}, "1000000000 bytes of memory are held, 100000000 at the start"),
    ],
)
def test_what_a_server_holds_on_to_is_found(changes: dict[str, int], found: str) -> None:
    start = Holdings(processes=5, descriptors=20, memory_bytes=10**8)

    assert replace(start, **changes).beyond(start) == [found]


def test_the_segments_of_a_process_and_its_descriptors_are_seen() -> None:
    before = open_descriptors(os.getpid())
    with Path("/dev/shm/pixelpipe chaos test").open("w+b") as file:  # the name ends at the blank
        Path(file.name).unlink()
        assert open_descriptors(os.getpid()) == before + 1
    assert segments([os.getpid()]) >= existing(segments([os.getpid()]))
    assert memory_bytes([os.getpid()]) > 2**20


async def test_waiting_ends_when_the_condition_holds_or_patience_does() -> None:
    looks = iter([False, False, True])

    assert await until(lambda: next(looks), 60)
    assert not await until(lambda: False, 0.02)


def test_violations_are_told_below_the_figures_each_on_its_own_line() -> None:
    outcome = Outcome(violations=["job [j] is failed", "a " * 100])
    outcome.counts["kills"] = 3
    console = Console(file=io.StringIO(), width=60)

    show(outcome, "chaos", console)

    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    rows = [[cell.strip() for cell in line.split("│")] for line in lines]
    assert ["", "kills", "3", ""] in rows
    assert ["", "violations", "2", ""] in rows
    assert lines[-2:] == ["job [j] is failed", "a " * 100]
