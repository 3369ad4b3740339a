"""Choose the language of a page, and make the switch in its header.

A visitor's choice in a cookie comes first, then Accept-Language. If the site has none
of these languages, the page is in English; without any preference, in Dutch.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlencode, urlsplit

from webob import Response
from webob.acceptparse import create_accept_language_header

from eilogin.errors import MalformedMessage
from eilogin.federation.local.local_entity import HUB
from eilogin.web import environ as env
from eilogin.web.browser.browser_cookies import Cookie
from eilogin.web.pages.themes import languages_of, own_name
from eilogin.web.pages.translations import FALLBACK, LANGUAGES
from eilogin.web.requests import (
    is_from_other_site,
    origin_of,
    read_query,
    safe_next,
)
from eilogin.web.site_urls import at, root, see_other, this_page
from eilogin.web.visit import Visit

if TYPE_CHECKING:
    from eilogin.federation.local.local_entity import Own

_CHOSEN = Cookie("eilogin-language")
#: Seconds in a year.
_REMEMBERED = 365 * 24 * 3600
_TO, _NEXT = "to", "next"
#: The parameter of a page without a site, which has no address for it.
_HERE = "language"
#: The parameter that makes the logout address ask first.
ASK = "ask"
#: Characters.
_LONGEST_WISH = 200
_ONCE = ("acs", "sso", "slo", "artifact")
_LOGOUTS = ("logout", env.APP_LOGOUT)
#: Template values that lead on from a page that cannot be loaded again, the best first.
#: A hub's sign-in page is at its form's address.
_LEADING_ON = ("again", "login_url")
_LEADING_ON_AT_HUB = ("look_url", "receipt_url", "again")


class Choice(NamedTuple):
    """One language in the switch."""

    #: BCP 47, such as ``en``.
    code: str
    label: str
    address: str
    is_current: bool


# --- which one ------------------------------------------------------------------


def language_of(visit: Visit) -> str:
    """The language of the page for this visitor, among those of the site."""
    offered = _offered(visit)
    for chosen in (_language_in_query(visit), _CHOSEN.read(visit.cookie_header) or ""):
        if chosen in offered:
            return chosen
    wish = visit.environ.get("HTTP_ACCEPT_LANGUAGE")
    # A longer one could fill the cache, and WebOb compares all ranges with each other.
    is_usual = wish is None or len(wish) <= _LONGEST_WISH
    return _wished(wish if is_usual else None, offered)


def _offered(visit: Visit) -> Sequence[str]:
    trust = visit.trust_or_none
    return languages_of(None if trust is None else trust.own.templates)


@lru_cache(maxsize=256)
def _wished(wish: str | None, offered: Sequence[str]) -> str:
    # RFC 4647 3.4
    header = create_accept_language_header(wish)
    # The lookup shortens a wish, not an offer: "en-GB" matches "en".
    language = header.lookup(offered, default="")
    if language:
        return str(language)
    ranges = {language_range for language_range, _ in header.parsed or ()}
    return FALLBACK if ranges - {"*"} else LANGUAGES[0]


# --- the switch -----------------------------------------------------------------


def choices(visit: Visit, language: str, values: Mapping[str, Any]) -> Sequence[Choice]:
    """The languages of the site for a header; empty for a page without an address."""
    if "PATH_INFO" not in visit.environ:
        return ()
    trust = visit.trust_or_none
    own = None if trust is None else trust.own
    target = None if own is None else _return_path(visit, own, values)
    return [
        Choice(code, own_name(code), _address(own, code, target), code == language)
        for code in _offered(visit)
    ]


def _address(own: "Own | None", code: str, target: str | None) -> str:
    if own is None:
        return f"?{urlencode({_HERE: code})}"
    path = _path_of(own.url("language"))
    return f"{path}?{urlencode({_TO: code, _NEXT: target})}"


def _return_path(visit: Visit, own: "Own", values: Mapping[str, Any]) -> str:
    # A page that took a SAML message or a form, which are sent once, leads on.
    address = visit.address_or_none
    is_hub = own.role == HUB
    is_read = visit.method in ("GET", "HEAD")
    is_once = address in _ONCE and _has_message(visit.query_string)
    is_read_again = is_read and not is_once
    if address in _LOGOUTS and not is_hub:
        # From a page of this site it logs out, unless it must ask first.
        return _path_of(f"{own.url('logout')}?{urlencode({ASK: 'yes'})}")
    if address == "slo" and not is_read_again:
        # It shows the result of the last logout in this browser.
        return _path_of(own.url("logout" if is_hub else "slo"))
    page = this_page(visit, own.public_url)
    if is_read_again:
        return page
    leading_on = _leading_on(own, values)
    if leading_on is not None:
        return leading_on
    return page.partition("?")[0] if is_once else page


def _has_message(query: str) -> bool:
    # Mostly it is not quoted.
    return "SAML" in query or "SAML" in unquote(query)


def _leading_on(own: "Own", values: Mapping[str, Any]) -> str | None:
    names = _LEADING_ON_AT_HUB if own.role == HUB else _LEADING_ON
    targets = (_target_of(own, values.get(name)) for name in names)
    return next((target for target in targets if target is not None), None)


def _target_of(own: "Own", url: object) -> str | None:
    if not isinstance(url, str) or not url:
        return None
    if url.startswith("/"):
        return url
    is_ours = origin_of(url) == origin_of(own.public_url)
    return _path_of(url) if is_ours else None


def _path_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"


# --- what it does ---------------------------------------------------------------


def choose(visit: Visit) -> Response:
    """Store the visitor's choice, except one from another site; redirect back."""
    visit.allow_only("GET", "HEAD")
    own, query = visit.trust.own, _query_of(visit)
    target = safe_next(query.get(_NEXT), root(own.public_url))
    is_chosen = not (is_from_other_site(visit, own.public_url) or visit.is_in_advance)
    headers = _remembered(visit, query.get(_TO, "")) if is_chosen else []
    return see_other(at(own.public_url, target), headers)


def chosen_here(visit: Visit) -> Sequence[tuple[str, str]]:
    """The headers that store a language, for a page without a site."""
    return _remembered(visit, _language_in_query(visit))


def _language_in_query(visit: Visit) -> str:
    if visit.trust_or_none is not None or f"{_HERE}=" not in visit.query_string:
        return ""
    return _query_of(visit).get(_HERE, "")


def _query_of(visit: Visit) -> Mapping[str, str]:
    try:
        return read_query(visit)
    except MalformedMessage:
        return {}


def _remembered(visit: Visit, code: str) -> list[tuple[str, str]]:
    is_offered = code in _offered(visit)
    return [_CHOSEN.set(code, max_age=_REMEMBERED)] if is_offered else []
