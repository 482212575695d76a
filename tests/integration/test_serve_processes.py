"""Several server processes on one port: whichever a connection lands on, the answer is right."""

import asyncio
import hashlib
import io
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest
from aiohttp import (
    ClientConnectionError,
    ClientError,
    ClientSession,
    ClientTimeout,
    TCPConnector,
)

from event_stream import Event, read_events
from tests.http_jobs import (
    PATIENCE_S,
    Json,
    begun,
    document,
    get,
    made,
    own_photo,
    picture,
    specs,
    story,
    until,
    until_making,
    until_state,
    until_true,
)
from tests.photographs import noise_jpeg, unlike
from tests.processes import alive, descendants
from tests.serving import LiveServer

# The widest first, for so they are made.
SLOW = [{"name": f"v{n}", "resize": {"width": 940 - n}, "format": "avif"} for n in range(40)]
BOTH = {1, 2}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    live = LiveServer(tmp_path_factory.mktemp("two") / "data", "--processes", "2")
    yield live
    assert live.terminate() == 0, live.log.read_text()


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[LiveServer]:
    live = LiveServer(tmp_path / "data", "--processes", "2")
    yield live
    live.kill()


@asynccontextmanager
async def each_process(url: str) -> AsyncIterator[Mapping[int, ClientSession]]:
    """A client with one connection to each of both processes.

    The kernel spreads connections by chance, and gives one that has just been started none until
    it listens.
    """
    found: dict[int, ClientSession] = {}
    async with AsyncExitStack() as closing:
        async with asyncio.timeout(PATIENCE_S):
            while found.keys() != BOTH:
                session = ClientSession(
                    url, connector=TCPConnector(limit=1), timeout=ClientTimeout(PATIENCE_S)
                )
                closing.push_async_callback(session.close)
                ready = await document(await session.get("/readyz"))
                if found.setdefault(ready["process"], session) is not session:
                    await session.close()  # A client has only so many.
        yield found


def processes(server: LiveServer) -> set[int]:
    """The ids of the processes that serve: those of the first's children that have children."""
    return {pid for pid in descendants(server.pid) if _parent(pid) == server.pid} & {
        _parent(pid) for pid in descendants(server.pid)
    }


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


async def test_any_process_answers_for_any_job(server: LiveServer) -> None:
    async with each_process(server.url) as client:
        for here, there in ((client[1], client[2]), (client[2], client[1])):
            job_id = (await begun(here, own_photo(), specs("a", "b")))["id"]
            events = await story(there, job_id)
            assert events[-1].name == "job.completed"
            assert [event.data["seq"] for event in events] == list(range(1, len(events) + 1))
            assert events == await story(here, job_id)
            job = await get(there, job_id)
            for variant in job["variants"]:
                content = await picture(there, job, variant["name"])
                assert hashlib.sha256(content).hexdigest() == variant["sha256"]
            archive = await (await there.get(f"/api/jobs/{job_id}/archive.zip")).read()
            assert len(zipfile.ZipFile(io.BytesIO(archive)).namelist()) == 1 + len(job["variants"])
            assert (await there.delete(f"/api/jobs/{job_id}")).status == 204
            assert (await here.get(f"/api/jobs/{job_id}/variants/a")).status == 410


async def test_events_reach_a_stream_of_another_process_as_they_happen(server: LiveServer) -> None:
    async with each_process(server.url) as client:
        job_id = (await begun(client[1], unlike(noise_jpeg(1000)), SLOW))["id"]
        names = []
        async with client[2].get(f"/api/jobs/{job_id}/events") as stream:
            async for line in stream.content:
                if line.startswith(b"event: "):
                    names.append(line[7:].strip().decode())
                if names.count("variant.completed") == 1:
                    break
        # It had not ended: it can be cancelled yet.
        assert (await client[1].delete(f"/api/jobs/{job_id}")).status == 202
        assert (await story(client[2], job_id))[-1].name == "job.cancelled"


async def test_a_job_is_cancelled_by_way_of_another_process(server: LiveServer) -> None:
    async with each_process(server.url) as client:
        job_id = (await begun(client[1], unlike(noise_jpeg(1000)), SLOW))["id"]
        await until_making(client[2], job_id, "v0")

        answer = await client[2].delete(f"/api/jobs/{job_id}")

        assert answer.status == 202
        assert (await document(answer))["state"] == "cancelled"
        assert (await story(client[2], job_id))[-1].name == "job.cancelled"
        assert (await client[2].delete(f"/api/jobs/{job_id}")).status == 204


async def test_who_waits_in_another_process_with_the_same_key_gets_the_same_job(
    server: LiveServer,
) -> None:
    async with each_process(server.url) as client:
        photo, wanted = own_photo(640, 480), specs("a", "b", "c")
        first = await begun(client[1], photo, wanted, Idempotency_Key='"once"')
        again = await begun(client[2], photo, wanted, Idempotency_Key='"once"')
        assert first["id"] == again["id"]
        assert (await until_state(client[2], first["id"], "completed"))["decodes"] == 1


async def test_jobs_of_one_connection_are_made_by_the_workers_of_all(server: LiveServer) -> None:
    async with each_process(server.url) as client:
        jobs = [(await begun(client[1], unlike(noise_jpeg(800)), SLOW[:5]))["id"] for _ in range(6)]

        async def others_work() -> bool:
            return bool((await document(await client[2].get("/readyz")))["jobs_running"])

        await until_true(others_work)
        for job_id in jobs:
            assert (await story(client[1], job_id))[-1].name == "job.completed"
            job = await get(client[2], job_id)
            assert [variant["attempts"] for variant in job["variants"]] == [1] * 5


async def test_who_waits_for_a_job_that_goes_to_another_process_gets_it_at_its_end(
    server: LiveServer,
) -> None:
    async with each_process(server.url) as client:
        await asyncio.gather(
            *(made(session, unlike(noise_jpeg(800)), SLOW[:3]) for session in [client[1]] * 4)
        )


async def test_a_rate_holds_for_all_processes_together(tmp_path: Path) -> None:
    live = await asyncio.to_thread(
        LiveServer, tmp_path / "data", "--processes", "2", PIXELPIPE_RATE_LIMIT="20/day"
    )
    try:
        async with each_process(live.url) as client:
            answers = [(await client[n % 2 + 1].get("/api/presets")).status for n in range(30)]
        assert answers.count(200) == 20
        assert set(answers[20:]) == {429}
    finally:
        await asyncio.to_thread(live.terminate)


async def test_a_killed_process_loses_nothing_and_the_end_of_the_first_ends_all(
    own_server: LiveServer,
) -> None:
    async with each_process(own_server.url) as client:
        jobs = [
            (await begun(client[n % 2 + 1], unlike(noise_jpeg(600)), SLOW[:6]))["id"]
            for n in range(8)
        ]
        await until_true(lambda: _any_runs(client[1], jobs))
        followed = asyncio.gather(*(_events_in_spite(own_server.url, job) for job in jobs))
        before = processes(own_server)
        assert len(before) == len(BOTH)
        victim = max(before)
        os.kill(victim, signal.SIGKILL)
        for events in await followed:
            assert events[-1][1] == "job.completed"
            assert [seq for seq, _ in events] == list(range(1, len(events) + 1))
    await until(lambda: len(processes(own_server)) == len(BOTH))
    assert victim not in processes(own_server)
    async with each_process(own_server.url) as client:
        for job_id in jobs:
            job = await get(client[2], job_id)
            assert job["state"] == "completed"
            for variant in job["variants"]:
                content = await picture(client[1], job, variant["name"])
                assert hashlib.sha256(content).hexdigest() == variant["sha256"]
    family = descendants(own_server.pid)
    own_server.process.send_signal(signal.SIGKILL)
    await until(lambda: not any(alive(pid) for pid in family))


async def _any_runs(client: ClientSession, job_ids: list[str]) -> bool:
    return "running" in {(await get(client, job_id))["state"] for job_id in job_ids}


async def _events_in_spite(url: str, job_id: str) -> list[tuple[int, str]]:
    """The job's events, over as many connections as it takes."""
    events: list[Event] = []
    async with asyncio.timeout(PATIENCE_S), ClientSession(url) as session:
        while not events or not events[-1].name.startswith("job.c"):
            headers = {"Last-Event-ID": events[-1].id} if events else {}
            with suppress(ClientError):  # The process that it was connected to was killed.
                async with session.get(f"/api/jobs/{job_id}/events", headers=headers) as stream:
                    async for event in read_events(stream.content):
                        events.append(event)  # noqa: PERF401 - what came before an error stays
    return [(event.data["seq"], event.name) for event in events]


async def test_what_runs_is_drained_when_all_of_the_group_are_told_to_stop(
    own_server: LiveServer,
) -> None:
    async with each_process(own_server.url) as client:
        jobs = [(await begun(client[n], unlike(noise_jpeg(600)), SLOW[:3]))["id"] for n in BOTH]
        for pid in processes(own_server):
            os.kill(pid, signal.SIGTERM)
        await asyncio.gather(*(until_draining(client[n]) for n in BOTH))
        assert await asyncio.to_thread(own_server.terminate) == 0
    again = LiveServer(own_server.data_dir)
    try:
        async with ClientSession(again.url) as client_:
            for job_id in jobs:
                job: Json = await until_state(client_, job_id, "completed")
                assert all(variant["attempts"] == 1 for variant in job["variants"])
        assert [path.name for path in (again.data_dir / "processes").iterdir()] == ["in-use"]
    finally:
        again.terminate()


async def until_draining(client: ClientSession) -> None:
    """Return once the process that the client is connected to was told to stop."""

    async def draining() -> bool:
        try:
            return bool((await document(await client.get("/readyz")))["draining"])
        except ClientConnectionError:
            return True  # It had nothing left to do, and has gone.

    await until_true(draining)


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--workers", "1"], 2, "2 processes need as many workers at least"),
        (["--host", "203.0.113.1"], 1, "cannot listen on 203.0.113.1"),
    ],
)
def test_what_keeps_them_from_starting_is_said_once(
    tmp_path: Path, options: list[str], code: int, said: str
) -> None:
    ended = _refused(tmp_path / "data", *options)
    assert ended.returncode == code
    assert ended.stderr.count(said) == 1
    assert len(ended.stderr.splitlines()) == 1


def test_a_folder_and_a_port_that_are_in_use_are_refused(
    server: LiveServer, tmp_path: Path
) -> None:
    assert "another server works in" in _refused(server.data_dir).stderr
    ended = _refused(tmp_path / "data", "--port", str(server.port))
    assert ended.returncode == 1
    assert ended.stderr.count("cannot listen on") == 1


def _refused(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-m", "pixelpipe", "serve", "--processes", "2", "--port", "0"]
    return subprocess.run(
        [*program, "--workers", "2", "--data", str(folder), *options],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
