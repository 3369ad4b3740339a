"""Asking the hub who a visitor is: the question that leaves, in this very browser.

The way back is :mod:`eilogin.visit.answers`.
"""

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from webob import Response

from eilogin import clock
from eilogin.errors import Unavailable, UnknownPeer
from eilogin.saml import bindings, messages
from eilogin.visit import under_way
from eilogin.visit.under_way import PendingLogin
from eilogin.web import environ as env
from eilogin.web.cookies import Cookie
from eilogin.web.outbound import redirect_with

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

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
    its query. ``force`` asks for a fresh proof, ``passive`` for no prompt. Nobody is
    sent who could not be logged in afterwards: StoreUnavailable where the store does
    not answer.
    """
    trust = env.trust(environ)
    hub = hub_of(environ)
    sso = trust.sso(hub)
    asked = PendingLogin(target, level, hub, is_passive=passive, is_forced=force)
    under_way.require_store(environ)
    request = messages.AuthnRequest(
        id=asked.request_id,
        issued=clock.now(),
        issuer=trust.own.entity_id,
        destination=sso.location,
        force_authn=force,
        is_passive=passive,
        acs_url=trust.own.url("acs"),
        protocol_binding=(
            bindings.POST if trust.own.acs == "post" else bindings.ARTIFACT
        ),
        level_classes=(trust.classes.class_of(level),),
    )
    return redirect_with(
        request.destination,
        "SAMLRequest",
        messages.write_authn_request(request),
        key=trust.own.key,
        relay_state=asked.handle,
        headers=under_way.keep(environ, asked),
    )


def hub_of(environ: "WSGIEnvironment") -> str:
    """The hub to ask, by entityID: the one that knows her here, or else the usual."""
    login = env.session_or_none(environ)
    if login is not None and login.who.issuer in env.trust(environ).hub_ids:
        return login.who.issuer
    return env.trust(environ).hub_ids[0]


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
    trust, hub = env.trust(environ), hub_of(environ)
    try:
        endpoint = trust.hub(hub).artifact_resolution(0) or trust.sso(hub)
        return trust.back_channel.is_reachable(endpoint.location)
    except (UnknownPeer, Unavailable):
        return False


def login_address(environ: "WSGIEnvironment", target: str, level: str) -> str:
    """The address of ours at which a login begins that leads to ``target``.

    With a fresh proof where a limit of the path that is asked for wants one.
    """
    query = urlencode({"next": target, "level": level})
    if env.FRESH in environ:
        query += "&fresh=yes"
    return f"{env.trust(environ).own.url('login')}?{query}"
