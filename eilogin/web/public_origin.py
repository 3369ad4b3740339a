"""Give the application the scheme and host that its visitors use.

If a proxy ends TLS, the server sees plain HTTP, and ``wsgi.url_scheme`` is ``http``. An
application then writes ``http`` into its redirects, and sets cookies without
``Secure``. It may also reject every form: Django compares the Origin of a form with the
scheme and host of the request. ``public_url`` contains the origin that the visitor's
browser sees.
"""

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from eilogin.web.requests import origin_of

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class PublicOrigin:
    """The scheme and host of ``public_url``.

    Requests with another ``Host`` header stay unchanged: they came by another address
    of the application. If ``public_url`` is http, which only loopback may use, all
    requests stay unchanged.
    """

    def __init__(self, public_url: str) -> None:
        scheme, _, self._host = origin_of(public_url).partition("://")
        name = self._host.removesuffix(f":{urlsplit(public_url).port}")
        # A proxy may leave the port out, as nginx does with "Host $host", or add the
        # default one. A browser does neither.
        alike = {name, self._host} | ({f"{name}:443"} if name == self._host else set())
        self._hosts = frozenset(alike if scheme == "https" else ())

    def tell(self, environ: "WSGIEnvironment") -> None:
        """Set scheme and host in environ, if the request came by this host."""
        if environ.get("HTTP_HOST", "").lower() in self._hosts:
            environ["wsgi.url_scheme"] = "https"
            environ["HTTP_HOST"] = self._host
