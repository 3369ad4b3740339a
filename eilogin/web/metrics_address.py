"""The address at which who watches over a hub or a site reads its numbers.

Who brings the token reads them (RFC 6750 2.1), and nobody else learns that there is
anything. What they are is :mod:`eilogin.metrics`'s.
"""

import hmac
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from pydantic import SecretBytes
from webob import Response

from eilogin import metrics
from eilogin.errors import NotFound
from eilogin.federation import Trust
from eilogin.federation.members.expiry_alarms import Expiry
from eilogin.web.requests import allow_only

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class Numbers:
    """Those of this process, for who brings ``token``; counted from now on.

    Where that is None, nothing is counted for it, and nobody reads anything.
    """

    def __init__(self, token: SecretBytes | None) -> None:
        self._token = token
        self._meters = None if token is None else metrics.turn_on()

    def respond(
        self,
        environ: "WSGIEnvironment",
        trust: Trust,
        endings: Callable[[], Iterable[Expiry]] = tuple,
        undelivered: Callable[[], int] | None = None,
    ) -> Response:
        """All numbers, with those of the ``trust`` of this request.

        ``endings`` are beside those that it has, and ``undelivered`` counts the logouts
        that are still to be delivered. Raises :class:`eilogin.errors.NotFound` where
        the token is not there, and :class:`eilogin.errors.MethodNotAllowed`.
        """
        if self._meters is None or not self._brings_token(environ):
            raise NotFound("the request has no valid metrics_token")
        allow_only(environ, "GET", "HEAD")
        body, content_type = self._meters.exposition(
            environ.get("HTTP_ACCEPT", ""),
            undelivered,
            {(one.peer, one.name): one.ends for one in (*trust.endings, *endings())},
            {} if trust.watch is None else trust.watch.numbers(),
        )
        headers = {"Content-Type": content_type, "Cache-Control": "no-store"}
        answer = Response(body=body, headers=headers)
        answer.headers["X-Content-Type-Options"] = "nosniff"
        return answer

    def _brings_token(self, environ: "WSGIEnvironment") -> bool:
        """Whether a request has our token; it takes the same time whatever it has."""
        scheme, _, said = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        return (
            self._token is not None
            and scheme.lower() == "bearer"
            and hmac.compare_digest(
                said.strip().encode("latin-1"), self._token.get_secret_value()
            )
        )
