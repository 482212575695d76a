"""A job under way."""

import asyncio
from dataclasses import dataclass, field

from pixelpipe.errors import PixelPipeError
from pixelpipe.jobs.model import Job


@dataclass(slots=True)
class Live:
    """A job under way.

    Attributes:
        begun: Whether `run` has begun: a task that is cancelled before that cleans nothing up.
        lost: Whether the journal said that it is no longer ours.
        cancelled: Whether its owner wants it stopped.
        fresh: Whether nobody can have made any of it: its source was not there before.
        doom: What it fails with instead of being run.
        waiters: Requests that wait for its end.
        detached: Whether somebody was told of it who does not wait.
    """

    job: Job
    run: asyncio.Task[None] | None = None
    begun: bool = False
    lost: bool = False
    cancelled: bool = False
    fresh: bool = False
    doom: PixelPipeError | None = None
    waiters: int = 0
    detached: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def stop(self) -> None:
        """Cancel the run; one that has yet to begin sees for itself that it is not wanted."""
        if self.run is not None and self.begun:
            self.run.cancel()
