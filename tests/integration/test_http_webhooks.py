"""Webhooks: one signed message at a job's end, whatever happens before it is delivered."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer
from pytest_aiohttp import AiohttpClient, AiohttpServer

from pixelpipe.config import Settings
from pixelpipe.runtime import Runtime, open_runtime
from tests.http_jobs import (
    Json,
    document,
    get,
    own_photo,
    refusal,
    send,
    specs,
    story,
    until,
    until_state,
    until_true,
)
from tests.serving import Client, connected, small_settings

REFUSED = (422, "invalid-spec")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return small_settings(tmp_path_factory.mktemp("data"), webhook_private=True)


@dataclass
class Receiver:
    """A server that keeps what it is told."""

    url: str = ""
    status: int = 204
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def receive(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.got.append((headers, await request.read()))
        return web.Response(status=self.status)

    def told(self, job_id: str) -> list[Json]:
        """What came about the job."""
        bodies = [json.loads(body) for _, body in self.got]
        return [body for body in bodies if job_id in json.dumps(body)]


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    found = Receiver()
    app = web.Application()
    app.router.add_post("/hook", found.receive)
    async with TestServer(app) as server:
        found.url = str(server.make_url("/hook"))
        yield found


def signed(folder: Path, headers: dict[str, str], body: bytes) -> bool:
    """Whether the message is signed as Standard Webhooks want it, with the server's secret."""
    secret = (folder / "webhook-secret").read_text().strip()
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    digest = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    return f"v1,{digest}" in headers["webhook-signature"].split()


async def hooked(client: Client, url: str, photo: bytes, *names: str) -> Json:
    """A job at its end that has a webhook."""
    answer = await send(client, photo, specs(*names), query={"webhook": url}, Prefer="wait=30")
    assert answer.status == 200, await answer.text()
    return await document(answer)


async def test_the_end_is_told_once_and_signed(
    client: Client, receiver: Receiver, settings: Settings, runtime: Runtime
) -> None:
    job = await hooked(client, receiver.url, own_photo(), "a", "b")
    await until(lambda: bool(receiver.got))
    other = await hooked(client, receiver.url, own_photo(), "a")
    await until(lambda: bool(receiver.told(other["id"])))
    (headers, body), *_ = receiver.got

    assert job["webhook"] == receiver.url
    assert len(receiver.told(job["id"])) == 1
    assert signed(settings.data_dir, headers, body)
    assert not signed(settings.data_dir, headers, body + b" ")
    assert abs(int(headers["webhook-timestamp"]) - datetime.now(UTC).timestamp()) < 60
    assert headers["content-type"].startswith("application/json")
    last = (await story(client, job["id"]))[-1]
    assert json.loads(body)["type"] == last.name == "job.completed"
    assert json.loads(body)["data"]["id"] == job["id"]
    assert json.loads(body)["data"]["state"] == "completed"
    assert await runtime.storage.outbox.next_due_at() is None


async def test_a_failed_job_is_told_and_a_retried_one_again(
    client: Client, receiver: Receiver
) -> None:
    job = await hooked(client, receiver.url, own_photo()[:-3000], "a")
    await until(lambda: len(receiver.told(job["id"])) == 1)
    await client.post(f"/api/jobs/{job['id']}/retry", headers={"Prefer": "wait=30"})
    await until(lambda: len(receiver.told(job["id"])) == 2)

    assert [body["type"] for body in receiver.told(job["id"])] == ["job.failed"] * 2
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 2


async def test_a_cancelled_job_is_told(client: Client, receiver: Receiver) -> None:
    wanted = [{"name": "slow", "resize": {"width": 2000, "enlarge": True}, "format": "avif"}]
    photo, query = own_photo(1600, 1200), {"webhook": receiver.url}
    job = await document(await send(client, photo, wanted, query=query))
    assert (await client.delete(f"/api/jobs/{job['id']}")).status == 202
    await until(lambda: bool(receiver.told(job["id"])))

    assert [body["type"] for body in receiver.told(job["id"])] == ["job.cancelled"]


async def test_files_tell_as_well(client: Client, receiver: Receiver) -> None:
    answer = await client.post("/api/files", params={"webhook": receiver.url}, data=own_photo())
    job_id = (await document(answer))["id"]
    await until(lambda: bool(receiver.told(job_id)))


async def test_a_message_outlives_an_outage_and_a_restart(
    tmp_path: Path,
    receiver: Receiver,
    aiohttp_server: AiohttpServer,
    aiohttp_client: AiohttpClient,
) -> None:
    settings = small_settings(tmp_path, webhook_private=True, workers=1)
    receiver.status = 503
    async with open_runtime(settings) as runtime:
        client = await connected(runtime, aiohttp_server, aiohttp_client)
        job = await hooked(client, receiver.url, own_photo(), "a")
        outbox, later = runtime.storage.outbox, datetime.now(UTC) + timedelta(hours=1)

        async def failed_once() -> bool:
            return [delivery.attempts for delivery in await outbox.due(later, 9)] == [1]

        await until_true(failed_once)
        (delivery,) = await outbox.due(later, 9)
        assert delivery.due_at > datetime.now(UTC)
        # As if the time had come while the server was down.
        await outbox.postpone(delivery.id, 1, datetime.now(UTC))
    receiver.status = 200
    async with open_runtime(settings) as runtime:
        client = await connected(runtime, aiohttp_server, aiohttp_client)
        await until(lambda: len(receiver.got) == 2)
        (first_headers, first), (headers, body) = receiver.got

        assert first == body
        assert first_headers["webhook-id"] == headers["webhook-id"]
        assert signed(tmp_path, headers, body)
        assert (await get(client, job["id"]))["state"] == "completed"
        outbox = runtime.storage.outbox

        async def empty() -> bool:
            return await outbox.next_due_at() is None

        await until_true(empty)


async def test_a_message_outlives_its_job(client: Client, receiver: Receiver) -> None:
    job = await hooked(client, receiver.url, own_photo(), "a")
    await client.delete(f"/api/jobs/{job['id']}")
    await until(lambda: len(receiver.told(job["id"])) == 1)


@pytest.mark.parametrize("webhook", ["", "ftp://example.com/", "/hook", "https://", "no url"])
async def test_a_webhook_that_is_none(client: Client, webhook: str) -> None:
    answer = await send(client, own_photo(), specs("a"), query={"webhook": webhook})
    errors = (await document(answer))["errors"]

    assert await refusal(answer) == REFUSED
    assert [error["pointer"] for error in errors] == ["/webhook"]


async def test_by_default_only_https_and_public_addresses(
    tmp_path: Path, aiohttp_server: AiohttpServer, aiohttp_client: AiohttpClient
) -> None:
    refused = ["http://example.com/", "https://127.0.0.1/", "https://localhost/", "https://[::1]/"]
    async with open_runtime(small_settings(tmp_path, workers=1)) as runtime:
        client = await connected(runtime, aiohttp_server, aiohttp_client)
        for url in [*refused, "https://10.0.0.1/", "https://169.254.169.254/latest"]:
            answer = await send(client, own_photo(), specs("a"), query={"webhook": url})
            assert await refusal(answer) == REFUSED
            assert (await document(answer))["errors"][0]["pointer"] == "/webhook"
        answer = await send(client, own_photo(), specs("a"))
        await until_state(client, (await document(answer))["id"], "completed")
