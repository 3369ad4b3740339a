"""Telling participants that a citizen is logged out: all at once, server to server.

Each gets a signed LogoutRequest over SOAP and has a time-out of its own; what goes
wrong with one stops nobody.
"""

import logging
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait

from eilogin import audit, clock
from eilogin.errors import EiloginError, MalformedMessage, MessageUnexpected
from eilogin.federation import Trust
from eilogin.saml import bindings, messages, signatures
from eilogin.saml.checks import check_logout_response
from eilogin.sessions import Participant, Subject
from eilogin.web.inbound import open_soap

_log = logging.getLogger("eilogin")

#: So many participants are told at the same time by one process.
_AT_ONCE = 64


class Propagation:
    """Tells participants; ``timeout`` is what each of them gets, in seconds."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._pool: tuple[int, ThreadPoolExecutor] | None = None

    @property
    def deadline(self) -> float:
        """How long it takes at most, in seconds."""
        # A little more than each has: who is last in line has its own time-out.
        return self._timeout * 1.5

    def tell(self, trust: Trust, participants: Iterable[Participant]) -> list[str]:
        """Tell all of them; the entityIDs of who was not reached, sorted."""
        indexes: dict[tuple[str, Subject], list[str]] = {}
        for participant in participants:
            known_as = (participant.entity_id, participant.subject)
            indexes.setdefault(known_as, []).append(participant.session_index)
        threads = self._threads()
        told = {
            threads.submit(self._tell_one, trust, entity_id, subject, named): entity_id
            for (entity_id, subject), named in indexes.items()
        }
        wait(told, timeout=self.deadline)
        return sorted(
            {name for task, name in told.items() if not (task.done() and task.result())}
        )

    def _threads(self) -> ThreadPoolExecutor:
        """The threads of this very process: those of its parent do not run here."""
        if self._pool is None or self._pool[0] != os.getpid():
            self._pool = (os.getpid(), ThreadPoolExecutor(_AT_ONCE, "eilogin-logout"))
        return self._pool[1]

    def _tell_one(
        self, trust: Trust, entity_id: str, subject: Subject, indexes: Sequence[str]
    ) -> bool:
        """Whether a participant confirms that the citizen is logged out there."""
        try:
            self._deliver(trust, entity_id, subject, indexes)
        except Exception as error:  # noqa: BLE001 - it must not stop the others
            code = EiloginError.code
            if isinstance(error, EiloginError):
                code = error.code
                _log.warning("logout not delivered to %s: %s", entity_id, error)
            else:
                _log.exception("logout not delivered to %s", entity_id)
            audit.event("logout.delivered", "failed", peer=entity_id, reason=code)
            return False
        audit.event("logout.delivered", peer=entity_id)
        return True

    def _deliver(
        self, trust: Trust, entity_id: str, subject: Subject, indexes: Sequence[str]
    ) -> None:
        """Send a LogoutRequest over SOAP and judge the answer (profiles 4.4.3.2)."""
        _, role = trust.participant(entity_id)
        endpoint = role.single_logout(bindings.SOAP)
        if endpoint is None:
            raise MalformedMessage(f"{entity_id!r} takes no logout over SOAP")
        request = messages.LogoutRequest(
            id=messages.new_id(),
            issued=clock.now(),
            issuer=trust.own.entity_id,
            name_id=subject.as_name_id(),
            destination=endpoint.location,
            session_indexes=tuple(indexes),
        )
        element = messages.write_logout_request(request)
        signatures.sign(element, trust.own.key)
        answer = trust.back_channel.post(
            endpoint.location, bindings.wrap_soap(element), timeout=self._timeout
        )
        signed, issuer = open_soap(answer, trust.participant_keys)
        response = messages.read_logout_response(signed)
        check_logout_response(
            response,
            issuer=entity_id,
            in_response_to=request.id,
            # An answer over SOAP goes to no address of ours (SAML bindings 3.2.3).
            destination=response.destination,
            destination_required=False,
            now=clock.now(),
        )
        if issuer != entity_id or not response.status.is_success:
            raise MessageUnexpected(f"{entity_id!r} did not log the citizen out")
