"""Blobs as objects in S3, Google Cloud Storage or Azure.

An object is whole or not there, and its name is its digest: to store the same again, even at the
same moment from many machines, does no harm. The first one is created on the condition that there
is none; one that is there is taken for the blob only if this process has found its bytes to be
right and the store calls them by the same name (ETag) still, else it is written anew. How objects
go is told in `objects_removal`.
"""

import asyncio
import hashlib
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple
from weakref import WeakValueDictionary

import structlog
from obstore.exceptions import AlreadyExistsError, BaseError

from pixelpipe.errors import StorageFailedError, WrongDigestError
from pixelpipe.formats.registry import FORMATS, Format
from pixelpipe.jobs.model import Blob
from pixelpipe.jobs.ports import PIECE_BYTES, Digest
from pixelpipe.jobs.stores import Marks
from pixelpipe.scaleout.objects_place import NotThereError, Place
from pixelpipe.scaleout.objects_presence import Presence
from pixelpipe.scaleout.objects_removal import Removal, key_of
from pixelpipe.scaleout.objects_stored import StoredObject
from pixelpipe.scaleout.objects_turns import Turns
from pixelpipe.scaleout.objects_watch import StoreClock, Watch

if TYPE_CHECKING:
    from obstore import PutResult

GRACE_S = 600.0

# S3 takes up to 5 GB in one request, but whatever breaks it off starts it from the beginning.
PART_BYTES = 8 * 1024 * 1024
_PARTS_AT_ONCE = 4
_PARTS_GONE = "<Code>InvalidBlockList</Code>"
# Each holds a copy of what it sends.
_SENT_AT_ONCE = 16
_LOOKED_FOR_AT_ONCE = 32

# What variants come in; the store says so to those who come by a link.
_BEGINNINGS = (
    (re.compile(rb"\xff\xd8\xff"), Format.JPEG),
    (re.compile(rb"\x89PNG"), Format.PNG),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), Format.WEBP),
    (re.compile(rb"....ftypavi[fs]", re.DOTALL), Format.AVIF),
    (re.compile(rb"\xff\x0a|\0\0\0\x0cJXL "), Format.JXL),
)

_Result = TypeVar("_Result")
_Arguments = TypeVarTuple("_Arguments")
_log = structlog.get_logger(__name__)


class _Found(Enum):
    """What is at a blob's place before it is put."""

    PERHAPS = "nothing, or nobody knows what"
    OLD = "what has to be written anew: it is damaged, or old enough to go soon"
    YOUNG = "the blob"


class ObjectBlobs:
    """`jobs.ports.RemoteBlobs` in object storage; made, and used, where a loop runs.

    Only `holds` and `remove` are for other threads; neither waits for the store.

    Args:
        place: Where.
        owner: The id of the journal whose blobs they are.
        marks: What other processes over the same journal do meanwhile, if there are any.
        grace_s: What was stored within this time is not removed.
    """

    def __init__(
        self, place: Place, owner: str, *, marks: Marks | None = None, grace_s: float = GRACE_S
    ) -> None:
        self._place = place
        self._fresh_s = grace_s / 2
        self._presence = Presence(known_s=grace_s / 4, stale_s=grace_s / 8)
        self._clock = StoreClock(place)
        self._watch = Watch(place, owner)
        self._among = Turns(marks)
        self._removal = Removal(place, self._presence, self._clock, self._among, grace_s)
        self._sending = asyncio.Semaphore(_SENT_AT_ONCE)
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._loop = asyncio.get_running_loop()
        self._removing: asyncio.Task[None] | None = None

    @property
    def trouble(self) -> str | None:
        """Why the store cannot be used at this moment; None where it can."""
        return self._watch.trouble

    async def start(self) -> None:
        """Look after the store from now on, and remove what may go.

        Raises:
            ObjectStorageError: The blobs there are another journal's.
        """
        await self._watch.start()
        self._removing = asyncio.create_task(self._remove_ours())

    async def close(self) -> None:
        """Leave the store as it is."""
        await self._watch.close()
        if self._removing is not None:
            self._removing.cancel()
            await asyncio.gather(self._removing, return_exceptions=True)

    async def put(
        self, sha256: str, content: memoryview, digest: Digest = Digest.UNCHECKED
    ) -> bool:
        """Store `content`; see the port. What is there already is replaced if it is damaged."""
        self._watch.require()
        blob = Blob(sha256, len(content))
        async with self._turn(sha256), self._sending:
            # A copy of our own: whoever is cancelled must not leave a request that still reads it.
            copy = await _in_thread(_copied, content, sha256, digest)
            while gone := self._presence.going(sha256):
                await gone.wait()
            with self._presence.putting(blob):
                async with self._among.putting(sha256):
                    found = await self._found(blob)
                    if found is _Found.YOUNG:
                        return False
                    return await self._send(blob, copy, there=found is _Found.OLD)

    async def read_into(self, sha256: str, target: memoryview) -> None:
        """Fill `target`; see the port."""
        self._watch.require()
        blob, at = Blob(sha256, len(target)), 0
        try:
            with self._place.asked():
                found = await self._place.store.get_async(key_of(sha256))
                if found.meta["size"] != blob.size_bytes:
                    raise self._lost(blob, "is not as long as it was")
                async for piece in found.stream(PIECE_BYTES):
                    target[at : at + len(piece)] = piece
                    at += len(piece)
        except NotThereError:
            raise self._lost(blob, "is not there") from None
        if at != len(target) or await _in_thread(_digest, target) != sha256:
            raise self._lost(blob, "is damaged")
        self._presence.verify(blob, found.meta["e_tag"])

    async def size_bytes(self, sha256: str) -> int | None:
        """How long a blob is; see the port."""
        self._watch.require()
        try:
            with self._place.asked():
                found = await self._place.store.head_async(key_of(sha256))
        except NotThereError:
            return None
        return int(found["size"])

    async def intact(self, blob: Blob) -> bool:
        """Whether the blob can be relied on; see the port.

        Its bytes are read for that only if the store has others than when they were last read or
        written by this process.
        """
        self._watch.require()
        moment = self._presence.moment()
        try:
            with self._place.asked():
                found = await self._place.store.head_async(key_of(blob.sha256))
        except NotThereError:
            self._presence.forget(blob.sha256)
            return False
        etag, size_bytes = found["e_tag"], found["size"]
        right = size_bytes == blob.size_bytes and (
            self._is(blob, etag) or await self._verified(blob)
        )
        if right:
            self._presence.saw(blob, moment)
        else:
            self._presence.forget(blob.sha256)
        return right

    def stored(self, blob: Blob) -> StoredObject:
        """The object of a blob that is there; see the port."""
        known = self._presence.verified(blob.sha256)
        return StoredObject(
            self._place,
            key_of(blob.sha256),
            blob.size_bytes,
            known.etag if known else None,
            lambda: self._presence.forget(blob.sha256),
        )

    def holds(self, blob: Blob) -> bool:
        """Whether the blob is sure to be there; see the port."""
        return self._presence.holds(blob)

    async def present(self, blobs: Collection[Blob]) -> Sequence[bool]:
        """Which of the blobs are there: as is known here, or else as the store says.

        Raises:
            StorageFailedError: That could not be found out.
        """
        at_once = asyncio.Semaphore(_LOOKED_FOR_AT_ONCE)

        async def look(blob: Blob) -> bool:
            async with at_once:
                return await self._present(blob)

        return await asyncio.gather(*map(look, blobs))

    async def _present(self, blob: Blob) -> bool:
        if self._presence.holds(blob):
            return True
        moment = self._presence.moment()
        if await self.size_bytes(blob.sha256) != blob.size_bytes:
            return False
        self._presence.saw(blob, moment)
        return True

    async def remove_now(self, sha256: str) -> None:
        """Remove the blob; on return it is gone, or was not there.

        The request is sent once, and given up within seconds: another of the same could still be
        on its way when the first has done it, and meet what was stored again by then.

        Raises:
            StorageFailedError: It may still be there, or go yet.
        """
        with self._presence.removing_now(sha256), suppress(NotThereError), self._place.asked():
            await self._place.quick.delete_async(key_of(sha256))

    def doubt(self) -> None:
        """Others may have removed what was stored or seen so far: it is looked for again."""
        self._presence.doubt()

    def remove(self, sha256: str) -> None:
        """Note that the blob may go: it does once it is old enough, and nobody stores it anew."""
        self._presence.doom(sha256)
        self._loop.call_soon_threadsafe(self._removal.note)

    def suspects(self, *, everything: bool) -> AsyncGenerator[Collection[str], None]:
        """Digests of what may be in the store although no job refers to it; see the port."""
        return self._removal.suspects(everything=everything)

    def old(self) -> AsyncGenerator[Collection[str], None]:
        """Digests of what has been in the store for a while; see the port."""
        return self._removal.old()

    async def _found(self, blob: Blob) -> "_Found":
        """What is there, as far as it is worth asking before something is written."""
        if self._presence.verified(blob.sha256) is None:
            return _Found.PERHAPS
        try:
            with self._place.asked():
                found = await self._place.store.head_async(key_of(blob.sha256))
        except NotThereError:
            return _Found.PERHAPS
        if found["size"] != blob.size_bytes or not self._is(blob, found["e_tag"]):
            return _Found.OLD
        age_s = await self._clock.age_s(found["last_modified"])
        return _Found.YOUNG if age_s < self._fresh_s else _Found.OLD

    async def _send(self, blob: Blob, content: bytes, *, there: bool) -> bool:
        """Write the object; gives whether there was none."""
        key = key_of(blob.sha256)
        attributes: Any = {"Content-Type": _media_type(content)}
        put = partial(self._place.store.put_async, key, content, attributes=attributes)
        try:
            with self._place.asked():
                if len(content) > PART_BYTES:
                    fresh = not (there or await self._is_there(key))
                    made = await self._in_parts(put)
                elif there:
                    fresh, made = False, await put(use_multipart=False)
                else:
                    fresh, made = await self._create(put)
        except NotThereError:  # It is the place itself that is not.
            raise self._place.away("no such bucket") from None
        self._presence.verify(blob, made["e_tag"])
        return fresh

    async def _in_parts(self, put: "Callable[..., Awaitable[PutResult]]") -> "PutResult":
        try:
            return await put(
                use_multipart=True, chunk_size=PART_BYTES, max_concurrency=_PARTS_AT_ONCE
            )
        except BaseError as error:
            # Azure drops everybody's parts once one has put the same blob together.
            if _PARTS_GONE not in str(error):
                raise
            return await put(use_multipart=False)

    async def _create(self, put: "Callable[..., Awaitable[PutResult]]") -> "tuple[bool, PutResult]":
        try:
            return True, await put(mode="create", use_multipart=False)
        except AlreadyExistsError:
            # Perhaps damaged, perhaps about to go: written anew it is neither.
            return False, await put(use_multipart=False)

    async def _is_there(self, key: str) -> bool:
        try:
            await self._place.store.head_async(key)
        except FileNotFoundError:
            return False
        return True

    def _is(self, blob: Blob, etag: str | None) -> bool:
        """Whether the store has the very bytes that were found right."""
        known = self._presence.verified(blob.sha256)
        return known is not None and known == (etag, blob.size_bytes)

    async def _verified(self, blob: Blob) -> bool:
        """Whether the bytes are the blob's; they are all read for that."""
        digest = hashlib.sha256()
        try:
            with self._place.asked():
                found = await self._place.store.get_async(key_of(blob.sha256))
                async for piece in found.stream(PIECE_BYTES):
                    await asyncio.to_thread(digest.update, piece)
        except NotThereError:
            return False
        if digest.hexdigest() != blob.sha256:
            _log.warning("an object is damaged", blob=blob.sha256)
            return False
        self._presence.verify(blob, found.meta["e_tag"])
        return True

    def _lost(self, blob: Blob, how: str) -> StorageFailedError:
        self._presence.forget(blob.sha256)
        _log.warning("an object was lost", blob=blob.sha256, why=how)
        return StorageFailedError("The server's object storage does not hold what was stored.")

    def _turn(self, sha256: str) -> asyncio.Lock:
        """One at a time for each blob: the second finds what the first has put."""
        return self._turns.setdefault(sha256, asyncio.Lock())

    async def _remove_ours(self) -> None:
        await self._watch.ours()
        await self._removal.run()


async def _in_thread(
    function: Callable[[*_Arguments], _Result], *arguments: *_Arguments
) -> _Result:
    """Call it off the loop; who is cancelled waits for it, for its memory may be lent."""
    work = asyncio.ensure_future(asyncio.to_thread(function, *arguments))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        while not work.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait({work})
        raise


def _copied(content: memoryview, sha256: str, digest: Digest) -> bytes:
    """What is sent; the digest is of just that, for others may change what was handed over."""
    copy = bytes(content)
    if digest is Digest.UNCHECKED and _digest(copy) != sha256:
        raise WrongDigestError(f"bytes that are not those of {sha256}")
    return copy


def _digest(content: bytes | memoryview) -> str:
    return hashlib.sha256(content).hexdigest()


def _media_type(content: bytes) -> str:
    for beginning, name in _BEGINNINGS:
        if beginning.match(content):
            return FORMATS[name].media_type
    return "application/octet-stream"
