# ruff: noqa: PLR0913, PLR0917 - fixtures are arguments
"""A LogoutRequest whose NameID says less than the hub told, and what it may end."""

import pytest
from onelogin.saml2.logout_request import OneLogin_Saml2_Logout_Request
from onelogin.saml2.settings import OneLogin_Saml2_Settings

from eilogin.saml import bindings, messages, safe_xml, xml_signatures
from eilogin.sessions import Participant, Subject

HUB = "https://inloggen.test"
SLO, SOAP = f"{HUB}/slo", f"{HUB}/slo/soap"
ENTITY = f"{HUB}/metadata"
UWV, STAD = (f"https://{host}.test/eilogin/metadata" for host in ("uwv", "stad"))
EVERYWHERE = {"uwv.test", "stad.test", "land.test", "inloggen.test"}
DONE = (messages.SUCCESS,)
UNKNOWN = (messages.RESPONDER, messages.UNKNOWN_PRINCIPAL)
MISS = "matches no session, answered UnknownPrincipal"


@pytest.fixture
def ask(call, party, federation):
    """Send a LogoutRequest of a participant over SOAP; the status of the answer."""

    def send(name_id, *indexes, host="uwv.test"):
        element = party(host).logout_request(name_id, SOAP, *indexes)
        body = party(host).by_soap(element)
        answer = call("POST", SOAP, body, Content_Type="text/xml")
        key = federation.trusts["inloggen.test"].own.key.public
        signed = xml_signatures.signed(bindings.unwrap_soap(answer.body), [key])
        return messages.read_logout_response(signed).status.codes

    return send


@pytest.fixture
def known(anna):
    """The NameID and SessionIndex of a participant's session."""

    def find(host="uwv.test", **changes):
        login = anna.logins[host]
        name_id = messages.NameID(login.who.name_id, **changes)
        return name_id, login.session_index

    return find


#: What may be left out of the persistent NameID that the hub told UWV.
SHORTENED = pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"format": messages.UNSPECIFIED},
        {"name_qualifier": ENTITY},
        {"sp_name_qualifier": UWV},
        {"format": messages.UNSPECIFIED, "sp_name_qualifier": UWV},
        {"format": messages.PERSISTENT},
    ],
    ids=["value", "unspecified", "hub", "participant", "python3-saml", "format"],
)


class TestEndsAllOfHers:
    @SHORTENED
    @pytest.mark.parametrize("has_index", [True, False])
    def test_by_a_name_id_that_says_less(
        self, anna, ask, known, told, caplog, events, attributes, has_index
    ):
        name_id, index = known(**attributes)
        told()
        assert ask(name_id, *([index] if has_index else [])) == DONE
        assert anna.is_in == {"uwv.test"}, "who asks has ended its own"
        assert told() == ["land.test", "stad.test"]
        assert MISS not in caplog.text
        assert events("logout.received")[-1]["outcome"] == "ok"

    @SHORTENED
    def test_in_her_browser(self, anna, party, known, attributes):
        name_id, index = known(**attributes)
        uwv = party("uwv.test")
        request = uwv.logout_request(name_id, SLO, index)
        anna.browser.visit(uwv.by_redirect(SLO, "SAMLRequest", request))
        assert anna.is_in == {"uwv.test"}
        assert "SAMLResponse=" in anna.browser.trail[1]

    # python3-saml dates it by utcnow, which Python 3.12 and later deprecate.
    @pytest.mark.filterwarnings("ignore:datetime.datetime.utc:DeprecationWarning")
    def test_by_the_message_of_another_product(self, anna, party, known, federation):
        """python3-saml, with the settings that it has by default."""
        name_id, index = known()
        role = {"url": SLO, "binding": bindings.REDIRECT}
        idp = {"entityId": ENTITY, "singleLogoutService": role}
        acs = {"url": "https://uwv.test/acs", "binding": bindings.POST}
        sp = {"entityId": UWV, "assertionConsumerService": acs}
        settings = OneLogin_Saml2_Settings(
            {"strict": False, "sp": sp, "idp": idp}, sp_validation_only=True
        )
        made = OneLogin_Saml2_Logout_Request(
            settings, name_id=name_id.value, session_index=index
        )
        request = safe_xml.parse(made.get_xml().encode())
        request.set("IssueInstant", "2026-11-24T09:00:00Z")
        anna.browser.visit(party("uwv.test").by_redirect(SLO, "SAMLRequest", request))
        assert anna.is_in == {"uwv.test"}

    def test_once_though_the_message_comes_twice(self, anna, call, party, known):
        name_id, index = known()
        uwv = party("uwv.test")
        body = uwv.by_soap(uwv.logout_request(name_id, SOAP, index))
        answers = [call("POST", SOAP, body, Content_Type="text/xml") for _ in range(2)]
        assert all(messages.SUCCESS.encode() in answer.body for answer in answers)
        assert anna.is_in == {"uwv.test"}


class TestEndsNothing:
    """The value is right and the signature too; what else is said is of another."""

    @pytest.fixture
    def ends_nothing(self, anna, ask, told, caplog, events):
        def check(name_id, *indexes, host="uwv.test"):
            told()
            assert ask(name_id, *indexes, host=host) == UNKNOWN
            assert anna.is_in == EVERYWHERE
            assert told() == []
            event = events("logout.received")[-1]
            assert (event["outcome"], event["reason"]) == (
                "failed",
                "principal-unknown",
            )
            assert name_id.value not in caplog.text
            [said] = [one for one in caplog.messages if MISS in one]
            return said

        return check

    @pytest.mark.parametrize("has_index", [True, False])
    @pytest.mark.parametrize("name_id_format", ["", messages.UNSPECIFIED, "persistent"])
    def test_by_the_name_that_another_participant_was_told(
        self, ends_nothing, known, name_id_format, has_index
    ):
        if name_id_format == "persistent":
            name_id_format = messages.PERSISTENT
        name_id, index = known("stad.test", format=name_id_format)
        said = ends_nothing(name_id, *([index] if has_index else []))
        assert "sent that participant no live session" in said

    @pytest.mark.parametrize(
        "attributes",
        [
            {"format": messages.TRANSIENT},
            {"format": messages.EMAIL},
            {"format": "https://example.org/formats/badge"},
            {"name_qualifier": STAD},
            {"sp_name_qualifier": STAD},
            {"format": messages.UNSPECIFIED, "name_qualifier": "https://other.test"},
        ],
        ids=["transient", "email", "own-format", "NameQualifier", "SPNameQualifier",
             "other-hub"],
    )  # fmt: skip
    def test_by_another_format_or_qualifier(self, ends_nothing, known, attributes):
        name_id, index = known(**attributes)
        said = ends_nothing(name_id, index)
        assert "sent that participant the same value with Format persistent" in said
        if "name_qualifier" in attributes:
            assert (
                "NameQualifier of another, SPNameQualifier absent or as usual" in said
            )

    @pytest.mark.parametrize("whose", ["of stad", "made up"])
    def test_by_the_session_index_of_another(self, ends_nothing, known, whose):
        _, index = known("stad.test")
        name_id, _ = known()
        ends_nothing(name_id, index if whose == "of stad" else "_made-up")

    def test_by_the_name_of_who_was_never_here(self, ends_nothing):
        ends_nothing(messages.NameID("q7Xw2"), "_1")

    def test_with_the_name_and_index_of_another_participant(self, ends_nothing, known):
        name_id, index = known("stad.test")
        ends_nothing(name_id, index, host="land.test")


class TestTwoCitizensWithOneValue:
    """One by her email address, the other by a name of her own that reads the same."""

    @pytest.fixture
    def hub_options(self):
        return {"release": "* mail", "name_id_attributes": "email mail"}

    @pytest.fixture
    def told_by_mail(self, service_of, citizen):
        stad = service_of("stad.test")
        url = stad.address(stad.request(name_id_format=messages.EMAIL))
        citizen.visit(url).sign_in(url=None)
        _, assertion = stad.answer()
        return assertion

    def test_with_a_session_index_names_the_one_of_it(
        self, federation, told_by_mail, another, ask, same_value
    ):
        same_value(told_by_mail, another)
        name_id = messages.NameID(told_by_mail.name_id.value)
        index = told_by_mail.session_index
        assert ask(name_id, index, host="stad.test") == DONE
        sessions = federation.apps["inloggen.test"].sessions
        assert sessions.find(another.cookie) is not None

    def test_without_one_names_nobody(
        self, federation, told_by_mail, citizen, another, ask, same_value
    ):
        same_value(told_by_mail, another)
        name_id = messages.NameID(told_by_mail.name_id.value)
        assert ask(name_id, host="stad.test") == UNKNOWN
        sessions = federation.apps["inloggen.test"].sessions
        assert all(sessions.find(one.cookie) for one in (citizen, another))

    @pytest.fixture
    def same_value(self, federation):
        """Have another citizen be told to Stad by the same value, as a persistent."""

        def tell(assertion, who):
            who.sign_in("bram")
            sessions = federation.apps["inloggen.test"].sessions
            login = sessions.find(who.cookie)
            subject = Subject(
                ENTITY, STAD, assertion.name_id.value, messages.PERSISTENT
            )
            told = Participant(STAD, subject, "_of-bram", login.started)
            sessions.add_participant(login, told)

        return tell
