"""Room on several file systems at once."""

from collections.abc import Sequence

from pixelpipe.storage.space import Space


class Spaces:
    """`jobs.ports.Space` where there has to be room in each.

    Args:
        spaces: Each of a folder of its own.
    """

    def __init__(self, spaces: Sequence[Space]) -> None:
        self._spaces = spaces

    @property
    def full(self) -> bool:
        """Whether any of them is full."""
        return any(space.full for space in self._spaces)

    async def room(self) -> None:
        """Return once none is full."""
        while self.full:
            for space in self._spaces:
                await space.room()
