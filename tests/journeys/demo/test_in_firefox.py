"""A visitor with a real Firefox and the keyboard alone, before the demonstration."""

import re
from urllib.parse import quote

import firefox
import pytest
from chromium import DESK, SMALLEST, TELEPHONE, TOO_SMALL
from keyboard import Keyboard

pytestmark = [pytest.mark.real, pytest.mark.any_python]

NO_STYLE = """<meta http-equiv="Content-Security-Policy" content="style-src 'none'">"""
#: The warning before the end of a session, as long as it is open.
WARNING = "document.querySelector('[data-eilogin-warning]')?.shadowRoot"
#: Short words of the heading that stand on two lines: Firefox can hyphenate Dutch.
BROKEN_WORDS = """() => {
    const broken = [];
    const texts = document.createTreeWalker(
        document.querySelector("h1"), NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        for (const { 0: word, index } of texts.currentNode.data.matchAll(/\\S+/g)) {
            const range = document.createRange();
            range.setStart(texts.currentNode, index);
            range.setEnd(texts.currentNode, index + word.length);
            const lines = new Set([...range.getClientRects()].map(({ top }) => top));
            if (word.length < 15 && lines.size > 1) broken.push(word);
        }
    }
    return broken;
}"""
#: Whether the ring of the element with the focus covers the element before it.
COVERS = """() => {
    const one = document.activeElement;
    const { outlineWidth, outlineOffset } = getComputedStyle(one);
    const ring = parseFloat(outlineWidth) + parseFloat(outlineOffset);
    const before = one.previousElementSibling.getBoundingClientRect();
    return one.getBoundingClientRect().top - ring < before.bottom;
}"""


class Visitor:
    """A visitor at a tab of Firefox, without a mouse."""

    def __init__(self, demo, tab, name="anna"):
        self.demo = demo
        self.name = name
        self.tab = tab
        self._keyboard = Keyboard(tab)

    # --- what the visitor does ---

    def visit(self, host, path="/"):
        """Type an address into the bar of the browser."""
        self.tab.goto(self.demo.url(host, path))
        return self

    def tab_to(self, name):
        """Press Tab up to the link, button or field of this name."""
        self._keyboard.tab_to(name)
        return self

    def type(self, text):
        self._keyboard.type(text)
        return self

    def press(self, key):
        self._keyboard.press(key)
        return self

    def follow(self, name):
        """Go to the link or button of this name, and press Enter."""
        return self.tab_to(name).press("Enter")

    def type_password(self):
        self.tab_to("Gebruikersnaam").type(self.name)
        return self.tab_to("Wachtwoord").type(f"demo-{self.name}").press("Enter")

    def log_in(self, host, path="/"):
        return self.visit(host, path).sees_sign_in().type_password().arrives(host, path)

    # --- what the visitor sees ---

    def arrives(self, host, path="/"):
        """Wait until the tab is at this address, and its page has a heading."""
        address = self.demo.url(host, path)
        self.tab.wait_for(
            lambda: re.split("[?#]", self.tab.url)[0] == address and self.heading,
            address,
        )
        return self

    def sees(self, heading):
        """Wait for a page with this heading."""
        self.tab.wait_for(lambda: self.heading == heading, repr(heading))
        return self

    def sees_sign_in(self, heading="Inloggen bij "):
        """Wait for the sign-in page, which has the focus in its first field."""
        has_focus = """!!document.querySelector(".field input:focus")"""
        self.tab.wait_for(
            lambda: self.tab.evaluate(has_focus) and self.heading.startswith(heading),
            repr(heading),
        )
        return self

    def sees_alert(self, text):
        """Wait for a message that a screen reader says at once."""
        said = "document.querySelector('[role=alert]')?.innerText ?? ''"
        self.tab.wait_for(lambda: text in self.tab.evaluate(said), repr(text))
        return self

    def fits(self):
        """The page fits in telephones and a desk, and its heading is whole."""
        for size in (SMALLEST, TELEPHONE, DESK):
            self.tab.set_viewport_size(size)
            # Unlike Chromium's on a telephone, the scroll bar takes room.
            assert self.tab.evaluate(
                "document.scrollingElement.scrollWidth <= innerWidth"
            )
            assert self.tab.evaluate(TOO_SMALL) == []
            assert self.tab.evaluate(BROKEN_WORDS) == [], size
        return self

    @property
    def heading(self):
        return self.tab.evaluate("document.querySelector('h1')?.innerText ?? ''")

    @property
    def title(self):
        return self.tab.evaluate("document.title")

    @property
    def text(self):
        return self.tab.evaluate("document.querySelector('main').innerText")

    @property
    def language(self):
        return self.tab.evaluate("document.documentElement.lang")

    @property
    def focus(self):
        """The name of what has the focus."""
        return self._keyboard.focus.name

    def has_focus_at(self, name):
        """Whether the element of this name has the focus, and shows it."""
        focus = self._keyboard.focus
        return focus.name == name and focus.is_visible

    @property
    def has_heading_focused(self):
        return self.tab.evaluate("document.activeElement.localName") == "h1"

    def fact(self, name):
        """What a participant's page shows of the visitor under this name."""
        return self.tab.evaluate(
            f"""[...document.querySelectorAll("dt")]
                .find(one => one.innerText === "{name}").nextElementSibling.innerText"""
        )

    @property
    def shown_code(self):
        """The visitor's code, as the page of the demonstration shows it."""
        return re.search(rf"demo-{self.name}\s+Code: ([0-9]{{6}})", self.text)[1]


@pytest.fixture(scope="module")
def configured():
    """Return options of a site that warns after a few seconds."""
    return {"filter:belastingdienst-eilogin": {"idle": "12s", "warn": "1m"}}


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Firefox, for all tests of this module: it takes seconds to start."""
    with firefox.launched(tmp_path_factory.mktemp("firefox")) as browser:
        yield browser


@pytest.fixture
def tab(browser):
    """A tab of a new user, about whose pages the console has nothing to report."""
    with browser.tab() as tab:
        yield tab
    said, browser.console = browser.console, []
    assert said == []


@pytest.fixture
def visitor(demo, tab):
    return Visitor(demo, tab)


def test_logs_in_once_for_two_sites(visitor):
    visitor.visit("uwv").sees_sign_in("Inloggen bij UWV").fits()
    assert visitor.title == "Inloggen bij UWV \N{EN DASH} Eenmalig inloggen"
    assert visitor.has_focus_at("Gebruikersnaam")
    visitor.type_password().arrives("uwv").sees("Mijn UWV").fits()
    assert visitor.fact("Naam") == "Anna de Proef"
    visitor.follow("MijnOverheid").sees("Welkom, Anna de Proef").fits()
    visitor.follow("Gemeente Voorbeeldstad").arrives("gemeente").sees("Mijn gemeente")
    assert visitor.fact("Naam") == "Anna de Proef"


def test_gives_a_code_for_a_page_that_needs_one(visitor):
    visitor.log_in("kadaster", "/mijn")
    assert visitor.fact("Niveau") == "basis"
    visitor.follow("Mijn percelen").sees_sign_in("Inloggen bij Kadaster").fits()
    assert "Voor deze pagina hebt u ook een code nodig." in visitor.text
    assert visitor.has_focus_at("Code")
    wrong = f"{(int(visitor.shown_code) + 500_000) % 1_000_000:06}"
    visitor.type(wrong).press("Enter").sees_alert("De code klopt niet.")
    assert visitor.title == "Inloggen is niet gelukt \N{EN DASH} Eenmalig inloggen"
    assert visitor.has_focus_at("Code")
    visitor.type(visitor.shown_code).press("Enter")
    visitor.arrives("kadaster", "/mijn/percelen").sees("Mijn percelen").fits()
    assert visitor.fact("Niveau") == "midden"


def test_sees_the_password_until_it_is_sent(visitor):
    visitor.visit("uwv").sees_sign_in()
    visitor.tab_to("Wachtwoord").type("demo-anna").tab_to("Toon wachtwoord")
    for pressed, kind in (("false", "password"), ("true", "text")) * 2:
        assert visitor.tab.evaluate(
            """[document.activeElement.getAttribute("aria-pressed"),
                document.getElementById("password").type]"""
        ) == [pressed, kind]
        assert not visitor.tab.evaluate(COVERS)
        visitor.fits().press(" ")


def test_logs_out_at_one_site_and_is_logged_out_at_the_other(visitor):
    visitor.log_in("uwv").visit("kadaster", "/mijn").arrives("kadaster", "/mijn")
    visitor.follow("Uitloggen").sees("U bent overal uitgelogd").fits()
    assert visitor.has_heading_focused
    assert visitor.title == "U bent overal uitgelogd \N{EN DASH} Kadaster"
    assert "Dit is gelukt om" in visitor.text
    # Firefox kept no page of the session for its back button.
    visitor.tab.go_back()
    visitor.sees("Inloggen bij Kadaster")
    visitor.visit("uwv").sees("Inloggen bij UWV")


def test_reads_and_deletes_the_receipt_of_a_logout(visitor):
    visitor.log_in("uwv").visit("gemeente").arrives("gemeente")
    visitor.visit("inloggen").sees("U bent ingelogd").fits()
    visitor.follow("Overal uitloggen").sees("U bent overal uitgelogd").fits()
    assert visitor.has_heading_focused
    for name in ("UWV", "Gemeente Voorbeeldstad"):
        assert re.search(rf"{name}\s+Uitgelogd om", visitor.text)
    visitor.follow("Verwijder dit overzicht").sees("U bent niet ingelogd")


def test_logs_out_of_a_site_that_only_the_browser_reaches(unplugged_demo, tab):
    """In a frame, to which Firefox sends no cookies of the site."""
    visitor = Visitor(unplugged_demo, tab).log_in("uwv")
    visitor.visit("gemeente").arrives("gemeente").visit("uwv").arrives("uwv")
    visitor.follow("Uitloggen").sees("U bent overal uitgelogd")
    visitor.visit("gemeente").sees("Inloggen bij Gemeente Voorbeeldstad")


def test_continues_when_the_session_is_about_to_end(visitor):
    visitor.log_in("belastingdienst").tab_to("Mijn aangifte")
    title = visitor.title
    visitor.tab.wait_for(lambda: visitor.tab.evaluate(f"!!{WARNING}"), "warning")
    assert re.match(r"Over \d+ seconden? wordt u uitgelogd bij .+$", visitor.focus)
    visitor.fits().press("Tab")
    assert visitor.has_focus_at("Ingelogd blijven")
    visitor.press("Tab")
    assert visitor.has_focus_at("Uitloggen")
    visitor.press("Shift+Tab").press("Enter")
    visitor.tab.wait_for(lambda: visitor.tab.evaluate(f"!{WARNING}"), "end of warning")
    assert visitor.has_focus_at("Mijn aangifte")
    assert visitor.title == title


def test_chooses_another_language(visitor):
    visitor.visit("uwv").sees_sign_in("Inloggen bij UWV").press("Shift+Tab")
    assert visitor.has_focus_at("EN English")
    assert visitor.language == "nl"
    visitor.press("Enter").sees_sign_in("Log in to UWV").fits()
    visitor.press("Shift+Tab")
    assert visitor.has_focus_at("NL Nederlands")
    assert visitor.language == "en"
    visitor.press("Enter").sees("Inloggen bij UWV")


def test_logs_in_and_out_without_javascript(demo, tmp_path):
    preference = {"javascript.enabled": False}
    with firefox.launched(tmp_path, **preference) as browser, browser.tab() as tab:
        visitor = Visitor(demo, tab).log_in("uwv")
        # The Response of this site comes by a form, which nothing sends by itself.
        visitor.visit("gemeente").sees("Een ogenblik geduld").fits()
        visitor.follow("Ga verder").arrives("gemeente").sees("Mijn gemeente")
        visitor.follow("Uitloggen").sees("U bent overal uitgelogd")
        visitor.visit("uwv").sees("Inloggen bij UWV")
    assert browser.console == []


@pytest.mark.parametrize(
    ("page", "report"),
    [
        ("<script>undefined.x</script>", "TypeError: "),
        (
            f"""{NO_STYLE}<p style="color: red">x</p>""",
            "Content-Security-Policy: The page",
        ),
    ],
    ids=["error", "policy"],
)
def test_the_console_reports_what_is_wrong_with_a_page(browser, page, report):
    """Otherwise the other tests would notice nothing of it."""
    with browser.tab() as tab:
        tab.goto(f"data:text/html,{quote(page)}<h1>x</h1>")
        tab.wait_for(lambda: tab.evaluate("!!document.querySelector('h1')"), "h1")
        tab.wait_for(lambda: tab.evaluate("1") and browser.console, "report")
    said, browser.console = browser.console, []
    assert [line.text.startswith(report) for line in said] == [True]
