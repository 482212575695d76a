"""The bytes of variants: validators, ranges, names, and what is said when there are none."""

import hashlib
import json
from typing import Any

import pytest
from aiohttp import FormData

from tests.photographs import opened, photo_jpeg
from tests.serving import Client

SPECS = json.dumps(
    [
        {"name": "a", "resize": {"width": 64, "height": 40}},
        {"name": "b", "resize": {"width": 20}, "format": "webp"},
    ]
)


async def finished(client: Client, photo: bytes = b"", name: str = "Grüße.jpg") -> dict[str, Any]:
    """A job that has ended."""
    form = FormData(quote_fields=False)  # names as they are, as browsers send them
    form.add_field("variants", SPECS)
    form.add_field("file", photo or photo_jpeg(), filename=name)
    answer = await client.post("/api/jobs", data=form, headers={"Prefer": "wait=30"})
    job: dict[str, Any] = await answer.json()
    return job


async def test_the_bytes_are_the_variant(client: Client) -> None:
    job = await finished(client)
    made = job["variants"][0]
    answer = await client.get(made["url"])
    content = await answer.read()

    assert answer.status == 200
    assert (opened(content).size, opened(content).format) == ((64, 40), "JPEG")
    assert hashlib.sha256(content).hexdigest() == made["sha256"]
    assert answer.headers["ETag"] == f'"{made["sha256"]}"'
    assert answer.headers["Content-Length"] == str(made["bytes"])
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_the_name_to_save_it_by(client: Client) -> None:
    url = (await finished(client))["variants"][1]["url"]
    name = "filename=\"Gr__e-b.webp\"; filename*=UTF-8''Gr%C3%BC%C3%9Fe-b.webp"
    for query, kind in (("", "inline"), ("?download=1", "attachment")):
        answer = await client.get(url + query)
        assert answer.headers["Content-Disposition"] == f"{kind}; {name}"


async def test_head_gives_the_same_header_and_no_bytes(client: Client) -> None:
    url = (await finished(client))["variants"][0]["url"]
    head, get = await client.head(url), await client.get(url)

    assert await head.read() == b""
    for field in ("Content-Length", "ETag", "Content-Type", "Content-Disposition"):
        assert head.headers[field] == get.headers[field]


@pytest.mark.parametrize("form", ['"{}"', 'W/"{}"', '"x", "{}"', "*"])
async def test_a_client_that_has_it_gets_304(client: Client, form: str) -> None:
    made = (await finished(client))["variants"][0]
    headers = {"If-None-Match": form.format(made["sha256"])}
    answer = await client.get(made["url"], headers=headers)

    assert (answer.status, await answer.read()) == (304, b"")
    assert answer.headers["ETag"] == f'"{made["sha256"]}"'
    assert answer.headers["Cache-Control"].endswith("immutable")


async def test_a_client_that_has_another_gets_it(client: Client) -> None:
    made = (await finished(client))["variants"][0]
    answer = await client.get(made["url"], headers={"If-None-Match": '"other"'})
    assert (answer.status, len(await answer.read())) == (200, made["bytes"])


async def test_ranges(client: Client) -> None:
    made = (await finished(client))["variants"][0]
    whole = await (await client.get(made["url"])).read()
    size = len(whole)
    for field, part in (
        ("bytes=0-9", slice(0, 10)),
        ("bytes=100-", slice(100, None)),
        ("bytes=-7", slice(-7, None)),
    ):
        answer = await client.get(made["url"], headers={"Range": field})
        start, stop, _ = part.indices(size)
        assert answer.status == 206
        assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{size}"
        assert await answer.read() == whole[part]


async def test_a_range_past_the_end(client: Client) -> None:
    made = (await finished(client))["variants"][0]
    answer = await client.get(made["url"], headers={"Range": "bytes=999999-"})

    assert answer.status == 416
    assert answer.headers["Content-Range"] == f"bytes */{made['bytes']}"
    assert (await answer.json())["type"] == "urn:pixelpipe:error:range-not-satisfiable"


@pytest.mark.parametrize(("etag", "status"), [("{}", 206), ("other", 200)])
async def test_if_range(client: Client, etag: str, status: int) -> None:
    made = (await finished(client))["variants"][0]
    headers = {"Range": "bytes=0-9", "If-Range": f'"{etag.format(made["sha256"])}"'}
    assert (await client.get(made["url"], headers=headers)).status == status


async def test_an_unknown_variant_names_the_known_ones(client: Client) -> None:
    job = await finished(client)
    answer = await client.get(f"/api/jobs/{job['id']}/variants/nope")
    problem = await answer.json()

    assert (answer.status, problem["type"]) == (404, "urn:pixelpipe:error:variant-not-found")
    assert "a, b" in problem["detail"]


async def test_a_variant_that_will_never_be(client: Client) -> None:
    job = await finished(client, photo_jpeg()[:-3000])
    answer = await client.get(f"/api/jobs/{job['id']}/variants/a")

    assert answer.status == 409
    assert "Retry-After" not in answer.headers
    assert "failed" in (await answer.json())["detail"]
