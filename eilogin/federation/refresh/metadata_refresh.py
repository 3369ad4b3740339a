"""Refresh the active state of a federation from its sources, member by member.

A child process (``refresh_process``), a start or a command refreshes, holding the lock
of the folder. It fetches all sources. Together they must name our hubs with all that we
need of them. Then eilogin compares the result with the active state. Changes that no
good operator makes every day need approval (``federation_changes``). A member with such
a change keeps its old record, and all others follow (``quarantine``).

The first state is active at once. If the options name other sources, keys or members
than before, that is active at once too, because the author of the options has decided.
Changes inside the sources are still compared.
"""

import logging
import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from eilogin import audit, clock
from eilogin.errors import (
    ConfigurationError,
    HubUnknown,
    MetadataExpired,
    MetadataUnusable,
    PeerUnusable,
    Refused,
)
from eilogin.federation.changes.change_approval import Judge, Judged
from eilogin.federation.changes.departed_members import departed_of, note_departed
from eilogin.federation.changes.federation_changes import (
    MOST_LOGGED,
    MOST_TOLD,
    ApprovalRules,
    Changes,
    changes_for,
    id_of,
)
from eilogin.federation.changes.quarantine import (
    QuarantinedMember,
    composed,
    held_of,
    known_of,
    signed_index,
)
from eilogin.federation.changes.source_changes import MemberSources, by_order, parts_of
from eilogin.federation.local.local_entity import HUB, Own
from eilogin.federation.local.local_options import own_of
from eilogin.federation.members import hub_requirements
from eilogin.federation.members.member_index import write_index
from eilogin.federation.members.membership import Membership
from eilogin.federation.members.trust_options import TrustOptions, said_in, sources_of
from eilogin.federation.sources.local_files import look_at
from eilogin.federation.sources.metadata_sources import (
    AcceptedCopy,
    AcceptedMetadata,
    Fetched,
    MetadataSource,
    sha256_of,
)
from eilogin.federation.sources.source_merging import (
    Found,
    each_once,
    fetch_all,
    names_in,
    without,
)
from eilogin.federation.state.state_folder import SiteFolder
from eilogin.federation.state.state_origin import (
    configuration_of,
    hash_of,
    is_of,
    key_of,
    line_of,
)
from eilogin.federation.state.state_records import Active, Source, State, Tries, Waiting
from eilogin.saml.metadata import (
    FederationMetadata,
    read_federation,
    read_unsigned,
)
from eilogin.saml.printable_text import first_of

_log = logging.getLogger("eilogin")

#: Seconds between two tries at the least, and for how long a child may take.
SHORTEST, LONGEST = 60.0, 900.0
_HOUR = 3600.0
#: By how much later each of many sites may be, that not all come at once.
_SCATTER = 0.1


@dataclass(frozen=True, slots=True)
class RefreshResult:
    """The outcome of a refresh."""

    #: Same: nothing changed. Active: another state is active now. Waiting, rejected:
    #: some of it waits, or somebody has rejected it.
    what: Literal["same", "active", "waiting", "rejected"]
    members: int
    #: The faults of sources that a copy replaces.
    failures: tuple[str, ...] = ()
    #: Why some of it waits.
    reasons: tuple[str, ...] = ()
    #: The entityIDs of those in quarantine, and whether another state is active now.
    held: tuple[str, ...] = ()
    is_newer: bool = False
    #: The number of those with a rejected change.
    rejected: int = 0


def folder_of(options: TrustOptions) -> SiteFolder | None:
    """Where the options have us keep what we know of the federation, if anywhere."""
    if options.federation_folder is None:
        return None
    return SiteFolder.of(options.federation_folder, own_of(options).entity_id)


def refresh(options: TrustOptions, folder: SiteFolder) -> RefreshResult:
    """Fetch all sources, and activate the result or its approved part; under the lock.

    Raises :class:`eilogin.errors.ConfigurationError` if a source yields nothing, or if
    the result is unusable; the active state stays.
    """
    # Before: what changes while it is read is another reason for a refresh.
    look = look_at(options.federation)
    try:
        return _Refresh(options, folder, folder.active, look).run()
    except ConfigurationError as error:
        why = f"{error} ({error.code})"
        _log.warning("federation: refresh failed: %s", why)
        note_failure(options, folder, why, look)
        raise
    finally:
        folder.clean()


def fetched(options: TrustOptions, folder: SiteFolder) -> Membership:
    """Return the result of a refresh without storing it; raises as a refresh does."""
    found = _Refresh(options, folder, folder.active, "").fetch()
    return Membership(*(one.metadata for _, one in found))


def note_failure(
    options: TrustOptions, folder: SiteFolder, why: str, look: str
) -> None:
    """Note that a try came to nothing, and when the next one is; under the lock.

    ``look`` is how the files of this machine looked before it.
    """
    active = folder.active
    if active is not None:
        tries = replace(active.tries, look=look, by=_by(options))
        folder.note(replace(active, tries=_failed(options, tries, why)))


class _Refresh:
    """One refresh."""

    def __init__(
        self,
        options: TrustOptions,
        folder: SiteFolder,
        active: Active | None,
        look: str,
    ) -> None:
        self._options, self._folder, self._active = options, folder, active
        self._own = own_of(options)
        self._sources = sources_of(options)
        self._configuration = configuration_of(options)
        tries = Tries() if active is None else active.tries
        self._tries = replace(tries, look=look, by=self._configuration)
        self._known = None if active is None else active.state
        self._held = held_of(folder, self._known)
        self._belonging = MemberSources(self._known, self._names_before)

    def fetch(self) -> Found:
        longest = self._options.federation_validity
        # Before the first state, a member in two sources is an error.
        whose = None if self._known is None else self._belonging.whose
        return fetch_all(self._sources, longest, self._before, whose)

    def run(self) -> RefreshResult:
        found = self.fetch()
        failures = tuple(one.failure for _, one in found if one.failure)
        for failure in failures:
            _log.warning(
                "%s: federation: uses the previous copy: %s",
                self._own.entity_id,
                failure,
            )
        self._tell_passed(found)
        tries = self._tried(found, failures)
        is_otherwise_asked = self._takes_options(found, tries)
        signed, new = self._state(found)
        if not self._held and self._is_active(signed):
            outcome = self._stays(signed, tries, failures)
            self._folder.drop_waiting()
            return replace(outcome, what="active") if is_otherwise_asked else outcome
        old, lost = self._old(found)
        changes = self._changes(old, new)
        if lost:
            return self._waits_whole(found, signed, tries, lost, changes)
        # A first time there is nothing that anybody knows.
        judged = Judged()
        if old is not None:
            judged = self._judge(signed, found, old, new, changes)
        state = composed(self._folder, signed, judged.held)
        effective = Membership.from_index(self._folder.index(state))
        # Raises where it is of no use to us.
        hubs_of(self._options, self._own, effective)
        is_newer = not self._is_active(state)
        if is_newer:
            applied = self._applied(old, effective, changes)
            if old is not None:
                note_departed(self._folder, old, effective, known_of(self._held))
            self._activate(state, tries, applied)
        else:
            self._stays(state, tries, failures)
        self._put(judged, state)
        return self._told(judged, changes, state, failures, is_newer=is_newer)

    def _applied(
        self, old: Membership | None, effective: Membership, changes: Changes
    ) -> Changes:
        """Return the changes that are active from now on, of all changes."""
        if old is None or not changes:
            return changes
        return changes_for(self._options, old, effective, departed_of(self._folder))

    def _activate(self, state: State, tries: Tries, changes: Changes) -> None:
        self._folder.activate(state, tries)
        what = f"is active, with {state.members} members"
        self._tell("trust.changed", what, changes)

    # --- in quarantine --------------------------------------------------------------

    def _judge_of(self, signed: State) -> Judge:
        own = self._own
        return Judge(
            ApprovalRules.of(self._options),
            self._configuration,
            lambda name: own.role == HUB and name != own.entity_id,
            self._belonging.origin_of,
            self._folder.quarantine,
            self._held,
            departed_of(self._folder),
            is_rejected=signed.id == self._tries.rejected,
        )

    def _judge(
        self,
        signed: State,
        found: Found,
        old: Membership,
        new: Membership,
        changes: Changes,
    ) -> Judged:
        """Which members stay as they were, and why."""
        moved = self._belonging.moved(found)
        ours = {name: why for name, why in moved.items() if changes.concerns(name)}
        return self._judge_of(signed).judge(old, new, changes, ours)

    def _put(self, judged: Judged, state: State) -> None:
        waiting = Waiting(tuple(judged.pending), state.digest, self._configuration)
        self._folder.put_waiting(waiting)

    def _told(
        self,
        judged: Judged,
        changes: Changes,
        state: State,
        failures: tuple[str, ...],
        *,
        is_newer: bool,
    ) -> RefreshResult:
        """Return the outcome, and log at each refresh which changes wait."""
        what: Literal["same", "active", "waiting", "rejected"]
        what = "active" if is_newer else "same"
        names = {one.entity_id for one in judged.open}
        if names:
            what = "waiting"
            told = _waits_for(len(names), judged.reasons)
            self._tell("trust.waiting", told, changes.of(names))
        elif judged.pending:
            what = "rejected"
        return RefreshResult(
            what,
            state.members,
            failures,
            judged.reasons,
            tuple(judged.held),
            is_newer,
            len(judged.pending) - len(names),
        )

    def _waits_whole(
        self,
        found: Found,
        signed: State,
        tries: Tries,
        lost: tuple[str, ...],
        changes: Changes,
    ) -> RefreshResult:
        """Make the whole state wait, because nothing can be compared."""
        reasons = (*lost, *self._belonging.moved(found).values())
        # Nor which hub there was.
        rules = replace(ApprovalRules.of(self._options), takes_only_hub=False)
        reasons += tuple(changes.waits(rules))
        one = self._judge_of(signed).whole(signed.id, reasons)
        assert self._known is not None  # noqa: S101 - else nothing was lost
        state = None if one.is_rejected else signed
        self._folder.put_waiting(
            Waiting((one,), self._known.digest, self._configuration, state)
        )
        if one.is_rejected:
            return self._stays_without(found, tries, "rejected", reasons)
        self._tell("trust.waiting", _waits_for(0, reasons), changes)
        return self._stays_without(found, tries, "waiting", reasons)

    # --- by other options -----------------------------------------------------------

    def _takes_options(self, found: Found, tries: Tries) -> bool:
        """Activate the old state under new options; return whether that was done.

        The author of the options has decided on the sources, their signers and the
        wanted members: that is active at once. Changes inside the sources are compared
        afterwards, as always.
        """
        known = self._known
        if known is None or known.configuration == self._configuration:
            return False
        try:
            signed, _ = self._state(self._as_before(known, found))
            held = self._held_by(signed.sources)
            state = composed(self._folder, signed, held)
            new = Membership.from_index(self._folder.index(state))
            hubs_of(self._options, self._own, new)
        except ConfigurationError:
            # This cannot happen: all sources are compared together.
            return False
        self._held = held
        if known.digest == state.digest and opened(self._folder, known) is not None:
            self._note_options(state)
            return False
        old = opened(self._folder, known)
        if old is not None:
            note_departed(self._folder, old, new, known_of(self._held))
        self._activate(state, tries, Changes())
        self._active, self._known = self._folder.active, state
        self._belonging = MemberSources(state, self._names_before)
        return True

    def _held_by(self, sources: Sequence[Source]) -> dict[str, QuarantinedMember]:
        """The members in quarantine whose source other options still name."""
        found = {}
        for name, one in self._held.items():
            of = next((x for x in sources if x.key == one.key), None)
            if one.known is None:
                # No option lets in a new member that waits.
                found[name] = one
            elif of is not None:
                found[name] = replace(one, line=of.line, signers=of.signers)
        return found

    def _note_options(self, state: State) -> None:
        """Note what is known of the sources of what stays active by other options."""
        active = self._active
        assert active is not None  # noqa: S101 - else nothing was known
        known = replace(
            active.state,
            configuration=state.configuration,
            sources=state.sources,
            held=state.held,
        )
        # Before anything can fail: what waits was judged by those before.
        tries = replace(active.tries, by=self._configuration)
        self._active, self._known = replace(active, state=known, tries=tries), known
        self._belonging = MemberSources(known, self._names_before)
        self._folder.note(self._active)

    def _as_before(self, known: State, found: Found) -> Found:
        """The content of the sources of these options when the old state became active.

        Raises ConfigurationError if that is unknown by now, or may not be used.
        """
        lines = {line_of(one) for one in self._sources}
        here = {key_of(one) for one in self._sources}
        if any(one.key not in here and one.line in lines for one in known.sources):
            raise MetadataUnusable("the folder no longer contains one of its files")
        there = [(one, self._was(known, one, fetched)) for one, fetched in found]
        had = [(source, fetched) for source, fetched in there if fetched is not None]
        return each_once(had, self._belonging.whose)

    def _was(
        self, known: State, source: MetadataSource, fetched: Fetched
    ) -> Fetched | None:
        """The earlier content of a source; for a replaced source, its present content.

        None for a file that was added to a folder meanwhile: that is a change of its
        own.
        """
        was = known.source(key_of(source))
        if was is None:
            is_more = line_of(source) in {one.line for one in known.sources}
            return None if is_more else fetched
        if was.sha256 == fetched.sha256:
            return fetched
        copy = self._folder.path / was.copy
        if not _is_whole(copy, was.sha256):
            raise MetadataUnusable(f"{copy}: was changed")
        before = self._before(source)
        if before is None:
            return fetched
        return source.copied(before, self._options.federation_validity)

    def _tell_passed(self, found: Found) -> None:
        """Log once which members are skipped, because another source has them."""
        for source, fetched in found:
            known = self._of(source)
            if set(fetched.passed) - set(known.passed if known else ()):
                _log.warning("%s: %s", self._own.entity_id, fetched.metadata.remarks[0])

    # --- what is known --------------------------------------------------------------

    def _names_before(self) -> Mapping[str, Collection[str]]:
        """The earlier members of each source, by its key; empty if unreadable."""
        known = self._known
        if known is None:
            return {}
        old = opened_signed(self._folder, known)
        found = None if old is None else by_order(known.sources, old.members)
        if found is None:
            sources = {key_of(one): one for one in self._sources}
            found = {
                one.key: self._names_in_copy(one, sources[one.key])
                for one in known.sources
                if one.key in sources
            }
        return self._with_held(found, known.sources)

    def _with_held(
        self, found: Mapping[str, frozenset[str]], sources: Sequence[Source]
    ) -> Mapping[str, Collection[str]]:
        """The same with each member in quarantine in the source that it stays of."""
        names = {key: members - self._held.keys() for key, members in found.items()}
        for name, held in self._held.items():
            for one in sources:
                is_its = (one.line, one.signers) == (held.line, held.signers)
                if one.key == held.key or is_its:
                    names[one.key] = names.get(one.key, frozenset()) | {name}
                    break
        return names

    def _names_in_copy(self, known: Source, source: MetadataSource) -> frozenset[str]:
        try:
            return frozenset(names_in(_copied(self._folder.path, known, source)))
        except (OSError, Refused, ConfigurationError):
            return frozenset()

    def _of(self, source: MetadataSource) -> Source | None:
        """The record of a source."""
        return None if self._known is None else self._known.source(key_of(source))

    def _before(self, source: MetadataSource) -> AcceptedCopy | None:
        known = self._of(source)
        copy = known and self._folder.copy(known)
        if not known or not copy:
            return None
        if known.signers != hash_of(source.signers) and not is_of(copy, source):
            # The operator is another one, who has made nothing before.
            return None
        return AcceptedCopy(**_taken(known), copy=copy)

    def _state(self, found: Found) -> tuple[State, Membership]:
        """All that was found, written to the folder; nobody uses it yet."""
        generation = self._folder.next_generation()
        name = f"index-{generation}"
        path = self._folder.path / name
        # Which source is down today is nothing that members are.
        metadata = [replace(one.metadata, instead_of="") for _, one in found]
        try:
            write_index(path, metadata)
            self._folder.take(path)
        except OSError as error:
            raise ConfigurationError(
                f"federation_folder: {path}: {error.strerror}"
            ) from error
        new = Membership.from_index(path)
        members = sum(len(one.entities) for one in metadata)
        sources = tuple(self._kept(*one) for one in found)
        parts = parts_of(sources)
        state = State(
            generation,
            clock.now(),
            id_of(new, parts if len(parts) > 1 else ()),
            new.digest,
            self._configuration,
            name,
            members,
            sources,
        )
        return state, new

    def _kept(self, source: MetadataSource, fetched: Fetched) -> Source:
        """The record of a source to store from now on, with its copy."""
        before = self._before(source)
        known = self._of(source) or Source("", key_of(source))
        taken = {} if fetched.failure else _taken(fetched.known(before))
        known = replace(
            known,
            line=line_of(source),
            signers=hash_of(source.signers),
            copy=self._folder.keep(fetched.octets),
            members=len(fetched.metadata.entities),
            passed=fetched.passed,
            **taken,
        )
        return _tried(known, source, fetched)

    def _is_active(self, state: State) -> bool:
        """Whether that is what is active already, by an index that can be read."""
        known = self._known
        return (
            known is not None
            and known.digest == state.digest
            and known.configuration == state.configuration
            and known.held == state.held
            and parts_of(known.sources) == parts_of(state.sources)
            and opened(self._folder, known) is not None
            and (not known.held or self._is_signed_so(known, state))
        )

    def _is_signed_so(self, known: State, state: State) -> bool:
        """Whether all members are signed as they were, those in quarantine too."""
        old, new = (opened_signed(self._folder, one) for one in (known, state))
        return old is not None and new is not None and old.digest == new.digest

    def _stays(
        self, state: State, tries: Tries, failures: tuple[str, ...]
    ) -> RefreshResult:
        """Store the new records of the sources of a state that stays active."""
        active = self._active
        assert active is not None  # noqa: S101 - see _is_active
        state = replace(active.state, sources=state.sources)
        self._folder.note(replace(active, state=state, tries=tries))
        return RefreshResult("same", state.members, failures)

    def _stays_without(
        self,
        found: Found,
        tries: Tries,
        what: Literal["waiting", "rejected"],
        reasons: tuple[str, ...],
    ) -> RefreshResult:
        """Note how the sources are, and nothing else of what they have now."""
        active = self._active
        assert active is not None  # noqa: S101 - else nothing has to wait
        now = {key_of(source): (source, fetched) for source, fetched in found}
        sources = tuple(
            _tried(one, *now[one.key]) if one.key in now else one
            for one in active.state.sources
        )
        state = replace(active.state, sources=sources)
        self._folder.note(replace(active, state=state, tries=tries))
        failures = tuple(one.failure for _, one in found if one.failure)
        return RefreshResult(what, active.state.members, failures, reasons)

    def _old(self, found: Found) -> tuple[Membership | None, tuple[str, ...]]:
        """Return the active state, None without one; and what is lost of it.

        If another version wrote its index, or the index is broken, it is made again
        from the copies. Expired copies count too: otherwise the new state would be
        compared with nothing.
        """
        known = self._known
        if known is None:
            return None, ()
        old = opened(self._folder, known)
        if old is not None:
            return old, ()
        return self._from_copies(known, {key_of(source): one for source, one in found})

    def _changes(self, old: Membership | None, new: Membership) -> Changes:
        """Compare the new state with the old one; no changes without an old one."""
        if old is None:
            return Changes()
        known = {name: one.known for name, one in self._held.items()}
        departed = departed_of(self._folder)
        return changes_for(self._options, old, new, departed, known)

    def _from_copies(
        self, known: State, found: Mapping[str, Fetched]
    ) -> tuple[Membership, tuple[str, ...]]:
        """Read the active state from its copies; return the sources without one too."""
        sources = {key_of(one): one for one in self._sources}
        copies, lost = [], []
        for one in known.sources:
            now = found.get(one.key)
            try:
                copies.append(
                    now.metadata
                    if now is not None and now.sha256 == one.sha256
                    else _copied(self._folder.path, one, sources[one.key])
                )
            except (KeyError, OSError, Refused, ConfigurationError):
                lost.append(
                    f"{one.name}: eilogin can no longer read its active metadata"
                    " (its copy, and the index), so the changes are unknown"
                )
        if lost:
            return Membership(*copies), tuple(lost)
        signed = signed_index(self._folder, known)
        try:
            write_index(signed, copies)
            self._folder.take(signed)
        except OSError as error:
            raise ConfigurationError(
                f"federation_folder: {signed}: {error.strerror}"
            ) from error
        unheld = replace(known, index=signed.name, signed="")
        state = composed(self._folder, unheld, self._held, known.index)
        return Membership.from_index(self._folder.index(state)), ()

    def _tried(self, found: Found, failures: tuple[str, ...]) -> Tries:
        if failures:
            return _failed(self._options, self._tries, failures[0])
        now = clock.now()
        wait = min([_usual(self._options), *_sooner(now, found)])
        return replace(
            self._tries, tried=now, worked=now, failures=0, why="", due=_due(now, wait)
        )

    def _tell(self, code: str, what: str, changes: Changes) -> None:
        who = self._own.entity_id
        level = logging.INFO if code == "trust.changed" else logging.WARNING
        _log.log(level, "%s: federation: a new state %s", who, what)
        lines = changes.lines
        for line in lines:
            _log.info("%s: federation: %s", who, line)
        audit.event(code, peer=who, changes=lines[:MOST_LOGGED])


def _waits_for(count: int, reasons: Sequence[str]) -> str:
    """The line of the log about what waits, which says what to do."""
    verb = "is" if count == 1 else "are"
    what = f"{count} of its members {verb} pending" if count else "all of it is pending"
    shown = "; ".join(first_of(reasons, MOST_TOLD))
    return (
        f"needs approval, {what} ('eilogin trust diff FILE', then 'eilogin trust"
        f" approve FILE ID'): {shown}"
    )


def _copied(folder: Path, known: Source, source: MetadataSource) -> FederationMetadata:
    """Read the members of a source from its copy, under its present signers."""
    octets = (folder / known.copy).read_bytes()
    here = source.on_loopback
    if source.signers is None:
        metadata = read_unsigned(octets, on_loopback=here)
    else:
        metadata = read_federation(octets, source.signers, on_loopback=here)
    chosen = source.choice.read().of(str(source), metadata)
    return without(chosen, known.passed)


def _is_whole(copy: Path, sha256: str) -> bool:
    try:
        return sha256_of(copy.read_bytes()) == sha256
    except OSError:
        return False


def _taken(known: AcceptedMetadata) -> dict[str, Any]:
    """Reduce the record of a source to the accepted metadata."""
    return {one.name: getattr(known, one.name) for one in fields(AcceptedMetadata)}


def opened(folder: SiteFolder, state: State) -> Membership | None:
    """The members of a state; None where its index is of another version, or broken."""
    try:
        return Membership.from_index(folder.index(state))
    except ConfigurationError:
        return None


def opened_signed(folder: SiteFolder, state: State) -> Membership | None:
    """All members as they were signed, those in quarantine too; None as `opened`."""
    try:
        return Membership.from_index(signed_index(folder, state))
    except ConfigurationError:
        return None


def hubs_of(options: TrustOptions, own: Own, federation: Membership) -> tuple[str, ...]:
    """The entityIDs of our hubs, each one that we can use; of a hub its own.

    Raises :class:`eilogin.errors.ConfigurationError` where the metadata does not say
    who the hub is, or lacks what we need of it.
    """
    if own.role == HUB:
        return (own.entity_id,)
    try:
        return hub_requirements.our_hubs(own, options.hub, federation)
    except (HubUnknown, MetadataExpired, PeerUnusable) as error:
        cure = _cure(options) if isinstance(error, MetadataExpired) else ""
        raise type(error)(f"{said_in(options)}: {error}{cure}") from error


def _cure(options: TrustOptions) -> str:
    """Return the cure of expired metadata at this site, for a message."""
    folder = folder_of(options)
    if folder is None:
        return ""
    # A refresh renews the date of a member whose change waits too. An approval alone
    # helps only if the member comes from another source now.
    cure = "; 'eilogin trust refresh FILE' fetches the sources now"
    waiting = folder.waiting
    if waiting is not None:
        cure += (
            "; a change is pending: 'eilogin trust diff FILE', then 'eilogin trust"
            f" approve FILE {waiting.id}'"
        )
    return cure


def _by(options: TrustOptions) -> str:
    """By which options a try was; "" where a file that they name cannot be read."""
    try:
        return configuration_of(options)
    except ConfigurationError:
        return ""


def _tried(known: Source, source: MetadataSource, fetched: Fetched) -> Source:
    """How a source is now."""
    now = clock.now()
    known = replace(known, name=str(source), tried=now)
    if fetched.failure:
        return replace(known, failures=known.failures + 1, why=fetched.failure)
    return replace(known, worked=now, failures=0, why="")


def _failed(options: TrustOptions, tries: Tries, why: str) -> Tries:
    """How it is after one more that did not go well: later and later."""
    now, failures = clock.now(), tries.failures + 1
    wait = min(SHORTEST * 2.0 ** min(failures - 1, 20), _usual(options))
    return replace(tries, tried=now, failures=failures, why=why, due=_due(now, wait))


def _usual(options: TrustOptions) -> float:
    return options.federation_refresh or _HOUR


def _sooner(now: float, found: Found) -> Iterable[float]:
    """Before the usual time: where metadata says so, and before it is over."""
    for _, one in found:
        if one.metadata.cache_duration is not None:
            yield one.metadata.cache_duration
        if one.metadata.valid_until is not None:
            yield (one.metadata.valid_until - now) / 2


def _due(now: float, wait: float) -> float:
    scatter = random.uniform(0, _SCATTER)  # noqa: S311 - no secret
    return now + max(wait, SHORTEST) * (1 + scatter)
