"""Told to stop: what runs is finished or kept for the next start, nothing is lost."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import aiohttp
import pytest

from tests.faults.faulty_process import HERE, faulty_process, live_process
from tests.http_jobs import (
    PATIENCE_S,
    Json,
    begun,
    calling,
    document,
    get,
    made,
    own_photo,
    picture,
    refusal,
    send,
    specs,
    story,
    until_making,
    until_state,
    until_true,
)
from tests.processes import alive, descendants
from tests.serving import LiveServer

WITH_WORKERS = 3  # the resource tracker, the forkserver, and one of them at least

SLOW: list[Json] = [
    {"name": f"slow-{width}", "resize": {"width": width}, "format": "avif", "quality": 90}
    for width in (1600, 1580, 1560, 1540)
]


async def ended(server: LiveServer) -> int:
    """Its exit code, once it has gone."""
    return await asyncio.to_thread(server.process.wait, PATIENCE_S)


async def test_while_it_drains(tmp_path: Path) -> None:
    """Streams end, nothing new is taken in, connections that are open are served."""
    with faulty_process(tmp_path / "data") as server:
        async with calling(server.url) as session, calling(server.url) as watcher:
            done = await made(session, own_photo(), specs("a"))
            job = await begun(session, own_photo(), specs("hang"))
            await until_making(session, job["id"], "hang")
            streams = [
                await watcher.get(path) for path in ("/api/events", f"/api/jobs/{job['id']}/events")
            ]
            server.process.send_signal(signal.SIGTERM)
            ends = [(await stream.read()).decode() for stream in streams]
            async with calling(server.url) as stranger:
                with pytest.raises(aiohttp.ClientConnectorError):
                    await stranger.get("/healthz")
            answer = await send(session, own_photo(), specs("a"))

            assert all(end.endswith("\n\nretry: 3000\n\n") for end in ends)
            assert "job.cancelled" not in "".join(ends)
            assert await refusal(answer) == (503, "shutting-down")
            assert answer.headers["Retry-After"] == "5"
            assert (await session.get("/readyz")).status == 503
            assert await picture(session, done, "a")
            deleted = await session.delete(f"/api/jobs/{job['id']}")
            assert (await document(deleted))["state"] == "cancelled"
        # It does not wait out its time.
        assert await asyncio.to_thread(server.end) == 0


async def test_what_runs_is_finished_and_who_waits_gets_it(tmp_path: Path) -> None:
    folder, name = tmp_path / "data", "waited-for.jpg"
    with live_process(folder, PIXELPIPE_DRAIN_TIMEOUT_S="30") as server:
        async with calling(server.url) as session:
            photo, query = own_photo(1600, 1200), {"name": name}
            waiting = asyncio.create_task(send(session, photo, SLOW, query=query, Prefer="wait=30"))
            jobs = [await begun(session, own_photo(640, 480), specs(*"abcd")) for _ in range(6)]

            async def there() -> bool:
                listed = (await document(await session.get("/api/jobs")))["jobs"]
                return any(job["source"]["name"] == name for job in listed)

            await until_true(there)
            server.process.send_signal(signal.SIGTERM)
            answer = await waiting
            assert answer.status == 200
            assert (await document(answer))["state"] == "completed"
        assert await ended(server) == 0

    with live_process(folder) as server:
        async with calling(server.url) as session:
            found = [await get(session, job["id"]) for job in jobs]
    assert {job["state"] for job in found} == {"completed"}
    assert {job["decodes"] for job in found} == {1}


async def test_what_is_not_finished_in_time_is_finished_after_the_next_start(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "data"
    with live_process(folder, PIXELPIPE_DRAIN_TIMEOUT_S="0") as server:
        async with calling(server.url) as session:
            job = await begun(session, own_photo(1600, 1200), SLOW)
            await until_state(session, job["id"], "running")
            queued = [await begun(session, own_photo(), specs("a")) for _ in range(2)]
            server.process.send_signal(signal.SIGTERM)
        assert await ended(server) == 0

    with live_process(folder) as server:
        async with calling(server.url) as session:
            for each in (job, *queued):
                await until_state(session, each["id"], "completed")
            events = await story(session, job["id"])
            found = await get(session, job["id"])
            for variant in found["variants"]:
                assert await picture(session, job, variant["name"])

    names = [event.name for event in events]
    assert [event.data["seq"] for event in events] == list(range(1, len(events) + 1))
    assert names.count("variant.completed") == len(SLOW)
    assert names[-1] == "job.completed"
    assert names.count("variant.retrying") >= 1
    assert found["decodes"] == 2
    assert {v["strikes"] for v in found["variants"]} == {0}


async def test_the_second_signal_ends_it_at_once_and_loses_nothing(tmp_path: Path) -> None:
    with faulty_process(tmp_path / "data") as server:
        async with calling(server.url) as session:
            job = await begun(session, own_photo(), specs("hang", "a"))
            await until_making(session, job["id"], "hang")
            server.process.send_signal(signal.SIGTERM)

            async def draining() -> bool:
                return (await session.get("/readyz")).status == 503

            await until_true(draining)
            assert await asyncio.to_thread(server.end, signal.SIGINT) == 128 + signal.SIGINT

    with live_process(tmp_path / "data") as again:
        async with calling(again.url) as session:
            found = await until_state(session, job["id"], "completed")
    assert [v["strikes"] for v in found["variants"]] == [0, 0]


def test_a_server_whose_workers_never_come_up_can_be_stopped(tmp_path: Path) -> None:
    server = subprocess.Popen(
        [sys.executable, str(HERE / "faulty_server.py"), str(tmp_path / "data"), "600", "asleep"],
        env=os.environ | {"PYTHONPATH": str(HERE.parents[1])},
    )
    try:
        begun = time.monotonic()
        while len(descendants(server.pid)) < WITH_WORKERS:
            assert time.monotonic() < begun + PATIENCE_S
            time.sleep(0.01)
        family = descendants(server.pid)
        server.send_signal(signal.SIGTERM)
        assert server.wait(PATIENCE_S) == 0
    finally:
        server.kill()
        server.wait()
    while any(alive(pid) for pid in family):
        assert time.monotonic() < begun + 2 * PATIENCE_S
        time.sleep(0.01)
