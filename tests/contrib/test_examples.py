"""The ini files of the pages are whole: ``check`` finds no fault in them."""

import json
import re
from dataclasses import fields, replace

import pytest
from manual_blocks import MANUAL, block, blocks

from eilogin.cli.checks.configuration_check import check
from eilogin.cli.inifiles.ini_members import own_of_part, parts_of
from eilogin.cli.inifiles.ini_sections import IniFile
from eilogin.federation import Own
from eilogin.federation.local.local_keys import OwnKey
from eilogin.federation.local.profiles import DIGID_PROFILE
from eilogin.hub.signin.citizen_accounts import (
    Citizen,
    Citizens,
    demo_citizens,
    to_json,
)
from eilogin.saml.metadata import write_entity, write_federation
from eilogin.saml.signing_keys import SigningKey, new_key_pair

FIRST = block("protect/index.rst", "A whole ini file", "ini")
(DIGID,) = blocks("digid/index.rst", language="ini")
(MICROSOFT,) = blocks("join/microsoft.rst", language="ini")
(KEYCLOAK,) = blocks("join/other-hub.rst", language="ini")
(REHEARSAL,) = blocks("digid/rehearsal.rst", language="ini")
_, MELLON = blocks("hub/participants.rst", language="ini")
(BEHIND,) = blocks("hub/behind.rst", language="ini")


#: What gives pages a name, a logo, a colour and a footer; and a fault of these.
LOOKS, FAULT, *_ = blocks(
    "protect/pages.rst", "Give the pages your name, colour, logo and footer"
)


@pytest.fixture(scope="module")
def key():
    return SigningKey.load(*new_key_pair("test"))


@pytest.fixture
def site(tmp_path, key):
    """Write an ini file, and whatever code, keys and secrets it names."""
    (tmp_path / "mysite").mkdir()
    (tmp_path / "mysite/__init__.py").touch()
    (tmp_path / "mysite/wsgi.py").write_text("application = None\n")

    def write(text):
        path = tmp_path / "site.ini"
        path.write_text(text)
        for name in re.findall(r"%\(here\)s/(\S+)\.key", text):
            key_pem, certificate = new_key_pair(name)
            (tmp_path / f"{name}.key").write_bytes(key_pem)
            (tmp_path / f"{name}.crt").write_bytes(certificate)
        (tmp_path / "name-id.key").write_text("a secret of this very test")
        (tmp_path / "citizens.json").write_bytes(to_json(demo_citizens()))
        return path

    return write


@pytest.fixture
def own(key):
    """A party at an address."""

    def make(host, role="participant", **changes):
        url = f"https://{host}.example.nl"
        prefix = "" if role == "hub" else "/eilogin"
        fields = {"entity_id": f"{url}{prefix}/metadata", "back_channel_url": url}
        return Own(role, url, prefix, (OwnKey.of(key),), **fields | changes)

    return make


def faults_of(path):
    return [str(fault) for fault in check(IniFile.read(path)).faults]


def ours(path, title):
    ini = IniFile.read(path)
    (part,) = [part for part in parts_of(ini) if part.title == title]
    return own_of_part(ini, part)


@pytest.fixture
def signed():
    """Write the metadata of a federation, and its operator's certificate."""

    def write(folder, parties):
        operator = new_key_pair("operator")
        (folder / "operator.crt").write_bytes(operator[1])
        octets = write_federation(
            [party.descriptor() for party in parties],
            name="",
            valid_until=4e9,
            key=SigningKey.load(*operator),
        )
        (folder / "federation.xml").write_bytes(octets)

    return write


def test_the_first_one_protects_an_application(site, own, signed):
    path = site(FIRST)
    signed(path.parent, [ours(path, "filter:eilogin"), own("inloggen", "hub")])
    assert faults_of(path) == []


def test_behind_digid_it_is_as_digid_wants_it(site, own):
    path = site(DIGID)
    folder = path.parent
    (folder / "pseudonym.key").write_text("a secret of this very test")
    (folder / "pkioverheid-private-root.pem").write_bytes(new_key_pair("root")[1])
    hub = replace(own("digid", "hub"), profile=DIGID_PROFILE)
    (folder / "digid.xml").write_bytes(write_entity(hub.descriptor()))
    assert faults_of(path) == []
    assert ours(path, "filter:eilogin").profile is DIGID_PROFILE


def test_a_site_joins_a_hub_of_another_make_by_the_file(site, own):
    path = site(KEYCLOAK)
    xml = write_entity(own("keycloak", "hub").descriptor())
    (path.parent / "keycloak.xml").write_bytes(xml)
    assert faults_of(path) == []


def test_a_participant_of_another_make_joins_by_the_file(site, own):
    path = site(MELLON)
    for name in ("mellon", "shibboleth"):
        xml = write_entity(own(name).descriptor())
        (path.parent / f"{name}.xml").write_bytes(xml)
    assert faults_of(path) == []
    page = (MANUAL / "hub/participants.rst").read_text()
    assert ours(path, "filter:hub-trust").entity_id in page


def test_a_hub_behind_another_is_two_parties(site, own, signed):
    path = site(BEHIND)
    folder = path.parent
    (folder / "above.xml").write_bytes(write_entity(own("digid", "hub").descriptor()))
    hub, above = (ours(path, f"filter:{name}") for name in ("hub-trust", "above"))
    apps = [own(name) for name in ("burgerzaken", "belastingen")]
    signed(folder, [hub, *apps])
    assert faults_of(path) == []
    assert hub.entity_id != above.entity_id
    told = check(IniFile.read(path)).remarks
    assert not [note for note in told if "no member" in note.text]


def test_a_rehearsal_of_digid_takes_the_metadata_of_the_site(site, own):
    path = site(REHEARSAL)
    key, certificate = new_key_pair("saml")
    signing = replace(SigningKey.load(key, certificate), names_key=True)
    mijn = replace(own("mijn"), keys=(OwnKey.of(signing),), profile=DIGID_PROFILE)
    xml = write_entity(mijn.descriptor(), signing)
    (path.parent / "mijn.xml").write_bytes(xml)
    (path.parent / "saml.crt").write_bytes(certificate)
    assert faults_of(path) == []


@pytest.mark.parametrize(
    "text", [FIRST, DIGID, MICROSOFT, KEYCLOAK, MELLON, BEHIND, REHEARSAL]
)
def test_each_has_limits_and_names_the_proxy_that_speaks_tls(site, text):
    told = check(IniFile.read(site(text))).remarks
    assert not {"no-limits", "no-proxies"} & {note.code for note in told}


def test_citizens_are_as_the_hub_reads_them(tmp_path):
    (block,) = blocks("hub/sign-in.rst", language="json")
    [citizen] = json.loads(block)
    assert list(citizen) == [field.name for field in fields(Citizen)]
    (known, *_) = demo_citizens()
    file = tmp_path / "citizens.json"
    file.write_text(json.dumps([{**citizen, "password": known.password}]))
    assert Citizens.load(file).verify("anna", "demo-anna").name == citizen["name"]


class TestNameLogoColourAndFooter:
    @pytest.fixture
    def looks(self, site, tmp_path):
        """Put lines into the first ini file of all; return its path."""
        (tmp_path / "logo.svg").write_text(
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 4"><path/></svg>'
        )
        without_name = re.sub(r"(?m)^name.*\n", "", FIRST)

        def put(lines):
            return site(without_name.replace("[filter:eilogin]\n", f"{lines}\n"))

        return put

    def test_need_no_other_lines(self, looks, signed, own):
        path = looks(LOOKS)
        uwv = ours(path, "filter:eilogin")
        signed(path.parent, [uwv, own("inloggen", "hub")])
        assert faults_of(path) == []
        assert uwv.names["nl"] == "UWV"
        assert uwv.logo.startswith("data:image/svg+xml;base64,")
        assert uwv.accent.light.accent == "#154273"
        words = [word for word, _ in uwv.footer]
        assert words == ["privacy", "accessibility", "contact"]

    def test_are_refused_as_the_manual_says(self, looks):
        path = looks(LOOKS.replace("#154273", "#ffd700"))
        told = [fault for fault in faults_of(path) if "accent" in fault]
        said = " ".join(FAULT.split()).replace("eilogin.ini", str(path))
        assert told == [said]
