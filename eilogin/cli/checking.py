"""Every fault of a paste ini file, found without building anything.

:func:`check` is what ``eilogin check`` prints and ``eilogin serve`` asks first. It
looks, in this order, at the file itself, at each section, at each pipeline (which is
done in :mod:`eilogin.cli.ordering`), and at what sections have to do with each other
and with the federation.
"""

import logging
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError
from pathlib import Path

from paste.deploy.loadwsgi import APP, FILTER, SERVER, loadcontext
from waitress.adjustments import Adjustments

from eilogin import settings
from eilogin.cli import inventory
from eilogin.cli.inifile import IniFile
from eilogin.cli.ordering import check_stack, remarks
from eilogin.cli.pipelines import Part, Pipelines, Stack
from eilogin.compose.hosts import HostsOptions
from eilogin.errors import (
    ConfigurationError,
    EiloginError,
    Fault,
    StoreUnavailable,
)
from eilogin.federation import Federation, Own
from eilogin.federation.own import HUB
from eilogin.filters.login import LoginOptions
from eilogin.filters.session import SessionOptions
from eilogin.filters.trust import (
    OwnOptions,
    TrustOptions,
    back_channel_of,
    operator_key,
    own_of,
)
from eilogin.hub.app import HubOptions
from eilogin.hub.citizens import Citizens
from eilogin.saml.keys import SigningKey
from eilogin.settings import Options, did_you_mean
from eilogin.stores import open_store
from eilogin.stores.sqlite import mounts

#: How a file of SQLite begins.
_MAGIC = b"SQLite format 3\0"

#: How servers other than waitress are told to have several processes.
_PROCESSES = ("workers", "processes")

#: How PasteDeploy calls what stands in a section of each kind.
_TYPES = {"app": APP, "composite": APP, "filter": FILTER, "server": SERVER}


@dataclass(frozen=True, slots=True)
class Checked:
    """What was looked at, and every fault that was found."""

    faults: Sequence[Fault]
    #: Stores that do not answer now: it is a fault, and no reason not to serve.
    silent: Sequence[Fault]
    #: How many sections the file has, and how many of them are eilogin's own.
    sections: int
    own_sections: int
    #: How many applications there are with the filters around them.
    stacks: int
    #: What is no fault, and worth a look all the same.
    remarks: Sequence[str]


def check(file: IniFile) -> Checked:
    """Find every fault of a file; those that reading it has found are among them."""
    pipelines = Pipelines(file)
    parts = [
        pipelines.part(section)
        for section in file.of_kind("filter", "app", "composite", "filter-app")
    ]
    stacks = pipelines.stacks()
    ours = [part for part in parts if part.entry_point is not None]
    read = {part.title: options for part in ours if (options := _options(file, part))}
    servers = [pipelines.part(section) for section in file.of_kind("server")]
    for server in servers:
        _check_server(file, server)
    for stack in stacks:
        check_stack(file, stack, read)
    # Reading a key takes its time: once for each party.
    owns = {t: own_of(o) for t, o in read.items() if isinstance(o, OwnOptions)}
    silent: list[Fault] = []
    noted: list[str] = []
    for title, options in read.items():
        with _heard() as warnings:
            silent += _check_reach(file, title, options)
        noted += [f"[{title}]: {text}" for text in warnings]
        if isinstance(options, TrustOptions):
            _check_federation(file, title, options, owns[title])
    _check_twins(file, owns)
    _check_processes(file, read)
    # An egg that a pipeline names itself stands in no section: it has no options.
    inline = [part for stack in stacks for part in stack.parts if part not in parts]
    for part in inline:
        if part.entry_point is not None:
            _options(file, part)
    _check_foreign(file, [*parts, *servers, *inline])
    noted += [remark for stack in stacks for remark in remarks(stack)]
    noted += [note for stack in stacks for note in _limits_out_of_reach(stack, read)]
    return Checked(
        file.faults, silent, len(file.sections), len(ours), len(stacks), noted
    )


# --- a section ------------------------------------------------------------------


def _options(file: IniFile, part: Part) -> Options | None:
    """The options of one section of ours; None, with its faults kept, if it has any."""
    name = part.entry_point or ""
    kind = inventory.kind_of(name)
    if kind is None:
        hint = did_you_mean(name, inventory.names(part.kind))
        file.note(part.title, "use", repr(part.use), f"eilogin has no such name{hint}")
        return None
    if kind != part.kind:
        expected = f"is for a section [{kind}:…], not [{part.title}]"
        file.note(part.title, "use", repr(part.use), expected)
        return None
    declared: type[Options] = (
        HostsOptions if name == "hosts" else inventory.declared()[name]
    )
    told = {(fault.section, fault.option) for fault in file.faults}
    options, faults = settings.attempt(
        declared, str(file.path), part.title, part.options
    )
    # An option whose value could not be read is not missing.
    file.keep([f for f in faults if not f.option or (f.section, f.option) not in told])
    _check_comments(file, part, {fault.option for fault in faults})
    if options is None and issubclass(declared, OwnOptions):
        _check_pair(file, part)
    return options


def _check_comments(file: IniFile, part: Part, told: set[str]) -> None:
    for option, value in part.options.items():
        if " ;" in value and option not in told:
            file.note(part.title, option, "' ;'", "stray" + settings.NO_COMMENTS)


def _check_pair(file: IniFile, part: Part) -> None:
    """Whether key and certificate match, where other faults hid the question."""
    here = file.path.absolute().parent
    names = ("key", "certificate")
    try:
        key, certificate = ((here / part.options[n]).read_bytes() for n in names)
    except (KeyError, OSError):
        return  # which has been told
    try:
        SigningKey.load(key, certificate)
    except ConfigurationError as error:
        file.note(part.title, "", "", f"key, certificate: {error}")


def _check_server(file: IniFile, part: Part) -> None:
    if not part.use:
        file.note(part.title, "use", "", "expected 'egg:waitress#main'")
    elif part.distribution == "waitress":
        try:
            Adjustments(**part.options)
        except (ValueError, TypeError) as error:
            file.note(part.title, "", "", f"waitress: {error}")


# --- what lies outside of the file ----------------------------------------------


def _check_reach(file: IniFile, title: str, options: Options) -> list[Fault]:
    """Whether what the options name is there and can be used; what does not answer."""
    if isinstance(options, TrustOptions):
        # The error names the file or the proxy that it is about.
        _attempt(file, title, "", lambda: back_channel_of(options))
    if isinstance(options, HubOptions):
        _attempt(file, title, "citizens", lambda: Citizens.load(options.citizens))
    if isinstance(options, SessionOptions):
        return _check_store(file, title, options)
    return []


def _attempt(
    file: IniFile, title: str, option: str, attempt: Callable[[], object]
) -> None:
    try:
        attempt()
    except EiloginError as error:
        file.note(title, option, "", str(error))


def _check_store(file: IniFile, title: str, options: SessionOptions) -> list[Fault]:
    """Whether a store can be used, without making its file; whether it answers."""
    if options.store.startswith("sqlite:///"):
        _check_store_file(file, title, options.store)
        return []
    try:
        open_store(options.store, timeout=options.store_timeout).prepare()
    except StoreUnavailable as error:
        return [Fault(str(file.path), title, "store", "", str(error))]
    except EiloginError as error:
        file.note(title, "store", "", str(error))
    return []


@contextmanager
def _heard() -> Iterator[list[str]]:
    """What a store warns of: here it is told with the rest, and not by the log."""
    log, warnings = logging.getLogger("eilogin.stores"), _Warnings()
    before, log.propagate = log.propagate, False
    log.addHandler(warnings)
    try:
        yield warnings.texts
    finally:
        log.removeHandler(warnings)
        log.propagate = before


class _Warnings(logging.Handler):
    """Keeps what it is told."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """See ``logging.Handler``."""
        self.texts.append(record.getMessage())


def _check_store_file(file: IniFile, title: str, url: str) -> None:
    path = Path(url.removeprefix("sqlite:///"))
    fault = _fault_of_store_file(path)
    if fault:
        file.note(title, "store", repr(str(path)), fault)


def _fault_of_store_file(path: Path) -> str:
    """Why the server would not start with a store there; "" if nothing is known."""
    folder = path.parent
    if not folder.is_dir():
        return "its folder is not there"
    kind = mounts.network_file_system(path)
    if kind is not None:
        return f"is on a network file system ({kind}); expected a local disk"
    if not os.access(folder, os.W_OK | os.X_OK):
        return "its folder cannot be written"
    return _fault_of_file(path) if path.exists() else ""


def _fault_of_file(path: Path) -> str:
    if not path.is_file():
        return "is no file"
    if not os.access(path, os.R_OK | os.W_OK):
        return "cannot be written"
    return "" if _is_sqlite(path) else "is no SQLite file"


def _is_sqlite(path: Path) -> bool:
    """Whether a file begins as one does, or nothing is in it yet (fileformat2 1.3)."""
    # Nothing has opened it in this process yet: closing it would drop the locks that
    # SQLite holds (howtocorrupt.html, 2.2).
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) in (_MAGIC, b"")


def _check_federation(
    file: IniFile, title: str, options: TrustOptions, own: Own
) -> None:
    """Whether the federation's metadata is sound, and knows us and our hub."""
    try:
        operator = operator_key(options)
    except ConfigurationError as error:
        file.note(title, "federation_certificate", "", str(error))
        return
    try:
        federation = Federation.from_file(options.federation, [operator])
    except ConfigurationError as error:
        file.note(title, "federation", "", str(error))
        return
    _check_membership(file, title, own, federation)
    _check_hub(file, title, options, own, federation)


def _check_membership(
    file: IniFile, title: str, own: Own, federation: Federation
) -> None:
    members = {entity.entity_id: entity for entity in federation.entities}
    entity = members.get(own.entity_id)
    if entity is None:
        hint = did_you_mean(own.entity_id, members)
        expected = f"we, {own.entity_id}, are no member of this federation{hint}"
        file.note(title, "federation", "", expected)
        return
    role = entity.identity_provider if own.role == HUB else entity.service_provider
    if role is None:
        expected = f"{own.entity_id} is no {own.role} in this federation"
        file.note(title, "role", repr(own.role), expected)
    elif own.key.public not in role.keys:
        expected = f"the federation knows {own.entity_id} by another key than ours"
        file.note(title, "certificate", "", expected)


def _check_hub(
    file: IniFile, title: str, options: TrustOptions, own: Own, federation: Federation
) -> None:
    if own.role == HUB:
        return
    hubs = [e.entity_id for e in federation.entities if e.identity_provider]
    if not options.hub and federation.only_hub() is None:
        expected = f"is required: the federation has {len(hubs)} hubs"
        file.note(title, "hub", "", expected)
    elif options.hub and options.hub not in hubs:
        hint = did_you_mean(options.hub, hubs)
        expected = f"is no hub of this federation{hint}"
        file.note(title, "hub", repr(options.hub), expected)


# --- sections together ----------------------------------------------------------


def _check_twins(file: IniFile, owns: Mapping[str, Own]) -> None:
    """Two parties at one address would answer for each other."""
    addresses = {title: own.url("metadata") for title, own in owns.items()}
    count = Counter(addresses.values())
    for title, address in addresses.items():
        if count[address] > 1:
            others = [f"[{t}]" for t, a in addresses.items() if a == address]
            expected = f"one party for each address, not {' and '.join(others)}"
            file.note(title, "public_url", repr(address), expected)


def _check_processes(file: IniFile, read: Mapping[str, Options]) -> None:
    """A store in memory is another one in every process."""
    several = [
        f"[{section.title}] {name}"
        for section in file.of_kind("server")
        for name in _PROCESSES
        if (value := section.values.get(name, "")).strip().isdigit() and int(value) > 1
    ]
    in_memory = [
        title
        for title, options in read.items()
        if isinstance(options, SessionOptions) and options.store == "memory:"
    ]
    for title in in_memory if several else ():
        expected = f"a store that processes share, because of {several[0]}"
        file.note(title, "store", "'memory:'", expected)


def _limits_out_of_reach(stack: Stack, read: Mapping[str, Options]) -> list[str]:
    """Limits of ``login`` that those of ``session`` before it make void."""
    here = [options for part in stack.parts if (options := read.get(part.title))]
    session = next((one for one in here if isinstance(one, SessionOptions)), None)
    login = next((one for one in here if isinstance(one, LoginOptions)), None)
    if session is None or login is None:
        return []
    app, ends = stack.parts[-1].title, min(session.idle, session.max_session)
    notes = []
    if any(limit > ends for limit in login.protect.idle_limits):
        notes.append(
            f"[{app}]: an idle= of 'protect' is longer than a session may be idle"
            f" ({ends:g} s), so it never comes into force"
        )
    if login.warn is not None and login.warn >= ends:
        notes.append(
            f"[{app}]: 'warn' ({login.warn:g} s) is not shorter than a session may be"
            f" idle ({ends:g} s), so every page has the warning"
        )
    return notes


# --- what is not ours -----------------------------------------------------------


def _check_foreign(file: IniFile, parts: Sequence[Part]) -> None:
    """Whether what the file uses of other projects is there and can be imported."""
    for part in parts:
        if not part.use.startswith(("egg:", "call:")) or part.entry_point is not None:
            continue
        try:
            loadcontext(_TYPES[part.kind], part.use)
        except PackageNotFoundError as error:
            expected = f"no project of this name is installed: {error.name}"
            file.note(part.title, "use", repr(part.use), expected)
        except (LookupError, ImportError, ValueError, AttributeError) as error:
            expected = " ".join(str(error).split())
            file.note(part.title, "use", repr(part.use), expected)
