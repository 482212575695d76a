"""The jobs that are under way: from their order to the engine to their verdict."""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from functools import partial

import structlog

from pixelpipe.engine.arena import Lease
from pixelpipe.engine.attempts import Attempts
from pixelpipe.engine.engine import Engine
from pixelpipe.engine.work import Order
from pixelpipe.errors import (
    InternalError,
    PixelPipeError,
    PoisonedSourceError,
    ShuttingDownError,
    StorageFailedError,
    WorkerCrashedError,
)
from pixelpipe.jobs.gathering import Gathering
from pixelpipe.jobs.live import Live
from pixelpipe.jobs.model import (
    TERMINAL_EVENTS,
    Blob,
    Cache,
    Job,
    TaskState,
)
from pixelpipe.jobs.patience import read_patiently
from pixelpipe.jobs.records import LostJobError
from pixelpipe.jobs.reuse import Makings
from pixelpipe.jobs.sinks import JobSink, complete
from pixelpipe.jobs.stores import Stores
from pixelpipe.recipes.plan import Plan

_log = structlog.get_logger(__name__)

# What ends a run before its job has ended.
_UNFINISHED = (asyncio.CancelledError, ShuttingDownError, LostJobError)

_Followed = dict[int, asyncio.Future[Blob | None]]


class Runner:
    """Runs jobs and keeps those that run.

    Args:
        engine: Does the work.
        stores: Where things are kept.
        on_end: Told of each job that has come to its end, once that is recorded.
        linger_s: How long a variant that is made may wait for others, to be stored together.
    """

    def __init__(
        self,
        engine: Engine,
        stores: Stores,
        on_end: Callable[[Job], None],
        *,
        linger_s: float = 0.0,
    ) -> None:
        self._engine = engine
        self._stores = stores
        self._on_end = on_end
        self._makings = Makings()
        self._gathering = Gathering(linger_s)
        self._live: dict[str, Live] = {}
        self._outside: Counter[str] = Counter()
        self._stopping = False

    @property
    def live(self) -> frozenset[str]:
        """Ids of the jobs that are under way."""
        return frozenset(self._live)

    def outside(self, client: str) -> int:
        """How many of the client's unfinished jobs are not in the engine.

        They are about to enter it, or wait for what other jobs make.
        """
        return self._outside[client]

    def is_live(self, job_id: str) -> bool:
        """Whether the job is under way."""
        return job_id in self._live

    def find(self, job_id: str) -> Job | None:
        """The job, if it is under way."""
        live = self._live.get(job_id)
        return live.job if live else None

    def enlist(self, job: Job) -> None:
        """The job is about to start; until `start` or `dismiss` it only stands in the list."""
        self._live[job.id] = Live(job)
        self._outside[job.client] += 1

    def dismiss(self, job: Job) -> None:
        """The job does not start after all."""
        self._live.pop(job.id).ended.set()
        self._enter(job)

    def start(
        self,
        job: Job,
        source: Lease | None = None,
        *,
        fresh: bool = False,
        doom: PixelPipeError | None = None,
    ) -> None:
        """Run an enlisted job.

        Args:
            job: The job, all of whose steps so far are recorded.
            source: The source's bytes, taken over; without, they are read from their blob.
            fresh: Whether they were not in the store before: then there is nothing to reuse, for
                whoever made something of them still refers to them.
            doom: What all that is open fails with, instead of being made.
        """
        live = self._live[job.id]
        live.fresh, live.doom = fresh, doom
        live.run = asyncio.create_task(self._run(live, source))

    async def wait(self, job_id: str, timeout_s: float | None) -> bool:
        """Return at the job's end, or when the time is up; at once if it is not under way.

        Args:
            job_id: Which.
            timeout_s: For how long; None for as long as it takes.

        Returns:
            Whether it has ended here: not, say, if another process claimed it in its last moment.
        """
        live = self._live.get(job_id)
        if live is None:
            return False
        live.waiters += 1
        try:
            await asyncio.wait_for(live.ended.wait(), timeout_s)
        except TimeoutError:
            pass
        finally:
            live.waiters -= 1
        return live.ended.is_set() and live.job.ended and not live.lost

    def detach(self, job_id: str) -> None:
        """Somebody was told of the job who does not wait: it is not for those alone who do."""
        live = self._live.get(job_id)
        if live is not None:
            live.detached = True

    def unwanted(self, job_id: str) -> bool:
        """Whether nobody is left who wants the job."""
        live = self._live.get(job_id)
        return live is not None and not (live.waiters or live.detached)

    def cancel(self, job_id: str) -> None:
        """Stop the job, if it has not come to its end: its workers and its memory are let go."""
        live = self._live.get(job_id)
        if live is None or live.cancelled or live.job.ended:
            return
        live.cancelled = True
        live.stop()

    def lose(self, job: Job) -> None:
        """Stop the job, if it is still run as it was then: it is somebody else's now."""
        live = self._live.get(job.id)
        if live is None or live.lost or live.job.epoch != job.epoch:
            return
        _log.warning("a job was taken over or removed while it ran", job=job.id)
        self._let_go(live)

    def hand_over(self, job_id: str, epoch: int) -> None:
        """Let go of a job, if it is here, that another process has claimed with that epoch."""
        live = self._live.get(job_id)
        if live is not None and live.job.epoch < epoch:
            self._let_go(live)

    def leave(self, job_id: str) -> None:
        """Let go of a job, which stays open for whoever claims it next."""
        live = self._live.get(job_id)
        if live is not None:
            self._let_go(live)

    async def gone(self, job_id: str) -> None:
        """Return once the job is not under way here."""
        while (live := self._live.get(job_id)) is not None:
            await live.ended.wait()

    @property
    def entering(self) -> int:
        """How many unfinished jobs, of all clients, are not in the engine."""
        return self._outside.total()

    def _let_go(self, live: Live) -> None:
        live.lost = True
        live.stop()

    async def drain(self, for_s: float) -> None:
        """Let jobs finish; what has not after `for_s` stays unfinished in the journal."""
        left = {live.run for live in self._live.values() if live.run is not None}
        if left:
            _, left = await asyncio.wait(left, timeout=for_s)
        self._stopping = True
        for live in list(self._live.values()):
            live.stop()
        await asyncio.gather(*left, return_exceptions=True)

    async def _run(self, live: Live, source: Lease | None) -> None:
        live.begun = True
        job = live.job
        try:
            try:
                ended = await self._try(live, source)
            finally:
                self._enter(job)
            await self._finish(job, ended)
        except StorageFailedError:
            _log.exception("the end of a job could not be recorded", job=job.id)
            live.lost = True
        except _UNFINISHED:
            # It is taken up again at the next start, or is somebody else's by now. Its end may have
            # been on its way to the journal: that knows.
            live.lost = True
        finally:
            del self._live[job.id]
            live.ended.set()
            self._on_end(job)

    async def _try(self, live: Live, source: Lease | None) -> list[int]:
        """Make the job's variants; gives the indexes of those that were ended instead."""
        failure: PixelPipeError | None = None
        try:
            await self._make(live, source)
        except _UNFINISHED:
            if self._stopping or live.lost or not live.cancelled:
                raise
        except (PoisonedSourceError, WorkerCrashedError) as error:
            failure = error
        except Exception:  # noqa: BLE001 - whatever it was, the job has to end
            _log.exception("a job could not be run", job=live.job.id)
            failure = InternalError("The job could not be run.")
        else:
            return []
        # Until it is known what came of the steps so far: one may be refused yet.
        await asyncio.shield(self._stores.recorder.record(live.job, None))
        state = TaskState.FAILED if failure else TaskState.CANCELLED
        return _end_rest(live.job, state, failure)

    async def _finish(self, job: Job, ended: Sequence[int]) -> None:
        job.ended_at = datetime.now(UTC)
        total_ms = (job.ended_at - job.created_at).total_seconds() * 1000
        job.timings_ms = job.timings_ms | {"total": total_ms}
        verdict = job.verdict()
        job.move(verdict)
        await asyncio.shield(self._stores.recorder.record(job, TERMINAL_EVENTS[verdict], ended))

    async def _make(self, live: Live, source: Lease | None) -> None:
        """Make all variants that are not settled: reuse, follow, and run the rest."""
        job = live.job
        try:
            if live.cancelled or live.lost or self._stopping:
                raise asyncio.CancelledError
            if live.doom is not None:
                raise live.doom
            while job.open_variants():
                claimed, followed = self._makings.claim(job, job.open_variants())
                try:
                    # Looked up once they are claimed: who made one of them before us had recorded
                    # it when letting go of it.
                    led = claimed if live.fresh else await self._reuse(job, claimed)
                    live.fresh = False
                    if led:
                        # Those that it followed may have shown that the source is no good.
                        self._stores.poison.check(job.source.sha256)
                    if source is not None and not led:
                        source.release()  # Room for uploads is not held by a job that only waits.
                    lease, source = (source if led else None), None
                    await self._make_once(job, led, lease, followed)
                finally:
                    for index in claimed:
                        self._makings.settle(job, job.variants[index], None)
        finally:
            if source is not None:
                source.release()

    async def _make_once(
        self, job: Job, led: Sequence[int], source: Lease | None, followed: _Followed
    ) -> None:
        following = asyncio.create_task(self._follow(job, followed))
        try:
            if led:
                await self._lead(job, led, source)
            await following
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    def _enter(self, job: Job) -> None:
        """The job is no longer outside of the engine; nothing is kept of a client without jobs."""
        self._outside -= Counter({job.client: 1})

    async def _reuse(self, job: Job, claimed: Sequence[int]) -> list[int]:
        """Complete what the tenant has already; gives the indexes of those that are to be made."""
        if not claimed:
            return []
        wanted = {job.variants[index].reuse_key for index in claimed}
        try:
            there = await self._there(job.tenant, wanted)
        except StorageFailedError as error:
            _log.warning("what is there already could not be found out", error=str(error))
            return list(claimed)  # It is made instead.
        await asyncio.gather(
            *(
                self._hit(job, index, there[job.variants[index].reuse_key])
                for index in claimed
                if job.variants[index].reuse_key in there
            )
        )
        for index in claimed:
            if job.variants[index].blob is not None:
                self._makings.settle(job, job.variants[index], job.variants[index].blob)
        return [index for index in claimed if job.variants[index].blob is None]

    async def _there(self, tenant: str, wanted: Collection[str]) -> dict[str, Blob]:
        found = await self._stores.journal.reusable(tenant, wanted)
        return {key: blob for key, blob in found.items() if await self._stores.blobs.intact(blob)}

    async def _hit(self, job: Job, index: int, blob: Blob) -> None:
        """Complete a variant whose bytes are there; it stays open if they have just gone."""
        await complete(self._stores.recorder, job, index, blob, Cache.HIT)

    async def _follow(self, job: Job, followed: _Followed) -> None:
        """Take over what others make; what they give up stays open."""
        for index, made in followed.items():
            await asyncio.wait({made})
            blob = made.result()
            if blob is not None:
                await self._hit(job, index, blob)

    async def _lead(self, job: Job, indexes: Sequence[int], source: Lease | None) -> None:
        """Make variants, for the job and for all who follow it."""
        load = partial(read_patiently, self._stores.blobs, job.source.sha256)
        order = Order(
            label=job.id,
            plan=Plan(job.decode, tuple(job.variants[index].task for index in indexes)),
            source=source,
            source_bytes=job.source.size_bytes,
            load=load,
            client=job.client,
            priority=job.priority,
            decode_attempts=Attempts(job.decode_attempts, job.decode_strikes),
            attempts=tuple(
                Attempts(job.variants[index].attempts, job.variants[index].strikes)
                for index in indexes
            ),
            check_source=partial(self._stores.poison.check, job.source.sha256),
        )
        sink = JobSink(job, indexes, self._stores, self._makings, self._gathering)
        self._enter(job)
        try:
            await self._engine.run(order, sink)
        finally:
            self._outside[job.client] += 1


def _end_rest(job: Job, state: TaskState, error: PixelPipeError | None) -> list[int]:
    """What is not settled never will be; gives the indexes."""
    problem = error.problem() if error else None
    rest = job.open_variants()
    for index in rest:
        job.variants[index].move(state)
        job.variants[index].problem = problem
    if problem is not None:
        job.problems = (*job.problems, problem)
    return rest
