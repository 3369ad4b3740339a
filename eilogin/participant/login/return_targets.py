"""Check the page of this site to which a visitor returns.

It is no address of eilogin except ``/eilogin/again``, or a link of another site could
sign the visitor out unnoticed.
"""

from collections.abc import Mapping, Sequence
from urllib.parse import unquote

from webob import Response

from eilogin.federation import Own
from eilogin.web import environ as env
from eilogin.web.requests import origin_of, safe_next
from eilogin.web.site_urls import at, root, see_other
from eilogin.web.visit import Visit

#: Times that servers and proxies together may decode a path.
_DECODED = 3
#: Characters of a page to go back to.
LONGEST_BACK = 500


def page_to_go_to(own: Own, wanted: str | None) -> str:
    """Return the ``wanted`` page if it is safe, or else the site's first page."""
    first = root(own.public_url)
    target = safe_next(wanted, first)
    path = target.partition("?")[0].partition("#")[0]
    is_page = not is_own_address(own, path) or path == f"{own.mount}{own.prefix}/again"
    return target if is_page else first


def wanted_page(own: Own, query: Mapping[str, str]) -> str | None:
    """Return the unchecked page that the query of a login names, or None."""
    # "came_from" of Zope and Plone is a path, or an address at our origin.
    origin = origin_of(own.public_url)
    came_from = query.get("came_from", "")
    if came_from.startswith(f"{origin}/"):
        came_from = came_from.removeprefix(origin)
    return query.get("next") or came_from or None


def page_to_go_back_to(own: Own, named: str | None) -> str:
    """Return the ``named`` page without its fragment, or ""."""
    # A query that makes it too long is dropped.
    target = safe_next(named, "").partition("#")[0]
    path = target.partition("?")[0]
    if is_own_address(own, path):
        return ""
    return next((page for page in (target, path) if len(page) <= LONGEST_BACK), "")


def public_page(visit: Visit) -> str:
    """Return a page that needs no login, or ""."""
    public_url = visit.trust.own.public_url
    find = visit.environ.get(env.PUBLIC_PAGE, lambda _: root(public_url))
    return str(find(visit.environ))


def redirect_to_target(
    visit: Visit,
    target: str,
    headers: Sequence[tuple[str, str]] = (),
) -> Response:
    """Redirect to ``target``, a path of this site with its query."""
    return see_other(at(visit.trust.own.public_url, target), headers)


def is_own_address(own: Own, path: str) -> bool:
    """Return whether a path, perhaps URL-encoded, belongs to eilogin."""
    for _ in range(_DECODED):
        path = unquote(path)
    return f"{path}/".startswith(f"{own.mount}{own.prefix}/")
