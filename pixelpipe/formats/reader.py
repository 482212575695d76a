"""Bounded access to a file's bytes: the only way in which the parsers look at them."""

from struct import Struct
from typing import Any

from pixelpipe.errors import DamagedImageError

MAX_STEPS = 4096


class Budget:
    """How many looks at the file have been taken, of a limited number.

    Args:
        limit: So many may be taken: `MAX_STEPS` by the probe.
    """

    __slots__ = ("limit", "steps")

    def __init__(self, limit: int = MAX_STEPS) -> None:
        self.limit = limit
        self.steps = 0

    @property
    def left(self) -> int:
        """Steps that may still be taken."""
        return self.limit - self.steps


class Reader:
    """A file, or a block of one, read at any offset; every look is a step of the budget.

    Offsets count from the start of the block and are never negative. Blocks cut out of a reader
    share its budget.

    Args:
        data: The bytes, format `B`; they are not copied.
        what: What the bytes are, for messages: "PNG file", "EXIF block".
        budget: Counts the steps.
        start: Where in the file they begin.
    """

    __slots__ = ("_data", "budget", "size", "start", "what")

    def __init__(self, data: memoryview, what: str, budget: Budget, start: int = 0) -> None:
        self._data = data
        self.start = start
        self.size = len(data)
        self.what = what
        self.budget = budget

    @property
    def memory(self) -> memoryview:
        """All of the bytes, which takes no step."""
        return self._data

    def unpack(self, layout: Struct, at: int) -> tuple[Any, ...]:
        """The fields that lie at `at`.

        Raises:
            DamagedImageError: They lie past the end, or the budget is spent.
        """
        self._step(at, layout.size)
        return layout.unpack_from(self._data, at)

    def raw(self, at: int, size: int) -> bytes:
        """Exactly `size` bytes from `at`.

        Raises:
            DamagedImageError: They lie past the end, or the budget is spent.
        """
        self._step(at, size)
        return bytes(self._data[at : at + size])

    def window(self, at: int, size: int, step: int = 1) -> bytes:
        """At most `size` bytes from `at`: fewer, or none, at the end; of `step` bytes only one.

        Raises:
            DamagedImageError: The budget is spent.
        """
        self._step(0, 0)
        return bytes(self._data[at : at + size : step])

    def block(self, at: int, size: int, what: str) -> "Reader":
        """The `size` bytes from `at` as a reader of their own.

        Raises:
            DamagedImageError: They lie past the end, or the budget is spent.
        """
        self._step(at, size)
        return Reader(self._data[at : at + size], what, self.budget, self.start + at)

    def damaged(self, fault: str) -> DamagedImageError:
        """The error to raise for a fault in these bytes."""
        return DamagedImageError(f"The {self.what} is damaged: {fault}.")

    def _step(self, at: int, size: int) -> None:
        budget = self.budget
        if budget.steps == budget.limit:
            raise self.damaged(f"its header takes more than {budget.limit} steps to read")
        budget.steps += 1
        if at + size > self.size:
            raise self.damaged(f"it ends before the {size} bytes that belong at offset {at}")
