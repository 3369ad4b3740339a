"""A hub with participants in a folder, for servers in processes of their own.

Citizens sign in with ``citizen-1``, ``citizen-2`` and so on, all with :data:`PASSWORD`.
Their hashes cost as much as in production. Those of ``quick-1`` and so on cost next to
nothing, for measurements of other things than the sign-in.
"""

import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import argon2
from http_visitors import HttpVisitor, Reply, Script, VisitFailed, soap_call
from processes import ServerProcesses, free_port, running

from eilogin import clock
from eilogin.config import read
from eilogin.federation.local.local_options import OwnOptions, own_of
from eilogin.hub.signin.citizen_accounts import (
    Citizen,
    demo_citizens,
    hash_of,
    to_json,
)
from eilogin.saml import bindings, messages, safe_xml, xml_signatures
from eilogin.saml.metadata import write_federation
from eilogin.saml.signing_keys import SigningKey, new_key_pair

HOST = "inloggen.localhost"
PASSWORD = "demo-anna"  # noqa: S105 - of invented citizens
#: As the manual recommends.
THREADS = 8
#: Sites of the federation; each visitor logs in at one after another.
SITES = 3
_CITIZENS = 20_000
_QUICK = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
_DAY = 86_400.0

_LOGGERS = """
[loggers]
keys = root

[handlers]
keys = log

[formatters]
keys = line

[logger_root]
level = INFO
handlers = log

[handler_log]
class = FileHandler
args = ("%(here)s/audit.log",)
formatter = line

[formatter_line]
format = %(asctime)s %(levelname)s %(name)s %(message)s
"""

_SITE = """\
[server:main]
use = egg:waitress#main
listen = 127.0.0.1:{port}
max_request_body_size = 16777216
connection_limit = 500

[pipeline:main]
pipeline = eilogin page

[filter:eilogin]
use = egg:eilogin
store = {store}
protect =
    / optional
    /mijn basis
federation = %(here)s/federation.xml
federation_certificate = %(here)s/federation.test.crt
trusted_proxies = 127.0.0.1
{options}

[app:page]
use = egg:eilogin#wsgi
app = plain_page:app
path = {here}
"""

_HUB = """\
[server:main]
use = egg:waitress#main
listen = 127.0.0.1:{port}
max_request_body_size = 16777216
connection_limit = 500

[pipeline:main]
pipeline = session trust hub

[filter:session]
use = egg:eilogin#session
store = {store}

[filter:trust]
use = egg:eilogin#trust
role = hub
public_url = https://inloggen.localhost
key = %(here)s/inloggen.localhost.key
certificate = %(here)s/inloggen.localhost.crt
federation = %(here)s/federation.xml
federation_certificate = %(here)s/federation.test.crt
trusted_proxies = 127.0.0.1

[app:hub]
use = egg:eilogin#hub
citizens = %(here)s/citizens.json
name_id_key = a key that only this benchmark knows
"""


class Site:
    """A participant of the federation, with its key: it signs messages to the hub."""

    def __init__(self, name: str, pair: tuple[bytes, bytes], back_port: int) -> None:
        self.host, self.key_name = f"{name}.localhost", f"{name}.test"
        self.key = SigningKey.load(*pair)
        self._pair = pair
        self._back_port = back_port
        self.entity_id = f"https://{self.host}/eilogin/metadata"
        self._acs = f"https://{self.host}/eilogin/acs"

    def options(self, folder: Path) -> dict[str, str]:
        """Write the key into a folder, and return the options of the site's entity."""
        return {
            "public_url": f"https://{self.host}",
            "back_channel_url": f"http://{self.host}:{self._back_port}",
            **_key_files(folder, self.key_name, self._pair),
        }

    def authn_request(self, binding: str) -> str:
        """Return path and query of a signed AuthnRequest for a binding of answers."""
        request = messages.AuthnRequest(
            id=messages.new_id(),
            issued=clock.now(),
            issuer=self.entity_id,
            destination=f"https://{HOST}/sso",
            acs_url=self._acs,
            protocol_binding=binding,
        )
        octets = safe_xml.serialize(messages.write_authn_request(request))
        return bindings.redirect_url("/sso", bindings.REQUEST, octets, "r", self.key)

    def artifact_resolve(self, artifact: str) -> bytes:
        """Return the octets of a call that resolves an artifact."""
        element = messages.write_artifact_resolve(
            messages.ArtifactResolve(
                id=messages.new_id(),
                issued=clock.now(),
                issuer=self.entity_id,
                artifact=artifact,
                destination=f"https://{HOST}/artifact",
            )
        )
        xml_signatures.sign(element, self.key)
        return soap_call(HOST, "/artifact", bindings.wrap_soap(element))


class HubFolder:
    """A folder with all files of a hub; ``back_port`` is where participants answer."""

    def __init__(
        self, folder: Path, citizens: int = _CITIZENS, back_port: int = 9
    ) -> None:
        self.folder = folder
        self.citizens = citizens
        self.sites = [
            Site(name, new_key_pair(name), back_port) for name in ("uwv", "svb", "duo")
        ]
        hub = {
            "role": "hub",
            "public_url": f"https://{HOST}",
            **_key_files(folder, HOST, new_key_pair(HOST)),
        }
        members = [hub, *(site.options(folder) for site in self.sites)]
        operator = new_key_pair("federation.test")
        _key_files(folder, "federation.test", operator)
        (folder / "federation.xml").write_bytes(
            write_federation(
                [own_of(read(OwnOptions, {}, member)).entry() for member in members],
                name="Benchmark",
                valid_until=clock.now() + 30 * _DAY,
                key=SigningKey.load(*operator),
            )
        )
        (folder / "citizens.json").touch(0o600)
        (folder / "citizens.json").write_bytes(to_json(_citizens(citizens)))

    def hub_ini(self, store: str, port: int) -> Path:
        """Write the ini file of the hub."""
        return self._ini(f"hub-{port}", _HUB.format(port=port, store=store))

    def site_ini(self, store: str, port: int) -> Path:
        """Write the ini file of the first site; its page ``/`` needs no login."""
        options = self.sites[0].options(self.folder)
        text = _SITE.format(
            port=port,
            store=store,
            here=Path(__file__).parent,
            options="\n".join(f"{name} = {value}" for name, value in options.items()),
        )
        return self._ini(f"site-{port}", text)

    def _ini(self, name: str, text: str) -> Path:
        path = self.folder / f"{name}.ini"
        path.write_text(text + _LOGGERS, encoding="utf-8")
        return path

    def serve(
        self,
        store: str,
        processes: int,
        *,
        threads: int = THREADS,
        environment: Mapping[str, str] | None = None,
    ) -> AbstractContextManager[ServerProcesses]:
        """Run the hub under gunicorn, with so many processes."""
        port = free_port()
        ini = self.hub_ini(store, port)
        command = gunicorn(port, processes, threads, "--paste", str(ini))
        return running(
            command, port, self.folder, request(HOST, "/health"), environment
        )


def gunicorn(port: int, processes: int, threads: int, *words: str) -> list[str]:
    """Return a command that serves on a port; ``words`` name the application."""
    command = [sys.executable, "-m", "gunicorn", *words, "-b", f"127.0.0.1:{port}"]
    command += ["-k", "gthread", "--threads", str(threads), "-w", str(processes)]
    return [*command, "--keep-alive", "75", "--no-control-socket"]


def request(host: str, path: str) -> bytes:
    """Return the octets of a request for a page, over a connection of its own."""
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()


def warm_up(server: ServerProcesses, count: int, place: tuple[str, str]) -> None:
    """Send requests over connections of their own, so that each process gets some."""
    for _ in range(count):
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(request(*place))
            while connection.recv(65_536):
                pass


def _key_files(folder: Path, host: str, pair: tuple[bytes, bytes]) -> dict[str, str]:
    files = {"key": folder / f"{host}.key", "certificate": folder / f"{host}.crt"}
    for path, octets in zip(files.values(), pair, strict=True):
        path.touch(0o600)
        path.write_bytes(octets)
    return {name: str(path) for name, path in files.items()}


def _citizens(count: int) -> Iterator[Citizen]:
    somebody = demo_citizens()[0]
    for kind, hashed in (
        ("citizen", hash_of(PASSWORD)),
        ("quick", _QUICK.hash(PASSWORD)),
    ):
        for number in range(1, count + 1):
            name = f"{kind}-{number}"
            yield replace(somebody, id=name, username=name, password=hashed)


# --- scripts ------------------------------------------------------------------------


def visitor(number: int) -> HttpVisitor:
    """Return a browser with an address of its own."""
    return HttpVisitor(HOST, f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")


def sign_in(browser: HttpVisitor, request: str, username: str) -> Script:
    """Follow an AuthnRequest, fill in the page, and get the Response by POST."""
    page = yield from browser.get(request)
    found = _action_of(page)
    fields = {"username": username, "password": PASSWORD, "login": "1"}
    reply = yield from browser.post(found, fields)
    _require_response(reply)


def log_in_again(browser: HttpVisitor, request: str) -> Script:
    """Get a Response by POST with the session that the browser has at the hub."""
    reply = yield from browser.get(request)
    _require_response(reply)


def log_in_by_artifact(browser: HttpVisitor, request: str, site: Site) -> Script:
    """Get an artifact with the session of the browser, and resolve it."""
    reply = yield from browser.get(request)
    query = parse_qs(urlsplit(reply.location).query)
    if "SAMLart" not in query:
        raise VisitFailed(_said(reply))
    reply = yield site.artifact_resolve(query["SAMLart"][0])
    if reply.status != 200 or b"Assertion" not in reply.body:
        raise VisitFailed(_said(reply))


def log_out(browser: HttpVisitor) -> Script:
    """Press the button of the hub that logs out everywhere."""
    reply = yield from browser.post("/logout", {})
    if reply.status != 200 or b"uitgelogd" not in reply.body:
        raise VisitFailed(_said(reply))


def _action_of(page: Reply) -> str:
    text = page.body.decode()
    _, found, rest = text.partition('<form id="sign-in" method="post" action="')
    if page.status != 200 or not found:
        raise VisitFailed(_said(page))
    parts = urlsplit(unescape(rest.partition('"')[0]))
    return f"{parts.path}?{parts.query}"


def _require_response(reply: Reply) -> None:
    if reply.status != 200 or b'name="SAMLResponse"' not in reply.body:
        raise VisitFailed(_said(reply))


def _said(reply: Reply) -> str:
    title = reply.body.partition(b"<title>")[2].partition(b"</title>")[0].decode()
    return f"{reply.head.splitlines()[0]} {title} {reply.location}".strip()
