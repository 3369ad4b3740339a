"""Send a Response to its participant: by POST, or by an artifact for it."""

from collections.abc import Callable
from dataclasses import replace

from lxml import etree
from webob import Response

from eilogin import clock
from eilogin.errors import LoginEnded
from eilogin.hub import pending_authn_requests
from eilogin.hub.pending_authn_requests import PendingAuthnRequest
from eilogin.hub.signin.upstream_signin import go_on
from eilogin.hub.sso.artifact_endpoint import artifact_key
from eilogin.hub.sso.response_writing import RESPONSE_LIFETIME
from eilogin.saml import bindings, safe_xml
from eilogin.sessions import Login
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.site_urls import see_other
from eilogin.web.visit import Visit

TOO_LATE = "the visitor logged out while the hub made the Response"
#: Seconds in which a repeated request gets the same artifact.
_SAME_REFUSAL = 60.0

#: Returns the record of an artifact, and when it expires.
ArtifactRecord = Callable[[PendingAuthnRequest, str], tuple[str, float]]
StateOf = Callable[[Visit, PendingAuthnRequest], str]


def response_record(_: PendingAuthnRequest, text: str) -> tuple[str, float]:
    """Store the Response while it is valid."""
    return text, clock.now() + RESPONSE_LIFETIME


def state_of_request(_: Visit, pending: PendingAuthnRequest) -> str:
    """Return the RelayState of the AuthnRequest."""
    return pending.relay_state


class ResponseDelivery:
    """Sends Responses; with ``leads_away`` the next page may be at another hub."""

    def __init__(
        self,
        pages: Pages,
        *,
        leads_away: bool = False,
        record: ArtifactRecord = response_record,
        state_of: StateOf = state_of_request,
    ) -> None:
        self._pages = pages
        self._leads_away = leads_away
        self._record = record
        self._state_of = state_of

    def send(
        self,
        visit: Visit,
        pending: PendingAuthnRequest,
        response: etree._Element,
        login: Login | None,
    ) -> Response:
        """Send a Response; an artifact for one with a login ends with the login.

        The caller has checked that the login is live.
        """
        state = self._state_of(visit, pending)
        pending = replace(pending, relay_state=state)
        headers = pending_authn_requests.answered(visit, pending)
        octets = safe_xml.serialize(response)
        if pending.binding == bindings.POST:
            fields = bindings.post_fields(bindings.RESPONSE, octets, state)
            return self._pages.auto_post(
                visit,
                pending.acs_url,
                fields,
                headers=headers,
                leads_on=self._leads_away,
            )
        if login is None:
            artifact = self._refused_by(visit, pending, response, octets.decode())
        else:
            artifact = bindings.new_artifact(visit.trust.own.entity_id)
            key = artifact_key(artifact, pending.issuer)
            record, until = self._record(pending, octets.decode())
            if not visit.sessions.store_with(login, key, record, until):
                raise LoginEnded(TOO_LATE)
        url = bindings.artifact_url(pending.acs_url, artifact, state)
        if self._leads_away:
            return go_on(visit, self._pages, url, headers)
        return see_other(url, headers)

    def _refused_by(
        self,
        visit: Visit,
        pending: PendingAuthnRequest,
        response: etree._Element,
        text: str,
    ) -> str:
        """Return a refusal's artifact, the same for a minute, against floods."""
        codes = [
            code.get("Value", "")
            for code in response.iter(safe_xml.q("samlp:StatusCode"))
        ]
        name = f"refused:{pending.name}:{' '.join(codes)}"
        values, store = visit.values, visit.sessions.store
        earlier = values.get(name)
        if earlier and store.get(artifact_key(earlier, pending.issuer)) is not None:
            return earlier
        artifact = bindings.new_artifact(visit.trust.own.entity_id)
        record, until = self._record(pending, text)
        store.add(artifact_key(artifact, pending.issuer), record, until, durable=False)
        values.take(name)
        values.add(name, artifact, clock.now() + _SAME_REFUSAL, durable=False)
        return artifact
