"""How many are there at once: all together, and of each client."""

from collections import Counter


class Crowd:
    """Counts who is in.

    Args:
        each: Most that one client may have in.
        total: Most that all of them may have in; None for any number.
    """

    def __init__(self, each: int, total: int | None = None) -> None:
        self._each = each
        self._total = total
        self._clients: Counter[str] = Counter()
        self._count = 0

    @property
    def count(self) -> int:
        """How many are in."""
        return self._count

    def enter(self, client: str | None) -> bool:
        """Let one more in, if there is room; every one that got in has to `leave`.

        Args:
            client: Whose it is; None for one that counts only in the total.
        """
        if self._total is not None and self._count >= self._total:
            return False
        if client is not None:
            if self._clients[client] >= self._each:
                return False
            self._clients[client] += 1
        self._count += 1
        return True

    def leave(self, client: str | None) -> None:
        """One that got in has left."""
        self._count -= 1
        if client is None:
            return
        self._clients[client] -= 1
        if not self._clients[client]:
            del self._clients[client]  # strangers would fill the memory with their addresses
