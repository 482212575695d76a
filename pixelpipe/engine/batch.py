"""One batch on one worker: turns what the worker does into what happens to the job."""

from typing import Protocol

from pixelpipe.engine.attempts import Cause
from pixelpipe.engine.handle import WorkerHandle
from pixelpipe.engine.protocol import Batch
from pixelpipe.engine.replies import Decoded, FailedReply, MadeReply, ProtocolFaultError
from pixelpipe.engine.work import Encoded, Work
from pixelpipe.errors import PixelPipeError
from pixelpipe.recipes.facts import Facts
from pixelpipe.recipes.task import Decode, Task


class Owner(Protocol):
    """What a running batch needs of the engine."""

    def pixels_ready(self, work: Work) -> None:
        """The decode is done."""

    def deliver(self, batch: "RunningBatch", index: int, encoded: Encoded) -> None:
        """A variant is made."""

    def fail_task(self, work: Work, index: int, error: PixelPipeError) -> None:
        """A task has failed for good."""

    def fail_decode(self, work: Work, error: PixelPipeError) -> None:
        """The decode has failed for good."""

    def error_of(self, work: Work, reply: FailedReply) -> PixelPipeError:
        """The error that a worker told of."""

    def task_lost(self, work: Work, index: int, cause: Cause) -> None:
        """The worker died over the task."""

    def decode_lost(self, work: Work, cause: Cause) -> None:
        """The worker died over the decode."""

    def batch_over(self, work: Work) -> None:
        """The worker has nothing to do with the job any more."""


class RunningBatch:
    """The assignment of one worker to one job; see `handle.Assignment`."""

    def __init__(
        self,
        owner: Owner,
        handle: WorkerHandle,
        work: Work,
        batch: Batch,
        tasks: tuple[int, ...],
    ) -> None:
        self.batch = batch
        self.handle = handle
        self.work = work
        self.inline_limit = work.inline_limit
        self._owner = owner
        self._tasks = tasks

    def name_of(self, step: int | None) -> tuple[str, str]:
        """The job's label, and the variant's name."""
        order = self.work.order
        name = "decode" if step is None else order.plan.tasks[self._tasks[step]].name
        return order.label, name

    def started(self, step: int | None) -> None:
        """Count the attempt."""
        if step is None:
            self.work.decode_attempts.start()
            return
        index = self._tasks[step]
        self.work.sink.task_started(index, self.work.attempts[index].start())

    def codec_called(self) -> None:
        """Count the decode."""
        self.work.sink.decode_called()

    def decoded(self, reply: Decoded) -> None:
        """Let the job's other tasks go to other workers."""
        self.work.sink.decoded(reply.decode_ms)
        self._owner.pixels_ready(self.work)

    def made(self, step: int, reply: MadeReply, inline: memoryview) -> None:
        """Hand the variant on.

        Raises:
            ProtocolFaultError: It cannot be what was asked for.
        """
        index = self._tasks[step]
        facts = reply.facts.facts()
        if not _is_possible(facts, self.work.order.plan.tasks[index], self.batch.decode):
            raise ProtocolFaultError("facts of another variant")
        content = inline or self.work.output_view(index, reply.size)
        encoded = Encoded(content, reply.sha256, reply.process_ms, reply.encode_ms, facts)
        self._owner.deliver(self, index, encoded)

    def failed(self, step: int | None, reply: FailedReply) -> None:
        """Settle what failed."""
        error = self._owner.error_of(self.work, reply)
        if step is None:
            self._owner.fail_decode(self.work, error)
        else:
            self._owner.fail_task(self.work, self._tasks[step], error)

    def ended(self) -> None:
        """The worker is free."""
        self._owner.batch_over(self.work)

    def died(self, step: int | None, cause: Cause) -> None:
        """Give back what was not started, and account for what was."""
        if step is None:
            self.work.requeue(self._tasks)
            self._owner.decode_lost(self.work, cause)
        else:
            self.work.requeue(self._tasks[step + 1 :])
            self._owner.task_lost(self.work, self._tasks[step], cause)
        self._owner.batch_over(self.work)


def _is_possible(facts: Facts, task: Task, decode: Decode) -> bool:
    """Whether a worker that did as it was told can say so."""
    most = (task.output_width, task.output_height)
    fits = facts.width <= most[0] and facts.height <= most[1]
    if task.trim is None:
        fits = (facts.width, facts.height) == most
    frames = decode.frames if task.animated else 1
    return fits and facts.frames == frames and facts.format in task.possible_formats
