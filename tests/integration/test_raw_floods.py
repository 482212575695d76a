"""Clients in great numbers, and great amounts from few: each has a stated end, nobody else notices.

The memory of the server stays bounded, and its event loop is never held up for long.
"""

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from pixelpipe.config import MIB
from tests.photographs import photo_jpeg
from tests.raw_sockets import (
    Answer,
    Crowd,
    Raw,
    ask,
    head,
    need_descriptors,
    raw,
    read_answers,
    told,
)
from tests.watching import WatchedServer

LONGEST_HOLD_MS = 200
CROWD = 5000
STREAMS = 1000
MOST_UPLOAD_BYTES = 2 * MIB

UPLOADS = ["/api/jobs?preset=icons", "/api/transform?width=8", "/api/files", "/api/files/async"]
FORM = "Content-Type: multipart/form-data; boundary=cut"
PART = b'--cut\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WatchedServer]:
    """With the default limits of connections."""
    server = WatchedServer(
        tmp_path_factory.mktemp("live") / "data",
        PIXELPIPE_MAX_UPLOAD_BYTES=str(MOST_UPLOAD_BYTES),
        PIXELPIPE_LOG_LEVEL="warning",
    )
    yield server
    assert server.terminate() == 0


@pytest.fixture(scope="module")
def roomy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WatchedServer]:
    """With room for all connections of one client."""
    need_descriptors(2 * CROWD + 1000)
    server = WatchedServer(
        tmp_path_factory.mktemp("roomy") / "data",
        PIXELPIPE_MAX_CONNECTIONS=str(CROWD + 100),
        PIXELPIPE_CLIENT_CONNECTIONS=str(CROWD + 100),
        PIXELPIPE_HEADER_TIMEOUT_S="120",
        PIXELPIPE_LOG_LEVEL="warning",
    )
    yield server
    assert server.terminate() == 0


@asynccontextmanager
async def unimpressed(server: WatchedServer, more_bytes: int) -> AsyncIterator[None]:
    """Around an attack: the loop goes on, memory stays, others are served during and after it."""
    assert (await told(server.port, head("GET /healthz"))).status == 200
    before_bytes = server.memory_bytes()
    server.begin()
    async with raw(server.port) as other:
        yield
        await other.send(head("GET /healthz"))
        assert (await other.answer()).status == 200
    assert server.held_up_ms() < LONGEST_HOLD_MS
    assert server.memory_bytes() - before_bytes < more_bytes


def served(clients: list[socket.socket]) -> bool:
    """Whether a request on each of them is answered."""
    ask(clients, head("GET /healthz"))
    return {answer.status for answer in read_answers(clients)} == {200}


def refusals(answers: list[Answer]) -> set[tuple[int, str | None, str | None]]:
    """What they say, and when to come back."""
    return {(answer.status, answer.slug, answer.headers.get("retry-after")) for answer in answers}


async def test_idle_connections_of_one_client_beyond_its_share_are_refused_at_once(
    server: WatchedServer,
) -> None:
    need_descriptors(CROWD)
    async with unimpressed(server, 32 * MIB):
        with Crowd(server.port, CROWD) as crowd:
            allowed, refused = crowd.clients[:99], crowd.clients[99:]  # one is another client's
            answers = read_answers(refused)
            assert served(allowed)
    assert refusals(answers) == {(429, "too-many-connections", "1")}


async def test_who_is_refused_with_a_request_on_the_way_sees_the_answer(
    server: WatchedServer,
) -> None:
    """Its bytes lie there unread; a connection closed on them would be reset."""
    sent = head("POST /api/transform", "Content-Length: 1000000") + bytes(1_000_000)
    with Crowd(server.port, 100):
        answer = await told(server.port, sent)
    assert (answer.status, answer.slug) == (429, "too-many-connections")
    assert answer.closed


async def test_room_is_made_when_connections_close(server: WatchedServer) -> None:
    with Crowd(server.port, 100):
        assert (await told(server.port, head("GET /healthz"))).status == 429
    async with asyncio.timeout(10):
        while (await told(server.port, head("GET /healthz"))).status != 200:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_as_many_connections_as_settings_allow_are_held(roomy: WatchedServer) -> None:
    async with unimpressed(roomy, CROWD * 48 * 1024):
        with Crowd(roomy.port, CROWD) as crowd:
            assert served(crowd.clients[::50])


async def test_streams_of_one_client_beyond_its_share_are_refused(roomy: WatchedServer) -> None:
    async with unimpressed(roomy, STREAMS * 64 * 1024):
        with Crowd(roomy.port, STREAMS, head("GET /api/events")) as crowd:
            answers = read_answers(crowd.clients)
    assert sum(answer.status == 200 for answer in answers) == 100
    refused = [answer for answer in answers if answer.status != 200]
    assert refusals(refused) == {(429, "too-many-streams", "1")}


def form(*fields: str) -> bytes:
    return head("POST /api/jobs", FORM, "Transfer-Encoding: chunked", *fields)


def chunks(*pieces: bytes) -> Iterator[bytes]:
    """The pieces as a chunked body."""
    for piece in pieces:
        yield b"%x\r\n%s\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"


FIELD = PART % (b"variants", b"x")
FILE = PART % (b"file", b"x" * 100)
END = b"--cut--\r\n"

FORMS = {
    "a hundred thousand fields": ([FIELD * 1000] * 100, 400, "malformed-request"),
    "a hundred thousand files": ([FILE * 1000] * 100, 400, "malformed-request"),
    "a hundred thousand parts of no name": ([b"--cut\r\n\r\n\r\n" * 1000] * 100, 400, None),
    "empty lines before the first part": ([b"\r\n" * 32_000] * 64, 413, "upload-too-large"),
    "long lines before the first part": ([b"x" * 8000 + b"\r\n"] * 1000, 413, "upload-too-large"),
    "one line without an end": ([b"x" * 65536] * 64, 413, "upload-too-large"),
    "many lines behind the last part": (
        [FILE, END, *[b"x" * 8000 + b"\r\n"] * 1000],
        413,
        "upload-too-large",
    ),
    "one long line behind the last part": (
        [FILE, END, *[b"x" * 65536] * 64],
        413,
        "upload-too-large",
    ),
    "a file over the limit": ([FILE[:-2], *[b"x" * 65536] * 64], 413, "upload-too-large"),
    "a field without an end": ([FIELD[:-2], *[b"x" * 65536] * 16], 400, "malformed-request"),
    "a header without an end": ([b"--cut\r\nX: ", *[b"x" * 65536] * 16], 400, "malformed-request"),
    "headers without an end": ([b"--cut\r\n" + b"X: y\r\n" * 100_000], 400, "malformed-request"),
    "forms in a form": (
        [b"--cut\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" * 1000],
        400,
        "malformed-request",
    ),
    "a set of characters": ([PART % (b"_charset_", b"x" * 100), FILE, END], 400, None),
}


@pytest.mark.parametrize(("pieces", "status", "slug"), FORMS.values(), ids=list(FORMS))
async def test_forms_without_measure(
    server: WatchedServer, pieces: list[bytes], status: int, slug: str | None
) -> None:
    async with unimpressed(server, 24 * MIB):
        answer = await told(server.port, form(), *chunks(*pieces))
    assert answer.status == status
    assert answer.slug == (slug or "malformed-request")


@pytest.mark.parametrize(
    "boundary", ["", '""', "x" * 70, "x" * 71, "x" * 5000, '"a b"', "--", '"\\"', "\xe9"]
)
@pytest.mark.parametrize("name", [b"file", b"_charset_"])
async def test_boundaries_of_any_kind(server: WatchedServer, boundary: str, name: bytes) -> None:
    plain = boundary.strip('"').encode("latin-1")
    body = b"--" + plain + PART[5:] % (name, b"x" * 40) + b"--" + plain + b"--\r\n"
    fields = f"Content-Type: multipart/form-data; boundary={boundary}"
    sent = head("POST /api/transform?width=8", fields, f"Content-Length: {len(body)}")
    answer = await told(server.port, sent.decode().encode("latin-1") + body)
    assert answer.status in {400, 415}
    assert answer.slug in {"malformed-request", "unsupported-format", "empty-body"}


BOMB = gzip.compress(bytes(64 * MIB))


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "deflate", "br", "zstd", "identity, gzip", "x"])
@pytest.mark.parametrize("path", UPLOADS)
async def test_a_compressed_body_is_refused_unread(
    server: WatchedServer, path: str, coding: str
) -> None:
    fields = f"Content-Encoding: {coding}", f"Content-Length: {len(BOMB)}"
    async with unimpressed(server, 8 * MIB):
        answer = await told(server.port, head(f"POST {path}", *fields) + BOMB)
    assert (answer.status, answer.slug) == (415, "encoded-body")


async def test_a_compressed_body_in_two_fields_is_refused(server: WatchedServer) -> None:
    fields = "Content-Encoding: identity", "Content-Encoding: gzip", f"Content-Length: {len(BOMB)}"
    answer = await told(server.port, head("POST /api/transform?width=8", *fields) + BOMB)
    assert (answer.status, answer.slug) == (415, "encoded-body")


@pytest.mark.parametrize("field", ["Content-Encoding", "Content-Transfer-Encoding"])
async def test_a_compressed_part_is_refused_unread(server: WatchedServer, field: str) -> None:
    coding = {"Content-Encoding": "gzip"}.get(field, "base64")
    part = FILE.replace(b"\r\n\r\n", f"\r\n{field}: {coding}\r\n\r\n".encode(), 1)
    async with unimpressed(server, 8 * MIB):
        answer = await told(server.port, form(), *chunks(part[:-2] + BOMB + b"\r\n", END))
    assert (answer.status, answer.slug) == (415, "encoded-body")


NO_BODY = [
    "GET /healthz",
    "GET /",
    "GET /api/events",
    "GET /nope",
    "DELETE /api/jobs/0123456789abcdefghijkl",
    "POST /api/jobs/0123456789abcdefghijkl/retry",
]


@pytest.mark.parametrize("request_line", NO_BODY)
async def test_a_body_without_measure_where_none_is_taken(
    server: WatchedServer, request_line: str
) -> None:
    pieces = chunks(*[b"x" * 65536] * 64)
    async with unimpressed(server, 8 * MIB):
        begun = head(request_line, "Transfer-Encoding: chunked")
        answer = await told(server.port, begun, *pieces, to_the_end=False)
        begun = head(request_line, f"Content-Length: {10**12}")
        declared = await told(server.port, begun, to_the_end=False)
        packed = head(request_line, "Content-Encoding: gzip", f"Content-Length: {len(BOMB)}")
        bomb = await told(server.port, packed + BOMB, to_the_end=False)
    assert (answer.status, answer.slug) == (413, "upload-too-large")
    assert (declared.status, declared.slug) == (413, "upload-too-large")
    assert (bomb.status, bomb.slug) == (415, "encoded-body")


async def test_a_small_body_where_none_is_taken_does_no_harm(server: WatchedServer) -> None:
    async with raw(server.port) as client:
        for _ in range(3):
            await client.send(head("GET /healthz", "Content-Length: 5") + b"hello")
            assert (await client.answer()).status == 200


@pytest.mark.parametrize("path", UPLOADS)
@pytest.mark.parametrize("field", ["Content-Length: 1000000000000", "Transfer-Encoding: chunked"])
async def test_an_upload_without_measure(server: WatchedServer, path: str, field: str) -> None:
    pieces = chunks(*[b"x" * 65536] * 200) if "chunked" in field else [bytes(65536)] * 200
    async with unimpressed(server, 24 * MIB):
        answer = await told(server.port, head(f"POST {path}", field), *pieces, to_the_end=False)
    assert (answer.status, answer.slug) == (413, "upload-too-large")
    assert answer.headers["connection"] == "close"


async def test_what_comes_after_the_answer_has_an_end(server: WatchedServer) -> None:
    """A client that is told off, and sends on and on."""
    async with unimpressed(server, 24 * MIB), raw(server.port) as client:
        await client.send(head("POST /api/transform", f"Content-Length: {10**12}"))
        assert await taken_bytes(client, bytes(65536)) < 128 * MIB


async def test_what_is_sent_ahead_of_the_answers_has_an_end(server: WatchedServer) -> None:
    """Behind a request that lasts, requests without an end."""
    async with unimpressed(server, 24 * MIB), raw(server.port) as client:
        await client.send(head("GET /api/events"))
        assert await taken_bytes(client, head("GET /healthz", "X: " + "x" * 8000) * 8) < 64 * MIB


async def taken_bytes(client: Raw, piece: bytes) -> int:
    """How much the server takes of what has no end, until it closes the connection or stops."""
    taken = 0
    try:
        async with asyncio.timeout(1) as limit:
            while True:
                client.writer.write(piece)
                await client.writer.drain()
                taken += len(piece)
                limit.reschedule(asyncio.get_running_loop().time() + 1)
    except (ConnectionError, TimeoutError):
        return taken


async def test_tiny_chunks_do_not_hold_up_the_loop(server: WatchedServer) -> None:
    photo = photo_jpeg(160, 120)
    pieces = [b"1\r\n%c\r\n" % byte for byte in photo]
    sent = head("POST /api/transform?width=8", "Transfer-Encoding: chunked")
    async with unimpressed(server, 24 * MIB):
        answer: Answer = await told(server.port, sent, b"".join(pieces), b"0\r\n\r\n")
    assert answer.status == 200


async def test_the_log_has_no_traceback_of_all_that(
    server: WatchedServer, roomy: WatchedServer
) -> None:
    assert "Traceback" not in server.log.read_text() + roomy.log.read_text()
