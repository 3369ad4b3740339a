"""Pages: their templates and languages, and the page of an error."""

import re
import sys
from importlib import resources
from types import SimpleNamespace

import pytest
from bs4 import BeautifulSoup
from jinja2 import UndefinedError
from owns import PLAIN
from rendered_pages import environ, hash_of, policy, refusal

from eilogin import clock
from eilogin.errors import (
    CookiesRefused,
    CrossSite,
    LevelTooLow,
    LoginLoops,
    LoginLost,
    MalformedMessage,
    MethodNotAllowed,
    NotFound,
    PeerUnavailable,
    ProofTooOld,
    Refused,
    StoreUnavailable,
)
from eilogin.hub.participants.signed_in_services import SignedInService
from eilogin.hub.signin.rehearsal import CHOICES
from eilogin.portal.portal_app import Tile
from eilogin.web import environ as env
from eilogin.web.pages.page_languages import language_of
from eilogin.web.pages.page_rendering import Pages, json_answer
from eilogin.web.visit import Visit

# 10:31 in the Netherlands, in winter and in summer.
WINTER = 1767951060.0
SUMMER = 1783585860.0
PACKAGES = ("eilogin.web", "eilogin.hub", "eilogin.portal")
TEMPLATES = [
    (package, file.name)
    for package in PACKAGES
    for file in sorted(
        resources.files(package).joinpath("templates").iterdir(), key=lambda f: f.name
    )
    if file.name.endswith((".html", ".json"))
]
SCRIPTED = (
    "logging_out.html",
    "logging_out_from_above.html",
    "known_already.html",
    "receipt.html",
    "sign_in.html",
)
#: Their first field has the focus, and not the heading.
FORMS = ("sign_in.html",)
FRAMED = ("logged_out_in_frame.html", "logging_out_from_above.html")
KEEPING_FRAGMENT = (
    "agree_to_login.html",
    "cancelled.html",
    "choose_hub.html",
    "known_already.html",
    "login_needed.html",
    "sign_in.html",
)
#: The telephone number of the help desk in a sentence.
CALLED = '<a href="tel:140123">14 0123</a>'
LOGIN = SimpleNamespace(
    since=clock.utc(WINTER), until=clock.utc(WINTER + 7200), level="basis"
)
HOSTILE = "<script>alert('x')</script>"
SERVICE = SignedInService(HOSTILE, None, WINTER)
VALUES = {
    "accessibility.html": {
        "name": HOSTILE,
        "about": "https://uwv.example.nl",
        "compliance": "partly",
        "letter": "B",
        "gaps": [HOSTILE],
        "gaps_language": "nl",
        "date": "1 december 2026",
        "report": "https://uwv.example.nl/report",
        "contact": "mailto:help@uwv.example.nl",
        "appeal": "",
    },
    "error.html": {
        "code": "internal",
        "is_logout": False,
        "reference": "K7F-4MP",
        "telephone": "14 0123",
        "again": "/mijn",
    },
    "login_loops.html": {
        "code": "login-loops",
        "cause": "not-kept",
        "is_logout": False,
        "reference": "K7F-4MP",
        "telephone": "14 0123",
        "again": "/mijn",
    },
    "no_cookies.html": {
        "code": "cookies-refused",
        "is_logout": False,
        "reference": "K7F-4MP",
        "telephone": "",
        "again": "/mijn",
    },
    "cancelled.html": {
        "login_url": "/l",
        "choose_url": "/c",
        "back_url": "/b",
        "back_to": "page",
    },
    "digid_failed.html": {
        "words": HOSTILE,
        "ended": True,
        "reference": "K7F-4MP",
        "telephone": "14 0123",
        "again": "/l",
        "back_url": "/b",
    },
    "subject_changed.html": {
        "reference": "K7F-4MP",
        "telephone": "14 0123",
        "again": "/l",
        "back_url": "/b",
    },
    "choose_hub.html": {
        "service": HOSTILE,
        "last": {"name": HOSTILE, "address": "/l?a=b&c=d", "logo": HOSTILE},
        "hubs": [{"name": HOSTILE, "address": "/l?hub=x&c=d", "logo": HOSTILE}],
        "back_url": "/b",
    },
    "agree_to_login.html": {
        "action": "/a",
        "answer": "0f",
        "logged_in": True,
        "service": HOSTILE,
        "hub": HOSTILE,
        "website_url": "/",
    },
    "proof_too_old.html": {
        "code": "proof-too-old",
        "is_logout": False,
        "reference": "K7F-4MP",
        "telephone": "14 0123",
        "logout_url": "/o",
        "again": "/mijn",
    },
    "subject_missing.html": {
        "code": "subject-missing",
        "is_logout": False,
        "reference": "K7F-4MP",
        "telephone": "14 0123",
        "again": "/mijn",
    },
    "logged_out.html": {
        "at": WINTER,
        "everywhere": False,
        "others": "unconfirmed",
        "reference": "K7F-4MP",
        "telephone": "14 0123",
        "again_url": "/a",
        "website_url": "/",
        "hub_url": "https://inloggen.test/",
        "hub_name": HOSTILE,
        "login_url": "/l",
    },
    "logged_out_in_frame.html": {"confirmed": True},
    "logging_out.html": {
        "services": [("Kadaster", ["/t"]), (HOSTILE, ["/u", "/v"])],
        "name": HOSTILE,
        "look_url": "/k",
        "script": "frames.js",
    },
    "logging_out_from_above.html": {
        "ways": ["/t", "/u"],
        "within": 5000,
        "back_url": "/k",
        "script": "frames.js",
    },
    "logging_out_one_by_one.html": {
        "service": HOSTILE,
        "name": HOSTILE,
        "url": "/t",
    },
    "confirm_everywhere.html": {
        "name": HOSTILE,
        "services": [SERVICE],
        "action": "/slo?confirm=0",
    },
    "receipt.html": {
        "services": [
            ("Kadaster", "again", 0.0),
            (HOSTILE, "missed", 0.0),
            ("Zorg", "partly", 0.0),
            ("UWV", "out", WINTER),
        ],
        "is_everywhere": False,
        "is_unsure": True,
        "of_another": False,
        "tell_url": "/n",
        "continue_url": "/c",
        "look_url": "/k",
        "receipt_url": "/logout",
        "kept_until": WINTER + 3600,
        "website_url": "/",
        "login_url": "/l",
        "script": "receipt.js",
        "at": WINTER,
    },
    "confirm_logout.html": {
        "action": "/o",
        "name": HOSTILE,
        "is_here": True,
        "back_url": "/b",
    },
    "login_needed.html": {
        "login_url": "/l",
        "name": HOSTILE,
        "idle_hours": 0.25,
        "kept_until": WINTER + 3600,
    },
    "logged_in.html": {
        "name": HOSTILE,
        "website_url": "/",
        "reference": "K7F-4MP",
        "telephone": "",
    },
    "send_again.html": {
        "action": "/mijn?a=1&b=2",
        "field": "again",
        "handle": "1",
        "name": HOSTILE,
        "sent": WINTER,
        "path": HOSTILE,
        "back_url": "/",
    },
    "body_too_large.html": {"limit": "16 MB"},
    "form_too_large.html": {"limit": "1 MB", "login_url": "/l", "name": HOSTILE},
    "form_not_sent.html": {
        "code": "form-lost",
        "reference": "K7F-4MP",
        "telephone": "14 0123",
        "again": "/",
    },
    "attribute_missing.html": {
        "code": "attribute-missing",
        "is_logout": False,
        "reference": "K7F-4MP",
        "telephone": "",
        "again": "/mijn",
        "needed": [HOSTILE, "mail"],
    },
    "no_access.html": {
        "code": "attribute-refused",
        "is_logout": False,
        "reference": "K7F-4MP",
        "telephone": "14 0123",
        "again": "/",
        "needed": [(HOSTILE, (HOSTILE, "beheerder")), ("mail", ())],
        "name": HOSTILE,
        "logout_url": "/o?next=%2F&x=y",
    },
    "guide.html": {
        "action": "/",
        "is_short": False,
        "sites": {
            word: {
                "url": f"http://{word}.localhost/",
                "name": HOSTILE,
                "description": HOSTILE,
                "logo": "data:," if word == "uwv" else "",
                "is_down": word == "uwv",
            }
            for word in (
                *("mijnoverheid", "uwv", "gemeente", "kadaster"),
                *("belastingdienst", "svb", "duo"),
            )
        },
        "citizens": [(HOSTILE, "jansen", "geheim")],
    },
    "unknown_host.html": {},
    "sign_in.html": {
        "action": "/s",
        "name": HOSTILE,
        "service_logo": "data:image/png;base64,AA==",
        "username": HOSTILE,
        "problem": "wrong",
        "script": "show_password.js",
        "wants_code": True,
        "session_hours": 2,
        "idle_hours": 0.25,
        "ended_by_idle": 0,
        "shown_codes": {"jansen": "123456"},
        "demo_citizens": [("jansen", "geheim", HOSTILE)],
        "choices": CHOICES,
        "chosen": "broken",
    },
    "going_on.html": {"url": "https://a.example/?a=1&b=2"},
    "known_already.html": {
        "service_logo": HOSTILE,
        "action": "/s?a=1&b=2",
        "cancel_url": "/s?a=1&cancel=1",
        "known_as": HOSTILE,
        "name": HOSTILE,
        "services": [SERVICE],
        "since": WINTER - 1500,
        "until": WINTER + 840,
        "seconds_left": 840,
        "script": "count_down.js",
        "choices": CHOICES,
        "chosen": "",
    },
    "log_out_of_services.html": {
        "action": "/s?a=1&b=2",
        "name": HOSTILE,
        "services": [SERVICE],
        "website_url": "https://a.example/",
    },
    "home.html": {
        "login": LOGIN,
        "services": [(HOSTILE, "https://a.example/", WINTER), ("B", None, WINTER)],
        "unsure": [],
        "idle": 0.0,
        "idle_hours": 0.25,
        "login_url": "/l",
        "logout_action": "/o",
        "home_action": "/",
        "choices": CHOICES,
        "chosen": "",
    },
    "signed_out.html": {"login_url": "/l"},
    "portal.html": {
        "title": HOSTILE,
        "heading": HOSTILE,
        "description": HOSTILE,
        "login": LOGIN,
        "name": HOSTILE,
        "seconds_left": 6720.0,
        "idle_hours": 0.25,
        "longest_hours": 2.0,
        "hub_name": HOSTILE,
        "hub_url": "https://h.example/",
        "hub_is_away": True,
        "login_url": "/l",
        "logout_url": "/o",
        "last": [Tile(HOSTILE, HOSTILE, "/go?to=a", "/logo?v=b", "S", True)],
        "tiles": [
            Tile(HOSTILE, HOSTILE, "/go?to=c", "", "S", False),
            Tile("B", "", "", "", "B", False),
        ],
        "count": 3,
        "are_many": True,
        "search": "",
        "category": "",
        "is_search": False,
        "categories": [(HOSTILE, 2, "/?category=x", False)],
        "first_page": "/",
        "page_number": 2,
        "pages": 3,
        "page_before": "/?page=1",
        "page_after": "/?page=3",
    },
}


def test_every_template_is_rendered_below():
    names = {name for _, name in TEMPLATES}
    parts = {"help_desk.html", "login_beside.html", "rehearsal.html", "where_in.html"}
    parts |= {"brand.html", "languages.html", "footer.html", "demo_citizens.html"}
    parts |= {"marks.html", "ways.html"}
    no_pages = {*parts, "base.html", "auto_post.html", "warning_texts.json"}
    assert names - no_pages == set(VALUES)


@pytest.mark.parametrize("language", ["nl", "en"])
@pytest.mark.parametrize("template", VALUES)
def test_every_page_has_its_language_one_focused_heading_and_no_foreign_markup(
    pages, template, language
):
    page = pages.page(Visit(environ(language)), template, **VALUES[template])
    assert page.status_code == 200
    assert page.headers["Content-Language"] == language
    assert f'<html lang="{language}">' in page.text
    # A page in a frame does not take the focus from the page around it.
    focus = "" if template in FRAMED + FORMS else " autofocus"
    assert re.findall(r"<h1[^>]*>", page.text) == [f'<h1 tabindex="-1"{focus}>']
    assert re.search("<title>\\S[^<]+ \N{EN DASH} \\S", page.text)
    assert HOSTILE not in page.text
    scripts = re.findall(r"<script>(.*?)</script>", page.text, re.DOTALL)
    assert len(scripts) == page.text.count("<script")
    assert len(scripts) == (template in SCRIPTED) + (template in KEEPING_FRAGMENT)
    assert policy(page).get("script-src", "") == " ".join(map(hash_of, scripts))
    assert not re.search(r"<[^>]+ (style|on\w+)=", page.text)


@pytest.mark.parametrize("template", ["sign_in.html", "home.html", "logged_out.html"])
@pytest.mark.parametrize("problem", [None, "wrong", "blocked", "too-often"])
@pytest.mark.parametrize("level", ["basis", "midden", "hoog"])
def test_pages_have_variants(pages, template, problem, level):
    login = SimpleNamespace(**{**vars(LOGIN), "level": level})
    values = {
        **VALUES[template],
        "problem": problem,
        "wants_code": False,
        "login": login,
        "services": [],
        "everywhere": False,
        "website_url": None,
    }
    text = pages.page(Visit(environ()), template, **values).text
    if template == "sign_in.html":
        assert ('role="alert"' in text) is (problem is not None)
        assert 'name="code"' not in text
    elif template == "home.html":
        assert "U bent nog bij geen enkele dienst ingelogd." in text
    else:
        assert "overal" not in text


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("nl", "De gebruikersnaam, het wachtwoord of de code klopt niet."),
        ("en", "The username, password or code is not correct."),
    ],
)
def test_wrong_login_with_code_does_not_reveal_the_wrong_field(pages, language, told):
    values = VALUES["sign_in.html"]
    values = values | {"problem": "wrong"}
    text = pages.page(Visit(environ(language)), "sign_in.html", **values).text
    assert told in text
    assert text.count('aria-invalid="true"') == 3


def test_without_a_code_nothing_is_said_of_one(pages):
    values = {**VALUES["sign_in.html"], "problem": "wrong", "wants_code": False}
    text = pages.page(Visit(environ()), "sign_in.html", **values).text
    assert "De gebruikersnaam of het wachtwoord klopt niet." in text
    assert text.count('aria-invalid="true"') == 2


@pytest.mark.parametrize(
    ("problem", "told"),
    [
        ("blocked", "Het is te vaak geprobeerd via deze internetverbinding."),
        ("too-often", "Het is te vaak geprobeerd met deze gebruikersnaam. Wacht 15"),
    ],
)
def test_page_after_too_many_attempts_marks_no_field_invalid(pages, problem, told):
    values = {**VALUES["sign_in.html"], "problem": problem}
    text = pages.page(Visit(environ()), "sign_in.html", **values).text
    assert told in text
    assert 'aria-invalid="true"' not in text
    # There is nothing to fill in now: the heading comes first.
    assert '<h1 tabindex="-1" autofocus>' in text
    assert text.count("autofocus") == 1


@pytest.mark.parametrize("few_left", [True, False])
def test_a_lock_is_announced_when_few_tries_are_left(pages, few_left):
    values = {**VALUES["sign_in.html"], "few_left": few_left}
    text = pages.page(Visit(environ()), "sign_in.html", **values).text
    assert ("Na te veel pogingen kunt u 15 minuten" in text) is few_left


@pytest.mark.parametrize(
    ("values", "field", "about"),
    [
        ({"problem": None, "username": ""}, "username", None),
        ({"problem": None, "username": "", "why": "instead"}, "username", "why"),
        ({"problem": None, "username": "anna", "why": "again"}, "password", "why"),
        ({"problem": None, "username": "", "ended_by_idle": 0.25}, "username", "why"),
        ({"username": "anna"}, "password", "problem"),
        ({"problem": None, "known_as": "anna", "other_url": "/o", "why": "more"},
         "code", "why code-hint"),
        ({"known_as": "anna", "other_url": "/o"}, "code", "problem code-hint"),
    ],
)  # fmt: skip
def test_the_field_to_type_in_first_has_the_focus(pages, values, field, about):
    """A screen reader begins there, so the field names what is said above it."""
    text = pages.page(
        Visit(environ()), "sign_in.html", **VALUES["sign_in.html"] | values
    ).text
    [focused] = re.findall(r"<\w+ [^>]*\bautofocus\b[^>]*>", text)
    assert f' id="{field}"' in focused
    found = re.search(r'aria-describedby="([^"]*)"', focused)
    assert (found and found[1]) == about
    for name in (about or "").split():
        assert text.count(f' id="{name}"') == 1


def test_a_password_is_shown_by_a_script_alone(pages):
    text = pages.page(Visit(environ()), "sign_in.html", **VALUES["sign_in.html"]).text
    [button] = re.findall(r'<button [^>]*id="show-password"[^>]*>', text)
    assert button.endswith('type="button" aria-pressed="false" hidden>')
    assert "Toon wachtwoord</button>" in text
    values = {"known_as": "anna", "other_url": "/o", "script": ""}
    text = pages.page(
        Visit(environ()), "sign_in.html", **VALUES["sign_in.html"] | values
    ).text
    assert "show-password" not in text


@pytest.mark.parametrize("name", ["UWV", ""])
def test_the_logo_of_the_service_stands_beside_its_name(pages, name):
    values = {**VALUES["sign_in.html"], "name": name, "problem": None}
    text = pages.page(Visit(environ()), "sign_in.html", **values).text
    logo = '<img class="logo on-light" src="data:image/png;base64,AA==" alt="">'
    assert (logo in text) is bool(name)
    assert logo not in re.search("<title>.*?</title>", text, re.DOTALL)[0]


@pytest.mark.parametrize(
    ("hours", "dutch", "english"),
    [
        (2, "na 2 uur, of als", "after 2 hours, or after"),
        (2.0, "na 2 uur, of als", "after 2 hours, or after"),
        (1, "na 1 uur, of als", "after 1 hour, or after"),
        (1.5, "na 90 minuten, of als", "after 90 minutes, or after"),
        (1 / 60, "na 1 minuut, of als", "after 1 minute, or after"),
        (1 / 3600, "na 1 minuut, of als", "after 1 minute, or after"),
        (24, "na 24 uur, of als", "after 24 hours, or after"),
    ],
)
def test_a_login_lasts_as_long_as_the_page_says(pages, hours, dutch, english):
    values = {**VALUES["sign_in.html"], "problem": None, "session_hours": hours}
    for language, told in (("nl", dutch), ("en", english)):
        text = pages.page(Visit(environ(language)), "sign_in.html", **values).text
        # A number and its unit stay on one line.
        assert told in text.replace("\N{NO-BREAK SPACE}", " ")
        assert told not in text


def test_a_demonstration_shows_how_to_log_in_and_nothing_else_does(pages):
    values = dict(VALUES["sign_in.html"])
    text = pages.page(Visit(environ()), "sign_in.html", **values).text
    assert "Gebruikersnaam: jansen. Wachtwoord: geheim" in text
    assert "Code: 123456" in text
    text = pages.page(
        Visit(environ()), "sign_in.html", **values | {"shown_codes": {}}
    ).text
    assert "Code: " not in text
    del values["demo_citizens"], values["shown_codes"]
    text = pages.page(Visit(environ()), "sign_in.html", **values).text
    assert "demonstratie" not in text


def test_an_anonymous_visitor_sees_what_one_login_does_and_a_way_in(pages):
    values = {**VALUES["portal.html"], "login": None, "last": [], "name": ""}
    text = pages.page(Visit(environ()), "portal.html", **values).text
    assert 'href="/l">Inloggen' in text
    assert "Overal uitloggen" not in text
    assert "U blijft hoogstens 2\N{NO-BREAK SPACE}uur ingelogd." in text


def test_page_after_cancelled_step_up_says_visitor_is_still_signed_in(pages):
    values = {**VALUES["cancelled.html"], "logged_in": True}
    text = pages.page(Visit(environ()), "cancelled.html", **values).text
    assert "U bent nog ingelogd" in text
    assert "U bent niet ingelogd" not in text


def test_a_value_that_a_template_misses_is_an_error(pages):
    with pytest.raises(UndefinedError):
        pages.page(Visit(environ()), "login_needed.html", name="x")


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "nl"),
        ("", "nl"),
        ("nl-NL,nl;q=0.9,en;q=0.8", "nl"),
        ("en-GB,en;q=0.9,nl;q=0.8", "en"),
        ("de-DE,de", "en"),
        ("fr,*;q=0.5", "en"),
        ("de,en;q=0.5", "en"),
        ("nl;q=0.2,en;q=0.7", "en"),
        ("*", "nl"),
        ("en;q=x,,;;", "nl"),
        ("x" * 10000, "nl"),
        ("en," + "de,fr;q=0.9," * 12, "en"),
        ("en," * 67, "nl"),
    ],
)
def test_the_language_is_the_one_that_the_browser_prefers(header, language):
    environ = {} if header is None else {"HTTP_ACCEPT_LANGUAGE": header}
    assert language_of(Visit(environ)) == language


def calls_made(function, *arguments):
    """How many functions, of Python and of C, were called."""
    count = 0

    def one_more(frame, event, argument):
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(one_more)
    try:
        function(*arguments)
    finally:
        sys.setprofile(before)
    return count


def test_a_long_header_costs_no_more_work_than_a_short_one():
    longest = "x-y," * 50
    assert len(longest) == 200
    most = calls_made(language_of, Visit({"HTTP_ACCEPT_LANGUAGE": longest}))
    much_longer = {"HTTP_ACCEPT_LANGUAGE": "x-y," * 30_000}
    assert calls_made(language_of, Visit(much_longer)) < most < 2_000


@pytest.mark.parametrize(
    ("language", "at", "time"),
    [
        ("nl", WINTER, "om 10.31 uur."),
        ("nl", SUMMER, "om 10.31 uur."),
        ("nl", clock.utc(SUMMER), "om 10.31 uur."),
        ("en", WINTER, "at 10:31."),
    ],
)
def test_times_are_those_of_the_netherlands(pages, language, at, time):
    values = {**VALUES["logged_out.html"], "at": at}
    assert (
        time in pages.page(Visit(environ(language)), "logged_out.html", **values).text
    )


def test_a_page_for_a_script_is_not_made_without_one(pages):
    values = {**VALUES["logging_out.html"], "script": ""}
    with pytest.raises(UndefinedError, match="'script' is undefined"):
        pages.page(Visit(environ()), "logging_out.html", **values)


def test_each_hub_to_choose_keeps_what_is_behind_the_address(pages):
    page = pages.page(Visit(environ()), "choose_hub.html", **VALUES["choose_hub.html"])
    assert page.text.count(" data-login>") == 2


@pytest.mark.parametrize(
    ("others", "told"),
    [
        ("partly", "Bij een of meer andere diensten is uitloggen niet gelukt."),
        ("unconfirmed", "Wij konden niet controleren of u ook bij de andere diensten"),
        ("not-told", "U bent alleen bij deze dienst uitgelogd."),
        (
            "retrying",
            "Wij blijven proberen u ook bij de andere diensten uit te loggen.",
        ),
        ("unknown", "U was al uitgelogd. Wij weten nu niet of u ook bij alle andere"),
        ("no-login", "Bij andere diensten bent u misschien nog ingelogd."),
    ],
)
def test_page_after_unconfirmed_logout_gives_advice(pages, others, told):
    values = {**VALUES["logged_out.html"], "others": others}
    text = pages.page(Visit(environ()), "logged_out.html", **values).text
    assert told in text
    assert "uw hele browser" in text
    has_code = others in ("unconfirmed", "retrying")
    assert (f"Vragen? Bel {CALLED} en noem kenmerk" in text) == has_code
    assert ("U bent hier uitgelogd om" in text) == (
        others not in ("unknown", "no-login")
    )
    # Where nothing was to be done, nothing went wrong.
    assert ('class="card alert"' in text) == (others != "no-login")
    assert ('class="problem"' in text) == (others != "no-login")


@pytest.mark.parametrize(
    ("everywhere", "tone", "mark"),
    [(True, "done", "done"), (False, "alert", "alert")],
)
def test_a_receipt_is_told_by_shapes_and_not_by_colour_alone(
    pages, everywhere, tone, mark
):
    values = {**VALUES["receipt.html"], "is_everywhere": everywhere}
    text = pages.page(Visit(environ()), "receipt.html", **values).text
    assert f'<div class="card {tone}">' in text
    signs = re.findall(r'<svg class="sign (\w+)"[^>]* aria-hidden="true">', text)
    assert signs == [mark, "again", "missed", "alert", "done"]


@pytest.mark.parametrize(
    ("without", "buttons"),
    [
        ([], ["Verder uitloggen", "Ga verder", "Kijk opnieuw", "Naar de startpagina"]),
        (["tell_url"], ["Ga verder", "Kijk opnieuw", "Naar de startpagina"]),
        (["tell_url", "continue_url"], ["Kijk opnieuw", "Naar de startpagina"]),
        (["tell_url", "continue_url", "look_url"],
         ["Naar de startpagina", "Opnieuw inloggen"]),
    ],
)  # fmt: skip
def test_one_way_on_from_a_receipt_stands_out(pages, without, buttons):
    values = VALUES["receipt.html"] | dict.fromkeys(without)
    text = pages.page(Visit(environ()), "receipt.html", **values).text
    found = re.findall(r'<a class="button( quiet)?"[^>]*>([^<]+)</a>', text)
    quiet = [" quiet"] * (len(buttons) - 1)
    assert found == list(zip(["", *quiet], buttons, strict=True))


@pytest.mark.parametrize("unsure", [True, False])
def test_receipt_mentions_other_services_only_if_state_is_unsure(pages, unsure):
    told = "Ook bij andere diensten bent u misschien nog ingelogd."
    values = {**VALUES["receipt.html"], "is_unsure": unsure}
    text = pages.page(Visit(environ()), "receipt.html", **values).text
    assert (told in text) is unsure
    values["of_another"] = True
    text = pages.page(Visit(environ()), "receipt.html", **values).text
    assert told not in text


def test_the_receipt_of_another_says_nothing_of_the_reader(pages):
    values = {
        **VALUES["receipt.html"],
        "of_another": True,
        "is_everywhere": False,
        "tell_url": None,
        "look_url": None,
        "services": [("UWV", "refused", 0.0)],
    }
    text = pages.page(Visit(environ()), "receipt.html", **values).text
    assert "Misschien is deze persoon daar nog ingelogd." in text
    assert "bent u" not in text
    assert ">Inloggen</a>" in text


@pytest.mark.parametrize(
    ("own", "told"),
    [
        ({}, None),
        (
            {"telephone": "14 0123 (9.00-17.00)"},
            "Lukt inloggen niet? Bel 14 0123 (9.00-17.00).",
        ),
        ({"footer": [("contact", "/hulp")]}, "Lukt inloggen niet? Ga naar Contact."),
        (
            {"footer": [("contact", "/hulp")], "telephone": "14 0123"},
            "Lukt inloggen niet? Bel 14 0123.",
        ),
        ({"footer": [("privacy", "/privacy")]}, None),
    ],
)
@pytest.mark.parametrize("problem", [None, "wrong", "too-often", "blocked"])
def test_after_a_problem_the_sign_in_page_says_who_can_help(pages, own, told, problem):
    site = environ()
    values = {"public_url": "https://inloggen.test", **PLAIN, **own}
    site[env.TRUST] = SimpleNamespace(own=SimpleNamespace(**values))
    values = {**VALUES["sign_in.html"], "problem": problem}
    page = BeautifulSoup(pages.page(Visit(site), "sign_in.html", **values).text, "lxml")
    found = [one.get_text().strip() for one in page.select("[role=alert] p + p")]
    assert found == ([told] if told and problem else [])
    # It is not read aloud with each field again.
    about = page.find(id="problem")
    assert about is None or "Lukt" not in about.get_text()


@pytest.mark.parametrize(
    ("values", "title"),
    [
        ({"page_number": 1}, "Diensten"),
        ({"page_number": 2}, "Diensten, bladzijde 2 van 3"),
        (
            {"page_number": 2, "is_search": True, "search": "x", "count": 500},
            "500 diensten gevonden, bladzijde 2 van 3",
        ),
    ],
)
def test_each_page_of_the_portal_has_a_title_of_its_own(pages, values, title):
    values = {**VALUES["portal.html"], "title": "", **values}
    page = BeautifulSoup(
        pages.page(Visit(environ()), "portal.html", **values).text, "lxml"
    )
    assert page.title.string.startswith(f"{title} \N{EN DASH} ")
    assert "bladzijde" not in page.h1.string
    assert page.select_one("nav.pages")["aria-label"] == "Bladzijden"


def test_a_description_in_another_language_is_marked_as_such(pages):
    tiles = [
        Tile("SVB", "Old age", "/go?to=a", "", "S", True, "en"),
        Tile("UWV", "Werk", "/go?to=b", "", "U", True),
    ]
    values = {**VALUES["portal.html"], "last": [], "tiles": tiles}
    page = BeautifulSoup(
        pages.page(Visit(environ()), "portal.html", **values).text, "lxml"
    )
    found = [(one.string, one.get("lang")) for one in page.select(".tile p.soft")]
    assert found == [("Old age", "en"), ("Werk", None)]


@pytest.mark.parametrize(
    ("level", "told"),
    [
        ("basis", "wachtwoord"),
        ("midden", "wachtwoord en code"),
        ("substantieel", "niveau substantieel (extra zeker)"),
        ("hoog", "niveau hoog (het meest zeker)"),
    ],
)
def test_the_hub_says_how_she_has_logged_in(pages, level, told):
    login = SimpleNamespace(**{**vars(LOGIN), "level": level})
    values = {**VALUES["home.html"], "login": login}
    text = pages.page(Visit(environ()), "home.html", **values).text
    assert f"<dt>Ingelogd met</dt><dd>{told}</dd>" in text


def test_the_hub_says_that_an_idle_visitor_has_to_log_in_again(pages):
    values = {
        **VALUES["home.html"],
        "services": [],
        "unsure": [("Stad", None, WINTER)],
        "idle": 0.25,
    }
    text = pages.page(Visit(environ()), "home.html", **values).text
    assert "U moet opnieuw inloggen" in text
    assert "U hebt 15\N{NO-BREAK SPACE}minuten niets gedaan." in text
    assert "Waar u misschien nog bent ingelogd" in text
    assert "Waar u bent ingelogd" not in text
    assert "Ingelogd met" not in text


@pytest.mark.parametrize(
    ("why", "told"),
    [
        ("", "Na het inloggen kunt u ook naar andere diensten."),
        ("again", "Voor deze pagina moet u opnieuw laten zien wie u bent."),
        ("more", "Voor deze pagina hebt u ook een code nodig."),
    ],
)
def test_the_sign_in_page_says_why_she_signs_in_once_more(pages, why, told):
    values = {**VALUES["sign_in.html"], "problem": None, "why": why}
    text = pages.page(Visit(environ()), "sign_in.html", **values).text
    assert told in text
    assert ("U bent al ingelogd." in text) is bool(why)
    assert ("Na het inloggen kunt u" in text) is not bool(why)


@pytest.mark.parametrize(
    ("values", "title"),
    [
        ({}, "Log in om verder te gaan"),
        ({"wanted": "midden"}, "Deze pagina vraagt een extra controle"),
        ({"wanted": "hoog"}, "Deze pagina vraagt een extra controle"),
        ({"wanted": ""}, "U moet opnieuw laten zien wie u bent"),
    ],
)
def test_nobody_who_is_logged_in_reads_that_they_have_to_log_in(pages, values, title):
    known = {"is_known": True} if values else {}
    sent = {"idle_hours": None, "kept_until": None, "was_sent": False, "is_whole": True}
    values = {**VALUES["login_needed.html"], **sent, **known, **values}
    text = pages.page(Visit(environ()), "login_needed.html", **values).text
    assert f"autofocus>{title}</h1>" in text
    assert ("U bent al ingelogd." in text) is ("is_known" in known)


def test_each_way_to_log_in_has_a_name_of_its_own_and_a_picture(pages):
    hubs = [
        {"name": "DigiD", "address": "/1", "logo": "data:,"},
        {"name": "eHerkenning", "address": "/2", "logo": ""},
    ]
    for last, others in ((None, hubs), (hubs[0], hubs[1:]), (hubs[1], hubs[:1])):
        values = {**VALUES["choose_hub.html"], "last": last, "hubs": others}
        page = BeautifulSoup(
            pages.page(Visit(environ()), "choose_hub.html", **values).text, "lxml"
        )
        links = [one.get_text().strip() for one in page.main.select("a[href]")]
        ways = [
            f"Inloggen met {one['name']}" for one in ([last] if last else []) + others
        ]
        assert links == [*ways, "Annuleren"]
        assert [one["alt"] for one in page.main.select("img")] == [""]
        [initial] = page.main.select("[data-initial]")
        assert (initial["data-initial"], initial["aria-hidden"]) == ("E", "true")


def test_hub_choice_page_names_last_used_hub(pages):
    values = VALUES["choose_hub.html"]
    text = pages.page(Visit(environ()), "choose_hub.html", **values).text
    assert "Vorige keer gebruikte u &lt;script&gt;" in text
    assert "volgende keer" not in text
    text = pages.page(
        Visit(environ()), "choose_hub.html", **{**values, "last": None}
    ).text
    assert "Vorige keer" not in text
    assert "Kies hoe u wilt inloggen. De volgende keer weten wij dat nog." in text


def test_no_data_are_spoken_of_where_none_are_known_to_be_missing(pages):
    values = {**VALUES["attribute_missing.html"], "needed": ()}
    text = pages.page(Visit(environ()), "attribute_missing.html", **values).text
    assert "Deze website kan u nu niet toelaten." in text
    assert "Zonder deze gegevens" not in text


@pytest.mark.parametrize(
    ("ways", "buttons"),
    [
        ({"again": None}, []),
        ({"again": "/l"}, ["Inloggen als iemand anders"]),
        ({"again": None, "logout_url": "/o"},
         ["Uitloggen, en als iemand anders inloggen"]),
        ({"again": "/", "logout_url": "/o"},
         ["Uitloggen, en als iemand anders inloggen", "Naar de website"]),
    ],
)  # fmt: skip
def test_attribute_missing_page_offers_next_steps(pages, ways, buttons):
    values = {**VALUES["attribute_missing.html"], **ways}
    text = pages.page(Visit(environ()), "attribute_missing.html", **values).text
    assert re.findall(r'<a class="button[^>]*>([^<]+)</a>', text) == buttons


@pytest.mark.parametrize(
    ("ways", "told", "buttons"),
    [
        ({"again": "/", "logout_url": "/o"}, "Log eerst uit.",
         ["Uitloggen, en opnieuw inloggen", "Naar de website"]),
        ({"again": None, "logout_url": "/o"}, "Log eerst uit.",
         ["Uitloggen, en opnieuw inloggen"]),
        ({"again": "/", "logout_url": ""}, "Sluit uw hele browser",
         ["Naar de website"]),
        ({"again": None, "logout_url": ""}, "Sluit uw hele browser", []),
    ],
)  # fmt: skip
def test_stale_authentication_page_offers_next_steps(pages, ways, told, buttons):
    values = {**VALUES["proof_too_old.html"], **ways}
    text = pages.page(Visit(environ()), "proof_too_old.html", **values).text
    assert "U moet opnieuw laten zien wie u bent" in text
    assert "extra controle" not in text
    assert told in text
    assert re.findall(r'<a class="button[^>]*>([^<]+)</a>', text) == buttons


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("nl", "U logt dan ook uit bij de andere diensten."),
        ("en", "You will be logged out of the other services too."),
    ],
)
@pytest.mark.parametrize(
    "template", ["proof_too_old.html", "no_access.html", "attribute_missing.html"]
)
def test_a_button_that_logs_out_says_that_it_does_so_everywhere(
    pages, template, language, told
):
    values = {**VALUES[template], "logout_url": "/o"}
    assert told in pages.page(Visit(environ(language)), template, **values).text
    if template != "no_access.html":
        values["logout_url"] = ""
        assert told not in pages.page(Visit(environ(language)), template, **values).text


@pytest.mark.parametrize(
    ("cause", "helpless"),
    [("not-kept", False), ("twice", False), ("unknown", True), ("asked-again", True)],
)
def test_login_loop_page_advises_to_call_if_retry_cannot_help(pages, cause, helpless):
    values = {**VALUES["login_loops.html"], "cause": cause}
    text = pages.page(Visit(environ()), "login_loops.html", **values).text
    assert (
        f"Opnieuw proberen helpt niet. Bel {CALLED} en noem kenmerk" in text
    ) == helpless
    assert (f"Lukt het niet? Bel {CALLED}" in text) != helpless
    ways = ["Naar de website"] if helpless else ["Probeer het opnieuw"]
    assert re.findall(r'<a class="button[^>]*>([^<]+)</a>', text) == ways
    values["again"] = None
    text = pages.page(Visit(environ()), "login_loops.html", **values).text
    assert re.findall(r'<a class="button[^>]*>([^<]+)</a>', text) == []


@pytest.mark.parametrize(
    "code", ["form-sent", "form-lost", "form-of-another", "form-refused"]
)
def test_a_form_that_was_sent_already_is_no_fault(pages, code):
    values = {**VALUES["form_not_sent.html"], "code": code}
    text = pages.page(Visit(environ()), "form_not_sent.html", **values).text
    assert (f"Vragen? Bel {CALLED}" in text) == (code == "form-sent")
    assert ("Lukt het niet?" in text) == (code != "form-sent")


def test_error_page_refers_to_organisation_with_reference_code(pages):
    values = {**VALUES["error.html"], "code": "login-failed", "helps": "organisation"}
    text = pages.page(Visit(environ()), "error.html", **values).text
    assert "Dat ligt niet aan u. U kunt niet inloggen bij deze website" in text
    assert f"Opnieuw proberen helpt niet. Bel {CALLED} en noem kenmerk" in text
    assert "over een paar minuten" not in text
    found = re.findall(r'<a class="button( quiet)?" href="([^"]*)">([^<]+)</a>', text)
    call, website = ("", "tel:140123", "Bel 14 0123"), ("/mijn", "Naar de website")
    assert found == [call, (" quiet", *website)]
    values["telephone"] = ""
    text = pages.page(Visit(environ()), "error.html", **values).text
    found = re.findall(r'<a class="button( quiet)?" href="([^"]*)">([^<]+)</a>', text)
    assert found == [("", *website)]


@pytest.mark.parametrize(
    ("ways", "buttons"),
    [
        ({"again": None}, []),
        ({"again": "/a"}, [("", "Probeer het opnieuw")]),
        ({"again": "/a", "ways_back": [("/h", "")]},
         [("", "Probeer het opnieuw"), (" quiet", "Naar de startpagina")]),
        ({"again": None, "ways_back": [("/u", "UWV"), ("/h", "")]},
         [("", "Terug naar UWV"), (" quiet", "Naar de startpagina")]),
        ({"again": "/a", "ways_back": [("/u", "UWV"), ("/h", "")]},
         [("", "Probeer het opnieuw"), (" quiet", "Terug naar UWV")]),
    ],
)  # fmt: skip
def test_one_way_on_from_an_error_stands_out(pages, ways, buttons):
    values = {**VALUES["error.html"], **ways}
    text = pages.page(Visit(environ()), "error.html", **values).text
    found = re.findall(r'<a class="button([^"]*)"[^>]*>([^<]+)</a>', text)
    assert found == buttons
    assert text.count('<p class="actions">') == bool(buttons)


@pytest.mark.parametrize("template", ["digid_failed.html", "subject_changed.html"])
def test_no_way_back_leads_to_a_page_that_needs_a_login(pages, template):
    values = VALUES[template]
    assert ">Terug</a>" in pages.page(Visit(environ()), template, **values).text
    text = pages.page(Visit(environ()), template, **values | {"back_url": ""}).text
    assert re.findall(r'class="button[^>]*>([^<]+)</a>', text) == ["Inloggen met DigiD"]


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("nl", "Ga terug naar de website waar u wilde inloggen. Log daar opnieuw in."),
        ("en", "Go back to the website where you wanted to log in. Log in there"),
    ],
)
def test_lost_login_page_advises_to_start_at_the_website(pages, language, told):
    values = {**VALUES["error.html"], "code": "login-lost", "again": None}
    ways = {"ways_back": [("/h", "")]}
    text = pages.page(Visit(environ(language)), "error.html", **values, **ways).text
    assert told in text
    assert told not in pages.page(Visit(environ(language)), "error.html", **values).text


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("nl", "Na het inloggen kunt u 15 minuten lang zonder opnieuw inloggen"),
        ("en", "After you log in, you can go to other services for 15 minutes"),
    ],
)
def test_a_login_as_at_digid_lasts_as_long_as_there(pages, language, told):
    values = {**VALUES["sign_in.html"], "problem": None, "is_digid": True}
    text = pages.page(Visit(environ(language)), "sign_in.html", **values).text
    assert told in text
    assert "2 uur" not in text
    assert "2 hours" not in text


@pytest.mark.parametrize(("language", "told"), [("nl", "Inloggen"), ("en", "Log in")])
def test_a_sign_in_for_no_service_names_none(pages, language, told):
    values = {**VALUES["sign_in.html"], "problem": None, "name": None}
    text = pages.page(Visit(environ(language)), "sign_in.html", **values).text
    assert f"<title>{told} \N{EN DASH} " in text
    assert f">{told}</h1>" in text


@pytest.mark.parametrize(
    ("language", "asked", "left", "where"),
    [
        (
            "nl",
            "U bent al ingelogd sinds 10.06 uur. Wilt u verder naar UWV?",
            ("Nog <b", "</b> min<"),
            "Waar u bent ingelogd",
        ),
        (
            "en",
            "You have been logged in since 10:06. Do you want to continue to UWV?",
            ("Time left: <b", "</b> min<"),
            "Where you are logged in",
        ),
    ],
)
def test_page_asks_signed_in_visitor_to_confirm_next_participant(
    pages, language, asked, left, where
):
    values = {**VALUES["known_already.html"], "name": "UWV"}
    text = pages.page(Visit(environ(language)), "known_already.html", **values).text
    assert all(part in text for part in (asked, *left, where))
    values = {**values, "services": []}
    text = pages.page(Visit(environ(language)), "known_already.html", **values).text
    assert asked in text
    assert where not in text


def test_logout_question_has_english_text(pages):
    values = {**VALUES["log_out_of_services.html"], "name": "UWV"}
    text = pages.page(Visit(environ("en")), "log_out_of_services.html", **values).text
    assert "You are logged out of UWV. You are still logged in to:" in text
    assert "If you continue, you are logged out of these services too." in text
    assert "you can go back to UWV without logging in again." in text


@pytest.mark.parametrize("telephone", ["14 0123", ""])
def test_subject_missing_page_does_not_advise_to_retry(pages, telephone):
    values = {**VALUES["subject_missing.html"], "telephone": telephone}
    text = pages.page(Visit(environ()), "subject_missing.html", **values).text
    assert text.count("K7F-4MP") == 1
    assert (f"Bel {CALLED} en noem kenmerk" in text) is bool(telephone)
    assert "Probeer het opnieuw" not in text
    text = pages.page(
        Visit(environ()), "subject_missing.html", **{**values, "again": None}
    ).text
    assert "Naar de website" not in text


@pytest.mark.parametrize(
    ("error", "event", "dutch"),
    [
        (MalformedMessage(""), "login", "Inloggen is niet gelukt"),
        (MalformedMessage(""), "login", "Ga terug naar de website"),
        (MalformedMessage(""), "logout", "Uitloggen is niet gelukt"),
        (PeerUnavailable(""), "logout.sent", "Uitloggen is niet gelukt"),
        (LoginLost(""), "login", "Deze inlogpoging is niet meer geldig."),
        (LevelTooLow(""), "login", "U moet inloggen met een extra controle"),
        (ProofTooOld(""), "login", "U moet opnieuw laten zien wie u bent"),
        (CrossSite(""), "logout", "Wij hebben dit niet gedaan"),
        (StoreUnavailable(""), "login", "Wij kunnen deze pagina nu niet tonen"),
        (StoreUnavailable(""), "logout", "Uitloggen is niet gelukt"),
        (CookiesRefused(""), "login", "Uw browser bewaart onze cookie niet"),
        (LoginLoops("", "not-kept"), "login", "de tijd van uw apparaat"),
        (LoginLoops("", "twice"), "login", "twee cookies met dezelfde naam"),
        (LoginLoops("", "unknown"), "login", "een fout in deze website"),
        (LoginLoops("", "asked-again"), "login", "Dat gebeurde 5 keer"),
        (NotFound(""), "address", "Deze pagina bestaat niet"),
        (MethodNotAllowed("", ["GET"]), "address", "Wij kunnen deze pagina niet tonen"),
    ],
)
def test_the_page_says_what_the_visitor_can_do(pages, caplog, error, event, dutch):
    page, _, _ = refusal(pages, caplog, error, event)
    assert page.status_code == error.status
    assert dutch in page.text


def test_the_help_desk_is_named_where_it_is_known(pages, caplog):
    has = {**PLAIN, "telephone": "14 0123"}
    own = SimpleNamespace(public_url="https://uwv.example", **has)
    trust = SimpleNamespace(own=own)
    known = {**environ(), "eilogin.trust": trust}
    page, _, event = refusal(pages, caplog, LoginLost(""), environ=known, again="/m?x")
    assert f"Bel {CALLED} en noem kenmerk <span" in page.text
    assert event["reference"] in page.text
    assert 'href="/m?x">Probeer het opnieuw' in page.text


def test_without_a_help_desk_nobody_is_to_be_called(pages, caplog):
    page, _, _ = refusal(pages, caplog, LoginLost(""))
    assert "Bel " not in page.text
    assert "Probeer het opnieuw</a>" not in page.text


def test_a_background_call_gets_json(pages, caplog):
    call = environ(**{"Sec-Fetch-Mode": "cors"})
    error = MethodNotAllowed("<x>", ["GET", "HEAD"])
    page, _, event = refusal(pages, caplog, error, environ=call)
    assert page.status_code == 405
    assert page.content_type == "application/json"
    told = {"reason": "method-not-allowed", "reference": event["reference"]}
    assert page.json == told
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Allow"] == "GET, HEAD"


def test_wrong_method_response_lists_allowed_methods(pages, caplog):
    page, _, _ = refusal(pages, caplog, MethodNotAllowed("<x>", ["POST"]))
    assert page.content_type == "text/html"
    assert page.headers["Allow"] == "POST"


@pytest.mark.parametrize("mode", ["navigate", "cors"])
def test_unavailable_store_response_has_retry_after(pages, caplog, mode):
    call = environ(**{"Sec-Fetch-Mode": mode})
    page, _, _ = refusal(pages, caplog, StoreUnavailable(""), environ=call)
    assert page.status_code == 503
    assert page.headers["Retry-After"] == "10"


def test_no_other_error_tells_when(pages, caplog):
    page, _, _ = refusal(pages, caplog, PeerUnavailable(""))
    assert "Retry-After" not in page.headers


def test_no_other_error_tells_of_methods(pages, caplog):
    page, _, _ = refusal(pages, caplog, Refused("<x>"))
    assert "Allow" not in page.headers


def test_a_script_gets_json_that_is_kept_and_guessed_at_by_nobody():
    answer = json_answer(
        Visit(environ()),
        {"level": "midden", "ends": 7},
        status=401,
        headers=[("WWW-Authenticate", "eilogin")],
    )
    assert answer.status_code == 401
    assert answer.content_type == "application/json"
    assert answer.json == {"level": "midden", "ends": 7}
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["WWW-Authenticate"] == "eilogin"
    assert json_answer(Visit(environ()), {}).status_code == 200


def test_a_package_may_say_it_otherwise(tmp_path, monkeypatch):
    folder = tmp_path / "own_pages"
    (folder / "templates").mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "templates" / "unknown_host.html").write_text("{{ language }}: <b>")
    monkeypatch.syspath_prepend(tmp_path)
    page = Pages("own_pages").page(Visit(environ("en")), "unknown_host.html")
    assert page.text == "en: <b>"
