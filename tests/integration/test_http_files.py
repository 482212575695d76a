"""`POST /api/files` and `POST /api/files/async`: the quad edge-blur."""

import hashlib

import numpy as np
from aiohttp import FormData

from tests.photographs import opened, photo_jpeg
from tests.serving import Client

PARTS = [
    {"x": 0, "y": 0, "width": 50, "height": 40},
    {"x": 50, "y": 0, "width": 51, "height": 40},
    {"x": 0, "y": 40, "width": 50, "height": 41},
    {"x": 50, "y": 40, "width": 51, "height": 41},
]


async def test_the_answer_tells_all_about_the_saved_picture(client: Client) -> None:
    photo = photo_jpeg(101, 81)
    form = FormData({"band_px": "8", "sigma": "3.5", "format": "png"})
    form.add_field("file", photo, filename="beach.jpg")
    answer = await client.post("/api/files", data=form)
    told = await answer.json()

    assert answer.status == 201
    assert set(told) == {
        "id", "source", "result", "quadrants", "band_px", "sigma", "timings_ms",
    }  # fmt: skip
    assert told["source"] == {
        "name": "beach.jpg",
        "format": "jpeg",
        "width": 101,
        "height": 81,
        "bytes": len(photo),
        "sha256": hashlib.sha256(photo).hexdigest(),
    }
    assert (told["band_px"], told["sigma"], told["quadrants"]) == (8, 3.5, PARTS)
    assert set(told["timings_ms"]) == {
        "receive", "decode", "process", "encode", "store", "total",
    }  # fmt: skip
    result = told["result"]
    assert answer.headers["Location"] == result["url"]
    saved = await (await client.get(result["url"])).read()
    assert len(saved) == result["bytes"]
    assert hashlib.sha256(saved).hexdigest() == result["sha256"]
    assert (result["format"], result["width"], result["height"]) == ("png", 101, 81)
    assert opened(saved).size == (101, 81)


async def test_only_the_bands_change(client: Client) -> None:
    original = photo_jpeg(101, 81)
    query = {"band_px": "8", "sigma": "4", "format": "png"}
    answer = await client.post("/api/files", data=original, params=query)
    saved = await (await client.get(answer.headers["Location"])).read()
    plain = await client.post("/api/transform?format=png", data=original)
    same = np.all(np.asarray(opened(saved)) == np.asarray(opened(await plain.read())), axis=-1)

    assert same[:32, :42].all()
    assert same[48:, 58:].all()
    assert not same[32:48, 42:58].all()


async def test_the_defaults(client: Client) -> None:
    told = await (await client.post("/api/files", data=photo_jpeg())).json()
    assert (told["band_px"], told["sigma"], told["result"]["format"]) == (24, 12.0, "jpeg")


async def test_who_wants_the_picture_gets_it(client: Client) -> None:
    query = {"format": "webp"}
    for accept in ("image/*", "image/webp", "image/avif,image/webp,*/*;q=0.5"):
        answer = await client.post(
            "/api/files", data=photo_jpeg(), params=query, headers={"Accept": accept}
        )
        content = await answer.read()
        assert answer.status == 201
        assert answer.content_type == "image/webp"
        assert answer.headers["Vary"] == "Accept"
        assert content == await (await client.get(answer.headers["Location"])).read()


async def test_who_wants_another_picture_gets_json(client: Client) -> None:
    headers = {"Accept": "image/png"}
    answer = await client.post("/api/files", data=photo_jpeg(), headers=headers)
    assert answer.content_type == "application/json"


async def test_async_answers_with_the_job(client: Client) -> None:
    query = {"band_px": "8", "name": "sea.jpg"}
    answer = await client.post("/api/files/async", data=photo_jpeg(), params=query)
    job = await answer.json()

    assert answer.status == 202
    assert answer.headers["Location"] == job["links"]["self"]
    assert [variant["name"] for variant in job["variants"]] == ["quad"]
    assert job["source"]["name"] == "sea.jpg"
    stream = await (await client.get(job["links"]["events"])).text()
    assert "event: job.completed" in stream
    picture = await client.get(f"/api/jobs/{job['id']}/variants/quad")
    assert opened(await picture.read()).size == (320, 240)
