"""Passive login on public pages (option ``silent``).

From an ``optional`` page, eilogin redirects an anonymous visitor to
``/eilogin/login?silent=yes``, to the hub with IsPassive, and back: signed in if the hub
knows them. This happens at most once an hour, never for bots, scripts, frames and
prefetches, and not without a hub that answers and is already chosen. It cannot loop:

1. The page sets a cookie (*probe*).
2. The login address continues only with that cookie, and sets another one (*done*).
3. A page with either cookie, or with a mark in its query (``eilogin=asked``), starts no
   passive login. The application never gets the mark.
4. The last redirect omits the mark only if the browser sent *done* back. Then the login
   address would get that cookie too, and stop.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from webob import Response

from eilogin.config import LONGEST_TARGET
from eilogin.errors import Unavailable, UnknownPeer
from eilogin.participant import logout_hint
from eilogin.participant.inner_logout import InnerLogout
from eilogin.participant.login.authn_requests import AuthnRequestSender
from eilogin.participant.login.hub_choice import known_hub
from eilogin.saml.assurance_levels import LEVELS
from eilogin.web.browser.browser_cookies import Cookie
from eilogin.web.site_urls import at, see_other, whole_target
from eilogin.web.visit import Visit

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse

PARAMETER = "silent"
#: Query of a page that starts no passive login.
MARK = "eilogin=asked"
#: Seconds between two passive logins.
QUIET = 3600.0

_PROBE = Cookie("eilogin-probe")
_DONE = Cookie("eilogin-silent")
#: Seconds in which the browser must reach the login address.
_PROBED = 60


class PassiveLogin:
    """Starts passive logins at one participant, if ``is_on``."""

    def __init__(
        self,
        authn_requests: AuthnRequestSender,
        inner_logout: InnerLogout,
        *,
        is_on: bool,
    ) -> None:
        self.is_on = is_on
        self._authn_requests = authn_requests
        self._inner_logout = inner_logout

    def begin(self, visit: Visit) -> Response | None:
        """Return the redirect to the login address, or None; remove the mark."""
        if not self.is_on or _was_marked(visit) or not _is_browser(visit):
            return None
        is_known = visit.session_or_none is not None
        if (
            is_known
            or _PROBE.read(visit.cookie_header)
            or _DONE.read(visit.cookie_header)
        ):
            return None
        if self._inner_logout.is_way_out(visit) or logout_hint.has_left(visit):
            return None
        own, hub = visit.trust.own, known_hub(visit)
        page = whole_target(visit, own.public_url)
        if not hub or len(_marked(page)) > LONGEST_TARGET:
            return None
        if self._authn_requests.reachable_route(visit.trust, hub) is None:
            return None
        query = urlencode({"next": page, PARAMETER: "yes"})
        probe = _PROBE.set("1", max_age=_PROBED)
        return see_other(f"{own.url('login')}?{query}", [probe], status=302)

    def go_on(self, visit: Visit, target: str) -> Response:
        """Redirect from the login address to the hub, or back to the marked page."""
        hub = known_hub(visit)
        if self._may_ask(visit) and hub:
            try:
                return self._authn_requests.ask(
                    visit,
                    self._authn_requests.route(visit.trust, visit.trust.hub_peer(hub)),
                    _marked(target),
                    LEVELS[0],
                    passive=True,
                    headers=[self.pause_cookie()],
                )
            except (Unavailable, UnknownPeer):
                # A public page does not depend on the hub.
                pass
        return see_other(at(visit.trust.own.public_url, _marked(target)))

    def _may_ask(self, visit: Visit) -> bool:
        return (
            self.is_on
            and visit.session_or_none is None
            and _is_browser(visit)
            and _PROBE.read(visit.cookie_header) is not None
            and _DONE.read(visit.cookie_header) is None
            and not logout_hint.has_left(visit)
        )

    def pause_cookie(self) -> tuple[str, str]:
        """Return the header that prevents passive logins for a while."""
        return _DONE.set("1", max_age=int(QUIET))

    def pausing(self, start_response: "StartResponse") -> "StartResponse":
        """Prevent passive logins after a logout: they would undo it."""
        if not self.is_on:
            return start_response
        return _adding(self.pause_cookie(), start_response)


def without_mark(visit: Visit, target: str) -> str:
    """Return the target of a login, without the mark if the *done* cookie came."""
    if _DONE.read(visit.cookie_header) is None:
        return target
    path, _, query = target.partition("?")
    unmarked = _unmarked(query)
    return f"{path}?{unmarked}" if unmarked else path


def _is_browser(visit: Visit) -> bool:
    # A person opens a page in a window (Fetch Metadata 2.2).
    return (
        visit.method == "GET"
        and visit.environ.get("HTTP_SEC_FETCH_MODE") == "navigate"
        and visit.is_looked_at
        and visit.fills_window
    )


def _was_marked(visit: Visit) -> bool:
    query = visit.query_string
    if MARK not in query:
        return False
    visit.environ["QUERY_STRING"] = _unmarked(query)
    return visit.query_string != query


def _marked(target: str) -> str:
    path, _, query = target.partition("?")
    unmarked = _unmarked(query)
    return f"{path}?{unmarked}&{MARK}" if unmarked else f"{path}?{MARK}"


def _unmarked(query: str) -> str:
    return "&".join(part for part in query.split("&") if part != MARK)


def _adding(
    header: tuple[str, str], start_response: "StartResponse"
) -> "StartResponse":
    def start(
        status: str, headers: list[tuple[str, str]], *error: Any
    ) -> Callable[[bytes], object]:
        return start_response(status, [*headers, header], *error)

    return start
