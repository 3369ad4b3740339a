"""The home page of the hub: where the visitor is signed in, and the logout button."""

from collections.abc import Callable, Sequence

from webob import Response

from eilogin.hub.logout.logout_completion import LogoutCompletion
from eilogin.hub.participants.signed_in_services import (
    is_answered,
    services_of,
    where_in,
)
from eilogin.hub.signin import rehearsal
from eilogin.sessions import Login, Participant
from eilogin.web.pages.page_languages import language_of
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.requests import read_form, require_own_form
from eilogin.web.site_urls import see_other
from eilogin.web.visit import Visit

#: Returns the participants where a visitor is signed in: those for which the hub asks
#: nothing now, and the others.
Presence = Callable[[Visit, Login], tuple[Sequence[Participant], Sequence[Participant]]]

#: Choices of a tester for the next message.
_OF_NEXT = rehearsal.CHOICES + rehearsal.OF_LOGOUT


class HubHome:
    """Answers the home address, after a logout that the visitor left early."""

    def __init__(
        self,
        pages: Pages,
        completion: LogoutCompletion,
        presence: Presence,
        *,
        rehearses: bool,
    ) -> None:
        self._pages = pages
        self._completion = completion
        self._presence = presence
        self._rehearses = rehearses

    def respond(self, visit: Visit) -> Response:
        """Show where the visitor is signed in, with the button to log out."""
        visit.allow_only("GET", "HEAD", "POST")
        trust = visit.trust
        if visit.method == "POST":
            return self._choose(visit)
        if visit.query_string:
            # A cancelled sign-in leads here too.
            return see_other(trust.own.url("home"))
        login = visit.session_beyond_idle()
        unseen = self._completion.unseen(visit, login)
        if unseen is not None:
            return unseen
        if login is None:
            out = self._completion.is_out_everywhere(visit)
            return self._pages.page(
                visit,
                "signed_out.html",
                login_url=trust.own.url("login"),
                receipt_url=None if out is None else trust.own.url("logout"),
                is_everywhere=out,
            )
        sessions, language = visit.sessions, language_of(visit)
        certain, unsure = self._presence(visit, login)
        return self._pages.page(
            visit,
            "home.html",
            login=login,
            services=services_of(trust, certain, language),
            unsure=services_of(trust, unsure, language),
            idle=sessions.idle / 3600 if sessions.is_idle(login) else 0.0,
            idle_hours=sessions.idle / 3600,
            login_url=trust.own.url("login"),
            logout_action=trust.own.url("logout"),
            home_action=trust.own.url("home"),
            choices=_OF_NEXT if self._rehearses else (),
            chosen=rehearsal.stored(visit.values, login, _OF_NEXT),
        )

    def _choose(self, visit: Visit) -> Response:
        own = visit.trust.own
        require_own_form(visit, own.public_url)
        login = visit.session_beyond_idle()
        if login is not None and self._rehearses:
            choice = rehearsal.chosen(read_form(visit), _OF_NEXT)
            rehearsal.store(visit.values, login, choice)
        return see_other(own.url("home"))


def presence_by_session(
    visit: Visit, login: Login
) -> tuple[Sequence[Participant], Sequence[Participant]]:
    """Return where the hub's session needs no question now, and the others."""
    signed_in = where_in(visit, login)
    certain = [p for p in signed_in if is_answered(visit, login, p.entity_id)]
    return certain, [p for p in signed_in if p not in certain]
