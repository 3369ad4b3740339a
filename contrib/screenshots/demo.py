"""Take the pictures of README.rst and of the first pages of the manual.

They come from the running demo, so start that first, in another terminal::

    eilogin demo
    python contrib/screenshots/demo.py contrib/manual/pictures
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

CHECKOUT = Path(__file__).parents[2]
# The browser is started as in the tests.
sys.path[:0] = [str(CHECKOUT / "tests" / "support")]

from chromium import TELEPHONE, launched  # noqa: E402 - found by now

if TYPE_CHECKING:
    from playwright.sync_api import Page

#: Milliseconds for a page of the demo.
PATIENCE = 15_000


@click.command(
    epilog="Example: python contrib/screenshots/demo.py contrib/manual/pictures"
)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--port",
    default=8080,
    show_default=True,
    help="The port of the demo: 'visitors' in paste.ini.",
)
def take(folder: Path, port: int) -> None:
    """Visit the running demo as a citizen, and write four pictures to FOLDER."""
    folder.mkdir(parents=True, exist_ok=True)
    with launched() as browser:
        context = browser.new_context(locale="en-GB", viewport=TELEPHONE)
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        _guide(page, folder, port)
        _journey(page, folder, port)


def _guide(page: "Page", folder: Path, port: int) -> None:
    page.set_viewport_size({"width": 760, "height": 620})
    page.goto(f"http://localhost:{port}/")
    page.screenshot(path=folder / "demo-guide.png")
    page.set_viewport_size(TELEPHONE)


def _journey(page: "Page", folder: Path, port: int) -> None:
    """Log in, visit three services, and log out at the hub."""
    hub, uwv, gemeente, kadaster = (
        f"http://{host}.localhost:{port}/{path}"
        for host, path in (
            ("inloggen", ""),
            ("uwv", ""),
            ("gemeente", ""),
            ("kadaster", "mijn"),
        )
    )
    page.goto(uwv)
    page.locator("[name=password]").wait_for()
    page.screenshot(path=folder / "demo-sign-in.png")
    page.fill("[name=username]", "anna")
    page.fill("[name=password]", "demo-anna")
    page.click("[name=login]")
    page.wait_for_url(uwv)
    page.screenshot(path=folder / "demo-service.png")
    for address in (gemeente, kadaster):
        # A page that sends the browser on to the hub comes first.
        page.goto(address, wait_until="commit")
        page.wait_for_url(address)
        page.get_by_role("link", name="Log out").wait_for()
    page.goto(hub)
    page.get_by_role("button", name="Log out everywhere").click()
    page.get_by_role(
        "heading", level=1, name="You are logged out everywhere"
    ).wait_for()
    page.screenshot(path=folder / "demo-receipt.png")


if __name__ == "__main__":
    take()
