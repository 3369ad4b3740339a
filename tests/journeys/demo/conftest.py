"""`eilogin demo` as a newcomer runs it, and a real Chromium in front of it.

Both live as long as the module that asks for them: Playwright keeps an event loop in
this thread, which tests of other modules must not meet. A citizen has a browser of her
own, with empty cookies.
"""

import configparser
import contextlib
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from chromium import (
    DESK,
    OPTIONS,
    PROGRAM,
    SMALLEST,
    TELEPHONE,
    TOO_SMALL,
    go,
    launched,
)
from real_parts import free_ports
from unmeasured import unmeasured

CHECKOUT = Path(__file__).parents[3]
SCREENSHOTS = CHECKOUT / "var" / "screenshots"
#: Where a service knows its visitor: the first page of one is for everybody.
START = {"uwv": "/", "gemeente": "/", "kadaster": "/mijn"}
#: Seconds for the demo to start or stop, and milliseconds for a page.
PATIENCE = 90.0
PAGE_PATIENCE = 60_000


class RunningDemo:
    """`eilogin demo` in a folder that looks like a clone; ports are the tests' own."""

    def __init__(self, folder):
        self.folder = folder
        self.port, self._back_port, self._nobody = free_ports(3)
        (folder / "eilogin").symlink_to(CHECKOUT / "eilogin")
        shutil.copy(CHECKOUT / "setup.cfg", folder)
        shutil.copytree(CHECKOUT / "contrib" / "demo", folder / "contrib" / "demo")
        text = (CHECKOUT / "paste.ini").read_text()
        for option, port in (("visitors", self.port), ("servers", self._back_port)):
            text, count = re.subn(rf"(?m)^{option} = \d+$", f"{option} = {port}", text)
            assert count == 1, option
        (folder / "paste.ini").write_text(text)
        self._process = None
        self.was_stopped = False

    def unplug(self, host):
        """Give a participant a back channel at which nobody answers."""
        file = self.folder / "paste.ini"
        line = f"back_channel_url = http://{host}.localhost:"
        text = file.read_text()
        assert text.count(line) == 1
        file.write_text(text.replace(f"{line}%(servers)s", f"{line}{self._nobody}"))

    def configure(self, section, **options):
        """Have a section of the ini file say this, and nothing of what is None."""
        file = self.folder / "paste.ini"
        parser = configparser.RawConfigParser()
        parser.optionxform = str
        parser.read(file)
        for option, value in options.items():
            if value is None:
                assert parser.remove_option(section, option)
            else:
                parser.set(section, option, value)
        with file.open("w") as written:
            parser.write(written)

    def options(self, section):
        """The options that a section of the ini file has."""
        parser = configparser.RawConfigParser()
        parser.optionxform = str
        parser.read(self.folder / "paste.ini")
        return [name for name in parser[section] if name not in parser.defaults()]

    def url(self, host, path="/"):
        return f"http://{host}.localhost:{self.port}{path}"

    @property
    def output(self):
        return (self.folder / "output").read_text()

    def start(self, *options):
        command = [Path(sys.executable).with_name("eilogin"), "demo", *options]
        with (self.folder / "output").open("w") as output:
            self._process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=unmeasured(),
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + PATIENCE
        while "Ctrl-C stops it" not in self.output:
            assert self._process.poll() is None, self.output
            assert time.monotonic() < deadline, self.output
            time.sleep(0.05)

    def interrupt(self):
        """Press Ctrl-C; the exit code."""
        self.was_stopped = True
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(PATIENCE)

    def stop(self):
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(PATIENCE)


class Citizen:
    """A citizen at her browser, in a tab of it."""

    def __init__(self, demo, context, name="anna"):
        self.demo = demo
        self.name = name
        self._context = context
        self.page = context.new_page()

    def tab(self):
        """Another tab of the same browser."""
        return Citizen(self.demo, self._context, self.name)

    # --- what she does ---

    def visit(self, host, path="/"):
        go(self.page, self.demo.url(host, path))
        return self

    def open_guide(self):
        """Open the address that the demo prints first."""
        self.page.goto(f"http://localhost:{self.demo.port}/")
        return self

    def leave(self):
        """Go away from the page: nothing of it asks for anything any more."""
        self.page.goto("about:blank")

    def click(self, name):
        """Press the button or follow the link of this name."""
        link = self.page.get_by_role("link", name=name, exact=True)
        link.or_(self.page.get_by_role("button", name=name, exact=True)).click()
        return self

    def type_password(self, password=None, *, code=None):
        """Fill in the sign-in page, and send it; it may ask for the code alone."""
        self.page.locator("[name=login]").wait_for()
        if self.page.locator("[name=username]").count():
            self.page.locator("[name=username]").fill(self.name)
            self.page.locator("[name=password]").fill(password or f"demo-{self.name}")
        if code is not None:
            self.page.locator("[name=code]").fill(code)
        self.page.locator("[name=login]").click()
        return self

    def log_in(self, host="uwv", path="/"):
        return self.visit(host, path).type_password().arrives(host, path)

    def go_everywhere(self):
        """Log in, and visit every service; each opens without a question."""
        self.log_in("uwv")
        for host in START:
            self.enter(host)
        return self

    def enter(self, host):
        """Visit a service that knows her, or gets to, without a question."""
        return self.visit(host, START[host]).arrives(host, START[host])

    def keep_note(self, text):
        """Write on the notepad that she is at."""
        self.page.get_by_label("Notitie", exact=True).fill(text)
        # It leads back to the same address, which says nothing then.
        with self.page.expect_navigation():
            self.click("Bewaren")
        return self

    # --- what she sees ---

    def arrives(self, host, path="/"):
        """Wait until she is there."""
        address = re.escape(self.demo.url(host, path))
        self.page.wait_for_url(re.compile(rf"^{address}(?:[?#].*)?$"))
        return self

    def sees(self, heading):
        """Wait until she is at a page of this name."""
        self.page.get_by_role("heading", level=1, name=heading, exact=True).wait_for()
        return self

    @property
    def text(self):
        return self.page.locator("main").inner_text()

    @property
    def note(self):
        return self.page.get_by_label("Notitie", exact=True).input_value()

    @property
    def shown_code(self):
        """Her code, as the page of the demonstration shows it."""
        row = self.page.locator("li", has_text=f"demo-{self.name}")
        return re.search(r"Code: ([0-9]{6})", row.inner_text())[1]

    def fact(self, name):
        """What a participant's page tells of her under this name."""
        return self.page.locator(f"dt:text-is('{name}') + dd").inner_text()

    def focused(self):
        """What the element with the focus is called."""
        return self.page.evaluate("document.activeElement.innerText")

    def photograph(self, name, language="nl"):
        """Keep the page as it looks on a telephone and on a desk."""
        # It is measured with its stylesheet, which comes after the page itself.
        self.page.wait_for_load_state()
        assert self.page.locator("h1").count() == 1
        assert self.page.locator("html").get_attribute("lang") == language
        if self.page.locator("h1[autofocus]").count():
            self.page.locator("h1:focus").wait_for()
        for size in (DESK, SMALLEST, TELEPHONE):
            self.page.set_viewport_size(size)
            wide = self.page.evaluate("document.scrollingElement.scrollWidth")
            assert wide <= size["width"], name
            assert self.page.evaluate(TOO_SMALL) == [], name
            if size is SMALLEST:
                continue
            file = SCREENSHOTS / f"{name}-{size['width']}.png"
            self.page.screenshot(path=file, full_page=True)
        return self


@pytest.fixture(scope="module")
def browser():
    with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def configured():
    """What the ini file of a module's demos says otherwise, by section."""
    return {}


def run_demo(folder, configured, *, unplugged=()):
    demo = RunningDemo(folder)
    for section, options in configured.items():
        demo.configure(section, **options)
    for host in unplugged:
        demo.unplug(host)
    try:
        demo.start()
        yield demo
        assert demo.interrupt() == 0, demo.output
    finally:
        demo.stop()


@pytest.fixture(scope="module")
def demo(tmp_path_factory, configured):
    """The demo, for all tests of a module: it takes a while to start."""
    yield from run_demo(tmp_path_factory.mktemp("demo"), configured)


@pytest.fixture
def own_demo(tmp_path, configured):
    """A demo that a test may do with as it pleases."""
    yield from run_demo(tmp_path, configured)


@pytest.fixture(scope="module")
def unplugged_demo(tmp_path_factory, configured):
    """A demo whose municipality is down for servers."""
    folder = tmp_path_factory.mktemp("unplugged")
    yield from run_demo(folder, configured, unplugged=["gemeente"])


@pytest.fixture
def at_browser(browser):
    """Set a citizen at a new browser before a demo; ``profile`` is a folder with its
    settings.

    Afterwards none of her pages may have complained: a policy that blocks what the
    page needs is told on the console only.
    """
    complaints = []
    with contextlib.ExitStack() as stack:

        def sit_down(demo, name="anna", *, profile=None, **options):
            options = {"locale": "nl-NL", **options}
            if profile is None:
                context = browser.new_context(**options)
            else:
                context = browser.browser_type.launch_persistent_context(
                    profile,
                    executable_path=PROGRAM,
                    args=list(OPTIONS),
                    **options,
                )
            stack.callback(context.close)
            context.set_default_timeout(PAGE_PATIENCE)
            context.on("console", lambda m: complaints.append(told(demo, m)))
            context.on("weberror", lambda e: complaints.append(("error", str(e.error))))
            return Citizen(demo, context, name)

        yield sit_down
    assert [text for kind, text in complaints if is_worth_telling(kind, text)] == []


def told(demo, message):
    """What the console says, but that a page got no news of a demo that was stopped."""
    is_away = demo.was_stopped and message.text.endswith("ERR_CONNECTION_REFUSED")
    return ("info" if is_away else message.type), message.text


#: What the console says of what is as it should be: a page with the status of an error;
#: frames that begin at the hub and have its origin there; and that something in such a
#: frame may not lead the page away.
AS_IT_SHOULD_BE = (
    "Failed to load resource: the server responded with a status of",
    "An iframe which has both allow-scripts and allow-same-origin for its sandbox",
    "Unsafe attempt to initiate navigation for frame with",
)


def is_worth_telling(kind, text):
    """Whether the console says more than what is as it should be."""
    return kind in ("error", "warning") and not text.startswith(AS_IT_SHOULD_BE)


@pytest.fixture
def anna(demo, at_browser):
    return at_browser(demo)
