"""The commented ini lines of a site that joins a federation."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from eilogin.cli.serving import server_limits
from eilogin.config import is_loopback
from eilogin.federation.local.profiles import DEFAULT_PROFILE, PROFILES
from eilogin.object_references import folder_of
from eilogin.shell_quoting import typed

#: Behind a proxy.
_DEFAULT_PORT = 8080

_APP = "myapp"

#: Without such a scheme of PasteDeploy, the application is a callable's name.
_HAS_SCHEME = re.compile(r"(egg|call|config):")

_RULE = "# --- {} "


@dataclass(frozen=True, slots=True)
class Draft:
    """A site, from which eilogin makes ini lines."""

    #: The ini file, which may not exist yet.
    ini: Path
    #: The folder of keys and store.
    folder: Path
    public_url: str
    name: str
    #: An address, ``mdq:`` and an address, or a file.
    federation: str
    operator_certificate: Path
    hub: str = ""
    #: One of the names in ``PROFILES``.
    profile: str = DEFAULT_PROFILE
    is_zope: bool = False
    is_local: bool = False
    #: Lines of the option of this name.
    headers: Sequence[str] = ()

    @property
    def host(self) -> str:
        """The host, for file names, because several sites can share a folder."""
        return urlsplit(self.public_url).hostname or ""

    @property
    def key(self) -> Path:
        """The private key."""
        return self.folder / f"{self.host}.key"

    @property
    def certificate(self) -> Path:
        """Its certificate."""
        return self.folder / f"{self.host}.crt"

    @property
    def federation_folder(self) -> Path:
        """The folder for the state of the federation."""
        return self.folder / "federation"

    @property
    def pseudonym_key(self) -> Path | None:
        """The secret that derives pseudonyms of DigiD's citizens."""
        if not PROFILES[self.profile].has_sector_numbers:
            return None
        return self.folder / f"{self.host}-pseudonym.key"

    def filter_lines(self, name: str, outer: str = "") -> list[str]:
        """Write the section ``[filter:…]``, with the filter ``outer`` around it."""
        return [
            _rule("single sign-on and single logout"),
            "# Made by 'eilogin join'. To find its faults: eilogin check FILE.",
            "# All other options: eilogin options main",
            "",
            f"[filter:{name}]",
            "use = egg:eilogin",
            *self._outer_filter(outer),
            *self.party_lines(),
            *self.federation_lines(),
            *self._hub(),
            *self._digid(),
            *self._headers(),
            *self._sessions(),
        ]

    def new_file_lines(self, app: str) -> list[str]:
        """Write a whole ini file for ``app``, a callable's name or an ``egg:``."""
        return [
            *self.server_lines(),
            "",
            "[pipeline:main]",
            f"pipeline = eilogin {_APP}",
            "",
            f"[app:{_APP}]",
            *self._app(app),
            "",
            *self.filter_lines("eilogin"),
        ]

    def server_lines(self) -> list[str]:
        """Write the beginning of a new file, with its server."""
        command = typed("eilogin serve", Path(self.ini.name))
        return [
            f"# {self.name}: serve it with '{command}'.",
            "",
            "[server:main]",
            "use = egg:waitress#main",
            "# Listens on this machine only, for the proxy that does TLS.",
            f"listen = 127.0.0.1:{self._port()}",
            "# Limits for clients: bytes of a body, connections, idle seconds.",
            f"max_request_body_size = {server_limits.BODY}",
            f"connection_limit = {server_limits.CONNECTIONS}",
            f"channel_timeout = {server_limits.IDLE}",
        ]

    def _port(self) -> int:
        parts = urlsplit(self.public_url)
        is_local = is_loopback(parts.hostname or "") and parts.scheme == "http"
        return parts.port or 80 if is_local else _DEFAULT_PORT

    def _app(self, app: str) -> Iterator[str]:
        if _HAS_SCHEME.match(app):
            yield f"use = {value_of(app)}"
            return
        yield "# Your application, MODULE:NAME, and the folder of its module."
        yield "use = egg:eilogin#wsgi"
        yield f"app = {value_of(app)}"
        yield f"path = {self._module_folder(app)}"

    def _module_folder(self, app: str) -> str:
        ini_folder = self.ini.absolute().parent
        folder = folder_of(app, [str(ini_folder), str(Path.cwd())])
        return "%(here)s" if folder is None else self.path(Path(folder))

    def _outer_filter(self, outer: str) -> Iterator[str]:
        if outer:
            yield "# This filter was around the application, and is now around eilogin."
            yield "# Everybody can see what it answers by itself."
            yield f"filter-with = {value_of(outer)}"

    def party_lines(self) -> Iterator[str]:
        """Write the options that identify the site."""
        yield "# The address of this site in a browser."
        yield f"public_url = {value_of(self.public_url)}"
        if self.is_local and self.public_url.startswith("https:"):
            yield "# The proxy in front does TLS, and must set X-Forwarded-For, from"
            yield "# which eilogin reads the addresses of visitors."
            yield "trusted_proxies = 127.0.0.1"
        yield "# Name of the site for people; name_en is its name in English."
        yield f"name = {value_of(self.name)}"
        yield "# Logo (SVG or PNG), colour and links of the pages."
        yield "# logo = %(here)s/logo.svg"
        yield "# accent = #154273"
        yield "# footer = privacy https://WEBSITE/privacy"
        yield "# The help desk, for the operator and others."
        yield "# email = ADDRESS"
        yield "# The secret key with which the site signs, and its public certificate."
        if PROFILES[self.profile].has_sector_numbers:
            yield "# For DigiD: a certificate of PKIoverheid for that key."
        if self.profile != DEFAULT_PROFILE:
            yield f"profile = {self.profile}"
        if self.is_zope:
            yield "# Zope finds a page under several paths; a proxy may rewrite paths."
            yield "path_style = zope"
        yield f"key = {self.path(self.key)}"
        yield f"certificate = {self.path(self.certificate)}"

    def federation_lines(self) -> Iterator[str]:
        """Write the options for the federation."""
        yield "# The members of the federation, signed by its operator."
        yield f"federation = {self._source()}"
        by_form = PROFILES[self.profile].registers_by_form
        if not by_form or self.operator_certificate.exists():
            certificate = self.path(self.operator_certificate)
            yield f"federation_certificate = {certificate}"
        else:
            yield "# Anybody who can write that file decides whom this site trusts."
            yield "federation_unsigned = true"
        yield "# The active metadata, which eilogin refreshes while the site runs."
        yield f"federation_folder = {self.path(self.federation_folder)}"

    def _hub(self) -> Iterator[str]:
        yield "# The hub for logins; required if the federation has several hubs."
        yield f"hub = {value_of(self.hub)}" if self.hub else "# hub = ENTITYID"

    def _digid(self) -> Iterator[str]:
        if self.pseudonym_key is not None:
            yield "# Makes the names of citizens: with a new key, all of them change."
            yield f"pseudonym_key = file:{self.path(self.pseudonym_key)}"
            yield "# DigiD's back channel: our certificate, and DigiD's authority."
            yield "# tls_client_key = %(here)s/tls.key"
            yield "# tls_client_certificate = %(here)s/tls.crt"
            yield "# back_channel_ca = %(here)s/pkioverheid-private-root.pem"

    def _headers(self) -> Iterator[str]:
        yield "# Request headers that tell the application who the visitor is. Name"
        yield "# all that it reads: a client can forge the others."
        if self.headers:
            yield "headers ="
            yield from (f"    {value_of(line)}" for line in self.headers)
        else:
            yield "# headers = X-NAME attribute:name"

    def store_lines(self) -> Iterator[str]:
        """Write the option for the session store."""
        yield "# Session store, for one machine; for several: rediss://:PASSWORD@HOST/0"
        yield f"store = sqlite:///{self.path(self.folder / f'{self.host}.db')}"

    def _sessions(self) -> Iterator[str]:
        yield from self.store_lines()
        yield "# Level of each path: basis (password), midden (one-time code too),"
        yield "# optional (no login needed), off (no identity). The longest path that"
        yield "# matches counts; =/ means the first page alone."
        if self.is_zope:
            yield "# If a line says optional or off, each area that needs a login must"
            yield "# have its own line, because Zope finds it through open paths too."
        yield "protect ="
        yield "    /   basis"

    def _source(self) -> str:
        if is_address(self.federation):
            return value_of(self.federation)
        return self.path(Path(self.federation))

    def path(self, path: Path) -> str:
        """Write a path relative to the ini file if possible; the folder can move."""
        ini_folder = self.ini.absolute().parent
        absolute = Path(os.path.normpath(path.absolute()))
        if absolute == ini_folder:
            return "%(here)s"
        if absolute.is_relative_to(ini_folder):
            return f"%(here)s/{value_of(str(absolute.relative_to(ini_folder)))}"
        return value_of(str(absolute))


def is_address(federation: str) -> bool:
    """Return whether the metadata comes from an address, not from a file."""
    return re.match(r"(mdq:|https?://)", federation) is not None


def _rule(text: str) -> str:
    return _RULE.format(text).ljust(88, "-")


def value_of(text: str) -> str:
    """Escape percent signs, with which PasteDeploy begins a name."""
    return text.replace("%", "%%")
