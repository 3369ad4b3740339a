"""Telling participants that a citizen is logged out: all at once, server to server.

Each gets a signed LogoutRequest over SOAP and has a time-out of its own; what goes
wrong with one stops nobody. Whom that does not reach may be told through the browser
(:mod:`eilogin.hub.frames`).
"""

import logging
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, replace
from typing import Any

from lxml import etree

from eilogin import audit, clock
from eilogin.errors import EiloginError, MessageUnexpected, UnknownPeer
from eilogin.federation import Trust
from eilogin.saml import bindings, messages, signatures
from eilogin.saml.checks import check_logout_response
from eilogin.saml.metadata import Endpoint
from eilogin.sessions import Participant, Subject
from eilogin.web.inbound import open_soap
from eilogin.web.outbound import binding_missing, browser_bindings, encryption_key

_log = logging.getLogger("eilogin")

#: So many participants are told at the same time by one process.
_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Told:
    """Who is told, and about whom: one subject at one participant."""

    entity_id: str
    #: The citizen as this participant knows her.
    subject: Subject
    #: The oldest first.
    session_indexes: tuple[str, ...]
    #: Whether it has said that she is logged out there and not everywhere behind it:
    #: it is a hub itself. Nobody need tell it once more.
    is_partial: bool = False

    def as_json(self) -> dict[str, Any]:
        """What :meth:`from_json` makes it of again, for JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> "Told":
        """The value of which :meth:`as_json` made this."""
        return cls(
            found["entity_id"],
            Subject.from_parts(found["subject"]),
            tuple(found["session_indexes"]),
            bool(found["is_partial"]),
        )


class Propagation:
    """Tells participants; ``timeout`` is what each of them gets, in seconds.

    ``encrypts`` the NameID for those who have a key for that.
    """

    def __init__(self, timeout: float, *, encrypts: bool = False) -> None:
        self._timeout = timeout
        self._encrypts = encrypts
        self._pool: tuple[int, ThreadPoolExecutor] | None = None

    @property
    def deadline(self) -> float:
        """How long it takes at most, in seconds."""
        # A little more than each has: who is last in line has its own time-out.
        return self._timeout * 1.5

    def tell(self, trust: Trust, participants: Iterable[Participant]) -> list[Told]:
        """Tell all of them; who was not reached, in the order of their entityIDs."""
        indexes: dict[tuple[str, Subject], list[str]] = {}
        for participant in sorted(participants, key=lambda one: one.since):
            known_as = (participant.entity_id, participant.subject)
            indexes.setdefault(known_as, []).append(participant.session_index)
        threads = self._threads()
        told = {
            threads.submit(self._tell_one, trust, one): one
            for (entity_id, subject), named in indexes.items()
            for one in [Told(entity_id, subject, tuple(named))]
        }
        wait(told, timeout=self.deadline)
        missed = [
            left for task, one in told.items() if (left := _left(task, one)) is not None
        ]
        return sorted(missed, key=lambda one: one.entity_id)

    def request(
        self, trust: Trust, told: Told, endpoint: Endpoint, request_id: str
    ) -> etree._Element:
        """The LogoutRequest for a participant, not signed yet."""
        _, role = trust.participant(told.entity_id)
        is_digid = trust.own.is_digid
        request = messages.LogoutRequest(
            id=request_id,
            issued=clock.now(),
            issuer=trust.own.entity_id,
            name_id=told.subject.as_name_id(),
            destination=endpoint.location,
            session_indexes=told.session_indexes,
        )
        return messages.write_logout_request(
            _as_digid(request) if is_digid else request,
            encryption_key(role, wanted=self._encrypts and not is_digid),
            role.encryption_methods,
        )

    def _threads(self) -> ThreadPoolExecutor:
        """The threads of this very process: those of its parent do not run here."""
        if self._pool is None or self._pool[0] != os.getpid():
            self._pool = (os.getpid(), ThreadPoolExecutor(_AT_ONCE, "eilogin-logout"))
        return self._pool[1]

    def _tell_one(self, trust: Trust, told: Told) -> Told | None:
        """Who does not confirm that the citizen is logged out there; else None."""
        try:
            endpoint = _soap_of(trust, told)
            if endpoint is None:
                return told
            status = self._deliver(trust, told, endpoint)
        except Exception as error:  # noqa: BLE001 - it must not stop the others
            note_undelivered(told.entity_id, error)
            return told
        audit.event("logout.delivered", peer=told.entity_id)
        return replace(told, is_partial=True) if is_partial(status) else None

    def _deliver(self, trust: Trust, told: Told, endpoint: Endpoint) -> messages.Status:
        """Send a LogoutRequest over SOAP and judge the answer (profiles 4.4.3.2)."""
        request_id = messages.new_id()
        element = self.request(trust, told, endpoint, request_id)
        signatures.sign(element, trust.key_for(told.entity_id))
        answer = trust.back_channel.post(
            endpoint.location, bindings.wrap_soap(element), timeout=self._timeout
        )
        signed, issuer = open_soap(answer, trust.participant_keys)
        response = messages.read_logout_response(signed)
        # An answer over SOAP goes to no address of ours (SAML bindings 3.2.3).
        require_done(response, issuer, told, request_id, response.destination)
        return response.status


def _as_digid(request: messages.LogoutRequest) -> messages.LogoutRequest:
    """A LogoutRequest that names the citizen and nothing else (DIGID.md 3.2)."""
    return replace(
        request,
        name_id=messages.NameID(request.name_id.value),
        destination="",
        session_indexes=(),
    )


def is_partial(status: messages.Status) -> bool:
    """Whether somebody behind a participant was not reached (SAML core 3.7.3.2)."""
    return messages.PARTIAL_LOGOUT in status.codes


def _soap_of(trust: Trust, told: Told) -> Endpoint | None:
    """Where it takes a LogoutRequest over SOAP; None where a browser has to bring it.

    Raises :class:`eilogin.errors.BindingMissing` where it takes none at all, and
    :class:`eilogin.errors.UnknownPeer` where nobody can say there whom it is about.
    """
    if not told.subject.has_name_id:
        raise UnknownPeer("it was told no NameID (nameless), so none can be said")
    entity_id = told.entity_id
    _, role = trust.participant(entity_id)
    wanted = (bindings.SOAP, *browser_bindings(trust.own))
    if role.single_logout(*wanted) is None:
        raise binding_missing(
            trust, entity_id, "a LogoutRequest", wanted, role.single_logouts
        )
    return role.single_logout(bindings.SOAP)


def require_done(
    response: messages.LogoutResponse,
    issuer: str,
    told: Told,
    request_id: str,
    destination: str,
) -> None:
    """Refuse a LogoutResponse that does not say that she is logged out there.

    ``issuer`` is who signed it. Raises :class:`eilogin.errors.Refused`.
    """
    check_logout_response(
        response,
        issuer=told.entity_id,
        in_response_to=request_id,
        destination=destination,
        destination_required=bool(destination),
        now=clock.now(),
    )
    if issuer != told.entity_id or not response.status.is_success:
        raise MessageUnexpected(
            f"{told.entity_id!r} did not log the citizen out; its status is"
            f" {' '.join(response.status.codes)[:200]!r}"
        )


def note_undelivered(entity_id: str, error: Exception) -> None:
    """Write to log and audit log that a participant was not reached, and why."""
    code = EiloginError.code
    if isinstance(error, EiloginError):
        code = error.code
        _log.warning("logout not delivered to %s: %s", entity_id, error)
    else:
        _log.exception("logout not delivered to %s", entity_id, exc_info=error)
    audit.event("logout.delivered", "failed", peer=entity_id, reason=code)


def _left(task: Future[Told | None], told: Told) -> Told | None:
    """Who has not confirmed, as far as its task has come."""
    return task.result() if task.done() else told
