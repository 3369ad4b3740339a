"""Send SOAP messages to peers, and fetch their metadata, within a time limit."""

import logging
import os
import threading
import time
from collections import OrderedDict
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import HTTPError, NewConnectionError
from urllib3.exceptions import TimeoutError as UrllibTimeout

from eilogin.config import is_loopback
from eilogin.errors import PeerUnavailable
from eilogin.http_client.clock_skew import clock_difference
from eilogin.http_client.connection_failures import (
    USUAL_OPTIONS,
    ConnectionFailures,
    OptionNames,
    causes_of,
)
from eilogin.http_client.connections import Pool, TLSPool
from eilogin.http_client.peer_urls import host_and_port, named
from eilogin.http_client.reachability import Reachability, outcome_of
from eilogin.http_client.response_reading import (
    NO_VALIDATORS,
    PeerRequest,
    PeerResponse,
    Validators,
    read_response,
)
from eilogin.http_client.soap_faults import failed
from eilogin.http_client.tls_contexts import (
    ClientCertificate,
    checked_proxy,
    tls_context,
)

_log = logging.getLogger("eilogin")

#: SAML bindings 3.2.3.2; some peers insist on it.
_SOAP_ACTION = '"http://www.oasis-open.org/committees/security"'


_COMMON = {"Accept-Encoding": "identity", "User-Agent": "eilogin"}


_HEADERS = {
    "Content-Type": "text/xml; charset=utf-8",
    "SOAPAction": _SOAP_ACTION,
    "Accept": "text/xml",
    "Cache-Control": "no-cache, no-store",
    **_COMMON,
}


#: Peers with open connections, and open connections of each: its simultaneous calls.
_PEERS = 100


_CONNECTIONS = 32


#: Bytes of a message, or of a SOAP fault with its page.
_LONGEST_RESPONSE = 1_000_000


#: Bytes of an error response, which nobody has signed.
_LONGEST_FAULT = 4096


#: Seconds that the outcome of a reachability check holds; and cached outcomes.
_CHECK_HOLDS = 5.0


_MOST_CHECKS = 1000


#: A gateway's statuses if its server does not answer (RFC 9110 15.6).
_GATEWAY_STATUSES = frozenset(
    (
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    )
)


_DOWN = {
    Reachability.AWAY: "a gateway answers in its place",
    Reachability.REFUSED: "it, or a firewall before it, refuses connections",
}


class _Pools(NamedTuple):
    """The connections of one process."""

    pid: int
    direct: urllib3.PoolManager
    #: Through the proxy, if there is one.
    outward: urllib3.PoolManager


class _Check(NamedTuple):
    """The outcome of a reachability check."""

    #: Monotonic instant.
    at: float
    outcome: Reachability

    def is_within(self, seconds: float) -> bool:
        return time.monotonic() - self.at < seconds


class BackChannel:
    """The client for the SOAP endpoints of peers.

    - ``ca_file``: PEM certificates of the authorities for TLS; None for the system's.
    - ``client_certificate``: our own certificate for TLS.
    - ``proxy``: the URL of an HTTP proxy, never used for this machine itself.
    - ``timeout``: most seconds of a call, from connecting to the last byte.
    - ``option_names``: the options for ``ca_file`` and ``proxy``, named in errors.

    Raises :class:`eilogin.errors.ConfigurationError`, naming option and file or proxy.
    """

    def __init__(
        self,
        *,
        ca_file: Path | None = None,
        client_certificate: ClientCertificate | None = None,
        proxy: str | None = None,
        timeout: float = 5.0,
        option_names: OptionNames = USUAL_OPTIONS,
    ) -> None:
        self._tls = tls_context(ca_file, client_certificate, option_names.ca)
        self._proxy = checked_proxy(proxy, option_names.proxy) if proxy else None
        self._failures = ConnectionFailures(
            option_names,
            ca_file,
            client_certificate.certificate if client_certificate else None,
            self._proxy,
        )
        self._timeout = timeout
        self._pools: _Pools | None = None
        self._checks: OrderedDict[str, _Check] = OrderedDict()
        self._lock = threading.Lock()
        self._checking: set[str] = set()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._timeout:g}s>"

    @property
    def timeout(self) -> float:
        """Default for the most seconds of a call."""
        return self._timeout

    def post(self, url: str, body: bytes, *, timeout: float | None = None) -> bytes:
        """Send a SOAP 1.1 envelope; return the body of the response with status 200.

        ``timeout`` is in seconds. Raises :class:`eilogin.errors.PeerUnavailable`,
        naming the peer, for each of these:

        - no connection, or a TLS certificate that is untrusted or of another name
        - another status, with the text of a SOAP fault (status 500, SAML bindings
          3.2.3.3)
        - a redirect
        - a response that is too long, or too slow

        The error states whether the peer answered, and a difference of clocks. Without
        an error, the log does.
        """
        request = PeerRequest("POST", _HEADERS, _LONGEST_RESPONSE, body, _LONGEST_FAULT)
        response = self._request(url, request, timeout)
        clocks = clock_difference(response.dated)
        if response.status != HTTPStatus.OK:
            raise failed(
                url,
                response.status,
                response.body,
                request=body,
                clocks=clocks,
                content_type=response.content_type,
            )
        for difference in clocks:
            _log.warning("%s answers, but %s", named(url), difference)
        return response.body

    def get(
        self,
        url: str,
        accept: str,
        *,
        longest: int,
        timeout: float | None = None,
        validators: Validators = NO_VALIDATORS,
    ) -> PeerResponse:
        """Fetch a document of a type such as ``text/xml``.

        ``longest`` is its largest size in bytes. ``validators`` are those of a copy;
        status 304 confirms it. The caller checks the status and follows redirects.
        Otherwise raises as :meth:`post`.
        """
        headers = {"Accept": accept, **_COMMON}
        if validators.etag:
            headers["If-None-Match"] = validators.etag
        if validators.last_modified:
            headers["If-Modified-Since"] = validators.last_modified
        return self._request(url, PeerRequest("GET", headers, longest), timeout)

    def _request(
        self, url: str, request: PeerRequest, timeout: float | None
    ) -> PeerResponse:
        limit = self._timeout if timeout is None else timeout
        try:
            host_and_port(url)
            response = self._pool_for(url).request(
                request.method,
                url,
                body=request.body,
                headers=request.headers,
                timeout=urllib3.Timeout(total=limit),
                retries=False,
                redirect=False,
                preload_content=False,
            )
            try:
                return read_response(url, response, request)
            finally:
                # Closes after an incomplete read: the rest must not begin the next
                # response.
                response.close()
        except NewConnectionError as error:  # a timeout too, for urllib3
            raise PeerUnavailable(
                f"{named(url)} {self._failures.describe(url, error)}"
            ) from error
        except (TimeoutError, UrllibTimeout):
            raise PeerUnavailable(
                f"{named(url)} did not answer within {limit:.3g} s"
            ) from None
        except (HTTPError, OSError, ValueError) as error:
            raise PeerUnavailable(
                f"{named(url)} {self._failures.describe(url, error)}"
            ) from error

    def look(self, url: str, *, timeout: float = 2.0) -> Reachability:
        """Check whether a URL is reachable, before the visitor goes there.

        Sends a HEAD request, because a gateway also accepts connections for a peer that
        is away. The outcome holds for 5 seconds. Then one thread checks again, while
        the others get the previous outcome, or SILENT at first.
        """
        last_check = self._checks.get(url)
        if last_check is not None and last_check.is_within(_CHECK_HOLDS):
            return last_check.outcome
        last_outcome = None if last_check is None else last_check.outcome
        with self._lock:
            if url in self._checking:
                return last_outcome or Reachability.SILENT
            self._checking.add(url)
        try:
            outcome = self._check(url, timeout)
            if outcome in _DOWN and outcome is not last_outcome:
                _log.warning(
                    "the peer at %s is down: %s (logged once, until that changes)",
                    named(url),
                    _DOWN[outcome],
                )
            with self._lock:
                self._checks[url] = _Check(time.monotonic(), outcome)
                while len(self._checks) > _MOST_CHECKS:
                    self._checks.popitem(last=False)
        finally:
            with self._lock:
                self._checking.discard(url)
        return outcome

    def _check(self, url: str, timeout: float) -> Reachability:
        request = PeerRequest("HEAD", {"Accept": "text/html", **_COMMON}, 0)
        try:
            status = self._request(url, request, timeout).status
        except PeerUnavailable as error:
            return outcome_of(tuple(causes_of(error)))
        return Reachability.AWAY if status in _GATEWAY_STATUSES else Reachability.THERE

    def last_outcome(self, url: str, *, within: float) -> Reachability | None:
        """Return the outcome of the last :meth:`look` at a URL, without a request.

        None if it is older than ``within`` seconds.
        """
        check = self._checks.get(url)
        return check.outcome if check is not None and check.is_within(within) else None

    def close(self) -> None:
        """Close the connections of this process; the next call opens new ones."""
        pools, self._pools = self._pools, None
        if pools is not None:
            pools.direct.clear()
            pools.outward.clear()

    def _proxy_for(self, url: str) -> str | None:
        host = urlsplit(url).hostname or ""
        return None if is_loopback(host) else self._proxy

    def _pool_for(self, url: str) -> urllib3.PoolManager:
        pools = self._pools
        if pools is None or pools.pid != os.getpid():
            # Another thread may have come first; its pools close after their call.
            direct = self._new_pools(None)
            outward = self._new_pools(self._proxy) if self._proxy else direct
            pools = self._pools = _Pools(os.getpid(), direct, outward)
        return pools.outward if self._proxy_for(url) else pools.direct

    def _new_pools(self, proxy: str | None) -> urllib3.PoolManager:
        common: dict[str, Any] = {
            "num_pools": _PEERS,
            "maxsize": _CONNECTIONS,
            "ssl_context": self._tls,
        }
        manager = (
            urllib3.ProxyManager(proxy, proxy_ssl_context=self._tls, **common)
            if proxy
            else urllib3.PoolManager(**common)
        )
        manager.pool_classes_by_scheme = {"http": Pool, "https": TLSPool}
        return manager
