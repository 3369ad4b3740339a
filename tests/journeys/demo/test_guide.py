"""The journeys of the guide, as its first page tells them, without a real browser."""

import hashlib
import random
import re
from html import unescape

import pytest
from peer_servers import over_http

from eilogin.testing import Browser
from eilogin.testing.strict_browser import File

pytestmark = pytest.mark.real

PHOTO = random.Random(17).randbytes(4 * 1024**2)  # noqa: S311 - no secret
SVB = "Sociale Verzekeringsbank"


class Reader(Browser):
    """Somebody who does what the guide says."""

    def __init__(self, demo):
        super().__init__(over_http)
        self.demo = demo
        self.open_guide()

    def open_guide(self):
        self.visit(f"http://localhost:{self.demo.port}/")
        assert self.heading == "Probeer Eenmalig Inloggen"

    @property
    def heading(self):
        return unescape(re.search(r"(?s)<h1[^>]*>(.*?)</h1>", self.page.text)[1])

    def choose(self, name="anna"):
        """Press the button of a citizen, and send the form as it is then."""
        action = self.page.text.partition('action="')[2].partition('"')[0]
        fields = {"demo-citizen": name}
        self.post(unescape(action), site="same-origin", **fields)
        self.press("Inloggen")

    def is_at(self, host, path="/"):
        return self.url == self.demo.url(host, path)


@pytest.fixture
def reader(demo):
    return Reader(demo)


@pytest.fixture
def logged_in(reader):
    """Anna, at the portal."""
    reader.click("MijnOverheid")
    reader.choose()
    assert reader.heading == "Welkom, Anna de Proef"
    return reader


def test_log_in_once(logged_in):
    for host, name in (("uwv", "UWV"), ("gemeente", "Gemeente Voorbeeldstad")):
        logged_in.open_guide()
        logged_in.click(name)
        assert logged_in.is_at(host)
        assert "Anna de Proef niveau basis Uitloggen" in logged_in.text


def test_a_form_with_a_photo_waits_for_the_code_and_arrives_whole(logged_in):
    logged_in.open_guide()
    logged_in.click("Een verhuizing doorgeven")
    assert logged_in.is_at("gemeente", "/verhuizen")
    logged_in.press("Versturen", Foto=File("huur.jpg", PHOTO, "image/jpeg"))
    assert "Wij bewaren uw formulier tot" in logged_in.text
    logged_in.click("Opnieuw inloggen")
    logged_in.choose()
    logged_in.press("Verstuur opnieuw")
    assert logged_in.heading == "Ontvangen"
    assert hashlib.sha256(PHOTO).hexdigest() in logged_in.text
    assert "Anna de Proef niveau midden" in logged_in.text


def test_a_tax_return_needs_a_new_proof(demo):
    # Another citizen: a code is good once.
    chaima = Reader(demo)
    chaima.click("Mijn aangifte")
    chaima.choose("chaima")
    assert chaima.is_at("belastingdienst", "/aangifte")
    chaima.click("Ondertekenen en versturen")
    assert chaima.heading == "Inloggen bij Belastingdienst"
    chaima.choose("chaima")
    assert chaima.is_at("belastingdienst", "/aangifte/versturen")
    chaima.press("Onderteken en verstuur")
    assert chaima.heading == "Ontvangen"


@pytest.fixture
def switches(demo):
    """The guide, at which everything is on again afterwards."""
    reader = Reader(demo)
    yield reader
    reader.open_guide()
    if "Zet UWV aan" in reader.text:
        reader.press("Zet UWV aan")


def test_log_out_while_a_site_is_down(logged_in, switches):
    logged_in.click("UWV")
    switches.press("Zet UWV uit")
    assert "Staat uit" in switches.text
    logged_in.open_guide()
    logged_in.click("Gemeente Voorbeeldstad")
    logged_in.click("Uitloggen")
    assert logged_in.heading == "U wordt uitgelogd"
    logged_in.open_frames()
    logged_in.click("Ga verder")
    assert logged_in.heading == "Let op: u bent nog niet overal uitgelogd"
    assert "UWV Hier is uitloggen nog niet gelukt" in logged_in.text
    switches.press("Zet UWV aan")
    assert "Staat uit" not in switches.text


def test_say_that_it_was_not_me(reader):
    reader.click("SVB")
    assert "Dit is een oefening van DigiD." in reader.text
    reader.choose()
    assert reader.is_at("svb", "/mijn")
    reader.open_guide()
    reader.click("DUO")
    assert reader.heading == "U bent al ingelogd"
    assert f"Waar u bent ingelogd {SVB}" in reader.text
    reader.post(
        unescape(reader.page.text.partition('action="')[2].partition('"')[0]),
        site="same-origin",
        **{"not-me": "1"},
    )
    assert "Log in met uw eigen DigiD." in reader.text
    reader.choose("bram")
    assert reader.is_at("duo", "/mijn")
    reader.visit(reader.demo.url("svb", "/mijn"))
    assert reader.heading == "U bent al ingelogd", "and it is Bram who is"
