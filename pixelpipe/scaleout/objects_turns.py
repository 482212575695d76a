"""Storing and removing an object by turns, among the processes over one journal."""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

from pixelpipe.jobs.stores import Marks, NoMarks

_LOOK_S = 0.05


class Turns:
    """Who stores a blob waits for those who remove it; who would remove it leaves it alone.

    Each marks what he does before he looks at what the others do: of two one sees the other.

    Args:
        marks: What they see of one another; None where there is nobody else.
    """

    def __init__(self, marks: Marks | None) -> None:
        self.others = marks is not None
        self._marks = marks or NoMarks()

    @asynccontextmanager
    async def putting(self, sha256: str) -> AsyncIterator[None]:
        """Around storing a blob; one at a time here."""
        self._marks.mark(f"put {sha256}")
        try:
            while self._marks.elsewhere(f"remove {sha256}"):  # noqa: ASYNC110 - nobody tells us
                await asyncio.sleep(_LOOK_S)
            yield
        finally:
            self._marks.unmark(f"put {sha256}")

    @contextmanager
    def removing(self, sha256s: Collection[str]) -> Iterator[Sequence[str]]:
        """Around the removal of those that nobody stores."""
        for sha256 in sha256s:
            self._marks.mark(f"remove {sha256}")
        try:
            yield [each for each in sha256s if not self._marks.elsewhere(f"put {each}")]
        finally:
            for sha256 in sha256s:
                self._marks.unmark(f"remove {sha256}")
