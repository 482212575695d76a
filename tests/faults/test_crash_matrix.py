"""Whatever a worker dies of, its task pays for it, and nobody else: over HTTP, row by row."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import ClientSession

from pixelpipe.engine import attempts
from pixelpipe.errors import TYPE_PREFIX
from pixelpipe.runtime import Runtime
from tests.faults.crash_matrix import HELPERS, ROWS, WORKERS, HelperRow, Row
from tests.faults.fault_workers import EXECUTED, faulty, marker, victims
from tests.faults.faulty_runtime import PATIENCE_S, SIBLINGS, faulty_runtime, serving
from tests.http_jobs import (
    Json,
    begun,
    calling,
    document,
    made,
    own_photo,
    refusal,
    send,
    specs,
    status,
    story,
    until,
    until_making,
    until_state,
    variant,
)
from tests.processes import command_line, descendants

HASTY_S = 3.0
# They die when the next step is theirs already, be it of another job.
_BLAMES_ANOTHER = {"after", "liar"}
# Most of their time they wait for the server to lose patience.
_AT_ONCE = [row for row in ROWS if row.hasty or row.fault == "deaf"]
_IN_TURN = [row for row in ROWS if row not in _AT_ONCE]


@dataclass(frozen=True, slots=True)
class House:
    """A server whose workers go wrong on demand, and two clients of it."""

    runtime: Runtime
    client: ClientSession
    other: ClientSession

    @property
    def arena(self) -> str:
        """Its name."""
        return self.runtime.engine.arena.name

    async def at_rest(self) -> None:
        """Wait until all workers are back and all memory is."""
        pool, arena = self.runtime.engine.pool, self.runtime.engine.arena
        await until(lambda: len(pool.idle) == len(pool.workers) == pool.size and not arena.leases)


@asynccontextmanager
async def _house(folder: Path, **changes: object) -> AsyncIterator[House]:
    # Ten attempts with their full backoff take long, and show nothing more.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attempts, "_BACKOFF_MOST_S", 0.1)
        async with _opened(folder, **changes) as house:
            yield house


@asynccontextmanager
async def _opened(folder: Path, **changes: object) -> AsyncIterator[House]:
    async with (
        faulty_runtime(folder, **changes) as runtime,
        serving(runtime) as url,
        calling(url) as client,
        calling(url) as other,
    ):
        yield House(runtime, client, other)


@pytest_asyncio.fixture(scope="module")
async def patient(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with _house(tmp_path_factory.mktemp("patient"), task_deadline_s=PATIENCE_S) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module")
async def hasty(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    changes = {"task_deadline_s": HASTY_S, "workers": len(_AT_ONCE) + WORKERS}
    async with _house(tmp_path_factory.mktemp("hasty"), **changes) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module")
async def at_once(hasty: House) -> AsyncIterator[dict[Row, asyncio.Task[None]]]:
    """The rows that do little but wait: all of them under way."""
    async with _sending(hasty, signal.SIGSTOP):
        under_way = {row: asyncio.create_task(_play(hasty, row)) for row in _AT_ONCE}
        yield under_way
        for playing in under_way.values():
            playing.cancel()
        await asyncio.gather(*under_way.values(), return_exceptions=True)


async def _send_from_outside(house: House, number: signal.Signals) -> None:
    """Send the signal to each worker that waits for it, for as long as this runs."""
    while True:
        for pid in await asyncio.to_thread(list, victims(house.arena)):
            with suppress(ProcessLookupError):  # It was ended with the job of the row before.
                os.kill(pid, number)
        await asyncio.sleep(0.005)


@asynccontextmanager
async def _sending(house: House, number: signal.Signals | None) -> AsyncIterator[None]:
    if number is None:
        yield
        return
    sending = asyncio.create_task(_send_from_outside(house, number))
    yield
    sending.cancel()
    with suppress(asyncio.CancelledError):
        await sending


def _wanted(*names: str) -> list[Json]:
    """Specs of these names, each of a width of its own, whatever stands beside it."""
    widths = {name: 40 + number for number, name in enumerate(SIBLINGS)}
    return [{"name": name, "resize": {"width": widths.get(name, 30)}} for name in names]


async def _run(house: House, row: Row, photo: bytes) -> Json:
    """The row's job at its end, beside a job of somebody else, which sees nothing of it."""
    names = [*SIBLINGS[:2], row.name, *SIBLINGS[2:]] if row.at == "task" else [*SIBLINGS]
    ended, good = await asyncio.gather(
        made(house.client, photo, _wanted(*names)),
        made(house.other, own_photo(400, 300), _wanted(*SIBLINGS)),
    )
    assert (good["state"], good["failures"]) == ("completed", [])
    if row.fault not in _BLAMES_ANOTHER:
        assert good["decodes"] == 1
        assert {(v["attempts"], v["strikes"]) for v in good["variants"]} == {(1, 0)}
    right = {v["name"]: v["sha256"] for v in good["variants"]}
    siblings = [v for v in ended["variants"] if v["name"] in right and v["sha256"]]
    assert {v["name"]: v["sha256"] for v in siblings}.items() <= right.items()
    return ended


def _check_variants(row: Row, ended: Json) -> None:
    slugs = {failure["type"].removeprefix(TYPE_PREFIX) for failure in ended["failures"]}
    siblings = [v for v in ended["variants"] if v["name"] in SIBLINGS]
    blamed = [variant(ended, row.name)] if row.at == "task" else siblings
    assert slugs == ({row.slug} if row.slug else set())
    assert {v["state"] for v in blamed} == {"failed" if row.slug else "completed"}
    assert max(v["attempts"] for v in blamed) == row.attempts
    assert max(v["strikes"] for v in blamed) == row.strikes
    if row.at == "task":
        assert {v["state"] for v in siblings} == {"completed"}
        if row.fault not in _BLAMES_ANOTHER:
            assert {(v["attempts"], v["strikes"]) for v in siblings} == {(1, 0)}


async def _check_events(house: House, row: Row, ended: Json) -> None:
    events = await story(house.client, ended["id"])
    names = [event.name for event in events]
    retried = [e for e in events if e.name == "variant.retrying" and e.data["name"] == row.name]
    assert [name for name in names if name.startswith("job.")][1:] == ["job.started", names[-1]]
    assert names[-1] == f"job.{row.job}"
    assert len(retried) == (row.attempts - 1 if row.at == "task" else 0)


async def _check_poison(house: House, row: Row, photo: bytes) -> None:
    """Whether the very source may be sent again, to whatever end."""
    answer = await send(house.other, photo, specs("again"))
    if not row.poisoned:
        assert answer.status == 202
        job = await document(answer)
        await (await house.other.delete(f"/api/jobs/{job['id']}")).read()
        return
    assert await refusal(answer) == (422, "poisoned-source")
    query = {"width": "33"}
    answer = await house.other.post("/api/transform", data=photo, params=query)
    assert await refusal(answer) == (422, "poisoned-source")


async def _play(house: House, row: Row) -> None:
    photo = own_photo(400, 300)
    if row.at == "decode":
        photo = faulty(photo, row.name)
    ended = await _run(house, row, photo)
    assert (ended["state"], ended["decodes"]) == (row.job, row.decodes)
    _check_variants(row, ended)
    await _check_events(house, row, ended)
    await _check_poison(house, row, photo)


@pytest.mark.parametrize("row", _IN_TURN, ids=str)
async def test_a_worker_dies(row: Row, patient: House) -> None:
    await patient.at_rest()
    async with _sending(patient, row.sent):
        await _play(patient, row)
    await patient.at_rest()
    assert not marker(patient.arena, EXECUTED).exists()


@pytest.mark.parametrize("row", _AT_ONCE, ids=str)
async def test_a_worker_hangs(row: Row, at_once: dict[Row, asyncio.Task[None]]) -> None:
    await at_once[row]  # asserts as `_play` does


async def test_after_all_that_hung_nothing_is_left(
    at_once: dict[Row, asyncio.Task[None]], hasty: House
) -> None:
    await asyncio.wait(at_once.values())
    await hasty.at_rest()
    assert not marker(hasty.arena, EXECUTED).exists()


async def _kill_helper(house: House, helper: str) -> None:
    """Kill the forkserver, or the resource tracker."""
    (worker, *_) = house.runtime.engine.pool.workers
    if helper == "forkserver":
        os.kill(worker.worker.forkserver_pid, signal.SIGKILL)
        return
    family = await asyncio.to_thread(descendants, os.getpid())
    for pid in family:
        if b"resource_tracker" in await asyncio.to_thread(command_line, pid):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("row", HELPERS, ids=str)
async def test_a_helper_dies(row: HelperRow, patient: House) -> None:
    await patient.at_rest()
    before = patient.runtime.engine.pool.workers
    name = f"hang-{row.helper}-once"
    photo = own_photo(400, 300)
    if row.at == "decode":
        job = await begun(patient.client, faulty(photo, name), _wanted(*SIBLINGS))
        await until_state(patient.client, job["id"], "running")
    else:
        job = await begun(patient.client, photo, _wanted(name, *SIBLINGS))
        await until_making(patient.client, job["id"], name)
    await _kill_helper(patient, row.helper)
    if row.helper == "tracker":  # Nobody sees that; it is its successor that the next worker needs.
        hanging = next(h for h in before if h.assignment is not None)
        os.kill(hanging.worker.pid, signal.SIGKILL)
    ended = await until_state(patient.client, job["id"], "completed")
    assert ended["decodes"] == row.decodes
    assert max(v["attempts"] for v in ended["variants"]) == row.attempts
    assert {v["strikes"] for v in ended["variants"]} == {0}
    await patient.at_rest()
    assert len(patient.runtime.engine.pool.workers - before) == row.new_workers
    assert await status(patient.client, "/readyz") == 200
