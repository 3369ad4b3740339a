"""An attacker and a login that waits: at the hub, and at the participant.

The hub keeps a pending login in the browser that brought its AuthnRequest. A login that
is lost begins anew, once. Neither may give one person the session of another one, nor
let anybody fill the store.
"""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from lxml import html

from eilogin.hub.pending_authn_requests import PendingAuthnRequest
from eilogin.saml import bindings, messages, safe_xml

HUB = "https://inloggen.test"
UWV, STAD = "https://uwv.test/mijn", "https://stad.test/mijn"
MINUTE = 60


def show_visitor(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    return [f"user=[{environ.get('REMOTE_USER', '')}]".encode()]


class Person:
    """Somebody at a browser, who can sign in as one citizen."""

    def __init__(self, browser, name):
        self.browser, self.name = browser, name

    def visits(self, url, before=None):
        self.browser.stops_before = before
        self.browser.visit(url)
        self.browser.stops_before = None
        return self.browser.url

    def signs_in(self, before=None):
        self.browser.stops_before = before
        fields = {"username": self.name, "password": f"demo-{self.name}"}
        self.browser.press("Inloggen", **fields)
        self.browser.stops_before = None
        return self.browser.url

    @property
    def is_asked(self):
        return self.browser.url.startswith(HUB) and "Wachtwoord" in self.browser.text

    @property
    def user(self):
        found = re.search(r"user=\[(.+?)\]", self.browser.text)
        return found and found[1]


@pytest.fixture
def federation(clock, eilogin_federation):
    return eilogin_federation(
        {"uwv.test": show_visitor, "stad.test": show_visitor},
        options={"stad.test": {"acs": "post"}},
    )


@pytest.fixture
def attacker(federation):
    return Person(federation.browser(), "bram")


@pytest.fixture
def victim(federation):
    return Person(federation.browser(), "anna")


@pytest.fixture
def name_of(federation):
    """By what a participant knows a citizen."""

    def ask(name, url):
        person = Person(federation.browser(), name)
        person.visits(url)
        person.signs_in()
        return person.user

    return ask


@pytest.fixture
def stored(federation):
    """How many values the hub and the participants have stored."""

    def count():
        stores = [app.sessions.store for app in federation.apps.values()]
        return sum(len(store._values) for store in stores)  # noqa: SLF001

    return count


class TestThePendingLoginOfAnAttacker:
    @pytest.fixture(params=[UWV, STAD])
    def url(self, request):
        return request.param

    def test_is_not_there_in_the_browser_of_a_victim(self, attacker, victim, url):
        page = attacker.visits(url)
        victim.visits(page)
        assert not victim.is_asked
        assert victim.browser.page.status_int == 400

    def test_is_not_there_for_a_victim_who_is_signed_in(self, attacker, victim, url):
        """Else the attacker's tab would get an answer about the victim."""
        page = attacker.visits(url)
        victim.visits(f"{HUB}/login")
        victim.signs_in()
        trail = len(victim.browser.trail)
        victim.visits(page)
        assert "/eilogin/acs" not in "".join(victim.browser.trail[trail:])
        assert "/eilogin/acs" not in victim.browser.url

    def test_authn_request_of_an_attacker_logs_victims_in_as_themselves(
        self, attacker, victim, url, name_of
    ):
        message = attacker.visits(url, before="SAMLRequest=")
        victim.visits(message)
        victim.signs_in()
        assert victim.user == name_of("anna", url)
        assert attacker.browser.cookie(urlsplit(url).hostname, "__Host-eilogin") is None

    def test_that_is_answered_logs_nobody_else_in_as_the_attacker(
        self, attacker, victim, url, name_of
    ):
        attacker.visits(url)
        answer = attacker.signs_in(before="/eilogin/acs?")
        victim.visits(answer)
        assert victim.user is None
        assert victim.is_asked
        victim.signs_in()
        assert victim.user == name_of("anna", url)

    def test_changes_nothing_for_who_is_logged_in(self, attacker, victim, url):
        attacker.visits(url)
        answer = attacker.signs_in(before="/eilogin/acs?")
        victim.visits(url)
        victim.signs_in()
        before = victim.user
        victim.visits(answer)
        victim.visits(url)
        assert victim.user == before


class TestTheCookie:
    def test_of_another_pending_login_opens_no_other_one(self, attacker, victim):
        """Both are taken from browsers of the attacker's own."""
        first, second = attacker.visits(UWV), victim.visits(UWV)
        cookies = victim.browser.cookies("inloggen.test")
        [value] = [v for n, v in cookies.items() if "eilogin-asked-" in n]
        handle = parse_qs(urlsplit(first).query)["request"][0]
        name = f"__Host-eilogin-asked-{handle}"
        victim.browser.set_cookie("inloggen.test", name, value)
        assert second != first
        victim.visits(first)
        assert not victim.is_asked

    @pytest.mark.parametrize("value", ["", "x", "AAAA", "A" * 400])
    def test_that_is_made_up_is_refused(self, attacker, value):
        page = attacker.visits(UWV)
        handle = parse_qs(urlsplit(page).query)["request"][0]
        name = f"__Host-eilogin-asked-{handle}"
        attacker.browser.set_cookie("inloggen.test", name, value)
        attacker.visits(page)
        assert attacker.browser.page.status_int == 400

    def test_tells_nothing(self, victim):
        victim.visits(f"{UWV}?dossier=geheim")
        text = str(victim.browser.cookies("inloggen.test"))
        assert "uwv" not in text
        assert "geheim" not in text


class TestTheAddress:
    @pytest.mark.parametrize(
        "issuer", ["https://evil.test/", "javascript:alert(1)", "<script>", "a" * 900]
    )
    def test_leads_to_no_website_that_is_no_member(self, victim, issuer):
        handle = parse_qs(urlsplit(victim.visits(UWV)).query)["request"][0]
        victim.browser.forget("inloggen.test")
        victim.browser.set_cookie("inloggen.test", "__Host-eilogin-sign-in", "yes")
        victim.visits(f"{HUB}/sso?request={handle}&of={issuer}")
        assert victim.browser.page.status_int == 400
        assert issuer[:20] not in victim.browser.text
        # The switch between languages leads to the same address of the hub.
        page = html.fromstring(victim.browser.page.text)
        [switch] = page.xpath("//nav//@href")
        assert switch.startswith("/language?to=en&next=%2Fsso%3Frequest%3D")
        assert page.xpath("//main//@href") == [f"{HUB}/"]

    def test_probes_for_cookies_once_and_stays_here(self, victim):
        handle = parse_qs(urlsplit(victim.visits(UWV)).query)["request"][0]
        victim.browser.forget("inloggen.test")
        victim.visits(f"{HUB}/sso?request={handle}&of=//evil.test")
        assert len(victim.browser.trail) == 2
        assert victim.browser.url.startswith(f"{HUB}/sso?request=")


class TestALoginThatIsOver:
    def test_is_answered_with_no_login(self, victim, clock, federation):
        victim.visits(STAD)
        clock.shift(31 * MINUTE)
        seen = []
        stad = federation.apps["stad.test"]

        def look(environ, start_response):
            seen.append(environ["PATH_INFO"])
            return stad(environ, start_response)

        federation.apps["stad.test"] = look
        victim.signs_in()
        assert victim.user
        # Told that it is late, begun anew, answered, fetched, and the page.
        assert seen.count("/eilogin/login") == 1

    def test_logs_nobody_in_again_after_a_logout(self, victim, clock):
        """The address of an answer that was used is opened once more."""
        victim.visits(STAD)
        answer = victim.signs_in(before="/eilogin/acs?")
        victim.visits(answer)
        assert victim.user
        for minutes in (0, 5):
            clock.shift(minutes * MINUTE)
            victim.visits(STAD)
            victim.browser.visit("https://stad.test/eilogin/logout")
            # The hub knows somebody here again, and stad.test is not to.
            victim.visits(UWV)
            victim.signs_in()
            victim.visits(answer)
            assert victim.user is None
            victim.visits(STAD)

    @pytest.mark.parametrize("ending", ["", "_", "."])
    def test_that_is_made_up_leads_no_further_than_a_login(self, victim, ending):
        handle = "0" * 11 + "-" + "a" * 22 + ending
        victim.visits(f"https://uwv.test/eilogin/acs?lost={handle}")
        assert victim.user is None
        assert len([u for u in victim.browser.trail if "/eilogin/login" in u]) <= 1


class TestAFlood:
    def test_of_pages_leaves_nothing_in_any_store(self, federation, stored):
        """Bots that keep cookies or none, and follow redirects to the sign-in page."""
        bot = Person(federation.browser(), "nobody")
        before = stored()
        for _ in range(20):
            bot.visits(UWV)
            assert bot.is_asked
            bot.browser.forget("inloggen.test")
            bot.visits(UWV)
        assert stored() == before

    def test_of_reloads_begins_one_login_each(self, attacker, clock):
        page = attacker.visits(UWV)
        clock.shift(31 * MINUTE)
        for _ in range(3):
            attacker.visits(page)
            assert attacker.is_asked
            assert len(attacker.browser.trail) < 8

    def test_of_tabs_keeps_few_cookies(self, attacker, clock):
        for _ in range(12):
            clock.shift(1)
            attacker.visits(UWV)
        for host, prefix in (
            ("inloggen.test", "__Host-eilogin-asked-"),
            ("uwv.test", "__Host-eilogin-login-"),
        ):
            cookies = attacker.browser.cookies(host)
            values = [value for name, value in cookies.items() if prefix in name]
            assert 0 < len(values) <= 8
            assert sum(map(len, values)) < 4000


def test_a_question_holds_nothing_that_was_proven():
    """Nobody is more certain by a cookie: it says what is asked, and no more."""
    proven = {"username", "subject", "login", "proven", "confirmed"}
    assert not proven & set(PendingAuthnRequest.__dataclass_fields__)


@pytest.mark.parametrize("minutes", [0, 3, 20])
@pytest.mark.parametrize("url", [UWV, STAD])
def test_an_address_of_an_answer_begins_no_login_after_a_logout(
    victim, clock, url, minutes
):
    """It stands in the history, for whoever uses the browser next."""
    victim.visits(url)
    victim.signs_in()
    answers = [one for one in victim.browser.trail if "/eilogin/acs?" in one]
    assert answers
    victim.visits(f"{url.removesuffix('/mijn')}/eilogin/logout")
    clock.shift(minutes * MINUTE)
    for answer in answers:
        victim.visits(answer)
        assert not victim.browser.url.startswith(HUB), answer
        assert victim.user is None


class TestTheReasonOfALogin:
    """A participant says in its AuthnRequest that inactivity ended a session."""

    @pytest.mark.parametrize(
        "limit",
        ["", "0", "-900", "9" * 6, "15 minuten", "<b>", "٩٠٠", "900 ", "1e3", "0x10"],
    )
    def test_is_a_plain_number_or_none(self, limit):
        request = messages.AuthnRequest("_1", 0.0, UWV, idle_limit=900)
        element = messages.write_authn_request(request)
        assert messages.read_authn_request(element).idle_limit == 900
        [ended] = element.iter(safe_xml.q("act:Ended"))
        ended.set("Limit", limit)
        assert messages.read_authn_request(element).idle_limit == 0

    def test_is_of_who_signed_it(self, federation, victim):
        """It is put into the request of a participant that did not say so."""
        message = victim.visits(UWV, before="SAMLRequest=")
        query = urlsplit(message).query
        received = bindings.read_redirect(query)
        request = safe_xml.parse(received.octets)
        extensions = safe_xml.add(request, "samlp:Extensions")
        safe_xml.add(extensions, "act:Ended", Limit="900")
        key = federation.trusts["stad.test"].own.key
        forged = bindings.redirect_url(
            f"{HUB}/sso",
            "SAMLRequest",
            safe_xml.serialize(request),
            received.relay_state,
            key,
        )
        victim.visits(forged)
        assert victim.browser.page.status_int == 400
        assert "niets hebt gedaan" not in victim.browser.text
