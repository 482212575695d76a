"""Workers that go wrong on demand: what a hostile file could make of a real one.

A task whose name starts with a fault's name meets it; `<fault>-once` only at the first attempt,
`<fault>-twice` only at the first two. A source that `faulty` has marked meets it in the decoder,
as one of the faulty widths below does. Run inside real worker processes, in place of
`pixelpipe.engine.worker:main`.
"""

import contextlib
import json
import os
import pickle
import re
import resource
import signal
import socket
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Never

import numpy as np
from numpy.typing import NDArray

from pixelpipe.engine import isolation, worker
from pixelpipe.engine.arena import Segment
from pixelpipe.engine.confinement import Confinement, SandboxMode
from pixelpipe.engine.protocol import LENGTH, Batch, MakeStep, frame
from pixelpipe.errors import ImageTooSmallError
from pixelpipe.imaging.picture import Picture
from pixelpipe.imaging.pixels import Pixels
from pixelpipe.imaging.source import Source
from tests.tasks import FACTS

HANG_WIDTH = 333
HANG_ONCE_WIDTH = 335
CRASH_WIDTH = 337
HOARD_BYTES = 128 * 2**20
ASLEEP = "asleep"
EXECUTED = "executed"
FOREIGN_OFFSET = 0  # the first upload in flight lies there
_MARK = re.compile(rb"fault:([a-z0-9-]+);")
_MARK_WITHIN_BYTES = 256
_VICTIM = "victim-"
_STILLBORN = 2


def marker(arena: str, name: str) -> Path:
    """A file that says across attempts, and to the test, that something happened."""
    return Path(tempfile.gettempdir()) / f"{arena}-{name}"


def markers(arena: str) -> Iterable[Path]:
    """All of them."""
    return Path(tempfile.gettempdir()).glob(f"{arena}-*")


def faulty(jpeg: bytes, fault: str) -> bytes:
    """The same picture, marked so that it meets a fault in the decoder."""
    mark = f"fault:{fault};".encode()
    return jpeg[:2] + b"\xff\xfe" + (len(mark) + 2).to_bytes(2, "big") + mark + jpeg[2:]


def victims(arena: str) -> Iterator[int]:
    """Ids of workers that wait for what comes from outside, each given once."""
    for left in markers(arena):
        if _VICTIM in left.name:
            left.unlink()
            yield int(left.name.rpartition("-")[2])


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
    hoard: NDArray[np.uint8]
    undermined = False
    pixels_offset: int
    decoded_pixels: Pixels
    step: MakeStep
    ticket: int
    answer: Callable[[], None]

    def pixels(self, batch: Batch) -> NDArray[np.uint8]:
        self.pixels_offset = batch.pixels.offset
        return super().pixels(batch)

    def decode(self, batch: Batch, ticket: int) -> None:
        self.ticket = ticket
        self.answer = partial(super().decode, batch, ticket)
        if FaultWorker.undermined:
            self.reply(ticket, "codec-called", decodes=1)
            self.fault_segv()
        width = batch.decode.source_width
        if width == HANG_WIDTH or (width == HANG_ONCE_WIDTH and self._first("decode")):
            self.reply(ticket, "codec-called", decodes=1)
            hang()
        if width == CRASH_WIDTH:
            self.reply(ticket, "codec-called", decodes=1)
            os.kill(os.getpid(), signal.SIGSEGV)
        assert batch.source is not None
        marked = _MARK.search(self.bytes_at(batch.source)[:_MARK_WITHIN_BYTES].tobytes())
        if marked:
            self._meet(marked[1].decode(), f"decode-{marked[1].decode()}")
        self.answer()

    def make(self, source: Source, step: MakeStep) -> None:
        self.ticket, self.step = step.ticket, step
        (picture,) = source.pictures(step.task)
        # Of a planar picture luma is what lies first.
        self.decoded_pixels = (
            picture.pixels if isinstance(picture, Picture) else picture.luma.pixels
        )
        self.answer = partial(super().make, source, step)
        self._meet(step.task.name, step.task.name)
        self.answer()

    def _meet(self, name: str, key: str) -> None:
        """Go wrong if there is such a fault, and its turn has come."""
        fault = getattr(self, f"fault_{name.partition('-')[0]}", None)
        if fault is None or not self._meets(key):
            return
        if key.startswith("decode-") and fault != self.fault_after:
            self.reply(self.ticket, "codec-called", decodes=1)
        fault()

    def fault_hang(self) -> None:
        hang()

    def fault_segv(self) -> None:
        os.kill(os.getpid(), signal.SIGSEGV)

    def fault_kill(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def fault_abort(self) -> None:
        os.abort()

    def fault_exit(self) -> None:
        os._exit(0)

    def fault_exit1(self) -> None:
        os._exit(1)

    def fault_stop(self) -> None:
        os.kill(os.getpid(), signal.SIGSTOP)
        hang()

    def fault_outside(self) -> None:
        """Wait for what comes from outside."""
        marker(self.arena, f"{_VICTIM}{os.getpid()}").touch()
        hang()

    def fault_unready(self) -> None:
        """Die, and let the next workers die before they are ready."""
        for number in range(_STILLBORN):
            marker(self.arena, f"unready-{number}").touch()
        self.fault_segv()

    def fault_after(self) -> None:
        self.answer()
        self.fault_segv()

    def fault_liar(self) -> None:
        """Say something wrong, and be gone when that comes out."""
        self.channel.sendall(frame(self._made(10)))
        self.fault_segv()

    def fault_memory(self) -> None:
        hoard = []
        while resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY:
            hoard.append(np.empty(64 * 2**20, np.uint8))
        raise MemoryError

    def fault_hoard(self) -> None:
        """Leak, and answer all the same."""
        FaultWorker.hoard = np.ones(HOARD_BYTES, np.uint8)

    def fault_undermine(self) -> None:
        """Answer well, and die of it only over the next job."""
        FaultWorker.undermined = True

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
        whole = frame({"ticket": self.ticket, "outcome": "decoded", "decode_ms": 1.0})
        self.channel.sendall(whole[:-7])
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
        self.channel.sendall(frame(self._made(10) | {"ticket": self.ticket + 1}))
        hang()

    def fault_digest(self) -> None:
        self.channel.sendall(frame(self._made(10)))
        hang()

    def fault_facts(self) -> None:
        """Tell of another picture than was asked for."""
        self.channel.sendall(frame(self._made(10) | {"facts": replace(FACTS, width=9, frames=2)}))
        hang()

    def fault_garbage(self) -> None:
        body = json.dumps({"ticket": self.ticket, "outcome": "root"}).encode()
        self.channel.sendall(LENGTH.pack(len(body)) + body)
        hang()

    def fault_input(self) -> None:
        self.window.buffer[self.pixels_offset] = 0

    def fault_foreign(self) -> None:
        self.window.buffer[FOREIGN_OFFSET] = 0

    def fault_peek(self) -> None:
        self.reply(self.ticket, "failed", slug="internal", detail=str(self.window.buffer[0]))

    def fault_chatter(self) -> None:
        """Say over and over what may be said once."""
        while True:
            self.reply(self.ticket, "codec-called", decodes=1)

    def fault_listless(self) -> None:
        """Hear no more, but keep the channel open."""
        self.channel.shutdown(socket.SHUT_RD)
        hang()

    def fault_twice(self) -> None:
        self.answer()

    def fault_where(self) -> None:
        arena = np.frombuffer(self.window.buffer, np.uint8)
        offset = self.decoded_pixels.ctypes.data - arena.ctypes.data
        same = np.shares_memory(self.decoded_pixels, arena) and offset == self.pixels_offset
        raise ImageTooSmallError(
            f"in the arena: {same}; writeable: {self.decoded_pixels.flags.writeable}"
        )

    def _made(self, size: int) -> dict[str, object]:
        return {
            "ticket": self.ticket,
            "outcome": "made",
            "size": size,
            "inline": 0,
            "sha256": "0" * 64,
            "process_ms": 0.0,
            "encode_ms": 0.0,
            "facts": replace(
                FACTS,
                width=self.step.task.output_width,
                height=self.step.task.output_height,
                format=self.step.task.format,
            ),
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


def main(channel: socket.socket, arena: Segment, confinement: Confinement) -> None:
    """Be a worker with faults."""
    for number in range(_STILLBORN):
        with contextlib.suppress(FileNotFoundError):
            marker(arena.name, f"unready-{number}").unlink()
            os._exit(1)
    with contextlib.suppress(FileNotFoundError):
        marker(arena.name, ASLEEP).unlink()
        asleep(channel, arena, confinement)
    FaultWorker.arena = arena.name
    # It has marks to leave.
    open_minded = replace(confinement, sandbox=SandboxMode.OFF)
    worker.run(FaultWorker, channel, arena, open_minded)


def asleep(channel: socket.socket, arena: Segment, confinement: Confinement) -> None:
    """Never come up."""
    del arena, confinement
    isolation.die_with_parent()
    isolation.close_inherited(keep=channel.fileno())
    hang()


class Stillborn(worker.Worker):
    """Ends as soon as it is up."""

    def run(self) -> None:
        os._exit(1)


def stillborn(channel: socket.socket, arena: Segment, confinement: Confinement) -> None:
    """Say hello, and end; those that are marked to live do not."""
    try:
        marker(arena.name, "alive").unlink()
    except FileNotFoundError:
        worker.run(Stillborn, channel, arena, confinement)
    worker.run(worker.Worker, channel, arena, confinement)
