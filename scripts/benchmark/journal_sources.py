"""What the benchmark of the journal stores: photographs that differ in a number, and their jobs."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from photograph import with_comment
from pixelpipe.formats.probe import probe
from pixelpipe.jobs.model import Blob, Job, Source, Variant, new_job_id
from pixelpipe.jobs.reuse import reuse_key, wish_of
from pixelpipe.jobs.submission import SourceLimits
from pixelpipe.recipes.plan import plan
from pixelpipe.recipes.presets import load_presets
from pixelpipe.recipes.spec import Spec

PRESET = "social"
_LIMITS = SourceLimits(max_pixels=100_000_000, max_side_px=65_535)
_SLOT = b"number of picture:000000000000"
_DIGITS = 12
# What a JPEG of about a million pixels has at quality 80.
_VARIANT_BYTES = 120_000


class Contents:
    """Contents that differ in a number alone.

    They are so many that they cannot all be kept: a few buffers take turns, and what differs is
    written into one just before it is used. The digests are reckoned beforehand.

    Args:
        body: The content; it has the slot for the number that `numbered` makes.
        count: How many contents there are.
        lent: How many of them are in use at the same time, at most.
    """

    def __init__(self, body: bytes, count: int, lent: int) -> None:
        self._end = body.index(_SLOT) + len(_SLOT)
        self._buffers = [bytearray(body) for _ in range(lent)]
        self.blobs: Sequence[Blob] = [self._blob(number) for number in range(count)]

    @contextmanager
    def lent(self, number: int) -> Iterator[memoryview]:
        """The content of that number, unchanged until this is left."""
        buffer = self._buffers.pop()
        try:
            yield self._filled(buffer, number)
        finally:
            self._buffers.append(buffer)

    def _blob(self, number: int) -> Blob:
        content = self._filled(self._buffers[0], number)
        return Blob(hashlib.sha256(content).hexdigest(), len(content))

    def _filled(self, buffer: bytearray, number: int) -> memoryview:
        buffer[self._end - _DIGITS : self._end] = b"%0*d" % (_DIGITS, number)
        return memoryview(buffer)


def numbered(photo: bytes) -> bytes:
    """The photograph with a slot for a number in a comment."""
    return with_comment(photo, _SLOT.decode())


def variant_of(photo: bytes) -> bytes:
    """What stands for an encoded variant: the head of a numbered photograph."""
    return photo[:_VARIANT_BYTES]


def new_jobs(
    photo: bytes, sources: Sequence[Blob], specs: Sequence[Spec] | None = None
) -> list[Job]:
    """Jobs as the service makes them, one for each source, all of the same size.

    Args:
        photo: What the sources are, but for a number.
        sources: Of the jobs.
        specs: What is wanted of each; by default what the preset `PRESET` says.
    """
    info = probe(memoryview(photo), max_pixels=_LIMITS.max_pixels, max_side_px=_LIMITS.max_side_px)
    specs = specs or load_presets(None).specs(PRESET)
    planned = plan(info, specs, _LIMITS)
    size_px = (info.width, info.height)
    return [
        Job(
            id=new_job_id(),
            tenant="",
            client="127.0.0.1",
            created_at=datetime.now(UTC),
            source=Source("photo.jpg", info.format, *size_px, source.size_bytes, source.sha256),
            decode=planned.decode,
            variants=[
                Variant(task, reuse_key(source.sha256, wish_of(spec, task)))
                for spec, task in zip(specs, planned.tasks, strict=True)
            ],
            timings_ms={"receive": 1.234567},
        )
        for source in sources
    ]
