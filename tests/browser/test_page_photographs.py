"""Photographs on the page: uploads, tiles and downloads, many at once."""

from pathlib import Path

import cv2
import pytest
from playwright.sync_api import Page, Request, Route, expect

from tests.browser.page_record import Record
from tests.serving import LiveServer

pytestmark = pytest.mark.browser

PATIENCE_MS = 60_000
UNFINISHED = ("waiting", "uploading", "queued", "running")
_DECODE_ALL = """async () => {
  const pictures = [...document.querySelectorAll(".tile img")];
  for (const picture of pictures) picture.loading = "eager";
  await Promise.all(pictures.map((picture) => picture.decode()));
  return pictures.map(({ naturalWidth, naturalHeight, width, height }) => (
    { naturalWidth, naturalHeight, shown: width * height }
  ));
}"""


def open_page(page: Page) -> dict[str, str]:
    """Open the page and wait until it can take photographs; the headers of its document."""
    answer = page.goto("/")
    assert answer is not None
    expect(page.locator("#stream")).to_have_attribute("data-stream", "live")
    expect(page.get_by_label("social,")).to_be_checked()
    return answer.headers


def expect_ended(page: Page, still_waiting: int = 0, **states: int) -> None:
    """Wait until no more than `still_waiting` cards go on, then see how the others ended."""
    going_on = ", ".join(f"[data-state={state}]" for state in UNFINISHED)
    expect(page.locator(f".card:is({going_on})")).to_have_count(still_waiting, timeout=PATIENCE_MS)
    for state, number in states.items():
        expect(page.locator(f".card[data-state={state}]")).to_have_count(number)


def test_ten_photographs_at_once_fill_every_tile(
    page: Page, live_server: LiveServer, record: Record, photographs: list[Path]
) -> None:
    headers = open_page(page)
    assert "default-src 'none'" in headers["content-security-policy"]
    bundles = page.request.get("/api/presets").json()["presets"]
    (social,) = [preset["variants"] for preset in bundles if preset["name"] == "social"]

    page.locator("#files").set_input_files(photographs)
    expect_ended(page, completed=10)

    pictures = page.evaluate(_DECODE_ALL)
    assert len(pictures) == 10 * len(social)
    assert all(picture["naturalWidth"] > 0 and picture["shown"] > 0 for picture in pictures)
    expect(page.locator("#summary-words")).to_contain_text("10 of 10 photographs done")
    assert len(record.of_kind("eventsource")) == 1
    assert record.elsewhere(live_server.url) == []
    assert record.complaints == []
    assert page.evaluate("window.policyViolations") == []


def test_tile_tells_size_bytes_time_and_where_the_file_is(
    page: Page, photographs: list[Path]
) -> None:
    open_page(page)
    page.locator("#files").set_input_files(photographs[0])
    expect_ended(page, completed=1)

    job = page.request.get(page.get_by_role("link", name="JSON").get_attribute("href") or "").json()
    variant = next(each for each in job["variants"] if each["name"] == "instagram-square")
    tile = page.locator(".tile[data-name=instagram-square]")
    size = f"{variant['width']} \N{MULTIPLICATION SIGN} {variant['height']}"
    expect(tile.locator(".tile-size")).to_have_text(size)
    kilobytes = variant["bytes"] / 1000
    expect(tile).to_contain_text(
        f"{kilobytes:.{0 if kilobytes >= 9.95 else 1}f} kB \N{MIDDLE DOT} "
    )
    expect(tile.locator(".frame")).to_have_attribute("href", variant["url"])
    frame = tile.locator(".frame").bounding_box()
    assert frame is not None
    assert frame["width"] / frame["height"] == pytest.approx(1, abs=0.02)


def test_download_goes_on_while_uploads_run(page: Page, photographs: list[Path]) -> None:
    held: list[Route] = []
    accepted = 0

    def hold_the_last(route: Route, _: Request) -> None:
        nonlocal accepted
        accepted += 1
        if accepted == len(photographs):
            held.append(route)
        else:
            route.continue_()

    open_page(page)
    page.route("**/api/jobs", hold_the_last)
    page.locator("#files").set_input_files(photographs)
    tile = page.locator(".tile[data-name=facebook-post][data-state=completed]").first
    with page.expect_download(timeout=PATIENCE_MS) as started:
        tile.locator("a.download").click(timeout=PATIENCE_MS)
    downloaded = started.value
    picture = cv2.imread(str(downloaded.path()))

    assert downloaded.suggested_filename.endswith("-facebook-post.jpg")
    assert picture is not None
    assert picture.shape == (630, 1200, 3)
    expect_ended(page, still_waiting=1, completed=9)
    held[0].continue_()
    expect_ended(page, completed=10)


def test_bad_file_shows_its_problem_and_the_others_go_on(
    page: Page, record: Record, tmp_path: Path, photographs: list[Path]
) -> None:
    bad = tmp_path / "notes.jpg"
    bad.write_text("This is no picture at all, whatever its name says.\n" * 20)
    open_page(page)
    page.locator("#files").set_input_files([photographs[0], bad, photographs[1]])

    # What is told next takes its place.
    told = page.locator("#announcer")
    expect(told).to_contain_text("notes.jpg was not accepted", timeout=60_000)
    expect_ended(page, completed=2, refused=1)
    refused = page.get_by_role("article", name="notes.jpg")
    expect(refused.locator(".problem strong")).to_have_text("Not an accepted image format")
    expect(refused.locator(".problem p")).not_to_be_empty()
    expect(refused.get_by_role("button", name="Try again")).to_have_count(0)
    # Chromium itself notes an answer of 4xx in the console.
    assert [complaint for complaint in record.complaints if "status of 415" not in complaint] == []


def test_photographs_that_fail_are_counted_and_leave_nothing_to_do(
    page: Page, tmp_path: Path, photographs: list[Path]
) -> None:
    damaged, notes = tmp_path / "damaged.jpg", tmp_path / "notes.jpg"
    damaged.write_bytes(photographs[1].read_bytes()[:2000])
    notes.write_text("no picture")
    open_page(page)
    page.locator("#files").set_input_files([photographs[0], damaged, notes])

    expect_ended(page, completed=1, failed=1, refused=1)
    expect(page.locator("#summary-words")).to_contain_text("1 of 3 photographs done, 2 failed ")
    expect(page.locator("#summary-progress")).to_have_js_property("position", 1)
    failed = page.get_by_role("article", name="damaged.jpg")
    expect(failed.locator(".problem strong")).to_have_text(["Damaged image"])
    expect(failed.locator(".tile[data-name=instagram-story]")).to_have_attribute(
        "data-state", "failed"
    )
    expect(failed.locator(".tag")).to_have_count(0)
    made = page.get_by_role("article", name="photograph-0.jpg")
    expect(made.locator(".tile[data-name=instagram-story] .tag")).to_have_text("reduced")


@pytest.mark.parametrize(
    ("kind", "carrier"), [("drop", "dataTransfer"), ("paste", "clipboardData")]
)
def test_dropped_and_pasted_photographs_are_taken_in(
    page: Page, photographs: list[Path], kind: str, carrier: str
) -> None:
    open_page(page)
    page.evaluate(
        """([kind, carrier, bytes]) => {
          const transfer = new DataTransfer();
          const file = new File([new Uint8Array(bytes)], "given.jpg", { type: "image/jpeg" });
          transfer.items.add(file);
          const type = kind === "drop" ? DragEvent : ClipboardEvent;
          const init = { bubbles: true, cancelable: true, [carrier]: transfer };
          const target = document.querySelector("main");
          if (target.dispatchEvent(new type(kind, init))) throw new Error("not taken");
        }""",
        [kind, carrier, list(photographs[0].read_bytes())],
    )

    expect(page.get_by_role("article", name="given.jpg")).to_be_visible()
    expect_ended(page, completed=1)


def test_presets_combine_in_the_page_and_in_the_command(
    page: Page, photographs: list[Path]
) -> None:
    open_page(page)
    page.get_by_label("social,").uncheck()
    page.locator("#files").set_input_files(photographs[0])
    expect(page.get_by_role("alert")).to_contain_text("at least one preset")
    expect(page.locator(".card")).to_have_count(0)

    page.locator("input[value=x]").check()
    page.get_by_label("pinterest,").check()
    expect(page.get_by_role("alert")).to_be_hidden()
    expect(page.locator("#recipe-upload")).to_contain_text("-F preset=x,pinterest -F file=@")
    planned = page.locator("#outlines li").count()
    page.locator("#files").set_input_files(photographs[0])
    expect_ended(page, completed=1)
    expect(page.locator(".tile")).to_have_count(planned)
    expect(page.locator(".tile[data-name=pinterest-pin]")).to_have_count(1)
