"""The page of a server that asks for a key."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.api_keys import Held, drop_key, keep_keys, make_key
from tests.browser.page_record import Record
from tests.serving import LiveServer

pytestmark = pytest.mark.browser

OWNER, OTHER, SHORT = make_key("The owner"), make_key("Another"), make_key("Short")
MAKER, OTHER_MAKER = make_key("The maker"), make_key("Another maker")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server that asks for keys."""
    folder = tmp_path_factory.mktemp("guarded") / "data"
    keep_keys(folder, OWNER, OTHER, SHORT, MAKER, OTHER_MAKER)
    server = LiveServer(folder, PIXELPIPE_AUTH="on")
    yield server
    assert server.terminate() == 0


@pytest.fixture(scope="module")
def home(guarded: LiveServer) -> str:
    return guarded.url


@pytest.fixture
def page(recorded_page: Page) -> Page:
    """Its jobs are left: each key that makes any is of one test alone."""
    return recorded_page


def sign_in(page: Page, held: Held) -> None:
    page.get_by_label("API key").fill(held.text)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#stream")).to_have_text("Live")


def test_the_page_asks_for_a_key_and_shows_nothing_else(page: Page, record: Record) -> None:
    page.goto("/")
    expect(page.get_by_role("heading", name="This server asks for a key")).to_be_visible()
    expect(page.get_by_label("API key")).to_be_focused()
    expect(page.locator("#choose")).to_be_hidden()
    expect(page.locator("#sign-out")).to_be_hidden()
    assert not record.of_kind("eventsource")
    assert page.evaluate("window.policyViolations") == []


def test_work_from_signing_in_to_signing_out(
    page: Page, photographs: list[Path], record: Record
) -> None:
    page.goto("/")
    page.get_by_label("API key").fill(MAKER.text)
    page.keyboard.press("Enter")
    expect(page.get_by_text("The maker")).to_be_visible()
    expect(page.get_by_label("API key")).to_be_hidden()
    expect(page.locator("#recipe-upload")).to_contain_text("Authorization: Bearer $PIXELPIPE_KEY")
    page.locator("#files").set_input_files(photographs[0])
    expect(page.locator(".card[data-state=completed]")).to_have_count(1)
    page.locator(".frame img").first.scroll_into_view_if_needed()
    expect(page.locator(".frame img.developed").first).to_be_visible()

    page.reload()
    expect(page.locator(".card[data-state=completed]")).to_have_count(1)
    page.get_by_role("button", name="Remove").click()
    expect(page.locator(".card")).to_have_count(0)

    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("API key")).to_be_visible()
    expect(page.locator("#choose")).to_be_hidden()
    assert page.context.cookies() == []
    assert page.evaluate("window.policyViolations") == []
    assert MAKER.text not in " ".join(request.url for request in record.requests)


def test_no_script_sees_the_session(page: Page) -> None:
    page.goto("/")
    sign_in(page, OWNER)
    (cookie,) = page.context.cookies()
    assert (cookie["name"], cookie["httpOnly"]) == ("pixelpipe_session", True)
    assert cookie["sameSite"] == "Strict"
    assert page.evaluate("document.cookie") == ""
    assert (
        page.evaluate("Object.keys(localStorage).length + Object.keys(sessionStorage).length") == 0
    )
    assert page.get_by_label("API key").input_value() == ""


@pytest.mark.parametrize(
    "text", [make_key().text, "kein Schlüssel", ""], ids=["unknown", "no key", "nothing"]
)
def test_a_wrong_key_is_told_at_the_field(page: Page, text: str) -> None:
    page.goto("/")
    field = page.get_by_label("API key")
    field.fill(text)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert").filter(has_text="key")).to_be_visible()
    expect(field).to_have_attribute("aria-invalid", "true")
    sign_in(page, OWNER)
    expect(page.locator("#choose")).to_be_visible()


def test_one_key_shows_nothing_of_another(page: Page, photographs: list[Path]) -> None:
    page.goto("/")
    sign_in(page, OTHER_MAKER)
    page.locator("#files").set_input_files(photographs[0])
    expect(page.locator(".card[data-state=completed]")).to_have_count(1)
    page.get_by_role("button", name="Sign out").click()
    sign_in(page, OTHER)
    expect(page.locator("#summary")).to_be_hidden()
    expect(page.locator(".card")).to_have_count(0)


def test_a_session_that_has_ended_brings_the_form_back(page: Page, guarded: LiveServer) -> None:
    page.goto("/")
    sign_in(page, SHORT)
    # Playwright keeps an event loop running in this thread, which nothing may block.
    with ThreadPoolExecutor(1) as aside:
        aside.submit(drop_key, guarded.data_dir, SHORT).result()
    expect(page.get_by_text("The session has ended")).to_be_visible()
    expect(page.locator("#choose")).to_be_hidden()
    expect(page.get_by_label("API key")).to_be_focused()
    sign_in(page, OWNER)
    expect(page.get_by_text("The owner")).to_be_visible()


def test_signing_in_needs_no_mouse(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_label("API key")).to_be_focused()
    page.keyboard.type(OWNER.text)
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Sign in")).to_be_focused()
    page.keyboard.press("Space")
    expect(page.locator("#stream")).to_have_text("Live")
    page.locator("h1").click()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Sign out")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_label("API key")).to_be_focused()
