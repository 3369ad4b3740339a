"""What is sent after a session has ended is kept, in a real browser.

The server's clock cannot be moved here, so the session is a short one.
"""

import pytest
from manual_blocks import block

pytestmark = [pytest.mark.real, pytest.mark.any_python]

#: Asks how long still, which keeps no session alive.
UNTIL_IT_IS_OVER = """async () => {
    const look = async () => (await fetch("/eilogin/session")).json();
    while ((await look()).logged_in) {
        await new Promise(resolve => setTimeout(resolve, 250));
    }
}"""
NOTE = "Bellen over het bezwaar & één ☂"


@pytest.fixture(scope="module")
def configured():
    """A session of uwv ends soon; a dialog would stand before the form."""
    uwv = {"idle": "3s", "keep_post": "1k", "warn": "off"}
    return {"filter:uwv-eilogin": uwv}


def test_she_logs_in_again_and_sends_it_with_one_click(demo, at_browser):
    anna = at_browser(demo)
    anna.log_in("uwv", "/notitie")
    anna.page.get_by_label("Notitie", exact=True).fill(NOTE)
    anna.page.evaluate(UNTIL_IT_IS_OVER)
    anna.click("Bewaren").sees("Uw formulier is nog niet verstuurd")
    assert "Wij bewaren uw formulier tot " in anna.text
    anna.photograph("kept-form")
    anna.click("Opnieuw inloggen")
    if "://inloggen." in anna.page.url:
        anna.type_password()
    anna.sees("Formulier opnieuw versturen?").photograph("send-again")
    with anna.page.expect_request(lambda r: r.method == "POST") as sent:
        anna.click("Verstuur opnieuw")
    anna.arrives("uwv", "/notitie")
    assert anna.note == NOTE
    headers = sent.value.all_headers()
    assert headers["sec-fetch-site"] == "same-origin"
    anna.page.go_back()
    anna.sees("U hebt dit formulier al verstuurd").photograph("form-sent")
    anna.click("Naar de website van UWV").arrives("uwv")


def test_page_reports_form_that_is_too_large(demo, at_browser):
    anna = at_browser(demo)
    anna.log_in("uwv", "/notitie")
    anna.page.get_by_label("Notitie", exact=True).evaluate(
        "field => { field.removeAttribute('maxlength');"
        " field.value = 'x'.repeat(1025); }"
    )
    anna.page.evaluate(UNTIL_IT_IS_OVER)
    anna.click("Bewaren").sees("Uw formulier is niet verstuurd. Laat dit tabblad open.")
    anna.photograph("form-too-large")


def test_the_script_of_the_manual_shows_the_link_to_log_in(demo, at_browser):
    """The script and the link are those of the page, as they stand there."""
    link = block("protect/forms.rst", "Background calls", "html")
    script = block("protect/forms.rst", "Background calls", "javascript")
    anna = at_browser(demo)
    anna.log_in("uwv", "/notitie?van=post")
    anna.page.evaluate(
        "html => document.querySelector('main').insertAdjacentHTML('beforeend', html)",
        link,
    )
    shown = anna.page.locator("#log-in")
    anna.page.evaluate(f"async () => {{{script}}}")
    assert not shown.is_visible()
    anna.page.evaluate(UNTIL_IT_IS_OVER)
    anna.page.evaluate(f"async () => {{{script}}}")
    assert shown.is_visible()
    with anna.page.expect_request(lambda r: "://inloggen." in r.url):
        anna.click("Log in again")
    # The hub still knows the visitor, so it asks for nothing.
    shown.wait_for(state="detached")
    anna.page.wait_for_url(demo.url("uwv", "/notitie?van=post"))
    assert "Anna de Proef" in anna.page.locator("p.who").inner_text()
