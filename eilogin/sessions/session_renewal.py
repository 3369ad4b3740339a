"""A login that is confirmed or stepped up, whatever another tab does meanwhile."""

from collections.abc import Callable

from eilogin.errors import LoginEnded
from eilogin.saml.assurance_levels import reaches
from eilogin.sessions.session_records import Login
from eilogin.sessions.session_service import Sessions


def create_in_place(  # noqa: PLR0913 - what create_login takes
    sessions: Sessions,
    login: Login,
    *,
    alone: Login,
    issued: float,
    current: Login | None,
    end_unseen: Callable[[Login], object] | None = None,
) -> tuple[str, Login] | None:
    """Store a login in the place of ``current``: its cookie value, and the login.

    ``current`` is the login of this browser as it was read, if it has one. ``login``
    says what was proven now and in ``current``, ``alone`` what was proven now.

    Where another tab was faster, ``login`` takes the place of what that made, with no
    more than it says: who has an old cookie must not gain by a step-up beside it. None
    where that has a higher level, which must not be lost: its cookie is in the browser,
    or on its way. Where ``current`` has ended for good, ``alone`` takes nobody's place;
    if that was a logout that concerns it, it left a mark. ``end_unseen`` is for
    :meth:`Sessions.create_login`.

    Raises what :meth:`Sessions.create_login` does.
    """
    while True:
        try:
            token = sessions.create_login(
                login, issued=issued, replaces=current, end_unseen=end_unseen
            )
        except LoginEnded:
            heir = None if current is None else sessions.as_of_now(current)
            if current is None or (heir is not None and heir.key == current.key):
                raise
        else:
            return token, login
        if heir is None:
            login = alone
        elif heir.who == login.who and not reaches(login.level, heir.level):
            return None
        current = heir
