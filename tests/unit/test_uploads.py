"""Uploads grow in the arena, within their bounds."""

import hashlib
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager

import pytest

from pixelpipe.config import MIB
from pixelpipe.engine.arena import Arena, Region
from pixelpipe.engine.uploads import Upload, UploadRoom
from pixelpipe.errors import MemoryFullError, UploadTooLargeError

LIMIT = 3 * MIB


@pytest.fixture
def arena() -> Iterator[Arena]:
    arena = Arena(32 * MIB, 8 * MIB)
    yield arena
    arena.close()


def receive(
    region: Region, declared_bytes: int | None, limit_bytes: int
) -> AbstractAsyncContextManager[Upload]:
    return UploadRoom(region, limit_bytes).receive(declared_bytes)


async def test_a_declared_length_is_one_lease_of_that_length(arena: Arena) -> None:
    async with receive(arena.uploads, 10_000, LIMIT) as upload:
        (lease,) = arena.leases
        assert lease.size == 12_288
        await upload.write(b"ab")
        await upload.write(b"cd")
        assert bytes(upload.view) == b"abcd"
        assert upload.sha256 == hashlib.sha256(b"abcd").hexdigest()
    assert arena.leases == []


async def test_an_unknown_length_grows_by_a_mebibyte(arena: Arena) -> None:
    chunk = bytes(range(256)) * 2048
    async with receive(arena.uploads, None, LIMIT) as upload:
        sizes = []
        for _ in range(5):
            await upload.write(chunk)
            sizes.append(arena.leases[0].size // MIB)
        assert sizes == [1, 1, 2, 2, 3]
        assert bytes(upload.view) == chunk * 5


async def test_an_upload_with_a_neighbour_moves_with_what_it_has(arena: Arena) -> None:
    async with receive(arena.uploads, None, LIMIT) as first:
        await first.write(b"first")
        async with receive(arena.uploads, None, LIMIT) as second:
            await second.write(b"second")
            before = first.view.obj is second.view.obj
            await first.write(bytes(MIB))
            assert before
            assert bytes(first.view[:5]) == b"first"
            assert bytes(second.view) == b"second"
            assert len(arena.leases) == 2


async def test_more_than_allowed_is_refused_before_and_while_it_comes(arena: Arena) -> None:
    with pytest.raises(UploadTooLargeError, match=str(LIMIT)):
        async with receive(arena.uploads, LIMIT + 1, LIMIT):
            pass
    async with receive(arena.uploads, None, LIMIT) as upload:
        await upload.write(bytes(LIMIT))
        with pytest.raises(UploadTooLargeError, match=str(LIMIT)):
            await upload.write(b"x")
    assert arena.leases == []


async def test_more_than_the_arena_has_for_uploads_is_refused(arena: Arena) -> None:
    with pytest.raises(UploadTooLargeError, match=str(8 * MIB)):
        async with receive(arena.uploads, 9 * MIB, 100 * MIB):
            pass


async def test_an_unknown_length_may_fill_the_region_to_its_end(arena: Arena) -> None:
    size = arena.uploads.size
    odd = 7 * MIB + 300_000
    async with receive(arena.uploads, None, 100 * MIB) as upload:
        await upload.write(bytes(odd))
        await upload.write(bytes(size - odd))
        assert upload.size_bytes == size


async def test_no_room_at_the_moment_is_another_error(arena: Arena) -> None:
    async with receive(arena.uploads, 6 * MIB, 8 * MIB):
        with pytest.raises(MemoryFullError):
            async with receive(arena.uploads, 3 * MIB, 8 * MIB):
                pass
        async with receive(arena.uploads, None, 8 * MIB) as growing:
            await growing.write(bytes(2 * MIB))
            with pytest.raises(MemoryFullError):
                await growing.write(bytes(MIB))
    async with receive(arena.uploads, 8 * MIB, 8 * MIB):
        pass


async def test_what_was_taken_over_stays(arena: Arena) -> None:
    async with receive(arena.uploads, 4, LIMIT) as upload:
        await upload.write(b"kept")
        lease = upload.take_over()
    assert bytes(lease.view(0, 4)) == b"kept"
    with pytest.raises(ValueError, match="taken over"):
        _ = upload.view
    lease.release()


async def test_who_finds_no_room_is_told_how_long_uploads_stay(arena: Arena) -> None:
    now_s = 0.0
    room = UploadRoom(arena.uploads, LIMIT, lambda: now_s)
    for _ in range(20):
        async with room.receive(LIMIT):
            now_s += 20.0
    async with room.receive(LIMIT), room.receive(LIMIT):
        told = set()
        for _ in range(200):
            with pytest.raises(MemoryFullError) as refused:
                async with room.receive(LIMIT):
                    pass
            told.add(refused.value.retry_after_s or 0)
    assert min(told) >= 10
    assert 30 < max(told) <= 60
