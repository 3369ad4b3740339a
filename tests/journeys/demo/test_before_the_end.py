"""Before her session ends she is told on her page, in a real browser.

The sites of this demonstration forbid all scripts and styles but their own files. The
server's clock cannot be moved here, so its limits are short: a warning comes when half
of the idle limit of 12 seconds is over.
"""

import re

import pytest

pytestmark = [pytest.mark.real, pytest.mark.any_python]

SOON = re.compile(r"^Over \d+ seconden? wordt u uitgelogd bij .+$")
OVER = "U bent uitgelogd"
#: Milliseconds in which a limit comes near, or is over.
A_WHILE = 90_000


class Writer:
    """A citizen at a page with a form, of which she has filled in the half."""

    TEXT = "Een lang bezwaar, nog niet af"

    def __init__(self, citizen, label="Notitie"):
        self.citizen = citizen
        self.page = citizen.page
        self.field = self.page.get_by_label(label, exact=True)

    def write(self):
        self.field.fill(self.TEXT)
        return self

    def dialog(self, name=SOON):
        return self.page.get_by_role("alertdialog", name=name)

    def is_told(self, name=SOON):
        """Wait until a dialog of this name is there; what it says."""
        dialog = self.dialog(name)
        dialog.wait_for(timeout=A_WHILE)
        return dialog.inner_text()

    def is_left_alone(self):
        """Wait until no dialog is there."""
        self.page.locator("dialog").wait_for(state="detached", timeout=A_WHILE)
        return self

    def press(self, name):
        dialog = self.page.locator("dialog")
        button = dialog.get_by_role("button", name=name, exact=True)
        button.or_(dialog.get_by_role("link", name=name, exact=True)).click()
        return self

    def has_lost_nothing(self):
        return self.field.input_value() == self.TEXT

    def is_hidden(self):
        """Whether the browser shows nothing of the page itself."""
        return not self.page.evaluate("document.body.checkVisibility()")

    def saves(self):
        self.citizen.keep_note(self.TEXT)
        return self.field.input_value() == self.TEXT

    def seconds_left(self):
        """What the page would be told now, which keeps nothing alive."""
        ask = "fetch('/eilogin/session').then(answer => answer.json())"
        return self.page.evaluate(ask)["idle_seconds_left"]

    def focus(self):
        """What has the focus, in the dialog too."""
        return self.page.evaluate(
            """() => {
                let active = document.activeElement;
                while (active.shadowRoot?.activeElement)
                    active = active.shadowRoot.activeElement;
                return active.innerText || active.name;
            }"""
        )


@pytest.fixture(scope="module")
def configured():
    """Sessions end while a test waits for it; both sites warn."""
    return {
        "filter:uwv-eilogin": {"idle": "12s", "warn": "1m"},
        "filter:kadaster-eilogin": {"max_session": "14s", "warn": "8s"},
    }


@pytest.fixture
def writer(demo, at_browser):
    def sit_down(**options):
        anna = at_browser(demo, **options)
        return Writer(anna.log_in("uwv", "/notitie")).write()

    return sit_down


def test_she_goes_on_with_the_keyboard_and_loses_nothing(writer):
    anna = writer()
    title = anna.page.title()
    anna.field.focus()
    told = anna.is_told()
    assert (
        "Wilt u ingelogd blijven? Doet u niets, dan wordt u uitgelogd. "
        "Wat u hebt ingevuld, blijft staan."
    ) in told
    # What she was typing presses no button.
    assert SOON.match(anna.focus())
    assert SOON.match(anna.page.title().split(" \N{EN DASH} ")[0])
    anna.citizen.photograph("warning")
    anna.page.keyboard.press("Tab")
    assert anna.focus() == "Ingelogd blijven"
    anna.page.keyboard.press("Enter")
    anna.is_left_alone()
    assert anna.focus() == "note"
    assert anna.page.title() == title
    assert anna.has_lost_nothing()
    # It was not only the dialog that went.
    assert anna.seconds_left() > 6
    assert anna.saves()


def test_when_it_is_over_she_is_told_and_logs_in_beside_it(writer):
    anna = writer()
    anna.is_told()
    anna.page.keyboard.press("Escape")
    anna.is_left_alone()
    told = anna.is_told(OVER)
    assert "U bent uitgelogd, omdat u 12 seconden niets hebt gedaan." in told
    assert "ziet u deze pagina weer, met wat u hebt ingevuld." in told
    assert anna.is_hidden()
    assert anna.has_lost_nothing()
    with anna.page.context.expect_page() as opened:
        anna.press("Opnieuw inloggen")
    opened.value.wait_for_url("**/notitie")
    anna.is_left_alone()
    assert not anna.is_hidden()
    assert anna.has_lost_nothing()
    assert anna.saves()


def test_activity_in_one_tab_extends_session_in_all_tabs(writer):
    anna = writer()
    other = Writer(anna.citizen.tab().visit("uwv", "/notitie"))
    other.write().is_told()
    anna.is_told()
    other.press("Ingelogd blijven").is_left_alone()
    anna.is_left_alone()
    assert anna.has_lost_nothing()


def test_a_logout_in_another_tab_is_told_in_the_language_of_the_page(writer):
    anna = writer()
    # The site speaks Dutch; as if it did not.
    anna.page.add_init_script(
        "new MutationObserver(() => { document.documentElement.lang = 'en-GB'; })"
        ".observe(document, { childList: true });"
    )
    anna.page.reload()
    anna.write()
    tab = anna.citizen.tab().visit("uwv", "/eilogin/logout")
    tab.sees("U bent overal uitgelogd")
    told = anna.is_told("You have been logged out")
    assert "You have been logged out, here or at another service." in told
    assert "Log in again" in told
    assert anna.page.title() == "You have been logged out"
    assert anna.is_hidden()


def leave_elsewhere(anna):
    """Log out at another site, in another tab."""
    tab = anna.citizen.tab().visit("uwv", "/eilogin/logout")
    tab.sees("U bent overal uitgelogd")


@pytest.fixture
def anna_at_gemeente(demo, at_browser):
    """Anna at a page with a long session. The test moves the clock of her page."""
    anna = at_browser(demo).log_in("uwv")
    anna.page.clock.install()
    with anna.page.expect_response("**/eilogin/session"):
        anna.enter("gemeente")
    return Writer(anna)


def test_an_open_page_is_hidden_within_a_minute_of_a_logout_elsewhere(anna_at_gemeente):
    anna = anna_at_gemeente
    leave_elsewhere(anna)
    assert not anna.is_hidden()
    anna.page.clock.run_for(60_000)
    assert "hier of bij een andere dienst" in anna.is_told(OVER)
    assert anna.is_hidden()
    anna.citizen.photograph("warning-over")


def test_the_portal_is_hidden_after_a_logout_elsewhere(demo, at_browser):
    anna = at_browser(demo).log_in("uwv")
    anna.page.clock.install()
    with anna.page.expect_response("**/eilogin/session"):
        anna.visit("mijnoverheid").arrives("mijnoverheid")
    portal = Writer(anna, "")
    leave_elsewhere(portal)
    anna.page.clock.run_for(60_000)
    assert "hier of bij een andere dienst" in portal.is_told(OVER)
    assert portal.is_hidden()


@pytest.mark.parametrize(
    "event",
    [
        "document.dispatchEvent(new Event('visibilitychange'))",
        # The back button, where the browser kept the whole page (bfcache).
        "dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))",
    ],
    ids=["visible", "kept"],
)
def test_an_open_page_is_hidden_at_once_when_its_tab_is_shown(anna_at_gemeente, event):
    anna = anna_at_gemeente
    leave_elsewhere(anna)
    anna.page.evaluate(event)
    assert "hier of bij een andere dienst" in anna.is_told(OVER)
    assert anna.is_hidden()


def test_a_message_that_the_session_is_over_cannot_be_closed(anna_at_gemeente):
    anna = anna_at_gemeente
    leave_elsewhere(anna)
    anna.page.clock.run_for(60_000)
    anna.is_told(OVER)
    for _ in range(3):
        anna.page.keyboard.press("Escape")
    anna.dialog(OVER).wait_for()
    assert anna.is_hidden()


def test_a_page_whose_tab_is_not_visible_does_not_ask_each_minute(anna_at_gemeente):
    anna = anna_at_gemeente
    anna.page.evaluate(
        "Object.defineProperty(document, 'visibilityState', { value: 'hidden' })"
    )
    asked = []
    anna.page.on("request", lambda request: asked.append(request.url))
    # The first question was due before the tab was hidden.
    with anna.page.expect_response("**/eilogin/session"):
        anna.page.clock.run_for(60_000)
    anna.page.clock.run_for(540_000)
    anna.page.evaluate("fetch('/')")
    assert len([url for url in asked if url.endswith("/session")]) == 1


def test_warning_does_not_extend_session_of_next_visitor_in_same_browser(writer):
    anna = writer()
    bram = anna.citizen.tab()
    bram.name = "bram"
    bram.visit("uwv", "/eilogin/logout").sees("U bent overal uitgelogd")
    bram.log_in("uwv")
    assert "hier of bij een andere dienst" in anna.is_told(OVER)


def test_warning_reports_failure_if_session_cannot_be_extended(writer):
    anna = writer()
    anna.is_told()
    anna.page.route("**/eilogin/session", lambda route: route.fulfill(status=503))
    anna.press("Ingelogd blijven")
    alert = anna.page.locator("dialog").get_by_role("alert")
    alert.get_by_text("Dit is niet gelukt.").wait_for()
    anna.citizen.photograph("warning-not-done")
    anna.page.unroute("**/eilogin/session")
    anna.press("Ingelogd blijven").is_left_alone()
    assert anna.saves()


def test_the_last_time_she_can_only_save(demo, at_browser):
    anna = Writer(at_browser(demo).log_in("kadaster", "/mijn"))
    told = anna.is_told()
    assert "Langer ingelogd blijven kan niet. Sla uw gegevens nu op." in told
    assert "Ingelogd blijven" not in told
    anna.citizen.photograph("warning-final")
    anna.press("Terug, om op te slaan").is_left_alone()
    told = anna.is_told(OVER)
    assert "omdat u niet langer ingelogd kunt blijven" in told
    assert anna.is_hidden()


def test_it_looks_well_and_can_be_pressed_with_a_thumb(writer):
    # Two wait at the same time.
    windows = {
        "warning-dark": writer(color_scheme="dark"),
        "warning-forced-colors": writer(name="bram", forced_colors="active"),
    }
    for name, one in windows.items():
        one.is_told()
        one.citizen.photograph(name)
        one.page.set_viewport_size({"width": 320, "height": 480})
        for target in one.page.locator("dialog .actions > *").all():
            box = target.bounding_box()
            assert min(box["width"], box["height"]) >= 44
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= 320
            assert box["y"] + box["height"] <= 480
        one.press("Uitloggen").citizen.sees("U bent overal uitgelogd")
