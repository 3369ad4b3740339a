"""Headers of pages: Content-Security-Policy, framing and HSTS."""

import base64
import hashlib
import re
from types import SimpleNamespace

import pytest
from owns import PLAIN
from rendered_pages import environ, hash_of, policy

from eilogin.web.pages.page_rendering import json_answer
from eilogin.web.visit import Visit
from tests.web.pages.test_page_rendering import VALUES


def test_every_page_forbids_what_it_does_not_use(pages):
    page = pages.page(Visit(environ()), "unknown_host.html", status=421)
    [style] = re.findall(r"<style>(.*?)</style>", page.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy(page) == {
        "default-src": "'none'",
        "style-src": f"'sha256-{digest}'",
        "img-src": "data:",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
    }
    assert page.status_code == 421
    assert page.headers["X-Frame-Options"] == "DENY"
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Referrer-Policy"] == "same-origin"
    assert page.headers["Cache-Control"] == "no-store"
    assert "Strict-Transport-Security" not in page.headers


def test_over_https_a_browser_is_told_to_stay_there(pages):
    page = pages.page(Visit(environ(url="https://uwv.example/")), "unknown_host.html")
    assert page.headers["Strict-Transport-Security"] == "max-age=31536000"


@pytest.mark.parametrize(
    ("public_url", "seen", "is_told"),
    [
        pytest.param("https://uwv.example", "http", True, id="behind a TLS proxy"),
        pytest.param("http://uwv.localhost", "https", False, id="our own word counts"),
    ],
)
def test_whether_it_is_https_the_configuration_says(pages, public_url, seen, is_told):
    trust = SimpleNamespace(own=SimpleNamespace(public_url=public_url, **PLAIN))
    known = Visit({**environ(url=f"{seen}://uwv.example/"), "eilogin.trust": trust})
    for answer in (pages.page(known, "unknown_host.html"), json_answer(known, {})):
        assert ("Strict-Transport-Security" in answer.headers) is is_told


def test_a_form_may_lead_to_the_origins_that_are_given(pages):
    page = pages.page(
        Visit(environ()),
        "unknown_host.html",
        form_action=["https://a.example/acs?x;y", "https://a.example/b"],
        headers=[("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")],
    )
    assert policy(page)["form-action"] == "'self' https://a.example"
    assert page.headers.getall("Set-Cookie") == ["a=1", "b=2"]


def test_an_address_without_origin_is_no_place_for_a_form(pages):
    with pytest.raises(ValueError, match="not an http"):
        pages.auto_post(Visit(environ()), "javascript:alert(1)", {})


def test_a_form_sends_itself_by_the_one_script_that_is_allowed(pages):
    fields = {"SAMLResponse": "PHg+", "RelayState": '"><b>'}
    page = pages.auto_post(
        Visit(environ()),
        "https://uwv.example/acs",
        fields,
        headers=[("Set-Cookie", "a=1")],
    )
    [script] = re.findall(r"<script>(.*?)</script>", page.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy(page)["script-src"] == f"'sha256-{digest}'"
    assert policy(page)["form-action"] == "'self' https://uwv.example"
    assert page.headers["Set-Cookie"] == "a=1"
    assert 'name="SAMLResponse" value="PHg+"' in page.text
    assert 'name="RelayState" value="&#34;&gt;&lt;b&gt;"' in page.text
    assert "Ga verder</button>" in page.text


def test_a_form_that_leads_on_may_go_to_any_site(pages):
    """A hub with a hub above it redirects there, which form-action would stop."""
    page = pages.auto_post(
        Visit(environ()), "https://hub.example/sso", {}, leads_on=True
    )
    assert "form-action" not in policy(page)
    with pytest.raises(ValueError, match="not an http"):
        pages.auto_post(Visit(environ()), "javascript:alert(1)", {}, leads_on=True)


def test_a_form_may_stand_in_a_frame_of_the_one_who_is_named(pages):
    page = pages.auto_post(
        Visit(environ()),
        "https://hub.example/slo",
        {},
        framed_by="https://hub.example/slo",
    )
    assert policy(page)["frame-ancestors"] == "https://hub.example"
    assert "X-Frame-Options" not in page.headers


def test_frames_lead_to_the_sites_that_are_named_and_their_script_alone_runs(pages):
    values = {"services": [("Kadaster", ["/t"])], "look_url": "/k"}
    slo = "https://kadaster.example/slo?x;y"
    page = pages.page(
        Visit(environ()), "logging_out.html", frames=[slo], script="frames.js", **values
    )
    assert policy(page)["frame-src"] == "'self' https://kadaster.example"
    [script] = re.findall(r"<script>(.*?)</script>", page.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy(page)["script-src"] == f"'sha256-{digest}'"
    assert page.headers["X-Frame-Options"] == "DENY"


def test_the_script_is_there_where_no_frame_is_left(pages):
    values = VALUES["logging_out.html"]
    page = pages.page(Visit(environ()), "logging_out.html", frames=[], **values)
    assert "go-on" in page.text[page.text.index("<script>") :]
    assert "script-src" in policy(page)
    assert "frame-src" not in policy(page)


def test_a_page_says_who_else_may_frame_it(pages):
    """A hub above, of which only the site counts."""
    values = VALUES["logging_out_from_above.html"]
    above = "https://above.example/slo"
    page = pages.page(
        Visit(environ()), "logging_out_from_above.html", framed_by=above, **values
    )
    assert policy(page)["frame-ancestors"] == "'self' https://above.example"
    assert "X-Frame-Options" not in page.headers


def test_a_page_may_have_scripts_of_ours_and_no_other(pages):
    values = VALUES["known_already.html"]
    page = pages.page(Visit(environ()), "known_already.html", **values)
    scripts = re.findall(r"<script>(.*?)</script>", page.text, re.DOTALL)
    assert "setInterval" in scripts[0]
    assert "location.hash" in scripts[1]
    assert policy(page)["script-src"] == " ".join(map(hash_of, scripts))


@pytest.mark.parametrize(("dest", "framing"), [("iframe", "SAMEORIGIN"),
                                               ("document", "DENY")])  # fmt: skip
def test_page_for_iframe_may_be_framed_by_its_own_site_only(pages, dest, framing):
    page = pages.page(
        Visit(environ(**{"Sec-Fetch-Dest": dest})),
        "logged_out_in_frame.html",
        confirmed=True,
    )
    assert page.headers["X-Frame-Options"] == framing
    allowed = "'self'" if dest == "iframe" else "'none'"
    assert policy(page)["frame-ancestors"] == allowed
