"""Nothing leaks: journeys and attacks, and all that came out searched for secrets.

Attacks I2: no secret in log or page. :mod:`leaks` learns the secrets from the traffic
itself, and each test says which kinds were in play. Exceptions are named
one by one, with their reasons, in :data:`EXCEPTIONS`.
"""

import base64
import json
import logging
import re
import sys
import traceback
import warnings
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import hub_speaker
import leaks
import pyotp
import pytest
from eilogin_sites import HUB, PASSWORD, Ours, code, person
from leaks import Camera, Everything, Listening, Sending, pem_lines, readings
from parties import new_party_key
from peer_servers import EiloginServe, Server, over_http
from real_parts import free_ports
from webob import Request

from eilogin import clock as instants
from eilogin.config import read
from eilogin.errors import ConfigurationError, InvalidOptions, MalformedMessage
from eilogin.federation.local.local_options import OwnOptions
from eilogin.filters.appsession import AppSessionFilter
from eilogin.filters.appsession_options import AppSessionOptions
from eilogin.filters.session_options import SessionOptions
from eilogin.http_client import BackChannel
from eilogin.hub.hub_options import HubOptions
from eilogin.saml import bindings, messages, safe_xml
from eilogin.saml.metadata import Endpoint

UWV, STAD, LAND = (f"https://{name}.test/mijn" for name in ("uwv", "stad", "land"))
BSN = "900000016"
NAME_ID_KEY = "from which this test derives its NameIDs"
SECRET = "with which the participants of this test seal"
KEY = new_party_key("of this test")
EXCEPTIONS = (
    # The binding puts it there (SAML bindings 3.6); it is of use to nobody else, which
    # the tests of artifacts below show.
    ("URL", "artifact"),
    ("access log", "artifact"),
    ("middleware", "artifact"),
    # The cookie's own value, in the header that gives it to its browser.
    ("cookie", "session cookie"),
    ("cookie", "other cookie"),
)
#: A LogoutRequest by Redirect names her in the address, deflated (SAML bindings 3.4),
#: by a name that tells nothing and is another one elsewhere: there, and nowhere else.
BY_REDIRECT = tuple((place, "NameID") for place in ("URL", "access log", "middleware"))


@pytest.fixture
def everything():
    """All that comes out, of loggers at DEBUG too."""
    everything = Everything()
    listening, root = Listening(everything), logging.getLogger()
    loggers = [root, *map(logging.getLogger, logging.root.manager.loggerDict)]
    before = [(logger, logger.level) for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    root.addHandler(listening)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        everything.warned = warned
        yield everything
    root.removeHandler(listening)
    for logger, level in before:
        logger.setLevel(level)


@pytest.mark.parametrize(
    "written",
    [
        lambda secret: secret,
        lambda secret: f"x={quote(secret, safe='')}&y",
        lambda secret: base64.b64encode(f"<r>{secret}</r>".encode()).decode(),
        lambda secret: base64.urlsafe_b64encode(f"??<r>{secret}</r>".encode()).decode(),
        lambda secret: bindings.redirect_url(
            "https://a.test/", "SAMLRequest", f"<r>{secret}</r>".encode(), "", KEY
        ),
        lambda secret: f"&lt;r&gt;{secret.replace('&', '&amp;')}",
    ],
    ids=["plain", "in a query", "base64", "its other alphabet", "deflated", "HTML"],
)
def test_a_secret_is_found_however_it_is_written(written):
    everything, secret = Everything(), "geheim & 900000016"
    everything.secrets.add("kind", secret, "900000028")
    everything.tell("place", written("something else"))
    assert list(everything.found()) == []
    everything.tell("place", written(secret))
    [(place, kind, around)] = everything.found()
    assert (place, kind) == ("place", "kind")
    assert secret in around or quote(secret, safe="") in around
    assert list(everything.found([("place", "kind")])) == []


class Look:
    """Searches all that came out; ``came_out`` and ``secrets`` are those so far."""

    def __init__(self, everything, capfd):
        self._everything, self._capfd = everything, capfd
        self.came_out, self.secrets = everything.came_out, everything.secrets

    def __call__(self, *in_play, exceptions=(), places=("URL",)):
        """Find nothing, of secrets of kinds that must have been ``in_play``."""
        everything, known = self._everything, self.secrets.known
        everything.tell("output", "".join(self._capfd.readouterr()))
        everything.tell("warnings", "".join(map(str, everything.warned)))
        assert [kind for kind in in_play if not known[kind]] == []
        for place in ("log", "access log", "middleware", *places):
            assert self.came_out[place], place
        assert list(everything.found([*EXCEPTIONS, *exceptions])) == []

    def tell(self, place, text):
        self._everything.tell(place, text)

    def told(self, code):
        """How many audit events of a code came out."""
        return sum(f'"code": "{code}"' in line for line in self.came_out["log"])


@pytest.fixture
def no_leaks(everything, capfd):
    return Look(everything, capfd)


@pytest.fixture
def watched(eilogin_federation, everything):
    """Make a federation with cameras around its members, and learn its secrets."""

    def make(apps, *, options=None, hub_options=None, **more):
        options = {
            host: {"secret": SECRET, **(options or {}).get(host, {})} for host in apps
        }
        said = {"demo": "false", "name_id_key": NAME_ID_KEY, "secret": SECRET}
        federation = eilogin_federation(
            apps, options=options, hub_options={**said, **(hub_options or {})}, **more
        )
        for host, app in federation.apps.items():
            federation.apps[host] = Camera(app, everything)
        learn_belongings(everything.secrets, federation.folder)
        return federation

    return make


def learn_belongings(secrets, folder):
    secrets.add("secret", SECRET, NAME_ID_KEY)
    for file in folder.glob("*.key"):
        secrets.add("private key", *pem_lines(file.read_bytes()))
    for citizen in json.loads((folder / "citizens.json").read_text()):
        secrets.add("BSN", citizen["bsn"])
        secrets.add("TOTP secret", citizen["totp_secret"])
        secrets.add("password hash", citizen["password"])


class Person:
    """A citizen at a browser that sends what browsers send."""

    def __init__(self, federation, name="anna"):
        self.federation, self.name = federation, name
        self.browser = Sending(federation)

    def logs_in(self, url):
        self.browser.visit(url)
        self.types()
        assert self.browser.url == url, self.browser.text
        return self

    def types(self, password=None, **more):
        password = password or f"demo-{self.name}"
        self.browser.press("Inloggen", username=self.name, password=password, **more)

    def is_let_in(self, url):
        self.browser.visit(url)
        assert self.browser.url == url, self.browser.text

    def tells_login_to(self, secrets, host):
        """What a participant has of her, which came encrypted."""
        token = self.browser.cookie(host, "__Host-eilogin")
        login = self.federation.apps[host].sessions.find(token)
        secrets.add("NameID", login.who.name_id)
        secrets.add(
            "attribute", *(v for values in login.attributes.values() for v in values)
        )
        secrets.add("secret", login.family)

    @property
    def code(self):
        citizens = json.loads((self.federation.folder / "citizens.json").read_text())
        [secret] = [c["totp_secret"] for c in citizens if c["username"] == self.name]
        return pyotp.TOTP(secret).at(instants.utc(instants.now()))


def show_visitor(environ, start_response):
    """An application as applications are: its pages say who sees them."""
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    if environ["PATH_INFO"] == "/breekt":
        raise KeyError("this application breaks")
    user = environ.get("REMOTE_USER", "")
    return [f'<p>{user}</p><a href="/eilogin/logout">Uitloggen</a>'.encode()]


IN_PLAY = (
    "BSN",
    "password",
    "TOTP secret",
    "private key",
    "session cookie",
    "other cookie",
    "NameID",
    "attribute",
    "message",
    "assertion",
    "artifact",
    "secret",
)


@pytest.mark.parametrize("binding", ["redirect", "post", "soap"])
def test_logging_in_stepping_up_staying_and_logging_out(
    watched, clock, no_leaks, binding
):
    encrypt = "required" if binding == "post" else "off"
    options = {"acs": "post", "user": "bsn", "headers": "X-Number bsn"}
    common = {"logout_binding": binding, "silent": "true"}
    protect = "=/ optional\n/percelen midden"
    federation = watched(
        dict.fromkeys(("uwv.test", "stad.test", "land.test"), show_visitor),
        options={
            "uwv.test": {**common, "acs": "artifact"},
            "stad.test": {**common, **options},
            "land.test": {**common, **options, "protect": protect},
        },
        hub_options={"release": "* name bsn", "encrypt": encrypt},
    )
    anna = Person(federation)
    anna.browser.visit(UWV)
    anna.types("not-hers-but-typed")
    assert "klopt niet" in anna.browser.text
    anna.types()
    assert anna.browser.url == UWV
    anna.is_let_in(STAD)
    assert BSN in anna.browser.text
    anna.is_let_in("https://land.test/")
    anna.browser.visit("https://land.test/percelen")
    anna.types(code="000000")
    anna.types(code=anna.code)
    assert anna.browser.url == "https://land.test/percelen", anna.browser.text
    clock.shift(11 * 60)
    for url in (UWV, STAD):
        anna.is_let_in(url)
    assert no_leaks.told("step-up") == 1 + len((UWV, STAD)), "of keep-alives too"
    for host in ("uwv.test", "stad.test", "land.test"):
        anna.tells_login_to(no_leaks.secrets, host)
    anna.browser.click("Uitloggen")
    assert "U bent overal uitgelogd" in anna.browser.text
    for url in (UWV, STAD, "https://inloggen.test/"):
        anna.browser.visit(url)
        assert anna.browser.url != url or "niet ingelogd" in anna.browser.text
    exceptions = BY_REDIRECT if binding == "redirect" else ()
    in_play = set(IN_PLAY) - ({"assertion"} if encrypt == "required" else set())
    no_leaks(*in_play, "code", exceptions=exceptions)


@pytest.mark.parametrize("takes_post", [True, False])
def test_digid_names_her_by_her_number_and_no_log_does(
    watched, clock, no_leaks, takes_post
):
    said = {"profile": "digid", "user": "bsn"}
    federation = watched(
        dict.fromkeys(("uwv.test", "stad.test"), show_visitor),
        options=dict.fromkeys(("uwv.test", "stad.test"), said),
        hub_options={"profile": "digid"},
    )
    if takes_post:
        for host in ("uwv.test", "stad.test"):
            hub = federation.trusts[host].hub("https://inloggen.test/metadata")
            slo = Endpoint(bindings.POST, hub.single_logouts[0].location)
            both = (*hub.single_logouts, slo)
            hub_speaker.hub_changes(federation, host, single_logouts=both)
    anna, bram = Person(federation), Person(federation, "bram")
    anna.logs_in(UWV)
    assert BSN in anna.browser.text
    anna.is_let_in(STAD)
    bram.logs_in(UWV)
    # In Anna's browser: her session is ended everywhere.
    bram.browser, elsewhere = anna.browser, bram.browser
    anna.browser.visit("https://uwv.test/eilogin/login?next=/mijn&fresh=yes")
    anna.types("demo-bram")
    bram.types()
    assert "900000028" in anna.browser.text
    elsewhere.click("Uitloggen")
    # By POST where DigiD takes that; else in the address, as its interface has it.
    urls = "\n".join(readings("\n".join(no_leaks.came_out["URL"])))
    assert "AuthnRequest" in urls
    assert ("LogoutRequest" in urls) is not takes_post
    assert no_leaks.told("logout.delivered")
    as_digid = [(place, "BSN") for place, _ in BY_REDIRECT]
    exceptions = () if takes_post else (*BY_REDIRECT, *as_digid)
    in_play = set(IN_PLAY) - {"attribute"}
    no_leaks(*in_play, exceptions=exceptions)


@pytest.mark.parametrize("told_by", ["soap", "browser"])
def test_a_hub_of_another_kind_that_makes_her_number_her_name(
    watched, clock, no_leaks, told_by
):
    """A LogoutRequest that names her so goes by POST, with no option that says so."""
    hosts = ("uwv.test", "stad.test")
    federation = watched(
        dict.fromkeys(hosts, show_visitor),
        options={host: {"name_id_format": "none"} for host in hosts},
        hub_options={
            "name_id": "unspecified",
            "name_id_attributes": "unspecified bsn",
            "release": "* bsn",
            "logout_binding": f"* {told_by}",
        },
    )
    anna = Person(federation).logs_in(UWV)
    assert BSN in anna.browser.text
    anna.is_let_in(STAD)
    anna.browser.visit("https://uwv.test/eilogin/logout")
    if told_by == "browser":
        anna.browser.open_frames()
        anna.browser.click("Ga verder")
    assert "U bent overal uitgelogd" in anna.browser.text
    no_leaks("BSN", "NameID", "artifact", "message", "session cookie")


def test_participants_that_are_told_in_frames_or_not_at_all(watched, clock, no_leaks):
    hosts = ("uwv.test", "stad.test", "land.test")
    federation = watched(
        dict.fromkeys(hosts, show_visitor),
        options={"stad.test": {"acs": "post"}},
        hub_options={"logout_binding": "* browser"},
    )
    anna = Person(federation).logs_in(UWV)
    anna.is_let_in(STAD)
    anna.is_let_in(LAND)
    federation.down.add("land.test")
    anna.browser.visit("https://uwv.test/eilogin/logout")
    assert len(anna.browser.open_frames()) == 2
    anna.browser.click("Ga verder")
    assert "U bent overal uitgelogd" in anna.browser.text
    assert no_leaks.told("logout.delivered") == 2
    in_play = set(IN_PLAY) - {"code"}
    no_leaks(*in_play, exceptions=BY_REDIRECT)


def test_cancelled_and_failed_sign_ins_leak_no_secrets(watched, clock, no_leaks):
    federation = watched(
        {"uwv.test": show_visitor, "land.test": show_visitor},
        options={"land.test": {"protect": "/ hoog"}},
    )
    anna = Person(federation)
    anna.browser.visit(UWV)
    # In the wrong field, as happens to everybody.
    mistyped = "Wachtwoord-van-Anna-1"
    no_leaks.secrets.add("password", mistyped)
    anna.browser.press("Inloggen", username=mistyped, password="anna-zelf")
    for number in range(6):
        anna.types(f"geraden-wachtwoord-{number}")
    anna.browser.press("Annuleren")
    assert "geannuleerd" in anna.browser.text
    anna.browser.visit(LAND)
    assert anna.browser.page.status_int == 400
    assert "extra controle" in anna.browser.title
    bram = Person(federation, "bram").logs_in(UWV)
    assert bram.browser.text
    no_leaks("password", "session cookie", "artifact", "message", "NameID")


def test_a_site_with_several_hubs(watched, clock, hub_of, attacker_key, no_leaks):
    federation = watched(
        {"stad.test": show_visitor},
        options={"stad.test": {"acs": "post", "protect": "=/ optional"}},
    )
    bsn = {"attributes": {"bsn": [BSN], "mail": ["anna@burger.test"]}}
    anna = Choosing(federation, hub_of(federation), attacker_key)
    anna.browser.visit("https://stad.test/eilogin/login?choose=yes&next=/mijn")
    anna.browser.click("Inloggen met Ander loket")
    late = anna.question()
    anna.browser.visit("https://stad.test/eilogin/login?choose=yes&next=/mijn")
    anna.browser.click("Inloggen met inloggen.test")
    question = anna.question()
    anna.bring(anna.hub.answer(question[0], "anna-at-one", **bsn), question)
    assert anna.browser.url == STAD
    # Of the one that she left: she is asked, and says yes.
    anna.bring(anna.other.answer(late[0], "anna-at-the-other", **bsn), late)
    anna.browser.press("Inloggen")
    assert "anna-at-the-other" in anna.browser.text
    no_leaks("NameID", "attribute", "message", "assertion", "session cookie")


def test_a_hub_behind_another_one(eilogin_federation, watched, clock, no_leaks):
    """The one below knows her by what the one above says, and passes it on."""
    below = watched(
        {"zorg.test": show_visitor},
        options={"zorg.test": {"acs": "post", "user": "bsn"}},
        hub="gemeente.test",
        hub_options={
            "sign_in": "above",
            "passed_on_to": "https://zorg.test/eilogin/metadata",
            "release": "* name bsn",
        },
    )
    above = watched(
        {"gemeente.test": below.apps["gemeente.test"]},
        options={
            "gemeente.test": {
                "hub_inside": "/",
                "cookie": "eilogin-above",
                "protect": "/ optional",
            }
        },
        hub_options={"release": "* name bsn"},
    )
    below.apps.update(above.apps)
    above.apps.update(below.apps)
    anna = Person(below).logs_in("https://zorg.test/mijn")
    assert BSN in anna.browser.text
    anna.browser.click("Uitloggen")
    assert "U bent overal uitgelogd" in anna.browser.text
    no_leaks(*set(IN_PLAY) - {"code"}, exceptions=BY_REDIRECT)


def test_application_cookies_and_sessions_do_not_leak(watched, clock, no_leaks):
    """In a cookie of its own, and in its Beaker session."""
    values = {"sessie": "an-opaque-session-of-the-app", "basket": "what she wants"}

    def app(environ, start_response):
        environ["beaker.session"]["basket"] = values["basket"]
        environ["beaker.session"].save()
        cookie = f"sessie={values['sessie']}; Path=/; Secure; HttpOnly"
        kind = ("Content-Type", "text/html")
        start_response("200 OK", [kind, ("Set-Cookie", cookie)])
        return [repr(environ["beaker.session"]).encode()]

    federation = watched({"uwv.test": AppSessionFilter(app, AppSessionOptions())})
    no_leaks.secrets.add("session of the app", values["basket"])
    anna = Person(federation).logs_in(UWV)
    anna.browser.reload()
    assert values["basket"] not in anna.browser.page.text
    no_leaks("other cookie", "session of the app")


def test_a_form_that_is_kept_until_she_has_logged_in(watched, clock, no_leaks):
    no_leaks.secrets.add("form", "900000028", "mijn geheim", "mijn+geheim")
    anna = Person(watched({"uwv.test": show_visitor})).logs_in(UWV)
    clock.shift(16 * 60)
    fields = {"bsn": "900000028", "text": "mijn geheim"}
    anna.browser.post("https://uwv.test/melding", site="same-origin", **fields)
    anna.browser.click("Opnieuw inloggen")
    anna.types()
    anna.browser.press("Verstuur opnieuw")
    assert anna.browser.url == "https://uwv.test/melding", anna.browser.text
    no_leaks("form", "password", "session cookie", "other cookie")


# --- what does not work ---------------------------------------------------------------


REDIS_PASSWORD = "of-the-store-of-this-test"


def test_a_hub_that_is_down_and_one_that_says_no(watched, clock, hub_of, no_leaks):
    federation = watched({"uwv.test": show_visitor})
    anna = Person(federation)
    anna.browser.visit(UWV)
    federation.down.add("inloggen.test")
    anna.types()
    assert anna.browser.page.status_int == 502
    federation.down.clear()
    anna.browser.reload()
    assert anna.browser.url == UWV
    anna.browser.visit("https://uwv.test/breekt/niet")
    no_leaks("artifact", "password", "session cookie")


def test_a_store_that_is_down(watched, clock, no_leaks):
    [port] = free_ports(1)
    store = f"redis://:{REDIS_PASSWORD}@127.0.0.1:{port}"
    said = {"store": store, "store_timeout": "1s"}
    federation = watched(
        {"uwv.test": show_visitor, "stad.test": show_visitor},
        options={"uwv.test": said},
        hub_options=said,
    )
    no_leaks.secrets.add("secret", REDIS_PASSWORD)
    anna = Person(federation)
    token = "69" + "x" * 43
    no_leaks.secrets.add("session cookie", token)
    anna.browser.set_cookie("uwv.test", "__Host-eilogin", token)
    for url in (UWV, STAD):
        anna.browser.visit(url)
        assert anna.browser.page.status_int == 503, url
    assert any("store-unavailable" in one for one in no_leaks.came_out["log"])
    no_leaks("secret", "session cookie")


def test_an_application_that_breaks(watched, clock, no_leaks):
    """Its error goes through, with the frames of the filters, to the server's log."""
    federation = watched(
        {"uwv.test": show_visitor},
        options={"uwv.test": {"user": "bsn", "headers": "X-Number bsn"}},
        hub_options={"release": "* bsn"},
    )
    anna = Person(federation).logs_in(UWV)
    try:
        anna.browser.visit("https://uwv.test/breekt")
    except KeyError as error:
        for line in traceback.format_exception(error):
            no_leaks.tell("log", line)
    else:
        pytest.fail("it did not break")
    no_leaks("BSN", "session cookie", "artifact", "NameID")


# --- attacks --------------------------------------------------------------------------


class TestAttacks:
    """What is refused is not repeated: not in a log, not on a page, not to a hub."""

    @pytest.fixture
    def federation(self, watched, clock):
        return watched(
            {"stad.test": show_visitor},
            options={"stad.test": {"acs": "post", "unsolicited": "true"}},
        )

    @pytest.fixture
    def anna(self, federation, hub):
        return Asked(federation, hub)

    @pytest.fixture
    def forge(self, hub, attacker_key, tampered):
        """Answers that say who she is, and are not to be believed."""
        said = {"attributes": {"bsn": [BSN]}, "name": "s00000000:900000041"}

        def by_a_thief(request):
            key, hub.key = hub.key, attacker_key
            answer = hub.answer(request, **said)
            hub.key = key
            return answer

        return {
            "changed": lambda r: tampered(hub.answer(r, **said), BSN, "900000028"),
            "of a thief": by_a_thief,
            "too old": lambda r: hub.answer(
                r, **said, confirmation_ends=instants.now() - 120
            ),
            "unsigned": lambda r: hub.response(r, hub.assertion(r, **said)),
            "good": lambda r: hub.answer(r, **said),
        }

    def test_answers_that_are_forged(self, anna, forge, no_leaks):
        no_leaks.secrets.add("BSN", "900000028", "900000041")
        for kind, answer in forge.items():
            question = anna.begin(STAD)
            if kind == "good":
                # In another browser.
                anna.browser.forget("stad.test")
            anna.bring(answer(question[0]), question)
            if kind == "good":
                assert anna.browser.url.startswith("https://inloggen.test/sso?"), kind
            else:
                assert anna.browser.page.status_int == 400, kind
        no_leaks("BSN", "NameID", "attribute", "message", "assertion", "other cookie")

    @pytest.mark.parametrize("path", ["/eilogin/acs", "/eilogin/slo"])
    def test_malformed_messages_do_not_leak(self, anna, path, no_leaks):
        """lxml's own words name tags and entities of what it was given."""
        junk = [
            "<Response><NameID>900000016</NameID></s00000000:900000016>",
            "<r bsn='900000016' bsn='900000016'/>",
            "<r>&900000016;</r>",
            "<s900000016:r/>",
            "<?bsn 900000016?><r/>",
            "<!DOCTYPE r [<!ENTITY bsn '900000016'>]><r>&bsn;</r>",
            "900000016",
        ]
        for text in junk:
            octets = base64.b64encode(text.encode()).decode()
            for name in ("SAMLRequest", "SAMLResponse"):
                anna.browser.post(
                    f"https://stad.test{path}", site="cross-site", **{name: octets}
                )
                assert 400 <= anna.browser.page.status_int < 500
                assert text not in anna.browser.page.text
        no_leaks("BSN", "message", places=["error page"])

    @pytest.mark.parametrize("host", ["stad.test/eilogin", "inloggen.test"])
    def test_the_same_from_server_to_server(self, federation, call, host, no_leaks):
        for body in (
            f"<Envelope><NameID>{BSN}</{BSN}>",
            f"<Envelope xmlns='{safe_xml.SOAP}'><Body><x>{BSN}</x></Body></Envelope>",
            BSN,
        ):
            answer = call(
                "POST",
                f"https://{host}/slo/soap",
                body.encode(),
                Content_Type="text/xml",
            )
            assert answer.status_int == 500
            assert "Fault>" in answer.text
            assert BSN not in answer.text
        no_leaks("BSN", places=[])

    def test_cookies_that_are_forged(self, anna, no_leaks):
        for name in ("eilogin", "eilogin-logout", "eilogin-logout-again"):
            value = f"69{name}{'geheim' * 8}"
            no_leaks.secrets.add("session cookie", value)
            anna.browser.set_cookie("stad.test", f"__Host-{name}", value)
        for path in ("/mijn", "/eilogin/session", "/eilogin/logout", "/eilogin/acs"):
            anna.browser.visit(f"https://stad.test{path}")
        no_leaks("session cookie")

    def test_an_answer_that_was_used_is_not_told(self, anna, hub, no_leaks):
        question = anna.begin(STAD)
        good = hub.answer(question[0], name="her name here", attributes={"bsn": [BSN]})
        anna.bring(good, question)
        assert anna.browser.url == STAD
        anna.browser.visit("https://stad.test/eilogin/logout")
        anna.bring(good, question)
        assert anna.browser.page.status_int == 400
        no_leaks("NameID", "session cookie", exceptions=BY_REDIRECT)


class Choosing(hub_speaker.Chooser):
    """One who has two hubs to choose from, at such a browser too."""

    def __init__(self, federation, hub, key):
        super().__init__(federation, hub, key)
        self.browser = Sending(federation)


class Asked(hub_speaker.Citizen):
    """One whose hub says what a test wants, at a browser that tells more."""

    def __init__(self, federation, hub):
        super().__init__(federation, hub)
        self.browser = Sending(federation)


# --- what stands in an address, and so in logs ----------------------------------------


class TestAnAddressInALog:
    """Who reads it there cannot do anything with it, spent or not."""

    @pytest.fixture
    def federation(self, watched, clock):
        hosts = ("uwv.test", "land.test")
        return watched(dict.fromkeys(hosts, show_visitor))

    @pytest.fixture
    def unspent(self, federation):
        """Anna before the address with an artifact that nobody has brought yet."""
        anna = Person(federation)
        anna.browser.visit(UWV)
        anna.browser.stops_before = "SAMLart="
        anna.types()
        anna.browser.stops_before = None
        assert "SAMLart=" in anna.browser.url
        return anna

    def test_with_an_artifact_is_good_in_her_browser_alone(self, federation, unspent):
        address = unspent.browser.url
        thief = Sending(federation)
        # It begins a login of the thief's own.
        thief.visit(address)
        assert thief.url.startswith("https://inloggen.test/sso?request=")
        thief.visit(UWV)
        thief.visit(address)
        assert thief.url.startswith("https://inloggen.test/sso?request=")
        assert "__Host-eilogin" not in thief.cookies("uwv.test")
        # She has lost nothing by it.
        unspent.browser.visit(address)
        assert unspent.browser.url == UWV

    def test_with_an_artifact_is_spent_once_it_was_brought(self, federation, unspent):
        address, before = unspent.browser.url, len(federation.back_channel_log)
        cookies = unspent.browser.cookies("uwv.test")
        unspent.browser.visit(address)
        thief = Sending(federation)
        for name, value in cookies.items():
            thief.set_cookie("uwv.test", name, value)
        thief.visit(address)
        assert "__Host-eilogin" not in thief.cookies("uwv.test")
        assert len(federation.back_channel_log) == before + 1

    def test_with_an_artifact_tells_another_member_nothing(
        self, federation, unspent, party
    ):
        """The hub tells it to whom it was made for, who has to sign the question."""
        [artifact] = parse_qs(urlsplit(unspent.browser.url).query)["SAMLart"]
        address = "https://inloggen.test/artifact"
        for thief in (party("land.test"), party("uwv.test", new_party_key("thief"))):
            request = messages.ArtifactResolve(
                id=messages.new_id(),
                issued=instants.now(),
                issuer=thief.entity_id,
                artifact=artifact,
                destination=address,
            )
            body = thief.by_soap(messages.write_artifact_resolve(request))
            answer = Request.blank(
                address, method="POST", body=body, content_type="text/xml"
            ).get_response(federation)
            assert "Assertion" not in answer.text
            assert "NameID" not in answer.text

    def test_with_an_answer_by_post_is_good_in_her_browser_alone(self, watched, clock):
        options = {"stad.test": {"acs": "post"}}
        federation = watched({"stad.test": show_visitor}, options=options)
        anna = Person(federation)
        anna.browser.visit(STAD)
        anna.browser.stops_before = "answer="
        anna.types()
        anna.browser.stops_before = None
        thief = Sending(federation)
        thief.visit(anna.browser.url)
        assert thief.url.startswith("https://inloggen.test/sso?request=")
        assert "__Host-eilogin" not in thief.cookies("stad.test")
        anna.browser.visit(anna.browser.url)
        assert anna.browser.url == STAD

    def test_with_an_answer_that_nobody_asked_for_too(self, watched, clock, hub_of):
        options = {"stad.test": {"acs": "post", "unsolicited": "true"}}
        federation = watched({"stad.test": show_visitor}, options=options)
        hub = hub_of(federation)
        anna = Asked(federation, hub)
        acs = "https://stad.test/eilogin/acs"
        request = messages.AuthnRequest(
            id="", issued=0.0, issuer="https://stad.test/eilogin/metadata", acs_url=acs
        )
        answer = hub.answer(request, name="anna here")
        anna.send(acs, answer, "/mijn")
        address = anna.browser.url
        assert "answer=" in address
        thief = Sending(federation)
        for cookie in ("", "0" * 72, "not hexadecimal"):
            name = (
                f"eilogin-answer-{parse_qs(urlsplit(address).query)['answer'][0][:16]}"
            )
            thief.set_cookie("stad.test", f"__Host-{name}", cookie)
            thief.visit(address)
            assert thief.page.status_int == 400
            thief.post(acs, site="same-origin", answer=address.partition("answer=")[2])
            assert thief.page.status_int == 400
        anna.browser.reload()
        anna.browser.press("Inloggen")
        assert anna.browser.text.startswith("anna here")

    def test_is_told_to_no_other_site(self, federation, unspent):
        """Of none of our pages, whatever its address has in it (Referrer Policy)."""
        came = []

        def elsewhere(environ, start_response):
            came.append(environ.get("HTTP_REFERER"))
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [b"elsewhere"]

        federation.apps["elders.test"] = elsewhere
        thief = Sending(federation)
        for url in (
            unspent.browser.url,
            "https://uwv.test/eilogin/login?next=/mijn",
            "https://uwv.test/eilogin/logout?next=/mijn",
            "https://uwv.test/eilogin/nothing?SAMLart=here",
            "https://inloggen.test/",
            "https://inloggen.test/sso?SAMLRequest=junk",
        ):
            thief.visit(url)
            thief.follow("https://elders.test/")
        assert came == [None] * 6
        # The other way round: a page that says nothing tells its site, and no more.
        thief.visit("https://elders.test/mijn?geheim")
        thief.follow("https://elders.test/")
        thief.visit("https://elders.test/mijn?geheim")
        thief.follow("https://uwv.test/eilogin/logout")
        assert came[-2] == "https://elders.test/mijn?geheim"


# --- what an error says, and what a fault in the configuration does -------------------


@pytest.mark.parametrize("room", [safe_xml.parse, bindings.unwrap_soap])
@pytest.mark.parametrize(
    "text",
    [
        "<r><NameID>900000016</NameID></s900000016>",
        "<r n='900000016' n='900000016'/>",
        "<r>&s900000016;</r>",
        "<s900000016:r/>",
        "<!DOCTYPE r [<!ENTITY s900000016 '900000016'>]><r/>",
    ],
)
def test_no_traceback_quotes_what_cannot_be_read(room, text):
    with pytest.raises(MalformedMessage) as caught:
        room(text.encode())
    assert BSN not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("many", [0, 300])
def test_no_traceback_quotes_what_is_not_valid(many):
    text = (
        f"<saml:Advice xmlns:saml='{safe_xml.SAML}'>"
        + "<saml:AssertionIDRef>a</saml:AssertionIDRef>" * many
        + f"<saml:AssertionIDRef>{BSN}</saml:AssertionIDRef></saml:Advice>"
    )
    with pytest.raises(MalformedMessage, match="schema") as caught:
        safe_xml.validate(safe_xml.parse(text.encode()), "protocol")
    assert BSN not in "".join(traceback.format_exception(caught.value))
    assert many or BSN in caught.value.parser_said


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        (HubOptions, {"name_id_key": "geheim-dat-kort"}),
        (OwnOptions, {"secret": "geheim-dat-kort", "pseudonym_key": "geheim-twee"}),
        (OwnOptions, {"key": "-----BEGIN PRIVATE KEY-----geheim"}),
        (SessionOptions, {"store": "redis://user:geheim@nergens:x/"}),
        (SessionOptions, {"store": "postgres://user:geheim@nergens/"}),
        (OwnOptions, {"certificate": "-----BEGIN PRIVATE KEY-----\ngeheim"}),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else value.__name__,
)
def test_a_fault_in_the_configuration_is_told_without_its_secret(declared, said):
    with pytest.raises(InvalidOptions) as caught:
        read(declared, {}, said)
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value.faults)
    assert next(iter(said)) in told
    assert "geheim" not in told.lower()


@pytest.mark.parametrize(
    "proxy", ["http://user:geheim@nergens:3128", "http://user:geheim@nergens:x"]
)
def test_a_proxy_that_cannot_be_used_is_told_without_its_password(proxy):
    with pytest.raises(ConfigurationError, match="back_channel_proxy") as caught:
        BackChannel(proxy=proxy)
    assert "geheim" not in "".join(traceback.format_exception(caught.value))


# --- over HTTP, with the logs of real servers -----------------------------------------

_ACCESS = "ACCESS %(h)s %(u)s %(r)s %(s)s %(f)s %(a)s %({x-forwarded-for}i)s %(q)s"


def waitress(ini_file, *ports):
    return EiloginServe(ini_file, *ports)


def gunicorn(ini_file, *ports):
    """As `servers.rst` has it, with all that its access log can say."""
    command = [sys.executable, "-m", "gunicorn", "--paste", ini_file, "-k", "gthread",
               "--threads", "16", "--log-level", "debug", "--access-logfile", "-",
               "--access-logformat", _ACCESS,
               *(f"-b127.0.0.1:{port}" for port in ports)]  # fmt: skip
    return Server(ini_file.parent, command, *ports)


_CAMERA = """\
[pipeline:main]
pipeline = camera all

[filter:camera]
paste.filter_app_factory = leaks:make_camera
"""


def place_of(line):
    """Which log of a server a line is of."""
    if line.startswith("ACCESS") or " leaks access log " in line:
        return "access log"
    return "middleware" if " leaks middleware " in line else "log"


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    protect = "=/ optional\n    /hoger midden\n    /mijn basis"
    said = {"user": "bsn", "headers": "X-Number bsn", "protect": protect}
    ours = Ours(
        tmp_path_factory.mktemp("ours"),
        {"uwv": said, "stad": {**said, "acs": "post"}},
        hub={"demo": "false", "release": "* name bsn"},
    )
    ours.join(*map(ours.metadata, ("uwv", "stad", HUB)))
    return ours


_SERVERS = [waitress, gunicorn]


@pytest.fixture(params=range(len(_SERVERS)), ids=["waitress", "gunicorn"])
def number(request):
    """Of a server, and of a citizen: a code of hers is good once."""
    return request.param


@pytest.fixture
def server(number, ours, monkeypatch):
    """One that logs all it can, in one file."""
    ini_file = ours.folder / "paste.ini"
    text = ini_file.read_text()
    told = text.replace("[composite:main]", f"{_CAMERA}\n[composite:all]")
    ini_file.write_text(told.replace("level = INFO", "level = DEBUG"))
    monkeypatch.setenv("PYTHONPATH", str(Path(leaks.__file__).parent))
    ports = re.findall(r"^listen = 127.0.0.1:(\d+)", text, re.MULTILINE)
    yield _SERVERS[number](ini_file, *ports)
    ini_file.write_text(text)
    (ours.folder / "server.log").unlink()


def test_the_log_of_a_server_at_debug(ours, server, number, no_leaks):
    learn_belongings(no_leaks.secrets, ours.folder / "var")
    browser, name = Sending(Camera(over_http, no_leaks)), person(number)
    with server:
        browser.visit(ours.url("uwv", "/mijn"))
        browser.press("Inloggen", username=name, password="not-her-password")
        browser.press("Inloggen", username=name, password=PASSWORD)
        assert BSN in browser.text
        browser.visit(ours.url("stad", "/hoger"))
        browser.press("Inloggen", username=name, password=PASSWORD, code=code())
        assert browser.url == ours.url("stad", "/hoger"), browser.text
        for kind in ("SAMLResponse", "SAMLRequest"):
            junk = base64.b64encode(b"<r><NameID>900000016</NameID></s900000016>")
            browser.post(ours.url("uwv", "/eilogin/acs"), **{kind: junk.decode()})
            assert browser.page.status_int == 400
        browser.visit(ours.url("uwv", "/mijn"))
        browser.click("Uitloggen")
        assert "U bent overal uitgelogd" in browser.text
    # What the camera at the browser's end saw is known already: here is the server's.
    no_leaks.came_out["access log"].clear()
    no_leaks.came_out["middleware"].clear()
    for line in server.log.splitlines():
        no_leaks.tell(place_of(line), line)
    access_log = no_leaks.came_out["access log"]
    assert "SAMLart=" in "".join(access_log)
    has_its_own = any(line.startswith("ACCESS") for line in access_log)
    assert has_its_own == ("Starting gunicorn" in server.log)
    assert any(" DEBUG urllib3" in line for line in no_leaks.came_out["log"])
    assert "Traceback" not in server.log
    no_leaks(*set(IN_PLAY) - {"NameID", "secret"}, exceptions=BY_REDIRECT)
