"""One round of the comparison: one contender under load, all others idle beside it."""

import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmark.contenders import Contender
from benchmark.errors import BenchError
from benchmark.pictures import Picture
from benchmark.process_memory import PeakMemory
from benchmark.sets import VariantSet
from load import Reply, Sample, closed_loop, numbers
from process_tree import TICK_S, cpu_time


@dataclass(frozen=True, slots=True)
class Case:
    """What is asked of every contender.

    Attributes:
        picture: What is sent.
        asked: The variants of it.
        clients: Clients that send at the same time, each waiting for its answer.
        same: Whether the very same bytes are sent each time.
    """

    picture: Picture
    asked: VariantSet
    clients: int
    same: bool = False

    @property
    def key(self) -> tuple[str, str, int, bool]:
        """What tells it from other cases."""
        return self.picture.name, self.asked.name, self.clients, self.same


@dataclass(frozen=True, slots=True)
class Length:
    """How long a round is.

    Attributes:
        jobs: So many jobs; None for as many as are begun in time, and one by each client at least.
        seconds: How long jobs are begun where `jobs` is None.
    """

    jobs: int | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Round:
    """What one contender took; CPU and memory are those of its whole process tree.

    Attributes:
        jobs: Jobs completed.
        seconds: From the first request to the last answer.
        latencies_ms: Of each job.
        cpu_ms: CPU time by the job, the kernel's for it included.
        peak_bytes: The largest PSS; 0 where it may not be looked at.
        made_bytes: Size of the variants by the job.
    """

    jobs: int
    seconds: float
    latencies_ms: Sequence[float]
    cpu_ms: float
    peak_bytes: int
    made_bytes: float


def clients_in_words(clients: int) -> str:
    """So many clients."""
    return "1 client" if clients == 1 else f"{clients} clients"


async def run_round(contender: Contender, case: Case, length: Length) -> Round:
    """Load a contender and account for it.

    Raises:
        BenchError: A job failed.
    """
    run = uuid.uuid4().hex
    samples: list[Sample] = []

    async def send(number: int) -> Reply:
        text = run if case.same else f"{run} {number}"
        return await contender.send(case.picture.numbered(text), case.asked)

    if case.same:
        await send(0)
    work = numbers(length.jobs, None) if length.jobs else _begun_for(length.seconds, case.clients)
    with PeakMemory(contender.pid) as memory:
        before, start = cpu_time(contender.pid), time.perf_counter()
        await closed_loop(send, samples.append, work, clients=case.clients)
        seconds, cpu = time.perf_counter() - start, cpu_time(contender.pid) - before
    _check(contender.name, case, samples)
    return Round(
        jobs=len(samples),
        seconds=seconds,
        latencies_ms=[sample.latency_s * 1000 for sample in samples],
        # A short round of a quick program may show nothing, and ratios are made of this.
        cpu_ms=max(cpu.tree_s, TICK_S) * 1000 / len(samples),
        peak_bytes=memory.peak_bytes,
        made_bytes=sum(sample.reply.received_bytes for sample in samples) / len(samples),
    )


def _begun_for(seconds: float, least: int) -> Iterator[int]:
    """Count from 0 until so much time has passed, and to `least` at least."""
    end, number = time.perf_counter() + seconds, 0
    while number < least or time.perf_counter() < end:
        yield number
        number += 1


def _check(name: str, case: Case, samples: Sequence[Sample]) -> None:
    for reply in (sample.reply for sample in samples):
        if reply.error is not None:
            said = f" ({reply.detail})" if reply.detail else ""
            what = f"{case.asked.name} of {case.picture.name}"
            raise BenchError(f"{name} did not make {what}: {reply.error}{said}")
