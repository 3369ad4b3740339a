"""End the session of a visitor here, though nobody has logged out.

DigiD demands it where it answers that there is no login: also when only a higher level
was asked for (DigiD 8).
"""

from typing import TYPE_CHECKING

from eilogin import audit
from eilogin.participant.inner_hub import InnerHub
from eilogin.web import environ as env

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


def end_here(
    environ: "WSGIEnvironment", reason: str, inner_hub: InnerHub
) -> list[tuple[str, str]]:
    """End the session of this visitor, if she has one; the header that says so.

    Under whatever key it goes on, and that one only. No mark is left: an answer that is
    on its way is one that she asked for. A hub that stands ``inside`` ends what it has
    of it: afterwards no logout would find who has to be told. Hooks of ``logout`` hear
    of it. ``reason`` is for the audit log. Raises
    :class:`eilogin.errors.StoreUnavailable`.
    """
    login = env.session_to_end(environ)
    environ[env.SESSION] = None
    if login is None:
        return []
    noted = inner_hub.note(environ, login.named)
    # Where another one was faster, that has said so.
    if env.sessions(environ).drop(login) is not None:
        inner_hub.note_gone(environ, login)
        audit.event(
            "session.ended",
            pseudonym=env.trust(environ).own.pseudonym(login.who.name_id),
            peer=login.who.issuer,
            reason=reason,
        )
    # Nobody asks now; who logs her out later has to hear whom it missed.
    inner_hub.tell(environ, noted, [login])
    return [env.cookie(environ).expire()]
