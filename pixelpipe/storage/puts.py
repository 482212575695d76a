"""Blobs that are to be stored, and those who wait for them."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pixelpipe.jobs.ports import Digest
from pixelpipe.storage.threads import Outcome

# What one thread stores in one go, unless a blob alone is larger.
_TOGETHER_BYTES = 4 * 1024 * 1024


class Put(NamedTuple):
    """A blob to be stored, and who waits for it."""

    sha256: str
    content: memoryview
    digest: Digest
    stored: Outcome[bool]


def portions(puts: Sequence[Put]) -> Iterator[Sequence[Put]]:
    """What each thread gets to do."""
    portion: list[Put] = []
    size_bytes = 0
    for put in puts:
        size_bytes += len(put.content)
        if portion and size_bytes > _TOGETHER_BYTES:
            yield portion
            portion, size_bytes = [], len(put.content)
        portion.append(put)
    yield portion


def tell_all(puts: Sequence[Put], outcomes: Sequence[bool | Exception]) -> None:
    """Tell those who wait what came of it."""
    for put, outcome in zip(puts, outcomes, strict=True):
        if isinstance(outcome, Exception):
            put.stored.fail(outcome)
        else:
            put.stored.tell(outcome)


def fail_all(puts: Sequence[Put], error: BaseException) -> None:
    """Tell all of them that it failed."""
    for put in puts:
        put.stored.fail(error)
