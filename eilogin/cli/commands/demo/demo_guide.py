"""The guide of the demo: a page with things to try and switches for sites."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from webob import Response

from eilogin.errors import Refused
from eilogin.hub.signin.citizen_accounts import DEMO_NAMES, DEMO_PASSWORDS
from eilogin.web.pages.page_languages import language_of
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.requests import read_form, require_own_form
from eilogin.web.site_urls import see_other
from eilogin.web.visit import Visit

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


_THIS_MACHINE = ("localhost", "127.0.0.1")


@dataclass(frozen=True, slots=True)
class DemoSite:
    """A site of the demo; texts are keyed by language."""

    url: str
    names: Mapping[str, str]
    descriptions: Mapping[str, str]
    #: A ``data:`` URI, or "".
    logo: str

    @property
    def host(self) -> str:
        """The host name."""
        return host_of_url(self.url)

    @property
    def short_name(self) -> str:
        """The name for ``--down``, the first part of the host name."""
        return self.host.partition(".")[0]


class GuidedSites:
    """The served application, with the guide at ``localhost``.

    ``down`` has the hosts that are switched off at the start. ``is_short`` says whether
    the sites run with the short limits of ``--short``.
    """

    def __init__(
        self,
        app: "WSGIApplication",
        down: Sequence[str],
        sites: Sequence[DemoSite],
        *,
        is_short: bool,
    ) -> None:
        self._app = app
        self._down = set(down)
        self._sites = sites
        self._is_short = is_short
        self._pages = Pages()

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer with the guide, the application, or 503 for a switched off site."""
        visit = Visit(environ)
        host = environ.get("HTTP_HOST", "").partition(":")[0]
        if host in _THIS_MACHINE:
            guide_url = f"http://{host}:{environ['SERVER_PORT']}/"
            return self._guide(visit, guide_url)(environ, start_response)
        if host not in self._down:
            return self._app(environ, start_response)
        start_response(
            "503 Service Unavailable", [("Content-Type", "text/plain; charset=utf-8")]
        )
        text = f"{host} is down: 'eilogin demo' or its guide switched it off.\n"
        return [text.encode()]

    def _guide(self, visit: Visit, guide_url: str) -> Response:
        try:
            visit.allow_only("GET", "HEAD", "POST")
            if visit.method == "POST":
                self._switch(visit, guide_url)
                return see_other(f"{guide_url}#down")
        except Refused as error:
            return self._pages.refuse(visit, error, event="demo")
        language = language_of(visit)
        return self._pages.page(
            visit,
            "guide.html",
            action=guide_url,
            is_short=self._is_short,
            sites={
                site.short_name: {
                    "url": site.url,
                    "name": site.names.get(language, site.names["nl"]),
                    "description": site.descriptions.get(language, ""),
                    "logo": site.logo,
                    "is_down": site.host in self._down,
                }
                for site in self._sites
            },
            citizens=[
                (DEMO_NAMES[username], username, password)
                for username, password in DEMO_PASSWORDS.items()
            ],
        )

    def _switch(self, visit: Visit, guide_url: str) -> None:
        """Switch a site off or on; raise Refused for a form of another origin."""
        require_own_form(visit, guide_url)
        form = read_form(visit)
        hosts = {site.short_name: site.host for site in self._sites}
        if form.get("off") in hosts:
            self._down.add(hosts[form["off"]])
        if form.get("on") in hosts:
            self._down.discard(hosts[form["on"]])


def guide_url_of(sites: Sequence[DemoSite]) -> str:
    """Return the address of the guide, with the port of the first site."""
    _, colon, port = urlsplit(sites[0].url).netloc.partition(":")
    return f"http://localhost{colon}{port}/"


def host_of_url(url: str) -> str:
    """Return the host name in a URL, or ""."""
    return urlsplit(url).hostname or ""
