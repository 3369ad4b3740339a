"""The script that warns before the end: into which pages it comes, how it is kept."""

import base64
import hashlib
import json
import logging
import re
from types import SimpleNamespace

import pytest
from webob import Request

from eilogin.errors import MethodNotAllowed
from eilogin.federation.local.accent_colours import Accent
from eilogin.participant.expiry.expiry_warning import ExpiryWarning
from eilogin.web import environ as env
from eilogin.web.visit import Visit

DOCUMENT = b"<!doctype html><html><head><title>Page</title></head></html>"
ADDRESSES = {"warning": "/warning.js", "session": "/session"}
UTF8 = "text/html; charset=utf-8"


@pytest.fixture(scope="module")
def end_warning():
    return ExpiryWarning(120)


def asked(url="https://uwv.test/mijn", templates=None, accent=None, **changes):
    """What a browser asks for, by somebody who is logged in."""
    environ = Request.blank(url).environ
    own = SimpleNamespace(
        public_url="https://uwv.test/app",
        templates=templates,
        accent=accent,
        names={"nl": "Mijn UWV"},
        hub_inside=None,
        mount="/app",
        url=lambda address: f"https://uwv.test/app/eilogin{ADDRESSES[address]}",
    )
    environ[env.SESSION] = SimpleNamespace()
    environ[env.TRUST] = SimpleNamespace(own=own)
    environ[env.ADDRESS] = None
    environ["HTTP_SEC_FETCH_MODE"] = "navigate"
    environ["HTTP_SEC_FETCH_DEST"] = "document"
    environ.update(changes)
    return {key: value for key, value in environ.items() if value != "absent"}


def answered(
    end_warning, environ, *, status="200 OK", kind=UTF8, body=DOCUMENT, **said
):
    def app(environ, start_response):
        headers = [(name.replace("_", "-"), value) for name, value in said.items()]
        start_response(status, [("Content-Type", kind), *headers])
        return [body]

    chunks = end_warning.answer(app, environ, lambda *_: None)
    return b"".join(chunks).decode()


def sources(text):
    return re.findall(r'<script src="([^"]*)" async=""></script>', text)


def digests(text):
    """What tags say that name the hash of the script."""
    keys = r'integrity="([^"]*)" crossorigin=""'
    return re.findall(rf'<script src="[^"]*" {keys} async=""></script>', text)


# --- into which pages -----------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {},
        # A form that comes back with what was wrong in it.
        {"REQUEST_METHOD": "POST"},
        # A browser that says nothing of where it will show the page.
        {"HTTP_SEC_FETCH_MODE": "absent", "HTTP_SEC_FETCH_DEST": "absent"},
    ],
)
def test_it_comes_into_a_page_that_somebody_looks_at(end_warning, changes):
    [source] = sources(answered(end_warning, asked(**changes)))
    assert re.fullmatch(r"/app/eilogin/warning\.js\?v=[0-9a-f]{16}", source)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({env.SESSION: None}, id="a stranger"),
        pytest.param({env.ADDRESS: "logout"}, id="eilogin's own"),
        pytest.param({"REQUEST_METHOD": "PUT"}, id="a script's method"),
        pytest.param({"HTTP_RANGE": "bytes=0-9"}, id="a part"),
        pytest.param({"HTTP_SEC_FETCH_MODE": "cors"}, id="a script"),
        pytest.param({"HTTP_X_REQUESTED_WITH": "XMLHttpRequest"}, id="an old script"),
        pytest.param({"HTTP_SEC_FETCH_DEST": "iframe"}, id="a frame in a page"),
    ],
)
def test_it_comes_into_nothing_else(end_warning, changes):
    assert answered(end_warning, asked(**changes)) == DOCUMENT.decode()


@pytest.mark.parametrize(
    "said",
    [
        {"kind": "TEXT/HTML;Charset=UTF-8"},
        {"kind": "text/html; version=1; charset='iso-8859-15'"},
        {"kind": 'text/html; charset="windows-1252"'},
        {"kind": "application/xhtml+xml"},
        {"kind": "application/xhtml+xml; charset=us-ascii"},
        {"Content_Encoding": "identity"},
        {"Cache_Control": "private, max-age=0"},
        {"Content_Disposition": "inline"},
    ],
)
def test_it_comes_into_html_that_lets_it_in(end_warning, said):
    assert sources(answered(end_warning, asked(), **said))


@pytest.mark.parametrize(
    "said",
    [
        {"status": "404 Not Found"},
        {"status": "206 Partial Content"},
        {"kind": "application/json"},
        {"kind": "text/plain; charset=utf-8"},
        {"Content_Disposition": 'Attachment; filename="besluit.html"'},
    ],
)
def test_other_answers_are_none_of_its_business(end_warning, caplog, said):
    assert answered(end_warning, asked(), **said) == DOCUMENT.decode()
    assert caplog.text == ""


OBSTACLES = [
    ({"Content_Encoding": "gzip"}, "compressed"),
    ({"Cache_Control": "private, No-Transform"}, "no-transform"),
    ({"kind": "text/html"}, "charset"),
    ({"kind": "text/html; charset=utf-16"}, "charset"),
    ({"kind": "application/xhtml+xml; charset=utf-16"}, "charset"),
    ({"Content_Security_Policy": "sandbox allow-scripts"}, "sandbox"),
    ({"Content_Security_Policy": "default-src \x7f"}, "characters"),
]


@pytest.mark.parametrize(("said", "why"), OBSTACLES)
def test_log_explains_once_why_page_has_no_expiry_warning(caplog, said, why):
    end_warning = ExpiryWarning(120)
    for _ in range(3):
        assert answered(end_warning, asked(), **said) == DOCUMENT.decode()
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert why in record.getMessage()


# --- the policy of the page -----------------------------------------------------


def policies(end_warning, environ, *headers, status="200 OK", kind=UTF8):
    """The policies and the body of an answer to which the application gave these."""
    told = []

    def app(environ, start_response):
        said = [("Content-Security-Policy", policy) for policy in headers]
        start_response(status, [("Content-Type", kind), *said])
        return [DOCUMENT]

    chunks = end_warning.answer(app, environ, lambda *said: told.append(said[1]))
    text = b"".join(chunks).decode()
    [headers] = told
    return [value for name, value in headers if name != "Content-Type"], text


def test_a_policy_that_allows_it_stays_as_it_is(end_warning):
    said = "default-src 'self'"
    found, text = policies(end_warning, asked(), said)
    assert found == [said]
    assert sources(text)


def test_each_policy_of_a_page_is_extended_and_the_tag_names_the_hash(end_warning):
    said = ["default-src 'self'", "script-src 'none'"]
    found, text = policies(end_warning, asked(), *said)
    [digest] = digests(text)
    assert found == [said[0], f"script-src '{digest}'"]
    [source] = re.findall('src="([^"]*)"', text)
    script = end_warning.script(Visit(asked(f"https://uwv.test{source}"))).body
    expected = base64.b64encode(hashlib.sha256(script).digest()).decode()
    assert digest == f"sha256-{expected}"


def test_a_page_that_has_not_changed_keeps_its_policy_extended(end_warning):
    changed = {"HTTP_IF_NONE_MATCH": '"a"'}
    found, _ = policies(
        end_warning, asked(**changed), "default-src 'none'", status="304 Not Modified"
    )
    assert "connect-src https://uwv.test/app/eilogin/session" in found[0]


@pytest.mark.parametrize("status", ["200 OK", "404 Not Found"])
def test_an_answer_without_the_script_keeps_its_policy(end_warning, status):
    kind = UTF8 if status.startswith("4") else "text/plain"
    said = "default-src 'none'"
    found, text = policies(end_warning, asked(), said, status=status, kind=kind)
    assert found == [said]
    assert text == DOCUMENT.decode()


def test_a_page_may_demand_hashes_of_all_scripts(end_warning):
    said = {"Integrity_Policy": "blocked-destinations=(script)"}
    assert digests(answered(end_warning, asked(), **said))


def test_pages_of_a_hub_inside_are_left_alone(end_warning):
    environ = asked()
    environ[env.TRUST].own.hub_inside = "/hub"
    assert sources(answered(end_warning, {**environ, "PATH_INFO": "/mijn"}))
    below = {**environ, "PATH_INFO": "/hub/sso"}
    assert answered(end_warning, below) == DOCUMENT.decode()


def test_an_xhtml_page_stays_well_formed(end_warning):
    document = b'<?xml version="1.0"?><html xmlns="x"><title/></html>'
    kind = "application/xhtml+xml"
    text = answered(end_warning, asked(), kind=kind, body=document)
    assert text == document.decode()


# --- the script -----------------------------------------------------------------


def test_a_browser_keeps_this_version_and_asks_again_for_another(end_warning):
    [source] = sources(answered(end_warning, asked()))
    kept = end_warning.script(Visit(asked(f"https://uwv.test{source}")))
    assert kept.content_type == "text/javascript"
    assert kept.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert kept.headers["X-Content-Type-Options"] == "nosniff"
    other = end_warning.script(
        Visit(asked("https://uwv.test/eilogin/warning.js?v=old"))
    )
    assert other.headers["Cache-Control"] == "no-cache"
    assert other.body == kept.body


def test_another_setting_is_another_version(end_warning):
    tags = {
        tuple(sources(answered(one, asked())))
        for one in (end_warning, ExpiryWarning(120), ExpiryWarning(60))
    }
    assert len(tags) == 2


def test_another_sentence_of_the_site_is_another_version(end_warning, tmp_path):
    catalogue = 'msgid "warning.button.stay"\nmsgstr "Ja, ik ga door"\n'
    (tmp_path / "nl.po").write_text(catalogue, encoding="utf-8")
    environ = asked(templates=tmp_path)
    assert "Ja, ik ga door" in end_warning.script(Visit(environ)).text
    theirs, ours = (sources(answered(end_warning, one)) for one in (environ, asked()))
    assert theirs != ours


def test_the_dialog_has_the_colour_of_the_site(end_warning):
    script = end_warning.script(Visit(asked(accent=Accent.of("#154273")))).text
    [call] = re.findall(r"warnBeforeTheEnd\((\{.*\})\);\n", script)
    assert json.loads(call)["accent"].startswith(":host { --accent: #154273;")
    assert ":root" not in call


def test_the_script_is_only_read(end_warning):
    with pytest.raises(MethodNotAllowed):
        end_warning.script(Visit(asked(REQUEST_METHOD="POST")))


def test_it_speaks_dutch_and_english_and_every_text_has_its_use(end_warning):
    text = end_warning.script(Visit(asked())).text
    settings = json.loads(re.search(r"warnBeforeTheEnd\((\{.*\})\);\n", text)[1])
    assert settings["warnSeconds"] == 120
    dutch, english = settings["texts"]["nl"], settings["texts"]["en"]
    assert dutch["soon"] == "Over {time} wordt u uitgelogd bij {site}"
    assert dutch["stays"] == (
        "Wilt u ingelogd blijven? Doet u niets, dan wordt u uitgelogd. "
        "Wat u hebt ingevuld, blijft staan."
    )
    assert english["goOn"] == "Stay logged in"
    assert dutch.keys() == english.keys()
    source = text.partition('warnBeforeTheEnd({"')[0]
    for name in dutch:
        assert re.search(rf"\b{name}\b", source), name


@pytest.mark.parametrize("forbidden", ["eval(", "innerHTML", "Function(", ".style"])
def test_it_does_nothing_that_a_strict_policy_forbids(end_warning, forbidden):
    assert forbidden not in end_warning.script(Visit(asked())).text
