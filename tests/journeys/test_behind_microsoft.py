"""A site whose hub is AD FS or Entra ID: logged in and out by what those send.

The site is the real filter of a participant, with the options of the manual's page on
these hubs; the test speaks for the hub.
"""

from configparser import ConfigParser
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner
from hub_speaker import Citizen
from manual_blocks import block, with_changes
from microsoft import (
    ADFS,
    EMAIL,
    ENTRA,
    NAME,
    UPN,
    WINDOWS,
    MicrosoftParty,
    adfs_metadata,
    entra_metadata,
)
from parties import new_party_key

from eilogin.cli import main
from eilogin.filters.participant import make_participant
from eilogin.saml import bindings, messages, safe_xml
from eilogin.saml.signing_keys import new_key_pair
from eilogin.testing.strict_browser import Browser

SITE = "https://mijn.test"
PAGE = f"{SITE}/mijn"
CLASSES = "urn:oasis:names:tc:SAML:2.0:ac:classes"
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
EMAIL_FORMAT = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
UNSPECIFIED = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
WHO = "Uz2Pqz1X7pxe4XLWxV9KJQ+n59d573SepSAkuYKSde8="
MAIL = "anna@voorbeeld.test"
CLAIMS = {EMAIL: [MAIL], UPN: [MAIL], NAME: ["Anna"]}


class Web:
    """The hosts of a journey, and browsers in it."""

    def __init__(self):
        self.apps = {}

    def __call__(self, environ, start_response):
        host = environ["HTTP_HOST"].partition(":")[0]
        return self.apps[host](environ, start_response)

    def browser(self):
        return Browser(self)


def as_the_manual_has_it(folder):
    """The options of the filter on the page on AD FS and Entra ID."""
    parser = ConfigParser(interpolation=None, delimiters="=")
    parser.read_string(block("join/microsoft.rst", "Your site", "ini"))
    said = dict(parser["filter:eilogin"])
    del said["use"]
    return {name: text.replace("%(here)s", str(folder)) for name, text in said.items()}


def check(folder, ini):
    """Run ``eilogin check`` on a file."""
    (folder / "site.ini").write_text(ini)
    return CliRunner().invoke(main, ["check", str(folder / "site.ini")])


HUBS = {
    "adfs": (ADFS, adfs_metadata, "adfs.voorbeeld.test"),
    "entra": (ENTRA, entra_metadata, "login.microsoftonline.test"),
}


@pytest.fixture(scope="module")
def hub_key():
    return new_party_key("hub")


@pytest.fixture(params=HUBS.values(), ids=HUBS.keys())
def visitor(request, clock, witness, tmp_path, hub_key):
    """A visitor of a site with this hub, of which ``options`` say more."""
    entity_id, metadata, host = request.param

    def visitor(**options):
        for ending, octets in zip((".key", ".crt"), new_key_pair("mijn"), strict=True):
            (tmp_path / f"mijn{ending}").write_bytes(octets)
        (tmp_path / "hub.xml").write_bytes(metadata(hub_key))
        (tmp_path / "trust").mkdir()
        said = as_the_manual_has_it(tmp_path) | {"public_url": SITE} | options
        web = Web()
        web.apps["mijn.test"] = app = make_participant(witness, {}, **said)
        hub = MicrosoftParty(app.app.trust, hub_key, entity_id)
        citizen = Citizen(web, hub)
        web.apps[host] = citizen.waiting
        return citizen

    return visitor


def logs_in(citizen, name_id, **changes):
    question = citizen.begin(PAGE)
    answer = citizen.hub.answer(question[0], name_id, CLAIMS, **changes)
    citizen.bring(answer, question)
    return question[0]


@pytest.mark.parametrize(
    ("asked", "name_id"),
    [
        ("persistent", messages.NameID(WHO, PERSISTENT)),
        ("email", messages.NameID(MAIL, EMAIL_FORMAT)),
        ("unspecified", messages.NameID(MAIL)),
        ("unspecified", messages.NameID(MAIL, UNSPECIFIED)),
        ("none", messages.NameID(MAIL, EMAIL_FORMAT)),
    ],
)
def test_is_logged_in_and_out_by_what_the_hub_calls_the_visitor(
    visitor, witness, asked, name_id
):
    citizen = visitor(name_id_format=asked)
    request = logs_in(citizen, name_id)
    # Entra ID refuses a class that it did not use, and AD FS a format that it has not.
    assert request.level_classes == ()
    assert citizen.browser.url == PAGE, citizen.browser.text
    assert witness.environ["MAIL"] == MAIL
    assert witness.environ["REMOTE_USER"].startswith(name_id.value)
    assert witness.environ["eilogin.session"].level == "basis"
    # AD FS compares the NameID of a logout with its own, attribute by attribute.
    citizen.browser.visit(f"{SITE}/eilogin/logout")
    url = next(url for url in citizen.browser.trail if "SAMLRequest=" in url)
    received = bindings.read_redirect(urlsplit(url).query)
    logout = messages.read_logout_request(safe_xml.parse(received.octets))
    assert logout.name_id == name_id
    assert logout.session_indexes
    answer = citizen.hub.logout_response(logout, f"{SITE}/eilogin/slo")
    citizen.browser.follow(
        citizen.hub.by_redirect(
            f"{SITE}/eilogin/slo", "SAMLResponse", answer, received.relay_state
        )
    )
    assert citizen.browser.page.status_int == 200
    citizen.browser.visit(PAGE)
    assert citizen.was_asked()


def test_is_logged_in_from_the_office(visitor, witness):
    citizen = visitor()
    logs_in(citizen, messages.NameID(WHO, PERSISTENT), level_class=WINDOWS)
    assert citizen.browser.url == PAGE, citizen.browser.text
    assert witness.environ["eilogin.session"].level == "basis"


def test_is_told_which_class_came_that_is_in_no_line(visitor, caplog):
    """As Entra ID says of somebody who was logged in by a second factor."""
    citizen = visitor()
    name_id = messages.NameID(WHO, PERSISTENT)
    logs_in(citizen, name_id, level_class=f"{CLASSES}:X509")
    assert citizen.browser.page.status_int == 403
    assert f"{CLASSES}:X509" in caplog.text


def test_another_format_is_told(visitor, caplog):
    """Where the administrator of AD FS made no rule for a persistent one."""
    citizen = visitor()
    logs_in(citizen, messages.NameID(MAIL, EMAIL_FORMAT))
    assert citizen.browser.page.status_int >= 400
    assert "sent a NameID in the format 'email'; expected 'persistent'" in caplog.text


def test_another_key_logs_nobody_in(visitor, attacker_key):
    citizen = visitor()
    citizen.hub.key = attacker_key
    logs_in(citizen, messages.NameID(WHO, PERSISTENT))
    assert citizen.browser.page.status_int == 400


@pytest.mark.parametrize(
    "metadata", [adfs_metadata, entra_metadata], ids=["adfs", "entra"]
)
def test_is_in_order_by_the_whole_file_of_the_manual(tmp_path, hub_key, metadata):
    for ending, octets in zip((".key", ".crt"), new_key_pair("mijn"), strict=True):
        (tmp_path / f"mijn{ending}").write_bytes(octets)
    (tmp_path / "mijn.key").chmod(0o600)
    (tmp_path / "hub.xml").write_bytes(metadata(hub_key))
    (tmp_path / "trust").mkdir()
    ini = with_changes(
        block("join/microsoft.rst", "Your site", "ini"),
        {"mysite.wsgi:application": "wsgiref.simple_server:demo_app"},
    )
    result = check(tmp_path, ini)
    assert result.exit_code == 0, result.output
    assert "metadata-passed-over" not in result.output
    # It is told what of the metadata cannot be used, and how that can be cured.
    organization = (
        b"<Organization><OrganizationName>Stad</OrganizationName></Organization>"
        b"</EntityDescriptor>"
    )
    octets = metadata(hub_key).replace(b"</EntityDescriptor>", organization)
    (tmp_path / "hub.xml").write_bytes(octets)
    result = check(tmp_path, ini)
    assert result.exit_code == 0, result.output
    assert "reads only the valid part of its Organization" in result.output
    assert 'MellonOrganizationName "nl"' in result.output
