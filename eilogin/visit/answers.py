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
import re
from dataclasses import asdict, dataclass, replace
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
    MessageUnexpected,
    Proven,
    Refused,
    Unavailable,
    UnknownPeer,
)
from eilogin.federation import Trust
from eilogin.saml import bindings, messages, toolkit, xml
from eilogin.saml.answers import Expected, accept, require_in_time
from eilogin.saml.checks import SKEW
from eilogin.visit import under_way
from eilogin.visit.handles import handle_of, is_handle, is_silent
from eilogin.visit.resolving import Resolver
from eilogin.visit.sealing import NotSealed, Sealer, as_text, from_text
from eilogin.visit.under_way import PendingLogin, request_id_of
from eilogin.web import environ as env
from eilogin.web.pages import note_refusal
from eilogin.web.requests import (
    allow_only,
    origin_of,
    read_body,
    read_query,
    require_own_form,
    safe_next,
)
from eilogin.web.urls import root, see_other

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_log = logging.getLogger("eilogin")

#: How long an answer that came by POST waits for the GET that fetches it, in seconds.
_STASHED = 120.0
#: The parameter by which the browser fetches it, and the one that tells of a failure.
_STASH_KEY = "answer"
_FAILURE = "failure"
#: The one by which it goes back silently, with the handle of what it was asked for.
_UNUSABLE = "unusable"
# The form by which she agrees to an answer.
_AGREED = re.compile(f"{_STASH_KEY}=([0-9a-f]{{64}})").fullmatch
#: Status codes that are told on (SAML core 3.2.2.2 has two), and characters of one.
_MOST_CODES = 2
_LONGEST_CODE = 200
#: Characters that the log repeats of the name of a hub.
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """What the hub answered to a login that this browser started, or to none.

    One of ``assertion``, ``failure`` and ``is_unusable`` is given; none where the login
    was spent already: then the browser brings an answer for the second time.
    """

    pending: PendingLogin
    assertion: messages.Assertion | None = None
    failure: LoginFailed | None = None
    #: Whether something came to a silent question that is not taken: the log has it.
    is_unusable: bool = False
    #: The name under which it waits for the browser, or "" where it does not.
    key: str = ""
    #: Whether she has agreed to it on our own page.
    is_agreed: bool = False


@dataclass(frozen=True, slots=True)
class _Stashed:
    """An answer that came by POST, and the login for which it came.

    Where nobody asked for it, ``target`` is where it leads.
    """

    handle: str
    assertion: messages.Assertion
    target: str = ""


_stashed = TypeAdapter(_Stashed)


class AnswerReader:
    """Reads answers for one participant.

    ``second_opinion`` says whether python3-saml is asked too, ``unsolicited`` whether
    an answer is taken for which nobody asked, and ``response_signed`` whether none is
    of which only the assertion is signed.
    """

    def __init__(
        self,
        *,
        second_opinion: bool,
        unsolicited: bool = False,
        response_signed: bool = False,
    ) -> None:
        self._is_asked_twice = second_opinion
        self._takes_unsolicited = unsolicited
        self._wants_signed = response_signed
        self._resolver = Resolver()
        self._second: dict[str, toolkit.SecondOpinion] = {}

    def receive(self, environ: "WSGIEnvironment") -> Answer | Response:
        """The answer in a request, or the redirect by which the browser fetches it.

        Raises :class:`eilogin.errors.EiloginError` of the kind that fits; nothing is
        changed then but that an artifact may be used up.
        """
        allow_only(environ, "GET", "POST")
        if environ["REQUEST_METHOD"] == "POST":
            if env.trust(environ).own.is_digid:
                raise MessageUnexpected(
                    "an answer by POST: expected an artifact, for DigiD answers in no"
                    " other way; somebody may have made this one"
                )
            return self._posted(environ)
        query = environ.get("QUERY_STRING", "")
        if query.startswith(f"{_STASH_KEY}="):
            return _fetched(environ, read_query(environ).get(_STASH_KEY, ""))
        if query.startswith(f"{_FAILURE}="):
            return _failed(environ, read_query(environ).get(_FAILURE, ""))
        if query.startswith(f"{_UNUSABLE}="):
            return _unusable(environ, read_query(environ).get(_UNUSABLE, ""))
        artifact, handle = bindings.read_artifact_query(query)
        return self._by_artifact(environ, artifact, handle)

    # --- by artifact (SAML bindings 3.6) --------------------------------------------

    def _by_artifact(
        self, environ: "WSGIEnvironment", artifact: str, handle: str
    ) -> Answer:
        pending = under_way.of_browser(environ, handle)
        if pending.spent_by:
            return Answer(pending)
        try:
            return self._resolve(environ, pending, artifact)
        except (Refused, Unavailable) as error:
            if not pending.is_passive:
                raise
            # A page that is open to everybody does not depend on it.
            note_refusal(error, "login", environ)
            return Answer(pending, is_unusable=True)

    def _resolve(
        self, environ: "WSGIEnvironment", pending: PendingLogin, artifact: str
    ) -> Answer:
        parsed = bindings.read_artifact(artifact)
        trust = env.trust(environ)
        _require_source(trust, pending.hub, parsed.source_id)
        response = self._resolver.response(environ, pending, artifact, parsed.index)
        if response is None:
            return Answer(under_way.again(environ, pending))
        expected = replace(
            self._expected(trust, pending.hub, pending.request_id),
            destination_required=False,
        )
        with Proven():
            try:
                assertion = accept(response, expected)
            except LoginFailed as failure:
                return Answer(pending, failure=failure)
            self._ask_again(trust, response, expected)
        return Answer(pending, assertion)

    # --- by POST (SAML bindings 3.5) ------------------------------------------------

    def _posted(self, environ: "WSGIEnvironment") -> Answer | Response:
        body = read_body(environ, bindings.LONGEST_FORM)
        if body.startswith(f"{_STASH_KEY}=".encode()):
            return self._agreed(environ, body)
        brought = bindings.read_artifact_form(body)
        if brought is not None:
            return _to_query(environ, *brought)
        received = bindings.read_post(body)
        if received.kind != "SAMLResponse":
            raise MalformedMessage("an answer to a login is a SAMLResponse")
        handle = received.relay_state
        try:
            return self._judged(environ, received)
        except Refused as error:
            if not is_silent(handle):
                raise
            note_refusal(error, "login", environ)
            return _go_on(env.trust(environ), _UNUSABLE, handle)

    def _judged(
        self, environ: "WSGIEnvironment", received: bindings.Received
    ) -> Response:
        response = xml.parse(received.octets)
        handle = received.relay_state
        if not is_handle(handle) and not response.get("InResponseTo"):
            return self._stash_unasked(environ, response, received)
        return self._stash(environ, response, received)

    def _stash(
        self,
        environ: "WSGIEnvironment",
        response: etree._Element,
        received: bindings.Received,
    ) -> Response:
        trust, handle = env.trust(environ), received.relay_state
        request_id = request_id_of(handle)
        hub = _issuer_of(response)
        expected = self._expected(trust, hub, request_id)
        try:
            assertion = accept(response, expected)
        except LoginFailed as failure:
            return _go_on(trust, _FAILURE, _sealed(trust, hub, handle, failure))
        self._ask_again(trust, response, expected, received.octets)
        return _kept(environ, _Stashed(handle, assertion))

    # --- for which nobody asked (SAML profiles 4.1.5) -------------------------------

    def _stash_unasked(
        self,
        environ: "WSGIEnvironment",
        response: etree._Element,
        received: bindings.Received,
    ) -> Response:
        """Keep it until the visitor has agreed.

        Its RelayState is a path of this site, or nothing that is looked at.
        """
        trust, hub = env.trust(environ), _issuer_of(response)
        if not self._takes_unsolicited:
            raise MessageUnexpected(
                f"an answer to no question of ours came from {hub[:_LONGEST_CODE]!r}: "
                "expected one with an InResponseTo (unsolicited = true takes others)"
            )
        expected = replace(self._expected(trust, hub, ""), unsolicited=True)
        assertion = accept(response, expected)
        name = name_of(assertion)
        env.sessions(environ).require_unused(name)
        self._ask_again(trust, response, expected, received.octets)
        public_url = trust.own.public_url
        path = received.relay_state.removeprefix(origin_of(public_url))
        target = safe_next(path, root(public_url))
        # However often it is sent, it waits once, and is claimed once.
        handle = handle_of(name, assertion.issued)
        return _kept(environ, _Stashed(handle, assertion, target))

    def _agreed(self, environ: "WSGIEnvironment", body: bytes) -> Answer:
        """An answer that the visitor has agreed to, by a form of our own page."""
        require_own_form(environ, env.trust(environ).own.public_url)
        match = _AGREED(body.decode("latin-1"))
        if match is None:
            raise MalformedMessage("not the form of our own page")
        answer = _fetched(environ, match[1])
        if answer.pending.is_unsolicited and not self._takes_unsolicited:
            raise MessageUnexpected("an answer of when unsolicited was true")
        return replace(answer, is_agreed=True)

    def _expected(self, trust: Trust, hub: str, request_id: str) -> Expected:
        """What is known of an answer to this question, or to none."""
        expected = _expected(trust, hub, request_id)
        return replace(expected, response_signed=self._wants_signed)

    # --- the second opinion ---------------------------------------------------------

    def _ask_again(
        self,
        trust: Trust,
        response: etree._Element,
        expected: Expected,
        octets: bytes = b"",
    ) -> None:
        """Have python3-saml judge an answer too, where it can.

        ``octets`` are the answer as it came; cut out of an ArtifactResponse it is
        written anew.
        """
        if not self._is_asked_twice:
            return
        if not toolkit.can_judge(response):
            _log.info(
                "something in it is encrypted, or only its ArtifactResponse is signed: "
                "no second opinion"
            )
            return
        hub = expected.issuer
        if hub not in self._second:
            self._second[hub] = toolkit.SecondOpinion(
                entity_id=trust.own.entity_id,
                acs_url=trust.own.url("acs"),
                hub_entity_id=hub,
                # It only wants one to be there.
                hub_sso_url=trust.hub(hub).single_sign_ons[0].location,
                hub_certificates=trust.hub(hub).signing_certificates,
            )
        octets = octets or toolkit.standalone(response)
        self._second[hub].confirm(octets, expected.request_id)


# --- used once ------------------------------------------------------------------------


def use_once(environ: "WSGIEnvironment", assertion: messages.Assertion) -> None:
    """Raise :class:`eilogin.errors.MessageReplayed` for one that was used before.

    It is remembered until it is too late for it, and until one that waits for a browser
    would have waited in vain.
    """
    until = max(assertion.confirmation_ends, clock.now() + _STASHED) + SKEW
    env.sessions(environ).use_once(name_of(assertion), until)


def name_of(assertion: messages.Assertion) -> str:
    """What no other assertion is called."""
    return f"assertion:{assertion.issuer}\0{assertion.id}"


# --- what waits for the browser -------------------------------------------------------


def _go_on(trust: Trust, parameter: str, value: str) -> Response:
    """Have the browser come again, with its cookies."""
    return see_other(f"{trust.own.url('acs')}?{urlencode({parameter: value})}")


def keep(
    environ: "WSGIEnvironment", pending: PendingLogin, assertion: messages.Assertion
) -> Response:
    """Keep an answer that came by artifact, and have the browser fetch it too."""
    return _kept(environ, _Stashed(pending.handle, assertion))


def _kept(environ: "WSGIEnvironment", stashed: _Stashed) -> Response:
    """Keep an answer for a short while, and have the browser fetch it."""
    name = f"{stashed.handle}\0{stashed.assertion.id}"
    key = hashlib.sha256(name.encode()).hexdigest()
    until = clock.now() + _STASHED
    outcome = json.dumps(asdict(stashed))
    env.values(environ).add(f"answer:{key}", outcome, until, durable=False)
    return _go_on(env.trust(environ), _STASH_KEY, key)


def _fetched(environ: "WSGIEnvironment", key: str) -> Answer:
    stashed = _waiting(environ, key)
    issuer, handle = stashed.assertion.issuer, stashed.handle
    if stashed.target:
        pending = under_way.unsolicited(environ, stashed.target, issuer, handle)
    else:
        pending = under_way.of_browser(environ, handle)
    if pending.spent_by:
        return Answer(pending)
    _require_asked(pending, issuer)
    require_in_time(stashed.assertion, clock.now())
    return Answer(pending, stashed.assertion, key=key)


def _waiting(environ: "WSGIEnvironment", key: str) -> _Stashed:
    text = env.values(environ).get(f"answer:{key}")
    if text is None:
        raise LoginLost("no answer waits under this name (any more)")
    try:
        return _stashed.validate_json(text, strict=True)
    except ValidationError as error:
        # Not what was found there: it may say who she is.
        found = error.errors(include_input=False, include_url=False)[0]
        raise LoginLost(
            f"what waits under this name is no answer that we kept: {found['msg']}"
        ) from None


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


def _unusable(environ: "WSGIEnvironment", handle: str) -> Answer:
    pending = under_way.of_browser(environ, handle)
    if not pending.is_passive:
        raise LoginLost("this login was not asked for silently: she is to see why")
    return Answer(pending, is_unusable=not pending.spent_by)


def _to_query(environ: "WSGIEnvironment", artifact: str, handle: str) -> Response:
    """Have the browser bring an artifact again, with its cookies: they are Lax."""
    bindings.read_artifact(artifact)
    request_id_of(handle)
    acs = env.trust(environ).own.url("acs")
    return see_other(bindings.artifact_url(acs, artifact, handle))


def _require_asked(pending: PendingLogin, hub: str) -> None:
    """Refuse the answer of another hub of ours than the one that was asked."""
    if hub != pending.hub:
        raise UnknownPeer(
            f"{pending.hub!r} was asked, and {hub[:_LONGEST_NAME]!r} answers: expected "
            "the answer of the hub that was asked"
        )


def _require_source(trust: Trust, hub: str, found: bytes) -> None:
    """Refuse the artifact of another hub; nothing is fetched of it."""
    if hmac.compare_digest(found, bindings.source_id(hub)):
        return
    known = (one for one in trust.hub_ids if bindings.source_id(one) == found)
    other = next(map(repr, known), "no hub of ours")
    raise UnknownPeer(
        f"{hub!r} was asked, and the artifact is of {other}: its SourceID should be "
        f"{bindings.source_id(hub).hex()}, the SHA-1 of that entityID; found "
        f"{found.hex()}"
    )


def _sealer(trust: Trust) -> Sealer:
    return Sealer(trust.own.sealing_secrets, f"failed login at {trust.own.entity_id}")


# --- what the hub says ----------------------------------------------------------------


def _issuer_of(response: etree._Element) -> str:
    """Who says that the answer is of theirs: nothing is proven yet."""
    paths = ("saml:Issuer", "saml:Assertion/saml:Issuer")
    found = (response.findtext("/".join(map(xml.q, path.split("/")))) for path in paths)
    return next(filter(None, found), "")


def _expected(trust: Trust, hub: str, request_id: str) -> Expected:
    """What is known of an answer to this question, or to none."""
    return Expected(
        request_id=request_id,
        acs_url=trust.own.url("acs"),
        audience=trust.own.entity_id,
        issuer=hub,
        keys=trust.hub_keys(hub),
        now=clock.now(),
        destination_required=True,
        decrypter=trust.decrypter,
    )
