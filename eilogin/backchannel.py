"""HTTP from server to server: SOAP to a peer, metadata from it, within a stated time.

What SAML says in a message is not known here, only how to carry one (SAML bindings
3.2.3: SOAP 1.1 over HTTP POST). A peer is not trusted with our threads: the time of a
call is limited as a whole, also against one that answers a byte at a time; what it
answers is limited in size; it can send nobody elsewhere, and nothing is tried twice,
because an artifact is good once.

``*.localhost`` means this machine, also where the system's resolver does not know it
(RFC 6761 6.3). The one thing that no limit here can bound is that resolver itself,
which has a time-out of its own.

Nothing is opened before the first call. Each process opens its own connections, so a
server may fork after this was made.
"""

import html
import io
import logging
import os
import re
import socket
import ssl
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import Enum
from functools import cache
from http import HTTPStatus
from http.client import HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ProxyError,
)
from urllib3.exceptions import TimeoutError as UrllibTimeout

from eilogin import clock
from eilogin.config import is_loopback, without_password
from eilogin.errors import ConfigurationError, PeerUnavailable

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
_LONGEST_WORDS = 200
#: Where a SOAP fault has its words for people (SOAP 1.1, 4.4).
_FAULT_WORDS = re.compile(r"<(?:[\w.-]{1,40}:)?faultstring(?:\s[^<>]*)?>([^<]+)<")
#: By what an answer of another status shows that who speaks SOAP there has given it.
_FAULT = re.compile(rb"<(?:[\w.-]{1,40}:)?Fault[\s/>]")
#: The client error statuses that may pass by themselves: a later try can succeed.
_PASSING = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)
#: The Content-Type of a page begins with one of these.
_HTML = ("text/html", "application/xhtml+xml")
#: And where it says whose fault it is, more closely behind a dot or not (4.4.1).
_FAULT_CODE = re.compile(
    rb"<(?:[\w.-]{1,40}:)?faultcode(?:\s[^<>]*)?>\s*(?:[\w-]{1,40}:)?(Client|Server)[.\s<]"
)
#: By what a question shows that it is about somebody: what is said of it may name her,
#: in whatever spelling. Only what a hub or participant of ours says is known not to.
_ABOUT_SOMEBODY = re.compile(rb"<(?:[\w.-]{1,40}:)?(?:NameID|BaseID|EncryptedID)[\s/>]")
_OURS = re.compile(r"refused, see [2-9A-Z]{3}-[2-9A-Z]{3}")
#: What of another question may stand in no log: an artifact that may be good still. And
#: what a citizen's number looks like.
_ARTIFACT = re.compile(rb"<(?:[\w.-]{1,40}:)?Artifact(?:\s[^<>]*)?>([^<]+)<")
_NUMBER = re.compile(r"(?<!\d)\d(?:[\s.-]*\d){8}(?!\d)")
#: Characters of the shortest part of an artifact that is left out.
_SHORTEST_PART = 6

#: By how many seconds a peer's clock may differ from ours, as in its messages.
_SKEW = 60.0

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

#: Faults of a peer's certificate that no authority mends (X509_V_ERR_… of OpenSSL): not
#: valid yet, expired, for another name, for another address.
_OF_THE_CERTIFICATE = frozenset((9, 10, 62, 64))
#: By what a peer says that it wants a certificate of ours, or another one.
_NOT_TAKEN = frozenset(
    (
        "SSLV3_ALERT_BAD_CERTIFICATE",
        "SSLV3_ALERT_CERTIFICATE_EXPIRED",
        "SSLV3_ALERT_CERTIFICATE_REVOKED",
        "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
        "SSLV3_ALERT_HANDSHAKE_FAILURE",
        "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
        "TLSV13_ALERT_CERTIFICATE_REQUIRED",
        "TLSV1_ALERT_ACCESS_DENIED",
        "TLSV1_ALERT_UNKNOWN_CA",
    )
)
#: By what OpenSSL says that an answer is none of TLS.
_NO_TLS = frozenset(
    ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG")
)
#: How it shows that a peer closed the connection before it answered.
_HUNG_UP = (
    ConnectionResetError,
    BrokenPipeError,
    ssl.SSLSyscallError,
    ssl.SSLEOFError,
    # as 3.11 has it, where it is closed before the handshake
    ssl.SSLZeroReturnError,
)

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came to a question; only that of status 200 is sure to have a ``body``."""

    status: int
    #: Where it sends who asked, or "".
    location: str
    #: What it says that it is, or "".
    content_type: str
    body: bytes
    #: When it was made, as it says itself (its ``Date``), or None.
    dated: float | None
    #: By what a later question says which one is there already (RFC 9110 8.8), or "".
    etag: str = ""
    last_modified: str = ""
    #: For how many seconds it is good (RFC 9111 5.2.2.1), or None.
    max_age: float | None = None


class Look(Enum):
    """What a quick look at a peer says of a page that somebody would get there."""

    #: Something answers, whatever that is; or it speaks TLS, which we may not trust.
    THERE = "there"
    #: It is certain that none comes: a gateway answers for it (502, 503 and 504; RFC
    #: 9110 15.6).
    AWAY = "away"
    #: Connections are refused: by its machine, or by a firewall on our side of it.
    REFUSED = "refused"
    #: It takes a connection, and gives no answer in time or hangs up.
    SILENT = "silent"
    #: Perhaps it is only this server that does not get there: an unknown name, no
    #: route, a proxy that does not connect.
    CUT_OFF = "cut off"


#: What comes of it where a look finds nobody, for the log.
_NOBODY = {
    Look.AWAY: "a gateway answers in its place",
    Look.REFUSED: "it, or a firewall before it, refuses connections",
}


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked; ``longest`` is how many bytes the answer may have."""

    method: str
    headers: Mapping[str, str]
    longest: int
    body: bytes | None = None
    #: How many bytes are read of the answer that something is wrong (400 and more).
    longest_fault: int = 0


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
        self._ca_option, self._proxy_option = ca_option, proxy_option = said_by
        self._tls = _tls_context(ca_file, client_certificate, ca_option)
        self._ca_file = ca_file
        self._certificate = client_certificate[0] if client_certificate else None
        self._proxy = _checked_proxy(proxy, proxy_option) if proxy else None
        self._timeout = timeout
        self._pools: tuple[int, urllib3.PoolManager, urllib3.PoolManager] | None = None
        #: When each address was looked at, and what came of it.
        self._looks: OrderedDict[str, tuple[float, Look]] = OrderedDict()
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
        question = _Question("POST", _HEADERS, _LONGEST_ANSWER, body, _LONGEST_FAULT)
        answer = self._ask(url, question, timeout)
        clocks = _clocks(answer.dated)
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
    ) -> Answer:
        """Ask for what lies at an address, as a type such as ``text/xml``.

        ``longest`` is how many bytes it may have. ``known`` are the ``etag`` and the
        ``last_modified`` of what is there already: if that lies there still, the status
        is 304. It is the caller's to judge a status and to follow a redirect. Raises as
        :meth:`post` for the rest.
        """
        names = ("If-None-Match", "If-Modified-Since")
        unless = {name: said for name, said in zip(names, known, strict=True) if said}
        question = _Question("GET", {"Accept": accept, **_COMMON, **unless}, longest)
        return self._ask(url, question, timeout)

    def _ask(self, url: str, question: _Question, timeout: float | None) -> Answer:
        limit = self._timeout if timeout is None else timeout
        try:
            _host_and_port(url)
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
                return _read(url, response, question)
            finally:
                # One that was read whole has given its connection back already; of
                # another the rest must not become the start of the next answer.
                response.close()
        except NewConnectionError as error:  # to urllib3 it is a time-out too
            raise PeerUnavailable(f"{named(url)} {self._told(url, error)}") from error
        except (TimeoutError, UrllibTimeout):
            raise PeerUnavailable(
                f"{named(url)} did not answer within {limit:.3g} s"
            ) from None
        except (HTTPError, OSError, ValueError) as error:
            raise PeerUnavailable(f"{named(url)} {self._told(url, error)}") from error

    def _told(self, url: str, error: BaseException) -> str:
        """What a failure means, in the words of our options where they may mend it."""
        if isinstance(error, ProxyError):
            proxy = self._proxy or ""
            told = self._told(proxy, error.original_error)
            return f"is behind {self._proxy_option} ({named(proxy)}), which {told}"
        causes = list(_causes(error))
        if told := next(filter(None, map(self._told_of_tls, causes)), ""):
            return told
        for cause in causes:
            if isinstance(cause, _HUNG_UP):
                # TLS 1.3 refuses a certificate after the handshake, and what a peer
                # says about it is lost where it hangs up at once.
                tls = urlsplit(url).scheme == "https"
                perhaps = f" Perhaps it {self._not_taken()}" if tls else ""
                return f"closed the connection without an answer: {error}.{perhaps}"
            if isinstance(cause, ConnectionRefusedError):
                return f"refuses connections: {cause}"
        if isinstance(error, ConnectTimeoutError):  # its own words name a class of ours
            return f"does not answer: {error.__cause__}"
        return f"does not answer: {error}"

    def _told_of_tls(self, cause: BaseException) -> str:
        """The same of what is wrong with certificates; "" where nothing is."""
        if isinstance(cause, ssl.SSLCertVerificationError):
            return self._not_trusted(cause)
        reason = cause.reason if isinstance(cause, ssl.SSLError) else ""
        if reason in _NOT_TAKEN:
            return f"{self._not_taken()} ({reason})"
        if reason in _NO_TLS:
            return (
                f"answers, but not with TLS ({reason}): does it have a "
                "certificate, and is this the https port? Ask its administrator"
            )
        return ""

    def _not_trusted(self, error: ssl.SSLCertVerificationError) -> str:
        if error.verify_code in _OF_THE_CERTIFICATE:
            return (
                "has a certificate that is not valid for it: "
                f"{error.verify_message}; ask its administrator for a valid one"
            )
        whose = f" ({self._ca_file})" if self._ca_file else ", the system's authorities"
        return (
            f"has a certificate that no authority in {self._ca_option}{whose} has "
            f"signed: {error.verify_message}; ask its administrator which "
            "authority signs it"
        )

    def _not_taken(self) -> str:
        if self._certificate is None:
            told = "asks for a client certificate: set tls_client_certificate"
        else:
            told = f"rejects our tls_client_certificate ({self._certificate})"
        return f"{told}; ask its administrator which certificates it accepts"

    def look(self, url: str, *, timeout: float = 2.0) -> Look:
        """What a quick look at an address says, before a citizen is sent there.

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
                return Look.SILENT if found is None else found[1]
            self._looking.add(url)
        try:
            outcome = self._look(url, timeout)
            if outcome in _NOBODY and (found is None or found[1] is not outcome):
                _log.warning(
                    "the peer at %s is down: %s (logged once, until that changes)",
                    named(url),
                    _NOBODY[outcome],
                )
            with self._lock:
                self._looks[url] = (time.monotonic(), outcome)
                while len(self._looks) > _LOOKS:
                    self._looks.popitem(last=False)
        finally:
            with self._lock:
                self._looking.discard(url)
        return outcome

    def _look(self, url: str, timeout: float) -> Look:
        question = _Question("HEAD", {"Accept": "text/html", **_COMMON}, 0)
        try:
            status = self._ask(url, question, timeout).status
        except PeerUnavailable as error:
            return _seen_by(tuple(_causes(error)))
        return Look.AWAY if status in _AWAY else Look.THERE

    def seen(self, url: str, *, within: float) -> Look | None:
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
        manager.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}
        return manager


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error, and what it comes from, which urllib3 hands over as an argument."""
    found: BaseException | None = error
    while found is not None:
        yield found
        inner = (one for one in found.args if isinstance(one, BaseException))
        found = found.__cause__ or found.__context__ or next(inner, None)


def _seen_by(causes: Sequence[BaseException]) -> Look:
    """What a look says to which no answer came, by why it did not."""

    def has(*kinds: type[BaseException]) -> bool:
        return any(isinstance(cause, kinds) for cause in causes)

    # Of our own proxy a refusal says nothing about the peer.
    if has(ProxyError):
        return Look.CUT_OFF
    if has(ConnectionRefusedError):
        return Look.REFUSED
    if has(ConnectTimeoutError):  # to urllib3 whatever makes no connection
        return Look.CUT_OFF
    return Look.THERE if has(ssl.SSLError) and not has(*_HUNG_UP) else Look.SILENT


def _read(url: str, response: urllib3.BaseHTTPResponse, question: _Question) -> Answer:
    body = b""
    if response.status == HTTPStatus.OK:
        # One byte more than the limit is asked for, and never waited for beyond.
        body = b"".join(_chunks(response, question.longest + 1))
        if len(body) > question.longest:
            error = PeerUnavailable(
                f"{named(url)} answered with more than {question.longest} bytes"
            )
            error.has_answered = True
            raise error
    elif response.status >= HTTPStatus.BAD_REQUEST and question.longest_fault:
        # The status is what counts, also where the rest does not come.
        with suppress(HTTPError, OSError):
            body = b"".join(_chunks(response, question.longest_fault))
    return Answer(
        response.status,
        response.headers.get("Location", ""),
        response.headers.get("Content-Type", ""),
        body,
        _instant(response.headers.get("Date", "")),
        _validator(response, "ETag"),
        _validator(response, "Last-Modified"),
        _max_age(response.headers.get("Cache-Control", "")),
    )


def _validator(response: urllib3.BaseHTTPResponse, name: str) -> str:
    """A header that is sent back as it came; "" of what could not be."""
    text = response.headers.get(name, "")
    return text if re.fullmatch(r"[ -~]{1,500}", text) else ""


def _max_age(cache_control: str) -> float | None:
    found = re.search(r"(?:^|[,\s])max-age=\"?(\d{1,9})(?!\d)", cache_control.lower())
    return float(found[1]) if found else None


def _chunks(response: urllib3.BaseHTTPResponse, most: int) -> Iterator[bytes]:
    """The body of an answer, or its first ``most`` bytes."""
    left = most
    while left and (chunk := response.read(min(65_536, left), decode_content=False)):
        left -= len(chunk)
        yield chunk


def _instant(date: str) -> float | None:
    """When a ``Date`` (RFC 9110 6.6.1) says that it is; None where it is none."""
    try:
        found = parsedate_to_datetime(date)
        aware = found.replace(tzinfo=found.tzinfo or UTC)
        return aware.astimezone(UTC).timestamp()
    except (ValueError, OverflowError):
        return None


def _clocks(dated: float | None) -> list[str]:
    """Both clocks, where one of them must be wrong: then no message is taken."""
    moment = clock.now()
    if dated is None or abs(dated - moment) <= _SKEW:
        return []
    theirs, ours = (f"{clock.utc(t):%Y-%m-%dT%H:%M:%SZ}" for t in (dated, moment))
    return [f"its clock says {theirs}, and ours says {ours}"]


def failed(  # noqa: PLR0913 - the parts of an answer
    url: str,
    status: int,
    body: bytes,
    *,
    question: bytes = b"",
    clocks: Sequence[str] = (),
    content_type: str = "",
) -> PeerUnavailable:
    """The error for an answer of another status than 200 to a SOAP ``question``.

    It repeats what a SOAP fault in its ``body`` says, where that can name nobody, and
    ``clocks``.
    """
    told = [f"answered with status {status}"]
    words = _fault_words(body, question)
    if words and _ABOUT_SOMEBODY.search(question) and not _OURS.fullmatch(words):
        told.append(
            "eilogin does not repeat its message, which may name a person: "
            "see the log of the peer"
        )
    elif words:
        told.append(f"it says {words!r}")
    error = PeerUnavailable(f"{named(url)} {'; '.join([*told, *clocks])}")
    # A page of another status is a gateway's, for all that is known.
    error.has_answered = status == HTTPStatus.OK or bool(_FAULT.search(body))
    is_for_good = HTTPStatus(400) <= status < HTTPStatus(500) and status not in _PASSING
    is_html = content_type.lower().startswith(_HTML)
    error.is_page = is_for_good and is_html and not error.has_answered
    found = _FAULT_CODE.search(body)
    error.fault = found[1].decode() if found else ""
    return error


def _fault_words(body: bytes, question: bytes) -> str:
    """What a SOAP fault says to people, for one line of a log; "" where it is none.

    Without the artifact of the ``question``, and without numbers of citizens.
    """
    # Read as text: nobody signed it, and nothing but these words is wanted of it.
    found = _FAULT_WORDS.search(body.decode(errors="replace"))
    words = html.unescape(found[1]) if found else ""
    readable = "".join(c if c.isprintable() else " " for c in words)
    for text in _parts_of_artifact(question):
        readable = re.sub(re.escape(text), "…", readable, flags=re.IGNORECASE)
    return " ".join(_NUMBER.sub("…", readable).split())[:_LONGEST_WORDS]


def _parts_of_artifact(question: bytes) -> Iterator[str]:
    """The artifact that a question is about, and the parts of it, the longest first."""
    for found in _ARTIFACT.findall(question):
        text = html.unescape(found.decode(errors="replace")).strip()
        parts = re.split(r"[^\w-]+", text)
        yield from (one for one in (text, *parts) if len(one) >= _SHORTEST_PART)


@cache
def _system_context() -> ssl.SSLContext:
    # Shared by all who add nothing of their own: to read the system's takes 10 ms.
    return ssl.create_default_context()


def _tls_context(
    ca_file: Path | None,
    client_certificate: tuple[Path, Path] | None,
    ca_option: str,
) -> ssl.SSLContext:
    # Made at once, not at the first call: a wrong file stops the start.
    if ca_file is None and client_certificate is None:
        return _system_context()
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise ConfigurationError(
            f"{ca_option}: found '{ca_file}'; expected certificates in a PEM file:"
            f" {error}"
        ) from error
    if client_certificate is not None:
        certificate, key = client_certificate
        try:
            # A key with a pass phrase is refused: nobody is there to type it.
            context.load_cert_chain(certificate, key, password=_no_pass_phrase)
        except (OSError, ValueError) as error:
            raise ConfigurationError(
                f"tls_client_certificate, tls_client_key: found '{certificate}' and"
                f" '{key}'; expected PEM files with a certificate and its key: {error}"
            ) from error
    return context


def _checked_proxy(url: str, option: str) -> str:
    try:
        _host_and_port(url)
    except ValueError:
        raise ConfigurationError(
            f"{option}: found {without_password(url)!r}; expected an address"
            " such as 'http://proxy.example.nl:3128'"
        ) from None
    if urlsplit(url).username is not None:
        # urllib3 would leave it out, and each call would fail at the proxy.
        raise ConfigurationError(
            f"{option}: found '{named(url)}' with a user; expected a proxy "
            "without a password"
        )
    return url


def _no_pass_phrase() -> str:
    raise ValueError("the key has a pass phrase; expected one without")


def _host_and_port(url: str) -> tuple[str, int]:
    """Host and port of a URL; ``ValueError`` where it has none."""
    parts = urlsplit(url)
    if not parts.hostname or parts.scheme not in _PORTS:
        raise ValueError("an http or https address")
    return parts.hostname, parts.port or _PORTS[parts.scheme]


def named(url: str) -> str:
    """An address as a log may show it: no user, no query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "a peer with an invalid address"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


# --- connecting -----------------------------------------------------------------


def _addresses(host: str, port: int) -> Iterator[tuple[socket.AddressFamily, Any]]:
    """Families and addresses to try, in order; ``OSError`` for an unknown name."""
    if is_loopback(host) and host.rstrip(".").endswith("localhost"):
        yield socket.AF_INET, ("127.0.0.1", port)
        yield socket.AF_INET6, ("::1", port, 0, 0)
        return
    for family, _, _, _, address in socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM
    ):
        yield family, address


def _connected(host: str, port: int, timeout: float) -> socket.socket:
    """A connection to the first address that takes one; ``timeout`` is for them all."""
    deadline = time.monotonic() + timeout
    failure: OSError = OSError(f"{host} has no address")
    for family, address in _addresses(host, port):
        try:
            sock = socket.socket(family, socket.SOCK_STREAM)
        except OSError as error:  # a family that this machine does not have
            failure = error
            continue
        try:
            sock.settimeout(max(deadline - time.monotonic(), 0.001))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.connect(address)
        except OSError as error:
            sock.close()
            # Who refuses is there; another address of the same may have no route.
            if not isinstance(failure, ConnectionRefusedError):
                failure = error
        else:
            return sock
    raise failure


class _Deadline(io.RawIOBase):
    """A socket's bytes until an instant, however few of them come at a time.

    The time-out of a socket starts anew with every byte that arrives.
    """

    def __init__(self, sock: socket.socket, raw: io.RawIOBase, seconds: float) -> None:
        self._sock = sock
        self._raw = raw
        self._end = time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(HTTPResponse):
    """An answer that is read within the time-out that its socket had at the start."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        left = sock.gettimeout() or 0.0
        self.fp = io.BufferedReader(_Deadline(sock, self.fp.detach(), left))


class _Connecting(HTTPConnection):
    """How both kinds of connection find a peer and read its answer."""

    # urllib3 gives the socket what is left of the total time-out, then makes this.
    response_class = _Response

    def request(self, *args: Any, **kwargs: Any) -> None:
        if self.sock is not None:
            # A kept connection still has what was left of the call before this one.
            self.sock.settimeout(self.timeout)
        super().request(*args, **kwargs)

    def _new_conn(self) -> socket.socket:
        timeout = float(self.timeout or 0.0)
        try:
            return _connected(self._dns_host, self.port, timeout)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except TimeoutError as error:
            raise ConnectTimeoutError(self, "timed out") from error
        except (OSError, UnicodeError) as error:
            raise NewConnectionError(self, str(error)) from error


class _Connection(_Connecting):
    """A connection in the clear, which only loopback addresses have."""


class _TLSConnection(_Connecting, HTTPSConnection):
    """A connection over TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection
