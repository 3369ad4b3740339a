"""The page from which a citizen goes to every service: ``egg:eilogin#portal``.

*Needs* ``session`` and ``trust`` before it. *Reads* their keys. *Writes* nothing.

The services are the participants in the federation's metadata, with the name,
description, logo, keywords and address that each has there (mdui). If ``protect`` says
``optional``, anonymous visitors see them too.

A tile leads to the service through the portal's own address ``/go``, which notes the
last visited services in a cookie, and leads only to addresses in the metadata.
``/logo`` has the logos, so that a page stays small and a browser caches each image.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import parse_qsl, urlencode

from pydantic import AfterValidator
from webob import Response

from eilogin import clock
from eilogin.config import Options, SitePath, option, read, site_path
from eilogin.errors import EiloginError, NotFound
from eilogin.federation import Trust
from eilogin.federation.local.local_entity import PARTICIPANT
from eilogin.portal.portal_services import (
    LONGEST_SEARCH,
    PortalService,
    PortalServices,
    fold,
    shortened,
)
from eilogin.portal.service_reachability import FileToCome, NotReachable, hub_is_away
from eilogin.portal.visited_services import note_visit, visited
from eilogin.sessions import Login
from eilogin.web import environ as env
from eilogin.web.pages.page_frame import icon_answer, name_of
from eilogin.web.pages.page_languages import language_of
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.pages.security_headers import allow_own_images, with_hsts
from eilogin.web.pipeline.pipeline_parts import PipelinePart
from eilogin.web.requests import is_own_navigation, origin_of
from eilogin.web.site_urls import root, see_other
from eilogin.web.visit import Visit

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

#: Most services on a page.
_ON_A_PAGE = 240
#: Most parameters of a query, and most digits of a page number.
_MOST_PARAMETERS, _MOST_DIGITS = 20, 4
#: Most characters of the citizen's name.
_LONGEST_NAME = 80
#: Another image has another address.
_LOGO_CACHING = "private, max-age=31536000, immutable"
#: An SVG image runs no script and loads nothing, even in its own window.
_LOGO_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


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


Address = Annotated[str, AfterValidator(_address)]


class PortalOptions(Options, name="portal"):
    """Options of ``[app:…] use = egg:eilogin#portal``."""

    title: str = option(
        "Sets the title of the window, and the heading for anonymous visitors.",
        default="",
        shown="``name``, as in the metadata",
    )
    login_url: SitePath = option(
        "Sets the address of the button to log in. Path of this site.",
        default="/eilogin/login?next=/",
    )
    logout_url: Address = option(
        "Sets the address of the button to log out. Path of this site, or an address.",
        default="/eilogin/logout",
    )
    name_attribute: str = option(
        "Names the attribute of the login that holds the citizen's name.",
        default="name",
    )
    not_reachable: FileToCome | None = option(
        "Names a file with the entityIDs of services that are not reachable "
        "at the moment, one on each line. Your monitoring writes it. The "
        "portal reads it again within 5 seconds of a change.",
        default=None,
    )


@dataclass(frozen=True, slots=True)
class Tile:
    """A service on the page, for the template."""

    name: str
    description: str
    #: The portal's address that leads there, or "".
    link: str
    logo: str
    initial: str
    is_reachable: bool
    #: "" for the language of the page.
    description_language: str = ""


class Portal(PipelinePart):
    """The app: one page, ``/go`` and ``/logo``."""

    eilogin_part, ROLE = "portal", PARTICIPANT
    NEEDS, SPARES = (env.SESSION, env.TRUST), ("identity",)

    def __init__(self, options: PortalOptions) -> None:
        self.options = options
        self.pages = Pages("eilogin.portal")
        self._not_reachable = NotReachable(options.not_reachable)
        self._services: dict[str, PortalServices] = {}

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer with the page, a redirect or a logo."""
        visit = Visit(environ)
        try:
            answer = self._answer(visit)
        except EiloginError as error:
            again = _first_page(visit)
            answer = self.pages.refuse(visit, error, event="portal", again=again)
        return answer(environ, start_response)

    def _answer(self, visit: Visit) -> Response:
        match visit.path_info:
            case "" | "/":
                answer = self._page
            case "/go":
                answer = self._go
            case "/logo":
                answer = self._logo
            case "/favicon.ico":
                answer = self._icon
            case _:
                raise NotFound("the portal has only one page")
        visit.allow_only("GET", "HEAD")
        return answer(visit)

    def _icon(self, visit: Visit) -> Response:
        return with_hsts(visit, icon_answer(visit))

    # --- the page -------------------------------------------------------------------

    def _page(self, visit: Visit) -> Response:
        trust = visit.trust
        login = visit.session
        language = language_of(visit)
        service_query = _ServiceQuery.of(visit)
        services = self._cached_services(trust, language)
        hub = login.who.issuer if login else trust.hub_ids[0]
        tiles = self._tiles(visit, trust, login, services, service_query)
        page = self.pages.page(
            visit,
            "portal.html",
            title=self.options.title,
            heading=self.options.title or name_of(trust.own, language),
            description=_text_in(trust.own.descriptions, language),
            login=login,
            name=self._name_of(login),
            seconds_left=login.ends - clock.now() if login else 0.0,
            idle_hours=_hours(visit, "idle"),
            longest_hours=_hours(visit, "max_session"),
            hub_name=trust.federation.name_of(hub, language),
            hub_url=trust.federation.link_of(hub, language),
            hub_is_away=hub_is_away(trust, hub),
            login_url=self.options.login_url,
            logout_url=self.options.logout_url,
            **tiles,
        )
        if any(tile.logo for tile in (*tiles["last"], *tiles["tiles"])):
            allow_own_images(page)
        return page

    def _tiles(
        self,
        visit: Visit,
        trust: Trust,
        login: Login | None,
        services: PortalServices,
        service_query: "_ServiceQuery",
    ) -> dict[str, Any]:
        last: Sequence[PortalService] = ()
        matching: Sequence[PortalService] = services.all
        if service_query.is_search:
            matching = services.matching(service_query.search, service_query.category)
        elif login is not None:
            last = visited(visit, trust.own, login, services.by_id)
            ids = {service.id for service in last}
            matching = [service for service in matching if service.id not in ids]
        pages = max(1, -(-len(matching) // _ON_A_PAGE))
        number = min(service_query.page, pages)
        shown = matching[(number - 1) * _ON_A_PAGE : number * _ON_A_PAGE]
        first = root(trust.own.public_url)
        return {
            "first_page": first,
            "search": service_query.search,
            "category": services.label_of(service_query.category),
            "is_search": service_query.is_search,
            "are_many": services.are_many,
            "categories": [
                (
                    category.label,
                    category.count,
                    service_query.at(first, category=category.label),
                    category.key == fold(service_query.category),
                )
                for category in services.categories
            ],
            "count": len(matching if service_query.is_search else services.all),
            "last": self._tiles_of(last, services, first) if number == 1 else [],
            "tiles": self._tiles_of(shown, services, first),
            "page_number": number,
            "pages": pages,
            "page_before": service_query.at(first, page=number - 1)
            if number > 1
            else "",
            "page_after": service_query.at(first, page=number + 1)
            if number < pages
            else "",
        }

    def _tiles_of(
        self, shown: Sequence[PortalService], services: PortalServices, first: str
    ) -> list[Tile]:
        away = self._not_reachable.entity_ids
        return [
            Tile(
                service.name,
                service.description,
                f"{first}go?to={service.id}" if service.address else "",
                f"{first}logo?of={service.id}&v={version}" if version else "",
                service.initial,
                service.is_valid and service.entity_id not in away,
                service.description_language,
            )
            for service in shown
            for version in (services.logo_version_of(service),)
        ]

    def _name_of(self, login: Login | None) -> str:
        values = login.attributes.get(self.options.name_attribute) if login else None
        return shortened(values[0], _LONGEST_NAME) if values else ""

    def _cached_services(self, trust: Trust, language: str) -> PortalServices:
        """Return the services from a cache: a federation may have thousands."""
        cached = self._services.get(language)
        if cached is None or cached.trust is not trust or cached.until <= clock.now():
            cached = self._services[language] = PortalServices.of(trust, language)
        return cached

    # --- what the page leads to -----------------------------------------------------

    def _go(self, visit: Visit) -> Response:
        trust = visit.trust
        login = visit.session_or_none
        services = self._cached_services(trust, language_of(visit))
        service = services.by_id.get(_parameters(visit).get("to", ""))
        if service is None or not service.address:
            raise NotFound("no service of the federation has this name")
        headers = []
        # A link of another site must not change the list of visited services.
        if login is not None and is_own_navigation(visit, trust.own.public_url):
            headers = [note_visit(visit, trust.own, login, service)]
        return with_hsts(visit, see_other(service.address, headers))

    def _logo(self, visit: Visit) -> Response:
        """Send a logo; the browser keeps it if the address names this very image."""
        services = self._cached_services(visit.trust, language_of(visit))
        parameters = _parameters(visit)
        service = services.by_id.get(parameters.get("of", ""))
        logo = services.logo_of(service) if service else None
        if logo is None:
            raise NotFound("no service of the federation has this name and a logo")
        is_this = parameters.get("v") == logo.version
        answer = Response(
            body=logo.octets,
            headerlist=[
                ("Content-Type", logo.content_type),
                ("Content-Security-Policy", _LOGO_POLICY),
                ("Cache-Control", _LOGO_CACHING if is_this else "no-store"),
                ("Cross-Origin-Resource-Policy", "same-origin"),
                ("Referrer-Policy", "same-origin"),
                ("X-Content-Type-Options", "nosniff"),
            ],
        )
        return with_hsts(visit, answer)


@dataclass(frozen=True, slots=True)
class _ServiceQuery:
    search: str
    category: str
    page: int

    @classmethod
    def of(cls, visit: Visit) -> "_ServiceQuery":
        parameters = _parameters(visit)
        search, category = (
            shortened(parameters.get(name, "")[:LONGEST_SEARCH], LONGEST_SEARCH)
            for name in ("q", "category")
        )
        number = parameters.get("page", "")
        is_number = number.isascii() and number.isdecimal()
        page = int(number) if is_number and len(number) <= _MOST_DIGITS else 1
        return cls(search, category, max(1, page))

    @property
    def is_search(self) -> bool:
        return bool(self.search or self.category)

    def at(self, first: str, *, category: str = "", page: int = 1) -> str:
        """Return the address of another category or page."""
        parameters = {"category": category} if category else {}
        if not category:
            parameters = {"q": self.search, "category": self.category}
            parameters["page"] = str(page) if page > 1 else ""
        query = urlencode({name: value for name, value in parameters.items() if value})
        return f"{first}?{query}" if query else first


def _parameters(visit: Visit) -> Mapping[str, str]:
    """Return the query parameters, the last of each name; none if it is malformed."""
    query = visit.query_string
    try:
        return dict(parse_qsl(query, errors="replace", max_num_fields=_MOST_PARAMETERS))
    except ValueError:
        return {}


def _hours(visit: Visit, limit: str) -> float:
    sessions = visit.environ.get(env.SESSIONS)
    return 0.0 if sessions is None else float(getattr(sessions, limit)) / 3600


def _text_in(texts: Mapping[str, str], language: str) -> str:
    """Return our own text in a language, or else in English or another one, or ""."""
    first = next(iter(texts.values()), "")
    return texts.get(language) or texts.get("en") or first


def _first_page(visit: Visit) -> str | None:
    trust = visit.trust_or_none
    return None if trust is None else root(trust.own.public_url)


def make_portal(global_conf: Mapping[str, str], **local_conf: str) -> Portal:
    """Make the app ``egg:eilogin#portal`` for PasteDeploy."""
    return Portal(read(PortalOptions, global_conf, local_conf))
