"""All that a server has to let end, what is done beside it too, has one time for it."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from unittest.mock import Mock

import pytest

from pixelpipe.jobs.service import JobService
from pixelpipe.runtime import Runtime, open_runtime
from pixelpipe.server import run
from tests.serving import small_settings

TIME_S = 3600.0


async def test_what_is_done_beside_takes_its_time_from_that_of_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, taken = [], []
    # It is for the whole process.
    monkeypatch.setattr(run, "gc", Mock(spec_set=gc))
    drain = JobService.drain

    async def noting(service: JobService, for_s: float) -> None:
        given.append(for_s)
        await drain(service, for_s)

    monkeypatch.setattr(JobService, "drain", noting)

    @asynccontextmanager
    async def beside(runtime: Runtime) -> AsyncIterator[None]:
        yield
        clock = asyncio.get_running_loop().time
        began_s = clock()
        await asyncio.to_thread(list, runtime.storage.files.digests())
        taken.append(clock() - began_s)

    told = asyncio.Event()
    settings = small_settings(tmp_path, workers=1, port=0, drain_timeout_s=TIME_S)
    async with open_runtime(settings, durable=False) as runtime:
        await run._serve(runtime, 10, told, lambda _: told.set(), beside)
    assert 0 < given[0] <= TIME_S - taken[0] < TIME_S
