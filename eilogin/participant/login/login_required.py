"""Answer a request for a page whose login is missing.

eilogin redirects a navigation to the hub. A frame or a form gets a page with a link,
and a script or a prefetch gets 401 with JSON.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from webob import Response

from eilogin.errors import ConfigurationError
from eilogin.participant import logout_hint
from eilogin.participant.digid_profile import session_faults
from eilogin.participant.login.authn_requests import (
    AuthnRequestSender,
    first_page_login_address,
    login_address,
    was_tried_passively,
)
from eilogin.participant.login.cancelled_login import page_before
from eilogin.participant.login.hub_choice import known_hub, send_to_hub_choice
from eilogin.participant.login.hub_reachability import HubPeer
from eilogin.saml.assurance_levels import reaches
from eilogin.web.limits import login_loops
from eilogin.web.pages.page_frame import name_of
from eilogin.web.pages.page_languages import language_of
from eilogin.web.pages.page_rendering import Pages, json_answer
from eilogin.web.site_urls import see_other, this_page
from eilogin.web.visit import Visit


def can_be_passive(visit: Visit) -> bool:
    """Return whether eilogin may try a passive login now."""
    return (
        not was_tried_passively(visit)
        and not visit.is_in_frame
        and visit.trust.own.profile.has_passive_login
        and known_hub(visit) != ""
        and not logout_hint.has_left(visit)
    )


def login_reason(visit: Visit, level: str) -> Mapping[str, Any]:
    """Return the variables of ``login_needed.html`` about the session."""
    # "wanted" is the level that the session lacks, "" for a fresh proof.
    login = visit.session
    is_lower = login is not None and not reaches(login.level, level)
    return {"is_known": login is not None, "wanted": level if is_lower else ""}


class LoginRequired:
    """Answers at one participant; ``explains`` shows the reason before the redirect."""

    def __init__(
        self,
        pages: Pages,
        authn_requests: AuthnRequestSender,
        faults: Sequence[tuple[str, str]],
        *,
        explains: bool,
    ) -> None:
        self._pages = pages
        self._authn_requests = authn_requests
        self._faults = faults
        self._explains = explains

    def answer(
        self, visit: Visit, level: str, *, force: bool, passive: bool
    ) -> Response:
        """Redirect to the hub, or answer a request that cannot follow a redirect."""
        if not visit.wants_page:
            return self.tell(visit, level, first_page_login_address(visit, level))
        page = this_page(visit, visit.trust.own.public_url)
        if visit.method == "HEAD":
            # HEAD starts no login, so it gets no cookie.
            return see_other(login_address(visit, page, level), status=302)
        if not passive:
            login_loops.require_end(visit, page)
        previous_page = "" if passive else page_before(visit, visit.trust.own)
        if self._explains and not passive and visit.session is not None:
            back = "" if previous_page == page else previous_page
            address = login_address(visit, page, level, force=force, back=back)
            return self._page(
                visit, level, address, was_sent=False, is_whole=True, back_url=back
            )
        entity_id = known_hub(visit)
        if not entity_id:
            return send_to_hub_choice(
                visit, page, level, force=force, back=previous_page
            )
        return self.send(
            visit,
            visit.trust.hub_peer(entity_id),
            page,
            level,
            force=force,
            passive=passive,
            began=previous_page,
            is_required=True,
        )

    def send(  # noqa: PLR0913 - the parts of the request, each by its name
        self,
        visit: Visit,
        hub: HubPeer,
        target: str,
        level: str,
        *,
        force: bool,
        passive: bool = False,
        began: str = "",
        is_required: bool = False,
        is_second: bool = False,
    ) -> Response:
        """Send the visitor to a hub (:meth:`AuthnRequestSender.ask`)."""
        own = visit.trust.own
        if own.profile.restricts_filters:
            self._require_profile(visit)
        return self._authn_requests.ask(
            visit,
            self._authn_requests.route(visit.trust, hub),
            target,
            level,
            force=force,
            passive=passive,
            began=began,
            is_required=is_required,
            is_second=is_second,
        )

    def _require_profile(self, visit: Visit) -> None:
        # Only "eilogin check" and "serve" check these options before the start.
        idle = visit.sessions.idle
        for name, expected in (*self._faults, *session_faults(idle)):
            raise ConfigurationError(f"{name}: {expected} (profile = digid)")

    def explain(self, visit: Visit, level: str, address: str) -> Response:
        """Show why a new login is needed, with a link to ``address``."""
        return self._page(visit, level, address, was_sent=False, is_whole=True)

    def tell(self, visit: Visit, level: str, address: str) -> Response:
        """Answer a form, frame or script with the ``address`` where a login begins."""
        # A redirect would lose the form, or violate the Content-Security-Policy of the
        # script's page. Hubs refuse to show their pages in a frame.
        is_form = visit.method == "POST" and visit.is_navigation
        if not is_form and not visit.is_in_frame:
            return _unauthorized(visit, level, address)
        return self._page(visit, level, address, was_sent=is_form, is_whole=is_form)

    def _page(  # noqa: PLR0913 - variables of the template
        self,
        visit: Visit,
        level: str,
        address: str,
        *,
        was_sent: bool,
        is_whole: bool,
        back_url: str = "",
    ) -> Response:
        return self._pages.page(
            visit,
            "login_needed.html",
            status=403,
            login_url=address,
            name=name_of(visit.trust.own, language_of(visit)),
            was_sent=was_sent,
            is_whole=is_whole,
            back_url=back_url,
            **login_reason(visit, level),
        )


def _unauthorized(visit: Visit, level: str, address: str) -> Response:
    content = {"reason": _reason(visit, level), "level": level, "login_url": address}
    # RFC 9110 11.6.1 demands a scheme; browsers show no prompt for an unknown one.
    challenge = [("WWW-Authenticate", "eilogin")]
    return json_answer(visit, content, status=401, headers=challenge)


def _reason(visit: Visit, level: str) -> str:
    # These codes never change, because scripts read them.
    login = visit.session
    if visit.needs_fresh_proof:
        return "proof-needed"
    if login is not None:
        return "login-needed" if reaches(login.level, level) else "level-too-low"
    # The session was idle, has expired, or was ended elsewhere.
    had_session = visit.token is not None
    return "session-expired" if had_session else "login-needed"
