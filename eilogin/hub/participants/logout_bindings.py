"""The bindings for the LogoutRequests to a participant, among those of its metadata."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import BeforeValidator

from eilogin.federation import Own
from eilogin.hub.participants.entity_options import read_by_entity, value_for
from eilogin.saml import bindings
from eilogin.web.outbound_messages import browser_bindings

LogoutBinding = Literal["soap", "browser"]
_CHOICES: Sequence[LogoutBinding] = ("soap", "browser")


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

    def in_browser(self, own: Own, entity_id: str, name_id: str) -> tuple[str, ...]:
        """Return those that need the browser."""
        accepted = self.all_of(own, entity_id, name_id)
        return tuple(binding for binding in accepted if binding != bindings.SOAP)


def _read_choice(words: Sequence[str]) -> LogoutBinding | None:
    return next((choice for choice in _CHOICES if [choice] == words), None)


def _read_lines(value: object) -> object:
    expected = "an entityID or '*', and 'soap' or 'browser' behind it"
    return read_by_entity(value, expected, _read_choice)


LogoutBindingLines = Annotated[
    Mapping[str, LogoutBinding], BeforeValidator(_read_lines)
]
