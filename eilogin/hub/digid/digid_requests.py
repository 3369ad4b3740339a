"""Check and read an AuthnRequest as DigiD does (DigiD 1.2)."""

from dataclasses import replace

from eilogin.errors import MessageExpired, Refused
from eilogin.federation import Trust
from eilogin.hub.sso.authn_request_intake import AuthnRequestRules
from eilogin.saml import bindings, messages
from eilogin.saml.message_checks import require_destination, shown
from eilogin.saml.messages import write_instant

#: Seconds that an IssueInstant may differ from DigiD's clock.
_OFFSET = 120.0


def require_recent_as_digid(issued: float, now: float) -> None:
    """Raise MessageExpired for an IssueInstant that DigiD refuses."""
    if abs(now - issued) > _OFFSET:
        raise MessageExpired(
            f"the IssueInstant is {write_instant(issued)}, and the time here is"
            f" {write_instant(now)}; DigiD accepts a difference of two minutes"
        )


def _check(
    request: messages.AuthnRequest, trust: Trust, binding: str, now: float
) -> Refused | None:
    require_destination(
        request.destination, trust.own.url("sso"), required=binding == bindings.POST
    )
    for name in request.level_classes:
        if not trust.classes.level_of(name):
            return Refused(f"level_classes does not have the class {shown(name)}")
    require_recent_as_digid(request.issued, now)
    return None


def _read(request: messages.AuthnRequest) -> messages.AuthnRequest:
    # The Response always goes by artifact.
    return replace(
        request,
        is_passive=False,
        protocol_binding="",
        name_id_format="",
        sp_name_qualifier="",
        idle_limit=0,
    )


DIGID_RULES = AuthnRequestRules(
    check=_check,
    read=_read,
    reports_unsupported_bindings=False,
    missing_level_is_fault=False,
)
