"""The same picture twice is made once: what "the same" means, and who is at it right now."""

import asyncio
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from pixelpipe.jobs.model import Blob, Job, TaskState, Variant
from pixelpipe.recipes.spec import Spec
from pixelpipe.recipes.task import Task

# To be raised by whoever changes the pixels, or the bytes, that a spec gives.
ENGINE_VERSION = 1


def reuse_key(source_sha256: str, spec: Spec, task: Task) -> str:
    """A digest of the source's digest, the canonical spec and the engine's version.

    Canonical: without its name, with every default filled in.

    Args:
        source_sha256: The source's digest.
        spec: What was asked for.
        task: What the plan made of it, which knows the defaults that depend on the source.
    """
    whole = spec.model_copy(update={"format": task.format, "quality": task.quality})
    wish = whole.model_dump_json(exclude={"name"})
    return hashlib.sha256(f"{ENGINE_VERSION}\n{source_sha256}\n{wish}".encode()).hexdigest()


@dataclass(slots=True)
class _Lead:
    """A variant that its job makes for everybody who wants the same."""

    job: Job
    variant: Variant
    made: asyncio.Future[Blob | None]


class Makings:
    """The variants that are being made, by tenant and reuse key; each has one job in the lead.

    Who wants the same follows: it gets the blob, or None if the leader gave up (it failed, it was
    cancelled, it lost its job), and then makes the variant itself.
    """

    def __init__(self) -> None:
        self._leads: dict[tuple[str, str], _Lead] = {}

    def claim(
        self, job: Job, indexes: Iterable[int]
    ) -> tuple[list[int], dict[int, asyncio.Future[Blob | None]]]:
        """Which of these variants the job has to make, and whom it follows for the others."""
        led: list[int] = []
        followed: dict[int, asyncio.Future[Blob | None]] = {}
        for index in indexes:
            variant = job.variants[index]
            lead = self._leads.get((job.tenant, variant.reuse_key))
            if lead is not None and _worth_following(lead, job):
                followed[index] = lead.made
                continue
            led.append(index)
            if lead is None:
                made = asyncio.get_running_loop().create_future()
                self._leads[job.tenant, variant.reuse_key] = _Lead(job, variant, made)
        return led, followed

    def settle(self, job: Job, variant: Variant, blob: Blob | None) -> None:
        """Give those who follow this variant of the job what it has come to.

        Later calls, and those of a job that is not in the lead, do nothing.
        """
        place = (job.tenant, variant.reuse_key)
        lead = self._leads.get(place)
        if lead is not None and lead.variant is variant:
            del self._leads[place]
            lead.made.set_result(blob)


def _worth_following(lead: _Lead, job: Job) -> bool:
    """Whether the leader's turn comes no later than the job's own would."""
    if lead.job is job or lead.variant.state is TaskState.RUNNING:
        return True
    return lead.job.client == job.client and lead.job.priority >= job.priority
