"""Jobs under any operations in any order, with a storage that takes its time, and crashes."""

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from pixelpipe.engine.attempts import Cause
from pixelpipe.errors import (
    JobGoneError,
    JobNotFoundError,
    KeyReusedError,
    NotRetryableError,
    PoisonedSourceError,
    QueueFullError,
    ShuttingDownError,
    StorageFailedError,
)
from pixelpipe.jobs.model import Job
from pixelpipe.jobs.reach import EVERYBODYS
from pixelpipe.jobs.retention import RetentionLimits
from pixelpipe.jobs.submission import Caller
from tests.jobs.house import EVICT, FORGET, KEEP, key_of
from tests.property.job_bench import CLIENTS, TENANTS, Fate, JobBench
from tests.property.job_model import Known

_CAUSES = st.sampled_from((Cause.CRASH, Cause.OUTSIDE))
_ALL = 1000

_STEPS = st.just(_ALL) | st.integers(0, 12)
_FATES = st.tuples(_STEPS, st.booleans())
_REFUSED_JOB = (JobNotFoundError, JobGoneError)


class JobMachine(JobBench):
    """Requests, workers and removals, each step of the storage when its time has come."""

    @initialize()
    def begin(self) -> None:
        self.open()

    # What clients do

    @rule(
        number=st.integers(0, 2),
        widths=st.lists(st.sampled_from((16, 24, 32)), min_size=1, max_size=3),
        caller=st.tuples(st.sampled_from(TENANTS), st.sampled_from(CLIENTS)),
        key=st.none() | st.sampled_from(("k", "l")),
        fate=_FATES,
    )
    def submit(
        self,
        number: int,
        widths: list[int],
        caller: tuple[str, str],
        key: str | None,
        fate: Fate,
    ) -> None:
        tenant, client = caller
        given = key_of(key, f"{number} {widths}", tenant) if key else None

        def accepted(job: Job) -> None:
            assert job.tenant == tenant
            self.known.setdefault(job.id, Known(tenant)).perishable |= self.forgetting
            if key:
                self.keyed[tenant, key].add(job.id)

        self._call(
            self.house.submit(
                *widths, number=number, caller=Caller(tenant=tenant, client=client), key=given
            ),
            (PoisonedSourceError, QueueFullError, *((KeyReusedError, JobGoneError) if key else ())),
            accepted,
        )
        self._suffer(fate)

    @precondition(lambda self: self.known)
    @rule(data=st.data(), fate=_FATES)
    def delete(self, data: st.DataObject, fate: Fate) -> None:
        job_id = self._any_job(data)
        self.known[job_id].deleting = True

        def deleted(job: Job | None) -> None:
            if job is None:
                self.known[job_id].deleted = True

        lost = (ShuttingDownError,) if self.usurped else ()
        self._call(
            self.house.service.delete(job_id, EVERYBODYS), (JobNotFoundError, *lost), deleted
        )
        self._suffer(fate)

    @precondition(lambda self: self.house.engine.works or self._retryable())
    @rule(data=st.data(), fate=_FATES)
    def retry(self, data: st.DataObject, fate: Fate) -> None:
        if not self._retryable():
            self._work_on(data.draw(st.sampled_from(self.house.engine.works)), good=False)
            self._go_on(_ALL)
        if not self._retryable():
            return
        job_id = data.draw(st.sampled_from(self._retryable()))
        # Its source may have gone; that it went too early is for `_check` to find.
        ill = (PoisonedSourceError, QueueFullError, StorageFailedError)
        refusals = (*_REFUSED_JOB, NotRetryableError, *ill)

        def requeued(job: Job) -> None:
            assert job.id == job_id

        self._call(self.house.service.retry(job_id, EVERYBODYS), refusals, requeued)
        self._suffer(fate)

    @precondition(lambda self: self.known)
    @rule(data=st.data(), leaves=st.booleans())
    def wait(self, data: st.DataObject, *, leaves: bool) -> None:
        job_id = self._any_job(data)

        def waited(job: Job) -> None:
            assert job.id == job_id

        async def wait() -> Job:
            job = await self.house.service.get(job_id, EVERYBODYS)
            return await self.house.service.wait(job, 1000.0, cancel_left=leaves)

        self._call(wait(), (JobNotFoundError,), waited)

    @precondition(lambda self: self.calls)
    @rule(data=st.data())
    def client_goes(self, data: st.DataObject) -> None:
        self._cancel(data.draw(st.sampled_from(self.calls)))

    # What workers do

    @precondition(lambda self: self.house.engine.works)
    @rule(data=st.data(), cause=_CAUSES)
    def work(self, data: st.DataObject, cause: Cause) -> None:
        work = data.draw(st.sampled_from(self.house.engine.works))
        steps = self._steps(work, cause)
        if steps:
            name = data.draw(st.sampled_from(sorted(steps)))
            self._do_now(steps[name])

    @precondition(lambda self: self.house.engine.works)
    @rule(data=st.data(), good=st.booleans(), steps=_STEPS)
    def work_on(self, data: st.DataObject, steps: int, *, good: bool) -> None:
        self._work_on(data.draw(st.sampled_from(self.house.engine.works)), good=good)
        self._go_on(steps)

    # What the storage and the server do

    @precondition(lambda self: self.house.gates.waiting)
    @rule(data=st.data())
    def storage_goes_on(self, data: st.DataObject) -> None:
        for _ in range(data.draw(st.integers(1, 4))):
            waiting = self.house.gates.waiting
            if waiting:
                self.house.gates.go_on(waiting[data.draw(st.integers(0, len(waiting) - 1))])
                self._settle()

    @rule(limits=st.sampled_from((KEEP, KEEP, KEEP, EVICT, FORGET)), steps=_STEPS)
    def look_after(self, limits: RetentionLimits, steps: int) -> None:
        self._call(self.house.look_after(limits), (), lambda _: None, forgets=limits is not KEEP)
        self._go_on(steps)

    @rule(data=st.data())
    def mishap(self, data: st.DataObject) -> None:
        """What is to be rare, or nothing else would come to anything."""
        mishaps = (
            self.rest,
            self.sweep,
            self.forgive,
            self.memory,
            self.kill,
            self.another_takes_over,
        )
        data.draw(st.sampled_from(mishaps))()

    def rest(self) -> None:
        self._rest()
        self._check()

    def sweep(self) -> None:
        self._rest()
        self._apart(self.house.look_after())
        self._check()
        self._check_shelves()

    def memory(self) -> None:
        engine = self.house.engine
        engine.full = not (engine.keeps_sources or engine.full)
        engine.keeps_sources = not engine.keeps_sources

    def forgive(self) -> None:
        self.house.service._stores.poison._until.clear()

    def kill(self) -> None:
        self._kill()
        self._check()

    def another_takes_over(self) -> None:
        self._apart(self.house.another_journal().take_over())
        self.usurped = True


_SETTINGS = settings(
    max_examples=15,
    stateful_step_count=30,
    deadline=None,
    # Shrinking takes minutes; who mends a failure turns it on.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


class _MemoryMachine(JobMachine):
    kind = "memory"


class _SqliteMachine(JobMachine):
    kind = "sqlite"


TestJobsInMemory = _MemoryMachine.TestCase
TestJobsInMemory.settings = _SETTINGS
TestJobsInSqlite = _SqliteMachine.TestCase
TestJobsInSqlite.settings = _SETTINGS
