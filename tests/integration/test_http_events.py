"""Server-sent events: replay, then live, to the terminal event; each event once."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import ClientResponse
from pytest_aiohttp import AiohttpClient, AiohttpServer

from pixelpipe.config import Settings
from pixelpipe.runtime import Runtime
from tests.photographs import photo_jpeg
from tests.serving import Client, connected, small_settings

SPECS = json.dumps([{"name": name, "resize": {"width": 32}} for name in "abcd"])
TERMINAL = {"job.completed", "job.partial", "job.failed", "job.cancelled"}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return small_settings(tmp_path_factory.mktemp("data"), heartbeat_s=0.05)


@dataclass(slots=True)
class Message:
    """One block of a stream, by the rules of the HTML standard, section 9.2."""

    id: int | None = None
    event: str | None = None
    data: dict[str, Any] | None = None
    retry_ms: int | None = None
    comments: list[str] = field(default_factory=list)


async def messages(answer: ClientResponse) -> AsyncIterator[Message]:
    """The stream's blocks as they come."""
    message = Message()
    async for raw in answer.content:
        line = raw.decode().rstrip("\n")
        name, _, value = line.partition(":")
        match name, value.removeprefix(" "):
            case "id", number:
                message.id = int(number)
            case "event", kind:
                message.event = kind
            case "data", text:
                message.data = json.loads(text)
            case "retry", number:
                message.retry_ms = int(number)
            case "", comment if line:
                message.comments.append(comment)
            case _:
                assert not line
                yield message
                message = Message()


async def events(answer: ClientResponse) -> list[Message]:
    """All events of a stream that ends."""
    return [message async for message in messages(answer) if message.event]


async def submit(client: Client, *, wait: bool) -> str:
    """A job's id; with `wait`, of one that has ended."""
    headers = {"Prefer": "wait=30"} if wait else {}
    answer = await client.post(
        "/api/jobs", data=photo_jpeg(), params={"variants": SPECS}, headers=headers
    )
    assert answer.status == (200 if wait else 202)
    job_id: str = (await answer.json())["id"]
    return job_id


async def test_a_job_s_stream_runs_to_its_terminal_event(client: Client) -> None:
    job_id = await submit(client, wait=False)
    answer = await client.get(f"/api/jobs/{job_id}/events")
    seen = await events(answer)

    assert answer.status == 200
    assert answer.content_type == "text/event-stream"
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["X-Accel-Buffering"] == "no"
    kinds = [message.event for message in seen]
    assert kinds[0] == "job.accepted"
    assert kinds.count("variant.completed") == 4
    assert kinds[-1] == "job.completed"
    assert not TERMINAL.intersection(kinds[:-1])
    assert [m.data["seq"] for m in seen if m.data] == list(range(1, len(seen) + 1))
    assert {m.data["job"] for m in seen if m.data} == {job_id}


async def test_event_data_are_what_get_gives(client: Client) -> None:
    job_id = await submit(client, wait=True)
    job = await (await client.get(f"/api/jobs/{job_id}")).json()
    *_, last = await events(await client.get(f"/api/jobs/{job_id}/events"))

    assert last.data is not None
    seq = last.data.pop("seq")
    assert last.data.pop("job") == job_id
    assert seq > 5
    assert last.data == job


async def test_a_stream_opens_with_its_position_and_no_event(client: Client) -> None:
    job_id = await submit(client, wait=True)
    answer = await client.get(f"/api/jobs/{job_id}/events")
    first = await anext(messages(answer))

    assert first == Message(id=0, retry_ms=1000)
    answer.close()


async def test_coming_back_at_every_point_gives_each_event_exactly_once(client: Client) -> None:
    job_id = await submit(client, wait=True)
    path = f"/api/jobs/{job_id}/events"
    everything = await events(await client.get(path))

    for index, message in enumerate(everything[:-1]):
        header = await client.get(path, headers={"Last-Event-ID": str(message.id)})
        query = await client.get(path, params={"after": str(message.id)})
        assert await events(header) == everything[index + 1 :]
        assert await events(query) == everything[index + 1 :]


async def test_a_dropped_client_picks_up_where_it_was(client: Client) -> None:
    """Cut after each event of a job that is still running."""
    job_id = await submit(client, wait=False)
    seen: list[Message] = []
    while True:
        headers = {"Last-Event-ID": str(seen[-1].id)} if seen else {}
        answer = await client.get(f"/api/jobs/{job_id}/events", headers=headers)
        if answer.status == 204:
            break
        async for message in messages(answer):
            if message.event:
                seen.append(message)
                break
        answer.close()

    ids = [message.id for message in seen if message.id]
    assert ids == sorted(set(ids))
    assert seen[-1].event == "job.completed"
    assert seen == await events(await client.get(f"/api/jobs/{job_id}/events"))


@pytest.mark.parametrize("ahead", [0, 1, 10**15])
async def test_after_the_terminal_event_there_is_nothing_more(client: Client, ahead: int) -> None:
    job_id = await submit(client, wait=True)
    *_, last = await events(await client.get(f"/api/jobs/{job_id}/events"))
    assert last.id is not None
    headers = {"Last-Event-ID": str(last.id + ahead)}

    for path in (f"/api/jobs/{job_id}/events", f"/api/events?job={job_id}"):
        answer = await client.get(path, headers=headers)
        assert (answer.status, await answer.read()) == (204, b"")


async def test_many_jobs_over_one_stream(client: Client) -> None:
    jobs = [await submit(client, wait=False) for _ in range(3)]
    watched = jobs[:2]
    answer = await client.get("/api/events", params=[("job", job_id) for job_id in watched])
    seen = await events(answer)

    for job_id in watched:
        kinds = [m.event for m in seen if m.data and m.data["job"] == job_id]
        assert (kinds[0], kinds[-1]) == ("job.accepted", "job.completed")
    assert {m.data["job"] for m in seen if m.data} == set(watched)
    ids = [m.id for m in seen if m.id]
    assert ids == sorted(ids)


async def test_all_events_begin_with_what_happens_next(client: Client) -> None:
    await submit(client, wait=True)
    answer = await client.get("/api/events")
    stream = messages(answer)
    position = await anext(stream)
    job_id = await submit(client, wait=False)
    first = await anext(message async for message in stream if message.event)

    assert position.id is not None
    assert first.id == position.id + 1
    assert first.data is not None
    assert first.data["job"] == job_id
    answer.close()


async def test_all_events_can_be_resumed(client: Client) -> None:
    answer = await client.get("/api/events")
    position = await anext(messages(answer))
    answer.close()
    job_id = await submit(client, wait=True)

    again = await client.get("/api/events", headers={"Last-Event-ID": str(position.id)})
    seen = []
    async for message in messages(again):
        if message.data and message.data["job"] == job_id:
            seen.append(message)
            if message.event in TERMINAL:
                break
    again.close()
    assert seen == await events(await client.get(f"/api/jobs/{job_id}/events"))


async def test_a_quiet_stream_says_that_it_is_alive(client: Client) -> None:
    answer = await client.get("/api/events")
    beats: list[Message] = []
    async for message in messages(answer):
        if message.comments:
            beats.append(message)
        if len(beats) == 2:
            break
    answer.close()

    assert [beat.event for beat in beats] == [None, None]
    assert [beat.id for beat in beats] == [None, None]


@pytest.mark.parametrize("bad", ["x", "-1", "1.5", "1e3", "٣", "9" * 400])
async def test_a_malformed_position_is_refused(client: Client, bad: str) -> None:
    answer = await client.get("/api/events", params={"after": bad})
    assert answer.status == 400
    assert (await answer.json())["type"] == "urn:pixelpipe:error:malformed-request"


async def test_a_client_that_leaves_ends_its_stream(client: Client) -> None:
    """The server's handler is cancelled when the connection goes, not at the next write."""
    before = asyncio.all_tasks()
    answer = await client.get("/api/events")
    await anext(messages(answer))
    during = asyncio.all_tasks() - before
    answer.close()
    await asyncio.wait(during, timeout=5)

    assert [task for task in during if not task.done()] == []


async def test_a_stopping_server_ends_streams_without_a_terminal_event(
    runtime: Runtime, aiohttp_server: AiohttpServer, aiohttp_client: AiohttpClient
) -> None:
    client = await connected(runtime, aiohttp_server, aiohttp_client)
    answer = await client.get("/api/events")
    await anext(messages(answer))
    loop = asyncio.get_running_loop()
    start = loop.time()
    await client.server.close()

    assert await events(answer) == []
    assert loop.time() - start < 2
