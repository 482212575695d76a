"""What must hold of an overloaded server; each function gives what does not, in plain words."""

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

from load_report import percentile
from raw_client import Answer

LONGEST_RETRY_S = 300
_EXPECTED = frozenset({HTTPStatus.OK, HTTPStatus.ACCEPTED, HTTPStatus.SERVICE_UNAVAILABLE})


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is asked of an overloaded server.

    Attributes:
        answer_ms: The longest that a refusal may take from its headers on, and that the server may
            take to say how it is, but for one answer in a hundred.
        goodput: The least share of the peak that it goes on to do.
        recovery_s: The longest that it may take until a job is as quick as before.
    """

    answer_ms: float
    goodput: float
    recovery_s: float


@dataclass(frozen=True, slots=True)
class Request:
    """A line of the access log."""

    method: str
    path: str
    status: int
    ms: float


def requests(log: Path) -> list[Request]:
    """The requests that a server's log tells of."""
    found = []
    for text in log.read_text().splitlines():
        line = json.loads(text) if text.startswith("{") else {}
        if line.get("event") == "request":
            found.append(Request(line["method"], line["path"], line["status"], line["ms"]))
    return found


def goodput_per_s(jobs: Sequence[Mapping[str, Any]], start: float, end: float) -> float:
    """How many jobs a second were completed.

    Args:
        jobs: As `GET /api/jobs` gives them.
        start: From when, in seconds since 1970.
        end: Until when.
    """
    ends = [_ended_at(job) for job in jobs if job["state"] == "completed"]
    return sum(start <= ended < end for ended in ends) / (end - start)


def goodput_violations(
    peak_per_s: float, overloaded_per_s: float, left: float, bounds: Bounds
) -> Iterator[str]:
    """Of what was done while there was too much to do.

    Args:
        peak_per_s: Jobs that are done when nobody sends more than can be done.
        overloaded_per_s: Jobs that were done under the overload.
        left: How much of the machine those left to the server who made the overload.
        bounds: What must hold.
    """
    if overloaded_per_s < bounds.goodput * left * peak_per_s:
        yield (
            f"{overloaded_per_s:.1f} jobs a second were done under the overload, which is less "
            f"than {bounds.goodput:.0%} of {left:.0%} of {peak_per_s:.1f}"
        )


def answer_violations(answers: Sequence[Answer]) -> Iterator[str]:
    """Of what uploads were answered: taken in, or refused with a time to come back."""
    strays = Counter(answer.status for answer in answers if answer.status not in _EXPECTED)
    broken = strays.pop(0, 0)
    if broken:
        yield f"{broken} uploads got no answer that could be read"
    for status, times in strays.items():
        yield f"{times} uploads were answered {status}"
    silent = sum(not _tells_when(answer) for answer in answers if _refused(answer))
    if silent:
        yield f"{silent} refusals do not say when to come back, in 1 to {LONGEST_RETRY_S} s"


def refusal_violations(log: Sequence[Request], bounds: Bounds) -> Iterator[str]:
    """Of how long refusals took."""
    slow = [request.ms for request in log if refusal(request) and request.ms > bounds.answer_ms]
    if slow:
        yield (
            f"{len(slow)} refusals took more than {bounds.answer_ms:.0f} ms, up to "
            f"{max(slow):.0f} ms"
        )


def health_violations(took_ms: Mapping[str, Sequence[float]], bounds: Bounds) -> Iterator[str]:
    """Of how long it took the server to say how it is."""
    for path, values in took_ms.items():
        if not values:
            yield f"nobody was told of {path}"
        elif percentile(values, 99) > bounds.answer_ms:
            yield (
                f"{path} took {percentile(values, 99):.0f} ms for one in a hundred, more than "
                f"{bounds.answer_ms:.0f} ms"
            )


def work_violations(jobs: Sequence[Mapping[str, Any]], accepted: Collection[str]) -> Iterator[str]:
    """Of what was taken in, all of which has to be done.

    Args:
        jobs: As `GET /api/jobs` gives them.
        accepted: Ids of the jobs that clients were told of.
    """
    states = {job["id"]: job["state"] for job in jobs}
    dropped = [job_id for job_id in accepted if job_id not in states]
    if dropped:
        yield f"{len(dropped)} jobs were acknowledged and are not listed, {dropped[0]} for one"
    for state, times in Counter(states.values()).items():
        if state != "completed":
            yield f"{times} jobs are {state}"


def refusal(request: Request) -> bool:
    """Whether it refused an upload for want of room."""
    return request.method == "POST" and request.status == HTTPStatus.SERVICE_UNAVAILABLE


def _refused(answer: Answer) -> bool:
    return answer.status == HTTPStatus.SERVICE_UNAVAILABLE


def _tells_when(answer: Answer) -> bool:
    after_s = answer.fields.get("retry-after", "")
    return after_s.isdecimal() and 1 <= int(after_s) <= LONGEST_RETRY_S


def _ended_at(job: Mapping[str, Any]) -> float:
    created = datetime.fromisoformat(job["created_at"]).timestamp()
    return float(created + job["timings_ms"]["total"] / 1000)
