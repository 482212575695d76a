"""`pixelpipe process`: photographs in, variants out, through the server's engine but no server."""

import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from pixelpipe.config import Settings
from pixelpipe.errors import EmptyBodyError, MemoryFullError, PixelPipeError, QueueFullError
from pixelpipe.formats.registry import FORMATS
from pixelpipe.jobs.model import EventType, Job, TaskState, Variant
from pixelpipe.jobs.ports import Stored
from pixelpipe.jobs.reach import EVERYBODYS
from pixelpipe.jobs.service import JobService
from pixelpipe.jobs.submission import Submission
from pixelpipe.recipes.spec import Spec, expanded
from pixelpipe.runtime import open_runtime
from pixelpipe.storage.folder import usable

_IN_FLIGHT = 16
_SETTLED = frozenset({EventType.VARIANT_COMPLETED, EventType.VARIANT_FAILED})


class InterruptionError(Exception):
    """The work was told to stop; the message says how far it had come."""


@dataclass(slots=True)
class Outcome:
    """What became of one photograph.

    Attributes:
        photo: The file.
        folder: Where its variants go.
        job: Its job, or None when it was refused.
        refusal: Why it was refused, or could not be read or written.
        written: Whether all variants that were made are in the folder.
    """

    photo: Path
    folder: Path
    job: Job | None = None
    refusal: str = ""
    written: bool = False

    @property
    def complete(self) -> bool:
        """Whether every variant was made and written."""
        return self.written and self.job is not None and not _failed(self.job)


async def process_photos(
    photos: Sequence[Path], specs: tuple[Spec, ...], out: Path, settings: Settings
) -> bool:
    """Make all variants of all photographs, with a progress bar and a table at the end.

    Args:
        photos: The files to read.
        specs: What to make of each.
        out: Folder for the variants; each of several photographs has its own folder in it.
        settings: As for the server; blobs go to a temporary folder instead of `data_dir`.

    Returns:
        Whether every variant of every photograph was made.

    Raises:
        FolderError: `out`, or a temporary folder, cannot be made.
        InterruptionError: The task was cancelled.
    """
    outcomes = [Outcome(photo, folder) for photo, folder in _folders(photos, out)]
    try:
        with usable(f"the folder {out}"):
            await asyncio.to_thread(out.mkdir, parents=True, exist_ok=True)
        await _make_all(outcomes, specs, settings)
    except asyncio.CancelledError as error:
        complete = sum(outcome.complete for outcome in outcomes)
        raise InterruptionError(
            f"interrupted; {complete} of {len(outcomes)} photographs are complete"
        ) from error
    _report(outcomes)
    return all(outcome.complete for outcome in outcomes)


async def _make_all(
    outcomes: Sequence[Outcome], specs: tuple[Spec, ...], settings: Settings
) -> None:
    with usable("a temporary folder"):
        temporary = await asyncio.to_thread(tempfile.TemporaryDirectory, prefix="pixelpipe-")
    with temporary as data_dir, _progress() as progress:
        bar = progress.add_task("variants", total=len(outcomes) * _count(specs))
        # All work is waited for, so jobs still run at the end only when nobody wants them.
        here = {"data_dir": Path(data_dir), "storage_url": None, "drain_timeout_s": 0.0}
        there = settings.model_copy(update=here)
        async with open_runtime(there, durable=False) as runtime:
            batch = _Batch(runtime.service, specs, lambda made: progress.advance(bar, made))
            await asyncio.gather(*(batch.make(outcome) for outcome in outcomes))


def _folders(photos: Sequence[Path], out: Path) -> Iterator[tuple[Path, Path]]:
    """Each photograph with its folder: `out`, or `out/<stem>` when there are several."""
    if len(photos) == 1:
        yield photos[0], out
        return
    taken: set[str] = set()
    for photo in photos:
        name, number = photo.stem, 1
        while name in taken:
            number += 1
            name = f"{photo.stem}-{number}"
        taken.add(name)
        yield photo, out / name


def _progress() -> Progress:
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
    )


class _Batch:
    """Photographs on their way through the service."""

    def __init__(
        self, service: JobService, specs: tuple[Spec, ...], advance: Callable[[int], None]
    ) -> None:
        self._service = service
        self._specs = specs
        self._advance = advance
        self._in_flight = asyncio.Semaphore(_IN_FLIGHT)
        # One comes in at a time, for uploads share a small part of the arena.
        self._door = asyncio.Lock()
        self._working = 0
        self._one_is_through = asyncio.Event()

    async def make(self, outcome: Outcome) -> None:
        """Take the photograph through, and write its variants."""
        async with self._in_flight:
            try:
                async with self._door:
                    outcome.job = await self._submit_when_there_is_room(outcome.photo)
                await self._watch(outcome.job.id)
                await self._write(outcome.job, outcome.folder)
                outcome.written = True
            except PixelPipeError as error:
                outcome.refusal = error.detail
                self._advance(_count(self._specs))
            except OSError as error:
                outcome.refusal = f"{error.filename}: {error.strerror}"

    async def _submit_when_there_is_room(self, photo: Path) -> Job:
        while True:
            self._one_is_through.clear()
            try:
                return await self._submit(photo)
            except (MemoryFullError, QueueFullError):
                if not self._working:
                    raise
            await self._one_is_through.wait()

    async def _submit(self, photo: Path) -> Job:
        start = time.perf_counter()
        size_bytes = (await asyncio.to_thread(photo.stat)).st_size
        async with self._service.receive(size_bytes) as upload:
            content = await asyncio.to_thread(photo.read_bytes)
            if not content:
                raise EmptyBodyError("the file is empty")
            await upload.write(content)
            receive_ms = (time.perf_counter() - start) * 1000
            submission = Submission(upload, photo.name, self._specs, receive_ms)
            return await self._service.accept(submission)

    async def _watch(self, job_id: str) -> None:
        self._working += 1
        async for events in self._service.follow(0, [job_id], EVERYBODYS):
            self._advance(sum(event.type in _SETTLED for event in events))
        self._working -= 1
        self._one_is_through.set()

    async def _write(self, job: Job, folder: Path) -> None:
        """Copy the variants out."""
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        for variant in job.variants:
            if variant.state is TaskState.COMPLETED:
                source = await self._service.stored(job, variant)
                name = variant.stem + FORMATS[variant.format].extension
                await asyncio.to_thread(_copy, source, folder / name)


def _count(specs: tuple[Spec, ...]) -> int:
    """How many variants they make of a photograph."""
    return sum(1 for _ in expanded(specs))


def _copy(source: Stored, target: Path) -> None:
    """Write it to a file; whoever looks finds the old one or the new, never a half."""
    unfinished = target.with_name(f".{target.name}.part")
    try:
        with source.open() as read, unfinished.open("wb") as written:
            shutil.copyfileobj(read, written)
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)


def _report(outcomes: Sequence[Outcome]) -> None:
    console = Console()
    for outcome in outcomes:
        if outcome.job is not None:
            _say(console, f"{outcome.photo.name} in {outcome.folder}")
            console.print(_table(outcome.job))
            for variant in _failed(outcome.job):
                why = variant.problem["detail"] if variant.problem else variant.state
                _say(console, f"{variant.task.name}: {why}")
        if outcome.refusal:
            _say(console, f"{outcome.photo}: {outcome.refusal}")


def _say(console: Console, line: str) -> None:
    """Print the line as it is: brackets are no markup, and nothing is wrapped."""
    console.print(Text(line), soft_wrap=True)


def _failed(job: Job) -> list[Variant]:
    return [variant for variant in job.variants if variant.state is not TaskState.COMPLETED]


def _table(job: Job) -> Table:
    table = Table("variant")
    for heading in ("size", "bytes", "ms"):
        table.add_column(heading, justify="right")
    table.add_column("note")
    for variant in job.variants:
        table.add_row(*map(Text, _row(variant)))
    return table


def _row(variant: Variant) -> tuple[str, str, str, str, str]:
    task = variant.task
    facts = variant.blob.facts if variant.blob else None
    width, height = task.output_width, task.output_height
    if facts is not None:
        width, height = facts.width, facts.height
    size = f"{width}x{height}"
    if variant.blob is None:
        return task.name, size, "", "", str(variant.state)
    made_ms = sum(variant.timings_ms.values())
    note = "reduced" if (facts.reduced if facts else task.reduced) else ""
    return task.name, size, f"{variant.blob.size_bytes:,}", f"{made_ms:.1f}", note
