"""Store the recipients that a logout missed: to retry, or for the next logout."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from eilogin.federation import Trust
from eilogin.hub.logout.logout_propagation import Delivery, Propagation
from eilogin.hub.logout.logout_recipients import Recipient
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
    missed_by_principal = {recipient.principal: recipient for recipient in missed}
    own_missed = [
        recipient for recipient in own if recipient.principal in missed_by_principal
    ]
    deliveries = {
        recipient.principal: delivery for recipient, delivery in missed.items()
    }
    to_retry = {
        recipient: deliveries[recipient.principal].reason
        for recipient in own_missed
        if _can_retry(
            trust,
            propagation,
            recipient,
            missed_by_principal[recipient.principal],
            deliveries[recipient.principal],
        )
    }
    # Held for the visitor's next logout.
    held = [
        _marked_as(missed_by_principal[recipient.principal], recipient)
        for recipient in own_missed
        if recipient not in to_retry
    ]
    queue, values = queue_of(visit, propagation), visit.values
    queue.settle(values, handle, own, to_retry, held)
    for delivery in missed.values():
        if delivery.is_refusal and delivery.missed is not None:
            queue.note_refusal(values, handle, delivery.missed, delivery.reason)


def _can_retry(
    trust: Trust,
    propagation: Propagation,
    recipient: Recipient,
    as_missed: Recipient,
    delivery: Delivery,
) -> bool:
    if recipient.is_partial or as_missed.is_partial or as_missed.by_browser:
        return False
    if delivery.has_soap is None:
        return propagation.can_reach(trust, recipient)
    return delivery.has_soap


def _marked_as(as_missed: Recipient, recipient: Recipient) -> Recipient:
    return replace(
        recipient, is_partial=as_missed.is_partial, by_browser=as_missed.by_browser
    )
