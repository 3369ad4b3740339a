"""The page from which a citizen goes to every service: ``egg:eilogin#portal``.

*Needs* ``session`` and ``trust`` before it. *Reads* their keys. *Writes* nothing::

    [app:portal]
    use = egg:eilogin#portal
    title = MijnOverheid

    [pipeline:main]
    pipeline = eilogin portal

The services are the participants in the federation's metadata, with the name,
description and address that each has there (mdui); a new member is on the page without
a line of configuration. Where ``protect`` says ``optional``, a stranger sees them too,
and a button to log in.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator
from webob import Response

from eilogin.errors import EiloginError, MethodNotAllowed, NotFound
from eilogin.federation import Trust
from eilogin.sessions import Login
from eilogin.settings import Options, option, read
from eilogin.web import environ as env
from eilogin.web.pages import Pages, language_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


def _is_address(value: str) -> str:
    if not value.startswith(("/", "https://", "http://")) or value.startswith("//"):
        raise ValueError("a path such as '/eilogin/logout', or an address")
    return value


Address = Annotated[str, AfterValidator(_is_address)]


class PortalOptions(Options, name="portal"):
    """What ``[app:…] use = egg:eilogin#portal`` understands."""

    title: str = option("what stands above the page", default="Portaal")
    login_url: Address = option("where a login starts", default="/eilogin/login?next=/")
    logout_url: Address = option("where a logout starts", default="/eilogin/logout")
    name_attribute: str = option(
        "attribute of the login that holds the citizen's name", default="name"
    )


class Portal:
    """The app; it has one page."""

    def __init__(self, options: PortalOptions) -> None:
        self.options = options
        self.pages = Pages("eilogin.portal")

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer with the page, or with that of an error."""
        try:
            answer = self._answer(environ)
        except EiloginError as error:
            answer = self.pages.refuse(environ, error, event="portal")
        return answer(environ, start_response)

    def _answer(self, environ: "WSGIEnvironment") -> Response:
        if environ.get("PATH_INFO", "") not in ("", "/"):
            raise NotFound("the portal has one page")
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            raise MethodNotAllowed("the portal is only read")
        trust = env.trust(environ)
        login = env.session(environ)
        language = language_of(environ)
        hub = trust.federation.entity(trust.hub_id)
        return self.pages.page(
            environ,
            "portal.html",
            heading=self.options.title,
            login=login,
            name=self._name_of(login),
            services=_services(trust, language),
            hub_url=hub.information_url(language),
            login_url=self.options.login_url,
            logout_url=self.options.logout_url,
        )

    def _name_of(self, login: Login | None) -> str | None:
        values = login.attributes.get(self.options.name_attribute) if login else None
        return values[0] if values else None


def _services(trust: Trust, language: str) -> list[tuple[str, str, str]]:
    """Name, description and link of every participant but this one, by name."""
    services = [
        (
            entity.name(language),
            entity.description(language),
            entity.information_url(language),
        )
        for entity in trust.federation.entities
        if entity.service_provider and entity.entity_id != trust.own.entity_id
    ]
    return sorted(services, key=lambda service: service[0].casefold())


def make_portal(global_conf: Mapping[str, str], **local_conf: str) -> Portal:
    """PasteDeploy's factory for ``egg:eilogin#portal``."""
    return Portal(read(PortalOptions, global_conf, local_conf))
