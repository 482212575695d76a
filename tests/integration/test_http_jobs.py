"""`POST /api/jobs` and `GET /api/jobs/{id}`."""

import hashlib
import json
from collections.abc import AsyncIterator

import pytest
from aiohttp import FormData

from tests.photographs import photo_jpeg
from tests.serving import Client

SPECS = [
    {"name": "small", "resize": {"width": 64, "height": 48}},
    {"name": "gray", "resize": {"width": 40}, "grayscale": True, "format": "webp"},
]
WAIT = {"Prefer": "wait=30"}


def form(*fields: tuple[str, str], file_first: bool = True) -> FormData:
    """A form of text fields, with a photograph before or after them."""
    data = FormData()
    if file_first:
        data.add_field("file", photo_jpeg(), filename="beach.jpg")
    for name, value in fields:
        data.add_field(name, value)
    if not file_first:
        data.add_field("file", photo_jpeg(), filename="beach.jpg")
    return data


async def test_a_form_is_accepted_at_once(client: Client) -> None:
    answer = await client.post("/api/jobs", data=form(("variants", json.dumps(SPECS))))
    job = await answer.json()

    assert answer.status == 202
    assert answer.headers["Location"] == f"/api/jobs/{job['id']}" == job["links"]["self"]
    assert "Preference-Applied" not in answer.headers
    assert job["state"] in {"queued", "running"}
    assert job["source"] == {
        "name": "beach.jpg",
        "format": "jpeg",
        "width": 320,
        "height": 240,
        "bytes": len(photo_jpeg()),
        "sha256": hashlib.sha256(photo_jpeg()).hexdigest(),
    }
    assert [v["name"] for v in job["variants"]] == ["small", "gray"]


@pytest.mark.parametrize("file_first", [True, False])
async def test_the_order_of_the_form_does_not_matter(client: Client, *, file_first: bool) -> None:
    data = form(("variants", json.dumps(SPECS)), ("name", "sea.jpg"), file_first=file_first)
    answer = await client.post("/api/jobs", data=data, headers=WAIT)
    job = await answer.json()

    assert answer.status == 200
    assert job["source"]["name"] == "sea.jpg"
    assert [v["state"] for v in job["variants"]] == ["completed", "completed"]


async def test_a_raw_body_with_everything_in_the_query(client: Client) -> None:
    query = {"variants": json.dumps(SPECS), "name": "../dunes.jpg"}
    photo = photo_jpeg(quality=87)  # nobody else's: what is there already is not made again
    answer = await client.post("/api/jobs", data=photo, params=query, headers=WAIT)
    job = await answer.json()

    assert answer.status == 200
    assert answer.headers["Preference-Applied"] == "wait=30"
    assert job["state"] == "completed"
    assert job["decodes"] == 1
    assert job["source"]["name"] == "dunes.jpg"
    assert job["failures"] == []
    assert set(job["timings_ms"]) == {"receive", "decode", "total"}
    small, gray = job["variants"]
    assert (small["width"], small["height"], small["format"]) == (64, 48, "jpeg")
    assert (gray["width"], gray["height"], gray["format"]) == (40, 30, "webp")
    assert set(small["timings_ms"]) == {"process", "encode", "store"}
    assert small["url"] == f"/api/jobs/{job['id']}/variants/small"
    assert small["attempts"] == 1
    assert small["error"] is None


async def test_presets_and_variants_go_together(client: Client) -> None:
    query = {"preset": "instagram,facebook", "variants": json.dumps(SPECS)}
    answer = await client.post("/api/jobs", data=photo_jpeg(), params=query)
    names = [variant["name"] for variant in (await answer.json())["variants"]]

    assert answer.status == 202
    assert names[:2] == ["small", "gray"]
    assert "instagram-square" in names
    assert "facebook-cover" in names


async def test_a_body_of_unknown_length(client: Client) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        photo = photo_jpeg()
        for start in range(0, len(photo), 1000):
            yield photo[start : start + 1000]

    query = {"variants": json.dumps(SPECS[:1])}
    answer = await client.post("/api/jobs", data=chunks(), params=query, headers=WAIT)

    assert answer.request_info.headers["Transfer-Encoding"] == "chunked"
    assert (await answer.json())["source"]["bytes"] == len(photo_jpeg())


async def test_a_wait_that_runs_out(client: Client) -> None:
    query = {"preset": "social"}
    headers = {"Prefer": "respond-async, wait=0"}
    answer = await client.post("/api/jobs", data=photo_jpeg(), params=query, headers=headers)

    assert answer.status == 202
    assert answer.headers["Preference-Applied"] == "wait=0"


async def test_a_job_that_fails_is_answered_with_200_to_who_waits(client: Client) -> None:
    damaged = photo_jpeg()[:-3000]
    query = {"variants": json.dumps(SPECS)}
    answer = await client.post("/api/jobs", data=damaged, params=query, headers=WAIT)
    job = await answer.json()

    assert answer.status == 200
    assert job["state"] == "failed"
    assert job["failures"][0]["type"] == "urn:pixelpipe:error:damaged-image"
    assert [v["url"] for v in job["variants"]] == [None, None]


async def test_a_job_can_be_asked_for(client: Client) -> None:
    query = {"variants": json.dumps(SPECS)}
    sent = await client.post("/api/jobs", data=photo_jpeg(), params=query, headers=WAIT)
    answer = await client.get(sent.headers["Location"])

    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert await answer.json() == await sent.json()


async def test_ten_variants_come_from_one_decode(client: Client) -> None:
    specs = [{"name": f"v{n}", "resize": {"width": 40 + 10 * n}} for n in range(10)]
    query = {"variants": json.dumps(specs)}
    answer = await client.post("/api/jobs", data=photo_jpeg(1600, 1200), params=query, headers=WAIT)
    job = await answer.json()

    assert job["state"] == "completed"
    assert len(job["variants"]) == 10
    assert job["decodes"] == 1
    assert [v["width"] for v in job["variants"]] == [40 + 10 * n for n in range(10)]
