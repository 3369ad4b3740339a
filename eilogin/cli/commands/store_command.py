"""``eilogin store …``: show the stores of an ini file, back them up, end all sessions.

``backup`` and ``restore`` work with SQLite. A server, such as Redis, has its own tools.
"""

import logging
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import click

from eilogin import audit, config
from eilogin.cli.commands.command_setup import set_up_logging
from eilogin.cli.inifiles.ini_members import parts_of
from eilogin.cli.inifiles.ini_sections import IniFile
from eilogin.cli.terminal.prompts import require_yes
from eilogin.cli.terminal.reports import reporting_errors
from eilogin.config import without_password
from eilogin.errors import InvalidOptions
from eilogin.filters.session_options import SessionOptions
from eilogin.hub.logout.retry_queue import hub_logout_queue
from eilogin.stores import Store, open_store
from eilogin.stores.store_interface import (
    DurableStore,
    FileStore,
    Residence,
    is_durable,
    is_file,
)
from eilogin.stores.store_locations import is_in_process

_Result = TypeVar("_Result")

_log = logging.getLogger("eilogin.stores")

_ENTRY_POINTS = ("main", "session")

#: A hub stores pending logouts among the sessions.
_LOGOUTS = (hub_logout_queue.KEYS, hub_logout_queue.HELD_KEYS)

_IN_MEMORY = "memory: exists only in the process that serves, and ends with it"
_MISSING = "does not exist yet; the first server that starts makes it"
_ON_A_SERVER = (
    "is on a server, which has its own tools to save and restore its data; after "
    "a restore, run: eilogin store end-all"
)


@dataclass(frozen=True, slots=True)
class _SiteStore:
    url: str
    #: Seconds to wait for the store.
    timeout: float
    titles: tuple[str, ...]

    @property
    def name(self) -> str:
        return without_password(self.url)

    @property
    def description(self) -> str:
        return f"{self.name} ({', '.join(self.titles)})"


def show_stores(file: Path, section: str | None) -> None:
    """Print how many sessions and bytes are in the stores of an ini file."""
    for site_store in _stores(file, section):
        click.echo(site_store.description)
        for line in _run_on(site_store, _figure_lines):
            click.echo(f"  {line}")


def back_up(file: Path, to: Path, section: str | None) -> None:
    """Write a backup of the store of an ini file."""
    site_store = _only_store(file, section)
    if not _run_on(site_store, _exists):
        raise click.ClickException(f"{site_store.name}: {_MISSING}")
    _run_on(site_store, lambda store: _file(store, site_store).backup(to))
    click.echo(f"{to}: the backup of {site_store.name}")


def restore(file: Path, source: Path, section: str | None) -> None:
    """Restore a backup into the store of an ini file, and end its sessions."""
    site_store = _only_store(file, section)
    _set_up_logging(file)
    outcome = _run_on(
        site_store, lambda store: _restore(_file(store, site_store), source)
    )
    _report("store.restore", f"{site_store.name}: {source} was restored; {outcome}")


def end_all(file: Path, section: str | None, *, yes: bool) -> None:
    """End every session in the stores of an ini file."""
    site_stores = _stores(file, section)
    for site_store in site_stores:
        if is_in_process(site_store.url):
            raise click.ClickException(f"{_IN_MEMORY}; stop that process")
    existing = [
        site_store for site_store in site_stores if _run_on(site_store, _exists)
    ]
    for site_store in site_stores:
        if site_store not in existing:
            click.echo(f"{site_store.name}: {_MISSING}")
    if existing and not yes:
        names = ", ".join(site_store.description for site_store in existing)
        require_yes(f"End every session in {names}?")
    _set_up_logging(file)
    for site_store in existing:
        outcome = _run_on(site_store, _end_all)
        _report("store.end-all", f"{site_store.name}: {outcome}")


def _stores(file: Path, section: str | None) -> list[_SiteStore]:
    """Return the stores of an ini file, or that of one section; at least one."""
    with reporting_errors():
        options_by_section = _options(IniFile.read(file))
    if not options_by_section or (
        section is not None and section not in options_by_section
    ):
        titles = ", ".join(options_by_section) or "none"
        raise click.ClickException(
            f"{file}: which store? --section takes one of: {titles}"
        )
    by_url: dict[str, dict[str, SessionOptions]] = {}
    for title, options in options_by_section.items():
        by_url.setdefault(str(options.store), {})[title] = options
    return [
        _SiteStore(
            url,
            max(options.store_timeout for options in options_by_title.values()),
            tuple(options_by_title),
        )
        for url, options_by_title in by_url.items()
        if section is None or section in options_by_title
    ]


def _options(ini: IniFile) -> dict[str, SessionOptions]:
    options_by_section: dict[str, SessionOptions] = {}
    for part in parts_of(ini):
        if part.entry_point not in _ENTRY_POINTS:
            continue
        values = {
            option: value
            for option, value in part.options.items()
            if option in SessionOptions.model_fields
        }
        options, faults = config.attempt(
            SessionOptions, str(ini.path), part.title, values
        )
        ini.add_faults(faults)
        if options is not None:
            options_by_section[part.title] = options
    if ini.faults:
        raise InvalidOptions(ini.faults)
    return options_by_section


def _only_store(file: Path, section: str | None) -> _SiteStore:
    site_stores = _stores(file, section)
    if len(site_stores) > 1:
        titles = ", ".join(site_store.titles[0] for site_store in site_stores)
        raise click.ClickException(
            f"{file}: which store? there are {len(site_stores)}; --section takes "
            f"one of: {titles}"
        )
    return site_stores[0]


def _run_on(site_store: _SiteStore, verb: Callable[[Store], _Result]) -> _Result:
    with (
        reporting_errors(),
        closing(open_store(site_store.url, site_store.timeout)) as store,
    ):
        return verb(store)


def _exists(store: Store) -> bool:
    """Return whether the store exists, without making it."""
    return not is_durable(store) or store.exists()


def _file(store: Store, site_store: _SiteStore) -> FileStore:
    if is_file(store):
        return store
    if not is_durable(store):
        raise click.ClickException(_IN_MEMORY)
    raise click.ClickException(f"{site_store.name} {_ON_A_SERVER}")


def _set_up_logging(file: Path) -> None:
    ini = IniFile.read(file)
    if "loggers" in ini.sections:
        set_up_logging(ini)


def _report(event: str, text: str) -> None:
    """Print an event, and write it to the log and the audit log."""
    click.echo(text)
    _log.info("eilogin %s: %s", event.replace(".", " "), text)
    audit.event(event)


def _figure_lines(store: Store) -> Sequence[str]:
    if not is_durable(store):
        return [_IN_MEMORY]
    if not store.exists():
        return [_MISSING]
    return _durable_figure_lines(store)


def _durable_figure_lines(store: DurableStore) -> Sequence[str]:
    figures = store.figures(*_LOGOUTS)
    sessions, logouts = _split_counts(figures.sessions, figures.fitting)
    # Servers count expired records too, until they delete them.
    live = " live" if store.residence is Residence.FILE else ""
    lines = [
        *(f"kind      {kind}" for kind in figures.kinds),
        f"sessions  {sessions:,}{live}",
        f"logouts   {logouts}",
        f"values    {figures.values:,} (used messages, kept forms, what apps keep)",
    ]
    if figures.marks is not None:
        lines.append(
            f"marks     {figures.marks:,} (logouts that older Responses must not undo)"
        )
    if figures.size is not None:
        each = f", {figures.size // sessions:,} for each session" if sessions else ""
        lines.append(f"size      {figures.size:,} bytes on the disk{each}")
    if store.residence is Residence.SERVER:
        lines.append(f"it {_ON_A_SERVER}")
    return lines


def _split_counts(rows: int, logout_counts: Sequence[int]) -> tuple[int, str]:
    logouts, held = logout_counts
    held_text = f", and {held:,} for the visitor's next logout" if held else ""
    logout_text = f"{logouts - held:,} pending (eilogin logouts){held_text}"
    return rows - logouts, logout_text


def _restore(store: FileStore, source: Path) -> str:
    return _ending_text(lambda: store.restore(source), _logouts(store))


def _end_all(store: Store) -> str:
    return _ending_text(store.end_all, _logouts(store))


def _logouts(store: Store) -> int:
    if not is_durable(store) or not store.exists():
        return 0
    return store.figures(*_LOGOUTS).fitting[0]


def _ending_text(verb: Callable[[], int], logouts: int) -> str:
    count = max(verb() - logouts, 0)
    text = f"{count:,} session{'' if count == 1 else 's'} ended"
    if not logouts:
        return text
    logout_text = "1 logout" if logouts == 1 else f"{logouts:,} logouts"
    return f"{text}; deleted, so participants do not learn of them: {logout_text}"
