"""Single logout at the hub: who asks for it, who is told, and what she is told."""

import base64
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from lxml import etree

from eilogin.errors import StoreUnavailable
from eilogin.federation import Membership
from eilogin.federation.local.local_keys import OwnKey
from eilogin.hub.logout import logout_propagation
from eilogin.hub.logout.logout_propagation import Propagation
from eilogin.hub.logout.logout_recipients import recipients_of
from eilogin.hub.participants.logout_bindings import LogoutBindings
from eilogin.saml import bindings, messages, safe_xml, xml_signatures
from eilogin.saml.metadata import FederationMetadata

HUB = "https://inloggen.test"
SLO = f"{HUB}/slo"
SOAP = f"{HUB}/slo/soap"
ENTITY = f"{HUB}/metadata"
HOSTS = ("uwv.test", "stad.test", "land.test")
START = 1_795_510_800.0  # 2026-11-24T09:00:00Z
MINUTE = 60
#: Longer than any test waits for another thread that does come.
PATIENCE = 60


EVERYWHERE = {*HOSTS, "inloggen.test"}


@pytest.fixture
def soap(call, party):
    """Send a message of a participant over SOAP."""

    def send(element, host="uwv.test", key=None):
        body = party(host, key).by_soap(element)
        return call("POST", SOAP, body, Content_Type="text/xml")

    return send


@pytest.fixture
def outcome_of(federation):
    """The LogoutResponse in an answer over SOAP, which the hub signed."""

    def read(answer):
        assert answer.status_int == 200
        element = bindings.unwrap_soap(answer.body)
        key = federation.trusts["inloggen.test"].own.key.public
        return messages.read_logout_response(xml_signatures.signed(element, [key]))

    return read


# --- through the browser --------------------------------------------------------


class TestALogoutThroughTheBrowser:
    def test_ends_everything_and_leads_back(self, anna, party, logout_of, told):
        uwv = party("uwv.test")
        request = logout_of(destination=SLO)
        anna.browser.visit(uwv.by_redirect(SLO, "SAMLRequest", request, "handle"))
        assert told() == ["land.test", "stad.test"]
        assert anna.is_in == {"uwv.test"}, "who asks has ended hers by itself"
        back = anna.browser.trail[1]
        assert back.startswith("https://uwv.test/eilogin/slo?SAMLResponse=")
        received = bindings.read_redirect(urlsplit(back).query)
        response = messages.read_logout_response(safe_xml.parse(received.octets))
        assert response.status.codes == (messages.SUCCESS,)
        assert response.in_response_to == request.get("ID")
        assert received.relay_state == "handle"

    def test_removes_the_hubs_cookie(self, anna, party, logout_of):
        request = logout_of(destination=SLO)
        anna.browser.visit(party("uwv.test").by_redirect(SLO, "SAMLRequest", request))
        assert anna.citizen.cookie is None

    def test_of_another_citizen_leaves_her_the_cookie_to_log_out_with(
        self, anna, another, party, logout_of
    ):
        another.sign_in("bram")
        request = logout_of(destination=SLO)
        url = party("uwv.test").by_redirect(SLO, "SAMLRequest", request)
        another.browser.visit(url)
        assert another.cookie

    def test_needs_no_cookie_of_the_hub(self, anna, party, logout_of, call):
        request = logout_of(destination=SLO)
        call("GET", party("uwv.test").by_redirect(SLO, "SAMLRequest", request))
        assert anna.is_in == {"uwv.test"}

    def test_by_post_does_not_either(self, anna, party, logout_of, send_form):
        request = logout_of(destination=SLO)
        answer = send_form(SLO, party("uwv.test").by_post("SAMLRequest", request))
        # Whose browser it is tell her cookies, which are there at an address of ours.
        assert answer.status_int == 303
        assert answer.location.startswith(f"{SLO}?here=")
        assert anna.is_in == {"uwv.test"}

    def test_by_post_leaves_a_cookie_that_it_does_not_see(
        self, anna, another, party, logout_of
    ):
        """The form came from another site, and so without a cookie."""
        another.sign_in("bram")
        another.visit("https://land.test/")
        request = logout_of(destination=SLO)
        fields = party("uwv.test").by_post("SAMLRequest", request)
        another.browser.post(SLO, site="cross-site", **fields)
        assert another.cookie
        assert anna.is_in == {"uwv.test"}

    def test_that_does_not_reach_all_names_them_and_leads_on_later(
        self, anna, party, logout_of, federation
    ):
        federation.down.add("stad.test")
        request = logout_of(destination=SLO)
        url = party("uwv.test").by_redirect(SLO, "SAMLRequest", request, "handle")
        anna.browser.visit(url)
        assert "U wordt uitgelogd" in anna.browser.text
        anna.browser.click("Ga verder")
        assert "nog niet overal uitgelogd" in anna.browser.text
        assert "stad.test Hier is uitloggen nog niet gelukt" in anna.browser.text
        assert "land.test Uitgelogd om" in anna.browser.text
        assert anna.is_in == {"uwv.test", "stad.test"}
        anna.browser.click("Ga verder")
        received = bindings.read_redirect(urlsplit(anna.browser.trail[1]).query)
        response = messages.read_logout_response(safe_xml.parse(received.octets))
        assert response.status.codes == (messages.SUCCESS, messages.PARTIAL_LOGOUT)
        assert response.in_response_to == request.get("ID")
        assert received.relay_state == "handle"

    def test_has_a_way_on_for_an_hour(self, anna, party, logout_of, federation, clock):
        federation.down.add("stad.test")
        request = logout_of(destination=SLO)
        anna.browser.visit(party("uwv.test").by_redirect(SLO, "SAMLRequest", request))
        anna.browser.click("Ga verder")
        clock.shift(60 * MINUTE)
        anna.browser.click("Ga verder")
        assert anna.browser.url == f"{HUB}/"
        assert "niet gelukt" not in anna.browser.text

    def test_of_a_participant_that_takes_no_answer_ends_here(
        self, anna, party, logout_of, hub_believes, caplog
    ):
        hub_believes("uwv.test", without(bindings.REDIRECT, bindings.POST))
        request = logout_of(destination=SLO)
        anna.browser.visit(party("uwv.test").by_redirect(SLO, "SAMLRequest", request))
        assert "U bent overal uitgelogd" in anna.browser.text
        assert anna.browser.url.startswith(SLO)
        assert (
            "'https://uwv.test/eilogin/metadata' accepts a LogoutResponse by none of"
            " HTTP-Redirect, HTTP-POST; its metadata has: SOAP; ask the administrator"
            " of"
            " 'https://uwv.test/eilogin/metadata'"
        ) in caplog.text

    def test_of_a_participant_that_takes_its_answer_by_post_brings_it_by_post(
        self, anna, party, logout_of, hub_believes, service_of
    ):
        hub_believes("uwv.test", without(bindings.REDIRECT))
        service = service_of("uwv.test")
        request = logout_of(destination=SLO)
        url = party("uwv.test").by_redirect(SLO, "SAMLRequest", request, "handle")
        anna.browser.visit(url)
        assert anna.browser.url == "https://uwv.test/eilogin/slo"
        [fields] = service.came
        assert fields["RelayState"] == "handle"
        element = safe_xml.parse(base64.b64decode(fields["SAMLResponse"]))
        response = messages.read_logout_response(
            xml_signatures.signed(element, [service.hub_key])
        )
        assert response.status.codes == (messages.SUCCESS,)
        assert response.in_response_to == request.get("ID")
        assert response.destination == "https://uwv.test/eilogin/slo"

    def test_answers_at_the_address_for_answers(
        self, anna, party, logout_of, hub_believes
    ):
        """Metadata 2.2.2: ResponseLocation, where there is one."""

        def elsewhere(entity):
            role = entity.service_provider
            logouts = tuple(
                replace(e, response_location="https://uwv.test/klaar")
                for e in role.single_logouts
            )
            changed = replace(role, single_logouts=logouts)
            return replace(entity, service_provider=changed)

        hub_believes("uwv.test", elsewhere)
        request = logout_of(destination=SLO)
        anna.browser.visit(party("uwv.test").by_redirect(SLO, "SAMLRequest", request))
        came = anna.browser.trail[1]
        assert came.startswith("https://uwv.test/klaar?SAMLResponse=")
        element = safe_xml.parse(bindings.read_redirect(urlsplit(came).query).octets)
        assert element.get("Destination") == "https://uwv.test/klaar"

    def test_is_no_answer_to_one(self, anna, party, logout_of, refused):
        uwv = party("uwv.test")
        request = messages.read_logout_request(logout_of())
        response = uwv.logout_response(request, SLO)
        anna.browser.visit(uwv.by_redirect(SLO, "SAMLResponse", response))
        refused(anna.browser.page, "message-unexpected")
        assert anna.is_in == EVERYWHERE

    def test_for_no_address_is_refused(self, anna, party, logout_of, refused):
        request = logout_of(destination="")
        anna.browser.visit(party("uwv.test").by_redirect(SLO, "SAMLRequest", request))
        refused(anna.browser.page, "message-misdirected")
        assert anna.is_in == EVERYWHERE


def without(*kinds):
    """A participant that accepts no logout over these bindings."""

    def change(entity):
        role = entity.service_provider
        kept = tuple(e for e in role.single_logouts if e.binding not in kinds)
        return replace(entity, service_provider=replace(role, single_logouts=kept))

    return change


# --- over SOAP ------------------------------------------------------------------


class TestALogoutOverSoap:
    def test_ends_everything(self, anna, soap, logout_of, outcome_of, told):
        request = logout_of()
        outcome = outcome_of(soap(request))
        assert outcome.status.codes == (messages.SUCCESS,)
        assert outcome.in_response_to == request.get("ID")
        assert outcome.issuer == ENTITY
        assert told() == ["land.test", "stad.test"]
        assert anna.is_in == {"uwv.test"}

    def test_that_does_not_reach_all_says_so(
        self, anna, soap, logout_of, outcome_of, federation
    ):
        federation.down.add("stad.test")
        outcome = outcome_of(soap(logout_of()))
        assert outcome.status.codes == (messages.SUCCESS, messages.PARTIAL_LOGOUT)
        assert anna.is_in == {"uwv.test", "stad.test"}

    @pytest.mark.parametrize("down", [[], ["stad.test"]], ids=["all", "partly"])
    def test_that_comes_again_has_the_outcome_that_it_had(
        self, federation, soap, logout_of, outcome_of, down
    ):
        federation.down.update(down)
        request = logout_of()
        first = outcome_of(soap(request))
        federation.down.clear()
        assert outcome_of(soap(request)).status == first.status

    def test_that_comes_again_ends_nothing(
        self, anna, everywhere, soap, logout_of, clock
    ):
        request = logout_of()
        soap(request)
        clock.shift(1)
        again = everywhere(anna.citizen)
        anna.federation.back_channel_log.clear()
        soap(request)
        assert again.is_in == EVERYWHERE
        assert anna.federation.back_channel_log == []

    def test_that_comes_again_while_it_is_under_way_waits_for_its_outcome(
        self, federation, soap, logout_of, outcome_of, party
    ):
        """Two threads have it; the second has the outcome of the first."""
        stad, over = party("stad.test"), threading.Event()

        def respond(request):
            over.wait(PATIENCE)
            return stad.by_soap(stad.logout_response(request))

        federation.apps["stad.test"] = slow = Stubborn(respond)
        request = logout_of()
        outcomes = []
        first, second = (
            threading.Thread(target=lambda: outcomes.append(soap(request)))
            for _ in range(2)
        )
        first.start()
        assert slow.asked.wait(PATIENCE)
        second.start()
        over.set()
        first.join(PATIENCE)
        second.join(PATIENCE)
        codes = [outcome_of(answer).status.codes for answer in outcomes]
        assert codes == [(messages.SUCCESS,)] * 2

    def test_that_comes_again_and_never_has_an_outcome_is_not_there_now(
        self, soap, logout_of, monkeypatch
    ):
        """The process that had it was ended half-way."""
        request = logout_of()
        with monkeypatch.context() as patch:
            patch.setattr(Propagation, "send", killed)
            with pytest.raises(SystemExit):
                soap(request)
        monkeypatch.setattr(Propagation, "longest", 0.0)
        answer = soap(request)
        assert answer.status_int == 500
        assert "soap-env:Server" in answer.text

    def test_that_another_request_begins_first_has_its_outcome(  # noqa: PLR0913, PLR0917
        self, soap, logout_of, outcome_of, sessions, monkeypatch, told
    ):
        """Both have looked, and seen that nobody has begun."""
        store, request, first = sessions.store, logout_of(), []
        add = store.add

        def late(key, *args, **said):
            monkeypatch.setattr(store, "add", add)
            first.append(soap(request))
            return add(key, *args, **said)

        monkeypatch.setattr(store, "add", late)
        second = soap(request)
        for answer in (*first, second):
            assert outcome_of(answer).status.codes == (messages.SUCCESS,)
        assert told() == ["land.test", "stad.test"], "once"

    def test_that_another_is_faster_than_does_not_say_everywhere(
        self, anna, soap, logout_of, outcome_of, monkeypatch
    ):
        """It does not know whom the other one reached."""
        anna.federation.down.add("land.test")
        sessions = anna.federation.apps["inloggen.test"].sessions
        end, others = sessions.end_citizen, []

        def end_citizen(login):
            monkeypatch.setattr(sessions, "end_citizen", end)
            others.append(soap(logout_of("stad.test"), "stad.test"))
            return end(login)

        monkeypatch.setattr(sessions, "end_citizen", end_citizen)
        request = logout_of()
        partly = (messages.SUCCESS, messages.PARTIAL_LOGOUT)
        assert outcome_of(soap(request)).status.codes == partly
        assert outcome_of(others[0]).status.codes == partly
        assert outcome_of(soap(request)).status.codes == partly, "as recorded"

    def test_that_names_no_session_ends_all_of_hers_in_every_browser(
        self, anna, elsewhere, soap, logout_of, told
    ):
        soap(logout_of(with_index=False))
        assert anna.is_in == elsewhere.is_in == {"uwv.test"}
        assert told() == ["land.test", "stad.test"], "one message for both sessions"

    def test_that_names_one_session_ends_those_in_her_other_browsers_too(
        self, anna, elsewhere, soap, logout_of, told
    ):
        soap(logout_of())
        assert anna.is_in == {"uwv.test"}
        assert elsewhere.is_in == set(), "also at who asks, who ended only one"
        assert told() == ["land.test", "stad.test", "uwv.test"]

    def test_leaves_all_others_alone(self, anna, everywhere, another, soap, logout_of):
        another.sign_in("bram")
        bram = everywhere(another)
        soap(logout_of())
        assert bram.is_in == EVERYWHERE

    def test_of_a_session_that_is_idle_reaches_all(
        self, anna, soap, logout_of, told, clock
    ):
        clock.shift(20 * MINUTE)
        soap(logout_of(issued=START + 20 * MINUTE))
        assert told() == ["land.test", "stad.test"]

    def test_is_told_to_the_audit_log(self, anna, soap, logout_of, events):
        soap(logout_of())
        assert events("logout.received")
        peers = sorted(event["peer"] for event in events("logout.delivered"))
        assert peers == [f"https://{h}/eilogin/metadata" for h in sorted(HOSTS[1:])]


class TestOneWhoKnowsHerByMoreNames:
    """It has ended what it names, and no more: of the rest it hears like all others."""

    @pytest.fixture
    def hub_options(self):
        return {"release": "* mail"}

    @pytest.fixture
    def stad(self, service_of):
        return service_of("stad.test")

    @pytest.fixture
    def named(self, stad):
        """What stad is told of a citizen, as NameID and SessionIndex."""

        def ask(who, name_id_format):
            who.visit(stad.address(stad.request(name_id_format=name_id_format)))
            if who.is_asked:
                who.sign_in(url=None)
            _, assertion = stad.answer()
            return assertion.name_id, assertion.session_index

        return ask

    @pytest.fixture
    def in_two_browsers(self, citizen, another, named):
        return [named(who, messages.TRANSIENT) for who in (citizen, another)]

    @pytest.fixture
    def heard(self, federation, stad):
        """What stad hears of itself from now on: a function that begins with it."""

        def listen(meanwhile=lambda: None):
            heard = []

            def respond(request):
                heard.append((request.name_id, *request.session_indexes))
                meanwhile()
                return stad.party.by_soap(stad.party.logout_response(request))

            federation.apps["stad.test"] = Stubborn(respond)
            return heard

        return listen

    @pytest.fixture
    def ends(self, stad, soap, outcome_of):
        """Log out at stad; how that ends."""

        def send(name_id, *indexes):
            request = stad.party.logout_request(name_id, SOAP, *indexes)
            return outcome_of(soap(request, "stad.test")).status.codes

        return send

    @pytest.mark.parametrize("says_which", [True, False])
    def test_in_each_browser(self, in_two_browsers, ends, heard, says_which):
        (name_id, index), elsewhere = in_two_browsers
        told = heard()
        assert ends(name_id, *([index] if says_which else [])) == (messages.SUCCESS,)
        assert told == [elsewhere]
        assert elsewhere[0] != name_id

    @pytest.mark.parametrize("says_which", [True, False])
    def test_in_one_browser(self, citizen, named, ends, heard, says_which):
        """The session has the same index by either name."""
        by_mail, index = named(citizen, messages.EMAIL)
        transient = named(citizen, messages.TRANSIENT)
        told = heard()
        assert ends(by_mail, *([index] if says_which else [])) == (messages.SUCCESS,)
        assert told == [transient]
        assert transient[1] == index

    def test_and_does_not_end_the_other_is_no_success(
        self, federation, in_two_browsers, ends
    ):
        (name_id, _), _ = in_two_browsers
        federation.down.add("stad.test")
        assert ends(name_id) == (messages.SUCCESS, messages.PARTIAL_LOGOUT)

    @pytest.mark.usefixtures("in_two_browsers")
    def test_hears_of_one_after_another(self, citizen, heard):
        """Her sessions are no way to have many threads of the hub's wait for it."""
        inside, second = [], threading.Event()

        def meanwhile():
            inside.append("came")
            if len(told) == 2:
                second.set()
            # The other one comes meanwhile where it does not wait for this answer.
            second.wait(0.2)
            inside.append("went")

        told = heard(meanwhile)
        citizen.visit(f"{HUB}/").browser.press("Overal uitloggen")
        assert "U bent overal uitgelogd" in citizen.browser.text
        assert inside == ["came", "went"] * 2

    @pytest.mark.usefixtures("in_two_browsers")
    def test_has_one_time_out_for_all(self, citizen, heard, monkeypatch, caplog):
        watch = SimpleNamespace(now=0.0, monotonic=lambda: watch.now)
        monkeypatch.setattr(logout_propagation, "time", watch)
        told = heard(lambda: setattr(watch, "now", watch.now + 5))
        citizen.visit(f"{HUB}/").browser.press("Overal uitloggen")
        assert "Wij loggen u nu uit bij: stad.test" in citizen.browser.text
        assert len(told) == 1
        assert citizen.browser.page.text.count("<iframe") == 1
        assert "earlier messages took all the time for this participant" in caplog.text


class TestAnEncryptedName:
    @pytest.fixture
    def request_of(self, logout_of, federation):
        """The LogoutRequest of uwv, about somebody whom only the hub can read."""
        outermost = federation.apps["inloggen.test"].app
        key = outermost.trust.own.key
        own = replace(outermost.trust.own, keys=(OwnKey.of(key),))
        outermost.trust = replace(outermost.trust, own=own)

        def make(encrypt_for=key, **changes):
            clear = messages.read_logout_request(logout_of(**changes))
            return messages.write_logout_request(clear, encrypt_for.public)

        return make

    def test_is_opened_over_soap(self, anna, soap, request_of, outcome_of):
        outcome = outcome_of(soap(request_of()))
        assert outcome.status.codes == (messages.SUCCESS,)
        assert anna.is_in == {"uwv.test"}

    def test_is_opened_in_the_browser(self, anna, party, request_of, call):
        request = request_of(destination=SLO)
        call("GET", party("uwv.test").by_redirect(SLO, "SAMLRequest", request))
        assert anna.is_in == {"uwv.test"}

    def test_for_another_key_ends_nothing(
        self, anna, soap, request_of, attacker_key, refused
    ):
        refused(soap(request_of(attacker_key)), "decryption-failed")
        assert anna.is_in == EVERYWHERE

    @pytest.mark.parametrize("encrypts", ["true", "false"])
    def test_is_for_whom_has_a_key_where_an_option_says_so(
        self, eilogin_federation, witness, everywhere, another, encrypts
    ):
        federation = eilogin_federation(
            dict.fromkeys(HOSTS, witness), hub_options={"encrypt_name_id": encrypts}
        )
        outermost = federation.apps["inloggen.test"].app
        keyless = "https://land.test/eilogin/metadata"
        outermost.trust = replace(
            outermost.trust, federation=_without_key(outermost.trust, keyless)
        )
        another.browser = federation.browser()
        anna = everywhere(another, federation)
        federation.back_channel_log.clear()
        anna.browser.visit(f"{HUB}/")
        anna.browser.press("Overal uitloggen")
        assert anna.is_in == set()
        told = {urlsplit(url).hostname: body for url, body in
                federation.back_channel_log}  # fmt: skip
        encrypted = {host for host, body in told.items() if b"EncryptedID" in body}
        assert encrypted == ({"uwv.test", "stad.test"} if encrypts == "true" else set())
        for host in encrypted:
            assert anna.logins[host].who.name_id.encode() not in told[host]


def _without_key(trust, entity_id):
    """The federation, in which one member has no key to encrypt with."""
    members = []
    for entity in trust.federation.entities:
        role = entity.service_provider
        if entity.entity_id == entity_id:
            role = replace(role, encryption_certificates=())
        members.append(replace(entity, service_provider=role))
    return Membership(FederationMetadata(tuple(members), None, "Test", None))


def test_logout_request_uses_a_signing_method_of_the_participant(
    anna, party, logout_of, hub_believes
):
    rsa_sha512 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512"
    hub_believes(
        "stad.test", lambda entity: replace(entity, signing_methods=(rsa_sha512,))
    )
    request = logout_of(destination=SLO)
    anna.browser.visit(party("uwv.test").by_redirect(SLO, "SAMLRequest", request))
    assert anna.is_in == {"uwv.test"}
    told = {
        urlsplit(url).hostname: body
        for url, body in anna.federation.back_channel_log
        if b"LogoutRequest" in body
    }
    assert b"#rsa-sha512" in told["stad.test"]
    assert b"#rsa-sha512" not in told["land.test"]


class TestAnAsynchronousLogout:
    @pytest.fixture
    def request_of(self, logout_of):
        """A LogoutRequest with the extension that Shibboleth sends, and another one."""

        def make(destination):
            return _with_extensions(logout_of(destination=destination))

        return make

    def test_gets_no_answer_and_shows_her_what_came_of_it(
        self, anna, party, request_of
    ):
        request = request_of(SLO)
        anna.browser.visit(party("uwv.test").by_redirect(SLO, "SAMLRequest", request))
        assert len(anna.browser.trail) == 1, "she stays here"
        assert anna.browser.page.status_int == 200
        assert "U bent overal uitgelogd" in anna.browser.text
        assert anna.is_in == {"uwv.test"}

    def test_names_to_her_whom_it_has_not_reached(self, anna, party, request_of):
        anna.federation.down.add("stad.test")
        request = request_of(SLO)
        anna.browser.visit(party("uwv.test").by_redirect(SLO, "SAMLRequest", request))
        assert "stad.test" in anna.browser.text
        assert not any("SAMLResponse" in url for url in anna.browser.trail)

    def test_over_soap_is_answered_for_something_has_to_be(self, soap, request_of):
        response = soap(request_of(SOAP))
        assert response.status_int == 200
        assert b"LogoutResponse" in response.body


def _with_extensions(request):
    namespace = "urn:oasis:names:tc:SAML:2.0:protocol:ext:async-slo"
    extensions = etree.Element(safe_xml.q("samlp:Extensions"))
    etree.SubElement(extensions, f"{{{namespace}}}Asynchronous")
    etree.SubElement(extensions, "{urn:x}Unknown").text = "whatever"
    request.insert(1, extensions)
    return request


class TestWhatEndsNothing:
    @pytest.fixture
    def ends_nothing(self, anna, refused, told):
        def check(answer, code, status=400):
            refused(answer, code, status)
            assert anna.is_in == EVERYWHERE
            assert told() == []

        return check

    @pytest.mark.parametrize("whose", ["attacker", "stad.test", "inloggen.test"])
    def test_is_a_message_by_another_key(
        self, soap, logout_of, ends_nothing, keys, whose
    ):
        answer = soap(logout_of(), key=keys[whose])
        ends_nothing(answer, "signature-untrusted")

    def test_is_a_message_that_is_not_signed(self, call, logout_of, ends_nothing):
        body = bindings.wrap_soap(logout_of())
        ends_nothing(call("POST", SOAP, body), "signature-untrusted")

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"issued": START - 3 * MINUTE - 1}, "message-expired"),
            ({"issued": START + MINUTE + 1}, "message-expired"),
            ({"not_on_or_after": START - MINUTE - 1}, "message-expired"),
            ({"destination": SLO}, "message-misdirected"),
        ],
        ids=["old", "not yet", "over", "by browser"],
    )
    def test_is_a_message_for_another_time_or_place(
        self, soap, logout_of, ends_nothing, changes, code
    ):
        ends_nothing(soap(logout_of(**changes)), code)

    @pytest.mark.parametrize("method", ["GET", "PUT"])
    def test_is_another_method(self, call, ends_nothing, method):
        ends_nothing(call(method, SOAP), "method-not-allowed", 405)

    def test_is_a_name_that_another_participant_knows(
        self, anna, soap, party, outcome_of, told
    ):
        """Land knows her by another name, and cannot use the one of uwv."""
        who = anna.logins["uwv.test"].who
        name_id = messages.NameID(who.name_id, who.format, who.name_qualifier)
        request = party("land.test").logout_request(name_id, SOAP)
        outcome = outcome_of(soap(request, "land.test"))
        assert outcome.status.codes == (messages.RESPONDER, messages.UNKNOWN_PRINCIPAL)
        assert anna.is_in == EVERYWHERE
        assert told() == []

    @pytest.mark.parametrize("index", ["_made-up", "of land"])
    def test_is_a_session_that_is_not_the_one_at_who_asks(
        self, anna, soap, logout_of, outcome_of, index
    ):
        if index == "of land":
            index = anna.logins["land.test"].session_index
        outcome = outcome_of(soap(logout_of(session_indexes=(index,))))
        assert outcome.status.codes == (messages.RESPONDER, messages.UNKNOWN_PRINCIPAL)
        assert anna.is_in == EVERYWHERE


@pytest.fixture
def keys(federation, attacker_key):
    known = {host: trust.own.key for host, trust in federation.trusts.items()}
    return {**known, "attacker": attacker_key}


# --- by the button on the hub's own page ----------------------------------------


class TestTheButton:
    def test_ends_everything(self, anna, told):
        anna.browser.visit(f"{HUB}/")
        anna.browser.press("Overal uitloggen")
        assert "U bent overal uitgelogd" in anna.browser.text
        assert anna.is_in == set()
        assert told() == sorted(HOSTS)
        assert anna.citizen.cookie is None

    def test_names_who_was_not_reached_and_leads_nowhere(self, anna, federation):
        federation.down.add("stad.test")
        anna.browser.visit(f"{HUB}/")
        anna.browser.press("Overal uitloggen")
        anna.browser.click("Ga verder")
        assert "nog niet overal uitgelogd" in anna.browser.text
        assert "stad.test Hier is uitloggen nog niet gelukt" in anna.browser.text
        assert "land.test Uitgelogd om" in anna.browser.text
        assert "Ga verder" not in anna.browser.text
        assert anna.is_in == {"stad.test"}

    def test_does_nothing_for_who_is_not_signed_in(self, citizen, told):
        citizen.browser.post(f"{HUB}/logout", site="same-origin")
        assert "U bent uitgelogd" in citizen.browser.text
        assert told() == []
        assert "Naar de website" not in citizen.browser.text, "a hub is none"
        citizen.browser.click("Naar inloggen.test")
        assert citizen.browser.url == f"{HUB}/"

    @pytest.mark.parametrize("when", ["afterwards", "meanwhile"])
    def test_pressed_twice_does_not_say_everywhere_for_what_it_does_not_know(
        self, anna, federation, sessions, monkeypatch, when
    ):
        """The second click is answered; what the first one found out is not seen."""
        federation.down.add("land.test")
        hub = federation.browser()
        hub.set_cookie("inloggen.test", "__Host-eilogin", anna.cookie)
        hub.visit(f"{HUB}/")
        end = sessions.end_citizen

        def click_first(login):
            monkeypatch.setattr(sessions, "end_citizen", end)
            hub.press("Overal uitloggen")
            return end(login)

        anna.browser.visit(f"{HUB}/")
        if when == "afterwards":
            hub.press("Overal uitloggen")
        else:
            monkeypatch.setattr(sessions, "end_citizen", click_first)
        anna.browser.press("Overal uitloggen")
        hub.click("Ga verder")
        assert "nog niet overal uitgelogd" in hub.text
        assert "U bent uitgelogd" in anna.browser.text
        assert "Wij weten nu niet of u ook bij alle andere" in anna.browser.text
        assert anna.is_in == {"land.test"}

    def test_is_not_on_another_site(self, anna, refused):
        anna.browser.post(f"{HUB}/logout", site="cross-site")
        refused(anna.browser.page, "cross-site", 403)
        assert anna.is_in == EVERYWHERE


# --- telling the others ---------------------------------------------------------


def killed(*args):
    """No error: nothing that this process would still do is done."""
    raise SystemExit


def no_thread(*args):
    raise RuntimeError("can't start new thread")


def unplugged(*args, **said):
    raise StoreUnavailable("somebody has pulled the plug")


class Stubborn:
    """A participant that answers a LogoutRequest as the test wants it."""

    def __init__(self, respond):
        self.respond = respond
        self.asked = threading.Event()

    def __call__(self, environ, start_response):
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        self.asked.set()
        request = messages.read_logout_request(bindings.unwrap_soap(body))
        answer = self.respond(request)
        start_response("200 OK", [("Content-Type", "text/xml")])
        return [answer]


class TestALogoutAtWhichSomethingFails:
    """What could not be executed is, when the same message comes again."""

    @pytest.fixture
    def ask(self, soap, logout_of, outcome_of):
        """Send one and the same LogoutRequest; the codes, or none of a fault."""
        request = logout_of()

        def send():
            answer = soap(request)
            if answer.status_int == 200:
                return outcome_of(answer).status.codes
            assert answer.status_int == 500
            assert "soap-env:Server" in answer.text
            return ()

        return send

    @pytest.fixture
    def without(self, sessions, monkeypatch):
        """Have verbs of the hub's store fail for a while."""

        @contextmanager
        def unplug(*verbs):
            with monkeypatch.context() as patch:
                for verb in verbs:
                    patch.setattr(sessions.store, verb, unplugged)
                yield

        return unplug

    @pytest.mark.parametrize("verb", ["end", "find"])
    def test_for_once_is_executed_the_next_time(self, anna, ask, without, verb):
        with without(verb):
            assert ask() == ()
        assert anna.is_in == EVERYWHERE
        assert ask() == (messages.SUCCESS,)
        assert anna.is_in == {"uwv.test"}

    def test_where_even_that_cannot_be_noted_is_executed_a_little_later(
        self, anna, ask, without, clock
    ):
        with without("end", "swap"):
            assert ask() == ()
        clock.shift(16)
        assert ask() == (messages.SUCCESS,)
        assert anna.is_in == {"uwv.test"}

    def test_when_all_is_done_is_answered_all_the_same(self, anna, ask, without, clock):
        """Who asks again hears that nobody is known to be logged out."""
        with without("swap"):
            assert ask() == (messages.SUCCESS,)
        assert anna.is_in == {"uwv.test"}
        clock.shift(16)
        assert ask() == (messages.RESPONDER, messages.UNKNOWN_PRINCIPAL)

    def test_while_others_are_told_tells_them_the_next_time(
        self, anna, ask, monkeypatch
    ):
        """The sessions at the hub are over by then, and it is known whose they were."""
        with monkeypatch.context() as patch:
            patch.setattr(Propagation, "send", no_thread)
            assert ask() == ()
            assert anna.is_in == set(HOSTS)
            assert ask() == (), "as often as it takes"
        assert ask() == (messages.SUCCESS,)
        assert anna.is_in == {"uwv.test"}

    def test_that_can_note_nothing_then_tells_them_the_next_time_too(
        self, anna, ask, sessions, monkeypatch
    ):
        with monkeypatch.context() as patch:

            def and_no_store(*args):
                patch.setattr(sessions.store, "add", unplugged)
                no_thread()

            patch.setattr(Propagation, "send", and_no_store)
            assert ask() == ()
        assert ask() == (messages.SUCCESS,)
        assert anna.is_in == {"uwv.test"}

    @pytest.fixture
    def process_is_killed(self, ask, sessions, monkeypatch):
        with monkeypatch.context() as patch:
            patch.setattr(sessions, "end_citizen", killed)
            with pytest.raises(SystemExit):
                ask()
        monkeypatch.setattr(
            "eilogin.hub.logout.logout_slots.time.sleep", lambda _: None
        )

    @pytest.mark.usefixtures("process_is_killed")
    def test_with_its_process_is_executed_when_that_must_be_dead(
        self, anna, ask, clock
    ):
        """Seven and a half seconds at most it takes: it has two of those."""
        clock.shift(15)
        assert ask() == ()
        assert anna.is_in == EVERYWHERE
        clock.shift(1)
        assert ask() == (messages.SUCCESS,)
        assert anna.is_in == {"uwv.test"}


class TestAsManyAsMayWait:
    """A participant is slow; whoever logs out meanwhile holds a thread."""

    #: Of a process.
    most = "3"

    @pytest.fixture
    def hub_options(self):
        return {"logouts_at_once": self.most}

    @pytest.fixture
    def under_way(self, federation, soap, party):
        """Have a LogoutRequest of uwv's wait for stad's; what comes of it at last."""
        with ThreadPoolExecutor(4) as threads, ExitStack() as stack:
            over = threading.Event()
            stack.callback(over.set)

            def respond(request):
                assert over.wait(PATIENCE)
                stad = party("stad.test")
                return stad.by_soap(stad.logout_response(request))

            def begin(request):
                federation.apps["stad.test"] = slow = Stubborn(respond)
                answer = threads.submit(soap, request)
                assert slow.asked.wait(PATIENCE)

                def end():
                    over.set()
                    return answer.result(PATIENCE)

                return end

            yield begin

    @pytest.fixture
    def waiting(self, monkeypatch):
        """Set when a request waits for what comes of the same one."""
        waits = threading.Event()
        pause = time.sleep
        monkeypatch.setattr(
            "eilogin.hub.logout.logout_slots.time.sleep",
            lambda s: waits.set() or pause(s),
        )
        return waits

    def test_of_one_message_one_is_executed_and_one_waits(
        self, soap, logout_of, outcome_of, under_way, waiting
    ):
        request = logout_of()
        end = under_way(request)
        with ThreadPoolExecutor(1) as threads:
            second = threads.submit(soap, request)
            assert waiting.wait(PATIENCE)
            for _ in range(5):
                third = soap(request)
                assert third.status_int == 500
                assert "soap-env:Server" in third.text
            assert outcome_of(end()).status.codes == (messages.SUCCESS,)
            again = outcome_of(second.result(PATIENCE))
        assert again.status.codes == (messages.SUCCESS,)
        assert outcome_of(soap(request)).status == again.status, "nothing is left of it"


class TestWhereOneMayWait(TestAsManyAsMayWait):
    most = "1"

    def test_of_one_message_one_is_executed_and_one_waits(
        self, soap, logout_of, outcome_of, under_way
    ):
        """But for the one that waits, which finds no place."""
        request = logout_of()
        end = under_way(request)
        assert soap(request).status_int == 500
        assert outcome_of(end()).status.codes == (messages.SUCCESS,)
        assert outcome_of(soap(request)).status.codes == (messages.SUCCESS,)

    @pytest.fixture
    def bram(self, another, everywhere):
        return everywhere(another.sign_in("bram"))

    def test_nobody_elses_logout_is_lost(  # noqa: PLR0913, PLR0917
        self, anna, bram, party, logout_of, under_way, refused, caplog
    ):
        """By a message: it is executed when she loads the page once more."""
        end = under_way(logout_of())
        uwv = party("uwv.test")
        login = bram.logins["uwv.test"]
        request = uwv.logout_request(login.who.as_name_id(), SLO, login.session_index)
        bram.browser.visit(uwv.by_redirect(SLO, "SAMLRequest", request))
        refused(bram.browser.page, "busy", 503)
        assert "u bent misschien nog ingelogd" in bram.browser.text
        assert bram.browser.page.headers["Retry-After"] == "10"
        assert "that wait for participants: 1, so no slot" in caplog.text
        assert is_at_hub_and_land(bram) == [True, True]
        end()
        bram.browser.click("Probeer het opnieuw")
        assert is_at_hub_and_land(bram) == [False, False]

    def test_nor_is_it_by_the_button_of_the_hub(self, bram, logout_of, under_way):
        bram.browser.visit(f"{HUB}/")
        url, page = bram.browser.url, bram.browser.page
        end = under_way(logout_of())
        bram.browser.press("Overal uitloggen")
        assert bram.browser.page.status_int == 503
        assert is_at_hub_and_land(bram) == [True, True]
        end()
        bram.browser.url, bram.browser.page = url, page
        bram.browser.press("Overal uitloggen")
        assert is_at_hub_and_land(bram) == [False, False]

    def test_nor_is_what_another_one_proves_in_her_place(
        self, bram, logout_of, under_way
    ):
        """Neither the code of hers that signs in, nor the logout of who was there."""
        citizen = bram.citizen
        citizen.visit(f"{HUB}/login?level=midden")
        bram.browser.click("Inloggen als iemand anders")
        url, page = bram.browser.url, bram.browser.page
        code = citizen.code("chaima")
        end = under_way(logout_of())
        for password in ("demo-chaima", "x"):
            bram.browser.url, bram.browser.page = url, page
            citizen.sign_in("chaima", url=None, code=code, password=password)
            assert bram.browser.page.status_int == 503
        assert is_at_hub_and_land(bram) == [True, True]
        end()
        bram.browser.url, bram.browser.page = url, page
        citizen.sign_in("chaima", url=None, code=code)
        assert bram.browser.url == f"{HUB}/"
        assert is_at_hub_and_land(bram) == [False, False]

    def test_nor_does_she_wait_who_proves_more(self, bram, logout_of, under_way):
        citizen, before = bram.citizen, bram.citizen.cookie
        citizen.visit(f"{HUB}/login?level=midden")
        code = citizen.code("bram")
        end = under_way(logout_of())
        citizen.sign_in("BRAM ", url=None, code=code, password="demo-bram")
        assert bram.browser.url == f"{HUB}/"
        assert citizen.cookie != before
        end()


def is_at_hub_and_land(citizen):
    hub = citizen.federation.apps["inloggen.test"].sessions
    return [hub.find(citizen.cookie) is not None, citizen.is_in_at("land.test")]


class TestTellingTheOthers:
    @pytest.fixture
    def log_out(self, anna):
        """Log out with the button; the names on the page of who was not reached."""

        def press():
            anna.browser.visit(f"{HUB}/")
            anna.browser.press("Overal uitloggen")
            # The page whose frames tell some names no others.
            text = re.sub(r"\S+ Uitgelogd om", "", anna.browser.text)
            return {host for host in HOSTS if host in text}

        return press

    def test_names_whom_it_is_about(self, anna, federation, log_out):
        log_out()
        for url, body in federation.back_channel_log[-3:]:
            host = urlsplit(url).hostname
            element = bindings.unwrap_soap(body)
            request = messages.read_logout_request(element)
            login = anna.logins[host]
            assert request.name_id.value == login.who.name_id
            assert request.session_indexes == (login.session_index,)
            assert request.destination == f"https://{host}/eilogin/slo/soap"

    @pytest.mark.parametrize(
        "how", ["by another key", "another's", "to another request", "no success",
                "nothing", "a fault", "old"],
    )  # fmt: skip
    def test_believes_only_a_good_answer(
        self, federation, log_out, party, attacker_key, how
    ):
        stad = party("stad.test")

        def respond(request):
            if how == "nothing":
                return b""
            if how == "a fault":
                return bindings.soap_fault("Server", "no")
            speaker = stad
            changes = {}
            if how == "by another key":
                speaker = party("stad.test", attacker_key)
            elif how == "another's":
                speaker = party("land.test")
            elif how == "to another request":
                changes["in_response_to"] = "_other"
            elif how == "no success":
                changes["status"] = messages.Status((messages.RESPONDER,))
            else:
                changes["issued"] = START - 4 * MINUTE
            return speaker.by_soap(speaker.logout_response(request, **changes))

        federation.apps["stad.test"] = Stubborn(respond)
        assert log_out() == {"stad.test"}

    def test_fails_where_one_takes_none_over_soap(self, log_out, hub_believes):
        hub_believes("stad.test", without(bindings.SOAP))
        assert log_out() == {"stad.test"}

    def test_goes_on_where_the_telling_itself_breaks(
        self, log_out, monkeypatch, caplog, anna
    ):
        real = logout_propagation.open_soap_answer

        def open_answer(octets, peer, peer_of):
            element, peer = real(octets, peer, peer_of)
            if "stad" in peer.entity_id:
                raise RuntimeError("a fault of ours")
            return element, peer

        monkeypatch.setattr(logout_propagation, "open_soap_answer", open_answer)
        assert log_out() == {"stad.test"}
        assert "a fault of ours" in caplog.text
        assert not anna.is_in_at("land.test")

    def test_reaches_who_has_left_by_its_metadata_as_it_was(
        self, anna, log_out, leaves
    ):
        leaves("stad.test")
        assert log_out() == set()
        assert not anna.is_in_at("stad.test")

    def test_names_who_has_left_by_what_is_known(
        self, federation, anna, log_out, leaves
    ):
        leaves("stad.test")
        federation.apps["stad.test"] = Stubborn(lambda request: b"<html/>")
        assert log_out() == {"stad.test"}
        assert "eilogin/metadata" not in anna.browser.text

    def test_happens_in_parallel(self, federation, log_out, party):
        """Each answers only when the others have been asked too."""
        together = threading.Barrier(len(HOSTS), timeout=PATIENCE)

        def meet(host):
            def respond(request):
                together.wait()
                speaker = party(host)
                return speaker.by_soap(speaker.logout_response(request))

            return respond

        for host in HOSTS:
            federation.apps[host] = Stubborn(meet(host))
        assert log_out() == set()

    def test_is_not_held_up_by_one_that_never_answers(
        self, eilogin_federation, witness, everywhere, another, party
    ):
        federation = eilogin_federation(
            dict.fromkeys(HOSTS, witness), hub_options={"logout_timeout": "1s"}
        )
        another.browser = federation.browser()
        anna = everywhere(another, federation)
        over = threading.Event()

        def wait(request):
            over.wait(PATIENCE)
            return b""

        silent = Stubborn(wait)
        federation.apps["stad.test"] = silent
        try:
            anna.browser.visit(f"{HUB}/")
            anna.browser.press("Overal uitloggen")
            assert silent.asked.is_set()
            assert not over.is_set()
        finally:
            over.set()
        assert "stad.test" in anna.browser.text
        assert not anna.is_in_at("uwv.test")
        assert not anna.is_in_at("land.test")

    def test_is_not_held_up_by_many_logouts_at_one_that_is_dead(
        self, anna, federation, sessions, caplog
    ):
        """Those of others, say; nor is anything said there that nobody waits for."""
        trust = federation.apps["inloggen.test"].app.trust
        told = sessions.participants(sessions.find(anna.cookie))
        uwv, stad = sorted(told, key=lambda one: one.entity_id, reverse=True)[:2]
        over, asked = threading.Event(), threading.Semaphore(0)

        def respond(request):
            asked.release()
            over.wait(PATIENCE)
            return b""

        federation.apps["stad.test"] = Stubborn(respond)
        tells = Propagation(2.0, LogoutBindings({}))
        others = [
            threading.Thread(target=tells.send, args=(trust, recipients_of([stad])))
            for _ in range(70)
        ]
        for thread in others:
            thread.start()
        try:
            for _ in range(4):
                assert asked.acquire(timeout=PATIENCE)
            [missed] = tells.send(trust, recipients_of([stad, uwv]))
            for thread in others:
                thread.join(PATIENCE)
        finally:
            over.set()
        assert missed.missed.entity_id == stad.entity_id
        assert not anna.is_in_at("uwv.test")
        assert "too many messages to this participant are pending" in caplog.text
        tells.send(trust, recipients_of([stad]))
        assert asked.acquire(blocking=False)
        assert not asked.acquire(blocking=False), "that one was next in line"

    def test_waits_a_moment_for_one_that_did_not_answer_lately(
        self, anna, federation, sessions
    ):
        """So the logouts of others soon have their turn; it is told all the same."""
        trust = federation.apps["inloggen.test"].app.trust
        told = sessions.participants(sessions.find(anna.cookie))
        [stad] = recipients_of(one for one in told if "stad" in one.entity_id)
        tells, over = Propagation(PATIENCE * 2, LogoutBindings({})), threading.Event()
        federation.down.add("stad.test")
        assert tells.send(trust, [stad])
        federation.down.clear()
        app, asked = federation.apps["stad.test"], threading.Event()

        def hanging(environ, start_response):
            asked.set()
            over.wait(PATIENCE)
            return app(environ, start_response)

        federation.apps["stad.test"] = hanging
        begun = time.monotonic()
        [missed] = tells.send(trust, [stad])
        assert time.monotonic() - begun < PATIENCE / 2
        assert missed.missed == stad
        assert asked.is_set()
        # It answers at last, and has the whole time again.
        over.set()
        lines = tells._process_queues()  # noqa: SLF001 - or wait for the time-out
        while lines.is_away(stad.entity_id):
            time.sleep(0.01)
        federation.apps["stad.test"] = app
        assert not anna.is_in_at("stad.test")
        assert tells.send(trust, [stad]) == []

    def test_has_threads_of_the_very_process(self, monkeypatch):
        """Those of a parent do not run in its child (gunicorn --preload)."""
        tells = Propagation(1.0, LogoutBindings({}))
        parents = tells._process_queues()  # noqa: SLF001 - a fork in a test ends badly
        assert tells._process_queues() is parents  # noqa: SLF001
        monkeypatch.setattr("os.getpid", lambda: -1)
        assert tells._process_queues() is not parents  # noqa: SLF001


class TestALogoutOfABrowser:
    """By a message that names no session: what her browser tells of it."""

    @pytest.fixture
    def hub_options(self):
        return {"logout_scope": "browser"}

    @pytest.fixture
    def request_of(self, logout_of):
        return lambda: logout_of(destination=SLO, with_index=False)

    @pytest.fixture
    def ask(self, anna, elsewhere, soap, logout_of, outcome_of):
        """Send one over SOAP; the status codes."""
        return lambda: outcome_of(soap(logout_of(with_index=False))).status.codes

    def test_by_redirect(self, anna, elsewhere, party, request_of):
        speaker = party("uwv.test")
        anna.browser.visit(speaker.by_redirect(SLO, "SAMLRequest", request_of()))
        assert anna.is_in == {"uwv.test"}
        assert elsewhere.is_in == EVERYWHERE

    def test_by_a_form_which_brings_no_cookie(self, anna, elsewhere, party, request_of):
        fields = party("uwv.test").by_post("SAMLRequest", request_of())
        anna.browser.post(SLO, site="cross-site", **fields)
        assert anna.is_in == {"uwv.test"}
        assert elsewhere.is_in == EVERYWHERE

    def test_in_a_browser_in_which_she_is_not(
        self, federation, anna, party, request_of
    ):
        url = party("uwv.test").by_redirect(SLO, "SAMLRequest", request_of())
        federation.browser().visit(url)
        assert anna.is_in == EVERYWHERE

    def test_by_a_server_is_of_all(self, anna, elsewhere, ask):
        assert ask() == (messages.SUCCESS,)
        assert anna.is_in == {"uwv.test"}
        # It has ended its own, whichever they are.
        assert elsewhere.is_in == {"uwv.test"}

    def test_says_partly_where_another_logout_was_faster(
        self, ask, sessions, monkeypatch
    ):
        drop, known = sessions.drop, []

        def drop_once(login):
            known.append(login)
            return drop(login) if len(known) == 1 else None

        monkeypatch.setattr(sessions, "drop", drop_once)
        assert messages.PARTIAL_LOGOUT in ask()


def test_a_hub_of_machines_whose_clocks_are_apart_logs_out_all_the_same(
    anna, soap, logout_of, outcome_of, clock
):
    """She has signed in at one that is ahead."""
    clock.shift(-30)
    outcome = outcome_of(soap(logout_of()))
    assert outcome.status.codes == (messages.SUCCESS,)
    assert "inloggen.test" not in anna.is_in
    assert "stad.test" not in anna.is_in


class TestWhoIsInAgain:
    """In another tab, while the LogoutRequest is on its way: it is told like others."""

    @pytest.fixture
    def in_again(self, anna, citizen, federation, logout_of, clock):
        """The request that uwv has written before that."""
        request = logout_of(destination=SLO)
        citizen.browser.forget("uwv.test")
        clock.shift(1)
        citizen.visit("https://uwv.test/mijn")
        assert citizen.browser.url == "https://uwv.test/mijn"
        anna.logins["uwv.test"] = anna.login_at("uwv.test")
        return request

    def test_by_redirect(self, anna, in_again, party):
        speaker = party("uwv.test")
        anna.browser.visit(speaker.by_redirect(SLO, "SAMLRequest", in_again))
        assert anna.is_in == set()

    def test_logout_initiator_without_a_new_session_gets_no_request(
        self, anna, soap, logout_of, told
    ):
        told()
        soap(logout_of())
        assert told() == ["land.test", "stad.test"]
