"""The page from which a citizen goes to every service: ``egg:eilogin#portal``.

*Needs* ``session`` and ``trust`` before it. *Reads* their keys. *Writes* nothing::

    [app:portal]
    use = egg:eilogin#portal

    [pipeline:main]
    pipeline = eilogin portal

The services are the participants in the federation's metadata, with the name,
description and address that each has there (mdui); a new member is on the page without
a line of configuration. Where ``protect`` says ``optional``, a stranger sees them too,
and a button to log in.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator
from webob import Response

from eilogin import clock
from eilogin.errors import EiloginError, NotFound
from eilogin.federation import Trust
from eilogin.saml.checks import SKEW
from eilogin.sessions import Login
from eilogin.settings import Options, SitePath, option, read, site_path
from eilogin.web import environ as env
from eilogin.web.pages import Pages, allow_own_scripts, language_of
from eilogin.web.requests import allow_only, origin_of
from eilogin.web.urls import root

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


#: Name, description and link of a participant, each maybe "".
Service = tuple[str, str, str]


def _address(value: str) -> str:
    try:
        if value.startswith("/"):
            return site_path(value)
        origin_of(value)
    except ValueError:
        raise ValueError(
            "a path such as '/eilogin/logout', or an http or https address"
        ) from None
    return value


#: A path of this site, or an address of any site.
Address = Annotated[str, AfterValidator(_address)]


class PortalOptions(Options, name="portal"):
    """What ``[app:…] use = egg:eilogin#portal`` understands."""

    title: str = option(
        "what stands above the page", default="", shown="our name in the federation"
    )
    login_url: SitePath = option(
        "where a login starts", default="/eilogin/login?next=/"
    )
    logout_url: Address = option("where a logout starts", default="/eilogin/logout")
    name_attribute: str = option(
        "attribute of the login that holds the citizen's name", default="name"
    )


class Portal:
    """The app; it has one page."""

    eilogin_part = "portal"

    def __init__(self, options: PortalOptions) -> None:
        self.options = options
        self.pages = Pages("eilogin.portal")
        self._lists: dict[str, _Services] = {}

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer with the page, or with that of an error."""
        try:
            answer = self._answer(environ)
        except EiloginError as error:
            again = _first_page(environ)
            answer = self.pages.refuse(environ, error, event="portal", again=again)
        return answer(environ, start_response)

    def _answer(self, environ: "WSGIEnvironment") -> Response:
        if environ.get("PATH_INFO", "") not in ("", "/"):
            raise NotFound("the portal has one page")
        allow_only(environ, "GET", "HEAD")
        trust = env.trust(environ)
        login = env.session(environ)
        language = language_of(environ)
        hub = login.who.issuer if login else trust.hub_ids[0]
        page = self.pages.page(
            environ,
            "portal.html",
            heading=self.options.title or trust.own.names[language],
            login=login,
            name=self._name_of(login),
            services=self._services(trust, language),
            hub_url=trust.federation.link_of(hub, language),
            login_url=self.options.login_url,
            logout_url=self.options.logout_url,
            idle_hours=_idle_hours(environ),
        )
        if env.WARNS in environ:
            allow_own_scripts(page)
        return page

    def _name_of(self, login: Login | None) -> str | None:
        values = login.attributes.get(self.options.name_attribute) if login else None
        return values[0] if values else None

    def _services(self, trust: Trust, language: str) -> Sequence[Service]:
        """The services now; a federation may have thousands, sorted once for all."""
        kept = self._lists.get(language)
        if kept is None or kept.trust is not trust or kept.until <= clock.now():
            kept = self._lists[language] = _Services.of(trust, language)
        return kept.by_name


def _idle_hours(environ: "WSGIEnvironment") -> float:
    """The idle limit in hours; 0 where no filter says one."""
    sessions = environ.get(env.SESSIONS)
    return 0.0 if sessions is None else sessions.idle / 3600


def _first_page(environ: "WSGIEnvironment") -> str | None:
    """Where the page is; None where the filters before it are missing."""
    trust = environ.get(env.TRUST)
    return None if trust is None else root(trust.own.public_url)


@dataclass(frozen=True)
class _Services:
    """The participants but this one, in one language."""

    trust: Trust
    by_name: Sequence[Service]
    #: When the first of them expires; seconds since 1970.
    until: float

    @classmethod
    def of(cls, trust: Trust, language: str) -> "_Services":
        others = [
            entity
            for entity in trust.federation.entities
            if entity.service_provider and entity.entity_id != trust.own.entity_id
        ]
        services = [
            (
                trust.federation.name_of(entity.entity_id, language),
                entity.description(language),
                entity.information_url(language),
            )
            for entity in others
        ]
        ends = [e.valid_until + SKEW for e in others if e.valid_until is not None]
        return cls(
            trust,
            sorted(services, key=lambda service: service[0].casefold()),
            min(ends, default=float("inf")),
        )


def make_portal(global_conf: Mapping[str, str], **local_conf: str) -> Portal:
    """PasteDeploy's factory for ``egg:eilogin#portal``."""
    return Portal(read(PortalOptions, global_conf, local_conf))
