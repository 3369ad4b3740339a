"""Start a lost login again, once, without a page in between.

The visitor took too long, or the Response came to another browser; the hub may still
know them. The handle of the second login says so, also in a browser without cookies.
"""

from webob import Response

from eilogin.errors import LoginLost
from eilogin.participant.login import hub_choice, pending_logins
from eilogin.participant.login.authn_requests import AGAIN, login_address
from eilogin.participant.login.pending_logins import PendingLogin
from eilogin.participant.login.return_targets import redirect_to_target
from eilogin.saml.assurance_levels import LEVELS
from eilogin.sessions import Login
from eilogin.web.browser.random_handles import is_second, is_silent
from eilogin.web.pages.refusal_records import note_refusal
from eilogin.web.site_urls import root, see_other
from eilogin.web.visit import Visit


def begin(visit: Visit, error: LoginLost, login: Login | None) -> Response | None:
    """Redirect to a new login in place of a lost one, if possible."""
    # A visitor who has a login by now goes to the page of the lost one.
    handle = error.handle
    restarts = visit.trust.own.profile.restarts_late_logins
    if not (handle and restarts) or is_silent(handle):
        return None
    pending = pending_logins.lost(visit, handle)
    if login is not None:
        if pending is None:
            return None
        return redirect_to_target(visit, pending.target, [pending_logins.drop(handle)])
    # A claimed login had its Response: after a logout, a reload must not start a login.
    if _was_second(handle, pending) or pending_logins.is_claimed(visit, handle):
        return None
    note_refusal(error, "login", visit)
    return _restart(visit, handle, pending)


def _was_second(handle: str, pending: PendingLogin | None) -> bool:
    has_expired = pending is not None and pending_logins.is_over(handle)
    return is_second(handle) and not has_expired


def begin_in_time(visit: Visit, pending: PendingLogin) -> Response | None:
    """Redirect to a new login after a late one; None for a second, or with DigiD."""
    restarts = visit.trust.own.profile.restarts_late_logins
    if is_second(pending.handle) or not restarts:
        return None
    return _restart(visit, pending.handle, pending)


def _restart(visit: Visit, handle: str, pending: PendingLogin | None) -> Response:
    trust = visit.trust
    if pending is None:
        address = login_address(visit, root(trust.own.public_url), LEVELS[0])
        return see_other(f"{address}&{AGAIN}=yes")
    address = login_address(
        visit,
        pending.target,
        pending.level,
        force=pending.is_forced,
        hub=pending.hub if hub_choice.is_needed(trust) else "",
        back=pending.began,
    )
    return see_other(f"{address}&{AGAIN}=yes", [pending_logins.drop(handle)])
