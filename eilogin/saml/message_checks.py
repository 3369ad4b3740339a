"""Check the issuer, destination and age of a message.

The signature comes first (:func:`verified`, or with Redirect that of the query); then
the ``check_`` functions check the content. Checks that need a memory (replay, the
session that a logout names) belong to the caller: each message has an ``id`` to
remember, for :data:`KNOWN_FOR`.

Addresses are compared exactly with the configured ones, never with a Host header, never
by prefix. One skew applies to all instants.
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

#: Seconds of difference between clocks that we put up with.
SKEW = 60.0
#: Seconds in which a message has to arrive after it was issued.
LIFETIME = 120.0
#: Seconds for which it has to be remembered since it arrived: its sender's clock may be
#: ahead, it may be late, and our own clock may be set back afterwards.
KNOWN_FOR = LIFETIME + 3 * SKEW
#: Characters that a log repeats of an address or a name in a message, and of a status
#: code.
_LONGEST_SHOWN, _LONGEST_NAME = 200, 40


def verified(element: etree._Element, keys: Sequence[PublicKey]) -> etree._Element:
    """Verify the signature of a message by POST or SOAP, and return its signed content.

    ``element`` is the message in the tree in which it was parsed. Structure, schema and
    signature are checked. The returned element is parsed again from the octets that one
    of ``keys`` signed. Raises :class:`~eilogin.errors.MalformedMessage` or
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
    """Refuse an ArtifactResponse that is not the answer to our ArtifactResolve.

    Raises :class:`~eilogin.errors.UnknownPeer`,
    :class:`~eilogin.errors.MessageUnexpected`, :class:`~eilogin.errors.MessageExpired`,
    and :class:`~eilogin.errors.LoginFailed` where its status is no success: that may
    name no request, for who refuses one may not have read it (core 3.2.2).
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
    """Refuse a report of another party, for another address, too old, or of the future.

    ``issuer`` is the participant whose key signed it. Which session it names is the
    caller's to look up. Raises :class:`~eilogin.errors.UnknownPeer`,
    :class:`~eilogin.errors.MessageMisdirected` or
    :class:`~eilogin.errors.MessageExpired`.
    """
    with InNameOf(issuer):
        require_issuer(report.issuer, issuer)
        require_destination(report.destination, destination, required=True)
        require_recent(report.issued, now)
        if report.active_at > now + SKEW:
            raise MessageExpired(
                off("the time of the reported activity", report.active_at, now)
            )


def check_artifact_resolve(
    request: ArtifactResolve,
    *,
    issuer: str,
    destination: str,
    now: float,
) -> None:
    """Refuse an ArtifactResolve of another party, for another address, or too old.

    ``issuer`` is the participant whose key signed it; over SOAP a Destination may be
    absent. Raises :class:`~eilogin.errors.UnknownPeer`,
    :class:`~eilogin.errors.MessageMisdirected` or
    :class:`~eilogin.errors.MessageExpired`.
    """
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
    """Refuse an AuthnRequest for another address, or too old.

    Where the answer may go is looked up in metadata by the caller. Raises
    :class:`~eilogin.errors.MessageMisdirected` or
    :class:`~eilogin.errors.MessageExpired` (SAML bindings 3.4.5.2 and 3.5.5.2).
    """
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
    """Refuse a LogoutRequest of another party, for another address, or too old.

    ``issuer`` is the party whose key signed it; ``destination_required`` is False over
    SOAP. Which sessions it names, and whether it was seen before, is the caller's to
    look up. Raises :class:`~eilogin.errors.UnknownPeer`,
    :class:`~eilogin.errors.MessageMisdirected` or
    :class:`~eilogin.errors.MessageExpired` (SAML profiles 4.4.4.1, core 3.7.1).
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
                off("the NotOnOrAfter of the LogoutRequest", ends, now)
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
    """Refuse a LogoutResponse that is not the answer to our LogoutRequest.

    Its status is the caller's to read: a partial logout is an answer too. Raises
    :class:`~eilogin.errors.UnknownPeer`, :class:`~eilogin.errors.MessageUnexpected`,
    :class:`~eilogin.errors.MessageMisdirected` or
    :class:`~eilogin.errors.MessageExpired` (SAML profiles 4.4.4.2).
    """
    with InNameOf(issuer):
        require_issuer(response.issuer, issuer)
        require_answer(response.in_response_to, in_response_to)
        require_destination(
            response.destination, destination, required=destination_required
        )
        require_recent(response.issued, now)


# --- what they have in common -------------------------------------------------------


def require_issuer(found: str, expected: str) -> None:
    """Refuse an Issuer that is another than ``expected``: UnknownPeer."""
    if found != expected:
        raise UnknownPeer(f"Issuer: found {shown(found)}; expected {expected!r}")


def require_answer(found: str, request_id: str) -> None:
    """Refuse an InResponseTo that is not ``request_id``: MessageUnexpected."""
    if not found:
        raise MessageUnexpected(
            "the message has no InResponseTo, and this site did not ask for it"
        )
    # The ID of a request is known to one browser: compared so that time tells nothing.
    if not hmac.compare_digest(found.encode(), request_id.encode()):
        # In a log it does no harm: it names a question that is over, and the peer's
        # signature is what an answer takes.
        raise MessageUnexpected(
            f"InResponseTo: found {shown(found)}; expected {request_id!r}, the ID of"
            " our request. The message answers another request, perhaps of another"
            " tab"
        )


def require_destination(found: str, address: str, *, required: bool) -> None:
    """Refuse a Destination that is another than ``address``: MessageMisdirected.

    It may be absent, that is "", unless it is ``required``.
    """
    if found != address and (found or required):
        raise MessageMisdirected(
            f"Destination: found {shown(found)}; expected {address!r}. Check that"
            " 'public_url' is the address that visitors type, and that the sender"
            " has our newest metadata"
        )


def shown(found: str) -> str:
    """Quote a value of a message for the log: short, or a note that it is absent."""
    return repr(found[:_LONGEST_SHOWN]) if found else "none"


def require_recent(issued: float, now: float) -> None:
    """Refuse an IssueInstant that is not within LIFETIME before now: MessageExpired."""
    if not issued - SKEW <= now < issued + LIFETIME + SKEW:
        raise MessageExpired(
            off("the IssueInstant", issued, now)
            + f", and a message is valid for {LIFETIME:.0f} s"
        )


def off(name: str, instant: float, now: float) -> str:
    """Describe an instant that does not fit, for the log: with both clocks, in UTC."""
    return (
        f"{name} is {write_instant(instant)}, and the time here is"
        f" {write_instant(now)}; expected a difference of at most {SKEW:.0f} s"
        " between the clocks"
    )
