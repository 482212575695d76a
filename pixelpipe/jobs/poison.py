"""Sources that killed the decoder twice, remembered for a while, a restart included."""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from pixelpipe.errors import PoisonedSourceError
from pixelpipe.jobs.records import MOST_POISONS, Poison

# Longer is for ever; the calendar would run out of years.
_LONGEST_S = 50 * 365 * 86_400.0


def _now() -> datetime:
    return datetime.now(UTC)


class PoisonList:
    """Digests that are refused at once.

    Args:
        for_s: Seconds for which one is remembered; 0 for not at all.
        record: Keeps one for the next start.
        now: The time of day, in UTC.
    """

    def __init__(
        self,
        for_s: float,
        record: Callable[[Poison], object],
        now: Callable[[], datetime] = _now,
    ) -> None:
        self._for = timedelta(seconds=min(for_s, _LONGEST_S))
        self._record = record
        self._now = now
        self._until: OrderedDict[str, datetime] = OrderedDict()

    def load(self, poisons: Iterable[Poison]) -> None:
        """Take over what was recorded before, but for no longer than one is remembered now."""
        latest = self._now() + self._for
        for poison in sorted(poisons, key=lambda poison: poison.until):
            self._keep(poison.sha256, min(poison.until, latest))

    def remember(self, sha256: str, *, recorded: bool = False) -> None:
        """Refuse these bytes from now on.

        Args:
            sha256: Their digest.
            recorded: Whether somebody else has recorded it already.
        """
        now = self._now()
        if not self._for:
            return
        self._keep(sha256, now + self._for)
        if not recorded:
            self._record(Poison(sha256, now, now + self._for))

    def check(self, sha256: str) -> None:
        """Let bytes pass that are not remembered.

        Raises:
            PoisonedSourceError: They are.
        """
        until = self._until.get(sha256)
        if until is None:
            return
        now = self._now()
        # A clock that was set back makes nobody wait longer.
        until = self._until[sha256] = min(until, now + self._for)
        left = until - now
        if left <= timedelta():
            del self._until[sha256]
            return
        raise PoisonedSourceError(
            "These very bytes crashed the decoder lately; they are refused for "
            f"{left.total_seconds():.0f} more seconds. Send another encoding of the picture.",
        )

    def _keep(self, sha256: str, until: datetime) -> None:
        self._until[sha256] = until
        self._until.move_to_end(sha256)
        while len(self._until) > MOST_POISONS:
            self._until.popitem(last=False)
