"""The messages of SAML core as frozen values, and the URIs of SAML.

Instants are seconds since 1970-01-01T00:00:00Z. An absent optional attribute is "" or
None.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

UNSPECIFIED = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
EMAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
#: NameIDPolicy: any format, encrypted (SAML core 8.3.9 and 3.4.1.1).
ENCRYPTED = "urn:oasis:names:tc:SAML:2.0:nameid-format:encrypted"
#: An Issuer's Format, or absent (SAML core 8.3.6).
ENTITY = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity"

#: The Method of a SubjectConfirmation for a login by browser (profiles 3.3).
BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"

SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
REQUESTER = "urn:oasis:names:tc:SAML:2.0:status:Requester"
RESPONDER = "urn:oasis:names:tc:SAML:2.0:status:Responder"
AUTHN_FAILED = "urn:oasis:names:tc:SAML:2.0:status:AuthnFailed"
INVALID_NAME_ID_POLICY = "urn:oasis:names:tc:SAML:2.0:status:InvalidNameIDPolicy"
NO_AUTHN_CONTEXT = "urn:oasis:names:tc:SAML:2.0:status:NoAuthnContext"
NO_PASSIVE = "urn:oasis:names:tc:SAML:2.0:status:NoPassive"
#: A second-level code of eilogin hubs (SAML core 3.2.2.2): the session at the hub is
#: idle, so the visitor must type the hub's password. The participant may keep its own.
IDLE = "urn:x-eilogin:status:Idle"
#: A code of eilogin hubs below AuthnFailed or RequestDenied: the AuthnRequest is too
#: old. An eilogin participant starts the login again, once.
TOO_LATE = "urn:x-eilogin:status:TooLate"
PROXY_COUNT_EXCEEDED = "urn:oasis:names:tc:SAML:2.0:status:ProxyCountExceeded"
PARTIAL_LOGOUT = "urn:oasis:names:tc:SAML:2.0:status:PartialLogout"
REQUEST_DENIED = "urn:oasis:names:tc:SAML:2.0:status:RequestDenied"
REQUEST_UNSUPPORTED = "urn:oasis:names:tc:SAML:2.0:status:RequestUnsupported"
UNKNOWN_PRINCIPAL = "urn:oasis:names:tc:SAML:2.0:status:UnknownPrincipal"
UNSUPPORTED_BINDING = "urn:oasis:names:tc:SAML:2.0:status:UnsupportedBinding"


def new_id() -> str:
    """Return a new NCName with 160 random bits (SAML core 1.3.4: at least 128)."""
    return f"_{secrets.token_hex(20)}"


@dataclass(frozen=True, slots=True)
class NameID:
    """SAML core 2.2.3. An absent attribute is ""."""

    value: str = field(repr=False)
    format: str = ""
    name_qualifier: str = ""
    sp_name_qualifier: str = ""


#: Our hub's StatusMessage beside PartialLogout, if the visitor chose that.
STAYS = "The visitor chose to stay logged in elsewhere."


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
    """An AuthnRequest (SAML core 3.4.1).

    ``level_classes`` are AuthnContextClassRefs; ``level_declarations``,
    AuthnContextDeclRefs, replace them. ``sp_name_qualifier`` is "" if it is the issuer.
    ``names_subject``: there is a Subject, which eilogin does not read.
    ``allow_create``: the hub may create an identifier; not written for a transient one
    (errata E14). ``asks_for_any_name``: a NameIDPolicy without ``name_id_format``.
    ``consumer_service_index``: of an AttributeConsumingService. ``is_for_one_alone``:
    ProxyCount is 0, so the recipient may ask no other hub (core 3.4.1.2).
    ``idle_limit``: seconds of inactivity that ended the session, or 0 (``act:Ended``).
    """

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
    level_declarations: tuple[str, ...] = ()
    name_id_format: str = ""
    sp_name_qualifier: str = ""
    names_subject: bool = False
    allow_create: bool = True
    asks_for_any_name: bool = False
    provider_name: str = ""
    consumer_service_index: int | None = None
    is_for_one_alone: bool = False
    idle_limit: int = 0


@dataclass(frozen=True, slots=True)
class Assertion:
    """The parts of an Assertion that eilogin writes or checks (SAML core 2.3.3).

    ``recipient``, ``in_response_to``, ``confirmation_ends`` are of one bearer
    SubjectConfirmationData. ``audiences`` has one entry for each AudienceRestriction
    (all must hold, SAML core 2.5.1.4). Without a ``name_id`` an attribute may identify
    the subject, but there is no logout by name. ``attribute_formats`` (NameFormats by
    Name) and ``address``, the origin of the login (core 2.7.2.1), are only written.
    ``is_for_us_alone``: there is a ProxyRestriction (core 2.5.1.6).
    """

    id: str
    issued: float
    issuer: str
    name_id: NameID | None
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
    attribute_formats: Mapping[str, str] = field(default_factory=dict)
    address: str = field(default="", repr=False)
    is_for_us_alone: bool = False


@dataclass(frozen=True, slots=True)
class Response:
    """A Response (SAML core 3.3.3), without its assertions."""

    id: str
    issued: float
    issuer: str
    status: Status
    in_response_to: str = ""
    destination: str = ""


@dataclass(frozen=True, slots=True)
class LogoutRequest:
    """A LogoutRequest (SAML core 3.7.1).

    ``is_asynchronous``: its sender wants no response (asynchronous single logout, 2.1).
    """

    id: str
    issued: float
    issuer: str
    name_id: NameID
    destination: str = ""
    session_indexes: tuple[str, ...] = ()
    not_on_or_after: float | None = None
    reason: str = ""
    is_asynchronous: bool = False


@dataclass(frozen=True, slots=True)
class LogoutResponse:
    """A LogoutResponse (SAML core 3.7.2)."""

    id: str
    issued: float
    issuer: str
    status: Status
    in_response_to: str
    destination: str = ""


@dataclass(frozen=True, slots=True)
class ActivityReport:
    """A report that a visitor was active: ``act:LastActivity`` in an AuthnQuery."""

    id: str
    issued: float
    issuer: str
    name_id: NameID
    session_index: str
    active_at: float
    destination: str = ""


@dataclass(frozen=True, slots=True)
class ArtifactResolve:
    """An ArtifactResolve (SAML core 3.5.1)."""

    id: str
    issued: float
    issuer: str
    artifact: str = field(repr=False)
    destination: str = ""


@dataclass(frozen=True, slots=True)
class ArtifactResponse:
    """An ArtifactResponse (SAML core 3.5.2), without its message."""

    id: str
    issued: float
    issuer: str
    status: Status
    in_response_to: str
