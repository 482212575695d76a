"""First fit, joining, growing."""

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from pixelpipe.engine.freelist import FreeList
from pixelpipe.engine.spans import Spans


def test_takes_the_lowest_range_that_fits() -> None:
    free = FreeList(0, 100)
    assert [free.take(30), free.take(30), free.take(30)] == [0, 30, 60]
    free.give(0, 30)
    free.give(60, 30)
    assert free.take(20) == 0
    assert free.take(35) == 60


def test_says_none_when_nothing_fits() -> None:
    free = FreeList(0, 100)
    assert free.take(101) is None
    assert free.take(100) == 0
    assert free.take(1) is None


def test_joins_neighbours_on_both_sides() -> None:
    free = FreeList(0, 90)
    for _ in range(3):
        free.take(30)
    free.give(0, 30)
    free.give(60, 30)
    free.give(30, 30)
    assert free.take(90) == 0


def test_extends_only_into_free_room() -> None:
    free = FreeList(0, 100)
    free.take(10)
    assert free.extend(10, 20)
    assert free.within(0, 100) == [(30, 100)]
    assert free.take(10) == 30
    assert not free.extend(30, 1)


def test_takes_a_range_only_if_all_of_it_is_free() -> None:
    free = FreeList(0, 100)
    free.take(10)
    assert not free.take_range(5, 10)
    assert free.take_range(40, 20)
    assert not free.take_range(59, 10)
    assert free.take_range(60, 40)
    assert free.take(31) is None
    assert free.take(30) == 10
    free.give(40, 60)
    assert free.take(60) == 40


def _gaps(taken: Spans) -> Iterator[tuple[int, int]]:
    """What of [0, 128) is not taken."""
    end = 0
    for span in taken:
        yield end, span[0]
        end = span[1]
    yield end, 128


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 40)), max_size=60))
def test_never_hands_out_a_byte_twice_and_loses_none(steps: list[tuple[bool, int]]) -> None:
    free = FreeList(0, 128)
    used: list[tuple[int, int]] = []
    for take, number in steps:
        if take:
            start = free.take(number)
            if start is not None:
                assert start >= 0
                assert start + number <= 128
                assert all(start + number <= s or s + n <= start for s, n in used)
                used.append((start, number))
        elif used:
            free.give(*used.pop(number % len(used)))
        taken = Spans((s, s + n) for s, n in used)
        assert free.within(0, 128) == [gap for gap in _gaps(taken) if gap[0] < gap[1]]
    for start, size in used:
        free.give(start, size)
    assert free.take(128) == 0
