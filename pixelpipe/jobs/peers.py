"""Other processes over the same journal and blobs, and what they tell one another."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from pixelpipe.jobs.model import Event


class Kind(StrEnum):
    """What a notice says."""

    RECORDED = "recorded"  # There is something new in the journal.
    CANCEL = "cancel"  # Somebody wants the job `about` stopped.
    MESSAGE = "message"  # There may be something new in the outbox.
    POISON = "poison"  # The source of the digest `about` is refused from now on.
    IDLE = "idle"  # Workers have nothing to do.
    OFFER = "offer"  # `about` is a job that waits for workers, and its epoch; claim it who is idle.
    CLAIMED = "claimed"  # `about` is a job that was offered, and the epoch of whoever has it now.
    HIT = "hit"  # A request was counted; `about` says whose, and by what rate.


@dataclass(frozen=True, slots=True)
class Notice:
    """What one process tells the others. It may be lost: whoever relies on it tells it again.

    Attributes:
        kind: What it says.
        about: Of what.
        events: What is new in the journal, in its order and without gaps, where that is known.
    """

    kind: Kind
    about: str = ""
    events: Sequence[Event] = ()


class Peers(Protocol):
    """The others."""

    @property
    def alone(self) -> bool:
        """Whether there are none."""

    @property
    def followed(self) -> bool:
        """Whether what they record is heard here; not where nobody asks for their jobs."""

    @property
    def leader(self) -> bool:
        """Whether what one process does for all is done here: of all, one is."""

    @property
    def owners(self) -> frozenset[str]:
        """Whose jobs are theirs, also while one of them is being started again."""

    def tell(self, notice: Notice) -> None:
        """Tell each of them, now; one that cannot hear it at this moment never does."""

    def listen(self, hear: Callable[[Notice], None]) -> None:
        """Call `hear`, too, with what they tell, on the event loop, from now on."""


class NoPeers:
    """One process alone."""

    alone = leader = True
    followed = False
    owners: frozenset[str] = frozenset()

    def tell(self, notice: Notice) -> None:
        """There is nobody."""

    def listen(self, hear: Callable[[Notice], None]) -> None:
        """Nobody says anything."""
