"""Clients that upload over and over, and follow what becomes of it across broken connections."""

import asyncio
import io
import json
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from random import Random
from typing import Any

import aiohttp

from event_stream import Event, read_events
from photograph import draw_photograph, with_comment
from uploads import client_session

VARIANTS: tuple[dict[str, Any], ...] = (
    {"name": "thumb", "resize": {"width": 96, "height": 96}},
    {"name": "wide", "resize": {"width": 240}},
    {"name": "gray", "resize": {"width": 120}, "grayscale": True},
    {"name": "web", "resize": {"width": 160}, "format": "webp"},
    {"name": "soft", "resize": {"width": 128}, "blur": {"sigma": 2.0}},
    {"name": "quad", "resize": {"width": 200}, "quad": {}},
)

_COME_BACK_S = 0.05
_ACKNOWLEDGED = frozenset({HTTPStatus.OK, HTTPStatus.ACCEPTED})
_ENDS = frozenset({"job.completed", "job.partial", "job.failed", "job.cancelled"})
_MOST_VARIANTS = 4
_RECENT = 10
_SHARE_REPEATED, _SHARE_KEYED, _SHARE_SENT_TWICE, _SHARE_WAITING = 0.3, 0.5, 0.3, 0.2


@dataclass(frozen=True, slots=True)
class Upload:
    """A request that makes a job.

    Attributes:
        name: Of the file; no other upload has it.
        image: The photograph.
        variants: What is wanted of it.
        key: Its `Idempotency-Key`, if it has one.
        waits: Whether the answer is wanted when the job has ended.
    """

    name: str
    image: bytes
    variants: list[dict[str, Any]]
    key: str | None
    waits: bool

    def form(self) -> aiohttp.FormData:
        """The body, which can be sent once."""
        form = aiohttp.FormData({"variants": json.dumps(self.variants)})
        form.add_field("file", io.BytesIO(self.image), filename=self.name)
        return form

    def headers(self) -> dict[str, str]:
        """What goes with the body."""
        key = {} if self.key is None else {"Idempotency-Key": f'"{self.key}"'}
        return key | ({"Prefer": "wait=1"} if self.waits else {})


@dataclass(slots=True)
class Followed:
    """A job that was acknowledged, and its events so far."""

    id: str
    upload: Upload
    events: list[Event] = field(default_factory=list)

    @property
    def ended(self) -> bool:
        """Whether its last event is the end of a job."""
        return bool(self.events) and self.events[-1].name in _ENDS


class Crowd:
    """Clients of one server, which may go away and come back at any time.

    Args:
        url: Where the server is, whenever there is one.
        random: Chooses what is uploaded.
        widths_px: Widths of the photographs.
        window: How many of its jobs a client has under way.

    Attributes:
        jobs: Those that were acknowledged, by id.
        counts: How often what happened.
        slowest_refusal_s: The longest that an upload took to be answered 503.
        violations: Answers that should not have come.
        session: Its connections.
    """

    def __init__(self, url: str, random: Random, *, widths_px: Sequence[int], window: int) -> None:
        self.jobs: dict[str, Followed] = {}
        self.counts: Counter[str] = Counter()
        self.slowest_refusal_s = 0.0
        self.violations: list[str] = []
        self.session = client_session(url)
        self._url = url
        self._random = random
        self._window = window
        self._run = uuid.uuid4().hex
        self._pictures = [draw_photograph(width, width * 3 // 4) for width in widths_px]
        self._recent: list[bytes] = []
        self._stopped = False
        self._running: asyncio.Task[None] | None = None

    @property
    def ended(self) -> int:
        """How many jobs have ended, as far as the clients have heard."""
        return sum(job.ended for job in self.jobs.values())

    def begin(self, clients: int) -> None:
        """Upload from so many clients until `finish` or `close`."""
        self._stopped = False
        self._running = asyncio.create_task(self._upload(clients))

    async def finish(self, patience_s: float) -> float:
        """Upload nothing more, and wait until all jobs have ended; gives how long that took."""
        self._stopped = True
        began = time.monotonic()
        assert self._running is not None, "nothing was begun"
        try:
            await asyncio.wait_for(self._running, patience_s)
        except TimeoutError:
            self.violations += [
                f"job {job.id} of {job.upload.name} did not end in {patience_s:.0f} s; its last "
                f"event is {job.events[-1].name if job.events else 'none'}"
                for job in self.jobs.values()
                if not job.ended
            ]
        return time.monotonic() - began

    async def hang_up(self) -> None:
        """Let go of all connections; others are made when they are needed."""
        await self.session.close()
        self.session = client_session(self._url)

    async def close(self) -> None:
        """Stop at once."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        await self.session.close()

    async def _upload(self, clients: int) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(clients):
                group.create_task(self._client(group))

    async def send(self, upload: Upload) -> str | None:
        """Send an upload until it is known what came of it.

        Returns:
            The job's id; None if it was refused, or the connection broke and there is no key to
            send it again with.
        """
        while True:
            since = time.monotonic()
            try:
                answer = await self._post(upload)
            except aiohttp.ClientConnectorError:
                answer = None  # nothing of it went out
            except (aiohttp.ClientError, TimeoutError):
                self.counts["uploads cut off"] += 1
                if upload.key is None:
                    return None
                answer = None
            if answer is not None and answer.status in _ACKNOWLEDGED:
                return answer.headers["Location"].rpartition("/")[2]
            if answer is not None and answer.status != HTTPStatus.SERVICE_UNAVAILABLE:
                self.violations.append(f"upload {upload.name} was answered {answer.status}")
                return None
            if answer is not None:
                self._note_refusal(upload, answer, time.monotonic() - since)
            await asyncio.sleep(_COME_BACK_S)

    def _note_refusal(
        self, upload: Upload, answer: aiohttp.ClientResponse, lasted_s: float
    ) -> None:
        self.counts["uploads answered 503"] += 1
        self.slowest_refusal_s = max(self.slowest_refusal_s, lasted_s)
        if not answer.headers.get("Retry-After", "").isdecimal():
            self.violations.append(f"upload {upload.name} was answered 503 without Retry-After")

    async def _post(self, upload: Upload) -> aiohttp.ClientResponse:
        """The answer, of which nothing but its head counts: that acknowledges the job."""
        async with self.session.post(
            "/api/jobs", data=upload.form(), headers=upload.headers()
        ) as answer:
            return answer

    async def _client(self, group: asyncio.TaskGroup) -> None:
        places = asyncio.Semaphore(self._window)
        while not self._stopped:
            await places.acquire()
            upload = self._next()
            job_id = await self.send(upload)
            if job_id is None:
                places.release()
                continue
            self.counts["uploads acknowledged"] += 1
            following = group.create_task(self._follow(Followed(job_id, upload)))
            following.add_done_callback(lambda _: places.release())
            if upload.key is not None and self._random.random() < _SHARE_SENT_TWICE:
                await self.send_again(job_id, upload)

    async def send_again(self, job_id: str, upload: Upload) -> None:
        """Send an upload with its key once more: that has to give the same job."""
        again = await self.send(upload)
        self.counts["keys sent again"] += 1
        if again != job_id:
            self.violations.append(f"key {upload.key} gave job {job_id}, and then {again}")

    def _next(self) -> Upload:
        self.counts["uploads"] += 1
        number = self.counts["uploads"]
        random = self._random
        if self._recent and random.random() < _SHARE_REPEATED:
            image = random.choice(self._recent)
        else:
            image = with_comment(random.choice(self._pictures), f"{self._run} {number}")
            self._recent = [*self._recent[1 - _RECENT :], image]
        return Upload(
            name=f"{self._run}-{number}.jpg",
            image=image,
            variants=random.sample(VARIANTS, random.randint(1, _MOST_VARIANTS)),
            key=f"{self._run}-{number}" if random.random() < _SHARE_KEYED else None,
            waits=random.random() < _SHARE_WAITING,
        )

    async def _follow(self, job: Followed) -> None:
        """Collect a job's events to its end, coming back after each cut with the last id."""
        known = self.jobs.setdefault(job.id, job)
        if known is not job:
            self.violations.append(f"{job.upload.name} and {known.upload.name} are one job")
            return
        while not job.ended:
            try:
                if not await self._listen(job):
                    return
            except (aiohttp.ClientError, TimeoutError):
                self.counts["streams cut off"] += 1
                await asyncio.sleep(_COME_BACK_S)

    async def _listen(self, job: Followed) -> bool:
        """Read the stream to its end; whether it makes sense to come back."""
        headers = {"Last-Event-ID": job.events[-1].id} if job.events else {}
        url = f"/api/jobs/{job.id}/events"
        async with self.session.get(url, headers=headers) as answer:
            if answer.status == HTTPStatus.OK:
                async for event in read_events(answer.content):
                    job.events.append(event)
                if not job.ended:
                    self.violations.append(f"the stream of job {job.id} ended before the job did")
                return True
            if answer.status == HTTPStatus.SERVICE_UNAVAILABLE:
                await asyncio.sleep(_COME_BACK_S)
                return True
            self.violations.append(f"the stream of job {job.id} was answered {answer.status}")
            return False
