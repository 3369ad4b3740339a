"""What the operator of a participant has it do, with no visitor there."""

import pytest

from eilogin.participant.logout.operator_logout import OperatorLogout
from eilogin.participant.subject_names import NAME_ID
from eilogin.web.pipeline.pipeline_objects import object_in

MIJN = "https://uwv.test/mijn"
ELSEWHERE = "https://stad.test/mijn"


def show_visitor(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [environ.get("REMOTE_USER", "").encode()]


@pytest.fixture
def options():
    """Options of uwv.test, for a test that wants others."""
    return {}


@pytest.fixture
def hub_options():
    """The same of the hub."""
    return {}


@pytest.fixture
def federation(clock, eilogin_federation, options, hub_options):
    return eilogin_federation(
        {"uwv.test": show_visitor, "stad.test": show_visitor},
        options={"uwv.test": options},
        hub_options=hub_options,
    )


@pytest.fixture
def log_in(federation):
    """Log somebody in at a page, in a browser of her own."""

    def log_in(name="anna"):
        browser = federation.browser()
        browser.visit(MIJN)
        browser.press("Inloggen", username=name, password=f"demo-{name}")
        assert browser.url == MIJN, browser.text
        return browser

    return log_in


@pytest.fixture
def anna(log_in):
    return log_in()


@pytest.fixture
def site(federation):
    """The participant as a command has it."""
    return object_in(federation.apps["uwv.test"], OperatorLogout)


def is_in(browser, url=MIJN):
    browser.visit(url)
    return browser.url == url


class TestAnEnd:
    def test_is_here_and_everywhere(self, anna, log_in, site):
        assert is_in(anna, ELSEWHERE)
        bystander = log_in("bram")
        anna.visit(MIJN)
        logins = site.called(anna.text, (NAME_ID,))
        assert len(logins) == 1
        assert site.end(logins)
        assert not is_in(anna)
        assert not is_in(anna, ELSEWHERE)
        assert is_in(bystander)

    @pytest.mark.parametrize(
        "hub_options", [{}, {"logout_scope": "browser"}], ids=["citizen", "browser"]
    )
    def test_is_of_all_her_sessions(self, anna, log_in, site):
        other = log_in()
        logins = site.called(anna.text, (NAME_ID,))
        assert len(logins) == 2
        assert site.end(logins), "of the first one the hub may have ended both"
        for browser in (anna, other):
            assert not is_in(browser)
            assert not is_in(browser, ELSEWHERE)

    def test_is_not_told_to_a_hub_that_is_away(self, federation, anna, site, clock):
        federation.down.add("inloggen.test")
        assert not site.end(site.called(anna.text, (NAME_ID,)))
        federation.down.clear()
        clock.shift(1)
        anna.visit(MIJN)
        assert anna.url == MIJN, "the hub knows her, and nobody was asked"

    def test_is_told_to_the_hooks_as_what_it_is(self, anna, site, monkeypatch):
        causes = []
        hooks = site._logout._hooks  # noqa: SLF001 - nothing else shows it
        monkeypatch.setattr(hooks, "tell", lambda *told: causes.append(told[2]))
        site.end(site.called(anna.text, (NAME_ID,)))
        assert causes == ["operator"]


class TestAName:
    @pytest.mark.parametrize("name", ["anna", "", "!", "x!persistent!y", "900000016"])
    def test_that_nobody_has_is_nobodys(self, anna, site, name):
        assert site.called(name, (NAME_ID,)) == []

    @pytest.mark.parametrize(
        ("options", "hub_options"),
        [
            (
                {"subject": "attribute:mail", "requested_attributes": "mail"},
                {"release": "* mail"},
            )
        ],
        ids=["attribute"],
    )
    def test_may_be_an_attribute_or_the_name_id_beside_it(self, anna, site):
        sources = ("attribute:mail",)
        assert anna.text == "anna@burger.test"
        [login] = site.called(anna.text, sources)
        assert site.called(login.also.name_id, sources) == [login]

    @pytest.mark.parametrize(
        ("options", "hub_options"),
        [
            (
                {
                    "subject": "attribute:mail name-id",
                    "requested_attributes": "mail",
                },
                {"release": "* mail"},
            )
        ],
        ids=["two"],
    )
    def test_is_what_the_application_has_where_there_are_several(self, anna, site):
        sources = ("attribute:mail", NAME_ID)
        assert anna.text.startswith("anna@burger.test!attribute:mail!")
        assert len(site.called(anna.text, sources)) == 1
        assert site.called(f"{anna.text}x", sources) == []

    @pytest.mark.parametrize(
        ("options", "hub_options"),
        [({"profile": "digid", "user": "subject"}, {"profile": "digid"})],
        ids=["digid"],
    )
    @pytest.mark.parametrize("by", ["pseudonym", "number"])
    def test_may_be_a_number_of_hers_with_digid(self, anna, site, by):
        name = anna.text if by == "pseudonym" else "900000016"
        assert len(site.called(name, (NAME_ID,))) == 1
