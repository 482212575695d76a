"""A set of addresses as disjoint ranges; it owns no memory."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator

Span = tuple[int, int]


class Spans:
    """Ranges `(start, end)` in order, none empty, none touching the next."""

    def __init__(self, spans: Iterable[Span] = ()) -> None:
        self._spans: list[Span] = []
        for start, end in spans:
            self.add(start, end)

    def __iter__(self) -> Iterator[Span]:
        return iter(self._spans)

    def add(self, start: int, end: int) -> None:
        """Have all of `[start, end)` in the set."""
        first, last = self._touching(start, end)
        if first < last:
            start = min(start, self._spans[first][0])
            end = max(end, self._spans[last - 1][1])
        self._spans[first:last] = [(start, end)]

    def remove(self, start: int, end: int) -> None:
        """Have none of `[start, end)` in the set."""
        first, last = self._touching(start, end)
        touched = self._spans[first:last]
        below = ((low, min(high, start)) for low, high in touched)
        above = ((max(low, end), high) for low, high in touched)
        left = sorted({span for span in (*below, *above) if span[0] < span[1]})
        self._spans[first:last] = left

    def within(self, start: int, end: int) -> list[Span]:
        """What of `[start, end)` is in the set."""
        first, last = self._touching(start, end)
        cut = ((max(low, start), min(high, end)) for low, high in self._spans[first:last])
        return [span for span in cut if span[0] < span[1]]

    def _touching(self, start: int, end: int) -> tuple[int, int]:
        """The indexes, from and to, of the spans that overlap or touch `[start, end]`."""
        first = bisect_left(self._spans, start, key=_end)
        last = first
        while last < len(self._spans) and self._spans[last][0] <= end:
            last += 1
        return first, last


def _end(span: Span) -> int:
    return span[1]
