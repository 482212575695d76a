"""Storage whose calls wait until the test lets them go on."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar, cast

from pixelpipe.errors import StorageFullError
from pixelpipe.jobs.model import Blob
from pixelpipe.jobs.ports import Digest, Journal
from pixelpipe.storage.blobs import FileBlobs
from pixelpipe.storage.database import Database

PATIENCE_S = 10.0

_Result = TypeVar("_Result")


@dataclass(eq=False, slots=True)
class Waiting:
    """A call that waits: before it does anything ("in"), or before it is answered ("out")."""

    place: str
    passed: asyncio.Future[None]


class Gates:
    """Where calls to the storage wait, while the gates are closed.

    Attributes:
        closed: Names of calls that have to wait; None for all of them.
        waiting: Those that do, in the order of their coming.
        dead: Whether the process is no more: no call is done or answered.
        failing: So many of the next writes of the journal find no room.
        calls: How many there were, by name.
    """

    def __init__(self) -> None:
        self.closed: set[str] | None = set()
        self.waiting: list[Waiting] = []
        self.dead = False
        self.failing = 0
        self.calls: dict[str, int] = {}
        self._running = 0

    async def through(self, name: str, call: Callable[[], Awaitable[_Result]]) -> _Result:
        """Do `call` when it may, and answer when that may be."""
        self.calls[name] = self.calls.get(name, 0) + 1
        await self._pass(name, "in")
        if name == "write" and self.failing:
            self.failing -= 1
            raise StorageFullError("There is no room.")
        self._running += 1
        try:
            result = await call()
        finally:
            self._running -= 1
        await self._pass(name, "out")
        return result

    def go_on(self, waiting: Waiting | None = None) -> None:
        """Let one call go on, the oldest unless another is given."""
        chosen = waiting or self.waiting[0]
        self.waiting.remove(chosen)
        if not chosen.passed.done():
            chosen.passed.set_result(None)

    def open(self) -> None:
        """Let everything go on, and what comes from now on pass."""
        self.closed = set()
        while self.waiting:
            self.go_on()

    def die(self) -> None:
        """Answer nobody any more."""
        self.dead = True
        for waiting in self.waiting:
            waiting.passed.cancel()
        self.waiting.clear()

    async def arrival(self, place: str) -> Waiting:
        """The call that waits at that place, such as "sweep in"; waits for it to come."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for waiting in self.waiting:
                    if waiting.place == place:
                        return waiting
                await asyncio.sleep(0.001)

    async def settled(self) -> None:
        """Return once nothing moves any more, but for what waits here or for the engine."""
        loop = cast("Any", asyncio.get_running_loop())
        while True:
            await asyncio.sleep(0.0002 if self._running else 0)
            if not loop._ready and not self._running:
                return

    async def _pass(self, name: str, way: str) -> None:
        if self.dead:
            raise asyncio.CancelledError
        place = f"{name} {way}"
        if self.closed is not None and not self.closed & {name, place}:
            return
        waiting = Waiting(place, asyncio.get_running_loop().create_future())
        self.waiting.append(waiting)
        try:
            await waiting.passed
        finally:
            if waiting in self.waiting:
                self.waiting.remove(waiting)


class GatedBlobs(FileBlobs):
    """Files, behind gates."""

    gates: Gates

    async def put(
        self, sha256: str, content: memoryview, digest: Digest = Digest.UNCHECKED
    ) -> bool:
        return await self.gates.through("put", lambda: FileBlobs.put(self, sha256, content, digest))

    async def read_into(self, sha256: str, target: memoryview) -> None:
        await self.gates.through("read_into", lambda: FileBlobs.read_into(self, sha256, target))

    async def intact(self, blob: Blob) -> bool:
        return await self.gates.through("intact", lambda: FileBlobs.intact(self, blob))


class GatedDatabase(Database):
    """SQLite, each of whose transactions waits by the name of its function."""

    gates: Gates

    async def write(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        name = function.__name__.strip("_")
        return await self.gates.through(
            name, lambda: Database.write(self, function, *args, **kwargs)
        )

    async def read(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        name = function.__name__.strip("_")
        return await self.gates.through(
            name, lambda: Database.read(self, function, *args, **kwargs)
        )


class GatedJournal:
    """A journal, each of whose methods waits by its name.

    Args:
        gates: Where.
        journal: The real one.
        thread: Where to call it; for a journal that blocks.
    """

    def __init__(
        self, gates: Gates, journal: Journal, thread: ThreadPoolExecutor | None = None
    ) -> None:
        self._gates = gates
        self._journal = journal
        self._thread = thread

    def __getattr__(self, name: str) -> Any:
        async def call(*args: Any, **kwargs: Any) -> Any:
            method = partial(getattr(self._journal, name), *args, **kwargs)
            return await self._gates.through(name, lambda: self._call(method))

        return call

    @property
    def as_journal(self) -> Journal:
        """For the type checker."""
        return cast("Journal", self)

    async def _call(self, method: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        if self._thread is None:
            return await method()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, _result_of, method)


def _result_of(method: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """What a coroutine that never waits gives."""
    try:
        method().send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("it waits")
