"""Send the browser to the hub with an AuthnRequest."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Literal
from urllib.parse import urlencode

from webob import Response

from eilogin import clock
from eilogin.errors import (
    BindingMissing,
    ConfigurationError,
    Unavailable,
    UnknownPeer,
)
from eilogin.federation import Own, Trust
from eilogin.participant import logout_hint
from eilogin.participant.login import cancelled_login, pending_logins
from eilogin.participant.login.hub_reachability import (
    HubPeer,
    RouteToHub,
    is_reachable,
)
from eilogin.participant.login.idle_end_reason import limit_for_hub
from eilogin.participant.login.pending_logins import PendingLogin
from eilogin.saml import bindings, messages
from eilogin.saml.metadata import Endpoint, bindings_of
from eilogin.saml.printable_text import short
from eilogin.web.browser.browser_cookies import Cookie
from eilogin.web.browser.random_handles import new_handle
from eilogin.web.outbound_messages import send_through_browser
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.pages.translations import LANGUAGES
from eilogin.web.site_urls import root
from eilogin.web.visit import Visit

RequestBinding = Literal["auto", "redirect", "post"]
Comparison = Literal["minimum", "exact", "none"]

#: Bindings by ``request_binding``, the preferred one first.
_BINDINGS: Mapping[str, tuple[str, ...]] = {
    "auto": (bindings.REDIRECT, bindings.POST),
    "redirect": (bindings.REDIRECT,),
    "post": (bindings.POST,),
}

#: In the browser while no further passive login is due.
_ASKED = Cookie("eilogin-asked")


class AuthnRequestSender:
    """Sends AuthnRequests over one binding, with one ``comparison`` of levels."""

    def __init__(
        self,
        pages: Pages,
        *,
        binding: RequestBinding = "auto",
        comparison: Comparison = "minimum",
    ) -> None:
        self._pages = pages
        self._binding = binding
        self._comparison = comparison

    def ask(  # noqa: PLR0913 - the parts of the request, each by its name
        self,
        visit: Visit,
        route: RouteToHub,
        target: str,
        level: str,
        *,
        force: bool = False,
        passive: bool = False,
        began: str = "",
        is_required: bool = False,
        is_second: bool = False,
        headers: Iterable[tuple[str, str]] = (),
    ) -> Response:
        """Send the browser to a hub with an AuthnRequest (SAML profiles 4.1.4.1).

        * ``target``: path and query of the page after the Response.
        * ``force``: set ForceAuthn, as a login that is not passive always does until
          the hub has confirmed this browser's last logout.
        * ``began``: the page where the visitor began.
        * ``is_required``: the visitor cannot see the target without the login.
        * ``is_second``: this login replaces a lost one.

        Raise StoreUnavailable.
        """
        trust = visit.trust
        force = force or (not passive and logout_hint.has_left(visit))
        pending = PendingLogin(
            target,
            level,
            route.peer.entity_id,
            is_passive=passive,
            is_forced=force,
            began="" if began == target else began,
            is_required=is_required,
            begun_as=pending_logins.tag_of(visit.session_or_none),
            handle=new_handle(is_silent=passive, is_second=is_second),
        )
        pending_logins.require_store(visit)
        request = self._request(trust, route.endpoint, pending)
        if not passive:
            limit = limit_for_hub(visit, route.peer.role)
            request = replace(request, idle_limit=limit)
        return send_through_browser(
            visit,
            self._pages,
            route.endpoint,
            bindings.REQUEST,
            messages.write_authn_request(request),
            key=trust.key_for(route.peer),
            relay_state=pending.handle,
            headers=[
                *pending_logins.cookie_headers(visit, pending),
                *cancelled_login.forget(visit),
                *headers,
            ],
        )

    def _request(
        self, trust: Trust, endpoint: Endpoint, pending: PendingLogin
    ) -> messages.AuthnRequest:
        request = messages.AuthnRequest(
            id=pending.request_id,
            issued=clock.now(),
            issuer=trust.own.entity_id,
            destination=endpoint.location,
            force_authn=pending.is_forced,
            is_passive=pending.is_passive,
            comparison="exact" if self._comparison == "exact" else "minimum",
            level_classes=self._classes(trust, pending.level),
            name_id_format=trust.own.name_id_format,
            asks_for_any_name=trust.own.asks_for_any_name,
        )
        return with_response_address(request, trust.own)

    def route(self, trust: Trust, hub: HubPeer) -> RouteToHub:
        """Return where a hub takes AuthnRequests, or raise BindingMissing."""
        endpoint = hub.role.single_sign_on(*_BINDINGS[self._binding])
        if endpoint is None:
            accepted = " or ".join(map(short, _BINDINGS[self._binding]))
            raise BindingMissing(
                f"{hub.entity_id!r} has no SingleSignOnService for {accepted} "
                f"(request_binding = {self._binding}); its metadata has "
                f"{bindings_of(hub.role.single_sign_ons)}: "
                f"{trust.whom_to_ask(hub.entity_id)}"
            )
        return RouteToHub(hub, endpoint)

    def _classes(self, trust: Trust, level: str) -> tuple[str, ...]:
        """Return the classes to request, or ()."""
        # eilogin checks the level of the Response in any case.
        reaching = trust.classes.reaching(level)
        if not reaching:
            raise ConfigurationError(
                f"no line of level_classes has a class for {level!r} or a higher "
                "level, so no Response can reach it; add one"
            )
        match self._comparison:
            case "none":
                return ()
            case "exact":
                return reaching
        return (trust.classes.class_of(level) or reaching[0],)

    def reachable_route(self, trust: Trust, entity_id: str) -> RouteToHub | None:
        """Return the route if a quick check finds the hub reachable."""
        try:
            route = self.route(trust, trust.hub_peer(entity_id))
            return route if is_reachable(trust, route, in_doubt=False) else None
        except (UnknownPeer, Unavailable):
            return None


def with_response_address(
    request: messages.AuthnRequest, own: Own
) -> messages.AuthnRequest:
    """Add the address and binding of the Response, or for DigiD their index."""
    # DigiD may show the ProviderName (DigiD 1.2).
    if own.profile.names_acs_by_index:
        return replace(
            request, acs_index=0, provider_name=own.names.get(LANGUAGES[0], "")
        )
    binding = bindings.POST if own.acs == "post" else bindings.ARTIFACT
    return replace(request, acs_url=own.url("acs"), protocol_binding=binding)


def was_tried_passively(visit: Visit) -> bool:
    """Return whether a passive login was tried a short while ago."""
    return _ASKED.read(visit.cookie_header) is not None


def remember_passive_login(seconds: float) -> tuple[str, str]:
    """Return the header that prevents passive logins for a while."""
    return _ASKED.set("1", max_age=int(seconds))


def forget_passive_login() -> tuple[str, str]:
    """Return the header that allows a passive login again."""
    return _ASKED.expire()


#: Query parameter of a login that replaces a lost one.
AGAIN = "again"


def login_address(  # noqa: PLR0913 - a query, each part by its name
    visit: Visit,
    target: str,
    level: str,
    *,
    address: str = "login",
    force: bool = False,
    hub: str = "",
    choose: bool = False,
    back: str = "",
) -> str:
    """Return the address of this site that starts a login and leads to ``target``.

    A limit of the path demands a fresh proof too (``force``). ``address`` may be
    another one with the same query. A cancelled login leads ``back``.
    """
    query = {"next": target, "level": level}
    if force or visit.needs_fresh_proof:
        query["fresh"] = "yes"
    if hub:
        query["hub"] = hub
    if choose:
        query["choose"] = "yes"
    if back and back != target:
        query["back"] = back
    return f"{visit.trust.own.url(address)}?{urlencode(query)}"


def first_page_login_address(
    visit: Visit, level: str, *, force: bool = False, choose: bool = False
) -> str:
    """Return the :func:`login_address` that leads to the site's first page."""
    first = root(visit.trust.own.public_url)
    return login_address(visit, first, level, force=force, choose=choose)
