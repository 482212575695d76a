"""The page without a mouse."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

MOST_STEPS = 60


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until the focus is on a match, and see that it shows."""
    for _ in range(MOST_STEPS):
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        if focused.evaluate("(node, selector) => node.matches(selector)", selector):
            outline = "node => getComputedStyle(node.closest('.chip') ?? node).outlineStyle"
            assert focused.evaluate(outline) == "solid"
            return
    pytest.fail(f"{selector} was not reached within {MOST_STEPS} steps")


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_photograph_goes_from_choice_to_download_by_keys(
    page: Page, photographs: list[Path], key: str
) -> None:
    # Playwright takes choosers over when the first listener comes, and does not wait for Chromium
    # to know: one that came only with the key press would now and then be too late.
    page.on("filechooser", lambda _: None)
    page.goto("/")
    expect(page.get_by_label("social,")).to_be_checked()

    tab_to(page, "input[value=effects]")
    page.keyboard.press("Space")
    expect(page.locator("input[value=effects]")).to_be_checked()
    page.locator("h1").click()
    tab_to(page, "#choose")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press(key)
    assert chooser.value.is_multiple()
    chooser.value.set_files(photographs[0])
    expect(page.locator(".card[data-state=completed]")).to_have_count(1)
    tab_to(page, "a.download")
    with page.expect_download() as started:
        page.keyboard.press("Enter")

    assert started.value.suggested_filename.startswith("photograph-0-")
    assert started.value.path().stat().st_size > 0
