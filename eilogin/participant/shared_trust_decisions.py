"""Share decisions on changes of the federation among all nodes of a site.

Nodes with one ``federation_folder`` share a quarantine. Otherwise the deciding node
writes the decision to the store of the session filter. The others apply it if the same
change is pending. It is sealed for this site and the change's ID, a hash of the record
before and after. So somebody who can write to the store can only remove it. A node
applies it once, within three days: an approved change that comes back is pending again.
"""

import hashlib
import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import partial

from eilogin import audit, clock
from eilogin.errors import ConfigurationError, EiloginError
from eilogin.federation import Own
from eilogin.federation.changes.approval_decisions import approve, reject, require_hubs
from eilogin.federation.changes.federation_changes import ApprovalRules
from eilogin.federation.changes.member_differences import words
from eilogin.federation.members.trust_options import TrustOptions
from eilogin.federation.state.state_folder import SiteFolder
from eilogin.federation.state.state_records import Approval, Decision, read_decision
from eilogin.sessions import UNREADABLE
from eilogin.stores import Store, StoredSession
from eilogin.web.browser.sealing import NotSealed, Sealer, as_text, from_text

_log = logging.getLogger("eilogin")

#: Seconds between reads of the store.
EVERY = 5.0
#: Seconds for which other nodes can apply a decision.
KEPT_FOR = 3 * 86_400.0
#: Most decisions on one change, and most changes, in one read.
_MOST, _AT_ONCE = 20, 500


class SharedDecisions:
    """The decisions of one site: this node's folder, and the store of all nodes."""

    def __init__(
        self,
        options: TrustOptions,
        folder: SiteFolder,
        own: Callable[[], Own],
        store: Store,
    ) -> None:
        self._options, self._folder = options, folder
        self._own, self._store = own, store
        #: When to read next (monotonic clock), and the first change for that read.
        self._next, self._position = 0.0, 0
        #: Decisions that this process wrote to the store, and those that failed.
        self._written: set[Decision] = set()
        self._failed: set[Decision] = set()

    def share(self) -> None:
        """Write the decisions of this node, and apply those of others."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + EVERY
        try:
            self._write()
            self._apply_stored()
        except EiloginError as error:
            # The next read may succeed; pending changes stay pending.
            _log.debug(
                "%s: cannot share decisions with other nodes: %s", self._party, error
            )

    @property
    def _party(self) -> str:
        return self._own().entity_id

    def _write(self) -> None:
        since = clock.now() - KEPT_FOR
        recent = {
            decision for decision in self._folder.decisions if decision.who.at > since
        }
        for decision in recent - self._written:
            until = decision.who.at + KEPT_FOR
            row = StoredSession(
                self._key(decision),
                self._sealed(decision),
                clock.now(),
                until,
                (self.label(decision.id),),
            )
            self._store.create(row, issued=clock.now())
        self._written = recent

    def label(self, change_id: str) -> str:
        """Return the store's label of decisions on a change."""
        # Without a colon, which would end the name of a shard.
        text = json.dumps([self._party, change_id])
        return f"decided-{hashlib.sha256(text.encode()).hexdigest()[:32]}"

    def _key(self, decision: Decision) -> str:
        text = json.dumps(asdict(decision))
        return f"{self.label(decision.id)}-{hashlib.sha256(text.encode()).hexdigest()}"

    @property
    def _sealer(self) -> Sealer:
        return Sealer(self._own().sealing_secrets, f"decision at {self._party}")

    def _sealed(self, decision: Decision) -> str:
        return as_text(
            self._sealer.seal(json.dumps(asdict(decision)).encode(), decision.id)
        )

    def _apply_stored(self) -> None:
        quarantine = self._folder.open_quarantine
        if quarantine is None:
            return
        handled = set(self._folder.decisions) | self._failed
        by_decider: dict[tuple[bool, Approval], list[Decision]] = {}
        for change_id in self._changes_to_read(
            [change.id for change in quarantine.open]
        ):
            for decision in self._stored_decisions(change_id):
                if decision not in handled and self._is_fresh(decision):
                    key = (decision.is_approved, decision.who)
                    by_decider.setdefault(key, []).append(decision)
        for decisions in by_decider.values():
            self._apply_locked(decisions)

    def _changes_to_read(self, ids: Sequence[str]) -> Sequence[str]:
        if self._position >= len(ids):
            self._position = 0
        first = self._position
        self._position += _AT_ONCE
        return ids[first : self._position]

    @staticmethod
    def _is_fresh(decision: Decision) -> bool:
        return 0 <= clock.now() - decision.who.at < KEPT_FOR

    def _stored_decisions(self, change_id: str) -> Iterator[Decision]:
        for key in self._store.find(self.label(change_id))[:_MOST]:
            row = self._store.read(key)
            with suppress(NotSealed, *UNREADABLE):
                octets = self._sealer.open(
                    from_text(row.data if row else ""), change_id
                )
                decision = read_decision(json.loads(octets))
                yield decision

    def _apply_locked(self, decisions: Sequence[Decision]) -> None:
        number = self._folder.lock()
        if number is None:
            return  # Another process has the lock: retry at the next read.
        try:
            self._apply(decisions)
        except ConfigurationError as error:
            self._failed.update(decisions)
            message = "%s: cannot apply a decision of another node: %s"
            _log.warning(message, self._party, error)
        finally:
            os.close(number)

    def _apply(self, decisions: Sequence[Decision]) -> None:
        first, ids = decisions[0], {decision.id for decision in decisions}
        quarantine, who = self._folder.open_quarantine, first.who
        changes = () if quarantine is None else quarantine.open
        pending = [change for change in changes if change.id in ids]
        if first.is_approved:
            people = ApprovalRules.of(self._options).people
            require = partial(require_hubs, self._options)
            approve(self._folder, ids, who, people, require)
        else:
            reject(self._folder, ids, who)
        code = "trust.approved" if first.is_approved else "trust.rejected"
        by = f"{words(who.name)} (uid {who.uid}), on another node"
        for change in pending:
            reasons = [*change.reasons]
            fields = {"code": code, "id": change.id, "who": who.name, "uid": who.uid}
            self._folder.log({**fields, "changes": reasons, "node": "another"})
            audit.event(
                code, reference=change.id, peer=self._party, by=by, changes=reasons
            )
        _log.warning("%s: federation: %s: %s", self._party, code, by)
