"""``/eilogin/login``: a login that starts with a link.

At ``/eilogin/discovery`` a discovery service names the hub. The query:

* ``next``, or ``came_from`` of Plone: the page after the login;
* ``level``; ``fresh`` for a fresh proof;
* ``hub``, or ``choose`` to choose one;
* ``back``: the page after a cancelled login, or else the page with the link.
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
        wanted = _wanted(visit, query)
        if passive_login.PARAMETER in query:
            return self._passive_login.go_on(visit, wanted.target)
        if query.get("fresh") == "yes":
            visit.environ[env.FRESH] = True
        if _is_enough(visit, wanted):
            return _lead_on(visit, wanted.target)
        if not visit.wants_page:
            address = wanted.address(visit)
            return self._login_required.tell(visit, wanted.level, address)
        hub = "" if wanted.choose else wanted.hub or hub_choice.known_hub(visit)
        if not hub:
            return self._let_choose(visit, wanted)
        if not hub_choice.is_own_choice(visit, hub, query.get(hub_choice.SENT)):
            return self._choices(visit, wanted)
        return self._begin(visit, wanted, hub)

    def _let_choose(self, visit: Visit, wanted: "_Wanted") -> Response:
        was_there = visit.address == "discovery"
        if visit.trust.discovery and not was_there and not wanted.choose:
            return hub_choice.send_to_hub_choice(
                visit, wanted.target, wanted.level, back=wanted.back
            )
        return self._choices(visit, wanted)

    def _choices(self, visit: Visit, wanted: "_Wanted") -> Response:
        return hub_choice.page(
            visit, self._pages, wanted.target, wanted.level, back=wanted.back
        )

    def _begin(self, visit: Visit, wanted: "_Wanted", hub: str) -> Response:
        if visit.method == "HEAD":
            # HEAD sets no cookies, so no Response could be accepted.
            endpoint = self._authn_requests.endpoint(visit.trust, hub)
            return see_other(endpoint.location, status=302)
        if _is_sent_by_another_site(visit):
            # A Response of DigiD without a login ends the session: so ask first.
            address = wanted.address(visit)
            return self._login_required.explain(visit, wanted.level, address)
        login_loops.require_end(visit, wanted.target)
        force = visit.needs_fresh_proof
        if not (force or visit.trust.own.profile.tells_proof_age):
            path = unquote(wanted.target.partition("?")[0])
            rule = self._rules.rule_for(path)
            force = path_limits.wants_proof_at_login(visit, rule)
        return self._login_required.send(
            visit,
            hub,
            wanted.target,
            wanted.level,
            force=force,
            began=wanted.back,
            is_second=wanted.is_second,
        )


class _Wanted(NamedTuple):
    target: str
    level: str
    hub: str
    choose: bool
    back: str
    #: Whether it replaces a lost login.
    is_second: bool

    def address(self, visit: Visit) -> str:
        return login_address(
            visit,
            self.target,
            self.level,
            hub=self.hub,
            choose=self.choose,
            back=self.back,
        )


def _wanted(visit: Visit, query: Mapping[str, str]) -> _Wanted:
    trust = visit.trust
    level = query.get("level", LEVELS[0])
    return _Wanted(
        target=page_to_go_to(trust.own, wanted_page(trust.own, query)),
        level=level if level in LEVELS else LEVELS[0],
        hub=hub_choice.named_hub(visit, query.get("hub")),
        choose=query.get("choose") == "yes" and hub_choice.is_needed(trust),
        back=page_to_go_back_to(trust.own, query.get("back"))
        or cancelled_login.page_before(visit, trust.own),
        is_second=query.get(AGAIN) == "yes",
    )


def _is_enough(visit: Visit, wanted: _Wanted) -> bool:
    login = visit.session
    return (
        login is not None
        and not wanted.choose
        and not visit.needs_fresh_proof
        and reaches(login.level, wanted.level)
        and wanted.hub in ("", login.who.issuer)
    )


def _is_sent_by_another_site(visit: Visit) -> bool:
    own = visit.trust.own
    return (
        own.profile.confirms_foreign_links
        and visit.session is not None
        and not is_own_navigation(visit, own.public_url)
    )


def _lead_on(visit: Visit, target: str) -> Response:
    if not visit.wants_page or visit.method == "HEAD":
        return redirect_to_target(visit, target)
    login_loops.require_end(visit, target, period=login_loops.QUICK_PERIOD)
    return redirect_to_target(visit, target, [login_loops.note(visit, target)])
