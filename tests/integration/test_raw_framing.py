"""Bytes that are no request, or of which it is in doubt where a request ends.

Each gets a stated status, and the connection is closed: what follows is taken for no request.
"""

import asyncio
import select
import socket
from collections.abc import Iterator

import pytest

from tests.raw_sockets import PATIENCE_S, Answer, head, raw, told
from tests.serving import LiveServer

MALFORMED = (400, "malformed-request")
TOO_LARGE = (431, "headers-too-large")

POST = "POST /api/transform?width=8"
CHUNKED = "Transfer-Encoding: chunked"
LAST = b"0\r\n\r\n"

# What a server that took it for a request would answer with 404.
NEXT = head("GET /smuggled")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    server = LiveServer(
        tmp_path_factory.mktemp("live") / "data",
        PIXELPIPE_HEADER_TIMEOUT_S="0.5",
        PIXELPIPE_UPLOAD_TIMEOUT_S="0.5",
    )
    yield server
    assert server.terminate() == 0


def refusal(answer: Answer) -> tuple[int, str | None]:
    return answer.status, answer.slug


def chunked(body: bytes) -> bytes:
    return head(POST, CHUNKED) + body


LENGTHS = {
    "both, chunked last": head(POST, "Content-Length: 5", CHUNKED) + LAST,
    "both, chunked first": head(POST, CHUNKED, "Content-Length: 5") + LAST,
    "one length twice": head(POST, "Content-Length: 1", "Content-Length: 1") + b"x",
    "two lengths": head(POST, "Content-Length: 1", "Content-Length: 2") + b"xx",
    "a list of lengths": head(POST, "Content-Length: 1, 1") + b"x",
    "a sign": head(POST, "Content-Length: +1") + b"x",
    "a negative length": head(POST, "Content-Length: -1") + b"x",
    "a length that overflows": head(POST, f"Content-Length: {10**23}") + b"x",
    "a length in hexadecimal": head(POST, "Content-Length: 0x1") + b"x",
    "an empty length": head(POST, "Content-Length:") + b"x",
}

CODINGS = {
    "an unknown coding": head(POST, "Transfer-Encoding: xchunked") + LAST,
    "compressed and chunked": head(POST, "Transfer-Encoding: gzip, chunked") + LAST,
    "chunked not last": head(POST, "Transfer-Encoding: chunked, identity") + LAST,
    "chunked twice": head(POST, "Transfer-Encoding: chunked, chunked") + LAST,
    "two fields": head(POST, CHUNKED, "Transfer-Encoding: identity") + LAST,
    "identity": head(POST, "Transfer-Encoding: identity"),
    "a vertical tab": head(POST, "Transfer-Encoding: \x0bchunked") + LAST,
    "a space before the colon": head(POST, "Transfer-Encoding : chunked") + LAST,
    "a folded line": head(POST, "Transfer-Encoding:\r\n chunked") + LAST,
    "chunked in HTTP/1.0": head(POST, CHUNKED).replace(b"HTTP/1.1", b"HTTP/1.0") + LAST,
}

CHUNKS = {
    "negative": chunked(b"-1\r\nx\r\n" + LAST),
    "more than 64 bits": chunked(b"fffffffffffffffff\r\nx\r\n" + LAST),
    "a prefix": chunked(b"0x1\r\nx\r\n" + LAST),
    "a space behind the size": chunked(b"1 \r\nx\r\n" + LAST),
    "longer than it says": chunked(b"1\r\nxx\r\n" + LAST),
    "shorter than it says": chunked(b"3\r\nx\r\n" + LAST),
    "bare line feeds": chunked(b"1\nx\n0\n\n"),
    "a bare line feed in an extension": chunked(b"1;a=b\nx\r\nx\r\n" + LAST),
    "no size": chunked(b"\r\nx\r\n" + LAST),
    "a length in the trailers": chunked(b"1\r\nx\r\n0\r\nContent-Length: 5\r\n\r\n"),
}

LINES = {
    "bare line feeds": b"GET / HTTP/1.1\nHost: localhost\n\n",
    "a bare line feed in the headers": b"GET / HTTP/1.1\r\nHost: localhost\nX: y\r\n\r\n",
    "a bare line feed at the end": b"GET / HTTP/1.1\r\nHost: localhost\r\n\n",
    "a bare carriage return": b"GET / HTTP/1.1\r\nHost: localhost\rX: y\r\n\r\n",
    "a folded header": head("GET /", "X: a\r\n b"),
    "a space before the first header": b"GET / HTTP/1.1\r\n Host: localhost\r\n\r\n",
    "a space before the colon": b"GET / HTTP/1.1\r\nHost : localhost\r\n\r\n",
    "no colon": head("GET /", "X"),
    "no name": head("GET /", ": x"),
    "a name that is none": head("GET /", "X(y: z"),
    "a zero byte": head("GET /", "X: a\0b"),
    "a control character": head("GET /", "X: a\x01b"),
    "a delete": head("GET /", "X: a\x7fb"),
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": head("GET /", "Host: localhost"),
    "a tab in the request line": b"GET\t/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
}

TARGETS = {
    "another host": head("GET http://evil.example/"),
    "the host with a user": head("GET http://user@localhost/"),
    "the host with a port": head("GET http://localhost:81/"),
    "another scheme": head("GET ftp://localhost/"),
    "no host": head("GET http:///"),
    "a fragment": head("GET /#here"),
    "no slash": head("GET api/jobs"),
    "an asterisk": head("GET *"),
    "a control character": head("GET /\x01"),
    "a byte that is not ASCII": head("GET /x").replace(b"/x", b"/\xff"),
    "a tunnel": head("CONNECT localhost:443"),
}

NO_HTTP = {
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/0.9 in words": b"GET / HTTP/0.9\r\n\r\n",
    "HTTP/1.2": head("GET /").replace(b"1.1", b"1.2"),
    "HTTP/2.0": head("GET /").replace(b"1.1", b"2.0"),
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": bytes.fromhex("16030100c8010000c40303") + bytes(190),
    "binary": b"\0\1\2\3\r\n\r\n",
    "an unknown method": head("BREW /"),
    "a method in small letters": head("get /"),
    "RTSP": b"DESCRIBE rtsp://localhost/ RTSP/1.0\r\nHost: localhost\r\n\r\n",
    "SSH": b"SSH-2.0-OpenSSH_9.2\r\n",
    "SMTP": b"EHLO example.com\r\n",
    "Redis": b"*1\r\n$4\r\nPING\r\n",
}

GROUPS = {
    "length": LENGTHS,
    "coding": CODINGS,
    "chunk": CHUNKS,
    "line": LINES,
    "target": TARGETS,
    "no HTTP": NO_HTTP,
}
CASES = [
    pytest.param(sent, id=f"{group}: {case}")
    for group, cases in GROUPS.items()
    for case, sent in cases.items()
]


@pytest.mark.parametrize("sent", CASES)
async def test_it_is_refused_and_nothing_behind_it_is_served(
    server: LiveServer, sent: bytes
) -> None:
    async with raw(server.port) as client:
        await client.send(sent + NEXT)
        answer = await client.answer()

    assert refusal(answer) == MALFORMED
    assert answer.closed
    assert answer.headers["connection"] == "close"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize("sent", CASES)
async def test_the_same_byte_by_byte(server: LiveServer, sent: bytes) -> None:
    """A parser must not depend on how the network cuts."""
    async with raw(server.port) as client:
        for place in range(len(sent)):
            client.writer.write(sent[place : place + 1])
            await asyncio.sleep(0)
        await client.send(NEXT)
        answer = await client.answer()

    assert refusal(answer) == MALFORMED
    assert answer.closed


LONG = {
    "the request line": head("GET /" + "x" * 9000),
    "a header": head("GET /", "X: " + "x" * 9000),
    "the name of a header": head("GET /", "x" * 9000 + ": y"),
    "too many headers": head("GET /", *["X: y"] * 200),
    "the headers together": head("GET /", *[f"X-{n}: {'x' * 8000}" for n in range(20)]),
    "a header of a megabyte": head("GET /", "X: " + "x" * 1_000_000),
    "a megabyte without a line": b"GET /" + b"x" * 1_000_000,
    "empty lines": b"\r\n" * 500_000,
    "trailers": chunked(b"1\r\nx\r\n0\r\n" + b"A: b\r\n" * 100_000 + b"\r\n"),
}


@pytest.mark.parametrize("sent", [pytest.param(sent, id=case) for case, sent in LONG.items()])
async def test_headers_that_are_too_large(server: LiveServer, sent: bytes) -> None:
    answer = await told(server.port, sent)
    assert refusal(answer) == TOO_LARGE
    assert answer.closed


async def test_a_size_that_is_barely_a_number_ends_like_a_slow_body(server: LiveServer) -> None:
    answer = await told(server.port, chunked(b"ffffffffffffffff\r\nx"))
    assert refusal(answer) == (408, "upload-too-slow")
    assert answer.closed


async def test_a_chunk_that_is_broken_after_the_upload_has_begun(server: LiveServer) -> None:
    async with raw(server.port) as client:
        await client.send(head(POST, CHUNKED, "Expect: 100-continue"))
        assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        await client.send(b"5\r\nhello\r\n", b"nonsense\r\n" + NEXT)
        answer = await client.answer()
    assert refusal(answer) == MALFORMED
    assert answer.closed


@pytest.mark.parametrize(
    "flood",
    [b"1;" + b"a" * 2_000_000 + b"\r\nx\r\n", b"1;a=b;c=d;e=f\r\nx\r\n" * 100_000],
    ids=["one long extension", "extensions of tiny chunks"],
)
async def test_what_is_nearly_all_frame_is_no_body(server: LiveServer, flood: bytes) -> None:
    answer = await told(server.port, head(POST, CHUNKED), flood, LAST)
    assert refusal(answer) == MALFORMED
    assert answer.closed


async def test_requests_before_the_wrong_one_are_answered(server: LiveServer) -> None:
    async with raw(server.port) as client:
        await client.send(head("GET /healthz") * 3)
        await client.send(LENGTHS["two lengths"] + NEXT)
        answers = [await client.answer() for _ in range(4)]
    # What comes in one piece with the wrong one is lost with it.
    assert [answer.status for answer in answers] in ([200, 200, 200, 400], [400, 0, 0, 0])
    assert answers[-1].closed


async def test_a_doubtful_request_behind_others_waits_for_their_answers(
    server: LiveServer,
) -> None:
    async with raw(server.port) as client:
        await client.send(head("GET /healthz") * 3 + TARGETS["another host"] + NEXT)
        answers = [await client.answer() for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 200, 400]
    assert answers[-1].slug == "malformed-request"
    assert answers[-1].closed


@pytest.mark.parametrize("protocol", ["websocket", "h2c", "TLS/1.2"])
async def test_no_other_protocol_is_switched_to(server: LiveServer, protocol: str) -> None:
    """The request is answered as if it had not asked, and the last one on its connection."""
    sent = head("GET /healthz", "Connection: Upgrade", f"Upgrade: {protocol}")
    answer = await told(server.port, sent + NEXT)
    assert answer.status == 200
    assert answer.closed


async def test_trace_is_no_method_of_any_route(server: LiveServer) -> None:
    answer = await told(server.port, head("TRACE /", "X-Secret: 1"))
    assert refusal(answer) == (405, "method-not-allowed")
    assert b"X-Secret" not in answer.body


@pytest.mark.parametrize("path", ["/", "/nope", "/api/jobs", "/api/transform"])
async def test_an_expectation_that_nobody_meets(server: LiveServer, path: str) -> None:
    method = "POST" if "api" in path else "GET"
    answer = await told(server.port, head(f"{method} {path}", "Expect: a-miracle"))
    assert refusal(answer) == (417, "expectation-failed")


async def test_the_log_has_no_traceback_of_all_that(server: LiveServer) -> None:
    assert "Traceback" not in server.log.read_text()


async def test_the_answer_to_a_broken_body_is_followed_by_no_reset(server: LiveServer) -> None:
    """A client that first sends all it has would lose the answer to one."""
    flood = b"1;" + b"a" * 2_000_000 + b"\r\nx\r\n"

    def answered() -> bytes:
        with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S) as client:
            client.sendall(head(POST, CHUNKED) + flood + LAST)
            told = b""
            while piece := client.recv(65536):
                told += piece
            return told

    assert (await asyncio.to_thread(answered)).startswith(b"HTTP/1.1 400 ")


async def test_a_body_that_breaks_with_the_end_of_a_chunk_is_refused_at_once(
    server: LiveServer,
) -> None:
    async with raw(server.port) as client, raw(server.port) as other:
        await client.send(head(POST, CHUNKED, "Expect: 100-continue"))
        assert (await client.answer()).status == 100
        await client.send(b"1\r\nx")
        await other.send(NEXT)
        assert (await other.answer()).status  # By now the byte has been taken.
        await client.send(b"\r\n0\r\nContent-Length: 5\r\n\r\n")
        assert refusal(await client.answer()) == MALFORMED


async def test_what_comes_after_the_answer_to_a_body_that_breaks_is_taken(
    server: LiveServer,
) -> None:
    """The kernel would reset the connection otherwise, and the client lose the answer."""

    def reset() -> int:
        with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S) as client:
            client.sendall(head(POST, CHUNKED, "Expect: 100-continue"))
            assert client.recv(65536).startswith(b"HTTP/1.1 100 ")
            client.sendall(b"3\r\nx\r\n0\r\n\r\n")
            while client.recv(65536):
                pass
            client.sendall(b"G")
            after = select.poll()
            after.register(client, 0)
            return sum(event for _, event in after.poll(200)) & select.POLLERR

    assert await asyncio.to_thread(reset) == 0
