"""Places are taken by turns, and none is lost, whoever goes away."""

import asyncio

import pytest

from pixelpipe.jobs.places import Places


class Visitors:
    """Who got a place, in the order in which they did; they stay until they are let go."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self.entered: list[str] = []
        self.leaving = asyncio.Event()

    def come(self, name: str) -> asyncio.Task[None]:
        """The first letter of a name says whose it is."""
        return asyncio.create_task(self._visit(name))

    async def _visit(self, name: str) -> None:
        async with self._places.taken(name[0], 1.0):
            self.entered.append(name)
            await self.leaving.wait()


@pytest.fixture
def visitors() -> Visitors:
    return Visitors(Places(2))


async def _settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_no_more_are_in_than_there_are_places(visitors: Visitors) -> None:
    tasks = [visitors.come(f"a{number}") for number in range(5)]
    await _settle()
    assert visitors.entered == ["a0", "a1"]
    visitors.leaving.set()
    await asyncio.gather(*tasks)
    assert visitors.entered == ["a0", "a1", "a2", "a3", "a4"]


async def test_a_flood_does_not_keep_another_client_waiting(visitors: Visitors) -> None:
    tasks = [visitors.come(f"a{number}") for number in range(20)]
    await _settle()
    tasks.append(visitors.come("b"))
    await _settle()
    visitors.leaving.set()
    await asyncio.gather(*tasks)
    assert visitors.entered.index("b") <= 4


@pytest.mark.parametrize("given_first", [False, True])
async def test_who_is_cancelled_while_waiting_costs_no_place(
    visitors: Visitors, *, given_first: bool
) -> None:
    inside = [visitors.come("a0"), visitors.come("a1")]
    await _settle()
    waiting = visitors.come("a2")
    await _settle()
    if given_first:
        visitors.leaving.set()
        await asyncio.sleep(0)  # those inside wake up, and one hands its place on
    waiting.cancel()
    visitors.leaving.set()
    await asyncio.gather(*inside, waiting, return_exceptions=True)
    visitors.leaving.clear()
    others = [visitors.come("b0"), visitors.come("b1")]
    await _settle()
    assert visitors.entered[-2:] == ["b0", "b1"]
    visitors.leaving.set()
    await asyncio.gather(*others)


async def test_a_place_is_free_again_after_a_failure() -> None:
    places = Places(1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            async with places.taken("a", 1.0):
                raise ZeroDivisionError
    async with asyncio.timeout(5), places.taken("a", 1.0):
        pass
