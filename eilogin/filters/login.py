"""Send strangers to the hub, receive its answer, and ask for a level per path.

*Needs* ``session`` and ``trust`` before it. *Reads* their keys. *Writes*
``eilogin.login`` (the call ``require``), new sessions, and when a visitor was last
seen. *Changes in the answer*: answers ``/eilogin/login``, ``/eilogin/acs`` and
``/eilogin/session`` itself, and in the place of a page that needs a login: a redirect
for a navigation, a page with a link where a form was sent, 401 with JSON for a
background call::

    [filter:login]
    use = egg:eilogin#login
    protect =
        =/              optional
        /static         off
        /mijn/bezwaar   midden

What no line of ``protect`` names needs ``basis``.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import unquote

from webob import Response

from eilogin import audit, clock
from eilogin.errors import (
    LevelTooLow,
    LoginEnded,
    LoginFailed,
    LoginLost,
    StoreUnavailable,
)
from eilogin.federation import Own
from eilogin.saml import messages
from eilogin.saml.checks import SKEW
from eilogin.saml.levels import LEVEL_OF, LEVELS, reaches
from eilogin.sessions import Login, PendingLogin, PendingLogins, Subject
from eilogin.settings import Flag, Options, Seconds, option, read
from eilogin.web import environ as env
from eilogin.web.answers import AnswerReader
from eilogin.web.asking import (
    ask_hub,
    forget_asking,
    hub_answers,
    login_address,
    remember_asking,
    was_asked,
)
from eilogin.web.pages import Pages, json_answer, language_of
from eilogin.web.paths import OFF, OPTIONAL, ProtectLines, Rules, canonical
from eilogin.web.requests import (
    allow_only,
    is_navigation,
    read_query,
    safe_next,
    wants_page,
)
from eilogin.web.urls import at, root, see_other, this_page

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class LoginOptions(Options, name="login"):
    """What ``[filter:…] use = egg:eilogin#login`` understands."""

    protect: ProtectLines = option(
        "lines of a path and what it needs: a level (``basis``, ``midden``, "
        "``substantieel``, ``hoog``), ``optional`` or ``off``; ``=/path`` is that path "
        "alone; the longest line wins",
        default=(),
        shown="``/ basis``",
    )
    keep_alive: Seconds = option(
        "on a navigation, when the hub last confirmed the login longer ago than this, "
        "ask it again, silently",
        default="10m",
    )
    second_opinion: Flag = option(
        "let python3-saml judge every answer of the hub too", default=True
    )


class LoginFilter:
    """The filter; ``options`` say which paths need a login."""

    def __init__(self, app: "WSGIApplication", options: LoginOptions) -> None:
        self.app = app
        self._rules: Rules = options.protect
        self._keep_alive_after = options.keep_alive
        self._pages = Pages()
        self._answers = AnswerReader(second_opinion=options.second_opinion)
        self._own_addresses: Mapping[str, Callable[[WSGIEnvironment], Response]] = {
            "login": self._start,
            "acs": self._receive,
            "session": self._tell_session,
        }

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer our own addresses; ask for a login where a path needs one."""
        environ[env.LOGIN] = LoginCall(self, environ)
        answer = self._answer(environ)
        if answer is None:
            return self.app(environ, start_response)
        return answer(environ, start_response)

    def _answer(self, environ: "WSGIEnvironment") -> Response | None:
        try:
            address = env.address(environ)
            if address is None:
                return self._guard(environ)
            respond = self._own_addresses.get(address)
            return None if respond is None else respond(environ)
        except Exception as error:  # noqa: BLE001 - no traceback reaches a visitor
            is_answer = environ.get(env.ADDRESS) == "acs"
            again = _first_page(environ, LEVELS[0]) if is_answer else None
            return self._pages.refuse(environ, error, event="login", again=again)

    # --- who may pass ---------------------------------------------------------------

    def _guard(self, environ: "WSGIEnvironment") -> Response | None:
        """What stands between this visitor and the page, or None."""
        rule = self._rules.rule_for(canonical(environ))
        if rule == OFF:
            environ[env.SESSION] = None
            return None
        if rule == OPTIONAL:
            return self._kept_alive(environ, env.session_or_none(environ))
        return self.require(environ, rule)

    def require(
        self,
        environ: "WSGIEnvironment",
        level: str,
        *,
        force: bool = False,
        passive: bool = False,
    ) -> Response | None:
        """None where she is logged in at ``level`` or higher; else what to answer.

        See :class:`eilogin.web.environ.LoginService`. Raises
        :class:`eilogin.errors.StoreUnavailable` where nobody can tell.
        """
        login = env.session(environ)
        if login is not None and not force and reaches(login.level, level):
            return self._kept_alive(environ, login)
        if passive and was_asked(environ):
            return None
        return self._ask(environ, level, force=force, passive=passive)

    def _kept_alive(
        self, environ: "WSGIEnvironment", login: Login | None
    ) -> Response | None:
        """Note that she is there; the silent question to the hub, where it is due.

        That is asked on a navigation only, for the lowest level (which the hub serves
        without a prompt), and not while the hub does not answer. Whatever goes wrong
        with it must not stand between her and the page.
        """
        if login is None:
            return None
        try:
            if _is_activity(environ):
                env.sessions(environ).touch(login)
            if not self._is_keep_alive_due(environ, login):
                return None
            return ask_hub(environ, _this_page(environ), LEVELS[0], passive=True)
        except StoreUnavailable:
            return None

    def _is_keep_alive_due(self, environ: "WSGIEnvironment", login: Login) -> bool:
        return (
            clock.now() - login.confirmed >= self._keep_alive_after
            and environ["REQUEST_METHOD"] == "GET"
            and is_navigation(environ)
            and not was_asked(environ)
            and hub_answers(environ)
        )

    def _ask(
        self, environ: "WSGIEnvironment", level: str, *, force: bool, passive: bool
    ) -> Response:
        """A redirect, or what can be answered where none would lead back here."""
        page = _this_page(environ)
        if wants_page(environ):
            if environ["REQUEST_METHOD"] == "HEAD":
                # Nobody comes back from that: nothing is remembered for it.
                return see_other(login_address(environ, page, level), status=302)
            return ask_hub(environ, page, level, force=force, passive=passive)
        address = _first_page(environ, level)
        if is_navigation(environ):
            # A form was sent: a redirect would lose what was filled in, and the
            # page's own policy may forbid that it leads to another site.
            return self._pages.page(
                environ,
                "login_needed.html",
                status=403,
                login_url=address,
                name=_own(environ).names[language_of(environ)],
            )
        told = {"error": "login-needed", "level": level, "login": address}
        # RFC 9110 11.6.1 wants a scheme; browsers show no prompt for one of ours.
        challenge = [("WWW-Authenticate", "eilogin")]
        return json_answer(environ, told, status=401, headers=challenge)

    # --- our own addresses ----------------------------------------------------------

    def _start(self, environ: "WSGIEnvironment") -> Response:
        """``/eilogin/login``: a login that somebody asks for by a link."""
        allow_only(environ, "GET", "HEAD")
        query = read_query(environ)
        target = safe_next(query.get("next"), root(_own(environ).public_url))
        level = query.get("level", LEVELS[0])
        level = level if level in LEVELS else LEVELS[0]
        login = env.session(environ)
        if login is not None and reaches(login.level, level):
            return _go_to(environ, target)
        return ask_hub(environ, target, level)

    def _tell_session(self, environ: "WSGIEnvironment") -> Response:
        """``/eilogin/session``: how long still; asking keeps no session alive."""
        allow_only(environ, "GET", "HEAD")
        login = env.session(environ)
        told: dict[str, object] = {"logged_in": login is not None}
        if login is not None:
            now = clock.now()
            idle_at = env.sessions(environ).idle_at(login)
            told["level"] = login.level
            told["until"] = login.until.isoformat(timespec="seconds")
            told["seconds_left"] = max(0, int(login.ends - now))
            told["idle_seconds_left"] = max(0, int(idle_at - now))
        return json_answer(environ, told)

    def _receive(self, environ: "WSGIEnvironment") -> Response:
        """``/eilogin/acs``: the hub's answer, by artifact or POST."""
        answer = self._answers.receive(environ)
        if isinstance(answer, Response):
            return answer
        if answer.assertion is not None:
            return _log_in(environ, answer.pending, answer.assertion)
        if answer.failure is not None:
            return self._without_login(environ, answer.pending, answer.failure)
        login = env.session(environ)
        if login is None or login.key != answer.pending.spent_by:
            raise LoginLost("this answer was used, and its session is not here")
        return _go_to(environ, answer.pending.target)

    def _without_login(
        self, environ: "WSGIEnvironment", pending: PendingLogin, failure: LoginFailed
    ) -> Response:
        """What to show where the hub says that there is no login."""
        audit.event(
            "login",
            "refused",
            peer=pending.hub,
            level=pending.level,
            reason=failure.status_codes[-1].rpartition(":")[2],
        )
        if pending.is_passive:
            asked = remember_asking(self._keep_alive_after)
            return _go_to(environ, pending.target, [asked])
        if messages.AUTHN_FAILED not in failure.status_codes:
            raise failure
        return self._pages.page(
            environ,
            "cancelled.html",
            login_url=login_address(environ, pending.target, pending.level),
            back_url=self._open_page(environ, pending.target),
            logged_in=env.session(environ) is not None,
        )

    def _open_page(self, environ: "WSGIEnvironment", target: str) -> str:
        """The page where the login was asked for if it is open to her, or the first."""
        rule = self._rules.rule_for(unquote(target.partition("?")[0]))
        login = env.session(environ)
        if rule in (OFF, OPTIONAL) or (login and reaches(login.level, rule)):
            return target
        return root(_own(environ).public_url)


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


# --- from an assertion to a login -----------------------------------------------------


def _log_in(
    environ: "WSGIEnvironment", pending: PendingLogin, assertion: messages.Assertion
) -> Response:
    """Make the login that an assertion speaks of, and go on to the page."""
    sessions, own = env.sessions(environ), _own(environ)
    login = _login_of(assertion, _level_reached(pending, assertion), own.entity_id)
    current = env.session(environ)
    if current is not None and current.who == login.who:
        login = current.confirmed_by(login)
    name = f"assertion:{assertion.issuer}\0{assertion.id}"
    sessions.use_once(name, assertion.confirmation_ends + SKEW)
    pendings = PendingLogins(env.values(environ))
    claimed = pendings.claim(pending)
    if claimed is None:
        raise LoginLost("another answer came first")
    try:
        token = sessions.create_login(login, issued=assertion.issued, replaces=current)
    except LoginEnded:
        is_hers = current is not None and current.who == login.who
        if current is None or not is_hers or not sessions.is_live(current):
            raise
        # Another tab was faster, and has renewed the session that we saw: its
        # cookie is in the browser, or on its way.
        return _go_to(environ, pending.target)
    pendings.spend(claimed, sessions.key_of(token))
    audit.event(
        _what_happened(current, login),
        pseudonym=own.pseudonym(login.subject),
        session=own.pseudonym(token),
        peer=assertion.issuer,
        level=login.level,
    )
    headers = [env.cookie(environ).set(token), forget_asking()]
    return _go_to(environ, pending.target, headers)


def _level_reached(pending: PendingLogin, assertion: messages.Assertion) -> str:
    """The level that was confirmed, if that is what was asked for; or LevelTooLow."""
    level = LEVEL_OF.get(assertion.level_class)
    if level is None or not reaches(level, pending.level):
        raise LevelTooLow(
            f"{pending.level} was asked for; {assertion.level_class!r} came"
        )
    if pending.is_forced and assertion.authn_instant < pending.asked - SKEW:
        raise LevelTooLow("a fresh proof was asked for; an old one came")
    return level


def _login_of(assertion: messages.Assertion, level: str, audience: str) -> Login:
    now = clock.now()
    return Login(
        who=Subject.named(
            assertion.name_id, issuer=assertion.issuer, audience=audience
        ),
        level=level,
        # First sight of her here: a hub may tell no end, and may have confirmed her
        # long ago.
        started=now,
        ends=assertion.session_ends or float("inf"),
        confirmed=now,
        attributes=assertion.attributes,
        session_index=assertion.session_index,
    )


def _what_happened(before: Login | None, now: Login) -> str:
    if before is None or before.who != now.who:
        return "login"
    return "keep-alive" if before.level == now.level else "step-up"


# --- small parts ----------------------------------------------------------------------


def _own(environ: "WSGIEnvironment") -> Own:
    return env.trust(environ).own


def _is_activity(environ: "WSGIEnvironment") -> bool:
    """Whether a person does this: what a script asks for by itself does not count."""
    return (
        environ["REQUEST_METHOD"] not in ("GET", "HEAD")
        or environ.get("HTTP_SEC_FETCH_MODE", "navigate") == "navigate"
    )


def _this_page(environ: "WSGIEnvironment") -> str:
    return this_page(environ, _own(environ).public_url)


def _first_page(environ: "WSGIEnvironment", level: str) -> str:
    """Where a login begins that leads to the site's first page."""
    return login_address(environ, root(_own(environ).public_url), level)


def _go_to(
    environ: "WSGIEnvironment",
    target: str,
    headers: Sequence[tuple[str, str]] = (),
) -> Response:
    return see_other(at(_own(environ).public_url, target), headers)


def make_login(
    app: "WSGIApplication", global_conf: Mapping[str, str], **local_conf: str
) -> LoginFilter:
    """PasteDeploy's factory for ``egg:eilogin#login``."""
    options = read(LoginOptions, global_conf, local_conf)
    return LoginFilter(app, options)
