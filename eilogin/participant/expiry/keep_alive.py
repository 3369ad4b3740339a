"""Record activity, and renew the session at the hub with a passive login.

Both need a page that the visitor looks at: scripts and prefetches act by themselves.
"""

from webob import Response

from eilogin.config import LONGEST_TARGET
from eilogin.errors import StoreUnavailable
from eilogin.participant.digid_profile import is_time_to_renew
from eilogin.participant.expiry.activity_reports import ActivityReports
from eilogin.participant.inner_logout import InnerLogout
from eilogin.participant.login.authn_requests import (
    AuthnRequestSender,
    was_tried_passively,
)
from eilogin.participant.login.hub_choice import known_hub
from eilogin.participant.policy import path_limits
from eilogin.participant.policy.path_rules import PathRules
from eilogin.saml.assurance_levels import LEVELS
from eilogin.sessions import Login
from eilogin.web.cache_headers import not_in_advance
from eilogin.web.site_urls import whole_target
from eilogin.web.visit import Visit


class KeepAlive:
    """Records and renews at one participant.

    ``after``: seconds from the hub's last confirmation to the renewal. ``rules`` have
    the idle limits. ``activity`` reports to the hub.
    """

    def __init__(
        self,
        authn_requests: AuthnRequestSender,
        rules: PathRules,
        after: float,
        inner_logout: InnerLogout,
        activity: ActivityReports,
    ) -> None:
        self._note_activity = activity.note
        self._authn_requests = authn_requests
        self._inner_logout = inner_logout
        self._idle_limits = rules.idle_limits
        self._after = after

    def note_page_view(self, visit: Visit, login: Login) -> Response | None:
        """Record the activity of a visitor; return the passive login if it is due.

        It asks for the lowest level, which needs no prompt, while the hub answers.
        DigiD does not support IsPassive, but shows no prompt while it has a session. If
        the store fails, the visitor still gets the page. A prefetch gets no page,
        because the browser would show it after a logout.
        """
        if not visit.is_looked_at:
            is_page = visit.is_in_advance and visit.is_navigation
            return not_in_advance() if is_page else None
        try:
            if self._idle_limits:
                path_limits.note_pause(visit, login, self._idle_limits)
            age = visit.sessions.touch(login) - login.confirmed
            self._note_activity(visit, login)
            return None if age < self._after else self._renew(visit, age)
        except StoreUnavailable:
            return None

    def _renew(self, visit: Visit, age: float) -> Response | None:
        own = visit.trust.own
        passive = own.profile.has_passive_login
        if not passive and not is_time_to_renew(age, self._after):
            return None
        if not visit.trust.has_single_sign_on:
            return None
        page = whole_target(visit, own.public_url)
        # A longer target would lose its query, which is a SAML message at an inner hub.
        if len(page) > LONGEST_TARGET or not self._can_renew(visit):
            return None
        requests = self._authn_requests
        route = requests.reachable_route(visit.trust, known_hub(visit))
        if route is None:
            return None
        return requests.ask(visit, route, page, LEVELS[0], passive=passive)

    def _can_renew(self, visit: Visit) -> bool:
        return (
            visit.method == "GET"
            and visit.fills_window
            and not was_tried_passively(visit)
            and not self._inner_logout.is_way_out(visit)
        )
