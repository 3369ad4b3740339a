"""A portal in this process, before a federation that a test makes of a few lines."""

from types import SimpleNamespace
from wsgiref.validate import validator

from owns import PLAIN
from webtest import TestApp as Browser

from eilogin.errors import UnknownPeer
from eilogin.federation import Membership
from eilogin.http_client import BackChannel
from eilogin.portal import make_portal
from eilogin.saml import bindings
from eilogin.saml.metadata import (
    Endpoint,
    EntityDescriptor,
    FederationMetadata,
    IdentityProvider,
    ServiceProvider,
)
from eilogin.sessions import Login, Subject

PARTICIPANT = ServiceProvider()
HUB_ID = "https://inloggen.example/metadata"
SSO, RESOLVER = "https://inloggen.example/sso", "https://inloggen.example/artifact"
HUB = IdentityProvider(
    single_sign_ons=(Endpoint(bindings.REDIRECT, SSO),),
    artifact_resolutions=(Endpoint(bindings.SOAP, RESOLVER),),
)
ENGLISH = {"Accept-Language": "en"}


def member(host, names, *, links=True, role=PARTICIPANT, **more):
    return EntityDescriptor(
        entity_id=f"https://{host}/metadata",
        service_provider=role if role is PARTICIPANT else None,
        identity_provider=role if role is HUB else None,
        names=names,
        information_urls={"nl": f"https://{host}/"} if links is True else links or {},
        **more,
    )


class OurFederation(Membership):
    """Has logos and keywords by host, and counts how often its members are read."""

    times = 0

    def __init__(self, *members, logos=None, keywords=None):
        super().__init__(FederationMetadata(members, None, "", None))
        self._logos, self._keywords = logos or {}, keywords or {}

    @property
    def entities(self):
        self.times += 1
        return super().entities

    def logo_of(self, entity_id, language):
        found = self._logos.get(entity_id.split("/")[2], "")
        return found if isinstance(found, str) else found.get(language, "")

    def keywords_of(self, entity_id, language):
        found = self._keywords.get(entity_id.split("/")[2], ())
        return found.get(language, ()) if isinstance(found, dict) else found


class Own(SimpleNamespace):
    entity_id = "https://portaal.example/metadata"
    public_url = "https://portaal.example"
    sealing_secrets = (b"a secret of thirty-two characters",)

    def __init__(self, **more):
        names = {"nl": "Portaal", "en": "Portal"}
        super().__init__(**{**PLAIN, "names": names, "descriptions": {}, **more})


def trust_in(federation, **own):
    def hub(entity_id):
        if entity_id != HUB_ID:
            raise UnknownPeer(entity_id)
        return HUB

    return SimpleNamespace(
        federation=federation,
        hub_ids=(HUB_ID,),
        own=Own(**own),
        hub=hub,
        back_channel=BackChannel(),
    )


def hub_and(*members, logos=None, keywords=None, **own):
    """The trust in a federation of a hub and these."""
    hub = member("inloggen.example", {"nl": "Inloggen"}, role=HUB)
    return trust_in(OurFederation(hub, *members, logos=logos, keywords=keywords), **own)


def services(count, *, keywords=None, logos=None, **own):
    """The trust in a federation of a hub and ``count`` services, Dienst 1 and so on."""
    found = [
        member(f"d{number}.example", {"nl": f"Dienst {number:03}"})
        for number in range(1, count + 1)
    ]
    return hub_and(*found, keywords=keywords, logos=logos, **own)


def login_of(name="Jans Jansen", subject="opaque-name-id"):
    return Login(
        who=Subject(HUB_ID, "portal", subject),
        level="basis",
        started=1767951060.0,
        ends=1767958260.0,
        confirmed=1767951060.0,
        attributes={"name": [name], "bsn": ["900000000"]},
    )


LOGIN = login_of()
#: What a browser says where somebody clicks on a link of the same site.
CLICK = {
    "HTTP_SEC_FETCH_SITE": "same-origin",
    "HTTP_SEC_FETCH_MODE": "navigate",
    "HTTP_SEC_FETCH_DEST": "document",
    "wsgi.url_scheme": "https",
    "HTTP_HOST": "portaal.example",
}


def browser(trust, login=None, **options):
    app = validator(make_portal({}, **options))
    known = {"eilogin.trust": trust, "eilogin.session": login, **CLICK}
    return Browser(app, extra_environ={**known, "HTTP_ACCEPT": "text/html"})


def tiles(page):
    """The names of all tiles, in their order."""
    return [one.text for one in page.html.select(".tile .name")]


def heading(page):
    return page.html.h1.text.strip()
