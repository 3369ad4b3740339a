"""The URL of the metrics, for requests with a token (RFC 6750 2.1)."""

import hmac
from collections.abc import Callable, Iterable

from pydantic import SecretBytes
from webob import Response

from eilogin import metrics
from eilogin.errors import NotFound
from eilogin.federation import Trust
from eilogin.federation.members.expiry_alarms import Expiry
from eilogin.web.visit import Visit


class Numbers:
    """The metrics of this process; without a ``token``, eilogin counts nothing."""

    def __init__(self, token: SecretBytes | None) -> None:
        self._token = token
        self._meters = None if token is None else metrics.turn_on()

    def respond(
        self,
        visit: Visit,
        trust: Trust,
        endings: Callable[[], Iterable[Expiry]] = tuple,
        undelivered: Callable[[], int] | None = None,
    ) -> Response:
        """Return all metrics, with those of the ``trust`` of this request.

        ``endings`` returns further certificate ends, and ``undelivered`` counts the
        logouts in the retry queue. Raises NotFound without the token, and
        MethodNotAllowed.
        """
        if self._meters is None or not self._brings_token(visit):
            raise NotFound("the request has no valid metrics_token")
        visit.allow_only("GET", "HEAD")
        body, content_type = self._meters.exposition(
            visit.environ.get("HTTP_ACCEPT", ""),
            undelivered,
            {
                (ending.peer, ending.name): ending.ends
                for ending in (*trust.endings, *endings())
            },
            {} if trust.watch is None else trust.watch.numbers(),
        )
        headers = {"Content-Type": content_type, "Cache-Control": "no-store"}
        answer = Response(body=body, headers=headers)
        answer.headers["X-Content-Type-Options"] = "nosniff"
        return answer

    def _brings_token(self, visit: Visit) -> bool:
        # Constant time reveals nothing about the token.
        scheme, _, token = visit.environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        return (
            self._token is not None
            and scheme.lower() == "bearer"
            and hmac.compare_digest(
                token.strip().encode("latin-1"), self._token.get_secret_value()
            )
        )
