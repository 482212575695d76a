"""A runtime whose workers go wrong on demand, and how to work with it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from pixelpipe.jobs.model import Event, Job
from pixelpipe.jobs.reach import EVERYBODYS
from pixelpipe.jobs.submission import Submission
from pixelpipe.recipes.spec import Spec
from pixelpipe.runtime import Runtime, open_runtime
from pixelpipe.server.app import make_app
from pixelpipe.server.wire.bounds import bounds_of
from pixelpipe.server.wire.runner import Runner
from tests.faults.fault_workers import markers
from tests.photographs import photo_jpeg, unlike
from tests.serving import small_settings

DEADLINE_S = 4.0
PATIENCE_S = 60.0
CONNECTIONS = 100
SIBLINGS = ("alpha", "beta", "gamma", "delta")


@asynccontextmanager
async def faulty_runtime(folder: Path, **changes: object) -> AsyncIterator[Runtime]:
    settings = small_settings(folder, **{"task_deadline_s": DEADLINE_S} | changes)
    async with open_runtime(settings, "tests.faults.fault_workers:main") as runtime:
        arena = runtime.engine.arena.name
        yield runtime
    for left in markers(arena):
        left.unlink()


@asynccontextmanager
async def serving(runtime: Runtime) -> AsyncIterator[str]:
    """A server over it, on a real port; gives its URL."""
    app = make_app(runtime)
    runner = Runner(app, bounds_of(app, CONNECTIONS), shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


def make_specs(*names: str) -> tuple[Spec, ...]:
    sizes = {name: 60 + 20 * number for number, name in enumerate(SIBLINGS)} | {"large": 3000}
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
        async for batch in runtime.service.follow(0, [job.id], EVERYBODYS):
            events.extend(batch)
    assert job.ended
    return events


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - states of other processes have no event
            await asyncio.sleep(0.005)
