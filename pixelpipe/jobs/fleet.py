"""All processes that work over the same storage, as one of them sees the rest."""

from dataclasses import dataclass, field

from pixelpipe.jobs.dispatch import Queue
from pixelpipe.jobs.peers import NoPeers, Peers
from pixelpipe.jobs.stores import Marks, NoMarks


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """The others; by default there are none.

    Attributes:
        peers: What they are told, and tell.
        marks: What they have in use.
        queue: Where jobs go that are accepted, to be worked on by whoever takes them; without, by
            the process that has accepted them.
    """

    peers: Peers = field(default_factory=NoPeers)
    marks: Marks = field(default_factory=NoMarks)
    queue: Queue | None = None


ALONE = Fleet()
