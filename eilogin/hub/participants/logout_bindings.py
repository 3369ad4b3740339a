"""By which way each participant is told of a logout, of what its metadata has.

An option of the hub says it, for who says in its metadata that it takes something and
does not (some say SOAP and answer it with an error page), or where no server of ours
may reach them::

    logout_binding =
        https://uwv.example.nl/eilogin/metadata   browser
        *                                         soap

``soap`` is from server to server, and so without a browser; ``browser`` in the
citizen's own, by Redirect or POST. Who has no line is told over SOAP, and where that
reaches nobody in her browser.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import BeforeValidator

from eilogin.federation import Own
from eilogin.hub.participants.entity_options import read_by_entity, said_for
from eilogin.saml import bindings
from eilogin.web.outbound_messages import browser_bindings

Way = Literal["soap", "browser"]
_WAYS: Sequence[Way] = ("soap", "browser")


class Ways:
    """The bindings for each; ``said`` has a way by entityID."""

    def __init__(self, said: Mapping[str, Way]) -> None:
        self._said = said

    def all_of(self, own: Own, entity_id: str, name_id: str = "") -> tuple[str, ...]:
        """All bindings by which a participant may be told, the preferred one first.

        ``name_id`` says whom it is told about, where that is known. DigiD tells
        everybody over SOAP (DIGID.md 3.2).
        """
        if own.is_digid:
            return (bindings.SOAP,)
        way = said_for(self._said, entity_id)
        if way == "soap":
            return (bindings.SOAP,)
        in_browser = browser_bindings(own, name_id)
        return in_browser if way == "browser" else (bindings.SOAP, *in_browser)

    def in_browser(self, own: Own, entity_id: str, name_id: str) -> tuple[str, ...]:
        """Those of them that need the citizen's browser."""
        wanted = self.all_of(own, entity_id, name_id)
        return tuple(binding for binding in wanted if binding != bindings.SOAP)


def _read_way(words: Sequence[str]) -> Way | None:
    return next((way for way in _WAYS if [way] == words), None)


def _read_ways(value: object) -> object:
    expected = "an entityID or '*', and 'soap' or 'browser' behind it"
    return read_by_entity(value, expected, _read_way)


#: The type of the option ``logout_binding``.
WayLines = Annotated[Mapping[str, Way], BeforeValidator(_read_ways)]
