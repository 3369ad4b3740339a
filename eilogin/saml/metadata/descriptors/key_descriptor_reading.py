"""Read each KeyDescriptor of a role; keep the keys that can be used."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple, TypedDict, TypeVar

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from lxml import etree

from eilogin.errors import MalformedMessage, PeerWithoutKeys
from eilogin.saml.metadata.descriptors.descriptor_parts import (
    DescriptorParts,
    Remark,
    by_tag,
)
from eilogin.saml.metadata.descriptors.extension_reading import read_algorithms
from eilogin.saml.metadata.metadata_texts import attribute_of, line
from eilogin.saml.metadata.metadata_values import Role
from eilogin.saml.safe_xml import q
from eilogin.saml.signing_keys import encryption_key, key_name, public_key
from eilogin.saml.xml_encryption import EncryptionMethod

_RoleT = TypeVar("_RoleT", bound=Role)
_ENCRYPTION_METHOD = q("md:EncryptionMethod")


class _Keys(TypedDict):
    signing_certificates: tuple[str, ...]
    encryption_certificates: tuple[str, ...]
    encryption_methods: tuple[EncryptionMethod, ...]
    names_keys: bool
    digest_methods: tuple[str, ...]
    signing_methods: tuple[str, ...]


class _Key(NamedTuple):
    """A KeyDescriptor with its first certificate; others are not the party's."""

    element: etree._Element
    use: str | None
    certificate: str | None

    @classmethod
    def of(cls, element: etree._Element) -> "_Key":
        certificate = next(element.iter(q("ds:X509Certificate")), None)
        text = (
            None if certificate is None else "".join((certificate.text or "").split())
        )
        return cls(element, element.get("use"), text)

    @property
    def is_named(self) -> bool:
        """Whether its KeyName is the SHA-1 of its certificate, as at DigiD."""
        name = next(self.element.iter(q("ds:KeyName")), None)
        if name is None or self.certificate is None:
            return False
        try:
            return line(name) == key_name(self.certificate)
        except MalformedMessage:
            return False


def read_keys(role: DescriptorParts) -> _Keys:
    """Return the keys and algorithms of a role."""
    keys = [_Key.of(element) for element in role.all("md:KeyDescriptor")]
    methods = (
        _read_encryption_method(method)
        for key in keys
        if key.use in (None, "encryption")
        for method in key.element.iterchildren(_ENCRYPTION_METHOD)
    )
    return _Keys(
        signing_certificates=_certificates_for("signing", keys),
        encryption_certificates=_certificates_for("encryption", keys),
        encryption_methods=tuple(dict.fromkeys(methods)),
        names_keys=any(key.is_named for key in keys),
        digest_methods=read_algorithms(role, "alg:DigestMethod"),
        signing_methods=read_algorithms(role, "alg:SigningMethod"),
    )


def _certificates_for(use: str, keys: Sequence[_Key]) -> tuple[str, ...]:
    """A KeyDescriptor without a use is for both (metadata 2.4.1.1)."""
    return tuple(
        key.certificate
        for key in keys
        if key.certificate is not None and key.use in (None, use)
    )


def _read_encryption_method(element: etree._Element) -> EncryptionMethod:
    algorithm = attribute_of(element, "Algorithm")
    if not len(element):
        return EncryptionMethod(algorithm)
    children = by_tag([element])

    def parameter(name: str) -> str:
        parameters = children.get(q(name))
        return attribute_of(parameters[0], "Algorithm") if parameters else ""

    return EncryptionMethod(
        algorithm, digest=parameter("ds:DigestMethod"), mask=parameter("xenc11:MGF")
    )


def with_usable_keys(role: _RoleT, remark: Remark) -> _RoleT:
    """Return the role without its unusable certificates.

    Raises PeerWithoutKeys if no signing certificate is left.
    """
    faults: list[str] = []
    try:
        # Mostly all certificates are usable, and one key is for both uses.
        keys_by_text = dict(zip(role.signing_certificates, role.keys, strict=True))
        for text in role.encryption_certificates:
            if not isinstance(keys_by_text.get(text), RSAPublicKey):
                encryption_key(text)
    except MalformedMessage:
        signing = _usable(
            role.signing_certificates, "signing", public_key, faults.append
        )
        for fault in faults:
            remark(fault)
        encryption = _usable(
            role.encryption_certificates, "encryption", encryption_key, remark
        )
        role = replace(
            role, signing_certificates=signing, encryption_certificates=encryption
        )
    if not role.keys:
        reasons = (
            "; ".join(fault.partition(": ")[2] for fault in faults) or "found none"
        )
        raise PeerWithoutKeys(
            f"a role has no usable signing certificate: {reasons}. Expected a"
            " KeyDescriptor with an X509Certificate for an RSA key of 2048 bits or"
            " more, or for an elliptic key. Ask its administrator for metadata with"
            " one"
        )
    return role


def _usable(
    certificates: Sequence[str],
    use: str,
    load: Callable[[str], object],
    remark: Remark,
) -> tuple[str, ...]:
    usable = []
    for text in certificates:
        try:
            load(text)
        except MalformedMessage as error:
            remark(f"eilogin skips a key for {use}: {error}")
        else:
            usable.append(text)
    return tuple(usable)
