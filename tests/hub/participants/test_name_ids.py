"""What a participant is told that a citizen is called."""

import re
from dataclasses import replace

import pytest

from eilogin.errors import InvalidOptions
from eilogin.hub import make_hub
from eilogin.hub.participants.name_ids import NameIDs, citizen_here
from eilogin.saml import bindings, messages, safe_xml
from eilogin.saml.metadata import AttributeService
from eilogin.saml.sector_names import tells_number
from eilogin.sessions import Login

HUB = "https://inloggen.test"
SSO = f"{HUB}/sso"
INVALID = (messages.REQUESTER, messages.INVALID_NAME_ID_POLICY)
ENTITY = f"{HUB}/metadata"
OF_BROWSERS = "urn:oasis:names:tc:SAML:1.1:nameid-format:X509SubjectName"


@pytest.fixture
def told(citizen, service):
    """The NameID that a participant gets which asks for a format."""

    def ask(name_id_format="", who=citizen, at=service):
        request = at.request(name_id_format=name_id_format)
        who.visit(at.address(request))
        if who.is_asked:
            who.sign_in(url=None)
        response, assertion = at.answer()
        return assertion.name_id if assertion else response.status.codes

    return ask


class TestAPersistentName:
    def test_is_lower_case_so_that_nobody_can_confuse_two(self, told):
        name = told(messages.PERSISTENT)
        assert re.fullmatch("[0-9a-f]{64}", name.value)
        assert name.name_qualifier == ENTITY
        assert name.sp_name_qualifier == "https://stad.test/eilogin/metadata"

    def test_can_be_nobodys_number(self):
        # One in two hundred could, of those that are drawn; the key is always this one.
        names = NameIDs(b"a key of tests", "persistent", {})
        here = {number: citizen_here(ENTITY, str(number)) for number in range(2_000)}
        told = [
            names.name(
                Login(who, "basis", 0.0, 1.0, 0.0, family="of her"),
                "https://uwv.test/eilogin/metadata",
                name_id_format,
                released={},
            ).name_id
            for who in here.values()
            for name_id_format in (messages.PERSISTENT, messages.TRANSIENT)
        ]
        assert not any(map(tells_number, told))

    def test_is_the_same_in_every_session_and_another_at_every_participant(
        self, told, another, service, service_of
    ):
        first = told(messages.PERSISTENT)
        assert told(messages.PERSISTENT, who=another) == first
        uwv = service_of("uwv.test")
        assert told(messages.PERSISTENT, at=uwv).value != first.value

    def test_is_there_whether_or_not_one_may_be_made(self, citizen, service):
        element = messages.write_authn_request(
            service.request(name_id_format=messages.PERSISTENT)
        )
        element.find(safe_xml.q("samlp:NameIDPolicy")).set("AllowCreate", "false")
        url = service.party.by_redirect(SSO, "SAMLRequest", element)
        citizen.sign_in(url=url)
        assert service.answer()[1].name_id.format == messages.PERSISTENT


class TestNoName:
    """SAML core 2.4: a subject need not have a NameID."""

    STAD = "https://stad.test/eilogin/metadata"

    @pytest.fixture
    def hub_options(self):
        return {"nameless": self.STAD}

    @pytest.mark.parametrize("name_id_format", ["", messages.UNSPECIFIED])
    def test_is_told_to_who_is_to_have_none(
        self, told, service, service_of, name_id_format
    ):
        assert told(name_id_format) is None
        _, assertion = service.answer()
        assert assertion.attributes == {"name": ["Anna de Proef"]}
        assert told(at=service_of("uwv.test")).format == messages.PERSISTENT

    @pytest.mark.parametrize(
        "name_id_format", [messages.PERSISTENT, messages.ENCRYPTED]
    )
    def test_is_no_answer_for_who_asks_for_one(self, told, name_id_format):
        assert told(name_id_format) == INVALID

    def test_is_none_that_a_logout_could_say(self, told, citizen, caplog, federation):
        told()
        citizen.visit(f"{HUB}/").browser.press("Overal uitloggen")
        assert "stad.test" in citizen.browser.text
        assert "it got no NameID at login (nameless)" in caplog.text
        assert federation.back_channel_log == []


class TestATransientName:
    def test_is_another_in_every_session_and_at_every_participant(
        self, told, another, service_of
    ):
        uwv = service_of("uwv.test")
        names = [
            told(messages.TRANSIENT),
            told(messages.TRANSIENT, who=another),
            told(messages.TRANSIENT, at=uwv),
        ]
        assert {name.format for name in names} == {messages.TRANSIENT}
        assert len({name.value for name in names}) == 3

    def test_is_the_same_in_two_tabs_of_one_session(self, told):
        assert told(messages.TRANSIENT) == told(messages.TRANSIENT)

    def test_ends_the_session_that_it_is_of(
        self, told, citizen, service, sessions, call
    ):
        name = told(messages.TRANSIENT)
        message = service.party.logout_request(name, f"{HUB}/slo/soap")
        call("POST", f"{HUB}/slo/soap", service.party.by_soap(message))
        assert sessions.find(citizen.cookie) is None

    def test_beside_a_persistent_one_is_told_at_the_logout_too(
        self, told, citizen, sessions
    ):
        """Who knows her by two names may have a session for each of them."""
        names = [told(messages.TRANSIENT), told(messages.PERSISTENT)]
        login = sessions.find(citizen.cookie)
        known_as = [p.subject.as_name_id() for p in sessions.participants(login)]
        assert known_as == names
        citizen.visit(f"{HUB}/")
        assert citizen.browser.text.count("stad.test") == 1


class TestALogoutRequest:
    """A participant is told exactly the NameID that it was given."""

    @pytest.fixture
    def hub_options(self):
        return {
            "release": "* mail name",
            "name_id_attributes": "email mail\nunspecified name",
        }

    @pytest.mark.parametrize(
        "name_id_format",
        [
            messages.PERSISTENT,
            messages.TRANSIENT,
            messages.EMAIL,
            messages.UNSPECIFIED,
        ],
    )
    def test_repeats_it_literally(
        self, told, citizen, federation, name_id_format, hub_believes
    ):
        if name_id_format == messages.UNSPECIFIED:
            hub_believes("stad.test", _prefers(name_id_format))
        given = told(name_id_format)
        assert given.format == name_id_format
        citizen.visit(f"{HUB}/").browser.press("Overal uitloggen")
        log = federation.back_channel_log
        [body] = [body for _, body in log if b"LogoutRequest" in body]
        request = messages.read_logout_request(bindings.unwrap_soap(body))
        assert request.name_id == given


def _prefers(name_id_format):
    def changed(entity):
        role = replace(entity.service_provider, name_id_formats=(name_id_format,))
        return replace(entity, service_provider=role)

    return changed


class TestAnEMailAddress:
    @pytest.fixture
    def may_have_mail(self, hub_believes):
        def changed(entity):
            role = replace(
                entity.service_provider,
                attribute_services=(AttributeService(("mail",)),),
            )
            return replace(entity, service_provider=role)

        hub_believes("stad.test", changed)

    @pytest.mark.usefixtures("may_have_mail")
    def test_is_hers(self, told):
        assert told(messages.EMAIL) == messages.NameID(
            "anna@burger.test", messages.EMAIL
        )

    @pytest.mark.usefixtures("may_have_mail")
    def test_that_nobody_knows_is_no_name(self, citizen, service):
        url = service.address(service.request(name_id_format=messages.EMAIL))
        citizen.sign_in("chaima", url=url)
        assert service.answer()[0].status.codes == INVALID

    def test_is_not_for_who_may_not_have_the_attribute(self, told):
        assert told(messages.EMAIL) == INVALID


class TestAPolicyThatCannotBeFollowed:
    @pytest.mark.parametrize("name_id_format", [OF_BROWSERS, messages.ENTITY])
    def test_of_another_format_is_told_before_she_is_asked_anything(
        self, citizen, service, name_id_format
    ):
        citizen.visit(service.address(service.request(name_id_format=name_id_format)))
        assert not citizen.is_asked
        assert service.answer()[0].status.codes == INVALID

    def test_for_the_names_of_another_party_is_told(self, citizen, service):
        element = messages.write_authn_request(
            service.request(name_id_format=messages.PERSISTENT)
        )
        policy = element.find(safe_xml.q("samlp:NameIDPolicy"))
        policy.set("SPNameQualifier", "https://uwv.test/eilogin/metadata")
        citizen.visit(service.party.by_redirect(SSO, "SAMLRequest", element))
        assert service.answer()[0].status.codes == INVALID

    def test_to_encrypt_for_who_has_no_key_is_told(self, told, hub_believes):
        def without_key(entity):
            role = replace(entity.service_provider, encryption_certificates=())
            return replace(entity, service_provider=role)

        hub_believes("stad.test", without_key)
        assert told(messages.ENCRYPTED) == INVALID


class TestWhereNoneIsAskedFor:
    @pytest.mark.parametrize("asked", ["", messages.UNSPECIFIED])
    @pytest.mark.parametrize(
        ("listed", "given"),
        [
            ((), messages.PERSISTENT),
            ((messages.TRANSIENT, messages.PERSISTENT), messages.TRANSIENT),
            ((OF_BROWSERS, messages.TRANSIENT), messages.TRANSIENT),
            ((messages.EMAIL, messages.TRANSIENT), messages.TRANSIENT),
            ((messages.UNSPECIFIED,), messages.PERSISTENT),
        ],
        ids=["none", "the first", "one of ours", "one that she has", "any"],
    )
    def test_it_is_the_first_of_the_metadata_that_she_has(
        self, told, hub_believes, asked, listed, given
    ):
        def changed(entity):
            role = replace(entity.service_provider, name_id_formats=listed)
            return replace(entity, service_provider=role)

        hub_believes("stad.test", changed)
        assert told(asked).format == given

    @pytest.mark.parametrize(
        ("hub_options", "given"),
        [
            ({"name_id": "transient"}, messages.TRANSIENT),
            ({"name_id": "email", "default_attributes": "mail"}, messages.EMAIL),
            ({"name_id": "email"}, messages.PERSISTENT),
            (
                {"name_id": "unspecified", "name_id_attributes": "unspecified name"},
                messages.UNSPECIFIED,
            ),
            ({"name_id": "unspecified"}, messages.PERSISTENT),
        ],
        ids=["transient", "email", "email that it may not have", "an attribute",
             "an attribute that is not named"],
    )  # fmt: skip
    def test_nor_listed_it_is_as_the_option_says(self, told, hub_believes, given):
        def changed(entity):
            role = replace(entity.service_provider, name_id_formats=())
            return replace(entity, service_provider=role)

        hub_believes("stad.test", changed)
        assert told().format == given


@pytest.mark.parametrize(
    "value", ["persistent name", "email", "email mail\nemail other", "x mail"]
)
def test_options_that_name_no_attribute_are_refused(value):
    with pytest.raises(InvalidOptions, match="name_id_attributes"):
        make_hub({}, name_id_attributes=value)
