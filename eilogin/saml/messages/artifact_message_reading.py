"""Read an ArtifactResolve and an ArtifactResponse (SAML core 3.5)."""

from lxml import etree

from eilogin.errors import MalformedMessage
from eilogin.saml.messages.element_reading import (
    optional_attribute,
    required_part,
    text_of,
    uri_of,
)
from eilogin.saml.messages.message_parts import (
    open_message,
    read_destination,
    read_id,
    read_issued,
    read_issuer,
    read_status,
)
from eilogin.saml.messages.message_values import ArtifactResolve, ArtifactResponse


def read_artifact_resolve(element: etree._Element) -> ArtifactResolve:
    """Read a ``samlp:ArtifactResolve`` (SAML core 3.5.1)."""
    parts = open_message(element, "samlp:ArtifactResolve")
    return ArtifactResolve(
        id=read_id(element),
        issued=read_issued(element),
        issuer=read_issuer(parts),
        artifact=text_of(required_part(parts, "samlp:Artifact")),
        destination=read_destination(element),
    )


def read_artifact_response(
    element: etree._Element,
) -> tuple[ArtifactResponse, etree._Element | None]:
    """Read a ``samlp:ArtifactResponse``; return it and its message, or None.

    An ArtifactResponse for an expired artifact has no message (SAML core 3.5.3).
    """
    parts = open_message(element, "samlp:ArtifactResponse")
    messages = list(required_part(parts, "samlp:Status").itersiblings("*"))
    if len(messages) > 1:
        raise MalformedMessage("an ArtifactResponse contains more than one message")
    value = ArtifactResponse(
        id=read_id(element),
        issued=read_issued(element),
        issuer=read_issuer(parts, uri_of),
        status=read_status(parts),
        in_response_to=optional_attribute(element, "InResponseTo"),
    )
    return value, messages[0] if messages else None
