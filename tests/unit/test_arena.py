"""Leases of the arena, on a real segment."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

import pytest

from pixelpipe.engine.arena import Arena, LeaseLeakError, Region
from pixelpipe.engine.pages import PAGE_BYTES
from pixelpipe.errors import MemoryFullError

KIB = 1024
MIB = 1024 * KIB


@pytest.fixture
def arena() -> Iterator[Arena]:
    arena = Arena(4 * MIB, MIB)
    yield arena
    for lease in arena.leases:
        lease.release()
    arena.close()


async def test_leases_are_whole_pages_from_the_bottom(arena: Arena) -> None:
    first, second = arena.work.take(1), arena.work.take(PAGE_BYTES + 1)
    assert first is not None
    assert second is not None
    assert (first.size, second.size) == (PAGE_BYTES, 2 * PAGE_BYTES)
    assert second.offset == first.end
    first.release()
    assert arena.work.take(10) is not None
    assert {lease.offset for lease in arena.leases} == {first.offset, second.offset}


async def test_uploads_cannot_starve_work(arena: Arena) -> None:
    assert arena.uploads.take(MIB) is not None
    assert arena.uploads.take(1) is None
    assert arena.work.take(3 * MIB) is not None


async def test_several_leases_are_taken_together_or_not_at_all(arena: Arena) -> None:
    heard: list[None] = []
    arena.work.notify(lambda: heard.append(None))
    assert arena.work.take_all([MIB, MIB, 2 * MIB]) is None
    assert arena.leases == []
    assert heard == []
    taken = arena.work.take_all([MIB, MIB, MIB])
    assert taken is not None
    assert [lease.size for lease in taken] == [MIB, MIB, MIB]


async def test_a_lease_is_used_until_it_is_released_and_released_once(arena: Arena) -> None:
    lease = arena.work.take(PAGE_BYTES)
    assert lease is not None
    lease.view()[:3] = b"abc"
    lease.release()
    assert arena.leases == []
    with pytest.raises(ValueError, match="outside the lease"):
        lease.view()
    with pytest.raises(ValueError, match="twice"):
        lease.release()


async def test_views_stay_inside_the_lease(arena: Arena) -> None:
    lease = arena.work.take(PAGE_BYTES)
    assert lease is not None
    for start, size in [(0, PAGE_BYTES + 1), (1, PAGE_BYTES), (-1, 2)]:
        with pytest.raises(ValueError, match="outside the lease"):
            lease.view(start, size)


async def test_pages_are_reserved_before_they_are_touched(arena: Arena) -> None:
    lease = arena.work.take(MIB)
    assert lease is not None
    before = arena.backed_bytes
    await arena.work.back(lease)
    assert arena.backed_bytes - before == MIB


async def test_a_full_system_is_an_error_and_not_a_signal(
    arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    lease = arena.work.take(MIB)
    assert lease is not None
    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(MemoryFullError):
        await arena.work.back(lease)


async def test_idle_pages_go_back_to_the_system_and_used_ones_stay(arena: Arena) -> None:
    low, high = arena.work.take(PAGE_BYTES), arena.work.take(2 * MIB)
    assert low is not None
    assert high is not None
    await arena.work.back(high)
    low.view()[:4] = b"kept"
    high.release()
    await arena.trim(keep_bytes=0)  # the use of before still counts
    assert arena.backed_bytes > 2 * MIB
    await arena.trim(keep_bytes=0)
    assert arena.backed_bytes <= 2 * PAGE_BYTES
    assert bytes(low.view(0, 4)) == b"kept"
    again = arena.work.take(2 * MIB)
    assert again is not None
    await arena.work.back(again)
    assert bytes(again.view(0, 4)) == bytes(4)


async def test_some_idle_pages_are_kept_warm(arena: Arena) -> None:
    lease = arena.work.take(2 * MIB)
    assert lease is not None
    await arena.work.back(lease)
    lease.release()
    for _ in range(2):
        await arena.trim(keep_bytes=MIB)
    assert arena.backed_bytes == MIB


async def test_room_can_be_leased_while_idle_pages_are_given_back(
    arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pixelpipe.engine.arena._SLICE_BYTES", 64 * KIB)
    lease = arena.work.take(3 * MIB)
    assert lease is not None
    await arena.work.back(lease)
    lease.release()
    await arena.trim(keep_bytes=0)
    trimming = asyncio.create_task(arena.trim(keep_bytes=0))
    taken = 0
    while not trimming.done():
        await asyncio.sleep(0)
        during = arena.work.take(MIB)
        assert during is not None
        during.release()
        taken += 1
    assert taken > 1


async def test_waiters_hear_of_room(arena: Arena) -> None:
    heard: list[Region] = []
    arena.work.notify(lambda: heard.append(arena.work))
    lease = arena.work.take(1)
    assert lease is not None
    lease.release()
    assert heard == [arena.work]


async def test_pages_below_a_lease_that_is_kept_for_long_are_given_back(arena: Arena) -> None:
    low, high = arena.work.take(2 * MIB), arena.work.take(PAGE_BYTES)
    assert low is not None
    assert high is not None
    for lease in (low, high):
        await arena.work.back(lease)
    high.view()[:4] = b"kept"
    low.release()
    for _ in range(2):
        await arena.trim(keep_bytes=0)
    assert arena.backed_bytes == PAGE_BYTES
    assert bytes(high.view(0, 4)) == b"kept"


async def test_pages_that_were_used_since_the_last_time_are_kept(arena: Arena) -> None:
    first, second = arena.work.take(MIB), arena.work.take(MIB)
    for lease in (first, second):
        assert lease is not None
        await arena.work.back(lease)
        lease.release()
    await arena.trim(keep_bytes=0)
    again = arena.work.take(MIB)
    assert again is not None
    again.release()
    await arena.trim(keep_bytes=0)
    assert arena.backed_bytes == MIB


async def test_pages_that_were_given_back_are_there_again_for_the_next_lease(arena: Arena) -> None:
    whole = arena.work.take(3 * MIB)
    assert whole is not None
    await arena.work.back(whole)
    whole.release()
    for _ in range(2):
        await arena.trim(keep_bytes=0)
    assert arena.backed_bytes == 0
    leases = [arena.work.take(MIB) for _ in range(3)]
    for lease in leases:
        assert lease is not None
        await arena.work.back(lease)
    assert arena.backed_bytes == 3 * MIB


async def test_pages_for_somebody_who_has_gone_are_known(
    arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def slow(*place: int) -> None:
        asked.set()
        go_on.wait(60)
        fallocate(*place)

    fallocate = os.posix_fallocate
    monkeypatch.setattr(os, "posix_fallocate", slow)
    lease = arena.work.take(2 * MIB)  # more than is filled at once
    assert lease is not None
    backing = asyncio.create_task(arena.work.back(lease))
    await asyncio.to_thread(asked.wait, 60)
    backing.cancel()
    await asyncio.wait({backing})
    lease.release()
    go_on.set()
    monkeypatch.undo()
    async with asyncio.timeout(60):
        while arena.work._holes.within(0, arena.size) == [(MIB, arena.size)]:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    for _ in range(2):
        await arena.trim(keep_bytes=0)
    assert arena.backed_bytes == 0


def test_a_lease_left_at_the_end_is_an_error() -> None:
    arena = Arena(MIB, MIB // 4)
    assert arena.work.take(1) is not None
    with pytest.raises(LeaseLeakError):
        arena.close()


def test_nobody_finds_the_segment_by_its_name(arena: Arena) -> None:
    assert not Path(f"/dev/shm/{arena.name}").exists()
    with pytest.raises(FileNotFoundError):
        SharedMemory(arena.name)


def test_who_removes_the_segment_of_a_server_that_dies_while_it_makes_it_is_there_before() -> None:
    program = """
from multiprocessing import resource_tracker
from pixelpipe.engine import arena

class Segment:
    def __init__(self, **_: object) -> None:
        raise SystemExit(resource_tracker._resource_tracker._fd is None)

arena.SharedMemory = Segment
arena.Arena(2**20, 2**18)
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
