"""The hub with ``profile = digid``: it does what DigiD does (DigiD 1 to 3)."""

import re
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from eilogin import clock as instants
from eilogin.config import read
from eilogin.errors import ConfigurationError, StoreUnavailable
from eilogin.hub.digid import relay_state
from eilogin.hub.digid.reauthentication import IDLE
from eilogin.hub.hub_options import HubOptions
from eilogin.hub.logout.logout_propagation import Propagation
from eilogin.hub.signin.citizen_accounts import demo_citizens, to_json
from eilogin.saml import bindings, messages, safe_xml, xml_signatures
from eilogin.saml.assurance_levels import DIGID
from eilogin.saml.metadata import Endpoint
from eilogin.saml.signing_keys import SigningKey, key_name, new_key_pair
from eilogin.web.limits.slots import Full, Slots
from eilogin.web.visit import Visit

HUB = "https://inloggen.test"
SSO = f"{HUB}/sso"
SLO = f"{HUB}/slo"
HOSTS = ("uwv.test", "stad.test", "land.test")
START = 1_795_510_800.0  # 2026-11-24T09:00:00Z
MINUTE = 60

ANNA = "s00000000:900000016"
BRAM = "s00000000:900000028"
#: SOFI numbers that pass the eleven test, where a test gives them to somebody.
SOFI = {"anna": "900000053", "chaima": "900000065"}
DENIED = "Requester/RequestDenied"
FAILED = "Responder/AuthnFailed"
#: The lifetime of an artifact's answer, and for how long it is known after that.
ANSWERED, KNOWN = 2 * MINUTE, 15 * MINUTE


@pytest.fixture
def hub_options():
    return {"profile": "digid"}


@pytest.fixture
def options():
    """Options of the participants, for a test that wants others."""
    return {}


@pytest.fixture
def federation(clock, witness, eilogin_federation, hub_options, options):
    said = {"profile": "digid", **options}
    return eilogin_federation(
        dict.fromkeys(HOSTS, witness),
        options={host: dict(said) for host in HOSTS},
        hub_options=hub_options,
    )


def words(status):
    return "/".join(code.rpartition(":")[2] for code in status.codes)


class Digid:
    """A participant before DigiD: it asks, and resolves what comes."""

    def __init__(self, service):
        self.service = service
        self.service.binding = ""
        self.citizen = None

    def ask(self, citizen, relay_state="handle", **changes):
        """Bring a request to the hub in a citizen's browser; the request."""
        request = self.request(**changes)
        citizen.visit(self.service.address(request, relay_state))
        return request

    def request(self, **changes):
        if "acs_index" not in changes and "acs_url" not in changes:
            changes = {"acs_url": "", "acs_index": 0, **changes}
        return self.service.request(**changes)

    def artifact(self):
        [*_, fields] = self.service.came
        assert set(fields) <= {"SAMLart", "RelayState"}
        return fields["SAMLart"]

    def answer(self):
        """The Response that came last, and its assertion, as XML."""
        envelope, response = self.service.resolve(self.artifact())
        assert words(envelope.status) == "Success"
        return response, response.find(safe_xml.q("saml:Assertion"))

    def assertion(self):
        _, assertion = self.answer()
        keys = [self.service.hub_key]
        return messages.read_assertion(xml_signatures.signed(assertion, keys))

    def status(self):
        response, assertion = self.answer()
        assert assertion is None
        return words(messages.read_response(response).status)

    @property
    def is_answered(self):
        return bool(self.service.came)


@pytest.fixture
def digid_of(service_of):
    return lambda host: Digid(service_of(host))


@pytest.fixture
def stad(digid_of):
    return digid_of("stad.test")


@pytest.fixture
def uwv(digid_of):
    return digid_of("uwv.test")


@pytest.fixture
def signed_in(citizen, stad):
    """A citizen who is in at one participant."""
    stad.ask(citizen)
    citizen.sign_in(url=None)
    stad.service.came.clear()
    return citizen


@pytest.fixture
def nothing_there(caplog):
    """Assert the plain 404 of what DigiD does not answer; the log says why."""

    def check(page, code, *sent):
        assert page.status_int == 404
        assert code not in page.text
        assert "SAML" not in page.text
        assert f"({code})" in caplog.text
        for service in sent:
            assert service.service.came == []

    return check


def as_participant(**changes):
    return lambda entity: replace(
        entity, service_provider=replace(entity.service_provider, **changes)
    )


@pytest.fixture
def recertified(federation, hub_believes):
    """Have the hub know a participant by another certificate for its key."""

    def change(host, begins, days):
        private = federation.trusts[host].own.key.private
        pair = new_key_pair(host, days, private, begins=begins)
        text = SigningKey.load(*pair).certificate_text
        hub_believes(host, as_participant(signing_certificates=(text,)))

    return change


class TestAMessageThatIsNobodys:
    """DigiD 1.6: a plain 404, and the hub sends no answer."""

    def test_is_one_that_cannot_be_read(self, citizen, stad, nothing_there):
        citizen.visit(f"{SSO}?SAMLRequest=x&RelayState=y")
        nothing_there(citizen.browser.page, "message-malformed", stad)

    def test_is_one_of_a_stranger(self, citizen, stad, attacker_key, nothing_there):
        stad.service.party.key = attacker_key
        stad.ask(citizen, issuer="https://evil.test/")
        nothing_there(citizen.browser.page, "peer-unknown", stad)

    def test_is_one_by_another_key(
        self, citizen, stad, attacker_key, nothing_there, caplog
    ):
        stad.service.party.key = attacker_key
        stad.ask(citizen)
        nothing_there(citizen.browser.page, "signature-untrusted", stad)
        assert "its metadata has 1 certificate (SHA-1 " in caplog.text

    @pytest.mark.parametrize(
        "begins",
        [START - 86400, START + 1],
        ids=["over", "not yet valid"],
    )
    def test_is_one_of_a_member_whose_certificate_is(
        self, recertified, citizen, stad, nothing_there, begins
    ):
        recertified("stad.test", begins, days=1)
        stad.ask(citizen)
        nothing_there(citizen.browser.page, "message-expired", stad)

    @pytest.mark.parametrize(
        "changes",
        [{"acs_url": "https://evil.test/acs"}, {"acs_index": 7}],
        ids=["URL", "index"],
    )
    def test_is_one_to_an_address_that_the_metadata_does_not_have(
        self, citizen, stad, nothing_there, changes
    ):
        stad.ask(citizen, **changes)
        nothing_there(citizen.browser.page, "message-misdirected", stad)

    def test_is_one_of_who_takes_no_artifact(
        self, citizen, stad, hub_believes, nothing_there, caplog
    ):
        by_post = (Endpoint(bindings.POST, stad.service.acs, index=0),)
        hub_believes("stad.test", as_participant(assertion_consumers=by_post))
        stad.ask(citizen)
        nothing_there(citizen.browser.page, "binding-missing", stad)
        assert "by HTTP-POST; expected HTTP-Artifact" in caplog.text

    def test_is_one_for_another_address_of_ours(self, citizen, stad, nothing_there):
        stad.ask(citizen, destination=f"{HUB}/login")
        nothing_there(citizen.browser.page, "message-misdirected", stad)

    def test_is_an_answer(self, citizen, stad, nothing_there):
        element = messages.write_authn_request(stad.request())
        party = stad.service.party
        citizen.visit(party.by_redirect(SSO, "SAMLResponse", element))
        nothing_there(citizen.browser.page, "message-malformed", stad)

    def test_is_an_artifact_resolve_by_another_key(
        self, signed_in, stad, attacker_key, nothing_there
    ):
        stad.ask(signed_in)
        stad.service.party.key = attacker_key
        page, carried = stad.service.resolve(stad.artifact())
        assert carried is None
        nothing_there(page, "signature-untrusted")

    def test_is_a_logout_request_by_another_key(
        self, signed_in, stad, logs_out, attacker_key, nothing_there
    ):
        stad.service.party.key = attacker_key
        logs_out(stad, signed_in)
        nothing_there(signed_in.browser.page, "signature-untrusted", stad)
        signed_in.visit(f"{HUB}/")
        assert "Overal uitloggen" in signed_in.browser.text

    @pytest.mark.parametrize("off", [-ANSWERED - 1, ANSWERED + 1])
    def test_is_a_logout_request_of_another_time(
        self, signed_in, stad, logs_out, nothing_there, off
    ):
        logs_out(stad, signed_in, issued=START + off)
        nothing_there(signed_in.browser.page, "message-expired", stad)

    def test_is_a_logout_response(self, signed_in, stad, nothing_there):
        request = messages.LogoutRequest(
            "_1", START, stad.service.entity_id, messages.NameID(ANNA)
        )
        party = stad.service.party
        element = party.logout_response(request, SLO)
        signed_in.visit(party.by_redirect(SLO, "SAMLResponse", element))
        nothing_there(signed_in.browser.page, "message-unexpected", stad)

    def test_is_a_logout_request_over_soap(self, signed_in, stad, call, nothing_there):
        party = stad.service.party
        element = party.logout_request(messages.NameID(ANNA), f"{HUB}/slo/soap")
        page = call("POST", f"{HUB}/slo/soap", party.by_soap(element))
        assert page.status_int == 404
        assert "DigiD" not in page.text


class TestARequestOfAMember:
    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            ({"issued": START - 2 * MINUTE - 1}, "(message-expired): the IssueInstant"),
            ({"issued": START + 2 * MINUTE + 1}, "(message-expired): the IssueInstant"),
            (
                {"acs_index": 0, "acs_url": "https://stad.test/eilogin/acs"},
                "(message-malformed): AssertionConsumerServiceIndex excludes",
            ),
            (
                {"acs_index": 0, "protocol_binding": bindings.ARTIFACT},
                "(message-malformed): AssertionConsumerServiceIndex excludes",
            ),
            (
                {"level_classes": ("urn:unknown", DIGID.class_of("basis"))},
                "(refused): level_classes does not have the class 'urn:unknown'",
            ),
        ],
        ids=["old", "not yet", "index and URL", "index and binding", "unknown class"],
    )
    def test_is_denied_where_it_is_not_in_order(
        self, signed_in, stad, caplog, changes, told
    ):
        stad.ask(signed_in, **changes)
        assert stad.status() == DENIED
        assert told in caplog.text

    def test_that_is_denied_changes_nothing_of_where_she_is_in(
        self, signed_in, stad, clock
    ):
        """Anybody may bring it, who has seen it once."""
        stad.ask(signed_in, issued=START - 3 * 24 * 60 * MINUTE)
        assert stad.status() == DENIED
        stad.service.came.clear()
        clock.shift(16 * MINUTE)
        stad.ask(signed_in)
        assert stad.is_answered, "she is in there still, and is not asked"

    @pytest.mark.parametrize("off", [-2 * MINUTE, 2 * MINUTE])
    def test_may_be_two_minutes_off(self, signed_in, stad, off):
        stad.ask(signed_in, issued=START + off)
        assert stad.answer()[1] is not None

    @pytest.mark.parametrize(
        "changes",
        [
            {"is_passive": True},
            {"name_id_format": messages.TRANSIENT},
            {"name_id_format": "urn:unknown"},
            {"sp_name_qualifier": "https://evil.test/"},
            {"acs_url": "https://stad.test/eilogin/acs"},
            {"acs_url": "", "protocol_binding": bindings.POST},
            {"destination": ""},
        ],
        ids=["passive", "format", "other format", "qualifier", "URL", "binding", "to"],
    )
    def test_may_say_what_digid_passes_over(self, citizen, stad, changes):
        stad.ask(citizen, **changes)
        citizen.sign_in(url=None)
        assert stad.assertion().name_id.value == ANNA

    def test_by_post_says_where_it_goes(self, stad, send_form, nothing_there, citizen):
        element = messages.write_authn_request(stad.request(destination=""))
        fields = stad.service.party.by_post("SAMLRequest", element)
        nothing_there(send_form(SSO, fields), "message-misdirected", stad)

    def test_by_post_is_answered_alike(self, citizen, stad):
        element = messages.write_authn_request(stad.request())
        fields = stad.service.party.by_post("SAMLRequest", element, "handle")
        citizen.browser.post(SSO, site="cross-site", **fields)
        citizen.sign_in(url=None)
        assert stad.assertion().name_id.value == ANNA
        assert stad.service.came[-1]["RelayState"] == "handle"

    def test_that_is_cancelled_has_failed(self, citizen, stad):
        stad.ask(citizen)
        citizen.browser.press("Annuleren")
        response, _ = stad.answer()
        status = messages.read_response(response).status
        assert words(status) == FAILED
        assert status.message == ""

    def test_that_is_cancelled_again_is_kept_once_until_it_is_fetched(
        self, citizen, stad, clock
    ):
        """Else anybody could fill the store, at no cost, by one address."""
        stad.ask(citizen)
        citizen.browser.press("Annuleren")
        [again] = [url for url in citizen.browser.trail if "cancel=1" in url]
        for _ in range(3):
            citizen.visit(again)
        came = stad.service.came
        assert len(came) == 4
        assert len({fields["SAMLart"] for fields in came}) == 1
        for shift in (0, 61):
            clock.shift(shift)
            assert words(messages.read_response(stad.answer()[0]).status) == FAILED
            citizen.visit(again)
            assert came[-1]["SAMLart"] != came[-2]["SAMLart"]

    @pytest.mark.parametrize("level", ["substantieel", "hoog"])
    def test_for_more_than_can_be_proven_is_told_so(self, signed_in, stad, level):
        stad.ask(signed_in, level=level)
        assert stad.status() == "Responder/NoAuthnContext"

    def test_about_somebody_is_denied_an_answer_about_somebody_else(
        self, signed_in, stad
    ):
        element = messages.write_authn_request(stad.request())
        subject = safe_xml.add(element, "saml:Subject")
        element.insert(1, subject)
        safe_xml.add(subject, "saml:NameID", BRAM)
        party = stad.service.party
        signed_in.visit(party.by_redirect(SSO, "SAMLRequest", element, "handle"))
        assert stad.status() == "Responder/RequestUnsupported"


class TestTheAnswer:
    def test_comes_by_artifact_alone(self, signed_in, stad):
        stad.ask(signed_in)
        [fields] = stad.service.came
        assert fields.keys() == {"SAMLart", "RelayState"}
        assert fields["RelayState"] == "handle"

    def test_says_what_digid_says_and_no_more(self, citizen, stad, clock):
        request = stad.ask(citizen)
        citizen.sign_in(url=None)
        clock.shift(5 * MINUTE)
        stad.service.came.clear()
        request = stad.ask(citizen)
        now = START + 5 * MINUTE
        said = stad.assertion()
        assert said.name_id == messages.NameID(ANNA)
        assert said.in_response_to == request.id
        assert said.recipient == stad.service.acs
        assert said.audiences == ((stad.service.entity_id,),)
        assert said.confirmation_ends == now + 2 * MINUTE
        assert (said.not_before, said.not_on_or_after) == (
            now - 2 * MINUTE,
            now + 2 * MINUTE,
        )
        assert said.authn_instant == now, "of this answer, and not of the login"
        assert said.session_ends is None
        assert re.fullmatch("[0-9a-f]{32}[0-9]{8}", said.session_index)
        assert said.level_class == DIGID.class_of("basis")
        assert said.attributes == {}

    def test_says_where_she_comes_from(self, signed_in, stad):
        stad.ask(signed_in)
        _, assertion = stad.answer()
        place = assertion.find(f".//{safe_xml.q('saml:SubjectLocality')}")
        assert dict(place.attrib) == {"Address": "192.0.2.7"}
        assert assertion.find(safe_xml.q("saml:AttributeStatement")) is None

    def test_is_signed_around_and_inside(self, signed_in, stad):
        stad.ask(signed_in)
        response, assertion = stad.answer()
        envelope = response.getparent()
        assert envelope.find(safe_xml.q("ds:Signature")) is not None
        assert assertion.find(safe_xml.q("ds:Signature")) is not None
        assert response.find(safe_xml.q("ds:Signature")) is None
        assert response.get("Destination") is None

    def test_names_the_key_and_the_prefixes(self, signed_in, stad, federation):
        stad.ask(signed_in)
        response, _ = stad.answer()
        signature = response.getparent().find(safe_xml.q("ds:Signature"))
        certificate = federation.trusts["inloggen.test"].own.key.certificate_text
        info = signature.find(safe_xml.q("ds:KeyInfo"))
        assert info.findtext(safe_xml.q("ds:KeyName")) == key_name(certificate)
        assert info.findtext(f".//{safe_xml.q('ds:X509Certificate')}") == certificate
        scopes = [e.get("PrefixList") for e in signature.iter() if e.get("PrefixList")]
        assert set(scopes) == {"ds saml samlp xs"}

    def test_has_no_signed_assertion_for_who_wants_none(
        self, signed_in, stad, hub_believes
    ):
        hub_believes("stad.test", as_participant(want_assertions_signed=False))
        stad.ask(signed_in)
        _, assertion = stad.answer()
        assert assertion is not None
        assert assertion.find(safe_xml.q("ds:Signature")) is None

    def test_that_there_is_none_is_not_signed_inside(self, citizen, stad):
        stad.ask(citizen)
        citizen.browser.press("Annuleren")
        response, _ = stad.answer()
        assert response.find(safe_xml.q("ds:Signature")) is None
        assert response.get("Destination") is None

    def test_is_refused_after_a_logout_meanwhile(self, signed_in, stad):
        stad.ask(signed_in)
        artifact = stad.artifact()
        signed_in.visit(f"{HUB}/")
        signed_in.browser.press("Overal uitloggen")
        envelope, carried = stad.service.resolve(artifact)
        assert (words(envelope.status), carried) == (DENIED, None)


class TestAnArtifact:
    @pytest.fixture
    def artifact(self, signed_in, stad):
        stad.ask(signed_in)
        return stad.artifact()

    def test_is_used_once(self, stad, artifact, caplog):
        stad.service.resolve(artifact)
        assert "not known here" not in caplog.text
        envelope, carried = stad.service.resolve(artifact)
        assert (words(envelope.status), carried) == (DENIED, None)
        told = f"the hub does not know the artifact of {stad.service.entity_id!r}"
        assert told in caplog.text

    def test_of_another_is_denied_and_not_used_up(self, stad, uwv, artifact):
        envelope, carried = uwv.service.resolve(artifact)
        assert (words(envelope.status), carried) == (DENIED, None)
        assert stad.service.resolve(artifact)[1] is not None

    def test_that_is_made_up_is_denied(self, stad):
        made_up = bindings.new_artifact(f"{HUB}/metadata")
        envelope, carried = stad.service.resolve(made_up)
        assert (words(envelope.status), carried) == (DENIED, None)

    def test_expired_artifact_resolves_with_success_but_no_response(
        self, stad, artifact, clock
    ):
        clock.shift(ANSWERED)
        envelope, carried = stad.service.resolve(artifact)
        assert (words(envelope.status), carried) == ("Success", None)

    def test_is_not_known_after_a_while(self, stad, artifact, clock):
        clock.shift(ANSWERED + KNOWN)
        envelope, carried = stad.service.resolve(artifact)
        assert (words(envelope.status), carried) == (DENIED, None)

    @pytest.mark.parametrize(
        "changes",
        [
            {"issued": START - ANSWERED - 1},
            {"issued": START + ANSWERED + 1},
            {"destination": f"{HUB}/slo"},
        ],
    )
    def test_that_is_asked_for_in_another_time_or_place_is_denied(
        self, stad, artifact, call, changes
    ):
        """DigiD 1.6: and the answer does not say to what it is one."""
        request = messages.ArtifactResolve(
            "_1", START, stad.service.entity_id, artifact, f"{HUB}/artifact"
        )
        element = messages.write_artifact_resolve(replace(request, **changes))
        answer = call("POST", f"{HUB}/artifact", stad.service.party.by_soap(element))
        response = bindings.unwrap_soap(answer.body)
        xml_signatures.signed(response, [stad.service.hub_key])
        value, carried = messages.read_artifact_response(response)
        assert (words(value.status), carried) == (DENIED, None)
        assert value.in_response_to == ""
        assert stad.service.resolve(artifact)[1] is not None


class TestWhoIsAskedAgain:
    """DigiD 2.2 and 2.3."""

    def test_reads_for_how_long_she_is_not(self, citizen, stad):
        stad.ask(citizen)
        minutes = round(IDLE / MINUTE)
        told = f"Na het inloggen kunt u {minutes} minuten lang zonder opnieuw"
        assert told in citizen.browser.text
        assert "2 uur" not in citizen.browser.text

    def test_is_not_who_was_answered_a_quarter_of_an_hour_ago(
        self, signed_in, uwv, clock
    ):
        clock.shift(15 * MINUTE)
        uwv.ask(signed_in)
        assert uwv.is_answered

    def test_is_who_comes_to_another_after_that(self, signed_in, uwv, clock):
        clock.shift(15 * MINUTE + 1)
        uwv.ask(signed_in)
        assert signed_in.is_asked

    def test_is_not_who_is_in_there_already(self, signed_in, stad, clock):
        clock.shift(30 * MINUTE)
        stad.ask(signed_in)
        assert stad.is_answered

    def test_is_who_comes_after_the_grace(self, signed_in, stad, clock):
        clock.shift(30 * MINUTE + 1)
        stad.ask(signed_in)
        assert signed_in.is_asked

    def test_is_not_for_as_long_as_each_answer_is_soon_enough(
        self, signed_in, stad, uwv, clock
    ):
        for _ in range(3):
            clock.shift(14 * MINUTE)
            uwv.ask(signed_in)
        clock.shift(29 * MINUTE)
        stad.ask(signed_in)
        assert len(uwv.service.came) == 3
        assert stad.is_answered, "she is in there since the beginning"

    def test_is_everybody_when_the_session_is_over(self, signed_in, stad, clock):
        for _ in range(11):
            clock.shift(11 * MINUTE - 1)
            stad.ask(signed_in)
        clock.move_to(START + 120 * MINUTE)
        stad.ask(signed_in)
        assert signed_in.is_asked

    def test_was_away_everywhere(self, signed_in, stad, uwv, clock):
        """After that she is in where she is answered, and nowhere else."""
        clock.shift(31 * MINUTE)
        uwv.ask(signed_in)
        signed_in.sign_in(url=None)
        clock.shift(16 * MINUTE)
        stad.ask(signed_in)
        assert signed_in.is_asked

    def test_is_who_has_cancelled_there(self, signed_in, stad, clock):
        stad.ask(signed_in, level="midden")
        signed_in.browser.press("Annuleren")
        assert stad.status() == FAILED
        clock.shift(16 * MINUTE)
        stad.ask(signed_in)
        assert signed_in.is_asked

    def test_is_who_is_asked_for_with_force(self, signed_in, stad, clock):
        clock.shift(1)
        stad.ask(signed_in, force_authn=True)
        assert signed_in.is_asked
        signed_in.sign_in(url=None)
        assert stad.assertion().name_id.value == ANNA

    def test_is_who_proved_it_for_another_one_meanwhile(
        self, citizen, stad, uwv, clock
    ):
        """The page of a forced question was left alone, by whoever is there now."""
        question = uwv.request(force_authn=True)
        citizen.visit(uwv.service.address(question))
        clock.shift(1)
        stad.ask(citizen)
        citizen.sign_in(url=None)
        assert stad.is_answered
        clock.shift(28 * MINUTE)
        citizen.visit(uwv.service.address(replace(question, issued=instants.now())))
        assert citizen.is_asked
        assert not uwv.is_answered

    def test_is_who_signed_in_for_it_somewhere_else(self, citizen, uwv, clock):
        """Beside the proof her address is looked at, as ever."""
        question = uwv.request(force_authn=True)
        citizen.visit(uwv.service.address(question))
        citizen.browser.stops_before = f"{HUB}/sso?request="
        citizen.sign_in(url=None)
        way_on, citizen.browser.stops_before = citizen.browser.url, None
        federation = citizen.browser.app

        def elsewhere(environ, start_response):
            environ["REMOTE_ADDR"] = "198.51.100.7"
            return federation(environ, start_response)

        citizen.browser.app = elsewhere
        citizen.visit(way_on)
        assert citizen.is_asked
        assert not uwv.is_answered

    def test_is_who_has_to_prove_more(self, signed_in, stad):
        stad.ask(signed_in, level="midden")
        assert "Code" in signed_in.browser.text
        assert 'value="anna"' in signed_in.browser.page.text
        signed_in.sign_in(url=None, code=signed_in.code())
        assert stad.assertion().level_class == DIGID.class_of("midden")
        stad.ask(signed_in)
        assert stad.assertion().level_class == DIGID.class_of("midden")

    def test_is_who_comes_from_elsewhere(self, signed_in, stad, monkeypatch, clock):
        federation = signed_in.browser.app

        def elsewhere(environ, start_response):
            environ["REMOTE_ADDR"] = "198.51.100.7"
            return federation(environ, start_response)

        monkeypatch.setattr(signed_in.browser, "app", elsewhere)
        clock.shift(1)
        stad.ask(signed_in)
        assert signed_in.is_asked
        signed_in.sign_in(url=None)
        assert stad.is_answered
        stad.ask(signed_in)
        assert len(stad.service.came) == 2, "from there she is not asked once more"

    def test_is_another_citizen_and_the_first_one_is_logged_out(
        self, signed_in, uwv, told, clock
    ):
        clock.shift(1)
        uwv.ask(signed_in, force_authn=True)
        told()
        signed_in.sign_in("bram", url=None)
        # Of whom nobody could tell that she is logged out there, he is told.
        assert "In deze browser was iemand anders ingelogd" in signed_in.browser.text
        assert "stad.test" in signed_in.browser.text
        signed_in.browser.click("Ga verder")
        assert uwv.assertion().name_id.value == BRAM
        assert told() == ["stad.test"]

    def test_is_told_where_the_store_is_down(
        self, signed_in, stad, sessions, monkeypatch, refused
    ):
        def down(token):
            raise StoreUnavailable("the disk is gone")

        monkeypatch.setattr(sessions, "find", down)
        stad.ask(signed_in)
        refused(signed_in.browser.page, "store-unavailable", 503)


class TestTheHighestLevels:
    """DigiD 2.3: they are never given from a session."""

    @pytest.fixture
    def hub_options(self):
        return {"profile": "digid", "rehearsal": "true"}

    @pytest.fixture
    def high_up(self, citizen, stad, clock):
        stad.ask(citizen, level="hoog")
        citizen.sign_in(url=None, code=citizen.code())
        assert stad.assertion().level_class == DIGID.class_of("hoog")
        clock.shift(14 * MINUTE)
        return citizen

    @pytest.mark.parametrize("level", ["substantieel", "hoog"])
    def test_are_proven_for_every_question(self, citizen, stad, clock, level):
        """However soon it is asked again, and by the same one."""
        stad.ask(citizen, level=level)
        citizen.sign_in(url=None, code=citizen.code())
        assert stad.assertion().level_class == DIGID.class_of(level)
        stad.service.came.clear()
        clock.shift(MINUTE)
        stad.ask(citizen, level=level)
        assert citizen.is_asked
        assert stad.service.came == []

    def test_are_not_said_to_who_asks_for_less(self, high_up, uwv):
        uwv.ask(high_up)
        assert uwv.assertion().level_class == DIGID.class_of("midden")

    def test_are_said_of_who_has_proven_them_for_this_very_question(
        self, high_up, uwv, stad
    ):
        uwv.ask(high_up, level="substantieel")
        assert high_up.is_asked
        high_up.sign_in(url=None, code=high_up.code())
        assert uwv.assertion().level_class == DIGID.class_of("substantieel")


class TestAParticipantThatIsNotActive:
    """DigiD 2.4, 2: before all that could be asked of her."""

    @pytest.fixture
    def hub_options(self):
        return {
            "profile": "digid",
            "inactive": "https://stad.test/eilogin/metadata https://x.test/",
        }

    @pytest.fixture
    def known(self, citizen, uwv):
        uwv.ask(citizen)
        citizen.sign_in(url=None)
        return citizen

    def test_is_denied_and_she_is_asked_nothing(self, citizen, stad, caplog):
        request = stad.ask(citizen)
        assert not citizen.is_asked
        response = messages.read_response(stad.answer()[0])
        assert words(response.status) == DENIED
        assert response.in_response_to == request.id
        assert "(not-served): https://stad.test/eilogin/metadata gets no" in caplog.text

    def test_is_denied_who_is_known_already(self, known, stad, uwv):
        stad.ask(known)
        assert stad.status() == DENIED
        uwv.ask(known)
        assert len(uwv.service.came) == 2, "all others are served"

    def test_still_has_to_sign_what_it_says(
        self, citizen, stad, attacker_key, nothing_there
    ):
        stad.service.party.key = attacker_key
        stad.ask(citizen)
        nothing_there(citizen.browser.page, "signature-untrusted", stad)

    def test_is_denied_by_post_too(self, citizen, stad):
        element = messages.write_authn_request(stad.request())
        fields = stad.service.party.by_post("SAMLRequest", element, "handle")
        citizen.browser.post(SSO, site="cross-site", **fields)
        assert stad.status() == DENIED
        assert stad.service.came[-1]["RelayState"] == "handle"


class TestTheNumberOfASector:
    """DigiD 1.4, and 2.4, 4. Anna has two, Bram a BSN and Chaima a SOFI number."""

    @pytest.fixture
    def shows(self):
        """Whether the page is shown that names where she is in already."""
        return "false"

    @pytest.fixture
    def hub_options(self, tmp_path, shows):
        people = [
            replace(
                one,
                sofi=SOFI.get(one.username, ""),
                bsn="" if one.username == "chaima" else one.bsn,
            )
            for one in demo_citizens()
        ]
        file = tmp_path / "people.json"
        file.write_bytes(to_json(people))
        sectors = (
            "* s00000000",
            "https://uwv.test/eilogin/metadata s00000001",
            "https://land.test/eilogin/metadata s00000001 s00000000",
        )
        return {
            "profile": "digid",
            "show_session": shows,
            "citizens": str(file),
            "sectors": "\n".join(sectors),
        }

    @pytest.fixture
    def land(self, digid_of):
        return digid_of("land.test")

    def test_is_that_of_the_participant(self, citizen, stad, uwv):
        stad.ask(citizen)
        citizen.sign_in(url=None)
        assert stad.assertion().name_id == messages.NameID(ANNA)
        uwv.ask(citizen)
        assert uwv.assertion().name_id == messages.NameID("s00000001:900000053")

    @pytest.mark.parametrize(
        ("name", "number"),
        [("anna", "s00000001:900000053"), ("bram", BRAM)],
        ids=["the preferred one", "the only one"],
    )
    def test_is_the_first_that_she_has(self, citizen, land, name, number):
        land.ask(citizen)
        citizen.sign_in(name, url=None)
        assert land.assertion().name_id == messages.NameID(number)

    def test_is_missed_by_who_has_none_and_fails(self, citizen, uwv):
        uwv.ask(citizen)
        citizen.sign_in("bram", url=None)
        assert uwv.status() == FAILED

    def test_is_missed_by_who_is_known_already_and_asked_nothing(
        self, citizen, stad, uwv
    ):
        """The same with force: DigiD has this before that."""
        stad.ask(citizen)
        citizen.sign_in("bram", url=None)
        for force in (False, True):
            uwv.ask(citizen, force_authn=force)
            assert not citizen.is_asked
            assert uwv.status() == FAILED
        stad.ask(citizen)
        assert stad.assertion().name_id == messages.NameID(BRAM)

    @pytest.mark.parametrize("shows", ["true"])
    def test_is_looked_for_of_who_goes_on(self, citizen, stad, uwv, clock, shows):
        """The page was shown to another one, who was in here before."""
        stad.ask(citizen)
        citizen.sign_in(url=None)
        uwv.ask(citizen)
        url, page = citizen.browser.url, citizen.browser.page
        clock.shift(1)
        stad.ask(citizen, force_authn=True)
        citizen.sign_in("bram", url=None)
        citizen.browser.url, citizen.browser.page = url, page
        citizen.browser.press("Ga verder")
        assert uwv.status() == FAILED

    @pytest.mark.parametrize("shows", ["true"])
    def test_refusal_after_page_does_not_count_as_sign_in(  # noqa: PLR0913, PLR0917
        self, citizen, stad, uwv, land, clock, shows
    ):
        """A Response without a login neither signs in nor extends the session."""
        stad.ask(citizen)
        citizen.sign_in(url=None)
        uwv.ask(citizen)
        url, page = citizen.browser.url, citizen.browser.page
        clock.shift(1)
        stad.ask(citizen, force_authn=True)
        citizen.sign_in("bram", url=None)
        clock.shift(14 * MINUTE)
        citizen.browser.url, citizen.browser.page = url, page
        citizen.browser.press("Ga verder")
        assert uwv.status() == FAILED
        clock.shift(2 * MINUTE)
        land.ask(citizen)
        assert citizen.is_asked

    def test_is_not_missed_of_who_was_away_for_too_long(
        self, citizen, stad, uwv, clock
    ):
        """Then anybody may sign in."""
        stad.ask(citizen)
        citizen.sign_in("bram", url=None)
        clock.shift(16 * MINUTE)
        uwv.ask(citizen)
        assert citizen.is_asked

    @pytest.mark.parametrize(
        ("released", "number"),
        [({"bsn"}, ANNA), ({"sofi", "name"}, "s00000001:900000053"), (set(), None)],
        ids=["bsn", "sofi", "none"],
    )
    def test_is_one_that_the_operator_lets_it_learn(
        self, citizen, land, hub_believes, released, number
    ):
        hub_believes("land.test", lambda entity: replace(entity, released=released))
        land.ask(citizen)
        citizen.sign_in(url=None)
        if number is None:
            assert land.status() == FAILED
        else:
            assert land.assertion().name_id == messages.NameID(number)

    def test_may_be_all_that_she_has(self, citizen, stad, uwv):
        uwv.ask(citizen)
        citizen.sign_in("chaima", url=None)
        assert uwv.assertion().name_id.value == "s00000001:900000065"
        stad.ask(citizen)
        assert stad.status() == FAILED

    def test_is_the_one_by_which_each_is_told_of_a_logout(
        self, citizen, stad, logs_out, federation, uwv
    ):
        uwv.ask(citizen)
        citizen.sign_in(url=None)
        stad.ask(citizen)
        logs_out(stad, citizen)
        federation.back_channel_log.clear()
        citizen.browser.press("Ga verder")
        [(url, body)] = federation.back_channel_log
        assert urlsplit(url).hostname == "uwv.test"
        request = messages.read_logout_request(bindings.unwrap_soap(body))
        assert request.name_id == messages.NameID("s00000001:900000053")


@pytest.mark.parametrize(
    "sectors",
    [
        "s00000000",
        "*",
        "* bsn",
        "https://uwv.test/ s00000002",
        "* s00000000\n* s00000001",
    ],
    ids=["nobody", "no code", "a word", "unknown", "twice"],
)
def test_sectors_say_who_gets_which(tmp_path, sectors):
    with pytest.raises(ConfigurationError, match=r"sectors: (found .*; )?expected"):
        read(HubOptions, {}, {"name_id_key": "0123456789abcdef", "sectors": sectors})


class TestARelayState:
    """DigiD 1.1: it is sticky."""

    def test_is_given_to_the_next_who_sends_none(self, citizen, stad, uwv):
        stad.ask(citizen, "first")
        citizen.sign_in(url=None)
        uwv.ask(citizen, "")
        assert uwv.service.came[-1]["RelayState"] == "first"
        uwv.ask(citizen, "second")
        assert uwv.service.came[-1]["RelayState"] == "second"
        stad.ask(citizen, "")
        assert stad.service.came[-1]["RelayState"] == "second"

    def test_of_a_login_that_came_to_nothing_is_kept_too(self, citizen, stad):
        stad.ask(citizen, "left alone: é")
        stad.ask(citizen, "")
        citizen.sign_in(url=None)
        [fields] = stad.service.came
        assert fields["RelayState"] == "left alone: é"

    def test_has_at_most_eighty_bytes(self, signed_in, stad, uwv):
        stad.ask(signed_in, "é" * 40)
        assert stad.service.came[-1]["RelayState"] == "é" * 40
        stad.ask(signed_in, "é" * 40 + "x")
        assert signed_in.browser.page.status_int == 404
        assert len(stad.service.came) == 1

    def test_of_a_logout_has_at_most_eighty_bytes(self, signed_in, stad, logs_out):
        logs_out(stad, signed_in, relay_state="é" * 40)
        assert signed_in.browser.page.status_int == 200
        logs_out(stad, signed_in, relay_state="é" * 40 + "x")
        assert signed_in.browser.page.status_int == 404

    def test_of_a_request_that_is_denied_is_not_kept(self, signed_in, stad, uwv):
        stad.ask(signed_in, "old", issued=START - 300 * 24 * 60 * MINUTE)
        assert stad.status() == DENIED
        assert stad.service.came[-1]["RelayState"] == "old"
        uwv.ask(signed_in, "")
        assert uwv.service.came[-1]["RelayState"] == "handle"

    def test_by_post_which_nobody_has_signed_is_not_kept(self, signed_in, stad, uwv):
        element = messages.write_authn_request(stad.request())
        evil = "https://evil.test/"
        fields = stad.service.party.by_post("SAMLRequest", element, evil)
        signed_in.browser.post(SSO, site="cross-site", **fields)
        assert stad.service.came[-1]["RelayState"] == evil, "it is of this question"
        uwv.ask(signed_in, "")
        assert uwv.service.came[-1]["RelayState"] == "handle"

    def test_is_none_in_a_browser_that_never_had_one(self, citizen, another, stad):
        stad.ask(another, "of somebody else")
        stad.ask(citizen, "")
        citizen.sign_in(url=None)
        assert stad.service.came[-1].keys() == {"SAMLart"}

    def test_is_given_with_the_answer_to_a_logout_and_gone_then(
        self, citizen, stad, logs_out, outcome
    ):
        stad.ask(citizen, "of the login")
        citizen.sign_in(url=None)
        logs_out(stad, citizen, relay_state="")
        assert outcome(stad, citizen)[1] == "of the login"
        stad.ask(citizen, "")
        citizen.sign_in(url=None)
        assert stad.service.came[-1].keys() == {"SAMLart"}

    @pytest.mark.parametrize(
        ("by_post", "kept"), [(False, "of the logout"), (True, "of another")]
    )
    def test_of_a_logout_that_she_cancelled_is_kept_where_it_was_signed(  # noqa: PLR0913, PLR0917
        self, citizen, stad, uwv, logs_out, by_post, kept
    ):
        stad.ask(citizen, "of the login")
        citizen.sign_in(url=None)
        uwv.ask(citizen, "of another")
        logs_out(stad, citizen, by_post=by_post, relay_state="of the logout")
        citizen.browser.click("Annuleren")
        uwv.ask(citizen, "")
        assert uwv.service.came[-1]["RelayState"] == kept

    @pytest.mark.parametrize(
        "cookie",
        ["%%%", "/w", "_w==", "QUFB" * 30, "AAAA"],
        ids=["no base64", "half of it", "no UTF-8", "too long", "control"],
    )
    def test_that_somebody_made_up_is_none(self, cookie):
        environ = {"HTTP_COOKIE": f"__Host-eilogin-relay-state={cookie}"}
        assert relay_state.stored(Visit(environ)) == ""


class TestWhoIsLoggedInAlready:
    """DigiD 2.4, 7: the page that names where."""

    @pytest.fixture
    def hub_options(self):
        return {"profile": "digid", "show_session": "true"}

    @pytest.fixture
    def shown(self, signed_in, uwv, clock):
        clock.shift(MINUTE)
        uwv.ask(signed_in)
        assert "U bent al ingelogd" in signed_in.browser.title
        return signed_in

    def test_sees_the_services_and_since_when(self, shown, uwv):
        assert "stad.test Sinds 10.00 uur" in shown.browser.text
        assert "naar uwv.test" in shown.browser.text
        assert not uwv.is_answered

    def test_sees_until_when_and_is_led_on_after_that(self, shown, uwv, clock):
        """Without a script too; with one, the minutes are counted."""
        assert (
            "Dat kan tot 10.15 uur. Daarna moet u opnieuw inloggen."
            in shown.browser.text
        )
        assert 'data-seconds="840"' in shown.browser.page.text
        assert "Nog min" in shown.browser.text, "and the time between them"
        seconds, _, url = shown.browser.page.headers["Refresh"].partition("; url=")
        assert url.startswith(f"{SSO}?request=")
        clock.shift(int(seconds))
        shown.visit(url)
        assert "U bent al ingelogd" in shown.browser.title
        clock.shift(int(shown.browser.page.headers["Refresh"].partition(";")[0]))
        shown.visit(url)
        assert shown.is_asked

    def test_sees_no_more_than_is_left_of_the_session(
        self, signed_in, stad, uwv, clock
    ):
        for _ in range(8):
            clock.shift(14 * MINUTE)
            stad.ask(signed_in)
        uwv.ask(signed_in)
        assert "Dat kan tot 12.00 uur." in signed_in.browser.text
        assert 'data-seconds="480"' in signed_in.browser.page.text

    def test_goes_on(self, shown, uwv):
        shown.browser.press("Ga verder")
        assert shown.browser.url.startswith(uwv.service.acs)
        assert uwv.assertion().name_id.value == ANNA

    def test_is_not_shown_them_where_she_is_in(self, shown, uwv, stad):
        shown.browser.press("Ga verder")
        uwv.ask(shown)
        stad.ask(shown)
        assert len(uwv.service.came) == 2
        assert stad.is_answered

    def test_is_not_shown_them_when_she_has_just_signed_in(self, signed_in, uwv, clock):
        clock.shift(1)
        uwv.ask(signed_in, force_authn=True)
        signed_in.sign_in(url=None)
        assert uwv.is_answered

    def test_is_shown_them_where_she_cancelled(self, shown, stad):
        stad.ask(shown, level="midden")
        shown.browser.press("Annuleren")
        stad.ask(shown)
        assert "U bent al ingelogd" in shown.browser.title
        assert "Waar u bent ingelogd" not in shown.browser.text
        assert (
            "U bent al ingelogd sinds 10.00 uur. Wilt u verder naar"
            in shown.browser.text
        )
        shown.visit(f"{HUB}/")
        assert "U bent nog bij geen enkele dienst ingelogd." in shown.browser.text

    @pytest.mark.parametrize("what", ["idle", "another network"])
    def test_is_listed_only_where_nobody_would_ask(self, shown, clock, what):
        shown.visit(f"{HUB}/")
        assert "Waar u bent ingelogd stad.test" in shown.browser.text
        if what == "idle":
            clock.shift(31 * MINUTE)
        else:
            shown.browser.address = "198.51.100.7"
        shown.visit(f"{HUB}/")
        assert "Waar u bent ingelogd" not in shown.browser.text
        assert "Waar u misschien nog bent ingelogd stad.test" in shown.browser.text

    def test_may_be_somebody_else(self, shown, uwv, told):
        shown.browser.press("Dit ben ik niet: log overal uit")
        assert told() == ["stad.test"]
        assert "stad.test" in shown.browser.text
        shown.browser.click("Ga verder")
        assert shown.is_asked
        assert shown.cookie is None
        shown.sign_in("bram", url=None)
        assert uwv.assertion().name_id.value == BRAM

    def test_is_asked_for_her_own_digid_where_all_have_heard(self, citizen, uwv):
        citizen.sign_in()
        uwv.ask(citizen)
        citizen.browser.press("Dit ben ik niet: log overal uit")
        assert citizen.is_asked
        assert "U bent uitgelogd. Log in met uw eigen DigiD." in citizen.browser.text

    def test_is_asked_where_it_took_her_too_long(self, shown, uwv, clock):
        clock.shift(16 * MINUTE)
        shown.browser.press("Ga verder")
        assert shown.is_asked
        assert not uwv.is_answered

    def test_is_asked_where_she_logged_out_meanwhile(self, shown, sessions, uwv):
        sessions.end_citizen(sessions.find(shown.cookie))
        shown.browser.press("Dit ben ik niet: log overal uit")
        assert shown.is_asked

    def test_says_so_herself(self, shown, uwv, refused):
        url = shown.browser.url
        handle = re.search('action="([^"]+)"', shown.browser.page.text)[1]
        assert handle != url
        shown.browser.post(handle, site="cross-site", **{"go-on": "1"})
        refused(shown.browser.page, "cross-site", 403)
        assert not uwv.is_answered


# --- logout ---------------------------------------------------------------------------


@pytest.fixture
def logs_out():
    """Bring a participant's LogoutRequest to the hub, in a citizen's browser."""

    def bring(
        digid,
        citizen,
        *,
        by_post=False,
        destination=SLO,
        relay_state="out",
        **changes,
    ):
        party = digid.service.party
        element = party.logout_request(messages.NameID(ANNA), destination, **changes)
        if by_post:
            fields = party.by_post("SAMLRequest", element, relay_state)
            citizen.browser.post(SLO, site="cross-site", **fields)
        else:
            url = party.by_redirect(SLO, "SAMLRequest", element, relay_state)
            citizen.visit(url)
        return element.get("ID")

    return bring


@pytest.fixture
def outcome():
    """The LogoutResponse that came back by Redirect, and its RelayState."""

    def read(digid, citizen):
        [url] = [u for u in citizen.browser.trail if "SAMLResponse" in u]
        received = bindings.read_redirect(urlsplit(url).query)
        bindings.verify_redirect(received, [digid.service.hub_key])
        assert url.startswith(f"https://{urlsplit(digid.service.acs).hostname}/")
        response = messages.read_logout_response(safe_xml.parse(received.octets))
        return response, received.relay_state

    return read


#: Where she is in, but for the participant for which a test speaks.
EVERYWHERE = {"uwv.test", "land.test", "inloggen.test"}


def is_in(anna):
    hub = anna.federation.apps["inloggen.test"].sessions
    known = {host for host in EVERYWHERE - {"inloggen.test"} if anna.is_in_at(host)}
    return known | ({"inloggen.test"} if hub.find(anna.cookie) else set())


class TestALogout:
    """DigiD 3. The other participants are real ones of ours."""

    @pytest.fixture
    def anna(self, federation, citizen, everywhere):
        return everywhere(citizen)

    @pytest.fixture
    def stad(self, anna, digid_of):
        """After the login, so that the others do not notice."""
        return digid_of("stad.test")

    def test_of_one_alone_asks_nothing(self, signed_in_alone, logs_out, outcome, told):
        citizen, stad = signed_in_alone
        request_id = logs_out(stad, citizen)
        response, relay_state = outcome(stad, citizen)
        assert words(response.status) == "Success"
        assert response.in_response_to == request_id
        assert response.destination == "https://stad.test/eilogin/slo"
        assert relay_state == "out"
        assert citizen.cookie is None
        assert told() == []

    @pytest.fixture
    def signed_in_alone(self, citizen, digid_of):
        stad = digid_of("stad.test")
        stad.ask(citizen)
        citizen.sign_in(url=None)
        stad.answer()
        return citizen, stad

    def test_names_the_services_first(self, anna, stad, logs_out, told):
        told()
        logs_out(stad, anna.citizen)
        text = anna.browser.text
        assert "Wilt u overal uitloggen?" in text
        assert "Bij stad.test bent u uitgelogd. U bent nog ingelogd bij:" in text
        assert "Gaat u verder, dan logt u daar ook uit." in text
        assert "zonder opnieuw inloggen terug naar stad.test." in text
        for host in HOSTS:
            assert (f"{host} Sinds 10.00 uur" in text) == (host != "stad.test")
        assert told() == []
        assert is_in(anna) == EVERYWHERE

    def test_goes_on_from_there(self, anna, stad, logs_out, outcome, told):
        request_id = logs_out(stad, anna.citizen)
        told()
        anna.browser.press("Ga verder")
        response, relay_state = outcome(stad, anna.citizen)
        assert words(response.status) == "Success"
        assert response.in_response_to == request_id
        assert relay_state == "out"
        assert told() == ["land.test", "uwv.test"]
        assert is_in(anna) == set()

    def test_that_is_cancelled_there_is_none(self, anna, stad, logs_out, told):
        logs_out(stad, anna.citizen)
        told()
        stad.service.came.clear()
        anna.browser.click("Annuleren")
        assert anna.browser.url == "https://stad.test/"
        assert stad.service.came == [{}], "the hub sends no answer"
        assert told() == []
        assert is_in(anna) == EVERYWHERE

    def test_tells_the_others_her_name_and_no_more(
        self, anna, stad, logs_out, federation
    ):
        logs_out(stad, anna.citizen)
        federation.back_channel_log.clear()
        anna.browser.press("Ga verder")
        for _, body in federation.back_channel_log:
            element = bindings.unwrap_soap(body)
            xml_signatures.signed(element, [stad.service.hub_key])
            request = messages.read_logout_request(element)
            assert request.name_id == messages.NameID(ANNA)
            assert request.session_indexes == ()
            assert request.destination == ""
            assert request.issuer == f"{HUB}/metadata"

    def test_that_does_not_reach_all_is_partial(
        self, anna, stad, logs_out, outcome, federation
    ):
        federation.down.add("uwv.test")
        logs_out(stad, anna.citizen)
        anna.browser.press("Ga verder")
        response, _ = outcome(stad, anna.citizen)
        assert words(response.status) == "Responder/PartialLogout"
        assert is_in(anna) == {"uwv.test"}
        assert "iframe" not in anna.browser.page.text

    def test_does_not_reach_who_takes_nothing_over_soap(  # noqa: PLR0913, PLR0917
        self, anna, stad, logs_out, outcome, hub_believes, caplog
    ):
        slo = Endpoint(bindings.REDIRECT, "https://uwv.test/eilogin/slo")
        hub_believes("uwv.test", as_participant(single_logouts=(slo,)))
        logs_out(stad, anna.citizen)
        anna.browser.press("Ga verder")
        response, _ = outcome(stad, anna.citizen)
        assert words(response.status) == "Responder/PartialLogout"
        assert is_in(anna) == {"uwv.test"}
        told = "accepts a LogoutRequest by none of SOAP; its metadata has: "
        assert f"{told}HTTP-Redirect" in caplog.text

    def test_is_by_the_session_of_the_browser_and_not_by_the_name(
        self, anna, another, stad, logs_out, outcome
    ):
        logs_out(stad, another)
        response, _ = outcome(stad, another)
        assert words(response.status) == "Success"
        assert is_in(anna) == EVERYWHERE

    @pytest.mark.parametrize("way", ["look", "continue"])
    def test_leads_to_what_is_known_by_an_address_that_is_not(self, citizen, way):
        """Nothing: there is no logout in this browser."""
        citizen.visit(f"{SLO}?{way}=made-up")
        assert citizen.browser.url == f"{HUB}/"

    @pytest.mark.parametrize("way", ["tell", "above", "here"])
    def test_has_no_page_at_an_address_that_is_made_up(
        self, citizen, nothing_there, way
    ):
        citizen.visit(f"{SLO}?{way}=made-up")
        nothing_there(citizen.browser.page, "message-unexpected")

    def test_by_post_finds_it_too(self, anna, stad, logs_out, outcome):
        logs_out(stad, anna.citizen, by_post=True)
        assert "Wilt u overal uitloggen?" in anna.browser.text
        anna.browser.press("Ga verder")
        assert words(outcome(stad, anna.citizen)[0].status) == "Success"

    @pytest.fixture
    def link(self, anna, another, stad, logs_out):
        """The address of ours to which another browser is led with a LogoutRequest."""
        another.browser.stops_before = "leaving="
        logs_out(stad, another, by_post=True)
        return another.browser.url

    @pytest.mark.parametrize("has_one_too", [False, True])
    def test_is_no_link_by_which_others_are_logged_out(
        self, anna, link, stad, logs_out, has_one_too
    ):
        if has_one_too:
            logs_out(stad, anna.citizen)
        anna.browser.follow(link)
        assert "Uitloggen is niet gelukt" in anna.browser.title
        anna.browser.post(link, site="same-origin")
        assert "Uitloggen is niet gelukt" in anna.browser.title
        assert is_in(anna) == EVERYWHERE

    @pytest.fixture
    def asked(self, anna, stad, logs_out):
        """A browser with the page that names the services."""
        logs_out(stad, anna.citizen, by_post=True)
        return anna.browser

    @pytest.mark.parametrize(
        ("change", "status"),
        [(lambda said: [*said, "new"], 200), (lambda said: [1], 400)],
    )
    def test_may_have_been_kept_by_another_version(
        self, asked, another_version_kept, change, status
    ):
        another_version_kept(":leaving-logout:", change)
        asked.reload()
        assert asked.page.status_int == status

    def test_where_she_has_no_session_is_answered_in_any_browser(self, link, call):
        """Who takes no cookies has none, and is not stuck here."""
        location = call("GET", link).location
        assert location.startswith("https://stad.test/eilogin/slo?SAMLResponse=")

    @pytest.mark.parametrize("is_posted", [False, True])
    def test_may_leave_out_where_it_goes_by_redirect_alone(
        self, anna, stad, logs_out, nothing_there, is_posted
    ):
        logs_out(stad, anna.citizen, by_post=is_posted, destination="")
        if is_posted:
            nothing_there(anna.browser.page, "message-misdirected")
        else:
            assert "Wilt u overal uitloggen?" in anna.browser.text

    def test_is_answered_at_the_location(
        self, anna, stad, logs_out, outcome, hub_believes
    ):
        slo = "https://stad.test/eilogin/slo"
        elsewhere = Endpoint(bindings.REDIRECT, slo, "https://stad.test/elsewhere")
        hub_believes("stad.test", as_participant(single_logouts=(elsewhere,)))
        logs_out(stad, anna.citizen)
        anna.browser.press("Ga verder")
        assert outcome(stad, anna.citizen)[0].destination == slo

    def test_of_who_takes_no_answer_ends_here(self, anna, stad, logs_out, hub_believes):
        hub_believes("stad.test", as_participant(single_logouts=()))
        logs_out(stad, anna.citizen)
        anna.browser.press("Ga verder")
        assert "U bent overal uitgelogd" in anna.browser.text
        anna.browser.click("Naar de website van stad.test")
        assert anna.browser.url == "https://stad.test/"

    def test_that_is_brought_again_has_the_outcome_that_it_had(
        self, anna, stad, logs_out, outcome, told
    ):
        anna.federation.down.add("uwv.test")
        logs_out(stad, anna.citizen)
        url, page = anna.browser.url, anna.browser.page
        anna.browser.press("Ga verder")
        told()
        anna.browser.url, anna.browser.page = url, page
        anna.browser.press("Ga verder")
        response, _ = outcome(stad, anna.citizen)
        assert words(response.status) == "Responder/PartialLogout"
        anna.browser.visit(url)
        assert words(outcome(stad, anna.citizen)[0].status) == "Responder/PartialLogout"
        assert told() == []

    @pytest.fixture
    def fails(self, federation, monkeypatch):
        """Have the hub's store fail for once at a verb."""
        store = federation.apps["inloggen.test"].sessions.store

        def once(verb):
            real = getattr(store, verb)

            def fail(*args, **said):
                monkeypatch.setattr(store, verb, real)
                raise StoreUnavailable("somebody has pulled the plug")

            monkeypatch.setattr(store, verb, fail)

        return once

    def test_at_which_the_store_fails_is_executed_when_it_is_brought_again(
        self, anna, stad, logs_out, outcome, fails
    ):
        logs_out(stad, anna.citizen)
        url = anna.browser.url
        fails("end")
        anna.browser.press("Ga verder")
        assert anna.browser.page.status_int == 503
        assert is_in(anna) == EVERYWHERE
        anna.browser.visit(url)
        assert words(outcome(stad, anna.citizen)[0].status) == "Success"
        assert is_in(anna) == set()

    def test_for_which_it_is_too_busy_is_tried_again_by_the_page_itself(
        self, anna, stad, logs_out, outcome, monkeypatch
    ):
        """She has confirmed it, and is not asked once more."""
        logs_out(stad, anna.citizen)
        with monkeypatch.context() as patch:
            patch.setattr(Slots, "hold", full)
            anna.browser.press("Ga verder")
            assert anna.browser.page.status_int == 503
            assert anna.browser.page.headers["Refresh"] == "3"
            assert is_in(anna) == EVERYWHERE
        anna.browser.reload()
        assert words(outcome(stad, anna.citizen)[0].status) == "Success"
        assert is_in(anna) == set()

    def test_of_which_nobody_knows_whom_it_has_told_is_partial(  # noqa: PLR0913, PLR0917
        self, anna, stad, logs_out, outcome, monkeypatch, clock
    ):
        """Her session has ended, and then the process was killed."""
        logs_out(stad, anna.citizen)
        url = anna.browser.url
        with monkeypatch.context() as patch:
            patch.setattr(Propagation, "send", killed)
            with pytest.raises(SystemExit):
                anna.browser.press("Ga verder")
        clock.shift(16)
        anna.browser.visit(url)
        response, _ = outcome(stad, anna.citizen)
        assert words(response.status) == "Responder/PartialLogout"

    def test_that_another_one_has_overtaken_is_partial(
        self, anna, stad, logs_out, outcome, monkeypatch
    ):
        hub = anna.federation.apps["inloggen.test"].sessions
        monkeypatch.setattr(hub, "end_citizen", lambda login: None)
        logs_out(stad, anna.citizen)
        anna.browser.press("Ga verder")
        response, _ = outcome(stad, anna.citizen)
        assert words(response.status) == "Responder/PartialLogout"

    def test_ends_her_sessions_in_other_browsers_too(
        self, anna, another, stad, logs_out
    ):
        land = anna.federation.apps["land.test"]
        another.visit("https://land.test/mijn").sign_in(url=None)
        cookie = another.browser.cookie("land.test", "__Host-eilogin")
        assert land.sessions.find(cookie)
        logs_out(stad, anna.citizen)
        anna.browser.press("Ga verder")
        assert land.sessions.find(cookie) is None

    def test_on_the_hubs_own_page_tells_nobody_through_her_browser(
        self, anna, federation
    ):
        federation.down.add("uwv.test")
        anna.browser.visit(f"{HUB}/")
        anna.browser.press("Overal uitloggen")
        assert "nog niet overal uitgelogd" in anna.browser.text
        assert "uwv.test" in anna.browser.text
        assert "iframe" not in anna.browser.page.text

    def test_that_took_her_too_long_is_over(self, anna, stad, logs_out, clock, refused):
        logs_out(stad, anna.citizen)
        clock.shift(61 * MINUTE)
        anna.browser.press("Ga verder")
        refused(anna.browser.page, "message-unexpected")

    def test_is_confirmed_by_herself(self, anna, stad, logs_out, refused):
        logs_out(stad, anna.citizen)
        action = re.search('action="([^"]+)"', anna.browser.page.text)[1]
        anna.browser.post(action, site="cross-site")
        refused(anna.browser.page, "cross-site", 403)
        assert is_in(anna) == EVERYWHERE


def full(*_, **__):
    """No slot is free."""
    raise Full(3, 1)


def killed(*args):
    """No error: nothing that this process would still do is done."""
    raise SystemExit


def test_its_metadata_is_that_of_digid(federation, call):
    """DigiD 1.7."""
    element = safe_xml.parse(call("GET", f"{HUB}/metadata").body)
    key = federation.trusts["inloggen.test"].own.key
    xml_signatures.signed(element, [key.public])
    [role] = element.findall(safe_xml.q("md:IDPSSODescriptor"))
    found = [(e.tag.rpartition("}")[2], e.get("Binding")) for e in role]
    assert found == [
        ("KeyDescriptor", None),
        ("KeyDescriptor", None),
        ("ArtifactResolutionService", bindings.SOAP),
        ("SingleLogoutService", bindings.REDIRECT),
        ("SingleSignOnService", bindings.REDIRECT),
        ("SingleSignOnService", bindings.POST),
    ]
    uses = [e.get("use") for e in role.findall(safe_xml.q("md:KeyDescriptor"))]
    assert uses == ["signing", "encryption"]
    assert role.find(safe_xml.q("md:ArtifactResolutionService")).get("index") == "0"
