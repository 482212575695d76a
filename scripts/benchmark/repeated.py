"""A look at something again and again, in a thread of its own, while a block runs."""

import threading
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Repeated(ABC):
    """What looks.

    Args:
        every_s: Seconds from look to look.
    """

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._go_on)

    @abstractmethod
    def look(self) -> bool:
        """Look once; whether there will be more to see."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _go_on(self) -> None:
        while self.look() and not self._over.wait(self._every_s):
            pass
