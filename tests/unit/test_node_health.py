"""The file that tells whether a node which nobody can ask can work."""

import asyncio
import os
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from pixelpipe import node
from pixelpipe.runtime import Runtime
from pixelpipe.storage.folder import FolderError

LONG_AGO_S = 1_000_000.0
DEADLINE_S = 10.0


class Works:
    """A runtime as far as it is asked."""

    def __init__(self) -> None:
        self.ready = True
        self._asked = asyncio.Semaphore(0)
        self.runtime = cast("Runtime", SimpleNamespace(ready=self._facts))

    def _facts(self) -> dict[str, object]:
        self._asked.release()
        return {"ready": self.ready}

    async def asked_again(self, times: int) -> None:
        """Return once it was asked so often from now on; what came of all but the last is done."""
        self._asked = asyncio.Semaphore(0)
        async with asyncio.timeout(DEADLINE_S):
            for _ in range(times):
                await self._asked.acquire()


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(node, "_HEALTHY_EVERY_S", 0.0)
    return tmp_path / "works"


async def test_it_is_touched_while_work_can_be_done(file: Path) -> None:
    works = Works()
    async with node._told_by(file, works.runtime):
        os.utime(file, (LONG_AGO_S, LONG_AGO_S))
        await works.asked_again(2)
        assert file.stat().st_mtime > LONG_AGO_S
        works.ready = False
        await works.asked_again(2)
        os.utime(file, (LONG_AGO_S, LONG_AGO_S))
        await works.asked_again(3)
        assert file.stat().st_mtime == LONG_AGO_S
        works.ready = True
        await works.asked_again(2)
        assert file.stat().st_mtime > LONG_AGO_S
    assert not file.exists()


async def test_a_moment_without_room_does_not_end_it(file: Path, tmp_path: Path) -> None:
    works = Works()
    async with node._told_by(file, works.runtime):
        file.unlink()
        file.symlink_to(tmp_path / "nowhere" / "works")
        await works.asked_again(2)
        file.unlink()
        await works.asked_again(2)
        assert file.exists()


async def test_one_that_cannot_be_made_is_told_at_the_start(file: Path) -> None:
    with pytest.raises(FolderError, match=r"cannot touch .*/works/in/it: No such file"):
        async with node._told_by(file / "in" / "it", Works().runtime):
            pass
