"""Parts of jobs as text and back, and moments as numbers, for every journal alike."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from pydantic import TypeAdapter
from pydantic_core import to_json

from pixelpipe.jobs.model import Source
from pixelpipe.jobs.records import Record
from pixelpipe.recipes.facts import Facts
from pixelpipe.recipes.task import Decode, Task

_1970 = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
SOURCE = TypeAdapter(Source)
DECODE = TypeAdapter(Decode)
TASK = TypeAdapter(Task)
FACTS = TypeAdapter(Facts)


def microseconds(moment: datetime) -> int:
    """Since 1970; `moment` knows its time zone."""
    return (moment - _1970) // _MICROSECOND


def moment_at(since_us: int) -> datetime:
    """The moment so many microseconds after 1970, in UTC."""
    return _1970 + timedelta(microseconds=since_us)


def json_text(value: object) -> str:
    """`value` as JSON."""
    return to_json(value).decode()


def source_text(source: Source) -> str:
    """The source as JSON."""
    return SOURCE.dump_json(source).decode()


@lru_cache(maxsize=1024)
def decode_text(decode: Decode) -> str:
    """How a source is decoded, as JSON."""
    return DECODE.dump_json(decode).decode()


def marks_of(record: Record) -> dict[str, str]:
    """The digests of the pictures that lie on variants, by picture."""
    marks = [variant.task.watermark for _, variant in record.variants]
    images = dict.fromkeys(mark.image for mark in marks if mark)
    return {image: hashlib.sha256(image.encode()).hexdigest() for image in images}


def task_text(task: Task, digests: Mapping[str, str]) -> str:
    """The task as JSON, with the digest of its watermark's picture in that picture's place."""
    # Without pictures tasks are much the same from job to job.
    marked = task.watermark is not None
    return _whole_text(with_mark(task, digests)) if marked else _known_text(task)


def with_mark(task: Task, images: Mapping[str, str]) -> Task:
    """The task with another in the place of its watermark's picture."""
    mark = task.watermark
    return replace(task, watermark=replace(mark, image=images[mark.image])) if mark else task


def _whole_text(task: Task) -> str:
    return TASK.dump_json(task).decode()


_known_text = lru_cache(maxsize=1024)(_whole_text)
