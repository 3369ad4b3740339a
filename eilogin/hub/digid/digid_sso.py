"""Single sign-on in the order and with the timers of DigiD (DigiD 2.4).

A message of an unconnected party gets a 404. Every other AuthnRequest gets an artifact:
of a login, possibly after a page, or of a Response with the reason for the failure. If
``show_session`` says so, a visitor who comes from another service sees a page with the
services where they are signed in.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lxml import etree
from webob import Response

from eilogin import clock
from eilogin.errors import LoginLost, NotServed, Refused
from eilogin.hub.digid import relay_state
from eilogin.hub.digid.digid_peers import keys_for, refusals_as_not_found
from eilogin.hub.digid.digid_response import DigidResponseWriter
from eilogin.hub.digid.reauthentication import DigidPresence
from eilogin.hub.digid.sector_numbers import name_for
from eilogin.hub.participants.attribute_release import AttributeRelease
from eilogin.hub.participants.name_ids import NameIDs
from eilogin.hub.participants.sso_domains import proven_for
from eilogin.hub.pending_authn_requests import PendingAuthnRequest
from eilogin.hub.signin import rehearsal
from eilogin.hub.signin.password_login_service import PasswordLoginService
from eilogin.hub.signin.password_signin import LogOutOther, PasswordSignIn
from eilogin.hub.signin.upstream_signin import UpstreamLoginService
from eilogin.hub.sso.artifact_endpoint import (
    artifact_key,
    artifact_response,
    note_unknown_artifact,
)
from eilogin.hub.sso.authn_request_intake import (
    DENIED,
    NO_LEVEL,
    ReceivedAuthnRequest,
    accept_authn_request,
    require_recent_as_digid,
)
from eilogin.hub.sso.response_writing import RESPONSE_LIFETIME, AssertedLogin
from eilogin.hub.sso.session_reuse import domain_of, satisfying
from eilogin.hub.sso.single_sign_on import (
    FAILED,
    ExistingSession,
    SingleSignOn,
)
from eilogin.saml import messages, safe_xml
from eilogin.saml.message_checks import require_destination
from eilogin.saml.sector_names import SectorName
from eilogin.sessions import Login, Participant, Subject
from eilogin.web import environ as env
from eilogin.web.inbound_messages import receive, receive_soap
from eilogin.web.outbound_messages import soap_answer
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.pages.refusal_notes import note_refusal
from eilogin.web.requests import client_address

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: How long the hub remembers an artifact after its Response expired, in seconds.
_KNOWN_FOR = 15 * 60.0

_DENIED = messages.Status(DENIED)

#: The failures that a tester can choose instead of a login.
_INSTEAD = {
    rehearsal.CANCEL: FAILED,
    rehearsal.INACTIVE: DENIED,
    rehearsal.NOT_REACHED: NO_LEVEL,
}


class DigidSingleSignOn(SingleSignOn):
    """ResponseWriter participants as DigiD does.

    ``make_way`` ends the session of a visitor if another person says that they use the
    browser now. ``sectors``, ``inactive``, ``shows_session`` and ``rehearses`` are
    options of the hub.
    """

    # DigiD 1.6: a citizen without a number for this participant gets the same status
    # as one who cancels.
    _nameless = FAILED
    _asks_anew = True

    def __init__(  # noqa: PLR0913 - its parts
        self,
        sign_in: PasswordSignIn,
        pages: Pages,
        names: NameIDs,
        make_way: LogOutOther,
        *,
        sectors: Mapping[str, Sequence[str]],
        inactive: Collection[str],
        shows_session: bool,
        rehearses: bool,
    ) -> None:
        super().__init__(
            sign_in,
            pages,
            names,
            AttributeRelease({}),
            DigidResponseWriter(),
            make_way if shows_session else None,
        )
        self._sectors = sectors
        self._inactive = inactive
        self._rehearses = rehearses

    # --- /sso -----------------------------------------------------------------------

    def _asked(self, environ: "WSGIEnvironment") -> ReceivedAuthnRequest:
        trust = env.trust(environ)
        with refusals_as_not_found():
            inbound = receive(environ, keys_for(trust), trust.weak)
            relay_state.require_short(inbound.relay_state)
            return accept_authn_request(
                inbound, trust, self._names, self._sign_in.offered
            )

    def _begin(
        self, environ: "WSGIEnvironment", asked: ReceivedAuthnRequest
    ) -> Response:
        answer = super()._begin(environ, asked)
        # A RelayState by POST is not signed (SAML bindings 3.5.4.1).
        is_signed = environ["REQUEST_METHOD"] == "GET"
        if is_signed and asked.cause is None:
            answer.headerlist.extend(relay_state.keep(asked.pending.relay_state))
        return answer

    def _not_served(self, pending: PendingAuthnRequest) -> Refused | None:
        if pending.issuer not in self._inactive:
            return None
        return NotServed(
            f"{pending.issuer} gets no login, because the option 'inactive' names it"
        )

    def _question(
        self, environ: "WSGIEnvironment", query: Mapping[str, str]
    ) -> PendingAuthnRequest:
        pending = super()._question(environ, query)
        return replace(pending, rehearsal=self._choice(query))

    def _refuse_late(
        self, environ: "WSGIEnvironment", pending: PendingAuthnRequest
    ) -> Response:
        # DigiD shows an error page of its own.
        raise LoginLost(f"{pending.issuer} asked for this login too long ago")

    def _choice(self, fields: Mapping[str, str]) -> str:
        return rehearsal.chosen(fields) if self._rehearses else ""

    def _answer(
        self,
        environ: "WSGIEnvironment",
        pending: PendingAuthnRequest,
        service: PasswordLoginService | UpstreamLoginService,
    ) -> Response:
        if pending.rehearsal in rehearsal.WITHOUT_LOGIN:
            return self._refuse(environ, pending, _INSTEAD[pending.rehearsal])
        if self._has_no_number(environ, pending):
            return self._refuse(environ, pending, FAILED)
        return super()._answer(environ, pending, service)

    def _has_no_number(
        self, environ: "WSGIEnvironment", pending: PendingAuthnRequest
    ) -> bool:
        """Whether the signed-in citizen has no number for this participant.

        Then the hub asks nobody else to sign in: DigiD 2.4 checks this first.
        """
        login = env.session_beyond_idle(environ)
        return (
            login is not None
            and proven_for(login, domain_of(environ, pending)) is not None
            and self._name_for(environ, pending, login) is None
            and not DigidPresence(environ, login).must_prove(pending.issuer)
        )

    def _name_for(
        self, environ: "WSGIEnvironment", pending: PendingAuthnRequest, login: Login
    ) -> SectorName | None:
        entity, _ = env.trust(environ).participant(pending.issuer)
        return name_for(self._sectors, entity, login.attributes)

    def _certain(
        self,
        environ: "WSGIEnvironment",
        pending: PendingAuthnRequest,
        service: PasswordLoginService | UpstreamLoginService,
        *,
        is_proven: bool,
    ) -> Login | None:
        return _known(environ, pending, is_proven=is_proven)

    def _is_new(
        self, environ: "WSGIEnvironment", pending: PendingAuthnRequest, login: Login
    ) -> bool:
        return not DigidPresence(environ, login).has(pending.issuer)

    def _decide(
        self, environ: "WSGIEnvironment", pending: PendingAuthnRequest, login: Login
    ) -> Response:
        """Answer with a login, or with the failure that a tester chose."""
        if self._rehearses and not pending.rehearsal:
            choice = rehearsal.take(env.values(environ), login)
            pending = replace(pending, rehearsal=choice)
        codes = _INSTEAD.get(pending.rehearsal)
        if codes is not None:
            return self._refuse(environ, pending, codes)
        answer = self._confirm(environ, pending, login)
        DigidPresence(environ, login).enter(pending.issuer)
        return answer

    def _refuse(
        self,
        environ: "WSGIEnvironment",
        pending: PendingAuthnRequest,
        codes: Sequence[str],
        cause: Refused | None = None,
    ) -> Response:
        login = env.session_beyond_idle(environ)
        # A ``cause`` is a fault of the request, which anybody may have replayed.
        if login is not None and cause is None:
            DigidPresence(environ, login).leave(pending.issuer)
        return super()._refuse(environ, pending, codes, cause)

    def _told(
        self,
        environ: "WSGIEnvironment",
        pending: PendingAuthnRequest,
        login: Login,
        now: float,
    ) -> AssertedLogin | None:
        trust = env.trust(environ)
        name = self._name_for(environ, pending, login)
        if name is None:
            return None
        subject = Subject(trust.own.entity_id, pending.issuer, str(name))
        index = _forty(self._names.session_index(login, pending.issuer))
        return AssertedLogin(
            pending,
            Participant(pending.issuer, subject, index, now),
            login,
            {},
            now,
            address=client_address(environ, trust.trusted_proxies),
        )

    def _deliver(
        self,
        environ: "WSGIEnvironment",
        pending: PendingAuthnRequest,
        response: etree._Element,
        login: Login | None,
    ) -> Response:
        state = pending.relay_state or relay_state.kept(environ)
        pending = replace(pending, relay_state=state)
        return super()._deliver(environ, pending, response, login)

    def _kept(self, pending: PendingAuthnRequest, text: str) -> tuple[str, float]:
        until = clock.now() + RESPONSE_LIFETIME
        return json.dumps([until, text, pending.rehearsal]), until + _KNOWN_FOR

    # --- where she is logged in already ---------------------------------------------

    def _known(self, environ: "WSGIEnvironment", login: Login) -> ExistingSession:
        presence = DigidPresence(environ, login)
        participants = env.sessions(environ).participants(login)
        return ExistingSession(presence.services(participants), presence.lasts_until)

    def _username(self, login: Login) -> str:
        return ""

    def _choices(
        self, environ: "WSGIEnvironment", pending: PendingAuthnRequest, login: Login
    ) -> Mapping[str, Any]:
        return {
            "choices": rehearsal.CHOICES if self._rehearses else (),
            "chosen": pending.rehearsal or rehearsal.kept(env.values(environ), login),
        }

    def _still_certain(
        self, environ: "WSGIEnvironment", pending: PendingAuthnRequest
    ) -> Login | None:
        return _known(environ, pending, is_proven=False)

    def _go_on_as(
        self,
        environ: "WSGIEnvironment",
        pending: PendingAuthnRequest,
        login: Login,
        fields: Mapping[str, str],
    ) -> Response:
        if self._rehearses and rehearsal.FIELD in fields:
            # The choice in this form replaces the stored one.
            rehearsal.take(env.values(environ), login)
        return self._decide(environ, pending, login)

    # --- /artifact ------------------------------------------------------------------

    def resolve(self, environ: "WSGIEnvironment") -> Response:
        """Answer an ArtifactResolve with the stored Response, once.

        An expired or unknown artifact gets a status without a Response.
        """
        trust = env.trust(environ)
        with refusals_as_not_found():
            element, issuer = receive_soap(environ, keys_for(trust))
            request = messages.read_artifact_resolve(element)
        key = trust.key_for(issuer)
        try:
            require_recent_as_digid(request.issued, clock.now())
            require_destination(
                request.destination, trust.own.url("artifact"), required=False
            )
        except Refused as error:
            note_refusal(error, "login", environ)
            return soap_answer(artifact_response(trust, "", _DENIED), key)
        store = env.sessions(environ).store
        kept = store.take(artifact_key(request.artifact, issuer))
        if kept is None:
            note_unknown_artifact(issuer)
            return soap_answer(artifact_response(trust, request.id, _DENIED), key)
        until, text, choice = json.loads(kept)
        rehearsal.hold_back(choice)
        if choice == rehearsal.UNKNOWN:
            return soap_answer(artifact_response(trust, request.id, _DENIED), key)
        is_over = clock.now() >= until or choice == rehearsal.EXPIRED
        carried = None if is_over else safe_xml.parse(text.encode())
        answer = soap_answer(
            artifact_response(trust, request.id, messages.Status(), carried), key
        )
        return rehearsal.broken(answer) if choice == rehearsal.BROKEN else answer


def _known(
    environ: "WSGIEnvironment", pending: PendingAuthnRequest, *, is_proven: bool
) -> Login | None:
    """Return the session that can answer an AuthnRequest.

    None if the visitor has to sign in first. ``is_proven`` says whether the visitor has
    signed in for this AuthnRequest.
    """
    login = env.session_beyond_idle(environ)
    domain = domain_of(environ, pending)
    certain = satisfying(login, pending, domain, is_proven=is_proven)
    if certain is None or DigidPresence(environ, certain).must_prove(pending.issuer):
        return None
    return certain


def _forty(index: str) -> str:
    """Extend a SessionIndex to the form that DigiD uses (DigiD 1.5)."""
    digits = index.lstrip("_")
    return f"{digits}{int(digits, 16) % 10**8:08}"
