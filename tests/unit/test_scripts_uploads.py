import json
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from load import Reply
from uploads import ROUTES, client_session, upload

Serve = Callable[[web.Application], Awaitable[TestServer]]


async def _upload_to(serve: Serve, route: str, status: int, body: bytes) -> Reply:
    """Upload four bytes to a server that answers so."""

    async def answer(request: web.Request) -> web.Response:
        form = await request.post()
        sent = form["file"]
        assert isinstance(sent, web.FileField)
        assert list(form) == ["preset", "file"]
        assert sent.file.read() == b"four"
        assert request.headers["Prefer"] == "wait=60"
        return web.Response(status=status, body=body)

    app = web.Application()
    app.router.add_post(ROUTES[route].path, answer)
    server = await serve(app)
    async with client_session(str(server.make_url("/"))) as client:
        return await upload(client, ROUTES[route], b"four", {"preset": "social"})


def _job(state: str) -> bytes:
    variants, failures = [{"bytes": 5}, {"bytes": 6}], [{"detail": "A worker died."}]
    return json.dumps({"state": state, "variants": variants, "failures": failures}).encode()


@pytest.mark.parametrize(
    ("route", "status", "body", "expected"),
    [
        ("jobs", 200, _job("completed"), Reply(None, 4, 11)),
        ("jobs", 200, _job("partial"), Reply("job partial", 4, 0, "A worker died.")),
        ("jobs", 202, _job("running"), Reply("202", 4, 0)),
        ("jobs", 503, b"", Reply("503", 4, 0)),
        ("transform", 200, b"picture", Reply(None, 4, 7)),
        ("files", 201, b'{"result": {"bytes": 9}}', Reply(None, 4, 9)),
        ("files", 422, b"", Reply("422", 4, 0)),
        ("files", 422, b"[]", Reply("422", 4, 0)),
        ("jobs", 422, b'{"detail": "No such preset."}', Reply("422", 4, 0, "No such preset.")),
    ],
)
async def test_a_reply_says_what_was_made_or_what_came_instead(
    aiohttp_server: Serve, route: str, status: int, body: bytes, expected: Reply
) -> None:
    assert await _upload_to(aiohttp_server, route, status, body) == expected


async def test_a_server_that_is_not_there_is_an_error_of_the_reply(unused_tcp_port: int) -> None:
    async with client_session(f"http://127.0.0.1:{unused_tcp_port}") as client:
        reply = await upload(client, ROUTES["jobs"], b"four", {})

    assert reply == Reply("cannot connect", 0, 0)
