"""How many events are handed on at a time."""

from collections.abc import Iterable
from itertools import islice

from pixelpipe.jobs.model import Event


def batch_of(events: Iterable[Event], limit: int, limit_bytes: int | None) -> list[Event]:
    """The first of `events`; no more of them is looked at than it takes.

    Args:
        events: In order.
        limit: At most so many.
        limit_bytes: At most so many bytes of data, unless the first alone has more; None for any.
    """
    batch: list[Event] = []
    size_bytes = 0
    for event in islice(events, limit):
        size_bytes += len(event.data)
        if batch and limit_bytes is not None and size_bytes > limit_bytes:
            break
        batch.append(event)
    return batch
