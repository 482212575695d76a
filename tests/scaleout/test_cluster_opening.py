"""What a node that joins the others refuses."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from pixelpipe.jobs.ports import SharedBlobs
from pixelpipe.scaleout import redis_search
from pixelpipe.scaleout.cluster import ClusterError, open_cluster
from pixelpipe.scaleout.queue_place import QueuePlace
from pixelpipe.storage import shared
from pixelpipe.storage.shared import open_shared_folder
from tests.http_jobs import until
from tests.journals import entry, make_job
from tests.redis_server import LiveRedis


async def test_a_journal_is_of_one_queue(own_redis: LiveRedis, tmp_path: Path) -> None:
    @asynccontextmanager
    async def blobs(identity: str) -> AsyncIterator[SharedBlobs]:
        async with open_shared_folder(tmp_path / identity, identity) as opened:
            yield opened

    for _ in range(2):
        async with open_cluster(QueuePlace(own_redis.url, "one"), blobs, 10):
            pass
    with pytest.raises(ClusterError, match=r"'bull:one', not 'bull:other'.*another database"):
        async with open_cluster(QueuePlace(own_redis.url, "other"), blobs, 10):
            pass
    async with open_cluster(QueuePlace(f"{own_redis.url}/1", "other"), blobs, 10):
        pass


async def test_what_no_job_came_to_refer_to_is_found_by_the_node_that_leads(
    own_redis: LiveRedis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_search, "_AGAIN_S", 0.01)
    monkeypatch.setattr(shared, "_PAUSE_S", 0.0)

    @asynccontextmanager
    async def blobs(identity: str) -> AsyncIterator[SharedBlobs]:
        async with open_shared_folder(tmp_path, identity) as opened:
            yield opened

    place, lost = QueuePlace(own_redis.url), "ab" * 32
    async with open_cluster(place, blobs, 10) as leads, open_cluster(place, blobs, 10) as other:
        await until(lambda: leads.lead.held)
        for sha256 in (lost, "cd" * 32):
            path = tmp_path / "blobs" / sha256[:2] / sha256
            path.parent.mkdir()
            path.touch()
            os.utime(path, (0, 0))
        job = make_job("a")
        job.source = replace(job.source, sha256="cd" * 32, size_bytes=0)
        await leads.journal.write([entry(job)])
        asked: list[str] = []
        monkeypatch.setattr(other.blobs, "old", lambda: asked.append("all that is there"))
        async with aclosing(other.search.suspects()) as vain:
            waiting = asyncio.ensure_future(anext(vain))
            async with asyncio.timeout(10), aclosing(leads.search.suspects()) as suspects:
                assert await anext(suspects) == [lost]
            waiting.cancel()
            await asyncio.wait({waiting})
        assert not asked
        assert await leads.journal.sweep([lost], lambda _: False) == 1
    assert {path.name for path in tmp_path.glob("blobs/??/*")} == {"cd" * 32}
