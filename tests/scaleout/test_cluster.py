"""Several machines: whatever happens to one of them, every job ends once and nothing is lost."""

import asyncio
import hashlib
import json
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import ClientError, ClientSession, ClientTimeout

from event_stream import Event, read_events
from tests.http_jobs import (
    Json,
    begun,
    document,
    get,
    made,
    own_photo,
    picture,
    send,
    specs,
    story,
    until_making,
    until_state,
)
from tests.object_store import ObjectStore
from tests.photographs import noise_jpeg, photo_jpeg, unlike
from tests.redis_server import LiveRedis
from tests.scaleout.node_program import run_node
from tests.scaleout.nodes import Cluster

PATIENCE_S = 90.0
IMAGES = 200
AT_ONCE = 8
# The widest first, for so they are made.
SLOW = [{"name": f"v{n}", "resize": {"width": 940 - n}, "format": "avif"} for n in range(40)]
CROWD = {"PIXELPIPE_CLIENT_CONNECTIONS": "1000", "PIXELPIPE_CLIENT_STREAMS": "1000"}
OUTSIDE = {"PIXELPIPE_SOURCE_URLS": "true", "PIXELPIPE_SOURCE_URL_PRIVATE": "true"}


@pytest.fixture
def cluster(tmp_path: Path, own_redis: LiveRedis, object_store: ObjectStore) -> Iterator[Cluster]:
    opened = Cluster(tmp_path, own_redis, object_store, **CROWD, **OUTSIDE)
    yield opened
    opened.close()


@pytest_asyncio.fixture
async def client(cluster: Cluster) -> AsyncIterator[ClientSession]:
    async with ClientSession(cluster.front.url, timeout=ClientTimeout(PATIENCE_S)) as session:
        yield session


class Follower:
    """Everybody's events as a client sees them that comes back whenever it is cut off."""

    def __init__(self, client: ClientSession) -> None:
        self.events: list[Event] = []
        self._client = client
        self._news = asyncio.Event()

    async def follow(self) -> None:
        """Read on and on."""
        while True:
            headers = {"Last-Event-ID": self.events[-1].id if self.events else "0"}
            with suppress(ClientError):
                async with self._client.get("/api/events", headers=headers) as stream:
                    async for event in read_events(stream.content):
                        self.events.append(event)
                        self._news.set()

    async def ended(self, count: int) -> None:
        """Return once so many jobs have ended."""
        async with asyncio.timeout(PATIENCE_S):
            while sum(event.name == "job.completed" for event in self.events) < count:
                self._news.clear()
                await self._news.wait()


async def _insist(client: ClientSession, number: int) -> str:
    """Send a photograph until it is accepted, as a program does that wants it made once."""
    photo = unlike(photo_jpeg(64, 48))
    async with asyncio.timeout(PATIENCE_S):
        while True:
            answer = await send(
                client, photo, specs("a", "b", width=20), Idempotency_Key=f'"{number}"'
            )
            if answer.status == 202:
                return str((await document(answer))["id"])
            assert answer.status == 503, await answer.text()
            assert answer.headers["Retry-After"]
            await asyncio.sleep(0.2)


async def test_a_node_is_killed_and_redis_restarted_under_load(
    cluster: Cluster, client: ClientSession
) -> None:
    first, second = await asyncio.gather(*(asyncio.to_thread(cluster.add) for _ in range(2)))
    follower = Follower(client)
    following = asyncio.create_task(follower.follow())
    turns = asyncio.Semaphore(AT_ONCE)

    async def sent(number: int) -> str:
        async with turns:
            return await _insist(client, number)

    sending = asyncio.gather(*(sent(number) for number in range(IMAGES)))
    await follower.ended(IMAGES // 4)
    await asyncio.to_thread(cluster.redis.kill)
    await asyncio.to_thread(cluster.redis.start)
    await follower.ended(IMAGES // 2)
    await asyncio.to_thread(first.kill)
    job_ids = await sending
    await follower.ended(IMAGES)

    assert len(set(job_ids)) == IMAGES
    for job_id in job_ids:
        events = [event for event in follower.events if event.data["job"] == job_id]
        assert [event.data["seq"] for event in events] == list(range(1, len(events) + 1))
        names = Counter(event.name for event in events)
        assert names["job.completed"] == 1
        assert names["variant.completed"] == 2
        assert events[-1].name == "job.completed"
    ids = [int(event.id) for event in follower.events]
    assert ids == sorted(set(ids))
    assert await story(client, job_ids[0]) == [
        event for event in follower.events if event.data["job"] == job_ids[0]
    ]
    await asyncio.gather(*(_check_digests(client, job_id) for job_id in job_ids))
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    assert cluster.front.terminate() == 0
    assert second.terminate() == 0


async def _check_digests(client: ClientSession, job_id: str) -> None:
    job = await get(client, job_id)
    assert job["state"] == "completed"
    for variant in job["variants"]:
        content = await picture(client, job, variant["name"])
        assert hashlib.sha256(content).hexdigest() == variant["sha256"]


async def test_a_running_job_is_cancelled_and_a_waiting_one_too(
    cluster: Cluster, client: ClientSession
) -> None:
    waiting = (await begun(client, own_photo(), specs("a")))["id"]
    assert (await client.delete(f"/api/jobs/{waiting}")).status == 202
    assert (await get(client, waiting))["state"] == "cancelled"
    running = (await begun(client, unlike(noise_jpeg(1000)), SLOW))["id"]
    await asyncio.to_thread(cluster.add)
    await until_making(client, running, "v0")
    answer = await client.delete(f"/api/jobs/{running}")
    assert answer.status == 202
    assert (await document(answer))["state"] == "cancelled"
    assert (await story(client, running))[-1].name == "job.cancelled"
    assert (await made(client, own_photo(), specs("a")))["state"] == "completed"


async def test_a_node_that_is_told_to_stop_hands_its_jobs_to_another(
    cluster: Cluster, client: ClientSession
) -> None:
    first = await asyncio.to_thread(cluster.add)
    job_id = (await begun(client, unlike(noise_jpeg(600)), SLOW[:12]))["id"]
    await until_making(client, job_id, "v0")
    await asyncio.to_thread(cluster.add)
    stopping = asyncio.create_task(asyncio.to_thread(first.terminate))
    job = await until_state(client, job_id, "completed")
    assert await stopping == 0
    assert len(job["variants"]) == len(SLOW[:12])


async def test_programs_of_node_and_the_front_share_the_work(
    cluster: Cluster, client: ClientSession
) -> None:
    await asyncio.to_thread(cluster.add)
    with _web_server(photo_jpeg(1400, 900)) as url:
        status, out, complaints = await run_node("example.mjs", url, REDIS_URL=cluster.redis.url)
    assert (status, complaints) == (0, "")
    assert "hero is there, 1200x630" in out
    assert out.splitlines()[-1].startswith("completed: hero, instagram-")
    (listed,) = (await document(await client.get("/api/jobs")))["jobs"]
    assert listed["state"] == "completed"
    assert {variant["state"] for variant in listed["variants"]} == {"completed"}
    await picture(client, listed, "hero")

    job = await made(client, own_photo(), specs("a"))
    status, out, complaints = await run_node(
        *("peer.mjs", "pixelpipe", "look", job["id"]),
        says="null",
        BULLMQ="bullmq",
        REDIS_URL=cluster.redis.url,
    )
    assert (status, complaints) == (0, "")
    (seen,) = json.loads(out)["jobs"]
    assert (seen["name"], seen["state"]) == ("accepted", "completed")
    result: Json = seen["returnvalue"]
    assert (result["id"], result["state"]) == (job["id"], "completed")
    assert result["variants"][0]["sha256"] == job["variants"][0]["sha256"]


class _web_server:  # noqa: N801 - used as a function is
    """A server with one picture."""

    def __init__(self, content: bytes) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "image/jpeg")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *said: object) -> None:
                del said

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> str:
        threading.Thread(target=partial(self._server.serve_forever, 0.05), daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_port}/photo.jpg"

    def __exit__(self, *raised: object) -> None:
        self._server.shutdown()
        self._server.server_close()
