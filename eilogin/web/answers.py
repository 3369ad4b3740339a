"""The hub's answer to a login, from the request that carries it to what was signed.

It comes as an artifact, which is fetched over the back channel, or by POST. A POST
from the hub's site comes without the cookies that say whose login this is (they are
Lax), so it is verified, stashed, and fetched again by the browser with a GET.

Our own checks (:mod:`eilogin.saml.answers`) and python3-saml's must both accept; a
disagreement is a fault to look into, and refused.
"""

import hashlib
import hmac
import json
import logging
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from lxml import etree
from webob import Response

from eilogin import clock
from eilogin.errors import (
    LoginFailed,
    LoginLost,
    MalformedMessage,
    UnknownPeer,
)
from eilogin.federation import Trust
from eilogin.saml import bindings, messages, signatures, toolkit, xml
from eilogin.saml.answers import Expected, accept, open_artifact_response
from eilogin.sessions import PendingLogin, PendingLogins
from eilogin.web import environ as env
from eilogin.web.cookies import Cookie
from eilogin.web.requests import allow_only, read_body, read_query
from eilogin.web.urls import see_other

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_log = logging.getLogger("eilogin")

#: How long an answer that came by POST waits for the GET that fetches it, in seconds.
_STASHED = 120.0
#: The parameter by which the browser fetches it.
_STASH_KEY = "answer"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the hub answered to a login that this browser started.

    One of ``assertion`` and ``failure`` is given; neither where the login was spent
    already: then the browser brings an answer for the second time.
    """

    pending: PendingLogin
    assertion: messages.Assertion | None = None
    failure: LoginFailed | None = None


# What a handle is made of; the name of a cookie takes nothing else.
_HANDLE = re.compile(r"[A-Za-z0-9_-]{1,80}")

#: How the names of the cookies of logins under way begin.
LOGIN_COOKIES = "eilogin-login-"


def login_cookie(handle: str) -> Cookie:
    """The cookie that ties one login under way to its browser."""
    return Cookie(LOGIN_COOKIES + handle)


class AnswerReader:
    """Reads answers for one participant.

    ``second_opinion`` says whether python3-saml is asked too.
    """

    def __init__(self, *, second_opinion: bool) -> None:
        self._is_asked_twice = second_opinion
        self._second: toolkit.SecondOpinion | None = None

    def receive(self, environ: "WSGIEnvironment") -> Answer | Response:
        """The answer in a request, or the redirect by which the browser fetches it.

        Raises :class:`eilogin.errors.EiloginError` of the kind that fits; nothing is
        changed then but that an artifact may be used up.
        """
        allow_only(environ, "GET", "POST")
        if environ["REQUEST_METHOD"] == "POST":
            return self._stash(environ)
        query = environ.get("QUERY_STRING", "")
        if query.startswith(f"{_STASH_KEY}="):
            return self._fetch(environ, read_query(environ).get(_STASH_KEY, ""))
        artifact, handle = bindings.read_artifact_query(query)
        return self._resolve(environ, artifact, handle)

    # --- by artifact (SAML bindings 3.6) --------------------------------------------

    def _resolve(
        self, environ: "WSGIEnvironment", artifact: str, handle: str
    ) -> Answer:
        pending = _of_browser(environ, handle)
        if pending.spent_by:
            return Answer(pending)
        parsed = bindings.read_artifact(artifact)
        source = bindings.source_id(pending.hub)
        if not hmac.compare_digest(parsed.source_id, source):
            raise UnknownPeer("the artifact is not of the hub that was asked")
        trust = env.trust(environ)
        response = _resolved(artifact, parsed.index, trust)
        try:
            assertion = accept(
                response, _expected(trust, pending, destination_required=False)
            )
        except LoginFailed as failure:
            return Answer(pending, failure=failure)
        if toolkit.can_judge(response):
            self._ask_again(trust, toolkit.standalone(response), pending)
        else:
            _log.info("only its ArtifactResponse is signed: no second opinion")
        return Answer(pending, assertion)

    # --- by POST (SAML bindings 3.5) ------------------------------------------------

    def _stash(self, environ: "WSGIEnvironment") -> Response:
        trust = env.trust(environ)
        received = bindings.read_post(read_body(environ, bindings.LONGEST_FORM))
        if received.kind != "SAMLResponse":
            raise MalformedMessage("an answer to a login is a SAMLResponse")
        pending = PendingLogins(env.values(environ)).by_handle(received.relay_state)
        outcome: dict[str, object] = {"handle": pending.handle}
        try:
            assertion = accept(
                xml.parse(received.octets),
                _expected(trust, pending, destination_required=True),
            )
        except LoginFailed as failure:
            # Perhaps not signed: so one at a time for each login under way.
            name = pending.handle
            outcome["failed"] = failure.status_codes
        else:
            self._ask_again(trust, received.octets, pending)
            name = f"{pending.handle}\0{assertion.id}"
            outcome["assertion"] = asdict(assertion)
        key = hashlib.sha256(name.encode()).hexdigest()
        until = clock.now() + _STASHED
        stash = env.values(environ)
        stash.add(f"answer:{key}", json.dumps(outcome), until, durable=False)
        return see_other(f"{trust.own.url('acs')}?{urlencode({_STASH_KEY: key})}")

    def _fetch(self, environ: "WSGIEnvironment", key: str) -> Answer:
        stashed = env.values(environ).get(f"answer:{key}")
        if stashed is None:
            raise LoginLost("no answer waits under this name (any more)")
        outcome = json.loads(stashed)
        pending = _of_browser(environ, outcome["handle"])
        if pending.spent_by:
            return Answer(pending)
        if "failed" in outcome:
            reason = "the hub answers that there is no login"
            return Answer(pending, failure=LoginFailed(reason, outcome["failed"]))
        return Answer(pending, _assertion(outcome["assertion"]))

    # --- the second opinion ---------------------------------------------------------

    def _ask_again(self, trust: Trust, octets: bytes, pending: PendingLogin) -> None:
        if not self._is_asked_twice:
            return
        if self._second is None:
            self._second = toolkit.SecondOpinion(
                entity_id=trust.own.entity_id,
                acs_url=trust.own.url("acs"),
                hub_entity_id=trust.hub_id,
                hub_sso_url=trust.sso.location,
                hub_certificates=trust.hub.signing_certificates,
            )
        self._second.confirm(octets, pending.request_id)


def _of_browser(environ: "WSGIEnvironment", handle: str) -> PendingLogin:
    """The login under way with this handle, if it is this browser's; or LoginLost."""
    if not _HANDLE.fullmatch(handle):
        raise LoginLost("no login under way has this RelayState")
    secret = login_cookie(handle).read(environ)
    return PendingLogins(env.values(environ)).of_browser(handle, secret)


def _resolved(artifact: str, index: int, trust: Trust) -> etree._Element:
    """The Response that an artifact stands for, in the tree that it came in."""
    endpoint = trust.hub.artifact_resolution(index)
    if endpoint is None:
        raise UnknownPeer(f"the hub resolves no artifacts with index {index}")
    request = messages.ArtifactResolve(
        id=messages.new_id(),
        issued=clock.now(),
        issuer=trust.own.entity_id,
        artifact=artifact,
        destination=endpoint.location,
    )
    element = messages.write_artifact_resolve(request)
    signatures.sign(element, trust.own.key)
    answer = trust.back_channel.post(endpoint.location, bindings.wrap_soap(element))
    return open_artifact_response(
        bindings.unwrap_soap(answer),
        keys=trust.hub.keys,
        issuer=trust.hub_id,
        in_response_to=request.id,
        now=clock.now(),
    )


def _expected(
    trust: Trust, pending: PendingLogin, *, destination_required: bool
) -> Expected:
    return Expected(
        request_id=pending.request_id,
        acs_url=trust.own.url("acs"),
        audience=trust.own.entity_id,
        issuer=pending.hub,
        keys=trust.hub_keys(pending.hub),
        now=clock.now(),
        destination_required=destination_required,
    )


def _assertion(fields: dict[str, object]) -> messages.Assertion:
    """The assertion that :func:`dataclasses.asdict` took apart."""
    name_id = messages.NameID(**fields.pop("name_id"))  # type: ignore[arg-type]
    audiences: Sequence[Sequence[str]] = fields.pop("audiences")  # type: ignore[assignment]
    return messages.Assertion(
        **fields,  # type: ignore[arg-type]
        name_id=name_id,
        audiences=tuple(tuple(audience) for audience in audiences),
    )
