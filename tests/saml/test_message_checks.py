"""A message is taken when it is signed, for us and in time, and only then."""

from dataclasses import replace

import pytest

from eilogin.errors import (
    LoginFailed,
    MalformedMessage,
    MessageExpired,
    MessageMisdirected,
    MessageUnexpected,
    UnknownPeer,
    UntrustedSignature,
)
from eilogin.saml.message_checks import (
    check_activity_report,
    check_artifact_resolve,
    check_artifact_response,
    check_authn_request,
    check_logout_request,
    check_logout_response,
    require_answer,
    verified,
)
from eilogin.saml.messages import (
    PARTIAL_LOGOUT,
    REQUEST_DENIED,
    REQUESTER,
    RESPONDER,
    ActivityReport,
    ArtifactResolve,
    ArtifactResponse,
    AuthnRequest,
    LogoutRequest,
    LogoutResponse,
    NameID,
    Status,
    read_logout_request,
    write_logout_request,
)
from eilogin.saml.safe_xml import parse, q, serialize
from eilogin.saml.xml_signatures import sign

NOW = 1_767_268_800.0
HUB = "https://inloggen.example.nl/metadata"
PARTICIPANT = "https://uwv.example.nl/eilogin/metadata"
SKEW = 60


class TestVerified:
    REQUEST = LogoutRequest("_l1", NOW, HUB, NameID("q7Xw2"))

    def _received(self, key=None):
        element = write_logout_request(self.REQUEST)
        if key is not None:
            sign(element, key)
        return parse(serialize(element))

    def test_gives_what_was_signed(self, hub_key):
        element = verified(self._received(hub_key), [hub_key.public])
        assert read_logout_request(element) == self.REQUEST

    def test_refuses_what_is_not_signed(self, hub_key):
        with pytest.raises(UntrustedSignature):
            verified(self._received(), [hub_key.public])

    def test_refuses_another_key(self, hub_key, other_key):
        with pytest.raises(UntrustedSignature):
            verified(self._received(other_key), [hub_key.public])

    def test_refuses_what_is_not_by_the_schema(self, hub_key):
        element = write_logout_request(self.REQUEST)
        element.remove(element.find(q("saml:NameID")))
        sign(element, hub_key)
        with pytest.raises(MalformedMessage):
            verified(parse(serialize(element)), [hub_key.public])

    def test_refuses_an_odd_transform_before_anything_is_computed(
        self, hub_key, monkeypatch
    ):
        monkeypatch.setattr("eilogin.saml.message_checks.signed", _must_not_be_called)
        element = self._received(hub_key)
        transform = next(element.iter(q("ds:Transform")))
        transform.set("Algorithm", "http://www.w3.org/TR/1999/REC-xslt-19991116")
        with pytest.raises(MalformedMessage):
            verified(element, [hub_key.public])


def _must_not_be_called(*arguments):
    raise AssertionError("called")


SLO = "https://uwv.example.nl/eilogin/slo"
LOGOUT_REQUEST = LogoutRequest("_l1", NOW, HUB, NameID("q7Xw2"), SLO)
LOGOUT_RESPONSE = LogoutResponse("_m1", NOW, HUB, Status(), "_l0", SLO)
ACTIVITY_REPORT = ActivityReport("_a1", NOW, PARTICIPANT, NameID("q7"), "_s1", NOW, HUB)
ARTIFACT_RESOLVE = ArtifactResolve("_x1", NOW, PARTICIPANT, "AAQAAA==", HUB)
ARTIFACT_RESPONSE = ArtifactResponse("_y1", NOW, HUB, Status(), "_x1")
AUTHN_REQUEST = AuthnRequest("_q1", NOW, PARTICIPANT, HUB)


def _logout_request(message, now=NOW, *, required=True):
    check_logout_request(
        message, issuer=HUB, destination=SLO, destination_required=required, now=now
    )


def _logout_response(message, now=NOW, *, required=True):
    check_logout_response(
        message,
        issuer=HUB,
        in_response_to="_l0",
        destination=SLO,
        destination_required=required,
        now=now,
    )


def _activity_report(message, now=NOW):
    check_activity_report(message, issuer=PARTICIPANT, destination=HUB, now=now)


def _artifact_resolve(message, now=NOW):
    check_artifact_resolve(message, issuer=PARTICIPANT, destination=HUB, now=now)


def _artifact_response(message, now=NOW):
    check_artifact_response(message, issuer=HUB, in_response_to="_x1", now=now)


def _authn_request(message, now=NOW):
    check_authn_request(message, destination=HUB, now=now)


MESSAGES = [
    pytest.param(_logout_request, LOGOUT_REQUEST, id="logout-request"),
    pytest.param(_logout_response, LOGOUT_RESPONSE, id="logout-response"),
    pytest.param(_activity_report, ACTIVITY_REPORT, id="activity-report"),
    pytest.param(_artifact_resolve, ARTIFACT_RESOLVE, id="artifact-resolve"),
    pytest.param(_artifact_response, ARTIFACT_RESPONSE, id="artifact-response"),
    pytest.param(_authn_request, AUTHN_REQUEST, id="authn-request"),
]

FAULTS = [
    pytest.param(
        _logout_request,
        LOGOUT_REQUEST,
        {"issuer": PARTICIPANT},
        UnknownPeer,
        id="logout-request-issuer",
    ),
    pytest.param(
        _logout_request,
        LOGOUT_REQUEST,
        {"destination": SLO + "2"},
        MessageMisdirected,
        id="logout-request-destination",
    ),
    pytest.param(
        _logout_request,
        LOGOUT_REQUEST,
        {"destination": ""},
        MessageMisdirected,
        id="logout-request-no-destination",
    ),
    pytest.param(
        _logout_request,
        LOGOUT_REQUEST,
        {"not_on_or_after": NOW - SKEW},
        MessageExpired,
        id="logout-request-over",
    ),
    pytest.param(
        _logout_response,
        LOGOUT_RESPONSE,
        {"issuer": PARTICIPANT},
        UnknownPeer,
        id="logout-response-issuer",
    ),
    pytest.param(
        _logout_response,
        LOGOUT_RESPONSE,
        {"in_response_to": "_l9"},
        MessageUnexpected,
        id="logout-response-to-another",
    ),
    pytest.param(
        _logout_response,
        LOGOUT_RESPONSE,
        {"in_response_to": ""},
        MessageUnexpected,
        id="logout-response-to-nothing",
    ),
    pytest.param(
        _logout_response,
        LOGOUT_RESPONSE,
        {"destination": ""},
        MessageMisdirected,
        id="logout-response-no-destination",
    ),
    *(
        pytest.param(_activity_report, ACTIVITY_REPORT, changes, error, id=name)
        for name, changes, error in (
            ("activity-report-issuer", {"issuer": HUB}, UnknownPeer),
            ("activity-report-address", {"destination": SLO}, MessageMisdirected),
            ("activity-report-no-address", {"destination": ""}, MessageMisdirected),
            ("activity-report-future", {"active_at": NOW + 61}, MessageExpired),
        )
    ),
    pytest.param(
        _artifact_resolve,
        ARTIFACT_RESOLVE,
        {"issuer": HUB},
        UnknownPeer,
        id="artifact-resolve-issuer",
    ),
    pytest.param(
        _artifact_resolve,
        ARTIFACT_RESOLVE,
        {"destination": SLO},
        MessageMisdirected,
        id="artifact-resolve-destination",
    ),
    pytest.param(
        _artifact_response,
        ARTIFACT_RESPONSE,
        {"issuer": PARTICIPANT},
        UnknownPeer,
        id="artifact-response-issuer",
    ),
    pytest.param(
        _artifact_response,
        ARTIFACT_RESPONSE,
        {"in_response_to": "_x2"},
        MessageUnexpected,
        id="artifact-response-to-another",
    ),
    pytest.param(
        _authn_request,
        AUTHN_REQUEST,
        {"destination": ""},
        MessageMisdirected,
        id="authn-request-no-destination",
    ),
    pytest.param(
        _authn_request,
        AUTHN_REQUEST,
        {"destination": HUB + "/"},
        MessageMisdirected,
        id="authn-request-destination",
    ),
]


class TestTheOtherMessages:
    @pytest.mark.parametrize(("check", "message"), MESSAGES)
    def test_are_taken_when_they_are_right(self, check, message):
        check(message)

    @pytest.mark.parametrize(("check", "message"), MESSAGES)
    @pytest.mark.parametrize(
        ("age", "is_in_time"),
        [
            pytest.param(-61, False, id="future"),
            pytest.param(-60, True, id="future-within-skew"),
            pytest.param(179, True, id="old-within-skew"),
            pytest.param(180, False, id="old"),
        ],
    )
    def test_have_to_arrive_in_time(self, check, message, age, is_in_time):
        if is_in_time:
            check(message, NOW + age)
        else:
            with pytest.raises(MessageExpired):
                check(message, NOW + age)

    @pytest.mark.parametrize(("check", "message"), MESSAGES)
    @pytest.mark.parametrize(
        ("age", "here"), [(-600, "11:50:00"), (600, "12:10:00")], ids=["early", "late"]
    )
    def test_out_of_time_are_told_by_both_clocks(self, check, message, age, here):
        with pytest.raises(MessageExpired) as caught:
            check(message, NOW + age)
        assert str(caught.value) == (
            "the IssueInstant is 2026-01-01T12:00:00Z, and the time here is"
            f" 2026-01-01T{here}Z; expected a difference of at most 60 s between the"
            " clocks, and a message is valid for 120 s"
        )

    def test_a_logout_request_that_is_over_is_told_by_both_clocks(self):
        message = (
            r"NotOnOrAfter of the LogoutRequest is .*11:58:20Z.*time here is"
            r" .*12:00:00Z"
        )
        with pytest.raises(MessageExpired, match=message):
            _logout_request(replace(LOGOUT_REQUEST, not_on_or_after=NOW - 100))

    @pytest.mark.parametrize("request_id", ["", "_q"])
    def test_an_answer_to_nothing_is_never_ours(self, request_id):
        with pytest.raises(MessageUnexpected, match="this site did not ask"):
            require_answer("", request_id)

    @pytest.mark.parametrize(("check", "message", "changes", "error"), FAULTS)
    def test_are_refused_when_they_are_not(self, check, message, changes, error):
        with pytest.raises(error):
            check(replace(message, **changes))

    @pytest.mark.parametrize(
        ("check", "message"),
        [(_logout_request, LOGOUT_REQUEST), (_logout_response, LOGOUT_RESPONSE)],
    )
    def test_of_a_logout_over_soap_need_no_destination(self, check, message):
        check(replace(message, destination=""), required=False)
        with pytest.raises(MessageMisdirected):
            check(replace(message, destination=HUB), required=False)

    def test_an_artifact_resolve_needs_no_destination(self):
        _artifact_resolve(replace(ARTIFACT_RESOLVE, destination=""))

    def test_a_logout_request_is_in_time_until_its_end_and_the_skew(self):
        _logout_request(replace(LOGOUT_REQUEST, not_on_or_after=NOW - SKEW + 1))

    def test_a_partial_logout_is_an_answer(self):
        status = Status((RESPONDER, PARTIAL_LOGOUT))
        _logout_response(replace(LOGOUT_RESPONSE, status=status))

    def test_an_artifact_that_is_refused_is_a_failed_login(self):
        status = Status((REQUESTER, REQUEST_DENIED))
        with pytest.raises(LoginFailed) as caught:
            _artifact_response(replace(ARTIFACT_RESPONSE, status=status))
        assert caught.value.status_codes == (REQUESTER, REQUEST_DENIED)
        assert "(Requester RequestDenied)" in str(caught.value)

    @pytest.mark.parametrize(
        ("issued", "error", "message"),
        [
            (NOW, LoginFailed, "rejected the artifact (Requester RequestDenied)"),
            # Our clock is off, so it did not take our question (DigiD 1.2).
            (
                NOW + 600,
                MessageExpired,
                "is 2026-01-01T12:10:00Z, and the time here is 2026-01-01T12:00:00Z",
            ),
        ],
    )
    def test_a_refusal_may_name_no_question(self, issued, error, message):
        answer = replace(
            ARTIFACT_RESPONSE,
            in_response_to="",
            issued=issued,
            status=Status((REQUESTER, REQUEST_DENIED)),
        )
        with pytest.raises(error) as caught:
            _artifact_response(answer)
        assert message in str(caught.value)

    def test_a_success_names_its_question(self):
        with pytest.raises(MessageUnexpected, match="no InResponseTo"):
            _artifact_response(replace(ARTIFACT_RESPONSE, in_response_to=""))

    def test_a_refusal_of_another_question_is_none(self):
        status = Status((REQUESTER, REQUEST_DENIED))
        answer = replace(ARTIFACT_RESPONSE, status=status, in_response_to="_x2")
        with pytest.raises(MessageUnexpected, match="the ID of our request"):
            _artifact_response(answer)


class TestWhatIsTold:
    @pytest.mark.parametrize(("check", "message"), MESSAGES)
    def test_is_in_whose_name_it_came(self, check, message):
        with pytest.raises(MessageExpired) as caught:
            check(replace(message, issued=NOW - 3600))
        assert caught.value.peer == message.issuer

    def test_is_which_address_was_expected_and_which_came(self):
        elsewhere = f"https://uwv.example.nl/{'x' * 300}"
        with pytest.raises(MessageMisdirected) as caught:
            _logout_request(replace(LOGOUT_REQUEST, destination=elsewhere))
        message = str(caught.value)
        assert f"Destination: found '{elsewhere[:200]}'; expected '{SLO}'" in message
        assert elsewhere[:201] not in message
        assert "public_url" in message

    def test_is_that_there_is_no_address(self):
        with pytest.raises(MessageMisdirected, match="found none"):
            _logout_request(replace(LOGOUT_REQUEST, destination=""))

    def test_is_who_was_expected_and_who_came(self):
        with pytest.raises(UnknownPeer) as caught:
            _artifact_response(replace(ARTIFACT_RESPONSE, issuer=PARTICIPANT))
        assert f"found '{PARTICIPANT}'; expected '{HUB}'" in str(caught.value)
