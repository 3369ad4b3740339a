"""A site and its hub go from one key to the next, and nobody starts anything again.

Everything is real but the browser: one process serves both, the operator signs what
they publish over HTTP, and the commands are those of their administrators. The days
between are skipped, by a clock that all of them believe.
"""

import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from click.testing import CliRunner
from eilogin_sites import HUB, Ours, person
from peer_servers import Clock, fetch, over_http

from eilogin.cli import main
from eilogin.cli.inifiles.ini_members import chosen, options_of_part
from eilogin.cli.inifiles.ini_sections import IniFile
from eilogin.federation.members.trust_options import TrustOptions
from eilogin.federation.trust_start import trust_of
from eilogin.participant.login.hub_key_probe import HubKeyProbe
from eilogin.saml.metadata import read_unsigned
from eilogin.testing import Browser

#: Seconds in which what is to happen has happened, on a busy machine too.
SOON = 60.0
#: Days after which the next key signs, and after which the old one is over.
TURN, OVER = 30, 40

OPTIONS = {
    "secret": "what these tests seal with",
    "pseudonym_key": "a key that only these tests know",
    "federation_folder": "%(var)s",
    # When somebody says so: "eilogin trust refresh".
    "federation_refresh": "off",
    # All members change at once: there are two.
    "federation_changes": "off",
}
SITES = {
    "uwv": ("filter:uwv-eilogin", "/eilogin/metadata"),
    HUB: ("filter:inloggen-trust", "/metadata"),
}


def in_days(days):
    return f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%d}"


class Today:
    """The day that it is: for the servers by their clock, and for what is done here."""

    def __init__(self, clock, stack):
        self.clock, self._stack = clock, stack
        self._shift = timedelta()

    def is_in(self, days):
        self._shift = timedelta(days=days)
        self._stack.enter_context(self.clock.shifted(days=days))

    def here(self):
        return time_machine.travel(datetime.now(UTC) + self._shift)


@pytest.fixture
def today(tmp_path):
    with ExitStack() as stack:
        yield Today(Clock(tmp_path), stack)


@pytest.fixture
def sites(tmp_path):
    """A site and its hub, each with a folder in which there is one key."""
    said = {name: {**OPTIONS, "keys": f"%(var)s/keys-{name}"} for name in SITES}
    hub = {**said[HUB], "encrypt": "required"}
    ours = Ours(tmp_path, {"uwv": said["uwv"]}, hub)
    for name in SITES:
        folder = tmp_path / f"var/keys-{name}"
        folder.mkdir(mode=0o700)
        for end in ("key", "crt"):
            (tmp_path / f"var/{name}.{end}").rename(folder / f"old.{end}")
        (folder / "keys.ini").write_text(f"[old]\nuntil = {in_days(OVER)}\n")
    ours.join(*map(ours.metadata, SITES))
    return ours


@pytest.fixture
def run(sites, today):
    """Run a command for the file, or for a section of it; its exit code and output."""

    def run(command, word, *words, of=""):
        told = [command, word, str(sites.folder / "paste.ini"), *words]
        told += ["--section", SITES[of][0]] if of else []
        with today.here():
            result = CliRunner().invoke(main, told)
        assert not isinstance(result.exception, AssertionError | TypeError)
        return result.exit_code, result.output

    return run


@pytest.fixture
def published(sites):
    """The certificates that a site publishes, to sign with; or of ``encryption``."""

    def read(name, use="signing"):
        octets = fetch(sites.url(name, SITES[name][1]))
        (entity,) = read_unsigned(octets, on_loopback=True).entities
        role = entity.service_provider or entity.identity_provider
        return getattr(role, f"{use}_certificates")

    return read


@pytest.fixture
def take(sites):
    """Have the operator sign what both publish now."""

    def take():
        sites.join(*(fetch(sites.url(name, path)) for name, (_, path) in SITES.items()))

    return take


@pytest.fixture
def logs_in_and_out(sites, today, citizen_at):
    """Whether a citizen of whom nobody knows logs in at the site, and out."""
    numbers = iter(range(20))

    def come():
        anna = citizen_at(Browser(over_http), person(next(numbers)))
        with today.here():
            anna.visit(sites.url("uwv"))
            fields = {"username": anna.name, "password": "demo-anna"}
            anna.browser.press("Inloggen", **fields)
            assert anna.browser.url == sites.url("uwv"), anna.browser.text
            assert anna.user
            anna.visit(sites.url("uwv", "/eilogin/logout"))
            assert "U bent overal uitgelogd" in anna.browser.text
            anna.visit(sites.url("uwv"))
            return anna.is_asked_for_password

    return come


@pytest.fixture
def hub_knows(sites, today):
    """Whether the hub takes what a key of the site signs."""
    ini = IniFile.read(sites.folder / "paste.ini")
    options = options_of_part(TrustOptions, ini, chosen(ini, SITES["uwv"][0]))

    def ask(key):
        with today.here():
            trust = trust_of(options)
            return HubKeyProbe(trust, trust.hub_ids[0]).knows(key).is_known

    return ask


def until(happened):
    deadline = time.monotonic() + SOON
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)


def test_nobody_starts_anything_again(  # noqa: PLR0913, PLR0917 - fixtures
    sites, today, run, published, take, logs_in_and_out, hub_knows
):
    def ready():
        return run("keys", "ready", of="uwv")

    turn = in_days(TURN)

    with sites.running(today.clock):
        assert logs_in_and_out()
        assert ready()[0] == 0
        old = {name: published(name) for name in SITES}
        old_key = sites.key("keys-uwv/old")

        # Ahead, beside the old one, which still signs.
        for name in SITES:
            code, said = run("keys", "new", "--name", "new", "--from", turn, of=name)
            assert code == 0, said
        until(lambda: all(len(published(name)) == 2 for name in SITES))
        code, said = ready()
        assert code == 1
        assert f"new (published, will sign from {turn}): NOT READY" in said
        assert "the federation's metadata does not have it as our key yet" in said
        assert logs_in_and_out()

        # The operator has it, and the hub has not read that.
        take()
        code, said = ready()
        assert code == 1
        assert "the federation's metadata does not have it" not in said
        assert "rejects its signature" in said
        assert logs_in_and_out()

        assert run("trust", "refresh")[0] == 0
        until(lambda: ready()[0] == 0)
        assert logs_in_and_out()
        assert all(published(name)[0] == old[name][0] for name in SITES)

        # Its day: both sign with the new one, and are encrypted for as they were.
        today.is_in(TURN + 1)
        for name in SITES:
            new, before = published(name)
            assert (before,) == old[name] != (new,)
        assert "old: published, no longer signs" in run("keys", "list", of="uwv")[1]
        assert published("uwv", "encryption") != old["uwv"], "the hub does not know"
        assert logs_in_and_out(), "what was encrypted for the old one is read"
        assert hub_knows(old_key), "it is published still"

        # Over: its files go, and what it signs is a stranger's.
        today.is_in(OVER + 1)
        assert all(len(published(name)) == 1 for name in SITES)
        take()
        assert run("trust", "refresh")[0] == 0
        until(lambda: hub_knows(old_key) is False)
        for name in SITES:
            for end in ("key", "crt"):
                (sites.folder / f"var/keys-{name}/old.{end}").unlink()
            calendar = sites.folder / f"var/keys-{name}/keys.ini"
            calendar.write_text(calendar.read_text().partition("\n\n")[2])
        assert logs_in_and_out()
        assert ready()[0] == 0
