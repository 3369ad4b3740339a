"""Find every fault of a paste ini file, without building anything.

``eilogin check`` prints the result of :func:`check`; ``eilogin serve`` asks for it
first. It reads the file, each section and each pipeline (``pipeline_order``). Last it
compares sections with each other and with the federation.
"""

import logging
import os
import pwd
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distributions
from pathlib import Path

from paste.deploy.loadwsgi import APP, FILTER, SERVER, loadcontext
from waitress.adjustments import Adjustments

from eilogin import config
from eilogin.cli.checks.check_notes import Note
from eilogin.cli.checks.configuration_notes import notes
from eilogin.cli.checks.join_steps import steps
from eilogin.cli.checks.peer_capabilities import Known, lacks
from eilogin.cli.checks.pipeline_order import check_stack, check_unused, remarks
from eilogin.cli.inifiles import entry_points
from eilogin.cli.inifiles.ini_pipelines import APPS, Part, Pipelines, Stack
from eilogin.cli.inifiles.ini_sections import IniFile
from eilogin.compose.hosts import HostsOptions
from eilogin.compose.wsgi import CodeOptions
from eilogin.config import Options, did_you_mean
from eilogin.errors import (
    ConfigurationError,
    EiloginError,
    Fault,
    StoreUnavailable,
)
from eilogin.federation import Membership, Own
from eilogin.federation.local.local_entity import HUB
from eilogin.federation.local.local_keys import load_pair
from eilogin.federation.local.local_options import OwnOptions, own_of
from eilogin.federation.members import certificate_expiry, hub_requirements
from eilogin.federation.members.trust_options import (
    TrustOptions,
    back_channel_of,
    operator_keys,
    said_in,
)
from eilogin.federation.trust_notes import remarks_on
from eilogin.federation.trust_start import looked_at
from eilogin.filters.appsession import AppSessionOptions
from eilogin.filters.logout_options import LogoutOptions
from eilogin.filters.session import SessionOptions
from eilogin.hub.hub_options import HubOptions
from eilogin.hub.signin.citizens import Citizens
from eilogin.object_references import fault_of_name
from eilogin.saml.signing_keys import fingerprints
from eilogin.stores import open_store, store_locations
from eilogin.stores.sqlite import mounts, sqlite_schema
from eilogin.stores.sqlite.reserve_file import shortage_at
from eilogin.web.pages import themes

#: Options that give servers other than waitress several processes.
_PROCESSES = ("workers", "processes")

#: The application that every server serves.
_MAIN = "main"

_HIGHEST_PORT = 65_535

#: The type of object that PasteDeploy builds from each kind of section.
_TYPES = {"app": APP, "composite": APP, "filter": FILTER, "server": SERVER}


@dataclass(frozen=True, slots=True)
class Checked:
    """The result of a check: the faults, the notes, and the size of the file."""

    faults: Sequence[Fault]
    #: Stores that do not answer now: a fault that does not stop `eilogin serve`.
    silent: Sequence[Fault]
    #: Number of sections in the file, and number of those that use eilogin.
    sections: int
    own_sections: int
    #: Number of applications with the filters around them.
    stacks: int
    #: Notes: no faults, but worth a look.
    remarks: Sequence[Note]
    #: Steps that remain until each site is a member of its federation.
    steps: Sequence[str]


def check(file: IniFile) -> Checked:
    """Find every fault of a file, including those that reading it has found."""
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
    _check_main(file)
    for stack in stacks:
        check_stack(file, stack, read)
    check_unused(file, parts, stacks)
    # Reading a key takes time, so each entity reads its own once.
    owns = {t: own_of(o) for t, o in read.items() if isinstance(o, OwnOptions)}
    noted, silent, known = _federations(file, read, owns)
    known |= _hidden_federations(
        file, [part for part in ours if part.title not in read]
    )
    _check_twins(file, owns)
    _check_processes(file, read)
    # A pipeline can name an egg itself, which then has no section and no options.
    inline = [part for stack in stacks for part in stack.parts if part not in parts]
    for part in inline:
        if part.entry_point is not None:
            _options(file, part)
    _check_foreign(file, [*parts, *servers, *inline])
    noted += [remark for stack in stacks for remark in remarks(stack)]
    noted += notes(file, [*parts, *inline], stacks, read, known)
    noted += _check_capabilities(file, stacks, read, known)
    if not file.sections and not file.faults:
        file.note("", "", "", "expected sections, such as [app:main]")
    return Checked(
        file.faults,
        silent,
        len(file.sections),
        len(ours),
        len(stacks),
        noted,
        steps(file, ours, known),
    )


# --- a section ------------------------------------------------------------------


def _options(file: IniFile, part: Part) -> Options | None:
    """The options of one section of ours; None, with its faults kept, if it has any."""
    name = part.entry_point or ""
    kind = entry_points.kind_of(name)
    if kind is None:
        hint = did_you_mean(name, entry_points.names(part.kind))
        file.note(part.title, "use", repr(part.use), f"eilogin has no such name{hint}")
        return None
    if kind != part.kind:
        expected = f"is for a section [{kind}:…], not [{part.title}]"
        file.note(part.title, "use", repr(part.use), expected)
        return None
    declared: type[Options] = (
        HostsOptions if name == "hosts" else entry_points.declared()[name]
    )
    told = {(fault.section, fault.option) for fault in file.faults}
    options, faults = config.attempt(declared, str(file.path), part.title, part.options)
    # An option whose value could not be read is not missing.
    file.keep([f for f in faults if not f.option or (f.section, f.option) not in told])
    _check_comments(file, part, {fault.option for fault in faults})
    if options is None and issubclass(declared, OwnOptions):
        _check_pair(file, part)
    if options is None and issubclass(declared, SessionOptions):
        _check_place(file, part)
    return options


def _check_comments(file: IniFile, part: Part, told: set[str]) -> None:
    for option, value in part.options.items():
        if config.comment_in(value) == " ;" and option not in told:
            hint = config.no_comments(value)
            file.note(part.title, option, "' ;'", f"stray{hint}")


def _check_pair(file: IniFile, part: Part) -> None:
    """Check that key and certificate match, if other faults hid the question."""
    here = file.path.absolute().parent
    try:
        files = [here / part.options[n].strip() for n in ("key", "certificate")]
    except KeyError:
        return  # reported already, or there are 'keys'
    if not all(path.is_file() for path in files):
        return  # reported already
    try:
        load_pair(*files)
    except ConfigurationError as error:
        file.note(part.title, "", "", f"key, certificate: {error}")


def _check_place(file: IniFile, part: Part) -> None:
    """Check the place of a file of SQLite, if other faults hid the question."""
    values = {"store": part.options.get("store", "")}
    store, _ = config.attempt(SessionOptions, str(file.path), part.title, values)
    if store is not None and (path := store_locations.file_of(store.store)) is not None:
        _check_store_file(file, part.title, path)


def _check_server(file: IniFile, part: Part) -> None:
    if not part.use:
        file.note(part.title, "use", "", "expected 'egg:waitress#main'")
    elif part.distribution == "waitress":
        try:
            Adjustments(**part.options)
        except (ValueError, TypeError) as error:
            names = (name for name in vars(Adjustments) if not name.startswith("_"))
            unknown = re.fullmatch(r"Unknown adjustment '(\w+)'", str(error))
            hint = did_you_mean(unknown[1], names) if unknown else ""
            file.note(part.title, "", "", f"waitress: {error}{hint}")
        else:
            _check_ports(file, part)


def _check_ports(file: IniFile, part: Part) -> None:
    """Check port numbers: the system keeps only 16 bits of a port that is too high."""
    for option in ("listen", "port"):
        for word in part.options.get(option, "").split():
            port = word.rpartition(":")[2]
            if port.isdecimal() and int(port) > _HIGHEST_PORT:
                expected = f"expected a port of 1 to {_HIGHEST_PORT}"
                file.note(part.title, option, repr(word), expected)


def _check_main(file: IniFile) -> None:
    """Check that the servers have an application to serve."""
    if not file.of_kind("server"):
        return
    apps = file.of_kind(*APPS)
    if any(section.name == _MAIN for section in apps):
        return
    wanted = ", ".join(f"[{kind}:{_MAIN}]" for kind in APPS)
    hints = {one.title: did_you_mean(one.name, [_MAIN]) for one in apps}
    near = next((title for title, hint in hints.items() if hint), "")
    told = f"there is nothing to serve: expected one of {wanted}{hints.get(near, '')}"
    file.note(near, "", "", told)


# --- what lies outside of the file ----------------------------------------------


def _federations(
    file: IniFile, read: Mapping[str, Options], owns: Mapping[str, Own]
) -> tuple[list[Note], list[Fault], dict[str, Known]]:
    """Check metadata, stores and files that each section needs from elsewhere.

    Return the notes, the stores that do not answer, and the known entities by section.
    """
    noted: list[Note] = []
    silent: list[Fault] = []
    known: dict[str, Known] = {}
    # Applications are built before their filters, whose code may lie beside them.
    ours = (options for options in read.values() if isinstance(options, CodeOptions))
    folders = [folder for options in ours for folder in options.path]
    for title, options in read.items():
        with _store_warnings() as warnings:
            silent += _check_reach(file, title, options, folders)
        noted += [Note(title, "", text, "store") for text in warnings]
        if isinstance(options, TrustOptions):
            told, here = _check_federation(file, title, options, owns[title])
            noted += told
            if here is not None:
                known[title] = here
    return noted, silent, known


def _hidden_federations(file: IniFile, parts: Sequence[Part]) -> dict[str, Known]:
    """Check the metadata of sections in which faults of other options hide it.

    Return the known entities by section.
    """
    known: dict[str, Known] = {}
    for part in parts:
        declared = entry_points.declared().get(part.entry_point or "", Options)
        if not issubclass(declared, TrustOptions):
            continue
        values = {
            name: value
            for name, value in part.options.items()
            if name in TrustOptions.model_fields
        }
        # The faults of these are reported already.
        options, _ = config.attempt(TrustOptions, str(file.path), part.title, values)
        if options is not None:
            _, here = _check_federation(file, part.title, options, own_of(options))
            if here is not None:
                known[part.title] = here
    return known


def _check_reach(
    file: IniFile, title: str, options: Options, folders: Sequence[str]
) -> list[Fault]:
    """Check that options name usable things; return the stores that do not answer.

    ``folders`` are those from which any section imports.
    """
    if isinstance(options, TrustOptions):
        _check_back_channel(file, title, options)
        _check_templates(file, title, options)
    if isinstance(options, HubOptions) and options.citizens is not None:
        citizens = options.citizens
        _attempt(file, title, "citizens", lambda: Citizens.load(citizens))
    if isinstance(options, CodeOptions):
        _check_code(file, title, options)
    if isinstance(options, LogoutOptions):
        for name in options.on_logout:
            if fault := fault_of_name(name, folders):
                file.note(title, "on_logout", repr(name), fault)
    if isinstance(options, SessionOptions):
        return _check_store(file, title, options)
    return []


def _check_code(file: IniFile, title: str, options: CodeOptions) -> None:
    for option in ("app", "factory"):
        name = getattr(options, option, None)
        if name is not None and (fault := fault_of_name(name, options.path)):
            file.note(title, option, repr(name), fault)


def _check_back_channel(file: IniFile, title: str, options: TrustOptions) -> None:
    try:
        back_channel_of(options)
    except ConfigurationError as error:
        # The message names its options.
        option, expected = config.placed(type(options), str(error))
        file.note(title, option, "", expected)


def _check_templates(file: IniFile, title: str, options: TrustOptions) -> None:
    for found, expected in themes.faults(options.templates):
        file.note(title, "templates", found, expected)


def _attempt(
    file: IniFile, title: str, option: str, attempt: Callable[[], object]
) -> None:
    try:
        attempt()
    except EiloginError as error:
        file.note(title, option, "", str(error))


def _check_store(file: IniFile, title: str, options: SessionOptions) -> list[Fault]:
    """Check that a store is usable and answers, without making its file."""
    if (path := store_locations.file_of(options.store)) is not None:
        return _check_store_file(file, title, path)
    try:
        open_store(options.store, timeout=options.store_timeout).prepare()
    except StoreUnavailable as error:
        return [Fault(str(file.path), title, "store", "", str(error), error.code)]
    except EiloginError as error:
        file.note(title, "store", "", str(error))
    return []


@contextmanager
def _store_warnings() -> Iterator[list[str]]:
    """Collect the warnings of a store, for the report in place of the log."""
    log, warnings = logging.getLogger("eilogin.stores"), _Warnings()
    before, log.propagate = log.propagate, False
    log.addHandler(warnings)
    try:
        yield warnings.texts
    finally:
        log.removeHandler(warnings)
        log.propagate = before


class _Warnings(logging.Handler):
    """A log handler that keeps its messages."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """See ``logging.Handler``."""
        self.texts.append(record.getMessage())


def _check_store_file(file: IniFile, title: str, path: Path) -> list[Fault]:
    if said := shortage_at(path):
        told = f"the store {path}: {said}, so nobody can log in"
        code = StoreUnavailable.code
        return [Fault(str(file.path), title, "store", "", told, code)]
    section = file.sections.get(title)
    written = "" if section is None else section.values.get("store", "")
    is_absolute = store_locations.is_absolute_file(written)
    here = None if is_absolute else file.path.absolute().parent
    fault = _fault_of_place(path, here)
    if fault:
        file.note(title, "store", repr(str(path)), fault)
    elif path.exists() and (fault := sqlite_schema.fault_of(path)):
        # The message names the file.
        file.note(title, "store", "", fault)
    return []


def _fault_of_place(path: Path, here: Path | None) -> str:
    """The reason why nothing could be stored there; "" if none is known.

    ``here`` is the folder for a relative path, and None for an absolute one.
    """
    try:
        return _fault_seen_at(path, here)
    except OSError as error:
        # A folder above it that this user may not enter, or an invalid name.
        return f"cannot check it ({error.strerror})"


def _fault_seen_at(path: Path, here: Path | None) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f"its folder does not exist{_slash_too_few(path, here)}"
    kind = mounts.network_file_system(path)
    if kind is not None:
        return f"is on a network file system ({kind}); expected a local disk"
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"this user cannot write to its folder{_owner_and_user(folder)}"
    if path.exists() and not path.is_file():
        return "is no file"
    if path.exists() and not os.access(path, os.R_OK | os.W_OK):
        return f"this user cannot write to it{_owner_and_user(path)}"
    return ""


def _slash_too_few(path: Path, here: Path | None) -> str:
    """Hint at a path that exists from the root, and not from this folder."""
    if here is None or not path.is_relative_to(here):
        return ""
    meant = Path("/") / path.relative_to(here)
    if meant.parent == Path("/") or not meant.parent.is_dir():
        return ""
    told = "a path with three slashes is relative to the folder of this file"
    return f"; did you mean '{store_locations.SQLITE}{meant}'? ({told})"


def _owner_and_user(path: Path) -> str:
    """Name the owner of a path, and the user of this process."""
    owner, user = map(_name_of, (path.stat().st_uid, os.geteuid()))
    return f": it belongs to {owner}, and this user is {user}"


def _name_of(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)


def _check_federation(
    file: IniFile, title: str, options: TrustOptions, own: Own
) -> tuple[list[Note], Known | None]:
    """Check that the federation's metadata is sound, and knows us and our hubs.

    Return the notes and the known entities; None if the metadata is unusable.
    """
    try:
        operator_keys(options)
    except ConfigurationError as error:
        file.note(title, "federation_certificate", "", str(error))
        return [], None
    try:
        federation = looked_at(options, own)
    except ConfigurationError as error:
        file.note(title, "federation", "", _with_code(error), error.code)
        return [], None
    noted = _check_membership(file, title, options, own, federation)
    hubs = _check_hub(file, title, options, own, federation)
    over = list(certificate_expiry.faults(options))
    for remark in over:
        expected = (
            f"{remark.text}; DigiD answers 404 to a site with an expired certificate"
        )
        file.note(title, remark.option, "", expected, remark.code)
    for remark in remarks_on(options, own, federation, hubs):
        if remark.is_fault:
            file.note(title, remark.option, "", remark.told, remark.code)
        elif remark not in over:
            noted.append(Note.of(remark, title))
    return noted, Known(own, federation, hubs)


def _with_code(error: EiloginError) -> str:
    """The text of an error, and its code, under which the manual has the cure."""
    return f"{error} ({error.code})"


def _check_membership(
    file: IniFile, title: str, options: TrustOptions, own: Own, federation: Membership
) -> list[Note]:
    members = {entity.entity_id: entity for entity in federation.entities}
    entity = members.get(own.entity_id)
    if entity is None and not federation.is_aggregate:
        # In a file of one entity, such as a hub of another kind, we are elsewhere.
        return []
    if entity is None and options.federation_unsigned:
        text = (
            f"the metadata does not contain us, {own.entity_id}; does the hub know us?"
        )
        return [Note(title, "federation", text, "not-a-member")]
    if entity is None:
        hint = did_you_mean(own.entity_id, members)
        expected = (
            "the metadata of this federation does not contain us, "
            f"{own.entity_id}{hint}"
        )
        file.note(title, "federation", "", expected, "not-a-member")
        return []
    role = entity.identity_provider if own.role == HUB else entity.service_provider
    if role is None:
        expected = f"{own.entity_id} has no role {own.role} in this federation"
        file.note(title, "role", repr(own.role), expected)
    elif own.key.public not in role.keys:
        ours = fingerprints(own.key.certificate_text)
        theirs = "; ".join(map(fingerprints, role.signing_certificates))
        expected = (
            f"the federation knows another key of {own.entity_id} than ours. It "
            f"knows the one of {theirs}; ours is {ours}. Use the key that it "
            "knows. Or send our new metadata to its operator, and fetch the "
            "federation's metadata again"
        )
        file.note(title, "certificate", "", expected)
    return []


def _check_hub(
    file: IniFile, title: str, options: TrustOptions, own: Own, federation: Membership
) -> Sequence[str]:
    """Check each of our hubs, and return those that we can use."""
    if own.role == HUB:
        return []
    try:
        wanted = hub_requirements.wanted(options.hub, federation)
    except ConfigurationError as error:
        expected = f"{said_in(options)}: {_with_code(error)}"
        file.note(title, "hub", "", expected, error.code)
        return []
    usable = []
    for name in wanted:
        try:
            hub_requirements.require(own, federation, name)
        except ConfigurationError as error:
            file.note(title, "hub", "", _with_code(error), error.code)
        else:
            usable.append(name)
    return usable


# --- sections together ----------------------------------------------------------


def _check_capabilities(
    file: IniFile,
    stacks: Sequence[Stack],
    read: Mapping[str, Options],
    known: Mapping[str, Known],
) -> Sequence[Note]:
    """Check that peers have what our options need; return the notes."""
    # One filter may stand in several pipelines.
    found = dict.fromkeys(one for stack in stacks for one in lacks(stack, read, known))
    for one in found:
        if one.is_fault:
            file.note(one.section, one.option, "", one.told, one.code)
    return [Note.of(one) for one in found if not one.is_fault]


def _check_twins(file: IniFile, owns: Mapping[str, Own]) -> None:
    """Refuse two entities at one address: they would answer for each other."""
    addresses = {title: own.url("metadata") for title, own in owns.items()}
    count = Counter(addresses.values())
    for title, address in addresses.items():
        if count[address] > 1:
            others = [f"[{t}]" for t, a in addresses.items() if a == address]
            expected = (
                f"one party for each address; found {' and '.join(others)} at the "
                "same one"
            )
            file.note(title, "public_url", repr(address), expected)


def _check_processes(file: IniFile, read: Mapping[str, Options]) -> None:
    """Refuse a store in memory with several processes: each would have its own."""
    several = [
        f"[{section.title}] {name}"
        for section in file.of_kind("server")
        for name in _PROCESSES
        if (value := section.values.get(name, "")).strip().isdigit() and int(value) > 1
    ]
    in_memory = [
        (title, "store", "'memory:'")
        for title, options in read.items()
        if isinstance(options, SessionOptions)
        and store_locations.is_in_process(options.store)
    ] + [
        (title, "type", "'memory'")
        for title, options in read.items()
        if isinstance(options, AppSessionOptions) and options.type == "memory"
    ]
    for title, option, found in in_memory if several else ():
        expected = f"a store that all processes share, because of {several[0]}"
        file.note(title, option, found, expected)


# --- what is not ours -----------------------------------------------------------


def _installed() -> set[str]:
    """The names of all installed projects."""
    return {found.name for found in distributions() if found.name}


def _check_foreign(file: IniFile, parts: Sequence[Part]) -> None:
    """Check that the parts of other projects exist and can be imported."""
    for part in parts:
        if not part.use.startswith(("egg:", "call:")) or part.entry_point is not None:
            continue
        try:
            loadcontext(_TYPES[part.kind], part.use)
        except PackageNotFoundError as error:
            hint = did_you_mean(error.name, _installed())
            expected = f"no installed project has this name: {error.name}{hint}"
            file.note(part.title, "use", repr(part.use), expected)
        except (LookupError, ImportError, ValueError, AttributeError) as error:
            expected = " ".join(str(error).split())
            file.note(part.title, "use", repr(part.use), expected)
