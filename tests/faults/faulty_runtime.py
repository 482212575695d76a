"""A runtime whose workers go wrong on demand, and how to work with it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from pixelpipe.jobs.model import Event, Job
from pixelpipe.jobs.submission import Submission
from pixelpipe.recipes.spec import Spec
from pixelpipe.runtime import Runtime, open_runtime
from tests.faults.fault_workers import markers
from tests.photographs import photo_jpeg, unlike
from tests.serving import small_settings

DEADLINE_S = 4.0
PATIENCE_S = 60.0
SIBLINGS = ("alpha", "beta", "gamma", "delta")


@asynccontextmanager
async def faulty_runtime(folder: Path, **changes: object) -> AsyncIterator[Runtime]:
    settings = small_settings(folder, **{"task_deadline_s": DEADLINE_S} | changes)
    async with open_runtime(settings, "tests.faults.fault_workers:main") as runtime:
        arena = runtime.engine.arena.name
        yield runtime
    for left in markers(arena):
        left.unlink()


def make_specs(*names: str) -> tuple[Spec, ...]:
    sizes = {name: 60 + 20 * number for number, name in enumerate(SIBLINGS)}
    return tuple(
        Spec.model_validate({"name": name, "resize": {"width": sizes.get(name, 50)}})
        for name in names
    )


async def submit(
    runtime: Runtime, *names: str, width: int = 400, photo: bytes | None = None
) -> Job:
    content = photo or unlike(photo_jpeg(width, 300))
    async with runtime.service.receive(len(content)) as upload:
        await upload.write(content)
        return await runtime.service.accept(
            Submission(upload, "photo.jpg", make_specs(*names), 0.0)
        )


async def finish(runtime: Runtime, job: Job) -> list[Event]:
    events: list[Event] = []
    async with asyncio.timeout(PATIENCE_S):
        async for batch in runtime.service.follow(0, [job.id]):
            events.extend(batch)
    assert job.ended
    return events


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - states of other processes have no event
            await asyncio.sleep(0.005)
