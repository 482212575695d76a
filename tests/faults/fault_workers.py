"""Workers that go wrong on demand: what a hostile file could make of a real one.

A task whose name starts with a fault's name meets it; `<fault>-once` only at the first attempt,
`<fault>-twice` only at the first two. A source of one of the faulty widths below meets it in the
decoder. Run inside real worker processes, in place of `pixelpipe.engine.worker:main`.
"""

import json
import os
import pickle
import signal
import socket
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Never

import numpy as np
from numpy.typing import NDArray

from pixelpipe.engine import isolation, worker
from pixelpipe.engine.protocol import LENGTH, MEMORY_EXIT, Batch, MakeStep, frame
from pixelpipe.errors import ImageTooSmallError
from pixelpipe.imaging.picture import Picture

HANG_WIDTH = 333
HANG_ONCE_WIDTH = 335
CRASH_WIDTH = 337
EXECUTED = "executed"
FOREIGN_OFFSET = 0  # the first upload in flight lies there


def marker(arena: str, name: str) -> Path:
    """A file that says across attempts, and to the test, that something happened."""
    return Path(tempfile.gettempdir()) / f"{arena}-{name}"


def markers(arena: str) -> Iterable[Path]:
    """All of them."""
    return Path(tempfile.gettempdir()).glob(f"{arena}-*")


def hang() -> Never:
    """Do nothing, for ever."""
    while True:
        signal.pause()


class Payload:
    """Its pickle, loaded anywhere, leaves a mark."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return Path.touch, (self.path,)


class FaultWorker(worker.Worker):
    """A worker with faults."""

    arena: str
    pixels_offset: int
    picture: Picture
    step: MakeStep

    def pixels(self, batch: Batch) -> NDArray[np.uint8]:
        self.pixels_offset = batch.pixels.offset
        return super().pixels(batch)

    def decode(self, batch: Batch, ticket: int) -> None:
        width = batch.decode.source_width
        if width == HANG_WIDTH or (width == HANG_ONCE_WIDTH and self._first("decode")):
            self.reply(ticket, "codec-called", decodes=1)
            hang()
        if width == CRASH_WIDTH:
            self.reply(ticket, "codec-called", decodes=1)
            os.kill(os.getpid(), signal.SIGSEGV)
        super().decode(batch, ticket)

    def make(self, picture: Picture, step: MakeStep) -> None:
        name = step.task.name
        fault = getattr(self, f"fault_{name.split('-')[0]}", None)
        if fault is not None and self._meets(name):
            self.picture, self.step = picture, step
            fault()
        super().make(picture, step)

    def fault_hang(self) -> None:
        hang()

    def fault_segv(self) -> None:
        os.kill(os.getpid(), signal.SIGSEGV)

    def fault_exit(self) -> None:
        os._exit(0)

    def fault_memory(self) -> None:
        os._exit(MEMORY_EXIT)

    def fault_outofmemory(self) -> None:
        raise MemoryError

    def fault_defect(self) -> None:
        raise ZeroDivisionError("a secret of the server")

    def fault_deaf(self) -> None:
        self.channel.close()
        hang()

    def fault_pickle(self) -> None:
        body = pickle.dumps(Payload(marker(self.arena, EXECUTED)))
        self.channel.sendall(LENGTH.pack(len(body)) + body)
        hang()

    def fault_half(self) -> None:
        self.channel.sendall(frame(self._made(10))[:-7])
        hang()

    def fault_oversized(self) -> None:
        self.channel.sendall(LENGTH.pack(2**31))
        self._flood()

    def fault_bounds(self) -> None:
        assert self.step.output is not None
        self.channel.sendall(frame(self._made(self.step.output.size + 1)))
        hang()

    def fault_inline(self) -> None:
        self.channel.sendall(frame(self._made(2**39) | {"inline": 2**39}))
        self._flood()

    def fault_ticket(self) -> None:
        self.channel.sendall(frame(self._made(10) | {"ticket": self.step.ticket + 1}))
        hang()

    def fault_digest(self) -> None:
        self.channel.sendall(frame(self._made(10)))
        hang()

    def fault_garbage(self) -> None:
        body = json.dumps({"ticket": self.step.ticket, "outcome": "root"}).encode()
        self.channel.sendall(LENGTH.pack(len(body)) + body)
        hang()

    def fault_input(self) -> None:
        self.window.buffer[self.pixels_offset] = 0

    def fault_foreign(self) -> None:
        self.window.buffer[FOREIGN_OFFSET] = 0

    def fault_peek(self) -> None:
        self.reply(self.step.ticket, "failed", slug="internal", detail=str(self.window.buffer[0]))

    def fault_twice(self) -> None:
        super().make(self.picture, self.step)

    def fault_where(self) -> None:
        arena = np.frombuffer(self.window.buffer, np.uint8)
        offset = self.picture.pixels.ctypes.data - arena.ctypes.data
        same = np.shares_memory(self.picture.pixels, arena) and offset == self.pixels_offset
        raise ImageTooSmallError(
            f"in the arena: {same}; writeable: {self.picture.pixels.flags.writeable}"
        )

    def _made(self, size: int) -> dict[str, object]:
        return {
            "ticket": self.step.ticket,
            "outcome": "made",
            "size": size,
            "inline": 0,
            "sha256": "0" * 64,
            "process_ms": 0.0,
            "encode_ms": 0.0,
        }

    def _flood(self) -> Never:
        zeros = bytes(2**20)
        while True:
            self.channel.sendall(zeros)

    def _meets(self, name: str) -> bool:
        """Whether it is the task's turn to go wrong."""
        if name.endswith("-once"):
            return self._first(name)
        if name.endswith("-twice"):
            return self._first(name) or self._first(f"{name}-again")
        return True

    def _first(self, name: str) -> bool:
        try:
            marker(self.arena, name).touch(exist_ok=False)
        except FileExistsError:
            return False
        return True


def main(channel: socket.socket, arena: str) -> None:
    """Be a worker with faults."""
    FaultWorker.arena = arena
    worker.run(FaultWorker, channel, arena)


def asleep(channel: socket.socket, arena: str) -> None:
    """Never come up."""
    del arena
    isolation.die_with_parent()
    isolation.close_inherited(keep=channel.fileno())
    hang()
