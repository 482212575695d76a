"""Blobs in a folder that several nodes write to."""

import asyncio
import hashlib
import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from pixelpipe.storage import shared
from pixelpipe.storage.folder import FolderError, FolderInUseError
from pixelpipe.storage.leftovers import held_clear
from pixelpipe.storage.shared import open_shared_folder

CONTENT = b"a picture"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


async def test_nodes_leave_nothing_but_blobs_and_whose_they_are(tmp_path: Path) -> None:
    async with open_shared_folder(tmp_path, "ours") as one, open_shared_folder(tmp_path, "ours"):
        assert await one.put(SHA256, memoryview(CONTENT))
    left = {str(each.relative_to(tmp_path)) for each in tmp_path.rglob("*") if each.is_file()}
    assert left == {"lock", "owner", f"blobs/{SHA256[:2]}/{SHA256}"}


async def test_nodes_keep_away_from_the_folder_of_a_server_by_itself(tmp_path: Path) -> None:
    with ExitStack() as alone:
        async with open_shared_folder(tmp_path / "nodes'", "ours"):
            with pytest.raises(FolderInUseError):
                await asyncio.to_thread(alone.enter_context, held_clear(tmp_path / "nodes'"))
        await asyncio.to_thread(alone.enter_context, held_clear(tmp_path / "its own"))
        with pytest.raises(FolderInUseError):
            async with open_shared_folder(tmp_path / "its own", "ours"):
                pass


async def test_another_journal_keeps_away_from_the_blobs(tmp_path: Path) -> None:
    async with open_shared_folder(tmp_path, "ours") as blobs:
        await blobs.put(SHA256, memoryview(CONTENT))
    with pytest.raises(FolderError, match=r"another journal \(ours\).*write theirs to the file"):
        async with open_shared_folder(tmp_path, "theirs"):
            pass
    (tmp_path / "owner").unlink()
    with pytest.raises(FolderError, match=r"another journal \(none\)"):
        async with open_shared_folder(tmp_path, "theirs"):
            pass


async def test_what_is_old_is_given_and_what_the_dead_were_writing_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "_PAUSE_S", 0.0)
    old, young = "ab" * 32, "ab" + "cd" * 31
    async with open_shared_folder(tmp_path, "ours") as blobs:
        for name in (f"ab/{old}", f"ab/{young}", "ab/notes", f"ab/{'cd' * 32}", "unfinished/7-x"):
            path = tmp_path / "blobs" / name
            path.parent.mkdir(exist_ok=True)
            path.touch()
            if young not in name:
                os.utime(path, (0, 0))
        (tmp_path / "blobs" / "unfinished" / "8-y").touch()
        pages = [page async for page in blobs.old()]
    assert [each for page in pages for each in page] == [old]
    assert [each.name for each in (tmp_path / "blobs" / "unfinished").iterdir()] == ["8-y"]


def test_a_server_by_itself_keeps_away_from_a_folder_of_nodes(tmp_path: Path) -> None:
    half = tmp_path / "blobs" / "unfinished" / "7-x"
    for path in (half, tmp_path / "owner"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    with pytest.raises(FolderError, match="belong to a journal in Redis"), held_clear(tmp_path):
        pytest.fail("it is held")
    assert half.exists()
