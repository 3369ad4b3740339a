"""Choose the hub of a login, if a participant has several.

A visitor with a session goes to the hub of that session, for a step-up or keep-alive.
An anonymous visitor chooses on a page of eilogin, or at the discovery service of the
federation (``discovery``). That service answers at ``/eilogin/discovery`` with the
entityID of a hub. If that is no hub of this site, eilogin rejects it; if there is none,
the page of eilogin asks.

After a login a cookie remembers the hub, and nothing more. For half a day the visitor
then goes there without a question; for a year it stands first on the page.
``/eilogin/login?choose=yes`` always asks.

No other site chooses for the visitor. A link of another site is followed only if it
names the hub that eilogin would choose anyway. An answer of a discovery service also
comes from another site: it counts if this browser brings the value of our request.
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
from eilogin.web.pages.page_frame import name_of
from eilogin.web.pages.page_languages import language_of
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.reporting import rate_limited_log
from eilogin.web.requests import is_own_navigation
from eilogin.web.site_urls import see_other

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_CHOSEN = Cookie("eilogin-hub")
# Digits of the hash of an entityID, and an instant in whole seconds.
_CHOICE = re.compile(r"([0-9a-f]{16})([0-9a-f]{8,9})").fullmatch
#: Seconds during which the hub of the last login is used without a question, and during
#: which it stands first on the page.
USED = 12 * 3600.0
REMEMBERED = 365 * 24 * 3600.0
#: A random value that shows that this browser was sent to the discovery service.
_SENT = Cookie("eilogin-discovery")
_SENT_WORD = re.compile(r"[\w-]{22}", re.ASCII).fullmatch
#: The parameter in which that value comes back.
SENT = "sent"
#: Seconds that the visitor may take there.
_SENT_FOR = 30 * 60
#: Most characters of an unknown hub in the log.
_SHOWN = 200


class HubChoice(NamedTuple):
    """A hub that the page offers."""

    name: str
    address: str
    #: Its logo, as a ``data:`` address, or "".
    logo: str = ""


def is_needed(trust: Trust) -> bool:
    """Return whether there is more than one hub."""
    return len(trust.hub_ids) > 1


def known_hub(environ: "WSGIEnvironment") -> str:
    """Return the entityID of the hub to ask, or "" if the visitor has to choose.

    The hub of the session, the only one, or that of the last login.
    """
    login = env.session_or_none(environ)
    hub_ids = env.trust(environ).hub_ids
    if login is not None and login.who.issuer in hub_ids:
        return login.who.issuer
    if len(hub_ids) == 1:
        return hub_ids[0]
    hub, at = _chosen(environ)
    return hub if abs(clock.now() - at) < USED else ""


def named_hub(environ: "WSGIEnvironment", entity_id: str | None) -> str:
    """Return the hub that a link or discovery service names, or "" for an unknown one.

    A hub with expired metadata is unknown.
    """
    if not entity_id:
        return ""
    try:
        env.trust(environ).hub(entity_id)
    except UnknownPeer as error:
        rate_limited_log.warn(
            "the visitor chose an unknown hub, or one that cannot sign them in: %s",
            str(error)[:_SHOWN],
        )
        return ""
    return entity_id


def is_own_choice(environ: "WSGIEnvironment", hub: str, sent: str | None) -> bool:
    """Return whether the visitor chose the hub, as far as the request shows.

    ``sent`` is the value that came back from the discovery service.
    """
    word = _SENT.read(environ) or ""
    return (
        hub == known_hub(environ)
        or is_own_navigation(environ, env.trust(environ).own.public_url)
        or (word != "" and hmac.compare_digest((sent or "").encode(), word.encode()))
    )


def remember(environ: "WSGIEnvironment", hub: str) -> list[tuple[str, str]]:
    """Return the header that remembers the hub of a login, if there are several."""
    if not is_needed(env.trust(environ)):
        return []
    value = f"{_digest(hub)}{int(clock.now()):08x}"
    return [_CHOSEN.set(value, max_age=int(REMEMBERED))]


def address(
    environ: "WSGIEnvironment", target: str, level: str, *, back: str = ""
) -> str:
    """Return where the visitor can choose another hub, or "" if there is none."""
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
    """Redirect to the choice of a hub; the login then continues by itself.

    If the federation has a discovery service, the redirect follows the Identity
    Provider Discovery Service Protocol (sstc-saml-idp-discovery 2.4.1). ``back`` is as
    in :func:`login_address`.
    """
    trust = env.trust(environ)
    address = "discovery" if trust.discovery else "login"
    here = login_address(
        environ, target, level, force=force, address=address, back=back
    )
    if not trust.discovery:
        return see_other(here, status=302)
    # All tabs of a browser share one value.
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
    """Return the page with the hubs by name, that of the last login first.

    Links and no form: they work with a keyboard and without scripts, and no policy of
    the page blocks them.
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
    last_choice = choices.pop(last, None)
    return pages.page(
        environ,
        "choose_hub.html",
        service=name_of(trust.own, language),
        last=last_choice,
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
    """Return the hub of the last login, and when that was; "" if none is remembered."""
    match = _CHOICE(_CHOSEN.read(environ) or "")
    if match is None:
        return "", 0.0
    hub_ids = env.trust(environ).hub_ids
    hub = next((hub for hub in hub_ids if _digest(hub) == match[1]), "")
    return hub, float(int(match[2], 16))


def _digest(hub: str) -> str:
    return hashlib.sha256(hub.encode()).hexdigest()[:16]
