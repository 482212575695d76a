"""The way to a server, which can be cut, blocked or broken off."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

_CHUNK_BYTES = 16 * 1024


class Wire:
    """Passes connections on to a port of this machine.

    Attributes:
        whole: Whether connections are passed on; else they are cut, and new ones refused.
        silent: Whether nothing is passed on, although connections are taken.
        breaks: So many of the next answers are cut after `after_bytes`.
        after_bytes: See there.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self.port = 0
        self.silent = False
        self.breaks = 0
        self.after_bytes = 0

    @property
    def url(self) -> str:
        """Where it begins."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Take connections; at the same port as before, if there was one."""
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Take no more connections, and break off those that there are."""
        assert self._server is not None
        self._server.close()
        for writer in self._open:
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, back}
        try:
            await asyncio.gather(
                self._copy(reader, back, answers=False), self._copy(there, writer, answers=True)
            )
        finally:
            for each in (writer, back):
                each.transport.abort()
                self._open.discard(each)

    async def _copy(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool
    ) -> None:
        passed = 0
        with suppress(ConnectionError):
            while chunk := await reader.read(_CHUNK_BYTES):
                if self.silent:
                    continue
                passed += len(chunk)
                if answers and self.breaks and passed > self.after_bytes:
                    self.breaks -= 1
                    break
                writer.write(chunk)
                await writer.drain()
        writer.transport.abort()


@asynccontextmanager
async def wire_to(port: int) -> AsyncIterator[Wire]:
    """A wire that is whole."""
    wire = Wire(port)
    await wire.start()
    try:
        yield wire
    finally:
        await wire.cut()
