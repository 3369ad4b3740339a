"""Metadata: a signed federation, a signed entity, and documents that nobody signed.

Property: ``read_federation`` gives what the operator signed, or raises
MalformedMessage, UntrustedSignature or PeerUnusable; ``read_unsigned`` and
``read_created`` raise the same. What is read without a signature names no address but
those that citizens and keys may be sent to, has each entityID once, and for each role a
key to verify with.

The first octet of an input chooses: the signed federation or entity, mutated; the same
tree read unsigned; or a document as text.
"""

from collections.abc import Iterator
from urllib.parse import urlsplit

from fuzz_parts import HUB, NOW, PARTICIPANT, key_of, mutated, octets_of, steps_of
from mutants import OPERATIONS

from eilogin.config import is_loopback
from eilogin.errors import MalformedMessage, PeerUnusable, UntrustedSignature
from eilogin.saml import bindings
from eilogin.saml.metadata import (
    IDPDISC,
    AttributeService,
    Contact,
    Endpoint,
    EntityDescriptor,
    FederationMetadata,
    IdentityProvider,
    ServiceProvider,
    read_created,
    read_federation,
    read_unsigned,
    write_entity,
    write_federation,
)
from eilogin.saml.printable_text import CONTROL
from eilogin.saml.xml_encryption import ENCRYPTION_METHODS

_UWV, _INLOGGEN = "https://uwv.example.nl", "https://inloggen.example.nl"
_PARTY = EntityDescriptor(
    entity_id=PARTICIPANT,
    service_provider=ServiceProvider(
        signing_certificates=(key_of("uwv").certificate_text,),
        encryption_methods=ENCRYPTION_METHODS[:2],
        assertion_consumers=(
            Endpoint(bindings.POST, f"{_UWV}/eilogin/acs", index=0),
            Endpoint(
                bindings.ARTIFACT, f"{_UWV}/eilogin/acs", index=1, is_default=True
            ),
        ),
        single_logouts=(
            Endpoint(bindings.REDIRECT, f"{_UWV}/eilogin/slo", f"{_UWV}/eilogin/done"),
            Endpoint(bindings.SOAP, f"{_UWV}:8443/eilogin/slo/soap"),
        ),
        attribute_services=(AttributeService(("naam", "bsn"), frozenset({"bsn"})),),
        discovery_responses=(Endpoint(IDPDISC, f"{_UWV}/eilogin/disc", index=0),),
        authn_requests_signed=True,
    ),
    names={"nl": "Mijn UWV", "en": "My UWV"},
    information_urls={"nl": "https://www.uwv.example.nl/"},
    contacts=(Contact("technical", "UWV", "beheer@uwv.example.nl"),),
    valid_until=NOW + 86400,
)
_HUB = EntityDescriptor(
    entity_id=HUB,
    identity_provider=IdentityProvider(
        signing_certificates=(key_of("hub").certificate_text,),
        single_sign_ons=(Endpoint(bindings.REDIRECT, f"{_INLOGGEN}/sso"),),
        single_logouts=(Endpoint(bindings.REDIRECT, f"{_INLOGGEN}/slo"),),
        artifact_resolutions=(
            Endpoint(bindings.SOAP, f"{_INLOGGEN}/artifact", index=0),
        ),
        want_authn_requests_signed=True,
    ),
)
_KEYS = [key_of("operator").public]
_GOOD = (
    write_federation(
        [_PARTY, _HUB],
        name="Eén overheid",
        valid_until=NOW + 86400,
        key=key_of("operator"),
    ),
    write_entity(_HUB, key_of("operator")),
)
_SIGNED = tuple(read_federation(octets, _KEYS) for octets in _GOOD)
_REFUSED = (MalformedMessage, UntrustedSignature, PeerUnusable)
_SPOKEN = (bindings.REDIRECT, bindings.POST, bindings.ARTIFACT, bindings.SOAP)


def check(octets: bytes) -> None:
    """Hold one document against the property."""
    kind, rest = octets[:1], octets[1:]
    number = kind[0] % 6 if kind else 0
    if number < 2 * len(_GOOD):
        which, is_read_unsigned = divmod(number, 2)
        judge(which, steps_of(rest), is_read_unsigned=bool(is_read_unsigned))
    else:
        _unsigned(rest, on_loopback=number % 2 == 1)


def judge(
    which: int, steps: list[tuple[int, int, int]], *, is_read_unsigned: bool = False
) -> bool:
    """Whether a mutant is taken; AssertionError where it says what nobody signed."""
    octets = mutated(_GOOD[which], steps)
    if is_read_unsigned:
        _unsigned(octets, on_loopback=False)
    try:
        found = read_federation(octets, _KEYS)
    except _REFUSED:
        return False
    assert found == _SIGNED[which], "taken, and nobody signed it"
    assert read_created(octets, _KEYS) == found.created
    return True


def _unsigned(octets: bytes, *, on_loopback: bool) -> None:
    try:
        found = read_unsigned(octets, on_loopback=on_loopback)
    except _REFUSED:
        return
    _require_sound(found, on_loopback=on_loopback)


def _require_sound(found: FederationMetadata, *, on_loopback: bool) -> None:
    names = [entity.entity_id for entity in found.entities]
    assert len(set(names)) == len(names)
    assert not any(CONTROL.search(name) for name in (*names, found.name))
    for entity in found.entities:
        for role in (entity.service_provider, entity.identity_provider):
            assert role is None or role.keys
        for endpoint in _endpoints(entity):
            for address in (endpoint.location, endpoint.for_answers):
                _require_address(address, on_loopback=on_loopback)


def _endpoints(entity: EntityDescriptor) -> Iterator[Endpoint]:
    service, identity = entity.service_provider, entity.identity_provider
    if service is not None:
        yield from (*service.assertion_consumers, *service.single_logouts)
        yield from service.discovery_responses
    if identity is not None:
        yield from (*identity.single_sign_ons, *identity.single_logouts)
        yield from identity.artifact_resolutions


def _require_address(address: str, *, on_loopback: bool) -> None:
    parts = urlsplit(address)
    host = parts.hostname or ""
    assert parts.scheme == "https" or (on_loopback and is_loopback(host))
    assert host
    assert parts.username is None
    assert address.isascii()
    assert address.isprintable()
    assert not set(address) & set(' \\"<>#@')


def seeds() -> Iterator[bytes]:
    """Both documents as they are, and after each operation in some places."""
    for kind in range(2 * len(_GOOD)):
        yield bytes([kind])
        for operation in range(len(OPERATIONS)):
            for place in (0, 4, 9, 30):
                yield bytes([kind]) + octets_of([(operation, place, 3 * operation)])
    for kind in (4, 5):
        for octets in (*_GOOD, write_entity(_PARTY)):
            yield bytes([kind]) + octets
            yield bytes([kind]) + octets.replace(b"https:", b"http:")
            yield bytes([kind]) + octets.replace(b"uwv.example.nl", b"127.1")
