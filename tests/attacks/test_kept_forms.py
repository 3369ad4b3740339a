"""What somebody could gain by a large form that is kept for another, and does not."""

import re

import pytest
from webob import Request

from eilogin import clock as instants
from eilogin.participant.forms.kept_forms import MOST_FORMS, PIECE
from eilogin.stores import Values
from eilogin.testing import File
from eilogin.web.limits.storage_quota import MOST_IN_ALL

MINUTE = 60
FORM_PAGE = "https://uwv.test/mijn/foto"
PHOTO = File("foto.jpg", bytes(range(256)) * 4 * 1024 + b"\r\n--\r\n", "image/jpeg")
PAGE = """<form method="post" enctype="multipart/form-data">
<input name="waarom"><button>Versturen</button></form>"""


class Application:
    """An application that takes a photo."""

    def __init__(self):
        self.received = []

    def __call__(self, environ, start_response):
        if environ["REQUEST_METHOD"] == "POST":
            length = int(environ["CONTENT_LENGTH"] or 0)
            body = environ["wsgi.input"].read(length)
            self.received.append((environ["REMOTE_USER"], body))
        start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
        return [PAGE.encode()]


class Citizen:
    """A citizen at a browser, who signs in at the demonstration's hub."""

    def __init__(self, browser, name):
        self.browser, self.name = browser, name

    def log_in(self, url=FORM_PAGE):
        self.browser.visit(url)
        return self.type_password()

    def type_password(self):
        fields = {"username": self.name, "password": f"demo-{self.name}"}
        self.browser.press("Inloggen", **fields)
        return self

    def send_photo(self, site="same-origin", photo=PHOTO):
        self.browser.post(FORM_PAGE, site=site, waarom="zomaar", foto=photo)
        return self

    @property
    def handle(self):
        """The handle of the form that is on the page."""
        return re.search(r'eilogin-again" value="([^"]+)"', self.browser.page.text)[1]

    @property
    def is_kept(self):
        return "Wij bewaren uw formulier" in self.browser.text


@pytest.fixture
def application():
    return Application()


@pytest.fixture
def federation(clock, eilogin_federation, application):
    return eilogin_federation({"uwv.test": application, "stad.test": application})


@pytest.fixture
def citizen(federation):
    def make(name="anna", browser=None):
        return Citizen(browser or federation.browser(), name)

    return make


@pytest.fixture
def anna(citizen, clock):
    """Anna, whose session has ended while she chose a photo."""
    anna = citizen().log_in()
    clock.shift(16 * MINUTE)
    return anna


@pytest.fixture
def pieces(federation):
    """How many pieces of large forms the store has."""
    store = federation.apps["uwv.test"].sessions.store
    put, keys = store.add, []

    def add(key, *args, **kwargs):
        if re.search(r":kept:[^:]+:\d+$", key):
            keys.append(key)
        return put(key, *args, **kwargs)

    store.add = add
    yield lambda: [key for key in keys if store.get(key) is not None]
    del store.add


class TestAnotherSite:
    @pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
    def test_has_no_form_of_its_own_kept(self, anna, application, pieces, site):
        anna.send_photo(site)
        assert not anna.is_kept
        assert pieces() == []
        anna.log_in()
        assert application.received == []

    def test_cannot_have_hers_sent_without_her_click(self, anna, application):
        browser = anna.send_photo().browser
        browser.click("Opnieuw inloggen")
        anna.type_password()
        handle = anna.handle
        for _ in range(2):
            browser.visit(f"https://uwv.test/eilogin/again?form={handle}")
        browser.post(FORM_PAGE, site="cross-site", **{"eilogin-again": handle})
        browser.post(FORM_PAGE, site="same-site", **{"eilogin-again": handle})
        assert application.received == []
        browser.visit(f"https://uwv.test/eilogin/again?form={handle}")
        browser.press("Verstuur opnieuw")
        [(_, body)] = application.received
        assert PHOTO.content in body


class TestAnotherBrowser:
    def test_gets_nothing_of_it_though_it_knows_the_handle(
        self, anna, citizen, application, pieces
    ):
        anna.send_photo().browser.click("Opnieuw inloggen")
        anna.type_password()
        there = len(pieces())
        assert there > 0
        other = citizen().log_in()
        other.browser.post(
            FORM_PAGE, site="same-origin", **{"eilogin-again": anna.handle}
        )
        assert other.browser.page.status_int == 410
        assert application.received == []
        assert len(pieces()) == there, "and it does no harm"


class TestAnotherCitizen:
    def test_at_the_same_browser_does_not_send_it_as_herself(
        self, anna, citizen, application, pieces
    ):
        anna.send_photo().browser.click("Opnieuw inloggen")
        bram = citizen("bram", anna.browser).type_password()
        assert "Formulier opnieuw versturen?" not in bram.browser.text
        assert bram.browser.page.status_int == 403
        assert application.received == []
        assert pieces() == [], "and it is gone"

    def test_post_replay_fails_after_another_citizen_logs_in(
        self, anna, citizen, application, pieces
    ):
        anna.send_photo().browser.click("Opnieuw inloggen")
        anna.type_password()
        form = anna.browser.page, anna.browser.url
        anna.browser.visit("https://uwv.test/eilogin/logout")
        bram = citizen("bram", anna.browser).log_in("https://uwv.test/mijn")
        anna.browser.page, anna.browser.url = form
        bram.browser.press("Verstuur opnieuw")
        assert application.received == []
        assert pieces() == []


class TestWhoFillsTheStore:
    def test_is_no_stranger(self, citizen, federation, pieces):
        """Nothing of the body is read."""

        class Unreadable:
            def read(self, *args):
                raise AssertionError("the body was read")

            readline = readlines = __iter__ = read

        for cookies in ("", "__Host-eilogin=x; __Host-eilogin-whose=x"):
            request = Request.blank(FORM_PAGE, method="POST")
            request.headers["Content-Type"] = "multipart/form-data; boundary=x"
            request.headers["Sec-Fetch-Site"] = "same-origin"
            request.headers["Sec-Fetch-Mode"] = "navigate"
            request.headers["Cookie"] = cookies
            request.environ["CONTENT_LENGTH"] = "6000000"
            request.environ["wsgi.input"] = Unreadable()
            assert request.get_response(federation).status_int == 403
        assert pieces() == []

    def test_with_a_session_has_three_forms(self, anna, pieces, clock):
        each = len(PHOTO.content) // PIECE
        for _ in range(MOST_FORMS + 3):
            anna.send_photo()
            assert anna.is_kept
            clock.shift(1)
        assert len(pieces()) == MOST_FORMS * each

    def test_by_replays_that_nobody_reads_has_no_more(
        self, anna, federation, pieces, clock
    ):
        """The application answers without a look at the body."""
        inside = federation.apps["uwv.test"]

        def deaf(environ, start_response):
            start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
            return [b""]

        inside._inner = deaf  # noqa: SLF001
        each = len(PHOTO.content) // PIECE
        for _ in range(MOST_FORMS + 3):
            clock.shift(16 * MINUTE)
            anna.send_photo().browser.click("Opnieuw inloggen")
            anna.type_password().browser.press("Verstuur opnieuw")
        assert len(pieces()) <= MOST_FORMS * each

    def test_cannot_push_out_the_form_of_another(
        self, anna, citizen, federation, clock
    ):
        """The last one to come is not kept, when all of the room is taken."""
        values = Values(
            federation.apps["uwv.test"].sessions.store,
            federation.trusts["uwv.test"].own.entity_id,
        )
        slice_now = int(instants.now() // (30 * MINUTE))
        anna.send_photo()
        assert anna.is_kept
        key = "kept-bytes:"
        used = int((values.get(key) or ":0").rpartition(":")[2])
        full = f"{slice_now}:{MOST_IN_ALL}"
        assert values.swap(key, f"{slice_now}:{used}", full, 4e9)
        bram = citizen("bram").log_in()
        clock.shift(16 * MINUTE)
        bram.send_photo()
        assert not bram.is_kept
        assert "Uw formulier is niet verstuurd" in bram.browser.text
        anna.browser.click("Opnieuw inloggen")
        anna.type_password()
        assert "Formulier opnieuw versturen?" in anna.browser.text


class TestWhoWritesInTheStore:
    def test_cannot_swap_the_pieces_of_a_form(
        self, anna, application, pieces, federation
    ):
        store = federation.apps["uwv.test"].sessions.store
        anna.send_photo().browser.click("Opnieuw inloggen")
        anna.type_password()
        first, second = pieces()[:2]
        one, two = store.take(first), store.take(second)
        store.add(first, two, 4e9)
        store.add(second, one, 4e9)
        with pytest.raises(OSError, match="piece 1 of a kept form"):
            anna.browser.press("Verstuur opnieuw")
        assert application.received == []
