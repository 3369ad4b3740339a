"""Check an AuthnRequest with a valid signature, and find where the Response goes.

In the order of DigiD 2.4. A fault without an address for a Response shows an error
page; every other fault goes to the participant.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from eilogin import clock
from eilogin.errors import (
    BindingMissing,
    InNameOf,
    MalformedMessage,
    MessageExpired,
    MessageMisdirected,
    NotServed,
    Refused,
)
from eilogin.federation import Trust
from eilogin.hub.participants import requested_levels
from eilogin.hub.participants.name_ids import NameIDs
from eilogin.hub.pending_authn_requests import PendingAuthnRequest
from eilogin.hub.sso.participant_request import ParticipantRequest
from eilogin.saml import bindings, messages
from eilogin.saml.assurance_levels import LEVELS
from eilogin.saml.message_checks import check_authn_request, shown
from eilogin.saml.metadata import (
    Endpoint,
    EntityDescriptor,
    ServiceProvider,
    bindings_of,
)
from eilogin.saml.printable_text import short, some
from eilogin.web.inbound_messages import Inbound
from eilogin.web.outbound_messages import answer_bindings

_MOST_NAMED = 5

#: Status codes without a login, the outermost first.
DENIED = (messages.REQUESTER, messages.REQUEST_DENIED)
NO_LEVEL = (messages.RESPONDER, messages.NO_AUTHN_CONTEXT)
_NO_SUCH_NAME = (messages.REQUESTER, messages.INVALID_NAME_ID_POLICY)
_NO_SUCH_BINDING = (messages.REQUESTER, messages.UNSUPPORTED_BINDING)
_NOT_ABOVE = (messages.RESPONDER, messages.PROXY_COUNT_EXCEEDED)
_NO_SUCH_REQUEST = (messages.RESPONDER, messages.REQUEST_UNSUPPORTED)


class ReceivedAuthnRequest(NamedTuple):
    """A checked AuthnRequest, or the status codes and the cause of a refusal."""

    request: ParticipantRequest
    refusal: Sequence[str] = ()
    cause: Refused | None = None


#: Checks an AuthnRequest with its binding at an instant. Returns why the participant
#: gets no login, or raises Refused if it gets no Response.
Check = Callable[[messages.AuthnRequest, Trust, str, float], Refused | None]


def check_as_saml(
    request: messages.AuthnRequest, trust: Trust, _: str, now: float
) -> None:
    """Check Destination and IssueInstant."""
    check_authn_request(request, destination=trust.own.url("sso"), now=now)


def read_everything(request: messages.AuthnRequest) -> messages.AuthnRequest:
    """Return the request as it is."""
    return request


@dataclass(frozen=True, kw_only=True)
class AuthnRequestRules:
    """The rules by which a hub checks an AuthnRequest; by default plain SAML."""

    check: Check = check_as_saml
    #: Drops what the hub ignores.
    read: Callable[[messages.AuthnRequest], messages.AuthnRequest] = read_everything
    #: Whether the hub answers a request for a binding that it does not have; else it
    #: ignores such addresses of the metadata.
    reports_unsupported_bindings: bool = True
    #: Whether a level that the hub does not have is a fault of the participant.
    missing_level_is_fault: bool = True
    #: Whether another hub signs visitors in.
    asks_above: bool = False


def accept_authn_request(
    inbound: Inbound[ServiceProvider],
    trust: Trust,
    names: NameIDs,
    offered: Collection[str],
    rules: AuthnRequestRules,
) -> ReceivedAuthnRequest:
    """Check an AuthnRequest; ``offered`` are the levels that this hub can prove.

    Raises Refused if the participant gets no Response.
    """
    if inbound.kind != bindings.REQUEST:
        raise MalformedMessage(
            "found an AuthnRequest as SAMLResponse; expected it as SAMLRequest"
        )
    request = messages.read_authn_request(inbound.element)
    # Milliseconds, as in a session: a proof must not look older than the request.
    now = int(clock.now() * 1000) / 1000
    with InNameOf(inbound.issuer):
        denied = _denied(request, trust, inbound.binding, now, rules.check)
    entity, role = inbound.peer
    own_bindings = answer_bindings(trust.own)
    supported = _with_bindings(role, own_bindings)
    if not supported.assertion_consumers:
        raise _not_answerable(trust, role, own_bindings, inbound.issuer)
    request = rules.read(request)
    if not rules.reports_unsupported_bindings:
        role = supported
    with InNameOf(inbound.issuer):
        consumer, is_as_asked = _consumer(role, supported, request, inbound.issuer)
    sufficient = requested_levels.sufficient(request, trust.classes)
    levels = requested_levels.at_least(sufficient, entity.required_level)
    pending = PendingAuthnRequest(
        request_id=request.id,
        issuer=inbound.issuer,
        acs_url=consumer.location,
        binding=consumer.binding,
        relay_state=inbound.relay_state,
        level=requested_levels.to_prove(levels, offered, request.comparison),
        levels=levels,
        classes=request.level_classes,
        name_id_format=request.name_id_format,
        force=request.force_authn,
        passive=request.is_passive,
        received=now,
        issued=request.issued,
        service_index=request.consumer_service_index,
        idle_limit=request.idle_limit,
    )
    participant_request = ParticipantRequest(pending, inbound.peer)
    if denied is not None:
        is_old = isinstance(denied, MessageExpired) and request.issued < now
        # Perhaps an old page, reloaded; the participant can begin again.
        is_too_late = is_old and trust.own.profile.restarts_late_logins
        return ReceivedAuthnRequest(
            participant_request, (*DENIED, *[messages.TOO_LATE] * is_too_late), denied
        )
    if not is_as_asked:
        return ReceivedAuthnRequest(participant_request, _NO_SUCH_BINDING)
    if sufficient and not levels:
        return ReceivedAuthnRequest(
            participant_request, NO_LEVEL, _levels_too_low(sufficient, entity)
        )
    if not pending.level and rules.missing_level_is_fault:
        return ReceivedAuthnRequest(
            participant_request, NO_LEVEL, _levels_missing(request, levels, offered)
        )
    return ReceivedAuthnRequest(participant_request, *_refusal(request, names, rules))


def _levels_too_low(sufficient: Sequence[str], entity: EntityDescriptor) -> NotServed:
    return NotServed(
        f"{entity.entity_id!r} gets no login: it asks for {' or '.join(sufficient)},"
        f" but the federation's metadata requires '{entity.required_level}' of it"
        " (required-level). It must ask for that level"
    )


def _levels_missing(
    request: messages.AuthnRequest, levels: Sequence[str], offered: Collection[str]
) -> NotServed:
    gets_none = f"{request.issuer!r} gets no login (NoAuthnContext): it asks for"
    if levels:
        return NotServed(
            f"{gets_none} the level {' or '.join(levels)}, but this hub has"
            f" {' and '.join(sorted(offered, key=LEVELS.index)) or 'no level'}"
        )
    if request.level_declarations:
        return NotServed(
            f"{gets_none} AuthnContextDeclRef, but this hub has only classes. It"
            " must ask for AuthnContextClassRef"
        )
    requested = some(list(map(shown, request.level_classes)), _MOST_NAMED)
    return NotServed(
        f"{gets_none} {requested} ({request.comparison}), but this hub has no level for"
        " that. Add the class to the line of its level in level_classes, or have"
        " the participant ask for another class"
    )


def _name_id_missing(request: messages.AuthnRequest, names: NameIDs) -> NotServed:
    gets_none = f"{request.issuer!r} gets no login (InvalidNameIDPolicy): it asks for"
    if request.sp_name_qualifier:
        return NotServed(
            f"{gets_none} a NameID of {shown(request.sp_name_qualifier)}"
            " (SPNameQualifier), but this hub gives each participant NameIDs of its"
            " own"
        )
    return NotServed(
        f"{gets_none} a NameID in the format {shown(request.name_id_format)}, but"
        f" this hub gives {', '.join(names.formats)}. Have the participant ask for"
        " one of those, or for none"
    )


def _not_answerable(
    trust: Trust, role: ServiceProvider, own_bindings: Sequence[str], issuer: str
) -> BindingMissing:
    expected = " or ".join(map(short, own_bindings))
    return BindingMissing(
        f"cannot answer {issuer!r}: its metadata has an AssertionConsumerService by"
        f" {bindings_of(role.assertion_consumers)}; expected {expected};"
        f" {trust.whom_to_ask(issuer)}"
    )


def _denied(
    request: messages.AuthnRequest,
    trust: Trust,
    binding: str,
    now: float,
    check: Check,
) -> Refused | None:
    # Naming the AssertionConsumerService twice is a fault too (DigiD 1.6).
    try:
        denied = check(request, trust, binding, now)
    except MessageExpired as error:
        return error
    if denied is not None:
        return denied
    if _is_named_twice(request):
        return MalformedMessage(
            "AssertionConsumerServiceIndex excludes AssertionConsumerServiceURL and "
            "ProtocolBinding"
        )
    return None


def _with_bindings(
    role: ServiceProvider, own_bindings: Collection[str]
) -> ServiceProvider:
    consumers = (
        consumer
        for consumer in role.assertion_consumers
        if consumer.binding in own_bindings
    )
    return replace(role, assertion_consumers=tuple(consumers))


def _is_named_twice(request: messages.AuthnRequest) -> bool:
    has_address = bool(request.acs_url or request.protocol_binding)
    return request.acs_index is not None and has_address


def _refusal(
    request: messages.AuthnRequest, names: NameIDs, rules: AuthnRequestRules
) -> tuple[Sequence[str], Refused | None]:
    if rules.asks_above and request.is_for_one_alone:
        return _NOT_ABOVE, None
    if request.names_subject:
        return _NO_SUCH_REQUEST, None
    if request.sp_name_qualifier or not names.knows(request.name_id_format):
        return _NO_SUCH_NAME, _name_id_missing(request, names)
    return (), None


def _consumer(
    role: ServiceProvider,
    supported: ServiceProvider,
    request: messages.AuthnRequest,
    issuer: str,
) -> tuple[Endpoint, bool]:
    """Return where the Response goes, and whether by the requested binding.

    Always an address of the metadata (SAML profiles 4.1.4.1). If the hub does not have
    the binding, the Response with the error goes to an address in ``supported``.
    """
    index, url, binding = request.acs_index, request.acs_url, request.protocol_binding
    if index is not None:
        url = binding = ""
    consumer = supported.consumer(index=index, url=url, binding=binding)
    if consumer is not None:
        return consumer, True
    instead = None
    if role.consumer(index=index, url=url) is not None:
        instead = supported.consumer(url=url) or supported.consumer()
    if instead is None:
        raise _consumer_missing(request, supported, issuer)
    return instead, False


def _consumer_missing(
    request: messages.AuthnRequest, supported: ServiceProvider, issuer: str
) -> MessageMisdirected:
    index, url, binding = request.acs_index, request.acs_url, request.protocol_binding
    if index is not None:
        requested = f"index {index}"
    else:
        requested = shown(url) if url else "the default one"
        requested += f" by {shown(binding)}" if binding else ""
    has = [
        f"{consumer.location} ({short(consumer.binding)}, index {consumer.index})"
        for consumer in supported.assertion_consumers
    ]
    return MessageMisdirected(
        f"the metadata of {issuer!r} does not have the requested"
        f" AssertionConsumerService ({requested}); it has {some(has, _MOST_NAMED)}"
    )
