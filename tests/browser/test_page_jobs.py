"""What a person may do with a job from the page: cancel, retry, save, remove and find again."""

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.photographs import photo_jpeg

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
DEADLINE_S = 60
STOP_S = 60.0
_NOTE_STATES = """() => {
  const seen = { card: [], tile: [] };
  const note = (kind, node) => new MutationObserver(() => {
    if (seen[kind].at(-1) !== node.dataset.state) seen[kind].push(node.dataset.state);
  }).observe(node, { attributeFilter: ["data-state"] });
  note("card", document.querySelector(".card"));
  note("tile", document.querySelector(".tile[data-name=defect-once]"));
  window.statesSeen = seen;
}"""
_NOTE_ANNOUNCEMENTS = """
window.told = [];
document.addEventListener("DOMContentLoaded", () => {
  const announcer = document.getElementById("announcer");
  new MutationObserver(() => window.told.push(announcer.textContent))
    .observe(announcer, { childList: true });
});
"""
_LOSE_FIRST_ANSWER = """
const open = XMLHttpRequest.prototype.open;
XMLHttpRequest.prototype.open = function (...given) {
  XMLHttpRequest.prototype.open = open;
  // The server's answer gets as far as the browser and no further.
  this.addEventListener("load", (event) => {
    event.stopImmediatePropagation();
    this.dispatchEvent(new ProgressEvent("error"));
  });
  open.apply(this, given);
};
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server whose workers go wrong on demand, which has to end cleanly; see `fault_workers`."""
    data_dir = tmp_path_factory.mktemp("faulty") / "data"
    program = [sys.executable, str(ROOT / "tests" / "faults" / "faulty_server.py")]
    with (
        TemporaryDirectory() as marks,
        subprocess.Popen(
            [*program, str(data_dir), str(DEADLINE_S)],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": marks},
        ) as server,
    ):
        assert server.stdout is not None
        yield server.stdout.readline().split()[-1]
        server.terminate()
        assert server.wait(STOP_S) == 0


@pytest.fixture
def photographs(tmp_path: Path) -> list[Path]:
    """Two small ones of content that no other test has."""
    paths = [tmp_path / f"photograph-{number}.jpg" for number in range(2)]
    for path in paths:
        path.write_bytes(photo_jpeg(700, 525) + str(path).encode())
    return paths


def submit(page: Page, name: str, *variants: str, wait_s: int = 0) -> dict[str, Any]:
    """A job of small variants, each of which is due before the next, given in beside the page."""
    specs = [{"name": each, "resize": {"width": 90 - at}} for at, each in enumerate(variants)]
    answer = page.request.post(
        "/api/jobs",
        params={"name": name, "variants": json.dumps(specs)},
        headers={"Content-Type": "image/jpeg", "Prefer": f"wait={wait_s}"},
        data=photo_jpeg(640, 427) + name.encode(),
    )
    assert answer.ok, answer.text()
    job: dict[str, Any] = answer.json()
    return job


def upload(page: Page, *photographs: Path) -> None:
    """Upload by the page one after the other, and wait until all are completed."""
    page.goto("/")
    page.get_by_label("social,").uncheck()
    page.locator("input[value=x]").check()
    before = page.locator(".card").count()
    for number, photograph in enumerate(photographs, start=before + 1):
        page.locator("#files").set_input_files(photograph)
        expect(page.locator(".card[data-state=completed]")).to_have_count(number)


def card_of(page: Page, name: str) -> Locator:
    return page.get_by_role("article", name=name)


def test_running_job_is_cancelled_and_keeps_what_was_made(page: Page) -> None:
    submit(page, "long.jpg", "quick", "hang")
    page.goto("/")
    card = card_of(page, "long.jpg")
    expect(card.locator(".tile[data-name=quick]")).to_have_attribute("data-state", "completed")
    expect(card).to_have_attribute("data-state", "running")
    expect(card.get_by_role("button")).to_have_text(["Cancel"])
    expect(card.get_by_role("link", name="ZIP")).to_have_count(0)
    card.get_by_role("button", name="Cancel long.jpg").press("Enter")

    expect(card.locator(".card-state")).to_have_text("Cancelled: 1 of 2")
    expect(card.locator(".tile[data-name=hang] .tile-made")).to_have_text("Cancelled")
    expect(card.locator(".problem")).to_have_count(0)
    expect(card).to_be_focused()
    expect(card.get_by_role("button")).to_have_text(["Remove"])
    expect(card.get_by_role("link", name="ZIP")).to_be_visible()
    expect(page.locator("#summary-words")).to_contain_text("0 of 1 photograph done, 1 cancelled ")
    expect(page.locator("#summary-progress")).to_have_js_property("position", 1)
    expect(page.locator("#announcer")).to_have_text("long.jpg: Cancelled: 1 of 2 variants.")


def test_partial_job_comes_back_to_life_by_a_retry(page: Page) -> None:
    submit(page, "half.jpg", "plain", "defect-once", wait_s=60)
    page.goto("/")
    card = card_of(page, "half.jpg")
    expect(card).to_have_attribute("data-state", "partial")
    expect(card.locator(".problem strong")).to_contain_text("defect-once: ")
    page.evaluate(_NOTE_STATES)
    card.get_by_role("button", name="Retry").click()

    expect(card.locator(".card-state")).to_have_text("Completed: 2 of 2")
    expect(card.locator(".problem")).to_have_count(0)
    expect(card.locator(".tile[data-name=defect-once] img")).to_have_class("developed")
    expect(card.get_by_role("button")).to_have_text(["Remove"])
    seen = page.evaluate("window.statesSeen")
    assert seen["card"] == ["queued", "running", "completed"]
    assert seen["tile"] == ["queued", "running", "completed"]


def test_retry_that_the_server_refuses_is_told_in_its_words_and_possible_again(page: Page) -> None:
    submit(page, "later.jpg", "defect", wait_s=60)
    page.goto("/")
    card = card_of(page, "later.jpg")
    full = {"title": "Storage full", "detail": "The disk is full; try again later."}

    def refuse(route: Route) -> None:
        route.fulfill(status=507, json=full, content_type="application/problem+json")

    page.route("**/retry", refuse, times=1)
    card.get_by_role("button", name="Retry").click()
    expect(card.locator(".problem").first).to_have_text(full["title"] + full["detail"])
    expect(page.locator("#announcer")).to_contain_text(f"later.jpg: {full['title']}.")
    expect(card).to_have_attribute("data-state", "failed")

    with page.expect_response("**/retry") as answer:
        card.get_by_role("button", name="Retry").click()
    assert answer.value.status == 202
    expect(card).not_to_contain_text(full["title"])
    expect(card).to_have_attribute("data-state", "failed")


def test_job_removed_elsewhere_says_so_and_can_be_put_away(page: Page) -> None:
    job = submit(page, "gone.jpg", "plain", "defect", wait_s=60)
    page.goto("/")
    card = card_of(page, "gone.jpg")
    expect(card.get_by_role("link", name="ZIP")).to_be_visible()
    page.request.delete(job["links"]["self"])
    card.get_by_role("button", name="Retry").click()

    expect(card.locator(".problem p")).to_have_text(
        "The job was deleted; there is nothing to try again."
    )
    expect(card.get_by_role("link", name="ZIP")).to_have_count(0)
    expect(card.get_by_role("button")).to_have_text(["Remove"])
    card.get_by_role("button", name="Remove").click()
    expect(page.locator(".card")).to_have_count(0)
    expect(page.locator("#summary")).to_be_hidden()


def test_all_variants_are_saved_in_one_archive(page: Page, photographs: list[Path]) -> None:
    upload(page, photographs[0])
    names = page.locator(".tile").evaluate_all("tiles => tiles.map((tile) => tile.dataset.name)")
    with page.expect_download() as started:
        page.get_by_role("link", name="Download all (ZIP) of photograph-0.jpg").click()

    assert started.value.suggested_filename == "photograph-0.zip"
    with zipfile.ZipFile(started.value.path()) as archive:
        assert archive.testzip() is None
        assert set(archive.namelist()) == {
            "manifest.json",
            *(f"photograph-0-{name}.jpg" for name in names),
        }


def test_removed_photograph_goes_from_page_and_server(page: Page, photographs: list[Path]) -> None:
    upload(page, *photographs)
    removed = card_of(page, "photograph-1.jpg")
    address = removed.get_by_role("link", name="JSON").get_attribute("href")
    removed.get_by_role("button", name="Remove photograph-1.jpg").press("Enter")

    expect(page.locator(".card-name")).to_have_text(["photograph-0.jpg"])
    expect(page.locator(".mark")).to_have_count(1)
    expect(card_of(page, "photograph-0.jpg")).to_be_focused()
    expect(page.locator("#summary-words")).to_contain_text("1 of 1 photograph done ")
    expect(page.locator("#announcer")).to_contain_text("photograph-1.jpg was removed.")
    assert page.request.get(address or "").json()["deleted_at"]


def test_reused_variants_are_marked_as_such(page: Page, photographs: list[Path]) -> None:
    upload(page, photographs[0])
    expect(page.locator(".tile-made", has_text="reused")).to_have_count(0)
    upload(page, photographs[0])

    tiles = page.locator(".card").first.locator(".tile-made")
    assert tiles.count() > 0
    expect(tiles.filter(has_text="\N{MIDDLE DOT} reused")).to_have_count(tiles.count())


def test_page_finds_yesterday_s_photographs_again(page: Page, photographs: list[Path]) -> None:
    upload(page, *photographs)
    page.add_init_script(_NOTE_ANNOUNCEMENTS)
    page.reload()

    expect(page.locator(".card-name")).to_have_text(["photograph-1.jpg", "photograph-0.jpg"])
    expect(page.locator(".card[data-state=completed]")).to_have_count(2)
    expect(page.locator(".mark .preview img")).to_have_count(2)
    pictures = page.locator(".card").first.locator(".tile img")
    expect(pictures.first).to_have_class("developed")
    address = pictures.first.get_attribute("src") or ""
    assert page.request.get(address).headers["content-type"] == "image/jpeg"
    page.get_by_role("button", name="Remove photograph-1.jpg").click()
    expect(page.locator("#announcer")).not_to_be_empty()
    assert page.evaluate("window.told") == ["photograph-1.jpg was removed."]


def test_upload_whose_answer_was_lost_makes_one_job(page: Page, photographs: list[Path]) -> None:
    page.add_init_script(_LOSE_FIRST_ANSWER)
    page.goto("/")
    page.locator("#files").set_input_files(photographs[0])
    expect(page.locator(".problem strong")).to_have_text("The connection broke")
    assert len(page.request.get("/api/jobs").json()["jobs"]) == 1
    page.get_by_role("button", name="Try again").click()

    expect(page.locator(".card[data-state=completed]")).to_have_count(1)
    assert len(page.request.get("/api/jobs").json()["jobs"]) == 1
