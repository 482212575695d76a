"""The server's hold on one worker: its channel, its deadline, its death."""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from pixelpipe.engine.attempts import Cause
from pixelpipe.engine.process import WorkerProcess
from pixelpipe.engine.protocol import Batch, batch_frame
from pixelpipe.engine.replies import (
    CodecCalled,
    Decoded,
    FailedReply,
    MadeReply,
    ProtocolFaultError,
    Reply,
    ReplyReader,
)

_RECEIVE_BYTES = 256 * 1024
_CLOSED_BUT_ALIVE_S = 2.0
# Far more than a socket holds.
_LAST_WORDS = 256


class Assignment(Protocol):
    """What a worker is busy with, as its owner sees it. All calls come on the event loop.

    A step is named by its index in the batch; None is the decode.
    """

    @property
    def batch(self) -> Batch:
        """What the worker is sent."""

    @property
    def inline_limit(self) -> int:
        """Most bytes that a step may send through the channel."""

    def name_of(self, step: int | None) -> tuple[str, str]:
        """What job and step are called in the log."""

    def started(self, step: int | None) -> None:
        """The step runs from now on."""

    def codec_called(self) -> None:
        """The codec is being called for the source."""

    def decoded(self, reply: Decoded) -> None:
        """The decode is done."""

    def made(self, step: int, reply: MadeReply, inline: memoryview) -> None:
        """The step's variant is encoded."""

    def failed(self, step: int | None, reply: FailedReply) -> None:
        """The step failed, the worker is well; a failed decode ends the batch."""

    def ended(self) -> None:
        """No step is left."""

    def died(self, step: int | None, cause: Cause) -> None:
        """The worker ended while the step ran; later ones never started."""


@dataclass(slots=True)
class _Progress:
    """How far a batch has come. Position -1 is the decode."""

    assignment: Assignment
    position: int
    codec_called: bool = False

    @property
    def step(self) -> int | None:
        return None if self.position < 0 else self.position

    @property
    def ticket(self) -> int | None:
        batch = self.assignment.batch
        return batch.decode_ticket if self.position < 0 else batch.steps[self.position].ticket

    @property
    def over(self) -> bool:
        return self.position >= len(self.assignment.batch.steps)

    def check_room(self, reply: MadeReply) -> None:
        output = self.assignment.batch.steps[self.position].output
        if not reply.inline and (output is None or reply.size > output.size):
            raise ProtocolFaultError("more bytes than its output holds")


class WorkerHandle:
    """One live worker.

    Nothing is waited for: the loop watches the channel and the process. Its end is told once the
    process is known to be dead, so that no lease is reused while it could still write.

    Attributes:
        verdict: What it was killed for, if it was us who did.
        steps_done: Steps that it has answered.

    Args:
        worker: The process.
        deadline_s: Longest time for one step.
        on_free: Called when it can take a batch.
        on_unfit: Called when it must get no batch any more, before its end.
        on_dead: Called once it has ended; `bury` is to follow when the cause is known.
    """

    def __init__(
        self,
        worker: WorkerProcess,
        *,
        deadline_s: float,
        on_free: Callable[["WorkerHandle"], None],
        on_unfit: Callable[["WorkerHandle"], None],
        on_dead: Callable[["WorkerHandle"], None],
    ) -> None:
        self.worker = worker
        self.verdict: Cause | None = None
        self.steps_done = 0
        self._dead = False
        self._deadline_s = deadline_s
        self._on_free = on_free
        self._on_unfit = on_unfit
        self._on_dead = on_dead
        self._reader = ReplyReader()
        self._unsent = memoryview(b"")
        self._blocked = False
        self._progress: _Progress | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._due_s = math.inf
        self._due_cause = Cause.DEADLINE
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(worker.channel, self._receive)
        self._loop.add_reader(worker.pidfd, self._ended)

    @property
    def assignment(self) -> Assignment | None:
        """What it is busy with."""
        return self._progress.assignment if self._progress else None

    @property
    def fresh(self) -> bool:
        """Whether it has worked for nobody yet."""
        return self._progress is None and not self.steps_done

    @property
    def busy_with(self) -> tuple[str, str] | None:
        """Job and step that it is busy with, as the log calls them."""
        progress = self._progress
        return progress.assignment.name_of(progress.step) if progress else None

    def assign(self, assignment: Assignment) -> None:
        """Send a batch to the free worker."""
        if self._progress is not None:
            raise ValueError("the worker is busy")
        first = 0 if assignment.batch.decode_ticket is None else -1
        self._progress = _Progress(assignment, first)
        self._unsent = memoryview(batch_frame(assignment.batch))
        self._start_step()
        self._send()

    def condemn(self, cause: Cause) -> None:
        """Kill the worker for this cause; what it says from now on is not heard."""
        if self.verdict is None:
            self.verdict = cause
            self._on_unfit(self)
            self._stop_listening()
            self.worker.kill()

    def bury(self, cause: Cause) -> None:
        """Close what is left of a dead worker and tell whoever waited for it."""
        # A delivery that is under way may condemn it yet; its descriptors are others' from now on.
        self.verdict = self.verdict or cause
        self.worker.close()
        progress, self._progress = self._progress, None
        if progress is not None:
            progress.assignment.died(progress.step, cause)

    def _send(self) -> None:
        try:
            sent = self.worker.channel.send(self._unsent)
        except BlockingIOError:
            sent = 0
        except OSError:
            # It is dying, which its pidfd tells, or hears no more, which its deadline ends.
            self._loop.remove_writer(self.worker.channel)
            return
        self._unsent = self._unsent[sent:]
        if self._unsent and not self._blocked:
            self._loop.add_writer(self.worker.channel, self._send)
        elif self._blocked and not self._unsent:
            self._loop.remove_writer(self.worker.channel)
        self._blocked = bool(self._unsent)

    def _receive(self) -> bool:
        try:
            data = self.worker.channel.recv(_RECEIVE_BYTES)
        except BlockingIOError:
            return False
        except ConnectionResetError:
            data = b""
        if not data:
            self._closed()
            return False
        self._reader.feed(data)
        try:
            self._take_replies()
        except ProtocolFaultError:
            self.condemn(Cause.PROTOCOL)
        return True

    def _closed(self) -> None:
        # A dying process closes its files first and can be seen dead only then; one that closes
        # the channel and lives on has broken the protocol.
        self._on_unfit(self)
        self._stop_listening()
        self._rearm(_CLOSED_BUT_ALIVE_S, Cause.PROTOCOL)

    def _take_replies(self) -> None:
        while self.verdict is None:
            limit = self._progress.assignment.inline_limit if self._progress else 0
            taken = self._reader.next(limit)
            if taken is None:
                return
            self._take(*taken)

    def _take(self, reply: Reply, inline: memoryview) -> None:
        progress = self._progress
        if progress is None or reply.ticket != progress.ticket:
            raise ProtocolFaultError("an answer to nothing that was asked")
        if isinstance(reply, FailedReply):
            self._take_failure(progress, reply)
        elif progress.position < 0:
            self._take_decode(progress, reply)
        elif isinstance(reply, MadeReply):
            progress.check_room(reply)
            progress.assignment.made(progress.position, reply, inline)
            self._advance(progress)
        else:
            raise ProtocolFaultError("a decode's answer to another step")

    def _take_decode(self, progress: _Progress, reply: Reply) -> None:
        if isinstance(reply, CodecCalled) and not progress.codec_called:
            progress.codec_called = True
            progress.assignment.codec_called()
        elif isinstance(reply, Decoded) and progress.codec_called:
            progress.assignment.decoded(reply)
            self._advance(progress)
        else:
            raise ProtocolFaultError("no answer to a decode")

    def _take_failure(self, progress: _Progress, reply: FailedReply) -> None:
        progress.assignment.failed(progress.step, reply)
        if progress.position < 0:
            progress.position = len(progress.assignment.batch.steps) - 1
        self._advance(progress)

    def _advance(self, progress: _Progress) -> None:
        progress.position += 1
        self.steps_done += 1
        if not progress.over:
            self._start_step()
            return
        self._disarm()
        self._progress = None
        progress.assignment.ended()
        if not self._dead:
            self._on_free(self)

    def _start_step(self) -> None:
        assert self._progress is not None, "there is a step to start"
        self._rearm(self._deadline_s, Cause.DEADLINE)
        self._progress.assignment.started(self._progress.step)

    def _rearm(self, delay_s: float, cause: Cause) -> None:
        self._due_s, self._due_cause = self._loop.time() + delay_s, cause
        # Each step puts the time off: a timer that is there is moved once it has gone off.
        if self._timer is not None and self._timer.when() > self._due_s:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._timer = self._loop.call_at(self._due_s, self._timed_out)

    def _timed_out(self) -> None:
        self._timer = None
        if self._loop.time() >= self._due_s:
            self.condemn(self._due_cause)
        elif self._due_s < math.inf:
            self._timer = self._loop.call_at(self._due_s, self._timed_out)

    def _disarm(self) -> None:
        self._due_s = math.inf

    def _stop_listening(self) -> None:
        self._loop.remove_reader(self.worker.channel)
        self._loop.remove_writer(self.worker.channel)

    def _ended(self) -> None:
        self._loop.remove_reader(self.worker.pidfd)
        self._dead = True
        # What it said in full before its end counts; a child of its own could go on for ever.
        for _ in range(_LAST_WORDS):
            if self.verdict is not None or not self._receive():
                break
        self._stop_listening()
        self._disarm()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._on_dead(self)
