"""What other programs write into jobs is checked, and what they read is as it is described."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from bullmq import UnrecoverableError

from pixelpipe.config import Settings
from pixelpipe.errors import PixelPipeError, QueueFullError, UnknownPresetError
from pixelpipe.formats.registry import Format
from pixelpipe.jobs.model import Blob, EventType
from pixelpipe.jobs.views import event_data, job_document
from pixelpipe.recipes.presets import load_presets
from pixelpipe.scaleout.queue_format import (
    JobResult,
    VariantProgress,
    Wanted,
    check_accepted,
    failure,
    progress_of,
    read_request,
    result_of,
    unknown_name,
)
from pixelpipe.scaleout.queue_schema import queue_schema
from tests.journals import end, finish, make_job

SHA256 = "0123456789abcdef" * 4
GOOD: dict[str, Any] = {
    "version": 1,
    "source": {"url": "https://pictures.example/a.jpg"},
    "preset": "web",
}


def _read(data: object) -> Wanted:
    return read_request(data, load_presets(None), Settings())


def _refusal(data: object) -> str:
    with pytest.raises(PixelPipeError) as caught:
        _read(data)
    error = failure(caught.value)
    assert isinstance(error, UnrecoverableError)
    return str(error)


def test_all_that_may_be_asked_for_is_understood() -> None:
    wanted = _read(
        {
            "version": 1,
            "source": {"sha256": SHA256},
            "preset": "instagram",
            "variants": [{"name": "hero", "format": "auto", "resize": {"width": 80}}],
            "name": "a.jpg",
            "tenant": "key-1",
            "accept": ["avif"],
            "webhook": "https://listener.example/",
        }
    )
    assert wanted.specs[0].name == "hero"
    assert wanted.specs[1].name == "instagram-square"
    assert wanted.accepted == {Format.AVIF, Format.JPEG, Format.PNG}
    assert wanted.request.source.sha256 == SHA256


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"version": 2}, "/version must be a whole number from 1 to 1, not 2."),
        ({"version": "1"}, '/version must be a whole number from 1 to 1, not "1".'),
        ({"source": {}}, "/source must have either url or sha256."),
        ({"source": {"url": "http://a", "sha256": SHA256}}, "/source must have either"),
        ({"source": {"url": "file:///etc/passwd"}}, "/source must have an http or https URL"),
        ({"source": {"sha256": SHA256.upper()}}, "/source must have 64 of 0-9 and a-f"),
        ({"presets": "web"}, "/presets is not a known field; known here: version, source, preset"),
        ({"preset": None}, "The request must name a preset or give variants"),
        ({"variants": [{"name": "A"}]}, "/variants/0/name must be 1 to 64 of a-z"),
        ({"variants": 5}, "/variants must be a list of 1 to 100 specs."),
        ({"accept": ["gif"]}, "/accept/0 must be one of jpeg, png, webp, avif, jxl"),
        ({"name": "x" * 256}, "/name must be text of up to 255 characters"),
    ],
    ids=lambda value: json.dumps(value)[:40] if isinstance(value, dict) else "",
)
def test_a_mistake_is_told_with_what_is_allowed(change: dict[str, Any], text: str) -> None:
    assert _refusal({**GOOD, **change}).startswith(f"invalid-spec: {text}")


def test_all_mistakes_are_told_at_once() -> None:
    said = _refusal({"version": 1, "sauce": 1, "tenant": 7})
    assert all(f"; {at} " in f"; {said[14:]}" for at in ("/source", "/sauce", "/tenant"))


@pytest.mark.parametrize("data", [None, [], "data", 7], ids=str)
def test_data_that_is_no_object_is_refused(data: object) -> None:
    assert _refusal(data).startswith("invalid-spec: The request must be an object with version")


def test_what_may_go_well_later_is_no_end() -> None:
    assert not isinstance(failure(QueueFullError("Too many.")), UnrecoverableError)
    assert isinstance(failure(UnknownPresetError("No.")), UnrecoverableError)


def test_jobs_of_another_kind_or_version_are_refused() -> None:
    assert "must be a job named image, not 'resize'" in str(failure(unknown_name("resize")))
    check_accepted({"version": 1})
    with pytest.raises(PixelPipeError, match="/version must be"):
        check_accepted({"version": 9})


def test_progress_and_result_are_as_they_are_described() -> None:
    job = make_job("one", "small", "large")
    for variant in job.variants:
        finish(variant, Blob(SHA256, 7))
    data = json.dumps({**json.loads(event_data(job, job.variants[1])), "seq": 4}).encode()
    told = VariantProgress.model_validate(progress_of(EventType.VARIANT_COMPLETED, data))
    assert (told.event, told.seq, told.name, told.sha256) == (
        *(EventType.VARIANT_COMPLETED, 4, "large", SHA256),
    )
    end(job)
    document = job_document(job)
    result = result_of(document)
    JobResult.model_validate(result)
    assert json.loads(document).keys() - result.keys() == {"links"}


def test_a_job_of_which_nothing_was_made_fails() -> None:
    job = make_job("one", "small")
    job.problems = (failure_problem(),)
    finish(job.variants[0], None)
    job.variants[0].problem = failure_problem()
    end(job)
    with pytest.raises(UnrecoverableError, match=r"^queue-full: Too many\.$"):
        result_of(job_document(job))


def failure_problem() -> dict[str, Any]:
    return QueueFullError("Too many.").problem()


def test_the_schema_describes_itself_wholly_and_can_be_printed() -> None:
    schema = queue_schema()
    assert {ref.rpartition("/")[2] for ref in _references(schema)} <= schema["$defs"].keys()
    request = schema["$defs"]["ImageRequest"]
    assert request["required"] == ["version", "source"]
    assert "#/$defs/Spec" in set(_references(request))
    module = "pixelpipe.scaleout.queue_schema"
    printed = subprocess.run([sys.executable, "-m", module], capture_output=True, check=True)
    assert json.loads(printed.stdout) == schema


def _references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _references(each)
