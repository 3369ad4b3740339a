"""Warn of proxies whose X-Forwarded-For waitress removes, unseen by the filters."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from waitress.server import BaseWSGIServer

from eilogin.web.untrusted_proxies import UntrustedProxies
from eilogin.web.visit import Visit

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def watch(sockets: Iterable[Any], warning: UntrustedProxies) -> None:
    """Let each server of waitress among these sockets warn of the header."""
    for item in sockets:
        if isinstance(item, BaseWSGIServer):
            item.application = _WarningApplication(item.application, warning)


class _WarningApplication:
    def __init__(self, app: "WSGIApplication", warning: UntrustedProxies) -> None:
        self._app = app
        self._warning = warning

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        self._warning.look(Visit(environ))
        return self._app(environ, start_response)
