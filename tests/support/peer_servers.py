"""Servers of others and of ours on loopback, for tests that have them talk over HTTP.

Each is a process of its own in a folder of its own, with a port of its own, and is
ended by its number. A server with a :class:`Clock` believes what that says, from one
request to the next::

    with Server(folder, command, port, clock=clock) as server:
        with clock.shifted(minutes=10):
            ...
"""

import contextlib
import http.client
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from lxml import etree
from real_parts import unavailable
from unmeasured import unmeasured

from eilogin.saml.signing_keys import new_key_pair

#: Seconds for a server to start or to end.
PATIENCE = 60.0
#: Seconds for a page, on a machine that is busy.
_PAGE = 60.0
#: What belongs to one connection, and not to what is sent over it (RFC 9110 7.6.1).
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding"}
#: Where Debian has them, below a folder for each architecture.
LIBRARIES = Path("/usr/lib")
#: What hosts of a test end with: they are this machine.
LOOPBACK = ".localhost"
#: For servers whose certificates are made by the tests.
ANY_CERTIFICATE = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
ANY_CERTIFICATE.check_hostname = False
ANY_CERTIFICATE.verify_mode = ssl.CERT_NONE


class Clock:
    """The time of day as some servers believe it; ``folder`` is theirs to read."""

    def __init__(self, folder: Path) -> None:
        found = sorted(LIBRARIES.glob("*/faketime/libfaketimeMT.so.1"))
        if not found:
            unavailable("needs libfaketime: apt install faketime")
        self._file = folder / "clock"
        self._library = found[0]
        self._set(timedelta())

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs in its environment to go by this clock."""
        return {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            # Time-outs, and the times of files, are the machine's.
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    @contextlib.contextmanager
    def shifted(self, **by: float) -> Iterator[None]:
        """Have it differ; ``by`` is what timedelta takes."""
        self._set(timedelta(**by))
        try:
            yield
        finally:
            self._set(timedelta())

    def _set(self, shift: timedelta) -> None:
        # Whole or not at all: a server may be reading it.
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{shift.total_seconds():+.0f}")
        fresh.replace(self._file)


class Server:
    """A process that listens at ``ports``; ``user`` is who it runs as, or None.

    ``environment`` is its own, in the place of ours; it is not measured.
    """

    #: Seconds for it to start.
    patience = PATIENCE

    def __init__(
        self,
        folder: Path,
        command: Sequence[str | Path],
        *ports: int,
        clock: Clock | None = None,
        user: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self._command = command
        self._ports = ports
        self._clock = clock
        self._user = user
        self._environment = unmeasured() if environment is None else environment
        self._log = folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """What it has written so far."""
        return self._log.read_text(errors="replace")

    def __enter__(self) -> Self:
        self.start()
        return self

    def start(self) -> None:
        """Have it run, and wait until it answers."""
        # SIGABRT has Python write where its threads are.
        environment = {**self._environment, "PYTHONFAULTHANDLER": "1"}
        if self._clock is not None:
            environment |= self._clock.environment
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self.folder,
                env=environment,
                stdout=log,
                stderr=log,
                user=self._user,
                group=self._user,
                extra_groups=None if self._user is None else [],
            )
        try:
            for port in self._ports:
                self._wait_for(port, self._process)
        except BaseException:
            self._process.kill()
            self._process.wait(PATIENCE)
            raise

    def __exit__(self, *error: object) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired as late:
            self._process.send_signal(signal.SIGABRT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(PATIENCE)
            self.kill()
            raise AssertionError(f"it does not end: {self.log}") from late

    def kill(self) -> None:
        """End it in the midst of whatever it does."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(PATIENCE)

    @contextlib.contextmanager
    def down(self) -> Iterator[None]:
        """Have it not run for a while; what it keeps in memory is lost."""
        self.__exit__()
        try:
            yield
        finally:
            self.start()

    def _wait_for(self, port: int, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + self.patience
        while process.poll() is None and time.monotonic() < deadline:
            # An answer: some listen before they have read what they are to serve.
            with contextlib.suppress(OSError, http.client.HTTPException):
                _get(port, "/", f"nobody{LOOPBACK}:{port}")
                return
            time.sleep(0.02)
        raise AssertionError(self.log)


class EiloginServe(Server):
    """``eilogin serve`` of an ini file."""

    def __init__(
        self,
        ini_file: Path,
        *ports: int,
        clock: Clock | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        run = "from eilogin.cli import main; main()"
        command = [sys.executable, "-c", run, "serve", ini_file]
        super().__init__(
            ini_file.parent, command, *ports, clock=clock, environment=environment
        )


# --- asking them ----------------------------------------------------------------------


def over_http(environ, start_response):
    """Ask the server at the port of an address; its host is this machine."""
    port = int(environ["SERVER_PORT"])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PAGE)
    return _ask(connection, environ, start_response)


def over_tls(environ, start_response):
    """Ask an https address over TLS, whatever its certificate, and any other one not.

    With :func:`over_http` a server without TLS can play an https site.
    """
    if environ["wsgi.url_scheme"] != "https":
        return over_http(environ, start_response)
    port = int(environ["SERVER_PORT"])
    connection = http.client.HTTPSConnection(
        "127.0.0.1", port, timeout=_PAGE, context=ANY_CERTIFICATE
    )
    return _ask(connection, environ, start_response)


def _ask(connection, environ, start_response):
    length = int(environ.get("CONTENT_LENGTH") or 0)
    headers = {
        key.removeprefix("HTTP_").replace("_", "-"): value
        for key, value in environ.items()
        if key.startswith("HTTP_") or key == "CONTENT_TYPE"
    }
    query = environ["QUERY_STRING"]
    path = environ["PATH_INFO"] + (f"?{query}" if query else "")
    body = environ["wsgi.input"].read(length)
    with contextlib.closing(connection):
        try:
            connection.request(environ["REQUEST_METHOD"], path, body, headers)
        except ConnectionRefusedError:
            # What a browser shows then is a page too.
            start_response("502 Bad Gateway", [("Content-Type", "text/plain")])
            return [b"this site does not answer"]
        answer = connection.getresponse()
        content = answer.read()
    kept = [(k, v) for k, v in answer.getheaders() if k.lower() not in _HOP_BY_HOP]
    start_response(f"{answer.status} {answer.reason}", kept)
    return [content]


def fetch(url: str) -> bytes:
    """What is at an address of a test."""
    parts = urlsplit(url)
    assert (parts.hostname or "").endswith(LOOPBACK), url
    assert parts.port is not None, url
    status, content = _get(parts.port, parts.path, parts.netloc)
    assert status == 200, content
    return content


def others_key() -> str:
    """The text of a certificate, as metadata has it, whose key nobody signs with."""
    pem = new_key_pair("somebody else")[1].decode()
    return "".join(pem.strip().splitlines()[1:-1])


def metadata_with_key_of(certificate: str, metadata: bytes) -> bytes:
    """The same metadata with another certificate, and so another key."""
    entity = etree.fromstring(metadata)
    for element in entity.iter("{http://www.w3.org/2000/09/xmldsig#}X509Certificate"):
        element.text = certificate
    return etree.tostring(entity)


def _get(port: int, path: str, host: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    with contextlib.closing(connection):
        connection.request("GET", path, headers={"Host": host})
        answer = connection.getresponse()
        return answer.status, answer.read()
