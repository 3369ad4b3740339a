"""Pass logouts to a hub inside the filters, which sign in its citizens.

It reports its own logouts by ``environ['eilogin.logout']``.
"""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from eilogin import clock
from eilogin.errors import ConfigurationError
from eilogin.federation import Own
from eilogin.participant import inner_hub_logouts
from eilogin.participant.inner_hub_logouts import NotedLogout
from eilogin.sessions import Login, Subject
from eilogin.web.logout_above import EndedAbove, InnerHubLogout, Through
from eilogin.web.pipeline.pipeline_objects import pipelines_with
from eilogin.web.set_cookie_headers import path_of
from eilogin.web.visit import Visit

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_log = logging.getLogger("eilogin")

#: Seconds for which an outcome is kept.
_REMEMBERED = 60 * 60.0


def is_at_inner_hub(visit: Visit) -> bool:
    """Return whether a hub inside the filters answers at this path."""
    own = visit.trust.own
    return own.hub_inside is not None and path_of(visit).startswith(
        f"{own.mount}{own.hub_inside}/"
    )


class InnerHub:
    """The hub inside the filters, if there is one."""

    def __init__(self, app: "WSGIApplication") -> None:
        self._app = app

    def note(self, visit: Visit, who: Subject | None) -> NotedLogout | None:
        """Note a logout before anything ends; None without hub inside or visitor."""
        if who is None or visit.trust.own.hub_inside is None:
            return None
        return inner_hub_logouts.note(visit, who)

    def tell(
        self,
        visit: Visit,
        noted: NotedLogout | None,
        logins: Sequence[Login],
        through: Through | None = None,
    ) -> bool:
        """Have the hub end the sessions of ``logins``, which a noted logout has ended.

        Return whether all know of it and of those noted before. The hub may send
        messages ``through`` the visitor's browser.
        """
        if noted is None:
            return True
        before = inner_hub_logouts.still_unconfirmed(visit, noted)
        is_known = self._is_known(visit, logins, before, through)
        if logins and not is_known:
            inner_hub_logouts.store(visit, noted, logins)
        else:
            inner_hub_logouts.forget(visit, noted, before if is_known else {})
        return is_known

    def _is_known(
        self,
        visit: Visit,
        logins: Sequence[Login],
        before: inner_hub_logouts.Logouts,
        through: Through | None,
    ) -> bool:
        if not logins and not all(before.values()):
            # An earlier one is still at work, or its process has died.
            return False
        earlier = [logout for ended in before.values() for logout in ended]
        ended = EndedAbove(logins, earlier, through)
        return not (logins or earlier) or self._end_in_hub(visit.trust.own, ended)

    def _end_in_hub(self, own: Own, ended: EndedAbove) -> bool:
        try:
            return self._hub_of(own).end(ended)
        except Exception as error:  # noqa: BLE001 - the logout here is done
            _log.error(
                "logout: the hub inside did not answer (%s), so the sessions at its "
                "participants go on",
                error,
            )
            return False

    def _hub_of(self, own: Own) -> InnerHubLogout:
        home = f"{own.mount}{own.hub_inside}/"
        # Search each time: the application may build its parts at the first request.
        for objects in pipelines_with(self._app, InnerHubLogout):
            hub = objects.get(InnerHubLogout)
            if hub is not None and urlsplit(hub.home).path == home:
                return hub
        raise ConfigurationError(
            "found no hub with this prefix; expected its 'prefix' as our 'hub_inside', "
            f"which is {own.hub_inside or '/'!r}"
        )


def remember_logout_outcome(visit: Visit, target: str, outcome: str) -> None:
    """Keep the outcome of a logout for the page of the inner hub."""
    until = clock.now() + _REMEMBERED
    visit.values.add(_key(target), outcome, until, durable=False)


def outcome(visit: Visit, target: str) -> bool | None:
    """Return whether the visitor is logged out everywhere; None if not known."""
    stored = visit.values.get(_key(target))
    return None if stored is None else stored == "everywhere"


def _key(target: str) -> str:
    return f"logout-outcome:{target}"
