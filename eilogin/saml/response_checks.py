"""Check a Response: issuer, audience, recipient, time, and the signatures.

The caller checks the pending login of this browser, and replay, by the ``id`` of an
accepted assertion until its expiry.
"""

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass

from lxml import etree

from eilogin.errors import (
    DecryptionFailed,
    InNameOf,
    LoginFailed,
    MalformedMessage,
    MessageExpired,
    MessageMisdirected,
    MessageUnexpected,
    NotEncrypted,
    Refused,
    UnknownPeer,
    UntrustedSignature,
)
from eilogin.saml.artifact_responses import require_response
from eilogin.saml.decoy_assertion import decoy
from eilogin.saml.message_checks import (
    SKEW,
    describe_time,
    require_answer,
    require_destination,
    require_issuer,
    require_recent,
    shown,
)
from eilogin.saml.messages import (
    PERSISTENT,
    SUCCESS,
    TRANSIENT,
    Assertion,
    Response,
    read_artifact_response,
    read_assertion,
    read_assertions,
    read_response,
    write_instant,
)
from eilogin.saml.safe_xml import q, validate
from eilogin.saml.signing_keys import PublicKey
from eilogin.saml.xml_encryption import NOT_OPENED, Decrypter
from eilogin.saml.xml_signatures import Signature, check_structure, content, is_signed

#: Longest validity in seconds, which limits replay protection. Real hubs use two
#: minutes (DigiD) to some hours.
LONGEST_WINDOW = 86400.0
#: Parts that an option can require to be encrypted; the assertion covers the others.
ENCRYPTABLE = ("assertion", "attributes", "name-id")
#: Audiences in a log line.
_MOST_SHOWN = 5
_UNSIGNED = (
    "neither the assertion nor the message around it is signed; expected a"
    " signature of the hub on the assertion, the Response or the ArtifactResponse"
)


@dataclass(frozen=True, slots=True)
class Expected:
    """The participant's expectations of a Response."""

    #: ID of the AuthnRequest, bound to this browser by the caller, or "".
    request_id: str
    #: The address in its metadata at which the Response arrived.
    acs_url: str
    #: Its own entityID.
    audience: str
    #: entityID of the hub that got the AuthnRequest.
    issuer: str
    keys: Sequence[PublicKey]
    #: Seconds since 1970.
    now: float
    #: True by POST (bindings 3.5.5.2). By artifact, DigiD sends no Destination; if a
    #: Response has one, it must be ours all the same.
    destination_required: bool
    decrypter: Decrypter | None = None
    #: Whether to accept only an unsolicited Response; ``request_id`` is "".
    unsolicited: bool = False
    #: Whether a signature must cover the Response, not its assertion alone.
    response_signed: bool = False
    #: The parts that must be encrypted: :data:`ENCRYPTABLE`.
    encrypted: Collection[str] = ()
    #: Whether a hub of ours answers others with the assertion.
    passed_on: bool = False


# --- the answer to a login ----------------------------------------------------------


def accept(response: etree._Element, expected: Expected) -> Assertion:
    """Check a Response, and return its one assertion if every check passes.

    ``response`` is in the tree in which it was parsed: the root, or inside an
    ArtifactResponse (:mod:`eilogin.saml.artifact_responses`). Every signature in the
    tree must be by one of ``expected.keys``, and one must cover the assertion. Values
    come only from octets that a signature covers. An encrypted assertion is decrypted
    after the signatures around it are verified, and is then verified alone.

    Raises :class:`~eilogin.errors.LoginFailed` if the hub says that there is no login.
    For a rejected Response it raises one of these:

    * :class:`~eilogin.errors.MalformedMessage`
    * :class:`~eilogin.errors.UntrustedSignature`
    * :class:`~eilogin.errors.DecryptionFailed`
    * :class:`~eilogin.errors.NotEncrypted` (``expected.encrypted``)
    * the errors of :mod:`eilogin.saml.message_checks`

    Source: SAML profiles 4.1.4.2 and 4.1.4.3, core 2.5 and 5.
    """
    with InNameOf(expected.issuer):
        return _accept(response, expected)


def _accept(response: etree._Element, expected: Expected) -> Assertion:
    signatures = check_structure(response.getroottree().getroot(), ids_are_unique=True)
    validate(response, "protocol")
    unsigned_envelope = read_response(response)
    _refuse_failure(unsigned_envelope, expected)
    envelope, assertion = _read_signed(response, signatures, expected)
    is_covered = envelope is not None
    _check_envelope(
        envelope or unsigned_envelope,
        expected,
        is_signed=is_covered,
        needs_issuer=not _may_lack_issuer(response, signatures),
    )
    if assertion.tag == q("saml:EncryptedAssertion"):
        return _valid_decrypted_assertion(assertion, expected, is_covered=is_covered)
    _require_encrypted(assertion, expected)
    return _valid_assertion(assertion, expected)


def _valid_assertion(element: etree._Element, expected: Expected) -> Assertion:
    """Return the assertion in a signed element, if it is for us and valid now.

    One valid SubjectConfirmation is enough (core 2.4.1).
    """
    faults: list[Refused] = []
    for assertion in read_assertions(element, expected.decrypter):
        try:
            return _check_assertion(assertion, expected)
        except Refused as fault:
            faults.append(fault)
    raise faults[0]


def _check_assertion(assertion: Assertion, expected: Expected) -> Assertion:
    _check_party(assertion, expected)
    _check_passing_on(assertion, expected)
    _check_name_id(assertion, expected)
    require_in_time(assertion, expected.now)
    return assertion


def _valid_decrypted_assertion(
    wrapper: etree._Element, expected: Expected, *, is_covered: bool
) -> Assertion:
    """Decrypt and check an EncryptedAssertion; return its assertion.

    Unless a signature of the hub covers the wrapper (``is_covered``), anybody may have
    made it: only our log may distinguish a fault inside from a failed decryption
    (:mod:`eilogin.saml.xml_encryption`).
    """
    element = _decrypt(wrapper, expected, is_covered=is_covered)
    try:
        return _valid_assertion(element, expected)
    except Refused as error:
        if is_covered:
            raise
        raise DecryptionFailed(
            f"eilogin decrypted the assertion and rejected its content: {error}"
        ) from None


def _require_encrypted(assertion: etree._Element, expected: Expected) -> None:
    if "assertion" in expected.encrypted:
        raise _in_clear("the assertion", expected)
    if "attributes" in expected.encrypted and _contains(assertion, "saml:Attribute"):
        raise _in_clear("an attribute", expected)
    # Advice may contain another Subject.
    subjects = assertion.iter(q("saml:Subject"))
    names = ("saml:NameID", "saml:BaseID")
    if "name-id" in expected.encrypted and any(_contains(s, *names) for s in subjects):
        raise _in_clear("a NameID", expected)


def _contains(element: etree._Element, *names: str) -> bool:
    return next(element.iter(*map(q, names)), None) is not None


def _in_clear(part: str, expected: Expected) -> NotEncrypted:
    return NotEncrypted(
        f"the hub did not encrypt {part}; require_encryption expects that it does."
        f" Ask the administrator of {expected.issuer!r} to encrypt for the key in"
        " our metadata"
    )


def _refuse_failure(response: Response, expected: Expected) -> None:
    """Raise LoginFailed for a Response to our request without a login, even unsigned.

    A Success with a second code is no success (core 3.2.2.2).
    """
    if response.status.codes == (SUCCESS,):
        return
    _require_our_request(response.in_response_to, expected)
    if response.issuer:
        require_issuer(response.issuer, expected.issuer)
    raise LoginFailed("the hub says that there is no login", response.status.codes)


def _require_our_request(in_response_to: str, expected: Expected) -> None:
    if not expected.unsolicited:
        require_answer(in_response_to, expected.request_id)
    elif in_response_to:
        raise MessageUnexpected(
            "the Response names a request (InResponseTo); expected a Response without"
            " one"
        )


def _only_assertion(response: etree._Element) -> etree._Element:
    """Return the assertion of a Response, clear or encrypted, if it is the only one.

    A wrapping attack needs two: the signed one, moved elsewhere, and the one to be
    read. The place of the signature, or the schema, already rejects all known attacks.
    """
    root = response.getroottree().getroot()
    assertions = _assertions_beside_advice(root)
    if len(assertions) != 1 or assertions[0].getparent() is not response:
        raise MalformedMessage("a Response does not contain exactly one assertion")
    return assertions[0]


def _assertions_beside_advice(root: etree._Element) -> list[etree._Element]:
    """Return all assertions except those in Advice: they do not count (core 2.6.1)."""
    assertions = root.iter(q("saml:Assertion"), q("saml:EncryptedAssertion"))
    return [each for each in assertions if not _is_advice(each)]


def _is_advice(element: etree._Element) -> bool:
    ancestors = element.iterancestors(q("saml:Advice"))
    return any(_is_part_of_assertion(advice) for advice in ancestors)


def _is_part_of_assertion(advice: etree._Element) -> bool:
    parent = advice.getparent()
    return parent is not None and parent.tag == q("saml:Assertion")


def _may_lack_issuer(response: etree._Element, signatures: Sequence[Signature]) -> bool:
    """Return whether a Response may lack an Issuer (profiles 4.1.4.2, errata E17).

    It may if it is unsigned, and its signed assertion is not encrypted.
    """
    signed = [signature.element for signature in signatures]
    return response not in signed and response.find(q("saml:Assertion")) in signed


def _read_signed(
    response: etree._Element,
    signatures: Sequence[Signature],
    expected: Expected,
) -> tuple[Response | None, etree._Element]:
    """Verify all signatures; return the envelope, if signed, and the assertion.

    ``signatures`` are those of the tree, outermost first. Values come from the octets
    of the innermost one that covers the assertion. Returns an EncryptedAssertion as it
    is, because its content may be signed.
    """
    keys = expected.keys
    path = [_only_assertion(response), response, *response.iterancestors()]
    if not all(signature.element in path for signature in signatures):
        raise MalformedMessage(
            "the message contains a signature that is not of the assertion, the"
            " Response or the ArtifactResponse"
        )
    content_of = {s.element: content(s, keys) for s in signatures}
    covering = [content_of[element] for element in path[1:] if element in content_of]
    envelope = _response_of(covering[0]) if covering else None
    if envelope is None and expected.response_signed:
        raise UntrustedSignature(
            "the hub signed the assertion and not the Response;"
            " want_response_signed expects a signature of the Response. Ask the"
            " administrator of the hub to sign its Responses"
        )
    assertion = content_of.get(path[0])
    if assertion is None:
        assertion = _without_own_signature(path[0], envelope)
    return (None if envelope is None else read_response(envelope)), assertion


def _without_own_signature(
    assertion: etree._Element, envelope: etree._Element | None
) -> etree._Element:
    if envelope is not None:
        return _only_assertion(envelope)
    if assertion.tag != q("saml:EncryptedAssertion"):
        raise UntrustedSignature(_UNSIGNED)
    return assertion


def _decrypt(
    wrapper: etree._Element, expected: Expected, *, is_covered: bool
) -> etree._Element:
    decrypter = expected.decrypter or Decrypter(())
    if is_covered:
        assertion = decrypter.open(wrapper, is_covered=True)
        return _verified_alone(assertion, expected.keys, is_covered=True)
    decrypted, failure = None, DecryptionFailed(f"the encrypted part {NOT_OPENED}")
    try:
        decrypted = decrypter.open(wrapper)
        return _verified_alone(decrypted, expected.keys, is_covered=False)
    except DecryptionFailed as error:
        failure = error
    except Refused:
        pass  # the same text as for a part that cannot be decrypted
    if decrypted is None or not is_signed(decrypted):
        _spend_equal_time(expected.keys)
    raise failure


def _spend_equal_time(keys: Sequence[PublicKey]) -> None:
    """Verify and read a decoy, so that a failure takes as long as a success."""
    decoy_assertion = decoy(keys)
    with suppress(UntrustedSignature):
        _verified_alone(decoy_assertion, keys, is_covered=False)
    read_assertion(decoy_assertion)


def _verified_alone(
    root: etree._Element, keys: Sequence[PublicKey], *, is_covered: bool
) -> etree._Element:
    """Return the decrypted assertion, from the octets of its signature if signed."""
    signatures = check_structure(root)
    validate(root, "assertion")
    if _assertions_beside_advice(root) != [root] or any(
        s.element is not root for s in signatures
    ):
        raise MalformedMessage("the decrypted part is not exactly one assertion")
    if signatures:
        return content(signatures[0], keys)
    if not is_covered:
        raise UntrustedSignature(_UNSIGNED)
    return root


def _response_of(envelope: etree._Element) -> etree._Element:
    if envelope.tag == q("samlp:Response"):
        return envelope
    _, message = read_artifact_response(envelope)
    return require_response(message)


def _check_envelope(
    response: Response, expected: Expected, *, is_signed: bool, needs_issuer: bool
) -> None:
    if is_signed or response.in_response_to:
        _require_our_request(response.in_response_to, expected)
    if needs_issuer or response.issuer:
        require_issuer(response.issuer, expected.issuer)
    require_destination(
        response.destination, expected.acs_url, required=expected.destination_required
    )
    require_recent(response.issued, expected.now)


def _check_party(assertion: Assertion, expected: Expected) -> None:
    """Check Issuer, Audience, Recipient, InResponseTo (profiles 4.1.4.3)."""
    require_issuer(assertion.issuer, expected.issuer)
    _require_our_request(assertion.in_response_to, expected)
    if assertion.recipient != expected.acs_url:
        raise MessageMisdirected(
            f"Recipient: found {shown(assertion.recipient)}; expected"
            f" {expected.acs_url!r}. Check that 'public_url' is the address that"
            " visitors type, and that the hub has our newest metadata"
        )
    is_for_us = bool(assertion.audiences) and all(
        expected.audience in audiences for audiences in assertion.audiences
    )
    if not is_for_us:
        entity_ids = [name for names in assertion.audiences for name in names]
        listed = ", ".join(map(shown, entity_ids[:_MOST_SHOWN])) or "none"
        raise MessageMisdirected(
            f"Audience: found {listed}; expected {expected.audience!r}, our entityID"
        )


def _check_passing_on(assertion: Assertion, expected: Expected) -> None:
    """Reject any ProxyRestriction, if a hub passes the login on (core 2.5.1.6)."""
    if expected.passed_on and assertion.is_for_us_alone:
        raise MessageMisdirected(
            "the assertion has a ProxyRestriction, and hub_inside passes logins on"
            " to a hub here; expected an assertion without one. Ask the"
            f" administrator of {expected.issuer!r} to leave it out"
        )


def _check_name_id(assertion: Assertion, expected: Expected) -> None:
    """Reject a NameID that another party qualifies.

    The NameQualifier of a persistent or transient NameID is the hub (core 8.3.7,
    8.3.8); others may be any domain (core 2.2.2).
    """
    name_id = assertion.name_id
    if name_id is None:
        return
    is_pairwise = name_id.format in (PERSISTENT, TRANSIENT)
    if is_pairwise and name_id.name_qualifier not in ("", expected.issuer):
        raise UnknownPeer(
            f"NameQualifier of the NameID: found {shown(name_id.name_qualifier)};"
            f" expected {expected.issuer!r}"
        )
    if name_id.sp_name_qualifier not in ("", expected.audience):
        raise MessageMisdirected(
            "SPNameQualifier of the NameID: found"
            f" {shown(name_id.sp_name_qualifier)}; expected {expected.audience!r}"
        )


def require_in_time(assertion: Assertion, now: float) -> None:
    """Raise MessageExpired if ``now`` is outside the validity of an assertion.

    Raises MalformedMessage for invalid times.
    """
    require_recent(assertion.issued, now)
    _require_within("SubjectConfirmationData", None, assertion.confirmation_ends, now)
    if assertion.not_on_or_after is None:
        raise MalformedMessage("the Conditions have no NotOnOrAfter")
    _require_within("Conditions", assertion.not_before, assertion.not_on_or_after, now)
    if assertion.authn_instant > now + SKEW:
        raise MessageExpired(
            describe_time("the AuthnInstant", assertion.authn_instant, now)
        )
    # No skew extends what the hub grants.
    if assertion.session_ends is not None and assertion.session_ends <= now:
        ends = write_instant(assertion.session_ends)
        raise MessageExpired(
            f"the session at the hub has ended: its SessionNotOnOrAfter is {ends},"
            f" and the time here is {write_instant(now)}"
        )


def _require_within(place: str, start: float | None, end: float, now: float) -> None:
    if start is not None and start >= end:
        raise MalformedMessage("a NotBefore is not before its NotOnOrAfter")
    if start is not None and now + SKEW < start:
        raise MessageExpired(describe_time(f"the NotBefore of the {place}", start, now))
    if now >= end + SKEW:
        raise MessageExpired(
            describe_time(f"the NotOnOrAfter of the {place}", end, now)
        )
    if end > now + LONGEST_WINDOW:
        raise MalformedMessage(
            f"a NotOnOrAfter is more than {LONGEST_WINDOW:.0f} s in the future"
        )
