"""A write that is given up still holds on to the memory it reads from."""

import asyncio
import threading
from pathlib import Path

import pytest

from pixelpipe.storage.blobs import FileBlobs


async def test_who_cancels_a_write_waits_for_its_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, began, may_end = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def write(_self: FileBlobs, _sha256: str, _content: memoryview) -> None:
        loop.call_soon_threadsafe(began.set)
        may_end.wait(10)

    monkeypatch.setattr(FileBlobs, "_write", write)
    blobs = await asyncio.to_thread(FileBlobs, tmp_path)
    put = asyncio.create_task(blobs.put("0" * 64, memoryview(b"bytes")))
    await began.wait()
    put.cancel()
    done, _ = await asyncio.wait({put}, timeout=0.05)
    assert not done

    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await put
    await asyncio.to_thread(blobs.close)
