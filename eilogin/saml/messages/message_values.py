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
EMAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
#: In a NameIDPolicy: any format, encrypted (SAML core 8.3.9 and 3.4.1.1).
ENCRYPTED = "urn:oasis:names:tc:SAML:2.0:nameid-format:encrypted"
#: The format of an Issuer (SAML core 8.3.6); its Format may be this or absent.
ENTITY = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity"

#: Method of the one SubjectConfirmation that a login by browser uses (profiles 3.3).
BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"

SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
REQUESTER = "urn:oasis:names:tc:SAML:2.0:status:Requester"
RESPONDER = "urn:oasis:names:tc:SAML:2.0:status:Responder"
AUTHN_FAILED = "urn:oasis:names:tc:SAML:2.0:status:AuthnFailed"
INVALID_NAME_ID_POLICY = "urn:oasis:names:tc:SAML:2.0:status:InvalidNameIDPolicy"
NO_AUTHN_CONTEXT = "urn:oasis:names:tc:SAML:2.0:status:NoAuthnContext"
NO_PASSIVE = "urn:oasis:names:tc:SAML:2.0:status:NoPassive"
#: A second-level code of eilogin hubs (SAML core 3.2.2.2 allows such codes). The
#: visitor is signed in at the hub; they type their password before the hub sends this
#: again.
IDLE = "urn:x-eilogin:status:Idle"
#: Below AuthnFailed or RequestDenied, of such hubs: the AuthnRequest is too old to be
#: answered. An eilogin participant starts the login again, once.
TOO_LATE = "urn:x-eilogin:status:TooLate"
PROXY_COUNT_EXCEEDED = "urn:oasis:names:tc:SAML:2.0:status:ProxyCountExceeded"
PARTIAL_LOGOUT = "urn:oasis:names:tc:SAML:2.0:status:PartialLogout"
REQUEST_DENIED = "urn:oasis:names:tc:SAML:2.0:status:RequestDenied"
REQUEST_UNSUPPORTED = "urn:oasis:names:tc:SAML:2.0:status:RequestUnsupported"
UNKNOWN_PRINCIPAL = "urn:oasis:names:tc:SAML:2.0:status:UnknownPrincipal"
UNSUPPORTED_BINDING = "urn:oasis:names:tc:SAML:2.0:status:UnsupportedBinding"


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


#: The StatusMessage of our hub beside PartialLogout, if the visitor chose it.
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

    ``level_classes`` are AuthnContextClassRefs. ``level_declarations`` are
    AuthnContextDeclRefs, which replace them. ``sp_name_qualifier`` of the NameIDPolicy
    is "" if it is the issuer. ``names_subject`` says that there is a Subject, which
    eilogin does not read. ``allow_create`` says whether the hub may create a new
    identifier; it is not written for a transient one, which is always new (errata E14).
    ``asks_for_any_name`` says that there is a NameIDPolicy without a
    ``name_id_format``. ``consumer_service_index`` is that of an
    AttributeConsumingService in the issuer's metadata. ``is_for_one_alone`` says that
    ProxyCount is 0: the recipient may ask no other hub (core 3.4.1.2). ``idle_limit``
    is the number of seconds of inactivity that ended the visitor's session, and 0 for
    another reason; it is the Limit of an ``act:Ended`` in the Extensions.
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
    """SAML core 2.3.3, the parts of a login that we write or judge.

    ``recipient``, ``in_response_to``, ``confirmation_ends`` are of one bearer
    SubjectConfirmationData; ``audiences`` has one entry for each
    AudienceRestriction (all of them must hold, SAML core 2.5.1.4). Without a
    ``name_id`` it names nobody who could be logged out; an attribute may say who it is.
    ``attribute_formats`` are the NameFormats by the Names of attributes, for those
    whose Name does not say it, and ``address`` is where the login came from (core
    2.7.2.1); nobody reads them. ``is_for_us_alone`` tells of a ProxyRestriction (core
    2.5.1.6): whom else it may be passed on to is limited.
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
    """SAML core 3.3.3: the envelope of a login answer, without its assertions."""

    id: str
    issued: float
    issuer: str
    status: Status
    in_response_to: str = ""
    destination: str = ""


@dataclass(frozen=True, slots=True)
class LogoutRequest:
    """SAML core 3.7.1.

    ``is_asynchronous``: who sent it wants no answer (the protocol extension for
    asynchronous single logout, 2.1).
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
    """SAML core 3.7.2."""

    id: str
    issued: float
    issuer: str
    status: Status
    in_response_to: str
    destination: str = ""


@dataclass(frozen=True, slots=True)
class ActivityReport:
    """A participant's report that a visitor was active in a session.

    ``active_at`` is the instant of the last activity. On the wire it is an
    ``samlp:AuthnQuery`` (SAML core 3.3.2.2) with ``act:LastActivity`` in its
    Extensions.
    """

    id: str
    issued: float
    issuer: str
    name_id: NameID
    session_index: str
    active_at: float
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
