"""What citizens are called: a name of hers for each participant, in the format it asks.

*Persistent* names are derived from a secret of the hub, so they tell nothing, are the
same at every login, and others at every participant; they are lower-case hexadecimal,
for there are systems to which upper and lower case are the same. She has them from the
beginning, so AllowCreate asks for nothing. *Transient* ones are derived from the secret
name of her session as well. Names of the other two formats are the value of an
attribute that the participant may have: ``email``, and ``unspecified``. A participant
may get no name at all: then only attributes tell it who she is, and no message can say
whom it is to log out.
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

#: The words for the formats in options.
FORMATS: Mapping[str, str] = MappingProxyType(
    {
        "persistent": messages.PERSISTENT,
        "transient": messages.TRANSIENT,
        "email": messages.EMAIL,
        "unspecified": messages.UNSPECIFIED,
    }
)

#: Those whose names are not derived.
_OF_ATTRIBUTES = ("email", "unspecified")

#: A policy with one of these leaves the format to the hub (SAML core 3.4.1.1).
_ANY = ("", messages.UNSPECIFIED, messages.ENCRYPTED)


class Names:
    """The names that this hub gives.

    ``key`` is what they are derived with, ``usual`` the format for a participant that
    neither asks for one nor names one in its metadata, and ``attributes`` say which
    attribute is the name in which format. ``nameless`` are the entityIDs of who gets
    no names.
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
        """Whether a policy with this format can be followed for anybody."""
        return name_id_format in _ANY or name_id_format in FORMATS.values()

    @property
    def formats(self) -> Sequence[str]:
        """The formats of the NameIDs that some participant may get."""
        return tuple(FORMATS.values())

    def attribute_of(self, name_id_format: str) -> str:
        """The attribute whose value is the NameID in a format; "" for a derived one."""
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
        """Whom a participant knows her as, or None where she has no such name.

        ``name_id_format`` is that of its NameIDPolicy, or ""; ``preferred`` are those
        of its metadata; ``released`` are the attributes that it may have.
        """
        if entity_id in self._nameless:
            return self._nobody(login, entity_id, name_id_format)
        wanted: Sequence[str] = (name_id_format,)
        if name_id_format in _ANY:
            wanted = (*preferred, self._usual, messages.PERSISTENT)
        for one in wanted:
            value = self._value(login, entity_id, one, released)
            if value:
                return _subject(login, entity_id, value, one)
        return None

    def _nobody(
        self, login: Login, entity_id: str, name_id_format: str
    ) -> Subject | None:
        """Her, for who is told no name, and asks for none; only we know her by this."""
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
            # An identifier that no system reads as anything else (SAML core 8.3.8).
            return "_" + self._derived("transient", login.family, entity_id)
        values = released.get(self._attributes.get(name_id_format, ""), ())
        return next(iter(values), "")

    def session_index(self, login: Login, entity_id: str) -> str:
        """What one participant calls this session: it tells nobody anything.

        Derived, not drawn, so that two tabs that are answered at once have the same.
        """
        return "_" + self._derived(login.family, entity_id)[:32]

    def of_subject_above(self, who: Subject) -> str:
        """Who is meant by the hub above: it tells nobody what she is called there."""
        return self._derived(
            "above", who.issuer, who.name_qualifier, who.sp_name_qualifier, who.name_id
        )

    def any_of(self, hub: str, entity_id: str, name_id: str) -> Iterator[Subject]:
        """Whom a NameID may mean that a participant has, in each format that we give.

        ``hub`` is our entityID.
        """
        for name_id_format in FORMATS.values():
            yield Subject(hub, entity_id, name_id, name_id_format)

    def _derived(self, *parts: str) -> str:
        text = "\0".join(parts).encode()
        name = hmac.digest(self._key, text, hashlib.sha256).hex()
        # Nobody, here or at a participant, is to take it for a number of hers, which
        # travels by other ways and is hidden from logs.
        return self._derived("again", *parts) if tells_number(name) else name


def citizen_here(hub: str, citizen_id: str) -> Subject:
    """Whom a hub means in its own sessions; ``hub`` is its entityID."""
    return Subject(hub, hub, citizen_id, name_qualifier=hub, sp_name_qualifier=hub)


def _subject(login: Login, entity_id: str, value: str, name_id_format: str) -> Subject:
    hub = login.audience
    # Only names that mean nothing elsewhere are of somebody for somebody.
    is_pairwise = name_id_format in (messages.PERSISTENT, messages.TRANSIENT)
    return Subject(
        issuer=hub,
        audience=entity_id,
        name_id=value,
        format=name_id_format,
        name_qualifier=hub if is_pairwise else "",
        sp_name_qualifier=entity_id if is_pairwise else "",
    )


def _of_attributes(found: Mapping[str, str]) -> Mapping[str, str]:
    if not found.keys() <= set(_OF_ATTRIBUTES):
        raise ValueError("'email' or 'unspecified', and the name of an attribute")
    return found


#: The type of the option ``name_id_attributes``.
NameAttributes = Annotated[NamePairs, AfterValidator(_of_attributes)]
