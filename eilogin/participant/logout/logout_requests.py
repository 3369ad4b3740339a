"""LogoutRequests to the hub, which notifies all others (SAML profiles 4.4.3.1)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

from lxml import etree
from pydantic import BeforeValidator

from eilogin import audit, clock
from eilogin.errors import InNameOf, MessageUnexpected, PeerBusy, UnknownPeer
from eilogin.federation import Trust
from eilogin.participant.digid_profile import name_id_of
from eilogin.participant.login.hub_reachability import RouteToHub
from eilogin.participant.logout.logout_outcome import SingleLogoutOutcome
from eilogin.participant.logout.unconfirmed_logouts import UnconfirmedLogout
from eilogin.saml import bindings, messages, xml_signatures
from eilogin.saml.message_checks import check_logout_response
from eilogin.sessions import Login
from eilogin.web.inbound_messages import open_soap_answer
from eilogin.web.limits.client_network import network_here
from eilogin.web.limits.slots import Full, Slots
from eilogin.web.outbound_messages import (
    binding_missing,
    browser_bindings,
    encryption_key,
)
from eilogin.web.visit import Visit

#: Seconds that a logout waits for a slot.
_PATIENCE = 5.0
#: Slots for SOAP calls; without one, the logout goes on as if the hub did not answer.
_AT_HUBS = Slots()

_BINDINGS = {
    "redirect": bindings.REDIRECT,
    "post": bindings.POST,
    "soap": bindings.SOAP,
}


def _bindings(value: object) -> object:
    if not isinstance(value, str):
        return value
    words = value.split()
    if words == ["auto"]:
        return ()
    if not words or len({*words}) != len(words) or not _BINDINGS.keys() >= {*words}:
        raise ValueError(
            "'auto', or one or more of 'redirect', 'post' and 'soap', the preferred one"
            " first"
        )
    return tuple(_BINDINGS[word] for word in words)


LogoutBindings = Annotated[tuple[str, ...], BeforeValidator(_bindings)]


class LogoutRequestSender:
    """Writes and sends the LogoutRequests of one participant.

    * ``preferred``: the bindings by preference; if empty, the usual ones.
    * ``timeout``: of a SOAP call, in seconds.
    * ``at_once``: most SOAP calls of this process to a hub.
    * ``encrypts``: encrypt the NameID if the hub has a key for it.
    """

    def __init__(
        self, preferred: Sequence[str], *, timeout: float, at_once: int, encrypts: bool
    ) -> None:
        self._preferred = preferred
        self._timeout = timeout
        self._at_once = at_once
        self._encrypts = encrypts

    def routes(self, trust: Trust, login: Login) -> list[RouteToHub]:
        """Return the routes by preference; raise UnknownPeer without one."""
        entity_id = login.who.issuer
        hub = trust.hub_peer(entity_id)
        if login.named is None:
            raise UnknownPeer(
                f"{entity_id!r} sent no NameID for this visitor, so a "
                "LogoutRequest cannot name them"
            )
        name_id = login.named.name_id
        usable = self._preferred or _usual(browser_bindings(trust.own, name_id))
        candidates = [hub.role.single_logout(binding) for binding in usable]
        routes = [RouteToHub(hub, endpoint) for endpoint in candidates if endpoint]
        if not routes:
            raise binding_missing(
                trust, entity_id, "a LogoutRequest", usable, hub.role.single_logouts
            )
        return routes

    def request(
        self, trust: Trust, notice: UnconfirmedLogout, route: RouteToHub
    ) -> etree._Element:
        """Return the LogoutRequest for a route, not signed yet."""
        login = notice.login
        hub = route.peer.role
        # DigiD uses no SessionIndex: it knows the visitor's browser (DigiD 3.1).
        has_index = trust.own.profile.has_session_index
        index = login.session_index if has_index else ""
        return messages.write_logout_request(
            messages.LogoutRequest(
                id=notice.request_id,
                issued=notice.issued,
                issuer=trust.own.entity_id,
                name_id=name_id_of(trust.own, login),
                destination=route.endpoint.location,
                session_indexes=(index,) if index else (),
            ),
            encryption_key(hub, wanted=self._encrypts),
            hub.encryption_methods,
        )

    def directly(
        self, visit: Visit, notice: UnconfirmedLogout, route: RouteToHub
    ) -> SingleLogoutOutcome:
        """Return the outcome that the hub states over SOAP, or raise EiloginError."""
        trust, hub = visit.trust, route.peer.entity_id
        element = self.request(trust, notice, route)
        xml_signatures.sign(element, trust.key_for(route.peer))
        body = bindings.wrap_soap(element)
        with InNameOf(hub):
            with _slot(visit, hub, self._at_once):
                octets = trust.back_channel.post(
                    route.endpoint.location, body, timeout=self._timeout
                )
            signed, _ = open_soap_answer(octets, route.peer, trust.hub_peer)
            response = messages.read_logout_response(signed)
            # An answer over SOAP goes to no address of ours (SAML bindings 3.2.3).
            return logout_outcome_in(
                response, hub, notice.request_id, response.destination
            )


def _usual(in_browser: Sequence[str]) -> Sequence[str]:
    """Return the usual bindings; Redirect comes last if it would show the NameID."""
    if in_browser[0] == bindings.REDIRECT:
        return (*in_browser, bindings.SOAP)
    return (bindings.POST, bindings.SOAP, bindings.REDIRECT)


@contextmanager
def _slot(visit: Visit, hub: str, most: int) -> Iterator[None]:
    # The hub cannot see the client network, so this server limits each of them.
    try:
        with _AT_HUBS.hold(hub, most, network_here(visit), patience=_PATIENCE):
            yield
    except Full as full:
        raise PeerBusy(
            f"logout: {full.in_use} LogoutRequests to {hub!r} wait at this moment, "
            f"{full.of_client} of them from one client network; eilogin sends no "
            "more. Does the hub answer slowly (logouts_at_once, logout_timeout)?"
        ) from None


def logout_outcome_in(
    response: messages.LogoutResponse, hub: str, request_id: str, destination: str
) -> SingleLogoutOutcome:
    """Return the outcome of a LogoutResponse, or raise Refused."""
    # "destination" is "" if the response needs none.
    check_logout_response(
        response,
        issuer=hub,
        in_response_to=request_id,
        destination=destination,
        destination_required=bool(destination),
        now=clock.now(),
    )
    codes = response.status.codes
    is_partial = messages.PARTIAL_LOGOUT in codes
    if not response.status.is_success and not is_partial:
        # The hub may have lost the session, so sessions may go on elsewhere.
        raise MessageUnexpected(
            f"{hub!r} does not confirm the logout; its status is "
            f"{' '.join(codes)[:200]!r}"
        )
    audit.event("logout.answered", "failed" if is_partial else "ok", peer=hub)
    if is_partial and response.status.message == messages.STAYS:
        return SingleLogoutOutcome.CHOSEN
    return SingleLogoutOutcome.PARTLY if is_partial else SingleLogoutOutcome.EVERYWHERE
