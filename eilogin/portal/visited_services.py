"""The services that a visitor went to last, kept in a cookie of the portal.

The cookie is sealed and bound to the visitor. It holds no name and no number of a
person, and it tells nothing to another person at the same browser: for them the list is
alphabetical.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from eilogin.federation import Own
from eilogin.portal.portal_services import PortalService
from eilogin.sessions import Login
from eilogin.web.browser.browser_cookies import Cookie
from eilogin.web.browser.sealing import NotSealed, Sealer, as_text, from_text

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: How many services the browser remembers.
MOST = 8
#: For how long, in seconds since the last one.
_KEPT_FOR = 90 * 24 * 3600
#: Characters of a longer value, which is none of ours.
_LONGEST = 400

_COOKIE = Cookie("eilogin-visited")


def visited(
    environ: "WSGIEnvironment",
    own: Own,
    login: Login,
    known: Mapping[str, PortalService],
) -> Sequence[PortalService]:
    """Return the services that this visitor went to, the last one first."""
    ids = _ids(environ, own, login)
    return [known[one] for one in ids if one in known][:MOST]


def note_visit(
    environ: "WSGIEnvironment", own: Own, login: Login, service: PortalService
) -> tuple[str, str]:
    """Return the header that puts a service before the others."""
    others = [one for one in _ids(environ, own, login) if one != service.id]
    text = " ".join([service.id, *others][:MOST])
    sealed = _sealer(own).seal(text.encode(), login.subject)
    return _COOKIE.set(as_text(sealed), max_age=_KEPT_FOR)


def _ids(environ: "WSGIEnvironment", own: Own, login: Login) -> Sequence[str]:
    """Read the cookie of this visitor; ignore a cookie that is not ours."""
    value = _COOKIE.read(environ) or ""
    if not value or len(value) > _LONGEST:
        return ()
    try:
        text = _sealer(own).open(from_text(value), login.subject)
    except NotSealed:
        return ()
    return text.decode().split()


def _sealer(own: Own) -> Sealer:
    # Another participant may have the same secrets.
    return Sealer(own.sealing_secrets, f"visited from {own.entity_id}")
