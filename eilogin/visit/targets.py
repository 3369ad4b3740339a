"""Where a visitor goes on to: a page of this site, and none of our own addresses.

One of these logs out. Who led her here by a link, or named a target in an answer, could
otherwise have her leave by a link of ours that says something else.
"""

from urllib.parse import unquote

from eilogin.federation import Own
from eilogin.web.requests import safe_next
from eilogin.web.urls import root

#: How often a path may be encoded, for servers and proxies that decode it again.
_DECODED = 3


def page_to_go_to(own: Own, wanted: str | None) -> str:
    """The page that was ``wanted``; the first page of the site in the place of others.

    Our own page with a form that was kept is one. ``wanted`` is as in
    :func:`eilogin.web.requests.safe_next`.
    """
    first = root(own.public_url)
    target = safe_next(wanted, first)
    path = target.partition("?")[0].partition("#")[0]
    is_page = not is_own_address(own, path) or path == f"{own.mount}{own.prefix}/again"
    return target if is_page else first


def is_own_address(own: Own, path: str) -> bool:
    """Whether a path, encoded or not, is below those that the filters answer."""
    for _ in range(_DECODED):
        path = unquote(path)
    return f"{path}/".startswith(f"{own.mount}{own.prefix}/")
