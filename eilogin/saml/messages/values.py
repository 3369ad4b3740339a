"""The messages of SAML core as frozen values, and the names that SAML gives to things.

Every instant is a float: seconds since 1970-01-01T00:00:00Z. An absent optional
attribute is "" or None, as each value says.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

UNSPECIFIED = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
#: What an Issuer is (SAML core 8.3.6); its Format may say so or be absent.
ENTITY = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity"

#: Method of the one SubjectConfirmation that a login by browser uses (profiles 3.3).
BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"

SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
REQUESTER = "urn:oasis:names:tc:SAML:2.0:status:Requester"
RESPONDER = "urn:oasis:names:tc:SAML:2.0:status:Responder"
AUTHN_FAILED = "urn:oasis:names:tc:SAML:2.0:status:AuthnFailed"
NO_AUTHN_CONTEXT = "urn:oasis:names:tc:SAML:2.0:status:NoAuthnContext"
NO_PASSIVE = "urn:oasis:names:tc:SAML:2.0:status:NoPassive"
PARTIAL_LOGOUT = "urn:oasis:names:tc:SAML:2.0:status:PartialLogout"
REQUEST_DENIED = "urn:oasis:names:tc:SAML:2.0:status:RequestDenied"
UNKNOWN_PRINCIPAL = "urn:oasis:names:tc:SAML:2.0:status:UnknownPrincipal"


def new_id() -> str:
    """A new ID for a message or assertion: an NCName with 160 random bits.

    SAML core 1.3.4 asks for at least 128.
    """
    return f"_{secrets.token_hex(20)}"


@dataclass(frozen=True, slots=True)
class NameID:
    """SAML core 2.2.3. An absent attribute is ""."""

    value: str = field(repr=False)
    format: str = ""
    name_qualifier: str = ""
    sp_name_qualifier: str = ""


@dataclass(frozen=True, slots=True)
class Status:
    """SAML core 3.2.2: StatusCode URIs, outermost first, and an optional text."""

    codes: tuple[str, ...] = (SUCCESS,)
    message: str = ""

    @property
    def is_success(self) -> bool:
        """Whether the outermost code is Success."""
        return self.codes[:1] == (SUCCESS,)


@dataclass(frozen=True, slots=True)
class AuthnRequest:
    """SAML core 3.4.1. ``level_classes`` are AuthnContextClassRefs."""

    id: str
    issued: float
    issuer: str
    destination: str = ""
    force_authn: bool = False
    is_passive: bool = False
    acs_url: str = ""
    acs_index: int | None = None
    protocol_binding: str = ""
    comparison: str = "minimum"
    level_classes: tuple[str, ...] = ()
    name_id_format: str = ""


@dataclass(frozen=True, slots=True)
class Assertion:
    """SAML core 2.3.3, the parts of a login that we write or judge.

    ``recipient``, ``in_response_to``, ``confirmation_ends`` are of the one bearer
    SubjectConfirmationData; ``audiences`` has one entry for each
    AudienceRestriction (all of them must hold, SAML core 2.5.1.4).
    """

    id: str
    issued: float
    issuer: str
    name_id: NameID
    recipient: str
    in_response_to: str
    confirmation_ends: float
    not_before: float | None
    not_on_or_after: float | None
    audiences: tuple[tuple[str, ...], ...]
    authn_instant: float
    session_index: str | None
    session_ends: float | None
    level_class: str
    attributes: Mapping[str, Sequence[str]] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Response:
    """SAML core 3.3.3: the envelope of a login answer, without its assertions."""

    id: str
    issued: float
    issuer: str
    status: Status
    in_response_to: str = ""
    destination: str = ""


@dataclass(frozen=True, slots=True)
class LogoutRequest:
    """SAML core 3.7.1."""

    id: str
    issued: float
    issuer: str
    name_id: NameID
    destination: str = ""
    session_indexes: tuple[str, ...] = ()
    not_on_or_after: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class LogoutResponse:
    """SAML core 3.7.2."""

    id: str
    issued: float
    issuer: str
    status: Status
    in_response_to: str
    destination: str = ""


@dataclass(frozen=True, slots=True)
class ArtifactResolve:
    """SAML core 3.5.1."""

    id: str
    issued: float
    issuer: str
    artifact: str = field(repr=False)
    destination: str = ""


@dataclass(frozen=True, slots=True)
class ArtifactResponse:
    """SAML core 3.5.2, without the message that it carries."""

    id: str
    issued: float
    issuer: str
    status: Status
    in_response_to: str
