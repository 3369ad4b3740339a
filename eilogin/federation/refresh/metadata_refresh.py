"""Refresh the active state of a federation from its sources, member by member.

A child process (``refresh_process``), a start or a command does this, under the lock of
the folder. A member with a change that needs approval keeps its old record, and all
others follow (``quarantine``).

The first state is active at once. So is a change of options (sources, keys, members):
the author has decided. eilogin still compares changes inside the sources.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from eilogin import audit, clock
from eilogin.errors import ConfigurationError
from eilogin.federation.changes.change_approval import Judge, Judged
from eilogin.federation.changes.departed_members import departed_of, note_departed
from eilogin.federation.changes.federation_changes import (
    MOST_LOGGED,
    MOST_SHOWN,
    ApprovalRules,
    Changes,
    changes_for,
    id_of,
)
from eilogin.federation.changes.quarantine import (
    composed,
    last_records,
)
from eilogin.federation.changes.source_changes import parts_of
from eilogin.federation.local.local_entity import HUB
from eilogin.federation.local.local_options import own_of
from eilogin.federation.members.configured_sources import sources_of
from eilogin.federation.members.member_index import write_index
from eilogin.federation.members.membership import Membership
from eilogin.federation.members.trust_options import TrustOptions
from eilogin.federation.refresh.active_metadata import (
    ActiveMetadata,
    opened,
    opened_if_other,
)
from eilogin.federation.refresh.option_changes import as_before, held_by
from eilogin.federation.refresh.refresh_tries import note_failure, tries_after
from eilogin.federation.refresh.source_records import after_try, record_of
from eilogin.federation.refresh.usable_hubs import hubs_of
from eilogin.federation.sources.local_files import fingerprint_of
from eilogin.federation.sources.source_merging import FetchedSource, fetch_all
from eilogin.federation.state.state_folder import SiteFolder
from eilogin.federation.state.state_origin import (
    configuration_of,
    key_of,
)
from eilogin.federation.state.state_records import Active, Quarantine, State, Tries
from eilogin.saml.printable_text import first_of

_log = logging.getLogger("eilogin")


@dataclass(frozen=True, slots=True)
class RefreshResult:
    """The outcome of a refresh."""

    #: With ``waiting`` or ``rejected``, that is the state of some changes only.
    what: Literal["same", "active", "waiting", "rejected"]
    members: int
    #: The faults of sources that a copy replaces.
    failures: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    #: The entityIDs in quarantine, and whether another state is active now.
    held: tuple[str, ...] = ()
    is_newer: bool = False
    #: Members with a rejected change.
    rejected: int = 0


def refresh(options: TrustOptions, folder: SiteFolder) -> RefreshResult:
    """Fetch all sources, and activate the result or its approved part; under the lock.

    Raises ConfigurationError for a source without usable metadata, or an unusable
    result; the active state stays.
    """
    # First: a later change must cause another refresh.
    fingerprint = fingerprint_of(options.federation)
    try:
        return _Refresh(options, folder, folder.active, fingerprint).run()
    except ConfigurationError as error:
        why = f"{error} ({error.code})"
        _log.warning("federation: refresh failed: %s", why)
        note_failure(options, folder, why, fingerprint)
        raise
    finally:
        folder.clean()


def fetched(options: TrustOptions, folder: SiteFolder) -> Membership:
    """The result of a refresh without storing it; raises as a refresh does."""
    fetched_sources = _Refresh(options, folder, folder.active, "").fetch()
    return Membership(*(fetched.metadata for _, fetched in fetched_sources))


class _Refresh:
    def __init__(
        self,
        options: TrustOptions,
        folder: SiteFolder,
        active: Active | None,
        fingerprint: str,
    ) -> None:
        self._options, self._folder = options, folder
        self._own = own_of(options)
        self._sources = sources_of(options)
        self._configuration = configuration_of(options)
        tries = Tries() if active is None else active.tries
        self._tries = replace(tries, look=fingerprint, by=self._configuration)
        self._metadata = ActiveMetadata(folder, self._sources, active)

    def fetch(self) -> Sequence[FetchedSource]:
        longest = self._options.federation_validity
        # Before the first state, a member in two sources is an error.
        whose = None if self._metadata.state is None else self._metadata.belonging.whose
        return fetch_all(self._sources, longest, self._metadata.copy, whose)

    def run(self) -> RefreshResult:
        fetched_sources = self.fetch()
        self._metadata.store_caches()
        failures = _failures_in(fetched_sources)
        _report_sources(self._own.entity_id, self._metadata, fetched_sources)
        tries = tries_after(self._options, self._tries, fetched_sources, failures)
        has_applied_options = self._apply_options(fetched_sources, tries)
        signed, new = self._state(fetched_sources)
        if not self._metadata.held and self._metadata.is_same(signed):
            outcome = self._stays(signed, tries, failures)
            self._folder.empty_quarantine()
            return replace(outcome, what="active") if has_applied_options else outcome
        old, unreadable = self._metadata.members(fetched_sources)
        changes = self._changes(old, new)
        if unreadable:
            return self._hold_whole(fetched_sources, signed, tries, unreadable, changes)
        # Nothing to compare with at the first refresh.
        judged = Judged()
        if old is not None:
            judged = self._judge(signed, fetched_sources, old, new, changes)
        state = composed(self._folder, signed, judged.held)
        effective = opened_if_other(self._folder, state, signed, new)
        # Raises if our hubs are unusable.
        hubs_of(self._options, self._own, effective)
        is_newer = not self._metadata.is_same(state)
        if is_newer:
            applied = self._applied(old, effective, changes)
            if old is not None:
                note_departed(
                    self._folder, old, effective, last_records(self._metadata.held)
                )
            self._activate(state, tries, applied)
        else:
            self._stays(state, tries, failures)
        self._put(judged, state)
        return self._result(judged, changes, state, failures, is_newer=is_newer)

    def _applied(
        self, old: Membership | None, effective: Membership, changes: Changes
    ) -> Changes:
        if old is None or not changes:
            return changes
        return changes_for(self._options, old, effective, departed_of(self._folder))

    def _activate(self, state: State, tries: Tries, changes: Changes) -> None:
        self._folder.activate(state, tries)
        what = f"is active, with {state.members} members"
        _report(self._own.entity_id, "trust.changed", what, changes)

    # --- quarantine -------------------------------------------------------------------

    def _judge_of(self, signed: State) -> Judge:
        return Judge(
            ApprovalRules.of(self._options),
            self._configuration,
            lambda name: self._own.role == HUB and name != self._own.entity_id,
            self._metadata.belonging.origin_of,
            self._folder.quarantine,
            self._metadata.held,
            departed_of(self._folder),
            is_rejected=signed.id == self._tries.rejected,
        )

    def _judge(
        self,
        signed: State,
        fetched_sources: Sequence[FetchedSource],
        old: Membership,
        new: Membership,
        changes: Changes,
    ) -> Judged:
        moved = self._metadata.belonging.moved(fetched_sources)
        ours = {name: why for name, why in moved.items() if changes.concerns(name)}
        return self._judge_of(signed).judge(old, new, changes, ours)

    def _put(self, judged: Judged, state: State) -> None:
        self._folder.put_quarantine(
            Quarantine(tuple(judged.pending), state.digest, self._configuration)
        )

    def _result(
        self,
        judged: Judged,
        changes: Changes,
        state: State,
        failures: tuple[str, ...],
        *,
        is_newer: bool,
    ) -> RefreshResult:
        what: Literal["same", "active", "waiting", "rejected"]
        what = "active" if is_newer else "same"
        names = {pending.entity_id for pending in judged.open}
        if names:
            what = "waiting"
            text = _waits_for(len(names), judged.reasons)
            _report(self._own.entity_id, "trust.waiting", text, changes.of(names))
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

    def _hold_whole(
        self,
        fetched_sources: Sequence[FetchedSource],
        signed: State,
        tries: Tries,
        unreadable: tuple[str, ...],
        changes: Changes,
    ) -> RefreshResult:
        moved = self._metadata.belonging.moved(fetched_sources)
        reasons = (*unreadable, *moved.values())
        # The earlier hub is unknown too.
        rules = replace(ApprovalRules.of(self._options), takes_only_hub=False)
        reasons += tuple(changes.waits(rules))
        pending = self._judge_of(signed).whole(signed.id, reasons)
        active = self._metadata.state
        assert active is not None  # noqa: S101 - else no source was unreadable
        state = None if pending.is_rejected else signed
        self._folder.put_quarantine(
            Quarantine((pending,), active.digest, self._configuration, state)
        )
        if pending.is_rejected:
            return self._stays_without(fetched_sources, tries, "rejected", reasons)
        _report(self._own.entity_id, "trust.waiting", _waits_for(0, reasons), changes)
        return self._stays_without(fetched_sources, tries, "waiting", reasons)

    # --- new options ------------------------------------------------------------------

    def _apply_options(
        self, fetched_sources: Sequence[FetchedSource], tries: Tries
    ) -> bool:
        """Activate the old state under new options; return whether it did."""
        before = self._metadata.state
        if before is None or before.configuration == self._configuration:
            return False
        try:
            longest = self._options.federation_validity
            earlier = as_before(self._metadata, before, fetched_sources, longest)
            signed, _ = self._state(earlier)
            held = held_by(self._metadata.held, signed.sources)
            state = composed(self._folder, signed, held)
            new = Membership.from_index(self._folder.index(state))
            hubs_of(self._options, self._own, new)
        except ConfigurationError:
            # The refresh then compares all sources with the active state.
            return False
        self._metadata.held = held
        if before.digest == state.digest and opened(self._folder, before) is not None:
            self._note_options(state)
            return False
        old = opened(self._folder, before)
        if old is not None:
            note_departed(self._folder, old, new, last_records(self._metadata.held))
        self._activate(state, tries, Changes())
        self._metadata.follow(self._folder.active, state)
        return True

    def _note_options(self, state: State) -> None:
        active = self._metadata.active
        assert active is not None  # noqa: S101 - else there were no earlier options
        new_state = replace(
            active.state,
            configuration=state.configuration,
            sources=state.sources,
            held=state.held,
        )
        # First: the old options judged the pending changes.
        tries = replace(active.tries, by=self._configuration)
        new_active = replace(active, state=new_state, tries=tries)
        self._metadata.follow(new_active, new_state)
        self._folder.put_active(new_active)

    # --- the new state and the records of its sources -------------------------------

    def _state(
        self, fetched_sources: Sequence[FetchedSource]
    ) -> tuple[State, Membership]:
        generation = self._folder.next_generation()
        name = f"index-{generation}"
        path = self._folder.path / name
        # A failing source does not change its members.
        metadata = [
            replace(fetched.metadata, instead_of="") for _, fetched in fetched_sources
        ]
        try:
            write_index(path, metadata)
            self._folder.give_to_server(path)
        except OSError as error:
            raise ConfigurationError(
                f"federation_folder: {path}: {error.strerror}"
            ) from error
        new = Membership.from_index(path)
        members = sum(len(of_source.entities) for of_source in metadata)
        sources = tuple(
            record_of(
                self._folder,
                source,
                fetched,
                self._metadata.record(source),
                self._metadata.copy(source),
            )
            for source, fetched in fetched_sources
        )
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

    def _stays(
        self, state: State, tries: Tries, failures: tuple[str, ...]
    ) -> RefreshResult:
        active = self._metadata.active
        assert active is not None  # noqa: S101 - see is_same
        state = replace(active.state, sources=state.sources)
        self._folder.put_active(replace(active, state=state, tries=tries))
        return RefreshResult("same", state.members, failures)

    def _stays_without(
        self,
        fetched_sources: Sequence[FetchedSource],
        tries: Tries,
        what: Literal["waiting", "rejected"],
        reasons: tuple[str, ...],
    ) -> RefreshResult:
        active = self._metadata.active
        assert active is not None  # noqa: S101 - else nothing has to wait
        by_key = {key_of(pair.source): pair for pair in fetched_sources}
        sources = tuple(
            after_try(record, *by_key[record.key]) if record.key in by_key else record
            for record in active.state.sources
        )
        state = replace(active.state, sources=sources)
        self._folder.put_active(replace(active, state=state, tries=tries))
        failures = _failures_in(fetched_sources)
        return RefreshResult(what, active.state.members, failures, reasons)

    def _changes(self, old: Membership | None, new: Membership) -> Changes:
        if old is None:
            return Changes()
        held = {name: member.known for name, member in self._metadata.held.items()}
        departed = departed_of(self._folder)
        return changes_for(self._options, old, new, departed, held)


def _report(site: str, code: str, what: str, changes: Changes) -> None:
    level = logging.INFO if code == "trust.changed" else logging.WARNING
    _log.log(level, "%s: federation: a new state %s", site, what)
    lines = changes.lines
    for line in lines:
        _log.info("%s: federation: %s", site, line)
    audit.event(code, peer=site, changes=lines[:MOST_LOGGED])


def _failures_in(fetched_sources: Sequence[FetchedSource]) -> tuple[str, ...]:
    return tuple(fetched.failure for _, fetched in fetched_sources if fetched.failure)


def _report_sources(
    site: str, metadata: ActiveMetadata, fetched_sources: Sequence[FetchedSource]
) -> None:
    for _, fetched in fetched_sources:
        if fetched.failure:
            what = "uses the previous copy"
            _log.warning("%s: federation: %s: %s", site, what, fetched.failure)
    for source, fetched in fetched_sources:
        record = metadata.record(source)
        if set(fetched.passed) - set(record.passed if record else ()):
            _log.warning("%s: %s", site, fetched.metadata.remarks[0])


def _waits_for(count: int, reasons: Sequence[str]) -> str:
    verb = "is" if count == 1 else "are"
    what = f"{count} of its members {verb} pending" if count else "all of it is pending"
    shown = "; ".join(first_of(reasons, MOST_SHOWN))
    return (
        f"needs approval, {what} ('eilogin trust diff FILE', then 'eilogin trust"
        f" approve FILE ID'): {shown}"
    )
