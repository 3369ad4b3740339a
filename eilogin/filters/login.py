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
from urllib.parse import parse_qs, unquote, urlencode

from webob import Response

from eilogin import audit, clock
from eilogin.errors import LevelTooLow, LoginEnded, LoginLost
from eilogin.saml import bindings, messages
from eilogin.saml.answers import SKEW
from eilogin.saml.levels import CLASS_OF, LEVEL_OF, LEVELS, reaches
from eilogin.saml.xml import serialize
from eilogin.sessions import Login, PendingLogin, PendingLogins, Subject
from eilogin.settings import Flag, Options, Seconds, option, read
from eilogin.web import environ as env
from eilogin.web.answers import LOGIN_COOKIES, Answer, AnswerReader, login_cookie
from eilogin.web.cookies import Cookie, names
from eilogin.web.pages import Pages, language_of
from eilogin.web.paths import OFF, OPTIONAL, ProtectLines, Rules, canonical
from eilogin.web.requests import is_navigation, origin_of, safe_next, wants_page
from eilogin.web.urls import see_other, this_page

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: Logins that one browser may have under way; the oldest gives way to a new one.
_MOST_TABS = 5
#: The hub was asked whether it knows this browser, and said no; do not ask at once.
_ASKED = Cookie("eilogin-asked")


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
        self.rules: Rules = options.protect
        self.keep_alive = options.keep_alive
        self.pages = Pages()
        self.answers = AnswerReader(second_opinion=options.second_opinion)
        self._own_addresses: Mapping[str, Callable[[Visit], Response]] = {
            "login": Visit.start,
            "acs": Visit.receive,
            "session": Visit.tell_session,
        }

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer our own addresses; ask for a login where a path needs one."""
        visit = Visit(self, environ)
        environ[env.LOGIN] = visit
        answer = self._answer(visit)
        if answer is None:
            return self.app(environ, start_response)
        return answer(environ, start_response)

    def _answer(self, visit: "Visit") -> Response | None:
        try:
            address = env.address(visit.environ)
            if address is None:
                return self._guard(visit)
            respond = self._own_addresses.get(address)
            return None if respond is None else respond(visit)
        except Exception as error:  # noqa: BLE001 - no traceback reaches a visitor
            return self.pages.refuse(visit.environ, error, event="login")

    def _guard(self, visit: "Visit") -> Response | None:
        """What stands between this visitor and the page, or None."""
        rule = self.rules.rule_for(canonical(visit.environ))
        if rule == OFF:
            visit.environ[env.SESSION] = None
            return None
        visit.note_activity()
        if rule == OPTIONAL:
            return visit.keep_alive()
        return visit.require(rule)


class Visit:
    """One request, and the logins that may come of it; ``environ['eilogin.login']``."""

    def __init__(self, login_filter: LoginFilter, environ: "WSGIEnvironment") -> None:
        self.environ = environ
        self._filter = login_filter

    # --- who is there ---------------------------------------------------------------

    def require(
        self, level: str, *, force: bool = False, passive: bool = False
    ) -> Response | None:
        """None where she is logged in at ``level`` or higher; else what to answer.

        See :class:`eilogin.web.environ.LoginService`. Raises
        :class:`eilogin.errors.StoreUnavailable` where nobody can tell.
        """
        fault = self.environ.get(env.SESSION_FAULT)
        if fault is not None:
            raise fault
        login = env.session(self.environ)
        if login is not None and not force and reaches(login.level, level):
            return self.keep_alive()
        if passive and self._was_asked():
            return None
        return self._ask(level, force=force, passive=passive)

    def note_activity(self) -> None:
        """The visitor is there: her session does not go idle.

        What a page's script asks for by itself is no sign of her.
        """
        login = env.session(self.environ)
        is_hers = (
            self.environ["REQUEST_METHOD"] not in ("GET", "HEAD")
            or self.environ.get("HTTP_SEC_FETCH_MODE", "navigate") == "navigate"
        )
        if login is not None and is_hers:
            env.sessions(self.environ).touch(login)

    def keep_alive(self) -> Response | None:
        """The silent question to the hub whether it still knows her, where it is due.

        Only on a navigation, for the lowest level (which the hub serves without a
        prompt), and not while the hub does not answer.
        """
        login = env.session(self.environ)
        if login is None or clock.now() - login.confirmed < self._filter.keep_alive:
            return None
        if self.environ["REQUEST_METHOD"] != "GET" or not wants_page(self.environ):
            return None
        if self._was_asked() or not self._hub_answers():
            return None
        return self.to_hub(self._this_page(), LEVELS[0], passive=True)

    def _was_asked(self) -> bool:
        return _ASKED.read(self.environ) is not None

    def _hub_answers(self) -> bool:
        trust = env.trust(self.environ)
        endpoint = trust.hub.artifact_resolution(0) or trust.sso
        return trust.back_channel.is_reachable(endpoint.location)

    def tell_session(self) -> Response:
        """How long still, as JSON; asking does not keep the session alive."""
        login = env.session(self.environ)
        told: dict[str, object] = {"logged_in": login is not None}
        if login is not None:
            now = clock.now()
            idle_at = login.seen + env.sessions(self.environ).idle
            told["level"] = login.level
            told["until"] = login.until.isoformat(timespec="seconds")
            told["seconds_left"] = max(0, int(login.ends - now))
            told["idle_seconds_left"] = max(0, int(idle_at - now))
        response = Response(json=told)
        response.headers["Cache-Control"] = "no-store"
        return response

    # --- asking the hub -------------------------------------------------------------

    def _ask(self, level: str, *, force: bool, passive: bool) -> Response:
        """A redirect, or what can be answered where none would lead back here."""
        if wants_page(self.environ):
            return self.to_hub(self._this_page(), level, force=force, passive=passive)
        address = self._login_address("/", level)
        if is_navigation(self.environ):
            # A form was sent: a redirect would lose what was filled in, and the
            # page's own policy may forbid that it leads to another site.
            return self._filter.pages.page(
                self.environ,
                "login_needed.html",
                status=403,
                login_url=address,
                name=env.trust(self.environ).own.names[language_of(self.environ)],
            )
        told = {"error": "login-needed", "level": level, "login": address}
        response = Response(json=told, status=401)
        response.headers["Cache-Control"] = "no-store"
        return response

    def start(self) -> Response:
        """``/eilogin/login``: a login that somebody asks for by a link."""
        query = parse_qs(self.environ.get("QUERY_STRING", ""), max_num_fields=20)
        target = safe_next(query.get("next", [""])[0])
        level = query.get("level", [LEVELS[0]])[0]
        level = level if level in LEVELS else LEVELS[0]
        login = env.session(self.environ)
        if login is not None and reaches(login.level, level):
            return self._go_to(target)
        return self.to_hub(target, level)

    def to_hub(
        self, target: str, level: str, *, force: bool = False, passive: bool = False
    ) -> Response:
        """A redirect to the hub with an AuthnRequest; afterwards she is at ``target``.

        SAML profiles 4.1.4.1.
        """
        trust = env.trust(self.environ)
        binding = bindings.POST if trust.own.acs == "post" else bindings.ARTIFACT
        request = messages.AuthnRequest(
            id=messages.new_id(),
            issued=clock.now(),
            issuer=trust.own.entity_id,
            destination=trust.sso.location,
            force_authn=force,
            is_passive=passive,
            acs_url=trust.own.url("acs"),
            protocol_binding=binding,
            level_classes=(CLASS_OF[level],),
        )
        pending, secret = self._pendings().start(
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
        location = bindings.redirect_url(
            request.destination,
            "SAMLRequest",
            serialize(messages.write_authn_request(request)),
            pending.handle,
            trust.own.key,
        )
        cookie = login_cookie(pending.handle).set(secret)
        return see_other(location, [cookie, *self._forget_oldest_tabs()], status=302)

    def _forget_oldest_tabs(self) -> Iterable[tuple[str, str]]:
        # Handles begin with the time, so their names sort by age.
        under_way = sorted(names(self.environ, LOGIN_COOKIES))
        for name in under_way[: max(0, len(under_way) - _MOST_TABS + 1)]:
            yield Cookie(name).expire()

    # --- the hub's answer -----------------------------------------------------------

    def receive(self) -> Response:
        """``/eilogin/acs``: the hub's answer, by artifact or POST."""
        answer = self._filter.answers.receive(self.environ)
        if isinstance(answer, Response):
            return answer
        if answer.assertion is not None:
            return self._log_in(answer.pending, answer.assertion)
        if answer.failure is not None:
            return self._without_login(answer)
        login = env.session(self.environ)
        if login is None or login.key != answer.pending.spent_by:
            raise LoginLost("this answer was used, and its session is not here")
        return self._go_to(answer.pending.target)

    def _log_in(self, pending: PendingLogin, assertion: messages.Assertion) -> Response:
        sessions = env.sessions(self.environ)
        level = _level_reached(pending, assertion)
        current = env.session(self.environ)
        login = _login_of(assertion, level, env.trust(self.environ).own.entity_id)
        if current is not None and current.who == login.who:
            login = current.confirmed_by(login)
        name = f"assertion:{assertion.issuer}\0{assertion.id}"
        sessions.use_once(name, assertion.confirmation_ends + SKEW)
        try:
            token = sessions.create_login(
                login, issued=assertion.issued, replaces=current
            )
        except LoginEnded:
            if current is None or not sessions.is_live(current):
                raise
            # Another tab was faster, and has renewed the session that we saw: its
            # cookie is in the browser, or on its way.
            return self._go_to(pending.target)
        self._pendings().spend(pending, sessions.key_of(token))
        audit.event(
            _what_happened(current, login),
            pseudonym=audit.pseudonym_of(login.subject),
            session=audit.pseudonym_of(token),
            peer=assertion.issuer,
            level=login.level,
        )
        return self._go_to(
            pending.target,
            [env.cookie(self.environ).set(token), _ASKED.expire()],
        )

    def _without_login(self, answer: Answer) -> Response:
        """What to show where the hub says that there is no login."""
        pending, failure = answer.pending, answer.failure
        assert failure is not None  # noqa: S101 - for the type checker
        audit.event(
            "login", "refused", peer=pending.hub, level=pending.level,
            reason=failure.status_codes[-1].rpartition(":")[2],
        )  # fmt: skip
        if pending.is_passive:
            age = int(self._filter.keep_alive)
            return self._go_to(pending.target, [_ASKED.set("1", max_age=age)])
        if messages.AUTHN_FAILED not in failure.status_codes:
            raise failure
        return self._filter.pages.page(
            self.environ,
            "cancelled.html",
            login_url=self._login_address(pending.target, pending.level),
            back_url=self._open_page(pending.target),
            logged_in=env.session(self.environ) is not None,
        )

    def _open_page(self, target: str) -> str:
        """The page where the login was asked for if it is open to her, else ``/``."""
        path = unquote(target.partition("?")[0])
        login = env.session(self.environ)
        rule = self._filter.rules.rule_for(path)
        if rule in (OFF, OPTIONAL) or (login and reaches(login.level, rule)):
            return target
        return "/"

    # --- small parts ----------------------------------------------------------------

    def _pendings(self) -> PendingLogins:
        return PendingLogins(env.sessions(self.environ).store)

    def _this_page(self) -> str:
        return this_page(self.environ, env.trust(self.environ).own.public_url)

    def _login_address(self, target: str, level: str) -> str:
        query = urlencode({"next": target, "level": level})
        return f"{env.trust(self.environ).own.url('login')}?{query}"

    def _go_to(self, target: str, headers: Sequence[tuple[str, str]] = ()) -> Response:
        origin = origin_of(env.trust(self.environ).own.public_url)
        return see_other(origin + target, headers)


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
    """The login that an assertion speaks of."""
    name_id = assertion.name_id
    subject = Subject(
        issuer=assertion.issuer,
        audience=audience,
        name_id=name_id.value,
        format=name_id.format or messages.UNSPECIFIED,
        name_qualifier=name_id.name_qualifier or assertion.issuer,
        sp_name_qualifier=name_id.sp_name_qualifier or audience,
    )
    return Login(
        who=subject,
        level=level,
        started=assertion.authn_instant,
        ends=assertion.session_ends or float("inf"),
        confirmed=clock.now(),
        attributes=assertion.attributes,
        session_index=assertion.session_index,
    )


def _what_happened(before: Login | None, now: Login) -> str:
    if before is None or before.who != now.who:
        return "login"
    return "keep-alive" if before.level == now.level else "step-up"


def make_login(
    app: "WSGIApplication", global_conf: Mapping[str, str], **local_conf: str
) -> LoginFilter:
    """PasteDeploy's factory for ``egg:eilogin#login``."""
    options = read(LoginOptions, global_conf, local_conf)
    return LoginFilter(app, options)
