"""The pages on sessions, forms, cookies, logouts and looks say what eilogin does."""

import configparser
import json
import re

import pytest
from docutils import nodes
from docutils.core import publish_doctree
from manual_blocks import MANUAL, block, blocks

from eilogin.cli.checks.configuration_check import check
from eilogin.cli.inifiles.ini_sections import IniFile
from eilogin.filters.logout import LogoutEvent
from eilogin.hub.pending_authn_requests import LIFETIME as LIFETIME_AT_HUB
from eilogin.participant.forms import kept_forms
from eilogin.participant.login import pending_logins
from eilogin.participant.logout import logout_hooks, logout_retry_queue
from eilogin.participant.response.artifact_resolution import (
    MOST_ARTIFACTS,
    MOST_UNANSWERED,
)
from eilogin.saml.signing_keys import new_key_pair
from eilogin.web.limits import login_loops

WHOLE = block("protect/index.rst", "A whole ini file", "ini")
PAGES = (
    *("sessions", "warning", "forms", "cookies", "logout", "pages"),
    "accessibility",
)


def text_of(page):
    """The text of a page as one line."""
    tree = publish_doctree((MANUAL / f"protect/{page}.rst").read_text())
    return " ".join(tree.astext().split())


def first_cells(page, section):
    """The first cell of each row below a title."""
    tree = publish_doctree((MANUAL / f"protect/{page}.rst").read_text())
    (place,) = (
        one
        for one in tree.findall(nodes.section)
        if one.next_node(nodes.title).astext() == section
    )
    return [
        row.next_node(nodes.entry).astext()
        for body in place.findall(nodes.tbody)
        for row in body.findall(nodes.row)
    ]


def lines_for(section):
    """The blocks of all pages that begin with this section, or have none."""
    found = [text for page in PAGES for text in blocks(f"protect/{page}.rst")]
    return [text for text in found if text.startswith(f"[{section}]\n")]


# --- the ini files --------------------------------------------------------------------


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Write an ini file with the code, key, logo and password that it names."""
    (tmp_path / "mysite").mkdir()
    (tmp_path / "mysite/__init__.py").touch()
    (tmp_path / "mysite/wsgi.py").write_text("application = None\n")
    hook = blocks("protect/logout.rst", "Call your own code", "python")[-1]
    (tmp_path / "mysite/hooks.py").write_text(hook)
    (tmp_path / "pages").mkdir()
    logo = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 4"><path/></svg>'
    (tmp_path / "logo.svg").write_text(logo)
    key, certificate = new_key_pair("uwv")
    (tmp_path / "uwv.example.nl.key").write_bytes(key)
    (tmp_path / "uwv.example.nl.crt").write_bytes(certificate)
    (tmp_path / "appsessions").write_text("redis://localhost:6379/1")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))

    def faults(text):
        path = tmp_path / "site.ini"
        path.write_text(text)
        return [str(fault) for fault in check(IniFile.read(path)).faults]

    return faults


def test_an_option_that_does_not_exist_is_a_fault(site):
    wrong = WHOLE.replace("[filter:eilogin]", "[filter:eilogin]\nidel = 15m")
    assert len(site(wrong)) == len(site(WHOLE)) + 1


@pytest.mark.parametrize("lines", lines_for("filter:eilogin"))
def test_options_of_the_pages_are_accepted(site, lines):
    names = "|".join(re.findall(r"(?m)^(\w+) =", lines))
    others = re.sub(rf"(?m)^(?:{names}) =.*\n(?:    .*\n)*", "", f"{WHOLE}\n")
    assert site(others.replace("[filter:eilogin]", lines)) == site(WHOLE)


def test_explain_step_up_is_accepted(site):
    lines = blocks("protect/sessions.rst", "A higher level or a fresh login")
    lines += blocks("protect/sessions.rst", "Recognise visitors on public pages")
    with_these = "\n".join(["[filter:eilogin]", *lines])
    assert site(WHOLE.replace("[filter:eilogin]", with_these)) == site(WHOLE)


def test_a_session_for_the_application_is_accepted(site):
    pipeline, backend = blocks(
        "protect/cookies.rst", "A session for your application", "ini"
    )
    section = pipeline.partition("[filter:appsession]")[2]
    in_pipeline = WHOLE.replace("eilogin myapp", "eilogin appsession myapp")
    assert "appsession" in pipeline.splitlines()[1]
    for text in (f"[filter:appsession]{section}", backend):
        assert site(f"{in_pipeline}\n\n{text}\n") == site(WHOLE)


def test_an_entry_point_names_the_group_of_hooks():
    (lines,) = [
        text
        for text in blocks("protect/logout.rst", "Call your own code", "ini")
        if "entry_points" in text
    ]
    parser = configparser.ConfigParser()
    parser.read_string(lines)
    assert list(parser["options.entry_points"]) == [logout_hooks.GROUP]


# --- words that scripts and functions rely on -----------------------------------------


def test_the_keys_of_the_session_address_are_all_explained():
    answer = block("protect/warning.rst", "Ask how long the session lasts", "json")
    keys = first_cells("warning", "Ask how long the session lasts")
    assert {*keys, "logged_in"} == set(json.loads(answer))


def test_the_fields_and_causes_of_a_logout_are_all_explained():
    cells = first_cells("logout", "Call your own code")
    causes = {
        getattr(logout_hooks, name)
        for name in ("HERE", "APPLICATION", "ELSEWHERE", "INSIDE", "OPERATOR", "GONE")
    }
    assert set(cells) == {*LogoutEvent.__dataclass_fields__, *causes}


def test_the_causes_of_a_login_loop_are_all_explained():
    cells = first_cells("sessions", "When logging in goes wrong")
    causes = [
        login_loops.NOT_KEPT,
        login_loops.TWICE,
        login_loops.UNKNOWN,
        login_loops.ASKED_AGAIN,
    ]
    assert cells == causes


# --- numbers --------------------------------------------------------------------------


def test_a_pending_login_lasts_half_an_hour_at_site_and_hub():
    assert pending_logins.LIFETIME == LIFETIME_AT_HUB == 30 * 60
    assert "time to log in at the hub half an hour" in text_of("sessions")


def test_numbers_of_artifacts_are_those_of_the_code():
    text = text_of("sessions")
    assert f"one pending login {MOST_ARTIFACTS}." in text
    assert f"answer of the hub {MOST_UNANSWERED} more." in text
    assert MOST_ARTIFACTS + MOST_UNANSWERED == 10


def test_forms_are_kept_as_long_and_as_many_as_the_page_says():
    text = text_of("forms")
    assert (kept_forms.LIFETIME, kept_forms.MOST_FORMS) == (3600, 3)
    assert "for one hour; no option changes that time" in text
    assert f"pieces of {kept_forms.PIECE // 1024} kB" in text


def test_the_retry_queue_has_the_limit_of_the_page():
    assert f"at most {logout_retry_queue.MOST:,} entries" in text_of("logout-retry")
