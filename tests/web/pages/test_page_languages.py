"""The language of a page, and the switch in its header."""

from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest
from lxml import html
from owns import PLAIN
from webob import Request

from eilogin.errors import MethodNotAllowed
from eilogin.web import environ as env
from eilogin.web.pages import themes
from eilogin.web.pages.page_languages import choices, choose, language_of
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.pages.translations import LANGUAGES
from eilogin.web.visit import Visit

UWV = "https://uwv.test"
COOKIE = "__Host-eilogin-language"
GERMAN = 'msgid "button.log_in"\nmsgstr "Anmelden"\n'
ARABIC = 'msgid "button.log_in"\nmsgstr "تسجيل الدخول"\n'


def asked(url="/", *, address=None, method="GET", **own):
    """A request to a site."""
    environ = Request.blank(url, base_url=UWV, method=method).environ
    values = {"public_url": UWV, **PLAIN, **own}
    environ[env.TRUST] = SimpleNamespace(own=SimpleNamespace(**values))
    environ[env.ADDRESS] = address
    return environ


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "de.po").write_text(GERMAN, "utf-8")
    (tmp_path / "ar.po").write_text(ARABIC, "utf-8")
    return tmp_path


class TestTheLanguage:
    @pytest.mark.parametrize(
        ("cookie", "wish", "language"),
        [
            ("en", "nl", "en"),
            ("nl", "en", "nl"),
            ("nl", "de", "nl"),
            ("de", "en", "en"),
            ("EN", None, "nl"),
            ("", "en", "en"),
        ],
    )
    def test_is_the_chosen_one_before_that_of_the_browser(self, cookie, wish, language):
        environ = asked()
        environ["HTTP_COOKIE"] = f"a=b; {COOKIE}={cookie}"
        if wish:
            environ["HTTP_ACCEPT_LANGUAGE"] = wish
        assert language_of(Visit(environ)) == language

    @pytest.mark.parametrize(
        ("wish", "language"),
        [
            ("de-AT,de;q=0.9", "de"),
            ("ar", "ar"),
            ("fr", "en"),
            ("fr,nl;q=0.1", "nl"),
            (None, "nl"),
        ],
    )
    def test_may_be_one_of_the_folder_of_the_site(self, folder, wish, language):
        environ = asked(templates=folder)
        if wish:
            environ["HTTP_ACCEPT_LANGUAGE"] = wish
        assert language_of(Visit(environ)) == language

    @pytest.mark.parametrize(
        ("code", "direction"), [("de", None), ("ar", "rtl"), ("nl", None)]
    )
    def test_is_told_by_the_page_with_its_direction(self, folder, code, direction):
        environ = asked(templates=folder)
        environ["HTTP_ACCEPT_LANGUAGE"] = code
        page = Pages().page(Visit(environ), "unknown_host.html")
        root = html.document_fromstring(page.text)
        assert page.headers["Content-Language"] == root.get("lang") == code
        assert root.get("dir") == direction

    def test_is_english_where_a_page_of_the_site_fails(self, folder):
        (folder / "unknown_host.html").write_text("{{ nothing_of_ours }}", "utf-8")
        environ = asked(templates=folder)
        environ["HTTP_ACCEPT_LANGUAGE"] = "de"
        page = Pages().page(Visit(environ), "unknown_host.html")
        assert page.headers["Content-Language"] == "en"
        assert '<html lang="en">' in page.text
        assert "There is no website at this address" in page.text


class TestTheSwitch:
    def test_names_each_language_in_itself(self, folder):
        environ = asked(templates=folder)
        page = Pages().page(Visit(environ), "unknown_host.html")
        nav = html.document_fromstring(page.text).find(".//header//nav")
        assert nav.get("aria-label") == "Taal"
        items = [one[0] for one in nav.iter("li")]
        assert [one.text_content() for one in items] == [
            "NL Nederlands",
            "EN English",
            "AR العربية",
            "DE Deutsch",
        ]
        current, *others = items
        assert (current.tag, current.get("aria-current")) == ("span", "true")
        for one, code in zip(others, ("en", "ar", "de"), strict=True):
            assert (one.tag, one.get("lang"), one.get("hreflang")) == ("a", code, code)

    @pytest.mark.parametrize(
        ("address", "method", "url", "values", "target"),
        [
            (None, "GET", "/mijn?a=b&c=%2F", {}, "/mijn?a=b&c=%2F"),
            (None, "HEAD", "/mijn", {}, "/mijn"),
            (None, "POST", "/mijn", {"again": "/"}, "/"),
            (None, "POST", "/mijn", {"again": None, "login_url": f"{UWV}/l?a=b"},
             "/l?a=b"),
            (None, "POST", "/mijn", {"login_url": "https://evil.test/"}, "/mijn"),
            ("login", "GET", "/eilogin/login?next=/a", {}, "/eilogin/login?next=/a"),
            ("logout", "GET", "/eilogin/logout?next=/a", {}, "/eilogin/logout?ask=yes"),
            ("logout", "POST", "/eilogin/logout", {}, "/eilogin/logout?ask=yes"),
            (env.APP_LOGOUT, "GET", "/uit", {}, "/eilogin/logout?ask=yes"),
            ("slo", "GET", "/eilogin/slo", {}, "/eilogin/slo"),
            ("slo", "GET", "/eilogin/slo?SAMLResponse=x", {"login_url": "/l"},
             "/eilogin/slo"),
            ("acs", "GET", "/eilogin/acs?answer=1", {"again": "/"},
             "/eilogin/acs?answer=1"),
            ("acs", "GET", "/eilogin/acs?SAMLart=x", {"again": "/mijn"}, "/mijn"),
            ("acs", "GET", "/eilogin/acs?SAMLart=x", {}, "/eilogin/acs"),
        ],
    )  # fmt: skip
    def test_leads_back_to_what_can_be_loaded_again(
        self, address, method, url, values, target
    ):
        [dutch, english] = choices(
            Visit(asked(url, address=address, method=method)), "nl", values
        )
        assert (dutch.is_current, english.is_current) == (True, False)
        parts = urlsplit(english.address)
        assert parts.path == "/eilogin/language"
        assert parse_qs(parts.query) == {"to": ["en"], "next": [target]}

    @pytest.mark.parametrize(
        ("address", "method", "url", "values", "target"),
        [
            ("login", "POST", "/login?next=/x", {"login_url": "/l"}, "/login?next=/x"),
            ("logout", "POST", "/logout", {"look_url": f"{UWV}/logout?look=1"},
             "/logout?look=1"),
            ("logout", "POST", "/logout", {"login_url": "/login"}, "/logout"),
            ("slo", "GET", "/slo?SAMLRequest=x", {}, "/eilogin/logout"),
            ("sso", "GET", "/sso?SAMLRequest=x", {}, "/sso"),
            ("sso", "GET", "/sso?%53AMLRequest=x", {}, "/sso"),
            ("sso", "POST", "/sso", {}, "/sso"),
        ],
    )  # fmt: skip
    def test_does_so_at_a_hub(self, address, method, url, values, target):
        environ = asked(url, address=address, method=method, role="hub")
        [_, english] = choices(Visit(environ), "nl", values)
        assert parse_qs(urlsplit(english.address).query)["next"] == [target]

    def test_is_at_the_page_itself_where_that_belongs_to_no_site(self):
        environ = Request.blank("/x").environ
        assert [one.address for one in choices(Visit(environ), "nl", {})] == [
            "?language=nl",
            "?language=en",
        ]
        environ = Request.blank("/x?language=en").environ
        page = Pages().page(Visit(environ), "unknown_host.html")
        assert page.headers["Content-Language"] == "en"
        assert page.headers["Set-Cookie"].startswith(f"{COOKIE}=en; Max-Age=31536000;")

    @pytest.mark.parametrize(
        "query", ["language=xx", "language=en&language=nl", "l=en"]
    )
    def test_sets_nothing_there_that_is_no_language(self, query):
        environ = Request.blank(f"/?{query}").environ
        page = Pages().page(Visit(environ), "unknown_host.html")
        assert page.headers["Content-Language"] == "nl"
        assert "Set-Cookie" not in page.headers

    def test_is_missing_where_a_page_has_no_address(self):
        visit = Visit({"REQUEST_METHOD": "POST", "wsgi.url_scheme": "https"})
        page = Pages().page(visit, "body_too_large.html", limit="1 MB")
        assert "<nav" not in page.text


class TestTheAddress:
    def test_remembers_the_choice_for_a_year_and_leads_back(self):
        answer = choose(Visit(asked("/eilogin/language?to=en&next=/mijn%3Fa%3Db")))
        assert (answer.status_code, answer.location) == (303, f"{UWV}/mijn?a=b")
        assert answer.headers["Set-Cookie"] == (
            f"{COOKIE}=en; Max-Age=31536000; Path=/; Secure; HttpOnly; SameSite=Lax"
        )
        assert answer.headers["Cache-Control"] == "no-store"

    def test_takes_a_language_of_the_folder(self, folder):
        answer = choose(Visit(asked("/eilogin/language?to=de", templates=folder)))
        assert answer.headers["Set-Cookie"].startswith(f"{COOKIE}=de;")
        assert answer.location == f"{UWV}/"

    @pytest.mark.parametrize(
        "headers",
        [
            {"HTTP_SEC_FETCH_SITE": "cross-site"},
            {"HTTP_REFERER": "https://evil.test/"},
            {"HTTP_SEC_PURPOSE": "prefetch"},
        ],
    )
    def test_remembers_nothing_that_the_visitor_did_not_choose(self, headers):
        answer = choose(Visit({**asked("/eilogin/language?to=en&next=/a"), **headers}))
        assert answer.location == f"{UWV}/a"
        assert "Set-Cookie" not in answer.headers

    def test_is_no_address_for_forms(self):
        with pytest.raises(MethodNotAllowed):
            choose(Visit(asked("/eilogin/language", method="POST")))


class TestTimes:
    @pytest.mark.parametrize(
        ("code", "clock_time", "hours", "minute"),
        [
            ("nl", "23.13 uur", "2 uur", "1 minuut"),
            ("en", "23:13", "2 hours", "1 minute"),
            ("de", "23:13", "2 Stunden", "1 Minute"),
            ("pl", "23:13", "2 godziny", "1 minuta"),
            ("pap", "23:13", "2 h", "1 min"),
        ],
    )
    def test_are_written_as_the_language_does(
        self, tmp_path, code, clock_time, hours, minute
    ):
        if code not in LANGUAGES:
            (tmp_path / f"{code}.po").write_text(GERMAN, "utf-8")
        (tmp_path / "_times.html").write_text(
            "{{ 1700000000|clock_time }}|{{ 2|duration }}|{{ 0.01|duration }}"
        )
        look = themes.look_of((), tmp_path)
        said = look.render(code, "_times.html", {}).split("|")
        times = [clock_time, hours, minute]
        assert [one.replace("\N{NO-BREAK SPACE}", " ") for one in said] == times
