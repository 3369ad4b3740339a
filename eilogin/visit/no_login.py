"""The hub says that there is no login: what the visitor sees, and her way back.

Also where it says more, and the login that was asked for is lost.
"""

from typing import TYPE_CHECKING
from urllib.parse import unquote

from webob import Response

from eilogin import audit
from eilogin.errors import LoginFailed, LoginLost, PathRefused
from eilogin.saml import messages
from eilogin.saml.levels import reaches
from eilogin.visit import limits
from eilogin.visit.arrival import go_to
from eilogin.visit.asking import login_address, remember_asking
from eilogin.visit.rules import OFF, OPTIONAL, Rules
from eilogin.visit.under_way import PendingLogin
from eilogin.web import environ as env
from eilogin.web.pages import Pages, language_of, note_refusal
from eilogin.web.urls import root

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class NoLogin:
    """Answers the browser that brings such a word of the hub, or a login that is lost.

    ``rules`` say which page is open to her; ``silence`` is how many seconds the hub is
    not asked again silently.
    """

    def __init__(self, pages: Pages, rules: Rules, silence: float) -> None:
        self._pages = pages
        self._rules = rules
        self._silence = silence

    def answer(
        self, environ: "WSGIEnvironment", pending: PendingLogin, failure: LoginFailed
    ) -> Response:
        """The page of a login that she cancelled, or on to where she was silently.

        Raises ``failure`` where it is something else.
        """
        audit.event(
            "login",
            "refused",
            peer=pending.hub,
            level=pending.level,
            reason=failure.status_codes[-1].rpartition(":")[2],
        )
        if pending.is_passive:
            return go_to(environ, pending.target, [remember_asking(self._silence)])
        if messages.AUTHN_FAILED not in failure.status_codes:
            raise failure
        return self._pages.page(
            environ,
            "cancelled.html",
            login_url=login_address(environ, pending.target, pending.level),
            back_url=self._open_page(environ, pending.target),
            logged_in=env.session(environ) is not None,
        )

    def forgotten(self, environ: "WSGIEnvironment", error: LoginLost) -> Response:
        """The page of a login that is lost, for who is logged in by now all the same.

        Many tabs were opened at once, and she logged in at another one.
        """
        note_refusal(error, "login")
        own = env.trust(environ).own
        return self._pages.page(
            environ,
            "logged_in.html",
            status=409,
            name=own.names[language_of(environ)],
            website_url=root(own.public_url),
        )

    def _open_page(self, environ: "WSGIEnvironment", target: str) -> str:
        """The page where the login was asked for if it is open to her, or the first."""
        is_open = self._is_open(environ, unquote(target.partition("?")[0]))
        return target if is_open else root(env.trust(environ).own.public_url)

    def _is_open(self, environ: "WSGIEnvironment", path: str) -> bool:
        try:
            rule = self._rules.rule_for(path)
        except PathRefused:
            return False
        login = env.session(environ)
        return rule.need in (OFF, OPTIONAL) or (
            login is not None
            and reaches(login.level, rule.need)
            and not limits.needs_proof(environ, login, rule)
        )
