"""Replace a login that is confirmed or stepped up, whatever another tab does."""

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
    """Store a login in the place of ``current``; return its cookie value, and it.

    ``current`` is this browser's login as read, or None. ``login`` holds the proofs of
    ``current`` and the new one; ``alone`` holds only the new one.

    If another tab has replaced ``current``, ``login`` replaces that tab's login without
    its proofs: an old cookie must not gain by a step-up beside it. If that login has a
    higher level, return None, and the browser gets its cookie. If ``current`` has ended
    for good, store ``alone``, which a logout's mark may reject. ``end_unseen`` and
    errors are those of :meth:`Sessions.create_login`.
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
