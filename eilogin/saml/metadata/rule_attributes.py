"""The operator's rules for a member, in entity attributes of eilogin's own.

They limit a hub. If a rule is unreadable, eilogin leaves out the member.
"""

import re
from collections.abc import Mapping, Sequence
from typing import TypedDict

from eilogin.errors import MalformedMessage
from eilogin.saml.assurance_levels import LEVELS
from eilogin.saml.metadata.metadata_texts import shown

OURS = "urn:eilogin:"
#: Exactly one value; members with the same one share a session.
SSO_DOMAIN = f"{OURS}sso-domain"
#: The lowest level of a login: one of LEVELS.
REQUIRED_LEVEL = f"{OURS}required-level"
#: All attributes that may be released; no value means none.
RELEASED_ATTRIBUTES = f"{OURS}released-attributes"

_KNOWN = (SSO_DOMAIN, REQUIRED_LEVEL, RELEASED_ATTRIBUTES)
_DOMAIN = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)


class Ruled(TypedDict):
    """The rules as fields of :class:`~eilogin.saml.metadata.EntityDescriptor`."""

    sso_domain: str
    required_level: str
    released: frozenset[str] | None


def read_ruled(attributes: Mapping[str, Sequence[str]]) -> Ruled:
    """Read the operator's rules from a member's entity attributes.

    Raises :class:`~eilogin.errors.MalformedMessage` for an invalid value, and for a
    rule of a later version, whose limits are unknown.
    """
    for name in attributes:
        if name.startswith(OURS) and name not in _KNOWN:
            raise MalformedMessage(
                f"eilogin does not know the entity attribute {shown(name)};"
                f" expected one of {', '.join(_KNOWN)}. A later version may know it"
            )
    released = attributes.get(RELEASED_ATTRIBUTES)
    return Ruled(
        sso_domain=_single_value(attributes, SSO_DOMAIN),
        required_level=_single_value(attributes, REQUIRED_LEVEL),
        released=None if released is None else frozenset(map(_name, released)),
    )


def is_domain(name: str) -> bool:
    """Whether a text is a valid name of an SSO domain."""
    return bool(_DOMAIN.fullmatch(name))


def _single_value(attributes: Mapping[str, Sequence[str]], name: str) -> str:
    values = attributes.get(name)
    if values is None:
        return ""
    if len(values) == 1 and _FITS[name](values[0]):
        return values[0]
    listed = ", ".join(map(shown, values[:3])) or "none"
    raise MalformedMessage(
        f"the entity attribute {name}: found {listed}; expected {_EXPECTED[name]}. Ask"
        " the operator of the federation"
    )


def _name(value: str) -> str:
    if not value:
        raise MalformedMessage(
            f"the entity attribute {RELEASED_ATTRIBUTES}: found an empty name;"
            " expected names of attributes. Ask the operator of the federation"
        )
    return value


_FITS = {SSO_DOMAIN: is_domain, REQUIRED_LEVEL: LEVELS.__contains__}
_EXPECTED = {
    SSO_DOMAIN: "one name of a-z, 0-9, '.', '_' and '-', of at most 64 characters",
    REQUIRED_LEVEL: f"one of {', '.join(LEVELS)}",
}
