"""Find every fault of a paste ini file, without building anything."""

import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, distributions
from operator import itemgetter
from typing import NamedTuple

from paste.deploy.loadwsgi import APP, FILTER, SERVER, loadcontext
from waitress.adjustments import Adjustments

from eilogin import config
from eilogin.cli.checks.check_notes import Note
from eilogin.cli.checks.configuration_notes import file_notes
from eilogin.cli.checks.federation_check import (
    check_addresses,
    check_capabilities,
    check_federation,
    hidden_federations,
)
from eilogin.cli.checks.join_steps import steps
from eilogin.cli.checks.peer_capabilities import CheckedTrust
from eilogin.cli.checks.pipeline_order import check_stack, check_unused, guard_notes
from eilogin.cli.inifiles import entry_points
from eilogin.cli.inifiles.ini_pipelines import APPS, Part, Pipelines, Stack
from eilogin.cli.inifiles.ini_sections import IniFile
from eilogin.compose.hosts import HostsOptions
from eilogin.compose.wsgi import CodeOptions
from eilogin.config import Options, did_you_mean
from eilogin.errors import Fault, StoreUnavailable
from eilogin.federation.local.local_options import OwnOptions, own_of
from eilogin.federation.members.trust_options import TrustOptions
from eilogin.web.pages import themes

#: Options of servers other than waitress that start several processes.
_PROCESSES = ("workers", "processes")

_MAIN = "main"

_HIGHEST_PORT = 65_535

_TYPES = {"app": APP, "composite": APP, "filter": FILTER, "server": SERVER}


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of a check."""

    faults: Sequence[Fault]
    #: Faults of stores that do not answer now; they do not stop `eilogin serve`.
    store_faults: Sequence[Fault]
    #: Number of all sections, and of those that use eilogin.
    sections: int
    eilogin_sections: int
    #: Number of applications with the filters around them.
    stacks: int
    remarks: Sequence[Note]
    #: Steps that remain until each site is a member of its federation.
    steps: Sequence[str]


def check(file: IniFile) -> CheckResult:
    """Find every fault, also those that reading the file has found."""
    pipelines = Pipelines(file)
    sections = file.of_kind("filter", "app", "composite", "filter-app")
    parts = [pipelines.part(section) for section in sections]
    stacks = pipelines.stacks()
    eilogin_parts = [part for part in parts if part.entry_point is not None]
    options_by_section = {
        part.title: options
        for part in eilogin_parts
        if (options := _options(file, part))
    }
    servers = [pipelines.part(section) for section in file.of_kind("server")]
    _check_servers(file, servers)
    for stack in stacks:
        check_stack(file, stack, options_by_section)
    check_unused(file, parts, stacks)
    dependencies = _check_dependencies(file, eilogin_parts, options_by_section)
    trust_by_section = dependencies.trust_by_section
    _check_processes(file, options_by_section)
    inline = _inline_parts(file, parts, stacks)
    _check_foreign(file, [*parts, *servers, *inline])
    notes = [
        *dependencies.notes,
        *(note for stack in stacks for note in guard_notes(stack)),
        *file_notes(
            file, [*parts, *inline], stacks, options_by_section, trust_by_section
        ),
    ]
    notes += check_capabilities(file, stacks, options_by_section, trust_by_section)
    if not file.sections and not file.faults:
        file.add_fault("", "", "", "expected sections, such as [app:main]")
    return CheckResult(
        file.faults,
        dependencies.store_faults,
        len(file.sections),
        len(eilogin_parts),
        len(stacks),
        notes,
        steps(file, eilogin_parts, trust_by_section),
    )


# --- a section ------------------------------------------------------------------


def _options(file: IniFile, part: Part) -> Options | None:
    """Read the options of a section of ours; return None if they have faults."""
    declared = _declared(file, part)
    if declared is None:
        return None
    reported = {(fault.section, fault.option) for fault in file.faults}
    options, faults = config.attempt(declared, str(file.path), part.title, part.options)
    if faults:
        # The fault of an unknown option names the filters and apps that have it.
        entry_points.declared()
        options, faults = config.attempt(
            declared, str(file.path), part.title, part.options
        )
    # An option whose value could not be read is not missing.
    file.add_faults(
        [f for f in faults if not f.option or (f.section, f.option) not in reported]
    )
    _check_comments(file, part, {fault.option for fault in faults})
    if options is None:
        _add_faults(
            file, part.title, declared.hidden_faults(str(file.path), part.options)
        )
    return options


def _declared(file: IniFile, part: Part) -> type[Options] | None:
    name = part.entry_point or ""
    kind = entry_points.kind_of(name)
    if kind is None:
        hint = did_you_mean(name, entry_points.names(part.kind))
        file.add_fault(
            part.title, "use", repr(part.use), f"eilogin has no such name{hint}"
        )
        return None
    if kind != part.kind:
        expected = f"is for a section [{kind}:…], not [{part.title}]"
        file.add_fault(part.title, "use", repr(part.use), expected)
        return None
    return HostsOptions if name == "hosts" else entry_points.options_of(name)


def _inline_parts(
    file: IniFile, parts: Sequence[Part], stacks: Sequence[Stack]
) -> Sequence[Part]:
    inline = [part for stack in stacks for part in stack.parts if part not in parts]
    for part in inline:
        if part.entry_point is not None:
            _options(file, part)
    return inline


def _add_faults(file: IniFile, title: str, faults: Iterable[Fault]) -> list[Fault]:
    """Add the faults, except those of a store that does not answer; return these."""
    placed = [replace(fault, file=str(file.path), section=title) for fault in faults]
    file.add_faults([fault for fault in placed if fault.code != StoreUnavailable.code])
    return [fault for fault in placed if fault.code == StoreUnavailable.code]


def _check_comments(file: IniFile, part: Part, reported: set[str]) -> None:
    for option, value in part.options.items():
        if config.comment_in(value) == " ;" and option not in reported:
            hint = config.no_comments(value)
            file.add_fault(part.title, option, "' ;'", f"stray{hint}")


def _check_servers(file: IniFile, servers: Iterable[Part]) -> None:
    for server in servers:
        _check_server(file, server)
    _check_main(file)


def _check_server(file: IniFile, part: Part) -> None:
    if not part.use:
        file.add_fault(part.title, "use", "", "expected 'egg:waitress#main'")
    elif part.distribution == "waitress":
        try:
            Adjustments(**part.options)
        except (ValueError, TypeError) as error:
            names = (name for name in vars(Adjustments) if not name.startswith("_"))
            unknown = re.fullmatch(r"Unknown adjustment '(\w+)'", str(error))
            hint = did_you_mean(unknown[1], names) if unknown else ""
            file.add_fault(part.title, "", "", f"waitress: {error}{hint}")
        else:
            _check_ports(file, part)


def _check_ports(file: IniFile, part: Part) -> None:
    """Reject a port that is too high: the system would keep only 16 bits of it."""
    for option in ("listen", "port"):
        for address in part.options.get(option, "").split():
            port = address.rpartition(":")[2]
            if port.isdecimal() and int(port) > _HIGHEST_PORT:
                expected = f"expected a port of 1 to {_HIGHEST_PORT}"
                file.add_fault(part.title, option, repr(address), expected)


def _check_main(file: IniFile) -> None:
    if not file.of_kind("server"):
        return
    apps = file.of_kind(*APPS)
    if any(section.name == _MAIN for section in apps):
        return
    titles = ", ".join(f"[{kind}:{_MAIN}]" for kind in APPS)
    hints = {section.title: did_you_mean(section.name, [_MAIN]) for section in apps}
    misspelt = next((title for title, hint in hints.items() if hint), "")
    hint = hints.get(misspelt, "")
    expected = f"there is nothing to serve: expected one of {titles}{hint}"
    file.add_fault(misspelt, "", "", expected)


# --- metadata, stores and files ------------------------------------------------


class _Dependencies(NamedTuple):
    """The results for metadata, stores and files."""

    notes: Sequence[Note]
    #: Faults of stores that do not answer.
    store_faults: Sequence[Fault]
    trust_by_section: Mapping[str, CheckedTrust]


def _check_dependencies(
    file: IniFile,
    eilogin_parts: Sequence[Part],
    options_by_section: Mapping[str, Options],
) -> _Dependencies:
    # Reading a key takes time, so each entity reads it once.
    own_entities = {
        title: own_of(options)
        for title, options in options_by_section.items()
        if isinstance(options, OwnOptions)
    }
    notes: list[Note] = []
    store_faults: list[Fault] = []
    trust_by_section: dict[str, CheckedTrust] = {}
    folders = _import_folders(options_by_section.values())
    for title, options in options_by_section.items():
        with _store_warnings() as warnings:
            store_faults += _check_values(file, title, options, folders)
        notes += [Note(title, "", text, "store") for text in warnings]
        if isinstance(options, TrustOptions):
            federation_notes, trust = check_federation(
                file, title, options, own_entities[title]
            )
            notes += federation_notes
            if trust is not None:
                trust_by_section[title] = trust
    faulty_parts = [
        part for part in eilogin_parts if part.title not in options_by_section
    ]
    trust_by_section |= hidden_federations(file, faulty_parts)
    check_addresses(file, own_entities)
    return _Dependencies(notes, store_faults, trust_by_section)


def _import_folders(sections: Iterable[Options]) -> Sequence[str]:
    # Applications are built before their filters, whose code may lie beside them.
    return [
        folder
        for options in sections
        if isinstance(options, CodeOptions)
        for folder in options.path
    ]


def _check_values(
    file: IniFile, title: str, options: Options, folders: Sequence[str]
) -> list[Fault]:
    _add_faults(file, title, options.faults())
    if isinstance(options, TrustOptions):
        for value, expected in themes.faults(options.templates):
            file.add_fault(title, "templates", value, expected)
    _add_faults(file, title, options.code_faults(folders))
    return _add_faults(file, title, options.store_faults())


@contextmanager
def _store_warnings() -> Iterator[list[str]]:
    log, warnings = logging.getLogger("eilogin.stores"), _Warnings()
    was_propagated, log.propagate = log.propagate, False
    log.addHandler(warnings)
    try:
        yield warnings.texts
    finally:
        log.removeHandler(warnings)
        log.propagate = was_propagated


class _Warnings(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


def _check_processes(file: IniFile, options_by_section: Mapping[str, Options]) -> None:
    """Reject a store in memory if the server starts several processes."""
    process_counts = [
        f"[{section.title}] {name}"
        for section in file.of_kind("server")
        for name in _PROCESSES
        if (value := section.values.get(name, "")).strip().isdigit() and int(value) > 1
    ]
    for title, name in (
        _in_process_options(options_by_section) if process_counts else ()
    ):
        expected = f"a store that all processes share, because of {process_counts[0]}"
        file.add_fault(
            title, name, repr(getattr(options_by_section[title], name)), expected
        )


def _in_process_options(
    options_by_section: Mapping[str, Options],
) -> Sequence[tuple[str, str]]:
    """Return section and option of each store that several processes cannot share."""
    pairs = [
        (title, name)
        for title, options in options_by_section.items()
        for name in options.options_in_one_process()
    ]
    return sorted(pairs, key=itemgetter(1))


# --- parts of other projects ----------------------------------------------------


def _installed() -> set[str]:
    return {distribution.name for distribution in distributions() if distribution.name}


def _check_foreign(file: IniFile, parts: Sequence[Part]) -> None:
    for part in parts:
        if not part.use.startswith(("egg:", "call:")) or part.entry_point is not None:
            continue
        try:
            loadcontext(_TYPES[part.kind], part.use)
        except PackageNotFoundError as error:
            hint = did_you_mean(error.name, _installed())
            expected = f"no installed project has this name: {error.name}{hint}"
            file.add_fault(part.title, "use", repr(part.use), expected)
        except (LookupError, ImportError, ValueError, AttributeError) as error:
            expected = " ".join(str(error).split())
            file.add_fault(part.title, "use", repr(part.use), expected)
