"""``eilogin federation``: what an operator does, and what is refused."""

# ruff: noqa: PLR0913, PLR0917 - fixtures are arguments

import errno
import shlex
import signal
import stat
import subprocess
import sys
from dataclasses import replace
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric import ec
from key_pairs import key_pair
from sloppy import rich, with_slip

from eilogin import clock as the_clock
from eilogin.cli import main
from eilogin.config import read
from eilogin.federation.local.local_options import OwnOptions, own_of
from eilogin.federation.members.trust_options import TrustOptions
from eilogin.federation.trust_start import trust_of
from eilogin.registry import MemberRule
from eilogin.registry.registry_folder import FederationOptions
from eilogin.saml import bindings
from eilogin.saml.messages import (
    AuthnRequest,
    new_id,
    write_authn_request,
    write_instant,
)
from eilogin.saml.metadata import (
    NO_SSO,
    AttributeService,
    Contact,
    Endpoint,
    read_federation,
    sign_federation,
    write_entity,
)
from eilogin.saml.safe_xml import METADATA, parse, repeated_ids, serialize
from eilogin.saml.signing_keys import SigningKey, fingerprints, new_key_pair
from eilogin.saml.xml_encryption import EncryptionMethod
from eilogin.saml.xml_signatures import sign

HUB, SITE = "https://hub.test/metadata", "https://site.test/eilogin/metadata"
OTHER = "https://other.test/eilogin/metadata"

pytestmark = pytest.mark.usefixtures("clock")


@cache
def key_of(name):
    return SigningKey.load(*key_pair(name))


@pytest.fixture
def entity(tmp_path):
    """The EntityDescriptor of a member by the name of its host."""

    def make(name, role="participant", **changes):
        for kind, octets in zip(("key", "crt"), key_pair(name), strict=True):
            (tmp_path / f"{name}.{kind}").write_bytes(octets)
        said = {
            "role": role,
            "public_url": f"https://{name}.test",
            "name": f"De {name}",
            "email": f"help@{name}.test",
            "key": str(tmp_path / f"{name}.key"),
            "certificate": str(tmp_path / f"{name}.crt"),
        }
        return replace(own_of(read(OwnOptions, {}, said)).descriptor(), **changes)

    return make


@pytest.fixture
def write(tmp_path):
    """A file with metadata, signed by the key of this name, or not at all."""

    def put(descriptor, key=None, change=lambda octets: octets):
        path = tmp_path / "came.xml"
        path.write_bytes(change(write_entity(descriptor, key and key_of(key))))
        return path

    return put


@pytest.fixture
def run(tmp_path):
    def call(command, *arguments, code=0, **kwargs):
        words = ["federation", command, str(tmp_path / "fed"), *map(str, arguments)]
        result = CliRunner().invoke(main, words, **kwargs)
        assert result.exit_code == code, result.output
        return result.output

    return call


@pytest.fixture
def new(run, tmp_path):
    """The folder of a new federation, whose key need not be made each time."""
    for kind, octets in zip(("key", "crt"), key_pair("operator"), strict=True):
        (tmp_path / f"operator.{kind}").write_bytes(octets)
    files = [tmp_path / f"operator.{kind}" for kind in ("key", "crt")]
    run("init", "--name", "Proef", "--key", files[0], "--certificate", files[1])
    return tmp_path / "fed"


@pytest.fixture
def three(new, run, entity, write):
    """A federation of a hub and two participants."""
    run("add", write(entity("hub", "hub"), "hub"), "--yes")
    run("add", write(entity("site"), "site"), "--yes")
    run("add", write(entity("other"), "other"), "--yes")
    return new


def signed(folder):
    octets = (folder / "metadata.xml").read_bytes()
    return read_federation(octets, [key_of("operator").public])


def member_of(folder, entity_id):
    return next(e for e in signed(folder).entities if e.entity_id == entity_id)


def contents(folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


class TestInit:
    def test_makes_a_folder_with_a_key_that_git_does_not_see(self, run, tmp_path):
        told = run("init", "--name", "Proef", "--days", "7")
        folder = tmp_path / "fed"
        assert "operator.crt: its certificate. Give it to each member" in told
        assert stat.S_IMODE((folder / "operator.key").stat().st_mode) == 0o600
        assert "*.key" in (folder / ".gitignore").read_text()
        assert "validity = 7d" in (folder / "federation.ini").read_text()

    def test_never_writes_over_a_federation(self, three, run):
        before = contents(three)
        told = run("init", "--name", "Nieuw", code=1)
        assert (
            "federation.ini: exists already; this command does not overwrite it"
        ) in told
        assert contents(three) == before

    def test_never_writes_over_a_key(self, run, tmp_path):
        run("init", "--name", "Proef")
        key = (tmp_path / "fed/operator.key").read_bytes()
        (tmp_path / "fed/federation.ini").unlink()
        run("init", "--name", "Proef")
        assert (tmp_path / "fed/operator.key").read_bytes() == key

    def test_writes_down_no_pin(self, run, tmp_path):
        (tmp_path / "operator.crt").write_bytes(key_pair("operator")[1])
        words = ("--key", "pkcs11:token=x", "--certificate", "../operator.crt")
        told = run("init", "--name", "Proef", *words, "--pin", "271828", code=1)
        assert "pin: found ***; expected env:NAME, file:PATH or credential" in told
        assert "271828" not in told
        assert not (tmp_path / "fed/federation.ini").exists()

    @pytest.mark.parametrize("option", ["--name", "--publisher"])
    @pytest.mark.parametrize("text", ["", "een\nsigned = /elsewhere"])
    def test_a_name_is_one_line(self, run, tmp_path, option, text):
        told = run("init", "--name", "Proef", option, text, code=2)
        assert "expected one line of text" in told
        assert not (tmp_path / "fed").exists()

    def test_shows_no_key_that_stands_in_the_place_of_its_file(self, run, tmp_path):
        words = ("--key", key_pair("operator")[0].decode(), "--certificate", "x.crt")
        told = run("init", "--name", "Proef", *words, code=2)
        assert "'--key': expected one line of text" in told
        assert "PRIVATE" not in told

    def test_a_pin_may_be_a_credential(self, run, keys, monkeypatch, tmp_path):
        Path("pin").write_text("1234")
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(Path.cwd()))
        run("init", "--name", "Proef", *keys, "--pin", "credential:pin")
        said = (tmp_path / "fed/federation.ini").read_text()
        assert "pin = credential:pin\n" in said

    def test_a_key_needs_its_certificate(self, run):
        told = run("init", "--name", "Proef", "--key", "env:KEY", code=2)
        assert "--key, --certificate: expected both, or none" in told

    @pytest.fixture
    def keys(self, tmp_path, monkeypatch):
        """A key and its certificate in the working folder, and one of another."""
        folder = tmp_path / "desk"
        folder.mkdir()
        monkeypatch.chdir(folder)
        for name in ("operator", "other"):
            for kind, octets in zip(("key", "crt"), key_pair(name), strict=True):
                (folder / f"{name}.{kind}").write_bytes(octets)
        return ["--key", "operator.key", "--certificate", "operator.crt"]

    def test_says_by_what_members_know_its_certificate(self, run, keys):
        told = run("init", "--name", "Proef", *keys)
        assert fingerprints(key_of("operator").certificate_text) in told

    def test_a_path_is_seen_from_where_it_is_typed(self, run, keys, tmp_path):
        Path("pin").write_text("1234")
        run("init", "--name", "Proef", *keys, "--pin", "file:pin")
        said = (tmp_path / "fed/federation.ini").read_text()
        assert "key = ../desk/operator.key\n" in said
        assert "pin = file:../desk/pin\n" in said

    def test_a_key_elsewhere_need_not_be_there_yet(self, run, keys, tmp_path):
        run("init", "--name", "Proef", "--key", "env:KEY", *keys[2:])
        assert "key = env:KEY\n" in (tmp_path / "fed/federation.ini").read_text()

    @pytest.mark.parametrize(
        ("files", "says"),
        [
            (("gone.key", "operator.crt"), "gone.key: No such file"),
            (("operator.key", "gone.crt"), "certificate: found"),
            (("other.key", "operator.crt"), "belong"),
            (("operator.key", "operator.key"), "not a certificate in PEM form"),
        ],
    )
    def test_that_fails_leaves_nothing_and_can_be_repeated(
        self, run, keys, tmp_path, files, says
    ):
        words = ["--key", files[0], "--certificate", files[1]]
        assert says in run("init", "--name", "Proef", *words, code=1)
        assert not (tmp_path / "fed").exists()
        run("init", "--name", "Proef", *keys)

    def test_that_was_killed_between_two_files_can_be_repeated(self, run, tmp_path):
        (tmp_path / "fed").mkdir()
        (tmp_path / "fed/operator.crt").write_bytes(b"of a key that nobody has")
        run("init", "--name", "Proef")

    def test_that_fails_leaves_what_was_there(self, run, tmp_path):
        (tmp_path / "fed").mkdir()
        (tmp_path / "fed/rules.ini").write_text("")
        run("init", "--name", "Proef", "--days", "0", code=1)
        assert contents(tmp_path / "fed") == {"rules.ini": b""}
        assert not (tmp_path / "fed/members").exists()


class TestAdd:
    def test_shows_what_a_member_asks_and_keeps_it(self, new, run, entity, write):
        told = run("add", write(entity("site"), "site"), input="y\n")
        for line in (
            f"entityID      {SITE}",
            "name          De site (nl)",
            "contact       support: help@site.test",
            "  answers     https://site.test/eilogin/acs  (HTTP-Artifact)",
            "its certificate is valid from 2020-01-01 to 21",
            "proof         it has signed its metadata with its key SHA-1",
            "Add this member?",
        ):
            assert line in told
        kept = (new / "members/site.test-eilogin-metadata.xml").read_text()
        assert kept.startswith("<!-- added 2026-11-24T09:00:00Z by ")
        assert "Signature>" not in kept
        assert " ID=" not in kept

    def test_a_hub_is_told_to_be_one(self, new, run, entity, write):
        told = run("add", write(entity("hub", "hub"), "hub"), "--yes")
        assert "AS A HUB" in told

    def test_keeps_nothing_where_nobody_says_yes(self, new, run, entity, write):
        run("add", write(entity("site"), "site"), input="n\n", code=1)
        assert run("list").startswith("0 members")

    def test_the_same_metadata_gives_the_same_file(self, new, run, entity, write):
        run("add", write(entity("site"), "site"), "--yes")
        before = contents(new)
        told = run("add", write(entity("site"), "site"), "--yes")
        assert "it is a member already" in told
        assert contents(new) == before

    def test_add_notes_missing_logout_endpoint_and_missing_contact(
        self, new, run, entity, write
    ):
        descriptor = entity("site", contacts=())
        role = descriptor.service_provider
        elsewhere = Endpoint(bindings.POST, "https://elsewhere.test/acs", index=1)
        role = replace(role, single_logouts=(), assertion_consumers=(elsewhere,))
        told = run(
            "add", write(replace(descriptor, service_provider=role), "site"), "--yes"
        )
        assert "a logout elsewhere does not reach it" in told
        assert "it has no contact" in told

    def test_no_words_of_a_member_lie_about_the_screen(self, new, run, entity, write):
        names = {"nl": "De\u2028site\x9b2J\u202egoed"}
        contacts = (Contact("support", company="x\x85y"),)
        descriptor = entity("site", names=names, contacts=contacts)
        told = run("add", write(descriptor, "site"), "--yes")
        names = {"nl": "Nog\x9b2J een\u202e"}
        told += run("add", write(replace(descriptor, names=names), "site"), "--yes")
        assert "Nog\\x9b2J een\\u202e<" in told
        told += run("list") + run("remove", SITE, "--yes")
        assert all(one.isprintable() or one in "\n\t" for one in told)

    @pytest.mark.parametrize(
        ("was", "becomes", "code"),
        [
            (b'use="signing"', 'use="sign\u202e&#10;Error: ing"', 1),
            (b"bindings:SOAP", "bindings:SO\u202eAP", 0),
        ],
    )
    def test_nor_does_what_is_quoted_of_its_metadata(
        self, new, run, entity, write, was, becomes, code
    ):
        path = write(entity("site"), None, lambda o: o.replace(was, becomes.encode()))
        told = run("add", path, "--without-proof", "x\udcff", "--yes", code=code)
        assert "\\u202e" in told
        assert "\nError" not in told
        assert all(one.isprintable() or one == "\n" for one in told)

    def test_nothing_that_it_asks_is_hidden_behind_much(self, new, run, entity, write):
        descriptor = entity("site")
        wanted = AttributeService((*(f"urn:a:{n}" for n in range(50)), "bsn"))
        consumers = [
            Endpoint(bindings.POST, f"https://site.test/acs{n}", index=n)
            for n in range(50)
        ]
        consumers.append(Endpoint(bindings.POST, "https://evil.test/acs", index=50))
        role = replace(
            descriptor.service_provider,
            attribute_services=(wanted,),
            assertion_consumers=tuple(consumers),
        )
        path = write(replace(descriptor, service_provider=role), "site")
        told = run("add", path, "--yes")
        assert "  attribute   bsn\n" in told
        assert "  answers     https://evil.test/acs  " in told

    @pytest.mark.parametrize(
        ("changes", "says"),
        [
            (
                {"entity_id": "https://SITE.test/eilogin/metadata/"},
                "its entityID looks like that of",
            ),
            ({"names": {"en": "DE  \uff33ite"}}, "it has the same name as"),
        ],
    )
    def test_add_notes_entity_id_or_name_similar_to_another_member(
        self, three, run, entity, write, changes, says
    ):
        told = run("add", write(entity("four", **changes), "four"), "--yes")
        assert f"note          {says} {SITE}\n" in told
        assert OTHER not in told

    def test_add_notes_host_or_key_of_another_member(self, three, run, entity, write):
        descriptor, of_site = entity("four"), key_of("site").certificate_text
        role = descriptor.service_provider
        there = Endpoint(bindings.SOAP, "https://other.test/eilogin/slo/soap")
        role = replace(
            role,
            single_logouts=(there,),
            signing_certificates=(*role.signing_certificates, of_site),
        )
        path = write(replace(descriptor, service_provider=role), "four")
        told = run("add", path, "--yes")
        assert f"note          it has addresses at a host of {OTHER}\n" in told
        assert f"note          it signs with a key of {SITE}\n" in told


class TestProof:
    def test_metadata_of_another_is_refused(self, new, run, entity, write):
        told = run("add", write(entity("site"), "attacker"), "--yes", code=1)
        assert (
            f"no proof that '{SITE}' sent this: the signature matches no key of the"
            " expected signer" in told
        )
        assert not list((new / "members").iterdir())

    def test_unsigned_metadata_is_refused(self, new, run, entity, write):
        told = run("add", write(entity("site")), "--yes", code=1)
        assert "expected a signature by a key of its metadata" in told

    def test_changed_after_it_was_signed_is_refused(self, new, run, entity, write):
        path = write(entity("site"), "site", lambda o: o.replace(b"/acs", b"/evil"))
        told = run("add", path, "--yes", code=1)
        assert "changed after it was signed" in told

    def test_without_proof_says_why_for_ever(self, new, run, entity, write):
        why = "seen -- with my own eyes"
        told = run("add", write(entity("site")), "--without-proof", why, "--yes")
        assert "proof         without proof: seen" in told
        kept = (new / "members/site.test-eilogin-metadata.xml").read_text()
        assert "without proof: seen - - with my own eyes -->" in kept

    @pytest.fixture
    def asks(self, tmp_path):
        """A file with a login request."""

        def put(key="site", *, by_address=False, **changes):
            fields = {
                "id": new_id(),
                "issued": the_clock.now(),
                "issuer": SITE,
                "provider_name": "kameel",
                **changes,
            }
            element = write_authn_request(AuthnRequest(**fields))
            path = tmp_path / "proof"
            if by_address:
                url = bindings.redirect_url(
                    "https://hub.test/sso",
                    "SAMLRequest",
                    serialize(element),
                    "",
                    key_of(key),
                )
                path.write_text(url + "\n")
            else:
                sign(element, key_of(key))
                path.write_bytes(serialize(element) + b"\n")
            return path

        return put

    @pytest.mark.parametrize("by_address", [False, True])
    def test_a_login_request_is_proof(self, new, run, entity, write, asks, by_address):
        proof = asks(by_address=by_address)
        word = ("--challenge", "kameel")
        told = run("add", write(entity("site")), "--proof", proof, *word, "--yes")
        assert "it has signed an AuthnRequest with its key SHA-1" in told
        assert SITE in run("list")

    @pytest.mark.parametrize(
        "words", [("--challenge", "kameel"), ("--proof", "x", "--without-proof", "y")]
    )
    def test_a_word_that_nobody_looks_for_is_told(
        self, new, run, entity, write, tmp_path, monkeypatch, words
    ):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "x").write_text("")
        told = run("add", write(entity("site"), "site"), *words, "--yes", code=2)
        assert "proof" in told

    def test_that_a_request_may_be_borrowed_is_told(
        self, new, run, entity, write, asks
    ):
        told = run("add", write(entity("site")), "--proof", asks(), "--yes")
        assert "which others may have seen too" in told

    @pytest.mark.parametrize("by_address", [False, True])
    @pytest.mark.parametrize(
        ("changes", "says"),
        [
            pytest.param(
                {"key": "attacker"},
                "matches no key of the expected signer",
                id="another key",
            ),
            pytest.param({"issuer": OTHER}, "Issuer", id="another member"),
            pytest.param(
                {"issued": 1_795_000_000.0},
                ("expected a request of today"),
                id="long ago",
            ),
            pytest.param(
                {"provider_name": "paard"}, "'kameel' as its ProviderName", id="word"
            ),
            pytest.param(
                {"acs_url": "https://site.test/else"},
                "AssertionConsumerService of the request is not in",
                id="other address",
            ),
        ],
    )
    def test_a_request_that_proves_nothing(
        self, new, run, entity, write, asks, by_address, changes, says
    ):
        proof = asks(by_address=by_address, **changes)
        word = ("--challenge", "kameel")
        came = write(entity("site"))
        told = run("add", came, "--proof", proof, *word, "--yes", code=1)
        assert says in told
        assert run("list").startswith("0 members")

    def test_add_accepts_proof_printed_by_eilogin_metadata(
        self, new, run, entity, tmp_path
    ):
        entity("site")
        (tmp_path / "site.ini").write_text(
            "[filter:site]\nuse = egg:eilogin#trust\nfederation = x\n"
            "public_url = https://site.test\n"
            "key = %(here)s/site.key\ncertificate = %(here)s/site.crt\n"
        )
        for name, words in (("site.xml", ()), ("proof.xml", ("--proof", "kameel"))):
            command = ["metadata", str(tmp_path / "site.ini"), *words]
            (tmp_path / name).write_text(CliRunner().invoke(main, command).stdout)
        proof = ("--proof", tmp_path / "proof.xml", "--challenge", "kameel")
        run("add", tmp_path / "site.xml", *proof, "--yes")
        run("remove", SITE, "--yes")
        run("add", tmp_path / "site.xml", "--yes")
        assert SITE in run("list")


class TestReplace:
    def test_shows_the_difference(self, three, run, entity, write):
        told = run("add", write(entity("site", names={"nl": "Nieuw"}), "site"), "--yes")
        assert '-        <mdui:DisplayName xml:lang="nl">De site<' in told
        assert '+        <mdui:DisplayName xml:lang="nl">Nieuw<' in told
        assert "Nieuw" in told[: told.index("---")]
        assert len(list((three / "members").iterdir())) == 3
        assert "site.test-eilogin-metadata.xml" in run("list")

    def new_key(self, entity):
        text = key_of("new").certificate_text
        descriptor = entity("site")
        role = replace(descriptor.service_provider, signing_certificates=(text,))
        return replace(descriptor, service_provider=role)

    def test_a_new_key_alone_takes_nobodys_place(self, three, run, entity, write):
        before = contents(three)
        told = run("add", write(self.new_key(entity), "new"), "--yes", code=1)
        assert "by a key that it has in the federation now" in told
        assert contents(three) == before

    def test_the_old_key_brings_in_the_new_one(self, three, run, entity, write):
        run("add", write(self.new_key(entity), "site"), "--yes")
        run("add", write(self.new_key(entity), "site"), "--yes", code=1)
        run("add", write(self.new_key(entity), "new"), "--yes")

    def test_without_proof_option_replaces_a_lost_key(self, three, run, entity, write):
        reason = ("--without-proof", "lost; telephoned")
        run("add", write(self.new_key(entity), "new"), *reason, "--yes")


class TestOnlyTheOperatorSays:
    RULED = (
        b'<md:Extensions><mdattr:EntityAttributes xmlns:mdattr="urn:oasis:names:tc:SAML'
        b':metadata:attribute" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">'
        b'<saml:Attribute Name="%b"><saml:AttributeValue>basis</saml:AttributeValue>'
        b"</saml:Attribute></mdattr:EntityAttributes>"
    )

    @pytest.mark.parametrize(
        "name",
        [b"urn:eilogin:required-level", b" URN:eilogin:sso-domain", b"urn:eilogin:new"],
    )
    def test_add_removes_eilogin_attributes_from_member_metadata(
        self, three, run, entity, write, name
    ):
        path = write(
            entity("site"),
            None,
            lambda o: o.replace(b"<md:Extensions>", self.RULED % name, 1),
        )
        run("add", path, "--without-proof", "test", "--yes")
        run("sign")
        kept = (three / "members/site.test-eilogin-metadata.xml").read_text().lower()
        assert "urn:eilogin" not in kept
        assert member_of(three, SITE).required_level == ""

    def test_add_rejects_namespace_with_an_ampersand(self, three, run, entity, write):
        """In canonical form the namespace would be that of entity attributes."""
        hidden = (self.RULED % b"urn:eilogin:sso-domain").replace(
            b"metadata:attribute", b"metadata:attribut&amp;#x65;"
        )
        path = write(
            entity("site"), None, lambda o: o.replace(b"<md:Extensions>", hidden, 1)
        )
        told = run("add", path, "--without-proof", "test", "--yes", code=1)
        assert "a namespace contains an ampersand" in told

    def test_how_long_a_copy_is_good_and_who_registered_it(
        self, three, run, entity, write
    ):
        told = (
            b'<md:Extensions><mdrpi:RegistrationInfo xmlns:mdrpi="urn:oasis:names:tc:'
            b'SAML:metadata:rpi" registrationAuthority="https://evil.test"/>'
        )
        path = write(
            entity("site"),
            None,
            lambda o: o.replace(b"<md:Extensions>", told, 1).replace(
                b" entityID", b' cacheDuration="PT1S" entityID', 1
            ),
        )
        run("add", path, "--without-proof", "test", "--yes")
        run("sign")
        text = (three / "metadata.xml").read_text()
        assert "evil.test" not in text
        assert "cacheDuration" not in text

    def test_an_id_which_another_member_may_have_too(self, new, run, entity, write):
        for host in ("site", "other"):
            path = write(
                entity(host),
                None,
                lambda o: o.replace(b"KeyInfo", b"KeyInfo Id='k'", 1),
            )
            run("add", path, "--without-proof", "test", "--yes")
        run("sign")
        document = parse((new / "metadata.xml").read_bytes(), METADATA)
        assert not repeated_ids(document)


class TestACommandToCopy:
    """Does what it says, in whatever folder, whatever a member is called."""

    BAD = "https://x.test/;touch${IFS}here'"

    def test_is_of_a_folder_with_blanks(self, new, tmp_path, entity, write):
        folder = new.rename(tmp_path / "my fed; touch here")
        told = ""
        for words in (
            ["add", folder, write(entity("hub", "hub"), "hub"), "--yes"],
            ["rules", folder, HUB, "--level", "hoog"],
            ["publish", folder, tmp_path / "www"],
            ["verify", folder],
            ["remove", folder, "urn:x"],
            ["list", tmp_path / "it's"],
        ):
            arguments = ["federation", *map(str, words)]
            told += CliRunner().invoke(main, arguments).output
        assert told.count(f"'eilogin federation sign '{folder}'' makes it") == 3
        assert f"missing: 'eilogin federation sign '{folder}''\n" in told
        assert f"'eilogin federation list '{folder}'' lists all" in told

    def test_names_a_member_as_a_shell_takes_it(
        self, new, run, entity, write, tmp_path
    ):
        member = entity("site", entity_id=self.BAD)
        run("add", write(member, "site"), "--yes")
        word = shlex.quote(self.BAD)
        assert run("list").startswith(f"{word}  participant  ")
        run("remove", *shlex.split(word), "--yes")


class TestRefused:
    """What cannot be the metadata of a member."""

    @pytest.mark.parametrize(
        ("was", "becomes", "says"),
        [
            (b"https://site.test/eilogin/acs", b"http://site.test/acs", "not https"),
            (
                b"https://site.test/eilogin/acs",
                b"javascript:alert(1)",
                ("not a web addr"),
            ),
            (b"https://site.test/eilogin/acs", b"https://127.0.0.1/a", "loopback ="),
            (
                b"https://site.test/</mdui:I",
                b"javascript:x</mdui:I",
                ("not a web address"),
            ),
            (
                b':bindings:SOAP" Location="https:',
                b':bindings:PAOS" Location="javascript:',
                "its SingleLogoutService is not a web address",
            ),
            (b'use="signing"', b'use="encryption"', "no usable signing certificate"),
            (b"2.0:protocol", b"1.1:protocol", "lacks a role of SAML 2.0"),
            (b"bindings:HTTP-", b"bindings:X-", "lacks an AssertionConsumerService"),
            (b"<md:SPSSODescriptor", b"<md:Nonsense/><md:SPSSODescriptor", "schema"),
            (b' entityID="https://site.test', b' entityID="a b', "not a URI"),
            (b"<md:EntityDescriptor", b"<!DOCTYPE x><md:EntityDescriptor", "DOCTYPE"),
            (b"</md:EntityDescriptor>", b"", "not well-formed"),
        ],
    )
    def test_is_told_and_changes_nothing(
        self, three, run, entity, write, was, becomes, says
    ):
        before = contents(three)
        path = write(entity("site"), None, lambda octets: octets.replace(was, becomes))
        told = run("add", path, "--without-proof", "test", "--yes", code=1)
        assert says in told
        assert "came.xml" in told
        assert contents(three) == before

    def test_add_rejects_expired_metadata(self, new, run, entity, write):
        ends = the_clock.now() - 1
        path = write(entity("site", valid_until=ends), "site")
        told = run("add", path, "--yes", code=1)
        assert "this metadata expired at 2026-11-24T08:59:59Z" in told

    def test_add_rejects_metadata_larger_than_1_mib(self, new, run, entity, write):
        path = write(entity("site"), None, lambda octets: octets + b" " * 1024 * 1024)
        told = run("add", path, "--yes", code=1)
        assert "more than 1048576 bytes" in told

    @pytest.mark.parametrize(
        ("inside", "says"),
        [
            (b"<x>" * 58 + b"</x>" * 58, "more than 59 elements deep"),
            (b"<x %b/>" % b" ".join(b"a%d=''" % n for n in range(97)), "attributes"),
            (b"<x/>" * 100_000, "after formatting"),
            (b"<md:EntityDescriptor entityID='x'/>", "found 'EntityDescriptor' inside"),
        ],
        ids=lambda one: one[:9] if isinstance(one, bytes) else "",
    )
    def test_add_rejects_metadata_that_would_break_signing(
        self, three, run, entity, write, inside, says
    ):
        """And what others could take for one member more."""
        was = b"<md:Extensions>"
        mine = was + b"<y xmlns='urn:y'>" + inside + b"</y>"
        path = write(entity("four"), None, lambda o: o.replace(was, mine, 1))
        told = run("add", path, "--without-proof", "test", "--yes", code=1)
        assert says in told
        run("sign")

    def test_metadata_of_several(self, three, run):
        run("sign")
        told = run("add", three / "metadata.xml", "--yes", code=1)
        assert "found 'EntitiesDescriptor'; expected an EntityDescriptor" in told

    @pytest.mark.parametrize("source", ["http://site.test/md", "ftp://site.test/md"])
    def test_an_address_that_is_not_safe(self, new, run, source):
        assert "https" in run("add", source, "--yes", code=2)

    def test_a_file_that_is_not_there(self, new, run, tmp_path):
        told = run("add", tmp_path / "none.xml", "--yes", code=1)
        assert "none.xml: No such file" in told

    def test_the_same_member_in_two_files(self, three, run):
        one = three / "members/site.test-eilogin-metadata.xml"
        (three / "members/copy.xml").write_bytes(one.read_bytes())
        told = run("sign", code=1)
        assert f"'{SITE}' is in copy.xml too; remove one of them" in told

    def test_a_member_behind_a_link(self, three, run, entity, write):
        path = write(entity("four"), "four")
        (three / "members/four.xml").symlink_to(path)
        assert "four.xml: is a symbolic link; expected a file" in run("sign", code=1)


class TestPublishedToProducts:
    """What strict products refuse: the member alone has it, and all would suffer."""

    @pytest.fixture
    def sloppy(self, tmp_path):
        """The file of a member with this slip."""

        def put(octets):
            path = tmp_path / "sloppy.xml"
            path.write_bytes(octets)
            return path

        return put

    def test_a_slip_is_mended_and_told(self, new, run, sloppy):
        path = sloppy(with_slip("ServiceName without text"))
        told = run("add", path, "--without-proof", "test", "--yes")
        assert (
            "mended        line 45: ServiceName was removed: it has no text\n" in told
        )
        run("sign")
        assert (
            b'<md:ServiceName xml:lang="und">Rich<'
            in (new / "metadata.xml").read_bytes()
        )
        assert "the signed metadata differs" not in run("verify")

    def test_add_rejects_schema_errors_that_it_cannot_repair(self, new, run, sloppy):
        octets = rich(**{'MinKeySize="2048"': 'MinKeySize="long"'})
        told = run("add", sloppy(octets), "--without-proof", "x", "--yes", code=1)
        assert "sloppy.xml: line 19: Element 'SigningMethod', attribute" in told
        assert "ask its administrator for metadata that is valid by the schemas" in told
        assert run("list").startswith("0 members")

    def test_nor_is_it_signed_where_somebody_has_edited_it(self, three, run, sloppy):
        run("sign")
        before = (three / "metadata.xml").read_bytes()
        octets = rich(**{'MinKeySize="2048"': 'MinKeySize="long"'})
        (three / "members/rich.xml").write_bytes(octets)
        for command in ("sign", "verify"):
            told = run(command, code=1)
            assert "members/rich.xml: other products would reject" in told
            assert "line 19: Element 'SigningMethod'" in told
        assert (three / "metadata.xml").read_bytes() == before
        run("remove", "https://rich.test/md", "--yes")
        run("sign")

    def test_verify_notes_signed_metadata_that_differs_from_the_file(self, three, run):
        octets = with_slip("contactType")
        (three / "members/rich.xml").write_bytes(octets)
        run("sign")
        told = run("verify")
        assert "note: the signed metadata differs from" in told
        assert "rich.xml: line 55: ContactPerson has contactType 'other'" in told

    def test_publish_rejects_signed_metadata_with_schema_errors(
        self, three, run, tmp_path
    ):
        octets = sign_federation(
            [parse(rich(**{'MinKeySize="2048"': 'MinKeySize="long"'}))],
            name="Proef",
            publisher="Proef",
            valid_until=the_clock.now() + 86_400,
            key=key_of("operator"),
        )
        (three / "metadata.xml").write_bytes(octets)
        told = run("publish", tmp_path / "www", code=1)
        assert "other products would reject it, because it is not valid: line " in told
        assert "federation sign" in told
        assert not (tmp_path / "www").exists()

    @pytest.mark.parametrize(
        ("host", "is_inside"),
        [
            ("169.254.169.254", True),
            ("10.0.0.5", True),
            ("[fd00::1]", True),
            ("intern", True),
            ("slo.internal", True),
            ("93.184.216.34", False),
            ("slo.example.nl", False),
        ],
    )
    def test_an_address_inside_a_network_that_servers_call_is_noted(
        self, new, run, sloppy, host, is_inside
    ):
        octets = rich(**{"https://rich.test/slo": f"https://{host}/slo"})
        told = run("add", sloppy(octets), "--without-proof", "test", "--yes")
        said = (
            f"other servers call it at {host.strip('[]')} (SOAP), which is an internal"
        )
        assert (said in told) is is_inside


class TestRules:
    def test_are_signed_into_the_metadata(self, three, run):
        run("rules", SITE, "--sso-domain", "gemeenten", "--level", "midden")
        run("rules", OTHER, "--sso-domain", "none", "--release", "b", "--release", "a")
        run("rules", HUB, "--release", "none")
        run("sign")
        site, other = member_of(three, SITE), member_of(three, OTHER)
        assert (site.sso_domain, site.required_level) == ("gemeenten", "midden")
        assert site.released is None
        assert (other.sso_domain, other.released) == (NO_SSO, {"a", "b"})
        assert member_of(three, HUB).released == frozenset()

    def test_are_told_in_words(self, three, run):
        run("rules", SITE, "--sso-domain", "gemeenten", "--level", "midden")
        assert run("rules").splitlines() == [
            f"{HUB}: is in the default SSO domain",
            f"{OTHER}: is in the default SSO domain",
            f"{SITE}: is in the SSO domain 'gemeenten'; level midden or higher",
        ]

    def test_one_is_changed_and_the_others_stay(self, three, run):
        run("rules", SITE, "--sso-domain", "gemeenten")
        run("rules", SITE, "--level", "hoog")
        told = run("rules", SITE)
        assert "'gemeenten'; level hoog" in told

    def test_a_name_that_no_member_asks_for_is_noted(self, three, run, entity, write):
        service = AttributeService(requested=("urn:oid:2.5.4.42",))
        role = replace(entity("site").service_provider, attribute_services=(service,))
        asking = replace(entity("site"), service_provider=role)
        run("add", write(asking, "site"), "--yes")
        names = ("mail", "urn:oid:2.5.4.42", "email")
        told = run("rules", OTHER, *(x for one in names for x in ("--release", one)))
        notes = [line for line in told.splitlines() if line.startswith("note: ")]
        assert [note.partition(". ")[0] for note in notes] == [
            "note: no member asks for an attribute 'email'"
        ]

    def test_are_forgotten(self, three, run):
        before = (three / "rules.ini").read_bytes()
        run("rules", SITE, "--sso-domain", "gemeenten")
        run("rules", SITE, "--clear")
        assert (three / "rules.ini").read_bytes() == before

    def test_rules_command_keeps_comments_in_the_file(self, three, run):
        run("rules", SITE, "--level", "hoog")
        file = three / "rules.ini"
        said = "# As agreed with them.\n"
        file.write_text(file.read_text().replace(f"[{SITE}]\n", f"[{SITE}]\n{said}"))
        run("rules", SITE, "--level", "midden")
        run("rules", OTHER, "--level", "midden")
        assert said in file.read_text()
        assert file.read_text().index(OTHER) < file.read_text().index(SITE)

    def test_a_file_that_a_person_wrote_in_another_order(self, three, run):
        file = three / "rules.ini"
        file.write_text(
            f"[{SITE}]\nrequired_level = hoog\n\n"
            f"[{HUB}] # ours\nsso_domain = gemeenten\n"
        )
        run("rules", HUB, "--level", "midden")
        assert "'gemeenten'; level midden" in run("rules", HUB)
        run("rules", HUB, "--clear")
        assert "the default SSO domain" in run("rules", HUB)
        assert "level hoog" in run("rules", SITE)

    @pytest.mark.parametrize(
        ("words", "says"),
        [
            ((SITE, "--sso-domain", "Ge meenten"), "a name of a-z"),
            ((SITE, "--release", ""), "names of attributes, one on each line"),
            ((SITE, "--release", "none", "--release", "a"), "or 'none' alone"),
            (("--level", "hoog"), "which member?"),
            ((SITE + "x", "--level", "hoog"), f"did you mean '{SITE}'?"),
        ],
    )
    def test_rules_command_reports_invalid_arguments(self, three, run, words, says):
        result = CliRunner().invoke(main, ["federation", "rules", str(three), *words])
        assert result.exit_code
        assert says in result.output

    @pytest.mark.parametrize(
        ("line", "says"),
        [
            ("required_level = hoogst", "required_level: found 'hoogst'"),
            ("sso_domian = x", "did you mean 'sso_domain'?"),
            (
                "released_attributes =",
                ("names of attributes, one on each line, or 'none'"),
            ),
            (
                "released_attributes = name mail",
                ("names of attributes, one on each line"),
            ),
            (
                f"released_attributes =\n  a\n  [{OTHER}]\n  required_level=hoog",
                "names of attributes, one on each line",
            ),
        ],
    )
    def test_a_slip_in_the_file_is_told(self, three, run, line, says):
        (three / "rules.ini").write_text(f"[{SITE}]\n{line}\n")
        told = run("sign", code=1)
        assert f"[{SITE}]" in told
        assert says in told

    def test_move_nothing_on_the_screen_either(self, three, run):
        text = f"[{SITE}]\nreleased_attributes =\n    a\u202eb\x1b[2J\n"
        (three / "rules.ini").write_text(text)
        assert "may get a\\u202eb\\x1b[2J" in run("rules")
        (three / "rules.ini").write_text(f"[{SITE}\u202e]\nsso_domain = A\n")
        assert f"[{SITE}\\u202e] sso_domain: found 'A'" in run("verify", code=1)

    @pytest.mark.parametrize("command", ["sign", "verify", "diff"])
    def test_that_are_gone_are_not_taken_for_none(self, three, run, command):
        run("rules", SITE, "--level", "hoog")
        run("sign")
        before = (three / "metadata.xml").read_bytes()
        (three / "rules.ini").unlink()
        assert "rules.ini: does not exist; expected" in run(command, code=1)
        assert (three / "metadata.xml").read_bytes() == before
        (three / "rules.ini").touch()
        run(command)


class TestSign:
    def test_lasts_as_the_folder_says(self, three, run):
        told = run("sign")
        assert "3 members, signed until 2026-12-08T09:00:00Z" in told
        metadata = signed(three)
        assert metadata.created == the_clock.now()
        assert metadata.name == "Proef"
        assert len(metadata.entities) == 3

    def test_or_as_it_is_told(self, three, run):
        assert "until 2026-11-27T09:00:00Z" in run("sign", "--days", "3")

    def test_by_a_key_of_an_elliptic_curve(self, three, run, tmp_path):
        key = ec.generate_private_key(ec.SECP256R1())
        pem, certificate = new_key_pair("operator", private=key)
        (tmp_path / "operator.key").write_bytes(pem)
        (tmp_path / "operator.crt").write_bytes(certificate)
        run("sign")
        octets = (three / "metadata.xml").read_bytes()
        assert len(read_federation(octets, [key.public_key()]).entities) == 3

    def test_by_a_key_in_a_variable(self, three, run, monkeypatch):
        file = three / "federation.ini"
        key = str(three.parent / "operator.key")
        file.write_text(file.read_text().replace(key, "env:SIGNS"))
        assert "the environment variable SIGNS is empty" in run("sign", code=1)
        monkeypatch.setenv("SIGNS", key_pair("operator")[0].decode())
        run("sign")
        assert signed(three)

    @pytest.mark.parametrize("before", ["", "env:"])
    def test_a_key_in_the_ini_file_is_not_shown(self, three, run, tmp_path, before):
        lines = key_pair("operator")[0].decode().splitlines()
        file = three / "federation.ini"
        inside = before + "\n    ".join(lines)
        named = str(tmp_path / "operator.key")
        file.write_text(file.read_text().replace(named, inside))
        told = run("sign", code=1)
        assert "federation.ini: key: found the key itself" in told
        assert lines[1][:20] not in told

    def test_a_pin_is_neither_taken_nor_shown(self, three, run):
        file = three / "federation.ini"
        file.write_text(file.read_text() + "pin = 271828\n")
        told = run("sign", code=1)
        assert "pin: found ***; expected env:NAME, file:PATH or credential" in told
        assert "271828" not in told

    def test_not_by_the_key_of_another(self, three, run, tmp_path):
        (tmp_path / "operator.key").write_bytes(key_pair("attacker")[0])
        assert "do not belong together" in run("sign", code=1)

    def test_is_laid_out_the_same_each_time(self, three, run):
        run("sign")
        before = (three / "metadata.xml").read_text().splitlines()
        run("sign")
        after = (three / "metadata.xml").read_text().splitlines()
        assert sum(a != b for a, b in zip(before, after, strict=True)) <= 1

    def test_refuses_a_member_that_is_over(self, three, run, entity, write, clock):
        run("sign")
        before = contents(three)
        ends = the_clock.now() + 86_400
        run("add", write(entity("site", valid_until=ends), "site"), "--yes")
        clock.shift(2 * 86_400)
        told = run("sign", code=1)
        assert f"the metadata of '{SITE}' expired at 2026-11-25T09:00:00Z" in told
        assert (three / "metadata.xml").read_bytes() == before["metadata.xml"]

    def test_refuses_rules_of_who_is_no_member(self, three, run):
        run("rules", SITE, "--level", "hoog")
        (three / "members/site.test-eilogin-metadata.xml").unlink()
        assert "found rules for an entity that is not a member" in run("sign", code=1)

    def test_refuses_when_the_clock_went_back(self, three, run, clock):
        run("sign")
        clock.shift(-3600)
        assert "members reject older metadata" in run("sign", code=1)

    def test_a_new_key_of_the_operator_may_sign(self, three, run, tmp_path):
        run("sign")
        for kind, octets in zip(("key", "crt"), key_pair("new"), strict=True):
            (tmp_path / f"operator.{kind}").write_bytes(octets)
        assert "expected the key of" in run("verify", code=1)
        run("sign")
        run("verify")

    def test_nobody_is_no_federation(self, new, run):
        told = run("sign", code=1)
        assert "fed: has no members; SAML metadata needs at least one" in told
        assert f"'eilogin federation add {new} FILE'" in told
        assert "until" not in told


class TestVerifyAndDiff:
    def test_all_is_well(self, three, run):
        run("sign")
        assert "everything in order: 3 members" in run("verify")
        assert run("diff") == "nothing has changed since the last signature\n"

    def test_how_a_member_spells_its_namespaces_is_no_difference(
        self, three, run, entity, write
    ):
        path = write(
            entity("four"),
            None,
            lambda o: o.replace(b"md:", b"").replace(b"xmlns:md=", b"xmlns="),
        )
        run("add", path, "--without-proof", "test", "--yes")
        run("sign")
        assert run("diff") == "nothing has changed since the last signature\n"
        assert "note: " not in run("verify", "--strict")

    def test_verify_publish_and_diff_report_unsigned_changes(
        self, three, run, tmp_path
    ):
        assert "metadata.xml: missing" in run("verify", code=1)
        run("sign")
        run("rules", SITE, "--level", "hoog")
        assert "some changes are not signed" in run("verify")
        assert "note: some changes are not signed" in run(
            "publish", tmp_path / "www", "--no-mdq"
        )
        told = run("diff").splitlines()
        assert any(line.startswith("+") and "required-level" in line for line in told)
        assert not any(OTHER in line for line in told)

    def test_diff_shows_a_removed_member(self, three, run):
        run("sign")
        run("remove", SITE, "--yes")
        assert f"--- {SITE}\tbefore" in run("diff")

    def test_verify_reports_an_expiring_and_an_expired_signature(
        self, three, run, clock
    ):
        run("sign")
        clock.shift(12 * 86_400)
        assert "the signature expires soon" in run("verify")
        clock.shift(3 * 86_400)
        assert "expired at 2026-12-08" in run("verify", code=1)

    def test_that_the_certificate_ends_is_told(self, three, run, tmp_path):
        run("sign")
        assert "other products" not in run("verify")
        ends = new_key_pair("operator", 59)
        for kind, octets in zip(("key", "crt"), ends, strict=True):
            (tmp_path / f"operator.{kind}").write_bytes(octets)
        run("sign")
        told = run("verify", "--strict", code=3)
        assert "operator.crt ends at 2027-01-22T09:00:00Z (in 59 days): " in told
        assert "; see 'eilogin federation rollover " in told
        assert "operator.crt ends" not in run("verify", "--days", "58", "--strict")

    def test_that_a_member_ends_is_told_and_listed(
        self, three, run, entity, write, clock
    ):
        """Each use ends with its last certificate: a next one takes its place."""
        pair = SigningKey.load(*new_key_pair("four", 30))
        descriptor = entity("four")
        both = (pair.certificate_text, key_of("four").certificate_text)
        role = replace(
            descriptor.service_provider,
            signing_certificates=both,
            encryption_certificates=both[:1],
        )
        path = write(replace(descriptor, service_provider=role), "four")
        run("add", path, "--yes")
        run("sign")
        ending = "https://four.test/eilogin/metadata' (participant, encryption) "
        told = run("verify", "--strict", code=3)
        assert f"note: the certificate of '{ending}ends at 2026-12-24T09:00:00Z" in told
        assert told.count("note: ") == 1
        assert "; ask help@four.test for new metadata\n" in told
        [line] = [one for one in run("list").splitlines() if "four.test" in one]
        assert line.endswith(
            "four.test-eilogin-metadata.xml  certificate until 2026-12-24"
            " (ends at 2026-12-24T09:00:00Z (in 30 days))"
        )
        clock.shift(40 * 86_400)
        run("sign")
        assert f"{ending}expired at 2026-12-24T09:00:00Z: " in run("verify")
        assert "(expired at 2026-12-24T09:00:00Z)" in run("list")

    def test_that_the_metadata_of_a_member_ends_is_told(
        self, three, run, entity, write
    ):
        ends = the_clock.now() + 10 * 86_400
        run("add", write(entity("four", valid_until=ends), "four"), "--yes")
        run("sign")
        told = run("verify", "--strict", code=3)
        assert "note: the metadata of 'https://four.test/eilogin/metadata' ends" in told
        assert "metadata until 2026-12-04" in run("list")

    def test_that_all_is_good_for_years_is_told(self, three, run):
        file = three / "federation.ini"
        file.write_text(file.read_text().replace("14d", "400d"))
        run("sign")
        assert "note: validity = 400d: for so long, a site" in run(
            "verify", "--strict", code=3
        )

    def test_verify_rejects_metadata_changed_after_signing(self, three, run):
        run("sign")
        file = three / "metadata.xml"
        file.write_bytes(file.read_bytes().replace(b"De site", b"De ander"))
        assert "changed after it was signed" in run("verify", code=1)
        run("rules", SITE, "--level", "hoog")
        (three / "members/site.test-eilogin-metadata.xml").unlink()
        told = run("verify", code=1)
        assert "found rules for an entity that is not a member" in told
        assert "changed after it was signed" in told

    @pytest.mark.parametrize("command", ["verify", "sign", "diff", "list", "rules"])
    def test_a_folder_that_is_none_is_told(self, run, command):
        assert "federation init" in run(command, code=1)

    def test_a_slip_in_its_options_is_told(self, three, run):
        file = three / "federation.ini"
        text = file.read_text()
        for said in ("off", "two weeks"):
            file.write_text(text.replace("14d", said))
            expected = f"validity: found '{said}'; expected a number of days such as"
            told = run("sign", code=1)
            assert f"{expected} '14d'\n" in told


class TestShow:
    def test_has_all_that_is_known_of_a_member(self, three, run):
        run("rules", SITE, "--level", "hoog")
        told = run("show", "site.test")
        assert told.startswith(f"entityID      {SITE}\n")
        for line in (
            "  answers     https://site.test/eilogin/acs  (HTTP-Artifact)\n",
            f"  signing     {fingerprints(key_of('site').certificate_text)}\n",
            "rules         is in the default SSO domain; level hoog or higher\n",
            "members/site.test-eilogin-metadata.xml\n",
            "              added 2026-11-24T09:00:00Z by ",
        ):
            assert line in told
        assert "is a part of 2 entityIDs" in run("show", "eilogin", code=1)


class TestCalendar:
    @pytest.fixture
    def calendar(self, three):
        def call(*words):
            words = ["keys", "calendar", str(three), *words]
            result = CliRunner().invoke(main, words)
            assert result.exit_code == 0, result.output
            return result.stdout_bytes.decode()

        return call

    def test_has_all_that_ends_in_its_order(self, three, run, calendar):
        run("sign")
        first, *others = calendar().splitlines()
        assert first.startswith("2026-12-08T09:00:00Z  the signature in metadata.xml")
        assert all(one.startswith("2120-01-02  the ") for one in others)
        told = "\n".join(others)
        for name in (HUB, SITE, OTHER):
            assert f"the certificate of '{name}' (" in told
        assert "the operator's certificate operator.crt ends: see 'eilogin" in told

    def test_can_be_imported(self, run, calendar):
        run("sign")
        told = calendar("--ical")
        assert told.startswith("BEGIN:VCALENDAR\r\n")
        assert told.endswith("END:VCALENDAR\r\n")
        assert told.count("BEGIN:VEVENT") == 5
        assert told.count("TRIGGER:-P30D") == 4
        assert "UID:Proef-ends-signature@Proef\r\n" in told
        assert "SUMMARY:Proef: the signature in metadata.xml ends" in told

    def test_needs_no_signature(self, calendar):
        assert "what is signed" not in calendar()


class TestRollover:
    """The operator's key is replaced by the next one, and no member is lost."""

    @pytest.fixture
    def begun(self, three, run):
        run("sign")
        run("rollover", "--start")
        return three

    @pytest.fixture
    def next_key(self, begun):
        files = [begun / f"operator-2026-11-24.{one}" for one in ("key", "crt")]
        return SigningKey.load(*(path.read_bytes() for path in files))

    def test_goes_from_step_to_step(self, begun, run, next_key, tmp_path, clock):
        """A site that pins both reads all that is published, before and afterwards."""
        www = tmp_path / "www"
        site = {
            "public_url": "https://site.test",
            "key": str(tmp_path / "site.key"),
            "certificate": str(tmp_path / "site.crt"),
            "federation": str(www / "metadata.xml"),
            "federation_certificate": (
                f"{tmp_path}/operator.crt\n{www}/operator-next.crt"
            ),
        }

        def published():
            run("publish", www)
            pinned = (www / "operator-next.crt").exists()
            left = {} if pinned else {"federation_certificate": str(followed)}
            return len(
                trust_of(read(TrustOptions, {}, site | left)).federation.entities
            )

        followed = begun / "operator-2026-11-24.crt"
        told = run("rollover")
        assert told.startswith("step 2 of 4: each member adds the next certificate")
        assert fingerprints(key_of("operator").certificate_text) in told
        assert fingerprints(next_key.certificate_text) in told
        assert "ready 0 of 3 members:\n" in told
        assert f"  {SITE}  NOT KNOWN TO BE READY\n" in told
        assert published() == 3
        certificate = (begun / "operator-2026-11-24.crt").read_bytes()
        assert (www / "operator-next.crt").read_bytes() == certificate
        assert "2 of 3 members are not known" in (
            run("rollover", "--ready", "site.test")
            and run("rollover", "--switch", code=1)
        )
        told = run("rollover", "--ready", "hub.test", "--ready", "other.test")
        assert "ready 3 of 3 members:\n" in told
        assert f"  {SITE}  ready, 2026-11-24T09:00:00Z by " in told
        assert "all members are ready. Next: eilogin federation rollover" in told
        told = run("rollover", "--switch")
        assert told.startswith("step 3 of 4: the next key signs")
        assert "after 2026-12-08T09:00:00Z: eilogin federation rollover" in told
        run("sign")
        assert published() == 3
        octets = (www / "metadata.xml").read_bytes()
        assert read_federation(octets, [next_key.public])
        told = run("rollover", "--finish", code=1)
        assert "the old key signed is valid until 2026-12-08T09:00:00Z" in told
        clock.shift(15 * 86_400)
        told = run("rollover", "--finish")
        assert "Tell all members to remove operator.crt from" in told
        assert fingerprints(key_of("operator").certificate_text) in told
        run("sign")
        assert published() == 3
        assert not (www / "operator-next.crt").exists()
        assert "everything in order" in run("verify")
        assert run("rollover").startswith("no rollover has begun; ")

    def test_says_what_there_is_to_begin_with(self, three, run):
        before = contents(three)
        told = run("rollover")
        assert "step 1 makes the next key: eilogin federation rollover" in told
        assert contents(three) == before

    def test_shows_no_key_to_others(self, begun):
        path = begun / "operator-2026-11-24.key"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert b"PRIVATE" not in (begun / "rollover.ini").read_bytes()

    def test_begins_once(self, begun, run):
        before = contents(begun)
        assert "has begun already" in run("rollover", "--start", code=1)
        (begun / "rollover.ini").unlink()
        assert "does not overwrite it" in run("rollover", "--start", code=1)
        assert contents(begun) == {
            name: octets for name, octets in before.items() if name != "rollover.ini"
        }

    def test_can_be_given_up_before_it_signs(self, begun, run):
        (begun / "rollover.ini").unlink()
        run("sign")
        assert "no rollover has begun" in run("rollover")
        assert "no rollover has begun" in run("rollover", "--ready", SITE, code=1)

    def test_to_a_key_that_is_there(self, three, run, tmp_path):
        run("sign")
        for kind, octets in zip(("key", "crt"), key_pair("next"), strict=True):
            (tmp_path / f"next.{kind}").write_bytes(octets)
        files = ("--key", tmp_path / "next.key", "--certificate", tmp_path / "next.crt")
        run("rollover", "--start", *files)
        run("rollover", "--switch", "--anyway")
        run("sign")
        octets = (three / "metadata.xml").read_bytes()
        assert read_federation(octets, [key_of("next").public])
        assert "signs already" in run("rollover", "--switch", code=1)
        assert "rollover is complete" in run("rollover", "--finish", "--anyway")

    @pytest.mark.parametrize(
        ("key", "certificate", "says"),
        [
            ("next.key", "gone.crt", "gone.crt: No such file"),
            ("next.key", "next.key", "not a certificate in PEM form"),
            ("operator.key", "operator.crt", "is the current certificate"),
        ],
    )
    def test_to_none_is_refused_at_once(
        self, three, run, tmp_path, key, certificate, says
    ):
        for kind, octets in zip(("key", "crt"), key_pair("next"), strict=True):
            (tmp_path / f"next.{kind}").write_bytes(octets)
        files = ("--key", tmp_path / key, "--certificate", tmp_path / certificate)
        before = contents(three)
        told = run("rollover", "--start", *files, code=1)
        assert says in told
        assert contents(three) == before

    def test_to_a_key_of_another_changes_nothing(self, three, run, tmp_path):
        run("sign")
        (tmp_path / "next.crt").write_bytes(key_pair("next")[1])
        (tmp_path / "next.key").write_bytes(key_pair("other")[0])
        files = ("--key", tmp_path / "next.key", "--certificate", tmp_path / "next.crt")
        run("rollover", "--start", *files)
        before = contents(three)
        assert "belong" in run("rollover", "--switch", "--anyway", code=1)
        assert contents(three) == before
        run("sign")

    def test_is_finished_after_it_was_switched(self, begun, run):
        told = run("rollover", "--finish", "--anyway", code=1)
        assert "the old key still signs" in told

    def test_does_one_step_at_a_time(self, begun, run):
        told = run("rollover", "--switch", "--finish", code=2)
        assert "expected at most one of them" in told
        told = run("rollover", "--switch", "--key", "x", code=2)
        assert "expected both, and --start" in told

    def test_rollover_and_publish_report_a_broken_rollover_file(
        self, begun, run, tmp_path
    ):
        for text in ("[the next key]\nkey = x\n", "[x]\n", "nothing"):
            (begun / "rollover.ini").write_text(text)
            assert "rollover.ini" in run("rollover", code=1)
            assert "rollover.ini" in run("publish", tmp_path / "www", code=1)


class TestNobodyYet:
    def test_is_told(self, new, run):
        assert run("rules") == "there are no members yet\n"
        assert run("diff") == "there are no members yet\n"


def test_diff_prints_no_error_after_a_broken_pipe(three, run, monkeypatch):
    def closed(*_):
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr("eilogin.cli.federation.signing_commands.differences", closed)
    assert run("diff", code=1) == ""


class TestRemove:
    def test_takes_its_rules_with_it(self, three, run):
        run("rules", SITE, "--level", "hoog")
        run("remove", SITE, "--yes")
        run("sign")
        assert {e.entity_id for e in signed(three).entities} == {HUB, OTHER}
        assert SITE not in (three / "rules.ini").read_text()

    def test_asks_first(self, three, run):
        run("remove", SITE, input="n\n", code=1)
        assert SITE in run("list")

    def test_of_the_last_one_says_what_that_comes_to(self, three, run, tmp_path, clock):
        """SAML has no metadata of nobody: nothing takes back what was signed."""
        run("sign")
        ends = write_instant(signed(three).valid_until)
        for one in (HUB, SITE):
            assert "makes it count" in run("remove", one, "--yes")
        told = run("remove", OTHER, "--yes")
        assert told.startswith(
            f"{OTHER}: De other\nremoved; this was the last member: "
        )
        why = "has no members; SAML metadata needs at least one"
        last = f"others use the last signed metadata, until {ends} at the latest"
        for said in (
            told,
            run("sign", code=1),
            run("verify", code=1),
            run("publish", tmp_path / "www", "--no-mdq"),
        ):
            assert why in said
            assert last in said
        assert "note: some changes are not signed: " in said
        clock.shift(15 * 86_400)
        assert "others go on" not in run("sign", code=1)
        (three / "metadata.xml").write_text("<broken")
        assert why in run("sign", code=1)

    def test_a_part_that_one_member_has_is_enough(self, three, run):
        assert run("rules", "other.TEST").startswith(f"{OTHER}: ")
        run("rules", "site.test", "--level", "hoog")
        assert f"[{SITE}]" in (three / "rules.ini").read_text()
        assert run("remove", "site.test", "--yes").startswith(f"{SITE}: ")
        assert SITE not in run("list")

    def test_a_part_that_several_have_is_none(self, three, run):
        before = contents(three)
        for command in (
            ("rules", "eilogin", "--clear"),
            ("remove", "eilogin", "--yes"),
        ):
            told = run(*command, code=1)
            assert (
                "'eilogin' is a part of 2 entityIDs; expected a part of only one"
                in told
            )
            assert told.endswith(f":\n  {OTHER}\n  {SITE}\n")
        assert "no member" in run("remove", "", "--yes", code=1)
        assert contents(three) == before

    def test_exact_entity_id_selects_its_member_despite_longer_ones(
        self, three, run, entity, write
    ):
        run("add", write(entity("four", entity_id=f"{SITE}/more"), "four"), "--yes")
        assert run("rules", SITE).startswith(f"{SITE}: ")

    def test_remove_suggests_a_member_for_an_unknown_entity_id(self, three, run):
        assert f"did you mean '{SITE}'?" in run("remove", SITE + "/", code=1)


class TestPublish:
    def test_makes_files_that_are_each_signed(self, three, run, tmp_path):
        run("sign")
        run("publish", tmp_path / "www")
        www = tmp_path / "www"
        octets = (three / "metadata.xml").read_bytes()
        assert (www / "metadata.xml").read_bytes() == octets
        name = "https%3A%2F%2Fsite.test%2Feilogin%2Fmetadata"
        answer = (www / "entities" / name).read_bytes()
        metadata = read_federation(answer, [key_of("operator").public])
        assert [e.entity_id for e in metadata.entities] == [SITE]
        assert metadata.valid_until == signed(three).valid_until
        assert metadata.created == the_clock.now()
        hashes = [p for p in (www / "entities").iterdir() if p.name[0] == "{"]
        assert answer in [path.read_bytes() for path in hashes]
        assert len(list((www / "entities").iterdir())) == 6

    def test_says_what_was_signed_and_not_what_is_new(self, three, run, tmp_path):
        run("sign")
        run("rules", SITE, "--level", "hoog")
        run("remove", OTHER, "--yes")
        run("publish", tmp_path / "www")
        files = list((tmp_path / "www/entities").iterdir())
        assert len(files) == 6
        assert not any(b"required-level" in path.read_bytes() for path in files)

    def test_publish_deletes_only_the_files_of_removed_members(
        self, three, run, tmp_path
    ):
        run("sign")
        run("publish", tmp_path / "www")
        (tmp_path / "www/entities/index.html").write_text("mine")
        run("remove", OTHER, "--yes")
        run("sign")
        run("publish", tmp_path / "www")
        names = {path.name for path in (tmp_path / "www/entities").iterdir()}
        assert len(names) == 5
        assert "index.html" in names

    def test_without_the_key_all_members_in_one_file(self, three, run, tmp_path):
        run("sign")
        (tmp_path / "operator.key").unlink()
        run("publish", tmp_path / "www", "--no-mdq")
        assert contents(tmp_path / "www").keys() == {"metadata.xml"}

    def test_publish_succeeds_while_a_member_file_is_unreadable(
        self, three, run, tmp_path
    ):
        run("sign")
        next((tmp_path / "fed/members").glob("*.xml")).write_text("<broken")
        told = run("publish", tmp_path / "www", "--no-mdq")
        assert "note: some changes are not signed" in told

    @pytest.mark.parametrize(
        "name", ["https://site.test/" + "x" * 300, "..", ".htaccess", "index.html"]
    )
    def test_a_name_that_no_file_can_have_is_there_by_its_hash(
        self, three, run, entity, write, tmp_path, name
    ):
        run("add", write(entity("site", entity_id=name), "site"), "--yes")
        run("sign")
        run("publish", tmp_path / "www")
        assert len(list((tmp_path / "www/entities").iterdir())) == 7

    def test_a_folder_that_cannot_be_written_is_told(self, three, run, tmp_path):
        run("sign")
        (tmp_path / "www").write_text("no folder")
        told = run("publish", tmp_path / "www", code=1)
        assert told.startswith("Error: ")
        assert str(tmp_path / "www") in told

    def test_nothing_that_is_over(self, three, run, tmp_path, clock):
        assert "does not exist" in run("publish", tmp_path / "www", code=1)
        run("sign")
        clock.shift(15 * 86_400)
        assert "sign it again" in run("publish", tmp_path / "www", code=1)


class TestKilled:
    """Whatever is ended when leaves the old or the new."""

    @pytest.mark.parametrize("at", ["fsync", "rename"])
    def test_while_it_signs(self, three, run, monkeypatch, at):
        run("sign")
        before = contents(three)
        run("rules", SITE, "--level", "hoog")
        ruled = contents(three)

        def die(*_):
            raise KeyboardInterrupt

        if at == "fsync":
            monkeypatch.setattr("os.fsync", die)
        else:
            monkeypatch.setattr("pathlib.Path.replace", die)
        run("sign", code=1)
        monkeypatch.undo()
        assert contents(three) == {**ruled, "metadata.xml": before["metadata.xml"]}
        assert "everything in order" in run("verify")

    # A process of its own, which nothing tidies up after.
    KILLED = """
import os, pathlib, signal, sys
import eilogin.cli

really = pathlib.Path.replace

def replace(self, target):
    if sys.argv[1] == "after":
        really(self, target)
    os.kill(os.getpid(), signal.SIGKILL)

pathlib.Path.replace = replace
eilogin.cli.main(["federation", "sign", sys.argv[2]])
"""

    @pytest.mark.parametrize("moment", ["before", "after"])
    def test_by_a_signal_that_nobody_can_catch(self, three, run, moment):
        run("sign")
        run("rules", SITE, "--level", "hoog")
        was = (three / "metadata.xml").read_bytes()
        command = [sys.executable, "-c", self.KILLED, moment, str(three)]
        ended = subprocess.run(command, check=False, capture_output=True, timeout=60)
        assert ended.returncode == -signal.SIGKILL, ended.stderr
        is_old = (three / "metadata.xml").read_bytes() == was
        assert is_old == (moment == "before")
        octets = (three / "metadata.xml").read_bytes()
        found = read_federation(octets, [key_of("operator").public]).entities
        assert len(found) == 3


class TestFetched:
    """Metadata that is taken from where it lies, over real HTTP."""

    @pytest.fixture
    def serve(self):
        servers = []

        def start(octets):
            class Handler(BaseHTTPRequestHandler):
                def do_GET(self):
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(octets)))
                    self.end_headers()
                    self.wfile.write(octets)

                def log_message(self, *_):
                    pass

            server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
            servers.append(server)
            Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
            return f"http://127.0.0.1:{server.server_port}/metadata"

        yield start
        for server in servers:
            server.shutdown()
            server.server_close()

    def test_is_taken_as_a_file_is(self, new, run, entity, write, serve):
        url = serve(write(entity("site"), "site").read_bytes())
        run("add", url, "--yes")
        assert SITE in run("list")

    def test_no_more_of_it_than_one_member_has(self, new, run, serve):
        assert "bytes" in run("add", serve(b" " * 1024 * 1024 * 2), "--yes", code=1)

    def test_an_address_that_does_not_answer_is_told(self, new, run):
        assert "http://127.0.0.1:9" in run("add", "http://127.0.0.1:9/", code=1)


class TestWhatIsBrokenInTheFolder:
    @pytest.mark.parametrize(
        ("name", "text", "says"),
        [
            ("rules.ini", "no ini file", "no section headers"),
            ("rules.ini", f"[{SITE}]\n[{SITE}]\n", "already exists"),
            ("rules.ini", b"\xff", "codec"),
            ("../operator.key", "no key", "not a private key in PEM form"),
            ("../operator.crt", "no certificate", "not a certificate in PEM form"),
            ("metadata.xml", "<x/>", "not SAML metadata"),
            ("members/x.xml", "<x/>", "expected an EntityDescriptor"),
        ],
    )
    def test_is_told_with_its_file(self, three, run, name, text, says):
        run("sign")
        octets = text if isinstance(text, bytes) else text.encode()
        (three / name).write_bytes(octets)
        command = "publish" if name.endswith("key") else "verify"
        words = (three / "www",) if command == "publish" else ()
        told = run(command, *words, code=1)
        assert says in told
        assert name.rpartition("/")[2] in told or command == "publish"

    def test_a_key_that_is_not_there(self, three, run, tmp_path):
        (tmp_path / "operator.key").unlink()
        assert "operator.key: No such file" in run("sign", code=1)


class TestTold:
    def test_all_that_a_hub_says(self, new, run, entity, write):
        descriptor = entity("hub", "hub", descriptions={"nl": "Een hub"})
        scope = b"<shibmd:Scope xmlns:shibmd='urn:mace:shibboleth:metadata:1.0' "
        scope += b"regexp='false'>hub.test</shibmd:Scope>"
        path = write(
            descriptor,
            None,
            lambda o: o.replace(b"</mdui:UIInfo>", b"</mdui:UIInfo>" + scope, 1),
        )
        told = run("add", path, "--without-proof", "test", "--yes")
        for line in ("Een hub (nl)", "scope       hub.test", "AS A HUB"):
            assert line in told

    def test_all_that_a_participant_asks(self, new, run, entity, write):
        descriptor = entity("site", entity_categories=frozenset({"https://x.test/c"}))
        wanted = AttributeService(("urn:oid:1", "name"), frozenset({"name"}))
        role = replace(descriptor.service_provider, attribute_services=(wanted,))
        ends = the_clock.now() + 86_400
        descriptor = replace(descriptor, service_provider=role, valid_until=ends)
        told = run("add", write(descriptor, "site"), "--yes")
        for line in (
            "category      https://x.test/c",
            "attribute   urn:oid:1",
            "attribute   name (required)",
            "valid until   2026-11-25T09:00:00Z",
        ):
            assert line in told

    def test_that_nothing_can_be_encrypted_for_it(self, new, run, entity, write):
        descriptor = entity("site")
        cbc = EncryptionMethod("http://www.w3.org/2001/04/xmlenc#aes128-cbc")
        role = replace(descriptor.service_provider, encryption_methods=(cbc,))
        path = write(replace(descriptor, service_provider=role), "site")
        told = run("add", path, "--yes")
        assert (
            "note          a hub that encrypts cannot log visitors in there: "
        ) in told

    def test_add_shows_entity_attributes_of_the_member(self, new, run, entity, write):
        said = TestOnlyTheOperatorSays.RULED % b"urn:x:assurance"
        path = write(
            entity("site"), None, lambda o: o.replace(b"<md:Extensions>", said, 1)
        )
        told = run("add", path, "--without-proof", "test", "--yes")
        assert "says          urn:x:assurance = basis\n" in told

    def test_a_hub_without_a_login_is_none(self, new, run, entity, write):
        descriptor = entity("hub", "hub")
        other = Endpoint("urn:x", "https://hub.test/sso")
        role = replace(descriptor.identity_provider, single_sign_ons=(other,))
        path = write(replace(descriptor, identity_provider=role), "hub")
        assert "lacks a SingleSignOnService" in run("add", path, "--yes", code=1)


@pytest.mark.parametrize("declared", [FederationOptions, MemberRule])
def test_the_manual_has_each_option_of_its_files(declared):
    folder = Path(__file__).parents[3] / "contrib/manual/federation"
    text = "".join(page.read_text(encoding="utf-8") for page in folder.iterdir())
    for name in declared.model_fields:
        assert f"\n``{name}`` " in text


def test_two_members_whose_files_would_be_called_alike(three, run, entity, write):
    names = ("https://site.test/a?b", "https://site.test/a-b")
    for name in names:
        run("add", write(entity("site", entity_id=name), "site"), "--yes")
    files = {path.name for path in (three / "members").iterdir()}
    assert {"site.test-a-b.xml", "site.test-a-b-2.xml"} <= files
    run("sign")
    assert set(names) < {e.entity_id for e in signed(three).entities}
