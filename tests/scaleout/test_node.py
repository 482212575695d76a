"""What a node makes of jobs that other programs put in."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from bullmq import UnrecoverableError
from pytest_aiohttp import AiohttpServer

from pixelpipe.errors import InvalidSpecError, MemoryFullError, StorageFailedError
from pixelpipe.jobs.model import Job, JobState, new_job_id
from pixelpipe.jobs.submission import Submission
from pixelpipe.node import Node
from pixelpipe.runtime import Runtime, open_runtime
from pixelpipe.scaleout.queue_format import IMAGE, read_request
from pixelpipe.scaleout.queue_job import GivenUp, QueuedJob
from pixelpipe.server.sources import AT_ONCE_PER_CLIENT, fetching
from tests.photographs import photo_jpeg
from tests.serving import small_settings

WANTED = [{"name": "a", "resize": {"width": 20}}]
SLOW = [{"name": f"v{n}", "resize": {"width": 4000 + n}, "format": "avif"} for n in range(9)]
PATIENCE_S = 30.0
_Asked = Callable[[str], Coroutine[Any, Any, Job | None]]


class Queued(QueuedJob):
    """A job of another program's, as a worker hands it over."""

    def __init__(self, url: str, **data: object) -> None:
        self.name, self.priority = IMAGE, 0
        self.data = {"version": 1, "source": {"url": url}, "variants": WANTED} | data
        self._journal_id = new_job_id()

    async def journal_id(self) -> str:
        """What it is called in the journal."""
        return self._journal_id

    async def progress(self, value: object) -> None:
        """Nobody follows."""


@pytest_asyncio.fixture
async def runtime(tmp_path: Path) -> AsyncIterator[Runtime]:
    settings = small_settings(tmp_path, source_urls=True, source_url_private=True)
    async with open_runtime(settings) as opened:
        yield opened


@pytest_asyncio.fixture
async def node(runtime: Runtime) -> AsyncIterator[Node]:
    async with fetching(runtime.settings) as sources:
        yield Node(runtime, sources)


@pytest_asyncio.fixture
async def url(aiohttp_server: AiohttpServer) -> str:
    photo = photo_jpeg(64, 48)

    async def answer(request: web.Request) -> web.Response:
        del request
        return web.Response(body=photo, content_type="image/jpeg")

    app = web.Application()
    app.router.add_get("/photo.jpg", answer)
    return str((await aiohttp_server(app)).make_url("/photo.jpg"))


def _state(result: object) -> str:
    assert isinstance(result, dict)
    return str(result["state"])


async def test_a_node_takes_more_jobs_than_one_client_may_fetch_at_a_time(
    node: Node, url: str
) -> None:
    jobs = [Queued(url) for _ in range(AT_ONCE_PER_CLIENT + 4)]
    results = await asyncio.gather(*(node.process(job) for job in jobs))
    assert [_state(result) for result in results] == ["completed"] * len(jobs)


async def test_a_job_waits_for_memory_and_is_not_failed(
    node: Node, runtime: Runtime, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept, refusals = runtime.service.accept, [MemoryFullError("No room at this moment.")]

    async def full_at_first(submission: Submission, *, held: bool = False) -> Job:
        if refusals:
            raise refusals.pop()
        return await accept(submission, held=held)

    monkeypatch.setattr("pixelpipe.node._AGAIN_S", 0.0)
    monkeypatch.setattr(runtime.service, "accept", full_at_first)
    assert _state(await node.process(Queued(url))) == "completed"


@pytest.mark.parametrize("webhook", ["no URL", "file:///etc/passwd", "https://127.0.0.1/hook"])
async def test_a_webhook_that_is_not_called_is_refused(node: Node, url: str, webhook: str) -> None:
    with pytest.raises(InvalidSpecError) as refused:
        await node.process(Queued(url, webhook=webhook))
    assert refused.value.extensions["errors"][0]["pointer"] == "/webhook"


async def test_what_was_made_is_told_also_of_a_job_that_is_given_up(node: Node, url: str) -> None:
    queued = Queued(url)
    assert await node.give_up(queued, GivenUp.STALLED) is None  # It was never begun.
    await node.process(queued)
    assert _state(await node.give_up(queued, GivenUp.STALLED)) == "completed"


async def test_a_job_that_ended_before_it_could_be_cancelled_is_told_as_it_ended(
    node: Node, url: str
) -> None:
    queued = Queued(url)
    await node.process(queued)
    assert _state(await node.give_up(queued, GivenUp.CANCELLED)) == "completed"


async def test_a_job_that_another_node_accepts_at_the_same_moment_is_taken(
    node: Node, runtime: Runtime, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    exists, asked = runtime.service.exists, []
    queued = Queued(url)

    async def late(job_id: str) -> bool:
        asked.append(job_id)
        if len(asked) == 1:
            # What the other one records after we have looked.
            wanted = read_request(queued.data, runtime.presets, runtime.settings)
            await node._accept(wanted, job_id, 0)
            return False
        return await exists(job_id)

    monkeypatch.setattr("pixelpipe.node._AGAIN_S", 0.0)
    monkeypatch.setattr(runtime.service, "exists", late)
    assert _state(await node.process(queued)) == "completed"


async def test_a_job_that_is_withdrawn_before_it_is_claimed_is_accepted_anew(
    node: Node, runtime: Runtime, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    exists, asked = runtime.service.exists, []

    async def a_moment_ago(job_id: str) -> bool:
        asked.append(job_id)
        return len(asked) == 1 or await exists(job_id)

    monkeypatch.setattr(runtime.service, "exists", a_moment_ago)
    assert _state(await node.process(Queued(url))) == "completed"


async def _begun(
    node: Node, queued: Queued, runtime: Runtime, monkeypatch: pytest.MonkeyPatch, asked: _Asked
) -> asyncio.Task[object]:
    """The job, once it runs; from then on the journal answers `asked`."""
    started = asyncio.Event()
    journal, runner = runtime.service._stores.journal, runtime.service._runner
    start = runner.start

    def begin(job: Job, **more: Any) -> None:
        start(job, **more)
        monkeypatch.setattr(journal, "get", asked)
        started.set()

    monkeypatch.setattr(runner, "start", begin)
    doing = asyncio.create_task(node.process(queued))
    async with asyncio.timeout(PATIENCE_S):
        await started.wait()
    return doing


async def test_who_leaves_a_job_that_has_just_begun_lets_go_of_it(
    node: Node, runtime: Runtime, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    get = runtime.service._stores.journal.get

    async def asked(_: str) -> None:
        await asyncio.Event().wait()

    queued = Queued(url, variants=SLOW)
    doing = await _begun(node, queued, runtime, monkeypatch, asked)
    doing.cancel()
    await asyncio.gather(doing, return_exceptions=True)
    async with asyncio.timeout(PATIENCE_S):
        await runtime.service._runner.gone(await queued.journal_id())
    job = await get(await queued.journal_id())
    assert job is not None
    assert not job.ended


async def test_a_job_that_has_begun_is_not_failed_when_the_journal_cannot_be_read(
    node: Node, runtime: Runtime, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    get, failures = runtime.service._stores.journal.get, [StorageFailedError("It is away.")]

    async def asked(job_id: str) -> Job | None:
        if failures:
            raise failures.pop()
        return await get(job_id)

    doing = await _begun(node, Queued(url), runtime, monkeypatch, asked)
    assert _state(await doing) == "completed"


async def test_a_job_that_is_cancelled_while_it_is_accepted_is_cancelled(
    node: Node, runtime: Runtime, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()
    store = runtime.service._intake._store

    async def slow(*source: Any) -> bool:
        begun.set()
        await go_on.wait()
        return await store(*source)

    monkeypatch.setattr(runtime.service._intake, "_store", slow)
    queued = Queued(url)
    doing = asyncio.create_task(node.process(queued))
    async with asyncio.timeout(PATIENCE_S):
        await begun.wait()
    doing.cancel()
    await asyncio.gather(doing, return_exceptions=True)
    giving_up = asyncio.create_task(node.give_up(queued, GivenUp.CANCELLED))
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(UnrecoverableError, match="cancelled"):
        await giving_up
    job = await runtime.service._stores.journal.get(await queued.journal_id())
    assert job is not None
    assert job.state is JobState.CANCELLED


async def test_a_job_that_had_failed_before_it_was_given_up_says_what_was_wrong(
    node: Node, url: str
) -> None:
    queued = Queued(url, variants=[{"name": "a", "max_bytes": 200, "format": "png"}])
    with pytest.raises(UnrecoverableError) as failed:
        await node.process(queued)
    with pytest.raises(UnrecoverableError) as given_up:
        await node.give_up(queued, GivenUp.STALLED)
    assert str(given_up.value) == str(failed.value)
    assert not str(failed.value).startswith("worker-")
