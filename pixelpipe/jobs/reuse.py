"""The same picture twice is made once: what "the same" means, and who is at it right now."""

import asyncio
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from pixelpipe.jobs.model import Blob, Job, TaskState, Variant
from pixelpipe.recipes.spec import Spec
from pixelpipe.recipes.task import Task

# To be raised by whoever changes the pixels, or the bytes, that a spec gives.
ENGINE_VERSION = 3


def wish_of(spec: Spec, task: Task) -> str:
    """The canonical spec: without its name, and without what is as it would be if nothing was said.

    Args:
        spec: What was asked for.
        task: What the plan made of it, which knows the defaults that depend on the source.
    """
    whole = spec.model_copy(update={"format": task.format, "quality": task.quality})
    wish = whole.model_dump_json(exclude={"name"}, exclude_defaults=True)
    return f"{wish}\n{task.choices or ''}"


def reuse_key(source_sha256: str, wish: str) -> str:
    """A digest of the source's digest, the canonical spec and the engine's version."""
    key = f"{ENGINE_VERSION}\n{source_sha256}\n{wish}"
    return hashlib.sha256(key.encode()).hexdigest()


@dataclass(slots=True, eq=False)
class _Lead:
    """A variant that its job makes for everybody who wants the same."""

    job: Job
    variant: Variant
    made: asyncio.Future[Blob | None]


class Makings:
    """The variants that are being made, by tenant and reuse key; each has one or more leads.

    Who wants the same follows a lead: it gets the blob, or None if the leader gave up (it failed,
    it was cancelled, it lost its job), and then makes the variant itself. A lead whose turn comes
    later than one's own is not followed; so there may be several.
    """

    def __init__(self) -> None:
        self._leads: dict[tuple[str, str], list[_Lead]] = {}

    def claim(
        self, job: Job, indexes: Iterable[int]
    ) -> tuple[list[int], dict[int, asyncio.Future[Blob | None]]]:
        """Which of these variants the job has to make, and whom it follows for the others."""
        led: list[int] = []
        followed: dict[int, asyncio.Future[Blob | None]] = {}
        for index in indexes:
            variant = job.variants[index]
            leads = self._leads.setdefault((job.tenant, variant.reuse_key), [])
            lead = next((lead for lead in leads if _worth_following(lead, job)), None)
            if lead is not None:
                followed[index] = lead.made
                continue
            led.append(index)
            leads.append(_Lead(job, variant, asyncio.get_running_loop().create_future()))
        return led, followed

    def settle(self, job: Job, variant: Variant, blob: Blob | None) -> None:
        """Give those who follow this variant of the job what it has come to.

        A blob is good for those who follow another lead, too. Later calls, and those of a job that
        is not in the lead, do nothing.
        """
        place = (job.tenant, variant.reuse_key)
        leads = self._leads.get(place, [])
        own = next((lead for lead in leads if lead.variant is variant), None)
        if own is None:
            return
        leads.remove(own)
        for lead in [own, *(leads if blob else [])]:
            if not lead.made.done():
                lead.made.set_result(blob)
        if not leads:
            del self._leads[place]


def _worth_following(lead: _Lead, job: Job) -> bool:
    """Whether the leader's turn comes no later than the job's own would."""
    if lead.made.done():
        return False  # What came of it is in the journal, or has gone from there again.
    if lead.job is job or lead.variant.state is TaskState.RUNNING:
        return True
    return lead.job.client == job.client and lead.job.priority >= job.priority
