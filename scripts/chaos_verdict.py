"""What must hold after any number of crashes; each function gives what does not, in plain words."""

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

from event_stream import Event

KNOWN = frozenset(
    {
        "blobs",
        "journal.sqlite3",
        "journal.sqlite3-shm",
        "journal.sqlite3-wal",
        "lock",
        "reserve",
        "url-secret",
        "webhook-secret",
    }
)
_ENDS = frozenset({"job.completed", "job.partial", "job.failed", "job.cancelled"})
_UNENDED = "SELECT count(*) FROM jobs WHERE ended_us IS NULL"


def job_violations(job: Mapping[str, Any]) -> Iterator[str]:
    """Of a job that has to be completed.

    Args:
        job: As `GET /api/jobs/{id}` gives it.
    """
    if job["state"] != "completed":
        reasons = "; ".join(failure["detail"] for failure in job["failures"])
        yield f"job {job['id']} is {job['state']}: {reasons or 'no reason given'}"
    for variant in job["variants"]:
        if variant["state"] != "completed":
            yield f"job {job['id']}: variant {variant['name']} is {variant['state']}"


def stream_violations(
    job_id: str, events: Sequence[Event], names: Collection[str]
) -> Iterator[str]:
    """Of the events of a job from its first to its last, as one client has seen them.

    Args:
        job_id: Whose they are.
        events: In the order in which they came.
        names: Of the job's variants.
    """
    seqs = [event.data.get("seq") for event in events]
    if seqs != list(range(1, len(events) + 1)):
        yield f"job {job_id}: its events are numbered {seqs}"
    ids = [int(event.id) for event in events]
    if any(later <= earlier for earlier, later in pairwise(ids)):
        yield f"job {job_id}: the ids of its events do not rise: {ids}"
    told = Counter(event.name for event in events)
    if not events or events[0].name != "job.accepted" or told["job.accepted"] != 1:
        yield f"job {job_id}: its events do not begin with one job.accepted: {_words(events)}"
    ends = [event.name for event in events if event.name in _ENDS]
    if ends != ["job.completed"] or events[-1].name not in _ENDS:
        yield f"job {job_id}: its events do not end with one job.completed: {_words(events)}"
    made = Counter(event.data["name"] for event in events if event.name == "variant.completed")
    if made != Counter(names):
        yield f"job {job_id}: variants {dict(made)} were told completed, not one each of {names}"
    strays = {event.data["job"] for event in events} - {job_id}
    if strays:
        yield f"job {job_id}: its stream has events of other jobs: {sorted(strays)}"


def replay_violations(
    job_id: str, followed: Sequence[Event], replayed: Sequence[Event]
) -> Iterator[str]:
    """Of a replay, which has to be what a client has followed live."""
    if list(followed) != list(replayed):
        yield (
            f"job {job_id}: the replay {_words(replayed)} is not what was followed: "
            f"{_words(followed)}"
        )


def content_violations(job_id: str, variant: Mapping[str, Any], content: bytes) -> Iterator[str]:
    """Of a variant's bytes.

    Args:
        job_id: Whose it is.
        variant: As the job gives it.
        content: What was fetched.
    """
    found = hashlib.sha256(content).hexdigest()
    if (found, len(content)) != (variant["sha256"], variant["bytes"]):
        yield (
            f"job {job_id}: variant {variant['name']} has {len(content)} bytes of digest {found}, "
            f"not {variant['bytes']} of {variant['sha256']}"
        )


def listing_violations(
    jobs: Sequence[Mapping[str, Any]], acknowledged: Mapping[str, str]
) -> Iterator[str]:
    """Of all jobs that the server lists.

    Args:
        jobs: As `GET /api/jobs` gives them, from the first page to the last.
        acknowledged: From the ids of the jobs that clients were told of to the names that their
            uploads had, each of which was uploaded once.
    """
    listed = Counter(job["id"] for job in jobs)
    for job_id, times in listed.items():
        if times > 1:
            yield f"job {job_id} is listed {times} times"
    for job_id, name in acknowledged.items():
        if job_id not in listed:
            yield f"job {job_id} of {name} was acknowledged and is not listed"
    made: dict[str, set[str]] = {}
    for job in jobs:
        made.setdefault(job["source"]["name"], set()).add(job["id"])
    for name, ids in made.items():
        if len(ids) > 1:
            yield f"the upload {name} was made {len(ids)} jobs of: {', '.join(sorted(ids))}"


def digests_of(jobs: Sequence[Mapping[str, Any]]) -> set[str]:
    """The digests of all that these jobs refer to."""
    sources = {job["source"]["sha256"] for job in jobs}
    made = {variant["sha256"] for job in jobs for variant in job["variants"]}
    return (sources | made) - {None}


def folder_violations(data: Path, referenced: Collection[str]) -> Iterator[str]:
    """Of what lies in a data folder.

    Args:
        data: The folder.
        referenced: Digests of the blobs that have to be there, and no others.
    """
    for name in sorted({path.name for path in data.iterdir()} - KNOWN):
        yield f"the data folder has a file that does not belong there: {name}"
    blobs = data / "blobs"
    for path in sorted(blobs.glob("unfinished/*")):
        yield f"a write was left unfinished: {path.relative_to(data)}"
    there = {path for path in blobs.rglob("*") if path.is_file()} - {*blobs.glob("unfinished/*")}
    expected = {blobs / digest[:2] / digest for digest in referenced}
    for path in sorted(there - expected):
        yield f"no job refers to {path.relative_to(data)}"
    for path in sorted(expected - there):
        yield f"a job refers to {path.relative_to(data)}, which is not there"
    for path in sorted(there & expected):
        if hashlib.sha256(path.read_bytes()).hexdigest() != path.name:
            yield f"{path.relative_to(data)} has other bytes than its name says"


def journal_violations(path: Path) -> Iterator[str]:
    """Of a journal that no server has open."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as journal:
        for (report,) in journal.execute("PRAGMA integrity_check"):
            if report != "ok":
                yield f"the journal is damaged: {report}"
        for row in journal.execute("PRAGMA foreign_key_check"):
            yield f"the journal refers to what is not there: {row}"
        (unfinished,) = journal.execute(_UNENDED).fetchone()
        if unfinished:
            yield f"the journal has {unfinished} jobs that have not ended"


def _words(events: Sequence[Event]) -> str:
    return " ".join(f"{event.id}:{event.name}" for event in events) or "none"
