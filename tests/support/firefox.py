"""Firefox, driven by WebDriver BiDi, for the tests that need a second browser.

Playwright downloads a Firefox with patches of its own: Debian's Firefox does not know
all commands that Playwright sends. Debian has no geckodriver, which Selenium needs. So
this module sends the few commands that the tests need.

The protocol: https://w3c.github.io/webdriver-bidi/.
"""

import base64
import itertools
import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from real_parts import PATIENCE, unavailable

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

PROGRAM = Path("/usr/bin/firefox-esr")
#: Seconds for a page to arrive.
PAGE_PATIENCE = 60.0
#: Preferences of the profile. Requests of Firefox itself go to a proxy that does not
#: exist, and fail there. For *.localhost Firefox uses no proxy.
PREFERENCES = {
    "intl.accept_languages": "nl-NL, nl",
    "network.proxy.failover_direct": False,
    "network.proxy.type": 1,
    "network.proxy.socks": "127.0.0.1",
    "network.proxy.socks_port": 1,
    "network.proxy.socks5_remote_dns": True,
}
_LISTENS = re.compile(r"WebDriver BiDi listening on (ws://\S+)")
#: WebDriver has a character of its own for each key without one (17.4.2).
_KEYS = {"Enter": "\ue007", "Escape": "\ue00c", "Shift": "\ue008", "Tab": "\ue004"}


class CommandError(Exception):
    """Firefox refuses a command."""


class Line(NamedTuple):
    """A line of the console, with its level such as ``error`` or ``warn``."""

    level: str
    text: str


class Firefox:
    """A running Firefox.

    ``console`` has the lines about all pages so far, such as uncaught errors and what a
    Content-Security-Policy blocks.
    """

    def __init__(self, socket: "ClientConnection") -> None:
        self._socket = socket
        self._numbers = itertools.count()
        self.console: list[Line] = []
        self.command("session.new", capabilities={})
        self.command("session.subscribe", events=["log.entryAdded"])

    def command(self, method: str, **parameters: object) -> Any:
        """Send a command, and return its result."""
        number = next(self._numbers)
        command = {"id": number, "method": method, "params": parameters}
        self._socket.send(json.dumps(command))
        while True:
            message = json.loads(self._socket.recv(PATIENCE))
            if message["type"] == "event":
                entry = message["params"]
                self.console.append(Line(entry["level"], entry["text"]))
            elif message["id"] == number:
                break
        if message["type"] == "error":
            raise CommandError(f"{method}: {message['error']}: {message['message']}")
        return message["result"]

    @contextmanager
    def tab(self) -> "Iterator[Tab]":
        """Open a tab for a new user, who has cookies and storage of their own."""
        user = self.command("browser.createUserContext")["userContext"]
        opened = self.command("browsingContext.create", type="tab", userContext=user)
        try:
            yield Tab(self, opened["context"])
        finally:
            self.command("browser.removeUserContext", userContext=user)


class Keys:
    """The keys of a tab: each is pressed and released as by a person."""

    def __init__(self, tab: "Tab") -> None:
        self._tab = tab

    def press(self, key: str) -> None:
        """Press a key, such as ``Tab`` or ``Shift+Tab``."""
        *held, last = [_KEYS.get(name, name) for name in key.split("+")]
        down = [("keyDown", name) for name in (*held, last)]
        up = [("keyUp", name) for name in (last, *reversed(held))]
        self._perform([*down, *up])

    def type(self, text: str) -> None:
        """Type a text, character by character."""
        self._perform([(kind, one) for one in text for kind in ("keyDown", "keyUp")])

    def _perform(self, strokes: list[tuple[str, str]]) -> None:
        actions = [{"type": kind, "value": value} for kind, value in strokes]
        source = {"type": "key", "id": "keyboard", "actions": actions}
        self._tab.command("input.performActions", actions=[source])


class Tab:
    """A tab. Its names are those of Playwright's ``Page``, as far as it goes."""

    def __init__(self, firefox: Firefox, context: str) -> None:
        self._firefox = firefox
        self._context = context
        self.keyboard = Keys(self)

    def command(self, method: str, **parameters: object) -> Any:
        """Send a command that concerns this tab."""
        return self._firefox.command(method, context=self._context, **parameters)

    def goto(self, url: str) -> None:
        """Start to load an address, and do not wait for its page."""
        try:
            self.command("browsingContext.navigate", url=url, wait="none")
        except CommandError as error:
            # The page at that address may lead on before Firefox has loaded it.
            if "NS_BINDING_ABORTED" not in str(error):
                raise

    def go_back(self) -> None:
        """Go back one page in the history."""
        self.command("browsingContext.traverseHistory", delta=-1)

    def evaluate(self, script: str) -> Any:
        """Return the value of a JavaScript expression, or the result of a function."""
        answer = self._firefox.command(
            "script.callFunction",
            # Not an async function: without JavaScript no promise is ever fulfilled.
            functionDeclaration=f"""() => {{
                const it = ({script});
                const value = typeof it === "function" ? it() : it;
                const written = (value) => JSON.stringify(value) ?? "null";
                return value instanceof Promise ? value.then(written) : written(value);
            }}""",
            target={"context": self._context},
            awaitPromise=True,
        )
        if answer["type"] == "exception":
            raise CommandError(answer["exceptionDetails"]["text"])
        return json.loads(answer["result"]["value"])

    def wait_for(self, is_there: Callable[[], object], what: str) -> None:
        """Wait until this holds of the page, which may be replaced meanwhile."""
        deadline = time.monotonic() + PAGE_PATIENCE
        while True:
            try:
                if is_there():
                    return
                found = ""
            except CommandError as error:
                found = f": {error}"
            if time.monotonic() > deadline:
                raise AssertionError(f"no {what} at {self.url}{found}")
            time.sleep(0.02)

    @property
    def url(self) -> str:
        """The address that the tab shows."""
        tree = self._firefox.command("browsingContext.getTree", root=self._context)
        url: str = tree["contexts"][0]["url"]
        return url

    def set_viewport_size(self, size: Mapping[str, int]) -> None:
        """Give the page this width and height in CSS pixels."""
        self.command("browsingContext.setViewport", viewport=dict(size))

    def screenshot(self, path: Path) -> None:
        """Save a picture of the whole page."""
        taken = self.command("browsingContext.captureScreenshot", origin="document")
        path.write_bytes(base64.b64decode(taken["data"]))


@contextmanager
def launched(folder: Path, **preferences: object) -> Iterator[Firefox]:
    """Run a Firefox with a profile in this folder; without a part, skip or fail."""
    try:
        from websockets.sync.client import connect  # noqa: PLC0415 - an extra
    except ImportError:
        unavailable("needs websockets: pip install 'eilogin[test]'")
    if not PROGRAM.exists():
        unavailable("needs Firefox: apt install firefox-esr")
    (folder / "user.js").write_text(
        "".join(
            f"user_pref({json.dumps(name)}, {json.dumps(value)});\n"
            for name, value in {**PREFERENCES, **preferences}.items()
        )
    )
    command = [PROGRAM, "--headless", "--remote-debugging-port", "0"]
    log = folder / "firefox.log"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [*command, "--profile", folder],
            env={**os.environ, "HOME": str(folder), "MOZ_CRASHREPORTER_DISABLE": "1"},
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            address = _address(process, log)
            with connect(f"{address}/session", max_size=None) as socket:
                firefox = Firefox(socket)
                yield firefox
                firefox.command("browser.close")
            process.wait(PATIENCE)
        finally:
            process.kill()


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    """Wait until Firefox has written to its log where it listens."""
    deadline = time.monotonic() + PATIENCE
    while not (found := _LISTENS.search(log.read_text())):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.02)
    return found[1]
