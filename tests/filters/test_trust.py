"""The filter that holds the federation and publishes our own metadata."""

import re
import sys
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from wsgiref.validate import validator

import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric import ec
from webtest import TestApp as Client

from eilogin import metrics
from eilogin.clock import now
from eilogin.config import read
from eilogin.errors import (
    BindingMissing,
    ConfigurationError,
    HubUnknown,
    InvalidOptions,
    MetadataLifetime,
    MetadataUntrusted,
)
from eilogin.federation.local.local_options import own_of
from eilogin.federation.local.profiles import DIGID_PROFILE
from eilogin.federation.members.trust_options import TrustOptions
from eilogin.filters.identity import make_identity
from eilogin.filters.trust import make_trust
from eilogin.saml import bindings, safe_xml, xml_signatures
from eilogin.saml.messages import write_instant
from eilogin.saml.metadata import read_unsigned, write_entity, write_federation
from eilogin.saml.signing_keys import new_key_pair
from eilogin.sessions import Login, Subject
from eilogin.web import environ as env

DAY = 86400.0
UWV, UWV_HOST = "https://uwv.test/eilogin/metadata", "uwv.test"


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
        self.filter = make_trust(make_identity(validator(witness), {}), {}, **options)
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


@pytest.fixture
def key_folder(tmp_path):
    """The options of a site with several keys, from when to when by name."""

    def make(turns):
        lines = []
        for name, said in turns.items():
            pair = new_key_pair(name, 400, begins=now() - DAY)
            for ending, octets in zip((".key", ".crt"), pair, strict=True):
                (tmp_path / f"{name}{ending}").write_bytes(octets)
            shown = [f"{k} = {write_instant(at)}" for k, at in said.items()]
            lines += [f"[{name}]", *shown]
        (tmp_path / "keys.ini").write_text("\n".join(lines))
        secrets = dict.fromkeys(("secret", "pseudonym_key"), "a secret of this site")
        return {"keys": str(tmp_path), **secrets}

    return make


def login_at(audience):
    who = Subject("https://inloggen.test/metadata", audience, "anna")
    return Login(who, "basis", 0.0, 7200.0, 0.0)


class TestOurOwnMetadata:
    def test_is_signed_and_as_the_schema_has_it(self, site, federation, witness):
        answer = site().get("/eilogin/metadata")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.content_type == "application/samlmetadata+xml"
        root = safe_xml.parse(answer.body)
        xml_signatures.check_structure(root)
        safe_xml.validate(root, "metadata")
        own = federation.trusts["uwv.test"].own
        assert xml_signatures.signed(root, [own.key.public]).get("entityID") == UWV
        assert witness.seen == []

    @pytest.mark.parametrize("method", ["POST", "PUT", "OPTIONS"])
    def test_is_read_and_no_more(self, call, method):
        answer = call(method, UWV)
        assert answer.status_int == 405
        assert answer.headers["Allow"] == "GET, HEAD"
        assert call("HEAD", UWV).status_int == 200

    def test_changes_by_date_and_is_signed_by_the_key_in_its_turn(
        self, site, said, key_folder
    ):
        midnight = now() + 10 * DAY
        turns = {"first": {"until": midnight + DAY}, "second": {"from": midnight}}
        del said["key"], said["certificate"]
        uwv = site(**key_folder(turns))
        own, seen = uwv.filter.trust.own, []
        for instant in (midnight - 1, midnight, midnight + DAY):
            with time_machine.travel(instant, tick=False):
                answer = uwv.get("/eilogin/metadata").body
                assert uwv.get("/eilogin/metadata").body == answer
                element = xml_signatures.signed(
                    safe_xml.parse(answer), [own.key.public]
                )
                role = read_unsigned(answer).entities[0].service_provider
                assert element is not None
                assert role.signing_certificates[0] == own.key.certificate_text
                seen.append(role.signing_certificates)
        first, second = seen[0]
        assert seen == [(first, second), (second, first), (second,)]

    def test_has_a_key_that_is_put_there_while_it_runs(
        self, site, said, key_folder, monkeypatch
    ):
        monkeypatch.setattr("eilogin.federation.local.key_folder.EVERY", 0.0)
        del said["key"], said["certificate"]
        uwv = site(**key_folder({"first": {}}))
        before = uwv.get("/eilogin/metadata").body
        key_folder({"second": {"from": now() + DAY}})
        role = read_unsigned(uwv.get("/eilogin/metadata").body).entities[0]
        first, second = role.service_provider.signing_certificates
        assert first != second
        assert first.encode() in before
        assert second.encode() not in before

    def test_is_what_the_operator_has_published(self, site, federation):
        root = safe_xml.parse(site().get("/eilogin/metadata").body)
        known = federation.trusts["inloggen.test"].participant(UWV)[1]
        found = [
            (element.get("Binding"), element.get("Location"))
            for element in root.iter(safe_xml.q("md:AssertionConsumerService"))
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
        app = make_trust(make_identity(validator(witness), {}), {}, **said)
        client = Client(validator(app))
        client.get("https://uwv.test/", status=500)
        assert witness.seen == []
        assert "'session' is missing" in caplog.text
        assert "session trust login logout identity" in caplog.text


class TestTheFederation:
    def test_names_the_hub_where_it_has_only_one(self, site):
        assert site().filter.trust.hub_ids == ("https://inloggen.test/metadata",)

    def test_has_the_hub_that_an_option_names(self, site, federation, said):
        own = federation.trusts["inloggen.test"].own
        members = [
            federation.trusts["uwv.test"].own.descriptor(),
            own.descriptor(),
            replace(own, entity_id="https://two.test/").descriptor(),
        ]
        file = federation.folder / "two-hubs.xml"
        octets = write_federation(members, name="", valid_until=4e9, key=federation.key)
        file.write_bytes(octets)
        said["federation"] = str(file)
        with pytest.raises(HubUnknown, match=r"two-hubs\.xml: .*'hub'.*'all'"):
            site()
        one, two = own.entity_id, "https://two.test/"
        assert site(hub=two).filter.trust.hub_ids == (two,)
        assert site(hub=f"{two} {one}").filter.trust.hub_ids == (two, one)
        assert site(hub="all").filter.trust.hub_ids == (one, two)

    def test_without_the_hub_that_an_option_names_stops_the_start(self, site):
        with pytest.raises(HubUnknown, match=r"federation\.xml: .*other\.test"):
            site(hub="https://other.test/metadata")

    def test_may_be_the_metadata_of_one_party_that_nobody_signed(
        self, site, federation, said, caplog
    ):
        hub = federation.trusts["inloggen.test"].own
        file = federation.folder / "hub.xml"
        file.write_bytes(write_entity(hub.descriptor()))
        del said["federation_certificate"]
        uwv = site(federation=str(file), federation_unsigned="true")
        assert uwv.filter.trust.hub_ids == (hub.entity_id,)
        assert (
            uwv.filter.trust.hub(hub.entity_id)
            .single_sign_ons[0]
            .location.endswith("/sso")
        )
        assert f"{file}: eilogin verifies no signature there, so anybody" in caplog.text
        assert "(metadata-unsigned)" in caplog.text

    def test_may_be_in_several_files(self, site, federation, said, caplog):
        paths = []
        for host in ("inloggen.test", "stad.test"):
            path = federation.folder / f"{host}.xml"
            own = federation.trusts[host].own
            path.write_bytes(write_entity(own.descriptor(), own.key))
            paths.append(str(path))
        del said["federation_certificate"]
        uwv = site(federation="\n".join(paths), federation_unsigned="true")
        told = (
            f"{paths[0]}, {paths[1]}: eilogin verifies no signature there, so anybody"
        )
        assert told in caplog.text
        known = uwv.filter.trust.federation.entities
        assert [e.entity_id.split("/")[2] for e in known] == [
            "inloggen.test",
            "stad.test",
        ]

    def test_may_have_a_certificate_for_each_file(self, site, federation, said):
        folder = federation.folder
        lines, owns = (
            [],
            [federation.trusts[h].own for h in ("inloggen.test", UWV_HOST)],
        )
        for own in owns:
            path = folder / f"of {own.public_url[8:]}.xml"
            path.write_bytes(write_entity(own.descriptor(), own.key))
            lines.append(f"{path} {folder / own.public_url[8:]}.crt")
        del said["federation_certificate"]
        uwv = site(federation="\n".join(lines))
        known = uwv.filter.trust.federation.entities
        assert [e.entity_id for e in known] == [own.entity_id for own in owns]
        swapped = "\n".join(
            [lines[0], lines[1].replace("uwv.test.crt", "stad.test.crt")]
        )
        with pytest.raises(MetadataUntrusted, match=r"of uwv\.test\.xml"):
            site(federation=swapped)

    def test_may_have_a_certificate_for_one_file_where_another_is_unsigned(
        self, site, federation, said, caplog
    ):
        folder, hub = federation.folder, federation.trusts["inloggen.test"].own
        (folder / "hub.xml").write_bytes(write_entity(hub.descriptor(), hub.key))
        other = replace(hub, entity_id="https://two.test/")
        (folder / "two.xml").write_bytes(write_entity(other.descriptor()))
        del said["federation_certificate"]
        signed = f"{folder}/hub.xml {folder}/inloggen.test.crt"
        uwv = site(
            federation=f"{signed}\n{folder}/two.xml",
            federation_unsigned="true",
            hub="all",
        )
        assert uwv.filter.trust.hub_ids == (hub.entity_id, other.entity_id)
        assert f": {folder}/two.xml: eilogin verifies no" in caplog.text
        caplog.clear()
        site(federation=signed, federation_unsigned="true")
        assert "verifies no signature" not in caplog.text

    @pytest.mark.parametrize("line", ["{0}/gone.xml", "{0}/uwv.test.crt {0}/gone.crt"])
    def test_is_in_files_that_are_there(self, site, federation, line):
        with pytest.raises(InvalidOptions, match=r"federation: .*an existing file"):
            site(federation=line.format(federation.folder))

    def test_lasts_no_longer_than_an_option_takes(self, site):
        # The operator's lasts 400 days.
        assert site(federation_validity="400d").filter.trust.hub_ids
        assert site(federation_validity="off").filter.trust.hub_ids
        with pytest.raises(MetadataLifetime, match=r"federation\.xml.*validUntil"):
            site(federation_validity="30d")
        told = r"(?s)1 fault in[^:]*:.*'30d', or 'off'"
        with pytest.raises(InvalidOptions, match=told):
            site(federation_validity="a month")

    def test_that_lacks_what_we_need_stops_the_start(self, site, federation, said):
        own = federation.trusts["inloggen.test"].own
        descriptor = own.descriptor()
        role = replace(descriptor.identity_provider, artifact_resolutions=())
        file = federation.folder / "hub.xml"
        file.write_bytes(
            write_entity(replace(descriptor, identity_provider=role), federation.key)
        )
        said["federation"] = str(file)
        with pytest.raises(BindingMissing, match="resolves no artifacts"):
            site()
        assert site(acs="post").filter.trust.own.acs == "post"

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
        with pytest.raises(ConfigurationError, match=r"no-hub\.xml: has no hub"):
            site(federation=str(file))

    def test_signed_by_another_stops_the_start(self, site, federation):
        stranger = str(federation.folder / "stad.test.crt")
        with pytest.raises(MetadataUntrusted, match=r"federation\.xml"):
            site(federation_certificate=stranger)

    def test_of_an_operator_whose_certificate_is_none_stops_the_start(self, site):
        with pytest.raises(ConfigurationError, match=r"test_trust\.py: .*PEM form"):
            site(federation_certificate=__file__)

    def test_is_told_to_the_audit_log(self, site, events):
        site()
        assert events("configuration.loaded")[-1]["peer"] == UWV


class TestTheLog:
    def test_warns_of_each_weak_algorithm_at_each_start(self, site, caplog):
        trust = site(accept_weak="cbc sha1-redirect").filter.trust
        assert trust.weak == {"cbc", "sha1-redirect"}
        warned = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
        assert [text.split(": ")[1:3] for text in warned] == [
            ["accept_weak", "eilogin accepts cbc"],
            ["accept_weak", "eilogin accepts sha1-redirect"],
        ]
        assert all(text.endswith("(weak-algorithm)") for text in warned)

    def test_warns_where_zope_is_loaded_and_paths_are_plain(
        self, said, witness, caplog, monkeypatch
    ):
        Site(witness, said)
        assert "Zope" not in caplog.text
        monkeypatch.setitem(sys.modules, "ZPublisher", object())
        Site(witness, {**said, "path_style": "zope"})
        assert "Zope" not in caplog.text
        Site(witness, said)
        assert caplog.text.count("expected path_style = zope") == 1

    def test_warns_where_answers_may_name_nobody(self, site, caplog):
        assert site(name_id_format="none").filter.trust.own.name_id_format == ""
        assert "single logout is impossible" in caplog.text
        assert "(logout-impossible)" in caplog.text

    def test_is_calm_where_nothing_is_odd(self, site, caplog):
        site()
        assert [r for r in caplog.records if r.levelname == "WARNING"] == []


class TestWhatOthersEncryptFor:
    def test_is_our_key_unless_there_are_others(self, site):
        own = site().filter.trust.own
        assert own.decryption_keys == (own.key,)


class TestAnEllipticKey:
    @pytest.fixture
    def elliptic(self, tmp_path):
        private = ec.generate_private_key(ec.SECP256R1())
        files = tmp_path / "elliptic.key", tmp_path / "elliptic.crt"
        for file, pem in zip(files, new_key_pair("uwv", private=private), strict=True):
            file.write_bytes(pem)
        return {"key": str(files[0]), "certificate": str(files[1])}

    def test_signs_and_does_not_encrypt(self, site, elliptic):
        uwv = site(**elliptic)
        root = safe_xml.parse(uwv.get("/eilogin/metadata").body)
        own = uwv.filter.trust.own
        assert xml_signatures.signed(root, [own.key.public]).get("entityID") == UWV
        assert own.decryption_keys == ()
        uses = [e.get("use") for e in root.iter(safe_xml.q("md:KeyDescriptor"))]
        assert uses == ["signing"]

    def test_may_stand_beside_one_that_encrypts(self, site, said, elliptic, tmp_path):
        (tmp_path / "keys").mkdir()
        for name, pair in (("ec", elliptic), ("rsa", said)):
            for option, ending in (("key", "key"), ("certificate", "crt")):
                copy = tmp_path / "keys" / f"{name}.{ending}"
                copy.write_bytes(Path(pair[option]).read_bytes())
        (tmp_path / "keys" / "keys.ini").write_text("[rsa]\nuse = encryption\n")
        del said["key"], said["certificate"]
        secrets = dict.fromkeys(("secret", "pseudonym_key"), "a secret of this site")
        trust = site(keys=str(tmp_path / "keys"), **secrets).filter.trust
        assert len(trust.decrypter.keys) == len(trust.own.decryption_keys) == 1
        assert trust.own.key.public != trust.own.decryption_keys[0].public
        assert len(trust.own.published_keys) == 1

    def test_is_unknown_to_digid(self, site, elliptic):
        with pytest.raises(InvalidOptions, match=r"key: found.*expected an RSA key"):
            site(profile="digid", **elliptic)


class TestProfileDigid:
    def test_asks_for_no_name_and_publishes_nothing_else(self, site):
        uwv = site(profile="digid", name="Het UWV", description="Uitkeringen")
        own = uwv.filter.trust.own
        assert own.profile is DIGID_PROFILE
        assert own.name_id_formats == ()
        body = uwv.get("/eilogin/metadata").text
        assert "Het UWV" not in body
        assert "encryption" not in body

    def test_may_say_that_it_asks_for_no_name(self, site):
        assert (
            site(profile="digid", name_id_format="none").filter.trust.own.profile
            is DIGID_PROFILE
        )

    @pytest.mark.parametrize(
        ("option", "text"),
        [
            ("acs", "post"),
            ("name_id_format", "persistent"),
            ("requested_attributes", "bsn"),
            ("entity_categories", "urn:x"),
            ("level_classes", "basis urn:x"),
        ],
    )
    def test_takes_no_option_that_contradicts_it(self, site, option, text):
        with pytest.raises(InvalidOptions, match=rf"{option}: .*DigiD"):
            site(profile="digid", **{option: text})


class TestOptions:
    def test_say_what_a_participant_is_and_asks_for(self, site):
        own = site(
            requested_attributes="naam\nbsn required",
            entity_categories="https://example.nl/category",
            name_id_format="email",
        ).filter.trust.own
        assert own.requested_attributes == ("naam", "bsn")
        assert own.required_attributes == {"bsn"}
        assert own.entity_categories == {"https://example.nl/category"}
        assert own.name_id_format.endswith("emailAddress")

    def test_say_where_a_visitor_chooses_and_what_a_level_is(self, site):
        trust = site(
            discovery="https://wayf.test/ds/?style=nl", level_classes="hoog urn:x:high"
        ).filter.trust
        assert trust.discovery == "https://wayf.test/ds/?style=nl"
        assert trust.classes.level_of("urn:x:high") == "hoog"
        assert trust.classes.class_of("basis") == ""

    @pytest.mark.parametrize(
        "address", ["http://wayf.test/", "https://wayf.test/?a#b", "wayf.test"]
    )
    def test_send_visitors_to_no_odd_address(self, site, address):
        with pytest.raises(InvalidOptions, match=r"discovery: .*address"):
            site(discovery=address)

    @pytest.mark.parametrize(
        "options", [{"name_id_format": "none"}, {"requested_attributes": "bsn"}]
    )
    def test_of_a_participant_are_not_for_the_hub(self, site, options):
        with pytest.raises(InvalidOptions, match="is only for participants"):
            site(role="hub", **options)

    def test_say_who_vouches_for_the_metadata(self, site, said):
        with pytest.raises(InvalidOptions, match="expected only one of them"):
            site(federation_unsigned="true")
        del said["federation_certificate"]
        told = r"federation_certificate: is required.*'federation_unsigned = true'"
        with pytest.raises(InvalidOptions, match=told):
            site()
        with pytest.raises(InvalidOptions, match="the path of a file, or several"):
            site(federation=" ")

    @pytest.mark.parametrize(
        ("role", "profile", "is_taken"),
        [
            ("hub", "digid", False),
            ("hub", "saml", True),
            ("participant", "digid", True),
        ],
    )
    def test_have_a_hub_as_digid_take_no_unsigned_metadata(
        self, said, role, profile, is_taken
    ):
        said |= {"role": role, "profile": profile, "federation_unsigned": "true"}
        del said["federation_certificate"]
        if role == "hub":
            said.pop("hub", None)
        if is_taken:
            assert read(TrustOptions, {}, said).profile == profile
        else:
            told = "expected 'false' on a hub with 'profile = digid'"
            with pytest.raises(InvalidOptions, match=told):
                read(TrustOptions, {}, said)

    def test_refuse_a_key_of_another_certificate(self, site, federation):
        other = str(federation.folder / "stad.test.key")
        with pytest.raises(InvalidOptions, match="key, certificate"):
            site(key=other)

    @pytest.mark.parametrize(
        ("option", "text"),
        [
            ("prefix", "/"),
            pytest.param("tls_client_key", __file__, id="tls_client_key alone"),
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


def test_pages_of_its_own_that_cannot_be_used_stop_the_start(site, tmp_path):
    (tmp_path / "cancelled.html").write_text("{% if %}")
    with pytest.raises(
        InvalidOptions, match=r"templates: found 'cancelled.html'; line"
    ):
        site(templates=str(tmp_path))


class TestNumbers:
    TOKEN = "a token of these tests"
    BRINGS = MappingProxyType({"Authorization": f"Bearer {TOKEN}"})

    @pytest.fixture
    def watched(self, site, monkeypatch):
        monkeypatch.setattr(metrics, "_meters", None)
        return site(metrics_token=self.TOKEN)

    def test_are_told_to_who_brings_the_token(self, watched, federation):
        answer = watched.get("/eilogin/metrics", **self.BRINGS)
        assert answer.content_type == "text/plain"
        assert answer.headers["Cache-Control"] == "no-store"
        hub = "https://inloggen.test/metadata"
        name = "eilogin_certificate_ends_timestamp_seconds"
        assert f'{name}{{certificate="signing",peer="{hub}"}} ' in answer.text
        assert f'{name}{{certificate="certificate",peer=""}} ' in answer.text
        assert "eilogin_logouts_undelivered" not in answer.text
        assert "eilogin_federation_" not in answer.text, "nothing is refreshed"

    def test_have_how_the_federation_is_where_it_is_refreshed(
        self, site, tmp_path, monkeypatch
    ):
        monkeypatch.setattr(metrics, "_meters", None)
        tmp_path.chmod(0o755)
        uwv = site(metrics_token=self.TOKEN, federation_folder=str(tmp_path))
        text = uwv.get("/eilogin/metrics", **self.BRINGS).text
        for line in ("members 4.0", "failures 0.0", "waits 0.0"):
            assert f"eilogin_federation_{line}\n" in text

    def test_have_what_happens_here(self, watched):
        watched.get("/eilogin/nothing", status=404)
        text = watched.get("/eilogin/metrics", **self.BRINGS).text
        assert 'refusals_total{event="address",reason="not-found"} 1.0' in text

    @pytest.mark.parametrize(
        "brought", [{}, {"Authorization": "Bearer another token of these tests"}]
    )
    def test_are_not_there_for_anybody_else(self, watched, brought):
        answer = watched.get("/eilogin/metrics", status=404, **brought)
        nothing = watched.get("/eilogin/nothing", status=404)
        assert "eilogin_" not in answer.text
        pattern = r"[2-9A-Z]{3}-[2-9A-Z]{3}|eilogin%2F(metrics|nothing)"
        texts = [re.sub(pattern, "", one.text) for one in (answer, nothing)]
        assert texts[0] == texts[1], "nobody learns that there is anything"

    def test_are_only_read(self, watched):
        url = "https://uwv.test/eilogin/metrics"
        answer = watched.client.post(url, status=405, headers={**self.BRINGS})
        assert answer.headers["Allow"] == "GET, HEAD"

    def test_that_nobody_asked_for_are_nowhere(self, site):
        site().get("/eilogin/metrics", status=404, Authorization="Bearer None")

    def test_need_the_library(self, site, monkeypatch):
        monkeypatch.setattr(metrics, "find_spec", lambda name: None)
        with pytest.raises(InvalidOptions, match=r"metrics_token: .* the package"):
            site(metrics_token=self.TOKEN)

    def test_of_a_hub_are_its_own(self, site):
        with pytest.raises(
            InvalidOptions, match=r"metrics_token: .* not allowed with 'role"
        ):
            site(role="hub", metrics_token=self.TOKEN)
