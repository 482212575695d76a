"""What goes from the object storage, and what must not."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AsyncExitStack, aclosing, closing
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from obstore.store import MemoryStore

from pixelpipe.errors import StorageUnavailableError
from pixelpipe.jobs.model import Blob
from pixelpipe.scaleout import objects_removal
from pixelpipe.scaleout.objects import ObjectBlobs
from pixelpipe.scaleout.objects_place import Place
from pixelpipe.scaleout.objects_removal import key_of
from pixelpipe.storage.marks import FileMarks
from tests.http_jobs import until
from tests.object_store import ObjectStore
from tests.scaleout.aged_store import AgedStore

GRACE_S = 600.0
LONG_S = GRACE_S + 60.0


def content(number: int) -> bytes:
    return f"blob {number}".encode() * 100


def blob(number: int = 0) -> Blob:
    return Blob(hashlib.sha256(content(number)).hexdigest(), len(content(number)))


class Process:
    """A process over the store."""

    def __init__(self, store: AgedStore, marks: FileMarks | None = None) -> None:
        any_store: Any = store
        self.place = Place("the store", any_store, any_store)
        self.blobs = ObjectBlobs(self.place, "ours", marks=marks, grace_s=GRACE_S)

    async def put(self, number: int = 0) -> bool:
        return await self.blobs.put(blob(number).sha256, memoryview(content(number)))

    async def remove(self, *numbers: int) -> None:
        """As the journal does, and return once it was looked at what may go."""
        for number in numbers or (0,):
            await asyncio.to_thread(self.blobs.remove, blob(number).sha256)
        await self.looked()

    async def looked(self) -> None:
        presence = self.blobs._presence
        await until(lambda: not (presence.doomed(1) or presence._going))


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects_removal, "_GATHER_S", 0.01)
    monkeypatch.setattr(objects_removal, "_PAUSE_S", 0.0)


@pytest_asyncio.fixture(params=["memory", "s3"])
async def store(request: pytest.FixtureRequest) -> AgedStore:
    if request.param == "memory":
        return AgedStore(MemoryStore())
    ceph: ObjectStore = request.getfixturevalue("object_store")
    return AgedStore(ceph.store(await asyncio.to_thread(ceph.bucket)))


@pytest_asyncio.fixture
async def begin(store: AgedStore) -> AsyncIterator[Callable[..., Any]]:
    async with AsyncExitStack() as closing:

        async def begun(marks: FileMarks | None = None) -> Process:
            process = Process(store, marks)
            await process.blobs.start()
            closing.push_async_callback(process.blobs.close)
            return process

        yield begun


async def _there(store: AgedStore) -> set[str]:
    listed = await store._store.list("blobs").collect_async()
    return {each["path"].rpartition("/")[2] for each in listed}


def _digests(*numbers: int) -> set[str]:
    return {blob(number).sha256 for number in numbers}


async def test_what_is_old_goes_many_at_once(store: AgedStore, begin: Callable[[], Any]) -> None:
    process = await begin()
    for number in range(20):
        await process.put(number)
    store.pass_time(LONG_S)

    def deleted() -> list[int]:
        return [len(about) for call, about in store.calls if call == "delete"]

    # While one is on its way, the others come together, however slowly they come.
    store.deleting.clear()
    await asyncio.to_thread(process.blobs.remove, blob(0).sha256)
    await until(lambda: deleted() == [1])
    for number in range(1, 19):
        await asyncio.to_thread(process.blobs.remove, blob(number).sha256)
    store.deleting.set()
    await process.looked()
    assert await _there(store) == _digests(19)
    assert deleted() == [1, 18]


async def test_what_is_young_stays_until_the_journal_is_asked_again(
    store: AgedStore, begin: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    process = await begin()
    await process.put()
    store.pass_time(GRACE_S - 5)
    async with aclosing(process.blobs.suspects(everything=False)) as suspects:
        asked = asyncio.ensure_future(anext(suspects))
        await process.remove()
        assert await _there(store) == _digests(0)
        assert not asked.done()
        # It is as if the seconds that are left had passed.
        due = [(0.0, sha256) for _, sha256 in process.blobs._removal._later]
        monkeypatch.setattr(process.blobs._removal, "_later", due)
        process.blobs._removal._due.set()
        assert await asked == _digests(0)
    store.pass_time(10)
    await process.remove()
    assert await _there(store) == set()


async def test_what_was_stored_again_in_another_process_stays(
    store: AgedStore, begin: Callable[[], Any]
) -> None:
    first, second = await begin(), await begin()
    await first.put()
    store.pass_time(LONG_S)
    assert not await second.put()
    await first.remove()
    assert await _there(store) == _digests(0)


@pytest.mark.parametrize(("age_s", "written"), [(GRACE_S / 2 - 10, 0), (GRACE_S / 2 + 10, 1)])
async def test_storing_what_is_there_renews_it_only_when_it_is_old(
    store: AgedStore, begin: Callable[[], Any], age_s: float, written: int
) -> None:
    process = await begin()
    await process.put()
    store.pass_time(age_s)
    before = store.calls.count(("put", key_of(blob().sha256)))
    assert not await process.put()
    assert store.calls.count(("put", key_of(blob().sha256))) == before + written


async def test_the_same_from_many_at_once_is_sent_once(
    store: AgedStore, begin: Callable[[], Any]
) -> None:
    process = await begin()
    assert sum(await asyncio.gather(*(process.put() for _ in range(10)))) == 1
    assert store.calls.count(("put", key_of(blob().sha256))) == 1


async def test_what_is_referred_to_again_stays(store: AgedStore, begin: Callable[[], Any]) -> None:
    process = await begin()
    await process.put()
    store.pass_time(LONG_S)
    process.blobs._presence.doom(blob().sha256)
    assert await process.blobs.intact(blob())
    assert await asyncio.to_thread(process.blobs.holds, blob())
    process.blobs._removal.note()
    await process.remove(1)
    assert await _there(store) == _digests(0)


async def test_nobody_stores_what_is_just_going(store: AgedStore, begin: Callable[[], Any]) -> None:
    process = await begin()
    await process.put()
    store.pass_time(LONG_S)
    store.deleting.clear()
    await asyncio.to_thread(process.blobs.remove, blob().sha256)
    await until(lambda: process.blobs._presence.going(blob().sha256) is not None)
    assert await process.blobs.intact(blob())
    assert not await asyncio.to_thread(process.blobs.holds, blob())
    putting = asyncio.ensure_future(process.put())
    before = len(store.calls)
    await asyncio.to_thread(lambda: None)
    assert not putting.done()
    assert store.calls[before:] == []
    store.deleting.set()
    assert await putting
    assert await _there(store) == _digests(0)
    assert await asyncio.to_thread(process.blobs.holds, blob())


@pytest_asyncio.fixture
async def pair(begin: Callable[..., Any], tmp_path: Path) -> AsyncIterator[tuple[Process, Process]]:
    """Two processes over one journal."""
    path = tmp_path / "in-use"
    with closing(FileMarks(path)) as one, closing(FileMarks(path)) as two:
        yield await begin(one), await begin(two)


async def test_what_is_renewed_between_the_look_at_its_age_and_its_removal_stays(
    store: AgedStore, pair: tuple[Process, Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = pair
    await first.put()
    store.pass_time(LONG_S)
    remove = first.blobs._removal._remove

    async def late(old: Collection[str]) -> None:
        assert not await second.put()
        await remove(old)

    monkeypatch.setattr(first.blobs._removal, "_remove", late)
    await first.remove()
    assert await _there(store) == _digests(0)


async def test_what_goes_in_one_process_is_stored_by_another_after_that(
    store: AgedStore, pair: tuple[Process, Process]
) -> None:
    first, second = pair
    await first.put()
    store.pass_time(LONG_S)
    store.deleting.clear()
    removing = asyncio.create_task(first.remove())
    await until(lambda: ("delete", [key_of(blob().sha256)]) in store.calls)
    putting = asyncio.create_task(second.put())
    await until(lambda: bool(second.blobs._presence._putting[blob().sha256]))
    assert store.calls[-1][0] == "delete"
    store.deleting.set()
    assert await putting
    await removing
    assert await _there(store) == _digests(0)


async def test_what_another_process_is_storing_does_not_go(
    store: AgedStore, pair: tuple[Process, Process]
) -> None:
    first, second = pair
    await first.put()
    store.pass_time(LONG_S)
    async with second.blobs._among.putting(blob().sha256):
        await first.remove()
    assert await _there(store) == _digests(0)


async def test_a_removal_by_another_node_before_the_answer_to_a_put_is_not_forgotten(
    store: AgedStore, begin: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    process, other = await begin(), await begin()
    nothing: Any = None
    other.place.store = nothing  # What tries a request again would send a second one.
    put = store.put_async

    async def slow(*arguments: Any, **options: Any) -> Any:
        made = await put(*arguments, **options)
        await other.blobs.remove_now(blob().sha256)
        process.blobs.doubt()
        return made

    monkeypatch.setattr(store, "put_async", slow)
    await process.put()
    assert await process.blobs.present([blob()]) == [False]


async def test_what_could_not_be_removed_is_asked_about_again(
    store: AgedStore, begin: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    process = await begin()
    await process.put()
    store.pass_time(LONG_S)

    async def away(_: object) -> None:
        raise process.place.away("it is away")

    monkeypatch.setattr(store, "delete_async", away)
    await process.remove()
    assert await _there(store) == _digests(0)
    assert [sha256 for _, sha256 in process.blobs._removal._later] == [blob().sha256]


async def test_all_that_is_there_is_suspected_at_the_start_but_what_is_young(
    store: AgedStore, begin: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects_removal, "_TOGETHER", 2)
    process = await begin()
    for number in range(5):
        await process.put(number)
    for name in ("blobs/ab/notes", "blobs/" + "0" * 64, f"blobs/ab/{'0' * 64}", "else/x"):
        await store.put_async(name, b"x")
    store.pass_time(LONG_S)
    await process.put(5)
    for _ in range(3):
        pages = [page async for page in process.blobs.old()]
        assert {each for page in pages for each in page} == _digests(*range(5))
    found = set[str]()
    async with aclosing(process.blobs.suspects(everything=True)) as suspects:
        while found != _digests(*range(5)):
            found.update(await anext(suspects))
        asked = asyncio.ensure_future(anext(suspects))
        await until(lambda: len(process.blobs._removal._later) == 1)
        process.blobs._removal._ask_again([blob(7).sha256], 0.0)
        assert await asked == _digests(7)
    assert [sha256 for _, sha256 in process.blobs._removal._later] == [blob(5).sha256]


async def test_the_journal_is_not_kept_waiting(begin: Callable[[], Any], store: AgedStore) -> None:
    process = await begin()
    await process.put()
    before = len(store.calls)
    assert process.blobs.holds(blob())
    process.blobs._presence.doom(blob().sha256)
    assert not process.blobs.holds(blob())
    assert len(store.calls) == before


async def test_nothing_goes_before_the_blobs_are_known_to_be_ours(store: AgedStore) -> None:
    await store.put_async("owner", b"somebody else's")
    process = Process(store)
    with pytest.raises(Exception, match="another journal"):
        await process.blobs.start()
    with pytest.raises(StorageUnavailableError):
        await process.put()
    assert await _there(store) == set()
    await process.blobs.close()
