"""Is this answer meant for us, now, and from whom we asked? The stateless judgement.

:func:`accept` judges the answer to a login at the participant; the ``check_`` functions
judge the other messages after their signature was verified. What needs a memory
(replay, the pending login of this browser, the session that a logout names) is the
caller's: each accepted message has an ``id`` to remember, and an instant until which.

Addresses are compared exactly, with what this participant is configured to be: never
with a Host header, never by prefix. One skew serves all instants.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from lxml import etree

from eilogin.errors import (
    LoginFailed,
    MalformedMessage,
    MessageExpired,
    MessageMisdirected,
    MessageUnexpected,
    UnknownPeer,
    UntrustedSignature,
)
from eilogin.saml.messages import (
    SUCCESS,
    ArtifactResolve,
    ArtifactResponse,
    Assertion,
    AuthnRequest,
    LogoutRequest,
    LogoutResponse,
    Response,
    read_artifact_response,
    read_assertion,
    read_response,
)
from eilogin.saml.signatures import check_structure, signed
from eilogin.saml.xml import q, validate

#: Seconds of difference between clocks that we put up with.
SKEW = 60.0
#: Seconds in which a message has to arrive after it was issued.
LIFETIME = 120.0
#: Seconds that a window in an assertion may last: what has to be remembered against
#: replay is thereby bounded. Real hubs give from two minutes (DigiD) to some hours.
LONGEST_WINDOW = 86400.0

_Message = (
    AuthnRequest
    | Response
    | Assertion
    | LogoutRequest
    | LogoutResponse
    | ArtifactResolve
    | ArtifactResponse
)


@dataclass(frozen=True, slots=True)
class Expected:
    """What a participant knows about the answer that it waits for."""

    #: ID of its AuthnRequest; nobody but this browser's pending login knows it.
    request_id: str
    #: The address, as in its metadata, at which the answer came in.
    acs_url: str
    #: Its own entityID.
    audience: str
    #: entityID of the hub that was asked.
    issuer: str
    #: The signing keys of that hub.
    keys: Sequence[RSAPublicKey]
    #: The present instant, in seconds since 1970-01-01T00:00:00Z.
    now: float
    #: True where the answer came by POST; by artifact a Destination may be absent
    #: (DigiD sends none), but is exact if it is there (bindings 3.5.5.2).
    destination_required: bool
    skew: float = SKEW
    lifetime: float = LIFETIME
    #: Format that was asked for with NameIDPolicy; "" takes any.
    name_id_format: str = ""


# --- the answer to a login ----------------------------------------------------------


def accept(response: etree._Element, expected: Expected) -> Assertion:
    """The one assertion of a login answer, if every check holds.

    ``response`` is a ``samlp:Response`` in the tree in which it was parsed: its root,
    or inside an ArtifactResponse, as :func:`open_artifact_response` gives it. The
    assertion must be signed, or the Response or ArtifactResponse around it; every
    signature in the tree must be of one of ``expected.keys``; and values are read only
    from the octets that a signature covers.

    Raises :class:`~eilogin.errors.LoginFailed` where the hub says that there is no
    login; for what is not taken :class:`~eilogin.errors.MalformedMessage`,
    :class:`~eilogin.errors.UntrustedSignature`, :class:`~eilogin.errors.UnknownPeer`
    (another Issuer), :class:`~eilogin.errors.MessageUnexpected` (another InResponseTo,
    or none), :class:`~eilogin.errors.MessageMisdirected` and
    :class:`~eilogin.errors.MessageExpired`.
    Source: SAML profiles 4.1.4.2 and 4.1.4.3, core 2.5 and 5.
    """
    check_structure(response.getroottree().getroot())
    validate(response, "protocol")
    unsigned_envelope = read_response(response)
    _refuse_failure(unsigned_envelope, expected)
    signed_envelope, assertion = _read_signed(response, expected.keys)
    _check_envelope(
        signed_envelope or unsigned_envelope,
        expected,
        is_signed=signed_envelope is not None,
    )
    _check_party(assertion, expected)
    _check_name_id(assertion, expected)
    _check_windows(assertion, expected)
    return assertion


def _refuse_failure(response: Response, expected: Expected) -> None:
    """Raise LoginFailed where there is no login, and the answer is one to our question.

    Nobody needs to have signed that: it may be read because it only refuses. A Success
    with a second code beside it is none that we know (core 3.2.2.2).
    """
    if response.status.codes == (SUCCESS,):
        return
    _require_answer(response.in_response_to, expected.request_id)
    if response.issuer:
        _require_issuer(response.issuer, expected.issuer)
    raise LoginFailed("the hub says that there is no login", response.status.codes)


def _only_assertion(response: etree._Element) -> etree._Element:
    """The assertion of a Response, if the whole tree holds no other one.

    Wrapping attacks need two: the signed one, put away somewhere, and the one that is
    read.
    """
    root = response.getroottree().getroot()
    if next(root.iter(q("saml:EncryptedAssertion")), None) is not None:
        raise MalformedMessage("an EncryptedAssertion is not supported yet")
    if next(response.iterchildren(q("samlp:Extensions")), None) is not None:
        raise MalformedMessage("Extensions of a Response are not supported")
    assertions = list(root.iter(q("saml:Assertion")))
    if len(assertions) != 1 or assertions[0].getparent() is not response:
        raise MalformedMessage("a Response does not hold exactly one assertion")
    return assertions[0]


def _read_signed(
    response: etree._Element, keys: Sequence[RSAPublicKey]
) -> tuple[Response | None, Assertion]:
    """The envelope, if a signature covers it, and the assertion, which one must cover.

    Every signature of the tree is verified, the outermost first; what is read comes
    from the octets of the innermost one that covers it.
    """
    path = [_only_assertion(response), response, *response.iterancestors()]
    root = response.getroottree().getroot()
    parents = [signature.getparent() for signature in root.iter(q("ds:Signature"))]
    if not all(parent in path for parent in parents):
        raise MalformedMessage("something is signed that is not part of a login answer")
    content_of = {parent: signed(parent, keys) for parent in parents}
    if not content_of:
        raise UntrustedSignature("neither the assertion nor what holds it is signed")
    assertion = content_of.get(path[0])
    around = [content_of[element] for element in path[1:] if element in content_of]
    if not around:
        return None, read_assertion(assertion)
    envelope = _response_of(around[0])
    if assertion is None:
        assertion = _only_assertion(envelope)
    return read_response(envelope), read_assertion(assertion)


def _response_of(cover: etree._Element) -> etree._Element:
    """The Response in what was signed: itself, or what the ArtifactResponse carries."""
    if cover.tag == q("samlp:Response"):
        return cover
    _, carried = read_artifact_response(cover)
    return _expect_response(carried)


def _expect_response(carried: etree._Element | None) -> etree._Element:
    if carried is None:
        raise MessageExpired("the hub does not know the artifact any more")
    if carried.tag != q("samlp:Response"):
        raise MalformedMessage("an ArtifactResponse carries something else")
    return carried


def _check_envelope(response: Response, expected: Expected, *, is_signed: bool) -> None:
    if is_signed or response.in_response_to:
        _require_answer(response.in_response_to, expected.request_id)
    _require_issuer(response.issuer, expected.issuer)
    _require_destination(
        response.destination, expected.acs_url, required=expected.destination_required
    )
    _require_recent(response, expected.now, expected.skew, expected.lifetime)


def _check_party(assertion: Assertion, expected: Expected) -> None:
    """From whom, for whom, and in answer to what (profiles 4.1.4.3, core 2.5.1.4)."""
    _require_issuer(assertion.issuer, expected.issuer)
    _require_answer(assertion.in_response_to, expected.request_id)
    if assertion.recipient != expected.acs_url:
        raise MessageMisdirected("the Recipient is another address")
    is_for_us = bool(assertion.audiences) and all(
        expected.audience in audiences for audiences in assertion.audiences
    )
    if not is_for_us:
        raise MessageMisdirected("the assertion is for another audience")


def _check_name_id(assertion: Assertion, expected: Expected) -> None:
    """A NameID in the name of somebody else is not one that we understand."""
    name_id = assertion.name_id
    if name_id.name_qualifier not in ("", expected.issuer):
        raise UnknownPeer("the NameQualifier of the NameID is another party")
    if name_id.sp_name_qualifier not in ("", expected.audience):
        raise MessageMisdirected("the NameID was made for another party")
    if expected.name_id_format not in ("", name_id.format):
        raise MalformedMessage("the NameID is not of the Format that was asked for")


def _check_windows(assertion: Assertion, expected: Expected) -> None:
    now, skew = expected.now, expected.skew
    _require_recent(assertion, now, skew, expected.lifetime)
    _require_within(None, assertion.confirmation_ends, now, skew)
    if assertion.not_on_or_after is None:
        raise MalformedMessage("the Conditions have no NotOnOrAfter")
    _require_within(assertion.not_before, assertion.not_on_or_after, now, skew)
    if assertion.authn_instant > now + skew:
        raise MessageExpired("the AuthnInstant is in the future")
    # A session that is over is not begun: no skew can lengthen what the hub grants.
    if assertion.session_ends is not None and assertion.session_ends <= now:
        raise MessageExpired("the session at the hub is over")


# --- the answer to an artifact ------------------------------------------------------


def verified(element: etree._Element, keys: Sequence[RSAPublicKey]) -> etree._Element:
    """What a message says that came by POST or SOAP, signed itself.

    ``element`` is the message in the tree in which it was parsed. Structure, schema and
    signature are checked; the return is parsed anew from the octets that one of
    ``keys`` signed. Raises :class:`~eilogin.errors.MalformedMessage` or
    :class:`~eilogin.errors.UntrustedSignature`.
    """
    check_structure(element.getroottree().getroot())
    validate(element, "protocol")
    return signed(element, keys)


def open_artifact_response(  # noqa: PLR0913 - facts, each by its name
    element: etree._Element,
    *,
    keys: Sequence[RSAPublicKey],
    issuer: str,
    in_response_to: str,
    now: float,
    skew: float = SKEW,
) -> etree._Element:
    """The ``samlp:Response`` in an ArtifactResponse, in its tree, for :func:`accept`.

    ``element`` is the ``samlp:ArtifactResponse`` in the tree in which it was parsed;
    ``in_response_to`` is the ID of our ArtifactResolve. Raises what :func:`verified`
    and :func:`check_artifact_response` raise, and
    :class:`~eilogin.errors.MessageExpired` where no message comes with it: then the
    artifact is not known any more (core 3.5.3).
    """
    value, _ = read_artifact_response(verified(element, keys))
    check_artifact_response(
        value,
        issuer=issuer,
        in_response_to=in_response_to,
        now=now,
        skew=skew,
    )
    _, carried = read_artifact_response(element)
    return _expect_response(carried)


# --- other messages, of which the signature was verified ------------------------------


def check_artifact_response(
    response: ArtifactResponse,
    *,
    issuer: str,
    in_response_to: str,
    now: float,
    skew: float = SKEW,
) -> None:
    """Refuse an ArtifactResponse that is not the answer to our ArtifactResolve.

    Raises :class:`~eilogin.errors.UnknownPeer`,
    :class:`~eilogin.errors.MessageUnexpected`, :class:`~eilogin.errors.MessageExpired`,
    and :class:`~eilogin.errors.LoginFailed` where its status is no success.
    """
    _require_issuer(response.issuer, issuer)
    _require_answer(response.in_response_to, in_response_to)
    _require_recent(response, now, skew)
    if not response.status.is_success:
        raise LoginFailed("the hub refuses the artifact", response.status.codes)


def check_artifact_resolve(
    request: ArtifactResolve,
    *,
    issuer: str,
    destination: str,
    now: float,
    skew: float = SKEW,
) -> None:
    """Refuse an ArtifactResolve of another party, for another address, or too old.

    ``issuer`` is the participant whose key signed it; over SOAP a Destination may be
    absent. Raises :class:`~eilogin.errors.UnknownPeer`,
    :class:`~eilogin.errors.MessageMisdirected` or
    :class:`~eilogin.errors.MessageExpired`.
    """
    _require_issuer(request.issuer, issuer)
    _require_destination(request.destination, destination, required=False)
    _require_recent(request, now, skew)


def check_authn_request(
    request: AuthnRequest,
    *,
    destination: str,
    now: float,
    skew: float = SKEW,
) -> None:
    """Refuse an AuthnRequest for another address, or too old.

    Where the answer may go is looked up in metadata by the caller. Raises
    :class:`~eilogin.errors.MessageMisdirected` or
    :class:`~eilogin.errors.MessageExpired` (SAML bindings 3.4.5.2 and 3.5.5.2).
    """
    _require_destination(request.destination, destination, required=True)
    _require_recent(request, now, skew)


def check_logout_request(  # noqa: PLR0913 - facts, each by its name
    request: LogoutRequest,
    *,
    issuer: str,
    destination: str,
    destination_required: bool,
    now: float,
    skew: float = SKEW,
) -> None:
    """Refuse a LogoutRequest of another party, for another address, or too old.

    ``issuer`` is the party whose key signed it; ``destination_required`` is False over
    SOAP. Which sessions it names, and whether it was seen before, is the caller's to
    look up. Raises :class:`~eilogin.errors.UnknownPeer`,
    :class:`~eilogin.errors.MessageMisdirected` or
    :class:`~eilogin.errors.MessageExpired` (SAML profiles 4.4.4.1, core 3.7.1).
    """
    _require_issuer(request.issuer, issuer)
    _require_destination(
        request.destination, destination, required=destination_required
    )
    _require_recent(request, now, skew)
    if request.not_on_or_after is not None and now >= request.not_on_or_after + skew:
        raise MessageExpired("the NotOnOrAfter of a LogoutRequest is over")


def check_logout_response(  # noqa: PLR0913 - facts, each by its name
    response: LogoutResponse,
    *,
    issuer: str,
    in_response_to: str,
    destination: str,
    destination_required: bool,
    now: float,
    skew: float = SKEW,
) -> None:
    """Refuse a LogoutResponse that is not the answer to our LogoutRequest.

    Its status is the caller's to read: a partial logout is an answer too. Raises
    :class:`~eilogin.errors.UnknownPeer`, :class:`~eilogin.errors.MessageUnexpected`,
    :class:`~eilogin.errors.MessageMisdirected` or
    :class:`~eilogin.errors.MessageExpired` (SAML profiles 4.4.4.2).
    """
    _require_issuer(response.issuer, issuer)
    _require_answer(response.in_response_to, in_response_to)
    _require_destination(
        response.destination, destination, required=destination_required
    )
    _require_recent(response, now, skew)


# --- single checks ------------------------------------------------------------------


def _require_issuer(found: str, expected: str) -> None:
    if found != expected:
        raise UnknownPeer("the Issuer is another party than the one expected")


def _require_answer(found: str, request_id: str) -> None:
    # The ID of a request is known to one browser: compared so that time tells nothing.
    if not hmac.compare_digest(found.encode(), request_id.encode()):
        raise MessageUnexpected("InResponseTo does not name our request")


def _require_destination(found: str, address: str, *, required: bool) -> None:
    if found != address and (found or required):
        raise MessageMisdirected("the Destination is another address, or none")


def _require_recent(
    message: _Message, now: float, skew: float, lifetime: float = LIFETIME
) -> None:
    if message.issued > now + skew:
        raise MessageExpired("the IssueInstant is in the future")
    if now >= message.issued + lifetime + skew:
        raise MessageExpired("the IssueInstant is too long ago")


def _require_within(start: float | None, end: float, now: float, skew: float) -> None:
    if start is not None and start >= end:
        raise MalformedMessage("a NotBefore is not before its NotOnOrAfter")
    if start is not None and now + skew < start:
        raise MessageExpired("a NotBefore is in the future")
    if now >= end + skew:
        raise MessageExpired("a NotOnOrAfter is over")
    if end > now + LONGEST_WINDOW:
        raise MalformedMessage("a NotOnOrAfter is further away than we remember")
