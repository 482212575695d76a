"""Where nodes of a cluster keep pictures: a folder that they share, or an S3 that may go away."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from obstore.store import S3Store

from ceph_store import ObjectStore, ObjectStoreError
from server_process import ServerStartError

_PREFIX = "pictures"


class Pictures(Protocol):
    """The place."""

    @property
    def environment(self) -> Mapping[str, str]:
        """What a node is told of it."""

    def digests(self) -> set[str]:
        """Of all that is there."""

    def read(self, digest: str) -> bytes | None:
        """The bytes by that name; None if there are none."""


class PictureFolder:
    """A folder.

    Args:
        folder: It.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def environment(self) -> Mapping[str, str]:
        """See the protocol."""
        return {"PIXELPIPE_STORAGE_URL": f"file://{self._folder}"}

    def digests(self) -> set[str]:
        """See the protocol."""
        return {path.name for path in self._folder.glob("blobs/??/*")}

    def read(self, digest: str) -> bytes | None:
        """See the protocol."""
        path = self._folder / _key(digest)
        return path.read_bytes() if path.exists() else None


class PictureBucket:
    """An S3 on this machine.

    Args:
        folder: For its daemons; it is there.
    """

    def __init__(self, folder: Path) -> None:
        self._daemons = ObjectStore(folder)
        self._bucket = ""

    async def start(self) -> None:
        """Return once it answers.

        Raises:
            ServerStartError: It does not.
        """
        try:
            await asyncio.to_thread(self._daemons.start)
        except (OSError, ObjectStoreError) as error:
            raise ServerStartError(f"there is no S3: {error}") from error
        self._bucket = await asyncio.to_thread(self._daemons.bucket)

    def close(self) -> None:
        """End it."""
        self._daemons.close()

    @property
    def environment(self) -> Mapping[str, str]:
        """See the protocol."""
        url = f"s3://{self._bucket}/{_PREFIX}"
        return {"PIXELPIPE_STORAGE_URL": url, **self._daemons.environment()}

    def digests(self) -> set[str]:
        """See the protocol."""
        found = (each for some in self._store.list("blobs/") for each in some)
        return {each["path"].rpartition("/")[2] for each in found}

    def read(self, digest: str) -> bytes | None:
        """See the protocol."""
        try:
            return self._store.get(_key(digest)).bytes().to_bytes()
        except FileNotFoundError:
            return None

    async def shut(self) -> None:
        """Have nobody listen there."""
        await asyncio.to_thread(self._daemons.shut)

    async def open(self) -> None:
        """Have it answer again."""
        await asyncio.to_thread(self._daemons.open)

    def freeze(self) -> None:
        """It takes connections and answers nothing."""
        self._daemons.freeze()

    def thaw(self) -> None:
        """It answers again."""
        self._daemons.thaw()

    @property
    def _store(self) -> S3Store:
        return self._daemons.store(self._bucket, _PREFIX)


def _key(digest: str) -> str:
    return f"blobs/{digest[:2]}/{digest}"
