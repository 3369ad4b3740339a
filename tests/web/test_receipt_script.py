"""The receipt of a logout looks for news by itself, in a real browser."""

from dataclasses import replace

import pytest
from chromium import launched
from kinds_of_pages import KINDS, ORIGIN, Catalogue, fulfill, page_of

pytestmark = pytest.mark.real

STOPPED = "receipt-not-everywhere"
FIRST = "Kies eerst"
#: Milliseconds after which the page looks for news.
A_WHILE = 6_000
LINKS = """[...document.querySelectorAll(".actions a")]
    .filter(one => one.checkVisibility())
    .map(one => [one.innerText, one.classList.contains("quiet")])"""


@pytest.fixture
def news():
    """Show a receipt, and the same receipt with other values a little later."""
    with launched() as browser:
        page = browser.new_page(locale="nl-NL")
        catalogue = Catalogue(page)

        def show(**values):
            kind = KINDS[STOPPED]
            later = replace(kind, values={**kind.values, **values})
            page.route(
                f"{ORIGIN}/logout", lambda route: fulfill(route, page_of(later, "nl"))
            )
            page.clock.install()
            catalogue.show(STOPPED, "nl")
            assert FIRST in page.locator("main").inner_text()
            with page.expect_response("**/logout"):
                page.clock.run_for(A_WHILE)
            return page

        yield show


def test_nobody_is_asked_to_go_on_logging_out_who_has_no_need_to(news):
    page = news(tell_url=None)
    page.get_by_role("link", name="Verder uitloggen").wait_for(state="hidden")
    text = page.locator("main").inner_text()
    assert FIRST not in text
    assert "Sluit nu uw hele browser" in text
    assert page.evaluate(LINKS) == [
        ["Kijk opnieuw", False],
        ["Naar Voorbeeldland Login", True],
    ]


def test_a_way_on_that_is_needed_still_stays(news):
    page = news(is_unsure=False)
    page.get_by_text("Ook bij andere diensten").wait_for(state="hidden")
    assert FIRST in page.locator("main").inner_text()
    assert page.evaluate(LINKS)[0] == ["Verder uitloggen", False]
