"""Citizens at their browsers, who log in and out and look, as it comes to them.

Each does so in a thread of her own, and what she does is drawn. What she is told she
keeps, to be judged afterwards.
"""

import contextlib
import http.client
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from peer_servers import LOOPBACK, PATIENCE, over_http

from eilogin.testing import Browser
from promise.chance import drawn_by
from promise.sites import HUB, PASSWORD, Sites
from promise.witness import COOKIE, cookie_hash

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

#: What comes of a request where a process is killed before it has answered.
_HUNG_UP = (OSError, http.client.HTTPException)
#: What she is told where all know it.
EVERYWHERE = "U bent overal uitgelogd"


@dataclass(frozen=True)
class Token:
    """The value of a session cookie, that a browser got at a site, and when."""

    site: str
    value: str
    at: float

    @property
    def hash(self) -> str:
        """What the witnesses call it."""
        return cookie_hash(self.value)


@dataclass
class Logout:
    """She clicked, and what she was told in the end."""

    citizen: str
    #: Where she clicked.
    site: str
    clicked: float
    #: When she was told that she is logged out everywhere; None where she was not.
    confirmed: float | None = None


@dataclass
class Citizen:
    """One citizen, with a browser or two."""

    name: str
    sites: Sites
    draw: Random
    browsers: list[Browser]
    #: The sites to which she goes.
    usual: Sequence[str]
    #: How likely she is to wait for a page that tells others in frames.
    patience: float = 0.8
    tokens: list[Token] = field(default_factory=list)
    logouts: list[Logout] = field(default_factory=list)

    def live(self, is_over: Callable[[], bool]) -> None:
        """Do this and that until it is over; then log out everywhere."""
        while not is_over():
            browser = self.draw.choice(self.browsers)
            steps = (self.visit, self.look, self.leave, self.hesitate)
            self.draw.choices(steps, (6, 2, 3, 2))[0](browser)
            time.sleep(self.draw.uniform(0.0, 2.0))
        self.leave_everywhere()

    # --- what she does ----------------------------------------------------------------

    def visit(self, browser: Browser, site: str = "") -> None:
        """Open a page that needs a login, and log in if she is asked to."""
        browser.visit(self.sites.url(site or self.draw.choice(self.usual), "/mijn"))
        if "Wachtwoord" in browser.text:
            browser.press("Inloggen", username=self.name, password=PASSWORD)
        self._keep_cookies(browser)

    def look(self, browser: Browser) -> None:
        """Look at a page that is for everybody."""
        browser.visit(self.sites.url(self.draw.choice(self.usual), "/open"))

    def leave(self, browser: Browser) -> None:
        """Log out somewhere."""
        known = [site for site in self.sites.names if _cookie(browser, site)]
        self.log_out(browser, self.draw.choice([*known, HUB]))

    def hesitate(self, browser: Browser) -> None:
        """Log out in another browser while a login is on its way in this one."""
        browser.stops_before = "/eilogin/acs?"
        self.visit(browser)
        on_its_way, browser.stops_before = browser.url, None
        self.log_out(self.browsers[0 if browser is self.browsers[-1] else -1], HUB)
        browser.visit(on_its_way)
        self._keep_cookies(browser)

    def leave_everywhere(self) -> None:
        """Log out at the hub, wherever it knows her."""
        for browser in self.browsers:
            self.log_out(browser, HUB)

    def log_out(self, browser: Browser, site: str) -> None:
        """Click there if she is known, and see whether all know it."""
        browser.visit(self.sites.url(site, "/" if site == HUB else "/open"))
        if site == HUB:
            is_known, click = "Overal uitloggen" in browser.text, browser.press
        else:
            is_known, click = bool(_named(browser.text)), browser.click
        if not is_known:
            return
        logout = Logout(self.name, site, clicked=time.monotonic())
        self.logouts.append(logout)
        click("Overal uitloggen" if site == HUB else "Uitloggen")
        self._see_the_end(browser)
        if EVERYWHERE in browser.text:
            logout.confirmed = time.monotonic()
            self._look_around(browser)

    def _see_the_end(self, browser: Browser) -> None:
        """Go through the hub's pages, as far as there are any; not all wait for it."""
        for _ in range(4):
            if urlsplit(browser.url).hostname != f"{HUB}{LOOPBACK}":
                return
            if "<iframe" in browser.page.text:
                if self.draw.random() > self.patience:
                    return
                browser.open_frames()
            if "Ga verder" not in browser.text:
                return
            browser.click("Ga verder")

    def _look_around(self, browser: Browser) -> None:
        """She does not believe it, and looks at all that her browser knows."""
        for site in self.sites.names:
            if _cookie(browser, site):
                browser.visit(self.sites.url(site, "/open"))

    # --- what she has -----------------------------------------------------------------

    def _keep_cookies(self, browser: Browser) -> None:
        known = {token.value for token in self.tokens}
        for site in self.sites.names:
            value = _cookie(browser, site)
            if value and value not in known:
                self.tokens.append(Token(site, value, time.monotonic()))


def citizens_of(sites: Sites, names: Sequence[str]) -> list[Citizen]:
    """All of them, every third with a second browser; each from an address of hers."""
    found = []
    for number, name in enumerate(names):
        browsers = [Browser(_over_http) for _ in range(2 if number % 3 == 0 else 1)]
        for browser in browsers:
            browser.address = f"192.0.2.{number + 1}"
        draw = drawn_by(name)
        usual = draw.sample(sites.names, min(5, len(sites.names)))
        found.append(Citizen(name, sites, draw, browsers, usual))
    return found


@contextlib.contextmanager
def all_living(citizens: Iterable[Citizen]) -> Iterator[None]:
    """Have all do what they do, each in a thread, until the end of the block."""
    over = threading.Event()
    faults: list[BaseException] = []

    def live(citizen: Citizen) -> None:
        try:
            citizen.live(over.is_set)
        except BaseException as fault:  # noqa: BLE001 - the test raises it
            faults.append(fault)

    threads = [threading.Thread(target=live, args=(one,)) for one in citizens]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()
    if faults:
        raise faults[0]


@contextlib.contextmanager
def other_tabs(sites: Sites, citizens: Sequence[Citizen]) -> Iterator[None]:
    """Have tabs that nobody closed, and thieves, ask with the cookies of all of them.

    Also with those of sessions that are over, and in the midst of a logout.
    """
    over = threading.Event()

    def ask(number: int) -> None:
        draw = drawn_by(f"tab {number}")
        while not over.wait(0.02):
            tokens = draw.choice(citizens).tokens
            if tokens:
                token = draw.choice(tokens[-8:])
                user_of(sites, token)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join(PATIENCE)


def user_of(sites: Sites, token: Token) -> str:
    """Whom a site sees where somebody comes with a cookie; "" for nobody."""
    site = urlsplit(sites.url(token.site))
    headers = {"Host": site.netloc, "Cookie": f"{COOKIE}={token.value}"}
    peer = http.client.HTTPConnection("127.0.0.1", site.port, timeout=PATIENCE)
    with contextlib.closing(peer), contextlib.suppress(*_HUNG_UP):
        peer.request("GET", "/open", headers=headers)
        return _named(peer.getresponse().read().decode())
    return ""


def _cookie(browser: Browser, site: str) -> str | None:
    return browser.cookie(f"{site}{LOOPBACK}", COOKIE)


def _named(text: str) -> str:
    return text.partition("user=[")[2].partition("]")[0]


def _over_http(
    environ: "WSGIEnvironment", start_response: "StartResponse"
) -> "Iterable[bytes]":
    """The sites, by a proxy of theirs that says from where she comes."""
    environ["HTTP_X_FORWARDED_FOR"] = environ["REMOTE_ADDR"]
    try:
        return over_http(environ, start_response)
    except _HUNG_UP:
        start_response("502 Bad Gateway", [("Content-Type", "text/plain")])
        return [b"this site has hung up"]
