"""Those who come within a moment go on together: what is stored at once costs one errand."""

import asyncio


class Gathering:
    """Where variants that are made wait for others, of their own job or of another.

    An errand to the storage's threads, with the turns of Python's lock that it takes, costs about
    as much as what is stored.

    Args:
        most_s: How long at most anybody waits; 0 for not at all.
    """

    def __init__(self, most_s: float) -> None:
        self._most_s = most_s
        self._waiting: list[asyncio.Future[None]] = []
        self._timer: asyncio.TimerHandle | None = None

    async def wait(self) -> None:
        """Return with the others, once it is time or somebody calls `go_on`."""
        if not self._most_s:
            return
        loop = asyncio.get_running_loop()
        if self._timer is None:
            self._timer = loop.call_later(self._most_s, self.go_on)
        turn = loop.create_future()
        self._waiting.append(turn)
        await turn

    def go_on(self) -> None:
        """Let all who wait go on."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waiting, self._waiting = self._waiting, []
        for turn in waiting:
            if not turn.done():  # else whoever waited was cancelled
                turn.set_result(None)
