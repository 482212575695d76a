"""An object store in which time passes when the test says so."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from obstore.store import ObjectStore


class AgedStore:
    """What is stored gets older by what `pass_time` was told; what it does is noted.

    Attributes:
        calls: What was asked, with its first argument.
        deleting: Deletions wait until this is set.
    """

    def __init__(self, store: "ObjectStore") -> None:
        self._store = store
        self._passed_s = 0.0
        self._stored_at_s: dict[str, float] = {}
        self.calls: list[tuple[str, Any]] = []
        self.deleting = asyncio.Event()
        self.deleting.set()

    def pass_time(self, seconds: float) -> None:
        """Let all that is there get older."""
        self._passed_s += seconds

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def put_async(self, path: str, *arguments: Any, **options: Any) -> Any:
        self.calls.append(("put", path))
        made = await self._store.put_async(path, *arguments, **options)
        self._stored_at_s[path] = self._passed_s
        return made

    async def head_async(self, path: str) -> Any:
        self.calls.append(("head", path))
        return self._aged(await self._store.head_async(path))

    async def delete_async(self, paths: str | Sequence[str]) -> None:
        self.calls.append(("delete", paths))
        await self.deleting.wait()
        await self._store.delete_async(paths)

    def list(self, *arguments: Any, **options: Any) -> "_Listing":
        return _Listing(self, self._store.list(*arguments, **options))

    def _aged(self, found: Any) -> Any:
        passed_s = self._passed_s - self._stored_at_s.get(found["path"], 0.0)
        return {**found, "last_modified": found["last_modified"] - timedelta(seconds=passed_s)}


class _Listing:
    def __init__(self, store: AgedStore, pages: Any) -> None:
        self._store = store
        self._pages = pages

    def __aiter__(self) -> "_Listing":
        return self

    async def __anext__(self) -> Any:
        return [self._store._aged(each) for each in await anext(self._pages)]
