"""Open files: each connection is one, and the kernel bounds them."""

import resource

from pixelpipe.config import Settings
from pixelpipe.engine.machine import available_cpus
from pixelpipe.server.wire.farewell import MAX_LINGERING

MOST_CONNECTIONS = 10_000

# A connection, and the file that is sent over it.
_FOR_A_CONNECTION = 2
# Its channel, its process, and what it takes to start another.
_FOR_A_WORKER = 8
# Journal, blobs that are written, webhooks, photographs that are fetched.
_FOR_THE_REST = 256


class DescriptorLimitError(Exception):
    """More connections are asked for than can be held; the message says how many can."""


def raise_limit() -> int:
    """Let this process, and those that it starts, open as many files as it may; how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def connections_held(settings: Settings, limit: int) -> int:
    """How many connections the server holds at once.

    Args:
        settings: What is asked for.
        limit: How many files may be open.

    Raises:
        DescriptorLimitError: That is too few for what is asked for, or for any.
    """
    workers = settings.workers or available_cpus()
    free = limit - MAX_LINGERING - _FOR_THE_REST - _FOR_A_WORKER * workers
    held = free // _FOR_A_CONNECTION
    wanted = settings.max_connections
    if held < (wanted or 1):
        asked = f"PIXELPIPE_MAX_CONNECTIONS is {wanted}, but the" if wanted else "the"
        raise DescriptorLimitError(
            f"{asked} limit of {limit} open files (ulimit -Hn) holds {max(held, 0)} connections"
        )
    return wanted or min(held, MOST_CONNECTIONS)
