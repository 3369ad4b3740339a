"""Send LogoutRequests over SOAP to all participants at once.

Each name of the visitor needs a message of its own. All messages to a participant share
one timeout and one queue (``propagation_threads``).
"""

import logging
import os
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, wait
from dataclasses import replace
from functools import partial
from math import inf
from operator import itemgetter
from types import MappingProxyType
from typing import NamedTuple

from lxml import etree

from eilogin import audit, clock
from eilogin.errors import (
    BindingMissing,
    EiloginError,
    MessageUnexpected,
    PeerUnavailable,
    PrincipalUnknown,
    Refused,
    Unavailable,
    UnknownPeer,
)
from eilogin.federation import Trust
from eilogin.hub.logout.logout_recipients import Recipient
from eilogin.hub.logout.propagation_threads import ParticipantQueues
from eilogin.hub.participants.logout_bindings import LogoutBindings, LogoutRoute
from eilogin.saml import bindings, messages, xml_signatures
from eilogin.saml.message_checks import check_logout_response
from eilogin.saml.metadata import ServiceProvider
from eilogin.web.inbound_messages import open_soap_answer
from eilogin.web.outbound_messages import Route, encryption_key

_log = logging.getLogger("eilogin")

#: Simultaneous messages of a process, to one participant and to all.
_AT_ONCE_TO_ONE = 4
_AT_ONCE = 256
#: Seconds to wait for participants that did not answer lately.
_GRACE = 0.5
#: Timeouts that a retry to one participant may last.
_TIMES_AGAIN = 4


class Delivery(NamedTuple):
    """The result of one LogoutRequest."""

    #: The recipient, unless it confirmed the whole logout.
    missed: Recipient | None
    #: An error's code, or "".
    reason: str = ""
    #: It did not answer, so no other message reaches it now.
    is_away: bool = False
    #: It answered without confirming.
    is_refusal: bool = False
    #: Whether SOAP can reach it; None if the hub has not looked it up.
    has_soap: bool | None = None


class _ProcessQueues(NamedTuple):
    """The queues of one process."""

    pid: int
    queues: ParticipantQueues


#: The metadata of recipients.
_Routes = Mapping[Recipient, LogoutRoute]
_Tasks = Mapping[Recipient, "Future[Delivery]"]


class Propagation:
    """Sends LogoutRequests; a participant has ``timeout`` seconds to answer."""

    def __init__(
        self, timeout: float, ways: LogoutBindings, *, encrypts: bool = False
    ) -> None:
        self._timeout = timeout
        self._encrypts = encrypts
        self.ways = ways
        self._queues: _ProcessQueues | None = None

    @property
    def longest(self) -> float:
        """Longest duration of :meth:`send`, in seconds."""
        # The last message in a queue has its own timeout.
        return self._timeout * 1.5

    @property
    def longest_retry(self) -> float:
        """Longest duration of :meth:`retry`, in seconds."""
        return self._timeout * _TIMES_AGAIN * 2

    def send(self, trust: Trust, recipients: Iterable[Recipient]) -> list[Delivery]:
        """Send to all; return the failed deliveries, sorted by entityID."""
        tasks_by_participant = _by_participant(recipients)
        queues = self._process_queues()
        away = {name for name in tasks_by_participant if queues.is_away(name)}
        for entity_id, its_tasks in tasks_by_participant.items():
            queues.put(entity_id, partial(self._send_all, trust, its_tasks))
        tasks = _all_tasks(tasks_by_participant)
        begun = time.monotonic()
        reachable = [task for r, task in tasks.items() if r.entity_id not in away]
        wait(reachable, timeout=self.longest)
        waited = time.monotonic() - begun
        wait(tasks.values(), timeout=max(0.0, min(_GRACE, self.longest) - waited))
        results = [_delivery_of(recipient, task) for recipient, task in tasks.items()]
        missed = [(it.missed.entity_id, it) for it in results if it.missed is not None]
        return [delivery for _, delivery in sorted(missed, key=itemgetter(0))]

    def retry(
        self,
        trust: Trust,
        recipients: Iterable[Recipient],
        longest: float = inf,
        routes: _Routes = MappingProxyType({}),
    ) -> dict[Recipient, Delivery]:
        """Retry missed recipients for :attr:`longest_retry` or ``longest`` seconds.

        ``routes`` has recipients that were looked up already. The results lack
        messages that were not sent: too late, or behind one without an answer.
        """
        tasks_by_participant = _by_participant(recipients)
        queues = self._process_queues()
        for entity_id, its_tasks in tasks_by_participant.items():
            queues.put(entity_id, partial(self._retry_all, trust, its_tasks, routes))
        tasks = _all_tasks(tasks_by_participant)
        wait(tasks.values(), timeout=min(self.longest_retry, longest))
        return {
            recipient: task.result()
            for recipient, task in tasks.items()
            # Still in its queue: cancel it.
            if not task.cancel() and task.done()
        }

    def can_reach(self, trust: Trust, recipient: Recipient) -> bool:
        """Whether SOAP can reach a recipient."""
        routes, _ = self.look_up(trust, [recipient])
        return recipient in routes

    def look_up(
        self, trust: Trust, recipients: Iterable[Recipient]
    ) -> tuple[_Routes, dict[Recipient, Delivery]]:
        """Look recipients up; return the failed deliveries beyond SOAP's reach."""
        routes, failed = dict[Recipient, LogoutRoute](), dict[Recipient, Delivery]()
        for recipient in recipients:
            try:
                route = self._route(trust, recipient)
            except Refused as error:
                failed[recipient] = Delivery(recipient, error.code)
                continue
            if route.soap is None or recipient.is_partial:
                failed[recipient] = Delivery(recipient)
            else:
                routes[recipient] = route
        return routes, failed

    def request(
        self,
        trust: Trust,
        recipient: Recipient,
        route: Route[ServiceProvider],
        request_id: str,
    ) -> etree._Element:
        """Write an unsigned LogoutRequest."""
        profile, role = trust.own.profile, route.peer.role
        request = messages.LogoutRequest(
            id=request_id,
            issued=clock.now(),
            issuer=trust.own.entity_id,
            name_id=recipient.subject.as_name_id(),
            destination=route.endpoint.location,
            session_indexes=recipient.session_indexes,
        )
        return messages.write_logout_request(
            request if profile.has_session_index else _name_id_only(request),
            encryption_key(role, wanted=self._encrypts and profile.encrypts),
            role.encryption_methods,
        )

    def note_no_browser(self, trust: Trust, missed: Iterable[Recipient]) -> None:
        """Log recipients that only a browser can reach; :meth:`send` logs others."""
        _, failed = self.look_up(trust, missed)
        for recipient, delivery in failed.items():
            if not (delivery.reason or recipient.is_partial):
                error = BindingMissing(
                    "it accepts a LogoutRequest only in the visitor's browser (by"
                    " its metadata or by logout_binding), and this logout came"
                    f" without a browser; {trust.whom_to_ask(recipient.entity_id)}"
                )
                note_undelivered(recipient.entity_id, error)

    def _process_queues(self) -> ParticipantQueues:
        # Threads do not survive a fork.
        if self._queues is None or self._queues.pid != os.getpid():
            queues = ParticipantQueues(_AT_ONCE_TO_ONE, _AT_ONCE)
            self._queues = _ProcessQueues(os.getpid(), queues)
        return self._queues.queues

    def _send_all(self, trust: Trust, tasks: _Tasks) -> bool | None:
        """Send until the timeout; return whether it answered, or None if not sent."""
        ends, is_there = time.monotonic() + self._timeout, None
        for recipient, task in tasks.items():
            # The deadline may have cancelled it in the queue.
            if task.set_running_or_notify_cancel():
                delivery = self._delivery(trust, recipient, ends)
                is_there = is_there is not False and not delivery.is_away
                task.set_result(delivery)
        return is_there

    def _retry_all(self, trust: Trust, tasks: _Tasks, routes: _Routes) -> bool | None:
        """Do the same for a retry, where each message has the whole timeout."""
        stops = time.monotonic() + self._timeout * _TIMES_AGAIN
        is_over, is_away = False, None
        for recipient, task in tasks.items():
            if is_over:
                task.cancel()
            # This call alone notifies the waiting thread of a cancelled task.
            if not task.set_running_or_notify_cancel():
                continue
            ends = time.monotonic() + self._timeout
            delivery = self._delivery(trust, recipient, ends, routes.get(recipient))
            task.set_result(delivery)
            is_away = delivery.is_away
            is_over = is_away or time.monotonic() > stops
        return None if is_away is None else not is_away

    def _delivery(
        self,
        trust: Trust,
        recipient: Recipient,
        ends: float,
        route: LogoutRoute | None = None,
    ) -> Delivery:
        """Look the recipient up unless there is a ``route``, and send."""
        try:
            route = route or self._route(trust, recipient)
            if route.soap is None:
                return Delivery(recipient, has_soap=False)
            soap = Route(route.peer, route.soap)
            status = self._deliver(trust, recipient, soap, ends)
        except Exception as error:  # noqa: BLE001 - it must not stop the others
            note_undelivered(recipient.entity_id, error)
            return self._failed(trust, recipient, route, error)
        note_delivered(recipient.entity_id, status)
        return Delivery(
            replace(recipient, is_partial=True) if is_partial(status) else None
        )

    def _failed(
        self,
        trust: Trust,
        recipient: Recipient,
        route: LogoutRoute | None,
        error: Exception,
    ) -> Delivery:
        if route is None:
            return Delivery(recipient, _code(error), isinstance(error, Unavailable))
        is_refusal = isinstance(error, MessageUnexpected) and error.is_refusal
        is_page = isinstance(error, PeerUnavailable) and error.is_page
        name_id = recipient.subject.name_id
        if is_page and self.ways.browser_endpoint(trust.own, route.peer, name_id):
            # That took no time, so other messages may follow.
            return Delivery(replace(recipient, by_browser=True), _code(error))
        is_away = isinstance(error, Unavailable)
        return Delivery(recipient, _code(error), is_away, is_refusal, has_soap=True)

    def _deliver(
        self,
        trust: Trust,
        recipient: Recipient,
        route: Route[ServiceProvider],
        ends: float,
    ) -> messages.Status:
        # ``ends`` is an instant of the monotonic clock.
        remaining = ends - time.monotonic()
        if remaining <= 0:
            raise PeerUnavailable(
                "earlier messages took all the time for this participant"
            )
        request_id = messages.new_id()
        element = self.request(trust, recipient, route, request_id)
        xml_signatures.sign(element, trust.key_for(route.peer))
        answer = trust.back_channel.post(
            route.endpoint.location, bindings.wrap_soap(element), timeout=remaining
        )
        signed, _ = open_soap_answer(answer, route.peer, trust.participant)
        response = messages.read_logout_response(signed)
        # An answer over SOAP has no Destination of ours (SAML bindings 3.2.3).
        require_logged_out(response, recipient, request_id, response.destination)
        return response.status

    def _route(self, trust: Trust, recipient: Recipient) -> LogoutRoute:
        """Look a recipient up; raises UnknownPeer without a NameID."""
        if not recipient.subject.has_name_id:
            raise UnknownPeer(
                "it got no NameID at login (nameless), so a LogoutRequest cannot name"
                " the visitor"
            )
        route = self.ways.route(trust, recipient.entity_id)
        return route._replace(soap=None) if recipient.by_browser else route


def _by_participant(recipients: Iterable[Recipient]) -> Mapping[str, _Tasks]:
    tasks_by_participant: dict[str, dict[Recipient, Future[Delivery]]] = {}
    for recipient in recipients:
        tasks_by_participant.setdefault(recipient.entity_id, {})[recipient] = Future()
    return tasks_by_participant


def _all_tasks(tasks_by_participant: Mapping[str, _Tasks]) -> _Tasks:
    return {r: t for tasks in tasks_by_participant.values() for r, t in tasks.items()}


def _name_id_only(request: messages.LogoutRequest) -> messages.LogoutRequest:
    # As DigiD does (DigiD 3.2).
    return replace(
        request,
        name_id=messages.NameID(request.name_id.value),
        destination="",
        session_indexes=(),
    )


def is_partial(status: messages.Status) -> bool:
    """Whether a participant missed sessions behind it (SAML core 3.7.3.2)."""
    return messages.PARTIAL_LOGOUT in status.codes


def require_logged_out(
    response: messages.LogoutResponse,
    recipient: Recipient,
    request_id: str,
    destination: str,
) -> None:
    """Raise Refused unless a LogoutResponse confirms the logout."""
    check_logout_response(
        response,
        issuer=recipient.entity_id,
        in_response_to=request_id,
        destination=destination,
        destination_required=bool(destination),
        now=clock.now(),
    )
    if not response.status.is_success:
        kind = PrincipalUnknown if _knows_none(response.status) else MessageUnexpected
        error = kind(
            f"{recipient.entity_id!r} did not log the visitor out; its status is"
            f" {' '.join(response.status.codes)[:200]!r}"
        )
        error.is_refusal = True
        raise error


def _knows_none(status: messages.Status) -> bool:
    # Responder alone is a failure. With PartialLogout or RequestDenied, the participant
    # lost its sessions in a restart (Shibboleth, mod_auth_mellon).
    return status.codes[:1] == (messages.REQUESTER,) or not {
        messages.UNKNOWN_PRINCIPAL,
        messages.REQUEST_DENIED,
        messages.PARTIAL_LOGOUT,
    }.isdisjoint(status.codes)


def note_delivered(entity_id: str, status: messages.Status) -> None:
    """Audit a confirmed logout of a participant; PartialLogout as failed."""
    if is_partial(status):
        reason = messages.PARTIAL_LOGOUT.rpartition(":")[2]
        audit.event("logout.delivered", "failed", peer=entity_id, reason=reason)
    else:
        audit.event("logout.delivered", peer=entity_id)


def note_undelivered(entity_id: str, error: Exception) -> None:
    """Log and audit a failed delivery."""
    if isinstance(error, EiloginError):
        _log.warning("logout not delivered to %s: %s", entity_id, error)
    else:
        _log.exception("logout not delivered to %s", entity_id, exc_info=error)
    audit.event("logout.delivered", "failed", peer=entity_id, reason=_code(error))


def _code(error: Exception) -> str:
    return error.code if isinstance(error, EiloginError) else EiloginError.code


def _delivery_of(recipient: Recipient, task: "Future[Delivery]") -> Delivery:
    if task.done():
        return task.result()
    error = PeerUnavailable(
        "too many messages to this participant are pending, so this one was not sent"
    )
    if task.cancel():
        note_undelivered(recipient.entity_id, error)
    return Delivery(recipient, error.code)
