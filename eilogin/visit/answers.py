"""The hub's answer to a login, from the request that carries it to what was signed.

It comes as an artifact, which is fetched over the back channel, or by POST. A POST
from the hub's site comes without the cookies that say whose login this is (they are
Lax), so it is verified, stashed, and fetched again by the browser with a GET. What is
stashed has been signed by the hub: an answer that there is no login need not be signed,
so it is not kept, and goes along with the browser, sealed.

Our own checks (:mod:`eilogin.saml.answers`) and python3-saml's must both accept; a
disagreement is a fault to look into, and refused.
"""

import hashlib
import hmac
import json
import logging
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from lxml import etree
from pydantic import TypeAdapter, ValidationError
from webob import Response

from eilogin import clock
from eilogin.errors import (
    LoginFailed,
    LoginLost,
    MalformedMessage,
    MessageExpired,
    UnknownPeer,
)
from eilogin.federation import Trust
from eilogin.saml import bindings, messages, signatures, toolkit, xml
from eilogin.saml.answers import Expected, accept, open_artifact_response
from eilogin.visit import under_way
from eilogin.visit.sealing import NotSealed, Sealer, as_text, from_text
from eilogin.visit.under_way import PendingLogin, request_id_of
from eilogin.web import environ as env
from eilogin.web.requests import allow_only, read_body, read_query
from eilogin.web.urls import see_other

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_log = logging.getLogger("eilogin")

#: How long an answer that came by POST waits for the GET that fetches it, in seconds.
_STASHED = 120.0
#: The parameter by which the browser fetches it, and the one that tells of a failure.
_STASH_KEY = "answer"
_FAILURE = "failure"
#: How often, and how many seconds apart, who brings an artifact that the hub does not
#: know any more looks whether another request of the same browser has its answer.
_LOOKS, _PAUSE = 10, 0.05
#: Status codes that are told on (SAML core 3.2.2.2 has two), and characters of one.
_MOST_CODES = 2
_LONGEST_CODE = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """What the hub answered to a login that this browser started.

    One of ``assertion`` and ``failure`` is given; neither where the login was spent
    already: then the browser brings an answer for the second time.
    """

    pending: PendingLogin
    assertion: messages.Assertion | None = None
    failure: LoginFailed | None = None


@dataclass(frozen=True, slots=True)
class _Stashed:
    """An answer that came by POST, and the login for which it came."""

    handle: str
    assertion: messages.Assertion


_stashed = TypeAdapter(_Stashed)


class AnswerReader:
    """Reads answers for one participant.

    ``second_opinion`` says whether python3-saml is asked too.
    """

    def __init__(self, *, second_opinion: bool) -> None:
        self._is_asked_twice = second_opinion
        self._second: dict[str, toolkit.SecondOpinion] = {}

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
            return _fetched(environ, read_query(environ).get(_STASH_KEY, ""))
        if query.startswith(f"{_FAILURE}="):
            return _failed(environ, read_query(environ).get(_FAILURE, ""))
        artifact, handle = bindings.read_artifact_query(query)
        return self._resolve(environ, artifact, handle)

    # --- by artifact (SAML bindings 3.6) --------------------------------------------

    def _resolve(
        self, environ: "WSGIEnvironment", artifact: str, handle: str
    ) -> Answer:
        pending = under_way.of_browser(environ, handle)
        if pending.spent_by:
            return Answer(pending)
        parsed = bindings.read_artifact(artifact)
        trust = env.trust(environ)
        source = bindings.source_id(pending.hub)
        if not hmac.compare_digest(parsed.source_id, source):
            raise UnknownPeer("the artifact is not of the hub that was asked")
        try:
            response = _resolved(artifact, parsed.index, trust, pending.hub)
        except (LoginFailed, MessageExpired):
            # It may be resolved already, for a click before this one.
            pending = _when_claimed(environ, pending)
            if not pending.spent_by:
                raise
            return Answer(pending)
        try:
            assertion = accept(
                response,
                _expected(
                    trust, pending.hub, pending.request_id, destination_required=False
                ),
            )
        except LoginFailed as failure:
            return Answer(pending, failure=failure)
        if toolkit.can_judge(response):
            self._ask_again(
                trust, pending.hub, toolkit.standalone(response), pending.request_id
            )
        else:
            _log.info("only its ArtifactResponse is signed: no second opinion")
        return Answer(pending, assertion)

    # --- by POST (SAML bindings 3.5) ------------------------------------------------

    def _stash(self, environ: "WSGIEnvironment") -> Response:
        trust = env.trust(environ)
        received = bindings.read_post(read_body(environ, bindings.LONGEST_FORM))
        if received.kind != "SAMLResponse":
            raise MalformedMessage("an answer to a login is a SAMLResponse")
        handle = received.relay_state
        request_id = request_id_of(handle)
        response = xml.parse(received.octets)
        hub = _issuer_of(response)
        try:
            assertion = accept(
                response, _expected(trust, hub, request_id, destination_required=True)
            )
        except LoginFailed as failure:
            return _go_on(trust, _FAILURE, _sealed(trust, hub, handle, failure))
        self._ask_again(trust, hub, received.octets, request_id)
        name = f"{handle}\0{assertion.id}"
        key = hashlib.sha256(name.encode()).hexdigest()
        outcome = json.dumps(asdict(_Stashed(handle, assertion)))
        until = clock.now() + _STASHED
        env.values(environ).add(f"answer:{key}", outcome, until, durable=False)
        return _go_on(trust, _STASH_KEY, key)

    # --- the second opinion ---------------------------------------------------------

    def _ask_again(
        self, trust: Trust, hub: str, octets: bytes, request_id: str
    ) -> None:
        if not self._is_asked_twice:
            return
        if hub not in self._second:
            self._second[hub] = toolkit.SecondOpinion(
                entity_id=trust.own.entity_id,
                acs_url=trust.own.url("acs"),
                hub_entity_id=hub,
                hub_sso_url=trust.sso(hub).location,
                hub_certificates=trust.hub(hub).signing_certificates,
            )
        self._second[hub].confirm(octets, request_id)


# --- what waits for the browser -------------------------------------------------------


def _go_on(trust: Trust, parameter: str, value: str) -> Response:
    """Have the browser come again, with its cookies."""
    return see_other(f"{trust.own.url('acs')}?{urlencode({parameter: value})}")


def _fetched(environ: "WSGIEnvironment", key: str) -> Answer:
    text = env.values(environ).get(f"answer:{key}")
    if text is None:
        raise LoginLost("no answer waits under this name (any more)")
    try:
        stashed = _stashed.validate_json(text, strict=True)
    except ValidationError as error:
        # Not what was found there: it may say who she is.
        found = error.errors(include_input=False, include_url=False)[0]
        raise LoginLost(
            f"what waits under this name is no answer that we kept: {found['msg']}"
        ) from None
    pending = under_way.of_browser(environ, stashed.handle)
    if pending.spent_by:
        return Answer(pending)
    _require_asked(pending, stashed.assertion.issuer)
    return Answer(pending, stashed.assertion)


def _sealed(trust: Trust, hub: str, handle: str, failure: LoginFailed) -> str:
    """The hub's word that there is no login, for a while, in the browser's hands."""
    # Perhaps not signed: no longer than what the hub says in earnest.
    codes = [code[:_LONGEST_CODE] for code in failure.status_codes[:_MOST_CODES]]
    fields = [hub, handle, codes, clock.now() + _STASHED]
    return as_text(_sealer(trust).seal(json.dumps(fields).encode()))


def _failed(environ: "WSGIEnvironment", text: str) -> Answer:
    try:
        octets = _sealer(env.trust(environ)).open(from_text(text))
    except NotSealed as error:
        raise LoginLost(f"what should say why there is no login: {error}") from None
    hub, handle, codes, until = json.loads(octets)
    if clock.now() >= until:
        raise LoginLost("this answer came too long ago")
    pending = under_way.of_browser(environ, handle)
    if pending.spent_by:
        return Answer(pending)
    _require_asked(pending, hub)
    reason = "the hub answers that there is no login"
    return Answer(pending, failure=LoginFailed(reason, codes))


def _require_asked(pending: PendingLogin, hub: str) -> None:
    """Refuse the answer of another hub of ours than the one that was asked."""
    if hub != pending.hub:
        raise UnknownPeer("the answer is not of the hub that was asked")


def _sealer(trust: Trust) -> Sealer:
    return Sealer(trust.own.sealing_secrets, f"failed login at {trust.own.entity_id}")


# --- twice at once --------------------------------------------------------------------


def _when_claimed(environ: "WSGIEnvironment", pending: PendingLogin) -> PendingLogin:
    """The same login, after another request has had the time to take its answer."""
    for _ in range(_LOOKS):
        time.sleep(_PAUSE)
        pending = under_way.of_browser(environ, pending.handle)
        if pending.spent_by:
            break
    return pending


# --- what the hub says ----------------------------------------------------------------


def _resolved(artifact: str, index: int, trust: Trust, hub: str) -> etree._Element:
    """The Response that an artifact stands for, in the tree that it came in."""
    role = trust.hub(hub)
    endpoint = role.artifact_resolution(index)
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
        keys=role.keys,
        issuer=hub,
        in_response_to=request.id,
        now=clock.now(),
    )


def _issuer_of(response: etree._Element) -> str:
    """Who says that the answer is of theirs: nothing is proven yet."""
    paths = ("saml:Issuer", "saml:Assertion/saml:Issuer")
    found = (response.findtext("/".join(map(xml.q, path.split("/")))) for path in paths)
    return next(filter(None, found), "")


def _expected(
    trust: Trust, hub: str, request_id: str, *, destination_required: bool
) -> Expected:
    return Expected(
        request_id=request_id,
        acs_url=trust.own.url("acs"),
        audience=trust.own.entity_id,
        issuer=hub,
        keys=trust.hub_keys(hub),
        now=clock.now(),
        destination_required=destination_required,
    )
