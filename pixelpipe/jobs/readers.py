"""Who reads the event log: what each wants, how far he is, and what has come for him since."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from pixelpipe.jobs.model import Event
from pixelpipe.jobs.reach import Reach

BATCH = 500
# A reader that is slow holds one batch on its way, and one that waits.
BATCH_BYTES = 256 * 1024

# What a reader is told of: any event, or those of a tenant, or of a job.
Key = tuple[Literal["all", "tenant", "job"], str]


@dataclass(frozen=True, slots=True)
class Wish:
    """Which events a reader wants.

    Attributes:
        job_ids: Of these jobs; None for any.
        reach: And only as far as he may.
    """

    job_ids: frozenset[str] | None
    reach: Reach

    @property
    def keys(self) -> list[Key]:
        """What the reader is told of: each event that he wants comes under one of them, once."""
        if self.job_ids is not None:
            return [("job", job_id) for job_id in self.job_ids]
        return [("all", "") if self.reach.tenant is None else ("tenant", self.reach.tenant)]

    def holds(self, event: Event) -> bool:
        """Whether it is one of them."""
        wanted = self.job_ids is None or event.job_id in self.job_ids
        return wanted and self.reach.covers(event.tenant)


@dataclass(slots=True, eq=False)
class Reader:
    """One reader of the log.

    One that is near is handed what is announced, and looks for nothing: among the events of all
    others his own would be dear to find. Should more wait for him than one batch he falls behind,
    and has to look for it again from where he is; so does one that is new.

    Attributes:
        wish: What he wants.
        position: The id up to which he has had, or seen, everything.
        near: Whether all that he wants after `position`, and that is announced, is in `fresh`.
        fresh: What was announced since.
        fresh_bytes: The size of its data.
        called: Whether there is a reason to look that came since this was last unset.
    """

    wish: Wish
    position: int
    near: bool = False
    fresh: list[Event] = field(default_factory=list)
    fresh_bytes: int = 0
    called: bool = False
    _waiting: asyncio.Future[None] | None = None

    def offer(self, event: Event) -> None:
        """An event is announced; he may have found it in the journal before."""
        if event.id <= self.position or not self.wish.holds(event):
            return
        if self.near:
            self._keep(event)
        self.call()

    def call(self) -> None:
        """There may be something for him, or the end."""
        self.called = True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def take(self) -> Sequence[Event]:
        """What was announced since the last time; of one that is near."""
        batch = self.fresh
        if batch:
            self.position = batch[-1].id
            self.fresh, self.fresh_bytes = [], 0
        return batch

    async def wait(self) -> None:
        """Until he is called."""
        # A bare future: the waiters of an asyncio.Event take 600 bytes, of each of many streams.
        self._waiting = asyncio.get_running_loop().create_future()
        try:
            await self._waiting
        finally:
            self._waiting = None

    def _keep(self, event: Event) -> None:
        size_bytes = len(event.data)
        if not self.fresh:
            # Of all that came before he wanted nothing: he would search it in vain.
            self.position = event.id - 1
        elif len(self.fresh) == BATCH or self.fresh_bytes + size_bytes > BATCH_BYTES:
            self.near, self.fresh, self.fresh_bytes = False, [], 0
            return
        self.fresh.append(event)
        self.fresh_bytes += size_bytes
