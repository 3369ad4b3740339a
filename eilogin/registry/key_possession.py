"""Proof that a member has the key that its metadata names: something signed by it.

Else somebody could bring in the metadata of another, with addresses of his own. Best is
the metadata itself, which ``eilogin metadata`` signs: then it is the holder of the key
who says all of it. Where a product signs no metadata a login request of it will do: as
an XML document, or as the address to which a browser is sent with one.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from eilogin import clock
from eilogin.errors import MetadataUntrusted, Refused, UntrustedSignature
from eilogin.registry.registry_members import RegistryMember
from eilogin.saml.bindings import read_redirect, verify_redirect
from eilogin.saml.message_checks import SKEW, require_issuer, verified
from eilogin.saml.messages import AuthnRequest, read_authn_request, write_instant
from eilogin.saml.safe_xml import METADATA, parse
from eilogin.saml.signing_keys import PublicKey, fingerprints, public_key
from eilogin.saml.xml_signatures import check_structure, signed

#: Seconds for which a request proves something: others than we have seen it too.
_FRESH = 86_400.0

#: Looks at what one of the keys has signed; raises UntrustedSignature where none has.
_Look = Callable[[Sequence[PublicKey]], object]


def prove(
    octets: bytes,
    member: RegistryMember,
    before: RegistryMember | None,
    request: bytes = b"",
    challenge: str = "",
) -> str:
    """Verify that a sender of metadata has the member's key; return the proof in words.

    The key is one of the member's keys ``before``, if it is a member. ``request`` is an
    AuthnRequest of it, if ``octets`` are not signed; see :func:`_by_request`. Raises
    :class:`eilogin.errors.MetadataUntrusted` if there is no proof.
    """
    certificates = _certificates_of(before or member)
    try:
        if request:
            key = _by_request(request, member, certificates, challenge)
            seen = "" if challenge else ", which others may have seen too,"
            told = f"it has signed an AuthnRequest{seen} with its key"
            return f"{told} {fingerprints(key)}"
        key = _by_metadata(octets, certificates)
    except Refused as error:
        raise MetadataUntrusted(
            f"no proof that '{member.entity_id}' sent this: {error}; expected"
            f" {_expected(before)}"
        ) from error
    return f"it has signed its metadata with its key {fingerprints(key)}"


def _expected(before: RegistryMember | None) -> str:
    whose = "of its metadata" if before is None else "that it has in the federation now"
    return (
        f"a signature by a key {whose}: on the metadata itself (as 'eilogin"
        " metadata' prints it) or on a request (--proof). If you know in another"
        " way that the key is right, use --without-proof REASON"
    )


def _certificates_of(member: RegistryMember) -> Sequence[str]:
    """Those of the keys with which a member signs, each once."""
    found = (text for role in member.roles for text in role.signing_certificates)
    return list(dict.fromkeys(found))


def _by_metadata(octets: bytes, certificates: Iterable[str]) -> str:
    """The certificate of the key by which metadata is signed."""
    document = parse(octets, METADATA)
    check_structure(document, only_its_own=True)
    return _first(certificates, lambda keys: signed(document, keys))


def _by_request(
    octets: bytes, member: RegistryMember, certificates: Iterable[str], challenge: str
) -> str:
    """The certificate of the key by which a login request of a member is signed.

    It has to say ``challenge`` as its ProviderName, where that is not "".
    """
    found: list[AuthnRequest] = []
    octets = octets.strip()
    if octets.startswith(b"<"):
        document = parse(octets)

        def look(keys: Sequence[PublicKey]) -> None:
            found.append(read_authn_request(verified(document, keys)))
    else:
        # An address: its query is what is signed.
        query = octets.decode("ascii", "replace").rpartition("?")[2]
        received = read_redirect(query)

        def look(keys: Sequence[PublicKey]) -> None:
            verify_redirect(received, keys)
            found.append(read_authn_request(parse(received.octets)))

    certificate = _first(certificates, look)
    _require(found[-1], member, challenge)
    return certificate


def _first(certificates: Iterable[str], look: _Look) -> str:
    """The first by whose key there is something to see; raises what ``look`` does."""
    by_text = {text: public_key(text) for text in certificates}
    look([*by_text.values()])
    for text, key in by_text.items():
        with suppress(UntrustedSignature):
            look([key])
            return text
    raise UntrustedSignature("none of those keys signed it")


def _require(request: AuthnRequest, member: RegistryMember, challenge: str) -> None:
    """Refuse a request that may be of another, of long ago, or for somebody else."""
    require_issuer(request.issuer, member.entity_id)
    age = clock.now() - request.issued
    if not -SKEW <= age <= _FRESH:
        made = write_instant(request.issued)
        raise Refused(f"the request was made at {made}; expected a request of today")
    if challenge and request.provider_name != challenge:
        raise Refused(
            f"the request does not have {challenge!r} as its ProviderName, so other"
            " people may have seen it before"
        )
    participant = member.descriptor.service_provider
    consumers = participant.assertion_consumers if participant else ()
    known = {one.location for one in consumers}
    if request.acs_url and request.acs_url not in known:
        raise Refused(
            "the AssertionConsumerService of the request is not in the metadata"
        )
