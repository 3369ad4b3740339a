"""Who shares a session with whom, from which level on, and what each may learn."""

from dataclasses import replace

import pytest

from eilogin.hub.participants.sso_domains import proven_for, shared_with
from eilogin.saml import bindings, messages
from eilogin.saml.assurance_levels import DIGID
from eilogin.saml.metadata import Endpoint
from eilogin.sessions import Login, Subject

HUB = "https://inloggen.test"
MINUTE = 60
APART = "Voor deze dienst logt u apart in."


@pytest.fixture
def ruled(hub_believes):
    """Rule something of a participant, as the operator does in the metadata."""

    def ruled(host, **rules):
        hub_believes(host, lambda entity: replace(entity, **rules))

    return ruled


@pytest.fixture
def services(service_of):
    """A participant whose messages a test writes, by its host."""
    return {host: service_of(host) for host in ("uwv.test", "stad.test", "land.test")}


@pytest.fixture
def ask(citizen, services):
    """Bring a question of a participant to the hub in the citizen's browser."""

    def ask(host, level="basis", **changes):
        service = services[host]
        citizen.visit(service.address(service.request(level, **changes)))

    return ask


@pytest.fixture
def told(services):
    """What a participant is told: a level, or why there is no login."""

    def told(host):
        response, assertion = services[host].answer()
        if assertion is None:
            return response.status.codes[-1].rpartition(":")[2]
        return DIGID.level_of(assertion.level_class)

    return told


@pytest.fixture
def silently(ask, told):
    """What a participant is told that wants her not to be asked anything."""

    def silently(host, level="basis"):
        ask(host, level, is_passive=True)
        return told(host)

    return silently


@pytest.fixture
def log_in(citizen, ask):
    """Have her log in for a participant."""

    def log_in(host, level="basis"):
        ask(host, level)
        code = {} if level == "basis" else {"code": citizen.code()}
        citizen.sign_in(url=None, **code)

    return log_in


def test_where_all_share_a_login_the_sign_in_page_says_so(citizen, ask):
    for come in (lambda: ask("uwv.test"), lambda: citizen.visit(f"{HUB}/login")):
        come()
        assert "kunt u ook naar andere diensten" in citizen.browser.text


@pytest.mark.parametrize(
    ("domain", "participants", "expected"),
    [
        ("", {"": 3}, "all"),
        ("", {"": 2, "zorg": 1}, "some"),
        ("zorg", {"": 2, "zorg": 1}, "none"),
        ("zorg", {"zorg": 2}, "all"),
        ("none", {"none": 2}, "none"),
        ("", {"": 1}, "none"),
    ],
)
def test_a_login_is_shared_with_who_is_in_the_domain(domain, participants, expected):
    assert shared_with(domain, participants) == expected


class TestAnotherDomain:
    @pytest.fixture(autouse=True)
    def _ruled(self, ruled):
        ruled("land.test", sso_domain="zorg")

    def test_is_never_answered_silently(self, log_in, silently):
        log_in("uwv.test")
        assert silently("stad.test") == "basis"
        assert silently("land.test") == "NoPassive"

    def test_has_its_own_login_and_its_page_says_so(
        self, citizen, log_in, ask, told, silently
    ):
        log_in("uwv.test")
        ask("land.test")
        assert APART in citizen.browser.text
        citizen.sign_in(url=None)
        assert told("land.test") == "basis"
        assert silently("land.test") == "basis"

    def test_ends_nothing_in_the_first_one(self, log_in, silently, sessions, citizen):
        log_in("uwv.test")
        before = sessions.find(citizen.cookie)
        log_in("land.test")
        assert silently("uwv.test") == "basis"
        assert silently("stad.test") == "basis"
        after = sessions.find(citizen.cookie)
        assert (after.family, after.ends) == (before.family, before.ends)

    def test_may_be_the_first_one(self, citizen, log_in, silently, ask, told):
        log_in("land.test")
        assert silently("uwv.test") == "NoPassive"
        ask("uwv.test")
        assert APART in citizen.browser.text
        citizen.sign_in(url=None)
        assert told("uwv.test") == "basis"
        assert silently("land.test") == "basis"

    def test_is_shared_by_its_own(self, ruled, log_in, silently):
        ruled("stad.test", sso_domain="zorg")
        log_in("land.test")
        assert silently("stad.test") == "basis"

    def test_is_one_of_many(self, ruled, log_in, silently):
        ruled("stad.test", sso_domain="werk")
        log_in("land.test")
        assert silently("stad.test") == "NoPassive"

    def test_has_its_own_level(self, log_in, silently, citizen, ask):
        log_in("uwv.test", "midden")
        log_in("land.test")
        assert silently("land.test") == "basis"
        assert silently("land.test", "midden") == "NoPassive"
        assert silently("uwv.test") == "midden"
        ask("land.test", "midden")
        assert citizen.is_asked
        assert APART in citizen.browser.text

    def test_has_its_own_step_up(self, log_in, silently, clock):
        log_in("uwv.test")
        log_in("land.test")
        clock.shift(100)
        log_in("land.test", "midden")
        assert silently("land.test") == "midden"
        assert silently("uwv.test") == "basis"
        assert silently("uwv.test", "midden") == "NoPassive"

    def test_says_when_it_was_proven_there(self, services, log_in, silently, clock):
        log_in("uwv.test")
        clock.shift(5 * MINUTE)
        log_in("land.test")
        silently("uwv.test")
        instants = {
            host: services[host].answer()[1].authn_instant
            for host in ("uwv.test", "land.test")
        }
        assert instants["land.test"] - instants["uwv.test"] == 5 * MINUTE

    def test_revives_nothing_that_idleness_has_ended(self, log_in, silently, clock):
        log_in("uwv.test")
        clock.shift(16 * MINUTE)
        log_in("land.test")
        assert silently("land.test") == "basis"
        assert silently("uwv.test") == "NoPassive"

    def test_is_where_a_participant_may_be_from_now_on(self, ruled, log_in, silently):
        log_in("uwv.test")
        assert silently("stad.test") == "basis"
        ruled("stad.test", sso_domain="zorg")
        assert silently("stad.test") == "NoPassive"

    def test_is_not_that_of_the_hubs_own_page(self, citizen, silently):
        citizen.sign_in()
        assert silently("uwv.test") == "basis"
        assert silently("land.test") == "NoPassive"

    def test_has_its_fresh_proof_from_nobody_else(self, log_in, ask, citizen, told):
        """Of two questions that wait, one is answered by its sign-in."""
        ask("uwv.test")
        waiting = citizen.browser.url, citizen.browser.page
        log_in("land.test")
        citizen.browser.url, citizen.browser.page = waiting
        citizen.visit(waiting[0])
        assert APART in citizen.browser.text
        citizen.sign_in(url=None)
        assert told("uwv.test") == "basis"

    @pytest.mark.parametrize(
        ("host", "said"),
        [
            ("uwv.test", "naar sommige andere diensten"),
            ("land.test", "Dit geldt alleen voor deze dienst."),
            ("", "naar sommige andere diensten"),
        ],
    )
    def test_is_told_on_the_sign_in_page(self, citizen, ask, host, said):
        if host:
            ask(host)
        else:
            citizen.visit(f"{HUB}/login")
        assert said in citizen.browser.text

    def test_is_another_session_of_nobody(self, citizen, log_in, ask, silently):
        """Who logs in as somebody else takes the place of the first everywhere."""
        log_in("uwv.test")
        ask("land.test")
        citizen.sign_in("bram", url=None)
        assert silently("land.test") == "basis"
        assert silently("uwv.test") == "NoPassive"


class TestWithoutSingleSignOn:
    @pytest.fixture(autouse=True)
    def _ruled(self, ruled):
        ruled("land.test", sso_domain="none")

    def test_nobody_is_answered_silently(self, log_in, silently):
        log_in("uwv.test")
        assert silently("land.test") == "NoPassive"

    def test_each_login_is_proven_anew(self, citizen, log_in, ask, told, silently):
        for _ in range(2):
            ask("land.test")
            assert citizen.is_asked
            citizen.sign_in(url=None)
            assert told("land.test") == "basis"
            assert silently("land.test") == "NoPassive"

    def test_a_login_is_for_nobody_else(self, log_in, silently):
        log_in("land.test")
        assert silently("uwv.test") == "NoPassive"

    def test_a_login_takes_nothing_from_the_others(self, log_in, silently):
        log_in("uwv.test", "midden")
        log_in("land.test")
        assert silently("uwv.test", "midden") == "midden"

    def test_the_level_is_that_of_this_very_login(self, log_in, told, clock):
        log_in("uwv.test", "midden")
        clock.shift(1)
        log_in("land.test")
        assert told("land.test") == "basis"

    def test_concurrent_login_does_not_raise_the_level_without_sso(
        self, citizen, ask, log_in, told, clock
    ):
        ask("land.test")
        waiting = citizen.browser.url
        clock.shift(1)
        log_in("uwv.test", "midden")
        clock.shift(1)
        citizen.sign_in(url=waiting)
        assert told("land.test") == "basis"

    def test_two_are_strangers_to_each_other(self, ruled, log_in, silently):
        ruled("stad.test", sso_domain="none")
        log_in("land.test")
        assert silently("stad.test") == "NoPassive"

    def test_the_sign_in_page_promises_nothing(self, citizen, ask):
        ask("land.test")
        assert "Dit geldt alleen voor deze dienst." in citizen.browser.text
        assert "zonder opnieuw inloggen" not in citizen.browser.text


class TestWhereSheIsInAlready:
    """The page that a hub shows with ``show_session``."""

    @pytest.fixture
    def hub_options(self):
        return {"show_session": "true"}

    def test_is_not_shown_in_the_place_of_a_login(self, citizen, ruled, log_in, ask):
        ruled("land.test", sso_domain="zorg")
        log_in("uwv.test")
        ask("stad.test")
        assert "U bent al ingelogd" in citizen.browser.text
        ask("land.test")
        assert citizen.is_asked
        assert APART in citizen.browser.text

    def test_leads_on_to_nobody_who_has_left_its_domain_meanwhile(
        self, citizen, ruled, log_in, ask, services
    ):
        log_in("uwv.test")
        ask("stad.test")
        ruled("stad.test", sso_domain="zorg")
        citizen.browser.press("Ga verder")
        assert citizen.is_asked
        assert services["stad.test"].came == []

    def test_leads_on_to_nobody_who_needs_a_higher_level_meanwhile(
        self, citizen, ruled, log_in, ask, services
    ):
        log_in("uwv.test")
        ask("stad.test")
        ruled("stad.test", required_level="midden")
        citizen.browser.press("Ga verder")
        response, assertion = services["stad.test"].answer()
        assert assertion is None
        assert response.status.codes[-1] == messages.NO_AUTHN_CONTEXT

    @pytest.mark.parametrize("shows", [True, False])
    def test_leads_on_to_no_address_that_is_gone_meanwhile(  # noqa: PLR0913, PLR0917
        self, citizen, log_in, ask, services, hub_believes, refused, shows
    ):
        if shows:
            log_in("uwv.test")
        ask("stad.test")
        there = Endpoint(bindings.POST, "https://stad.test/elsewhere", index=0)
        hub_believes(
            "stad.test",
            lambda entity: replace(
                entity,
                service_provider=replace(
                    entity.service_provider, assertion_consumers=(there,)
                ),
            ),
        )
        if shows:
            citizen.browser.press("Ga verder")
        else:
            citizen.sign_in(url=None)
        refused(citizen.browser.page, "message-misdirected")
        assert services["stad.test"].came == []


class TestAHubLikeDigid:
    @pytest.fixture
    def hub_options(self):
        return {"profile": "digid"}

    @pytest.fixture(autouse=True)
    def _by_artifact(self, services):
        for service in services.values():
            service.acs += "?artifact"

    @pytest.fixture
    def is_silent(self, citizen, ask):
        def is_silent(host):
            ask(host, protocol_binding="", acs_url="")
            return not citizen.is_asked

        return is_silent

    @pytest.mark.parametrize("domain", ["zorg", "none"])
    def test_asks_in_each_domain(self, citizen, ruled, is_silent, domain):
        ruled("uwv.test", sso_domain=domain)
        citizen.sign_in()
        assert not is_silent("uwv.test")
        citizen.sign_in(url=None)
        assert citizen.browser.url.startswith("https://uwv.test/")
        assert is_silent("uwv.test") is (domain == "zorg")


class TestARequiredLevel:
    @pytest.fixture(autouse=True)
    def _ruled(self, ruled):
        ruled("land.test", required_level="midden")

    def test_is_asked_for_whatever_the_participant_asks(self, citizen, ask, told):
        ask("land.test")
        assert "Code" in citizen.browser.text
        citizen.sign_in(url=None, code=citizen.code())
        assert told("land.test") == "midden"

    def test_is_not_met_by_less(self, log_in, silently):
        log_in("uwv.test")
        assert silently("land.test") == "NoPassive"

    def test_leaves_the_others_as_they_are(self, log_in, silently):
        log_in("uwv.test")
        assert silently("stad.test") == "basis"

    def test_is_not_given_up_for_who_asks_for_just_less(
        self, citizen, ask, told, caplog
    ):
        citizen.sign_in()
        ask("land.test", comparison="exact")
        assert told("land.test") == "NoAuthnContext"
        assert "requires 'midden' of it" in caplog.text
        assert "(not-served)" in caplog.text

    def test_holds_for_what_was_asked_before(self, citizen, ask, told, ruled):
        ask("stad.test")
        ruled("stad.test", required_level="midden")
        citizen.sign_in(url=None)
        assert told("stad.test") == "NoAuthnContext"

    def test_that_nobody_can_prove_here_leaves_it_without_a_login(
        self, ruled, ask, told
    ):
        ruled("land.test", required_level="hoog")
        ask("land.test")
        assert told("land.test") == "NoAuthnContext"


@pytest.mark.parametrize(
    ("released", "names"),
    [
        pytest.param(None, {"name", "mail"}, id="None-all"),
        pytest.param({"mail", "bsn"}, {"mail"}, id="mail+bsn-mail"),
        ({"naam"}, set()),
        (set(), set()),
    ],
    ids=str,
)
class TestReleasedAttributes:
    @pytest.fixture
    def hub_options(self):
        return {"release": "* name mail"}

    def test_narrow_what_the_hub_releases(
        self, ruled, log_in, services, released, names
    ):
        ruled("uwv.test", released=None if released is None else frozenset(released))
        log_in("uwv.test")
        assert set(services["uwv.test"].answer()[1].attributes) == names


class TestReleasedUnderAnotherName:
    @pytest.fixture
    def hub_options(self):
        return {"release": "* name mail", "attribute_names": "mail urn:mail"}

    def test_is_what_participants_call_it(self, ruled, log_in, services):
        ruled("uwv.test", released=frozenset({"urn:mail"}))
        log_in("uwv.test")
        assert set(services["uwv.test"].answer()[1].attributes) == {"urn:mail"}


HER = Subject(f"{HUB}/metadata", f"{HUB}/metadata", "anna")


def login(**proven):
    made = Login(HER, "basis", 0.0, 100.0, 5.0, proven={"basis": 5.0})
    return replace(made, **proven)


class TestWhatIsProven:
    def test_is_for_the_usual_domain_where_nothing_else_is_said(self):
        assert proven_for(login(), "") == login()
        assert proven_for(login(), "zorg") is None

    def test_is_kept_with_the_domain(self):
        in_zorg = login(domains={"zorg": {"basis": 6.0, "midden": 7.0}})
        read = Login.from_json(in_zorg.to_json(), "", 0.0)
        assert read == in_zorg
        seen = proven_for(read, "zorg")
        assert (seen.level, seen.proven) == ("midden", {"basis": 6.0, "midden": 7.0})
        assert proven_for(read, "") is None

    def test_is_read_by_no_version_that_would_overlook_the_domain(self):
        in_zorg = login(domains={"zorg": {"basis": 5.0}}).to_json()
        assert in_zorg.partition("\n")[2].startswith("[2,")
        assert login().to_json().partition("\n")[2].startswith("[1,")

    @pytest.mark.parametrize(
        "domains", [{"zorg": {"royal": 5.0}}, {"zorg": {"basis": "x"}}, {"zorg": 5}, []]
    )
    def test_is_nobodys_where_it_cannot_be_read(self, domains):
        with pytest.raises((AttributeError, TypeError, ValueError)):
            Login.from_json(login(domains=domains).to_json(), "", 0.0)

    def test_is_added_to_what_was_proven_for_others(self):
        newer = login(domains={"zorg": {"basis": 9.0}}, proven={"basis": 9.0})
        both = login().confirmed_by(newer)
        assert both.domains == {"": {"basis": 5.0}, "zorg": {"basis": 9.0}}
        usual = both.confirmed_by(login(proven={"midden": 10.0}, level="midden"))
        assert usual.domains == {
            "": {"basis": 5.0, "midden": 10.0},
            "zorg": {"basis": 9.0},
        }
        assert login().confirmed_by(login()).domains is None
