"""Single sign-on at the hub: from an AuthnRequest to the answer that leaves."""

import re
from dataclasses import replace

import pytest

from eilogin.errors import LoginEnded
from eilogin.hub.signin.hub_login_service import HubLoginService
from eilogin.hub.sso.response_writing import ResponseWriter
from eilogin.saml import bindings, messages, safe_xml
from eilogin.saml.assurance_levels import DIGID, Classes
from eilogin.saml.metadata import Endpoint

HUB = "https://inloggen.test"
SSO = f"{HUB}/sso"
ENTITY = f"{HUB}/metadata"
UWV_ACS = "https://uwv.test/eilogin/acs"
START = 1_795_510_800.0  # 2026-11-24T09:00:00Z
MINUTE = 60

STAD_ACS = "https://stad.test/eilogin/acs"
PAOS = "urn:oasis:names:tc:SAML:2.0:bindings:PAOS"

MIDDEN = DIGID.class_of("midden")


def as_participant(**changes):
    """What changes a member's metadata in its role of a participant."""
    return lambda entity: replace(
        entity, service_provider=replace(entity.service_provider, **changes)
    )


@pytest.fixture
def ask(citizen, service):
    """Bring a request to the hub in the citizen's browser; the request."""

    def ask(request=None, **changes):
        request = request or service.request(**changes)
        citizen.visit(service.address(request))
        return request

    return ask


@pytest.fixture
def refusal(service):
    """Both status codes of what came last, without their beginning."""

    def read():
        response, assertion = service.answer()
        assert assertion is None
        return "/".join(code.rpartition(":")[2] for code in response.status.codes)

    return read


@pytest.fixture
def signed_in(citizen):
    return citizen.sign_in()


@pytest.fixture
def with_code(citizen):
    citizen.visit(f"{HUB}/login?level=midden")
    return citizen.sign_in(url=None, code=citizen.code())


class TestTheAnswer:
    def test_comes_after_the_sign_in(self, citizen, service, ask):
        request = ask()
        assert citizen.is_asked
        citizen.sign_in(url=None)
        assert citizen.browser.url == service.acs
        response, assertion = service.answer()
        assert response.in_response_to == request.id
        assert response.destination == service.acs
        assert service.came[-1]["RelayState"] == "handle"
        assert assertion.attributes == {"name": ["Anna de Proef"]}

    def test_is_made_for_one_request_one_place_and_two_minutes(
        self, signed_in, service, ask
    ):
        request = ask()
        _, assertion = service.answer()
        assert assertion.issuer == ENTITY
        assert assertion.recipient == service.acs
        assert assertion.in_response_to == request.id
        assert assertion.audiences == ((service.entity_id,),)
        assert assertion.confirmation_ends == START + 2 * MINUTE
        assert assertion.not_on_or_after == START + 2 * MINUTE
        assert assertion.not_before == START - MINUTE
        assert assertion.authn_instant == START
        assert assertion.session_ends == START + 120 * MINUTE

    def test_says_when_the_federations_session_ends_and_not_when_this_one_would(
        self, signed_in, service, ask, clock
    ):
        clock.shift(10 * MINUTE)
        ask()
        assert service.answer()[1].session_ends == START + 120 * MINUTE

    def test_needs_no_relay_state(self, signed_in, service):
        signed_in.visit(service.address(service.request(), ""))
        assert "RelayState" not in service.came[-1]

    def test_names_her_by_a_pseudonym_of_this_service(
        self, signed_in, service, service_of, ask, citizen
    ):
        uwv = service_of("uwv.test")
        ask()
        citizen.visit(uwv.address(uwv.request()))
        ask()
        at_stad, at_uwv = service.answer()[1], uwv.answer()[1]
        assert at_stad.name_id.format == messages.PERSISTENT
        assert at_stad.name_id.name_qualifier == ENTITY
        assert at_stad.name_id.sp_name_qualifier == service.entity_id
        assert at_stad.name_id.value != at_uwv.name_id.value
        assert at_stad.session_index != at_uwv.session_index
        assert "anna" not in at_stad.name_id.value

    def test_names_her_the_same_at_her_next_login_and_the_session_otherwise(
        self, citizen, another, service
    ):
        told = []
        for person in (citizen, another):
            person.sign_in(url=service.address(service.request()))
            told.append(service.answer()[1])
        assert told[0].name_id == told[1].name_id
        assert told[0].session_index != told[1].session_index

    def test_names_the_session_the_same_in_two_tabs(self, signed_in, service, ask):
        ask()
        first = service.answer()[1]
        ask()
        second = service.answer()[1]
        assert first.session_index == second.session_index
        assert first.id != second.id

    def test_leaves_after_the_service_is_remembered_for_the_logout(
        self, signed_in, service, ask, sessions
    ):
        ask()
        (told,) = sessions.participants(sessions.find(signed_in.cookie))
        assertion = service.answer()[1]
        assert told.entity_id == service.entity_id
        assert told.subject.name_id == assertion.name_id.value
        assert told.session_index == assertion.session_index

    def test_keeps_the_federations_session_from_going_idle(
        self, signed_in, service, ask, clock
    ):
        for _ in range(4):
            clock.shift(14 * MINUTE)
            ask()
        assert len(service.came) == 4

    def test_is_told_to_the_audit_log(self, signed_in, ask, service, events):
        ask()
        event = events("login")[-1]
        assert (event["outcome"], event["level"]) == ("ok", "basis")
        assert event["peer"] == service.entity_id


class TestWhereTheAnswerGoes:
    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"acs_url": "", "protocol_binding": "", "acs_index": 0}, "SAMLResponse"),
            ({"acs_url": "", "protocol_binding": "", "acs_index": 1}, "SAMLart"),
            ({"acs_url": "", "protocol_binding": ""}, "SAMLResponse"),
            ({"acs_url": ""}, "SAMLResponse"),
            ({"acs_url": "", "protocol_binding": bindings.ARTIFACT}, "SAMLart"),
            ({"protocol_binding": bindings.ARTIFACT}, "SAMLart"),
            ({"protocol_binding": ""}, "SAMLResponse"),
        ],
        ids=["index", "another index", "default", "binding", "another binding",
             "URL and binding", "URL"],
    )  # fmt: skip
    def test_is_as_the_metadata_names_it(self, signed_in, service, ask, changes, field):
        ask(**changes)
        assert signed_in.browser.url.partition("?")[0] == service.acs
        assert field in service.came[-1]

    @pytest.mark.parametrize(
        "changes",
        [
            {"acs_url": "https://evil.test/acs"},
            {"acs_url": UWV_ACS},
            {"acs_url": "https://stad.test/eilogin/acs/"},
            {"acs_url": "https://stad.test/eilogin/acs?x=y"},
            {"acs_url": "HTTPS://stad.test/eilogin/acs"},
            {"acs_url": "", "protocol_binding": "", "acs_index": 9},
        ],
        ids=["evil", "another's", "slash", "query", "case", "index"],
    )
    def test_is_nowhere_where_the_metadata_does_not_name_it(
        self, signed_in, service, ask, refused, changes
    ):
        ask(**changes)
        refused(signed_in.browser.page, "message-misdirected")
        assert len(signed_in.browser.trail) == 1
        assert service.came == []

    def test_tells_the_log_which_address_was_asked_for_and_which_there_are(
        self, signed_in, ask, caplog
    ):
        ask(acs_url="https://evil.test/acs")
        told = caplog.text
        assert (
            "does not have the requested AssertionConsumerService"
            f" ('https://evil.test/acs' by '{bindings.POST}')" in told
        )
        assert "; it has https://stad.test/eilogin/acs (HTTP-POST, index 0)" in told
        assert "ask the administrator of 'https://stad.test/eilogin/metadata'" in told

    def test_tells_the_log_no_more_than_five_of_those(
        self, signed_in, ask, hub_believes, caplog
    ):
        many = tuple(
            Endpoint(bindings.POST, f"https://stad.test/{n}", index=n) for n in range(7)
        )
        hub_believes("stad.test", as_participant(assertion_consumers=many))
        ask(acs_url="", protocol_binding="", acs_index=9)
        assert "AssertionConsumerService (index 9); it has" in caplog.text
        assert "https://stad.test/4 (HTTP-POST, index 4), …" in caplog.text
        assert "https://stad.test/5" not in caplog.text

    @pytest.mark.parametrize("binding", [bindings.SOAP, bindings.REDIRECT, PAOS])
    @pytest.mark.parametrize("url", ["", STAD_ACS])
    def test_is_told_that_its_binding_is_none_of_ours(
        self, signed_in, ask, refusal, binding, url
    ):
        ask(protocol_binding=binding, acs_url=url)
        assert refusal() == "Requester/UnsupportedBinding"

    @pytest.fixture
    def with_other_bindings(self, service, hub_believes):
        """A participant as Shibboleth describes itself: an address for each binding."""
        there = (
            Endpoint(PAOS, f"{service.acs}/ecp", index=0),
            Endpoint(bindings.ARTIFACT, f"{service.acs}/artifact", index=1),
            Endpoint(bindings.POST, service.acs, index=2),
        )
        hub_believes("stad.test", as_participant(assertion_consumers=there))

    @pytest.mark.usefixtures("with_other_bindings")
    class TestOfAParticipantWithMoreBindings:
        def test_is_the_first_at_which_we_can_answer(self, signed_in, service, ask):
            ask(acs_url="", protocol_binding="")
            assert signed_in.browser.url.partition("?")[0] == f"{service.acs}/artifact"

        @pytest.mark.parametrize(
            "changes",
            [
                {"acs_url": "", "protocol_binding": "", "acs_index": 0},
                {"acs_url": f"{STAD_ACS}/ecp", "protocol_binding": ""},
                {"protocol_binding": bindings.ARTIFACT},
            ],
            ids=["index of another binding", "URL of another", "URL and another"],
        )
        def test_is_told_that_it_is_not_as_asked(
            self, signed_in, ask, refusal, changes
        ):
            ask(**changes)
            assert refusal() == "Requester/UnsupportedBinding"

    def test_is_nowhere_where_we_can_answer_at_none(
        self, signed_in, ask, hub_believes, refused, caplog
    ):
        ecp = (Endpoint(PAOS, f"{STAD_ACS}/ecp", index=0),)
        hub_believes("stad.test", as_participant(assertion_consumers=ecp))
        ask(acs_url="", protocol_binding="")
        refused(signed_in.browser.page, "binding-missing")
        told = (
            "cannot answer 'https://stad.test/eilogin/metadata': its metadata has an"
            " AssertionConsumerService by PAOS; expected HTTP-Artifact or HTTP-POST;"
            " ask the administrator of"
        )
        assert told in caplog.text

    def test_is_that_of_the_index_where_it_is_named_in_two_ways(
        self, signed_in, service, ask, refusal, tells
    ):
        ask(acs_index=0, acs_url="https://evil.test/acs")
        assert signed_in.browser.url == service.acs
        assert refusal() == "Requester/RequestDenied"
        tells("message-malformed", "Index excludes AssertionConsumerServiceURL")

    def test_is_nowhere_where_there_is_no_such_index_of_two_ways(
        self, signed_in, service, ask, refused
    ):
        ask(acs_index=9)
        refused(signed_in.browser.page, "message-misdirected")
        assert service.came == []

    @pytest.mark.usefixtures("signed_in")
    @pytest.mark.parametrize("off", [-3 * MINUTE - 1, MINUTE + 1])
    def test_is_told_where_the_question_is_of_another_time(
        self, service, ask, tells, off
    ):
        request = ask(issued=START + off)
        response, assertion = service.answer()
        assert response.in_response_to == request.id
        denied = (messages.REQUESTER, messages.REQUEST_DENIED)
        too_late = (messages.TOO_LATE,) if off < 0 else ()
        assert response.status.codes == (*denied, *too_late)
        assert assertion is None
        tells("message-expired", "and the time here is 2026-11-24T09:00:00Z")

    def test_asks_nobody_to_sign_in_for_one_of_another_time(
        self, citizen, ask, refusal
    ):
        ask(issued=START - 5 * MINUTE)
        assert not citizen.is_asked
        assert refusal() == "Requester/RequestDenied/TooLate"
        ask(issued=START - 5 * MINUTE, acs_url="https://evil.test/acs")
        assert citizen.browser.page.status_int == 400


class TestARequestThatIsNotTaken:
    @pytest.fixture
    def is_not_taken(self, signed_in, service, refused):
        """Assert that an address leads to a page, and nothing is sent anywhere."""

        def check(url, code):
            signed_in.visit(url)
            refused(signed_in.browser.page, code)
            assert signed_in.browser.trail == [url]
            assert service.came == []

        return check

    def test_is_one_of_a_stranger(self, service, is_not_taken, attacker_key):
        service.party.key = attacker_key
        request = service.request(issuer="https://stranger.test/")
        is_not_taken(service.address(request), "peer-unknown")

    def test_is_one_of_a_hub(self, service, is_not_taken, hub):
        service.party = hub
        request = service.request(issuer=hub.entity_id)
        is_not_taken(service.address(request), "peer-unknown")

    def test_is_one_by_another_key(self, service, is_not_taken, attacker_key):
        service.party.key = attacker_key
        url = service.address(service.request())
        is_not_taken(url, "signature-untrusted")

    def test_is_one_of_another_member_in_this_ones_name(
        self, service, is_not_taken, party
    ):
        service.party = party("uwv.test")
        url = service.address(service.request())
        is_not_taken(url, "signature-untrusted")

    def test_is_one_that_is_not_signed(self, service, is_not_taken):
        url = service.address(service.request()).partition("&SigAlg")[0]
        is_not_taken(url, "signature-untrusted")

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"destination": ""}, "message-misdirected"),
            ({"destination": f"{SSO}/"}, "message-misdirected"),
            ({"destination": "https://other.test/sso"}, "message-misdirected"),
        ],
        ids=["to nobody", "longer", "to another"],
    )
    def test_is_one_for_another_place(self, service, is_not_taken, changes, code):
        is_not_taken(service.address(service.request(**changes)), code)

    @pytest.mark.parametrize("names", [{"nl": "stad.test"}, {}], ids=["its", "none"])
    def test_has_a_page_with_ways_back(
        self, signed_in, service, is_not_taken, hub_believes, names
    ):
        hub_believes("stad.test", lambda entity: replace(entity, names=names))
        is_not_taken(
            service.address(service.request(destination="")), "message-misdirected"
        )
        links = re.findall(
            r'href="(https:[^"]*)">([^<]*)<', signed_in.browser.page.text
        )
        assert links == [
            ("https://stad.test/", "Terug naar stad.test"),
            (f"{HUB}/", "Naar inloggen.test"),
        ]

    def test_has_the_way_to_the_hub_alone_where_nobody_known_sent_her(
        self, signed_in, is_not_taken
    ):
        is_not_taken(SSO, "message-malformed")
        links = re.findall(r'href="(https:[^"]*)"', signed_in.browser.page.text)
        assert links == [f"{HUB}/"]

    def test_is_another_message(self, service, is_not_taken):
        request = messages.read_logout_request(
            service.party.logout_request(messages.NameID("x"), SSO)
        )
        response = service.party.logout_response(request, SSO)
        url = service.party.by_redirect(SSO, "SAMLResponse", response)
        is_not_taken(url, "message-malformed")

    def test_is_nothing_at_all(self, is_not_taken):
        is_not_taken(SSO, "message-malformed")

    def test_is_one_that_was_not_asked_or_too_long_ago(self, is_not_taken):
        is_not_taken(f"{SSO}?request=made-up", "login-lost")

    def test_sends_her_back_where_it_is_over(self, signed_in):
        signed_in.visit(f"{SSO}?request=made-up")
        told = "Ga terug naar de website waar u wilde inloggen. Log daar opnieuw in."
        assert told in signed_in.browser.text

    def test_is_one_by_another_method(self, call):
        assert call("PUT", SSO).status_int == 405


class TestTheLevel:
    @pytest.mark.parametrize(
        ("changes", "confirmed"),
        [
            ({"level_classes": ()}, "midden"),
            ({"level_classes": (DIGID.class_of("basis"),)}, "midden"),
            ({"level_classes": (DIGID.class_of("midden"),)}, "midden"),
            ({"level_classes": (MIDDEN, DIGID.class_of("basis"))}, "midden"),
            ({"level_classes": ("urn:unknown", DIGID.class_of("basis"))}, "midden"),
            ({"comparison": "exact"}, "basis"),
            ({"comparison": "exact",
              "level_classes": (DIGID.class_of("midden"),)}, "midden"),
            ({"comparison": "exact",
              "level_classes": (DIGID.class_of("hoog"), DIGID.class_of("basis"))},
             "basis"),
            ({"comparison": "maximum"}, "basis"),
            ({"comparison": "maximum",
              "level_classes": (DIGID.class_of("hoog"),)}, "midden"),
            ({"comparison": "better"}, "midden"),
        ],
        ids=["none", "minimum", "just that", "the lowest of two", "a known one",
             "exact below", "exact", "one of two exactly", "maximum below",
             "maximum above", "better"],
    )  # fmt: skip
    def test_that_is_confirmed(self, with_code, service, ask, changes, confirmed):
        ask(**changes)
        assert service.answer()[1].level_class == DIGID.class_of(confirmed)

    def test_that_is_a_declaration_is_answered_so(self, with_code, service, refusal):
        element = messages.write_authn_request(service.request(level="midden"))
        for named in element.iter(safe_xml.q("saml:AuthnContextClassRef")):
            named.tag = safe_xml.q("saml:AuthnContextDeclRef")
        with_code.visit(service.party.by_redirect(SSO, "SAMLRequest", element))
        assert refusal() == "Responder/NoAuthnContext"

    def test_is_said_in_the_words_of_who_asks(
        self, with_code, service, ask, federation
    ):
        other = "urn:oasis:names:tc:SAML:2.0:ac:classes:TimeSyncToken"
        outermost = federation.apps["inloggen.test"].app
        classes = Classes({**DIGID.by_level, "midden": (MIDDEN, other)})
        outermost.trust = replace(outermost.trust, classes=classes)
        for wanted, said in [
            ((other,), other),
            ((), MIDDEN),
            ((MIDDEN, other), MIDDEN),
        ]:
            ask(level_classes=wanted)
            assert service.answer()[1].level_class == said

    def test_that_is_higher_asks_for_a_code(self, signed_in, service, ask):
        ask(level="midden")
        assert signed_in.is_asked
        assert service.came == []
        signed_in.sign_in(url=None, code=signed_in.code())
        assert service.answer()[1].level_class == DIGID.class_of("midden")

    @pytest.mark.parametrize(
        "changes",
        [
            {"level_classes": (DIGID.class_of("substantieel"),)},
            {"level_classes": (DIGID.class_of("hoog"),)},
            {"level_classes": ("urn:unknown",)},
            {"level_classes": (MIDDEN,), "comparison": "better"},
        ],
        ids=["substantieel", "hoog", "unknown", "better"],
    )
    def test_that_is_not_offered_is_answered_so(self, with_code, ask, refusal, changes):
        ask(**changes)
        assert refusal() == "Responder/NoAuthnContext"

    @pytest.mark.parametrize(
        ("asked", "text"),
        [
            ((DIGID.class_of("hoog"),), "it asks for the level hoog, but this hub has"),
            (
                ("urn:unknown",),
                "it asks for 'urn:unknown' (minimum), but this hub has no",
            ),
        ],
        ids=["hoog", "unknown"],
    )
    def test_that_is_not_offered_has_its_cure_in_the_log(
        self, with_code, ask, tells, asked, text
    ):
        ask(level_classes=asked)
        tells("not-served", f"gets no login (NoAuthnContext): {text}")


class TestARequestThatCannotBeHonoured:
    def test_is_one_about_somebody(self, citizen, service, refusal):
        element = messages.write_authn_request(service.request())
        subject = safe_xml.add(element, "saml:Subject")
        safe_xml.add(subject, "saml:NameID", "anna")
        issuer = element.find(safe_xml.q("saml:Issuer"))
        issuer.addnext(subject)
        url = service.party.by_redirect(SSO, "SAMLRequest", element)
        citizen.visit(url)
        assert refusal() == "Responder/RequestUnsupported"

    def test_is_answered_by_post_too(self, service, send_form):
        element = messages.write_authn_request(service.request(level="hoog"))
        fields = service.party.by_post("SAMLRequest", element)
        answer = send_form(SSO, fields)
        assert answer.status_int == 200
        assert service.acs in answer.text

    @pytest.mark.parametrize(
        ("wanted", "text"),
        [
            (
                "urn:x:windows",
                "'urn:x:windows', but this hub gives urn:oasis:names:tc:",
            ),
            (messages.EMAIL, "'mail': add that to its line in release, or have it ask"),
        ],
        ids=["unknown", "not released"],
    )
    def test_with_a_name_that_is_not_given_has_its_cure_in_the_log(
        self, signed_in, ask, tells, wanted, text
    ):
        ask(name_id_format=wanted)
        tells("not-served", text)

    def test_with_a_name_of_others_has_its_cure_in_the_log(
        self, signed_in, service, tells
    ):
        element = messages.write_authn_request(
            service.request(name_id_format=messages.PERSISTENT)
        )
        policy = element.find(safe_xml.q("samlp:NameIDPolicy"))
        policy.set("SPNameQualifier", "urn:x:affiliation")
        signed_in.visit(service.party.by_redirect(SSO, "SAMLRequest", element))
        tells("not-served", "a NameID of 'urn:x:affiliation' (SPNameQualifier)")

    def test_is_told_to_the_audit_log(self, citizen, ask, service, events):
        ask(protocol_binding=PAOS)
        event = events("login")[-1]
        assert (event["outcome"], event["reason"]) == ("refused", "UnsupportedBinding")
        assert event["peer"] == service.entity_id


class TestAPassiveRequest:
    def test_is_answered_so_where_she_would_be_asked(self, citizen, ask, refusal):
        ask(is_passive=True)
        assert refusal() == "Responder/NoPassive"
        assert citizen.browser.url == "https://stad.test/eilogin/acs"

    def test_is_answered_so_where_more_is_asked_for(self, signed_in, ask, refusal):
        ask(is_passive=True, level="midden")
        assert refusal() == "Responder/NoPassive"

    def test_is_answered_so_after_a_while_away(self, signed_in, ask, refusal, clock):
        clock.shift(15 * MINUTE + 1)
        ask(is_passive=True)
        assert refusal() == "Responder/NoPassive"

    def test_is_told_that_she_is_away_where_she_is_in_already(
        self, signed_in, ask, refusal, clock
    ):
        ask()
        clock.shift(15 * MINUTE + 1)
        ask(is_passive=True)
        assert refusal() == "Responder/NoPassive/Idle"

    def test_is_not_told_so_where_she_is_not_away_but_more_is_asked(
        self, signed_in, ask, refusal
    ):
        ask()
        ask(is_passive=True, level="midden")
        assert refusal() == "Responder/NoPassive"

    def test_is_confirmed_where_nobody_needs_to_be_asked(self, signed_in, service, ask):
        ask(is_passive=True)
        assert service.answer()[1]

    def test_that_is_forced_is_answered_so(self, signed_in, ask, refusal, clock):
        clock.shift(1)
        ask(is_passive=True, force_authn=True)
        assert refusal() == "Responder/NoPassive"


class TestAForcedRequest:
    def test_asks_who_is_signed_in_again_and_then_goes_on(
        self, signed_in, service, ask, clock
    ):
        clock.shift(MINUTE)
        ask(force_authn=True)
        assert signed_in.is_asked
        assert "U bent al ingelogd. Voor deze pagina moet u opnieuw laten zien" in (
            signed_in.browser.text
        )
        assert "Na het inloggen kunt u ook" not in signed_in.browser.text
        assert service.came == []
        clock.shift(MINUTE)
        signed_in.sign_in(url=None)
        assert service.answer()[1].authn_instant == START + 2 * MINUTE

    def test_is_not_satisfied_by_a_sign_in_of_before(
        self, signed_in, service, ask, clock
    ):
        clock.shift(MINUTE)
        request = ask(force_authn=True)
        signed_in.visit(service.address(request))
        assert signed_in.is_asked

    @pytest.fixture
    def left_alone(self, service, citizen, clock):
        """The address of one that she was asked about, and did not answer."""
        request = service.request(force_authn=True)
        citizen.visit(service.address(request))
        assert citizen.is_asked
        clock.shift(5)
        return service.address(request)

    def test_is_not_satisfied_by_a_sign_in_for_another_one(
        self, citizen, service, service_of, left_alone, clock
    ):
        other = service_of("land.test")
        citizen.visit(other.address(other.request()))
        citizen.sign_in(url=None)
        assert other.came
        clock.shift(MINUTE)
        citizen.visit(left_alone)
        assert citizen.is_asked
        assert service.came == []
        citizen.sign_in(url=None)
        assert service.answer()[1].authn_instant == START + 5 + MINUTE

    def test_is_satisfied_once(self, citizen, service, left_alone):
        citizen.visit(left_alone).sign_in(url=None)
        assert len(service.came) == 1
        citizen.visit(left_alone)
        assert citizen.is_asked
        assert len(service.came) == 1

    def test_is_not_satisfied_some_minutes_later(
        self, citizen, service, left_alone, clock
    ):
        citizen.visit(left_alone)
        citizen.browser.stops_before = f"{SSO}?request="
        citizen.sign_in(url=None)
        way_on, citizen.browser.stops_before = citizen.browser.url, None
        clock.shift(5 * MINUTE)
        citizen.visit(way_on)
        assert citizen.is_asked
        assert service.came == []

    def test_is_not_satisfied_by_who_signed_in_in_her_place(
        self, citizen, service, left_alone, clock
    ):
        """The answer waits; somebody else signs in in the same browser meanwhile."""
        citizen.visit(left_alone)
        citizen.browser.stops_before = f"{SSO}?request="
        citizen.sign_in(url=None)
        way_on, citizen.browser.stops_before = citizen.browser.url, None
        clock.shift(1)
        citizen.sign_in("bram")
        citizen.visit(way_on)
        assert citizen.is_asked
        assert service.came == []

    def test_asks_who_was_not_signed_in_once(self, citizen, service, ask):
        ask(force_authn=True)
        citizen.sign_in(url=None)
        assert service.answer()[1]


class TestARequestByPost:
    def test_goes_on_by_get_where_the_cookies_come_along(
        self, signed_in, service, sessions
    ):
        element = messages.write_authn_request(service.request())
        fields = service.party.by_post("SAMLRequest", element, "handle")
        signed_in.browser.post(SSO, site="cross-site", **fields)
        assert signed_in.browser.url == service.acs
        assert service.came[-1]["RelayState"] == "handle"
        assert service.answer()[1]

    def test_is_answered_with_an_address_that_holds_no_message(
        self, service, send_form
    ):
        element = messages.write_authn_request(service.request())
        answer = send_form(SSO, service.party.by_post("SAMLRequest", element))
        assert answer.status_int == 303
        assert answer.location.startswith(f"{SSO}?request=")
        assert len(answer.location) < 150
        [cookie] = answer.headers.getall("Set-Cookie")
        assert cookie.startswith("__Host-eilogin-asked-")

    def test_by_another_key_is_refused(self, service, send_form, attacker_key, refused):
        service.party.key = attacker_key
        element = messages.write_authn_request(service.request())
        answer = send_form(SSO, service.party.by_post("SAMLRequest", element))
        refused(answer, "signature-untrusted")


class TestALogoutMeanwhile:
    """She logs out in another tab while she is answered here."""

    @pytest.fixture
    def logs_out(self, signed_in, sessions, monkeypatch):
        """Log her out before each call of a verb of the store."""
        login = sessions.find(signed_in.cookie)

        def before(verb):
            real = getattr(sessions.store, verb)

            def log_out_first(*arguments, **more):
                sessions.end_citizen(login)
                return real(*arguments, **more)

            monkeypatch.setattr(sessions.store, verb, log_out_first)

        return before

    @pytest.fixture
    def ask_in_vain(self, signed_in, service, ask, events):
        """Assert that a request gets only a refusal, also in the audit log."""

        def check(binding=bindings.POST):
            ask(protocol_binding=binding)
            assert signed_in.browser.page.status_int == LoginEnded.status
            assert signed_in.path == "/sso"
            assert service.came == []
            assert [event["outcome"] for event in events("login")] == ["refused"]

        return check

    @pytest.mark.parametrize("binding", [bindings.POST, bindings.ARTIFACT])
    @pytest.mark.parametrize("verb", ["items", "append", "add", "touch"])
    def test_keeps_the_answer_from_leaving(self, logs_out, ask_in_vain, verb, binding):
        """Before any call of the store but the first, which reads the session."""
        logs_out(verb)
        ask_in_vain(binding)

    def test_keeps_a_signed_answer_from_leaving(
        self, signed_in, sessions, monkeypatch, ask_in_vain
    ):
        login = sessions.find(signed_in.cookie)
        write = ResponseWriter.login

        def log_out_afterwards(*arguments):
            response = write(*arguments)
            sessions.end_citizen(login)
            return response

        monkeypatch.setattr(ResponseWriter, "login", log_out_afterwards)
        ask_in_vain()

    def test_keeps_an_artifact_from_leaving(
        self, signed_in, sessions, monkeypatch, ask_in_vain
    ):
        """After the check of the session, and before eilogin stores the Response."""
        login = sessions.find(signed_in.cookie)
        store_with = sessions.store_with

        def log_out_first(*arguments):
            sessions.end_citizen(login)
            return store_with(*arguments)

        monkeypatch.setattr(sessions, "store_with", log_out_first)
        ask_in_vain(bindings.ARTIFACT)

    def test_that_was_faster_than_the_question_is_told(
        self, signed_in, sessions, monkeypatch, ask, refused
    ):
        def require(self, *arguments, **more):
            self._visit.set_session(None)

        monkeypatch.setattr(HubLoginService, "require", require)
        ask(level="midden")
        refused(signed_in.browser.page, "login-ended")


class TestAnArtifact:
    @pytest.fixture
    def artifact(self, signed_in, service, ask):
        service.binding = bindings.ARTIFACT
        ask()
        return service.came[-1]["SAMLart"]

    def test_leads_to_the_answer(self, service, artifact):
        value, carried = service.resolve(artifact)
        assert value.status.is_success
        assert value.issuer == ENTITY
        _, assertion = service.read(safe_xml.parse(safe_xml.serialize(carried)))
        assert assertion.recipient == service.acs

    def test_names_the_hub_and_tells_nothing(self, service, artifact):
        parsed = bindings.read_artifact(artifact)
        assert parsed.source_id == bindings.source_id(ENTITY)
        assert parsed.index == 0

    def test_is_used_once(self, service, artifact, caplog, events):
        service.resolve(artifact)
        before = len(events())
        assert "does not know the artifact" not in caplog.text
        self.is_denied(service.resolve(artifact))
        # Who runs the hub finds it in both logs, and never the artifact itself.
        told = f"does not know the artifact of {service.entity_id!r}: it was used "
        assert [r.levelname for r in caplog.records if told in r.getMessage()] == [
            "WARNING"
        ]
        (event,) = events()[before:]
        assert (event["code"], event["outcome"], event["peer"], event["reason"]) == (
            "login",
            "refused",
            service.entity_id,
            "RequestDenied",
        )
        assert artifact not in caplog.text

    def is_denied(self, answer):
        value, carried = answer
        assert value.status.codes == (messages.REQUESTER, messages.REQUEST_DENIED)
        assert carried is None

    def test_is_of_no_use_to_another_participant_and_not_used_up(
        self, service, service_of, artifact
    ):
        self.is_denied(service_of("uwv.test").resolve(artifact))
        assert service.resolve(artifact)[1] is not None

    def test_that_is_made_up_is_denied(self, service):
        self.is_denied(service.resolve(bindings.new_artifact(ENTITY)))

    def test_is_void_after_two_minutes(self, service, artifact, clock):
        clock.shift(2 * MINUTE)
        self.is_denied(service.resolve(artifact))

    def test_is_void_after_a_logout(self, service, artifact, signed_in):
        signed_in.visit(f"{HUB}/")
        signed_in.browser.press("Overal uitloggen")
        self.is_denied(service.resolve(artifact))

    def test_of_a_refusal_leads_to_it(self, citizen, service, ask):
        service.binding = bindings.ARTIFACT
        ask(is_passive=True)
        response, assertion = service.answer()
        assert response.status.codes[1] == messages.NO_PASSIVE
        assert assertion is None

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"issued": START - 3 * MINUTE - 1}, "message-expired"),
            ({"destination": SSO}, "message-misdirected"),
            ({"issuer": "https://stranger.test/"}, "peer-unknown"),
        ],
        ids=["old", "to another address", "by a stranger"],
    )
    def test_is_not_given_to_a_message_that_is_not_good(
        self, service, artifact, refused, changes, code
    ):
        refused(service.resolve(artifact, **changes)[0], code)
        assert service.resolve(artifact)[1] is not None

    def test_is_not_given_to_another_key(
        self, service, artifact, attacker_key, refused
    ):
        own = service.party.key
        service.party.key = attacker_key
        refused(service.resolve(artifact)[0], "signature-untrusted")
        service.party.key = own
        assert service.resolve(artifact)[1] is not None


def test_a_member_that_has_left_is_not_answered(signed_in, service, leaves, refused):
    leaves("stad.test")
    signed_in.visit(service.address(service.request()))
    refused(signed_in.browser.page, "peer-unknown")
    assert service.came == []


def test_a_second_telling_of_one_request_is_the_same_question(citizen, service, ask):
    request = ask()
    citizen.visit(service.address(replace(request)))
    citizen.sign_in(url=None)
    assert service.answer()[0].in_response_to == request.id


class TestWhereSheIsAlready:
    @pytest.fixture
    def hub_options(self):
        return {"show_session": "true"}

    def test_is_not_shown_to_a_silent_question(self, citizen, service, service_of):
        citizen.visit(service.address(service.request()))
        citizen.sign_in(url=None)
        other = service_of("land.test")
        citizen.visit(other.address(other.request(is_passive=True)))
        _, assertion = other.answer()
        assert assertion is not None
