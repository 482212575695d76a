"""The courier against a real server on this machine."""

import asyncio
import base64
import hashlib
import hmac
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
import structlog
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

import pixelpipe
from pixelpipe.errors import StorageFailedError
from pixelpipe.jobs.ports import Delivery
from pixelpipe.logs import configure_logs
from pixelpipe.outbound.dial import open_session
from pixelpipe.webhooks import courier as courier_module
from pixelpipe.webhooks import lanes
from pixelpipe.webhooks.courier import SCHEDULE_S, Courier
from pixelpipe.webhooks.lanes import AT_ONCE, AT_ONCE_PER_HOST

KEY = b"k" * 32
SOON_S = (0.01,) * 5
NEVER_S = (3600.0,) * 5
PATIENCE_S = 20.0
BODY = '{"id": "job", "state": "completed", "name": "ä"}'.encode()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - conditions over many things
            await asyncio.sleep(0.002)


async def until_closed(box: "Box", *ids: str) -> None:
    await until(lambda: box.closed == list(ids))


async def until_count_closed(box: "Box", count: int) -> None:
    await until(lambda: len(box.closed) == count)


async def until_looked(box: "Box", times: int) -> None:
    await until(lambda: box.looks >= times)


async def until_postponed(box: "Box", times: int) -> None:
    await until(lambda: len(box.postponed) >= times)


async def until_complained(box: "Box", times: int) -> None:
    await until(lambda: box.complaints >= times)


class Box:
    """An outbox in memory that can be made to fail."""

    def __init__(self, *deliveries: Delivery) -> None:
        self.messages = {delivery.id: delivery for delivery in deliveries}
        self.closed: list[str] = []
        self.postponed: list[Delivery] = []
        self.looks = 0
        self.limits: list[int] = []
        self.broken: str | None = None
        self.complaints = 0
        self.seen = asyncio.Event()
        self.answering = asyncio.Event()
        self.answering.set()
        self.writing = asyncio.Event()
        self.writing.set()

    async def due(self, now: datetime, limit: int) -> Sequence[Delivery]:
        self._check("due")
        self.looks += 1
        self.limits.append(limit)
        waiting = sorted(self.messages.values(), key=lambda d: d.due_at)
        found = [delivery for delivery in waiting if delivery.due_at <= now][:limit]
        self.seen.set()
        await self.answering.wait()
        return found

    async def next_due_at(self) -> datetime | None:
        self._check("next_due_at")
        await asyncio.sleep(0)
        return min((delivery.due_at for delivery in self.messages.values()), default=None)

    async def postpone(self, delivery_id: str, attempts: int, due_at: datetime) -> None:
        await asyncio.sleep(0)
        self._check("postpone")
        changed = replace(self.messages[delivery_id], attempts=attempts, due_at=due_at)
        self.messages[delivery_id] = changed
        self.postponed.append(changed)

    async def close(self, delivery_id: str) -> None:
        await self.writing.wait()
        self._check("close")
        del self.messages[delivery_id]
        self.closed.append(delivery_id)

    def _check(self, call: str) -> None:
        if call == self.broken:
            self.complaints += 1
            raise StorageFailedError("The server could not read or write its storage.")


Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Receiver:
    """A server that answers as told, and keeps what it got."""

    port: int = 0
    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    answer: Answer | None = None
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    open_by_host: dict[str, int] = field(default_factory=dict)
    most_by_host: dict[str, int] = field(default_factory=dict)
    most: int = 0

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for _, headers, _ in self.got]

    def url(self, path: str = "/hook", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    async def meet(self, request: web.Request) -> web.StreamResponse:
        host = request.host.partition(":")[0]
        self.got.append((request.path, _lower(request.headers), await request.read()))
        self._count(host, 1)
        try:
            if self.answer is not None:
                return await self.answer(request)
            return web.Response(status=self.status, headers=self.headers)
        finally:
            self._count(host, -1)

    def _count(self, host: str, change: int) -> None:
        now = self.open_by_host[host] = self.open_by_host.get(host, 0) + change
        self.most_by_host[host] = max(now, self.most_by_host.get(host, 0))
        self.most = max(self.most, sum(self.open_by_host.values()))


class Here(AbstractResolver):
    """Every name is this machine."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host, host="127.0.0.1", port=port, family=family, proto=0, flags=0
            )
        ]

    async def close(self) -> None:
        pass


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    opened = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", opened.meet)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    opened.port = runner.addresses[0][1]
    yield opened
    await runner.cleanup()


@pytest.fixture(autouse=True)
def _short_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courier_module, "PAUSE_S", 0.01)


@pytest.fixture(autouse=True)
def _all_logs() -> Iterator[None]:
    configure_logs("info")
    yield
    configure_logs("warning")


@asynccontextmanager
async def delivering(
    box: Box, schedule_s: Sequence[float] = SOON_S, **options: bool | float
) -> AsyncIterator[Courier]:
    """A courier at work."""
    session_options = {"allow_private": True, "resolver": Here()} | options
    async with open_session(**session_options) as session:  # type: ignore[arg-type]
        courier = Courier(box, session, (KEY,), schedule_s=schedule_s)
        courier.start()
        try:
            yield courier
        finally:
            await courier.close()


def message(number: int, url: str, due_in_s: float = 0.0) -> Delivery:
    due_at = datetime.now(UTC) + timedelta(seconds=due_in_s)
    return Delivery(f"msg_{number}", url, BODY, 0, due_at)


def _hanging(release: asyncio.Event, *hosts: str) -> Answer:
    async def answer(request: web.Request) -> web.StreamResponse:
        if not hosts or request.host.partition(":")[0] in hosts:
            await release.wait()
        return web.Response()

    return answer


async def test_a_message_is_delivered_signed_and_forgotten(receiver: Receiver) -> None:
    box = Box(message(1, receiver.url("/hook?token=a%2Fb")))
    async with delivering(box):
        await until_closed(box, "msg_1")
    ((path, headers, body),) = receiver.got
    assert (path, body) == ("/hook", BODY)
    assert headers["content-type"] == "application/json"
    assert headers["user-agent"] == f"PixelPipe/{pixelpipe.__version__}"
    assert headers["webhook-id"] == "msg_1"
    assert abs(int(headers["webhook-timestamp"]) - datetime.now(UTC).timestamp()) < 60
    signed = b"msg_1." + headers["webhook-timestamp"].encode() + b"." + BODY
    digest = hmac.new(KEY, signed, hashlib.sha256).digest()
    assert headers["webhook-signature"] == "v1," + base64.b64encode(digest).decode()


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_any_2xx_is_a_delivery(receiver: Receiver, status: int) -> None:
    receiver.status = status
    box = Box(message(1, receiver.url()))
    async with delivering(box):
        await until_closed(box, "msg_1")
    assert len(receiver.got) == 1


@pytest.mark.parametrize("status", [301, 304, 400, 401, 404, 408, 409, 429, 500, 503])
async def test_any_other_status_is_tried_again_under_the_same_id(
    receiver: Receiver, status: int
) -> None:
    receiver.status = status
    box = Box(message(1, receiver.url()))
    async with delivering(box):
        await until_postponed(box, 2)
        assert box.closed == []
        receiver.status = 200
        await until_closed(box, "msg_1")
    assert set(receiver.ids) == {"msg_1"}
    assert [d.attempts for d in box.postponed] == list(range(1, len(receiver.got)))


async def test_a_message_that_is_put_in_goes_out_at_once(receiver: Receiver) -> None:
    box = Box()
    async with delivering(box) as courier:
        await until_looked(box, 1)
        for number in range(5):
            box.messages[f"msg_{number}"] = message(number, receiver.url())
            courier.wake()
            await until_closed(box, *(f"msg_{n}" for n in range(number + 1)))


async def test_a_message_goes_out_when_it_is_due(receiver: Receiver) -> None:
    box = Box(message(1, receiver.url(), due_in_s=0.3))
    due_at = box.messages["msg_1"].due_at
    async with delivering(box):
        await until_closed(box, "msg_1")
        assert datetime.now(UTC) >= due_at
    assert box.looks <= 4


async def test_a_further_attempt_is_made_when_it_is_due(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courier_module, "_LOOK_SOON_S", 3600.0)
    receiver.status = 500
    box = Box(message(1, receiver.url()))
    async with delivering(box):
        await until_closed(box, "msg_1")
    assert receiver.ids == ["msg_1"] * (len(SOON_S) + 1)


async def test_nothing_goes_out_before_the_clock_says_so(receiver: Receiver) -> None:
    now = datetime(2030, 1, 1, tzinfo=UTC)
    box = Box(replace(message(1, receiver.url()), due_at=now + timedelta(hours=5)))
    async with open_session(allow_private=True) as session:
        courier = Courier(box, session, (KEY,), clock=lambda: now)
        courier.start()
        await until_looked(box, 1)
        courier.wake()
        await until_looked(box, 2)
        assert receiver.got == []
        now += timedelta(hours=5)
        courier.wake()
        await until_closed(box, "msg_1")
        await courier.close()
    assert receiver.got[0][1]["webhook-timestamp"] == str(int(now.timestamp()))


async def test_the_next_attempt_follows_the_schedule_give_or_take_a_tenth(
    receiver: Receiver,
) -> None:
    receiver.status = 500
    first = datetime(2030, 1, 1, tzinfo=UTC)
    now = first
    box = Box(replace(message(1, receiver.url()), due_at=now))
    async with open_session(allow_private=True) as session:
        courier = Courier(box, session, (KEY,), clock=lambda: now)
        courier.start()
        for attempts, delay_s in enumerate(SCHEDULE_S, 1):
            await until_postponed(box, attempts)
            due_at = box.postponed[-1].due_at
            assert 0.9 * delay_s <= (due_at - now).total_seconds() <= 1.1 * delay_s
            now = due_at
            courier.wake()
        await until_closed(box, "msg_1")
        await courier.close()
    assert len(receiver.got) == len(SCHEDULE_S) + 1
    assert now - first > timedelta(days=3)


async def test_after_the_last_attempt_it_is_given_up_with_a_warning(receiver: Receiver) -> None:
    receiver.status = 500
    box = Box(message(1, receiver.url("/secret?token=hidden")))
    with structlog.testing.capture_logs() as logs:
        async with delivering(box, (0.01, 0.01)):
            await until_closed(box, "msg_1")
    assert receiver.ids == ["msg_1"] * 3
    (warning,) = [log for log in logs if log["log_level"] == "warning"]
    assert warning == {
        "event": "webhook given up",
        "log_level": "warning",
        "message": "msg_1",
        "host": "127.0.0.1",
        "attempts": 3,
        "reason": "status 500",
    }
    assert "secret" not in str(logs)
    assert "hidden" not in str(logs)


async def test_gone_ends_it_at_once(receiver: Receiver) -> None:
    receiver.status = 410
    box = Box(message(1, receiver.url()))
    with structlog.testing.capture_logs() as logs:
        async with delivering(box):
            await until_closed(box, "msg_1")
    assert len(receiver.got) == 1
    assert [log["event"] for log in logs] == ["webhook given up"]


@pytest.mark.parametrize(
    ("status", "value", "least_s", "most_s"),
    [
        (503, "7200", 7200, 7201),
        (429, "7200", 7200, 7201),
        (429, "1", 3240, 3960),
        (503, "999999", 86400, 86401),
        (500, "7200", 3240, 3960),
    ],
)
async def test_a_receiver_that_is_busy_may_ask_for_time(
    receiver: Receiver, status: int, value: str, least_s: float, most_s: float
) -> None:
    receiver.status, receiver.headers = status, {"Retry-After": value}
    box = Box(message(1, receiver.url()))
    before = datetime.now(UTC)
    async with delivering(box, NEVER_S):
        await until_postponed(box, 1)
    waited = (box.postponed[0].due_at - before).total_seconds()
    assert least_s <= waited <= most_s + PATIENCE_S


async def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    receiver.status, receiver.headers = 307, {"Location": receiver.url("/elsewhere")}
    box = Box(message(1, receiver.url()))
    async with delivering(box, NEVER_S):
        await until_postponed(box, 1)
    assert [path for path, _, _ in receiver.got] == ["/hook"]


async def test_the_body_of_the_answer_is_not_read(receiver: Receiver) -> None:
    sent_bytes = 0
    ended = asyncio.Event()

    async def flood(request: web.Request) -> web.StreamResponse:
        nonlocal sent_bytes
        response = web.StreamResponse()
        try:
            await response.prepare(request)
            while sent_bytes < 1 << 30:
                await response.write(bytes(1 << 16))
                sent_bytes += 1 << 16
        finally:
            ended.set()
        return response

    receiver.answer = flood
    box = Box(message(1, receiver.url()))
    async with delivering(box):
        await until_closed(box, "msg_1")
        await until(ended.is_set)
    assert sent_bytes < 64 << 20


async def test_headers_without_end_are_a_failed_attempt(receiver: Receiver) -> None:
    async def boast(_: web.Request) -> web.StreamResponse:
        return web.Response(headers={"X-Long": "a" * 100_000})

    receiver.answer = boast
    box = Box(message(1, receiver.url()))
    async with delivering(box, NEVER_S):
        await until_postponed(box, 1)


async def test_a_server_that_never_answers_is_given_so_much_time(receiver: Receiver) -> None:
    receiver.answer = _hanging(asyncio.Event())
    box = Box(message(1, receiver.url()))
    with structlog.testing.capture_logs() as logs:
        async with delivering(box, NEVER_S, total_s=0.1):
            await until_postponed(box, 1)
    assert box.postponed[0].attempts == 1
    assert [log["reason"] for log in logs] == ["timed out"]


async def test_a_server_that_is_not_there_is_tried_again(receiver: Receiver) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and not listening: nobody answers here
        box = Box(message(1, f"http://127.0.0.1:{taken.getsockname()[1]}/"))
        with structlog.testing.capture_logs() as logs:
            async with delivering(box, NEVER_S):
                await until_postponed(box, 1)
    assert [log["reason"] for log in logs] == ["no connection"]
    assert receiver.got == []


@pytest.mark.parametrize("host", ["127.0.0.1", "hook.example"])
async def test_an_address_inside_is_a_failed_attempt(receiver: Receiver, host: str) -> None:
    box = Box(message(1, receiver.url(host=host)))
    with structlog.testing.capture_logs() as logs:
        async with delivering(box, NEVER_S, allow_private=False):
            await until_postponed(box, 1)
    assert [log["reason"] for log in logs] == ["not a public address"]
    assert receiver.got == []


@pytest.mark.parametrize(
    "url", ["", "nonsense", "http://", "http://[::1", "http://127.1/", "x://a"]
)
async def test_a_url_that_is_none_harms_nothing_else(receiver: Receiver, url: str) -> None:
    box = Box(message(1, url), message(2, receiver.url()))
    async with delivering(box, NEVER_S):
        await until(lambda: box.closed == ["msg_2"] and bool(box.postponed))
    assert box.postponed[0].id == "msg_1"


async def test_a_defect_is_a_failed_attempt(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(courier_module, "attempt", broken)
    box = Box(message(1, receiver.url()))
    with structlog.testing.capture_logs() as logs:
        async with delivering(box, (0.01,)):
            await until_closed(box, "msg_1")
    assert [d.attempts for d in box.postponed] == [1]
    assert [log["event"] for log in logs if log["log_level"] == "error"] == [
        "a webhook could not be called"
    ] * 2


async def test_a_slow_host_holds_up_no_other(receiver: Receiver) -> None:
    release = asyncio.Event()
    receiver.answer = _hanging(release, "slow.example")
    slow = [message(n, receiver.url(host="slow.example")) for n in range(40)]
    quick = [message(n, receiver.url(host=f"{n % 4}.example")) for n in range(40, 80)]
    box = Box(*slow, *quick)
    async with delivering(box):
        await until(lambda: len(box.closed) == 40)
        assert set(box.closed) == {delivery.id for delivery in quick}
        assert receiver.open_by_host["slow.example"] == AT_ONCE_PER_HOST
        release.set()
        await until(lambda: len(box.closed) == 80)
    assert sorted(receiver.ids) == sorted(d.id for d in (*slow, *quick))
    assert receiver.most_by_host["slow.example"] == AT_ONCE_PER_HOST


async def test_a_slow_host_that_fills_the_outbox_hides_no_other(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "LANE_LENGTH", 6)
    monkeypatch.setattr(lanes, "PLENTY", 3)
    monkeypatch.setattr(courier_module, "ENOUGH", 24)
    monkeypatch.setattr(courier_module, "HELD_MOST", 30)
    receiver.answer = _hanging(asyncio.Event(), "slow.example")
    slow = [message(n, receiver.url(host="slow.example")) for n in range(100)]
    box = Box(*slow, message(100, receiver.url(host="quick.example")))
    async with delivering(box):
        await until(lambda: box.closed == ["msg_100"])
    assert {d.attempts for d in box.postponed} == {0}
    assert len(receiver.got) == AT_ONCE_PER_HOST + 1


async def test_many_messages_for_one_host_all_arrive_once(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "LANE_LENGTH", 20)
    monkeypatch.setattr(lanes, "PLENTY", 10)
    monkeypatch.setattr(courier_module, "_LOOK_SOON_S", 3600.0)
    box = Box(*(message(n, receiver.url()) for n in range(200)))
    async with delivering(box):
        await until(lambda: len(box.closed) == 200)
    assert sorted(receiver.ids) == sorted(box.closed)
    assert box.postponed == []
    assert box.looks < 100


async def test_only_so_many_are_held_however_many_hosts_they_are_for(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courier_module, "ENOUGH", 30)
    monkeypatch.setattr(courier_module, "HELD_MOST", 40)
    monkeypatch.setattr(courier_module, "_LOOK_SOON_S", 0.001)
    turns = asyncio.Semaphore(0)

    async def one_by_one(_: web.Request) -> web.StreamResponse:
        await turns.acquire()
        return web.Response()

    receiver.answer = one_by_one
    box = Box(*(message(n, receiver.url(host=f"{n}.example")) for n in range(300)))
    async with delivering(box) as courier:
        for count in range(1, 41):
            turns.release()
            await until_count_closed(box, count)
            assert len(courier._lanes) <= 40
        for _ in range(260):
            turns.release()
        await until_count_closed(box, 300)
    assert max(box.limits) == 40
    assert len(set(receiver.ids)) == len(receiver.ids) == 300


async def test_what_cannot_be_noted_counts_as_held(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk can be read, and not written."""
    monkeypatch.setattr(courier_module, "ENOUGH", 30)
    monkeypatch.setattr(courier_module, "HELD_MOST", 40)
    monkeypatch.setattr(courier_module, "_LOOK_SOON_S", 0.01)
    box = Box(*(message(n, receiver.url(host=f"{n}.example")) for n in range(100)))
    box.broken = "close"
    async with delivering(box):
        await until_complained(box, 200)
        assert len(receiver.got) == 40
        box.broken = None
        await until_count_closed(box, 100)
    assert len(set(receiver.ids)) == len(receiver.ids) == 100


async def test_only_so_many_are_sent_at_once(receiver: Receiver) -> None:
    release = asyncio.Event()
    receiver.answer = _hanging(release)
    box = Box(*(message(n, receiver.url(host=f"{n}.example")) for n in range(40)))
    async with delivering(box):
        await until(lambda: receiver.most == AT_ONCE)
        release.set()
        await until(lambda: len(box.closed) == 40)
    assert receiver.most == AT_ONCE
    assert len(receiver.got) == 40


async def test_a_message_on_its_way_is_not_taken_again(receiver: Receiver) -> None:
    release = asyncio.Event()
    receiver.answer = _hanging(release)
    box = Box(message(1, receiver.url()))
    async with delivering(box) as courier:
        await until(lambda: len(receiver.got) == 1)
        for looks in range(box.looks + 1, box.looks + 6):
            courier.wake()
            await until_looked(box, looks)
        release.set()
        await until_closed(box, "msg_1")
    assert receiver.ids == ["msg_1"]


async def test_a_message_that_arrived_while_we_looked_is_not_sent_again(
    receiver: Receiver,
) -> None:
    """What the outbox answers was true before the message was closed."""
    release = asyncio.Event()
    receiver.answer = _hanging(release)
    box = Box(message(1, receiver.url()))
    async with delivering(box) as courier:
        await until(lambda: len(receiver.got) == 1)
        box.answering.clear()
        box.seen.clear()
        courier.wake()
        await until(box.seen.is_set)
        release.set()
        await until_closed(box, "msg_1")
        box.messages["msg_2"] = message(2, receiver.url())
        courier.wake()
        box.answering.set()
        await until_closed(box, "msg_1", "msg_2")
    assert receiver.ids == ["msg_1", "msg_2"]


async def test_what_is_put_in_while_we_looked_goes_out_at_once(receiver: Receiver) -> None:
    box = Box()
    box.answering.clear()
    async with delivering(box) as courier:
        await until(box.seen.is_set)
        box.messages["msg_1"] = message(1, receiver.url())
        courier.wake()
        box.answering.set()
        await until_closed(box, "msg_1")


@pytest.mark.parametrize("call", ["due", "next_due_at"])
async def test_an_outbox_that_cannot_be_read_is_read_later(receiver: Receiver, call: str) -> None:
    box = Box(message(1, receiver.url()))
    box.broken = call
    async with delivering(box):
        await until_complained(box, 3)
        box.broken = None
        await until_closed(box, "msg_1")
    assert receiver.ids == ["msg_1"]


async def test_a_delivery_that_cannot_be_noted_is_not_sent_again(receiver: Receiver) -> None:
    box = Box(message(1, receiver.url()))
    box.broken = "close"
    with structlog.testing.capture_logs() as logs:
        async with delivering(box) as courier:
            for complaints in range(1, 4):
                courier.wake()
                await until_complained(box, complaints)
            looks = box.looks + 1
            courier.wake()
            await until_looked(box, looks)
            box.broken = None
            await until_closed(box, "msg_1")
    assert receiver.ids == ["msg_1"]
    assert "a webhook's state cannot be written" in [log["event"] for log in logs]


async def test_a_failure_that_cannot_be_noted_is_not_forgotten(receiver: Receiver) -> None:
    receiver.status = 500
    box = Box(message(1, receiver.url()))
    box.broken = "postpone"
    async with delivering(box):
        await until_complained(box, 3)
        assert receiver.ids == ["msg_1"]
        box.broken = None
        receiver.status = 200
        await until_closed(box, "msg_1")
    assert box.postponed[0].attempts == 1
    assert receiver.ids == ["msg_1"] * 2


async def test_the_next_start_goes_on_where_the_last_ended(receiver: Receiver) -> None:
    receiver.status = 500
    box = Box(message(1, receiver.url()))
    async with delivering(box, (0.05, *NEVER_S)):
        await until_postponed(box, 2)
    box.messages["msg_1"] = replace(box.messages["msg_1"], due_at=datetime.now(UTC))
    receiver.status = 200
    async with delivering(box, NEVER_S):
        await until_closed(box, "msg_1")
    assert receiver.ids == ["msg_1"] * 3
    assert [d.attempts for d in box.postponed] == [1, 2]


async def test_what_was_delivered_and_not_noted_is_sent_again_under_the_same_id(
    receiver: Receiver,
) -> None:
    box = Box(message(1, receiver.url()))
    box.broken = "close"
    async with delivering(box):
        await until_complained(box, 1)
    assert box.closed == []
    box.broken = None
    async with delivering(box):
        await until_closed(box, "msg_1")
    assert receiver.ids == ["msg_1"] * 2


async def test_closing_leaves_what_is_on_its_way_in_the_outbox(receiver: Receiver) -> None:
    receiver.answer = _hanging(asyncio.Event())
    box = Box(*(message(n, receiver.url(host=f"{n}.example")) for n in range(30)))
    before = dict(box.messages)
    async with delivering(box), asyncio.timeout(PATIENCE_S):
        await until(lambda: len(receiver.got) == AT_ONCE)
    assert box.messages == before
    receiver.answer = None
    async with delivering(box):
        await until(lambda: len(box.closed) == 30)


async def test_closing_waits_until_a_delivery_is_noted(receiver: Receiver) -> None:
    box = Box(message(1, receiver.url()))
    box.writing.clear()
    async with open_session(allow_private=True) as session:
        courier = Courier(box, session, (KEY,))
        courier.start()
        await until(lambda: bool(courier._notes))
        closing = asyncio.create_task(courier.close())
        closed, _ = await asyncio.wait({closing}, timeout=0.1)
        assert not closed
        box.writing.set()
        await closing
    assert box.closed == ["msg_1"]


async def test_a_courier_that_never_started_can_be_closed() -> None:
    async with open_session(allow_private=True) as session:
        courier = Courier(Box(), session, (KEY,))
        await courier.close()
        await courier.close()
