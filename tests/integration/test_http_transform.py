"""`POST /api/transform`: a picture in, a picture out, nothing kept."""

import hashlib
import json

import pytest
from aiohttp import FormData

from pixelpipe.runtime import Runtime
from tests.photographs import opened, photo_jpeg
from tests.serving import Client


async def test_a_form_with_a_spec(client: Client) -> None:
    form = FormData()
    form.add_field("file", photo_jpeg(), filename="a.jpg")
    form.add_field("spec", json.dumps({"resize": {"width": 60, "height": 50}, "format": "png"}))
    answer = await client.post("/api/transform", data=form)
    content = await answer.read()

    assert answer.status == 200
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["Content-Length"] == str(len(content))
    assert answer.headers["ETag"] == f'"{hashlib.sha256(content).hexdigest()}"'
    assert (opened(content).size, opened(content).format) == ((60, 50), "PNG")


@pytest.mark.parametrize(
    ("query", "size", "form"),
    [
        ({}, (320, 240), "JPEG"),
        ({"width": "80"}, (80, 60), "JPEG"),
        ({"width": "80", "height": "80", "fit": "inside"}, (80, 60), "JPEG"),
        ({"width": "80", "height": "80", "gravity": "north", "format": "webp"}, (80, 80), "WEBP"),
        ({"width": "400", "enlarge": "true", "quality": "40"}, (400, 300), "JPEG"),
        ({"blur": "3.5", "format": "avif"}, (320, 240), "AVIF"),
        ({"band_px": "10", "sigma": "2", "format": "png"}, (320, 240), "PNG"),
        ({"spec": '{"resize": {"height": 30}}'}, (40, 30), "JPEG"),
    ],
)
async def test_a_raw_body_with_a_query(
    client: Client, query: dict[str, str], size: tuple[int, int], form: str
) -> None:
    answer = await client.post("/api/transform", data=photo_jpeg(), params=query)
    picture = opened(await answer.read())

    assert answer.status == 200
    assert (picture.size, picture.format) == (size, form)


async def test_grayscale(client: Client) -> None:
    answer = await client.post("/api/transform?grayscale=true", data=photo_jpeg())
    pixel = opened(await answer.read()).convert("RGB").getpixel((100, 80))
    assert isinstance(pixel, tuple)
    assert len(set(pixel)) == 1


async def test_the_stages_are_timed(client: Client) -> None:
    answer = await client.post("/api/transform", data=photo_jpeg())
    stages = dict(part.split(";dur=") for part in answer.headers["Server-Timing"].split(", "))

    assert {"receive", "decode", "process", "encode"} <= set(stages)
    assert all(float(ms) >= 0 for ms in stages.values())


async def test_nothing_is_stored(client: Client, runtime: Runtime) -> None:
    folder = runtime.settings.data_dir
    before = {path for path in folder.rglob("*") if path.is_file()}
    answer = await client.post("/api/transform?width=17", data=photo_jpeg(100, 99))

    assert answer.status == 200
    assert {path for path in folder.rglob("*") if path.is_file()} == before
