"""Receive the Response to a login, by POST or as an artifact, and verify it.

Our own checks (``response_checks``) and python3-saml must both accept it.
"""

import hmac
import logging
from collections.abc import Collection
from dataclasses import replace

from lxml import etree
from webob import Response

from eilogin import clock
from eilogin.errors import (
    LoginFailed,
    MalformedMessage,
    MessageUnexpected,
    Proven,
    Refused,
    Unavailable,
    UnknownPeer,
)
from eilogin.federation import Peer, Trust
from eilogin.participant.login import pending_logins
from eilogin.participant.login.pending_logins import PendingLogin, request_id_of
from eilogin.participant.login.return_targets import page_to_go_to
from eilogin.participant.response import pending_responses
from eilogin.participant.response.artifact_resolution import ArtifactResolver
from eilogin.participant.response.pending_responses import ReceivedResponse
from eilogin.saml import bindings, messages, safe_xml
from eilogin.saml import second_opinion as toolkit
from eilogin.saml.message_checks import SKEW
from eilogin.saml.metadata import IdentityProvider
from eilogin.saml.printable_text import collapsed
from eilogin.saml.response_checks import Expected, accept
from eilogin.web.browser.random_handles import handle_of, is_handle, is_silent
from eilogin.web.limits.slots import DEFAULT_SLOTS
from eilogin.web.pages.refusal_records import note_refusal
from eilogin.web.requests import origin_of, read_form_body
from eilogin.web.site_urls import see_other
from eilogin.web.visit import Visit

_log = logging.getLogger("eilogin")

#: Characters of an entityID in the log.
_LONGEST_NAME = 200


class ResponseReader:
    """Reads Responses for one participant.

    * ``second_opinion``: python3-saml verifies them too.
    * ``unsolicited``: accept them without an AuthnRequest.
    * ``response_signed``: refuse a signature of the assertion alone.
    * ``encrypted``: parts that must not come in clear text.
    * ``artifacts_at_once``: artifacts that one hub resolves at a time.
    """

    def __init__(
        self,
        *,
        second_opinion: bool,
        unsolicited: bool = False,
        response_signed: bool = False,
        encrypted: Collection[str] = (),
        artifacts_at_once: int = DEFAULT_SLOTS,
    ) -> None:
        self._needs_second_opinion = second_opinion
        self._takes_unsolicited = unsolicited
        self._wants_signed = response_signed
        self._wants_encrypted = encrypted
        self._resolver = ArtifactResolver(artifacts_at_once)
        self._opinions: dict[str, toolkit.SecondOpinion] = {}

    def receive(self, visit: Visit) -> ReceivedResponse | Response:
        """Return the Response in a request, or a redirect with which to fetch it."""
        visit.allow_only("GET", "POST")
        if visit.method == "POST":
            accepted = visit.trust.own.profile.response_bindings
            if bindings.POST not in accepted:
                raise MessageUnexpected(
                    "the Response came by POST; expected an artifact, because "
                    "DigiD answers in no other way. Somebody may have forged it"
                )
            return self._by_post(visit)
        answer = pending_responses.fetched(visit)
        if answer is not None:
            return answer
        received = bindings.read_artifact_query(visit.query_string)
        answer = self._by_artifact(visit, received)
        return _at_reloadable_address(visit.trust, answer)

    # --- by artifact (SAML bindings 3.6) --------------------------------------------

    def _by_artifact(
        self, visit: Visit, received: bindings.ReceivedArtifact
    ) -> ReceivedResponse:
        pending = pending_logins.of_browser(visit, received.relay_state)
        if pending.spent_by:
            return ReceivedResponse(pending)
        try:
            return self._resolve(visit, pending, received.artifact)
        except (Refused, Unavailable) as error:
            if not pending.is_passive:
                raise
            # A public page does not depend on the hub.
            note_refusal(error, "login", visit)
            return ReceivedResponse(pending, is_unusable=True)

    def _resolve(
        self, visit: Visit, pending: PendingLogin, artifact: str
    ) -> ReceivedResponse:
        parsed = bindings.read_artifact(artifact)
        trust = visit.trust
        _require_source(trust, pending.hub, parsed.source_id)
        resolved = self._resolver.response(visit, pending, artifact, parsed.index)
        if resolved is None:
            return ReceivedResponse(pending_logins.again(visit, pending))
        response, hub = resolved
        expected = replace(
            self._expected(trust, hub, pending.request_id),
            destination_required=False,
        )
        with Proven():
            try:
                assertion = accept(response, expected)
            except LoginFailed as failure:
                return ReceivedResponse(pending, failure=failure)
            self._verify_again(trust, hub.role, response, expected)
        return ReceivedResponse(pending, assertion)

    # --- by POST (SAML bindings 3.5) ------------------------------------------------

    def _by_post(self, visit: Visit) -> ReceivedResponse | Response:
        bindings.require_form_alone(visit.query_string)
        body = read_form_body(visit, bindings.LONGEST_FORM)
        if pending_responses.is_consent(body):
            return self._agreed(visit, body)
        received_artifact = bindings.read_artifact_form(body)
        if received_artifact is not None:
            return _to_query(visit, received_artifact)
        received = bindings.read_post(body)
        if received.kind != bindings.RESPONSE:
            raise MalformedMessage(
                "the message is no Response to a login; expected SAMLResponse"
            )
        handle = received.relay_state
        try:
            return self._verified(visit, received)
        except Refused as error:
            if not is_silent(handle):
                raise
            note_refusal(error, "login", visit)
            return pending_responses.redirect_without_answer(visit.trust, handle)

    def _verified(self, visit: Visit, received: bindings.Received) -> Response:
        response = safe_xml.parse(received.octets)
        handle = received.relay_state
        if not is_handle(handle) and not response.get("InResponseTo"):
            return self._store_unsolicited(visit, response, received)
        return self._store_when_valid(visit, response, received)

    def _store_when_valid(
        self,
        visit: Visit,
        response: etree._Element,
        received: bindings.Received,
    ) -> Response:
        trust, handle = visit.trust, received.relay_state
        request_id = request_id_of(handle)
        hub = trust.hub_peer(_issuer_of(response))
        expected = self._expected(trust, hub, request_id)
        try:
            assertion = accept(response, expected)
        except LoginFailed as failure:
            return pending_responses.redirect_with_failure(
                trust, hub.entity_id, handle, failure
            )
        self._verify_again(trust, hub.role, response, expected, received.octets)
        return pending_responses.store_and_redirect(visit, handle, assertion)

    # --- unsolicited Responses (SAML profiles 4.1.5) --------------------------------

    def _store_unsolicited(
        self,
        visit: Visit,
        response: etree._Element,
        received: bindings.Received,
    ) -> Response:
        # RelayState may be a path here.
        trust, issuer = visit.trust, _issuer_of(response)
        if not self._takes_unsolicited:
            raise MessageUnexpected(
                f"{issuer[:_LONGEST_NAME]!r} sent a Response without InResponseTo; "
                "expected one (unsolicited = true accepts others)"
            )
        hub = trust.hub_peer(issuer)
        expected = replace(self._expected(trust, hub, ""), unsolicited=True)
        assertion = accept(response, expected)
        name = name_of(assertion)
        visit.sessions.require_unused(name)
        self._verify_again(trust, hub.role, response, expected, received.octets)
        public_url = trust.own.public_url
        path = received.relay_state.removeprefix(origin_of(public_url))
        target = page_to_go_to(trust.own, path)
        # Each delivery gets the same handle, so eilogin keeps and claims it once.
        handle = handle_of(name, assertion.issued)
        return pending_responses.store_and_redirect(visit, handle, assertion, target)

    def _agreed(self, visit: Visit, body: bytes) -> ReceivedResponse:
        answer = pending_responses.agreed(visit, body)
        if answer.pending.is_unsolicited and not self._takes_unsolicited:
            raise MessageUnexpected(
                "this Response was sent while unsolicited was true; expected one "
                "with an AuthnRequest"
            )
        return answer

    def _expected(
        self, trust: Trust, hub: Peer[IdentityProvider], request_id: str
    ) -> Expected:
        return Expected(
            request_id=request_id,
            acs_url=trust.own.url("acs"),
            audience=trust.own.entity_id,
            issuer=hub.entity_id,
            keys=hub.keys,
            now=clock.now(),
            destination_required=True,
            decrypter=trust.decrypter,
            response_signed=self._wants_signed,
            encrypted=self._wants_encrypted,
            passed_on=trust.own.hub_inside is not None,
        )

    def _verify_again(
        self,
        trust: Trust,
        hub: IdentityProvider,
        response: etree._Element,
        expected: Expected,
        octets: bytes = b"",
    ) -> None:
        if not self._needs_second_opinion:
            return
        if not toolkit.can_judge(response):
            _log.info(
                "a part of it is encrypted, or only its ArtifactResponse is "
                "signed: python3-saml did not verify it"
            )
            return
        second = self._second_opinion(trust, expected.issuer, hub)
        octets = octets or toolkit.standalone(response)
        second.confirm(octets, expected.request_id)

    def _second_opinion(
        self, trust: Trust, entity_id: str, hub: IdentityProvider
    ) -> toolkit.SecondOpinion:
        certificates = hub.signing_certificates
        opinion = self._opinions.get(entity_id)
        if opinion is None or opinion.hub_certificates != certificates:
            opinion = self._opinions[entity_id] = toolkit.SecondOpinion(
                entity_id=trust.own.entity_id,
                acs_url=trust.own.url("acs"),
                hub_entity_id=entity_id,
                # python3-saml only requires a value here.
                hub_sso_url=hub.single_sign_ons[0].location,
                hub_certificates=certificates,
            )
        return opinion


def use_once(visit: Visit, assertion: messages.Assertion) -> None:
    """Raise MessageReplayed if an assertion was used before."""
    # Remembered until it has expired and no kept Response waits, with a margin for
    # clocks.
    until = (
        max(assertion.confirmation_ends, clock.now() + pending_responses.WAITS)
        + 2 * SKEW
    )
    visit.sessions.use_once(name_of(assertion), until)


def name_of(assertion: messages.Assertion) -> str:
    """Return the unique name of an assertion."""
    return f"assertion:{assertion.issuer}\0{assertion.id}"


def _to_query(visit: Visit, received: bindings.ReceivedArtifact) -> Response:
    # The browser brings the artifact again with a GET and its Lax cookies.
    request_id_of(received.relay_state)
    return see_other(bindings.artifact_url(visit.trust.own.url("acs"), *received))


def _at_reloadable_address(
    trust: Trust, answer: ReceivedResponse
) -> ReceivedResponse | Response:
    # A hub resolves an artifact only once. With DigiD, each failure has its own page.
    pending, failure = answer.pending, answer.failure
    if trust.own.profile.failed_login_ends_session:
        return answer
    if failure is None or pending.is_passive:
        return answer
    return pending_responses.redirect_with_failure(
        trust, pending.hub, pending.handle, failure
    )


def _require_source(trust: Trust, hub: str, source_id: bytes) -> None:
    if hmac.compare_digest(source_id, bindings.source_id(hub)):
        return
    candidates = (
        hub_id for hub_id in trust.hub_ids if bindings.source_id(hub_id) == source_id
    )
    source = next(map(repr, candidates), "another hub")
    raise UnknownPeer(
        f"the AuthnRequest went to {hub!r}, but the artifact is from {source}: "
        f"expected the SourceID {bindings.source_id(hub).hex()}, the SHA-1 of "
        f"that entityID; found {source_id.hex()}"
    )


def _issuer_of(response: etree._Element) -> str:
    # The Response claims it, without a proof.
    paths = ("saml:Issuer", "saml:Assertion/saml:Issuer")
    texts = (
        response.findtext("/".join(map(safe_xml.q, path.split("/")))) for path in paths
    )
    return next(filter(None, (collapsed(text or "") for text in texts)), "")
