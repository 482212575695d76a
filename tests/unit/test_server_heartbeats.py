"""Comments on quiet streams, by a clock that the test sets."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pixelpipe.server.heartbeats import Heartbeats, Wire

EVERY_S = 15.0
COMMENT = b": still here\n\n"


@dataclass
class Line:
    """Stands for a connection: what was written to it, and whether its client reads."""

    writing_paused: bool = False
    lost: bool = False
    written: list[bytes] = field(default_factory=list)

    async def write(self, data: bytes, *, drain: bool = True) -> None:
        assert not drain, "a comment waits for nobody"
        if self.lost:
            raise ConnectionResetError
        self.written.append(data)

    def wire(self) -> Wire:
        return Wire(cast("Any", SimpleNamespace(protocol=self)), cast("Any", self))


class Hall:
    """Streams by name, their heartbeats, and the time."""

    def __init__(self, names: Iterable[str]) -> None:
        self.now_s = 1000.0
        self.heartbeats = Heartbeats(EVERY_S, lambda: self.now_s)
        self.lines = {name: Line() for name in names}
        self.wires = {name: line.wire() for name, line in self.lines.items()}

    def quiet(self, name: str) -> None:
        """Nothing is written to it for now."""
        self.heartbeats.begin(self.wires[name])

    async def pass_s(self, seconds: float) -> int:
        """So much time passes; how often the heartbeats were looked at."""
        looks, end_s = 0, self.now_s + seconds
        while True:
            delay_s = await self.heartbeats.beat_due()
            looks += 1
            assert delay_s > 0
            if self.now_s + delay_s > end_s:
                self.now_s = end_s
                return looks
            self.now_s += delay_s

    @property
    def beats(self) -> dict[str, int]:
        """How many comments each has had."""
        assert all(line.written == [COMMENT] * len(line.written) for line in self.lines.values())
        return {name: len(line.written) for name, line in self.lines.items()}


async def test_each_has_a_comment_once_it_was_quiet_for_so_long() -> None:
    hall = Hall("ab")
    hall.quiet("a")
    await hall.pass_s(7)
    hall.quiet("b")
    await hall.pass_s(7.9)
    assert hall.beats == {"a": 0, "b": 0}
    await hall.pass_s(0.2)
    assert hall.beats == {"a": 1, "b": 0}
    await hall.pass_s(7)
    assert hall.beats == {"a": 1, "b": 1}
    await hall.pass_s(74)
    assert hall.beats == {"a": 6, "b": 5}


async def test_what_is_sent_puts_the_comment_off_and_none_comes_amid_it() -> None:
    hall = Hall("ab")
    hall.quiet("a")
    hall.quiet("b")
    await hall.pass_s(14)
    hall.heartbeats.end(hall.wires["a"])
    await hall.pass_s(30)
    assert hall.beats == {"a": 0, "b": 2}
    hall.quiet("a")
    await hall.pass_s(14)
    assert hall.beats["a"] == 0
    await hall.pass_s(2)
    assert hall.beats["a"] == 1


async def test_who_does_not_read_has_no_more_heaped_up_for_him() -> None:
    hall = Hall("a")
    hall.quiet("a")
    hall.lines["a"].writing_paused = True
    await hall.pass_s(60)
    assert hall.beats == {"a": 0}
    hall.lines["a"].writing_paused = False
    await hall.pass_s(16)
    assert hall.beats["a"] >= 1


async def test_one_that_is_lost_holds_up_nobody() -> None:
    hall = Hall("ab")
    hall.quiet("a")
    hall.quiet("b")
    hall.lines["a"].lost = True
    await hall.pass_s(16)
    assert hall.beats == {"a": 0, "b": 1}


async def test_many_that_become_due_within_a_moment_wake_the_loop_once() -> None:
    names = [str(number) for number in range(1000)]
    hall = Hall(names)
    for name in names:
        hall.quiet(name)
        hall.now_s += EVERY_S / 1000
    looks = await hall.pass_s(EVERY_S)
    assert set(hall.beats.values()) == {1}
    assert looks < 300


async def test_others_have_their_turn_between_many_comments_and_may_end() -> None:
    hall = Hall([str(number) for number in range(200)])
    for name in hall.lines:
        hall.quiet(name)
    hall.now_s += EVERY_S
    beating = asyncio.create_task(hall.heartbeats.beat_due())
    await asyncio.sleep(0)
    assert 0 < sum(hall.beats.values()) < 100
    hall.heartbeats.end(hall.wires["199"])
    await beating
    assert sum(hall.beats.values()) == 199
    assert hall.beats["199"] == 0


@pytest.mark.parametrize("wires", [0, 1])
async def test_an_empty_hall_is_seldom_looked_at(wires: int) -> None:
    hall = Hall("a")
    if wires:
        hall.quiet("a")
    assert await hall.pass_s(100 * EVERY_S) <= 101
