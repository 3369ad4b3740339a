"""The frame of each page: name, logo, colour, footer, icon."""

import base64
import re
from types import SimpleNamespace
from urllib.parse import unquote

import pytest
from owns import PLAIN
from webob import Request

from eilogin.federation.local.accent_colours import Accent
from eilogin.web import environ as env
from eilogin.web.pages.page_frame import call_url, icon_answer, icon_of, name_of
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.pages.themes import packaged
from eilogin.web.visit import Visit

HOSTILE = "<script>alert('x')</script>"


def uri(octets, kind="svg+xml"):
    return f"data:image/{kind};base64,{base64.b64encode(octets).decode()}"


SVG = uri(b"<svg xmlns='http://www.w3.org/2000/svg'/>")
DARK_SVG = uri(b"<svg><style>@media (prefers-color-scheme: dark) {}</style></svg>")


def png(colour, more=b""):
    return uri(
        b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR" + bytes(9) + bytes([colour]) + more, "png"
    )


def page(language="nl", **own):
    environ = Request.blank("/", headers={"Accept-Language": language}).environ
    if own:
        values = {"public_url": "https://uwv.test", **PLAIN, **own}
        environ[env.TRUST] = SimpleNamespace(own=SimpleNamespace(**values))
    return Pages().page(Visit(environ), "unknown_host.html")


class TestHeader:
    @pytest.mark.parametrize("language", ["nl", "en"])
    def test_names_the_site_in_the_language_of_the_page(self, language):
        names = {"nl": "Gemeente", "en": "Municipality"}
        text = page(language, names=names).text
        assert f'<span class="site">{names[language]}</span>' in text
        assert f"\N{EN DASH} {names[language]}</title>" in text
        assert "Single sign-on" not in text

    def test_of_nobody_names_what_this_is(self):
        assert '<span class="site">Eenmalig inloggen</span>' in page().text
        assert "\N{EN DASH} Single sign-on</title>" in page("en").text
        assert "<footer" not in page().text

    def test_shows_markup_in_a_name_as_text(self):
        text = page(names={"nl": HOSTILE}).text
        assert HOSTILE not in text
        assert text.count("&lt;script&gt;") == 2

    def test_has_the_mark_of_eilogin_where_the_site_has_no_logo(self):
        assert '<svg class="mark"' in page(names={"nl": "UWV"}).text

    def test_has_a_logo_beside_the_name(self):
        text = page(names={"nl": "UWV"}, logo=SVG).text
        assert re.search(f'<img class="logo[^"]*" src="{re.escape(SVG)}" alt="">', text)
        assert '<span class="site">UWV</span>' in text
        assert '<svg class="mark"' not in text

    @pytest.mark.parametrize(
        ("logo", "needs"),
        [
            (SVG, True),
            (DARK_SVG, False),
            (png(6), True),
            (png(4), True),
            (png(2), False),
            (png(3), False),
            (png(3, b"tRNS"), True),
        ],
    )
    def test_gives_a_logo_white_paper_in_the_dark_where_it_needs_that(
        self, logo, needs
    ):
        assert ("on-light" in page(logo=logo).text.split("<body>")[1]) is needs


class TestName:
    def test_is_an_english_one_for_other_languages(self):
        own = SimpleNamespace(names={"nl": "Gemeente", "en": "Municipality"})
        assert name_of(own, "de") == "Municipality"
        assert name_of(SimpleNamespace(names={"nl": "Gemeente"}), "de") == "Gemeente"
        assert name_of(SimpleNamespace(names={}), "de") == ""


class TestColour:
    def test_is_in_the_style_that_the_policy_lets_in(self):
        plain, red = page(logo=""), page(accent=Accent.of("#a90061"))
        assert "--accent: #a90061;" in red.text
        styles = [one.headers["Content-Security-Policy"] for one in (plain, red)]
        assert styles[0] != styles[1]

    def test_comes_after_the_stylesheet_of_the_site(self, tmp_path):
        (tmp_path / "base.css").write_text(":root { --accent: red; }")
        text = page(accent=Accent.of("#a90061"), templates=tmp_path).text
        assert text.index("--accent: red") < text.index("--accent: #a90061")


class TestIcon:
    def test_is_a_small_logo(self):
        assert f'<link rel="icon" href="{SVG}">' in page(logo=SVG).text

    def test_is_the_mark_in_the_colour_of_the_site_otherwise(self):
        assert "stroke:#a90061" in unquote(icon_of("x" * 20_000, Accent.of("#a90061")))
        assert "stroke:#0a5a60" in unquote(icon_of("", None))
        text = page(names={"nl": "UWV"}).text
        [icon] = re.findall('<link rel="icon" href="([^"]+)">', text)
        assert icon.startswith("data:image/svg+xml,")

    @pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
    def test_has_the_accent_of_the_stylesheet_where_a_site_has_none(self, theme):
        style = packaged("templates/base.css")
        roots = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
        accent = re.search(r"--accent: (#\w+);", roots[theme])[1]
        strokes = re.findall(r"stroke:(#\w+)", unquote(icon_of("", None)))
        assert strokes[theme] == accent

    def test_is_answered_as_the_image_that_it_is(self):
        octets = b"\x89PNG\r\n\x1a\n" + bytes(30)
        own = SimpleNamespace(logo=uri(octets, "png"), accent=None)
        asked = Request.blank("/favicon.ico").environ
        answer = icon_answer(Visit({**asked, env.TRUST: SimpleNamespace(own=own)}))
        assert answer.content_type == "image/png"
        assert answer.body == octets
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


class TestFooter:
    FOOTER = (("privacy", "https://a.test/p?x=1&y"), (HOSTILE, "/x"))

    def test_has_its_links_in_the_language_of_the_page(self):
        dutch, english = (page(one, footer=self.FOOTER).text for one in ("nl", "en"))
        assert '<nav aria-label="Over deze website">' in dutch
        assert '<a href="https://a.test/p?x=1&amp;y">Privacyverklaring</a>' in dutch
        assert ">Privacy statement</a>" in english
        assert HOSTILE not in dutch

    @pytest.mark.parametrize(
        ("telephone", "shown"),
        [
            ("14 0123", '<a href="tel:140123">14 0123</a>'),
            ("14 0123 (9.00-17.00)", '<a href="tel:140123">14 0123 (9.00-17.00)</a>'),
            ("zie de brief", "Telefoon: zie de brief"),
            (f"14 0123 {HOSTILE}", "14 0123 &lt;script"),
        ],
    )
    def test_has_a_number_that_can_be_called(self, telephone, shown):
        text = page(telephone=telephone).text
        assert shown in text
        assert "<nav aria-label" not in text

    def test_leads_to_the_accessibility_statement_if_there_is_one(self):
        url = "https://uwv.test/eilogin/accessibility"
        text = page(footer=self.FOOTER, accessibility_url=url).text
        assert f'<a href="{url}">Toegankelijkheid</a>' in text

    def test_keeps_the_link_to_a_statement_that_the_site_has_itself(self):
        own = ("accessibility", "https://uwv.test/toegankelijk")
        text = page(footer=[own], accessibility_url="https://uwv.test/eilogin/x").text
        assert text.count("Toegankelijkheid") == 1
        assert own[1] in text

    def test_is_missing_where_there_is_nothing_to_say(self):
        assert "<footer" not in page(names={"nl": "UWV"}).text


@pytest.mark.parametrize(
    ("telephone", "url"),
    [
        ("+31 88 123 45 67", "tel:+31881234567"),
        ("088-123.4567", "tel:0881234567"),
        ("0800-8051 9.00-17.00 uur", "tel:08008051"),
        ("030 12.34.567 (9.00 - 17.00)", "tel:0301234567"),
        ("12", ""),
        ("1234567890123456", ""),
        ("(030) 123", ""),
        ("", ""),
    ],
)
def test_a_number_at_the_beginning_can_be_called(telephone, url):
    assert call_url(telephone) == url
