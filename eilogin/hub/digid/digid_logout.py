"""Single logout as DigiD does it (DigiD 3): by the session of the browser.

A LogoutRequest ends the session of the browser that brings it, whatever its NameID. A
visitor of several services confirms it first. The other participants get a
LogoutRequest over SOAP only, by the NameID alone.

A request without the hub's cookie ends nothing and succeeds. A form of another site
comes without it (SameSite=Lax), so the hub redirects the browser to its own address.
That address must not log out another browser that follows it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from webob import Response

from eilogin import audit, clock
from eilogin.errors import Busy, MessageUnexpected, NotFound
from eilogin.federation import Peer
from eilogin.hub.digid import relay_state
from eilogin.hub.digid.digid_peers import refusals_as_not_found, valid_participant
from eilogin.hub.digid.digid_requests import require_recent_as_digid
from eilogin.hub.digid.reauthentication import DigidPresence
from eilogin.hub.logout.browser.browser_logout import address
from eilogin.hub.logout.logout_confirmation import (
    ASKED_FOR,
    answer_to,
    is_of_this_browser,
    note_answer,
    other_browser,
    store_for_browser,
    stored_text,
)
from eilogin.hub.logout.logout_propagation import Propagation
from eilogin.hub.logout.logout_record_reading import readable_record
from eilogin.hub.logout.logout_response_sending import LogoutResponseSender
from eilogin.hub.logout.receipts.receipt_records import ReplyTo
from eilogin.hub.logout.single_logout import SingleLogout
from eilogin.hub.participants.signed_in_services import services_of
from eilogin.hub.signin import rehearsal
from eilogin.saml import bindings, messages
from eilogin.saml.message_checks import require_destination
from eilogin.saml.metadata import Endpoint, ServiceProvider
from eilogin.sessions import Login, Participant
from eilogin.web.inbound_messages import receive
from eilogin.web.pages.page_languages import language_of
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.requests import read_form, read_query, require_own_form
from eilogin.web.site_urls import see_other
from eilogin.web.visit import Visit

#: The parameter of ``/slo`` with the handle of a logout to confirm.
_LEAVING = "leaving"

_DONE = messages.Status()
_PARTLY = messages.Status((messages.RESPONDER, messages.PARTIAL_LOGOUT))


class DigidLogoutResponseSender(LogoutResponseSender):
    """Sends the LogoutResponse by Redirect, with the stored RelayState."""

    def endpoint(self, role: ServiceProvider) -> Endpoint | None:
        """Return the SingleLogoutService of a participant."""
        # DigiD ignores the ResponseLocation of the metadata.
        endpoint = role.single_logout(bindings.REDIRECT)
        return endpoint and replace(endpoint, response_location="")

    def send(
        self,
        visit: Visit,
        back: ReplyTo,
        status: messages.Status,
        requester: Peer[ServiceProvider] | None = None,
    ) -> Response:
        """Send the visitor to the requester, and delete the RelayState."""
        state = back.relay_state or relay_state.stored(visit)
        back = back._replace(relay_state=state)
        answer = super().send(visit, back, status, requester)
        answer.headerlist.append(relay_state.forget())
        return answer


class DigidSingleLogout:
    """Answers LogoutRequests as DigiD does (DigiD 3)."""

    def __init__(
        self, pages: Pages, propagation: Propagation, *, rehearses: bool, at_once: int
    ) -> None:
        self._pages = pages
        self._logout = SingleLogout(
            pages, propagation, at_once=at_once, sender=DigidLogoutResponseSender
        )
        self.button = self._logout.button
        self._rehearses = rehearses

    def respond(self, visit: Visit) -> Response:
        """Answer a participant's LogoutRequest, or our confirmation form."""
        visit.allow_only("GET", "POST")
        is_posted = visit.method == "POST"
        if visit.query_string.startswith(f"{_LEAVING}="):
            handle = read_query(visit).get(_LEAVING, "")
            back = _stored_requester(visit, handle)
            if is_posted:
                return self._confirmed(visit, back, handle)
            if answer_to(visit, handle):
                # The visitor confirmed it, and it waited for a free slot.
                return self._end(visit, back, visit.session_to_end())
            return self._leave(visit, back)
        with refusals_as_not_found():
            page = self._logout.own_page(visit)
            if page is not None:
                return page
            back, requester = _read_request(visit)
        if is_posted:
            url, headers = _store(visit, back)
            return see_other(url, headers)
        # A Redirect is signed together with its RelayState; a POST is not.
        headers = relay_state.cookie_headers(back.relay_state)
        return self._leave(visit, back, headers, requester)

    def respond_soap(self, visit: Visit) -> Response:
        """Refuse a LogoutRequest over SOAP: DigiD needs the browser."""
        raise NotFound(
            "DigiD accepts no LogoutRequest over SOAP; expected one by Redirect or"
            " POST, in the citizen's browser"
        )

    def _leave(
        self,
        visit: Visit,
        back: ReplyTo,
        headers: Sequence[tuple[str, str]] = (),
        requester: Peer[ServiceProvider] | None = None,
    ) -> Response:
        """End the session, or list the services; ``headers`` store the RelayState."""
        login = visit.session_to_end()
        if login is None or visit.values.get(_result_key(back)) is not None:
            return self._end(visit, back, login, requester=requester)
        participants = visit.sessions.participants(login)
        services = DigidPresence(visit, login).services(participants)
        if len({participant.entity_id for participant in services}) > 1:
            peer = requester or visit.trust.participant(back.entity_id)
            page = self._confirm_page(visit, back, login, services, peer)
            page.headerlist.extend(headers)
            return page
        return self._end(visit, back, login, requester=requester)

    def _confirmed(self, visit: Visit, back: ReplyTo, handle: str) -> Response:
        trust = visit.trust
        require_own_form(visit, trust.own.public_url)
        login, form = visit.session_to_end(), read_form(visit)
        try:
            return self._end(visit, back, login, form)
        except Busy:
            note_answer(visit, handle, _LEAVING)
            return see_other(address(trust, _LEAVING, handle))

    def _end(
        self,
        visit: Visit,
        back: ReplyTo,
        login: Login | None,
        form: Mapping[str, str] | None = None,
        *,
        requester: Peer[ServiceProvider] | None = None,
    ) -> Response:
        until = clock.now() + ASKED_FOR
        choice = self._choice(visit, login, form)

        def execute(tried: str) -> str:
            if login is None:
                # Which participants an earlier attempt notified is unknown.
                is_everywhere = not tried
            else:
                is_everywhere = self._ended(visit, back, login)
            audit.event("logout.received", peer=back.entity_id)
            is_complete = is_everywhere and choice != rehearsal.PARTIAL_LOGOUT
            return json.dumps((_DONE if is_complete else _PARTLY).codes)

        codes = json.loads(
            self._logout.endings.slots.once(visit, _result_key(back), until, execute)
        )
        status = messages.Status(tuple(codes))
        answer = self._logout.responses.send(visit, back, status, requester)
        if choice and answer.location:
            trust = visit.trust
            peer = requester or trust.participant(back.entity_id)
            key = trust.key_for(peer)
            answer.location = rehearsal.changed_logout(answer.location, choice, key)
        return answer

    def _choice(
        self,
        visit: Visit,
        login: Login | None,
        form: Mapping[str, str] | None,
    ) -> str:
        if not self._rehearses or login is None:
            return ""
        if form is not None:
            return rehearsal.chosen(form, rehearsal.OF_LOGOUT)
        return rehearsal.take(visit.values, login, rehearsal.OF_LOGOUT)

    def _ended(self, visit: Visit, back: ReplyTo, login: Login) -> bool:
        """End all sessions; return whether all but the requester's own confirmed."""
        own_participants = visit.sessions.participants(login)
        ending = self._logout.endings.end(
            visit,
            [login],
            spare=lambda participants: [
                participant
                for participant in participants
                if participant.entity_id != back.entity_id
                or participant not in own_participants
            ],
        )
        # A faster logout knows the missed participants.
        return not ending.missed and not ending.is_overtaken

    def _confirm_page(
        self,
        visit: Visit,
        back: ReplyTo,
        login: Login,
        participants: Sequence[Participant],
        requester: Peer[ServiceProvider],
    ) -> Response:
        trust, language = visit.trust, language_of(visit)
        endpoint = self._logout.responses.endpoint(requester.role)
        website = trust.federation.link_of(back.entity_id, language)
        action, of_browser = _store(visit, back)
        return self._pages.page(
            visit,
            "log_out_of_services.html",
            headers=of_browser,
            # Without this, the browser blocks a redirect after the form.
            form_action=[endpoint.location] if endpoint else [],
            action=action,
            name=trust.federation.name_of(back.entity_id, language),
            # The visitor has logged out there already.
            services=services_of(
                trust,
                [
                    participant
                    for participant in participants
                    if participant.entity_id != back.entity_id
                ],
                language,
            ),
            website_url=website or trust.own.url("home"),
            choices=rehearsal.OF_LOGOUT if self._rehearses else (),
            chosen=rehearsal.stored(visit.values, login, rehearsal.OF_LOGOUT),
        )


def _read_request(visit: Visit) -> tuple[ReplyTo, Peer[ServiceProvider]]:
    trust = visit.trust
    inbound = receive(visit, valid_participant(trust), trust.weak)
    if inbound.kind != bindings.REQUEST:
        raise MessageUnexpected(
            "found a LogoutResponse; DigiD sends no LogoutRequest by the browser"
        )
    request = messages.read_logout_request(inbound.element)
    require_destination(
        request.destination,
        trust.own.url("slo"),
        required=inbound.binding == bindings.POST,
    )
    require_recent_as_digid(request.issued, clock.now())
    relay_state.require_short(inbound.relay_state)
    back = ReplyTo(inbound.issuer, request.id, inbound.relay_state)
    return back, inbound.peer


def _store(visit: Visit, back: ReplyTo) -> tuple[str, Sequence[tuple[str, str]]]:
    return store_for_browser(visit, _LEAVING, back, json.dumps(back))


def _stored_requester(visit: Visit, handle: str) -> ReplyTo:
    text = stored_text(visit, _LEAVING, handle)
    with readable_record():
        back = ReplyTo.from_parts(json.loads(text))
    is_here = is_of_this_browser(visit, back, handle)
    # It may be a browser without cookies, and there is nothing to protect.
    if not is_here and visit.session_to_end() is not None:
        raise other_browser()
    return back


def _result_key(back: ReplyTo) -> str:
    return f"logout-request:{back.entity_id}\0{back.request_id}"
