"""Responses of a hub that wait until the browser fetches them with a GET.

A POST from the hub's site lacks the Lax cookies that identify the login. So eilogin
keeps the verified and signed assertion. The Response of a failed login may be unsigned,
so the browser carries its status, sealed.

The key of a Response appears in logs, but the GET needs the cookie of the login too.
For an unsolicited Response, eilogin sets such a cookie in the browser that brings it.
"""

import hashlib
import json
import re
from dataclasses import asdict, dataclass, replace
from urllib.parse import urlencode

from pydantic import TypeAdapter, ValidationError
from webob import Response

from eilogin import clock
from eilogin.errors import LoginFailed, LoginLost, MalformedMessage, UnknownPeer
from eilogin.federation import Trust
from eilogin.participant.login import pending_logins
from eilogin.participant.login.pending_logins import PendingLogin
from eilogin.saml import messages
from eilogin.saml.response_checks import require_in_time
from eilogin.web.browser.browser_cookies import Cookie
from eilogin.web.browser.sealing import NotSealed, Sealer, as_text, from_text
from eilogin.web.requests import read_query, require_own_form
from eilogin.web.site_urls import see_other
from eilogin.web.visit import Visit

#: Seconds that a Response waits for its GET.
WAITS = 120.0
#: Query parameters: the key of a Response, a failed login, and the handles of a passive
#: login without a usable Response and of a lost login.
_ANSWER = "answer"
_FAILURE = "failure"
_UNUSABLE = "unusable"
_LOST = "lost"
# The form of consent.
_AGREED = re.compile(f"{_ANSWER}=([0-9a-f]{{64}})").fullmatch
#: Most status codes (our hub has three), and most characters of one.
_MOST_CODES = 3
_LONGEST_CODE = 200
#: Cookies of unsolicited Responses, each with the first digits of its key.
_COOKIES = "eilogin-answer-"
_COOKIE_DIGITS = 16


@dataclass(frozen=True, slots=True)
class ReceivedResponse:
    """The hub's Response to a pending login, or an unsolicited one."""

    pending: PendingLogin
    assertion: messages.Assertion | None = None
    failure: LoginFailed | None = None
    #: Whether eilogin rejected the Response to a passive login; the log has the reason.
    is_unusable: bool = False
    #: Its key in the store, or "".
    key: str = ""
    is_agreed: bool = False


@dataclass(frozen=True, slots=True)
class _PendingResponse:
    handle: str
    assertion: messages.Assertion
    target: str = ""


_record = TypeAdapter(_PendingResponse)


def store_and_redirect(
    visit: Visit,
    handle: str,
    assertion: messages.Assertion,
    target: str = "",
) -> Response:
    """Store an assertion, and redirect to it, and then to ``target`` if it is given."""
    key = hashlib.sha256(f"{handle}\0{assertion.id}".encode()).hexdigest()
    text = json.dumps(asdict(_PendingResponse(handle, assertion, target)))
    until = clock.now() + WAITS
    visit.values.add(f"answer:{key}", text, until, durable=False)
    trust = visit.trust
    response = _redirect_to_acs(trust, _ANSWER, key)
    if target:
        # A second delivery sets the same cookie.
        proof = _brought_here(key).set(
            _proof_sealer(trust).tag(key), max_age=int(WAITS)
        )
        response.headerlist.append(proof)
    return response


def redirect_with_failure(
    trust: Trust, hub: str, handle: str, failure: LoginFailed
) -> Response:
    """Have the browser carry the status codes of a failed login, for a while."""
    # It is perhaps unsigned, so it is limited in size and time, and not stored.
    codes = [code[:_LONGEST_CODE] for code in failure.status_codes[:_MOST_CODES]]
    fields = [hub, handle, codes, clock.now() + WAITS]
    text = as_text(_sealer(trust).seal(json.dumps(fields).encode()))
    return _redirect_to_acs(trust, _FAILURE, text)


def redirect_without_answer(trust: Trust, handle: str) -> Response:
    """Have the browser continue without the Response to a passive login."""
    return _redirect_to_acs(trust, _UNUSABLE, handle)


def redirect_as_lost(trust: Trust, handle: str) -> Response:
    """Have the browser bring its cookies of a lost login."""
    return _redirect_to_acs(trust, _LOST, handle)


def _redirect_to_acs(trust: Trust, parameter: str, value: str) -> Response:
    return see_other(f"{trust.own.url('acs')}?{urlencode({parameter: value})}")


def fetched(visit: Visit) -> ReceivedResponse | None:
    """Return the Response that a GET fetches, or None; raise a kind of Refused."""
    query = visit.query_string
    for parameter, read in _READERS.items():
        if query.startswith(f"{parameter}="):
            return read(visit, read_query(visit).get(parameter, ""))
    return None


def is_consent(body: bytes) -> bool:
    """Return whether a POST is the form of consent."""
    return body.startswith(f"{_ANSWER}=".encode())


def agreed(visit: Visit, body: bytes) -> ReceivedResponse:
    """Return the Response to which the visitor agreed on our own page."""
    require_own_form(visit, visit.trust.own.public_url)
    match = _AGREED(body.decode("latin-1"))
    if match is None:
        raise MalformedMessage("the form does not come from eilogin's own page")
    return replace(_answer(visit, match[1]), is_agreed=True)


def _answer(visit: Visit, key: str) -> ReceivedResponse:
    pending_response = _stored_response(visit, key)
    issuer, handle = pending_response.assertion.issuer, pending_response.handle
    if pending_response.target:
        _require_brought_here(visit, key)
        pending = pending_logins.unsolicited(
            visit, pending_response.target, issuer, handle
        )
    else:
        pending = pending_logins.of_browser(visit, handle)
    if pending.spent_by:
        return ReceivedResponse(pending)
    _require_requested_hub(pending, issuer)
    require_in_time(pending_response.assertion, clock.now())
    return ReceivedResponse(pending, pending_response.assertion, key=key)


def _require_brought_here(visit: Visit, key: str) -> None:
    proof = _brought_here(key).read(visit.cookie_header) or ""
    if not _proof_sealer(visit.trust).is_tag_of(proof, key):
        raise LoginLost("another browser brought this Response")


def _brought_here(key: str) -> Cookie:
    return Cookie(f"{_COOKIES}{key[:_COOKIE_DIGITS]}")


def _stored_response(visit: Visit, key: str) -> _PendingResponse:
    text = visit.values.get(f"answer:{key}")
    if text is None:
        raise LoginLost("eilogin keeps no Response under this name, or none any more")
    try:
        return _record.validate_json(text, strict=True)
    except ValidationError as error:
        # Without the input, which may name the visitor.
        detail = error.errors(include_input=False, include_url=False)[0]
        raise LoginLost(f"the kept Response cannot be read: {detail['msg']}") from None


def _failure(visit: Visit, text: str) -> ReceivedResponse:
    try:
        octets = _sealer(visit.trust).open(from_text(text))
    except NotSealed as error:
        raise LoginLost(
            f"the note of the failed login cannot be read: {error}"
        ) from None
    hub, handle, codes, until = json.loads(octets)
    if clock.now() >= until:
        raise LoginLost("this Response came too long ago", handle)
    pending = pending_logins.of_browser(visit, handle)
    if pending.spent_by:
        return ReceivedResponse(pending)
    _require_requested_hub(pending, hub)
    reason = "the hub answered that it did not log the visitor in"
    return ReceivedResponse(pending, failure=LoginFailed(reason, codes))


def _unusable(visit: Visit, handle: str) -> ReceivedResponse:
    pending = pending_logins.of_browser(visit, handle)
    if not pending.is_passive:
        raise LoginLost(
            "this was no passive login; expected a page that tells the visitor why "
            "it failed"
        )
    return ReceivedResponse(pending, is_unusable=not pending.spent_by)


def _lost(visit: Visit, handle: str) -> ReceivedResponse:
    # Raises its own LoginLost for an expired or invented handle.
    pending_logins.request_id_of(handle)
    raise LoginLost("this login got no Response")


_READERS = {
    _ANSWER: _answer,
    _FAILURE: _failure,
    _UNUSABLE: _unusable,
    _LOST: _lost,
}


def _require_requested_hub(pending: PendingLogin, hub: str) -> None:
    if hub != pending.hub:
        raise UnknownPeer(
            f"{hub!r} answered an AuthnRequest to {pending.hub!r}: expected the "
            "Response of the hub that got the AuthnRequest"
        )


def _proof_sealer(trust: Trust) -> Sealer:
    return Sealer(trust.own.sealing_secrets, f"answer at {trust.own.entity_id}")


def _sealer(trust: Trust) -> Sealer:
    return Sealer(trust.own.sealing_secrets, f"failed login at {trust.own.entity_id}")
