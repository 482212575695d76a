"""Processes of one machine tell one another what is new."""

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

import pytest

from pixelpipe.jobs.peers import Kind, Notice
from pixelpipe.neighbours import Neighbours, Place
from pixelpipe.storage.folder import FolderError

PATIENCE_S = 10.0


@pytest.fixture
def three(tmp_path: Path) -> Iterator[list[Neighbours]]:
    with ExitStack() as closes:
        yield [
            closes.enter_context(closing(Neighbours(Place(number, 3), tmp_path / "p")))
            for number in (1, 2, 3)
        ]


async def settled(number: int, count: int, folder: Path) -> Neighbours:
    """One of them, made where blocking is allowed."""
    return await asyncio.to_thread(Neighbours, Place(number, count), folder)


class Ear:
    """What one of them hears."""

    def __init__(self, neighbours: Neighbours) -> None:
        self.heard: list[Notice] = []
        self._news = asyncio.Event()
        neighbours.listen(self._hear)

    async def hears(self, count: int) -> list[Notice]:
        """So many notices, once they have come."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.heard) < count:
                self._news.clear()
                await self._news.wait()
        return self.heard

    def _hear(self, notice: Notice) -> None:
        self.heard.append(notice)
        self._news.set()


async def test_what_one_tells_all_others_hear_in_order(three: list[Neighbours]) -> None:
    one, *others = three
    ears = [Ear(other) for other in others]
    own = Ear(one)
    told = [Notice(Kind.CANCEL, "a"), Notice(Kind.RECORDED), Notice(Kind.POISON, "f" * 64)]
    for notice in told:
        one.tell(notice)
    assert [await ear.hears(3) for ear in ears] == [told, told]
    assert own.heard == []


async def test_the_first_leads_and_each_knows_whose_the_others_jobs_are(
    three: list[Neighbours],
) -> None:
    assert [each.leader for each in three] == [True, False, False]
    assert three[1].owners == {"process-1", "process-3"}
    assert Place(2, 3).owner == "process-2"


async def test_who_is_not_there_or_does_not_listen_keeps_nobody_waiting(tmp_path: Path) -> None:
    with closing(await settled(1, 3, tmp_path)) as one:
        one.tell(Notice(Kind.RECORDED))  # Nobody was ever there.
        with closing(await settled(2, 3, tmp_path)) as two:
            for _ in range(5000):
                one.tell(Notice(Kind.RECORDED))
            ear = Ear(two)
            assert (await ear.hears(1))[0] == Notice(Kind.RECORDED)
        one.tell(Notice(Kind.RECORDED))  # Its socket is there yet, and nobody behind it.


async def test_those_who_stand_still_do_not_keep_the_others_from_hearing(tmp_path: Path) -> None:
    count = 40
    with ExitStack() as closes:
        all_of_them = [
            closes.enter_context(closing(await settled(number, count, tmp_path)))
            for number in range(1, count + 1)
        ]
        one, *_, last = all_of_them
        ear = Ear(last)
        told = [Notice(Kind.HIT, str(number)) for number in range(30)]
        for notice in told:
            one.tell(notice)  # Nobody else ever reads.
            await asyncio.sleep(0)
        heard = [notice for notice in await ear.hears(len(told)) if notice.kind is Kind.HIT]
        assert heard == told


async def test_who_is_started_again_takes_its_place(tmp_path: Path) -> None:
    one, two = await settled(1, 2, tmp_path), await settled(2, 2, tmp_path)
    two.close()
    again = await settled(2, 2, tmp_path)
    ear = Ear(again)
    one.tell(Notice(Kind.CANCEL, "x"))
    assert await ear.hears(1) == [Notice(Kind.CANCEL, "x")]
    one.close()
    again.close()


async def test_what_is_no_notice_is_passed_over(tmp_path: Path) -> None:
    with closing(await settled(1, 2, tmp_path)) as one:
        ear = Ear(one)
        folder = os.open(tmp_path, os.O_PATH)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stranger:
            for said in (b"", b"\xff", b"{}", b"5", b'["nonsense", ""]', b'["recorded", ""]'):
                stranger.sendto(said, f"/proc/self/fd/{folder}/1")
        os.close(folder)
        assert await ear.hears(1) == [Notice(Kind.RECORDED)]


async def test_a_long_path_is_no_hindrance(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 100) / ("y" * 100)
    await asyncio.to_thread(partial(folder.mkdir, parents=True))
    one, two = await settled(1, 2, folder), await settled(2, 2, folder)
    ear = Ear(two)
    one.tell(Notice(Kind.RECORDED))
    assert await ear.hears(1)
    one.close()
    two.close()


def test_a_folder_that_cannot_be_used_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FolderError, match="cannot use the folder"):
        Neighbours(Place(1, 2), tmp_path / "file")


def test_nobody_else_may_enter_the_folder_of_the_sockets(tmp_path: Path) -> None:
    (tmp_path / "p" / "1-reserve").mkdir(parents=True)
    with closing(Neighbours(Place(1, 2), tmp_path / "p")):
        assert (tmp_path / "p").stat().st_mode & 0o777 == 0o700


async def test_who_finds_a_crowd_of_notices_supposes_what_may_be_lost(
    three: list[Neighbours],
) -> None:
    one, two, _ = three
    ear = Ear(two)
    for _ in range(1000):
        one.tell(Notice(Kind.HIT))
    one.tell(Notice(Kind.MESSAGE))
    async with asyncio.timeout(PATIENCE_S):
        while Notice(Kind.MESSAGE) not in ear.heard:
            await ear.hears(len(ear.heard) + 1)
    assert Notice(Kind.RECORDED) in ear.heard
