"""What server/wire/connections.py takes for granted of aiohttp, and its small parts on their own.

If one of the first tests fails after an update of aiohttp, look at every method of `Connection`.
"""

import asyncio
import inspect
import re
from types import SimpleNamespace

import pytest
from aiohttp import HttpVersion10, web, web_protocol
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_exceptions import BadHttpMessage, BadStatusLine, LineTooLong

from pixelpipe.server.wire.bounds import Bounds
from pixelpipe.server.wire.connections import BoundedServer, Connection
from pixelpipe.server.wire.crowd import Crowd
from pixelpipe.server.wire.framing import broken, doubt
from tests.http_jobs import until

HANDLER = web.RequestHandler


def _parameters(function: object) -> list[str]:
    assert callable(function)
    return list(inspect.signature(function).parameters)


@pytest.mark.parametrize(
    "name",
    [
        "_current_request",
        "_force_close",
        "_keepalive_handle",
        "_messages",
        "_request_count",
        "_waiter",
    ],
)
def test_aiohttp_s_connections_have_what_ours_read(name: str) -> None:
    assert name in HANDLER.__slots__


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("connection_made", ["self", "transport"]),
        ("connection_lost", ["self", "exc"]),
        ("data_received", ["self", "data"]),
        ("pause_writing", ["self"]),
        ("resume_writing", ["self"]),
        ("handle_error", ["self", "request", "status", "exc", "message"]),
        ("finish_response", ["self", "request", "resp", "start_time"]),
        ("force_close", ["self"]),
        ("log_exception", ["self", "args", "kw"]),
        ("_process_keepalive", ["self"]),
        ("start", ["self"]),
    ],
)
def test_aiohttp_s_connections_have_what_ours_change(name: str, parameters: list[str]) -> None:
    assert _parameters(getattr(HANDLER, name)) == parameters


def test_every_method_of_ours_that_aiohttp_calls_is_in_the_list_above() -> None:
    ours = {name for name, value in vars(Connection).items() if inspect.isfunction(value)}
    theirs = set(dir(HANDLER)) | set(dir(BaseProtocol))
    assert ours & theirs - {"__init__"} == {
        "_process_keepalive",
        "connection_lost",
        "connection_made",
        "data_received",
        "finish_response",
        "force_close",
        "handle_error",
        "log_exception",
        "pause_writing",
        "resume_writing",
    }


def test_aiohttp_does_no_more_with_its_messages_than_ours_can() -> None:
    """They are in a list of ours, where aiohttp has a deque."""
    source = inspect.getsource(web_protocol)
    assert set(re.findall(r"\b_messages\.(\w+)", source)) == {"append", "popleft"}
    assert re.findall(r"\b_messages\b(?:: \S+)? = .*|\b_messages\[", source) == [
        "_messages: deque[_MsgType] = deque()"
    ]


def test_a_broken_message_is_told_from_a_request() -> None:
    error = web_protocol._ErrInfo(status=400, exc=ValueError("x"), message="x")
    assert error.exc.args == ("x",)
    source = inspect.getsource(HANDLER.data_received)
    assert "_ErrInfo(status=400, exc=exc, message=exc.message), EMPTY_PAYLOAD" in source


def test_servers_are_made_of_what_we_copy() -> None:
    assert _parameters(web.Server.__init__) == [
        "self",
        "handler",
        "request_factory",
        "handler_cancellation",
        "loop",
        "kwargs",
    ]
    assert _parameters(web.AppRunner._make_server) == ["self"]
    source = inspect.getsource(web.Server)
    assert "RequestHandler(self, loop=self._loop, **self._kwargs)" in source


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (LineTooLong("x", 8190), 431),
        (BadHttpMessage("Too many headers received"), 431),
        (BadHttpMessage("anything else"), 400),
        (BadStatusLine("SSH-2.0"), 400),
    ],
)
def test_what_the_parser_finds_is_told(error: BadHttpMessage, status: int) -> None:
    assert broken(error).status == status


def test_a_plain_request_raises_no_doubt() -> None:
    message = SimpleNamespace(
        method="GET",
        path="/x?y=http://z/",
        version=HttpVersion10,
        headers={"Host": "h"},
        raw_headers=((b"Host", b"h"),),
    )
    assert doubt(message) is None


def test_a_crowd_has_room_for_so_many_of_each_and_of_all() -> None:
    crowd = Crowd(2, 3)
    assert crowd.enter("a")
    assert crowd.enter("a")
    assert not crowd.enter("a")
    assert crowd.enter("b")
    assert not crowd.enter("c")
    crowd.leave("a")
    assert crowd.enter("c")
    assert crowd.count == 3


def test_a_crowd_counts_some_only_in_the_total() -> None:
    crowd = Crowd(1, 3)
    assert [crowd.enter(None) for _ in range(4)] == [True, True, True, False]
    crowd.leave(None)
    assert crowd.enter("a")


def test_a_crowd_forgets_who_has_left() -> None:
    crowd = Crowd(1)
    for number in range(100):
        assert crowd.enter(str(number))
        crowd.leave(str(number))
    assert crowd.count == 0
    assert not crowd._clients


@pytest.mark.parametrize("leaves", [True, False])
async def test_who_leaves_before_his_last_answer_or_sends_on_is_not_waited_for(
    leaves: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def answer(_: web.BaseRequest) -> web.Response:
        begun.set()
        await go_on.wait()
        return web.Response()

    bounds = Bounds(9, 9, 9.0, 9.0, 9.0, 9, lambda address: address)
    server = BoundedServer(web.Server(answer), bounds)
    listening = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    async with listening:
        _, client = await asyncio.open_connection(*listening.sockets[0].getsockname())
        client.write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        await begun.wait()
        (connection,) = server.connections
        assert isinstance(connection, Connection)
        client.write(b"no request\r\n\r\n")
        await until(lambda: connection._over)
        if leaves:
            client.transport.abort()
        else:
            client.write(b"more than nine bytes")
        await until(lambda: not server.crowd.count)
        assert not server.farewells._lingering
        go_on.set()
        await server.shutdown(0)
        client.transport.abort()
