"""A front that dies between the journal and the queue: its job is done all the same."""

import signal
from pathlib import Path

import pytest
from aiohttp import ClientError

from pixelpipe.jobs import dispatch
from pixelpipe.jobs.model import JobState
from pixelpipe.jobs.ports import Listing
from pixelpipe.node import working
from pixelpipe.runtime import open_runtime
from tests.http_jobs import calling, own_photo, send, specs
from tests.redis_server import LiveRedis
from tests.scaleout.queues import House, until
from tests.serving import LiveServer, small_settings


class DyingFront(LiveServer):
    """It dies of the first job that it is to queue."""

    runs = (str(Path(__file__).with_name("dying_front.py")),)


async def test_a_job_whose_front_died_before_it_was_queued_is_done(
    tmp_path: Path, own_redis: LiveRedis, own_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = f"file://{tmp_path}/store"
    places = {"PIXELPIPE_REDIS_URL": own_redis.url, "PIXELPIPE_STORAGE_URL": store}
    front = DyingFront(tmp_path / "front", "--no-work", "--workers", "1", **places)
    try:
        async with calling(front.url) as session:
            with pytest.raises(ClientError):
                await send(session, own_photo(), specs("a"))
        assert front.process.wait() == -signal.SIGKILL
    finally:
        front.kill()
    assert (await own_house.queue.counts()).waiting == 0
    # As if the time was over for which it led.
    await own_house.redis.delete("{pixelpipe}:leader")

    monkeypatch.setattr(dispatch, "_LOOK_S", 0.1)
    shared = {"redis_url": own_redis.url, "storage_url": store}
    settings = small_settings(tmp_path / "node", workers=1, **shared)
    async with open_runtime(settings) as runtime, working(runtime):

        async def completed() -> bool:
            (found,) = await runtime.service.list(Listing(tenant=None))
            return found.state is JobState.COMPLETED

        await until(completed)
    assert (await own_house.queue.counts()).completed == 1
