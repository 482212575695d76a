"""What the parts of the job service keep things in and tell things to."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

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
