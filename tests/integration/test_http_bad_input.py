"""Everything that a client can get wrong, and what it is told."""

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from aiohttp import ClientResponse, FormData

from pixelpipe.config import Settings
from tests.photographs import photo_jpeg
from tests.serving import Client, small_settings

VARIANTS = json.dumps([{"name": "a", "resize": {"width": 16}}])
UPLOADS = ["/api/jobs", "/api/transform", "/api/files", "/api/files/async"]
MAX_UPLOAD_BYTES = 200_000


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return small_settings(
        tmp_path_factory.mktemp("data"), max_upload_bytes=MAX_UPLOAD_BYTES, max_pixels=1_000_000
    )


async def problem(answer: ClientResponse, status: int, slug: str) -> dict[str, Any]:
    """The problem document, after a look at what all of them have."""
    body: dict[str, Any] = json.loads(await answer.text())
    assert (answer.status, body["type"]) == (status, f"urn:pixelpipe:error:{slug}"), body
    assert answer.content_type == "application/problem+json"
    assert body["status"] == status
    assert body["title"]
    assert body["detail"].endswith(".")
    assert answer.headers["X-Request-Id"]
    return body


def pointers(body: Mapping[str, Any]) -> list[str]:
    return [error["pointer"] for error in body["errors"]]


@pytest.mark.parametrize("path", UPLOADS)
async def test_an_empty_body(client: Client, path: str) -> None:
    await problem(await client.post(path), 400, "empty-body")


@pytest.mark.parametrize("path", UPLOADS)
async def test_a_chunked_body_without_a_byte(client: Client, path: str) -> None:
    async def nothing() -> AsyncIterator[bytes]:
        for chunk in list[bytes]():
            yield chunk

    await problem(await client.post(path, data=nothing()), 400, "empty-body")


@pytest.mark.parametrize("path", UPLOADS)
async def test_what_is_no_image(client: Client, path: str) -> None:
    answer = await client.post(
        path, data=b"GIF is not enough", params={"preset": "web"} if path == "/api/jobs" else {}
    )
    body = await problem(answer, 415, "unsupported-format")
    assert "jpeg" in body["detail"]


async def test_the_content_type_decides_nothing(client: Client) -> None:
    headers = {"Content-Type": "text/plain"}
    answer = await client.post("/api/transform", data=photo_jpeg(), headers=headers)
    assert answer.status == 200


@pytest.mark.parametrize("path", UPLOADS)
@pytest.mark.parametrize("encoding", ["gzip", "br", "nonsense"])
async def test_an_encoded_body(client: Client, path: str, encoding: str) -> None:
    headers = {"Content-Encoding": encoding}
    answer = await client.post(path, data=b"x" * 100, headers=headers)
    body = await problem(answer, 415, "encoded-body")
    assert encoding in body["detail"]


@pytest.mark.parametrize(
    ("field", "value"), [("Content-Encoding", "gzip"), ("Content-Transfer-Encoding", "base64")]
)
async def test_an_encoded_part(client: Client, field: str, value: str) -> None:
    answer = await client.post(
        "/api/jobs", data=raw_form(f"{field}: {value}\r\n"), headers=RAW_FORM
    )
    await problem(answer, 415, "encoded-body")


RAW_FORM = {"Content-Type": "multipart/form-data; boundary=cut"}


def raw_form(
    part_fields: str = "", content: bytes = b"x", end: bytes = b"\r\n--cut--\r\n"
) -> bytes:
    """A form of one file, byte for byte."""
    head = f'--cut\r\nContent-Disposition: form-data; name="file"\r\n{part_fields}\r\n'
    return head.encode() + content + end


@pytest.mark.parametrize(
    "body",
    [
        b"no boundary at all",
        raw_form(end=b""),
        raw_form(end=b"\r\n--cu"),
        raw_form(content=photo_jpeg(), end=b""),
        b"--cut\r\nno header",
        raw_form("Content-Type: multipart/mixed; boundary=inner\r\n"),
    ],
)
async def test_broken_multipart(client: Client, body: bytes) -> None:
    answer = await client.post("/api/jobs", data=body, headers=RAW_FORM)
    await problem(answer, 400, "malformed-request")


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/mixed; boundary=cut"])
async def test_multipart_of_another_kind(client: Client, kind: str) -> None:
    headers = {"Content-Type": kind}
    answer = await client.post("/api/jobs", data=raw_form(), headers=headers)
    await problem(answer, 400, "malformed-request")


async def test_a_form_without_a_file(client: Client) -> None:
    form = FormData({"preset": "web"}, default_to_multipart=True)
    body = await problem(await client.post("/api/jobs", data=form), 400, "empty-body")
    assert "'file'" in body["detail"]


async def test_a_form_with_two_files(client: Client) -> None:
    form = FormData()
    form.add_field("file", photo_jpeg(), filename="a.jpg")
    form.add_field("file", photo_jpeg(), filename="b.jpg")
    await problem(await client.post("/api/jobs", data=form), 400, "malformed-request")


async def test_a_form_with_too_many_parts(client: Client) -> None:
    body = b'--cut\r\nContent-Disposition: form-data; name="file"\r\n\r\nx\r\n' * 40 + b"--cut--"
    body = body.replace(b'"file"', b'"preset"', 1)
    answer = await client.post("/api/jobs", data=body, headers=RAW_FORM)
    await problem(answer, 400, "malformed-request")


async def test_a_field_that_is_too_long(client: Client) -> None:
    form = FormData({"variants": "x" * 200_000}, default_to_multipart=True)
    body = await problem(await client.post("/api/jobs", data=form), 400, "malformed-request")
    assert "196608" in body["detail"]


async def test_a_field_that_is_not_utf8(client: Client) -> None:
    body = raw_form(content=b"\xff\xfe").replace(b'"file"', b'"preset"')
    answer = await client.post("/api/jobs", data=body, headers=RAW_FORM)
    assert "UTF-8" in (await problem(answer, 400, "malformed-request"))["detail"]


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("/api/jobs", "name, preset, priority, variants, webhook"),
        ("/api/files", "band_px, format, name, priority, quality, sigma, webhook"),
        ("/api/files/async", "band_px, format, name, priority, quality, sigma, webhook"),
    ],
)
async def test_an_unknown_field_names_the_known_ones(client: Client, path: str, known: str) -> None:
    form = FormData({"prset": "web"}, default_to_multipart=True)
    in_query = await client.post(path, data=photo_jpeg(), params={"prset": "web"})
    in_form = await client.post(path, data=form)
    for answer in (in_query, in_form):
        body = await problem(answer, 400, "malformed-request")
        assert "'prset'" in body["detail"]
        assert known in body["detail"]


async def test_a_parameter_that_is_given_twice(client: Client) -> None:
    answer = await client.post("/api/jobs?preset=web&preset=x", data=photo_jpeg())
    body = await problem(answer, 400, "malformed-request")
    assert "'preset'" in body["detail"]


async def test_a_field_in_the_query_and_in_the_form(client: Client) -> None:
    form = FormData({"preset": "web"}, default_to_multipart=True)
    await problem(await client.post("/api/jobs?preset=x", data=form), 400, "malformed-request")


async def test_variants_that_are_not_json(client: Client) -> None:
    answer = await client.post("/api/jobs", data=photo_jpeg(), params={"variants": "[nope"})
    await problem(answer, 400, "malformed-request")


async def test_nothing_is_asked_for(client: Client) -> None:
    body = await problem(await client.post("/api/jobs", data=photo_jpeg()), 422, "invalid-spec")
    assert "social" in body["detail"]


async def test_an_unknown_preset_names_the_known_ones(client: Client) -> None:
    answer = await client.post("/api/jobs", data=photo_jpeg(), params={"preset": "web,nope"})
    body = await problem(answer, 422, "unknown-preset")
    assert "nope" in body["detail"]
    assert "social" in body["detail"]


async def test_every_mistake_is_named_at_once(client: Client) -> None:
    specs = [
        {"name": "a", "resize": {"width": 0, "height": "x"}},
        {"name": "A!", "blur": {"sigma": -1}, "format": "gif", "extra": 1},
    ]
    query = {"variants": json.dumps(specs), "preset": "web"}
    answer = await client.post("/api/jobs", data=photo_jpeg(), params=query)
    body = await problem(answer, 422, "invalid-spec")
    assert set(pointers(body)) == {
        "/variants/0/resize/width",
        "/variants/0/resize/height",
        "/variants/1/name",
        "/variants/1/blur/sigma",
        "/variants/1/format",
        "/variants/1/extra",
    }
    assert all(error["detail"] for error in body["errors"])


async def test_a_variant_that_is_named_like_one_of_the_preset(client: Client) -> None:
    query = {"preset": "instagram", "variants": json.dumps([{"name": "instagram-square"}])}
    answer = await client.post("/api/jobs", data=photo_jpeg(), params=query)
    body = await problem(answer, 422, "invalid-spec")
    assert pointers(body) == ["/variants/0/name"]


@pytest.mark.parametrize("path", ["/api/files", "/api/files/async"])
async def test_mistakes_in_flat_fields_point_to_the_fields(client: Client, path: str) -> None:
    query = {"band_px": "0", "sigma": "x", "format": "gif", "quality": "101"}
    answer = await client.post(path, data=photo_jpeg(), params=query)
    body = await problem(answer, 422, "invalid-spec")
    assert set(pointers(body)) == {"/band_px", "/sigma", "/format", "/quality"}


async def test_mistakes_in_a_transform(client: Client) -> None:
    flat = await client.post(
        "/api/transform", data=photo_jpeg(), params={"width": "0", "blur": "no"}
    )
    assert set(pointers(await problem(flat, 422, "invalid-spec"))) == {"/width", "/blur"}

    spec = {"spec": json.dumps({"resize": {"width": 0}, "a/b": 1})}
    whole = await client.post("/api/transform", data=photo_jpeg(), params=spec)
    assert set(pointers(await problem(whole, 422, "invalid-spec"))) == {
        "/spec/resize/width",
        "/spec/a~1b",
    }

    both = await client.post("/api/transform", data=photo_jpeg(), params={**spec, "width": "1"})
    await problem(both, 400, "malformed-request")


async def test_a_damaged_image_where_the_answer_waits(client: Client) -> None:
    damaged = photo_jpeg()[:-3000]
    for path in ("/api/transform", "/api/files"):
        await problem(await client.post(path, data=damaged), 422, "damaged-image")


async def test_too_many_pixels(client: Client) -> None:
    answer = await client.post("/api/transform", data=photo_jpeg(1200, 900, 40))
    body = await problem(answer, 422, "pixel-limit")
    assert "1000000" in body["detail"].replace(",", "").replace("_", "")


async def test_an_image_too_small_for_the_quad(client: Client) -> None:
    await problem(await client.post("/api/files", data=photo_jpeg(8, 1)), 422, "image-too-small")


async def test_a_declared_length_over_the_limit_is_refused_before_the_body(client: Client) -> None:
    answer = await client.post("/api/transform", data=b"x" * (MAX_UPLOAD_BYTES + 1))
    body = await problem(answer, 413, "upload-too-large")
    assert str(MAX_UPLOAD_BYTES) in body["detail"]


async def test_a_chunked_body_over_the_limit(client: Client) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(30):
            yield b"x" * 10_000

    answer = await client.post("/api/transform", data=chunks())
    await problem(answer, 413, "upload-too-large")


async def test_a_form_over_the_limit(client: Client) -> None:
    just_over, far_over = FormData(), FormData()
    just_over.add_field("file", b"x" * (MAX_UPLOAD_BYTES + 1), filename="a")
    far_over.add_field("file", b"x" * (MAX_UPLOAD_BYTES * 2), filename="a")
    for form in (just_over, far_over):
        answer = await client.post("/api/transform", data=form)
        await problem(answer, 413, "upload-too-large")


async def test_a_form_around_a_file_of_just_the_limit(client: Client) -> None:
    photo = photo_jpeg()
    padded = photo + b"\0" * (MAX_UPLOAD_BYTES - len(photo))
    form = FormData()
    form.add_field("file", padded, filename="a.jpg")
    assert (await client.post("/api/transform", data=form)).status == 200


@pytest.mark.parametrize(
    "path",
    ["/nope", "/api", "/api/jobs/", "/static/nope.js", "/static/..%2fsetup.cfg"],
)
async def test_an_unknown_route(client: Client, path: str) -> None:
    await problem(await client.get(path), 404, "not-found")


@pytest.mark.parametrize("path", ["", "/events", "/variants/a"])
async def test_an_unknown_job(client: Client, path: str) -> None:
    await problem(await client.get(f"/api/jobs/nope{path}"), 404, "job-not-found")


async def test_an_unknown_job_among_many(client: Client) -> None:
    await problem(await client.get("/api/events?job=nope"), 404, "job-not-found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/api/jobs", "GET, HEAD, POST"),
        ("DELETE", "/api/presets", "GET, HEAD"),
        ("PUT", "/api/files", "POST"),
        ("POST", "/api/events", "GET"),
    ],
)
async def test_a_method_that_is_not_allowed(
    client: Client, method: str, path: str, allowed: str
) -> None:
    answer = await client.request(method, path)
    body = await problem(answer, 405, "method-not-allowed")
    assert answer.headers["Allow"] == allowed
    assert allowed in body["detail"]
