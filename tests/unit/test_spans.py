"""A set of addresses, held against one that is a set of numbers."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pixelpipe.engine.spans import Spans

_SIZE = 40
_RANGES = st.tuples(st.integers(0, _SIZE), st.integers(0, _SIZE)).map(sorted)


def test_neighbours_are_joined() -> None:
    spans = Spans([(0, 10), (20, 30)])
    spans.add(10, 20)
    assert list(spans) == [(0, 30)]


def test_what_is_removed_may_leave_both_ends() -> None:
    spans = Spans([(0, 30)])
    spans.remove(10, 20)
    assert list(spans) == [(0, 10), (20, 30)]
    assert spans.within(5, 25) == [(5, 10), (20, 25)]


@given(st.lists(st.tuples(st.booleans(), _RANGES), max_size=30), _RANGES)
def test_it_holds_what_a_set_of_numbers_would(
    steps: list[tuple[bool, list[int]]], asked: list[int]
) -> None:
    spans, numbers = Spans(), set[int]()
    for add, (start, end) in steps:
        if start == end:
            continue
        if add:
            spans.add(start, end)
            numbers |= set(range(start, end))
        else:
            spans.remove(start, end)
            numbers -= set(range(start, end))
        found = list(spans)
        assert found == sorted(found)
        assert all(low < high for low, high in found)
        assert all(one[1] < other[0] for one, other in pairwise(found))
    start, end = asked
    held = {number for low, high in spans.within(start, end) for number in range(low, high)}
    assert held == numbers & set(range(start, end))
