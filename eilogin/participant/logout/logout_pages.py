"""She is logged out here: what she sees, and what of the others.

Where she wants to be next she is taken at once, unless there is news of the others that
she should have.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from webob import Response

from eilogin import clock
from eilogin.participant import inner_hub
from eilogin.participant.login import hub_choice
from eilogin.participant.login.return_targets import public_page
from eilogin.web import environ as env
from eilogin.web.pages.page_languages import language_of
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.site_urls import at, see_other

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: Where a page of the hub may show more, and is not known to be out of reach.
_HUB_HELPS = ("no-login", "unknown", "partly", "unconfirmed")
#: What of the others needs no page of ours before she goes on: there is no news.
_NO_NEWS = ("everywhere", "chosen", "no-login", "unknown")


class Afterwards(NamedTuple):
    """Where she is when a logout is over, and what is known of it already."""

    #: A path of this site, or "" for a page of ours.
    target: str
    #: Whether a hub that stands inside began it, and tells her itself what came of it.
    begun_inside: bool = False
    #: Whether somebody was not reached, whatever the hub says of the others.
    is_partial: bool = False


class LoggedOut:
    """Makes the page, or the redirect."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def answer(  # noqa: PLR0913 - what is known of one logout
        self,
        environ: "WSGIEnvironment",
        then: Afterwards,
        others: str,
        *,
        headers: Iterable[tuple[str, str]] = (),
        reference: str = "",
        again: str = "",
        at_instant: float | None = None,
        is_past: bool = False,
        status: int = 200,
        page_at: str = "",
    ) -> Response:
        """Where she wants to be, if the ``others`` have no news for her; else a page.

        ``others`` is one of those of ``logged_out.html``, or ``everywhere``.
        ``again`` is where the hub may be told again, or "". ``at_instant`` is when that
        was done, if it is not now, and ``is_past`` whether nobody knows any more that
        it is so; ``status`` is that of the page, where what came of the others is
        refused. ``page_at`` is the address of ours where the page is, or "": it is the
        answer.
        """
        own, target = env.trust(environ).own, then.target
        if then.is_partial and others == "everywhere":
            others = "partly"
        if then.begun_inside:
            inner_hub.remember_outcome(environ, target, others)
            return see_other(at(own.public_url, target), headers)
        if target and others in _NO_NEWS:
            return see_other(at(own.public_url, target), headers)
        if page_at:
            return see_other(page_at, headers)
        if is_past and others == "everywhere":
            others = "before"
        website = _website(environ, target)
        # A page that asks for a login at once is no way on for who has logged out.
        wants_hub = others in _HUB_HELPS or website is None
        return self._pages.page(
            environ,
            "logged_out.html",
            status=status,
            headers=headers,
            at=clock.now() if at_instant is None else at_instant,
            everywhere=others == "everywhere",
            others="" if others == "everywhere" else others,
            reference=reference,
            again_url=again,
            telephone=own.telephone,
            website_url=website,
            hub_url=_page_of_hub(environ) if wants_hub else "",
            hub_name=_name_of_hub(environ),
            login_url=own.url("login"),
        )


def _page_of_hub(environ: "WSGIEnvironment") -> str:
    """Return the page for visitors in the metadata of the visitor's hub, or ""."""
    hub = hub_choice.known_hub(environ)
    return env.trust(environ).federation.link_of(hub, language_of(environ))


def _name_of_hub(environ: "WSGIEnvironment") -> str:
    """Return the name of the visitor's hub in the language of the page, or ""."""
    hub = hub_choice.known_hub(environ)
    federation = env.trust(environ).federation
    return federation.name_of(hub, language_of(environ)) if hub else ""


def _website(environ: "WSGIEnvironment", target: str) -> str | None:
    """The page that the visitor wanted, or one that needs no login; None if none."""
    page = target or public_page(environ)
    return at(env.trust(environ).own.public_url, page) if page else None
