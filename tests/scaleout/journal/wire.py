"""A way to a server that loses answers, or holds requests back, when it is told to."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial

_CHUNK_BYTES = 65_536


class Wire:
    """Passes on what is said, to and fro.

    Attributes:
        lost_answers: So many answers are lost from now on, each with its connection.
        held_requests: So many requests are held back from now on, and their connections closed.
        port: Where it begins.
    """

    def __init__(self, target_port: int) -> None:
        self.lost_answers = 0
        self.held_requests = 0
        self.port = 0
        self._target_port = target_port
        self._held: list[tuple[asyncio.StreamReader, asyncio.StreamWriter, bytes]] = []

    @property
    def url(self) -> str:
        """Where it begins."""
        return f"redis://127.0.0.1:{self.port}"

    async def release(self) -> None:
        """Let arrive what was held back; returns once it is answered."""
        for reader, writer, request in self._held:
            writer.write(request)
            await reader.read(_CHUNK_BYTES)
            writer.close()
        self._held.clear()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection."""
        far = await asyncio.open_connection("127.0.0.1", self._target_port)
        forth = asyncio.create_task(self._pass_on(reader, far[1], partial(self._hold, far)))
        back = asyncio.create_task(self._pass_on(far[0], writer, self._lose))
        try:
            await asyncio.wait({forth, back}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            forth.cancel()
            back.cancel()
            writer.close()
            if not any(held is far[1] for _, held, _ in self._held):
                far[1].close()
            await asyncio.gather(forth, back, return_exceptions=True)

    def _hold(self, far: tuple[asyncio.StreamReader, asyncio.StreamWriter], request: bytes) -> bool:
        if not self.held_requests:
            return False
        self.held_requests -= 1
        self._held.append((*far, request))
        return True

    def _lose(self, answer: bytes) -> bool:
        del answer
        if not self.lost_answers:
            return False
        self.lost_answers -= 1
        return True

    async def _pass_on(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        ends: Callable[[bytes], bool],
    ) -> None:
        """Until the end, or until `ends` says so of what came last, which is not passed on."""
        with suppress(ConnectionError):
            while (data := await reader.read(_CHUNK_BYTES)) and not ends(data):
                writer.write(data)
                await writer.drain()


@asynccontextmanager
async def opened_wire(target_port: int) -> AsyncIterator[Wire]:
    """A way to the server at this port."""
    wire = Wire(target_port)
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(wire.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    wire.port = server.sockets[0].getsockname()[1]
    try:
        yield wire
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
