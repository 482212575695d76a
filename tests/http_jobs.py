"""Jobs over HTTP, as the tests of whole stories send and watch them."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from aiohttp import ClientResponse, ClientSession, ClientTimeout

from event_stream import Event, read_events
from pixelpipe.errors import TYPE_PREFIX
from tests.photographs import photo_jpeg, unlike
from tests.serving import Client

PATIENCE_S = 30.0
WAIT: dict[str, Any] = {"Prefer": "wait=30"}
FINAL = {"completed", "partial", "failed", "cancelled"}

Json = dict[str, Any]
AnyClient = Client | ClientSession


@asynccontextmanager
async def calling(url: str) -> AsyncIterator[ClientSession]:
    """A client of a server elsewhere."""
    async with ClientSession(url, timeout=ClientTimeout(PATIENCE_S)) as session:
        yield session


class Refusal(NamedTuple):
    """An answer that is a problem document."""

    status: int
    slug: str


def own_photo(width: int = 320, height: int = 240) -> bytes:
    """A photograph of bytes that no other has: what is there already is not made again."""
    return unlike(photo_jpeg(width, height))


def specs(*names: str, width: int = 40) -> list[Json]:
    """Specs of these names, each of another width from `width` on."""
    return [{"name": name, "resize": {"width": width + n}} for n, name in enumerate(names)]


async def send(
    client: AnyClient, photo: bytes, wanted: list[Json], *, query: Json | None = None, **header: Any
) -> ClientResponse:
    """`POST /api/jobs`; `_` in a header's name stands for `-`."""
    params = {"variants": json.dumps(wanted)} | (query or {})
    headers = {name.replace("_", "-"): value for name, value in header.items()}
    return await client.post("/api/jobs", data=photo, params=params, headers=headers)


async def made(client: AnyClient, photo: bytes, wanted: list[Json], **header: Any) -> Json:
    """A job that has come to its end."""
    answer = await send(client, photo, wanted, **WAIT, **header)
    assert answer.status == 200, await answer.text()
    return await document(answer)


async def begun(client: AnyClient, photo: bytes, wanted: list[Json], **header: Any) -> Json:
    """A job that was accepted."""
    answer = await send(client, photo, wanted, **header)
    assert answer.status == 202, await answer.text()
    return await document(answer)


async def document(answer: ClientResponse) -> Json:
    """The JSON object of an answer."""
    found: Json = await answer.json()
    return found


async def refusal(answer: ClientResponse) -> Refusal:
    """What the answer refuses with; anything else fails the test."""
    assert answer.content_type == "application/problem+json", await answer.text()
    problem = await answer.json()
    assert problem["status"] == answer.status
    return Refusal(answer.status, problem["type"].removeprefix(TYPE_PREFIX))


async def get(client: AnyClient, job_id: str) -> Json:
    """The job as it stands."""
    answer = await client.get(f"/api/jobs/{job_id}")
    assert answer.status == 200, await answer.text()
    return await document(answer)


async def status(client: AnyClient, path: str) -> int:
    """The status that a GET is answered with."""
    answer = await client.get(path)
    await answer.read()
    return answer.status


async def until_state(client: AnyClient, job_id: str, *states: str) -> Json:
    """The job once it is in one of these states."""
    async with asyncio.timeout(PATIENCE_S):
        while (job := await get(client, job_id))["state"] not in states:
            assert job["state"] not in FINAL, job
            await asyncio.sleep(0.01)
    return job


async def until_making(client: AnyClient, job_id: str, name: str) -> None:
    """Return once a worker is at the variant."""

    async def started() -> bool:
        variants = (await get(client, job_id))["variants"]
        return any(v["name"] == name and v["state"] == "running" for v in variants)

    await until_true(started)


async def until_true(condition: Callable[[], Awaitable[bool]]) -> None:
    """Return once the condition holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not await condition():  # noqa: ASYNC110 - states of a server have no event
            await asyncio.sleep(0.01)


async def until(condition: Callable[[], bool]) -> None:
    """Return once the condition holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - states of other processes have no event
            await asyncio.sleep(0.005)


async def story(client: AnyClient, job_id: str, *, after: str = "") -> list[Event]:
    """The job's events behind `after`, to the end of the stream."""
    headers = {"Last-Event-ID": after} if after else {}
    async with asyncio.timeout(PATIENCE_S):
        answer = await client.get(f"/api/jobs/{job_id}/events", headers=headers)
        assert answer.status == 200, await answer.text()
        return [event async for event in read_events(answer.content)]


async def picture(client: AnyClient, job: Json, name: str) -> bytes:
    """The bytes of a variant, which are there."""
    answer = await client.get(f"/api/jobs/{job['id']}/variants/{name}")
    assert answer.status == 200, await answer.text()
    return await answer.read()


def variant(job: Json, name: str) -> Json:
    """The job's variant of that name."""
    found: Json = next(v for v in job["variants"] if v["name"] == name)
    return found
