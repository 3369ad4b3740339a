"""What options want of peers whose metadata does not have it: told by ``check``."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from eilogin import clock
from eilogin.cli.checks.configuration_check import check
from eilogin.cli.inifiles.ini_members import own_of_part, parts_of
from eilogin.cli.inifiles.ini_sections import IniFile
from eilogin.saml import bindings
from eilogin.saml.metadata import Contact, Endpoint, write_entity, write_federation
from eilogin.saml.safe_xml import XENC
from eilogin.saml.signing_keys import SigningKey, new_key_pair
from eilogin.saml.xml_encryption import EncryptionMethod

AT_HUB, HERE = "https://hub.test/x", "https://uwv.test/x"
CONTACT = Contact("technical", "Beheer", "beheer@peer.test")
CBC = (EncryptionMethod(f"{XENC}aes256-cbc"),)
UWV = "http://uwv.localhost:6543/eilogin/metadata"
HUB = "http://inloggen.localhost:6543/metadata"
PAOS = "urn:oasis:names:tc:SAML:2.0:bindings:PAOS"


def at(address, *names):
    return tuple(Endpoint(name, address) for name in names)


def consumers(*names):
    return tuple(Endpoint(name, HERE, index=n) for n, name in enumerate(names))


def descriptor(site, title):
    """The metadata of a section, with somebody to ask."""
    ini = IniFile.read(site.file)
    (part,) = [part for part in parts_of(ini) if part.title == title]
    return replace(own_of_part(ini, part).descriptor(), contacts=(CONTACT,))


@pytest.fixture
def notes(site, run):
    """All notes with one code; there is no fault."""

    def read(code):
        result = run("check", site.file)
        assert result.exit_code == 0, result.output
        lines = result.stdout.splitlines()
        return [line for line in lines if line.endswith(f"({code})")]

    return read


class TestAParticipant:
    @pytest.fixture
    def hub_has(self, site):
        """Write the hub's metadata, with changes to its role, and trust that."""

        def write(section="filter:uwv-eilogin", **changes):
            hub = descriptor(site, "filter:hub-trust")
            role = replace(hub.identity_provider, **changes)
            file = site.var / "hub.xml"
            file.write_bytes(write_entity(replace(hub, identity_provider=role)))
            site.set(
                section,
                federation="%(here)s/var/hub.xml",
                federation_certificate=None,
                federation_unsigned="true",
            )

        return write

    @pytest.mark.parametrize(
        ("word", "has", "short"),
        [
            ("post", bindings.REDIRECT, ("HTTP-POST", "HTTP-Redirect")),
            ("redirect", bindings.POST, ("HTTP-Redirect", "HTTP-POST")),
        ],
    )
    def test_that_could_ask_nobody_so_is_a_fault(self, site, hub_has, word, has, short):
        hub_has(single_sign_ons=at(AT_HUB, has))
        assert site.faults() == []
        site.set("filter:uwv-eilogin", request_binding=word)
        told = site.fault()
        assert (told.section, told.option) == ("filter:uwv-eilogin", "request_binding")
        assert told.expected == (
            f"the hub '{HUB}' accepts no AuthnRequest by {short[0]} (Single"
            f"SignOnService: {short[1]}), so nobody could log in; write"
            " 'request_binding = auto', or ask Beheer beheer@peer.test for metadata"
            " with one (binding-missing)"
        )

    def test_is_told_in_the_section_that_says_it(self, site, hub_has):
        hub_has("filter:g-trust", single_sign_ons=at(AT_HUB, bindings.REDIRECT))
        site.set("filter:g-login", request_binding="post")
        assert site.fault().section == "filter:g-login"

    def test_that_can_be_asked_so_is_fine(self, site, hub_has, notes):
        hub_has()
        site.set(
            "filter:uwv-eilogin",
            request_binding="post",
            logout_binding="soap post",
            encrypt_name_id="true",
        )
        for code in ("binding-missing", "algorithm-missing", "encryption-key-missing"):
            assert notes(code) == []

    def test_is_told_that_its_logout_does_not_arrive(self, site, hub_has, notes):
        hub_has(single_logouts=at(AT_HUB, bindings.REDIRECT))
        site.set("filter:uwv-eilogin", logout_binding="soap post")
        (note,) = notes("binding-missing")
        assert note == (
            f"note: [filter:uwv-eilogin] logout_binding: the hub '{HUB}' accepts no"
            " logout by SOAP or HTTP-POST (SingleLogoutService: HTTP-Redirect). A"
            " visitor who logs out here stays signed in there; write 'logout_binding ="
            " auto', or ask Beheer beheer@peer.test for metadata with one"
            " (binding-missing)"
        )

    def test_is_told_once_of_a_hub_without_any_logout(self, site, hub_has, notes):
        hub_has(single_logouts=())
        site.set("filter:uwv-eilogin", logout_binding="soap")
        assert notes("binding-missing") == []
        assert len(notes("logout-impossible")) == 1

    def test_is_told_that_its_hub_cannot_read_what_is_encrypted(
        self, site, hub_has, notes
    ):
        hub_has(encryption_methods=CBC)
        assert notes("algorithm-missing") == []
        site.set("filter:uwv-eilogin", encrypt_name_id="true")
        (note,) = notes("algorithm-missing")
        assert "[filter:uwv-eilogin] encrypt_name_id: the hub 'http://inl" in note
        assert "cannot receive a LogoutRequest" in note
        assert (
            "lists the encryption algorithms aes256-cbc; expected one of aes256-gcm"
        ) in note

    def test_is_told_that_there_is_no_key_to_encrypt_with(self, site, hub_has, notes):
        hub_has(encryption_certificates=())
        site.set("filter:uwv-eilogin", encrypt_name_id="true")
        (note,) = notes("encryption-key-missing")
        assert "so a LogoutRequest names the visitor unencrypted; ask Beheer" in note

    def test_that_nobody_can_encrypt_for_must_not_require_it(self, site, hub_has):
        hub_has()
        site.set("filter:uwv-eilogin", require_encryption="name-id")
        assert site.faults() == []
        pair = new_key_pair("uwv", private=ec.generate_private_key(ec.SECP256R1()))
        key, certificate = pair
        (site.var / "ec.key").write_bytes(key)
        (site.var / "ec.key").chmod(0o600)
        (site.var / "ec.crt").write_bytes(certificate)
        site.set(
            "filter:uwv-eilogin",
            key="%(here)s/var/ec.key",
            certificate="%(here)s/var/ec.crt",
        )
        told = site.fault()
        assert (told.section, told.option) == (
            "filter:uwv-eilogin",
            "require_encryption",
        )
        assert "has no key to encrypt for, so nobody could log in" in told.expected

    def test_is_told_nothing_of_who_is_no_hub_of_its(self, site, hub_has):
        hub_has(artifact_resolutions=(), single_sign_ons=at(AT_HUB, bindings.REDIRECT))
        site.set("filter:uwv-eilogin", request_binding="post")
        # That is the one fault: this hub cannot be used at all.
        assert site.fault().option == "hub"


class TestAHub:
    @pytest.fixture
    def members_have(self, site):
        """Have the hub trust so many participants with changes to their role."""

        def write(count=1, **changes):
            hub = descriptor(site, "filter:hub-trust")
            uwv = descriptor(site, "filter:uwv-eilogin")
            role = replace(uwv.service_provider, **changes)
            members = [
                replace(uwv, entity_id=f"{UWV}{n or ''}", service_provider=role)
                for n in range(count)
            ]
            key, certificate = new_key_pair("operator")
            (site.var / "operator.crt").write_bytes(certificate)
            (site.var / "members.xml").write_bytes(
                write_federation(
                    [hub, *members],
                    name="Federatie",
                    valid_until=clock.now() + 86400,
                    key=SigningKey.load(key, certificate),
                )
            )
            site.set(
                "filter:hub-trust",
                federation="%(here)s/var/members.xml",
                federation_certificate="%(here)s/var/operator.crt",
            )

        return write

    def test_is_told_whom_it_cannot_answer(self, members_have, notes):
        members_have(assertion_consumers=consumers(PAOS))
        (note,) = notes("binding-missing")
        assert note == (
            f"note: [filter:hub-trust] federation: '{UWV}' accepts no Response by"
            " HTTP-Artifact or HTTP-POST (AssertionConsumerService: PAOS), so nobody"
            " can log in there; ask Beheer beheer@peer.test for metadata with one"
            " (binding-missing)"
        )

    def test_that_plays_digid_answers_by_artifact_alone(
        self, site, members_have, notes
    ):
        members_have(assertion_consumers=consumers(bindings.POST))
        assert notes("binding-missing") == []
        site.set("filter:hub-trust", profile="digid")
        site.set("app:hub", encrypt="required")
        (note,) = notes("binding-missing")
        assert "accepts no Response by HTTP-Artifact (Assertion" in note
        assert notes("encryption-key-missing") == []

    def test_is_told_whom_a_logout_does_not_reach(self, site, members_have, notes):
        members_have(single_logouts=())
        (note,) = notes("logout-impossible")
        assert (
            f"federation: '{UWV}' accepts no logout (SingleLogoutService: none)" in note
        )
        # Which is said of that option already.
        site.set("app:hub", nameless=UWV)
        (note,) = notes("logout-impossible")
        assert "[app:hub] nameless: " in note

    def test_is_told_whom_it_is_not_to_tell_in_another_way(
        self, site, members_have, notes
    ):
        members_have(single_logouts=at(HERE, bindings.REDIRECT))
        site.set("app:hub", logout_binding="* browser")
        assert notes("binding-missing") == []
        site.set("app:hub", logout_binding="* soap")
        (note,) = notes("binding-missing")
        assert f"[app:hub] logout_binding: '{UWV}' accepts no logout by SOAP (" in note
        assert "ask Beheer beheer@peer.test for metadata with one" in note

    def test_that_plays_digid_tells_nobody_in_a_browser(
        self, site, members_have, notes
    ):
        members_have(
            single_logouts=at(HERE, bindings.REDIRECT),
            assertion_consumers=consumers(bindings.ARTIFACT),
        )
        assert notes("binding-missing") == []
        site.set("filter:hub-trust", profile="digid")
        (note,) = notes("binding-missing")
        assert (
            f"[filter:hub-trust] federation: '{UWV}' accepts no logout by SOAP ("
            in (note)
        )

    def test_is_told_of_no_more_than_twenty(self, members_have, notes):
        members_have(23, single_logouts=())
        found = notes("logout-impossible")
        assert len(found) == 21
        assert found[-1].endswith("federation: and 3 more (logout-impossible)")

    def test_is_told_who_has_no_key_to_encrypt_with(self, site, members_have, notes):
        members_have(encryption_certificates=())
        site.set("app:hub", encrypt="when-possible")
        assert notes("encryption-key-missing") == []
        site.set("app:hub", encrypt="required")
        (note,) = notes("encryption-key-missing")
        assert f"[app:hub] encrypt: '{UWV}' has no key for encryption" in note
        assert notes("algorithm-missing") == []

    @pytest.mark.parametrize(
        ("said", "told"),
        [
            (
                {"encrypt": "when-possible"},
                f"encrypt: '{UWV}' cannot get an encrypted assertion: the meta",
            ),
            (
                {"encrypt": "required"},
                f"encrypt: '{UWV}' cannot get an encrypted assertion: the meta",
            ),
            (
                {"encrypt_name_id": "true"},
                (
                    f"encrypt_name_id: '{UWV}' cannot receive a LogoutRequest: the"
                    " metadata of the peer"
                ),
            ),
        ],
    )
    def test_is_told_who_cannot_read_what_is_encrypted(
        self, site, members_have, notes, said, told
    ):
        members_have(encryption_methods=CBC)
        assert notes("algorithm-missing") == []
        site.set("app:hub", **said)
        (note,) = notes("algorithm-missing")
        assert f"[app:hub] {told}" in note

    def test_that_passes_logins_on_is_told_of_whom_it_serves(self, site, members_have):
        members_have(2, single_logouts=())
        site.set("app:hub", sign_in="above", passed_on_to=f"{UWV}1")
        # It has nobody above here: that is a fault, and notes are there all the same.
        found = check(IniFile.read(site.file, {})).remarks
        (note,) = [one for one in found if "accepts no logout" in one.text]
        assert f"'{UWV}1' accepts" in note.text


def test_a_sound_federation_lacks_nothing(notes):
    for code in ("binding-missing", "algorithm-missing", "logout-impossible"):
        assert notes(code) == []
