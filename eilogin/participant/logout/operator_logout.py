"""Logouts by a command of the operator, without a visitor."""

from collections.abc import Iterator, Sequence
from urllib.parse import unquote

from eilogin.federation import Trust
from eilogin.participant import digid_profile
from eilogin.participant.logout import logout_hooks
from eilogin.participant.logout.logout_start import (
    ParticipantLogout,
    ParticipantLogoutService,
)
from eilogin.participant.subject_names import NAME_ID, for_application
from eilogin.saml.messages import EMAIL, PERSISTENT, TRANSIENT, UNSPECIFIED, NameID
from eilogin.saml.sector_names import NUMBERS
from eilogin.sessions import Login, Sessions, Subject
from eilogin.web import environ as env
from eilogin.web.browser.browser_cookies import Cookie
from eilogin.web.visit import Visit

#: Least number of "!" in a name with a domain.
_MARKS_WITH_DOMAIN = 3
_FORMATS = (PERSISTENT, TRANSIENT, EMAIL, UNSPECIFIED)


class OperatorLogout:
    """Ends sessions at one participant."""

    def __init__(
        self,
        sessions: Sessions,
        cookie: Cookie,
        trust: Trust,
        logout: ParticipantLogout,
    ) -> None:
        self.sessions = sessions
        self.own = trust.own
        self._visit = Visit(
            {
                env.SESSIONS: sessions,
                env.SESSION: None,
                env.COOKIE: cookie,
                env.TRUST: trust,
                "SCRIPT_NAME": "",
            }
        )
        self._logout = logout

    @property
    def mounted_at(self) -> str:
        """The path at which a composite, or a filter of others, mounts this site."""
        return self._visit.script_name

    @mounted_at.setter
    def mounted_at(self, path: str) -> None:
        self._visit.environ["SCRIPT_NAME"] = path

    def called(self, name: str, sources: Sequence[str]) -> list[Login]:
        """Return the sessions of a visitor with this name.

        It is REMOTE_USER, or the NameID, attribute or DigiD number behind it.
        ``sources`` is the option ``subject``.
        """
        logins = {
            login.key: login
            for who in self._candidates(name, sources)
            for login in self.sessions.find_all_of(who)
        }
        return list(logins.values())

    def end(self, logins: Sequence[Login]) -> bool:
        """End these sessions at the hub too; return whether all ended everywhere."""
        return self._logout.end_all(self._visit, logins, logout_hooks.OPERATOR)

    def for_inner_hub(self) -> ParticipantLogoutService | None:
        """Return the service for an inner hub, or None if there is no such hub."""
        if self.own.hub_inside is None:
            return None
        return ParticipantLogoutService(self._logout, self._visit)

    def deliver(self) -> int:
        """Deliver due logouts; return the number confirmed. Raise StoreUnavailable."""
        return self._logout.delivery.deliver_queued(self._visit)

    def wake(self) -> None:
        """Start the thread that delivers the queue, unless the queue is empty."""
        self._logout.delivery.queue_thread.wake_if_queued(self._visit)

    def _candidates(self, name: str, sources: Sequence[str]) -> Iterator[Subject]:
        trust = self._visit.trust
        attributes = [source for source in sources if source != NAME_ID]
        for hub in trust.hub_ids:
            for kind in (*_FORMATS, *attributes):
                yield Subject(hub, self.own.entity_id, name, kind)
                for value, domain in _parsed_name(name):
                    who = Subject(hub, self.own.entity_id, value, kind, domain)
                    if for_application(trust, who, sources) == name:
                        yield who
            if self.own.profile.has_sector_numbers:
                yield from self._with_number(name, hub)

    def _with_number(self, number: str, hub: str) -> Iterator[Subject]:
        for sector in NUMBERS:
            who = digid_profile.named(self.own, NameID(f"{sector}:{number}"), hub)
            if who is not None:
                yield who


def _parsed_name(name: str) -> list[tuple[str, str]]:
    # VALUE!FORMAT!HUB[!DOMAIN]
    parts = name.rsplit("!", _MARKS_WITH_DOMAIN)
    pairs = [(name.rsplit("!", 2)[0], "")]
    if len(parts) > _MARKS_WITH_DOMAIN:
        pairs.append((parts[0], unquote(parts[-1])))
    return pairs
