"""The portal: the services of the federation, as its metadata names them."""

from types import SimpleNamespace
from wsgiref.validate import validator

import pytest
import time_machine
from owns import PLAIN
from webtest import TestApp as Browser

from eilogin.errors import InvalidOptions
from eilogin.federation import Federation
from eilogin.portal import make_portal
from eilogin.saml.metadata import (
    EntityDescriptor,
    FederationMetadata,
    IdentityProvider,
    ServiceProvider,
)
from eilogin.sessions import Login, Subject

PARTICIPANT = ServiceProvider()
HUB = IdentityProvider()


def member(host, names, *, links=True, role=PARTICIPANT, **more):
    return EntityDescriptor(
        entity_id=f"https://{host}/metadata",
        service_provider=role if role is PARTICIPANT else None,
        identity_provider=role if role is HUB else None,
        names=names,
        information_urls={"nl": f"https://{host}/"} if links else {},
        **more,
    )


class CountingFederation(Federation):
    """Counts how often all of its members are looked through."""

    times = 0

    @property
    def entities(self):
        self.times += 1
        return super().entities


def federation(*members):
    return CountingFederation(FederationMetadata(members, None, "", None))


FEDERATION = federation(
    member("portaal.example", {"nl": "Portaal"}),
    member("inloggen.example", {"nl": "Inloggen"}, role=HUB),
    member(
        "uwv.example",
        {"nl": "UWV", "en": "Employee Insurance Agency"},
        descriptions={"nl": "Werk & inkomen", "en": "Work <b> income"},
    ),
    member("gemeente.example", {"nl": "gemeente Voorbeeld"}, links=False),
    member("kadaster.example", {}),
)
OWN = SimpleNamespace(
    entity_id="https://portaal.example/metadata",
    public_url="https://portaal.example",
    **{**PLAIN, "names": {"nl": "Portaal", "en": "Portal"}},
)


def trust_in(federation):
    hub_id = "https://inloggen.example/metadata"
    return SimpleNamespace(federation=federation, hub_ids=(hub_id,), own=OWN)


TRUST = trust_in(FEDERATION)
LOGIN = Login(
    who=Subject("https://inloggen.example/metadata", "portal", "opaque-name-id"),
    level="basis",
    started=1767951060.0,
    ends=1767958260.0,
    confirmed=1767951060.0,
    attributes={"name": ["Jans Jansen"], "bsn": ["900000000"]},
)


def browser(login=None, **options):
    app = validator(make_portal({}, **options))
    known = {"eilogin.trust": TRUST, "eilogin.session": login}
    return Browser(app, extra_environ={**known, "HTTP_ACCEPT": "text/html"})


def test_every_participant_but_itself_is_there_by_name():
    page = browser(LOGIN).get("/")
    first = page.text.index("gemeente Voorbeeld")
    second = page.text.index(">kadaster.example<")
    assert first < second < page.text.index(">UWV<")
    assert page.text.count("<li>") == 3
    assert '<a class="name" href="https://uwv.example/">UWV</a>' in page.text
    assert '<span class="name">gemeente Voorbeeld</span>' in page.text
    assert "Werk &amp; inkomen" in page.text


ENGLISH = {"Accept-Language": "en"}


def test_it_speaks_english_too():
    page = browser(LOGIN).get("/", headers=ENGLISH)
    assert '<h1 tabindex="-1" autofocus>Portal</h1>' in page.text
    assert "Employee Insurance Agency</a>" in page.text
    assert "Work &lt;b&gt; income" in page.text


def hub_and(*members):
    hub = member("inloggen.example", {"nl": "Inloggen"}, role=HUB)
    return trust_in(federation(hub, *members))


def test_the_services_are_sorted_once_for_each_language():
    trust = hub_and(member("uwv.example", {"nl": "UWV", "en": "Insurance"}))
    visitor = browser(LOGIN)
    visitor.extra_environ["eilogin.trust"] = trust
    for _ in range(3):
        assert ">UWV<" in visitor.get("/").text
        assert ">Insurance<" in visitor.get("/", headers=ENGLISH).text
    assert trust.federation.times == 2


def test_another_federation_has_its_own_services():
    visitor = browser(LOGIN)
    for name in ("UWV", "Kadaster", "UWV"):
        visitor.extra_environ["eilogin.trust"] = hub_and(
            member("a.example", {"nl": name})
        )
        assert f">{name}<" in visitor.get("/").text


def test_a_service_that_expires_vanishes_and_the_others_stay():
    visitor = browser(LOGIN)
    visitor.extra_environ["eilogin.trust"] = hub_and(
        member("a.example", {"nl": "Eerst"}, valid_until=1000.0),
        member("b.example", {"nl": "Later"}, valid_until=2000.0),
        member("c.example", {"nl": "Altijd"}),
    )
    shown = []
    for now in (900.0, 1059.0, 1060.0, 2059.0, 2060.0):
        with time_machine.travel(now, tick=False):
            text = visitor.get("/").text
        shown.append([n for n in ("Eerst", "Later", "Altijd") if f">{n}<" in text])
    assert shown == [
        ["Eerst", "Later", "Altijd"],
        ["Eerst", "Later", "Altijd"],
        ["Later", "Altijd"],
        ["Later", "Altijd"],
        ["Altijd"],
    ]


def test_it_says_who_she_is_and_how_long_and_leads_on():
    page = browser(LOGIN, title="MijnOverheid", logout_url="/uit").get("/")
    assert '<h1 tabindex="-1" autofocus>MijnOverheid</h1>' in page.text
    assert "Welkom, Jans Jansen." in page.text
    assert "sinds 10.31 uur, uiterlijk tot 12.31 uur" in page.text
    assert 'href="https://inloggen.example/">Waar ben ik ingelogd?' in page.text
    assert 'href="/uit">Overal uitloggen' in page.text
    assert "900000000" not in page.text
    assert "opaque-name-id" not in page.text


def test_the_page_allows_the_script_that_the_filter_puts_into_it():
    """Without the option ``warn`` it allows no script."""
    visitor = browser(LOGIN)
    assert "script-src" not in visitor.get("/").headers["Content-Security-Policy"]
    visitor.extra_environ["eilogin.warns"] = True
    policy = visitor.get("/").headers["Content-Security-Policy"]
    assert "; script-src 'self'; connect-src 'self'" in policy
    assert "default-src 'none'" in policy


def test_without_a_name_she_is_welcome_too():
    page = browser(LOGIN, name_attribute="nickname").get("/")
    assert "Welkom." in page.text


def test_a_stranger_sees_the_services_and_a_way_in():
    page = browser().get("/")
    assert 'href="/eilogin/login?next=/">Inloggen' in page.text
    assert "Overal uitloggen" not in page.text
    assert ">UWV<" in page.text


def test_it_has_one_page_that_is_only_read():
    assert browser().head("/").body == b""
    nothing = browser().get("/x", status=404)
    assert "Deze pagina bestaat niet" in nothing.text
    assert nothing.click("Naar de website").request.path == "/"
    assert browser().post("/", status=405).headers["Allow"] == "GET, HEAD"


def test_without_its_filters_it_fails_with_a_calm_page():
    app = Browser(make_portal({}), extra_environ={"HTTP_ACCEPT": "text/html"})
    assert "Inloggen is niet gelukt" in app.get("/", status=500).text


def test_a_logout_may_start_at_another_site():
    page = browser(LOGIN, logout_url="https://uit.example/weg?nu").get("/")
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
