"""What happens when the storage runs out of room, on a file system that really does."""

import asyncio
import errno
import os
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from pixelpipe.storage import space as space_module
from pixelpipe.storage.folder import FolderError
from pixelpipe.storage.space import Space, is_full
from tests.filesystems import fill, free_bytes, small_filesystem

MIB = 2**20
SIZE_BYTES = 24 * MIB
RESERVE_BYTES = 4 * MIB
MARGIN_BYTES = MIB
DEADLINE_S = 5


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_filesystem(tmp_path / "disk", SIZE_BYTES) as folder:
        yield folder


@asynccontextmanager
async def watched(folder: Path) -> AsyncIterator[Space]:
    space = await asyncio.to_thread(Space, folder, RESERVE_BYTES, poll_s=0.01)
    await space.start()
    try:
        yield space
    finally:
        await space.close()


async def exhaust(space: Space, needed_bytes: int = 0) -> bool:
    return await asyncio.to_thread(space.exhausted, needed_bytes)


def leave(disk: Path, room_bytes: int) -> None:
    """Fill the disk but for so much, which is what the reserve may be made of again."""
    with (disk / "filler").open("ab") as file:
        file.truncate(0)
        os.posix_fallocate(file.fileno(), 0, free_bytes(disk) - room_bytes)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_the_reserve_takes_its_room_from_the_start(disk: Path) -> None:
    before = free_bytes(disk)
    space = Space(disk, RESERVE_BYTES)
    assert not space.full
    assert free_bytes(disk) == before - RESERVE_BYTES
    assert names(disk) == {"reserve"}


def test_the_reserve_of_an_earlier_start_is_kept(disk: Path) -> None:
    Space(disk, RESERVE_BYTES)
    inode = (disk / "reserve").stat().st_ino
    fill(disk)
    assert not Space(disk, RESERVE_BYTES).full
    assert (disk / "reserve").stat().st_ino == inode


def test_a_reserve_that_only_looks_large_is_made_anew(disk: Path) -> None:
    with (disk / "reserve").open("wb") as file:
        file.truncate(RESERVE_BYTES)
    before = free_bytes(disk)
    assert not Space(disk, RESERVE_BYTES).full
    assert free_bytes(disk) == before - RESERVE_BYTES


@pytest.mark.parametrize("other_bytes", [RESERVE_BYTES // 2, RESERVE_BYTES * 2])
def test_a_reserve_of_another_size_is_made_anew(disk: Path, other_bytes: int) -> None:
    Space(disk, other_bytes)
    assert not Space(disk, RESERVE_BYTES).full
    assert (disk / "reserve").stat().st_size == RESERVE_BYTES


def test_a_reserve_that_is_to_be_smaller_gives_room_on_a_full_disk(disk: Path) -> None:
    Space(disk, RESERVE_BYTES * 2)
    fill(disk)
    assert not Space(disk, RESERVE_BYTES).full
    assert free_bytes(disk) == RESERVE_BYTES


def test_what_a_start_that_was_interrupted_left_is_removed(disk: Path) -> None:
    fill(disk).rename(disk / "reserve.unfinished")
    assert not Space(disk, RESERVE_BYTES).full
    assert names(disk) == {"reserve"}


def test_a_folder_that_cannot_be_used_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FolderError):
        Space(tmp_path / "file", RESERVE_BYTES)


def test_running_out_gives_up_the_reserve(disk: Path) -> None:
    space = Space(disk, RESERVE_BYTES)
    fill(disk)
    with pytest.raises(OSError, match="No space"):
        (disk / "more").write_bytes(b"x")
    with capture_logs() as logs:
        assert space.exhausted()
        assert not space.exhausted()
    assert [line["event"] for line in logs] == ["the storage is full"]
    assert space.full
    assert not (disk / "reserve").exists()
    (disk / "more").write_bytes(bytes(RESERVE_BYTES))


def test_of_many_threads_one_gives_up_the_reserve(disk: Path) -> None:
    threads = 16
    together = threading.Barrier(threads)

    def exhausted(space: Space) -> bool:
        together.wait(DEADLINE_S)
        return space.exhausted()

    with ThreadPoolExecutor(threads) as pool:
        for _ in range(20):
            space = Space(disk, RESERVE_BYTES)
            assert sum(pool.map(exhausted, [space] * threads)) == 1


async def test_who_waits_for_room_goes_on_once_it_is_there(disk: Path) -> None:
    with capture_logs() as logs:
        async with watched(disk) as space:
            async with asyncio.timeout(DEADLINE_S):
                await space.room()
            filler = fill(disk)
            assert await exhaust(space)
            fill(disk)
            waiting = [asyncio.create_task(space.room()) for _ in range(3)]
            done, _ = await asyncio.wait(waiting, timeout=0.1)
            assert not done
            full_meanwhile = space.full

            filler.unlink()
            async with asyncio.timeout(DEADLINE_S):
                await asyncio.gather(*waiting)
            assert (full_meanwhile, space.full) == (True, False)
            assert names(disk) == {"reserve"}
            assert (disk / "reserve").stat().st_blocks * 512 == RESERVE_BYTES
    assert [line["event"] for line in logs] == [
        "the storage is full",
        "the storage has room again",
    ]


async def test_room_for_the_reserve_alone_is_not_room(disk: Path) -> None:
    async with watched(disk) as space:
        filler = fill(disk)
        await exhaust(space)
        with filler.open("r+b") as file:
            file.truncate(SIZE_BYTES - RESERVE_BYTES - MARGIN_BYTES // 2)
        waiting = asyncio.create_task(space.room())
        done, _ = await asyncio.wait({waiting}, timeout=0.1)
        assert not done
        assert names(disk) == {"filler"}

        with filler.open("r+b") as file:
            file.truncate(SIZE_BYTES - RESERVE_BYTES - 2 * MARGIN_BYTES)
        async with asyncio.timeout(DEADLINE_S):
            await waiting
        assert names(disk) == {"filler", "reserve"}


async def test_what_did_not_fit_has_to_fit_before_there_is_room(disk: Path) -> None:
    needed_bytes = 6 * MIB
    async with watched(disk) as space:
        await exhaust(space, 5)
        await exhaust(space, needed_bytes)
        await exhaust(space, 5)
        leave(disk, RESERVE_BYTES + MARGIN_BYTES + needed_bytes - 4096)
        waiting = asyncio.create_task(space.room())
        done, _ = await asyncio.wait({waiting}, timeout=0.1)
        assert not done
        assert names(disk) == {"filler"}

        leave(disk, RESERVE_BYTES + MARGIN_BYTES + needed_bytes)
        async with asyncio.timeout(DEADLINE_S):
            await waiting
        # With that it is forgotten.
        await exhaust(space)
        leave(disk, RESERVE_BYTES + MARGIN_BYTES)
        async with asyncio.timeout(DEADLINE_S):
            await space.room()


async def test_what_did_not_fit_is_forgotten_unless_it_is_told_again(
    disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who came with too much, and went, does not keep out for ever who brings less."""
    monkeypatch.setattr(space_module, "_NEED_S", 0.3)
    began_s = asyncio.get_running_loop().time()
    async with watched(disk) as space:
        await exhaust(space, 12 * MIB)
        leave(disk, RESERVE_BYTES + MARGIN_BYTES)
        async with asyncio.timeout(DEADLINE_S):
            await space.room()
    assert asyncio.get_running_loop().time() - began_s >= 0.3


async def test_what_never_fits_keeps_nobody_out(disk: Path) -> None:
    async with watched(disk) as space:
        await exhaust(space, SIZE_BYTES)
        async with asyncio.timeout(DEADLINE_S):
            await space.room()


async def test_what_ran_out_is_not_made_good_at_once(disk: Path) -> None:
    space = await asyncio.to_thread(Space, disk, RESERVE_BYTES, poll_s=0.3)
    await space.start()
    for _ in range(2):
        began_s = asyncio.get_running_loop().time()
        await exhaust(space)
        async with asyncio.timeout(DEADLINE_S):
            await space.room()
        assert asyncio.get_running_loop().time() - began_s >= 0.3
    await space.close()


async def test_who_is_woken_when_the_room_is_gone_again_waits_on(disk: Path) -> None:
    fill(disk)
    async with watched(disk) as space:
        waiting = asyncio.create_task(space.room())
        await asyncio.sleep(0)
        space._resumed.set()
        done, _ = await asyncio.wait({waiting}, timeout=0.1)
        assert not done
        (disk / "filler").unlink()
        async with asyncio.timeout(DEADLINE_S):
            await waiting


async def test_a_full_folder_is_waited_for_from_the_start(disk: Path) -> None:
    filler = fill(disk)
    async with watched(disk) as space:
        assert space.full
        assert not await exhaust(space)
        assert names(disk) == {"filler"}
        filler.unlink()
        async with asyncio.timeout(DEADLINE_S):
            await space.room()
        assert names(disk) == {"reserve"}


async def test_what_ran_out_before_the_start_is_waited_for(disk: Path) -> None:
    space = await asyncio.to_thread(Space, disk, RESERVE_BYTES, poll_s=0.01)
    assert await exhaust(space)
    await space.start()
    async with asyncio.timeout(DEADLINE_S):
        await space.room()
    await space.close()
    assert names(disk) == {"reserve"}


async def test_running_out_again_and_again_is_survived(disk: Path) -> None:
    async with watched(disk) as space:
        for _ in range(5):
            filler = fill(disk)
            assert await exhaust(space)
            filler.unlink()
            async with asyncio.timeout(DEADLINE_S):
                await space.room()
            assert names(disk) == {"reserve"}


async def test_a_reserve_that_cannot_be_had_whole_leaves_nothing(
    disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = threading.Event()
    really = os.posix_fallocate

    def quota(descriptor: int, offset: int, length: int) -> None:
        really(descriptor, offset, length // 2)
        tried.set()
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    async with watched(disk) as space:
        with monkeypatch.context() as broken:
            broken.setattr(os, "posix_fallocate", quota)
            await exhaust(space)
            assert await asyncio.to_thread(tried.wait, DEADLINE_S)
            assert space.full
        async with asyncio.timeout(DEADLINE_S):
            await space.room()
        assert names(disk) == {"reserve"}
        monkeypatch.setattr(os, "posix_fallocate", quota)
        await exhaust(space)
    assert space.full
    assert names(disk) == set()


async def test_trouble_with_the_reserve_is_told_once_and_overcome(
    disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = threading.Semaphore(0)

    def broken_disk(*_: object) -> None:
        tries.release()
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with capture_logs() as logs:
        async with watched(disk) as space:
            with monkeypatch.context() as broken:
                broken.setattr(os, "posix_fallocate", broken_disk)
                await exhaust(space)
                for _ in range(3):
                    assert await asyncio.to_thread(tries.acquire, timeout=DEADLINE_S)
            async with asyncio.timeout(DEADLINE_S):
                await space.room()
    assert [line["event"] for line in logs] == [
        "the storage is full",
        "the reserve of the storage is out of order",
        "the storage has room again",
    ]


async def test_running_out_of_files_is_running_out(tmp_path: Path) -> None:
    with small_filesystem(tmp_path / "disk", SIZE_BYTES, files=200) as disk:
        async with watched(disk) as space:
            crowd = [disk / f"{number}" for number in range(198)]
            for path in crowd:
                path.touch()
            with pytest.raises(OSError, match="No space"):
                (disk / "one more").touch()
            await exhaust(space)
            waiting = asyncio.create_task(space.room())
            done, _ = await asyncio.wait({waiting}, timeout=0.1)
            assert not done
            for path in crowd:
                path.unlink()
            async with asyncio.timeout(DEADLINE_S):
                await waiting


async def test_after_closing_the_reserve_is_not_made_any_more(disk: Path) -> None:
    filler = fill(disk)
    async with watched(disk) as space:
        pass
    filler.unlink()
    assert not space._resume()
    assert names(disk) == set()
    assert not await exhaust(space)


@pytest.mark.parametrize(
    ("number", "expected"), [(errno.ENOSPC, True), (errno.EDQUOT, True), (errno.EIO, False)]
)
def test_a_full_disk_and_a_used_up_quota_are_full(number: int, expected: bool) -> None:  # noqa: FBT001
    assert is_full(OSError(number, "")) is expected
