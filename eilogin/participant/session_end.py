"""End the session of a visitor here without a logout.

DigiD demands that if a Response signs nobody in, even for a higher level (DigiD 8).
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
    """End the session of this visitor; return the header that expires its cookie.

    End no other session. The browser gets no mark of a logout: the visitor asked for a
    Response that is on its way. A hub inside ends its part, because a later logout
    would not find its participants. The hooks of ``logout`` run. ``reason`` is for the
    audit log. Raise StoreUnavailable.
    """
    login = env.session_to_end(environ)
    environ[env.SESSION] = None
    if login is None:
        return []
    noted = inner_hub.note(environ, login.named)
    # Another request may have been faster.
    if env.sessions(environ).drop(login) is not None:
        inner_hub.note_gone(environ, login)
        audit.event(
            "session.ended",
            pseudonym=env.trust(environ).own.pseudonym(login.who.name_id),
            peer=login.who.issuer,
            reason=reason,
        )
    # Nobody waits for the result; a later logout reports whom this one missed.
    inner_hub.tell(environ, noted, [login])
    return [env.cookie(environ).expire()]
