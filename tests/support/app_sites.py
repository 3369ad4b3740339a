"""Applications as they were, each behind an ini file and served by its own process.

In their folders is what their authors wrote; the ini file beside it is all that makes
one take part. Of Trac there is no folder: it is made as its manual says. A hub and a
participant of which no application knows run beside them.
"""

import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple, Self
from unittest.mock import patch

import time_machine
from eilogin_sites import PASSWORD, Ours
from manual_blocks import with_changes
from peer_servers import Clock, EiloginServe, Server, over_tls
from real_parts import free_ports

from eilogin.saml.signing_keys import new_key_pair
from eilogin.testing import Browser

APPS = Path(__file__).parent.parent / "apps"
#: The participant at which citizens log out.
ELSEWHERE = "stad"
#: What our own cookies begin with.
OURS = "__Host-eilogin"


class Kind(NamedTuple):
    """What differs between the applications."""

    #: The site, its folder and its ini file.
    name: str
    #: Where she is asked to log in, and where she works then.
    login: str
    page: str
    #: The field and the button of what she does there, which is kept for her.
    field: str
    button: str
    #: The link or button of its own logout.
    leave: str


KINDS = {
    "Django": Kind("townhall", "/desk/", "/desk/", "text", "Keep", "Leave"),
    "Flask": Kind("library", "/books", "/books", "text", "Keep", "Log out"),
    "Pyramid": Kind("parking", "/cars", "/cars", "text", "Keep", "Leave"),
    # It has Dutch for who wants that.
    "Trac": Kind(
        "tracker", "/login", "/prefs", "name", "Wijzigingen opslaan", "Afmelden"
    ),
}


class Application:
    """An application that is served from ``folder``, in which all of them are.

    ``environment`` is that of its process.
    """

    def __init__(
        self,
        kind: Kind,
        folder: Path,
        environment: Mapping[str, str],
        changes: Mapping[str, str] = {},
        *,
        name: str = "",
    ) -> None:
        """Write its ini file, with ``changes``; ``name`` is that of a second site."""
        self.kind = kind
        name = name or kind.name
        self.host = f"{name}.localhost"
        self.ini_file = folder / f"{name}.ini"
        self._folder = folder
        self.port, servers = free_ports(2)
        usual = {
            "/srv/": f"{folder}/",
            "visitors = 8080": f"visitors = {self.port}",
            "servers = 8081": f"servers = {servers}",
        }
        text = (APPS / f"{kind.name}.ini").read_text()
        self.ini_file.write_text(with_changes(text, {**usual, **changes}))
        for end, octets in zip(("key", "crt"), new_key_pair(name), strict=True):
            (folder / f"{name}.{end}").write_bytes(octets)
        # Somebody else may stand at the port of its visitors.
        listening = [servers] if changes else [self.port, servers]
        self.server = EiloginServe(self.ini_file, *listening, environment=environment)

    def url(self, path: str = "/") -> str:
        """An address of it, as its visitors write it."""
        return f"http://{self.host}:{self.port}{path}"

    def rows(self, file: str, query: str, *values: str) -> int:
        """How many rows a query counts in a database of its own."""
        path = self._folder / self.kind.name / file
        with closing(sqlite3.connect(path)) as database:
            (count,) = database.execute(query, values).fetchone()
        return count


class BehindNginx(Application):
    """The same application once more, as the manual serves it: nginx speaks TLS."""

    #: What it is called: host, ini file and files of its own.
    name = "gemeente"

    def __init__(
        self, kind: Kind, folder: Path, environment: Mapping[str, str]
    ) -> None:
        #: Where nginx reaches it.
        self.socket = folder / f"{self.name}.sock"
        url, ours = f"{kind.name}.localhost", f"{self.name}.localhost"
        changes = {
            # The server of visitors, as on the page of the manual.
            "listen = 127.0.0.1:%(visitors)s": f"unix_socket = {self.socket}",
            f"public_url = http://{url}": f"trusted_proxies = unix\n"
            f"public_url = https://{ours}",
            f"back_channel_url = http://{url}": f"back_channel_url = http://{ours}",
            f"%(here)s/{kind.name}.": f"%(here)s/{self.name}.",
        }
        super().__init__(kind, folder, environment, changes, name=self.name)

    def url(self, path: str = "/") -> str:
        """An address of it, as its visitors write it."""
        return f"https://{self.host}:{self.port}{path}"


class Citizen:
    """A citizen at a browser."""

    def __init__(self, name: str, browser: Browser | None = None) -> None:
        self.name = name
        self.browser = browser or Browser(over_tls)

    # --- what she does ---

    def visit(self, url: str) -> "Citizen":
        self.browser.visit(url)
        return self

    def log_in(self, application: Application) -> "Citizen":
        """Go where the application wants to know who she is, and say so at the hub."""
        self.visit(application.url(application.kind.login)).type_password()
        assert self.user, self.where
        return self

    def type_password(self, **more: str) -> None:
        assert self.is_asked_for_password, self.where
        self.browser.press("Inloggen", username=self.name, password=PASSWORD, **more)

    def type_code(self, code: str) -> None:
        """Prove a higher level, as a citizen whom the hub knows."""
        assert not self.is_asked_for_password, self.where
        self.browser.press("Inloggen", code=code)

    def keep(self, application: Application, text: str) -> "Citizen":
        """Have the application keep something for her."""
        kind = application.kind
        self.visit(application.url(kind.page))
        self.browser.press(kind.button, **{kind.field: text})
        assert self.finds(application, text), self.where
        return self

    def leave(self, application: Application) -> "Citizen":
        """Log out as the application has it, by a link or a button."""
        self.visit(application.url())
        if f">{application.kind.leave}</a>" in self.browser.page.text:
            self.browser.click(application.kind.leave)
        else:
            self.browser.press(application.kind.leave)
        return self

    # --- what she sees ---

    def is_known_at(self, application: Application) -> bool:
        """Whether its first page, which is for everybody, says who she is."""
        self.visit(application.url())
        assert self.browser.url.rstrip("/") == application.url("")
        assert self.browser.page.status_int == 200, self.where
        return self.user is not None

    def finds(self, application: Application, text: str) -> bool:
        """Whether this is where she has worked, or on the first page."""
        pages = application.kind.page, "/"
        return any(
            text in self.visit(application.url(page)).browser.page.text
            for page in pages
        )

    @property
    def is_asked_for_password(self) -> bool:
        return "Wachtwoord" in self.browser.text

    @property
    def user(self) -> str | None:
        """Who the application says she is."""
        said = r"(?:ogged in as|Aangemeld als) (\S+?)\.? "
        match = re.search(said, f"{self.browser.text} ")
        return match and match[1]

    @property
    def where(self) -> str:
        """For messages of tests."""
        return f"{self.browser.trail}, {self.browser.page.status}: {self.browser.text}"


class Running:
    """A hub and a participant of ours, and the applications by name.

    ``environment`` is what all of their processes have. A test that visits the site
    ``behind_nginx`` runs nginx.
    """

    def __init__(
        self,
        ours: Ours,
        applications: dict[str, Application],
        environment: dict[str, str],
        behind_nginx: BehindNginx,
    ) -> None:
        self.ours = ours
        self.applications = applications
        self.behind_nginx = behind_nginx
        self._environment = environment
        sites = [*applications.values(), behind_nginx]
        self._servers = [one.server for one in sites]
        self._servers.append(ours.server(environment=environment))

    @contextmanager
    def served(self) -> Iterator[Self]:
        """Have processes serve them, which end well."""
        self._at_once(Server.__enter__)
        try:
            yield self
        finally:
            self._at_once(Server.__exit__)
        for server in self._servers:
            assert "Traceback" not in server.log, server.log

    @contextmanager
    def later(self, clock: Clock, **by: float) -> Iterator[None]:
        """Have it be later, in browsers, and in processes that begin then."""
        self._at_once(Server.__exit__)
        try:
            at = datetime.now(UTC) + timedelta(**by)
            with (
                patch.dict(self._environment, clock.environment),
                clock.shifted(**by),
                self.served(),
                time_machine.travel(at),
            ):
                yield
        finally:
            self._at_once(Server.__enter__)

    def log_out_elsewhere(self, citizen: Citizen) -> None:
        """Log out at a participant of which the application knows nothing."""
        citizen.visit(self.ours.url(ELSEWHERE))
        assert "user=[" in citizen.browser.text, citizen.where
        citizen.browser.click("Uitloggen")
        assert "U bent overal uitgelogd" in citizen.browser.text, citizen.where

    def _at_once(self, do: Callable[[Server], object]) -> None:
        """Start all servers, or end them, side by side: each takes a while."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(do, self._servers))


def twin_of(citizen: Citizen, application: Application) -> Citizen:
    """Another client, with all that her browser holds for an application now."""
    twin = Citizen(citizen.name)
    for name, value in citizen.browser.cookies(application.host).items():
        twin.browser.set_cookie(application.host, name, value)
    return twin
