"""Proof that a member has the key that its metadata names: a signature.

Otherwise somebody could register another's metadata with their own addresses. Best is
signed metadata (``eilogin metadata``). A login request also suffices: an XML document,
or the address of a redirect.
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

#: Seconds. Others may have seen the request too.
_FRESH = 86_400.0

#: Raises UntrustedSignature.
_Verify = Callable[[Sequence[PublicKey]], object]


def prove(
    octets: bytes,
    member: RegistryMember,
    before: RegistryMember | None,
    request: bytes = b"",
    challenge: str = "",
) -> str:
    """Verify that a sender of metadata has the member's key; return the proof in words.

    The key is one of ``before``, if given. ``request``: an AuthnRequest, if ``octets``
    are not signed. Raises MetadataUntrusted.
    """
    certificates = _certificates_of(before or member)
    try:
        if request:
            certificate = _request_certificate(request, member, certificates, challenge)
            replayable = "" if challenge else ", which others may have seen too,"
            proof = f"it has signed an AuthnRequest{replayable} with its key"
            return f"{proof} {fingerprints(certificate)}"
        certificate = _metadata_certificate(octets, certificates)
    except Refused as error:
        raise MetadataUntrusted(
            f"no proof that '{member.entity_id}' sent this: {error}; expected"
            f" {_expected(before)}"
        ) from error
    return f"it has signed its metadata with its key {fingerprints(certificate)}"


def _expected(before: RegistryMember | None) -> str:
    which = "of its metadata" if before is None else "that it has in the federation now"
    return (
        f"a signature by a key {which}: on the metadata itself (as 'eilogin"
        " metadata' prints it) or on a request (--proof). If you know in another"
        " way that the key is right, use --without-proof REASON"
    )


def _certificates_of(member: RegistryMember) -> Sequence[str]:
    certificates = (text for role in member.roles for text in role.signing_certificates)
    return list(dict.fromkeys(certificates))


def _metadata_certificate(octets: bytes, certificates: Iterable[str]) -> str:
    document = parse(octets, METADATA)
    check_structure(document, only_its_own=True)
    return _signing_certificate(certificates, lambda keys: signed(document, keys))


def _request_certificate(
    octets: bytes, member: RegistryMember, certificates: Iterable[str], challenge: str
) -> str:
    """The certificate of an AuthnRequest; ``challenge``: its ProviderName, or ""."""
    requests: list[AuthnRequest] = []
    octets = octets.strip()
    if octets.startswith(b"<"):
        document = parse(octets)

        def verify(keys: Sequence[PublicKey]) -> None:
            requests.append(read_authn_request(verified(document, keys)))
    else:
        # The query of an address is signed.
        query = octets.decode("ascii", "replace").rpartition("?")[2]
        received = read_redirect(query)

        def verify(keys: Sequence[PublicKey]) -> None:
            verify_redirect(received, keys)
            requests.append(read_authn_request(parse(received.octets)))

    certificate = _signing_certificate(certificates, verify)
    _require(requests[-1], member, challenge)
    return certificate


def _signing_certificate(certificates: Iterable[str], verify: _Verify) -> str:
    by_text = {text: public_key(text) for text in certificates}
    verify([*by_text.values()])
    for text, key in by_text.items():
        with suppress(UntrustedSignature):
            verify([key])
            return text
    raise UntrustedSignature("none of those keys signed it")


def _require(request: AuthnRequest, member: RegistryMember, challenge: str) -> None:
    """Reject a request of another issuer, an old one, or one for another endpoint."""
    require_issuer(request.issuer, member.entity_id)
    age = clock.now() - request.issued
    if not -SKEW <= age <= _FRESH:
        issued = write_instant(request.issued)
        raise Refused(f"the request was made at {issued}; expected a request of today")
    if challenge and request.provider_name != challenge:
        raise Refused(
            f"the request does not have {challenge!r} as its ProviderName, so other"
            " people may have seen it before"
        )
    participant = member.descriptor.service_provider
    consumers = participant.assertion_consumers if participant else ()
    acs_urls = {consumer.location for consumer in consumers}
    if request.acs_url and request.acs_url not in acs_urls:
        raise Refused(
            "the AssertionConsumerService of the request is not in the metadata"
        )
