"""Programs of Node and PixelPipe's workers on one queue, both ways."""

import hashlib
import io
import json
from collections.abc import Mapping
from typing import Any

import pytest
from PIL import Image

from pixelpipe.config import Settings
from pixelpipe.errors import DamagedImageError, SourceUnavailableError
from pixelpipe.formats.registry import Format
from pixelpipe.jobs.model import Blob, EventType, JobState, new_job_id
from pixelpipe.jobs.views import event_data, job_document
from pixelpipe.recipes.facts import Facts
from pixelpipe.recipes.presets import load_presets
from pixelpipe.scaleout.queue_format import (
    JobResult,
    VariantProgress,
    progress_of,
    read_request,
    result_of,
)
from pixelpipe.scaleout.queue_job import QueuedJob
from tests.journals import finish, make_job
from tests.photographs import photo_jpeg
from tests.scaleout.node_program import FOLDER, run_node
from tests.scaleout.queues import House

VERSIONS = ["bullmq", "bullmq-6"]
PHOTO = photo_jpeg()
PHOTO_SHA256 = hashlib.sha256(PHOTO).hexdigest()
URL = "https://pictures.example/photo.jpg"
_PRESETS, _LIMITS = load_presets(None), Settings()


class SmallEngine:
    """Does jobs named `image` by Pillow, and tells of them as PixelPipe does."""

    def __init__(self, sources: Mapping[str, bytes]) -> None:
        self._sources = sources

    async def __call__(self, queued: QueuedJob) -> object:
        wanted = read_request(queued.data, _PRESETS, _LIMITS)
        source = wanted.request.source.url or wanted.request.source.sha256 or ""
        if source not in self._sources:
            raise SourceUnavailableError("It is not there.")
        job = make_job(await queued.journal_id(), *(spec.name for spec in wanted.specs))
        for seq, (spec, variant) in enumerate(zip(wanted.specs, job.variants, strict=True), 1):
            assert spec.resize
            size = (spec.resize.width or 1, spec.resize.height or 1)
            finish(variant, self._made(self._sources[source], size))
            data = json.loads(event_data(job, variant)) | {"seq": seq}
            shown = progress_of(EventType.VARIANT_COMPLETED, json.dumps(data).encode())
            await queued.progress(shown)
        job.state = JobState.COMPLETED
        return result_of(job_document(job))

    def _made(self, source: bytes, size: tuple[int, int]) -> Blob:
        out = io.BytesIO()
        try:
            Image.open(io.BytesIO(source)).resize(size).save(out, "JPEG")
        except OSError:
            raise DamagedImageError("The file ends early.") from None
        content = out.getvalue()
        facts = Facts(*size, Format.JPEG, 80, False, 1, "#102030", ("#102030",), "L00", "AAA")
        return Blob(hashlib.sha256(content).hexdigest(), len(content), facts)


ENGINE = SmallEngine({URL: PHOTO, PHOTO_SHA256: PHOTO, "f" * 64: PHOTO[:500]})


async def _peer(version: str, house: House, *arguments: str, says: object = None) -> Any:
    status, out, complaints = await run_node(
        *("peer.mjs", house.place.name, *arguments),
        says=json.dumps(says),
        BULLMQ=version,
        REDIS_URL=house.place.url,
    )
    assert (status, complaints) == (0, "")
    return json.loads(out)


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_program_of_node_adds_jobs_and_follows_them_to_their_end(
    house: House, version: str
) -> None:
    good = {"version": 1, "source": {"sha256": PHOTO_SHA256}, "preset": "instagram"}
    bad = {**good, "variants": [{"name": "hero", "quality": 101}], "preset": None}
    jobs = [
        ["image", good, {"priority": 11}],
        ["image", bad, {"attempts": 3}],
        ["image", {**good, "source": {"sha256": "f" * 64}}, {"attempts": 3, "jobId": "damaged"}],
    ]
    async with house.working(ENGINE):
        made, mistaken, damaged = await _peer(version, house, "produce", says=jobs)
    result = JobResult.model_validate(made["result"])
    assert result.state is JobState.COMPLETED
    assert len(result.id) == len(new_job_id())
    names = [spec.name for spec in _PRESETS.specs("instagram")]
    assert [variant.name for variant in result.variants] == names
    variants = [VariantProgress.model_validate(each) for each in made["progress"]]
    assert [each.seq for each in variants] == list(range(1, len(names) + 1))
    assert [(each.name, each.sha256) for each in variants] == [
        (variant.name, variant.sha256) for variant in result.variants
    ]
    assert mistaken["error"].startswith("invalid-spec: /variants/0/quality must be a whole number")
    assert damaged["error"] == "damaged-image: The file ends early."


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_job_of_pixelpipe_is_seen_in_node(house: House, version: str) -> None:
    data = {"version": 1, "source": {"url": URL}, "preset": "instagram"}
    async with house.working(ENGINE):
        await house.queue.add("done", data, name="image", priority=5)
        await house.completed("done")
        await house.queue.add("mistaken", {"version": 2}, name="image")
        await house.failed("mistaken")
    await house.queue.add("waiting", {"version": 1})
    await house.queue.add("later", {"version": 1}, delay_s=60)
    seen = await _peer(version, house, "look", "done", "mistaken", "waiting", "later")
    done, mistaken, waiting, later = seen["jobs"]
    assert (done["name"], done["data"], done["state"]) == ("image", data, "completed")
    assert JobResult.model_validate(done["returnvalue"]).variants
    assert VariantProgress.model_validate(done["progress"]).name == "instagram-profile"
    assert (done["opts"]["attempts"], done["opts"]["priority"]) == (3, 6)
    assert (done["attemptsMade"], done["finishedOn"] >= done["processedOn"]) == (1, True)
    assert done["processedBy"] == "pixelpipe"
    assert mistaken["state"] == "failed"
    assert mistaken["failedReason"].startswith("invalid-spec: /version must be")
    assert (waiting["name"], waiting["state"]) == ("accepted", "prioritized")
    assert (later["state"], later["delay"]) == ("delayed", 60_000)
    counts = {state: number for state, number in seen["counts"].items() if number}
    assert counts == {"completed": 1, "failed": 1, "prioritized": 1, "delayed": 1}


async def test_the_example_runs_as_it_is(own_house: House) -> None:
    async with own_house.working(ENGINE):
        status, out, complaints = await run_node("example.mjs", URL, REDIS_URL=own_house.place.url)
    assert (status, complaints) == (0, "")
    *progress, end = out.splitlines()
    assert [line.split()[1] for line in progress] == end.removeprefix("completed: ").split(", ")
    assert " is there, 1200x630, " in progress[0]


def test_the_example_is_the_one_that_is_shown() -> None:
    readme = FOLDER.parents[2] / "README.md"
    assert (FOLDER / "example.mjs").read_text() in readme.read_text()
