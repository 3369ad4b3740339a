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
from urllib3.exceptions import (
    HTTPError,
    NewConnectionError,
)
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

#: SAML bindings 3.2.3.2 allows this value; some peers insist on it.
_SOAP_ACTION = '"http://www.oasis-open.org/committees/security"'


_COMMON = {"Accept-Encoding": "identity", "User-Agent": "eilogin"}


_HEADERS = {
    "Content-Type": "text/xml; charset=utf-8",
    "SOAPAction": _SOAP_ACTION,
    "Accept": "text/xml",
    "Cache-Control": "no-cache, no-store",
    **_COMMON,
}


#: Peers whose connections are kept, and connections kept for each: as many as threads
#: can call the same peer at once. One more would be closed after its call.
_PEERS = 100


_CONNECTIONS = 32


#: Bytes of the longest answer that is read: a message, or a SOAP fault with its page.
_LONGEST_ANSWER = 1_000_000


#: Bytes that are read of an answer of another status, and characters that the log shows
#: of the words in it: nobody vouches for them.
_LONGEST_FAULT = 4096


#: For how many seconds a quick look holds, and for how many addresses it is remembered.
_LOOK_HOLDS = 5.0


_LOOKS = 1000


#: How a gateway says that nobody behind it answers (RFC 9110 15.6).
_AWAY = frozenset(
    (
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    )
)


#: Words for the log.
_DOWN = {
    Reachability.AWAY: "a gateway answers in its place",
    Reachability.REFUSED: "it, or a firewall before it, refuses connections",
}


class BackChannel:
    """The way from this server to its peers' SOAP addresses.

    ``ca_file`` holds the certificates (PEM) of who may vouch for a peer's TLS, the
    system's where it is None; ``client_certificate`` is the pair of PEM files,
    certificate and key, by which we show ourselves; ``proxy`` is the URL of an HTTP
    proxy, which is never used towards this machine itself; ``timeout`` is how many
    seconds a call takes at most, from connecting to the last byte. ``said_by`` are the
    options that say ``ca_file`` and ``proxy``.

    Raises :class:`eilogin.errors.ConfigurationError`, naming the option and the file or
    the proxy, where one cannot be used.
    """

    def __init__(
        self,
        *,
        ca_file: Path | None = None,
        client_certificate: tuple[Path, Path] | None = None,
        proxy: str | None = None,
        timeout: float = 5.0,
        said_by: tuple[str, str] = ("back_channel_ca", "back_channel_proxy"),
    ) -> None:
        ca_option, proxy_option = said_by
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
        #: Time and outcome of the last check of each URL.
        self._looks: OrderedDict[str, tuple[float, Reachability]] = OrderedDict()
        self._lock = threading.Lock()
        #: At which some thread looks now.
        self._looking: set[str] = set()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._timeout:g}s>"

    @property
    def timeout(self) -> float:
        """How many seconds a call takes at most, where it does not say so itself."""
        return self._timeout

    def post(self, url: str, body: bytes, *, timeout: float | None = None) -> bytes:
        """Send a SOAP 1.1 envelope; the body of the answer, which has status 200.

        ``timeout`` in seconds replaces the one of this back channel. Raises
        :class:`eilogin.errors.PeerUnavailable`, naming the peer, for whatever is not
        a whole answer in time: no connection, a name or certificate that does not
        fit, another status (SAML bindings 3.2.3.3 sends a SOAP fault with 500, whose
        words the error repeats), a redirect, too many bytes, too slow; it says whether
        there was an answer at all. A clock of the peer that is not ours stands in the
        error, or in the log where there is none.
        """
        question = PeerRequest("POST", _HEADERS, _LONGEST_ANSWER, body, _LONGEST_FAULT)
        answer = self._ask(url, question, timeout)
        clocks = clock_difference(answer.dated)
        if answer.status != HTTPStatus.OK:
            raise failed(
                url,
                answer.status,
                answer.body,
                question=body,
                clocks=clocks,
                content_type=answer.content_type,
            )
        for told_apart in clocks:
            _log.warning("%s answers, but %s", named(url), told_apart)
        return answer.body

    def get(
        self,
        url: str,
        accept: str,
        *,
        longest: int,
        timeout: float | None = None,
        known: tuple[str, str] = ("", ""),
    ) -> PeerResponse:
        """Ask for what lies at an address, as a type such as ``text/xml``.

        ``longest`` is how many bytes it may have. ``known`` are the ``etag`` and the
        ``last_modified`` of what is there already: if that lies there still, the status
        is 304. It is the caller's to judge a status and to follow a redirect. Raises as
        :meth:`post` for the rest.
        """
        names = ("If-None-Match", "If-Modified-Since")
        unless = {name: said for name, said in zip(names, known, strict=True) if said}
        question = PeerRequest("GET", {"Accept": accept, **_COMMON, **unless}, longest)
        return self._ask(url, question, timeout)

    def _ask(
        self, url: str, question: PeerRequest, timeout: float | None
    ) -> PeerResponse:
        limit = self._timeout if timeout is None else timeout
        try:
            host_and_port(url)
            response = self._pool_for(url).request(
                question.method,
                url,
                body=question.body,
                headers=question.headers,
                timeout=urllib3.Timeout(total=limit),
                retries=False,
                redirect=False,
                preload_content=False,
            )
            try:
                return read_response(url, response, question)
            finally:
                # One that was read whole has given its connection back already; of
                # another the rest must not become the start of the next answer.
                response.close()
        except NewConnectionError as error:  # to urllib3 it is a time-out too
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

        It asks (HEAD), and does not only knock: a gateway takes connections for a peer
        that is away. The outcome holds for 5 seconds, and is then looked up anew: by
        one thread, while all others go by the one before it. What nobody knows yet is
        silent.
        """
        found = self._looks.get(url)
        if found is not None and time.monotonic() - found[0] < _LOOK_HOLDS:
            return found[1]
        with self._lock:
            if url in self._looking:
                return Reachability.SILENT if found is None else found[1]
            self._looking.add(url)
        try:
            outcome = self._look(url, timeout)
            if outcome in _DOWN and (found is None or found[1] is not outcome):
                _log.warning(
                    "the peer at %s is down: %s (logged once, until that changes)",
                    named(url),
                    _DOWN[outcome],
                )
            with self._lock:
                self._looks[url] = (time.monotonic(), outcome)
                while len(self._looks) > _LOOKS:
                    self._looks.popitem(last=False)
        finally:
            with self._lock:
                self._looking.discard(url)
        return outcome

    def _look(self, url: str, timeout: float) -> Reachability:
        question = PeerRequest("HEAD", {"Accept": "text/html", **_COMMON}, 0)
        try:
            status = self._ask(url, question, timeout).status
        except PeerUnavailable as error:
            return outcome_of(tuple(causes_of(error)))
        return Reachability.AWAY if status in _AWAY else Reachability.THERE

    def seen(self, url: str, *, within: float) -> Reachability | None:
        """Return the outcome of the last :meth:`look` at an address, and call nobody.

        None where nobody looked ``within`` that many seconds.
        """
        found = self._looks.get(url)
        is_recent = found is not None and time.monotonic() - found[0] < within
        return found[1] if found is not None and is_recent else None

    def close(self) -> None:
        """Let go of the connections of this process; the next call opens its own."""
        pools, self._pools = self._pools, None
        if pools is not None:
            for manager in pools[1:]:
                manager.clear()

    def _proxy_for(self, url: str) -> str | None:
        host = urlsplit(url).hostname or ""
        return None if is_loopback(host) else self._proxy

    def _pool_for(self, url: str) -> urllib3.PoolManager:
        """The connections of this process, and not those of the one that forked it."""
        pools = self._pools
        if pools is None or pools[0] != os.getpid():
            # Two threads may both come here first: the last one's pools are kept, the
            # other's are closed when their call is done.
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
