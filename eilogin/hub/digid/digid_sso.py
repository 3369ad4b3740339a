"""Single sign-on in the order and with the timers of DigiD (DigiD 2.4)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from eilogin.errors import LoginLost, NotServed, Refused
from eilogin.hub.digid import relay_state
from eilogin.hub.digid.digid_artifacts import digid_record
from eilogin.hub.digid.digid_peers import refusals_as_not_found, valid_participant
from eilogin.hub.digid.digid_requests import DIGID_RULES
from eilogin.hub.digid.digid_response import DigidResponseWriter
from eilogin.hub.digid.reauthentication import DigidPresence
from eilogin.hub.digid.sector_numbers import name_for
from eilogin.hub.participants.name_ids import NameIDs
from eilogin.hub.participants.sso_domains import proven_for
from eilogin.hub.pending_authn_requests import PendingAuthnRequest
from eilogin.hub.signin import rehearsal
from eilogin.hub.signin.password_signin import LogOutOther, PasswordSignIn
from eilogin.hub.sso.authn_request_intake import (
    DENIED,
    NO_LEVEL,
    ReceivedAuthnRequest,
    accept_authn_request,
)
from eilogin.hub.sso.existing_session_page import ExistingSession, ExistingSessionPage
from eilogin.hub.sso.participant_request import ParticipantRequest
from eilogin.hub.sso.response_delivery import ResponseDelivery
from eilogin.hub.sso.response_writing import AssertedLogin
from eilogin.hub.sso.session_reuse import satisfying
from eilogin.hub.sso.single_sign_on import SingleSignOn
from eilogin.hub.sso.sso_steps import FAILED, LoginRefusal
from eilogin.saml.sector_names import SectorName
from eilogin.sessions import Login, Participant, Subject
from eilogin.web.inbound_messages import receive
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.requests import client_address
from eilogin.web.visit import Visit

#: The failures that a tester can choose instead of a login.
_INSTEAD = {
    rehearsal.CANCEL: FAILED,
    rehearsal.INACTIVE: DENIED,
    rehearsal.NOT_REACHED: NO_LEVEL,
}


def digid_single_sign_on(  # noqa: PLR0913 - its parts
    sign_in: PasswordSignIn,
    pages: Pages,
    names: NameIDs,
    make_way: LogOutOther,
    *,
    sectors: Mapping[str, Sequence[str]],
    inactive: Collection[str],
    shows_session: bool,
    rehearses: bool,
) -> SingleSignOn:
    """Make single sign-on with the steps of DigiD and the options of the hub."""
    steps = DigidSsoSteps(
        names, sign_in.offered, sectors=sectors, inactive=inactive, rehearses=rehearses
    )
    return SingleSignOn(
        sign_in,
        steps,
        DigidResponseWriter(),
        ResponseDelivery(pages, record=digid_record, state_of=_relay_state),
        ExistingSessionPage(pages, DigidExistingSessions(rehearses=rehearses)),
        make_way if shows_session else None,
    )


class DigidExistingSessions:
    """A citizen's session at DigiD, for the page before the Response."""

    def __init__(self, *, rehearses: bool) -> None:
        self._rehearses = rehearses

    def is_new(self, visit: Visit, pending: PendingAuthnRequest, login: Login) -> bool:
        """Whether the citizen is not signed in at the participant yet."""
        return not DigidPresence(visit, login).has(pending.issuer)

    def find(self, visit: Visit, login: Login) -> ExistingSession:
        """Return the services with a login, and when the session ends."""
        presence = DigidPresence(visit, login)
        participants = visit.sessions.participants(login)
        return ExistingSession(presence.services(participants), presence.lasts_until)

    def username(self, login: Login) -> str:
        """Return "": DigiD shows no username."""
        return ""

    def choices(
        self, visit: Visit, pending: PendingAuthnRequest, login: Login
    ) -> Mapping[str, Any]:
        """Return the Responses that a tester can choose."""
        return {
            "choices": rehearsal.CHOICES if self._rehearses else (),
            "chosen": pending.rehearsal or rehearsal.stored(visit.values, login),
        }


class DigidSsoSteps:
    """DigiD's steps of single sign-on; ``offered`` are the levels of sign-in."""

    asks_anew = True

    def __init__(
        self,
        names: NameIDs,
        offered: Collection[str],
        *,
        sectors: Mapping[str, Sequence[str]],
        inactive: Collection[str],
        rehearses: bool,
    ) -> None:
        self._names = names
        self._offered = offered
        self._sectors = sectors
        self._inactive = inactive
        self._rehearses = rehearses

    def receive(self, visit: Visit) -> ReceivedAuthnRequest:
        """Read an AuthnRequest; NotFound if no connected party signed it."""
        trust = visit.trust
        with refusals_as_not_found():
            inbound = receive(visit, valid_participant(trust), trust.weak)
            relay_state.require_short(inbound.relay_state)
            return accept_authn_request(
                inbound, trust, self._names, self._offered, DIGID_RULES
            )

    def headers(
        self, visit: Visit, received: ReceivedAuthnRequest
    ) -> Sequence[tuple[str, str]]:
        """Keep the RelayState of a signed request."""
        # By POST it is not signed (SAML bindings 3.5.4.1).
        is_signed = visit.method == "GET"
        if not is_signed or received.cause is not None:
            return ()
        return relay_state.cookie_headers(received.request.pending.relay_state)

    def not_served(self, pending: PendingAuthnRequest) -> Refused | None:
        """Refuse the participants of the option ``inactive``."""
        if pending.issuer not in self._inactive:
            return None
        return NotServed(
            f"{pending.issuer} gets no login, because the option 'inactive' names it"
        )

    def with_choice(
        self, pending: PendingAuthnRequest, fields: Mapping[str, str]
    ) -> PendingAuthnRequest:
        """Return the request with a tester's choice from a form or query."""
        choice = rehearsal.chosen(fields) if self._rehearses else ""
        return replace(pending, rehearsal=choice)

    def late(self, pending: PendingAuthnRequest) -> Sequence[str]:
        """Raise LoginLost: DigiD shows an error page of its own."""
        raise LoginLost(f"{pending.issuer} asked for this login too long ago")

    def refusal(self, visit: Visit, request: ParticipantRequest) -> Sequence[str]:
        """Refuse by a tester's choice, or a citizen without a number."""
        pending = request.pending
        if pending.rehearsal in rehearsal.WITHOUT_LOGIN:
            return _INSTEAD[pending.rehearsal]
        return FAILED if self._has_no_number(visit, request) else ()

    def _has_no_number(self, visit: Visit, request: ParticipantRequest) -> bool:
        # DigiD checks this first (DigiD 2.4).
        login = visit.session_beyond_idle()
        return (
            login is not None
            and proven_for(login, request.domain) is not None
            and self._name_for(request, login) is None
            and not DigidPresence(visit, login).must_prove(request.pending.issuer)
        )

    def _name_for(self, request: ParticipantRequest, login: Login) -> SectorName | None:
        return name_for(self._sectors, request.entity, login.attributes)

    def session_for(
        self,
        visit: Visit,
        request: ParticipantRequest,
        login: Login | None,
        *,
        is_proven: bool,
    ) -> Login | None:
        """Return the session that can answer, even an idle one."""
        login = visit.session_beyond_idle()
        pending = request.pending
        certain = satisfying(login, pending, request.domain, is_proven=is_proven)
        if certain is None or DigidPresence(visit, certain).must_prove(pending.issuer):
            return None
        return certain

    def confirmed(self, visit: Visit, login: Login, fields: Mapping[str, str]) -> None:
        """Drop the stored choice of a tester, if the form has one."""
        if self._rehearses and rehearsal.FIELD in fields:
            rehearsal.take(visit.values, login)

    def before_answer(
        self, visit: Visit, pending: PendingAuthnRequest, login: Login
    ) -> tuple[PendingAuthnRequest, Sequence[str]]:
        """Apply a tester's choice."""
        if self._rehearses and not pending.rehearsal:
            choice = rehearsal.take(visit.values, login)
            pending = replace(pending, rehearsal=choice)
        return pending, _INSTEAD.get(pending.rehearsal, ())

    def asserted(
        self,
        visit: Visit,
        request: ParticipantRequest,
        login: Login,
        now: float,
    ) -> AssertedLogin | LoginRefusal:
        """Collect the contents of the Response, with the sector number as NameID."""
        pending, trust = request.pending, visit.trust
        name = self._name_for(request, login)
        if name is None:
            # The same status as for a citizen who cancels (DigiD 1.6).
            return LoginRefusal(FAILED)
        subject = Subject(trust.own.entity_id, pending.issuer, str(name))
        index = _forty(self._names.session_index(login, pending.issuer))
        return AssertedLogin(
            pending,
            Participant(pending.issuer, subject, index, now),
            login,
            {},
            now,
            address=client_address(visit, trust.trusted_proxies),
        )

    def answered(
        self, visit: Visit, pending: PendingAuthnRequest, login: Login
    ) -> None:
        """Note that the citizen is signed in at the participant."""
        DigidPresence(visit, login).enter(pending.issuer)

    def refused(self, visit: Visit, pending: PendingAuthnRequest) -> None:
        """Note that the citizen is not signed in at the participant."""
        login = visit.session_beyond_idle()
        if login is not None:
            DigidPresence(visit, login).leave(pending.issuer)


def _relay_state(visit: Visit, pending: PendingAuthnRequest) -> str:
    return pending.relay_state or relay_state.stored(visit)


def _forty(index: str) -> str:
    """Extend a SessionIndex to DigiD's form (DigiD 1.5)."""
    digits = index.lstrip("_")
    return f"{digits}{int(digits, 16) % 10**8:08}"
