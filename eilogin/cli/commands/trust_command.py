"""``eilogin trust``: show the active metadata, and decide on pending changes.

The state is in ``federation_folder``. The user who approves may not be the user that
serves, and may not be able to read our keys; so the command reads only the options that
it needs. If several sites of a file have the same pending change, it has the same name
at all of them, and one approval counts for all.
"""

import os
import pwd
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click
from pydantic import create_model

from eilogin import audit, clock, config
from eilogin.cli.commands.serve_command import set_up_logging, variables_of
from eilogin.cli.inifiles.ini_members import is_member, options_of_part, parts_of
from eilogin.cli.inifiles.ini_pipelines import Part
from eilogin.cli.inifiles.ini_sections import IniFile
from eilogin.cli.terminal.reports import harmless, telling_errors
from eilogin.errors import (
    ConfigurationError,
    EiloginError,
    InvalidOptions,
    MetadataUnusable,
)
from eilogin.federation import Membership
from eilogin.federation.changes.approval_decisions import (
    approve,
    looked_ahead,
    reject,
    require_hubs,
    require_judged,
)
from eilogin.federation.changes.departed_members import departed_of
from eilogin.federation.changes.federation_changes import (
    MOST_LOGGED,
    MOST_TOLD,
    ApprovalRules,
    Changes,
    changes_for,
)
from eilogin.federation.changes.member_differences import words
from eilogin.federation.changes.quarantine import held_of, signed_index
from eilogin.federation.local.local_options import entity_id_of
from eilogin.federation.members.trust_options import TrustOptions
from eilogin.federation.refresh.active_metadata import opened
from eilogin.federation.refresh.metadata_refresh import RefreshResult, refresh
from eilogin.federation.state.state_folder import SiteFolder
from eilogin.federation.state.state_origin import is_over
from eilogin.federation.state.state_records import (
    BY_SUDO,
    NAMELESS,
    Approval,
    Pending,
    Source,
    Waiting,
)
from eilogin.saml.messages import write_instant
from eilogin.saml.printable_text import first_of, printable
from eilogin.shell_quoting import typed

#: The most IDs or members on one line.
_NAMED = 5
#: Seconds that a command waits for a refresh to finish.
_PATIENCE = 60.0

_NEEDED = (
    *("role", "public_url", "prefix", "entity_id", "hub"),
    *("federation_folder", "federation_changes", "four_eyes"),
)
#: The options for the state of a site's federation, and for approvals.
_Options: Any = create_model(  # type: ignore[call-overload]
    "_Options",
    __base__=config.Options,
    **{
        name: (field.annotation, field)
        for name, field in TrustOptions.model_fields.items()
        if name in _NEEDED
    },
)

_FILE = click.argument("file", type=click.Path(path_type=Path))
_VARIABLES = click.argument("variables", nargs=-1, metavar="[NAME=VALUE]...")
_ID = click.argument("state_id", metavar="ID")
_ALL = "--all", "is_all"
_SECTION = click.option(
    "--section", help="Only the site of this section, such as filter:eilogin."
)


@click.group("trust", short_help="Look at the metadata, decide on pending changes.")
def trust_command() -> None:
    """Show the active metadata of the federation, and decide on pending changes.

    eilogin compares each refresh with the active metadata. A change that could give
    logins to another party waits until you approve it: for example if the only key of
    a member is replaced. Until then that member keeps its old record, and all others
    follow.

    \b
        eilogin trust show app.ini           since when, which sources, what waits
        eilogin trust diff app.ini           the pending changes, in words
        eilogin trust approve app.ini ID     activate all, or the change of one member
        eilogin trust reject app.ini ID      keep the old record
        eilogin trust refresh app.ini        fetch the sources now
    """  # noqa: D301 - \b is click's sign for "do not wrap"


@dataclass(frozen=True, slots=True)
class Site:
    """A member of a federation in an ini file, and the folder with its state."""

    ini: IniFile
    part: Part
    options: Any
    folder: SiteFolder
    #: The variables of the command line for the file, as NAME=VALUE.
    variables: Sequence[str]

    @property
    def entity_id(self) -> str:
        """The entityID."""
        return entity_id_of(self.options)

    def typed(self, verb: str, *words: str) -> str:
        """A command of this group for the same file, to copy."""
        return typed("eilogin trust", verb, self.ini.path, *words, *self.variables)

    def changes(self, waiting: Waiting, pending: Sequence[Pending]) -> Changes:
        """The differences between these changes and the active metadata.

        Raises MetadataUnusable if it cannot be read.
        """
        active = self.folder.active
        state = None if active is None else active.state
        old = None if state is None else opened(self.folder, state)
        signed = waiting.state or state
        try:
            new = Membership()
            if signed is not None:
                new = Membership.from_index(signed_index(self.folder, signed))
        except MetadataUnusable as error:
            # As after an update. The state keeps its name and its approvals.
            raise type(error)(f"{error} by '{self.typed('refresh')}'") from error
        known = {n: one.known for n, one in held_of(self.folder, state).items()}
        departed = departed_of(self.folder)
        changes = changes_for(self.options, old or Membership(), new, departed, known)
        names = {one.entity_id for one in pending}
        return changes if "" in names else changes.of(names)


@trust_command.command("show", short_help="Show the active metadata and its sources.")
@_FILE
@_VARIABLES
@_SECTION
def show_command(file: Path, variables: Sequence[str], section: str | None) -> None:
    """Show the active metadata of each site of an ini FILE.

    \b
        eilogin trust show app.ini

    The command prints since when it is active, how many members it has, when each
    source was fetched, what failed, and which changes wait for approval. NAME=VALUE
    works as for "eilogin serve".
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    with telling_errors():
        for site in _sites(file, variables, section):
            click.echo(f"{site.part.title} ({site.entity_id})")
            for line in _shown(site):
                click.echo(f"  {printable(line)}")


@trust_command.command("diff", short_help="Show the pending changes, in words.")
@_FILE
@_VARIABLES
@_SECTION
@click.option(*_ALL, is_flag=True, help="Show every change.")
def diff_command(
    file: Path, variables: Sequence[str], section: str | None, *, is_all: bool
) -> None:
    """Show the changes that wait for approval, against the active metadata.

    \b
        eilogin trust diff app.ini
        eilogin trust diff app.ini --all

    The reasons come first, and then all changes; "!" marks a change that always
    waits. The command shows 50 changes of each kind, and the number of the others.
    The last lines show what to type. NAME=VALUE works as for "eilogin serve".
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    with telling_errors():
        found = [
            (site, waiting)
            for site in _sites(file, variables, section)
            if (waiting := site.folder.waiting) is not None
        ]
        for site, waiting in found:
            click.echo(harmless("\n".join(_differing(site, waiting, is_all=is_all))))
    if not found:
        click.echo("nothing waits for approval")


@trust_command.command("approve", short_help="Approve pending changes.")
@_FILE
@_ID
@_VARIABLES
@_SECTION
@click.option(
    *_ALL,
    is_flag=True,
    help='Confirm that you have read all changes with "diff --all", if'
    " there are more than 50.",
)
def approve_command(
    file: Path,
    state_id: str,
    variables: Sequence[str],
    section: str | None,
    *,
    is_all: bool,
) -> None:
    """Approve all changes that wait, or the change of one member, by ID.

    \b
        eilogin trust approve app.ini 5f0c1a2b

    "eilogin trust diff FILE" shows the IDs. An approved change is active at once, in
    all processes within a second. If other changes wait by now, the command refuses:
    you cannot approve unseen changes. With "four_eyes = true" two people have to
    approve, each as a system user of their own.
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    with telling_errors():
        sites = _waiting_at(file, state_id, variables, section)
        require = partial(_require_approvable, is_all=is_all)
        _decide(sites, state_id, _approve, require)


@trust_command.command("reject", short_help="Reject pending changes.")
@_FILE
@_ID
@_VARIABLES
@_SECTION
def reject_command(
    file: Path, state_id: str, variables: Sequence[str], section: str | None
) -> None:
    """Reject all changes that wait, or the change of one member, by ID.

    \b
        eilogin trust reject app.ini 5f0c1a2b

    The member keeps its old record, and eilogin does not ask again until the record
    changes again. "eilogin trust diff FILE" shows the IDs.
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    with telling_errors():
        sites = _waiting_at(file, state_id, variables, section)
        _decide(sites, state_id, _reject)


@trust_command.command("refresh", short_help="Fetch the sources now.")
@_FILE
@_VARIABLES
@_SECTION
def refresh_command(file: Path, variables: Sequence[str], section: str | None) -> None:
    """Fetch all sources of each site of an ini FILE now, and print the result.

    \b
        eilogin trust refresh app.ini

    New metadata is active at once, or waits for approval, as at every refresh. The
    exit code is 1 if a source failed. NAME=VALUE works as for "eilogin serve".
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    with telling_errors():
        came = [_refresh(site) for site in _sites(file, variables, section)]
    raise SystemExit(0 if all(came) else 1)


# --- which sites --------------------------------------------------------------------


def _sites(file: Path, variables: Sequence[str], section: str | None) -> list[Site]:
    """The sites of a file that keep state; ClickException if there is none."""
    ini = IniFile.read(file, variables_of(variables))
    parts = [part for part in parts_of(ini) if is_member(part)]
    if section is not None:
        known = ", ".join(part.title for part in parts) or "none"
        parts = [part for part in parts if part.title == section]
        if not parts:
            told = f"which site? --section takes one of: {known}"
            raise click.ClickException(f"{file}: {told}")
    found = (_site(ini, part, variables) for part in parts)
    sites = [site for site in found if site is not None]
    if not sites:
        raise click.ClickException(
            f"{file}: no site has a 'federation_folder', so eilogin reads the "
            "metadata at start, and there is nothing to show, refresh or approve"
        )
    if "loggers" in ini.sections:
        set_up_logging(ini)
    return sites


def _site(ini: IniFile, part: Part, variables: Sequence[str]) -> Site | None:
    options = options_of_part(_Options, ini, part)
    if options.federation_folder is None:
        return None
    folder = SiteFolder.of(options.federation_folder, entity_id_of(options))
    return Site(ini, part, options, folder, variables)


# --- what is told -------------------------------------------------------------------


def _shown(site: Site) -> Iterator[str]:
    active, waiting = site.folder.active, site.folder.waiting
    if active is None:
        yield (
            "no metadata is active yet; the first start makes it active without an "
            "approval"
        )
        return
    state, tries = active.state, active.tries
    over = ", but expired: nobody can log in" if is_over(state) else ""
    yield f"active since {write_instant(active.since)}: {_members(state.members)}{over}"
    if over:
        yield f"ask the sources for newer metadata: {site.typed('refresh')}"
    if tries.failures:
        yield f"refresh: {_failed(tries.failures, tries.tried, tries.why)}"
    yield f"last refreshed {_at(tries.worked)}, next {_at(tries.due)}"
    for source in state.sources:
        yield f"source {words(source.name)}: {_source(source)}"
    if waiting is not None:
        count = len(waiting.reasons)
        reasons = "1 reason" if count == 1 else f"{count} reasons"
        since = write_instant(waiting.since)
        yield f"pending since {since}, for {reasons}: {waiting.id}"
        for one in first_of([*map(_in_quarantine, waiting.open)], MOST_TOLD):
            yield f"  {one}"
        yield from _approvals(site, waiting)
        yield from _not_judged(site, waiting)
        yield f"look at the changes: {site.typed('diff')}"
        yield f"then approve them: {site.typed('approve', waiting.id)}"
    yield from _rejected(site)


def _in_quarantine(one: Pending) -> str:
    if not one.entity_id:
        return f"the whole metadata: {one.id}"
    return f"{words(one.entity_id)} keeps its old record: {one.id}"


def _rejected(site: Site) -> Iterator[str]:
    quarantine = site.folder.quarantine
    for one in () if quarantine is None else quarantine.pending:
        if one.is_rejected:
            who = words(one.entity_id) or "the whole metadata"
            yield f"rejected: {who} keeps its old record until it changes again"


def _source(source: Source) -> str:
    told = f"last success {_at(source.worked)}"
    if source.failures:
        told += f"; {_failed(source.failures, source.tried, source.why)}"
    if source.passed:
        told += (
            f"; {_members(len(source.passed))} skipped: they come from another source"
        )
    return told


def _failed(times: int, at: float, why: str) -> str:
    often = "once" if times == 1 else f"{times} times in a row"
    return f"failed {often}, last {_at(at)}: {words(why)}"


def _differing(site: Site, waiting: Waiting, *, is_all: bool) -> Iterator[str]:
    yield f"{site.part.title} ({site.entity_id})"
    since, count = write_instant(waiting.since), len(waiting.open)
    what = "the whole metadata" if waiting.state is not None else _members(count)
    yield f"pending since {since}: {what}, {waiting.id}"
    yield from _approvals(site, waiting)
    yield from _not_judged(site, waiting)
    changes = site.changes(waiting, waiting.open)
    yield "\nWhy it needs approval:"
    # Another user than the one who looks may be able to write the folder.
    told = waiting.reasons if is_all else first_of(waiting.reasons, MOST_TOLD)
    yield from (f"  {printable(reason)}" for reason in told)
    yield "\nAll changes:"
    lines = changes.all_lines if is_all else changes.lines
    yield from (f"  {line}" for line in lines)
    if changes.hidden and not is_all:
        yield f"\n{changes.hidden} of the changes are not in this list. This shows all:"
        yield f"  {site.typed('diff', '--all')}"
    yield (
        "\nIf the changes are right (check keys and addresses with the operator by "
        "another"
    )
    yield "way, such as the telephone):"
    seen = ["--all"] if changes.hidden else []
    yield f"  {site.typed('approve', waiting.id, *seen)}"
    yield "If they are not:"
    yield f"  {site.typed('reject', waiting.id)}"
    if count > 1:
        yield "\nOr decide on one member, with its own ID:"
        told = [f"{one.id}  {words(one.entity_id)}" for one in waiting.open]
        yield from (f"  {x}" for x in (told if is_all else first_of(told, MOST_TOLD)))


def _approvals(site: Site, waiting: Waiting) -> Iterator[str]:
    people = ApprovalRules.of(site.options).people
    by_who = dict.fromkeys(one.approvals for one in waiting.open)
    for approvals in by_who:
        which = ""
        if len(by_who) > 1:
            ids = [one.id for one in waiting.open if one.approvals == approvals]
            which = f" ({', '.join(first_of(ids, _NAMED))})"
        for one in approvals:
            yield f"approved {_at(one.at)} by {_named(one)}{which}"
        more = people - len(approvals)
        if more > 1:
            yield f"needs the approval of {more} people (four_eyes){which}"
        elif approvals:
            yield f"needs 1 more approval (four_eyes){which}"


def _not_judged(site: Site, waiting: Waiting) -> Iterator[str]:
    if not waiting.is_judged_by(site.folder.active):
        yield "needs a refresh with the current options before you can approve it:"
        yield f"  {site.typed('refresh')}"


def _at(instant: float) -> str:
    return f"at {write_instant(instant)}" if instant else "never"


def _members(count: int) -> str:
    return f"{count} member{'' if count == 1 else 's'}"


def _count(changes: Changes) -> str:
    told = f"{changes.count} change{'' if changes.count == 1 else 's'}"
    return f"{told} ({sum(one.waits for one in changes.changes)} with '!')"


def _named(who: Approval) -> str:
    return f"{words(who.name)} (uid {who.uid})"


# --- what is decided ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Case:
    """Pending changes at a site, and the person who decides on them."""

    site: Site
    waiting: Waiting
    #: The ID as typed, of all pending changes or of one; and those changes.
    state_id: str
    pending: tuple[Pending, ...]
    changes: Changes
    who: Approval

    @property
    def title(self) -> str:
        """The section of the site."""
        return self.site.part.title

    def refused(self, why: str) -> click.ClickException:
        """The error that stops the decision here."""
        return click.ClickException(f"{self.title}: {why}")


def _decide(
    sites: Sequence[Site],
    state_id: str,
    decide: Callable[[_Case], str],
    require: Callable[[_Case], None] = lambda _: None,
) -> None:
    """Carry out a decision on the pending changes of these sites.

    First ``require`` checks each site. If it raises, no site changes.
    """
    who = _who()
    with ExitStack() as held:
        # In one order, so that two decisions at once do not wait for each other.
        for site in sorted(sites, key=lambda one: one.folder.path):
            held.enter_context(site.folder.locked(_PATIENCE))
        cases = [_case(site, state_id, who) for site in sites]
        for case in cases:
            require(case)
        for number, case in enumerate(cases):
            with _telling_how_far(cases[number:]):
                click.echo(f"{case.title}: {decide(case)}")


def _waiting_at(
    file: Path, state_id: str, variables: Sequence[str], section: str | None
) -> Sequence[Site]:
    """The sites with a pending change of this ID, one for each folder."""
    sites = {site.folder.path: site for site in _sites(file, variables, section)}
    waiting = {path: site.folder.waiting for path, site in sites.items()}
    fitting = [
        sites[path]
        for path, one in waiting.items()
        if one is not None and one.named(state_id)
    ]
    if not fitting and any(_is_rejected(site, state_id) for site in sites.values()):
        raise click.ClickException(
            f"{file}: {words(state_id)} was rejected before; nothing was done. "
            "The member keeps its old record until its metadata changes again"
        )
    if not fitting:
        there = {one.id for one in waiting.values() if one is not None}
        now = f"pending: {', '.join(sorted(there))}" if there else "nothing is pending"
        raise click.ClickException(
            f"{file}: {words(state_id)!r} is not pending ({now}); nothing was done."
            " Look at the changes first"
            f" ({typed('eilogin trust diff', file, *variables)})"
        )
    return fitting


def _is_rejected(site: Site, change_id: str) -> bool:
    """Whether somebody has rejected the one change with this ID."""
    known = site.folder.quarantine
    pending = () if known is None else known.pending
    return any(one.id == change_id and one.is_rejected for one in pending)


def _case(site: Site, state_id: str, who: Approval) -> _Case:
    """Read the pending changes again, under the lock."""
    waiting = site.folder.waiting
    pending = () if waiting is None else waiting.named(state_id)
    if waiting is None or not pending:
        raise ConfigurationError(
            f"{site.folder}: other changes are pending now; nothing was done. "
            f"Look at them first ({site.typed('diff')})"
        )
    changes = site.changes(waiting, pending)
    return _Case(site, waiting, state_id, pending, changes, who)


@contextmanager
def _telling_how_far(left: Sequence[_Case]) -> Iterator[None]:
    """If the decision fails on the way, as with a full disk, name the sites left."""
    try:
        yield
    except (EiloginError, OSError):
        first, *others = left
        told = f"{first.title}: did not finish"
        if others:
            told += f"; not begun at {', '.join(one.title for one in others)}"
        click.echo(f"{told}; to see the result: {first.site.typed('show')}", err=True)
        raise


def _require_approvable(case: _Case, *, is_all: bool) -> None:
    """Raise ClickException if this user cannot approve these changes."""
    site, waiting, hidden = case.site, case.waiting, case.changes.hidden
    if hidden and not is_all:
        raise case.refused(
            f"{_count(case.changes)}, of which '{site.typed('diff')}' does not "
            f"show {hidden}; nothing was done. Read all of them ('diff --all'), "
            "and then approve them: "
            f"'{site.typed('approve', case.state_id, '--all')}'"
        )
    people = ApprovalRules.of(site.options).people
    if people > 1 and all(_has_approved(case.who, one) for one in case.pending):
        raise case.refused(
            f"{_named(case.who)} has approved it already; nothing was done. A "
            "second person has to approve it, as another system user "
            "(four_eyes). sudo does not make you another person"
        )
    active = site.folder.active
    state = waiting.state or (active and active.state)
    if state and is_over(state):
        raise case.refused(
            f"{case.state_id} has expired; nothing was done. Fetch newer "
            f"metadata: {site.typed('refresh')}"
        )
    try:
        require_judged(site.folder, waiting)
    except ConfigurationError as error:
        told = f"{error}; nothing was done. Refresh first: {site.typed('refresh')}"
        raise case.refused(told) from error
    try:
        require_hubs(site.options, looked_ahead(site.folder, case.pending))
    except ConfigurationError as error:
        told = (
            f"nobody could log in, because no hub would be left: {error}; nothing was "
            "done"
        )
        raise case.refused(told) from error


def _has_approved(who: Approval, pending: Pending) -> bool:
    return any(one.is_by_who(who) for one in pending.approvals)


def _approve(case: _Case) -> str:
    site, state_id = case.site, case.state_id
    _note(case, "trust.approved")
    people = ApprovalRules.of(site.options).people
    done = approve(site.folder, state_id, case.who, people)
    if len(done) == len(case.pending):
        return f"{state_id} is active now: {_count(case.changes)}"
    told = (
        f"approved by {_named(case.who)}; needs 1 more approval, by another system "
        "user (four_eyes)"
    )
    if done:
        names = first_of([words(one.entity_id) for one in done], _NAMED)
        told += f"; active now: {', '.join(names)}"
    return told


def _reject(case: _Case) -> str:
    _note(case, "trust.rejected")
    reject(case.site.folder, case.state_id, case.who)
    return f"{case.state_id} is rejected; the active metadata stays the same"


def _note(case: _Case, code: str) -> None:
    """Record the decision and its user in the folder, before it is carried out."""
    changes, who = case.changes, case.who
    fields: Mapping[str, Any] = {
        "code": code,
        "id": case.state_id,
        "who": who.name,
        "uid": who.uid,
        "count": changes.count,
        "changes": changes.all_lines,
    }
    case.site.folder.log(fields)
    audit.event(
        code,
        reference=case.state_id,
        peer=case.site.entity_id,
        by=_named(who),
        changes=changes.lines[:MOST_LOGGED],
    )


def _who() -> Approval:
    """The user who typed this, and the user who called sudo."""
    uid = os.getuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = NAMELESS
    # The user root can set any name here; that makes nobody a second person.
    sudo, number = (os.environ.get(f"SUDO_{one}", "") for one in ("USER", "UID"))
    return Approval(
        f"{name}{BY_SUDO}{words(sudo)}" if sudo else name,
        uid,
        clock.now(),
        int(number) if re.fullmatch("[0-9]{1,10}", number) else None,
    )


def _refresh(site: Site) -> bool:
    """Refresh a site, print the outcome, and return whether all sources answered."""
    title = site.part.title
    try:
        options = options_of_part(TrustOptions, site.ini, site.part)
        site.folder.prepare()
        with site.folder.locked(_PATIENCE):
            outcome = refresh(options, site.folder)
    except ConfigurationError as error:
        if isinstance(error, InvalidOptions):
            raise
        click.echo(
            f"{title}: not refreshed; the active metadata stays the same: {error}",
            err=True,
        )
        return False
    for line in _came(outcome):
        click.echo(f"{title}: {line}")
    for reason in outcome.reasons:
        click.echo(f"  {reason}")
    for failure in outcome.failures:
        click.echo(f"  using the last good copy: {failure}", err=True)
    if outcome.what == "waiting":
        click.echo(f"look at the changes: {site.typed('diff')}")
    return not outcome.failures


def _came(outcome: RefreshResult) -> Iterator[str]:
    """Describe the outcome of a refresh, in words."""
    what = "same" if outcome.held else outcome.what
    came = _CAME["active" if outcome.is_newer else what]
    if outcome.failures and not outcome.is_newer:
        came = "a source failed; the active metadata stays the same"
    yield f"{came}: {_members(outcome.members)}"
    waiting = len(outcome.held) - outcome.rejected
    if waiting:
        yield f"a change of {_members(waiting)} waits for approval"
    if outcome.rejected and outcome.held:
        yield f"a change of {_members(outcome.rejected)} was rejected"


#: Texts for the outcome of a refresh; it counts the active members.
_CAME = {
    "same": "nothing is new",
    "active": "newer metadata is active",
    "waiting": "the active metadata stays the same, because newer metadata waits "
    "for approval",
    "rejected": "the active metadata stays the same, because newer metadata was "
    "rejected",
}
