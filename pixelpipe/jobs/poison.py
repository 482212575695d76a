"""Sources that killed the decoder twice, remembered for a while."""

import time
from collections import OrderedDict

from pixelpipe.errors import PoisonedSourceError

_MOST = 10_000


class PoisonList:
    """Digests that are refused at once.

    Args:
        for_s: Seconds for which one is remembered.
    """

    def __init__(self, for_s: float) -> None:
        self._for_s = for_s
        self._until: OrderedDict[str, float] = OrderedDict()

    def remember(self, sha256: str) -> None:
        """Refuse these bytes from now on."""
        self._until[sha256] = time.monotonic() + self._for_s
        self._until.move_to_end(sha256)
        while len(self._until) > _MOST:
            self._until.popitem(last=False)

    def check(self, sha256: str) -> None:
        """Let bytes pass that are not remembered.

        Raises:
            PoisonedSourceError: They are.
        """
        until = self._until.get(sha256)
        if until is None:
            return
        left_s = until - time.monotonic()
        if left_s <= 0:
            del self._until[sha256]
            return
        raise PoisonedSourceError(
            "These very bytes crashed the decoder lately; they are refused for "
            f"{left_s:.0f} more seconds. Send another encoding of the picture.",
        )
