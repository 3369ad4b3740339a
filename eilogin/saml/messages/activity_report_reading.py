"""Read an activity report, which a participant sends in an AuthnQuery."""

from lxml import etree

from eilogin.errors import MalformedMessage
from eilogin.saml.messages.element_reading import (
    parts_of,
    required_attribute,
    required_instant,
    required_part,
)
from eilogin.saml.messages.message_parts import (
    open_message,
    read_destination,
    read_id,
    read_issued,
    read_issuer,
    read_name_id,
)
from eilogin.saml.messages.message_values import ActivityReport


def read_activity_report(element: etree._Element) -> ActivityReport:
    """Read an :class:`ActivityReport` from a ``samlp:AuthnQuery``.

    It has a NameID, not encrypted, a SessionIndex, and one ``act:LastActivity``.
    """
    parts = open_message(element, "samlp:AuthnQuery")
    extensions = parts_of(required_part(parts, "samlp:Extensions"))
    last_activity = required_part(extensions, "act:LastActivity")
    subject = parts_of(required_part(parts, "saml:Subject"))
    name_id = read_name_id(subject, None)
    if name_id is None:
        raise MalformedMessage("an activity report has no NameID")
    return ActivityReport(
        id=read_id(element),
        issued=read_issued(element),
        issuer=read_issuer(parts),
        name_id=name_id,
        session_index=required_attribute(element, "SessionIndex"),
        active_at=required_instant(last_activity, "Instant"),
        destination=read_destination(element),
    )
