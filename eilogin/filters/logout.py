"""Start a logout, receive one, and end what it names.

*Needs* ``session`` and ``trust`` before it. *Reads* their keys. *Writes*
``eilogin.logout`` where a hub stands inside (``hub_inside``), which is told too of what
ends here; ends sessions. *Changes in the answer*: answers ``/eilogin/logout``,
``/eilogin/slo`` and ``/eilogin/slo/soap`` itself, and seals the application's cookies
(:mod:`eilogin.participant.application.app_cookies`)::

    [filter:logout]
    use = egg:eilogin#logout
    next = /

The visitor's session here ends first, before anything is sent, so that whatever
happens afterwards she is logged out here. Then the hub is told, and tells all others:
in her browser, or over SOAP, and then she stays here. Where not all are known to have
logged her out, a page says so before she goes on. A LogoutRequest of the hub is
executed by the NameID and SessionIndex that it names and needs no cookie. Functions of
``on_logout`` hear of each login that has ended (:class:`LogoutEvent`), and the
application's own logout is called (``app_logout_call``).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

from pydantic import BeforeValidator
from webob import Response

from eilogin.config import (
    Count,
    Flag,
    Options,
    Seconds,
    SitePath,
    option,
    placing,
    read,
)
from eilogin.errors import StoreUnavailable, UnknownPeer
from eilogin.federation import Trust
from eilogin.participant import logout_hint
from eilogin.participant.application.app_cookies import AppCookies, Choice, choice
from eilogin.participant.application.app_logout import Address, AppLogout, addresses
from eilogin.participant.application.app_logout_call import (
    AppLogoutCall,
    Call,
    HooksAndCall,
    call,
)
from eilogin.participant.inner_hub import Inside
from eilogin.participant.logout import pending_logouts
from eilogin.participant.logout.logout_hooks import GONE, HookNames, Hooks, load_hooks
from eilogin.participant.logout.logout_hooks import LogoutEvent as LogoutEvent
from eilogin.participant.logout.logout_intake import AFTER, LoggedOutElsewhere
from eilogin.participant.logout.logout_pages import Afterwards, LoggedOut
from eilogin.participant.logout.logout_requests import HubTold, LogoutBindings
from eilogin.participant.logout.logout_start import Leaving, LogoutCall, was_here
from eilogin.participant.logout.operator_logout import SiteAtWork
from eilogin.participant.response.login_errors import ways_back
from eilogin.saml import bindings
from eilogin.stores import logout_reserve
from eilogin.web import environ as env
from eilogin.web.cache_headers import not_in_advance
from eilogin.web.inbound_messages import read_message, verify
from eilogin.web.limits.slots import USUAL
from eilogin.web.outbound_messages import soap_fault
from eilogin.web.pages.page_frame import name_of
from eilogin.web.pages.page_languages import ASK, language_of
from eilogin.web.pages.page_rendering import Pages, note_refusal, with_hsts
from eilogin.web.requests import (
    allow_only,
    is_in_advance,
    is_own_navigation,
    read_form,
    read_query,
    require_own_form,
    safe_next,
    wants_page,
)
from eilogin.web.site_urls import at, root, see_other

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


#: Words by which ``app_cookies`` is meant to be on or off: hardly names of cookies.
_FLAGS = ("yes", "no", "true", "false", "on", "none")


def _no_flag(value: object) -> object:
    """Refuse a word that would switch ``auto`` off, for it is taken as a name."""
    if isinstance(value, str) and value.strip().lower() in _FLAGS:
        raise ValueError("'auto', 'off', or names such as 'sessionid remember_*'")
    return value


class LogoutOptions(Options, name="logout"):
    """What ``[filter:…] use = egg:eilogin#logout`` understands."""

    next: SitePath = option(
        "Leads the visitor to this path of the site after the logout.",
        default="",
        shown="a page that confirms the logout",
    )
    app_logout: Annotated[tuple[Address, ...], BeforeValidator(addresses)] = option(
        "Turns a logout of the application into a logout everywhere. List "
        "its addresses, separated by blanks, with or without a method: "
        "``/logout POST /uit``. The application handles the request first. "
        "If it answers with a status below 400, eilogin ends the session "
        "here and everywhere.",
        default=(),
        shown="none",
    )
    app_cookies: Annotated[
        Choice | None, BeforeValidator(choice), BeforeValidator(_no_flag)
    ] = option(
        "Binds cookies of the application to the login in which it set "
        "them. ``auto`` binds all that are HttpOnly. Add names to bind "
        "more, with ``*`` at the end for a prefix. ``-`` before a name "
        "exempts it (``auto -taal``). ``off`` binds none.",
        default=Choice(is_auto=True),
        shown="``auto``",
    )
    app_logout_call: Annotated[Call | None, BeforeValidator(call)] = option(
        "Calls this address of the application inside the process when a "
        "login has ended, wherever the logout was. The call has the cookies "
        "that the application set in that login. ``POST`` may stand before "
        "the address. For a form, add ``FIELD=COOKIE``: the field gets the "
        "value of the cookie.",
        default=None,
        shown="none",
    )
    logout_binding: LogoutBindings = option(
        "Chooses how the LogoutRequest goes to the hub: ``redirect`` and "
        "``post`` (both through the browser) or ``soap`` (from server to "
        "server). Name one or several, the preferred one first; the hub's "
        "metadata must offer it. ``auto`` is this order; if the NameID is a "
        "BSN, ``post`` comes first and ``redirect`` last.",
        default=(),
        shown="``auto``",
    )
    logout_timeout: Seconds = option(
        "Limits how long the hub may take to answer a LogoutRequest over "
        "SOAP. Duration, such as ``10s``.",
        default="10s",
    )
    logouts_at_once: Count = option(
        "Limits how many logouts of a process wait for a hub over SOAP at "
        "the same time. One client network gets at most half of them, "
        "rounded up. Another logout waits a few seconds. After that, "
        "eilogin ends the session here and sends the browser to the hub, or "
        "the visitor reads that the hub does not know yet and can try "
        "again. Whole number; keep it below the number of server threads, "
        "because a hub that hangs holds one thread for each.",
        default=USUAL,
    )
    encrypt_name_id: Flag = option(
        "Encrypts the NameID of a LogoutRequest, if the hub's metadata has "
        "a key for that.",
        default=False,
    )
    on_logout: HookNames = option(
        "Calls these functions when a logout has ended a login here. Each "
        "is ``module:function``; separate them with blanks. eilogin also "
        "calls the entry points ``eilogin.logout`` of installed packages.",
        default=(),
        shown="none",
    )
    on_logout_timeout: Seconds = option(
        "Limits how long a logout waits for these functions and for "
        "``app_logout_call``. They may go on after that. Duration, such as "
        "``2s``.",
        default="2s",
    )


class LogoutFilter:
    """The filter; ``options`` say how to log out, and where a visitor is then.

    Raises :class:`eilogin.errors.InvalidOptions` for a hook that cannot be called.
    """

    eilogin_part = "logout"

    def __init__(self, app: "WSGIApplication", options: LogoutOptions) -> None:
        self._next = options.next
        self._pages = Pages()
        self._logged_out = LoggedOut(self._pages)
        inside = Inside(app)
        self.app = inner = app
        named, wait = load_hooks(options.on_logout), options.on_logout_timeout
        hooks = Hooks(named, wait)
        if options.app_logout_call is not None:
            inner = called = AppLogoutCall(app, options.app_logout_call)
            hooks = HooksAndCall(named, wait, called)
        self._hooks = hooks
        self._leaving = Leaving(
            self._pages,
            HubTold(
                options.logout_binding,
                timeout=options.logout_timeout,
                at_once=options.logouts_at_once,
                encrypts=options.encrypt_name_id,
            ),
            inside,
            self._logged_out,
            hooks,
            options.next,
        )
        if options.app_cookies is not None:
            inner = AppCookies(inner, options.app_cookies)
        self._ways_out = env.WaysOut()
        if options.app_logout:
            inner = app_logout = AppLogout(
                inner,
                options.app_logout,
                self._leaving,
                self._ask_first,
                self._refusal,
                options.next,
            )
            self._ways_out.has = app_logout.is_at_one
        self._inner: WSGIApplication = inner
        self._elsewhere = LoggedOutElsewhere(self._pages, inside, hooks)
        self._own_addresses: Mapping[
            str | None, Callable[[WSGIEnvironment], Response]
        ] = {
            "logout": self._start,
            "slo": self._front_channel,
            "slo_soap": self._elsewhere.directly,
            env.GONE: self._gone,
            env.APP_LOGOUT: self._not_let_in,
            env.PENDING_LOGOUT: self._carry_out,
            env.PENDING_QUIETLY: self._carry_out_quietly,
        }
        # Whether a hub stands inside the first page finds out; no other one asks.
        self._pass_on: WSGIApplication = self._at_first

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer our own addresses, and pass everything else on."""
        try:
            answer = self._own_answer(environ)
        except Exception as error:  # noqa: BLE001 - no traceback reaches a visitor
            answer = self._refusal(environ, error)
        if answer is None:
            return self._pass_on(environ, start_response)
        return with_hsts(environ, answer)(environ, start_response)

    def _own_answer(self, environ: "WSGIEnvironment") -> Response | None:
        """Answer at one of our own addresses; None at any other."""
        respond = self._own_addresses.get(env.address(environ))
        if respond is None:
            return None
        with logout_reserve.for_logout():
            return respond(environ)

    def _at_first(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        # An earlier process may have left logouts in the retry queue.
        self._leaving.courier.wake_if_queued(environ)
        has_hub = env.trust(environ).own.hub_inside is not None
        self._pass_on = self._pass_on_to_hub if has_hub else self._inner
        return self._pass_on(environ, start_response)

    def _pass_on_to_hub(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        environ[env.LOGOUT] = LogoutCall(self._leaving, environ)
        return self._inner(environ, start_response)

    def _refusal(self, environ: "WSGIEnvironment", error: Exception) -> Response:
        address = environ.get(env.ADDRESS)
        if address == "slo_soap" and environ["REQUEST_METHOD"] == "POST":
            return soap_fault(error, note_refusal(error, "logout", environ))
        can_try = address == "logout" and isinstance(error, StoreUnavailable)
        again = env.trust(environ).own.url("logout") if can_try else None
        kept = pending_logouts.begun(environ, error)
        answer = self._pages.refuse(
            environ,
            error,
            event="logout",
            again=again,
            ways_back=ways_back(environ, again),
            is_pending=bool(kept),
        )
        answer.headerlist.extend(kept)
        return answer

    # --- /eilogin/logout: the visitor wants to go -----------------------------------

    def _start(self, environ: "WSGIEnvironment") -> Response:
        if env.OPERATOR in environ:
            environ[env.OPERATOR].site = SiteAtWork(environ, self._leaving)
            return Response(status=204)
        allow_only(environ, "GET", "POST")
        if is_in_advance(environ):
            return not_in_advance()
        public_url = env.trust(environ).own.public_url
        if environ["REQUEST_METHOD"] == "POST":
            require_own_form(environ, public_url)
            wanted = read_form(environ).get("next")
        elif is_own_navigation(environ, public_url) and not _is_asking(environ):
            wanted = read_query(environ).get("next")
        else:
            # A link on another site must not log anybody out by itself.
            return self._ask_first(environ)
        return self._log_out(environ, safe_next(wanted, self._next))

    def _not_let_in(self, environ: "WSGIEnvironment") -> Response:
        """Who comes to the application's own logout, and may not pass to it.

        Also a word to ``login``, of which addresses that are.
        """
        if env.WAYS_OUT in environ:
            environ[env.WAYS_OUT].has = self._ways_out.has
            return Response(status=204)
        public_url = env.trust(environ).own.public_url
        if environ["REQUEST_METHOD"] == "POST":
            # No cookie comes along with another site's: nobody knows who she is.
            require_own_form(environ, public_url)
        if not is_own_navigation(environ, public_url):
            return self._ask_first(environ)
        return self._log_out(environ, self._next)

    def _log_out(self, environ: "WSGIEnvironment", target: str) -> Response:
        answer = self._answer_to_logout(environ, target)
        answer.headerlist.extend(pending_logouts.let_go(environ))
        return answer

    def _answer_to_logout(self, environ: "WSGIEnvironment", target: str) -> Response:
        # An idle session is over here and lives at the hub, and so at others.
        login = env.session_to_end(environ)
        if login is None:
            expired = [env.cookie(environ).expire()]
            return (
                self._leaving.leave_without_session(environ, target)
                or self._leaving.answered(environ, target, expired)
                or self._nobody_here(environ, target, expired)
            )
        return self._leaving.leave(environ, login, target)

    # --- a logout that the store could not carry out before -------------------------

    def _carry_out(self, environ: "WSGIEnvironment") -> Response:
        """Carry out the pending logout of this browser, and answer with its page."""
        if not wants_page(environ) or environ["REQUEST_METHOD"] != "GET":
            return self._carry_out_quietly(environ)
        try:
            login = env.session_to_end(environ)
            if login is None:
                answer = self._leaving.leave_ended(environ, self._next)
            else:
                answer = self._leaving.leave(environ, login, self._next)
        except StoreUnavailable:
            return Response(status=pending_logouts.NOT_YET)
        if answer is None:
            answer = Response(status=pending_logouts.DONE)
            answer.headerlist += logout_hint.mark_spent(environ)
        answer.headerlist.extend(pending_logouts.let_go(environ))
        return answer

    def _carry_out_quietly(self, environ: "WSGIEnvironment") -> Response:
        """Carry out the pending logout of this browser, and answer with its cookies."""
        answer = Response(status=pending_logouts.DONE)
        try:
            login = env.session_to_end(environ)
            if login is None:
                answer.headerlist += self._leaving.end_ended_by_script(environ)
            else:
                answer.headerlist += self._leaving.end_by_script(environ, login)
        except StoreUnavailable:
            return Response(status=pending_logouts.NOT_YET)
        answer.headerlist.extend(pending_logouts.let_go(environ))
        return answer

    def _nobody_here(
        self,
        environ: "WSGIEnvironment",
        target: str,
        headers: Iterable[tuple[str, str]] = (),
    ) -> Response:
        """For whom there is nothing to end: a stranger, or who is logged out already.

        The others may know her all the same, and nobody here can tell which they are.
        """
        others = "unknown" if was_here(environ) else "no-login"
        then = Afterwards(target)
        return self._logged_out.answer(
            environ,
            then,
            others,
            headers=headers,
            again=self._leaving.again_url(environ, target),
        )

    def _ask_first(self, environ: "WSGIEnvironment") -> Response:
        """The page with a button, for who comes from elsewhere and is logged in."""
        if not self._leaving.is_known(environ):
            # Who wants to log out is to read that here nothing was done. Another
            # site's link takes no cookie of hers away either.
            return self._nobody_here(environ, "")
        trust = env.trust(environ)
        own = trust.own
        return self._pages.page(
            environ,
            "confirm_logout.html",
            action=own.url("logout"),
            name=name_of(own, language_of(environ)),
            is_here=env.session_to_end(environ) is not None,
            back_url=at(own.public_url, root(own.public_url)),
            # The form's redirect leads to the hub.
            form_action=list(_logout_addresses(trust)),
        )

    # --- logins that have ended by what the hub says ----------------------------------

    def _gone(self, environ: "WSGIEnvironment") -> Response:
        """Tell the hooks of what ``login`` has ended; a request of its own."""
        ended: env.Ended = environ[env.ENDED]
        self._hooks.tell(environ, ended.logins, GONE)
        return Response(status=204)

    # --- /eilogin/slo: messages through the browser ---------------------------------

    def _front_channel(self, environ: "WSGIEnvironment") -> Response:
        """The hub's answer to a logout of ours, or its word of one elsewhere.

        Without a message it is the page of what the hub has answered.
        """
        if environ["REQUEST_METHOD"] == "GET" and not environ.get("QUERY_STRING"):
            return self._what_came(environ)
        if environ.get("QUERY_STRING", "").startswith(f"{AFTER}="):
            allow_only(environ, "GET")
            handle = read_query(environ).get(AFTER, "")
            return self._elsewhere.after_browser(environ, handle)
        received = read_message(environ)
        if received.kind == bindings.RESPONSE:
            return self._leaving.come_back(environ, received)
        trust = env.trust(environ)
        inbound = verify(received, trust.hub_keys, trust.weak)
        return self._elsewhere.through_browser(environ, inbound)

    def _what_came(self, environ: "WSGIEnvironment") -> Response:
        if env.session(environ) is None:
            answered = self._leaving.answered(environ)
            return answered or self._nobody_here(environ, "")
        # Logged in again since.
        public_url = env.trust(environ).own.public_url
        return see_other(at(public_url, root(public_url)))


def _is_asking(environ: "WSGIEnvironment") -> bool:
    """Whether the page of this address is to ask first, wherever the link stands."""
    return read_query(environ).get(ASK) == "yes"


def _logout_addresses(trust: Trust) -> Iterator[str]:
    """Where our hubs take a LogoutRequest, of those whose metadata has not expired."""
    for hub in trust.hub_ids:
        with suppress(UnknownPeer):
            yield from (endpoint.location for endpoint in trust.hub(hub).single_logouts)


def make_logout(
    app: "WSGIApplication", global_conf: Mapping[str, str], **local_conf: str
) -> LogoutFilter:
    """PasteDeploy's factory for ``egg:eilogin#logout``."""
    options = read(LogoutOptions, global_conf, local_conf)
    with placing(LogoutOptions, global_conf, local_conf):
        return LogoutFilter(app, options)
