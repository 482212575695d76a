"""What a node that joins the others refuses."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from pixelpipe.jobs.ports import SweptBlobs
from pixelpipe.scaleout.cluster import ClusterError, open_cluster
from pixelpipe.scaleout.queue_place import QueuePlace
from pixelpipe.storage.opening import open_shared_folder
from tests.redis_server import LiveRedis


async def test_a_journal_is_of_one_queue(own_redis: LiveRedis, tmp_path: Path) -> None:
    @asynccontextmanager
    async def blobs(identity: str) -> AsyncIterator[SweptBlobs]:
        del identity
        async with open_shared_folder(tmp_path / "pictures") as opened:
            yield opened

    for _ in range(2):
        async with open_cluster(QueuePlace(own_redis.url, "one"), blobs, 10):
            pass
    with pytest.raises(ClusterError, match=r"'bull:one', not 'bull:other'.*another database"):
        async with open_cluster(QueuePlace(own_redis.url, "other"), blobs, 10):
            pass
    async with open_cluster(QueuePlace(f"{own_redis.url}/1", "other"), blobs, 10):
        pass
