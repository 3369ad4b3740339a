"""The page before the Response: where the visitor is signed in already."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from webob import Response

from eilogin import clock
from eilogin.hub.participants.signed_in_services import services_of, where_in
from eilogin.hub.pending_authn_requests import PendingAuthnRequest, address_of
from eilogin.sessions import Login, Participant
from eilogin.web.pages.page_languages import language_of
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.visit import Visit


class ExistingSession(NamedTuple):
    """The participants where the visitor is signed in, and the end of that."""

    participants: Sequence[Participant]
    until: float


class ExistingSessions(Protocol):
    """The facts of a session for the page."""

    def is_new(self, visit: Visit, pending: PendingAuthnRequest, login: Login) -> bool:
        """Whether the visitor is not signed in there yet."""

    def find(self, visit: Visit, login: Login) -> ExistingSession:
        """Return the participants of a session, and its end."""

    def username(self, login: Login) -> str:
        """Return the username to show, or ""."""

    def choices(
        self, visit: Visit, pending: PendingAuthnRequest, login: Login
    ) -> Mapping[str, Any]:
        """Return more variables of the page."""


class SamlExistingSessions:
    """The sessions of the plain hub."""

    def __init__(self, username_of: Callable[[str], str]) -> None:
        self._username_of = username_of

    def is_new(self, visit: Visit, pending: PendingAuthnRequest, login: Login) -> bool:
        """Whether the session has no login there."""
        participants = where_in(visit, login)
        return pending.issuer not in {
            participant.entity_id for participant in participants
        }

    def find(self, visit: Visit, login: Login) -> ExistingSession:
        """Return where the visitor is signed in, and the session's end."""
        sessions = visit.sessions
        until = min(login.ends, login.seen + sessions.idle)
        return ExistingSession(where_in(visit, login), until)

    def username(self, login: Login) -> str:
        """Return the citizen's username; "" if they sign in elsewhere."""
        return self._username_of(login.subject)

    def choices(
        self, visit: Visit, pending: PendingAuthnRequest, login: Login
    ) -> Mapping[str, Any]:
        """Return no more variables."""
        return {}


class ExistingSessionPage:
    """Shows the visitor's session before the login goes on."""

    def __init__(self, pages: Pages, existing: ExistingSessions) -> None:
        self._pages = pages
        self._existing = existing

    def is_new(self, visit: Visit, pending: PendingAuthnRequest, login: Login) -> bool:
        """Whether the visitor is not signed in there yet."""
        return self._existing.is_new(visit, pending, login)

    def show(
        self, visit: Visit, pending: PendingAuthnRequest, login: Login
    ) -> Response:
        """Show the services of the session, and ask whether to go on."""
        trust, language = visit.trust, language_of(visit)
        existing = self._existing.find(visit, login)
        action = address_of(visit, pending)
        seconds_left = max(1, math.ceil(existing.until - clock.now()))
        return self._pages.page(
            visit,
            "known_already.html",
            # After that, the page must not show its services.
            headers=[("Refresh", f"{seconds_left}; url={action}")],
            script="count_down.js",
            # Its redirects lead on to the participant.
            form_action=[pending.acs_url],
            action=action,
            cancel_url=f"{action}&cancel=1",
            known_as=self._existing.username(login),
            name=trust.federation.name_of(pending.issuer, language),
            service_logo=trust.federation.logo_of(pending.issuer, language),
            services=services_of(trust, existing.participants, language),
            since=login.since,
            until=existing.until,
            seconds_left=seconds_left,
            **self._existing.choices(visit, pending, login),
        )
