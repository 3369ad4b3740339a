"""The home page of the hub: where the visitor is signed in, and the logout button."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from webob import Response

from eilogin.hub.digid.reauthentication import DigidPresence
from eilogin.hub.logout.logout_completion import LogoutCompletion
from eilogin.hub.participants.signed_in_services import (
    is_answered,
    services_of,
    where_in,
)
from eilogin.hub.signin import rehearsal
from eilogin.sessions import Login, Participant
from eilogin.web import environ as env
from eilogin.web.pages.page_languages import language_of
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.requests import allow_only, read_form, require_own_form
from eilogin.web.site_urls import see_other

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: Choices of a tester for the next message.
_OF_NEXT = rehearsal.CHOICES + rehearsal.OF_LOGOUT


class HubHome:
    """Answers the home address, after a logout that the visitor left early."""

    def __init__(
        self, pages: Pages, completion: LogoutCompletion, *, rehearses: bool
    ) -> None:
        self._pages = pages
        self._completion = completion
        self._rehearses = rehearses

    def respond(self, environ: "WSGIEnvironment") -> Response:
        """Show where the visitor is signed in, with the button to log out."""
        allow_only(environ, "GET", "HEAD", "POST")
        trust = env.trust(environ)
        if environ["REQUEST_METHOD"] == "POST":
            return self._choose(environ)
        if environ.get("QUERY_STRING"):
            # A cancelled sign-in leads here too.
            return see_other(trust.own.url("home"))
        login = env.session_beyond_idle(environ)
        unseen = self._completion.unseen(environ, login)
        if unseen is not None:
            return unseen
        if login is None:
            out = self._completion.is_out_everywhere(environ)
            return self._pages.page(
                environ,
                "signed_out.html",
                login_url=trust.own.url("login"),
                receipt_url=None if out is None else trust.own.url("logout"),
                is_everywhere=out,
            )
        sessions, language = env.sessions(environ), language_of(environ)
        known, unsure = _told_of(environ, login)
        return self._pages.page(
            environ,
            "home.html",
            login=login,
            services=services_of(trust, known, language),
            unsure=services_of(trust, unsure, language),
            idle=sessions.idle / 3600 if sessions.is_idle(login) else 0.0,
            idle_hours=sessions.idle / 3600,
            login_url=trust.own.url("login"),
            logout_action=trust.own.url("logout"),
            home_action=trust.own.url("home"),
            choices=_OF_NEXT if self._rehearses else (),
            chosen=rehearsal.kept(env.values(environ), login, _OF_NEXT),
        )

    def _choose(self, environ: "WSGIEnvironment") -> Response:
        own = env.trust(environ).own
        require_own_form(environ, own.public_url)
        login = env.session_beyond_idle(environ)
        if login is not None and self._rehearses:
            choice = rehearsal.chosen(read_form(environ), _OF_NEXT)
            rehearsal.keep(env.values(environ), login, choice)
        return see_other(own.url("home"))


def _told_of(
    environ: "WSGIEnvironment", login: Login
) -> tuple[Sequence[Participant], Sequence[Participant]]:
    """Return where the visitor needs no question now, and where they may be."""
    if env.trust(environ).own.profile.hub_rules == "digid":
        presence = DigidPresence(environ, login)
        # A participant that got a Response without login ended its session.
        told = presence.services(env.sessions(environ).participants(login))
        known = [one for one in told if not presence.must_prove(one.entity_id)]
    else:
        told = where_in(environ, login)
        known = [one for one in told if is_answered(environ, login, one.entity_id)]
    return known, [one for one in told if one not in known]
