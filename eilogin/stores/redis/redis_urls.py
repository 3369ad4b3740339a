"""Parse the URL of a store.

* ``redis://[user:password@]host[:6379][/db]`` is one server.
* ``redis+sentinel://host[:26379],host…/service[/db]`` is the one that its sentinels
  name.
* ``redis+cluster://host[:6379],host…`` is a Cluster, by some of its nodes.

``rediss`` encrypts the connections, and certificates identify the servers. A query may
hold

* ``ca=FILE``: certificates of trusted authorities, instead of the system's
* ``cert=FILE&key=FILE``: our own certificate, for a server that requires one
* ``prefix=NAME``: the beginning of the names of all keys

User and password, percent-encoded, are shown nowhere.
"""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import parse_qsl, unquote, urlencode

Kind = Literal["server", "sentinel", "cluster"]

_SCHEME = re.compile(r"redis(?P<tls>s?)(?:\+(?P<kind>sentinel|cluster))?", re.ASCII)
_HOST = re.compile(
    r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9._-]+))(?::(?P<port>\d{1,5}))?",
    re.ASCII,
)
_PREFIX = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
_PORTS: dict[Kind, int] = {"server": 6379, "sentinel": 26379, "cluster": 6379}
_HIGHEST_PORT = 65535
_FILES = ("ca", "cert", "key")

EXPECTED = (
    "'redis://[user:password@]host[:port][/db]',"
    " 'redis+sentinel://host[:port],host[:port]/service[/db]' or"
    " 'redis+cluster://host[:port],host[:port]' (or 'rediss' for TLS), with"
    " '?ca=FILE', '?cert=FILE&key=FILE' and '?prefix=NAME' as options"
)


class Address(NamedTuple):
    """The address of a server; as text as in a URL."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class RedisURL:
    """The parts of a URL; as text, without user and password."""

    kind: Kind
    hosts: tuple[Address, ...]
    #: The sentinels' name of the servers, or "".
    service: str = ""
    db: int = 0
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    is_encrypted: bool = False
    #: None for the system's authorities.
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    prefix: str = "eilogin"

    @classmethod
    def parse(cls, text: str) -> "RedisURL":
        """Parse a URL; raises ``ValueError`` with the expected form."""
        scheme, separator, rest = text.partition("://")
        match = _SCHEME.fullmatch(scheme)
        if not match or not separator:
            raise ValueError(EXPECTED)
        kind: Kind = match["kind"] or "server"  # type: ignore[assignment]
        rest, _, query = rest.partition("?")
        authority, _, path = rest.partition("/")
        user, _, hosts = authority.rpartition("@")
        username, password = _credentials(user)
        addresses = _hosts(kind, hosts)
        service, db = _service_and_db(kind, path)
        options = _options(query)
        is_encrypted = bool(match["tls"])
        files = {name: Path(options[name]) for name in _FILES if name in options}
        if files and not is_encrypted:
            names = " and ".join(f"'{name}='" for name in files)
            raise ValueError(f"{names} only with the scheme 'rediss', which is TLS")
        if ("cert" in files) != ("key" in files):
            raise ValueError("'cert=FILE' and 'key=FILE' together, or neither")
        return cls(
            kind=kind,
            hosts=addresses,
            service=service,
            db=db,
            username=username,
            password=password,
            is_encrypted=is_encrypted,
            prefix=options.get("prefix", "eilogin"),
            **files,
        )

    def __str__(self) -> str:
        path = "/".join([self.service] * bool(self.service) + [str(self.db)])
        hosts = ",".join(map(str, self.hosts))
        tail = "" if self.kind == "cluster" else f"/{path}"
        return f"{self.scheme}://{hosts}{tail}"

    @property
    def files(self) -> dict[str, Path]:
        """Return the named files, by their options."""
        files = {name: getattr(self, name) for name in _FILES}
        return {name: path for name, path in files.items() if path is not None}

    def check_files(self) -> None:
        """Raise ``ValueError``, with the expectation, for unusable files."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            expected = f"a readable PEM file of certificates in 'ca={self.ca}'"
            if self.ca is not None:
                context.load_verify_locations(self.ca)
            expected = (
                f"readable PEM files of a certificate in 'cert={self.cert}' and of its"
                f" key, without a password, in 'key={self.key}'"
            )
            if self.cert is not None:
                # Never prompt for a password.
                context.load_cert_chain(self.cert, self.key, password="")  # nosec B106 # no password is given
        except OSError as error:
            raise ValueError(f"{expected} ({error.strerror or error})") from None

    @property
    def scheme(self) -> str:
        """Return the scheme of such a URL."""
        plain = "rediss" if self.is_encrypted else "redis"
        return plain if self.kind == "server" else f"{plain}+{self.kind}"


def with_files(text: str, files: Mapping[str, Path]) -> str:
    """Replace the files in the options of a valid URL."""
    head, _, query = text.partition("?")
    return f"{head}?{urlencode({**_options(query), **files}, safe='/')}"


def _credentials(user: str) -> tuple[str | None, str | None]:
    if not user:
        return None, None
    name, colon, password = user.partition(":")
    if not colon or not password:
        raise ValueError("'user:password@' or ':password@' before the host")
    return unquote(name) or None, unquote(password)


def _hosts(kind: Kind, text: str) -> tuple[Address, ...]:
    matches = [_HOST.fullmatch(part) for part in text.split(",")]
    addresses = [
        Address(match["six"] or match["name"], int(match["port"] or _PORTS[kind]))
        for match in matches
        if match
    ]
    if len(addresses) < len(matches) or not all(
        0 < address.port <= _HIGHEST_PORT for address in addresses
    ):
        raise ValueError("'host' or 'host:port'" + _AND_MORE[kind])
    if kind == "server" and len(addresses) > 1:
        raise ValueError("one host; several are 'redis+sentinel:' or 'redis+cluster:'")
    return tuple(addresses)


_AND_MORE: dict[Kind, str] = {
    "server": " after '//' (characters of a password such as '@', '/', '?' as '%40' …)",
    "sentinel": ", and more of them after a comma",
    "cluster": ", and more of them after a comma",
}


def _service_and_db(kind: Kind, path: str) -> tuple[str, int]:
    service, db = "", path
    if kind == "sentinel":
        service, _, db = path.partition("/")
        if not service:
            raise ValueError(
                "'/service' after the hosts: the name of the master at the sentinels"
            )
    if kind == "cluster" and db:
        raise ValueError("no path after the hosts: a Cluster has only one database")
    if not re.fullmatch(r"\d{0,5}", db, re.ASCII):
        raise ValueError("the number of a database, such as '/0'")
    return unquote(service), int(db or 0)


def _options(query: str) -> dict[str, str]:
    try:
        # Keep blank values: an empty 'ca=' would mean the system's authorities.
        pairs = (
            parse_qsl(
                query, keep_blank_values=True, strict_parsing=True, max_num_fields=9
            )
            if query
            else []
        )
    except ValueError:
        raise ValueError("options such as '?prefix=NAME&ca=FILE'") from None
    options = dict(pairs)
    if len(options) < len(pairs) or not options.keys() <= {*_FILES, "prefix"}:
        raise ValueError(
            "no other options than 'ca', 'cert', 'key' and 'prefix', each once"
        )
    for name in _FILES:
        if not options.get(name, "FILE").strip():
            raise ValueError(f"the path of a PEM file after '{name}='")
    if not _PREFIX.fullmatch(options.get("prefix", "eilogin")):
        raise ValueError("a prefix of letters, digits, '_', '.' and '-'")
    return options
