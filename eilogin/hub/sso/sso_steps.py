"""The steps of single sign-on that differ between profiles."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, Protocol

from eilogin.errors import NotServed, Refused
from eilogin.hub.participants.attribute_release import AttributeRelease
from eilogin.hub.participants.name_ids import NameIDs
from eilogin.hub.pending_authn_requests import PendingAuthnRequest
from eilogin.hub.sso.authn_request_intake import (
    AuthnRequestRules,
    ReceivedAuthnRequest,
    accept_authn_request,
)
from eilogin.hub.sso.participant_request import ParticipantRequest
from eilogin.hub.sso.response_writing import AssertedLogin
from eilogin.hub.sso.session_reuse import satisfying
from eilogin.saml import messages
from eilogin.sessions import Login, Participant
from eilogin.web.inbound_messages import receive
from eilogin.web.visit import Visit

# Status codes without a login (SAML core 3.2.2.2).
FAILED = (messages.RESPONDER, messages.AUTHN_FAILED)
_OVER = (messages.RESPONDER, messages.AUTHN_FAILED, messages.TOO_LATE)
_NAMELESS = (messages.REQUESTER, messages.INVALID_NAME_ID_POLICY)


class LoginRefusal(NamedTuple):
    """The reason to send no login: status codes, and a cause for the log."""

    codes: Sequence[str]
    cause: Refused | None = None


class SsoSteps(Protocol):
    """The steps of single sign-on that differ between profiles."""

    #: Whether a visitor without a sufficient session must prove everything again.
    asks_anew: bool

    def receive(self, visit: Visit) -> ReceivedAuthnRequest:
        """Check and read the AuthnRequest."""

    def headers(
        self, visit: Visit, received: ReceivedAuthnRequest
    ) -> Sequence[tuple[str, str]]:
        """Return headers for the first answer."""

    def not_served(self, pending: PendingAuthnRequest) -> Refused | None:
        """Explain why an option denies a participant all logins."""

    def with_choice(
        self, pending: PendingAuthnRequest, fields: Mapping[str, str]
    ) -> PendingAuthnRequest:
        """Return the request with a tester's choice."""

    def late(self, pending: PendingAuthnRequest) -> Sequence[str]:
        """Return status codes for a late visitor, or raise."""

    def refusal(self, visit: Visit, request: ParticipantRequest) -> Sequence[str]:
        """Return status codes if no sign-in can help."""

    def session_for(
        self,
        visit: Visit,
        request: ParticipantRequest,
        login: Login | None,
        *,
        is_proven: bool,
    ) -> Login | None:
        """Return the session that satisfies a request, or None."""

    def confirmed(self, visit: Visit, login: Login, fields: Mapping[str, str]) -> None:
        """Note that the visitor confirmed by a form who they are."""

    def before_answer(
        self, visit: Visit, pending: PendingAuthnRequest, login: Login
    ) -> tuple[PendingAuthnRequest, Sequence[str]]:
        """Return the request to answer, and status codes without a login."""

    def asserted(
        self,
        visit: Visit,
        request: ParticipantRequest,
        login: Login,
        now: float,
    ) -> AssertedLogin | LoginRefusal:
        """Collect the contents of the Response."""

    def answered(
        self, visit: Visit, pending: PendingAuthnRequest, login: Login
    ) -> None:
        """Note that the participant got a Response with a login."""

    def refused(self, visit: Visit, pending: PendingAuthnRequest) -> None:
        """Note that a valid request got no login."""


class SamlSsoSteps:
    """The steps of the plain hub; ``served`` are entityIDs, or None for all."""

    asks_anew = False

    def __init__(
        self,
        names: NameIDs,
        release: AttributeRelease,
        offered: Collection[str],
        *,
        asks_above: bool = False,
        served: Collection[str] | None = None,
    ) -> None:
        self._names = names
        self._release = release
        self._offered = offered
        self._rules = AuthnRequestRules(asks_above=asks_above)
        self._served = served

    def receive(self, visit: Visit) -> ReceivedAuthnRequest:
        """Check and read the AuthnRequest."""
        trust = visit.trust
        inbound = receive(visit, trust.participant)
        return accept_authn_request(
            inbound, trust, self._names, self._offered, self._rules
        )

    def headers(
        self, visit: Visit, received: ReceivedAuthnRequest
    ) -> Sequence[tuple[str, str]]:
        """Return no headers."""
        return ()

    def not_served(self, pending: PendingAuthnRequest) -> Refused | None:
        """Refuse participants that ``passed_on_to`` does not name."""
        if self._served is None or pending.issuer in self._served:
            return None
        return NotServed(
            f"{pending.issuer} gets no login: passed_on_to does not name it, and"
            " only those participants get a login from the hub above"
        )

    def with_choice(
        self, pending: PendingAuthnRequest, fields: Mapping[str, str]
    ) -> PendingAuthnRequest:
        """Return the request as it is."""
        return pending

    def late(self, pending: PendingAuthnRequest) -> Sequence[str]:
        """Report it to the participant, which can retry."""
        return _OVER

    def refusal(self, visit: Visit, request: ParticipantRequest) -> Sequence[str]:
        """Refuse nothing before the sign-in."""
        return ()

    def session_for(
        self,
        visit: Visit,
        request: ParticipantRequest,
        login: Login | None,
        *,
        is_proven: bool,
    ) -> Login | None:
        """Return the session as far as it satisfies the request."""
        return satisfying(login, request.pending, request.domain, is_proven=is_proven)

    def confirmed(self, visit: Visit, login: Login, fields: Mapping[str, str]) -> None:
        """Note nothing."""

    def before_answer(
        self, visit: Visit, pending: PendingAuthnRequest, login: Login
    ) -> tuple[PendingAuthnRequest, Sequence[str]]:
        """Answer the request as it is."""
        return pending, ()

    def asserted(
        self,
        visit: Visit,
        request: ParticipantRequest,
        login: Login,
        now: float,
    ) -> AssertedLogin | LoginRefusal:
        """Collect the contents of the Response, with released attributes."""
        pending, entity, role = request.pending, request.entity, request.role
        released = self._release.of(entity, login.attributes, pending.service_index)
        subject = self._names.name(
            login,
            pending.issuer,
            pending.name_id_format,
            preferred=role.name_id_formats,
            released=released,
        )
        if subject is None:
            cause = _without_name(request, self._names, self._release)
            return LoginRefusal(_NAMELESS, cause)
        index = self._names.session_index(login, pending.issuer)
        return AssertedLogin(
            pending,
            Participant(pending.issuer, subject, index, now),
            login,
            self._release.outside(released),
            now,
            self._release.formats,
        )

    def answered(
        self, visit: Visit, pending: PendingAuthnRequest, login: Login
    ) -> None:
        """Note nothing."""

    def refused(self, visit: Visit, pending: PendingAuthnRequest) -> None:
        """Note nothing."""


def _without_name(
    request: ParticipantRequest,
    names: NameIDs,
    release: AttributeRelease,
) -> Refused | None:
    pending = request.pending
    name_id_format = pending.name_id_format
    attribute = names.attribute_of(name_id_format)
    if not attribute:
        return None
    probe = {attribute: ("",)}
    cause = f"this visitor has no attribute '{attribute}'"
    if not release.of(request.entity, probe, pending.service_index):
        cause = (
            f"the participant may not get the attribute '{attribute}': add that"
            " to its line in release, or have it ask for another format"
        )
    return NotServed(
        f"{pending.issuer!r} gets no login (InvalidNameIDPolicy): it asks for"
        f" a NameID in the format {name_id_format}, but {cause}"
    )
