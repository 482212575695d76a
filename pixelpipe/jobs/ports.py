"""What jobs need of storage, and what each side may rely on."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Protocol

from pixelpipe.jobs.model import Draft, Event, Job


class BlobStore(Protocol):
    """Content-addressed bytes. A blob is visible whole or not at all."""

    async def put(self, sha256: str, content: memoryview) -> None:
        """Store `content` under its digest; on return it survives a crash.

        The caller keeps `content` unchanged until this returns. Storing what is there already is
        allowed and cheap.

        Raises:
            WrongDigestError: It is not the digest of `content`; nothing was stored.
            StorageFailedError: Nothing was stored.
        """

    async def read_into(self, sha256: str, target: memoryview) -> None:
        """Fill `target`, whose length is the blob's, with the blob.

        Raises:
            StorageFailedError: The blob is missing or of another length.
        """

    def path(self, sha256: str) -> Path:
        """The file that holds the blob."""


class Journal(Protocol):
    """Jobs and their events, in one sequence.

    An event is in the journal before anybody is told of it.
    """

    async def add(self, job: Job) -> None:
        """Take in a new job; on return it can be read."""

    async def get(self, job_id: str) -> Job | None:
        """The job, or None."""

    async def append(self, drafts: Sequence[Draft]) -> Sequence[Event]:
        """Record events of jobs that were added, in this order, and number them.

        Raises:
            StorageFailedError: None of them was recorded.
        """

    async def events(
        self, after: int, job_ids: Collection[str] | None, limit: int
    ) -> Sequence[Event]:
        """At most `limit` events with an id above `after`, in order, of these jobs or of all."""

    async def last_event_id(self) -> int:
        """The newest event's id; 0 when there is none."""

    async def over(self, job_ids: Collection[str]) -> bool:
        """Whether the newest recorded event of each of these jobs is a terminal one."""
