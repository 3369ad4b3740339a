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
from eilogin.saml import bindings
from eilogin.settings import read_lines, split
from eilogin.web.outbound import browser_bindings

Way = Literal["soap", "browser"]
_WAYS: Sequence[Way] = ("soap", "browser")

#: In the place of an entityID: everybody who has no line.
EVERYBODY = "*"


class Ways:
    """The bindings for each; ``said`` has a way by entityID."""

    def __init__(self, said: Mapping[str, Way] | None = None) -> None:
        self._said = said or {}

    def all_of(self, own: Own, entity_id: str) -> tuple[str, ...]:
        """All bindings by which a participant may be told, the preferred one first."""
        way = self._said.get(entity_id, self._said.get(EVERYBODY))
        if way == "soap":
            return (bindings.SOAP,)
        in_browser = browser_bindings(own)
        return in_browser if way == "browser" else (bindings.SOAP, *in_browser)

    def in_browser(self, own: Own, entity_id: str) -> tuple[str, ...]:
        """Those of them that need the citizen's browser; none of who plays DigiD.

        DigiD tells everybody over SOAP (DIGID.md 3.2).
        """
        if own.is_digid:
            return ()
        wanted = self.all_of(own, entity_id)
        return tuple(binding for binding in wanted if binding != bindings.SOAP)


def _read_line(line: str) -> tuple[str, Way]:
    who, *rest = line.split()
    word = rest[-1] if rest and rest[:-1] in ([], ["="]) else ""
    found = next((way for way in _WAYS if way == word), None)
    if found is None or not (who == EVERYBODY or ":" in who):
        raise ValueError("an entityID or '*', and 'soap' or 'browser' behind it")
    return who, found


def _read_ways(value: object) -> object:
    if not isinstance(value, str):
        return value
    lines = read_lines(split(value), _read_line)
    found = dict(lines)
    if len(found) < len(lines):
        raise ValueError("one line for each")
    return found


#: The type of the option ``logout_binding``.
WayLines = Annotated[Mapping[str, Way], BeforeValidator(_read_ways)]
