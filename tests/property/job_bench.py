"""The ground under the machine of jobs: a house, its calls, and what has to hold in it."""

import asyncio
import hashlib
import tempfile
from collections import defaultdict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine

from pixelpipe.engine.attempts import Cause
from pixelpipe.errors import PixelPipeError
from pixelpipe.jobs.model import Event, EventType, Job, TaskState
from pixelpipe.jobs.ports import Listing
from pixelpipe.jobs.reach import EVERYBODYS
from tests.jobs.fake_engine import FakeWork
from tests.jobs.house import FORGET, House
from tests.property.job_model import Known, Story, shown, story_of

TENANTS = ("ann", "bob")
CLIENTS = ("x", "y")
# How many steps the storage does for a request before anything else happens, and whether its client
# goes then.
Fate = tuple[int, bool]
_FAILED = (EventType.JOB_FAILED, EventType.JOB_PARTIAL)


@dataclass(eq=False, slots=True)
class Call:
    """A request that is under way.

    Attributes:
        refusals: What it may be refused with.
        done: What its answer means for the model.
    """

    task: asyncio.Task[Any]
    refusals: tuple[type[PixelPipeError], ...]
    done: Callable[[Any], None]
    forgets: bool = False


class JobBench(RuleBasedStateMachine):
    """Knows how things are done and what has to hold; what is done, its rules say.

    A process that is killed takes with it all that was not stored, and every answer that was not
    given yet.
    """

    kind: ClassVar[str]

    def open(self) -> None:
        """Begin with an empty house."""
        self.loop = asyncio.new_event_loop()
        shared = Path("/dev/shm")
        self.folder = tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None)
        self.house = House(Path(self.folder.name), self.kind, deep=True)
        self.known: dict[str, Known] = {}
        self.keyed: dict[tuple[str, str], set[str]] = defaultdict(set)
        self.calls: list[Call] = []
        self.heard: list[Event] = []
        self.made: set[tuple[str, str]] = set()
        self.owners: dict[str, str] = {}
        self.usurped = self.forgetting = False
        self._start()

    def teardown(self) -> None:
        if not hasattr(self, "house"):
            return
        try:
            self._finish_all()
            self._check()
            if self.usurped:
                self._kill()
                self._finish_all()
                self._check()
            self._apart(self.house.look_after())
            self._check_shelves()
            self._apart(self.house.look_after(FORGET))
            assert self._apart(self.house.journal.events(0, None, 1)) == []
            assert not self.house.digests()
        finally:
            self._await(self.house.die())
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.close()
            self.house.close()
            self.folder.cleanup()

    # How

    def _work_on(self, work: FakeWork, *, good: bool) -> None:
        """Do all of an order at once, well or badly, as far as the storage lets it."""
        wanted = ("load", "decode", "start", "make" if good else "fail ")
        while work in self.house.engine.works:
            steps = self._steps(work, Cause.CRASH)
            chosen = [name for name in steps if name.startswith(wanted) and name != "fail decode"]
            if not chosen:
                return
            self._do_now(steps[chosen[-1]])
            while self.house.gates.waiting and work.busy and not work.content:
                self._go_on(1)

    def _retryable(self) -> list[str]:
        """Jobs that failed when they were last heard of, for all that clients know."""
        last = {event.job_id: event.type for event in self.heard}
        return [job_id for job_id in self.known if last.get(job_id) in _FAILED]

    def _go_on(self, steps: int) -> None:
        """Let the storage do so many steps of what waits, the oldest first."""
        for _ in range(steps):
            if self.house.gates.waiting:
                self.house.gates.go_on()
                self._settle()

    def _suffer(self, fate: Fate) -> None:
        """What befalls the request that came last."""
        steps, goes = fate
        call = self.calls[-1] if self.calls else None
        self._go_on(steps)
        if goes and call in self.calls:
            self._cancel(call)

    def _cancel(self, call: Call) -> None:
        call.task.cancel()
        self._settle()

    def _any_job(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(list(self.known)))

    def _call(
        self,
        coroutine: Coroutine[Any, Any, Any],
        refusals: tuple[type[PixelPipeError], ...],
        done: Callable[[Any], None],
        *,
        forgets: bool = False,
    ) -> None:
        self.calls.append(Call(self.loop.create_task(coroutine), refusals, done, forgets))
        if forgets:
            for known in self.known.values():
                known.perishable = True
        self._settle()

    def _settle(self) -> None:
        self._await(self.house.gates.settled())
        # What is known only from now on may be gone already.
        self.forgetting = any(call.forgets for call in self.calls)
        for call in [call for call in self.calls if call.task.done()]:
            if not call.task.cancelled():
                error = call.task.exception()
                if error is None:
                    call.done(call.task.result())
                elif not isinstance(error, call.refusals):
                    raise error
            self.calls.remove(call)

    def _await(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(coroutine)

    def _apart(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Do it without waiting at the gates."""
        self.house.gates.closed = set()
        try:
            return self._await(coroutine)
        finally:
            self.house.gates.closed = None

    def _do_now(self, step: Callable[[], None]) -> None:
        async def stepped() -> None:
            before = len(self.house.engine.made)
            step()
            for label, sha256 in self.house.engine.made[before:]:
                self.made.add((self.owners[label], sha256))

        for job_id, live in self.house.service._runner._live.items():
            self.owners[job_id] = live.job.tenant
        self._await(stepped())
        self._settle()

    def _steps(self, work: FakeWork, cause: Cause) -> dict[str, Callable[[], None]]:
        """What can happen to an order now."""
        steps: dict[str, Callable[[], None]] = {}
        if not work.decoded:
            if not work.content and not work.busy:
                steps["load"] = work.load
            elif not work.busy:
                steps["decode"] = work.decode
                steps["lose decode"] = lambda: work.lose_decode(cause)
                steps["fail decode"] = work.fail_decode
        for index in work.idle:
            steps[f"start {index}"] = lambda index=index: work.start(index)  # type: ignore[misc]
        for index in sorted(work.running):
            steps[f"make {index}"] = lambda index=index: work.make(index)  # type: ignore[misc]
            steps[f"lose {index}"] = lambda index=index: work.lose(index, cause)  # type: ignore[misc]
            steps[f"fail {index}"] = lambda index=index: work.fail(index)  # type: ignore[misc]
        return steps

    def _rest(self) -> None:
        """Let the storage do all that it was asked for."""
        self._settle()
        while self.house.gates.waiting:
            self.house.gates.go_on()
            self._settle()

    def _finish_all(self) -> None:
        self._rest()
        while self.house.engine.works:
            for work in list(self.house.engine.works):
                steps = self._steps(work, Cause.OUTSIDE)
                good = [
                    name for name in steps if name.split()[0] in {"load", "decode", "start", "make"}
                ]
                if good and work in self.house.engine.works:
                    self._do_now(steps[good[-1]])
            self._rest()

    def _start(self) -> None:
        self.house.gates.closed = None
        after = self.heard[-1].id if self.heard else 0
        stored = self.house.digests()
        self.loop.create_task(self._listen(after))
        self._call(self.house.start(stored), (), lambda _: None)
        self._rest()
        assert not self.calls

    def _kill(self) -> None:
        self._await(self.house.die())
        self._settle()
        assert not self.calls
        self.house.reopen()
        self.usurped = False
        self._start()

    async def _listen(self, after: int) -> None:
        async for batch in self.house.service.follow(after, None, EVERYBODYS):
            self.heard.extend(batch)

    # What has to hold whenever nothing moves

    def _check(self) -> None:
        stories = self._check_events()
        jobs = {job_id: self._apart(self.house.stored(job_id)) for job_id in stories}
        for job_id, story in stories.items():
            self._check_job(jobs[job_id], story)
        self._check_known(jobs)
        self._check_keys(jobs)
        self._check_listing(jobs)
        assert not self.house.engine.defects
        if not self.house.engine.works:
            self._check_idle(jobs)

    def _check_events(self) -> dict[str, Story]:
        events = self._apart(self.house.journal.events(0, None, 100_000))
        told: dict[str, list[Event]] = defaultdict(list)
        for event in events:
            told[event.job_id].append(event)
        assert [event for event in self.heard if event.job_id in told] == list(events)
        assert [event.id for event in self.heard] == sorted({event.id for event in self.heard})
        return {job_id: story_of(of_job) for job_id, of_job in told.items()}

    def _check_job(self, job: Job, story: Story) -> None:
        assert shown(job) == story.shown
        assert shown(self._apart(self.house.service.get(job.id, EVERYBODYS))) == story.shown
        assert job.ended == story.ended
        tenant_made = {sha256 for tenant, sha256 in self.made if tenant == job.tenant}
        assert tenant_made.issuperset(story.hits), "it was made for somebody else"
        if job.deleted_at is None:
            for sha256 in _references(job):
                content = self.house.blobs.path(sha256).read_bytes()
                assert hashlib.sha256(content).hexdigest() == sha256

    def _check_known(self, jobs: dict[str, Job]) -> None:
        last = {event.job_id: event for event in self.heard}
        for job_id, known in self.known.items():
            job = jobs.get(job_id)
            if job is None:
                assert known.perishable, "it was forgotten too early"
                assert last[job_id].terminal, "it was forgotten before its end"
                continue
            known.perishable = False
            assert job.tenant == known.tenant
            assert not known.deleted or job.deleted_at
            assert not job.deleted_at or known.deleting

    def _check_keys(self, jobs: dict[str, Job]) -> None:
        for (tenant, name), job_ids in self.keyed.items():
            there = [job_id for job_id in job_ids if job_id in jobs]
            found = self._apart(self.house.journal.keyed(tenant, name))
            assert [found[0]] == there if there else True, "one key, several jobs"

    def _check_listing(self, jobs: dict[str, Job]) -> None:
        for tenant in TENANTS:
            own = [job for job in jobs.values() if job.tenant == tenant and not job.deleted_at]
            places = sorted(((job.created_at, job.id) for job in own), reverse=True)
            listed: list[Any] = []
            while True:
                behind = listed[-1] if listed else None
                page = self._apart(
                    self.house.service.list(Listing(tenant=tenant, behind=behind, limit=2))
                )
                if not page:
                    break
                listed += [(job.created_at, job.id) for job in page]
            assert listed == places

    def _check_idle(self, jobs: dict[str, Job]) -> None:
        runner = self.house.service._runner
        assert not self.house.engine.leases
        assert not runner._live
        assert not runner._makings._leads
        assert not any(runner.outside(client) for client in CLIENTS)
        if not self.usurped:
            assert all(job.ended for job in jobs.values()), "nobody works on it"

    def _check_shelves(self) -> None:
        events = self._apart(self.house.journal.events(0, None, 100_000))
        jobs = [self._apart(self.house.stored(job_id)) for job_id in {e.job_id for e in events}]
        wanted = {sha256 for job in jobs if not job.deleted_at for sha256 in _references(job)}
        assert self.house.digests() == wanted


def _references(job: Job) -> set[str]:
    """The blobs that an undeleted job has a right to."""
    made = {v.blob.sha256 for v in job.variants if v.state is TaskState.COMPLETED and v.blob}
    return made | {job.source.sha256}
