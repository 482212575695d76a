"""First-fit bookkeeping of address ranges; it owns no memory."""

from bisect import bisect_left, bisect_right


class FreeList:
    """The free ranges of `[start, end)`, taken from the bottom so that warm pages are reused."""

    def __init__(self, start: int, end: int) -> None:
        self._start = start
        self._end = end
        self._spans: list[tuple[int, int]] = [(start, end)]

    def within(self, start: int, end: int) -> list[tuple[int, int]]:
        """The free ranges in `[start, end)`."""
        cut = ((max(low, start), min(high, end)) for low, high in self._spans)
        return [span for span in cut if span[0] < span[1]]

    def take(self, size: int) -> int | None:
        """The offset of the lowest range of `size` bytes, or None."""
        for index, (start, end) in enumerate(self._spans):
            if end - start >= size:
                self._replace(index, (start + size, end))
                return start
        return None

    def take_range(self, start: int, size: int) -> bool:
        """Take just this range, if all of it is free."""
        end = start + size
        index = bisect_right(self._spans, (start, self._end)) - 1
        if index < 0 or self._spans[index][1] < end:
            return False
        low, high = self._spans.pop(index)
        left = [(low, start), (end, high)]
        self._spans[index:index] = [span for span in left if span[0] < span[1]]
        return True

    def extend(self, end: int, more: int) -> bool:
        """Lengthen the used range that ends at `end` by `more` bytes, if those are free."""
        index = bisect_left(self._spans, (end, end))
        if index == len(self._spans):
            return False
        low, high = self._spans[index]
        if low != end or high - low < more:
            return False
        self._replace(index, (end + more, high))
        return True

    def give(self, start: int, size: int) -> None:
        """Take back a range, joining it with its free neighbours."""
        end = start + size
        index = bisect_left(self._spans, (start, start))
        if index < len(self._spans) and self._spans[index][0] == end:
            end = self._spans.pop(index)[1]
        if index and self._spans[index - 1][1] == start:
            index -= 1
            start = self._spans.pop(index)[0]
        self._spans.insert(index, (start, end))

    def _replace(self, index: int, span: tuple[int, int]) -> None:
        if span[0] == span[1]:
            del self._spans[index]
        else:
            self._spans[index] = span
