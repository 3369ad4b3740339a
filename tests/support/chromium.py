"""Chromium, for the tests that need a real browser."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from real_parts import unavailable

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PROGRAM = shutil.which("chromium") or "/usr/bin/chromium"
OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
SMALLEST = {"width": 320, "height": 640}
TELEPHONE = {"width": 360, "height": 740}
DESK = {"width": 1280, "height": 800}
#: What a finger may miss: buttons, fields and links below 44 pixels. A box to tick and
#: its label are one. A link in a sentence is as high as its line (WCAG 2.5.8), and that
#: of a tile as large as the tile.
TOO_SMALL = """[...document.querySelectorAll(
        "a[href], button, input:not([type=hidden]), select, textarea, summary"
    )]
    .map(one => one.closest("label:has([type=radio], [type=checkbox])") ?? one)
    .filter(one => one.checkVisibility())
    .filter(one => !one.matches("p > a:not(.button)")
        || one.innerText.trim() === one.parentElement.innerText.trim())
    .filter(one => getComputedStyle(one, "::after").position !== "absolute")
    .map(one => [one.innerText, one.getBoundingClientRect()])
    .filter(([, box]) => Math.min(box.width, box.height) < 44)
    .map(([text, box]) => `${text}: ${box.width} x ${box.height}`)"""


@contextmanager
def launched() -> "Iterator[Browser]":
    """A browser; the test is skipped, or fails, where a part is missing."""
    try:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415 - an extra
    except ImportError:
        unavailable("needs Playwright: pip install 'eilogin[test]'")
    if not Path(PROGRAM).exists():
        unavailable("needs Chromium: apt install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=PROGRAM, args=list(OPTIONS)
        )
        yield browser
        browser.close()


def go(page: "Page", url: str) -> None:
    """Set out for an address, whatever pages lead on from there."""
    from playwright.sync_api import Error  # noqa: PLC0415 - an extra

    try:
        # Not until it is loaded: some pages go on by themselves before that.
        page.goto(url, wait_until="commit")
    except Error as error:
        # And some before Playwright hears that they are there.
        if "interrupted by another navigation" not in error.message:
            raise


def arrive(page: "Page", url: str, text: str) -> None:
    """Go to an address, and be in the end where it shows this text.

    The page that sends a question to the hub may stand at the same address.
    """
    go(page, url)
    page.get_by_text(text).wait_for()
    page.wait_for_url(url)
