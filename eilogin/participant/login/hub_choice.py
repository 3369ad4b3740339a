"""Choose the hub of a login, if a participant has several.

A visitor with a session goes to its hub. An anonymous one chooses on a page of eilogin,
or at the federation's discovery service (``discovery``). A cookie remembers the hub of
the last login: eilogin uses it for half a day, and lists it first for a year.

Another site cannot choose for the visitor: eilogin asks, unless the link names the hub
that eilogin would choose. A discovery service must return the value that eilogin sent.
"""

import hashlib
import hmac
import re
import secrets
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

from webob import Response

from eilogin import clock
from eilogin.errors import UnknownPeer
from eilogin.federation import Trust
from eilogin.participant.login.authn_requests import login_address
from eilogin.participant.login.hub_reachability import HubPeer
from eilogin.participant.login.return_targets import public_page
from eilogin.web.browser.browser_cookies import Cookie
from eilogin.web.pages.page_frame import name_of
from eilogin.web.pages.page_languages import language_of
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.reporting import rate_limited_log
from eilogin.web.requests import is_own_navigation
from eilogin.web.site_urls import see_other
from eilogin.web.visit import Visit

_CHOSEN = Cookie("eilogin-hub")
# Hash of an entityID, and an instant in seconds.
_CHOICE = re.compile(r"([0-9a-f]{16})([0-9a-f]{8,9})").fullmatch
#: Seconds for which a hub is used without a question, and listed first.
USED = 12 * 3600.0
REMEMBERED = 365 * 24 * 3600.0
#: Its value shows that eilogin sent this browser to the discovery service.
_SENT = Cookie("eilogin-discovery")
_SENT_WORD = re.compile(r"[\w-]{22}", re.ASCII).fullmatch
#: The parameter that returns that value.
SENT = "sent"
#: Seconds at the discovery service.
_SENT_FOR = 30 * 60
#: Characters of an unknown hub in the log.
_SHOWN = 200


class HubChoice(NamedTuple):
    """A hub that the page offers."""

    name: str
    address: str
    #: A ``data:`` address, or "".
    logo: str = ""


def is_needed(trust: Trust) -> bool:
    """Return whether there is more than one hub."""
    return len(trust.hub_ids) > 1


def known_hub(visit: Visit) -> str:
    """Return the entityID of the hub to ask, or "" if the visitor has to choose."""
    login = visit.session_or_none
    hub_ids = visit.trust.hub_ids
    if login is not None and login.who.issuer in hub_ids:
        return login.who.issuer
    if len(hub_ids) == 1:
        return hub_ids[0]
    hub, at = _chosen(visit)
    return hub if abs(clock.now() - at) < USED else ""


def named_hub(visit: Visit, entity_id: str | None) -> HubPeer | None:
    """Return the hub that a request names; None if unknown or expired."""
    if not entity_id:
        return None
    try:
        return visit.trust.hub_peer(entity_id)
    except UnknownPeer as error:
        rate_limited_log.warn(
            "the visitor chose an unknown hub, or one that cannot sign them in: %s",
            str(error)[:_SHOWN],
        )
        return None


def is_own_choice(visit: Visit, hub: str, sent: str | None) -> bool:
    """Return whether the visitor chose the hub; ``sent`` came from discovery."""
    expected = _SENT.read(visit.cookie_header) or ""
    return (
        hub == known_hub(visit)
        or is_own_navigation(visit, visit.trust.own.public_url)
        or (
            expected != ""
            and hmac.compare_digest((sent or "").encode(), expected.encode())
        )
    )


def remember(visit: Visit, hub: str) -> list[tuple[str, str]]:
    """Return the header that remembers the hub of a login."""
    if not is_needed(visit.trust):
        return []
    value = f"{_digest(hub)}{int(clock.now()):08x}"
    return [_CHOSEN.set(value, max_age=int(REMEMBERED))]


def address(visit: Visit, target: str, level: str, *, back: str = "") -> str:
    """Return where the visitor can choose another hub, or ""."""
    if not is_needed(visit.trust):
        return ""
    return login_address(visit, target, level, choose=True, back=back)


def send_to_hub_choice(
    visit: Visit,
    target: str,
    level: str,
    *,
    force: bool = False,
    back: str = "",
) -> Response:
    """Redirect to the choice of a hub (sstc-saml-idp-discovery 2.4.1)."""
    trust = visit.trust
    address = "discovery" if trust.discovery else "login"
    return_address = login_address(
        visit, target, level, force=force, address=address, back=back
    )
    if not trust.discovery:
        return see_other(return_address, status=302)
    # All tabs of a browser share one value.
    value = _SENT.read(visit.cookie_header) or ""
    if not _SENT_WORD(value):
        value = secrets.token_urlsafe(16)
    query = {
        "entityID": trust.own.entity_id,
        "return": f"{return_address}&{urlencode({SENT: value})}",
        "returnIDParam": "hub",
    }
    separator = "&" if urlsplit(trust.discovery).query else "?"
    return see_other(
        f"{trust.discovery}{separator}{urlencode(query)}",
        [_SENT.set(value, max_age=_SENT_FOR)],
        status=302,
    )


def page(
    visit: Visit,
    pages: Pages,
    target: str,
    level: str,
    *,
    back: str = "",
) -> Response:
    """Return a page with links to the hubs, which no Content-Security-Policy blocks."""
    trust, language = visit.trust, language_of(visit)
    last, _ = _chosen(visit)
    choices = {
        hub: HubChoice(
            trust.federation.name_of(hub, language),
            login_address(visit, target, level, hub=hub, back=back),
            trust.federation.logo_of(hub, language),
        )
        for hub in trust.hub_ids
        if _is_usable(trust, hub)
    }
    if not choices:
        raise UnknownPeer("the metadata of every hub has expired")
    last_choice = choices.pop(last, None)
    return pages.page(
        visit,
        "choose_hub.html",
        service=name_of(trust.own, language),
        last=last_choice,
        hubs=sorted(choices.values(), key=lambda choice: choice.name.casefold()),
        back_url=public_page(visit),
    )


def _is_usable(trust: Trust, hub: str) -> bool:
    try:
        trust.hub(hub)
    except UnknownPeer:
        return False
    return True


def _chosen(visit: Visit) -> tuple[str, float]:
    match = _CHOICE(_CHOSEN.read(visit.cookie_header) or "")
    if match is None:
        return "", 0.0
    hub_ids = visit.trust.hub_ids
    hub = next((hub for hub in hub_ids if _digest(hub) == match[1]), "")
    return hub, float(int(match[2], 16))


def _digest(hub: str) -> str:
    return hashlib.sha256(hub.encode()).hexdigest()[:16]
