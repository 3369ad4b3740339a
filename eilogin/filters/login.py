"""Send strangers to the hub, receive its answer, and ask for a level per path.

*Needs* ``session`` and ``trust`` before it. *Reads* their keys. *Writes*
``eilogin.login`` (the call ``require``), ``eilogin.fresh`` where a limit of the path
asks for a fresh proof, None as ``eilogin.session`` on ``off`` paths and (``bind_address
= enforce``) from another network, new sessions, and when a visitor was last seen.
*Changes in the answer*: answers ``/eilogin/login``, ``/eilogin/acs``,
``/eilogin/session``, ``/eilogin/again`` and ``/eilogin/warning.js`` itself, and with
``warn`` puts a script into pages of who is logged in (:mod:`eilogin.visit.warning`);
and in the place of a page that needs a login: a redirect for a navigation, a page with
a link in a frame and where a form was sent (which is kept, :mod:`eilogin.visit.again`),
401 with JSON for a background call and for what a browser fetches in advance::

    [filter:login]
    use = egg:eilogin#login
    protect =
        =/              optional
        /static         off
        /mijn/bezwaar   midden

What no line of ``protect`` names needs ``basis``.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator
from webob import Response

from eilogin import clock
from eilogin.errors import (
    LoginLoops,
    LoginLost,
    NotFound,
    PathRefused,
    StoreUnavailable,
)
from eilogin.federation import Own
from eilogin.saml.levels import LEVELS, reaches
from eilogin.sessions import Login
from eilogin.settings import Flag, Options, Seconds, Size, option, read
from eilogin.visit import limits, rounds
from eilogin.visit.again import SecondChance, handle_in
from eilogin.visit.answers import AnswerReader
from eilogin.visit.arrival import go_to, log_in, once_more
from eilogin.visit.asking import (
    ask_hub,
    hub_answers,
    hub_of,
    login_address,
    was_asked,
)
from eilogin.visit.no_login import NoLogin
from eilogin.visit.rules import OFF, OPTIONAL, ProtectLines, Rules
from eilogin.visit.warning import EndWarning, tell_session
from eilogin.visit.whereabouts import BindAddress, Whereabouts
from eilogin.web import environ as env
from eilogin.web.pages import Pages, json_answer, language_of
from eilogin.web.requests import (
    allow_only,
    fills_window,
    is_in_frame,
    is_looked_at,
    is_navigation,
    read_query,
    safe_next,
    wants_page,
)
from eilogin.web.urls import root, see_other, this_page

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


#: Addresses of ours that need the session they are called with, whoever has it: an
#: answer ends it, a logout does, and the hub comes without any.
_FROM_ANYWHERE = frozenset(("acs", "logout", "slo", "slo_soap"))


def _none_where_off(value: object) -> object:
    is_off = isinstance(value, str) and value.strip().lower() in ("no", "off", "none")
    return None if is_off else value


class LoginOptions(Options, name="login"):
    """What ``[filter:…] use = egg:eilogin#login`` understands."""

    protect: ProtectLines = option(
        "lines of a path and what it needs: a level (``basis``, ``midden``, "
        "``substantieel``, ``hoog``), ``optional`` or ``off``; ``=/path`` is that path "
        "alone; the longest line wins; after it ``methods=GET,POST`` for these alone, "
        "and beside a level ``idle=5m`` and ``max_age=10m``",
        default=(),
        shown="``/ basis``",
    )
    keep_alive: Seconds = option(
        "on a navigation, when the hub last confirmed the login longer ago than this, "
        "ask it again, silently",
        default="10m",
    )
    bind_address: BindAddress = option(
        "where a session comes from another network than its login: ``warn`` the log, "
        "or ``enforce``, and see a stranger",
        default="off",
    )
    second_opinion: Flag = option(
        "let python3-saml judge every answer of the hub too", default=True
    )
    keep_post: Size = option(
        "keep a form of at most this size that was sent after its session had ended, "
        "for an hour, and let the visitor send it again after logging in; ``off`` "
        "keeps none",
        default="1m",
    )
    store_down: Literal["refuse", "optional"] = option(
        "while the store does not answer: ``refuse`` who may be logged in, on every "
        "path but ``off`` ones (status 503), or serve ``optional`` paths as to a "
        "stranger",
        default="refuse",
    )
    warn: Annotated[Seconds | None, BeforeValidator(_none_where_off)] = option(
        "this long before a session ends, say so on the page that the visitor looks "
        "at, and let her go on; puts a script into HTML answers; ``2m`` is a good "
        "time, and ``off`` is none",
        default=None,
        shown="no warning",
    )


class LoginFilter:
    """The filter; ``options`` say which paths need a login."""

    def __init__(self, app: "WSGIApplication", options: LoginOptions) -> None:
        self.app = app
        self._rules: Rules = options.protect
        self._keep_alive_after = options.keep_alive
        self._whereabouts = Whereabouts(options.bind_address)
        self._pages = Pages()
        self._answers = AnswerReader(second_opinion=options.second_opinion)
        self._no_login = NoLogin(self._pages, self._rules, options.keep_alive)
        self._forms = SecondChance(self._pages, options.keep_post, self._whereabouts)
        self._warns = options.warn is not None
        self._end_warning = EndWarning(options.warn or 0)
        self._refuses_when_down = options.store_down == "refuse"
        self._own_addresses: Mapping[str, Callable[[WSGIEnvironment], Response]] = {
            "login": self._start,
            "acs": self._receive,
            "session": self._tell_session,
            "again": self._send_again,
            "warning": self._warning_script,
        }

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer our own addresses; ask for a login where a path needs one."""
        environ[env.LOGIN] = LoginCall(self, environ)
        try:
            address = env.address(environ)
            if self._whereabouts.is_on and address not in _FROM_ANYWHERE:
                self._whereabouts.check(environ)
            if address is None:
                answer = self._guard(environ)
            else:
                respond = self._own_addresses.get(address)
                answer = None if respond is None else respond(environ)
        except Exception as error:  # noqa: BLE001 - no traceback reaches a visitor
            answer = self._refusal(environ, error)
        if answer is not None:
            return answer(environ, start_response)
        if self._warns:
            return self._end_warning.answer(self.app, environ, start_response)
        return self.app(environ, start_response)

    def _refusal(self, environ: "WSGIEnvironment", error: Exception) -> Response:
        again = _again(environ, error)
        answer = self._pages.refuse(environ, error, event="login", again=again)
        if isinstance(error, LoginLoops):
            answer.headerlist.append(rounds.forget())
        return answer

    # --- who may pass ---------------------------------------------------------------

    def _guard(self, environ: "WSGIEnvironment") -> Response | None:
        """What stands between this visitor and the page, or None."""
        rule = self._rules.rule_of(environ)
        if rule.need == OFF:
            environ[env.SESSION] = None
            return None
        if rule.need == OPTIONAL:
            if self._refuses_when_down:
                # Who brings a session that nobody can look up is no stranger.
                env.session(environ)
            return self._kept_alive(environ, env.session_or_none(environ))
        if rule.has_limits and limits.needs_proof(environ, env.session(environ), rule):
            environ[env.FRESH] = True
        if environ["REQUEST_METHOD"] == "POST":
            return self._guard_form(environ, rule.need)
        return self.require(environ, rule.need)

    def _guard_form(self, environ: "WSGIEnvironment", level: str) -> Response | None:
        """The same for a form, which is not lost where a login is needed first."""
        again = handle_in(environ)
        answer = self.require(environ, level)
        if answer is not None:
            return self._forms.keep(environ, level, again, answer)
        if again is None:
            return None
        # What stands in its place now may need more than its handle did.
        return self._forms.send(environ, again) or self._guard(environ)

    def require(
        self,
        environ: "WSGIEnvironment",
        level: str,
        *,
        force: bool = False,
        passive: bool = False,
    ) -> Response | None:
        """None where she is logged in at ``level`` or higher; else what to answer.

        See :class:`eilogin.web.environ.LoginService`. Raises the
        :class:`eilogin.errors.EiloginError` for which nobody can tell.
        """
        login = env.session(environ)
        force = force or env.FRESH in environ
        if login is not None and not force and reaches(login.level, level):
            return self._kept_alive(environ, login)
        if passive and (was_asked(environ) or is_in_frame(environ)):
            return None
        return self._ask(environ, level, force=force, passive=passive)

    def _kept_alive(
        self, environ: "WSGIEnvironment", login: Login | None
    ) -> Response | None:
        """Note that she is there; the silent question to the hub, where it is due.

        Both only where she looks at the page: what a script asks for, or a browser in
        advance, may be its own doing. The question is for the lowest level (which the
        hub serves without a prompt), and is not asked while the hub does not answer.
        A store that fails here must not stand between her and the page.
        """
        if login is None or not is_looked_at(environ):
            return None
        try:
            if self._rules.idle_limits:
                limits.note_pause(environ, login, self._rules.idle_limits)
            env.sessions(environ).touch(login)
            is_due = clock.now() - login.confirmed >= self._keep_alive_after
            if not is_due or not self._can_ask_silently(environ):
                return None
            return ask_hub(environ, _this_page(environ), LEVELS[0], passive=True)
        except StoreUnavailable:
            return None

    def _can_ask_silently(self, environ: "WSGIEnvironment") -> bool:
        return (
            environ["REQUEST_METHOD"] == "GET"
            and fills_window(environ)
            and not was_asked(environ)
            and hub_answers(environ)
        )

    def _ask(
        self, environ: "WSGIEnvironment", level: str, *, force: bool, passive: bool
    ) -> Response:
        """A redirect, or what can be answered where none would lead back here."""
        if wants_page(environ):
            page = _this_page(environ)
            if environ["REQUEST_METHOD"] == "HEAD":
                # Nobody comes back from that: nothing is remembered for it.
                return see_other(login_address(environ, page, level), status=302)
            if not passive:
                rounds.require_end(environ, page)
            return ask_hub(environ, page, level, force=force, passive=passive)
        return self._tell_login(environ, level, _first_page(environ, level))

    def _tell_login(
        self, environ: "WSGIEnvironment", level: str, address: str
    ) -> Response:
        """Where nobody can be sent to the hub: that a login begins at ``address``.

        A redirect would lose what was filled in, and the page's own policy may forbid
        that its form leads to another site; in a frame the hub shows nothing.
        """
        is_form = environ["REQUEST_METHOD"] == "POST" and is_navigation(environ)
        if not is_form and not is_in_frame(environ):
            return _unauthorized(environ, level, address)
        return self._pages.page(
            environ,
            "login_needed.html",
            status=403,
            login_url=address,
            name=_own(environ).names[language_of(environ)],
            was_sent=is_form,
        )

    # --- our own addresses ----------------------------------------------------------

    def _start(self, environ: "WSGIEnvironment") -> Response:
        """``/eilogin/login``: a login that somebody asks for by a link."""
        allow_only(environ, "GET", "HEAD")
        query = read_query(environ)
        target = safe_next(query.get("next"), root(_own(environ).public_url))
        level = query.get("level", LEVELS[0])
        level = level if level in LEVELS else LEVELS[0]
        login = env.session(environ)
        if query.get("fresh") == "yes":
            environ[env.FRESH] = True
        force = env.FRESH in environ
        is_click = environ["REQUEST_METHOD"] == "GET" and wants_page(environ)
        if login is not None and not force and reaches(login.level, level):
            if not is_click:
                return go_to(environ, target)
            rounds.require_end(environ, target, period=rounds.QUICK_PERIOD)
            return go_to(environ, target, [rounds.note(environ, target)])
        if is_click:
            rounds.require_end(environ, target)
            return ask_hub(environ, target, level, force=force)
        if wants_page(environ):
            # Only its head: nothing is remembered, and so nothing can be asked.
            return see_other(
                env.trust(environ).sso(hub_of(environ)).location, status=302
            )
        address = login_address(environ, target, level)
        return self._tell_login(environ, level, address)

    def _tell_session(self, environ: "WSGIEnvironment") -> Response:
        """``/eilogin/session``: how long still; or, by POST, that she is still here."""
        if environ["REQUEST_METHOD"] == "POST":
            self._note_pause(environ)
        return tell_session(environ)

    def _warning_script(self, environ: "WSGIEnvironment") -> Response:
        """``/eilogin/warning.js``: what ``warn`` puts into pages, where that is on."""
        if not self._warns:
            raise NotFound("no page of this site asks for it: warn is off")
        return self._end_warning.script(environ)

    def _send_again(self, environ: "WSGIEnvironment") -> Response:
        """``/eilogin/again``: a form that was kept, and a button that sends it."""
        answer = self.require(environ, LEVELS[0])
        return answer or self._forms.show(environ)

    def _receive(self, environ: "WSGIEnvironment") -> Response:
        """``/eilogin/acs``: the hub's answer, by artifact or POST."""
        try:
            answer = self._answers.receive(environ)
        except LoginLost as error:
            if self._whereabouts.of_this_network(environ, env.session(environ)) is None:
                raise
            return self._no_login.forgotten(environ, error)
        if isinstance(answer, Response):
            return answer
        if answer.assertion is not None:
            self._note_pause(environ)
            return log_in(
                environ,
                answer.pending,
                answer.assertion,
                self._forms,
                self._whereabouts,
            )
        if answer.failure is not None:
            return self._no_login.answer(environ, answer.pending, answer.failure)
        return once_more(environ, answer.pending)

    def _note_pause(self, environ: "WSGIEnvironment") -> None:
        """What she did not do until now counts, though a new login begins."""
        login = env.session(environ)
        if login is not None:
            limits.note_pause(environ, login, self._rules.idle_limits)


class LoginCall:
    """``environ['eilogin.login']``: see :class:`eilogin.web.environ.LoginService`."""

    __slots__ = ("_environ", "_filter")

    def __init__(self, filter_: LoginFilter, environ: "WSGIEnvironment") -> None:
        self._filter = filter_
        self._environ = environ

    def require(
        self, level: str, *, force: bool = False, passive: bool = False
    ) -> Response | None:
        """None where she is logged in at ``level`` or higher; else what to answer."""
        return self._filter.require(self._environ, level, force=force, passive=passive)


# --- small parts ----------------------------------------------------------------------


def _own(environ: "WSGIEnvironment") -> Own:
    return env.trust(environ).own


def _this_page(environ: "WSGIEnvironment") -> str:
    return this_page(environ, _own(environ).public_url)


def _again(environ: "WSGIEnvironment", error: Exception) -> str | None:
    """Where the visitor can try again what ended in an error."""
    if environ.get(env.ADDRESS) == "acs":
        return _first_page(environ, LEVELS[0])
    if isinstance(error, PathRefused | NotFound):
        return root(_own(environ).public_url)
    if isinstance(error, LoginLoops | StoreUnavailable) and wants_page(environ):
        return _this_page(environ)
    return None


def _reason(environ: "WSGIEnvironment", level: str) -> str:
    """Why a script is told to have the visitor log in, in a word that never changes."""
    login = env.session(environ)
    if env.FRESH in environ:
        return "proof-needed"
    if login is not None:
        return "login-needed" if reaches(login.level, level) else "level-too-low"
    # By whatever it ended: idle, its time over, logged out elsewhere.
    had_session = env.cookie(environ).read(environ) is not None
    return "session-expired" if had_session else "login-needed"


def _unauthorized(environ: "WSGIEnvironment", level: str, address: str) -> Response:
    """Where nobody looks: what is missing, and the address at which a login begins.

    A browser that asked in advance drops it, and asks again at the click.
    """
    told = {"reason": _reason(environ, level), "level": level, "login_url": address}
    # RFC 9110 11.6.1 wants a scheme; browsers show no prompt for one of ours.
    challenge = [("WWW-Authenticate", "eilogin")]
    return json_answer(environ, told, status=401, headers=challenge)


def _first_page(environ: "WSGIEnvironment", level: str) -> str:
    """Where a login begins that leads to the site's first page."""
    return login_address(environ, root(_own(environ).public_url), level)


def make_login(
    app: "WSGIApplication", global_conf: Mapping[str, str], **local_conf: str
) -> LoginFilter:
    """PasteDeploy's factory for ``egg:eilogin#login``."""
    options = read(LoginOptions, global_conf, local_conf)
    return LoginFilter(app, options)
