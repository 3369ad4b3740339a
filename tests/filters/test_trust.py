"""The filter that holds the federation and publishes our own metadata."""

import re
from wsgiref.validate import validator

import pytest
from webtest import TestApp as Client

from eilogin.errors import ConfigurationError, InvalidOptions
from eilogin.filters.trust import TrustOptions, make_trust, own_of
from eilogin.saml import bindings, signatures, xml
from eilogin.saml.metadata import write_federation
from eilogin.sessions import Login, Subject
from eilogin.settings import read
from eilogin.web import environ as env

UWV = "https://uwv.test/eilogin/metadata"


@pytest.fixture
def said(federation):
    """The options of a participant, as its sysadmin would write them."""
    folder = federation.folder
    return {
        "public_url": "https://uwv.test",
        "key": f"{folder}/uwv.test.key",
        "certificate": f"{folder}/uwv.test.crt",
        "federation": f"{folder}/federation.xml",
        "federation_certificate": f"{folder}/federation.crt",
    }


class Site:
    """An application behind the filter; ``login`` is whose session was found."""

    def __init__(self, witness, options):
        self.login = None
        self.filter = make_trust(validator(witness), {}, **options)
        self.client = Client(validator(self))

    def __call__(self, environ, start_response):
        environ[env.SESSION] = self.login
        return self.filter(environ, start_response)

    def get(self, path, status=200, **headers):
        headers = {name.replace("_", "-"): text for name, text in headers.items()}
        return self.client.get(
            f"https://uwv.test{path}", status=status, headers=headers
        )


@pytest.fixture
def site(said, witness):
    def make(**options):
        return Site(witness, {**said, **options})

    return make


def login_at(audience):
    who = Subject("https://inloggen.test/metadata", audience, "anna")
    return Login(who, "basis", 0.0, 7200.0, 0.0)


class TestOurOwnMetadata:
    def test_is_signed_and_as_the_schema_has_it(self, site, federation, witness):
        answer = site().get("/eilogin/metadata")
        assert answer.content_type == "application/samlmetadata+xml"
        root = xml.parse(answer.body)
        signatures.check_structure(root)
        xml.validate(root, "metadata")
        own = federation.trusts["uwv.test"].own
        assert signatures.signed(root, [own.key.public]).get("entityID") == UWV
        assert witness.seen == []

    def test_is_what_the_operator_has_published(self, site, federation):
        root = xml.parse(site().get("/eilogin/metadata").body)
        known = federation.trusts["inloggen.test"].participant(UWV)[1]
        found = [
            (element.get("Binding"), element.get("Location"))
            for element in root.iter(xml.q("md:AssertionConsumerService"))
        ]
        assert found == [(e.binding, e.location) for e in known.assertion_consumers]

    @pytest.mark.parametrize(
        ("options", "addresses"),
        [
            pytest.param(
                {"prefix": "/sso"}, ["https://uwv.test/sso/acs"] * 2, id="prefix"
            ),
            pytest.param(
                {"public_url": "https://uwv.test/dienst"},
                ["https://uwv.test/dienst/eilogin/acs"] * 2,
                id="below a path",
            ),
        ],
    )
    def test_names_addresses_by_the_public_url(self, said, options, addresses):
        own = own_of(read(TrustOptions, {}, {**said, **options}))
        consumers = own.descriptor().service_provider.assertion_consumers
        assert [endpoint.location for endpoint in consumers] == addresses

    def test_has_the_back_channel_where_an_option_says(self, said):
        back = {"back_channel_url": "https://back.uwv.test"}
        own = own_of(read(TrustOptions, {}, {**said, **back}))
        role = own.descriptor().service_provider
        assert role.single_logout(bindings.SOAP).location == (
            "https://back.uwv.test/eilogin/slo/soap"
        )
        assert role.single_logout(bindings.REDIRECT).location == (
            "https://uwv.test/eilogin/slo"
        )

    @pytest.mark.parametrize(
        ("options", "names", "descriptions"),
        [
            ({}, {"nl": "uwv.test", "en": "uwv.test"}, {}),
            ({"name": "UWV"}, {"nl": "UWV", "en": "UWV"}, {}),
            (
                {"name": "UWV", "name_en": "EIA", "description_en": "Work"},
                {"nl": "UWV", "en": "EIA"},
                {"en": "Work"},
            ),
        ],
        ids=["none", "Dutch", "both"],
    )
    def test_has_names_in_two_languages(self, said, options, names, descriptions):
        own = own_of(read(TrustOptions, {}, {**said, **options}))
        assert own.names == names
        assert own.descriptions == descriptions

    def test_is_written_once_whoever_asks(self, site):
        uwv = site()
        evil = uwv.client.get(
            "https://uwv.test/eilogin/metadata", headers={"Host": "evil.test"}
        )
        assert evil.body == uwv.get("/eilogin/metadata").body
        assert b"evil" not in evil.body


class TestAnAddress:
    @pytest.mark.parametrize(
        ("path", "address"),
        [
            ("/", None),
            ("/eilogin", None),
            ("/eiloginx/acs", None),
            ("/eilogin/acs", "acs"),
            ("/eilogin/login", "login"),
            ("/eilogin/logout", "logout"),
            ("/eilogin/slo", "slo"),
            ("/eilogin/slo/soap", "slo_soap"),
            ("/eilogin/session", "session"),
        ],
    )
    def test_is_told_to_the_filters_inside(self, site, witness, path, address):
        uwv = site()
        uwv.get(path)
        assert witness.environ[env.ADDRESS] == address
        assert witness.environ[env.TRUST] is uwv.filter.trust

    @pytest.mark.parametrize(
        "path", ["/eilogin/", "/eilogin/acs/", "/eilogin/sso", "/eilogin/slo/"]
    )
    def test_below_the_prefix_where_nothing_is_gets_a_page(
        self, site, witness, caplog, path
    ):
        answer = site().get(path, status=404)
        reference = re.search(r"[2-9A-Z]{3}-[2-9A-Z]{3}", answer.text)[0]
        assert any(m.startswith(reference) for m in caplog.messages)
        assert witness.seen == []

    def test_page_of_an_error_names_our_help_desk(self, site):
        answer = site(telephone="088 123 45 67").get("/eilogin/x", status=404)
        assert "088 123 45 67" in answer.text

    def test_below_the_prefix_where_nothing_is_gets_json_for_a_script(self, site):
        answer = site().get("/eilogin/x", status=404, Sec_Fetch_Mode="cors")
        assert answer.json["reason"] == "not-found"

    def test_of_a_hub_has_no_prefix(self, site, witness, federation):
        hub = {
            "role": "hub",
            "public_url": "https://inloggen.test",
            "key": f"{federation.folder}/inloggen.test.key",
            "certificate": f"{federation.folder}/inloggen.test.crt",
        }
        inloggen = site(**hub)
        inloggen.get("/sso")
        assert witness.environ[env.ADDRESS] == "sso"
        inloggen.get("/eilogin/acs", status=404)
        assert b"IDPSSODescriptor" in inloggen.get("/metadata").body

    def test_of_a_hub_has_the_prefix_that_it_is_given(self, site, witness):
        mounted = site(role="hub", prefix="/hub")
        mounted.get("/hub/sso")
        assert witness.environ[env.ADDRESS] == "sso"
        mounted.get("/sso")
        assert witness.environ[env.ADDRESS] is None


class TestASession:
    def test_that_was_made_here_passes(self, site, witness):
        uwv = site()
        uwv.login = login_at(UWV)
        uwv.get("/")
        assert witness.environ[env.SESSION] is uwv.login

    def test_of_another_participant_is_nobodys(self, site, witness):
        """Two sites that share a store, and a cookie's name, share no logins."""
        uwv = site()
        uwv.login = login_at("https://stad.test/eilogin/metadata")
        uwv.get("/")
        assert witness.environ[env.SESSION] is None

    def test_is_looked_for_by_the_filter_outside(self, said, witness, caplog):
        client = Client(validator(make_trust(validator(witness), {}, **said)))
        client.get("https://uwv.test/", status=500)
        assert witness.seen == []
        assert "'session' is missing" in caplog.text
        assert "session trust login logout identity" in caplog.text


class TestTheFederation:
    def test_names_the_hub_where_it_has_only_one(self, site):
        assert site().filter.trust.hub_ids == ("https://inloggen.test/metadata",)

    def test_has_the_hub_that_an_option_names(self, site):
        other = "https://other.test/metadata"
        assert site(hub=other).filter.trust.hub_ids == (other,)

    def test_without_a_hub_stops_the_start(self, site, federation):
        members = federation.trusts["uwv.test"].federation.entities
        octets = write_federation(
            [entity for entity in members if entity.service_provider],
            name="No hub",
            valid_until=4e9,
            key=federation.key,
        )
        file = federation.folder / "no-hub.xml"
        file.write_bytes(octets)
        with pytest.raises(ConfigurationError, match=r"no-hub\.xml.*'hub'"):
            site(federation=str(file))

    def test_signed_by_another_stops_the_start(self, site, federation):
        stranger = str(federation.folder / "stad.test.crt")
        with pytest.raises(ConfigurationError, match=r"federation\.xml"):
            site(federation_certificate=stranger)

    def test_is_told_to_the_audit_log(self, site, events):
        site()
        assert events("configuration.loaded")[-1]["peer"] == UWV


class TestOptions:
    def test_refuse_a_key_of_another_certificate(self, site, federation):
        other = str(federation.folder / "stad.test.key")
        with pytest.raises(InvalidOptions, match="key, certificate"):
            site(key=other)

    @pytest.mark.parametrize(
        ("option", "text"),
        [
            ("prefix", "/"),
            ("tls_client_key", __file__),
            ("role", "portal"),
            ("public_url", "uwv"),
            ("acs", "soap"),
            ("pubic_url", ""),
        ],
    )
    def test_that_cannot_be_used_are_refused(self, site, option, text):
        with pytest.raises(InvalidOptions, match=option):
            site(**{option: text})


@pytest.mark.parametrize(
    ("options", "address"),
    [
        ({}, "https://uwv.test/app/"),
        ({"link": "/app/mijn"}, "https://uwv.test/app/mijn"),
    ],
    ids=["the first page", "a page of its own"],
)
def test_the_portal_is_told_where_to_lead(said, options, address):
    said |= {"public_url": "https://uwv.test/app", **options}
    assert (
        own_of(read(TrustOptions, {}, said)).descriptor().information_url("nl")
        == address
    )
