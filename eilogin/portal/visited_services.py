"""The services that a visitor went to last, in a sealed cookie bound to the visitor."""

from collections.abc import Mapping, Sequence

from eilogin.federation import Own
from eilogin.portal.portal_services import PortalService
from eilogin.sessions import Login
from eilogin.web.browser.browser_cookies import Cookie
from eilogin.web.browser.sealing import NotSealed, Sealer, as_text, from_text
from eilogin.web.visit import Visit

MOST = 8
#: Seconds after the last visit.
_KEPT_FOR = 90 * 24 * 3600
#: Most characters of the cookie.
_LONGEST = 400

_COOKIE = Cookie("eilogin-visited")


def visited(
    visit: Visit,
    own: Own,
    login: Login,
    services: Mapping[str, PortalService],
) -> Sequence[PortalService]:
    """Return the services that this visitor went to, the last one first."""
    ids = _ids(visit, own, login)
    return [services[id_] for id_ in ids if id_ in services][:MOST]


def note_visit(
    visit: Visit, own: Own, login: Login, service: PortalService
) -> tuple[str, str]:
    """Return the Set-Cookie header that puts a service first."""
    earlier = [id_ for id_ in _ids(visit, own, login) if id_ != service.id]
    text = " ".join([service.id, *earlier][:MOST])
    sealed = _sealer(own).seal(text.encode(), login.subject)
    return _COOKIE.set(as_text(sealed), max_age=_KEPT_FOR)


def _ids(visit: Visit, own: Own, login: Login) -> Sequence[str]:
    value = _COOKIE.read(visit.cookie_header) or ""
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
