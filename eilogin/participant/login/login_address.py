"""``/eilogin/login``: a login that starts with a link.

At ``/eilogin/discovery`` a discovery service names the hub. The query has:

* ``next``, or ``came_from`` of Plone: the page after the login;
* ``level``, and ``fresh=yes`` for a fresh proof;
* ``hub``: an entityID, or ``choose=yes`` to choose one;
* ``back``: the page after a cancelled login; by default the page with the link.
"""

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import unquote

from webob import Response

from eilogin.participant.login import cancelled_login, hub_choice, passive_login
from eilogin.participant.login.authn_requests import (
    AGAIN,
    AuthnRequestSender,
    login_address,
)
from eilogin.participant.login.hub_reachability import HubPeer
from eilogin.participant.login.login_required import LoginRequired
from eilogin.participant.login.passive_login import PassiveLogin
from eilogin.participant.login.return_targets import (
    page_to_go_back_to,
    page_to_go_to,
    redirect_to_target,
    wanted_page,
)
from eilogin.participant.policy import path_limits
from eilogin.participant.policy.path_rules import PathRules
from eilogin.saml.assurance_levels import LEVELS, reaches
from eilogin.web import environ as env
from eilogin.web.limits import login_loops
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.requests import (
    is_own_navigation,
    read_query,
)
from eilogin.web.site_urls import see_other
from eilogin.web.visit import Visit


class LoginAddress:
    """Answers both addresses for one participant."""

    def __init__(
        self,
        pages: Pages,
        rules: PathRules,
        authn_requests: AuthnRequestSender,
        passive_login: PassiveLogin,
        login_required: LoginRequired,
    ) -> None:
        self._pages = pages
        self._rules = rules
        self._authn_requests = authn_requests
        self._passive_login = passive_login
        self._login_required = login_required

    def answer(self, visit: Visit) -> Response:
        """Redirect to the page, to the hub, or to the choice of a hub."""
        visit.allow_only("GET", "HEAD")
        query = read_query(visit)
        login_query = _parsed(visit, query)
        if passive_login.PARAMETER in query:
            return self._passive_login.go_on(visit, login_query.target)
        if query.get("fresh") == "yes":
            visit.environ[env.FRESH] = True
        if _is_enough(visit, login_query):
            return _redirect_signed_in(visit, login_query.target)
        if not visit.wants_page:
            address = login_query.address(visit)
            return self._login_required.tell(visit, login_query.level, address)
        entity_id = (
            ""
            if login_query.choose
            else login_query.hub_id or hub_choice.known_hub(visit)
        )
        if not entity_id:
            return self._let_choose(visit, login_query)
        if not hub_choice.is_own_choice(visit, entity_id, query.get(hub_choice.SENT)):
            return self._choices(visit, login_query)
        return self._begin(visit, login_query, entity_id)

    def _let_choose(self, visit: Visit, login_query: "_LoginQuery") -> Response:
        has_returned = visit.address == "discovery"
        if visit.trust.discovery and not has_returned and not login_query.choose:
            return hub_choice.send_to_hub_choice(
                visit, login_query.target, login_query.level, back=login_query.back
            )
        return self._choices(visit, login_query)

    def _choices(self, visit: Visit, login_query: "_LoginQuery") -> Response:
        return hub_choice.page(
            visit,
            self._pages,
            login_query.target,
            login_query.level,
            back=login_query.back,
        )

    def _begin(
        self, visit: Visit, login_query: "_LoginQuery", entity_id: str
    ) -> Response:
        if visit.method == "HEAD":
            # HEAD sets no cookies, so no Response could be accepted.
            hub = login_query.hub or visit.trust.hub_peer(entity_id)
            route = self._authn_requests.route(visit.trust, hub)
            return see_other(route.endpoint.location, status=302)
        if _is_sent_by_another_site(visit):
            # A failed login at DigiD ends the session, so the visitor must agree first.
            address = login_query.address(visit)
            return self._login_required.explain(visit, login_query.level, address)
        login_loops.require_end(visit, login_query.target)
        force = visit.needs_fresh_proof
        if not (force or visit.trust.own.profile.tells_proof_age):
            path = unquote(login_query.target.partition("?")[0])
            rule = self._rules.rule_for(path)
            force = path_limits.wants_proof_at_login(visit, rule)
        return self._login_required.send(
            visit,
            login_query.hub or visit.trust.hub_peer(entity_id),
            login_query.target,
            login_query.level,
            force=force,
            began=login_query.back,
            is_second=login_query.is_second,
        )


class _LoginQuery(NamedTuple):
    target: str
    level: str
    #: The hub that it names.
    hub: HubPeer | None
    choose: bool
    back: str
    #: Whether it replaces a lost login.
    is_second: bool

    @property
    def hub_id(self) -> str:
        return "" if self.hub is None else self.hub.entity_id

    def address(self, visit: Visit) -> str:
        return login_address(
            visit,
            self.target,
            self.level,
            hub=self.hub_id,
            choose=self.choose,
            back=self.back,
        )


def _parsed(visit: Visit, query: Mapping[str, str]) -> _LoginQuery:
    trust = visit.trust
    level = query.get("level", LEVELS[0])
    return _LoginQuery(
        target=page_to_go_to(trust.own, wanted_page(trust.own, query)),
        level=level if level in LEVELS else LEVELS[0],
        hub=hub_choice.named_hub(visit, query.get("hub")),
        choose=query.get("choose") == "yes" and hub_choice.is_needed(trust),
        back=page_to_go_back_to(trust.own, query.get("back"))
        or cancelled_login.page_before(visit, trust.own),
        is_second=query.get(AGAIN) == "yes",
    )


def _is_enough(visit: Visit, login_query: _LoginQuery) -> bool:
    login = visit.session
    return (
        login is not None
        and not login_query.choose
        and not visit.needs_fresh_proof
        and reaches(login.level, login_query.level)
        and login_query.hub_id in ("", login.who.issuer)
    )


def _is_sent_by_another_site(visit: Visit) -> bool:
    own = visit.trust.own
    return (
        own.profile.confirms_foreign_links
        and visit.session is not None
        and not is_own_navigation(visit, own.public_url)
    )


def _redirect_signed_in(visit: Visit, target: str) -> Response:
    if not visit.wants_page or visit.method == "HEAD":
        return redirect_to_target(visit, target)
    login_loops.require_end(visit, target, period=login_loops.QUICK_PERIOD)
    return redirect_to_target(visit, target, [login_loops.note(visit, target)])
