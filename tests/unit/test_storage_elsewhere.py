"""Blobs that are not in the data folder: which URLs there are, and what is opened for them."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from obstore.store import MemoryStore
from pydantic import ValidationError

from pixelpipe.config import Settings, prepare_codec_environment, storage_environment
from pixelpipe.jobs.ports import RemoteBlobs
from pixelpipe.runtime import open_runtime
from pixelpipe.scaleout.objects import ObjectBlobs
from pixelpipe.scaleout.objects_place import Place
from pixelpipe.sites import StorageUrl, read_storage_url
from pixelpipe.storage.folder import FolderError, FolderInUseError
from pixelpipe.storage.opening import Elsewhere, open_storage
from tests.serving import small_settings

RESERVE_BYTES = 4096
CONTENT = b"a source"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("file:///srv/pictures", StorageUrl("file", "", "srv/pictures")),
        ("s3://bucket", StorageUrl("s3", "bucket", "")),
        ("s3://my.bucket-1/a/b/", StorageUrl("s3", "my.bucket-1", "a/b")),
        ("gs://bucket/a", StorageUrl("gs", "bucket", "a")),
        ("az://container/a_b", StorageUrl("az", "container", "a_b")),
    ],
)
def test_reads_where_blobs_are_kept(text: str, url: StorageUrl) -> None:
    assert read_storage_url(text) == url


@pytest.mark.parametrize(
    "text",
    [
        "/srv/pictures",
        "file://srv/pictures",
        "file:///",
        "s3://",
        "s3:///prefix",
        "s3://key:secret@bucket/prefix",
        "s3://bucket/prefix?region=x",
        "s3://bucket/a#b",
        "s3://bucket/a/../b",
        "s3://bucket/./a",
        "s3://bucket//a",
        "https://bucket.s3.amazonaws.com/",
        "memory:///",
    ],
)
def test_a_url_that_is_none_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ValidationError, match="must be a URL such as") as caught:
        Settings(storage_url=text)
    assert "secret@" not in caught.value.errors(include_input=False)[0]["msg"]


def test_what_names_the_object_storage_leaves_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = {"AWS_SECRET_ACCESS_KEY": "s", "AZURE_STORAGE_KEY": "t", "GOOGLE_SERVICE_ACCOUNT": "u"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert storage_environment().items() >= given.items()
    with monkeypatch.context() as changed:
        for name in os.environ:  # so that all is put back
            changed.setenv(name, os.environ[name])
        prepare_codec_environment(Settings())
        assert not given.keys() & os.environ.keys()
        assert storage_environment() == {}


async def test_a_folder_elsewhere_has_the_blobs_and_a_reserve_of_its_own(tmp_path: Path) -> None:
    data, other = tmp_path / "data", tmp_path / "other"
    opening = open_storage(data, RESERVE_BYTES, durable=True, elsewhere=Elsewhere(other))
    async with opening as storage:
        await storage.blobs.put(SHA256, memoryview(CONTENT))
        assert storage.files.path(SHA256).is_relative_to(other)
        assert (other / "reserve").exists()
        assert not (data / "blobs").exists()
        assert not storage.space.full
        with pytest.raises(FolderInUseError):
            async with open_storage(other, RESERVE_BYTES, durable=True):
                pass


async def test_there_is_room_only_if_there_is_in_both_folders(tmp_path: Path) -> None:
    data, other = tmp_path / "data", tmp_path / "other"
    opening = open_storage(data, RESERVE_BYTES, durable=True, elsewhere=Elsewhere(other))
    async with opening as storage:
        for space in storage.space._spaces:  # type: ignore[attr-defined]
            await asyncio.to_thread(space.exhausted)
            assert storage.space.full
            async with asyncio.timeout(10):
                await storage.space.room()
            assert not storage.space.full


async def test_the_data_folder_may_be_named_as_well(tmp_path: Path) -> None:
    opening = open_storage(tmp_path, RESERVE_BYTES, durable=True, elsewhere=Elsewhere(tmp_path))
    async with opening as storage:
        assert storage.files.root == tmp_path / "blobs"


async def test_a_lost_journal_does_not_take_the_objects_with_it(tmp_path: Path) -> None:
    store = MemoryStore()
    ids: list[str] = []

    @asynccontextmanager
    async def remote(identity: str) -> AsyncIterator[RemoteBlobs]:
        ids.append(identity)
        blobs = ObjectBlobs(Place("memory", store, store), identity)
        await blobs.start()
        yield blobs
        await blobs.close()

    elsewhere = Elsewhere(remote=remote)
    for _ in range(2):
        async with open_storage(tmp_path, 4096, durable=True, elsewhere=elsewhere) as storage:
            await storage.blobs.put(SHA256, memoryview(CONTENT))
    assert len(set(ids)) == 1
    await asyncio.to_thread((tmp_path / "journal.sqlite3").unlink)
    for _ in range(2):
        with pytest.raises(FolderError, match=r"has blobs of it: restore it"):
            async with open_storage(tmp_path, 4096, durable=True, elsewhere=elsewhere):
                pass
    assert not (tmp_path / "journal.sqlite3").exists()


async def test_a_store_that_cannot_be_used_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REQUEST_PAYER", "no such word")
    settings = small_settings(tmp_path, storage_url="s3://bucket/prefix")
    with pytest.raises(FolderError, match="cannot use the object storage s3://bucket/prefix"):
        async with open_runtime(settings):
            pass
