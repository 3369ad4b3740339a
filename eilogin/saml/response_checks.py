"""Check a Response: issuer, audience, recipient, time, and the signatures.

These checks keep no state: :func:`accept` checks a Response at the participant, and
:mod:`eilogin.saml.artifact_responses` takes it out of an ArtifactResponse. Checks that
need a memory (replay, the pending login of this browser) belong to the caller. An
accepted assertion has an ``id`` to remember, and the instant until which it must be
remembered. The module :mod:`eilogin.saml.message_checks` checks the other messages, by
the same rules.
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
    off,
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

#: The longest validity of an assertion in seconds, which limits how long replay
#: protection must remember it. Real hubs use two minutes (DigiD) to some hours.
LONGEST_WINDOW = 86400.0
#: The parts of an answer that can be required to be encrypted. An encrypted assertion
#: covers the others.
ENCRYPTABLE = ("assertion", "attributes", "name-id")
#: How many audiences a log names.
_MOST_SHOWN = 5
_UNSIGNED = (
    "neither the assertion nor the message around it is signed; expected a"
    " signature of the hub on the assertion, the Response or the ArtifactResponse"
)


@dataclass(frozen=True, slots=True)
class Expected:
    """The participant's expectations of a Response."""

    #: ID of its AuthnRequest; "" for an unsolicited Response. It is no secret: the
    #: caller checks that the Response belongs to this browser.
    request_id: str
    #: The address, as in its metadata, at which the answer came in.
    acs_url: str
    #: Its own entityID.
    audience: str
    #: entityID of the hub that was asked.
    issuer: str
    #: The signing keys of that hub.
    keys: Sequence[PublicKey]
    #: The present instant, in seconds since 1970-01-01T00:00:00Z.
    now: float
    #: True where the answer came by POST; by artifact a Destination may be absent
    #: (DigiD sends none), but is exact if it is there (bindings 3.5.5.2).
    destination_required: bool
    #: Decrypts encrypted assertions, NameIDs and attributes.
    decrypter: Decrypter | None = None
    #: True where an answer is taken that nobody asked for: one that names no request,
    #: and no other. ``request_id`` is "" then.
    unsolicited: bool = False
    #: True where a signature must cover the Response, and not its assertion alone.
    response_signed: bool = False
    #: The parts that must not come in clear text: :data:`ENCRYPTABLE`.
    encrypted: Collection[str] = ()
    #: True where a hub of ours stands on what is answered, and answers others.
    passed_on: bool = False


# --- the answer to a login ----------------------------------------------------------


def accept(response: etree._Element, expected: Expected) -> Assertion:
    """Check a Response, and return its one assertion if every check passes.

    ``response`` is a ``samlp:Response`` in the tree in which it was parsed: its root,
    or inside an ArtifactResponse, as
    :func:`~eilogin.saml.artifact_responses.open_artifact_response` returns it. A
    signature must cover the assertion: its own, or that of the Response or
    ArtifactResponse around it. Every signature in the tree must be by one of
    ``expected.keys``, and values are read only from octets that a signature covers. An
    encrypted assertion is decrypted after the signatures around it were verified, and
    is then verified standing alone.

    Raises :class:`~eilogin.errors.LoginFailed` if the hub says that there is no login.
    For a rejected Response it raises one of these:

    * :class:`~eilogin.errors.MalformedMessage`
    * :class:`~eilogin.errors.UntrustedSignature`
    * :class:`~eilogin.errors.DecryptionFailed`
    * :class:`~eilogin.errors.NotEncrypted` (clear text that ``expected.encrypted``
      forbids)
    * :class:`~eilogin.errors.UnknownPeer` (another Issuer)
    * :class:`~eilogin.errors.MessageUnexpected` (another InResponseTo, or none)
    * :class:`~eilogin.errors.MessageMisdirected`
    * :class:`~eilogin.errors.MessageExpired`

    Source: SAML profiles 4.1.4.2 and 4.1.4.3, core 2.5 and 5.
    """
    with InNameOf(expected.issuer):
        return _accepted(response, expected)


def _accepted(response: etree._Element, expected: Expected) -> Assertion:
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
        return _judged_when_opened(assertion, expected, is_covered=is_covered)
    _require_encrypted(assertion, expected)
    return _judged(assertion, expected)


def _judged(element: etree._Element, expected: Expected) -> Assertion:
    """The assertion in a signed element, if it is for us and valid now.

    Each of its SubjectConfirmations is judged whole, with all the rest, and the first
    one that holds is enough (core 2.4.1). If none holds, the first error is raised.
    """
    faults: list[Refused] = []
    for assertion in read_assertions(element, expected.decrypter):
        try:
            return _held(assertion, expected)
        except Refused as fault:
            faults.append(fault)
    raise faults[0]


def _held(assertion: Assertion, expected: Expected) -> Assertion:
    _check_party(assertion, expected)
    _check_passing_on(assertion, expected)
    _check_name_id(assertion, expected)
    require_in_time(assertion, expected.now)
    return assertion


def _judged_when_opened(
    wrapper: etree._Element, expected: Expected, *, is_covered: bool
) -> Assertion:
    """Check an EncryptedAssertion, and return its assertion.

    ``is_covered`` says that a signature of the hub covers the wrapper. Without one,
    anybody may have made it. Then only our log may tell a fault inside from a failed
    decryption: see :mod:`eilogin.saml.xml_encryption`.
    """
    element = _opened(wrapper, expected, is_covered=is_covered)
    try:
        return _judged(element, expected)
    except Refused as error:
        if is_covered:
            raise
        raise DecryptionFailed(
            f"eilogin decrypted the assertion and rejected its content: {error}"
        ) from None


def _require_encrypted(assertion: etree._Element, expected: Expected) -> None:
    """Refuse clear text in an assertion that is in clear itself, if it must not be."""
    if "assertion" in expected.encrypted:
        raise _in_clear("the assertion", expected)
    if "attributes" in expected.encrypted and _holds(assertion, "saml:Attribute"):
        raise _in_clear("an attribute", expected)
    # In Advice there may be another Subject.
    subjects = assertion.iter(q("saml:Subject"))
    names = ("saml:NameID", "saml:BaseID")
    if "name-id" in expected.encrypted and any(_holds(s, *names) for s in subjects):
        raise _in_clear("a NameID", expected)


def _holds(element: etree._Element, *names: str) -> bool:
    return next(element.iter(*map(q, names)), None) is not None


def _in_clear(what: str, expected: Expected) -> NotEncrypted:
    return NotEncrypted(
        f"the hub did not encrypt {what}; require_encryption expects that it does."
        f" Ask the administrator of {expected.issuer!r} to encrypt for the key in"
        " our metadata"
    )


def _refuse_failure(response: Response, expected: Expected) -> None:
    """Raise LoginFailed where there is no login, and the answer is one to our question.

    Nobody needs to have signed that: it may be read because it only refuses. A Success
    with a second code beside it is none that we know (core 3.2.2.2).
    """
    if response.status.codes == (SUCCESS,):
        return
    _require_asked(response.in_response_to, expected)
    if response.issuer:
        require_issuer(response.issuer, expected.issuer)
    raise LoginFailed("the hub says that there is no login", response.status.codes)


def _require_asked(in_response_to: str, expected: Expected) -> None:
    """Refuse what answers another request than ours, or none where we asked."""
    if not expected.unsolicited:
        require_answer(in_response_to, expected.request_id)
    elif in_response_to:
        raise MessageUnexpected(
            "the Response names a request (InResponseTo); expected a Response without"
            " one"
        )


def _only_assertion(response: etree._Element) -> etree._Element:
    """Return the assertion of a Response, clear or encrypted, if it is the only one.

    Wrapping attacks need two: the signed one, moved elsewhere, and the one that is
    read. The place of the signature, or the schema, already rejects all known attacks
    with one elsewhere. The place of the assertion is checked all the same. Only the
    Advice of the assertion may hold others (core 2.6.1), and eilogin reads none of
    them.
    """
    root = response.getroottree().getroot()
    found = _assertions_beside_advice(root)
    if len(found) != 1 or found[0].getparent() is not response:
        raise MalformedMessage("a Response does not contain exactly one assertion")
    return found[0]


def _assertions_beside_advice(root: etree._Element) -> list[etree._Element]:
    """All assertions in a tree, but for those in the Advice of another one.

    Whatever stands in Advice must not be signed: the caller refuses a signature there.
    """
    found = root.iter(q("saml:Assertion"), q("saml:EncryptedAssertion"))
    return [each for each in found if not _is_advice(each)]


def _is_advice(element: etree._Element) -> bool:
    """Whether an element stands in the Advice of an assertion."""
    around = element.iterancestors(q("saml:Advice"))
    return any(_is_part_of_assertion(advice) for advice in around)


def _is_part_of_assertion(advice: etree._Element) -> bool:
    parent = advice.getparent()
    return parent is not None and parent.tag == q("saml:Assertion")


def _may_lack_issuer(response: etree._Element, signatures: Sequence[Signature]) -> bool:
    """Whether a Response need not say its Issuer (profiles 4.1.4.2, errata E17).

    That is so where it is not signed itself, and holds an assertion in clear that is.
    """
    signed = [signature.element for signature in signatures]
    return response not in signed and response.find(q("saml:Assertion")) in signed


def _read_signed(
    response: etree._Element,
    signatures: Sequence[Signature],
    expected: Expected,
) -> tuple[Response | None, etree._Element]:
    """Return the envelope, if a signature covers it, and the signed assertion.

    A signature must cover the assertion. ``signatures`` are all those of the tree, the
    outermost first. Each is verified; values come from the octets of the innermost one
    that covers the assertion. An EncryptedAssertion is returned as it is: its content
    may have a signature of its own.
    """
    keys = expected.keys
    path = [_only_assertion(response), response, *response.iterancestors()]
    if not all(signature.element in path for signature in signatures):
        raise MalformedMessage(
            "the message contains a signature that is not of the assertion, the"
            " Response or the ArtifactResponse"
        )
    content_of = {s.element: content(s, keys) for s in signatures}
    around = [content_of[element] for element in path[1:] if element in content_of]
    envelope = _response_of(around[0]) if around else None
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
    """Return an assertion that the signature of the envelope covers, or encrypted."""
    if envelope is not None:
        return _only_assertion(envelope)
    if assertion.tag != q("saml:EncryptedAssertion"):
        raise UntrustedSignature(_UNSIGNED)
    return assertion


def _opened(
    wrapper: etree._Element, expected: Expected, *, is_covered: bool
) -> etree._Element:
    """The assertion in an EncryptedAssertion, verified standing alone."""
    decrypter = expected.decrypter or Decrypter(())
    if is_covered:
        assertion = decrypter.open(wrapper, is_covered=True)
        return _verified_alone(assertion, expected.keys, is_covered=True)
    found, failed = None, DecryptionFailed(f"the encrypted part {NOT_OPENED}")
    try:
        found = decrypter.open(wrapper)
        return _verified_alone(found, expected.keys, is_covered=False)
    except DecryptionFailed as error:
        failed = error
    except Refused:
        pass  # in the same words as what could not be opened
    if found is None or not is_signed(found):
        _take_as_long(expected.keys)
    raise failed


def _take_as_long(keys: Sequence[PublicKey]) -> None:
    """Verify and read an assertion in the place of one: else the time told of it."""
    instead = decoy(keys)
    with suppress(UntrustedSignature):
        _verified_alone(instead, keys, is_covered=False)
    read_assertion(instead)


def _verified_alone(
    root: etree._Element, keys: Sequence[PublicKey], *, is_covered: bool
) -> etree._Element:
    """An assertion that was decrypted, from its own signature's octets if it has one.

    The pattern is that of a clear one: one assertion, nothing else that is signed (what
    else might be is no assertion, and not taken for one either).
    """
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


def _response_of(cover: etree._Element) -> etree._Element:
    """The Response in what was signed: itself, or what the ArtifactResponse carries."""
    if cover.tag == q("samlp:Response"):
        return cover
    _, carried = read_artifact_response(cover)
    return require_response(carried)


def _check_envelope(
    response: Response, expected: Expected, *, is_signed: bool, needs_issuer: bool
) -> None:
    if is_signed or response.in_response_to:
        _require_asked(response.in_response_to, expected)
    if needs_issuer or response.issuer:
        require_issuer(response.issuer, expected.issuer)
    require_destination(
        response.destination, expected.acs_url, required=expected.destination_required
    )
    require_recent(response.issued, expected.now)


def _check_party(assertion: Assertion, expected: Expected) -> None:
    """From whom, for whom, and in answer to what (profiles 4.1.4.3, core 2.5.1.4)."""
    require_issuer(assertion.issuer, expected.issuer)
    _require_asked(assertion.in_response_to, expected)
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
        said = [name for names in assertion.audiences for name in names]
        found = ", ".join(map(shown, said[:_MOST_SHOWN])) or "none"
        raise MessageMisdirected(
            f"Audience: found {found}; expected {expected.audience!r}, our entityID"
        )


def _check_passing_on(assertion: Assertion, expected: Expected) -> None:
    """A hub passes nothing on that it may not (core 2.5.1.6).

    How often, and to whom, is not counted: no restriction is taken.
    """
    if expected.passed_on and assertion.is_for_us_alone:
        raise MessageMisdirected(
            "the assertion has a ProxyRestriction, and hub_inside passes logins on"
            " to a hub here; expected an assertion without one. Ask the"
            f" administrator of {expected.issuer!r} to leave it out"
        )


def _check_name_id(assertion: Assertion, expected: Expected) -> None:
    """A NameID in the name of somebody else is not one that we understand.

    The NameQualifier of a persistent or transient one is the hub (core 8.3.7, 8.3.8);
    of another one it may be any domain (core 2.2.2).
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
    """Raise MessageExpired where ``now`` is no time at which it may be used.

    For one that was accepted and has waited since. MalformedMessage for times that are
    none.
    """
    require_recent(assertion.issued, now)
    _require_within("SubjectConfirmationData", None, assertion.confirmation_ends, now)
    if assertion.not_on_or_after is None:
        raise MalformedMessage("the Conditions have no NotOnOrAfter")
    _require_within("Conditions", assertion.not_before, assertion.not_on_or_after, now)
    if assertion.authn_instant > now + SKEW:
        raise MessageExpired(off("the AuthnInstant", assertion.authn_instant, now))
    # A session that is over is not begun: no skew can lengthen what the hub grants.
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
        raise MessageExpired(off(f"the NotBefore of the {place}", start, now))
    if now >= end + SKEW:
        raise MessageExpired(off(f"the NotOnOrAfter of the {place}", end, now))
    if end > now + LONGEST_WINDOW:
        raise MalformedMessage(
            f"a NotOnOrAfter is more than {LONGEST_WINDOW:.0f} s in the future"
        )
