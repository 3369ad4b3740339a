"""End the session of a visitor here without a logout.

DigiD demands that if a Response signs nobody in, even for a higher level (DigiD 8).
"""

from eilogin import audit
from eilogin.participant.inner_hub import InnerHub
from eilogin.participant.inner_logout import InnerLogout
from eilogin.web.visit import Visit


class SessionEnd:
    """Ends sessions here, also at a hub inside, and has ``logout`` call its hooks."""

    def __init__(self, inner_hub: InnerHub, inner_logout: InnerLogout) -> None:
        self._inner_hub = inner_hub
        self._inner_logout = inner_logout

    def end_here(self, visit: Visit, reason: str) -> list[tuple[str, str]]:
        """End the session of this visitor; return the header that expires its cookie.

        ``reason`` is for the audit log. Raise StoreUnavailable.
        """
        # Sessions of an inner hub's participants end too: a later logout would not find
        # them. The browser gets no mark of a logout, because a requested Response may
        # be on its way.
        login = visit.session_to_end()
        visit.set_session(None)
        if login is None:
            return []
        noted = self._inner_hub.note(visit, login.named)
        # Another request may have ended it first.
        if visit.sessions.drop(login) is not None:
            self._inner_logout.call_hooks(visit, login)
            audit.event(
                "session.ended",
                pseudonym=visit.trust.own.pseudonym(login.who.name_id),
                peer=login.who.issuer,
                reason=reason,
            )
        # No result here: a later logout reports the participants that this one missed.
        self._inner_hub.tell(visit, noted, [login])
        return [visit.cookie.expire()]
