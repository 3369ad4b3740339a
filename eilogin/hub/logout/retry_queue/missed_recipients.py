"""Store the recipients that a logout missed: to retry, or for the next logout."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from eilogin.federation import Trust
from eilogin.hub.logout.logout_propagation import Delivery, Propagation, Recipient
from eilogin.hub.logout.retry_queue.departed_participants import with_departed
from eilogin.hub.logout.retry_queue.hub_logout_queue import queue_of
from eilogin.web.visit import Visit


def store_missed(
    visit: Visit,
    propagation: Propagation,
    handle: str,
    own: Sequence[Recipient],
    missed: Mapping[Recipient, Delivery],
) -> None:
    """Store the missed recipients: ``own`` of this logout, ``missed`` of all."""
    trust = with_departed(visit.trust, visit.sessions)
    answered = {one.whom: one for one in missed}
    reasons = {one.whom: came.reason for one, came in missed.items()}
    left = [one for one in own if one.whom in answered]
    again = {
        one: reasons[one.whom]
        for one in left
        if _can_retry(trust, propagation, one, answered[one.whom])
    }
    # Held for the visitor's next logout.
    held = [_marked_as(answered[one.whom], one) for one in left if one not in again]
    queue, values = queue_of(visit, propagation), visit.values
    queue.settle(values, handle, own, again, held)
    for came in missed.values():
        if came.is_refusal and came.left is not None:
            queue.note_refusal(values, handle, came.left, came.reason)


def _can_retry(
    trust: Trust, propagation: Propagation, one: Recipient, answered: Recipient
) -> bool:
    is_held = answered.is_partial or answered.by_browser
    return not is_held and propagation.can_be_told(trust, one)


def _marked_as(answered: Recipient, one: Recipient) -> Recipient:
    return replace(one, is_partial=answered.is_partial, by_browser=answered.by_browser)
