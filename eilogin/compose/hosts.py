"""Several sites in one process, by host name: ``egg:eilogin#hosts``.

Each line of the section has a host name, in any case, and the app or pipeline that
answers on any port. Another host gets status 421 (RFC 9110 15.5.20).
"""

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar, Protocol

from pydantic import ConfigDict, model_validator

from eilogin.config import Options, read
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.visit import Visit

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_MISDIRECTED = "421 Misdirected Request"
_HOST = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]")
# The part after the name in a Host header (RFC 9110 7.2).
_PORT = re.compile(r"\.?(?::[0-9]*)?$")


class HostsOptions(Options):
    """Options of ``[composite:…] use = egg:eilogin#hosts``: host names."""

    model_config = ConfigDict(extra="allow")
    entry_point: ClassVar[str] = "hosts"

    def names(self) -> list[tuple[str, str]]:
        """Return the host, in lower case, and app of every line."""
        return [(host.lower(), name) for host, name in (self.model_extra or {}).items()]

    @model_validator(mode="after")
    def _are_host_names(self) -> "HostsOptions":
        hosts = [host for host, _ in self.names()]
        odd = [host for host in hosts if not _HOST.fullmatch(host)]
        if odd:
            raise ValueError(f"expected host names without a port, found {odd}")
        if len(set(hosts)) < len(hosts):
            raise ValueError("expected one line for each host name")
        if not hosts:
            raise ValueError("expected a line 'host name = app' for each site")
        return self


class Loader(Protocol):
    """PasteDeploy's loader."""

    def get_app(
        self, name: str, global_conf: Mapping[str, str] | None = None
    ) -> "WSGIApplication":
        """Return the app of a section."""


class Hosts:
    """The composite; ``apps`` are keyed by lower-case host name, without port."""

    def __init__(self, apps: Mapping[str, "WSGIApplication"]) -> None:
        self._apps = dict(apps)
        self._pages = Pages()

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Dispatch by host name."""
        app = self._apps.get(host_of(environ), self._misdirected)
        return app(environ, start_response)

    def _misdirected(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        visit = Visit(environ)
        page = self._pages.page(visit, "unknown_host.html")
        page.status = _MISDIRECTED
        return page(environ, start_response)


def host_of(environ: "WSGIEnvironment") -> str:
    """Return the host name of a request: lower case, no port, no final dot."""
    return _PORT.sub("", environ.get("HTTP_HOST", "")).lower()


def make_hosts(
    loader: Loader, global_conf: Mapping[str, str], **local_conf: str
) -> Hosts:
    """Make ``egg:eilogin#hosts``, or raise InvalidOptions or LookupError."""
    options = read(HostsOptions, global_conf, local_conf)
    return Hosts(
        {
            host: loader.get_app(name, global_conf=global_conf)
            for host, name in options.names()
        }
    )
