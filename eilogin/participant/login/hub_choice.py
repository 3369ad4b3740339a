"""Which hub is asked, where a participant may send its visitors to several.

Who is logged in is asked about at the hub that knows her: a step-up or keep-alive goes
nowhere else. A stranger is asked where she wants to log in: by a page of ours, or by
the discovery service of her federation (``discovery``), which answers at
``/eilogin/discovery`` with the entityID of a hub; one that is none of ours is not
believed, and where it gives none our own page asks.

A hub at which a login succeeded is remembered in a cookie, which says no more than
which of the hubs it is. For half a day she is then sent there unasked; for a year it
stands first on the page. ``/eilogin/login?choose=yes`` always asks.

No other site chooses for her: a link that names a hub leads there where it is one of
this site, or names the hub to which she would go in any case. What a discovery service
answers comes from another site too; it is believed where it answers to a question of
ours that this very browser has brought it.
"""

import hashlib
import hmac
import re
import secrets
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode, urlsplit

from webob import Response

from eilogin import clock
from eilogin.errors import UnknownPeer
from eilogin.federation import Trust
from eilogin.participant.login.authn_requests import login_address
from eilogin.participant.login.return_targets import public_page
from eilogin.web import environ as env
from eilogin.web.browser.browser_cookies import Cookie
from eilogin.web.limits import rate_limited_log
from eilogin.web.pages.page_frame import name_of
from eilogin.web.pages.page_languages import language_of
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.requests import is_own_navigation
from eilogin.web.site_urls import see_other

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_CHOSEN = Cookie("eilogin-hub")
# Digits of the hash of an entityID, and an instant in whole seconds.
_CHOICE = re.compile(r"([0-9a-f]{16})([0-9a-f]{8,9})").fullmatch
#: For how long a visitor is sent to the hub of her last login without being asked, and
#: for how long it stands first, in seconds.
USED = 12 * 3600.0
REMEMBERED = 365 * 24 * 3600.0
#: Tells, by a word that no other site knows, that this browser was sent to the service.
_SENT = Cookie("eilogin-discovery")
_SENT_WORD = re.compile(r"[\w-]{22}", re.ASCII).fullmatch
#: The parameter in which the word comes back.
SENT = "sent"
#: For how long she may choose there, in seconds.
_SENT_FOR = 30 * 60
#: Most characters of what is no hub of ours in the log.
_SHOWN = 200


class HubChoice(NamedTuple):
    """One hub on the page."""

    name: str
    address: str
    #: Its logo, as a ``data:`` address, or "".
    logo: str = ""


def is_needed(trust: Trust) -> bool:
    """Whether there is anything to choose."""
    return len(trust.hub_ids) > 1


def known_hub(environ: "WSGIEnvironment") -> str:
    """The hub to ask, by entityID, or "" where the visitor has to choose.

    The one that knows her here, the only one, or that of her last login.
    """
    login = env.session_or_none(environ)
    hub_ids = env.trust(environ).hub_ids
    if login is not None and login.who.issuer in hub_ids:
        return login.who.issuer
    if len(hub_ids) == 1:
        return hub_ids[0]
    hub, at = _chosen(environ)
    return hub if abs(clock.now() - at) < USED else ""


def named_hub(environ: "WSGIEnvironment", said: str | None) -> str:
    """The hub that a link or a discovery service names, or "" where it is none of ours.

    One of which the metadata has expired is none.
    """
    if not said:
        return ""
    try:
        env.trust(environ).hub(said)
    except UnknownPeer as error:
        rate_limited_log.warn(
            "the visitor chose an unknown hub, or one that cannot sign them in: %s",
            str(error)[:_SHOWN],
        )
        return ""
    return said


def is_own_choice(environ: "WSGIEnvironment", hub: str, sent: str | None) -> bool:
    """Whether it is her own choice to go to a hub, as far as a request tells.

    ``sent`` is what came back of the word that went along to the discovery service.
    """
    word = _SENT.read(environ) or ""
    return (
        hub == known_hub(environ)
        or is_own_navigation(environ, env.trust(environ).own.public_url)
        or (word != "" and hmac.compare_digest((sent or "").encode(), word.encode()))
    )


def remember(environ: "WSGIEnvironment", hub: str) -> list[tuple[str, str]]:
    """The header that remembers where a login succeeded, if there was a choice."""
    if not is_needed(env.trust(environ)):
        return []
    value = f"{_digest(hub)}{int(clock.now()):08x}"
    return [_CHOSEN.set(value, max_age=int(REMEMBERED))]


def address(
    environ: "WSGIEnvironment", target: str, level: str, *, back: str = ""
) -> str:
    """Where she can choose another hub, or "" where there is none."""
    if not is_needed(env.trust(environ)):
        return ""
    return login_address(environ, target, level, choose=True, back=back)


def send_to_hub_choice(
    environ: "WSGIEnvironment",
    target: str,
    level: str,
    *,
    force: bool = False,
    back: str = "",
) -> Response:
    """Send a visitor to where she chooses a hub; the login then goes on by itself.

    By the Identity Provider Discovery Service Protocol (sstc-saml-idp-discovery 2.4.1)
    where the federation has such a service. ``back`` is as in :func:`login_address`.
    """
    trust = env.trust(environ)
    address = "discovery" if trust.discovery else "login"
    here = login_address(
        environ, target, level, force=force, address=address, back=back
    )
    if not trust.discovery:
        return see_other(here, status=302)
    # One for all her tabs.
    word = _SENT.read(environ) or ""
    if not _SENT_WORD(word):
        word = secrets.token_urlsafe(16)
    query = {
        "entityID": trust.own.entity_id,
        "return": f"{here}&{urlencode({SENT: word})}",
        "returnIDParam": "hub",
    }
    mark = "&" if urlsplit(trust.discovery).query else "?"
    return see_other(
        f"{trust.discovery}{mark}{urlencode(query)}",
        [_SENT.set(word, max_age=_SENT_FOR)],
        status=302,
    )


def page(
    environ: "WSGIEnvironment",
    pages: Pages,
    target: str,
    level: str,
    *,
    back: str = "",
) -> Response:
    """Our own page: the hubs by name, that of the last login first.

    Links and no form: they work with a keyboard and without scripts, and no policy of
    the page stands between them and the hub.
    """
    trust, language = env.trust(environ), language_of(environ)
    last, _ = _chosen(environ)
    choices = {
        hub: HubChoice(
            trust.federation.name_of(hub, language),
            login_address(environ, target, level, hub=hub, back=back),
            trust.federation.logo_of(hub, language),
        )
        for hub in trust.hub_ids
        if _is_usable(trust, hub)
    }
    if not choices:
        raise UnknownPeer("the metadata of every hub has expired")
    known = choices.pop(last, None)
    return pages.page(
        environ,
        "choose_hub.html",
        service=name_of(trust.own, language),
        last=known,
        hubs=sorted(choices.values(), key=lambda choice: choice.name.casefold()),
        back_url=public_page(environ),
    )


def _is_usable(trust: Trust, hub: str) -> bool:
    try:
        trust.hub(hub)
    except UnknownPeer:
        return False
    return True


def _chosen(environ: "WSGIEnvironment") -> tuple[str, float]:
    """The hub of the last login, and when that was; "" where none is remembered."""
    match = _CHOICE(_CHOSEN.read(environ) or "")
    if match is None:
        return "", 0.0
    hub_ids = env.trust(environ).hub_ids
    hub = next((one for one in hub_ids if _digest(one) == match[1]), "")
    return hub, float(int(match[2], 16))


def _digest(hub: str) -> str:
    return hashlib.sha256(hub.encode()).hexdigest()[:16]
