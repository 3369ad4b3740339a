"""The logout of citizens whom a participant's login, and so a hub above, signs in."""

from functools import partial

from eilogin.federation import Trust
from eilogin.hub.logout.single_logout import SingleLogout
from eilogin.hub.participants.name_ids import NameIDs
from eilogin.hub.signin.upstream_signin import subject_here
from eilogin.sessions import Sessions
from eilogin.stores import logout_reserve
from eilogin.web.logout_above import EndedAbove
from eilogin.web.visit import Visit


class LogoutFromAbove:
    """Ends the sessions of one hub for a logout above it."""

    def __init__(
        self, trust: Trust, sessions: Sessions, logout: SingleLogout, names: NameIDs
    ) -> None:
        self._visit = Visit.without_request(trust, sessions)
        self._logout = logout
        self._names = names

    def end(self, ended: EndedAbove) -> bool:
        """End the sessions, and notify; return whether all participants know."""
        visit, names, endings = self._visit, self._names, self._logout.endings
        with logout_reserve.for_logout():
            have_confirmed = not ended.logins or endings.end_subjects(
                visit,
                {subject_here(visit, login.who, names) for login in ended.logins},
                [login.name for login in ended.logins],
                partial(self._logout.lead, visit, ended.through),
            )
            return have_confirmed and endings.is_known(
                visit,
                {subject_here(visit, before.who, names) for before in ended.before},
                {before.name for before in ended.before},
            )
