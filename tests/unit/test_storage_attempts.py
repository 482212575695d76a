"""Trouble with the storage is tried again; a source that killed the decoder is not."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pixelpipe.errors import PoisonedSourceError, StorageFailedError, StorageFullError
from pixelpipe.jobs import patience
from pixelpipe.jobs.patience import STORE_ATTEMPTS, put_patiently, put_when_room
from pixelpipe.jobs.poison import PoisonList
from pixelpipe.jobs.ports import Digest
from pixelpipe.jobs.records import Poison
from pixelpipe.storage.blobs import FileBlobs
from pixelpipe.storage.space import Space


class Shaky(FileBlobs):
    """A store that fails so many times first."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.calls = 0
        self.error = StorageFailedError("shaky")

    async def put(
        self, sha256: str, content: memoryview, digest: Digest = Digest.UNCHECKED
    ) -> bool:
        del sha256, content, digest
        self.calls += 1
        if self.calls <= self.failures:
            raise self.error
        return True


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "_STORE_BACKOFF_S", 0.001)


@pytest.mark.parametrize("failures", range(STORE_ATTEMPTS))
async def test_storage_is_tried_again(failures: int) -> None:
    store = Shaky(failures)
    assert await put_patiently(store, "0" * 64, memoryview(b""), Digest.KNOWN)
    assert store.calls == failures + 1


async def test_a_full_disk_is_told_at_once() -> None:
    store = Shaky(1)
    store.error = StorageFullError("full")
    with pytest.raises(StorageFullError):
        await put_patiently(store, "0" * 64, memoryview(b""), Digest.KNOWN)
    assert store.calls == 1


async def test_and_given_up_in_the_end() -> None:
    store = Shaky(STORE_ATTEMPTS)
    with pytest.raises(StorageFailedError):
        await put_patiently(store, "0" * 64, memoryview(b""), Digest.KNOWN)
    assert store.calls == STORE_ATTEMPTS


async def test_what_does_not_fit_is_tried_ever_more_rarely(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[tuple[float, float]] = []

    def no_pause(least: float, most: float) -> float:
        pauses.append((least, most))
        return 0

    monkeypatch.setattr(random, "uniform", no_pause)
    store = Shaky(2000)
    store.error = StorageFullError("full")
    space = await asyncio.to_thread(Space, tmp_path, 4096)  # There is room, but not for this.
    await put_when_room(store, space, "0" * 64, memoryview(b""))
    assert store.calls == 2001
    assert pauses[:6] == [(0.5, 1), (1, 2), (2, 4), (4, 8), (8, 16), (15, 30)]
    assert set(pauses[6:]) == {(15, 30)}


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = datetime(2030, 1, 2, tzinfo=UTC)
        self.recorded: list[Poison] = []

    def later(self, seconds: float) -> datetime:
        return self.now + timedelta(seconds=seconds)

    def poisons(self, for_s: float) -> PoisonList:
        """A list by this clock."""
        return PoisonList(for_s, self.recorded.append, lambda: self.now)


def test_a_remembered_source_is_refused_until_its_time_is_over() -> None:
    clock = Clock()
    poison = clock.poisons(60)
    poison.remember("bad")
    poison.check("good")
    with pytest.raises(PoisonedSourceError, match="60 more seconds"):
        poison.check("bad")
    clock.now = clock.later(61)
    poison.check("bad")


def test_a_remembered_source_is_recorded_and_refused_after_the_next_start() -> None:
    clock = Clock()
    clock.poisons(60).remember("bad")
    assert clock.recorded == [Poison("bad", clock.now, clock.later(60))]
    after = clock.poisons(60)
    after.load(clock.recorded)
    clock.now = clock.later(59)
    with pytest.raises(PoisonedSourceError):
        after.check("bad")
    clock.now = clock.later(1)
    after.check("bad")


def test_a_source_is_refused_for_no_longer_than_is_set_now() -> None:
    clock = Clock()
    shorter, never = clock.poisons(10), clock.poisons(0)
    for poison in (shorter, never):
        poison.load([Poison("bad", clock.now, clock.later(3600))])
    never.check("bad")
    with pytest.raises(PoisonedSourceError, match="10 more seconds"):
        shorter.check("bad")


def test_a_clock_that_is_set_back_makes_nobody_wait_longer() -> None:
    clock = Clock()
    poison = clock.poisons(60)
    poison.remember("bad")
    clock.now = clock.later(-86_400)
    with pytest.raises(PoisonedSourceError, match="60 more seconds"):
        poison.check("bad")
    clock.now = clock.later(60)
    poison.check("bad")


def test_without_a_time_nothing_is_remembered_and_any_time_can_be_set() -> None:
    clock = Clock()
    clock.poisons(0).remember("bad")
    assert clock.recorded == []
    clock.poisons(1e300).remember("bad")
    assert clock.recorded[0].until.year > 2070


def test_no_more_than_so_many_sources_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pixelpipe.jobs.poison.MOST_POISONS", 2)
    poison = Clock().poisons(60)
    for digest in ("first", "second", "third"):
        poison.remember(digest)
    poison.check("first")
    with pytest.raises(PoisonedSourceError):
        poison.check("second")
