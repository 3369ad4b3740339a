"""Plone, made and joined as the manual says: one site for all of these tests."""

import json
import os
import re
from base64 import b64encode
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from app_sites import Citizen
from eilogin_sites import HUB, Ours, code, metadata_of, person
from manual_blocks import block
from plone_site import ADMIN, EDITOR, PAGE, Environment, PloneSite

from eilogin.participant.policy.path_rules import PathRules
from eilogin.testing import File
from eilogin.web import environ as env
from eilogin.web.visit import Visit

pytestmark = pytest.mark.any_python

#: A participant at which citizens log out.
ELSEWHERE = "stad"
#: What a page holds that not everybody may read.
SECRET = "Geheim van de burger"
#: The head of a page that everybody may read, by its own path.
INTERNAL = "<title>Geheim van de raad"
CITIZEN = "Chaïma Müller-Žižek"


@pytest.fixture(scope="module")
def plone(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plone")
    kept = os.environ.get("EILOGIN_PLONE")
    environment = Environment(Path(kept) if kept else folder / "environment")
    environment.make()
    site = PloneSite(folder, environment)
    site.make()
    site.ours = ours = Ours(tmp_path_factory.mktemp("ours"), {ELSEWHERE: {}}, hub={})
    name_all(ours.folder / "var" / "citizens.json", CITIZEN)
    site.join(
        "--federation",
        ours.folder / "var" / "federation.xml",
        "--operator-certificate",
        ours.folder / "var" / "federation.crt",
    )
    site.configure(block(PAGE, "Install and join", "ini"))
    ours.join(*map(ours.metadata, (HUB, ELSEWHERE)), metadata_of(site.ini_file))
    with ours.running(), site.server() as server, site.proxy():
        yield site
    assert "Traceback" not in server.log, server.log


def name_all(file, name):
    citizens = json.loads(file.read_text())
    file.write_text(json.dumps([{**one, "name": name} for one in citizens]))


@pytest.fixture(scope="module")
def numbers():
    return count()


@pytest.fixture
def anna(plone, numbers):
    """A citizen, at a browser of her own."""
    return Citizen(person(next(numbers)), plone.browser())


def told(anna, site):
    """What Plone knows of the visitor."""
    text = anna.visit(site.url("/@@echo")).browser.page.text
    return dict(part.split("=", 1) for part in text.split("|"))


def log_in(anna, site):
    anna.visit(site.url("/mijn")).type_password()
    assert anna.browser.url == site.url("/mijn"), anna.where
    assert "Mijn zaken" in anna.browser.text


# --- who is who -------------------------------------------------------------------


def test_the_manual_leaves_nothing_to_do(plone):
    assert "path_style = zope" in plone.ini_file.read_text()
    assert "everything in order" in plone.run(
        "python", "-m", "eilogin", "check", plone.ini_file
    )


def test_a_citizen_is_a_user_of_plone_until_she_logs_out_there(plone, anna):
    log_in(anna, plone)
    known = told(anna, plone)
    assert known["user"].startswith("burger-")
    assert known["name"] == CITIZEN
    anna.visit(plone.url("/logout"))
    assert "U bent overal uitgelogd" in anna.browser.text, anna.where
    assert told(anna, plone)["user"] == "None"
    assert anna.visit(plone.url("/mijn")).is_asked_for_password


def test_a_citizen_who_logs_out_elsewhere_is_nobody_in_plone(plone, anna):
    log_in(anna, plone)
    anna.visit(plone.ours.url(ELSEWHERE)).browser.click("Uitloggen")
    assert "U bent overal uitgelogd" in anna.browser.text, anna.where
    assert told(anna, plone)["user"] == "None"


def test_a_level_is_a_role(plone, anna):
    search = plone.url("/++api++/@search?fullobjects=1&SearchableText=Geheim")
    log_in(anna, plone)
    assert SECRET not in anna.visit(search).browser.page.text
    anna.visit(plone.url("/mijn/bezwaar")).type_code(code())
    assert SECRET in anna.browser.text
    assert SECRET in anna.visit(search).browser.page.text


def test_plones_own_link_to_log_in_leads_to_the_hub_and_back(plone, anna):
    page = plone.url("/nieuws/bericht")
    anna.visit(f"{plone.url('/login')}?came_from={page}").type_password()
    assert anna.browser.url == page


def test_an_editor_logs_in_as_ever(plone):
    name, password = EDITOR
    browser = plone.browser()
    browser.visit(plone.url("/failsafe_login"))
    browser.press("Inloggen", __ac_name=name, __ac_password=password)
    assert "user=editor" in browser.visit(plone.url("/@@echo")).text


def test_nobody_is_a_user_of_zope_by_http_basic(plone):
    credentials = b64encode(ADMIN.encode()).decode()
    answer = plone.browser().fetch(
        plone.url("/@@echo"), Authorization=f"Basic {credentials}"
    )
    assert "user=None" in answer.text


# --- what strangers see -----------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/mijn/bezwaar",
        "/nieuws/mijn/bezwaar",
        "/++api++/mijn/bezwaar",
        "/++theme++barceloneta/mijn/bezwaar",
        "/mijn/@@bezwaar",
        "/++api++/@search?fullobjects=1&SearchableText=Geheim+van",
        "/@search?fullobjects=1",
        "/@@search?SearchableText=Geheim",
        "/sitemap",
    ],
)
@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_no_stranger_reads_what_is_guarded(plone, path, accept):
    answer = plone.browser().fetch(plone.url(path), Accept=accept)
    assert SECRET not in answer.text
    assert answer.status_int < 500


@pytest.mark.parametrize(
    "before",
    [
        *("/nieuws", "/nieuws/bericht", "/++api++/nieuws", "/++theme++barceloneta"),
        *("/++plone++static", "/++resource++plone.app.event"),
    ],
)
def test_no_page_is_published_by_another_path_than_its_own(plone, before):
    browser = plone.browser()
    own = browser.visit(plone.url("/intern/besluit"))
    assert INTERNAL in own.text
    answer = browser.visit(plone.url(f"{before}/intern/besluit"))
    assert INTERNAL not in answer.text
    assert answer.status_int == 404


def resources(browser, page):
    """The styles, scripts and pictures that a page asks for, on its own site."""
    found = re.findall(r'(?:href|src)="(https?://[^"]+)"', browser.visit(page).text)
    host = urlsplit(page).netloc
    return {
        url
        for url in found
        if urlsplit(url).netloc == host
        and ("++" in url or url.endswith((".css", ".js")))
    }


def test_styles_scripts_and_the_rest_api_are_there(plone):
    browser = plone.browser()
    urls = resources(browser, plone.url("/nieuws/bericht"))
    assert {url for url in urls if "++webresource++" in url}
    for url in urls:
        assert browser.visit(url).status_int == 200, url
    as_json = {"Accept": "application/json"}
    for path in ("/++api++/nieuws/bericht", "/nieuws/bericht"):
        answer = browser.fetch(plone.url(path), **as_json)
        assert answer.json["title"] == "De brug is open"


def test_a_closed_site_leaves_the_styles_of_an_exempt_page_open(plone):
    rules = PathRules.parse(block(PAGE, "Close a whole site", "ini").splitlines()[1:])
    page = plone.url("/contact-info")
    for url in {page, *resources(plone.browser(), page)}:
        path = urlsplit(url).path
        seen = env.Visible(path, path)
        assert rules.rule_of(asked_for(seen)).need == "off", path
    # The second one is the first one, by a path of its own.
    for path in ("/intern/besluit", "/++webresource++x/intern/besluit"):
        assert INTERNAL in plone.browser().visit(plone.url(path)).text
        assert rules.rule_of(asked_for(env.Visible(path, path))).need == "basis"


def asked_for(seen):
    """A request for a path of Zope, at the root of its host."""
    environ = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": seen.path}
    own = type("Own", (), {"mount": ""})
    trust = type("Trust", (), {"own": own})
    return Visit({**environ, env.VISIBLE: seen, env.TRUST: trust})


# --- forms ------------------------------------------------------------------------

TEXTS = {
    "tekst": "Het formulier stuurt naar sociaal:action en HTTP:method.",
    "bijlage": File("bericht.eml", b"<wsa:Action> name*=utf-8''x.pdf"),
}
ARRIVED = "bijlage=<wsa:Action> name*=utf-8''x.pdf|tekst=Het formulier stuurt naar"


def test_a_form_with_files_may_hold_any_text(plone):
    answer = plone.browser().post(plone.url("/@@echo"), **TEXTS)
    assert answer.status_int == 200
    assert ARRIVED in answer.text


def test_a_form_with_files_comes_again_after_a_conflict(plone):
    answer = plone.browser().post(plone.url("/@@conflict"), **TEXTS)
    assert answer.status_int == 200
    assert answer.text.startswith("tries=2|")
    assert ARRIVED in answer.text


def test_a_form_that_calls_something_is_refused_with_a_page(plone):
    called = {"mijn/bezwaar:method": "x", **TEXTS}
    answer = plone.browser().post(plone.url("/nieuws"), **called)
    assert answer.status_int == 400
    assert "Ga terug in uw browser" in answer.text
    assert SECRET not in answer.text
