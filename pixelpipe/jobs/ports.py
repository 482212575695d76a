"""What jobs need of storage, and what each side may rely on."""

from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import BinaryIO, Protocol

from pixelpipe.jobs.model import Blob, Event, Job, JobState
from pixelpipe.jobs.records import Entry, Outcome, Poison

# Whether what has this id or digest is in use, and stays. It is asked right before each removal,
# perhaps in another thread: what comes into use while others are removed is not removed.
Keep = Callable[[str], bool]

PIECE_BYTES = 512 * 1024
LINK_S = 60


class Digest(Enum):
    """How sure a digest is that comes with the bytes."""

    UNCHECKED = "it is reckoned again before anything is stored"
    KNOWN = "whoever stores them has reckoned it of the very same bytes"


class Stored(Protocol):
    """The bytes of a blob, for whoever sends or copies them."""

    @property
    def path(self) -> Path | None:
        """The file that holds them, which the kernel can send; None where there is none."""

    def open(self) -> BinaryIO:
        """A file to read them from, in a thread: it blocks.

        Raises:
            OSError: They cannot be read; so do its own methods.
        """

    def pieces(self, wanted: range) -> AsyncGenerator[bytes, None]:
        """The bytes `wanted`, in order, in pieces of at most PIECE_BYTES.

        No more than a few pieces are in memory, however slowly they are taken.

        Raises:
            StorageFailedError: They cannot be read, or are not what was stored.
        """

    async def link(self, headers: Mapping[str, str]) -> str | None:
        """A URL that anybody can GET them from, for LINK_S, straight from where they are stored.

        Args:
            headers: What that answer has to say of them: its Content-Type and its
                Content-Disposition.

        Returns:
            It, or None where there is none whose answer says so.

        Raises:
            StorageFailedError: The store could not be asked.
        """


class BlobStore(Protocol):
    """Content-addressed bytes. A blob is visible whole or not at all."""

    async def put(
        self, sha256: str, content: memoryview, digest: Digest = Digest.UNCHECKED
    ) -> bool:
        """Store `content` under its digest; on return it survives a crash.

        The caller keeps `content` unchanged until this returns. Storing what is there already is
        allowed and cheap.

        Args:
            sha256: The digest.
            content: What is stored.
            digest: How sure that is.

        Returns:
            Whether it was written; False if it was there.

        Raises:
            WrongDigestError: It was reckoned again, and is not that of `content`; nothing was
                stored.
            StorageFullError: There is no room; nothing was stored.
            StorageFailedError: Nothing was stored.
        """

    async def read_into(self, sha256: str, target: memoryview) -> None:
        """Fill `target`, whose length is the blob's, with the blob.

        Raises:
            StorageFailedError: The blob is missing, of another length, or damaged.
        """

    async def size_bytes(self, sha256: str) -> int | None:
        """How long a blob is; None where there is none of that digest.

        Raises:
            StorageFailedError: That could not be found out.
        """

    async def intact(self, blob: Blob) -> bool:
        """Whether the blob is there and its bytes are those of its digest.

        A damaged one can be put again: it is not taken for the one that it was.

        Raises:
            StorageFailedError: That could not be found out.
        """

    def stored(self, blob: Blob) -> Stored:
        """The bytes of a blob that is there."""


class SweptBlobs(BlobStore, Protocol):
    """A store that a journal removes from; it asks, and tells, in its own thread."""

    def holds(self, blob: Blob) -> bool:
        """Whether the blob is sure to be there until a reference to it is recorded.

        Where it is not, it is put again.

        Raises:
            StorageFailedError: That could not be found out.
        """

    def remove(self, sha256: str) -> None:
        """Remove the blob, if it is there, now or soon: nothing refers to it.

        Raises:
            StorageFailedError: It may still be there.
        """


class SharedBlobs(SweptBlobs, Protocol):
    """A store that several nodes write to."""

    def old(self) -> AsyncGenerator[Collection[str], None]:
        """Digests of all that was stored some ten minutes ago or earlier, by and by.

        It begins anywhere: who is always broken off comes to each of them some day.

        Raises:
            StorageFailedError: The store could not be read.
        """


class RemoteBlobs(SharedBlobs, Protocol):
    """A store somewhere else: it may be away, and what is removed goes later."""

    @property
    def trouble(self) -> str | None:
        """Why it cannot be used at this moment, in short; None where it can."""

    def suspects(self, *, everything: bool) -> AsyncGenerator[Collection[str], None]:
        """Digests of what is in the store although perhaps no job refers to it, for ever.

        Args:
            everything: Whether to begin with all that is there.
        """


class Space(Protocol):
    """Room for what is stored."""

    @property
    def full(self) -> bool:
        """Whether the storage ran out of room and has none yet."""

    async def room(self) -> None:
        """Return once the storage is not full."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Which jobs to list, newest first; deleted ones are not.

    Attributes:
        tenant: Whose; None for everybody's.
        states: Only those in one of these states; empty for any.
        created_after: Only those created after this.
        created_before: Only those created before this.
        behind: Only those that come after this one in the order: its creation and its id.
        limit: At most so many.
    """

    tenant: str | None
    states: Collection[JobState] = ()
    created_after: datetime | None = None
    created_before: datetime | None = None
    behind: tuple[datetime, str] | None = None
    limit: int = 50


class Journal(Protocol):
    """Jobs and their events, in one sequence, that survive a crash.

    An event is in the journal before anybody is told of it. Blobs that a job refers to (its
    source, its completed variants) are kept for as long as it is neither deleted nor removed.
    """

    async def write(self, records: Sequence[Entry]) -> Sequence[Outcome]:
        """Record steps, in this order, in one transaction; on return they survive a crash.

        Of sources that are refused, only the newest MOST_POISONS are kept, and none whose time
        was over when another was recorded.

        Returns:
            For each record its event, or None if it has none; or why it was refused
            (LostJobError: its epoch is not the journal's, or the job is not there or was deleted;
            KeyTakenError; BlobMissingError: a blob that it refers to for the first time is not
            in the store). The others are recorded all the same.

        Raises:
            StorageFullError: There is no room; none of them was recorded.
            StorageFailedError: None of them was recorded.
        """

    async def take_over(self, living: Collection[str] = ()) -> Sequence[Job]:
        """All jobs that have not ended, oldest first, now the caller's: their epoch has risen.

        Args:
            living: Owners whose jobs are left to them.
        """

    async def claim(self, job_id: str, epoch: int, *, ended: bool = False) -> bool:
        """Make the job the caller's: its epoch rises by one.

        Args:
            job_id: The job.
            epoch: As the caller knows it.
            ended: Whether it has ended, as the caller knows it: one and the same owner may have
                ended it meanwhile, or begun to try it again.

        Returns:
            Whether it does; not if it is otherwise than the caller knows it, or is not there or
            was deleted.
        """

    async def get(self, job_id: str) -> Job | None:
        """The job, also one that was deleted but is still remembered; or None."""

    async def list(self, listing: Listing) -> Sequence[Job]:
        """The jobs that `listing` asks for, newest first, ids descending within a moment."""

    async def keyed(self, tenant: str, name: str) -> tuple[str, str] | None:
        """The id of the job that has this key, and the fingerprint of its request."""

    async def reusable(self, tenant: str, reuse_keys: Collection[str]) -> Mapping[str, Blob]:
        """Variants that the tenant's remembered, undeleted jobs have made, by reuse key."""

    async def events(
        self,
        after: int,
        job_ids: Collection[str] | None,
        limit: int,
        limit_bytes: int | None = None,
    ) -> Sequence[Event]:
        """The first events with an id above `after`, in order, of these jobs or of all.

        At most `limit`, and with `limit_bytes` no more than have so many bytes of data together;
        but at least one, if there is one.
        """

    async def tenant_events(
        self, tenant: str, ids: range, limit: int, limit_bytes: int | None = None
    ) -> Sequence[Event]:
        """The first events of the tenant's jobs with an id among `ids`; bounded as in `events`.

        What it costs is bounded by how many `ids` there are, whosever they are.
        """

    async def poisons(self) -> Sequence[Poison]:
        """Sources that were recorded as refused, the one that was last at the end."""

    async def last_event_id(self) -> int:
        """The newest event's id, even if it was removed since; 0 when there was none."""

    async def bury(self, job_id: str, now: datetime) -> bool:
        """Delete an ended job: its blobs are no longer its own, it is not listed any more.

        It is remembered, with its events and its key, until `expire` removes it.

        Returns:
            Whether it is deleted now; False if it is not there, or has not ended.
        """

    async def expire(self, *, ended_before: datetime, deleted_before: datetime, keep: Keep) -> int:
        """Remove, with their events and keys, jobs that ended or were deleted before these times.

        Args:
            ended_before: For jobs that were not deleted.
            deleted_before: For jobs that were.
            keep: Whether the job of this id is in use.

        Returns:
            How many.
        """

    async def evict(self, limit_bytes: int, keep: Keep) -> int:
        """Remove ended jobs, the one that ended first first, until blobs fit in `limit_bytes`.

        What only removed jobs referred to counts no longer, although `sweep` has yet to remove it.

        Args:
            limit_bytes: For all blobs together that some job refers to.
            keep: Whether the job of this id is in use.

        Returns:
            How many were removed.
        """

    async def sweep(self, suspects: Collection[str], keep: Keep) -> int:
        """Remove blobs that no job refers to; no reference can come in between.

        Args:
            suspects: Digests of blobs that may be in the store although no job ever referred to
                them.
            keep: Whether the blob of this digest is in use.

        Returns:
            How many were removed.
        """


class Storage(Protocol):
    """Where jobs live, their bytes are, and whether there is room for more."""

    @property
    def journal(self) -> Journal:
        """Jobs and their events."""

    @property
    def blobs(self) -> BlobStore:
        """Sources and variants."""

    @property
    def space(self) -> Space:
        """Room for more of them."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message that somebody's webhook has to get.

    Attributes:
        id: The same at each attempt, and never that of another message.
        url: Where to.
        body: What to send, JSON in UTF-8.
        attempts: How often that was tried.
        due_at: When to try next.
    """

    id: str
    url: str
    body: bytes
    attempts: int
    due_at: datetime


class Outbox(Protocol):
    """Messages to webhooks.

    The journal puts one in, in the transaction of a job's end, when the job has a webhook; it
    outlives its job.
    """

    async def due(self, now: datetime, limit: int) -> Sequence[Delivery]:
        """Messages to be sent by now, the longest due first."""

    async def next_due_at(self) -> datetime | None:
        """When the next one is due; None when there is none."""

    async def postpone(self, delivery_id: str, attempts: int, due_at: datetime) -> None:
        """Note failed attempts, and when to try again."""

    async def close(self, delivery_id: str) -> None:
        """Forget a message that was delivered or given up."""
