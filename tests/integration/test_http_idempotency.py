"""`Idempotency-Key`: a request that is sent again is done once."""

import asyncio
from pathlib import Path

import pytest
from aiohttp import FormData
from pytest_aiohttp import AiohttpClient, AiohttpServer

from pixelpipe.runtime import open_runtime
from tests.http_jobs import (
    PATIENCE_S,
    begun,
    document,
    get,
    made,
    own_photo,
    refusal,
    send,
    specs,
    until_state,
)
from tests.serving import Client, connected, small_settings

PATHS = ("/api/jobs?preset=icons", "/api/files", "/api/files/async")
REUSED = (422, "idempotency-key-reused")


@pytest.mark.parametrize("path", PATHS)
async def test_the_same_request_again_gives_the_same_job(client: Client, path: str) -> None:
    photo, ids = own_photo(), set()
    for key in (path, f'"{path}"', f'  "{path}" '):
        answer = await client.post(path, data=photo, headers={"Idempotency-Key": key})
        assert answer.status in {201, 202}
        ids.add((await document(answer))["id"])

    assert len(ids) == 1


@pytest.mark.parametrize("path", PATHS)
async def test_a_key_with_another_picture_is_refused(client: Client, path: str) -> None:
    headers = {"Idempotency-Key": f"picture-of-{path}"}
    await client.post(path, data=own_photo(), headers=headers)
    answer = await client.post(path, data=own_photo(), headers=headers)

    assert await refusal(answer) == REUSED


@pytest.mark.parametrize(
    "query", [{"priority": "1"}, {"name": "other.jpg"}, {"webhook": "https://example.com/"}]
)
async def test_a_key_with_another_wish_is_refused(client: Client, query: dict[str, str]) -> None:
    photo, key = own_photo(), f"wish-{next(iter(query))}"
    first = await begun(client, photo, specs("a"), Idempotency_Key=key)
    other = await send(client, photo, specs("a"), query=query, Idempotency_Key=key)
    wider = await send(client, photo, specs("a", width=41), Idempotency_Key=key)
    same = await begun(client, photo, specs("a"), Idempotency_Key=key)

    assert await refusal(other) == REUSED
    assert await refusal(wider) == REUSED
    assert same["id"] == first["id"]


async def test_a_key_belongs_to_one_operation(client: Client) -> None:
    photo, headers = own_photo(), {"Idempotency-Key": "operation"}
    assert (await client.post("/api/files", data=photo, headers=headers)).status == 201
    answer = await client.post("/api/files/async", data=photo, headers=headers)

    assert await refusal(answer) == REUSED


async def test_a_form_and_a_raw_body_that_want_the_same_are_the_same(client: Client) -> None:
    photo, headers = own_photo(), {"Idempotency-Key": "form"}
    form = FormData({"preset": "icons"})
    form.add_field("file", photo, filename="boat.jpg")
    first = await client.post("/api/jobs", data=form, headers=headers)
    path = "/api/jobs?preset=icons&name=boat.jpg"
    second = await client.post(path, data=photo, headers=headers)

    assert (first.status, second.status) == (202, 202)
    assert (await document(first))["id"] == (await document(second))["id"]


async def test_fifty_clients_at_once_make_one_job(client: Client) -> None:
    photo = own_photo()
    jobs = await asyncio.gather(
        *(made(client, photo, specs("a", "b"), Idempotency_Key="crowd") for _ in range(50))
    )
    listed = await document(await client.get("/api/jobs?limit=200"))
    same = [job for job in listed["jobs"] if job["source"]["sha256"] == jobs[0]["source"]["sha256"]]

    assert {job["id"] for job in jobs} == {same[0]["id"]}
    assert len(same) == 1
    assert same[0]["decodes"] == 1


async def test_of_fifty_different_requests_with_one_key_one_wins(client: Client) -> None:
    answers = await asyncio.gather(
        *(send(client, own_photo(), specs("a"), Idempotency_Key="race") for _ in range(50))
    )
    losers = [await refusal(answer) for answer in answers if answer.status != 202]

    assert losers == [REUSED] * 49


async def test_a_request_that_was_refused_does_not_take_the_key(client: Client) -> None:
    refused = await send(client, b"no picture", specs("a"), Idempotency_Key="second-try")
    assert await refusal(refused) == (415, "unsupported-format")
    await begun(client, own_photo(), specs("a"), Idempotency_Key="second-try")


@pytest.mark.parametrize("key", ["", '""', '"half', "two words", "k" * 256, "ключ", '"a", "b"'])
async def test_a_bad_key_is_refused_before_the_body_is_read(client: Client, key: str) -> None:
    """The body is announced, and never comes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    head = "POST /api/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"
    writer.write(f"{head}Idempotency-Key: {key}\r\n\r\n".encode())
    async with asyncio.timeout(PATIENCE_S):
        answer = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readuntil(b"}")
    writer.close()

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"malformed-request" in body


async def test_two_keys_are_refused(client: Client) -> None:
    headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "a")]
    answer = await client.post("/api/jobs?preset=icons", data=own_photo(), headers=headers)

    assert await refusal(answer) == (400, "malformed-request")


async def test_a_key_of_a_deleted_job_is_not_free(client: Client) -> None:
    photo = own_photo()
    job = await made(client, photo, specs("a"), Idempotency_Key="deleted")
    assert (await client.delete(f"/api/jobs/{job['id']}")).status == 204
    again = await send(client, photo, specs("a"), Idempotency_Key="deleted")
    other = await send(client, own_photo(), specs("a"), Idempotency_Key="deleted")

    assert await refusal(again) == (410, "job-gone")
    assert await refusal(other) == REUSED


async def test_a_key_gives_a_failed_job_again(client: Client) -> None:
    damaged = own_photo()[:-3000]
    job = await made(client, damaged, specs("a"), Idempotency_Key="damaged")
    again = await made(client, damaged, specs("a"), Idempotency_Key="damaged")

    assert job["state"] == "failed"
    assert again == job


async def test_keys_outlive_the_server(
    tmp_path: Path, aiohttp_server: AiohttpServer, aiohttp_client: AiohttpClient
) -> None:
    photo, settings = own_photo(), small_settings(tmp_path, workers=1)
    async with open_runtime(settings) as runtime:
        client = await connected(runtime, aiohttp_server, aiohttp_client)
        first = await begun(client, photo, specs("a"), Idempotency_Key="kept")
        await until_state(client, first["id"], "completed")
    async with open_runtime(settings) as runtime:
        client = await connected(runtime, aiohttp_server, aiohttp_client)
        again = await made(client, photo, specs("a"), Idempotency_Key="kept")
        other = await send(client, own_photo(), specs("a"), Idempotency_Key="kept")

        assert again["id"] == first["id"]
        assert again == await get(client, first["id"])
        assert await refusal(other) == REUSED
