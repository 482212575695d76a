"""PixelPipe and the programs that people use today, each behind the same two calls."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from benchmark import peer_places as places
from benchmark.job_contenders import running_pool, running_sharp
from benchmark.own_contender import running_own
from benchmark.sets import VariantSet
from benchmark.thumbor_contender import running_thumbor
from load import Reply

PEERS = ("sharp-each", "sharp-once", "thumbor", "pyvips", "pillow")
CONTENDERS = ("pixelpipe", *PEERS)


class Contender(Protocol):
    """A service that runs.

    Attributes:
        name: One of `CONTENDERS`.
        pid: The root of its process tree.
    """

    name: str
    pid: int

    async def send(self, image: bytes, asked: VariantSet) -> Reply:
        """Have all variants of an image made, as one job under load."""
        ...

    async def outputs(self, image: bytes, asked: VariantSet) -> dict[str, bytes]:
        """The variants of an image themselves, by their names.

        Raises:
            BenchError: They were not made.
        """
        ...


def can_serve(name: str, asked: VariantSet) -> bool:
    """Whether the contender of this name can make every variant of the set."""
    return name != "thumbor" or not any("quad" in spec for spec in asked.specs)


def running(name: str, *, workers: int) -> AbstractAsyncContextManager[Contender]:
    """Start a contender on a free port of this machine; stop it when the block ends.

    Args:
        name: One of `CONTENDERS`.
        workers: Processes or threads that make variants.

    Raises:
        BenchError: On entering: the peer did not start; it may not be installed.
        ServerStartError: On entering: PixelPipe did not start.
    """
    match name:
        case "pixelpipe":
            return running_own(workers=workers)
        case "thumbor":
            return running_thumbor(workers=workers)
        case "sharp-each" | "sharp-once":
            return running_sharp(name.removeprefix("sharp-"), workers=workers)
        case _:
            return running_pool(name, workers=workers, python=places.python(places.LIBRARIES))
