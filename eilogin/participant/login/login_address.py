"""``/eilogin/login``: a login that starts with a link.

At ``/eilogin/discovery`` a discovery service names the hub. The query:

* ``next``, or ``came_from`` of Plone: the page after the login;
* ``level``; ``fresh`` for a fresh proof;
* ``hub``, or ``choose`` to choose one;
* ``back``: the page after a cancelled login, or else the page with the link.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple
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
    allow_only,
    is_own_navigation,
    read_query,
    wants_page,
)
from eilogin.web.site_urls import see_other

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


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

    def answer(self, environ: "WSGIEnvironment") -> Response:
        """Redirect to the page, to the hub, or to the choice of a hub."""
        allow_only(environ, "GET", "HEAD")
        query = read_query(environ)
        wanted = _wanted(environ, query)
        if passive_login.PARAMETER in query:
            return self._passive_login.go_on(environ, wanted.target)
        if query.get("fresh") == "yes":
            environ[env.FRESH] = True
        if _is_enough(environ, wanted):
            return _lead_on(environ, wanted.target)
        if not wants_page(environ):
            address = wanted.address(environ)
            return self._login_required.tell(environ, wanted.level, address)
        hub = "" if wanted.choose else wanted.hub or hub_choice.known_hub(environ)
        if not hub:
            return self._let_choose(environ, wanted)
        if not hub_choice.is_own_choice(environ, hub, query.get(hub_choice.SENT)):
            return self._choices(environ, wanted)
        return self._begin(environ, wanted, hub)

    def _let_choose(self, environ: "WSGIEnvironment", wanted: "_Wanted") -> Response:
        was_there = env.address(environ) == "discovery"
        if env.trust(environ).discovery and not was_there and not wanted.choose:
            return hub_choice.send_to_hub_choice(
                environ, wanted.target, wanted.level, back=wanted.back
            )
        return self._choices(environ, wanted)

    def _choices(self, environ: "WSGIEnvironment", wanted: "_Wanted") -> Response:
        return hub_choice.page(
            environ, self._pages, wanted.target, wanted.level, back=wanted.back
        )

    def _begin(
        self, environ: "WSGIEnvironment", wanted: "_Wanted", hub: str
    ) -> Response:
        if environ["REQUEST_METHOD"] == "HEAD":
            # HEAD sets no cookies, so no Response could be accepted.
            endpoint = self._authn_requests.endpoint(env.trust(environ), hub)
            return see_other(endpoint.location, status=302)
        if _is_sent_by_another_site(environ):
            # A Response of DigiD without a login ends the session: so ask first.
            address = wanted.address(environ)
            return self._login_required.explain(environ, wanted.level, address)
        login_loops.require_end(environ, wanted.target)
        force = env.FRESH in environ
        if not (force or env.trust(environ).own.profile.tells_proof_age):
            path = unquote(wanted.target.partition("?")[0])
            rule = self._rules.rule_for(path)
            force = path_limits.wants_proof_at_login(environ, rule)
        return self._login_required.send(
            environ,
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

    def address(self, environ: "WSGIEnvironment") -> str:
        return login_address(
            environ,
            self.target,
            self.level,
            hub=self.hub,
            choose=self.choose,
            back=self.back,
        )


def _wanted(environ: "WSGIEnvironment", query: Mapping[str, str]) -> _Wanted:
    trust = env.trust(environ)
    level = query.get("level", LEVELS[0])
    return _Wanted(
        target=page_to_go_to(trust.own, wanted_page(trust.own, query)),
        level=level if level in LEVELS else LEVELS[0],
        hub=hub_choice.named_hub(environ, query.get("hub")),
        choose=query.get("choose") == "yes" and hub_choice.is_needed(trust),
        back=page_to_go_back_to(trust.own, query.get("back"))
        or cancelled_login.page_before(environ, trust.own),
        is_second=query.get(AGAIN) == "yes",
    )


def _is_enough(environ: "WSGIEnvironment", wanted: _Wanted) -> bool:
    login = env.session(environ)
    return (
        login is not None
        and not wanted.choose
        and env.FRESH not in environ
        and reaches(login.level, wanted.level)
        and wanted.hub in ("", login.who.issuer)
    )


def _is_sent_by_another_site(environ: "WSGIEnvironment") -> bool:
    own = env.trust(environ).own
    return (
        own.profile.confirms_foreign_links
        and env.session(environ) is not None
        and not is_own_navigation(environ, own.public_url)
    )


def _lead_on(environ: "WSGIEnvironment", target: str) -> Response:
    if not wants_page(environ) or environ["REQUEST_METHOD"] == "HEAD":
        return redirect_to_target(environ, target)
    login_loops.require_end(environ, target, period=login_loops.QUICK_PERIOD)
    return redirect_to_target(environ, target, [login_loops.note(environ, target)])
