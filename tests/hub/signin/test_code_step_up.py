"""A step-up of a visitor whom the hub knows: it asks for the code alone."""

import re
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from eilogin.saml import messages
from eilogin.saml.assurance_levels import DIGID

HUB = "https://inloggen.test"
MINUTE = 60
MIDDEN = DIGID.class_of("midden")
START = 1_795_510_800.0


@pytest.fixture
def ask(citizen, service):
    """Ask for a level in the citizen's browser."""

    def ask(level="midden", **changes):
        request = service.request(level, **changes)
        citizen.visit(service.address(request))
        return request

    return ask


@pytest.fixture
def signed_in(citizen):
    return citizen.sign_in()


@pytest.fixture
def asked(signed_in, ask):
    """Anna, signed in with a password, before the page of a step-up."""
    ask()
    return signed_in


def fields_of(citizen):
    """The names of the fields that the page asks for."""
    return set(
        re.findall(
            r'<input [^>]*name="(username|password|code)"', citizen.browser.page.text
        )
    )


def level_of(service):
    """The level of the answer that came last; None where that is no login."""
    _, assertion = service.answer()
    return assertion and DIGID.level_of(assertion.level_class)


def give(citizen, code):
    citizen.browser.press("Inloggen", code=code)


def test_asks_for_the_code_alone(asked, service):
    assert fields_of(asked) == {"code"}
    assert "U bent ingelogd als anna." in asked.browser.text
    give(asked, asked.code())
    assert level_of(service) == "midden"
    response, _ = service.answer()
    assert response.status.codes == (messages.SUCCESS,)


def test_says_so_in_english(citizen, ask):
    citizen.sign_in()
    citizen.browser.language = "en"
    ask()
    assert "You are logged in as anna." in citizen.browser.text
    assert "Log in as someone else" in citizen.browser.text


def test_the_session_goes_on_with_both(asked, service, sessions, clock):
    before = sessions.find(asked.cookie)
    clock.shift(20)
    give(asked, asked.code())
    login = sessions.find(asked.cookie)
    assert login.who == before.who
    assert login.ends == before.ends
    assert dict(login.proven) == {"basis": START, "midden": START + 20}


def test_a_wrong_code_is_said_and_counts(asked, service, citizen):
    right = asked.code()
    for _ in range(5):
        give(asked, "000000")
        assert "De code klopt niet." in asked.browser.text
        assert fields_of(asked) == {"code"}
    give(asked, right)
    assert "te vaak geprobeerd" in asked.browser.text, "no try is left"
    assert service.came == []


def test_a_wrong_code_counts_for_the_whole_form_too(asked, another):
    for _ in range(5):
        give(asked, "000000")
    another.visit(f"{HUB}/login?level=midden")
    another.sign_in(url=None, code=another.code())
    assert "klopt niet" in another.browser.text


def test_a_code_is_good_once(asked, ask, another):
    code = asked.code()
    give(asked, code)
    another.sign_in()
    another.visit(f"{HUB}/login?level=midden")
    give(another, code)
    assert "De code klopt niet." in another.browser.text


def test_somebody_else_can_log_in(asked, service):
    asked.browser.click("Inloggen als iemand anders")
    assert fields_of(asked) == {"username", "password", "code"}
    assert 'value=""' in asked.browser.page.text
    asked.sign_in("bram", url=None, code=asked.code("bram"))
    assert level_of(service) == "midden"
    assert service.answer()[1].attributes == {"name": ["Bram van den Test"]}


def test_somebody_else_is_asked_for_everything_again_after_a_fault(asked):
    asked.browser.click("Inloggen als iemand anders")
    asked.sign_in("bram", url=None, code="000000")
    assert fields_of(asked) == {"username", "password", "code"}
    assert "gebruikersnaam, het wachtwoord of de code" in asked.browser.text


def test_cancel_is_a_cancel(asked, service):
    asked.browser.press("Annuleren")
    response, assertion = service.answer()
    assert assertion is None
    assert messages.AUTHN_FAILED in response.status.codes


class TestTheWholeForm:
    """Is asked for where the session does not say enough."""

    def is_whole(self, citizen):
        return fields_of(citizen) >= {"username", "password"}

    def test_of_a_stranger(self, citizen, ask):
        ask()
        assert self.is_whole(citizen)

    def test_for_a_fresh_proof(self, signed_in, ask):
        ask(force_authn=True)
        assert self.is_whole(signed_in)

    def test_for_a_fresh_proof_at_a_lower_level(self, signed_in, ask):
        ask("basis", force_authn=True)
        assert self.is_whole(signed_in)

    def test_after_some_time_without_activity(self, signed_in, ask, clock):
        clock.shift(16 * MINUTE)
        ask()
        assert self.is_whole(signed_in)

    def test_after_the_session_is_idle_while_the_page_is_open(
        self, asked, clock, service
    ):
        clock.shift(16 * MINUTE)
        asked.browser.reload()
        assert self.is_whole(asked)
        assert service.came == []

    def test_of_who_gives_a_code_when_the_session_is_over(
        self, asked, clock, service, sessions
    ):
        clock.shift(16 * MINUTE)
        give(asked, "123456")
        assert self.is_whole(asked)
        assert service.came == []

    def test_where_it_is_the_address_of_a_fresh_proof(self, signed_in, ask, service):
        """The form of a step-up is sent to the address of another question."""
        ask(force_authn=True)
        code = signed_in.code()
        action = re.search(r'action="([^"]+)"', signed_in.browser.page.text)[1]
        signed_in.browser.post(
            action.replace("&amp;", "&"),
            site="same-origin",
            code=code,
            **{"code-alone": "1"},
        )
        assert self.is_whole(signed_in)
        assert service.came == []

    @pytest.mark.parametrize("domain", ["zorg", "none"])
    def test_for_another_sso_domain(self, signed_in, ask, hub_believes, domain):
        """The password was proven for other services than this one."""
        hub_believes("stad.test", lambda entity: replace(entity, sso_domain=domain))
        ask()
        assert self.is_whole(signed_in)


class TestAttackers:
    def test_with_a_session_alone_get_no_level(self, asked, service):
        """The level stands in the address, and the participant's question counts."""
        query = parse_qs(urlsplit(asked.browser.url).query)
        assert "level" not in query
        asked.browser.post(
            f"{HUB}/login?next=/sso?request={query['request'][0]}&level=basis",
            site="same-origin",
            code="",
            **{"code-alone": "1"},
        )
        assert service.came == []

    def test_with_a_code_alone_get_no_session(self, asked, another, sessions):
        code = asked.code()
        another.visit(f"{HUB}/login?level=midden")
        another.browser.post(f"{HUB}/login?level=midden", site="same-origin", code=code)
        assert another.cookie is None

    def test_name_nobody_else_beside_a_code(self, asked, service):
        """A username in the form has the password asked for, whosever it is."""
        action = re.search(r'action="([^"]+)"', asked.browser.page.text)[1]
        url = action.replace("&amp;", "&")
        for name in ("anna", "bram"):
            code = asked.code(name) if "demo-" in asked.browser.text else "000000"
            asked.browser.post(
                url, site="same-origin", username=name, code=code, **{"code-alone": "1"}
            )
            assert service.came == []

    def test_do_not_go_on_after_a_logout_everywhere(self, asked, another, sessions):
        """The code is on its way while the citizen logs out in another browser."""
        old = asked.cookie
        code = asked.code()
        another.sign_in()
        another.visit(f"{HUB}/")
        another.browser.press("Overal uitloggen")
        give(asked, code)
        assert sessions.find(asked.cookie or old) is None

    def test_do_not_make_the_session_longer(self, asked, sessions, clock):
        before = sessions.find(asked.cookie)
        clock.shift(20)
        give(asked, asked.code())
        assert sessions.find(asked.cookie).ends == before.ends

    def test_send_no_form_from_another_site(self, asked, service):
        action = re.search(r'action="([^"]+)"', asked.browser.page.text)[1]
        url = action.replace("&amp;", "&")
        asked.browser.post(url, site="cross-site", code=asked.code())
        # No cookie of ours comes along with it.
        assert asked.browser.page.status_int == 400
        assert service.came == []
