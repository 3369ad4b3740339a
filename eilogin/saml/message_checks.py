"""Check the issuer, destination and age of a message.

The signature comes first: :func:`verified`, or that of the query with Redirect. The
caller checks replay (by ``id``, for :data:`KNOWN_FOR`). Addresses must equal the
configured ones; a Host header does not count. The checks raise
:class:`~eilogin.errors.UnknownPeer` for the Issuer,
:class:`~eilogin.errors.MessageMisdirected` for the Destination,
:class:`~eilogin.errors.MessageUnexpected` for InResponseTo, and
:class:`~eilogin.errors.MessageExpired` for a time.
"""

import hmac
from collections.abc import Sequence

from lxml import etree

from eilogin.errors import (
    InNameOf,
    LoginFailed,
    MessageExpired,
    MessageMisdirected,
    MessageUnexpected,
    UnknownPeer,
)
from eilogin.saml.messages import (
    ActivityReport,
    ArtifactResolve,
    ArtifactResponse,
    AuthnRequest,
    LogoutRequest,
    LogoutResponse,
    write_instant,
)
from eilogin.saml.printable_text import short
from eilogin.saml.safe_xml import validate
from eilogin.saml.signing_keys import PublicKey
from eilogin.saml.xml_signatures import check_structure, signed

#: Seconds by which clocks may differ.
SKEW = 60.0
#: Seconds from issue to arrival.
LIFETIME = 120.0
#: Seconds to remember a message: the sender's clock may be ahead, the message late, and
#: our clock set back.
KNOWN_FOR = LIFETIME + 3 * SKEW
#: Characters of an address or name in the log, and of a status code.
_LONGEST_SHOWN, _LONGEST_NAME = 200, 40


def verified(element: etree._Element, keys: Sequence[PublicKey]) -> etree._Element:
    """Verify the signature of a message by POST or SOAP; return its signed content.

    ``element`` is in the tree in which it was parsed. The result is parsed again from
    the octets that one of ``keys`` signed. Raises
    :class:`~eilogin.errors.MalformedMessage` or
    :class:`~eilogin.errors.UntrustedSignature`.
    """
    check_structure(element.getroottree().getroot())
    validate(element, "protocol")
    return signed(element, keys)


# --- by kind of message -------------------------------------------------------------


def check_artifact_response(
    response: ArtifactResponse,
    *,
    issuer: str,
    in_response_to: str,
    now: float,
) -> None:
    """Reject an ArtifactResponse that does not answer our ArtifactResolve.

    Raises :class:`~eilogin.errors.LoginFailed` for a status other than Success. Such a
    response may lack InResponseTo: its sender may not have read the request (core
    3.2.2).
    """
    with InNameOf(issuer):
        require_issuer(response.issuer, issuer)
        if response.in_response_to or response.status.is_success:
            require_answer(response.in_response_to, in_response_to)
        require_recent(response.issued, now)
        if not response.status.is_success:
            codes = response.status.codes
            names = " ".join(short(code)[:_LONGEST_NAME] for code in codes)
            raise LoginFailed(f"the hub rejected the artifact ({names})", codes)


def check_activity_report(
    report: ActivityReport,
    *,
    issuer: str,
    destination: str,
    now: float,
) -> None:
    """Reject an activity report: wrong Issuer, Destination or time."""
    with InNameOf(issuer):
        require_issuer(report.issuer, issuer)
        require_destination(report.destination, destination, required=True)
        require_recent(report.issued, now)
        if report.active_at > now + SKEW:
            raise MessageExpired(
                describe_time(
                    "the time of the reported activity", report.active_at, now
                )
            )


def check_artifact_resolve(
    request: ArtifactResolve,
    *,
    issuer: str,
    destination: str,
    now: float,
) -> None:
    """Reject an ArtifactResolve: wrong Issuer, Destination (if any) or time."""
    with InNameOf(issuer):
        require_issuer(request.issuer, issuer)
        require_destination(request.destination, destination, required=False)
        require_recent(request.issued, now)


def check_authn_request(
    request: AuthnRequest,
    *,
    destination: str,
    now: float,
) -> None:
    """Reject an AuthnRequest: wrong Destination or time (bindings 3.4.5.2, 3.5.5.2)."""
    with InNameOf(request.issuer):
        require_destination(request.destination, destination, required=True)
        require_recent(request.issued, now)


def check_logout_request(
    request: LogoutRequest,
    *,
    issuer: str,
    destination: str,
    destination_required: bool,
    now: float,
) -> None:
    """Reject a LogoutRequest: wrong Issuer, Destination or time.

    Source: SAML profiles 4.4.4.1, core 3.7.1; ``destination_required`` is False over
    SOAP.
    """
    ends = request.not_on_or_after
    with InNameOf(issuer):
        require_issuer(request.issuer, issuer)
        require_destination(
            request.destination, destination, required=destination_required
        )
        require_recent(request.issued, now)
        if ends is not None and now >= ends + SKEW:
            raise MessageExpired(
                describe_time("the NotOnOrAfter of the LogoutRequest", ends, now)
            )


def check_logout_response(  # noqa: PLR0913 - facts, each by its name
    response: LogoutResponse,
    *,
    issuer: str,
    in_response_to: str,
    destination: str,
    destination_required: bool,
    now: float,
) -> None:
    """Reject a LogoutResponse that does not answer our request (profiles 4.4.4.2).

    The caller reads its status: a partial logout is a response too.
    """
    with InNameOf(issuer):
        require_issuer(response.issuer, issuer)
        require_answer(response.in_response_to, in_response_to)
        require_destination(
            response.destination, destination, required=destination_required
        )
        require_recent(response.issued, now)


# --- checks of single values --------------------------------------------------------


def require_issuer(issuer: str, expected: str) -> None:
    """Reject an Issuer other than ``expected``: UnknownPeer."""
    if issuer != expected:
        raise UnknownPeer(f"Issuer: found {shown(issuer)}; expected {expected!r}")


def require_answer(in_response_to: str, request_id: str) -> None:
    """Reject an InResponseTo other than ``request_id``: MessageUnexpected."""
    if not in_response_to:
        raise MessageUnexpected(
            "the message has no InResponseTo, and this site did not ask for it"
        )
    # Only one browser knows this ID, so time must not reveal it.
    if not hmac.compare_digest(in_response_to.encode(), request_id.encode()):
        # The log may contain it: this request is over, and a response must be signed.
        raise MessageUnexpected(
            f"InResponseTo: found {shown(in_response_to)}; expected {request_id!r}, the"
            " ID of our request. The message answers another request, perhaps of"
            " another tab"
        )


def require_destination(destination: str, address: str, *, required: bool) -> None:
    """Reject another Destination than ``address``, or an absent one if ``required``."""
    if destination != address and (destination or required):
        raise MessageMisdirected(
            f"Destination: found {shown(destination)}; expected {address!r}. Check that"
            " 'public_url' is the address that visitors type, and that the sender"
            " has our newest metadata"
        )


def shown(value: str) -> str:
    """Quote a value of a message for the log, or note that it is absent."""
    return repr(value[:_LONGEST_SHOWN]) if value else "none"


def require_recent(issued: float, now: float) -> None:
    """Reject an IssueInstant outside LIFETIME before now."""
    if not issued - SKEW <= now < issued + LIFETIME + SKEW:
        raise MessageExpired(
            describe_time("the IssueInstant", issued, now)
            + f", and a message is valid for {LIFETIME:.0f} s"
        )


def describe_time(name: str, instant: float, now: float) -> str:
    """Describe a rejected instant and our clock, in UTC."""
    return (
        f"{name} is {write_instant(instant)}, and the time here is"
        f" {write_instant(now)}; expected a difference of at most {SKEW:.0f} s"
        " between the clocks"
    )
