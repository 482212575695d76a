"""What waits for company goes on in time, and all of it at once."""

import asyncio

import pytest

from pixelpipe.jobs.gathering import Gathering

_FOR_EVER_S = 3600.0


async def test_all_go_on_as_soon_as_somebody_says_so() -> None:
    gathering = Gathering(_FOR_EVER_S)
    waiting = [asyncio.create_task(gathering.wait()) for _ in range(3)]
    await asyncio.sleep(0)
    gathering.go_on()
    async with asyncio.timeout(5):
        await asyncio.gather(*waiting)


async def test_those_who_come_later_wait_for_the_next_time() -> None:
    gathering = Gathering(_FOR_EVER_S)
    gathering.go_on()
    late = asyncio.create_task(gathering.wait())
    await asyncio.sleep(0)
    assert not late.done()
    gathering.go_on()
    async with asyncio.timeout(5):
        await late


async def test_nobody_waits_for_longer_than_that() -> None:
    gathering = Gathering(0.001)
    async with asyncio.timeout(5):
        await gathering.wait()
        await gathering.wait()


async def test_nobody_waits_where_there_is_no_time_for_it() -> None:
    async with asyncio.timeout(5):
        await Gathering(0).wait()


async def test_who_is_cancelled_holds_up_nobody() -> None:
    gathering = Gathering(_FOR_EVER_S)
    cancelled, other = (asyncio.create_task(gathering.wait()) for _ in range(2))
    await asyncio.sleep(0)
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    gathering.go_on()
    async with asyncio.timeout(5):
        await other
