"""What is read: the page, the presets, and the health of the server."""

import re

import pytest

from pixelpipe import errors
from pixelpipe.runtime import Runtime
from tests.serving import Client


async def test_the_page(client: Client) -> None:
    answer = await client.get("/")

    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none';")
    assert "PixelPipe" in await answer.text()


async def test_everything_that_the_page_names_is_there(client: Client) -> None:
    types = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
    page = await (await client.get("/")).text()
    named = re.findall(r'(?:src|href)="(static/[^"]+)"', page)

    assert named
    for path in named:
        answer = await client.get(f"/{path}")
        assert (answer.status, answer.content_type) == (200, types[path.rpartition(".")[2]]), path


async def test_the_browser_asks_again_and_is_told_that_nothing_changed(client: Client) -> None:
    etag = (await client.get("/")).headers["ETag"]
    answer = await client.get("/", headers={"If-None-Match": etag})
    assert (answer.status, await answer.read()) == (304, b"")


async def test_presets(client: Client) -> None:
    answer = await client.get("/api/presets")
    presets = {preset["name"]: preset for preset in (await answer.json())["presets"]}
    social = {variant["name"]: variant for variant in presets["social"]["variants"]}

    assert answer.status == 200
    assert {"social", "instagram", "web", "icons", "effects"} <= set(presets)
    assert (social["x-post"]["width"], social["x-post"]["height"]) == (1600, 900)


async def test_alive_and_ready(client: Client) -> None:
    alive, ready = await client.get("/healthz"), await client.get("/readyz")

    assert (alive.status, await alive.json()) == (200, {"status": "ok"})
    assert ready.status == 200
    assert (await ready.json())["ready"] is True


async def test_not_ready_while_draining(
    client: Client, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(runtime), "ready", lambda _: {"ready": False})
    answer = await client.get("/readyz")
    assert (answer.status, await answer.json()) == (503, {"ready": False})
    assert (await client.get("/healthz")).status == 200


async def test_every_answer_has_an_id_of_its_own(client: Client) -> None:
    ids = [
        (await client.get(path)).headers["X-Request-Id"] for path in ("/", "/healthz", "/nope", "/")
    ]
    assert len(set(ids)) == 4


async def test_a_defect_is_answered_with_no_internals(
    client: Client, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def defect(_: Runtime) -> dict[str, object]:
        raise KeyError("/secret/path")

    monkeypatch.setattr(type(runtime), "ready", defect)
    answer = await client.get("/readyz")
    problem = await answer.json()

    assert answer.status == errors.InternalError.status
    assert answer.content_type == "application/problem+json"
    assert problem["type"] == "urn:pixelpipe:error:internal"
    assert "secret" not in await answer.text()
