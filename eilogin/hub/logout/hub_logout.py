"""Log out from the hub itself: by its button, or when another person signs in."""

from webob import Response

from eilogin.errors import Busy
from eilogin.hub.logout.browser.browser_logout import redirect_to_receipt
from eilogin.hub.logout.logout_completion import LogoutCompletion, key_brought
from eilogin.hub.logout.logout_confirmation import store_text, stored_text, tag
from eilogin.hub.logout.logout_outcomes import UNKNOWN
from eilogin.hub.logout.result_pages import ResultPages
from eilogin.hub.logout.session_endings import SessionEndings
from eilogin.sessions import Login
from eilogin.web.requests import read_form, require_own_form
from eilogin.web.site_urls import see_other
from eilogin.web.visit import Visit

#: The parameter of ``/slo`` for a logout here that waits for a slot.
LEAVE = "leave"
_FORGET = "forget"


class HubLogout:
    """Logs out everywhere, without a LogoutRequest."""

    def __init__(
        self,
        endings: SessionEndings,
        completion: LogoutCompletion,
        result: ResultPages,
        *,
        is_below: bool,
    ) -> None:
        self._endings = endings
        self._completion = completion
        self._result = result
        self._is_below = is_below

    def everywhere(self, visit: Visit) -> Response:
        """End all sessions for the visitor's click, and show the result."""
        visit.allow_only("GET", "HEAD", "POST")
        if visit.method != "POST":
            return self._completion.show_last(visit)
        require_own_form(visit, visit.trust.own.public_url)
        if _FORGET in read_form(visit):
            return self._completion.forget(visit)
        login = visit.session_to_end()
        if login is None:
            # A second click: the receipt of the first lists the participants.
            receipt = self._completion.last_receipt(visit)
            if receipt is None:
                return self._result.logged_out(visit, UNKNOWN)
            return see_other(visit.trust.own.url("logout"))
        try:
            return self._end_here(visit, login)
        except Busy:
            # The page of Busy reloads itself, which a form cannot.
            handle = tag(visit, LEAVE, login.name)
            return see_other(store_text(visit, LEAVE, handle, login.name))

    def carry_out(self, visit: Visit) -> Response | None:
        """Carry out this browser's pending logout; None if the session has ended."""
        login = visit.session_to_end()
        return None if login is None else self._end_here(visit, login)

    def leave_in_turn(self, visit: Visit, handle: str) -> Response:
        """Execute a logout that waited for a slot, in its browser only."""
        name, login = stored_text(visit, LEAVE, handle), visit.session_to_end()
        if login is None or login.name != name:
            return redirect_to_receipt(visit)
        return self._end_here(visit, login)

    def _end_here(self, visit: Visit, login: Login) -> Response:
        with self._endings.slots.slot(visit):
            ending = self._endings.end_everywhere(visit, login, "here")
        outcome = ending.outcome()._replace(
            # It was a session at the click, even if another logout was faster.
            is_known=True,
            above=[login.session_index or ""],
            ended=[key_brought(visit)],
            whose=login.who.label(),
        )
        if self._is_below:
            return self._completion.go_up(visit, outcome, None)
        if ending.is_overtaken:
            return self._result.logged_out(visit, UNKNOWN)
        return self._completion.finish(visit, outcome, None)

    def make_way(self, visit: Visit, login: Login, target: str) -> Response | None:
        """End everything of the previous person in this browser, or raise Busy.

        Return the page that notifies missed participants, if any: they could mistake
        one person for the other. It leads on to ``target``.
        """
        with self._endings.slots.slot(visit):
            return self.make_way_in_room(visit, login, target)

    def make_way_in_room(
        self, visit: Visit, login: Login, target: str
    ) -> Response | None:
        """Do the same as :meth:`make_way` with a slot of the caller."""
        ending = self._endings.end_everywhere(visit, login, "another-citizen")
        if not ending.missed:
            # A faster logout shows the missed participants.
            return None
        return self._completion.go_through_browser(
            visit, ending.outcome(), None, target
        )
