"""The wire format of events, and the feed that a stream reads from."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing

from pixelpipe.jobs.model import Event, EventType
from pixelpipe.server.sse import Feed, frames, opening

FIRST = Event(7, EventType.JOB_ACCEPTED, "j", 1, b'{"id":"j"}')
SECOND = Event(9, EventType.JOB_COMPLETED, "j", 2, b"{}")


def test_frames() -> None:
    assert frames([FIRST, SECOND]) == (
        b'id: 7\nevent: job.accepted\ndata: {"id":"j"}\n\nid: 9\nevent: job.completed\ndata: {}\n\n'
    )


def test_opening_gives_the_position_and_no_event() -> None:
    assert opening(41) == b"retry: 1000\nid: 41\n\n"


class Source:
    """Batches that are given out when `more` is set; knows whether it was closed."""

    def __init__(self, *batches: Sequence[Event]) -> None:
        self.more = asyncio.Event()
        self.closed = False
        self._batches = batches

    async def batches(self) -> AsyncIterator[Sequence[Event]]:
        try:
            for batch in self._batches:
                yield batch
            await self.more.wait()
            yield [SECOND]
        finally:
            self.closed = True


async def test_a_quiet_spell_loses_nothing() -> None:
    source = Source([FIRST])
    async with aclosing(Feed(source.batches())) as feed:
        assert await feed.next() == [FIRST]
        assert await feed.next(quiet_s=0.01) is None
        assert await feed.next(quiet_s=0.01) is None
        source.more.set()
        assert await feed.next() == [SECOND]
        assert await feed.next() == ()


async def test_exhausted_takes_nothing() -> None:
    source = Source([FIRST])
    source.more.set()
    async with aclosing(Feed(source.batches())) as feed:
        assert not await feed.exhausted()
        assert await feed.next() == [FIRST]
        assert await feed.next() == [SECOND]
        assert await feed.exhausted()


async def test_stop_ends_a_waiting_feed() -> None:
    source = Source()
    async with aclosing(Feed(source.batches())) as feed:
        waiting = asyncio.create_task(feed.next())
        await asyncio.sleep(0)
        feed.stop()
        assert await waiting == ()
    assert source.closed


async def test_closing_ends_the_iterator_underneath() -> None:
    source = Source([FIRST])
    feed = Feed(source.batches())
    assert await feed.next() == [FIRST]
    await feed.aclose()
    assert source.closed
