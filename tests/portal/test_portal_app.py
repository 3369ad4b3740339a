"""The portal: the services of the federation, as its metadata names them."""

import base64
from dataclasses import replace
from types import SimpleNamespace

import pytest
import time_machine
from portals import ENGLISH, LOGIN, browser, heading, hub_and, login_of, member, tiles
from portals import services as many
from webtest import TestApp as Browser

from eilogin.errors import InvalidOptions
from eilogin.federation import Membership
from eilogin.portal import make_portal
from eilogin.saml.metadata import FederationMetadata, Logo

TRUST = hub_and(
    member("portaal.example", {"nl": "Portaal"}),
    member(
        "uwv.example",
        {"nl": "UWV", "en": "Employee Insurance Agency"},
        descriptions={"nl": "Werk & inkomen", "en": "Work <b> income"},
    ),
    member("gemeente.example", {"nl": "gemeente Voorbeeld"}, links=False),
    member("kadaster.example", {}),
)
IN_THE_SESSION = 1767951540.0


def at_portal(login=None, **options):
    return browser(TRUST, login, **options)


# --- the services -------------------------------------------------------------------


def test_every_participant_but_itself_is_there_by_name():
    page = at_portal(LOGIN).get("/")
    assert tiles(page) == ["gemeente Voorbeeld", "kadaster.example", "UWV"]
    assert page.html.select_one("ul.tiles")["role"] == "list"
    assert page.html.find("span", class_="name").text == "gemeente Voorbeeld"
    assert "Werk &amp; inkomen" in page.text


def test_a_tile_leads_to_the_service():
    visitor = at_portal(LOGIN)
    answer = visitor.get("/").click("UWV")
    assert answer.status_int == 303
    assert answer.location == "https://uwv.example/"


def test_it_speaks_english_too():
    page = at_portal(LOGIN).get("/", headers=ENGLISH)
    assert heading(page) == "Welcome, Jans Jansen"
    assert "Employee Insurance Agency</a>" in page.text
    assert "Work &lt;b&gt; income" in page.text


def test_a_description_in_dutch_alone_is_marked_so_on_an_english_page():
    trust = hub_and(
        member("a.example", {"nl": "A"}, descriptions={"nl": "Over werk"}),
        member("b.example", {"nl": "B"}, descriptions={"nl": "Wonen", "en": "Living"}),
    )
    found = {}
    for language, headers in (("nl", {}), ("en", ENGLISH)):
        page = browser(trust, LOGIN).get("/", headers=headers)
        described = page.html.select(".tile p.soft")
        found[language] = [(one.string, one.get("lang")) for one in described]
    assert found["nl"] == [("Over werk", None), ("Wonen", None)]
    assert found["en"] == [("Over werk", "nl"), ("Living", None)]


def test_it_has_an_icon_where_browsers_look_for_one():
    answer = browser(TRUST).get("/favicon.ico")
    assert answer.content_type == "image/svg+xml"
    assert b"<circle" in answer.body
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Strict-Transport-Security"]
    browser(TRUST).post("/favicon.ico", status=405)


def test_the_services_are_read_once_for_each_language():
    trust = hub_and(member("uwv.example", {"nl": "UWV", "en": "Insurance"}))
    visitor = browser(trust, LOGIN)
    for _ in range(3):
        assert tiles(visitor.get("/")) == ["UWV"]
        assert tiles(visitor.get("/", headers=ENGLISH)) == ["Insurance"]
    assert trust.federation.times == 2


def test_another_federation_has_its_own_services():
    visitor = at_portal(LOGIN)
    for name in ("UWV", "Kadaster", "UWV"):
        visitor.extra_environ["eilogin.trust"] = hub_and(
            member("a.example", {"nl": name})
        )
        assert tiles(visitor.get("/")) == [name]


def test_a_federation_without_a_service_says_so():
    assert "Er doet nog geen dienst mee." in browser(hub_and(), LOGIN).get("/").text


def plain(page):
    """The text of a page, with plain spaces in the place of those that do not break."""
    return page.html.main.text.replace("\N{NO-BREAK SPACE}", " ")


# --- the visitor --------------------------------------------------------------------


def test_it_greets_the_visitor_and_says_how_long_the_login_lasts():
    visitor = at_portal(LOGIN, title="MijnOverheid", logout_url="/uit")
    with time_machine.travel(IN_THE_SESSION, tick=False):
        page = visitor.get("/")
    assert page.html.title.text.startswith("MijnOverheid ")
    assert heading(page) == "Welkom, Jans Jansen"
    assert "U bent ingelogd tot 12.31 uur (nog 1 uur 52 minuten)." in plain(page)
    where = page.html.find("a", href="https://inloggen.example/")
    assert where.text == "Bij welke diensten ben ik ingelogd?"
    assert "900000000" not in page.text
    assert "opaque-name-id" not in page.text


@pytest.mark.parametrize(
    ("left", "words"),
    [(7200, "2 uur"), (3660, "1 uur 1 minuut"), (3599, "59 minuten"), (5, "1 minuut")],
)
def test_it_says_in_words_how_long_the_login_lasts(left, words):
    with time_machine.travel(LOGIN.ends - left, tick=False):
        assert f"(nog {words})" in plain(at_portal(LOGIN).get("/"))


def test_the_name_and_the_logout_are_in_the_header():
    page = at_portal(LOGIN, logout_url="/uit").get("/")
    account = page.html.select_one("header .account")
    assert account.find(class_="who").text == "Jans Jansen"
    links = [(one["href"], one.text) for one in account.find_all("a")]
    assert links == [
        ("https://inloggen.example/", "Bij welke diensten ben ik ingelogd?"),
        ("/uit", "Overal uitloggen"),
    ]
    assert "Overal uitloggen" not in page.html.main.text


def test_a_visitor_without_a_name_is_welcome_too():
    page = at_portal(LOGIN, name_attribute="nickname").get("/")
    assert heading(page) == "Welkom"
    assert page.html.select_one(".who") is None


def test_it_says_when_inactivity_ends_the_login():
    visitor = at_portal(LOGIN)
    limits = SimpleNamespace(idle=900.0, max_session=7200.0)
    visitor.extra_environ["eilogin.sessions"] = limits
    assert "Als u 15 minuten niets doet, moet u opnieuw inloggen." in plain(
        visitor.get("/")
    )


def test_an_anonymous_visitor_reads_what_this_is_and_can_log_in():
    trust = hub_and(
        member("uwv.example", {"nl": "UWV"}),
        descriptions={"nl": "Alle diensten op een plek."},
    )
    visitor = browser(trust)
    limits = SimpleNamespace(idle=900.0, max_session=7200.0)
    visitor.extra_environ["eilogin.sessions"] = limits
    page = visitor.get("/")
    assert heading(page) == "Diensten"
    assert page.html.find(class_="lead").text == "Alle diensten op een plek."
    assert page.html.select_one(".button")["href"] == "/eilogin/login?next=/"
    for sentence in (
        "Log één keer in, en u kunt naar alle diensten die meedoen.",
        "U logt één keer in, bij Inloggen.",
        "U blijft hoogstens 2 uur ingelogd.",
        "Als u 15 minuten niets doet, moet u opnieuw inloggen.",
        "Logt u bij één dienst uit, dan bent u bij alle diensten uitgelogd.",
    ):
        assert sentence in plain(page)
    assert "Overal uitloggen" not in page.text
    assert tiles(page) == ["UWV"]


# --- search and categories ----------------------------------------------------------

#: Every second service is of "zorg", two are of "Werk", and one alone is of "vissen".
KEYWORDS = {
    **{f"d{number}.example": ["Zorg"] for number in range(2, 13, 2)},
    "d1.example": {"nl": ["werk", "vissen"], "en": ["job"]},
    "d3.example": {"nl": ["Werk"], "en": ["job"]},
}


def test_a_search_appears_from_a_dozen_services_on():
    assert browser(many(11), LOGIN).get("/").html.find("form") is None
    form = browser(many(12), LOGIN).get("/").forms[0]
    assert (form.method.lower(), form.action) == ("get", "/")


def test_a_search_finds_by_name_description_and_keyword_in_all_languages():
    trust = hub_and(
        *(member(f"d{n}.example", {"nl": f"Dienst {n}"}) for n in range(12)),
        member("een.example", {"nl": "Gemeente Súdwest-Fryslân", "en": "Municipality"}),
        member("twee.example", {"nl": "UWV"}, descriptions={"nl": "Uitkering en werk"}),
        keywords={"d3.example": {"nl": ["paspoort"], "en": ["passport"]}},
    )
    visitor = browser(trust, LOGIN)
    for text, found in {
        "sudwest": ["Gemeente Súdwest-Fryslân"],
        "FRYSLÂN gemeente": ["Gemeente Súdwest-Fryslân"],
        "municipality": ["Gemeente Súdwest-Fryslân"],
        "uitkering": ["UWV"],
        "passport": ["Dienst 3"],
        "paspoort dienst": ["Dienst 3"],
    }.items():
        form = visitor.get("/").forms[0]
        form["q"] = text
        page = form.submit()
        assert tiles(page) == found, text
        assert heading(page) == "1 dienst gevonden"
        assert page.html.title.text.startswith("1 dienst gevonden ")
        assert page.forms[0]["q"].value == text
        assert len(tiles(page.click("Toon alle diensten"))) == 14


def test_a_search_without_a_result_has_a_way_back():
    page = browser(many(12), LOGIN).get("/?q=niets")
    assert heading(page) == "Geen dienst gevonden"
    assert "U zocht op" in page.html.main.text
    assert "niets" in page.html.main.text
    # What to do comes before the ways on.
    text = page.html.main.text
    assert text.index("Gebruik minder woorden") < text.index("Toon alle diensten")
    assert len(tiles(page.click("Toon alle diensten"))) == 12


def test_a_service_with_the_word_in_its_name_comes_first():
    trust = hub_and(
        member("a.example", {"nl": "Alfa"}, descriptions={"nl": "Over werk"}),
        member("w.example", {"nl": "Werkplein"}),
    )
    assert tiles(browser(trust, LOGIN).get("/?q=werk")) == ["Werkplein", "Alfa"]


def test_categories_are_the_keywords_that_services_share():
    visitor = browser(many(12, keywords=KEYWORDS), LOGIN)
    page = visitor.get("/")
    shown = [" ".join(a.text.split()) for a in page.html.select(".categories a")]
    assert shown == ["werk (2)", "Zorg (6)"]
    zorg = page.click("Zorg")
    assert heading(zorg) == "Zorg: 6 diensten"
    assert len(tiles(zorg)) == 6
    assert zorg.html.find("a", attrs={"aria-current": "true"}).text.startswith("Zorg")
    assert heading(visitor.get("/?category=VISSEN")) == "VISSEN: 1 dienst"
    english = visitor.get("/", headers=ENGLISH)
    assert "job" in english.html.select_one(".categories").text


def test_there_are_at_most_a_dozen_categories():
    keywords = {
        f"d{n}.example": [f"w{m:02}" for m in range(n)][:20] for n in range(1, 31)
    }
    page = browser(many(30, keywords=keywords), LOGIN).get("/")
    shown = [a.text.split()[0] for a in page.html.select(".categories a")]
    assert shown == [f"w{m:02}" for m in range(12)]


def test_few_services_have_no_categories():
    page = browser(many(11, keywords=KEYWORDS), LOGIN).get("/")
    assert page.html.select(".categories") == []


def test_hundreds_of_services_have_several_pages():
    visitor = browser(many(500), LOGIN)
    page = visitor.get("/")
    assert len(tiles(page)) == 240
    assert "Bladzijde 1 van 3" in page.text
    assert "(500)" in page.html.h2.text
    last = page.click("Volgende bladzijde").click("Volgende bladzijde")
    assert tiles(last)[-1] == "Dienst 500"
    assert "Volgende bladzijde" not in last.text
    assert tiles(last.click("Vorige bladzijde"))[0] == "Dienst 241"
    found = visitor.get("/?q=dienst").click("Volgende bladzijde")
    assert (heading(found), tiles(found)[0]) == ("500 diensten gevonden", "Dienst 241")


@pytest.mark.parametrize(("page", "first"), [("99", 241), ("0", 1), ("x", 1)])
def test_the_number_of_a_page_that_is_none_leads_to_one(page, first):
    found = tiles(browser(many(250), LOGIN).get(f"/?page={page}"))
    assert found[0] == f"Dienst {first:03}"


# --- logos --------------------------------------------------------------------------

PNG = "data:image/png;base64,iVBORw0KGgo="
DRAWING = b"<svg xmlns='http://www.w3.org/2000/svg'/>"
SVG = f"data:image/svg+xml;base64,{base64.b64encode(DRAWING).decode()}"


def test_a_logo_is_sent_from_an_address_of_the_portal():
    logos = {"d1.example": PNG, "d2.example": {"en": SVG}}
    visitor = browser(many(3, logos=logos), LOGIN)
    page = visitor.get("/")
    assert "img-src 'self' data:" in page.headers["Content-Security-Policy"]
    [image] = page.html.select(".tile img")
    assert (image["alt"], image["loading"]) == ("", "lazy")
    assert [one.text for one in page.html.select(".tile span.logo")] == ["D", "D"]
    answer = visitor.get(image["src"])
    assert answer.body == b"\x89PNG\r\n\x1a\n"
    assert answer.content_type == "image/png"
    assert answer.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    english = visitor.get("/", headers=ENGLISH).html.select(".tile img")
    drawing = visitor.get(english[1]["src"], headers=ENGLISH)
    assert drawing.content_type == "image/svg+xml"
    assert drawing.body == DRAWING


def test_another_logo_has_another_address():
    """A browser keeps the image of this address for good."""
    visitor = browser(many(1, logos={"d1.example": PNG}), LOGIN)
    before = visitor.get("/").html.select_one(".tile img")["src"]
    visitor.extra_environ["eilogin.trust"] = many(1, logos={"d1.example": SVG})
    assert visitor.get("/").html.select_one(".tile img")["src"] != before
    stale = visitor.get(before)
    assert stale.body == DRAWING
    assert stale.headers["Cache-Control"] == "no-store"


def test_metadata_says_the_logo_and_the_keywords():
    """As eilogin reads it: of a logo that draws and does nothing else."""
    trust = hub_and(*(member(f"d{n}.example", {"nl": f"D{n}"}) for n in range(12)))
    with_ui = [
        replace(one, logos=(Logo(SVG),), keywords={"nl": "werk+en+inkomen zorg"})
        for one in trust.federation.members.values()
        if one.service_provider
    ]
    trust.federation = Membership(FederationMetadata(with_ui, None, "", None))
    page = browser(trust, LOGIN).get("/")
    shown = [" ".join(a.text.split()) for a in page.html.select(".categories a")]
    assert shown == ["werk en inkomen (12)", "zorg (12)"]
    assert len(page.html.select(".tile img")) == 12


def test_a_page_without_logos_allows_no_image_but_its_own():
    policy = at_portal(LOGIN).get("/").headers["Content-Security-Policy"]
    assert "img-src data:;" in policy


# --- addresses and options ----------------------------------------------------------


def test_it_has_one_page_that_is_only_read():
    assert at_portal().head("/").body == b""
    nothing = at_portal().get("/x", status=404)
    assert "Deze pagina bestaat niet" in nothing.text
    assert nothing.click("Naar de website van Portaal").request.path == "/"
    for path in ("/", "/go", "/logo"):
        assert at_portal().post(path, status=405).headers["Allow"] == "GET, HEAD"


def test_below_a_path_its_addresses_begin_with_that():
    trust = many(
        12,
        public_url="https://portaal.example/mijn",
        logos={"d1.example": PNG},
        keywords={f"d{n}.example": ["zorg"] for n in (1, 2)},
    )
    page = browser(trust, LOGIN).get("/")
    assert page.html.select_one(".tile a")["href"].startswith("/mijn/go?to=")
    assert page.html.select_one(".tile img")["src"].startswith("/mijn/logo?of=")
    assert page.html.select_one(".categories a")["href"] == "/mijn/?category=zorg"
    assert page.forms[0].action == "/mijn/"


def test_without_its_filters_it_fails_with_a_calm_page():
    app = Browser(make_portal({}), extra_environ={"HTTP_ACCEPT": "text/html"})
    for path in ("/", "/go", "/logo"):
        assert "Inloggen is niet gelukt" in app.get(path, status=500).text


def test_a_logout_may_start_at_another_site():
    page = at_portal(LOGIN, logout_url="https://uit.example/weg?nu").get("/")
    assert 'href="https://uit.example/weg?nu">Overal uitloggen' in page.text


@pytest.mark.parametrize(
    "url", ["//evil.example", "javascript:x", "uit", "/\\evil.example", "https://"]
)
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(InvalidOptions, match="a path such as"):
        make_portal({}, logout_url=url)


@pytest.mark.parametrize("url", ["//evil.example", "https://evil.example/", "in", ""])
def test_a_login_starts_at_this_site(url):
    with pytest.raises(InvalidOptions, match="a path of this site"):
        make_portal({}, login_url=url)


def test_a_long_name_of_a_visitor_is_shortened():
    page = at_portal(login_of("Anna " * 100)).get("/")
    assert len(heading(page)) < 100
