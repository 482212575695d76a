import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from chaos_overload_verdict import (
    Bounds,
    Request,
    answer_violations,
    goodput_per_s,
    goodput_violations,
    health_violations,
    refusal_violations,
    requests,
    work_violations,
)
from overload_load import Photographs
from raw_client import Answer, RawClient
from tests.photographs import opened

BOUNDS = Bounds(answer_ms=50.0, goodput=0.9, recovery_s=5.0)
STARTED_AT = 1_700_000_000.0
STARTED = "2023-11-14T22:13:20Z"


def _answer(status: int, **fields: str) -> Answer:
    return Answer(status, {name.replace("_", "-"): text for name, text in fields.items()}, b"", 0.1)


def _job(job_id: str = "j", state: str = "completed", total_ms: float = 1500.0) -> dict[str, Any]:
    return {
        "id": job_id,
        "state": state,
        "created_at": STARTED,
        "timings_ms": {"total": total_ms},
    }


def test_goodput_is_what_was_completed_in_the_time() -> None:
    jobs = [_job(total_ms=ms) for ms in (500, 1500, 2500, 9000)] + [_job(state="failed")]
    assert goodput_per_s(jobs, STARTED_AT + 1, STARTED_AT + 3) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("overloaded", "left", "found"),
    [(91.0, 1.0, 0), (89.0, 1.0, 1), (46.0, 0.5, 0), (44.0, 0.5, 1)],
)
def test_less_than_the_share_of_the_peak_is_found(
    overloaded: float, left: float, found: int
) -> None:
    assert len(list(goodput_violations(100.0, overloaded, left, BOUNDS))) == found


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        ([_answer(202), _answer(503, retry_after="2"), _answer(200)], []),
        ([_answer(503)], ["1 refusals do not say when to come back"]),
        ([_answer(503, retry_after="0")], ["1 refusals do not say when to come back"]),
        ([_answer(503, retry_after="301")], ["1 refusals do not say when to come back"]),
        ([_answer(503, retry_after="soon")], ["1 refusals do not say when to come back"]),
        ([_answer(0), _answer(0)], ["2 uploads got no answer that could be read"]),
        ([_answer(500)], ["1 uploads were answered 500"]),
    ],
)
def test_answers_that_should_not_be_are_found(answers: Sequence[Answer], found: list[str]) -> None:
    violations = list(answer_violations(answers))
    assert len(violations) == len(found)
    assert all(
        violation.startswith(start) for violation, start in zip(violations, found, strict=True)
    )


def test_a_slow_refusal_is_found_and_other_slow_answers_are_not() -> None:
    log = [
        Request("POST", "/api/jobs", 503, 51.0),
        Request("POST", "/api/jobs", 503, 49.0),
        Request("POST", "/api/jobs", 202, 900.0),
        Request("GET", "/readyz", 503, 900.0),
    ]
    assert list(refusal_violations(log, BOUNDS)) == ["1 refusals took more than 50 ms, up to 51 ms"]


def test_health_that_takes_long_for_more_than_one_in_a_hundred_is_found() -> None:
    quick = [1.0] * 99
    assert list(health_violations({"/healthz": [*quick, 500.0]}, BOUNDS)) == []
    assert len(list(health_violations({"/healthz": [*quick, 500.0, 500.0]}, BOUNDS))) == 1
    assert list(health_violations({"/healthz": []}, BOUNDS)) == ["nobody was told of /healthz"]


def test_what_was_taken_in_and_not_done_is_found() -> None:
    assert list(work_violations([_job("a"), _job("b")], ["a", "b"])) == []
    (dropped,) = work_violations([_job("a")], ["a", "b"])
    assert dropped.startswith("1 jobs were acknowledged and are not listed, b")
    assert list(work_violations([_job("a", state="failed")], ["a"])) == ["1 jobs are failed"]


def test_requests_are_read_from_a_log_with_other_things_in_it(tmp_path: Path) -> None:
    line = {"event": "request", "method": "POST", "path": "/api/jobs", "status": 503, "ms": 0.2}
    log = tmp_path / "log"
    log.write_text(
        "\n".join(["a warning of Python's", json.dumps(line), json.dumps({"event": "worker died"})])
    )
    assert requests(log) == [Request("POST", "/api/jobs", 503, 0.2)]


def test_each_photograph_has_bytes_of_its_own_and_says_how_many() -> None:
    photographs = Photographs(160, seed=1)
    bodies = []
    for _ in range(2):
        head, rest = photographs.request()
        fields, _, start = head.partition(b"\r\n\r\n")
        body = start + rest
        assert f"Content-Length: {len(body)}".encode() in fields
        assert opened(body).size == (160, 120)
        bodies.append(body)
    assert bodies[0] != bodies[1]


async def test_a_raw_client_reads_answers_and_notices_what_broke() -> None:
    answers = [
        b"HTTP/1.1 202 Accepted\r\nLocation: /a\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 503 Busy\r\nRetry-After: 3\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Le",
    ]
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while answers and await reader.readuntil(b"\r\n\r\n"):
            answer = answers.pop(0)
            writer.write(answer)
            if b"Content-Length: 2" not in answer:
                break
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        client = RawClient(port, "127.0.0.9")
        accepted, refused, broken = [await client.get("/") for _ in range(3)]
        client.close()
    assert (accepted.status, accepted.fields["location"], accepted.body) == (202, "/a", b"ok")
    assert (refused.status, refused.fields["retry-after"]) == (503, "3")
    assert broken.broken
    assert connections == 2
