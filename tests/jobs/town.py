"""Several services over one data folder, as of several processes, within one event loop."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path

from pixelpipe.errors import StorageFailedError
from pixelpipe.jobs.fleet import Fleet
from pixelpipe.jobs.model import Event, Job, JobState
from pixelpipe.jobs.peers import Notice
from pixelpipe.jobs.reach import EVERYBODYS
from tests.jobs.gates import PATIENCE_S
from tests.jobs.house import House


class Neighbours:
    """The peers of one house; what they tell arrives a turn of the loop later.

    Args:
        name: Its owner's.
        names: Everybody's.
    """

    alone = False

    def __init__(self, name: str, names: frozenset[str]) -> None:
        self.leader = name == min(names)
        self.owners = names - {name}
        self.others: list[Neighbours] = []
        self.deaf = False
        self.followed = True
        self.told: list[Notice] = []
        self._listeners: list[Callable[[Notice], None]] = []

    def tell(self, notice: Notice) -> None:
        """Tell those that hear."""
        self.told.append(notice)
        for other in self.others:
            asyncio.get_running_loop().call_soon(other.take, notice)

    def listen(self, hear: Callable[[Notice], None]) -> None:
        """Hand on what comes."""
        self._listeners.append(hear)

    def take(self, notice: Notice) -> None:
        """A notice comes; a deaf house loses it."""
        if not self.deaf:
            for hear in self._listeners:
                hear(notice)


class Line:
    """A queue; a house takes from it where a test says so.

    Attributes:
        ids: The jobs that wait.
        taken: Those that a house has.
        away: Whether it cannot be reached.
        limit: How many may wait.
        leads: Whether each house looks for jobs that did not get here.
    """

    leads = True

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.taken: set[str] = set()
        self.away = False
        self.limit = 100

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self.ids)

    async def put(self, job: Job, *, again: bool = False) -> bool:
        """Put a job in."""
        self._check()
        if again and job.id in self.taken and job.state is JobState.QUEUED:
            return False
        if job.id not in self.taken and job.id not in self.ids:
            self.ids.append(job.id)
        return True

    async def withdraw(self, job_id: str) -> bool:
        """Take a job out that nobody has."""
        self._check()
        if job_id in self.taken:
            return False
        self.ids = [other for other in self.ids if other != job_id]
        return True

    def take(self) -> str:
        """The next job, for a house."""
        job_id = self.ids.pop(0)
        self.taken.add(job_id)
        return job_id

    def _check(self) -> None:
        if self.away:
            raise StorageFailedError("The queue cannot be reached.")


class Town:
    """The houses.

    Attributes:
        houses: Each over the same folder.
        peers: Of each.
    """

    def __init__(self, folder: Path, names: frozenset[str], line: Line | None) -> None:
        self.peers = [Neighbours(name, names) for name in sorted(names)]
        for peer, name in zip(self.peers, sorted(names), strict=True):
            # What only works is asked for nothing.
            peer.followed = not name.startswith("node")
        for peer in self.peers:
            peer.others = [other for other in self.peers if other is not peer]
        self.houses = [
            House(folder, "sqlite", fleet=Fleet(peers=peer, queue=line), owner=name)
            for peer, name in zip(self.peers, sorted(names), strict=True)
        ]


@asynccontextmanager
async def open_town(folder: Path, *names: str, line: Line | None = None) -> AsyncIterator[Town]:
    """A town whose services have begun."""
    town = await asyncio.to_thread(Town, folder, frozenset(names), line)
    async with AsyncExitStack() as closing:
        for house in town.houses:
            closing.push_async_callback(asyncio.to_thread, house.close)
        for house in town.houses:
            await house.start()
        yield town
        for house in town.houses:
            house.gates.open()
            await house.service.drain(0)
            assert not house.engine.leases
            assert not house.engine.defects


async def heard(house: House, job: Job, after: int = 0) -> list[Event]:
    """The job's events as this house tells them, until they end."""
    events: list[Event] = []
    async with (
        asyncio.timeout(PATIENCE_S),
        aclosing(house.service.follow(after, [job.id], EVERYBODYS)) as batches,
    ):
        async for batch in batches:
            events += batch
    return events
