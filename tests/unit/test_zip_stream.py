"""Archives made while they are sent: whole, of the length foretold, and never short in silence."""

import asyncio
import io
import os
import shutil
import stat
import struct
import subprocess
import threading
import tracemalloc
import zipfile
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from pixelpipe.server import zip_stream
from pixelpipe.server.zip_stream import CHUNK_BYTES, Entry, archive_size_bytes, chunks
from pixelpipe.storage.stored import StoredFile

MODIFIED = datetime(2026, 1, 31, 12, 34, 56, tzinfo=UTC)
SIZES = [0, 1, 1000, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES + 7]


def content_of(name: str, size_bytes: int) -> bytes:
    """Bytes that differ from name to name."""
    seed = name.encode() + b"."
    return (seed * (size_bytes // len(seed) + 1))[:size_bytes]


def file_entry(folder: Path, name: str, size_bytes: int) -> Entry:
    path = folder / f"{zlib.crc32(name.encode())}-{size_bytes}"
    path.write_bytes(content_of(name, size_bytes))
    return Entry(name, StoredFile(path), size_bytes)


def file_of(entry: Entry) -> Path:
    assert isinstance(entry.content, StoredFile)
    return entry.content.path


def bytes_entry(name: str, size_bytes: int) -> Entry:
    return Entry(name, content_of(name, size_bytes), size_bytes)


def assorted(folder: Path) -> list[Entry]:
    files = [file_entry(folder, f"photo-{size}.jpg", size) for size in SIZES]
    return [*files, *(bytes_entry(f"Grüße 東京-{size}.json", size) for size in SIZES)]


async def archive(entries: Sequence[Entry], modified: datetime = MODIFIED) -> bytes:
    made = b"".join([chunk async for chunk in chunks(entries, modified)])
    assert len(made) == archive_size_bytes(entries)
    return made


def assert_holds(made: bytes, entries: Sequence[Entry]) -> None:
    with zipfile.ZipFile(io.BytesIO(made)) as opened:
        assert opened.testzip() is None
        assert opened.namelist() == [entry.name for entry in entries]
        for entry in entries:
            assert opened.read(entry.name) == content_of(entry.name, entry.size_bytes)


def open_files(entry: Entry) -> int:
    """How many descriptors of this process are open on the entry's file."""
    links = []
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            links.append(descriptor.readlink())
        except FileNotFoundError:
            continue  # The descriptor that lists them.
    return links.count(file_of(entry))


async def closed(entry: Entry) -> None:
    async with asyncio.timeout(10):
        while open_files(entry):  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.01)


async def test_an_archive_holds_what_was_put_in(tmp_path: Path) -> None:
    entries = assorted(tmp_path)
    assert_holds(await archive(entries), entries)


async def test_an_archive_of_nothing_is_one_all_the_same() -> None:
    assert_holds(await archive([]), [])


async def test_an_archive_of_two_thousand_files(tmp_path: Path) -> None:
    entries = [bytes_entry(f"größe-{n}.webp", n % 700) for n in range(2000)]
    entries[::10] = [file_entry(tmp_path, f"file-{n}.jpg", n) for n in range(200)]
    assert_holds(await archive(entries), entries)


async def test_an_archive_can_be_read_from_its_beginning(tmp_path: Path) -> None:
    entries = assorted(tmp_path)
    stream = io.BytesIO(await archive(entries))
    for entry in entries:
        fields = struct.unpack("<4s5H3L2H", stream.read(30))
        signature, _, flags, _, _, _, checksum, stored_bytes, size_bytes, name, extra = fields
        assert signature == b"PK\3\4"
        assert not flags & 8, "sizes come behind"
        assert stream.read(name + extra).decode() == entry.name
        content = stream.read(stored_bytes)
        assert stored_bytes == size_bytes == len(content)
        assert zlib.crc32(content) == checksum
    assert stream.read(4) == b"PK\1\2"


@pytest.mark.parametrize("program", [["unzip", "-tq"], ["bsdtar", "-tf"], ["7z", "t"]])
async def test_other_programs_take_the_archive(tmp_path: Path, program: list[str]) -> None:
    if shutil.which(program[0]) is None:
        pytest.skip(f"no {program[0]} on this machine")
    file = tmp_path / "made.zip"
    file.write_bytes(await archive(assorted(tmp_path)))
    run = await asyncio.to_thread(
        subprocess.run, [*program, str(file)], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


async def test_the_same_entries_give_the_same_bytes(tmp_path: Path) -> None:
    entries = assorted(tmp_path)
    first = await archive(entries)
    for entry in entries:
        if isinstance(entry.content, StoredFile):
            os.utime(entry.content.path, (0, 0))
    assert await archive(entries) == first
    assert await archive(entries, MODIFIED + timedelta(seconds=2)) != first


@pytest.mark.parametrize(
    ("modified", "stamp"),
    [
        (MODIFIED, (2026, 1, 31, 12, 34, 56)),
        (datetime(2026, 1, 31, 23, 59, 59, 999999, tzinfo=UTC), (2026, 1, 31, 23, 59, 58)),
        (datetime(2026, 1, 31, 1, 0, tzinfo=timezone(timedelta(hours=2))), (2026, 1, 30, 23, 0, 0)),
        (datetime(1970, 1, 1, tzinfo=UTC), (1980, 1, 1, 0, 0, 0)),
        (datetime(9999, 1, 1, tzinfo=UTC), (2107, 12, 31, 23, 59, 58)),
    ],
)
async def test_entries_bear_the_time_and_are_plain_files(
    modified: datetime, stamp: tuple[int, ...]
) -> None:
    made = await archive([bytes_entry("a.jpg", 3)], modified)
    with zipfile.ZipFile(io.BytesIO(made)) as opened:
        info = opened.getinfo("a.jpg")
    assert info.date_time == stamp
    assert info.external_attr >> 16 == stat.S_IFREG | 0o644
    assert info.create_system == 3, "unix"
    assert info.compress_type == zipfile.ZIP_STORED


@pytest.mark.parametrize(
    ("limit", "most"), [("_MOST_PLAIN_BYTES", 500), ("_MOST_PLAIN_ENTRIES", 3)]
)
async def test_a_large_archive_has_wider_fields(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, most: int
) -> None:
    """Limits that are lower than the real ones give archives that are just as valid."""
    monkeypatch.setattr(zip_stream, limit, most)
    entries = assorted(tmp_path)
    made = await archive(entries)
    assert b"PK\6\6" in made
    assert_holds(made, entries)
    if shutil.which("unzip"):
        file = tmp_path / "made.zip"
        file.write_bytes(made)
        await asyncio.to_thread(subprocess.run, ["unzip", "-tq", str(file)], check=True)


async def test_an_entry_may_begin_anywhere_in_a_chunk() -> None:
    """stream-zip 0.0.84 stops without an error where a header ends together with a chunk."""
    around_bytes = archive_size_bytes([bytes_entry("a.jpg", 0)])
    for less_bytes in range(around_bytes + 30):
        entries = [bytes_entry("a.jpg", CHUNK_BYTES - less_bytes), bytes_entry("b.jpg", 5)]
        assert_holds(await archive(entries), entries)


async def test_chunks_are_few_and_bounded(tmp_path: Path) -> None:
    entries = [bytes_entry(f"{n}.jpg", 1000) for n in range(1000)]
    entries.append(file_entry(tmp_path, "large.png", 10 * CHUNK_BYTES))
    lengths = [len(chunk) async for chunk in chunks(entries, MODIFIED)]
    assert max(lengths) <= CHUNK_BYTES
    assert len(lengths) <= sum(lengths) / CHUNK_BYTES + 1


async def test_memory_does_not_grow_with_the_files(tmp_path: Path) -> None:
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(64 * 1024 * 1024)
    large_bytes = large.stat().st_size
    entries = [Entry(name, StoredFile(large), large_bytes) for name in ("large.png", "again.png")]
    tracemalloc.start()
    try:
        sent_bytes = 0
        async for chunk in chunks(entries, MODIFIED):
            sent_bytes += len(chunk)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sent_bytes == archive_size_bytes(entries)
    assert peak_bytes < 16 * CHUNK_BYTES


@pytest.mark.parametrize("size_bytes", [1, 1000, 2 * CHUNK_BYTES])
@pytest.mark.parametrize("difference_bytes", [-1, 1, CHUNK_BYTES])
async def test_a_file_of_another_length_is_an_error(
    tmp_path: Path, size_bytes: int, difference_bytes: int
) -> None:
    entry = file_entry(tmp_path, "a.jpg", size_bytes)
    os.truncate(file_of(entry), max(0, size_bytes + difference_bytes))
    with pytest.raises(OSError, match=f"'a.jpg' is not {size_bytes} bytes long"):
        await archive([entry])
    assert not open_files(entry)


@pytest.mark.parametrize("now_bytes", [CHUNK_BYTES, 5 * CHUNK_BYTES])
async def test_a_file_that_changes_its_length_while_it_is_sent_is_an_error(
    tmp_path: Path, now_bytes: int
) -> None:
    entry = file_entry(tmp_path, "a.jpg", 4 * CHUNK_BYTES)
    making = chunks([entry], MODIFIED)
    await anext(making)
    os.truncate(file_of(entry), now_bytes)
    with pytest.raises(OSError, match="bytes long"):
        async for _ in making:
            pass
    assert not open_files(entry)


async def test_a_file_that_changes_its_bytes_while_it_is_sent_is_an_error(tmp_path: Path) -> None:
    entry = file_entry(tmp_path, "a.jpg", 4 * CHUNK_BYTES)
    making = chunks([entry], MODIFIED)
    await anext(making)
    with file_of(entry).open("r+b") as file:
        file.seek(3 * CHUNK_BYTES)
        file.write(b"?")
    with pytest.raises(OSError, match="changed while it was read"):
        async for _ in making:
            pass
    assert not open_files(entry)


async def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await archive([bytes_entry("a.jpg", 5), Entry("b.jpg", StoredFile(tmp_path / "gone"), 5)])


async def test_files_are_opened_one_after_the_other(tmp_path: Path) -> None:
    entries = [file_entry(tmp_path, f"{n}.jpg", 2 * CHUNK_BYTES) for n in range(5)]
    most = 0
    async for _ in chunks(entries, MODIFIED):
        most = max(most, sum(open_files(entry) for entry in entries))
    assert most == 1


async def test_who_stops_early_leaves_no_file_open(tmp_path: Path) -> None:
    entry = file_entry(tmp_path, "a.jpg", 10 * CHUNK_BYTES)
    async with aclosing(chunks([entry], MODIFIED)) as making:
        await anext(making)
        await anext(making)
        assert open_files(entry) == 1
    assert not open_files(entry)


async def test_who_is_cancelled_during_a_read_leaves_no_file_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, reading, may_end = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def slow_crc32(block: bytes, checksum: int) -> int:
        loop.call_soon_threadsafe(reading.set)
        may_end.wait(10)
        return zlib.crc32(block, checksum)

    monkeypatch.setattr(zip_stream, "crc32", slow_crc32)
    entry = file_entry(tmp_path, "a.jpg", 4 * CHUNK_BYTES)
    making = asyncio.create_task(archive([entry]))
    await reading.wait()
    making.cancel()
    await asyncio.sleep(0)
    making.cancel()  # A client that goes while the server ends is cancelled twice.
    await asyncio.wait({making}, timeout=0.05)
    assert open_files(entry) == 1
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await making
    await closed(entry)


@pytest.mark.asyncio(loop_scope="function")
async def test_who_is_cancelled_before_a_read_leaves_no_file_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files left to the garbage collector would be closed too, but nobody knows when."""
    loop, closed_it, close = asyncio.get_running_loop(), asyncio.Event(), zip_stream._Making.close

    def noted_close(making: zip_stream._Making) -> None:
        close(making)
        loop.call_soon_threadsafe(closed_it.set)

    monkeypatch.setattr(zip_stream._Making, "close", noted_close)
    entry = file_entry(tmp_path, "a.jpg", 4 * CHUNK_BYTES)
    may_end = threading.Event()
    executor = ThreadPoolExecutor(1)
    loop.set_default_executor(executor)
    making = chunks([entry], MODIFIED)
    await anext(making)
    executor.submit(may_end.wait, 10)
    waiting = asyncio.ensure_future(anext(making))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait({waiting}, timeout=10)
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    async with asyncio.timeout(10):
        await closed_it.wait()
    assert not open_files(entry)
