"""What events carry is what the models say."""

import pytest

from pixelpipe.jobs.model import Blob, Cache
from pixelpipe.jobs.views import JobEventView, VariantEventView, event_data
from tests.journals import at, end, finish, make_job


@pytest.mark.parametrize("deleted", [False, True])
def test_the_data_of_a_jobs_event_are_what_its_model_writes(*, deleted: bool) -> None:
    job = make_job("one", "made", "failed", webhook="http://a.example/hook?secret")
    for variant, blob in zip(job.variants, (Blob("made", 10), None), strict=True):
        finish(variant, blob)
        variant.timings_ms = {"process": 1.23456, "encode": 2.0}
    job.variants[0].cache = Cache.HIT
    job.timings_ms = {"receive": 0.1, "total": 12345678.9}
    end(job, 5)
    job.deleted_at = at(7) if deleted else None
    data = event_data(job, None)
    assert JobEventView.model_validate_json(data).model_dump_json().encode() == data


def test_the_data_of_a_variants_event_are_what_its_model_writes() -> None:
    job = make_job("one", "queued", "naïve")
    finish(job.variants[1], Blob("made", 10))
    for variant in job.variants:
        data = event_data(job, variant)
        assert VariantEventView.model_validate_json(data).model_dump_json().encode() == data
