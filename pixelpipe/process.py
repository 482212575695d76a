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

from pixelpipe.config import Settings
from pixelpipe.errors import PixelPipeError
from pixelpipe.formats.registry import FORMATS
from pixelpipe.jobs.model import EventType, Job, TaskState, Variant
from pixelpipe.jobs.service import JobService
from pixelpipe.jobs.submission import Submission
from pixelpipe.recipes.spec import Spec
from pixelpipe.runtime import open_runtime

_IN_FLIGHT = 16
_SETTLED = frozenset({EventType.VARIANT_COMPLETED, EventType.VARIANT_FAILED})


@dataclass(slots=True)
class Outcome:
    """What became of one photograph.

    Attributes:
        photo: The file.
        folder: Where its variants go.
        job: Its job, or None when it was refused.
        refusal: Why it was refused, or could not be read or written.
    """

    photo: Path
    folder: Path
    job: Job | None = None
    refusal: str = ""

    @property
    def complete(self) -> bool:
        """Whether every variant was made and written."""
        if self.job is None or self.refusal:
            return False
        return all(variant.state is TaskState.COMPLETED for variant in self.job.variants)


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
    """
    outcomes = [Outcome(photo, folder) for photo, folder in _folders(photos, out)]
    with tempfile.TemporaryDirectory(prefix="pixelpipe-") as data_dir, _progress() as progress:
        bar = progress.add_task("variants", total=len(photos) * len(specs))
        there = settings.model_copy(update={"data_dir": Path(data_dir)})
        async with open_runtime(there) as runtime:
            batch = _Batch(runtime.service, specs, lambda made: progress.advance(bar, made))
            await asyncio.gather(*(batch.make(outcome) for outcome in outcomes))
    _report(outcomes)
    return all(outcome.complete for outcome in outcomes)


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
        # Uploads share a small part of the arena; one at a time never finds it full.
        self._door = asyncio.Lock()

    async def make(self, outcome: Outcome) -> None:
        """Take the photograph through, and write its variants."""
        async with self._in_flight:
            try:
                async with self._door:
                    outcome.job = await self._submit(outcome.photo)
                await self._watch(outcome.job.id)
                await asyncio.to_thread(self._write, outcome.job, outcome.folder)
            except PixelPipeError as error:
                outcome.refusal = error.detail
                self._advance(len(self._specs))
            except OSError as error:
                outcome.refusal = f"{error.filename}: {error.strerror}"

    async def _submit(self, photo: Path) -> Job:
        start = time.perf_counter()
        size_bytes = (await asyncio.to_thread(photo.stat)).st_size
        async with self._service.receive(size_bytes) as upload:
            await upload.write(await asyncio.to_thread(photo.read_bytes))
            receive_ms = (time.perf_counter() - start) * 1000
            submission = Submission(upload, photo.name, self._specs, receive_ms)
            return await self._service.accept(submission)

    async def _watch(self, job_id: str) -> None:
        async for events in self._service.follow(0, [job_id]):
            self._advance(sum(event.type in _SETTLED for event in events))

    def _write(self, job: Job, folder: Path) -> None:
        """Copy the variants out; whoever looks finds the old file or the new, never a half."""
        folder.mkdir(parents=True, exist_ok=True)
        for variant in job.variants:
            if variant.state is not TaskState.COMPLETED or variant.sha256 is None:
                continue
            target = folder / (variant.task.name + FORMATS[variant.task.format].extension)
            unfinished = target.with_name(f".{target.name}.part")
            try:
                shutil.copyfile(self._service.blob_path(variant.sha256), unfinished)
                unfinished.replace(target)
            finally:
                unfinished.unlink(missing_ok=True)


def _report(outcomes: Sequence[Outcome]) -> None:
    console = Console()
    for outcome in outcomes:
        if outcome.job is not None:
            console.print(_table(outcome.job, outcome))
        if outcome.refusal:
            console.print(f"{outcome.photo}: {outcome.refusal}", markup=False, highlight=False)


def _table(job: Job, outcome: Outcome) -> Table:
    table = Table(title=f"{outcome.photo.name} in {outcome.folder}", title_justify="left")
    table.add_column("variant")
    table.add_column("size", justify="right")
    table.add_column("bytes", justify="right")
    table.add_column("ms", justify="right")
    for variant in job.variants:
        table.add_row(*_row(variant))
    return table


def _row(variant: Variant) -> tuple[str, str, str, str]:
    task = variant.task
    size = f"{task.output_width}x{task.output_height}"
    if variant.state is not TaskState.COMPLETED:
        why = variant.problem["detail"] if variant.problem else variant.state
        return task.name, size, str(why), ""
    return task.name, size, f"{variant.size_bytes:,}", f"{sum(variant.timings_ms.values()):.1f}"
