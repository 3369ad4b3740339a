"""Send strangers to the hub, receive its answer, and ask for a level per path.

*Needs* ``session`` and ``trust`` before it. *Reads* their keys. *Writes*
``eilogin.login`` (the call ``require``), ``eilogin.fresh`` where a limit of the path
asks for a fresh proof, None as ``eilogin.session`` on ``off`` paths and (``bind_address
= enforce``) from another network, new sessions, and when a visitor was last seen.
*Changes in the answer*: answers ``/eilogin/login``, ``/eilogin/discovery``,
``/eilogin/acs``, ``/eilogin/session``, ``/eilogin/again`` and ``/eilogin/warning.js``
itself, and with ``warn`` puts a script into pages of who is logged in
(:mod:`eilogin.visit.warning`);
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

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple
from urllib.parse import unquote

from pydantic import BeforeValidator
from webob import Response

from eilogin import clock
from eilogin.errors import (
    AttributeMissing,
    ConfigurationError,
    LevelTooLow,
    LoginLoops,
    LoginLost,
    MalformedMessage,
    MessageUnexpected,
    NotFound,
    PathRefused,
    StoreUnavailable,
    SubjectChanged,
    SubjectMissing,
    UnknownPeer,
    UntrustedSignature,
)
from eilogin.federation import Own
from eilogin.saml import messages
from eilogin.saml.bindings import read_artifact_query
from eilogin.saml.levels import LEVELS, reaches
from eilogin.sessions import Login
from eilogin.settings import Flag, Options, Seconds, Size, Words, option, read
from eilogin.visit import (
    access,
    cancelled,
    choosing,
    limits,
    rounds,
    silence,
    under_way,
)
from eilogin.visit.again import SecondChance, handle_in
from eilogin.visit.answers import Answer, AnswerReader
from eilogin.visit.arrival import Arrivals, go_to, once_more
from eilogin.visit.asking import (
    Comparison,
    Questions,
    RequestBinding,
    login_address,
    was_asked,
)
from eilogin.visit.cancelled import page_before
from eilogin.visit.choosing import have_chosen, known_hub, named_hub
from eilogin.visit.digid import (
    FAILURES,
    ONLY_BSN,
    Sectors,
    cancel_texts,
    error_texts,
    is_time_to_renew,
    login_faults,
    session_faults,
)
from eilogin.visit.ending import end_here
from eilogin.visit.no_login import NoLogin
from eilogin.visit.rules import OFF, OPTIONAL, ProtectLines, Rule, Rules
from eilogin.visit.silence import SilentQuestion
from eilogin.visit.subjects import SubjectSources
from eilogin.visit.under_way import PendingLogin
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
#: Those at which a browser's session ends.
_LOGOUTS = frozenset(("logout", "slo"))


#: What is wrong with an answer that is not proven to be the hub's, or not to us.
_NOT_TAKEN = (MalformedMessage, MessageUnexpected, UnknownPeer, UntrustedSignature)


def _none_where_off(value: object) -> object:
    is_off = isinstance(value, str) and value.strip().lower() in ("no", "off", "none")
    return None if is_off else value


class LoginOptions(Options, name="login"):
    """What ``[filter:…] use = egg:eilogin#login`` understands."""

    protect: ProtectLines = option(
        "lines of a path and what it needs: a level (``basis``, ``midden``, "
        "``substantieel``, ``hoog``), ``optional`` or ``off``; ``=/path`` is that path "
        "alone; the longest line wins; after it ``methods=GET,POST`` for these alone, "
        "and beside a level ``idle=5m``, ``max_age=10m`` and attributes "
        "(``role=admin|chief``)",
        default=(),
        shown="``/ basis``",
    )
    require_attributes: Words = option(
        "names of attributes without which nobody is logged in",
        default=(),
        shown="none",
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
    request_binding: RequestBinding = option(
        "how our question goes to the hub: ``redirect``, ``post``, or ``auto``, the "
        "first of these that its metadata has",
        default="auto",
    )
    comparison: Comparison = option(
        "how a level is asked for: ``minimum``, its class or a higher one; ``exact``, "
        "one of all the classes that reach it; ``none``, not at all, for hubs that "
        "refuse it. What is reached is looked at all the same",
        default="minimum",
    )
    subject: SubjectSources = option(
        "by what the hub names a visitor: ``name-id`` or ``attribute:NAME``, or "
        "several, the first that its answer has; whom an attribute names cannot be "
        "logged out by the hub",
        default=("name-id",),
    )
    sectors: Sectors = option(
        "with ``profile = digid``: the sector codes whose numbers are taken, "
        "``s00000000`` (BSN) and ``s00000001`` (SOFI number)",
        default=ONLY_BSN,
    )
    error_text: str = option(
        "with ``profile = digid``: what a visitor reads when logging in fails, "
        "literally: ``cl7`` or ``tvs``, the text of that checklist of Logius, or a "
        "text",
        default="",
        shown="``cl7``",
    )
    error_text_en: str = option(
        "the same in English", default="", shown="of ``cl7`` and ``tvs`` a translation"
    )
    cancel_text: str = option(
        "with ``profile = digid``: what a visitor reads who cancelled logging in",
        default="",
        shown="that she did",
    )
    cancel_text_en: str = option(
        "the same in English", default="", shown="as ``cancel_text``"
    )
    silent: Flag = option(
        "on ``optional`` pages ask the hub, once an hour and without a prompt, whether "
        "it knows a stranger",
        default=False,
    )
    unsolicited: Flag = option(
        "take an answer by POST that nobody asked for, once the visitor has agreed",
        default=False,
    )
    want_response_signed: Flag = option(
        "take no answer by POST of which only the assertion is signed", default=False
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
        self._required = options.require_attributes
        self._keep_alive_after = options.keep_alive
        self._whereabouts = Whereabouts(options.bind_address)
        self._pages = Pages()
        self._questions = Questions(
            self._pages, binding=options.request_binding, comparison=options.comparison
        )
        self._silence = SilentQuestion(self._questions, is_on=options.silent)
        self._answers = AnswerReader(
            second_opinion=options.second_opinion,
            unsolicited=options.unsolicited,
            response_signed=options.want_response_signed,
        )
        self._cancelled = cancel_texts(options.cancel_text, options.cancel_text_en)
        self._failed = error_texts(options.error_text, options.error_text_en)
        self._contradictions = digid_faults(options)
        # Asked at every request, so the first one finds out whether that is needed.
        self._is_near: Callable[[WSGIEnvironment], bool] = self._is_near_at_first
        self._no_login = NoLogin(
            self._pages, self._rules, options.keep_alive, self._cancelled
        )
        self._forms = SecondChance(self._pages, options.keep_post, self._whereabouts)
        self._arrivals = Arrivals(
            self._forms,
            self._whereabouts,
            subject=options.subject,
            sectors=options.sectors,
            quiet=options.keep_alive,
        )
        self._warns = options.warn is not None
        self._end_warning = EndWarning(options.warn or 0)
        self._refuses_when_down = options.store_down == "refuse"
        self._own_addresses: Mapping[str, Callable[[WSGIEnvironment], Response]] = {
            "login": self._start,
            "discovery": self._start,
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
            is_near = address is None and self._is_near(environ)
            if address is not None:
                answer = self._at_own_address(environ, address)
            else:
                said = self._say_cancelled(environ) if is_near else None
                answer = said or self._guard(environ)
        except Exception as error:  # noqa: BLE001 - no traceback reaches a visitor
            answer = self._refusal(environ, error)
        if answer is not None:
            return answer(environ, start_response)
        if is_near and cancelled.is_due(environ):
            return cancelled.saying(self.app, environ, start_response, self._cancelled)
        if address in _LOGOUTS:
            start_response = self._silence.quietly(start_response)
        if self._warns:
            return self._end_warning.answer(self.app, environ, start_response)
        return self.app(environ, start_response)

    def _at_own_address(
        self, environ: "WSGIEnvironment", address: str
    ) -> Response | None:
        respond = self._own_addresses.get(address)
        return None if respond is None else respond(environ)

    def _refusal(self, environ: "WSGIEnvironment", error: Exception) -> Response:
        if isinstance(error, _NOT_TAKEN) and _is_answer_of_digid(environ):
            return self._say_failed(environ, error)
        again = _again(environ, error)
        needed = error.names if isinstance(error, AttributeMissing) else ()
        answer = self._pages.refuse(
            environ, error, event="login", again=again, needed=needed
        )
        if isinstance(error, LoginLoops):
            answer.headerlist.append(rounds.forget())
        return answer

    def _say_failed(
        self,
        environ: "WSGIEnvironment",
        error: Exception,
        *,
        ended: bool = False,
    ) -> Response:
        """What DigiD wants a visitor to read where its answer is none that is taken."""
        is_another = isinstance(error, SubjectChanged)
        return self._pages.refuse(
            environ,
            error,
            event="login",
            again=_again(environ, error),
            template="subject_changed.html" if is_another else "digid_failed.html",
            words=self._failed[language_of(environ)],
            ended=ended,
            back_url=root(_own(environ).public_url),
        )

    # --- who may pass ---------------------------------------------------------------

    def _is_near_at_first(self, environ: "WSGIEnvironment") -> bool:
        if environ.get(env.TRUST) is None:
            return False
        is_digid = _own(environ).is_digid
        self._is_near = cancelled.is_near if is_digid else _never
        return self._is_near(environ)

    def _say_cancelled(self, environ: "WSGIEnvironment") -> Response | None:
        """Where she is led back after she cancelled, and the page cannot say so."""
        was_marked = cancelled.take_mark(environ)
        if not was_marked:
            return None
        if not cancelled.is_due(environ):
            return cancelled.to_plain_page(environ)
        need = self._rules.rule_of(environ).need
        if need in (OFF, OPTIONAL):
            return None
        return self._no_login.cancelled_here(environ, need)

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
            return self._greeted(environ, env.session_or_none(environ))
        if rule.has_limits:
            refusal = self._limit(environ, rule)
            if refusal is not None:
                return refusal
        if environ["REQUEST_METHOD"] == "POST":
            return self._guard_form(environ, rule.need)
        return self.require(environ, rule.need)

    def _greeted(
        self, environ: "WSGIEnvironment", login: Login | None
    ) -> Response | None:
        """On a public page: the silent question, of a stranger or to keep alive."""
        asked = self._silence.begin(environ)
        if login is None:
            return asked
        return self._kept_alive(environ, login)

    def _limit(self, environ: "WSGIEnvironment", rule: Rule) -> Response | None:
        """What a path needs beside its level: a fresh proof, and attributes."""
        login = env.session(environ)
        if limits.needs_proof(environ, login, rule) or (
            login is None and _wants_proof(environ, rule)
        ):
            environ[env.FRESH] = True
            return None
        unmet = access.unmet(login, rule)
        if login is None or not unmet:
            return None
        # The hub may tell more of her by now.
        again = self._kept_alive(environ, login)
        return again or access.refuse(environ, self._pages, login, unmet)

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
        if passive and not self._can_be_passive(environ):
            return None
        return self._ask(environ, level, force=force, passive=passive)

    def _kept_alive(
        self, environ: "WSGIEnvironment", login: Login | None
    ) -> Response | None:
        """Note that she is there; the silent question to the hub, where it is due.

        Both only where she looks at the page: what a script asks for, or a browser in
        advance, may be its own doing. The question is for the lowest level (which the
        hub serves without a prompt), and is not asked while the hub does not answer.
        DigiD knows no question without a prompt, and gives none while its own session
        lasts. A store that fails here must not stand between her and the page.
        """
        if login is None or not is_looked_at(environ):
            return None
        try:
            if self._rules.idle_limits:
                limits.note_pause(environ, login, self._rules.idle_limits)
            env.sessions(environ).touch(login)
            if not self._is_due(environ, login) or not self._can_renew(environ):
                return None
            page, hub = _this_page(environ), known_hub(environ)
            passive = not _own(environ).is_digid
            return self._questions.ask(environ, hub, page, LEVELS[0], passive=passive)
        except StoreUnavailable:
            return None

    def _is_due(self, environ: "WSGIEnvironment", login: Login) -> bool:
        age = clock.now() - login.confirmed
        if age < self._keep_alive_after:
            return False
        is_digid = _own(environ).is_digid
        return not is_digid or is_time_to_renew(age, self._keep_alive_after)

    def _can_renew(self, environ: "WSGIEnvironment") -> bool:
        return (
            environ["REQUEST_METHOD"] == "GET"
            and fills_window(environ)
            and not was_asked(environ)
            and self._questions.hub_answers(environ, known_hub(environ))
        )

    @staticmethod
    def _can_be_passive(environ: "WSGIEnvironment") -> bool:
        """Whether she can be asked about without her seeing anything of it."""
        return (
            not was_asked(environ)
            and not is_in_frame(environ)
            and not _own(environ).is_digid
            and known_hub(environ) != ""
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
            hub = known_hub(environ)
            if not hub:
                return have_chosen(environ, page, level, force=force)
            return self._send(environ, hub, page, level, force=force, passive=passive)
        return self._tell_login(environ, level, _first_page(environ, level))

    def _send(  # noqa: PLR0913 - what is asked, each by its name
        self,
        environ: "WSGIEnvironment",
        hub: str,
        target: str,
        level: str,
        *,
        force: bool,
        passive: bool = False,
    ) -> Response:
        """To the hub, for who wants to be logged in."""
        own = _own(environ)
        if own.is_digid:
            self._require_profile(environ)
        began = page_before(environ, own) if own.is_digid else ""
        return self._questions.ask(
            environ, hub, target, level, force=force, passive=passive, began=began
        )

    def _require_profile(self, environ: "WSGIEnvironment") -> None:
        """Nobody is logged in under options that contradict DigiD's interface.

        ``eilogin check`` and ``eilogin serve`` refuse them; other servers look no
        further than a section.
        """
        idle = env.sessions(environ).idle
        for name, expected in (*self._contradictions, *session_faults(idle)):
            raise ConfigurationError(f"{name}: {expected} (profile = digid)")

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
        """``/eilogin/login``: a login that somebody asks for by a link.

        And ``/eilogin/discovery``, where a discovery service says at which hub.
        """
        allow_only(environ, "GET", "HEAD")
        query = read_query(environ)
        wanted = _wanted(environ, query)
        if silence.PARAMETER in query:
            return self._silence.go_on(environ, wanted.target)
        if query.get("fresh") == "yes":
            environ[env.FRESH] = True
        if _is_enough(environ, wanted):
            return _lead_on(environ, wanted.target)
        if not wants_page(environ):
            return self._tell_login(environ, wanted.level, wanted.address(environ))
        hub = "" if wanted.choose else wanted.hub or known_hub(environ)
        if not hub:
            return self._let_choose(environ, wanted)
        return self._begin(environ, wanted, hub)

    def _let_choose(self, environ: "WSGIEnvironment", wanted: "_Wanted") -> Response:
        """By the discovery service, unless she was there or asks for our own page."""
        was_there = env.address(environ) == "discovery"
        if env.trust(environ).discovery and not was_there and not wanted.choose:
            return have_chosen(environ, wanted.target, wanted.level)
        return choosing.page(environ, self._pages, wanted.target, wanted.level)

    def _begin(
        self, environ: "WSGIEnvironment", wanted: "_Wanted", hub: str
    ) -> Response:
        if environ["REQUEST_METHOD"] == "HEAD":
            # Only its head: nothing is remembered, and so nothing can be asked.
            endpoint = self._questions.endpoint(env.trust(environ), hub)
            return see_other(endpoint.location, status=302)
        rounds.require_end(environ, wanted.target)
        force = env.FRESH in environ
        if _own(environ).is_digid and not force:
            path = unquote(wanted.target.partition("?")[0])
            force = _wants_proof(environ, self._rules.rule_for(path))
        return self._send(environ, hub, wanted.target, wanted.level, force=force)

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
            return self._received(environ)
        except FAILURES as error:
            if not _own(environ).is_digid:
                raise
            ended = end_here(environ, error.code)
            answer = self._say_failed(environ, error, ended=bool(ended))
            # Brought again, it would end the session that she has by then.
            answer.headerlist.extend([*ended, under_way.drop(_handle_in(environ))])
            return answer

    def _received(self, environ: "WSGIEnvironment") -> Response:
        try:
            answer = self._answers.receive(environ)
        except LoginLost as error:
            if self._whereabouts.of_this_network(environ, env.session(environ)) is None:
                raise
            return self._no_login.forgotten(environ, error)
        return answer if isinstance(answer, Response) else self._take(environ, answer)

    def _take(self, environ: "WSGIEnvironment", answer: Answer) -> Response:
        if answer.unasked:
            return self._ask_whether(environ, answer)
        if answer.assertion is not None:
            return self._arrive(environ, answer.pending, answer.assertion)
        if answer.failure is not None:
            return self._no_login.answer(environ, answer.pending, answer.failure)
        return once_more(environ, answer.pending)

    def _arrive(
        self,
        environ: "WSGIEnvironment",
        pending: PendingLogin,
        assertion: messages.Assertion,
    ) -> Response:
        """Where the hub says who she is: on as who she is, if that is enough."""
        try:
            access.require_attributes(environ, assertion, self._required)
            self._note_pause(environ)
            return self._arrivals.log_in(environ, pending, assertion)
        except (AttributeMissing, SubjectMissing) as error:
            return self._no_login.lacking(environ, pending, error)
        except LevelTooLow as error:
            return self._no_login.too_low(environ, pending, error)

    def _ask_whether(self, environ: "WSGIEnvironment", answer: Answer) -> Response:
        """Have her agree to a login that nobody asked for.

        Another site may have made her browser bring it, to have her work in the name
        of somebody else.
        """
        trust, language = env.trust(environ), language_of(environ)
        return self._pages.page(
            environ,
            "agree_to_login.html",
            # To her page, and that may lead anywhere: to the hub, for a higher level.
            form_action=None,
            action=trust.own.url("acs"),
            answer=answer.unasked,
            service=trust.own.names[language],
            hub=trust.federation.name_of(answer.pending.hub, language),
            website_url=root(trust.own.public_url),
        )

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

    @property
    def login(self) -> Login | None:
        """The login of this visitor, if there is one."""
        return env.session(self._environ)

    def require(
        self, level: str, *, force: bool = False, passive: bool = False
    ) -> Response | None:
        """None where she is logged in at ``level`` or higher; else what to answer."""
        return self._filter.require(self._environ, level, force=force, passive=passive)


# --- what is asked for at the login address ------------------------------------------


class _Wanted(NamedTuple):
    """What the query of the login address asks for."""

    target: str
    level: str
    #: The hub that it names, if that is one of ours, or "".
    hub: str
    #: Whether she wants to choose another hub.
    choose: bool

    def address(self, environ: "WSGIEnvironment") -> str:
        """The address that asks for the same."""
        return login_address(
            environ, self.target, self.level, hub=self.hub, choose=self.choose
        )


def _wanted(environ: "WSGIEnvironment", query: Mapping[str, str]) -> _Wanted:
    level = query.get("level", LEVELS[0])
    return _Wanted(
        target=safe_next(query.get("next"), root(_own(environ).public_url)),
        level=level if level in LEVELS else LEVELS[0],
        hub=named_hub(environ, query.get("hub")),
        choose=query.get("choose") == "yes" and choosing.is_needed(env.trust(environ)),
    )


def _is_enough(environ: "WSGIEnvironment", wanted: _Wanted) -> bool:
    """Whether she is logged in as is asked for, at that hub where one is named."""
    login = env.session(environ)
    return (
        login is not None
        and not wanted.choose
        and env.FRESH not in environ
        and reaches(login.level, wanted.level)
        and wanted.hub in ("", login.who.issuer)
    )


def _lead_on(environ: "WSGIEnvironment", target: str) -> Response:
    """On to the page, for who is logged in; not for ever."""
    if not wants_page(environ) or environ["REQUEST_METHOD"] == "HEAD":
        return go_to(environ, target)
    rounds.require_end(environ, target, period=rounds.QUICK_PERIOD)
    return go_to(environ, target, [rounds.note(environ, target)])


# --- small parts ----------------------------------------------------------------------


def digid_faults(options: LoginOptions) -> Sequence[tuple[str, str]]:
    """The options that contradict ``profile = digid``, and what is expected."""
    return tuple(
        login_faults(
            keep_alive=options.keep_alive,
            comparison=options.comparison,
            subject=options.subject,
            silent=options.silent,
            unsolicited=options.unsolicited,
            require_attributes=options.require_attributes,
        )
    )


def _never(_: "WSGIEnvironment") -> bool:
    return False


def _wants_proof(environ: "WSGIEnvironment", rule: Rule) -> bool:
    """Whether a stranger is asked for a fresh proof at once.

    DigiD's answer does not say how old a proof is: where that counts, any other one
    would be asked for again.
    """
    has_age = rule.idle is not None or rule.max_age is not None
    return has_age and _own(environ).is_digid


def _handle_in(environ: "WSGIEnvironment") -> str:
    """The RelayState of an artifact that was read already."""
    return read_artifact_query(environ["QUERY_STRING"])[1]


def _is_answer_of_digid(environ: "WSGIEnvironment") -> bool:
    return environ.get(env.ADDRESS) == "acs" and _own(environ).is_digid


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
