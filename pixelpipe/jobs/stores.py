"""What the parts of the job service keep things in and tell things to."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol
from weakref import WeakValueDictionary

from pixelpipe.jobs.model import Job
from pixelpipe.jobs.poison import PoisonList
from pixelpipe.jobs.ports import BlobStore, Journal, Space
from pixelpipe.jobs.recorder import Recorder


class Marks(Protocol):
    """What processes over the same storage see of what each of them has in use."""

    def mark(self, name: str) -> None:
        """Have the others see that it is in use here."""

    def unmark(self, name: str) -> None:
        """It no longer is."""

    def elsewhere(self, name: str) -> bool:
        """Whether another process has marked it; asked in the journal's thread."""


class NoMarks:
    """There is nobody else."""

    def mark(self, name: str) -> None:
        """Nobody sees it."""

    def unmark(self, name: str) -> None:
        """Nobody saw it."""

    def elsewhere(self, name: str) -> bool:
        """It is not."""
        del name
        return False


@dataclass(slots=True)
class InUse:
    """What must not be removed under its readers.

    Attributes:
        jobs: How often each job is read here.
        blobs: How often each blob is.
        marks: What others have in use.
    """

    jobs: Counter[str] = field(default_factory=Counter)
    blobs: Counter[str] = field(default_factory=Counter)
    marks: Marks = field(default_factory=NoMarks)

    @contextmanager
    def reading(self, job: Job) -> Iterator[None]:
        """Around the reading of a job's blobs."""
        held = {variant.blob.sha256 for variant in job.variants if variant.blob}
        self._take(self.jobs, {job.id})
        self._take(self.blobs, held)
        try:
            yield
        finally:
            self._leave(self.jobs, {job.id})
            self._leave(self.blobs, held)

    def reads(self, name: str) -> bool:
        """Whether a job or a blob is read by anybody; asked in the journal's thread."""
        # To look into a dict is one step, whoever changes it.
        return name in self.jobs or name in self.blobs or self.marks.elsewhere(name)

    def _take(self, counter: Counter[str], names: set[str]) -> None:
        for name in names - counter.keys():
            self.marks.mark(name)
        counter.update(names)

    def _leave(self, counter: Counter[str], names: set[str]) -> None:
        counter.subtract(names)
        for name in names:
            if not counter[name]:
                del counter[name]
                self.marks.unmark(name)


class Turns:
    """One at a time for each job: what was read of it is still so when it is written."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def of(self, job_id: str) -> asyncio.Lock:
        """The lock to hold; forgotten with the last who holds or awaits it."""
        return self._locks.setdefault(job_id, asyncio.Lock())


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """Everything durable, and what guards it.

    Attributes:
        suspects: Digests of blobs that were stored but may be referred to by no job.
    """

    journal: Journal
    blobs: BlobStore
    space: Space
    recorder: Recorder
    poison: PoisonList
    in_use: InUse = field(default_factory=InUse)
    suspects: set[str] = field(default_factory=set)
    turns: Turns = field(default_factory=Turns)
