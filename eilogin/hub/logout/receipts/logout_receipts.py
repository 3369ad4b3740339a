"""The logout receipt, which only the browser that logged out can read, for an hour."""

import hmac
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace

from eilogin import clock, metrics
from eilogin.errors import MessageUnexpected
from eilogin.hub.browser_proof import KEPT_FOR, brings_proof, proof_brought
from eilogin.hub.logout.logout_propagation import Propagation
from eilogin.hub.logout.receipts.receipt_records import Receipt
from eilogin.hub.logout.retry_queue import refused_logouts
from eilogin.hub.logout.retry_queue.departed_participants import with_departed
from eilogin.hub.logout.retry_queue.hub_logout_queue import (
    QueuedLogout,
    confirmed_at,
    is_partly,
    queue_of,
)
from eilogin.sessions import Login
from eilogin.stores import Values
from eilogin.web.visit import Visit


class Receipts:
    """The receipts of this hub."""

    def __init__(self, propagation: Propagation) -> None:
        self._propagation = propagation

    def store(self, visit: Visit, receipt: Receipt) -> Receipt | None:
        """Store a new receipt; return its latest state, or None if deleted."""
        values, until = visit.values, clock.now() + KEPT_FOR
        if values.get(_forgotten_key(receipt.handle)) is not None:
            return None
        if values.get(_receipt_key(receipt.handle)) is None:
            for request_id in receipt.asked:
                values.add(
                    _request_key(request_id), receipt.handle, until, durable=False
                )
            if not receipt.is_of_another:
                values.add(
                    _browser_key(receipt.proof), receipt.handle, until, durable=False
                )
            # Written last: after a failure, a reload writes all again.
            values.add(
                _receipt_key(receipt.handle), receipt.to_json(), until, durable=False
            )
        return self._latest(visit, receipt.handle)

    def find(self, visit: Visit, handle: str) -> Receipt | None:
        """Return a readable receipt of this browser, or None."""
        values = visit.values
        try:
            receipt = self._latest(visit, handle)
            require_own_browser(visit, receipt)
        except MessageUnexpected:
            return None
        values.take(_unseen_key(receipt.proof))
        is_forgotten = values.get(_forgotten_key(handle)) is not None
        return None if is_forgotten else receipt

    def here(self, visit: Visit) -> Receipt | None:
        """Return the receipt of this browser's last logout, or None."""
        values, proof = visit.values, proof_brought(visit)
        handle = values.get(_browser_key(proof)) if proof else None
        return None if handle is None else self.find(visit, handle)

    def says_all(self, visit: Visit, receipt: Receipt) -> bool:
        """Whether a receipt lists missed participants, or no other logout is open."""
        if not receipt.is_everywhere:
            return True
        queue = queue_of(visit, self._propagation)
        return not queue.has_any_labelled(visit.values, [receipt.whose])

    def forget(self, visit: Visit) -> None:
        """Delete the receipt of this browser; its frames still notify participants."""
        values, proof = visit.values, proof_brought(visit)
        handle = values.take(_browser_key(proof)) if proof else None
        if handle is not None:
            until = clock.now() + KEPT_FOR
            values.add(_forgotten_key(handle), "", until, durable=False)

    def of_other(self, visit: Visit, login: Login) -> Receipt | None:
        """Return this browser's receipt, if another person is signed in there now."""
        values, proof = visit.values, proof_brought(visit)
        handle = values.get(_browser_key(proof)) if proof else None
        if handle is None:
            return None
        try:
            whose = _stored(values, handle).whose
            if not hmac.compare_digest(whose, login.who.label()):
                return self._latest(visit, handle)
        except MessageUnexpected:
            return None
        if values.get(_unseen_key(proof)) is not None:
            values.take(_unseen_key(proof))
        return None

    def hand_over(self, visit: Visit, receipt: Receipt, target: str) -> Receipt:
        """Hide a receipt from the next person; its pages lead on to ``target``."""
        values, handle = visit.values, receipt.handle
        values.take(_browser_key(receipt.proof))

        def handed_over(stored: str | None) -> str | None:
            if stored is None:
                return None
            current = Receipt.from_json(handle, stored)
            return replace(current, back=None, target=target).to_json()

        values.change(_receipt_key(handle), handed_over, receipt.kept_until)
        return self._latest(visit, handle)

    # --- pending logouts -----

    def begin(self, visit: Visit, receipt: Receipt) -> None:
        """Note that the browser notifies participants: the visitor may leave early."""
        mark, until = _unseen_key(receipt.proof), clock.now() + KEPT_FOR
        visit.values.add(mark, receipt.handle, until, durable=False)

    def unseen(self, visit: Visit, *, of_another: bool = False) -> str | None:
        """Return the handle of a logout that the visitor left early, or None.

        With ``of_another``, only a logout of the previous person.
        """
        values, proof = visit.values, proof_brought(visit)
        handle = values.get(_unseen_key(proof)) if proof else None
        if handle is None:
            return None
        with suppress(MessageUnexpected):
            receipt = self._latest(visit, handle)
            return handle if receipt.is_of_another or not of_another else None
        return None

    def asking(self, visit: Visit, request_id: str) -> Receipt:
        """Return the receipt with a LogoutRequest, or raise MessageUnexpected."""
        handle = visit.values.get(_request_key(request_id)) or ""
        stored = visit.values.get(_receipt_key(handle))
        if stored is None:
            raise MessageUnexpected("the hub sent no LogoutRequest with this ID")
        return Receipt.from_json(handle, stored)

    def confirm(self, visit: Visit, request_id: str, *, is_partial: bool) -> bool:
        """Note a LogoutResponse; False if known. The last one ends the retries."""
        now, values = clock.now(), visit.values
        name = _partial_key(request_id) if is_partial else _confirmed_key(request_id)
        is_new = values.add(name, str(now), now + KEPT_FOR, durable=False)
        stored = self.asking(visit, request_id)
        receipt = self._latest(visit, stored.handle)
        entity_id = stored.asked[request_id].entity_id
        queue = queue_of(visit, self._propagation)
        pending = [n for n, r in receipt.asked.items() if r.entity_id == entity_id]
        is_answered = all(values.get(_partial_key(n)) is not None for n in pending)
        if is_answered and entity_id not in receipt.unreached:
            for handle in (receipt.handle, *receipt.older):
                queue.note_browser_response(
                    values, handle, entity_id, is_partial=bool(pending)
                )
        if is_new and receipt.is_everywhere:
            metrics.logout_took(now - receipt.begun)
        return is_new

    def note_unknown_principal(self, visit: Visit, request_id: str) -> bool:
        """Note that a participant knows no session of this NameID.

        Return whether it confirmed another session of it: then it ended both.
        """
        now, values = clock.now(), visit.values
        receipt = self.asking(visit, request_id)
        principals = [recipient.principal for recipient in receipt.asked.values()]
        if principals.count(receipt.asked[request_id].principal) == 1:
            return False
        values.add(_unknown_key(request_id), str(now), now + KEPT_FOR, durable=False)
        return request_id in _confirmed(values, receipt)

    def note_refusal(self, visit: Visit, request_id: str, reason: str) -> None:
        """Count a refusal in the browser, once; ``reason`` is an error's code."""
        values, until = visit.values, clock.now() + KEPT_FOR
        if not values.add(_refused_key(request_id), "", until, durable=False):
            return
        receipt = self.asking(visit, request_id)
        recipient = receipt.asked[request_id]
        queue = queue_of(visit, self._propagation)
        for handle in (receipt.handle, *receipt.older):
            queue.note_refusal(values, handle, recipient, reason, in_browser=True)

    # --- one after another ---

    def note_turn(self, visit: Visit, request_id: str) -> None:
        """Note that the browser brings this LogoutRequest."""
        until = clock.now() + KEPT_FOR
        visit.values.add(_turn_key(request_id), "", until, durable=False)

    def note_return(self, visit: Visit, request_id: str) -> None:
        """Note that the participant sent the browser back."""
        until = clock.now() + KEPT_FOR
        visit.values.add(_return_key(request_id), "", until, durable=False)

    def note_return_of_one(self, visit: Visit, receipt: Receipt) -> None:
        """Note an answer without its request, if one participant alone owes one."""
        unanswered = self._unanswered(visit, receipt)
        if len(unanswered) == 1:
            self.note_return(visit, *unanswered)

    def waiting_for_turn(self, visit: Visit, receipt: Receipt) -> Sequence[str]:
        """Return the unsent IDs, without participants that kept the browser."""
        unanswered = self._unanswered(visit, receipt)
        busy_ids = {receipt.asked[name].entity_id for name in unanswered}
        values = visit.values
        return [
            request_id
            for request_id, recipient in receipt.asked.items()
            if recipient.entity_id not in busy_ids
            and values.get(_turn_key(request_id)) is None
        ]

    def _unanswered(self, visit: Visit, receipt: Receipt) -> Sequence[str]:
        values = visit.values
        return [
            request_id
            for request_id in receipt.asked
            if values.get(_turn_key(request_id)) is not None
            and values.get(_return_key(request_id)) is None
        ]

    def _latest(self, visit: Visit, handle: str) -> Receipt:
        values = visit.values
        stored = _stored(values, handle)
        receipt = stored.without(_confirmed(values, stored))
        if not receipt.missed:
            return receipt
        # A participant must have confirmed the earlier logout too.
        handles = (handle, *receipt.older)
        queue = queue_of(visit, self._propagation)
        entries = [entry for name in handles for entry in queue.records_of(name)]
        late = _confirmed_late(values, handles, receipt.missed, entries)
        return replace(
            receipt.with_late(late),
            partly=_partly_logged_out(values, handles, receipt.missed, entries),
            refused=[
                entity_id
                for entity_id in receipt.missed
                if any(
                    refused_logouts.has_any(values, name, entity_id) for name in handles
                )
            ],
            waiting=self._retried(visit, entries),
        )

    def _retried(self, visit: Visit, entries: Iterable[QueuedLogout]) -> Sequence[str]:
        # A departed participant gets its LogoutRequest too.
        trust = with_departed(visit.trust, visit.sessions)
        return [
            recipient.entity_id
            for entry in entries
            if not entry.is_held
            for recipient in entry.pending.values()
            if self._propagation.can_reach(trust, recipient)
        ]


def require_own_browser(visit: Visit, receipt: Receipt) -> None:
    """Raise MessageUnexpected in another browser: it must not see the services."""
    if not brings_proof(visit, receipt.proof):
        raise MessageUnexpected(
            "another browser began this logout, or this browser lost its cookie"
        )


def _stored(values: Values, handle: str) -> Receipt:
    stored = values.get(_receipt_key(handle))
    if stored is None:
        raise MessageUnexpected("this logout is over")
    return Receipt.from_json(handle, stored)


def _confirmed(values: Values, receipt: Receipt) -> dict[str, float]:
    # UnknownPrincipal counts as a confirmation after one for the same NameID.
    done = _instants(values, _confirmed_key, receipt.asked)
    principals = {receipt.asked[request_id].principal for request_id in done}
    same_name_ids = [
        request_id
        for request_id, recipient in receipt.asked.items()
        if recipient.principal in principals
    ]
    return {**_instants(values, _unknown_key, same_name_ids), **done}


def _confirmed_late(
    values: Values,
    handles: Sequence[str],
    missed: Iterable[str],
    entries: Iterable[QueuedLogout],
) -> dict[str, float]:
    unconfirmed = {r.entity_id for entry in entries for r in entry.pending.values()}
    late = {
        entity_id: max(confirmed_at(values, name, entity_id) for name in handles)
        for entity_id in missed
        if entity_id not in unconfirmed
    }
    return {entity_id: instant for entity_id, instant in late.items() if instant}


def _partly_logged_out(
    values: Values,
    handles: Sequence[str],
    missed: Iterable[str],
    entries: Iterable[QueuedLogout],
) -> Sequence[str]:
    # These owe no answer after PartialLogout.
    unconfirmed = {
        recipient.entity_id
        for entry in entries
        for recipient in entry.pending.values()
        if not recipient.is_partial
    }
    return [
        entity_id
        for entity_id in missed
        if entity_id not in unconfirmed
        and any(is_partly(values, name, entity_id) for name in handles)
    ]


def _instants(
    values: Values, key: Callable[[str], str], request_ids: Iterable[str]
) -> dict[str, float]:
    instants = {request_id: values.get(key(request_id)) for request_id in request_ids}
    return {request_id: float(at) for request_id, at in instants.items() if at}


def _receipt_key(name: str) -> str:
    return f"receipt:{name}"


def _browser_key(proof: str) -> str:
    return f"receipt-of:{proof}"


def _unseen_key(proof: str) -> str:
    return f"unseen-logout:{proof}"


def _forgotten_key(handle: str) -> str:
    return f"forgotten-receipt:{handle}"


def _request_key(request_id: str) -> str:
    return f"asked-logout:{request_id}"


def _confirmed_key(request_id: str) -> str:
    return f"confirmed-logout:{request_id}"


def _partial_key(request_id: str) -> str:
    return f"partial-logout:{request_id}"


def _unknown_key(request_id: str) -> str:
    return f"unknown-at-logout:{request_id}"


def _refused_key(request_id: str) -> str:
    return f"refused-logout:{request_id}"


def _turn_key(request_id: str) -> str:
    return f"turn-of-logout:{request_id}"


def _return_key(request_id: str) -> str:
    return f"return-from-logout:{request_id}"
