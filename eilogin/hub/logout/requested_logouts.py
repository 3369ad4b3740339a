"""The content of a LogoutRequest, and the sessions that its requester ended."""

from collections.abc import Iterable, Mapping, Sequence
from math import inf
from typing import Any, NamedTuple

from eilogin import audit, clock
from eilogin.errors import PrincipalUnknown
from eilogin.hub.participants.name_id_matching import MatchedSessions, note_miss
from eilogin.hub.participants.signed_in_services import asked_at
from eilogin.saml import messages
from eilogin.saml.message_checks import check_logout_request
from eilogin.sessions import Participant, Sessions, Subject
from eilogin.web.visit import Visit


class RequestedLogout(NamedTuple):
    """The content of a LogoutRequest that selects sessions."""

    who: Subject
    #: SessionIndexes of the visitor there; empty for all.
    indexes: Sequence[str]
    request_id: str
    #: By the requester's clock.
    issued: float
    #: Sessions with a later sign-in go on: nobody confirmed their end.
    since: float = inf

    @classmethod
    def from_parts(
        cls, who: Mapping[str, object], *other_parts: Any
    ) -> "RequestedLogout":
        """Read :meth:`parts`."""
        indexes, request_id, issued, *_ = other_parts
        return cls(Subject.from_parts(who), indexes, request_id, float(issued))

    def parts(self) -> list[Any]:
        """Return its parts for JSON, except ``since``."""
        return [self.who.as_json(), self.indexes, self.request_id, self.issued]


def requested_by(
    visit: Visit,
    request: messages.LogoutRequest,
    issuer: str,
    address: str,
) -> RequestedLogout:
    """Return the content of a LogoutRequest to ``address``, or raise Refused."""
    own, now = visit.trust.own, clock.now()
    check_logout_request(
        request,
        issuer=issuer,
        destination=own.url(address),
        destination_required=address == "slo",
        now=now,
    )
    subject = Subject.named(request.name_id, issuer=own.entity_id, audience=issuer)
    return RequestedLogout(subject, request.session_indexes, request.id, request.issued)


def note_received(
    sessions: Sessions, named: RequestedLogout, *, is_known: bool
) -> None:
    """Audit a received LogoutRequest, and whether it matched."""
    issuer = named.who.audience
    if is_known:
        audit.event("logout.received", peer=issuer)
        return
    audit.event("logout.received", "failed", peer=issuer, reason=PrincipalUnknown.code)
    note_miss(sessions, named.who, named.indexes)


def not_ended_by_requester(
    visit: Visit,
    participants: Iterable[Participant],
    named: RequestedLogout,
    matched: MatchedSessions,
) -> list[Participant]:
    """Return all participants except the sessions that the requester ended itself.

    Those have the NameID of its request, and no later AuthnRequest (in another tab).
    """
    # Equal NameIDs may leave out different parts.
    labels = {subject.hub_label() for subject in matched.subjects}
    return [
        participant
        for participant in participants
        if participant.subject.hub_label() not in labels
        or (named.indexes and participant.session_index not in named.indexes)
        or asked_at(visit, participant) > named.issued
    ]
