"""Frames in pages of a site, and many tabs at once, in a real browser."""

import pytest

pytestmark = [pytest.mark.real, pytest.mark.any_python]

#: Puts a frame into the page, and waits until something is there.
ADD_FRAME = """address => new Promise(resolve => {
    const frame = document.createElement("iframe");
    frame.onload = resolve;
    frame.src = address;
    document.body.append(frame);
})"""
LONGER_THAN_KEEP_ALIVE = "new Promise(go => setTimeout(go, 2500))"


@pytest.fixture(scope="module")
def configured():
    """Sites soon ask the hub again; its answer comes by either binding."""
    return {
        "filter:uwv-eilogin": {"keep_alive": "2s"},
        "filter:gemeente-login": {"keep_alive": "2s"},
    }


@pytest.mark.parametrize(
    ("host", "heading"), [("uwv", "Mijn UWV"), ("gemeente", "Mijn gemeente")]
)
def test_a_frame_shows_its_page_and_leaves_the_hub_alone(
    demo, at_browser, host, heading
):
    anna = at_browser(demo).log_in(host)
    anna.page.evaluate(LONGER_THAN_KEEP_ALIVE)
    asked = []
    anna.page.on("request", lambda request: asked.append(request.url))
    anna.page.evaluate(ADD_FRAME, "/?frame")
    anna.page.frame_locator("iframe").get_by_role("heading", name=heading).wait_for()
    assert not [url for url in asked if "://inloggen." in url]
    with anna.page.expect_request(lambda request: "://inloggen." in request.url):
        anna.visit(host)
    anna.arrives(host)


def test_a_strangers_frame_leads_to_the_login_in_the_whole_window(demo, at_browser):
    anna = at_browser(demo, color_scheme="dark").visit("kadaster").arrives("kadaster")
    anna.page.evaluate(ADD_FRAME, "/mijn")
    frame = anna.page.frame_locator("iframe")
    frame.get_by_text("om dit deel van de pagina te zien").wait_for()
    assert anna.page.context.cookies(demo.url("kadaster")) == []
    frame.get_by_role("link", name="Inloggen", exact=True).click()
    anna.sees("Inloggen bij Kadaster").type_password().arrives("kadaster")
    anna.page.evaluate(ADD_FRAME, "/mijn")
    frame.get_by_text("Anna de Proef").first.wait_for()


def test_of_many_tabs_at_once_the_first_one_is_forgotten_calmly(demo, at_browser):
    anna = at_browser(demo, color_scheme="dark")
    tabs = [anna.tab() for _ in range(6)]
    for number, tab in enumerate(tabs):
        tab.visit("kadaster", f"/mijn?{number}").sees("Inloggen bij Kadaster")
    for tab in tabs[:0:-1]:
        tab.type_password().arrives("kadaster", "/mijn")
    tabs[0].type_password().sees("U bent ingelogd bij Kadaster")
    tabs[0].photograph("forgotten-tab-dark")
    tabs[0].click("Naar de website van Kadaster").arrives("kadaster")
