"""What the parts of the job service keep things in and tell things to."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from pixelpipe.jobs.model import Job
from pixelpipe.jobs.poison import PoisonList
from pixelpipe.jobs.ports import BlobStore, Journal, Space
from pixelpipe.jobs.recorder import Recorder


@dataclass(slots=True)
class InUse:
    """What must not be removed under its readers."""

    jobs: Counter[str] = field(default_factory=Counter)
    blobs: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def reading(self, job: Job) -> Iterator[None]:
        """Around the reading of a job's blobs."""
        held = [variant.blob.sha256 for variant in job.variants if variant.blob]
        self.jobs[job.id] += 1
        self.blobs.update(held)
        try:
            yield
        finally:
            self.jobs -= Counter({job.id: 1})
            self.blobs -= Counter(held)


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
