"""The page when the server is full, away or back again."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

pytestmark = pytest.mark.browser


def fail_first(page: Page, pattern: str, status: int, headers: dict[str, str]) -> None:
    """Let the first request to an address be answered with an error, the others pass."""

    def answer(route: Route) -> None:
        route.fulfill(status=status, headers=headers, body="{}")

    page.route(pattern, answer, times=1)


def test_photograph_accepted_while_the_stream_was_down_is_caught_up_with(
    page: Page, photographs: list[Path]
) -> None:
    fail_first(page, "**/api/events", 503, {})
    page.goto("/")
    expect(page.locator("#stream")).to_have_text("Reconnecting")
    page.locator("#files").set_input_files(photographs[0])

    expect(page.locator(".card[data-state=completed]")).to_have_count(1)
    expect(page.locator("#stream")).to_have_text("Live")


def test_full_server_is_asked_again(page: Page, photographs: list[Path]) -> None:
    page.goto("/")
    fail_first(page, "**/api/jobs", 503, {"Retry-After": "0"})
    page.locator("#files").set_input_files(photographs[0])

    expect(page.locator(".card[data-state=completed]")).to_have_count(1)


def test_broken_upload_is_tried_again_by_hand(page: Page, photographs: list[Path]) -> None:
    page.goto("/")
    page.route("**/api/jobs", lambda route: route.abort())
    page.locator("#files").set_input_files(photographs[0])
    expect(page.locator(".problem strong")).to_have_text("The connection broke")
    expect(page.locator(".card-state")).to_have_text("Not sent")
    expect(page.locator("#announcer")).to_contain_text("was not sent: The connection broke")
    page.unroute("**/api/jobs")
    page.get_by_role("button", name="Try again").click()

    expect(page.locator(".card[data-state=completed]")).to_have_count(1)
    expect(page.locator(".problem")).to_have_count(0)
