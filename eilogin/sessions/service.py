"""The verbs on logins: make, find, renew, end; over any store."""

from collections.abc import Sequence

from eilogin.sessions.records import Login, Participant, Subject
from eilogin.stores import Store


class Sessions:
    """The logins of one participant, or of the hub.

    ``idle`` is the number of seconds after which a login of which nothing was seen
    is over, ``max_session`` the number of seconds after which any login is.
    """

    def __init__(self, store: Store, *, idle: float, max_session: float) -> None:
        self.store = store
        self.idle = idle
        self.max_session = max_session

    def find(self, token: str) -> Login | None:
        """The login of this cookie value, within its absolute limit and its idle one.

        One read of the store; anything that is not a token of ours is None.
        """

    def find_beyond_idle(self, token: str) -> Login | None:
        """The same, idle limit aside: what a hub needs to log out, not to log in."""

    def is_idle(self, login: Login) -> bool:
        """Whether nothing was seen of her for longer than the idle limit."""

    def is_live(self, login: Login) -> bool:
        """Whether this login has not been ended, on a fresh read."""

    def touch(self, login: Login) -> None:
        """She was seen now; written at most once a minute (or at once, see again)."""

    def rearm(self, login: Login) -> None:
        """She was seen now; written at once. The hub does this when it confirms her."""

    def create_login(
        self, login: Login, *, issued: float, replaces: Login | None = None
    ) -> str:
        """Store a new login; the return is the new cookie value.

        ``family``, ``key`` and ``seen`` of ``login`` are filled in here: the family is
        that of ``replaces`` where the subject is the same, else new. ``ends`` is cut
        at ``started + max_session``. ``replaces`` (this browser's login until now) is
        ended in the same transaction.

        Raises :class:`eilogin.errors.LoginEnded`, with nothing changed, where a
        logout for this subject has come in since ``issued``, or ``replaces`` is not
        live any more.
        """

    def add_participant(self, login: Login, participant: Participant) -> bool:
        """Remember who was told; False where the login is not live any more.

        The login can be found by the participant's subject from then on.
        """

    def participants(self, login: Login) -> list[Participant]:
        """Who was told, each entityID once, the first time it was."""

    def end(self, login: Login) -> list[Participant]:
        """End this login; who had been told of it. Idempotent."""

    def end_subject(
        self, subject: Subject, session_indexes: Sequence[str] = (), *, issued: float
    ) -> list[Login]:
        """End all logins of a subject, or those that the SessionIndexes name.

        Leaves the marks that keep answers issued at or before ``issued`` from
        making a new one. Returns the logins that this call ended.
        """
