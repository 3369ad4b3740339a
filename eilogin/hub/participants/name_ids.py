"""The NameID of a visitor for each participant, in the format that it asks for.

The hub derives *persistent* NameIDs from its secret, in lower case, because some
systems ignore case. *Transient* ones depend on the session too. ``email`` and
``unspecified`` are a released attribute. AllowCreate has no effect.
"""

import hashlib
import hmac
from collections.abc import Collection, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Annotated

from pydantic import AfterValidator

from eilogin.hub.participants.attribute_release import NamePairs
from eilogin.saml import messages
from eilogin.saml.sector_names import tells_number
from eilogin.sessions import Login, Subject
from eilogin.sessions.session_records import BY_ATTRIBUTE

#: Formats by the words of the options.
FORMATS: Mapping[str, str] = MappingProxyType(
    {
        "persistent": messages.PERSISTENT,
        "transient": messages.TRANSIENT,
        "email": messages.EMAIL,
        "unspecified": messages.UNSPECIFIED,
    }
)

_OF_ATTRIBUTES = ("email", "unspecified")

#: Policies that leave the format to the hub (SAML core 3.4.1.1).
_ANY = ("", messages.UNSPECIFIED, messages.ENCRYPTED)


class NameIDs:
    """Makes NameIDs and SessionIndexes from the secret ``key``.

    ``usual`` is the default format, ``attributes`` has the attribute of a format, and
    no LogoutRequest can name a visitor to ``nameless`` participants.
    """

    def __init__(
        self,
        key: bytes,
        usual: str,
        attributes: Mapping[str, str],
        nameless: Collection[str] = (),
    ) -> None:
        self._key = key
        self._nameless = nameless
        self._usual = usual
        self._attributes = attributes

    def knows(self, name_id_format: str) -> bool:
        """Whether this hub can satisfy a NameIDPolicy with this format."""
        return name_id_format in _ANY or name_id_format in FORMATS.values()

    @property
    def formats(self) -> Sequence[str]:
        """The formats of the NameIDs that this hub gives."""
        return tuple(FORMATS.values())

    def attribute_of(self, name_id_format: str) -> str:
        """Return the attribute that is the NameID in a format, or ""."""
        return self._attributes.get(name_id_format, "")

    def name(
        self,
        login: Login,
        entity_id: str,
        name_id_format: str,
        *,
        preferred: Sequence[str] = (),
        released: Mapping[str, Sequence[str]],
    ) -> Subject | None:
        """Return the subject for a participant, or None without a NameID."""
        if entity_id in self._nameless:
            return self._nobody(login, entity_id, name_id_format)
        formats: Sequence[str] = (name_id_format,)
        if name_id_format in _ANY:
            formats = (*preferred, self._usual, messages.PERSISTENT)
        for candidate in formats:
            value = self._value(login, entity_id, candidate, released)
            if value:
                return _subject(login, entity_id, value, candidate)
        return None

    def _nobody(
        self, login: Login, entity_id: str, name_id_format: str
    ) -> Subject | None:
        if name_id_format not in ("", messages.UNSPECIFIED):
            return None
        value = self._derived("nameless", login.subject, entity_id)
        return Subject(login.audience, entity_id, value, format=BY_ATTRIBUTE)

    def _value(
        self,
        login: Login,
        entity_id: str,
        name_id_format: str,
        released: Mapping[str, Sequence[str]],
    ) -> str:
        if name_id_format == messages.PERSISTENT:
            return self._derived(login.subject, entity_id)
        if name_id_format == messages.TRANSIENT:
            # No system reads this identifier as anything else (SAML core 8.3.8).
            return "_" + self._derived("transient", login.family, entity_id)
        values = released.get(self._attributes.get(name_id_format, ""), ())
        return next(iter(values), "")

    def session_index(self, login: Login, entity_id: str) -> str:
        """Derive the SessionIndex: not random, so two tabs at once have the same."""
        return "_" + self._derived(login.family, entity_id)[:32]

    def of_subject_above(self, subject: Subject) -> str:
        """Derive the id of a subject of the hub above, which reveals no NameID."""
        return self._derived(
            "above",
            subject.issuer,
            subject.name_qualifier,
            subject.sp_name_qualifier,
            subject.name_id,
        )

    def any_of(self, hub: str, entity_id: str, name_id: str) -> Iterator[Subject]:
        """Yield the subjects that a NameID of our entityID ``hub`` may mean."""
        for name_id_format in FORMATS.values():
            yield Subject(hub, entity_id, name_id, name_id_format)

    def _derived(self, *parts: str) -> str:
        text = "\0".join(parts).encode()
        name = hmac.digest(self._key, text, hashlib.sha256).hex()
        # A NameID must not look like a BSN, because logs mask those.
        return self._derived("again", *parts) if tells_number(name) else name


def citizen_here(hub: str, citizen_id: str) -> Subject:
    """Return the subject of a citizen in a hub's own sessions."""
    return Subject(hub, hub, citizen_id, name_qualifier=hub, sp_name_qualifier=hub)


def _subject(login: Login, entity_id: str, value: str, name_id_format: str) -> Subject:
    hub = login.audience
    # Qualifiers are only for NameIDs of one participant.
    is_pairwise = name_id_format in (messages.PERSISTENT, messages.TRANSIENT)
    return Subject(
        issuer=hub,
        audience=entity_id,
        name_id=value,
        format=name_id_format,
        name_qualifier=hub if is_pairwise else "",
        sp_name_qualifier=entity_id if is_pairwise else "",
    )


def _of_attributes(attributes: Mapping[str, str]) -> Mapping[str, str]:
    if not attributes.keys() <= set(_OF_ATTRIBUTES):
        raise ValueError("'email' or 'unspecified', and the name of an attribute")
    return attributes


NameAttributes = Annotated[NamePairs, AfterValidator(_of_attributes)]
