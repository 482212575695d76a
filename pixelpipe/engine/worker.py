"""The worker: a function over shared memory.

It reads batches from its channel, works on the ranges that it was granted, and replies per step.
It opens no file and no connection, and before its first batch it gives up being able to. This is
the only module of the engine that imports imaging; the forkserver preloads it, the server never
does.
"""

import ctypes
import hashlib
import json
import os
import socket
import struct
import time
import traceback
from collections.abc import Callable
from functools import partial
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelpipe.engine import isolation, pages, sandbox
from pixelpipe.engine.arena import Segment, Window
from pixelpipe.engine.confinement import Confinement, SandboxReport
from pixelpipe.engine.memory_limit import MemoryLimit, batch_bytes
from pixelpipe.engine.protocol import (
    MEMORY_EXIT,
    Batch,
    MakeStep,
    Span,
    decode_batch,
    frame,
    read_frame,
)
from pixelpipe.errors import PixelPipeError
from pixelpipe.imaging import pipeline, warming
from pixelpipe.imaging.decode import decode
from pixelpipe.imaging.source import Source, frames_of, sidecar_of
from pixelpipe.recipes.facts import Facts

_TRACE_CHARS = 1500
# After which a worker without work gives memory back: timeval, in the machine's own order.
_IDLE = struct.pack("@ll", 4, 0)

_libc = ctypes.CDLL(None)

# The forkserver loads this module before it forks.
_FORKSERVER_PID = os.getpid()


class Worker:
    """One worker's life over its channel and its window into the arena."""

    def __init__(self, channel: socket.socket, window: Window, confinement: Confinement) -> None:
        self.channel = channel
        self.window = window
        self.confinement = confinement
        self._memory = MemoryLimit(confinement)
        self._job = 0
        self._source: Source | None = None
        self._rested = True

    def run(self) -> None:
        """Work until the channel closes."""
        while (message := read_frame(self.channel, self._rest)) is not None:
            self._rested = False
            self._batch(decode_batch(message))

    def decode(self, batch: Batch, ticket: int) -> None:
        """Decode the source into the pixels' lease.

        Raises:
            DamagedImageError: The codec refused it.
        """
        assert batch.source is not None, "a decode has a source"
        source = self.bytes_at(batch.source)[: batch.source_bytes]
        began = time.perf_counter()
        target = self.pixels(batch)
        decode(
            source,
            batch.decode,
            frames_of(target, batch.decode),
            # Told at once, not with the result: a worker that dies inside the codec has called it.
            before_codec=lambda: self.reply(ticket, "codec-called", decodes=1),
            max_frames=self.confinement.max_frames,
            sidecar=sidecar_of(target, batch.decode),
        )
        self.reply(ticket, "decoded", decode_ms=_ms_since(began))

    def make(self, made_from: Source, step: MakeStep) -> None:
        """Make one variant and hand its bytes over.

        Raises:
            PixelPipeError: The task cannot be done.
        """
        made = pipeline.make(made_from, step.task)
        # For a type checker on Python 3.11 an array is no buffer.
        content = memoryview(cast("bytes", made.content))
        size = len(content)
        fits = step.output is not None and size <= step.output.size
        if fits and step.output is not None:
            self.window.buffer[step.output.offset : step.output.offset + size] = content
        self.reply(
            step.ticket,
            "made",
            size=size,
            inline=0 if fits else size,
            sha256=hashlib.sha256(content).hexdigest(),
            process_ms=made.process_ms,
            encode_ms=made.encode_ms,
            facts=made.facts,
        )
        if not fits:
            self.channel.sendall(content)

    def reply(self, ticket: int, outcome: str, **fields: float | str | Facts) -> None:
        """Tell the server about a step."""
        self.channel.sendall(frame({"ticket": ticket, "outcome": outcome, **fields}))

    def pixels(self, batch: Batch) -> NDArray[np.uint8]:
        """The job's pixels and the sidecar behind them, a 1-D view into the arena."""
        return self.bytes_at(batch.pixels)[: batch.decode.pixels_bytes]

    def bytes_at(self, span: Span) -> NDArray[np.uint8]:
        """A view into the arena, 1-D uint8."""
        return np.frombuffer(self.window.buffer, np.uint8, span.size, span.offset)

    def _rest(self) -> None:
        """Give back what the C library keeps of jobs that are done; once, until there is another.

        It keeps it on purpose, for to get it again costs as much as a resize.
        """
        if not self._rested:
            self._source, self._rested = None, True
            _libc.malloc_trim(0)

    def _batch(self, batch: Batch) -> None:
        if batch.job != self._job:
            self._source, self._job = None, batch.job
        self._memory.allow(batch_bytes(batch))
        if batch.decode_ticket is not None and not self._decoded(batch, batch.decode_ticket):
            return
        self.window.grant({_key(batch.pixels): pages.READ} | _outputs(batch))
        if self._source is None:
            pixels = self.pixels(batch)
            pixels.flags.writeable = False
            self._source = Source(pixels, batch.decode)
        for step in batch.steps:
            self._attempt(step.ticket, partial(self.make, self._source, step))

    def _decoded(self, batch: Batch, ticket: int) -> bool:
        assert batch.source is not None, "a decode has a source"
        access = {_key(batch.source): pages.READ, _key(batch.pixels): pages.READ_WRITE}
        self.window.grant(access)
        return self._attempt(ticket, partial(self.decode, batch, ticket))

    def _attempt(self, ticket: int, work: Callable[[], None]) -> bool:
        try:
            work()
        except PixelPipeError as error:
            self.reply(ticket, "failed", slug=error.slug, detail=error.detail)
        except MemoryError:
            os._exit(MEMORY_EXIT)
        except Exception as error:  # noqa: BLE001 - a defect is told to the server, which logs it
            if isinstance(error, cv2.error) and error.code == cv2.Error.StsNoMem:
                os._exit(MEMORY_EXIT)
            trace = traceback.format_exc()[-_TRACE_CHARS:]
            self.reply(ticket, "failed", slug="internal", detail=trace)
        else:
            return True
        return False


def main(channel: socket.socket, arena: Segment, confinement: Confinement) -> None:
    """Be a worker until the server closes the channel. The target of the worker process."""
    run(Worker, channel, arena, confinement)


def run(
    kind: type[Worker], channel: socket.socket, arena: Segment, confinement: Confinement
) -> None:
    """Give up what a worker must not have, say hello, work, and end without cleaning up."""
    isolation.die_with_parent()
    if os.getppid() != _FORKSERVER_PID:
        os._exit(1)  # It died before the kernel was told: this process would be an orphan.
    isolation.ignore_terminal()
    isolation.no_core_dumps()
    cv2.setNumThreads(1)
    channel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _IDLE)
    window = Window(arena)
    # The mapping outlives its descriptor.
    isolation.close_inherited(keep=channel.fileno())
    isolation.no_new_privileges()
    isolation.drop_capabilities()
    worker = kind(channel, window, confinement)
    # The worker's own pidfd: the server could only open one by number, which might be another's
    # by then.
    pidfd = os.pidfd_open(os.getpid())
    report = sandbox.close_in(confinement.sandbox, channel.fileno())
    _say_hello(channel, pidfd, report)
    worker.run()
    os._exit(0)


def warm_up() -> None:
    """Load in the forkserver whatever would else be loaded by the first who needs it."""
    cv2.setNumThreads(1)
    warming.warm_up()
    hashlib.sha256().hexdigest()
    traceback.format_exception(RuntimeError())


def _say_hello(channel: socket.socket, pidfd: int, report: SandboxReport) -> None:
    hello = {"forkserver": _FORKSERVER_PID, "sandbox": report.facts()}
    socket.send_fds(channel, [json.dumps(hello).encode()], [pidfd])
    os.close(pidfd)


def _key(span: Span) -> tuple[int, int]:
    return span.offset, span.size


def _outputs(batch: Batch) -> dict[tuple[int, int], int]:
    return {_key(step.output): pages.READ_WRITE for step in batch.steps if step.output}


def _ms_since(began: float) -> float:
    return (time.perf_counter() - began) * 1000
