"""The parts of a file that the codec is to see."""


class Spans:
    """Parts of a file, in order; those that touch are one.

    Args:
        data: The file.
    """

    __slots__ = ("_data", "_parts")

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._parts: list[tuple[int, int]] = []

    def keep(self, start: int, end: int) -> None:
        """Keep the bytes from `start` up to `end`, which come after those that are kept already."""
        if self._parts and self._parts[-1][1] == start:
            start = self._parts.pop()[0]
        self._parts.append((start, end))

    def joined(self) -> memoryview:
        """The kept parts one after the other: not copied where they are one."""
        if len(self._parts) == 1:
            start, end = self._parts[0]
            return self._data[start:end]
        return memoryview(b"".join(self._data[start:end] for start, end in self._parts))
