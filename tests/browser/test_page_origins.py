"""Pages of other sites in a real browser, and our own page below a path."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.photographs import photo_jpeg
from tests.serving import LiveServer

pytestmark = pytest.mark.browser

_PLAIN_POST = """async ([url, bytes]) => {
  try {
    await fetch(url, { method: "POST", mode: "no-cors", body: new Blob([new Uint8Array(bytes)]) });
  } catch {
    // The answer is kept from the page, as it should be.
  }
}"""
_UPLOAD = """async ([url, bytes]) => {
  const answer = await fetch(url, {
    method: "POST",
    headers: { "Idempotency-Key": '"from-afar"', "Prefer": "wait=30" },
    body: new Blob([new Uint8Array(bytes)]),
  });
  return [answer.status, answer.headers.get("Location"), (await answer.json()).state];
}"""
_READ = """async (url) => {
  try {
    return (await fetch(url)).status;
  } catch (error) {
    return String(error);
  }
}"""
_FORM = """(url) => {
  const form = document.createElement("form");
  Object.assign(form, { method: "post", enctype: "multipart/form-data", action: url });
  document.body.append(form);
  form.submit();
}"""


class _Blank(BaseHTTPRequestHandler):
    """A page of another site."""

    def do_GET(self) -> None:
        content = b"<!doctype html><title>elsewhere</title>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Where the other site is."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Blank) as site:
        thread = threading.Thread(target=site.serve_forever)
        thread.start()
        yield site.server_port
        site.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[str]:
    """A server below a path that lets one page of the other site call it."""
    allowed = f"http://localhost:{port}"
    server = LiveServer(
        tmp_path_factory.mktemp("origins") / "data",
        PIXELPIPE_BASE_PATH="/images",
        PIXELPIPE_CORS_ORIGINS=allowed,
    )
    yield server.url
    assert server.terminate() == 0


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    page.set_default_timeout(60_000)
    yield page
    page.close()


def _jobs(page: Page, home: str) -> int:
    return len(page.request.get(f"{home}/api/jobs").json()["jobs"])


def test_a_page_of_another_site_can_post_nothing(page: Page, home: str, port: int) -> None:
    """It is refused by the server; the browser alone would only keep the answer from the page."""
    before = _jobs(page, home)
    page.goto(f"http://127.0.0.1:{port}/")
    page.evaluate(_PLAIN_POST, [f"{home}/api/jobs?preset=icons", list(photo_jpeg(64, 48))])
    assert _jobs(page, home) == before
    with page.expect_navigation() as gone:
        page.evaluate(_FORM, f"{home}/api/jobs?preset=icons")
    assert gone.value.status == 403
    page.goto(f"http://127.0.0.1:{port}/")
    assert "Failed to fetch" in page.evaluate(_READ, f"{home}/api/jobs")
    assert _jobs(page, home) == before


def test_a_page_that_is_allowed_can_upload_and_read(page: Page, home: str, port: int) -> None:
    page.goto(f"http://localhost:{port}/")
    photo = list(photo_jpeg(64, 48))
    status, location, state = page.evaluate(_UPLOAD, [f"{home}/api/jobs?preset=icons", photo])
    assert (status, state) == (200, "completed")
    assert location.startswith("/images/api/jobs/")
    assert page.evaluate(_READ, f"{home}/api/jobs") == 200
    assert page.evaluate(_READ, f"{home}/nothing") == 404


def test_the_page_works_below_a_path(page: Page, home: str, tmp_path: Path) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    photo = tmp_path / "photograph.jpg"
    photo.write_bytes(photo_jpeg(640, 480))
    page.goto(home)  # without the slash at its end
    expect(page.locator("#stream")).to_have_attribute("data-stream", "live")
    page.set_input_files("#files", photo)
    expect(page.locator(".card[data-state=completed]").first).to_be_visible()
    expect(page.locator(".tile img").first).to_be_visible()
    own = (f"{home}/", f"blob:{home.removesuffix('/images')}/")
    assert [url for url in asked if not url.startswith(own)] == [home]
