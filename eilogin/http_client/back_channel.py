"""Send SOAP messages to peers, and fetch their metadata, within a time limit."""

import logging
import os
import threading
import time
from collections import OrderedDict
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import HTTPError, NewConnectionError
from urllib3.exceptions import TimeoutError as UrllibTimeout

from eilogin.config import is_loopback
from eilogin.errors import PeerUnavailable
from eilogin.http_client.clock_skew import clock_difference
from eilogin.http_client.connection_failures import ConnectionFailures, causes_of
from eilogin.http_client.connections import Pool, TLSPool
from eilogin.http_client.peer_urls import host_and_port, named
from eilogin.http_client.reachability import Reachability, outcome_of
from eilogin.http_client.response_reading import (
    PeerRequest,
    PeerResponse,
    read_response,
)
from eilogin.http_client.soap_faults import failed
from eilogin.http_client.tls_contexts import checked_proxy, tls_context

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


class BackChannel:
    """The client for the SOAP endpoints of peers.

    - ``ca_file``: PEM certificates of the authorities for TLS; None for the system's.
    - ``client_certificate``: the PEM files of our certificate and its key.
    - ``proxy``: the URL of an HTTP proxy, never used for this machine itself.
    - ``timeout``: most seconds of a call, from connecting to the last byte.
    - ``option_names``: the options for ``ca_file`` and ``proxy``, named in errors.

    Raises :class:`eilogin.errors.ConfigurationError`, naming option and file or proxy.
    """

    def __init__(
        self,
        *,
        ca_file: Path | None = None,
        client_certificate: tuple[Path, Path] | None = None,
        proxy: str | None = None,
        timeout: float = 5.0,
        option_names: tuple[str, str] = ("back_channel_ca", "back_channel_proxy"),
    ) -> None:
        ca_option, proxy_option = option_names
        self._tls = tls_context(ca_file, client_certificate, ca_option)
        self._proxy = checked_proxy(proxy, proxy_option) if proxy else None
        self._failures = ConnectionFailures(
            ca_option,
            proxy_option,
            ca_file,
            client_certificate[0] if client_certificate else None,
            self._proxy,
        )
        self._timeout = timeout
        self._pools: tuple[int, urllib3.PoolManager, urllib3.PoolManager] | None = None
        self._checks: OrderedDict[str, tuple[float, Reachability]] = OrderedDict()
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
        validators: tuple[str, str] = ("", ""),
    ) -> PeerResponse:
        """Fetch a document of a type such as ``text/xml``.

        ``longest`` is its largest size in bytes. ``validators`` are the ``etag`` and
        ``last_modified`` of a copy; status 304 confirms it. The caller checks the
        status and follows redirects. Otherwise raises as :meth:`post`.
        """
        names = ("If-None-Match", "If-Modified-Since")
        conditions = {
            name: validator
            for name, validator in zip(names, validators, strict=True)
            if validator
        }
        request = PeerRequest(
            "GET", {"Accept": accept, **_COMMON, **conditions}, longest
        )
        return self._request(url, request, timeout)

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
        if last_check is not None and time.monotonic() - last_check[0] < _CHECK_HOLDS:
            return last_check[1]
        with self._lock:
            if url in self._checking:
                return Reachability.SILENT if last_check is None else last_check[1]
            self._checking.add(url)
        try:
            outcome = self._check(url, timeout)
            if outcome in _DOWN and (
                last_check is None or last_check[1] is not outcome
            ):
                _log.warning(
                    "the peer at %s is down: %s (logged once, until that changes)",
                    named(url),
                    _DOWN[outcome],
                )
            with self._lock:
                self._checks[url] = (time.monotonic(), outcome)
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
        last_check = self._checks.get(url)
        is_recent = last_check is not None and time.monotonic() - last_check[0] < within
        return last_check[1] if last_check is not None and is_recent else None

    def close(self) -> None:
        """Close the connections of this process; the next call opens new ones."""
        pools, self._pools = self._pools, None
        if pools is not None:
            for manager in pools[1:]:
                manager.clear()

    def _proxy_for(self, url: str) -> str | None:
        host = urlsplit(url).hostname or ""
        return None if is_loopback(host) else self._proxy

    def _pool_for(self, url: str) -> urllib3.PoolManager:
        pools = self._pools
        if pools is None or pools[0] != os.getpid():
            # Another thread may have come first; its pools close after their call.
            direct = self._new_pools(None)
            outward = self._new_pools(self._proxy) if self._proxy else direct
            pools = self._pools = (os.getpid(), direct, outward)
        _, direct, outward = pools
        return outward if self._proxy_for(url) else direct

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
