"""The options of the filter ``session``."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from eilogin.config import (
    OptionNote,
    Options,
    Seconds,
    Topic,
    attempt,
    exposed_files,
    option,
)
from eilogin.errors import EiloginError, Fault, InvalidOptions, StoreUnavailable
from eilogin.participant.digid_profile import session_faults
from eilogin.stores import TIMEOUT, StoreURL, open_store
from eilogin.stores.sqlite import file_faults, mounts
from eilogin.stores.store_locations import (
    file_of,
    is_absolute_file,
    is_in_process,
    server_access,
)
from eilogin.web.browser.browser_cookies import CookieName

#: Seconds that a request may wait for the store.
_LONGEST_TIMEOUT = 30.0

_MINUTE = 60


def _no_longer(seconds: float) -> float:
    if seconds > _LONGEST_TIMEOUT:
        raise ValueError(
            f"at most '{_LONGEST_TIMEOUT:g}s': a thread of the server waits so long"
        )
    return seconds


class SessionOptions(Options, name="session"):
    """The options of ``[filter:…] use = egg:eilogin#session``."""

    store: StoreURL = option(
        "Keeps sessions in this store. ``memory:`` is for one process, and "
        "a restart loses it. ``sqlite:///path`` is for several processes on "
        "one machine; the path is relative to the folder of the ini file, "
        "and an absolute path has four slashes. ``redis://host:port`` is "
        "for several machines; the manual's page on stores has ``rediss``, "
        "Sentinel and Cluster. Because the address may hold a password, it "
        "can also stand elsewhere: ``env:NAME``, ``file:PATH`` or "
        "``credential:NAME``."
    )
    store_timeout: Annotated[Seconds, AfterValidator(_no_longer)] = option(
        "Limits how long a request waits for a store that does not answer. "
        "Duration, at most ``30s``.",
        default=f"{TIMEOUT:g}s",
    )
    cookie: CookieName = option(
        "Names the session cookie. In the browser its name begins with "
        "``__Host-``. Give each site its own name if two sites share a "
        "host.",
        default="eilogin",
    )
    idle: Seconds = option(
        "Ends a session that has been inactive for this long. Duration, "
        "such as ``15m``.",
        "15m",
    )
    max_session: Seconds = option(
        "Ends a session this long after the login, even if the visitor is "
        "active. Duration, such as ``2h``.",
        "2h",
    )

    def options_in_one_process(self) -> Iterator[str]:
        """See the base class."""
        yield from super().options_in_one_process()
        if is_in_process(self.store):
            yield "store"

    @property
    def store_file(self) -> Path | None:
        """The file of the store, if it is one."""
        return file_of(self.store)

    @classmethod
    def hidden_faults(cls, file: str, values: Mapping[str, str]) -> Iterator[Fault]:
        """See the base class; checks the file of a store."""
        yield from super().hidden_faults(file, values)
        store = {"store": values.get("store", "")}
        options, _ = attempt(SessionOptions, file, "", store)
        if options is not None and options.store_file is not None:
            yield from options.store_faults()

    def store_faults(self) -> Iterator[Fault]:
        """See the base class; makes no file."""
        yield from super().store_faults()
        if self.store_file is not None:
            # A path in the ini file may be relative to its folder.
            is_absolute = is_absolute_file(self.written("store"))
            ini_folder = None if is_absolute else Path(self.ini_file).parent
            yield from file_faults.faults_of(self.store_file, ini_folder)
            return
        try:
            open_store(self.store, timeout=self.store_timeout).prepare()
        except EiloginError as error:
            is_down = isinstance(error, StoreUnavailable)
            code = error.code if is_down else InvalidOptions.code
            yield Fault("", "", "store", "", str(error), code)

    def profile_faults(self) -> Iterator[Fault]:
        """See the base class."""
        yield from super().profile_faults()
        for name, expected in session_faults(self.idle):
            yield Fault("", "", name, "", expected)

    def notes(self) -> Iterator[OptionNote]:
        """See the base class."""
        yield from super().notes()
        if self.idle > self.max_session:
            text = f"is longer than 'max_session' ({self.max_session:g} s), so it has"
            yield OptionNote("idle", f"{text} no effect")
        path = self.store_file
        if path is not None and mounts.is_in_memory(path):
            text = (
                "is on a file system in memory, so a restart of the machine deletes it"
            )
            yield OptionNote("store", text)
        for name in ("idle", "max_session"):
            value = self.written(name)
            if value.isdecimal() and int(value) < _MINUTE:
                text = f"{value} is {value} seconds; for minutes, write '{value}m'"
                yield OptionNote(name, text)
        files = [*self.named_files("store"), *([path] if path else [])]
        yield from exposed_files("store", files, Topic.STORE_FILE)
        yield from _exposed_store(self.store)


def _exposed_store(url: str) -> Iterator[OptionNote]:
    access = server_access(url)
    if access is None or access.is_local:
        return
    if not access.has_credentials:
        text = (
            "has no password, so anybody on that network can end all sessions; "
            "expected rediss://:PASSWORD@HOST, in a file that 'file:PATH' names"
        )
        yield OptionNote("store", text, "store-without-password", Topic.STORE)
    if not access.is_encrypted:
        text = (
            "goes to another host without TLS, so anybody on the network path "
            "can read the password and the sessions; expected 'rediss:'"
        )
        yield OptionNote("store", text, "store-without-tls", Topic.STORE)
