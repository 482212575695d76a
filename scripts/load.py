"""Ways to put load on a server: a closed loop of clients, or an open loop at a rate."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reply:
    """How one request ended.

    Attributes:
        error: None when it was answered as it should be, else what came instead.
        sent_bytes: Size of the image that was sent.
        received_bytes: Size of the pictures that were made.
        detail: What the answer said of the error, if anything.
    """

    error: str | None
    sent_bytes: int
    received_bytes: int
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """One request, measured.

    Attributes:
        latency_s: From the moment at which it was to start to its end.
        reply: How it ended.
    """

    latency_s: float
    reply: Reply


Send = Callable[[int], Awaitable[Reply]]
Record = Callable[[Sample], None]


def numbers(jobs: int | None, duration_s: float | None) -> Iterator[int]:
    """Count from 0 until so many have been given out or so much time has passed."""
    end = time.perf_counter() + duration_s if duration_s is not None else float("inf")
    number = 0
    while (jobs is None or number < jobs) and time.perf_counter() < end:
        yield number
        number += 1


async def closed_loop(send: Send, record: Record, work: Iterator[int], *, clients: int) -> None:
    """Send from so many clients, each waiting for its answer before it sends again."""

    async def client() -> None:
        for number in work:
            await _measure(send, record, number, time.perf_counter())

    async with asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(client())


async def open_loop(send: Send, record: Record, jobs: int, *, rate: float) -> None:
    """Send so many jobs at so many a second, whether or not answers come.

    Latency counts from the moment at which a request was due, not from when it was sent: a server
    that holds everything up would else look fast, its slow moments being sampled seldom
    (coordinated omission).
    """
    start = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(jobs):
            due = start + number / rate
            await asyncio.sleep(due - time.perf_counter())
            group.create_task(_measure(send, record, number, due))


async def _measure(send: Send, record: Record, number: int, due: float) -> None:
    reply = await send(number)
    record(Sample(time.perf_counter() - due, reply))
