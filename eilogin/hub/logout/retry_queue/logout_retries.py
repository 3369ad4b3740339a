"""Retry the logouts that are due, in rounds (``hub_jobs``).

A round ends the sessions that are left, sends the LogoutRequests, and records the
results in the queue.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import partial
from operator import itemgetter

from eilogin import clock, metrics
from eilogin.federation import Trust
from eilogin.hub.logout.logout_propagation import Delivery, Propagation
from eilogin.hub.logout.logout_recipients import Recipient, recipients_of
from eilogin.hub.logout.retry_queue.departed_participants import with_departed
from eilogin.hub.logout.retry_queue.hub_logout_queue import (
    QueuedLogout,
    RetryQueue,
    queue_of,
)
from eilogin.sessions import Sessions
from eilogin.stores import Values
from eilogin.web.visit import Visit

#: Seconds before this process retries an entry that it cannot fully deliver, about two
#: rounds: another process may have newer metadata.
_BEHIND = 10.0
#: Messages to one participant in a round.
_MOST_MESSAGES = 50


class LogoutRetries:
    """Retries the logouts of one hub; remembers which participants were unavailable."""

    def __init__(self, propagation: Propagation) -> None:
        self._propagation = propagation
        self._due_at: dict[str, float] = {}
        #: entityIDs that were unavailable in the last round.
        self._unavailable: set[str] = set()

    def retry_due(self, visit: Visit) -> int:
        """Retry the due logouts; return how many were delivered."""
        queue = queue_of(visit, self._propagation)
        # Another process, or this one after a restart, may reach departed ones.
        trust = with_departed(visit.trust, visit.sessions)
        claimed = self._claim_due(queue, trust)
        entries = [_still_to_send(visit, queue, entry) for entry in claimed]
        recipients = [r for entry in entries for r in entry.pending.values()]
        routes, results = self._propagation.look_up(trust, recipients)
        to_send, counts = list[Recipient](), Counter[str]()
        for recipient in (r for r in recipients if r not in results):
            counts[recipient.entity_id] += 1
            if counts[recipient.entity_id] <= self._share(recipient.entity_id):
                to_send.append(recipient)
        results |= self._propagation.retry(trust, to_send, routes=routes)
        self._unavailable = {r.entity_id for r, it in results.items() if it.is_away}
        for entry in entries:
            _record_results(visit.values, queue, entry, results)
        return sum(map(_needs_no_retry, results.values()))

    def _share(self, entity_id: str) -> int:
        return 1 if entity_id in self._unavailable else _MOST_MESSAGES

    def _claim_due(self, queue: RetryQueue, trust: Trust) -> list[QueuedLogout]:
        """Claim due entries, the oldest first; a long queue must not delay others."""
        counts, claimed = Counter[str](), list[QueuedLogout]()
        for _, entry in sorted(self._due(queue, trust), key=itemgetter(0)):
            entity_ids = {recipient.entity_id for recipient in entry.pending.values()}
            has_room = any(counts[name] < self._share(name) for name in entity_ids)
            # An entry without recipients still has to be recorded.
            if (has_room or not entity_ids) and queue.take_up(entry):
                counts.update(entity_ids)
                claimed.append(entry)
        return claimed

    def _due(
        self, queue: RetryQueue, trust: Trust
    ) -> Iterator[tuple[float, QueuedLogout]]:
        now, keys = clock.now(), queue.keys()
        self._due_at = {key: self._due_at[key] for key in keys if key in self._due_at}
        for key in keys:
            if self._due_at.get(key, now) > now:
                continue
            entry = queue.read(key)
            if entry is None:
                continue
            due = queue.due_at(entry)
            can_reach = partial(self._propagation.can_reach, trust)
            if not all(map(can_reach, entry.pending.values())):
                due += _BEHIND
            if due > now:
                self._due_at[key] = due
            else:
                yield due, entry


def _still_to_send(
    visit: Visit, queue: RetryQueue, entry: QueuedLogout
) -> QueuedLogout:
    """End an entry's sessions; return it with the messages that are still to send.

    A participant that goes by the NameID alone would end a new session too. So the
    queue holds its message once the visitor has signed in there again.
    """
    entry, alive = _with_ended(visit.sessions, queue, entry)
    over = [
        n
        for n, r in entry.pending.items()
        if {(r.entity_id, index) for index in r.session_indexes} <= alive
    ]
    # The process that should remove an empty entry may have died.
    if over or not entry.pending:
        entry = queue.done(entry, over)
    has_index = visit.trust.own.profile.has_session_index
    held = {
        n: recipient
        for n, recipient in entry.pending.items()
        if queue.may_end_more(entry, n, has_index=has_index)
    }
    return queue.hold(entry, held) if held else entry


def _with_ended(
    sessions: Sessions, queue: RetryQueue, entry: QueuedLogout
) -> tuple[QueuedLogout, set[tuple[str, str]]]:
    """End the remaining sessions; return (entityID, SessionIndex) of the others."""
    # The process that began the logout may have died before that.
    logins = (sessions.named(name) for name in entry.logins)
    alive = set[tuple[str, str]]()
    for login in [login for login in logins if login is not None]:
        if login.proven_since(entry.begun):
            # The visitor has signed in since, so this session goes on.
            participants = sessions.participants(login)
            alive |= {(p.entity_id, p.session_index) for p in participants}
            continue
        entry = queue.with_more(entry, recipients_of(sessions.drop(login) or ()))
    return entry, alive


def _record_results(
    values: Values,
    queue: RetryQueue,
    entry: QueuedLogout,
    results: Mapping[Recipient, Delivery],
) -> None:
    tried = {n: results[r] for n, r in entry.pending.items() if r in results}
    partly = [n for n, it in tried.items() if it.missed and it.missed.is_partial]
    entry = queue.note_partial(values, entry, partly)
    confirmed = [n for n, it in tried.items() if it.missed is None]
    if confirmed:
        entry = queue.note_confirmed(values, entry, confirmed)
        if not queue.records_of(entry.handle):
            metrics.logout_took(clock.now() - entry.begun)
    _note_failures(values, queue, entry, tried)


def _note_failures(
    values: Values,
    queue: RetryQueue,
    entry: QueuedLogout,
    tried: Mapping[int, Delivery],
) -> None:
    failed = {n: it.reason for n, it in tried.items() if not _needs_no_retry(it)}
    if failed:
        queue.failed(entry, failed)
        _note_answers(values, queue, entry, tried)


def _note_answers(
    values: Values,
    queue: RetryQueue,
    entry: QueuedLogout,
    tried: Mapping[int, Delivery],
) -> None:
    refused = [delivery for delivery in tried.values() if delivery.is_refusal]
    if refused:
        queue.refused(values, entry, refused)
        entry = queue.without_final(values, entry)
    by_browser = {
        n: delivery.missed
        for n, delivery in tried.items()
        if delivery.missed and delivery.missed.by_browser and n in entry.pending
    }
    if by_browser:
        queue.hold(entry, by_browser)


def _needs_no_retry(delivery: Delivery) -> bool:
    return delivery.missed is None or delivery.missed.is_partial
