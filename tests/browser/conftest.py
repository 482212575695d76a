"""Debian's Chromium, a page that keeps a record of all it does, and photographs to drop on it."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.page_record import Record
from tests.serving import LiveServer

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_ROUNDS = 20
_RECORD_VIOLATIONS = """
window.policyViolations = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.policyViolations.push(`${event.violatedDirective} ${event.blockedURI}`);
});
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium with a profile of its own.

    It ends with the module: Playwright's synchronous interface keeps an event loop running in this
    thread, beside which no asynchronous test can run.
    """
    if not CHROMIUM.exists():
        pytest.fail(f"{CHROMIUM} is missing; `apt-get install chromium` brings it.")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=FLAGS,
            timeout=180_000,  # a first start may have to read all of it from a slow disk
        )
        yield chromium
        chromium.close()


@pytest.fixture
def record() -> Record:
    return Record()


@pytest.fixture(scope="module")
def home(live_server: LiveServer) -> str:
    """Where the page is; a module overrides the fixture for a server of its own."""
    return live_server.url


@pytest.fixture
def recorded_page(home: str, browser: Browser, record: Record) -> Iterator[Page]:
    """A page, not yet anywhere, with a record of all it does."""
    page = browser.new_page(base_url=home, viewport={"width": 1280, "height": 900})
    page.set_default_timeout(60_000)
    page.add_init_script(_RECORD_VIOLATIONS)
    page.on("request", record.note_request)
    page.on("pageerror", record.note_error)
    page.on("console", record.note_message)
    yield page
    page.close()


@pytest.fixture
def page(recorded_page: Page) -> Iterator[Page]:
    """A recorded page of a server that has no jobs, and has none afterwards."""
    yield recorded_page
    _remove_jobs(recorded_page)


def _remove_jobs(page: Page) -> None:
    for _ in range(_ROUNDS):
        jobs = page.request.get("/api/jobs?limit=200").json()["jobs"]
        if not jobs:
            return
        for job in jobs:
            page.request.delete(job["links"]["self"])  # the first one only cancels what runs
    pytest.fail("the server does not let go of its jobs")


@pytest.fixture
def photographs(tmp_path: Path) -> list[Path]:
    """Ten JPEG files of 1600x1200 pixels, no two alike."""
    return [_draw(tmp_path / f"photograph-{number}.jpg", number) for number in range(10)]


def _draw(path: Path, number: int) -> Path:
    """A slanted gradient in a hue of its own, with a disc and a bar on it."""
    rows, columns = np.mgrid[0:1200, 0:1600].astype(np.float32)
    hue = (18 * number + columns / 80) % 180
    value = 90 + (rows + columns) / 18
    pixels = np.dstack([hue, np.full_like(hue, 140), value]).astype(np.uint8)
    picture = cv2.cvtColor(pixels, cv2.COLOR_HSV2BGR)
    cv2.circle(picture, (300 + 100 * number, 500), 180, (240, 240, 240), -1, cv2.LINE_AA)
    cv2.rectangle(picture, (200, 900), (1400, 960 + 10 * number), (40, 40, 40), -1)
    cv2.imwrite(str(path), picture)
    return path
