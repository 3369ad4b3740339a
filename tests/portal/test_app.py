"""The portal: the services of the federation, as its metadata names them."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from wsgiref.validate import validator

import pytest
from webtest import TestApp as Browser

from eilogin.errors import InvalidOptions
from eilogin.portal import make_portal
from eilogin.saml.metadata import EntityDescriptor, IdentityProvider, ServiceProvider
from eilogin.sessions import Login, Subject

PARTICIPANT = ServiceProvider()
HUB = IdentityProvider()


def member(host, names, descriptions=None, *, links=True, role=PARTICIPANT):
    return EntityDescriptor(
        entity_id=f"https://{host}/metadata",
        service_provider=role if role is PARTICIPANT else None,
        identity_provider=role if role is HUB else None,
        names=names,
        descriptions=descriptions or {},
        information_urls={"nl": f"https://{host}/"} if links else {},
    )


@dataclass
class FakeFederation:
    entities: list = field(default_factory=list)

    def entity(self, entity_id):
        return next(e for e in self.entities if e.entity_id == entity_id)


FEDERATION = FakeFederation(
    [
        member("portaal.example", {"nl": "Portaal"}),
        member("inloggen.example", {"nl": "Inloggen"}, role=HUB),
        member(
            "uwv.example",
            {"nl": "UWV", "en": "Employee Insurance Agency"},
            {"nl": "Werk & inkomen", "en": "Work <b> income"},
        ),
        member("gemeente.example", {"nl": "gemeente Voorbeeld"}, links=False),
        member("kadaster.example", {}),
    ]
)
TRUST = SimpleNamespace(
    federation=FEDERATION,
    hub_id="https://inloggen.example/metadata",
    own=SimpleNamespace(entity_id="https://portaal.example/metadata", telephone=""),
)
LOGIN = Login(
    who=Subject("hub", "portal", "opaque-name-id"),
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
    second = page.text.index("https://kadaster.example/metadata")
    assert first < second < page.text.index(">UWV<")
    assert page.text.count("<li>") == 3
    assert '<a class="name" href="https://uwv.example/">UWV</a>' in page.text
    assert '<span class="name">gemeente Voorbeeld</span>' in page.text
    assert "Werk &amp; inkomen" in page.text


def test_it_speaks_english_too():
    page = browser(LOGIN).get("/", headers={"Accept-Language": "en"})
    assert "Employee Insurance Agency</a>" in page.text
    assert "Work &lt;b&gt; income" in page.text


def test_it_says_who_she_is_and_how_long_and_leads_on():
    page = browser(LOGIN, title="MijnOverheid", logout_url="/uit").get("/")
    assert '<h1 tabindex="-1" autofocus>MijnOverheid</h1>' in page.text
    assert "Welkom, Jans Jansen." in page.text
    assert "sinds 10.31 uur, uiterlijk tot 12.31 uur" in page.text
    assert 'href="https://inloggen.example/">Waar ben ik ingelogd?' in page.text
    assert 'href="/uit">Overal uitloggen' in page.text
    assert "900000000" not in page.text
    assert "opaque-name-id" not in page.text


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
    assert "Deze pagina bestaat niet" in browser().get("/x", status=404).text
    browser().post("/", status=405)


def test_without_its_filters_it_fails_with_a_calm_page():
    app = Browser(make_portal({}), extra_environ={"HTTP_ACCEPT": "text/html"})
    assert "Inloggen is niet gelukt" in app.get("/", status=500).text


@pytest.mark.parametrize("url", ["//evil.example", "javascript:x", "uit"])
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(InvalidOptions, match="a path such as"):
        make_portal({}, logout_url=url)
