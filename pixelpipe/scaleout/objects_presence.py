"""What is known to be in the store, and what is about to go, told among threads.

The journal asks in its own thread, within a transaction: nothing here waits for a network.
"""

import asyncio
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import NamedTuple, TypeVar

from pixelpipe.jobs.model import Blob

_MOST = 100_000
_Value = TypeVar("_Value")


class Verified(NamedTuple):
    """An object whose bytes were found to be those of its digest.

    Attributes:
        etag: What the store calls just these bytes, written just then.
        size_bytes: How many there are.
    """

    etag: str
    size_bytes: int


class Presence:
    """What is known of blobs; safe among threads.

    Args:
        known_s: For so long a blob that was seen in the store is known to be there.
        stale_s: For so long what the journal said may go may go; it has to say so again then.
    """

    def __init__(
        self, known_s: float, stale_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._known_s = known_s
        self._stale_s = stale_s
        self._clock = clock
        self._lock = threading.Lock()
        self._verified: OrderedDict[str, Verified] = OrderedDict()
        self._seen: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._doomed: OrderedDict[str, float] = OrderedDict()
        self._going: dict[str, asyncio.Event] = {}
        self._putting: Counter[str] = Counter()
        self._removals = 0
        self._doubts = 0

    def holds(self, blob: Blob) -> bool:
        """Whether the blob is sure to be there for a while; if so it does not go."""
        with self._lock:
            size_bytes, at = self._seen.get(blob.sha256, (-1, 0.0))
            if size_bytes != blob.size_bytes or self._clock() - at > self._known_s:
                return False
            self._doomed.pop(blob.sha256, None)
            return True

    def moment(self) -> int:
        """What to give to `saw`, taken before the store is asked."""
        with self._lock:
            return self._removals

    def saw(self, blob: Blob, moment: int) -> None:
        """The blob was in the store, after this moment; but not if anything went meanwhile."""
        with self._lock:
            if moment == self._removals and blob.sha256 not in self._going:
                _keep(self._seen, blob.sha256, (blob.size_bytes, self._clock()))

    @contextmanager
    def putting(self, blob: Blob) -> Iterator[None]:
        """Around storing the blob: it does not go meanwhile, and is there after that.

        Others may have removed it before the answer came, where they were doubted meanwhile.
        """
        with self._lock:
            self._doomed.pop(blob.sha256, None)
            self._putting[blob.sha256] += 1
            doubts = self._doubts
        try:
            yield
            with self._lock:
                if doubts == self._doubts:
                    _keep(self._seen, blob.sha256, (blob.size_bytes, self._clock()))
        finally:
            with self._lock:
                self._putting -= Counter({blob.sha256: 1})

    def going(self, sha256: str) -> asyncio.Event | None:
        """What is set once the blob is gone, if it is on its way."""
        with self._lock:
            return self._going.get(sha256)

    def verified(self, sha256: str) -> Verified | None:
        """What the blob was when it was last found right."""
        with self._lock:
            return self._verified.get(sha256)

    def verify(self, blob: Blob, etag: str | None) -> None:
        """The bytes that the store calls so are the blob's; without a name that is no use."""
        with self._lock:
            if etag is not None:
                _keep(self._verified, blob.sha256, Verified(etag, blob.size_bytes))

    def forget(self, sha256: str) -> None:
        """The blob is not what it was."""
        with self._lock:
            self._verified.pop(sha256, None)
            self._seen.pop(sha256, None)

    @contextmanager
    def removing_now(self, sha256: str) -> Iterator[None]:
        """Around the removal of one of which somebody else has seen to it that nobody wants it."""
        with self._lock:
            self._removals += 1
        try:
            yield
        finally:
            with self._lock:
                self._verified.pop(sha256, None)
                self._seen.pop(sha256, None)
                self._removals += 1

    def doubt(self) -> None:
        """Others may have removed what was seen so far."""
        with self._lock:
            self._seen.clear()
            self._removals += 1
            self._doubts += 1

    def doom(self, sha256: str) -> None:
        """The journal has said that the blob may go."""
        with self._lock:
            self._seen.pop(sha256, None)
            self._doomed[sha256] = self._clock()

    def doomed(self, limit: int) -> Sequence[str]:
        """Some of those that may go."""
        with self._lock:
            return list(islice(self._doomed, limit))

    def spare(self, sha256s: Collection[str]) -> None:
        """They do not go, for now."""
        with self._lock:
            for sha256 in sha256s:
                self._doomed.pop(sha256, None)

    @contextmanager
    def removing(self, sha256s: Collection[str]) -> Iterator[Sequence[str]]:
        """Around the removal of those that may still go; nobody puts these meanwhile."""
        gone = asyncio.Event()
        with self._lock:
            since = self._clock() - self._stale_s
            chosen = [
                sha256
                for sha256 in sha256s
                if self._doomed.pop(sha256, since) > since and not self._putting[sha256]
            ]
            self._going |= dict.fromkeys(chosen, gone)
            self._removals += 1
        try:
            yield chosen
        finally:
            with self._lock:
                for sha256 in chosen:
                    self._verified.pop(sha256, None)
                    self._seen.pop(sha256, None)
                    self._going.pop(sha256, None)
                self._removals += 1
            gone.set()


def _keep(known: OrderedDict[str, _Value], sha256: str, value: _Value) -> None:
    known[sha256] = value
    known.move_to_end(sha256)
    if len(known) > _MOST:
        known.popitem(last=False)
