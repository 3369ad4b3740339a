"""Open an ArtifactResponse, and take the Response out of it (SAML core 3.5.2)."""

from collections.abc import Sequence

from lxml import etree

from eilogin.errors import (
    InNameOf,
    MalformedMessage,
    MessageExpired,
    Proven,
    UntrustedSignature,
)
from eilogin.saml.message_checks import check_artifact_response, verified
from eilogin.saml.messages import read_artifact_response
from eilogin.saml.safe_xml import q, validate
from eilogin.saml.signing_keys import PublicKey
from eilogin.saml.xml_signatures import check_structure, is_signed


def open_artifact_response(  # noqa: PLR0913 - facts, each by its name
    element: etree._Element,
    *,
    keys: Sequence[PublicKey],
    issuer: str,
    in_response_to: str,
    now: float,
    must_be_signed: bool = True,
) -> etree._Element:
    """Return the Response in an ArtifactResponse, in its tree.

    ``in_response_to`` is the ID of our ArtifactResolve. Without ``must_be_signed`` the
    channel has authenticated the sender, and
    :func:`eilogin.saml.response_checks.accept` requires a signature inside. Raises the
    errors of :func:`verified` and :func:`check_artifact_response`, and
    :class:`~eilogin.errors.MessageExpired` for an expired artifact: there is no message
    (core 3.5.3).
    """
    with InNameOf(issuer):
        value, _ = read_artifact_response(
            _content_of(element, keys, issuer, must_be_signed=must_be_signed)
        )
        check_artifact_response(
            value, issuer=issuer, in_response_to=in_response_to, now=now
        )
        with Proven():
            _, message = read_artifact_response(element)
            return require_response(message)


def _content_of(
    element: etree._Element,
    keys: Sequence[PublicKey],
    issuer: str,
    *,
    must_be_signed: bool,
) -> etree._Element:
    if is_signed(element):
        return verified(element, keys)
    if must_be_signed:
        raise UntrustedSignature(
            "the ArtifactResponse is not signed; expected a signature of"
            f" {issuer!r}. Ask its administrator to sign it"
        )
    check_structure(element.getroottree().getroot())
    validate(element, "protocol")
    return element


def require_response(message: etree._Element | None) -> etree._Element:
    """Return the message of an ArtifactResponse, which must be a ``samlp:Response``.

    Raises :class:`~eilogin.errors.MessageExpired` without a message, and
    :class:`~eilogin.errors.MalformedMessage` for another one.
    """
    if message is None:
        raise MessageExpired(
            "the hub does not know the artifact; expected an artifact that was just"
            " made and not used before"
        )
    if message.tag != q("samlp:Response"):
        raise MalformedMessage(
            "an ArtifactResponse contains another message than a Response"
        )
    return message
