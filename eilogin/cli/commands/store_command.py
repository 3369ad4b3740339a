"""``eilogin store …``: look into the stores of an ini file, back them up, empty them.

The ``store`` option of a section says where a site keeps its sessions. The kind of the
store decides what is possible. One file of SQLite can be backed up and restored here. A
server has its own tools for that; run ``end-all`` afterwards. The contents of
``memory:`` are gone with the process.
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
from eilogin.cli.terminal.reports import telling_errors
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

_Answer = TypeVar("_Answer")

_log = logging.getLogger("eilogin.stores")

#: The names in ``use = egg:eilogin#NAME`` of filters that have a store.
_ENTRY_POINTS = ("main", "session")

#: Keys of the logouts that a hub keeps among the sessions to deliver later.
_LOGOUTS = (hub_logout_queue.KEYS, hub_logout_queue.HELD_KEYS)

_IN_MEMORY = "memory: exists only in the process that serves, and ends with it"
_NOT_MADE = "does not exist yet; the first server that starts makes it"
_ON_A_SERVER = (
    "is on a server, which has its own tools to save and restore its data; after "
    "a restore, run: eilogin store end-all"
)


@dataclass(frozen=True, slots=True)
class _Kept:
    """A store, and all sections of the file that keep their sessions in it."""

    url: str
    #: Seconds that a verb waits for the store.
    timeout: float
    titles: tuple[str, ...]

    @property
    def name(self) -> str:
        return without_password(self.url)

    @property
    def shown(self) -> str:
        return f"{self.name} ({', '.join(self.titles)})"


_FILE = click.argument("file", type=click.Path(path_type=Path))
_SECTION = click.option(
    "--section",
    help="Only the store of this section, such as filter:eilogin.",
)


@click.group("store", short_help="Look into a store, back it up, end its sessions.")
def store_command() -> None:
    """Look into the stores of a paste ini file, back them up, end their sessions.

    Each command reads the ini FILE and finds its stores. Several sections with the
    same store count as one. Servers may run meanwhile.

    \b
        eilogin store show app.ini               count sessions and bytes
        eilogin store backup app.ini nightly.db  back up a store of SQLite
        eilogin store restore app.ini nightly.db restore that backup
        eilogin store end-all app.ini            sign everybody out
    """  # noqa: D301 - \b is click's sign for "do not wrap"


@store_command.command("show", short_help="Show what is in a store.")
@_FILE
@_SECTION
def show_command(file: Path, section: str | None) -> None:
    """Show how many sessions and bytes are in the stores of an ini FILE.

    \b
        eilogin store show app.ini
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    for kept in _stores(file, section):
        click.echo(kept.shown)
        for line in _opened(kept, _figures):
            click.echo(f"  {line}")


@store_command.command("backup", short_help="Back up a store of SQLite.")
@_FILE
@click.argument("to", type=click.Path(path_type=Path))
@_SECTION
def backup_command(file: Path, to: Path, section: str | None) -> None:
    """Write a backup of the store of an ini FILE to the file TO.

    \b
        eilogin store backup app.ini nightly.db

    The backup records which messages were used, and which sessions a logout has
    ended. It has no sessions, because a restore ends every session. It can have
    records of visitors that last an hour, such as kept forms and logout receipts. So
    protect it like the store. If TO is an earlier backup, the command replaces it.
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    kept = _one(file, section)
    if not _opened(kept, _is_made):
        raise click.ClickException(f"{kept.name}: {_NOT_MADE}")
    _opened(kept, lambda store: _file(store, kept).backup(to))
    click.echo(f"{to}: the backup of {kept.name}")


@store_command.command("restore", short_help="Restore a backup of a store of SQLite.")
@_FILE
@click.argument("source", metavar="FROM", type=click.Path(path_type=Path))
@_SECTION
def restore_command(file: Path, source: Path, section: str | None) -> None:
    """Restore the backup FROM into the store of an ini FILE, and end its sessions.

    \b
        eilogin store restore app.ini nightly.db

    A session that ended after the backup must not live again. So the command ends all
    sessions, and eilogin then rejects every Response from before this moment. The
    records of used messages in the store and in the backup are merged. Running
    servers see the change with their next request.

    The command refuses a store that cannot be read. In that case stop the servers,
    move the store away with the files beside it (-wal, -shm), and restore: that makes
    a new store.
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    kept = _one(file, section)
    _set_up_logging(file)
    ended = _opened(kept, lambda store: _restored(_file(store, kept), source))
    _note("store.restore", f"{kept.name}: {source} was restored; {ended}")


@store_command.command("end-all", short_help="End every session.")
@_FILE
@_SECTION
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
def end_all_command(file: Path, section: str | None, *, yes: bool) -> None:
    """End every session in the stores of an ini FILE: everybody has to log in again.

    \b
        eilogin store end-all app.ini

    Run it after you have restored the data of a server (Redis: RDB or AOF) or a whole
    machine, because sessions that had ended would live again. Run it also after you
    have moved a site to another prefix or an empty database. eilogin then rejects
    every Response from before this moment, because the records of used messages are
    lost too.

    All sites that share the store lose their sessions: all sections of the file
    with that store, also those that --section does not name, and sites of other ini
    files. Sites and hubs with another store keep their sessions, and get no message.
    Pending logouts of a hub are deleted.
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    found = _stores(file, section)
    for kept in found:
        if is_in_process(kept.url):
            raise click.ClickException(f"{_IN_MEMORY}; stop that process")
    made = [kept for kept in found if _opened(kept, _is_made)]
    for kept in found:
        if kept not in made:
            click.echo(f"{kept.name}: {_NOT_MADE}")
    if made and not yes:
        require_yes(f"End every session in {', '.join(kept.shown for kept in made)}?")
    _set_up_logging(file)
    for kept in made:
        ended = _opened(kept, _emptied)
        _note("store.end-all", f"{kept.name}: {ended}")


# --- the stores of a file -------------------------------------------------------


def _stores(file: Path, section: str | None) -> list[_Kept]:
    """The stores of an ini file, or that of one section; at least one."""
    with telling_errors():
        by_title = _options(IniFile.read(file))
    if not by_title or (section is not None and section not in by_title):
        known = ", ".join(by_title) or "none"
        raise click.ClickException(
            f"{file}: which store? --section takes one of: {known}"
        )
    by_url: dict[str, dict[str, SessionOptions]] = {}
    for title, options in by_title.items():
        by_url.setdefault(str(options.store), {})[title] = options
    return [
        _Kept(url, max(one.store_timeout for one in its.values()), tuple(its))
        for url, its in by_url.items()
        if section is None or section in its
    ]


def _options(ini: IniFile) -> dict[str, SessionOptions]:
    """The options of each section that has a store.

    Raises :class:`eilogin.errors.InvalidOptions` with all their faults.
    """
    found: dict[str, SessionOptions] = {}
    for part in parts_of(ini):
        if part.entry_point not in _ENTRY_POINTS:
            continue
        known = {
            option: value
            for option, value in part.options.items()
            if option in SessionOptions.model_fields
        }
        options, faults = config.attempt(
            SessionOptions, str(ini.path), part.title, known
        )
        ini.keep(faults)
        if options is not None:
            found[part.title] = options
    if ini.faults:
        raise InvalidOptions(ini.faults)
    return found


def _one(file: Path, section: str | None) -> _Kept:
    found = _stores(file, section)
    if len(found) > 1:
        titles = ", ".join(kept.titles[0] for kept in found)
        raise click.ClickException(
            f"{file}: which store? there are {len(found)}; --section takes one of:"
            f" {titles}"
        )
    return found[0]


def _opened(kept: _Kept, verb: Callable[[Store], _Answer]) -> _Answer:
    """Run a verb on the open store, and report its errors to the user."""
    with telling_errors(), closing(open_store(kept.url, kept.timeout)) as store:
        return verb(store)


def _is_made(store: Store) -> bool:
    """Whether the store exists, without making it."""
    return not is_durable(store) or store.exists()


def _file(store: Store, kept: _Kept) -> FileStore:
    if is_file(store):
        return store
    if not is_durable(store):
        raise click.ClickException(_IN_MEMORY)
    raise click.ClickException(f"{kept.name} {_ON_A_SERVER}")


# --- what everybody notices ----------------------------------------------------


def _set_up_logging(file: Path) -> None:
    """Set up logging by the file's own sections, so that the log records this."""
    ini = IniFile.read(file)
    if "loggers" in ini.sections:
        set_up_logging(ini)


def _note(event: str, what: str) -> None:
    """Print an event, and write it to the log and to the audit log."""
    click.echo(what)
    _log.info("eilogin %s: %s", event.replace(".", " "), what)
    audit.event(event)


# --- telling --------------------------------------------------------------------


def _figures(store: Store) -> Sequence[str]:
    """Describe a store, in lines."""
    if not is_durable(store):
        return [_IN_MEMORY]
    if not store.exists():
        return [_NOT_MADE]
    return _figures_of(store)


def _figures_of(store: DurableStore) -> Sequence[str]:
    figures = store.figures(*_LOGOUTS)
    sessions, logouts = _counted(figures.sessions, figures.fitting)
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


def _counted(rows: int, of_logouts: Sequence[int]) -> tuple[int, str]:
    """Count the sessions among these rows, and describe the logouts."""
    logouts, held = of_logouts
    waits = f", and {held:,} for the visitor's next logout" if held else ""
    said = f"{logouts - held:,} pending (eilogin logouts){waits}"
    return rows - logouts, said


# --- telling what has ended -----------------------------------------------------


def _restored(store: FileStore, source: Path) -> str:
    return _ended(lambda: store.restore(source), _logouts(store))


def _emptied(store: Store) -> str:
    return _ended(store.end_all, _logouts(store))


def _logouts(store: Store) -> int:
    """Count the rows of a store that are pending logouts and no sessions."""
    if not is_durable(store) or not store.exists():
        return 0
    return store.figures(*_LOGOUTS).fitting[0]


def _ended(verb: Callable[[], int], logouts: int) -> str:
    """Run a verb that ends all, and describe in words how much it has ended."""
    count = max(verb() - logouts, 0)
    ended = f"{count:,} session{'' if count == 1 else 's'} ended"
    if not logouts:
        return ended
    told = "1 logout" if logouts == 1 else f"{logouts:,} logouts"
    return f"{ended}; deleted, so participants do not learn of them: {told}"
