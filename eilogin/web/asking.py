"""Asking the hub who a visitor is: the question that leaves, in this very browser.

The way back is :mod:`eilogin.web.answers`.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from webob import Response

from eilogin import clock
from eilogin.errors import Unavailable, UnknownPeer
from eilogin.saml import bindings, messages
from eilogin.saml.levels import CLASS_OF
from eilogin.sessions import PendingLogin, PendingLogins
from eilogin.web import environ as env
from eilogin.web.answers import LOGIN_COOKIES, login_cookie
from eilogin.web.cookies import Cookie, names
from eilogin.web.outbound import redirect_with

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: Logins that one browser may have under way; the oldest gives way to a new one.
_MOST_TABS = 5

#: The hub was asked silently whether it knows this browser, and did not say yes.
_ASKED = Cookie("eilogin-asked")


def ask_hub(
    environ: "WSGIEnvironment",
    target: str,
    level: str,
    *,
    force: bool = False,
    passive: bool = False,
) -> Response:
    """A redirect to the hub with an AuthnRequest (SAML profiles 4.1.4.1).

    When the hub has answered, the visitor is at ``target``, a path of this site with
    its query. ``force`` asks for a fresh proof, ``passive`` for no prompt.
    """
    trust = env.trust(environ)
    request = messages.AuthnRequest(
        id=messages.new_id(),
        issued=clock.now(),
        issuer=trust.own.entity_id,
        destination=trust.sso.location,
        force_authn=force,
        is_passive=passive,
        acs_url=trust.own.url("acs"),
        protocol_binding=(
            bindings.POST if trust.own.acs == "post" else bindings.ARTIFACT
        ),
        level_classes=(CLASS_OF[level],),
    )
    pending, secret = PendingLogins(env.values(environ)).start(
        PendingLogin(
            request_id=request.id,
            hub=trust.hub_id,
            target=target,
            level=level,
            asked=request.issued,
            is_passive=passive,
            is_forced=force,
        )
    )
    return redirect_with(
        request.destination,
        "SAMLRequest",
        messages.write_authn_request(request),
        key=trust.own.key,
        relay_state=pending.handle,
        headers=[login_cookie(pending.handle).set(secret), *_oldest_tabs(environ)],
    )


def _oldest_tabs(environ: "WSGIEnvironment") -> Iterator[tuple[str, str]]:
    """Headers that make room for the login of one more tab."""
    # Handles begin with the time, so their names sort by age.
    under_way = sorted(names(environ, LOGIN_COOKIES))
    for name in under_way[: max(0, len(under_way) - _MOST_TABS + 1)]:
        yield Cookie(name).expire()


def was_asked(environ: "WSGIEnvironment") -> bool:
    """Whether the hub was asked silently a short while ago, in vain."""
    return _ASKED.read(environ) is not None


def remember_asking(seconds: float) -> tuple[str, str]:
    """The header that keeps the hub from being asked silently again for a while."""
    return _ASKED.set("1", max_age=int(seconds))


def forget_asking() -> tuple[str, str]:
    """The header that lets it be asked again."""
    return _ASKED.expire()


def hub_answers(environ: "WSGIEnvironment") -> bool:
    """Whether the hub can be asked now, as far as a quick look tells."""
    trust = env.trust(environ)
    try:
        endpoint = trust.hub.artifact_resolution(0) or trust.sso
        return trust.back_channel.is_reachable(endpoint.location)
    except (UnknownPeer, Unavailable):
        return False


def login_address(environ: "WSGIEnvironment", target: str, level: str) -> str:
    """The address of ours at which a login begins that leads to ``target``."""
    query = urlencode({"next": target, "level": level})
    return f"{env.trust(environ).own.url('login')}?{query}"
