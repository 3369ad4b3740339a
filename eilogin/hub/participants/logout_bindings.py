"""The bindings for the LogoutRequests to a participant, among those of its metadata."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, NamedTuple

from pydantic import BeforeValidator

from eilogin.federation import Own, Peer, Trust
from eilogin.hub.participants.entity_options import read_by_entity, value_for
from eilogin.saml import bindings
from eilogin.saml.metadata import Endpoint, ServiceProvider
from eilogin.web.outbound_messages import binding_missing, browser_bindings

LogoutBinding = Literal["soap", "browser"]
_CHOICES: Sequence[LogoutBinding] = ("soap", "browser")


class LogoutRoute(NamedTuple):
    """A participant, looked up for one LogoutRequest."""

    peer: Peer[ServiceProvider]
    #: None if only the browser can bring the message.
    soap: Endpoint | None


class LogoutBindings:
    """Selects bindings; ``lines`` has the option by entityID."""

    def __init__(self, lines: Mapping[str, LogoutBinding]) -> None:
        self._lines = lines

    def all_of(self, own: Own, entity_id: str, name_id: str = "") -> tuple[str, ...]:
        """Return the bindings, the preferred one first; SOAP for DigiD (DigiD 3.2)."""
        if own.profile.logout_request_bindings:
            return own.profile.logout_request_bindings
        choice = value_for(self._lines, entity_id)
        if choice == "soap":
            return (bindings.SOAP,)
        in_browser = browser_bindings(own, name_id)
        return in_browser if choice == "browser" else (bindings.SOAP, *in_browser)

    def route(self, trust: Trust, entity_id: str) -> LogoutRoute:
        """Look a participant up; raises UnknownPeer, or BindingMissing without one."""
        peer = trust.participant(entity_id)
        accepted = self.all_of(trust.own, entity_id)
        if peer.role.single_logout(*accepted) is None:
            endpoints = peer.role.single_logouts
            raise binding_missing(
                trust, entity_id, "a LogoutRequest", accepted, endpoints
            )
        has_soap = bindings.SOAP in accepted
        soap = peer.role.single_logout(bindings.SOAP) if has_soap else None
        return LogoutRoute(peer, soap)

    def browser_endpoint(
        self, own: Own, peer: Peer[ServiceProvider], name_id: str
    ) -> Endpoint | None:
        """Return where the browser brings a LogoutRequest, or None."""
        accepted = self.all_of(own, peer.entity_id, name_id)
        in_browser = (binding for binding in accepted if binding != bindings.SOAP)
        return peer.role.single_logout(*in_browser)


def _read_choice(words: Sequence[str]) -> LogoutBinding | None:
    return next((choice for choice in _CHOICES if [choice] == words), None)


def _read_lines(value: object) -> object:
    expected = "an entityID or '*', and 'soap' or 'browser' behind it"
    return read_by_entity(value, expected, _read_choice)


LogoutBindingLines = Annotated[
    Mapping[str, LogoutBinding], BeforeValidator(_read_lines)
]
