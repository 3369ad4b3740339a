"""Give the application the scheme and host that its visitors use.

Behind a proxy that ends TLS, ``wsgi.url_scheme`` is ``http``. An application then
writes ``http`` into redirects, sets cookies without ``Secure``, and may reject forms.
"""

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from eilogin.web.requests import origin_of

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class PublicOrigin:
    """The scheme and host of ``public_url``; requests with another Host stay as is."""

    def __init__(self, public_url: str) -> None:
        scheme, _, self._host = origin_of(public_url).partition("://")
        name = self._host.removesuffix(f":{urlsplit(public_url).port}")
        # A proxy may omit the port (nginx with "Host $host"), or add the default one.
        alike = {name, self._host} | ({f"{name}:443"} if name == self._host else set())
        self._hosts = frozenset(alike if scheme == "https" else ())

    def tell(self, environ: "WSGIEnvironment") -> None:
        """Set scheme and host in environ, if the request came by this host."""
        if environ.get("HTTP_HOST", "").lower() in self._hosts:
            environ["wsgi.url_scheme"] = "https"
            environ["HTTP_HOST"] = self._host
