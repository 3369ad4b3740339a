"""Find every fault of a paste ini file, without building anything.

``eilogin check`` prints the result of :func:`check`; ``eilogin serve`` asks for it
first. It reads the file, each section and each pipeline (``pipeline_order``). Last it
compares sections with each other and with the federation.
"""

import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, distributions
from operator import itemgetter

from paste.deploy.loadwsgi import APP, FILTER, SERVER, loadcontext
from waitress.adjustments import Adjustments

from eilogin import config
from eilogin.cli.checks.check_notes import Note
from eilogin.cli.checks.configuration_notes import notes
from eilogin.cli.checks.federation_check import (
    check_capabilities,
    check_federation,
    check_twins,
    hidden_federations,
)
from eilogin.cli.checks.join_steps import steps
from eilogin.cli.checks.peer_capabilities import Known
from eilogin.cli.checks.pipeline_order import check_stack, check_unused, remarks
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
    sections = file.of_kind("filter", "app", "composite", "filter-app")
    parts = [pipelines.part(section) for section in sections]
    stacks = pipelines.stacks()
    ours = [part for part in parts if part.entry_point is not None]
    read = {part.title: options for part in ours if (options := _options(file, part))}
    servers = [pipelines.part(section) for section in file.of_kind("server")]
    _check_servers(file, servers)
    for stack in stacks:
        check_stack(file, stack, read)
    check_unused(file, parts, stacks)
    noted, silent, known = _check_outside(file, ours, read)
    _check_processes(file, read)
    inline = _inline_parts(file, parts, stacks)
    _check_foreign(file, [*parts, *servers, *inline])
    noted += [remark for stack in stacks for remark in remarks(stack)]
    noted += notes(file, [*parts, *inline], stacks, read, known)
    noted += check_capabilities(file, stacks, read, known)
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
    declared = _declared(file, part)
    if declared is None:
        return None
    told = {(fault.section, fault.option) for fault in file.faults}
    options, faults = config.attempt(declared, str(file.path), part.title, part.options)
    # An option whose value could not be read is not missing.
    file.keep([f for f in faults if not f.option or (f.section, f.option) not in told])
    _check_comments(file, part, {fault.option for fault in faults})
    if options is None:
        _keep(file, part.title, declared.hidden_faults(str(file.path), part.options))
    return options


def _declared(file: IniFile, part: Part) -> type[Options] | None:
    """The class of the options of a section; None, with a fault, for a wrong one."""
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
    return HostsOptions if name == "hosts" else entry_points.declared()[name]


def _inline_parts(
    file: IniFile, parts: Sequence[Part], stacks: Sequence[Stack]
) -> Sequence[Part]:
    """Check the parts that a pipeline names as eggs, without a section."""
    inline = [part for stack in stacks for part in stack.parts if part not in parts]
    for part in inline:
        if part.entry_point is not None:
            _options(file, part)
    return inline


def _keep(file: IniFile, title: str, faults: Iterable[Fault]) -> list[Fault]:
    """Keep faults of a section, and return those of a store that does not answer."""
    placed = [replace(one, file=str(file.path), section=title) for one in faults]
    file.keep([one for one in placed if one.code != StoreUnavailable.code])
    return [one for one in placed if one.code == StoreUnavailable.code]


def _check_comments(file: IniFile, part: Part, told: set[str]) -> None:
    for option, value in part.options.items():
        if config.comment_in(value) == " ;" and option not in told:
            hint = config.no_comments(value)
            file.note(part.title, option, "' ;'", f"stray{hint}")


def _check_servers(file: IniFile, servers: Iterable[Part]) -> None:
    for server in servers:
        _check_server(file, server)
    _check_main(file)


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


def _check_outside(
    file: IniFile, ours: Sequence[Part], read: Mapping[str, Options]
) -> tuple[list[Note], list[Fault], dict[str, Known]]:
    """Check metadata, stores and files that each section needs from elsewhere.

    Return the notes, the stores that do not answer, and the known entities by section.
    """
    # Reading a key takes time, so each entity reads its own once.
    owns = {t: own_of(o) for t, o in read.items() if isinstance(o, OwnOptions)}
    noted: list[Note] = []
    silent: list[Fault] = []
    known: dict[str, Known] = {}
    folders = _import_folders(read.values())
    for title, options in read.items():
        with _store_warnings() as warnings:
            silent += _check_reach(file, title, options, folders)
        noted += [Note(title, "", text, "store") for text in warnings]
        if isinstance(options, TrustOptions):
            told, here = check_federation(file, title, options, owns[title])
            noted += told
            if here is not None:
                known[title] = here
    unread = [part for part in ours if part.title not in read]
    known |= hidden_federations(file, unread)
    check_twins(file, owns)
    return noted, silent, known


def _import_folders(options: Iterable[Options]) -> Sequence[str]:
    """The folders from which any section imports."""
    # Applications are built before their filters, whose code may lie beside them.
    ours = (one for one in options if isinstance(one, CodeOptions))
    return [folder for one in ours for folder in one.path]


def _check_reach(
    file: IniFile, title: str, options: Options, folders: Sequence[str]
) -> list[Fault]:
    """Check that options name usable things; return the stores that do not answer.

    ``folders`` are those from which any section imports.
    """
    _keep(file, title, options.faults())
    if isinstance(options, TrustOptions):
        for found, expected in themes.faults(options.templates):
            file.note(title, "templates", found, expected)
    _keep(file, title, options.code_faults(folders))
    return _keep(file, title, options.store_faults())


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


def _check_processes(file: IniFile, read: Mapping[str, Options]) -> None:
    """Refuse a store in memory with several processes: each would have its own."""
    several = [
        f"[{section.title}] {name}"
        for section in file.of_kind("server")
        for name in _PROCESSES
        if (value := section.values.get(name, "")).strip().isdigit() and int(value) > 1
    ]
    for title, name in _in_one_process(read) if several else ():
        expected = f"a store that all processes share, because of {several[0]}"
        file.note(title, name, repr(getattr(read[title], name)), expected)


def _in_one_process(read: Mapping[str, Options]) -> Sequence[tuple[str, str]]:
    """The sections that keep data in one process, and their options, by option."""
    found = [
        (t, name) for t, options in read.items() for name in options.in_one_process()
    ]
    return sorted(found, key=itemgetter(1))


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
