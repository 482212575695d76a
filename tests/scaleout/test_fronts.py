"""Two servers that only accept, over one Redis and one folder: either answers for both."""

import asyncio
import hashlib
import io
import json
import threading
import zipfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest
import pytest_asyncio
from aiohttp import ClientSession, ClientTimeout

from event_stream import Event, read_events
from tests.api_keys import Held, keep_keys, make_key
from tests.http_jobs import (
    PATIENCE_S,
    WAIT,
    Json,
    begun,
    document,
    get,
    made,
    own_photo,
    picture,
    refusal,
    send,
    specs,
    story,
    until,
    until_making,
    until_state,
    until_true,
    variant,
)
from tests.photographs import noise_jpeg, unlike
from tests.redis_server import LiveRedis
from tests.scaleout.nodes import LiveNode
from tests.serving import LiveServer

# The widest first, for so they are made.
SLOW = [{"name": f"v{n}", "resize": {"width": 940 - n}, "format": "avif"} for n in range(40)]
QUOTA = 20


class Hook:
    """A server that keeps what it is told of jobs."""

    def __init__(self) -> None:
        self.told: Counter[str] = Counter()
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                hook.told[said["data"]["id"]] += 1
                self.send_response(204)
                self.end_headers()

            def log_message(self, *said: object) -> None:
                del said

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        threading.Thread(target=partial(self._server.serve_forever, 0.05), daemon=True).start()

    def close(self) -> None:
        """Hear nothing more."""
        self._server.shutdown()
        self._server.server_close()


class Town(NamedTuple):
    """What runs for all tests here."""

    urls: tuple[str, str]
    key: Held
    hasty: Held
    hook: Hook
    node: LiveNode


class Clients(NamedTuple):
    """Of either front, with the same key."""

    here: ClientSession
    there: ClientSession


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder: Path = tmp_path_factory.mktemp("fronts")
    key, hasty = make_key("one"), make_key("two", rate=f"{QUOTA}/day")
    with ExitStack() as closing:
        redis, hook = LiveRedis(folder / "redis"), Hook()
        closing.callback(redis.stop)
        closing.callback(hook.close)
        environment = {
            "PIXELPIPE_REDIS_URL": redis.url,
            "PIXELPIPE_STORAGE_URL": f"file://{folder}/pictures",
            "PIXELPIPE_AUTH": "on",
            "PIXELPIPE_KEYS_FILE": str(keep_keys(folder, key, hasty)),
            "PIXELPIPE_CANCEL_ON_DISCONNECT": "true",
            "PIXELPIPE_WEBHOOK_PRIVATE": "true",
        }
        node = LiveNode(folder / "node.log", environment)
        closing.callback(node.terminate)
        fronts = []
        for name in ("a", "b"):
            front = LiveServer(folder / name, "--no-work", "--workers=1", **environment)
            closing.callback(front.terminate)
            fronts.append(front)
        yield Town((fronts[0].url, fronts[1].url), key, hasty, hook, node)
        assert [front.terminate() for front in fronts] == [0, 0]
        assert node.terminate() == 0
    assert set(hook.told.values()) <= {1}


@pytest_asyncio.fixture
async def clients(town: Town) -> AsyncIterator[Clients]:
    opened = [
        ClientSession(url, headers=town.key.header, timeout=ClientTimeout(PATIENCE_S))
        for url in town.urls
    ]
    yield Clients(*opened)
    await asyncio.gather(*(session.close() for session in opened))


async def test_either_front_answers_for_a_job_of_the_other(clients: Clients) -> None:
    for here, there in (clients, clients[::-1]):
        job_id = (await begun(here, own_photo(), specs("a", "b")))["id"]
        events = await story(there, job_id)
        job = await get(there, job_id)
        assert events[-1].name == "job.completed"
        assert await story(here, job_id, after=events[2].id) == events[3:]
        assert (await document(await there.get("/api/jobs?limit=1")))["jobs"] == [job]
        path = f"/api/jobs/{job_id}/variants/a"
        content, tag = await picture(there, job, "a"), f'"{variant(job, "a")["sha256"]}"'
        assert f'"{hashlib.sha256(content).hexdigest()}"' == tag
        part = {"Range": "bytes=9-20", "If-Range": tag}
        assert await (await here.get(path, headers=part)).read() == content[9:21]
        assert (await there.get(path, headers={"If-None-Match": tag})).status == 304
        assert (await there.head(path)).headers["Content-Length"] == str(len(content))
        archive = await (await there.get(f"/api/jobs/{job_id}/archive.zip")).read()
        assert len(zipfile.ZipFile(io.BytesIO(archive)).namelist()) == 1 + len(job["variants"])
        assert (await there.delete(f"/api/jobs/{job_id}")).status == 204
        assert (await here.get(path)).status == 410
        assert (await here.delete(f"/api/jobs/{job_id}")).status == 204


async def test_everybodys_events_go_on_at_the_other_front(clients: Clients) -> None:
    here, there = clients
    events: list[Event] = []
    async with here.get("/api/events") as stream:
        jobs = {(await begun(there, own_photo(), specs("a")))["id"]}
        async for event in read_events(stream.content):
            events.append(event)
            if event.name == "job.started":
                break
    jobs.add((await begun(here, own_photo(), specs("a")))["id"])
    async with there.get("/api/events", headers={"Last-Event-ID": events[-1].id}) as stream:
        async for event in read_events(stream.content):
            events.append(event)
            if [each.name for each in events].count("job.completed") == len(jobs):
                break
    for job in jobs:
        seqs = [event.data["seq"] for event in events if event.data["job"] == job]
        assert seqs == list(range(1, len(seqs) + 1))


async def test_the_same_key_at_both_in_one_moment_makes_one_job(clients: Clients) -> None:
    for number in range(4):
        photo, key = own_photo(64, 48), f'"{number}"'
        jobs = await asyncio.gather(
            *(begun(client, photo, specs("a"), Idempotency_Key=key) for client in clients * 2)
        )
        assert len({job["id"] for job in jobs}) == 1
    job = await made(clients.there, photo, specs("a"), Idempotency_Key=key)
    assert job["id"] == jobs[0]["id"]
    other = await send(clients.there, own_photo(), specs("a"), Idempotency_Key=key)
    assert await refusal(other) == (422, "idempotency-key-reused")


async def test_pictures_that_are_waited_for_come_by_way_of_the_queue(clients: Clients) -> None:
    here, there = clients
    photo = own_photo()
    file = await document(await here.post("/api/files", data=photo, params={"band_px": "8"}))
    answer = await there.post(
        "/api/files", data=photo, params={"band_px": "8"}, headers={"Accept": "image/*"}
    )
    assert answer.status == 201
    assert hashlib.sha256(await answer.read()).hexdigest() == file["result"]["sha256"]
    again = await document(await there.get(answer.headers["Location"].rpartition("/variants")[0]))
    assert again["variants"][0]["cache"] == "hit"
    later = await document(await there.post("/api/files/async", data=own_photo()))
    await until_state(here, later["id"], "completed")
    direct = await there.post("/api/transform", data=photo, params={"width": "50"})
    assert (direct.status, direct.content_type) == (200, "image/jpeg")


async def test_a_running_job_is_cancelled_by_way_of_the_other_front(clients: Clients) -> None:
    here, there = clients
    job_id = (await begun(here, unlike(noise_jpeg(1000)), SLOW))["id"]
    await until_making(there, job_id, "v0")
    answer = await there.delete(f"/api/jobs/{job_id}")
    assert answer.status == 202
    assert (await document(answer))["state"] == "cancelled"
    assert (await story(here, job_id))[-1].name == "job.cancelled"


async def test_a_job_is_cancelled_when_the_client_that_waits_at_a_front_goes(
    clients: Clients,
) -> None:
    here, there = clients
    waiting = asyncio.create_task(send(here, unlike(noise_jpeg(1000)), SLOW, **WAIT))
    jobs: list[Json] = []

    async def running() -> bool:
        page = await there.get("/api/jobs", params={"state": "running", "limit": "1"})
        jobs[:] = (await document(page))["jobs"]
        return bool(jobs)

    await until_true(running)
    waiting.cancel()
    await until_state(there, jobs[0]["id"], "cancelled")


async def test_a_job_that_is_tried_again_at_both_in_one_moment_is_run_once(
    town: Town, clients: Clients
) -> None:
    job = await made(clients.here, own_photo()[:-3000], specs("a"))
    assert job["state"] == "failed"
    path = f"/api/jobs/{job['id']}/retry"
    # The node may not have told the queue of the end yet. Were the job to fail again before the
    # second front looks, that one would rightly try it once more.
    with town.node.standing_still():
        answers = await asyncio.gather(*(client.post(path) for client in clients))
    assert sorted(answer.status for answer in answers) == [202, 409]
    await until_state(clients.there, job["id"], "failed")
    names = [event.name for event in await story(clients.there, job["id"])]
    assert (names.count("job.requeued"), names.count("job.failed")) == (1, 2)


async def test_links_and_sessions_of_one_front_are_good_at_the_other(
    town: Town, clients: Clients
) -> None:
    job = await made(clients.here, own_photo(), specs("a"))
    links = await document(await clients.here.post(f"/api/jobs/{job['id']}/links"))
    signing_in = await clients.here.post("/api/session")
    async with ClientSession(town.urls[1]) as stranger:
        for url in (links["events"], links["archive"], links["variants"][0]["url"]):
            assert (await stranger.get(url)).status == 200
        assert (await stranger.get("/api/jobs")).status == 401
    async with ClientSession(town.urls[1], cookies=signing_in.cookies) as page:
        assert (await page.get(f"/api/jobs/{job['id']}")).status == 200


async def test_a_rate_counts_at_both(town: Town, clients: Clients) -> None:
    async def allowed(client: ClientSession, most: int) -> int:
        count = 0
        while count < most:
            if (await client.get("/api/presets", headers=town.hasty.header)).status == 429:
                break
            count += 1
        return count

    assert await allowed(clients.here, QUOTA // 2) == QUOTA // 2
    there, left = 0, QUOTA
    while there + left > QUOTA // 2:
        assert there < QUOTA // 2, "nothing was heard of the other front"
        # What is on its way is not counted yet, and whoever asks for it is counted.
        await asyncio.sleep(0.02 * 2**there)
        answer = await clients.there.get("/api/presets", headers=town.hasty.header)
        assert answer.status == 200
        there, left = there + 1, int(answer.headers["RateLimit"].split(";")[1].removeprefix("r="))
    assert there + await allowed(clients.there, QUOTA) == QUOTA // 2


async def test_a_webhook_is_called_once_whichever_front_takes_the_job(
    town: Town, clients: Clients
) -> None:
    jobs = []
    for client in clients * 2:
        query: Json = {"webhook": town.hook.url}
        answer = await send(client, own_photo(64, 48), specs("a"), query=query)
        jobs.append((await document(answer))["id"])
    await until(lambda: town.hook.told.keys() >= set(jobs))
