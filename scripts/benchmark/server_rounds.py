"""Rounds of jobs that are accounted for by what the server process alone takes."""

import dataclasses
import json
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmark.alone import Alone, Work, measure_alone
from benchmark.raw_jobs import RawJobs, RawUploads
from benchmark.server_threads import ThreadCpu, thread_cpu
from benchmark.sets import VariantSet
from load import Reply, Sample, closed_loop, numbers
from server_process import Server

CLIENTS = 2


@dataclass(frozen=True, slots=True)
class Case:
    """What is uploaded, and what it may cost.

    Attributes:
        image: The upload, a JPEG.
        asked: What is wanted of it.
        bound_ms: CPU of the server process that a job may take.
        reach_ms: What would be better still.
    """

    image: bytes
    asked: VariantSet
    bound_ms: float
    reach_ms: float

    @property
    def name(self) -> str:
        """For people."""
        return f"{len(self.image) // 1000} KB, {len(self.asked.specs)} variants"


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU milliseconds of the server process by the job.

    Attributes:
        whole_ms: All of it.
        threads_ms: By thread; together they are the whole.
        client_ms: Of the client, beside it.
    """

    whole_ms: float
    threads_ms: dict[str, float]
    client_ms: float


@dataclass(frozen=True, slots=True)
class Result:
    """Medians of one case.

    Attributes:
        case: Which.
        waited: Of jobs that the request that sent them waited for.
        watched: Of jobs that were followed over SSE.
        alone: The parts, done alone.
    """

    case: Case
    waited: Cost
    watched: Cost
    alone: Alone

    def parts_ms(self, *, watched: bool) -> dict[str, float]:
        """What the whole of a job goes into; together they are the whole."""
        alone, waited_ms = self.alone, self.waited.whole_ms
        known = {
            "receive": alone.receive_ms,
            "hash: upload": alone.upload_hash_ms,
            "hash: storing": alone.store_hash_ms,
            "blobs": alone.blobs_ms,
            "journal": alone.journal_ms,
        }
        sse_ms = self.watched.whole_ms - waited_ms if watched else 0.0
        return known | {"SSE": sse_ms, "rest": waited_ms - sum(known.values())}


class CaseRounds:
    """The rounds of one case with one server.

    Args:
        server: The server.
        case: The case.
        folder: Where things are stored when that is done alone.
    """

    def __init__(self, server: Server, case: Case, folder: Path) -> None:
        self.case = case
        self._server = server
        self._folder = folder
        self._uploads = RawUploads(case.image, case.asked, uuid.uuid4().hex)
        self._waited: list[Cost] = []
        self._watched: list[Cost] = []
        self._alone: list[Alone] = []
        self._work: Work | None = None

    async def prepare(self) -> None:
        """Have the variants made once: they are what is stored when that is done alone.

        Raises:
            BenchError: They were not made.
        """
        async with RawJobs(self._server.url, self._uploads) as jobs:
            answer = await jobs.wait()
            urls = [variant["url"] for variant in json.loads(answer)["variants"]]
            variants = [await jobs.content(url) for url in urls]
            self._work = Work(self._uploads, variants, len(answer))
            await jobs.watch()

    async def measure(self, jobs: int) -> None:
        """One round of so many jobs of each kind.

        Raises:
            BenchError: One of them failed.
        """
        assert self._work is not None, "it was prepared"
        self._waited.append(await self._cost(jobs, watched=False))
        self._watched.append(await self._cost(jobs, watched=True))
        self._alone.append(await measure_alone(self._work, self._folder, jobs))

    def result(self) -> Result:
        """The medians."""
        names = (field.name for field in dataclasses.fields(Alone))
        alone = Alone(*(median(getattr(each, name) for each in self._alone) for name in names))
        return Result(self.case, _median_cost(self._waited), _median_cost(self._watched), alone)

    async def _cost(self, jobs: int, *, watched: bool) -> Cost:
        samples: list[Sample] = []
        async with RawJobs(self._server.url, self._uploads) as sender:

            async def send(_: int) -> Reply:
                brought = await (sender.watch() if watched else sender.wait())
                return Reply(None, len(self.case.image), len(brought))

            before, client_s = thread_cpu(self._server.pid), time.process_time()
            await closed_loop(send, samples.append, numbers(jobs, None), clients=CLIENTS)
            client_s = time.process_time() - client_s
        return _cost(thread_cpu(self._server.pid) - before, client_s, jobs)


def _cost(spent: ThreadCpu, client_s: float, jobs: int) -> Cost:
    scale = 1000 / jobs
    threads_ms = {name: cpu_s * scale for name, cpu_s in spent.threads.items()}
    return Cost(spent.whole_s * scale, threads_ms, client_s * scale)


def _median_cost(costs: Sequence[Cost]) -> Cost:
    names = {name for cost in costs for name in cost.threads_ms}
    return Cost(
        median(cost.whole_ms for cost in costs),
        {name: median(cost.threads_ms.get(name, 0) for cost in costs) for name in names},
        median(cost.client_ms for cost in costs),
    )
