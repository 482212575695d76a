"""Headers that protect who looks at an answer, and addresses that lead nowhere else."""

from typing import Any

import pytest
import pytest_asyncio

from tests.http_jobs import Json, made, own_photo, refusal, specs
from tests.raw_sockets import head, told
from tests.serving import Client

NOTHING = "default-src 'none'; frame-ancestors 'none'"
NO_JOB = "0123456789abcdefghijkl"


@pytest_asyncio.fixture
async def job(client: Client) -> Json:
    """With a variant `a`."""
    return await made(client, own_photo(), specs("a"))


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/static/style.css", 200),
        ("GET", "/healthz", 200),
        ("GET", "/api/presets", 200),
        ("GET", "/api/jobs", 200),
        ("GET", "/api/jobs/{id}", 200),
        ("GET", "/api/jobs/{id}/variants/a", 200),
        ("GET", "/api/jobs/{id}/archive.zip", 200),
        ("GET", "/api/jobs/{id}/events", 200),
        ("POST", "/api/transform", 400),
        ("GET", f"/api/jobs/{NO_JOB}", 404),
        ("GET", "/nope", 404),
        ("DELETE", "/", 405),
        ("POST", "/api/jobs/{id}/retry", 409),
    ],
)
async def test_every_answer_is_protected(
    client: Client, job: Json, method: str, path: str, status: int
) -> None:
    answer = await client.request(method, path.format(id=job["id"]))
    await answer.read()

    assert answer.status == status
    headers = answer.headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; ")
    assert headers["Server"] == "PixelPipe"
    if "variants" not in path:
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    if status >= 400:
        assert headers["Content-Security-Policy"] == NOTHING
        assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("header", "status"),
    [({}, 200), ({"Range": "bytes=0-9"}, 206), ({"If-None-Match": "*"}, 304)],
)
async def test_a_picture_may_be_shown_by_other_sites_and_runs_nothing(
    client: Client, job: Json, header: dict[str, str], status: int
) -> None:
    answer = await client.get(f"/api/jobs/{job['id']}/variants/a", headers=header)

    assert answer.status == status
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    policy = answer.headers["Content-Security-Policy"]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    assert "immutable" in answer.headers["Cache-Control"]


async def test_a_range_that_is_not_there_is_kept_by_no_cache(client: Client, job: Json) -> None:
    field = {"Range": "bytes=99999999-"}
    answer = await client.get(f"/api/jobs/{job['id']}/variants/a", headers=field)
    assert answer.status == 416
    assert answer.headers["Cache-Control"] == "no-store"


async def test_not_ready_is_kept_by_no_cache(
    client: Client, runtime: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(runtime), "ready", lambda _: {"ready": False})
    answer = await client.get("/readyz")
    assert (answer.status, answer.headers["Cache-Control"]) == (503, "no-store")


BAD_IDS = ["nope", "x" * 65, "0123456789abcdefghij%2f", "0123456789abcdefghij%00", "%2e%2e", "a b"]


@pytest.mark.parametrize("job_id", BAD_IDS)
@pytest.mark.parametrize("rest", ["", "/events", "/variants/a", "/archive.zip", "/retry"])
async def test_what_can_be_no_id_is_no_job(client: Client, job_id: str, rest: str) -> None:
    method = "POST" if rest == "/retry" else "GET"
    sent = head(f"{method} /api/jobs/{job_id.replace(' ', '%20')}{rest}", "Content-Length: 0")
    assert client.port
    answer = await told(client.port, sent)
    assert (answer.status, answer.slug) in {(404, "job-not-found"), (404, "not-found")}


@pytest.mark.parametrize("name", ["A", "a%2fb", "..%2f..%2fetc%2fpasswd", "-", "x" * 65, "a.jpg"])
async def test_what_can_be_no_name_is_no_variant(client: Client, job: Json, name: str) -> None:
    answer = await client.get(f"/api/jobs/{job['id']}/variants/{name}")
    assert (await refusal(answer)).status == 404


@pytest.mark.parametrize(
    "path",
    [
        "/static/../setup.cfg",
        "/static/..%2fsetup.cfg",
        "/static/..%5csetup.cfg",
        "/static/%2e%2e/setup.cfg",
        "/static//etc/passwd",
        "/static/%2fetc%2fpasswd",
        "/static/....//setup.cfg",
        "/static/js/%00main.js",
        "/static/.",
        "/static/%c0%ae%c0%ae/setup.cfg",
        "//etc/passwd",
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
    ],
)
async def test_no_path_leads_out(client: Client, path: str) -> None:
    assert client.port
    answer = await told(client.port, head(f"GET {path}"))
    assert (answer.status, answer.slug) == (404, "not-found")
