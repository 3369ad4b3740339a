"""The hub's own sign-in: a username, a password and, for a higher level, a code.

It answers the same call as the filter ``login`` does for a participant,
``require(level)``, with a page where that filter sends the citizen to a hub.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

from webob import Response

from eilogin import audit, clock, metrics
from eilogin.errors import CookiesRefused
from eilogin.federation import Trust
from eilogin.hub.participants.name_ids import citizen_here
from eilogin.hub.participants.sso_domains import is_apart, of_proof, shared_with
from eilogin.hub.pending_requests import Question, behind, handle_in
from eilogin.hub.signin import rehearsal
from eilogin.hub.signin.citizens import DEMO_PASSWORDS, Citizen, Citizens, plain
from eilogin.hub.signin.code_step_up import known_citizen
from eilogin.hub.signin.known_browsers import remember
from eilogin.hub.signin.signin_attempts import Attempts
from eilogin.saml.assurance_levels import LEVELS, reaches
from eilogin.saml.metadata import NO_SSO
from eilogin.sessions import USUAL_DOMAIN, Login, create_in_place
from eilogin.web import authentication_proofs
from eilogin.web import environ as env
from eilogin.web.browser.browser_cookies import Cookie
from eilogin.web.limits.client_network import network_here
from eilogin.web.limits.login_loops import takes_cookies
from eilogin.web.pages.page_languages import language_of
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.reporting import rate_limited_log
from eilogin.web.requests import (
    allow_only,
    read_form,
    read_query,
    require_own_form,
    safe_next,
)
from eilogin.web.site_urls import at, root, see_other, this_page

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: The levels that a password, and a password with a code, prove.
PASSWORD, WITH_CODE = LEVELS[0], LEVELS[1]
#: The levels that this sign-in offers.
OFFERED = (PASSWORD, WITH_CODE)

#: So many passwords are hashed at the same time: each takes memory and a processor.
_AT_ONCE = 4
#: A code is taken while it is shown, and one before and after, which is 90 s; then
#: never again, also where the clock is set back meanwhile.
_CODE_FOR = 180.0

#: The parameter by which somebody else than is signed in here gets the whole form.
_OTHER = "other"
#: The field of the form that asks for the code alone.
_ALONE = "code-alone"
#: The field of a button that has the form filled in, in a demonstration alone.
_DEMO_CITIZEN = "demo-citizen"
#: Set with the page: a browser that does not bring it with the form keeps no session.
_SHOWN = Cookie("eilogin-sign-in")
#: The question for which whoever was logged in here had to make way: see way_made_for.
_WAY_MADE = Cookie("eilogin-way-made")
_WITHOUT_COOKIES = (
    "the browser sent none of our cookies after the sign-in page;"
    " browsers keep it only with https, or with http on this machine (*.localhost)"
)

#: Ends a citizen's sessions everywhere; the page that has to come before the address at
#: which the next one goes on, if any has (hub.logout.SingleLogout.make_way).
MakeWay = Callable[["WSGIEnvironment", Login, str], Response | None]
#: Room for that, for as long as the block runs, or Busy (SessionEndings.room).
Room = Callable[["WSGIEnvironment"], AbstractContextManager[None]]
#: Ends one login of a citizen who has too many (SessionEndings.end_unseen).
EndUnseen = Callable[["WSGIEnvironment", Login], None]


class _Proof(NamedTuple):
    """The result of a sign-in form."""

    citizen: Citizen | None = None
    #: ``wrong``, ``too-often`` or ``blocked`` without a citizen: for the audit log.
    problem: str = ""
    #: The same for the page, which tells no more than what was tried from here.
    said: str = ""
    #: Whether the username, whosever it is, has only a few tries left.
    few_left: bool = False


class SignIn:
    """Signs citizens in at one of the levels of ``offered``.

    ``make_way`` is called for a citizen whose browser another one signs in in, in
    ``room``, which is there before anything is spent; ``end_unseen`` is called for a
    login that is one too many;
    ``is_demo`` shows codes and passwords on the page. Who ``rehearses`` chooses there
    what is answered, and has the code for higher levels too, as if it proved them.
    """

    #: She is signed in on a page of ours, at whatever address.
    leads_away = False

    def __init__(  # noqa: PLR0913 - what a sign-in has to do with
        self,
        citizens: Citizens,
        pages: Pages,
        make_way: MakeWay,
        room: Room,
        end_unseen: EndUnseen,
        *,
        is_demo: bool,
        rehearses: bool = False,
    ) -> None:
        self.offered = LEVELS if rehearses else OFFERED
        self._rehearses = rehearses
        self._citizens = citizens
        self._pages = pages
        self._make_way = make_way
        self._room = room
        self._end_unseen = end_unseen
        self._is_demo = is_demo
        self._hashing = threading.BoundedSemaphore(_AT_ONCE)

    def service(self, environ: "WSGIEnvironment", target: str) -> "SignInService":
        """The call ``require`` for a request whose citizen then goes to ``target``."""
        return SignInService(self, environ, target)

    def respond(self, environ: "WSGIEnvironment") -> Response:
        """``/login``: the page, or what was filled in there."""
        allow_only(environ, "GET", "HEAD", "POST")
        own = env.trust(environ).own
        query = read_query(environ)
        target = safe_next(query.get("next"), root(own.public_url))
        level = self._level_for(environ, target, query.get("level", PASSWORD))
        is_other = query.get(_OTHER) == "yes"
        if environ["REQUEST_METHOD"] != "POST":
            return self.page(environ, target, level, is_other=is_other)
        require_own_form(environ, own.public_url)
        form = read_form(environ)
        if self._is_demo and _DEMO_CITIZEN in form:
            return self._filled(environ, target, level, form, is_other=is_other)
        return self._sent(environ, target, level, form, is_other=is_other)

    def _sent(
        self,
        environ: "WSGIEnvironment",
        target: str,
        level: str,
        form: Mapping[str, str],
        *,
        is_other: bool,
    ) -> Response:
        """The answer to a form that a citizen has sent: to log in, or to cancel."""
        own = env.trust(environ).own
        choice = self._choice(environ, form)
        if choice in rehearsal.WITHOUT_LOGIN:
            return see_other(at(own.public_url, rehearsal.added(target, choice)))
        if "cancel" in form:
            separator = "&" if "?" in target else "?"
            return see_other(at(own.public_url, f"{target}{separator}cancel=1"))
        if not takes_cookies(environ):
            # Before a code is spent, or a session made that nobody can use.
            error = CookiesRefused(_WITHOUT_COOKIES)
            again = this_page(environ, own.public_url)
            return self._pages.refuse(environ, error, event="login", again=again)
        known = None
        if _ALONE in form and "username" not in form:
            known = self._known(environ, target, level)
            if known is None:
                # The session is over by now: the whole form is asked for.
                return self.page(environ, target, level, is_other=is_other)
            form = {**form, "username": known.username}
        with self._room_for(environ, form.get("username", "")):
            return self._filled_in(environ, form, level, target, choice, known)

    def _filled(
        self,
        environ: "WSGIEnvironment",
        target: str,
        level: str,
        form: Mapping[str, str],
        *,
        is_other: bool,
    ) -> Response:
        """The page again, filled in for a demo citizen. Nobody is signed in by it."""
        return self.page(
            environ,
            target,
            level,
            username=form[_DEMO_CITIZEN],
            chosen=rehearsal.chosen(form) if self._rehearses else "",
            is_other=is_other,
            is_filled=True,
        )

    def _room_for(
        self, environ: "WSGIEnvironment", username: str
    ) -> AbstractContextManager[None]:
        """Room to end everything of who is logged in here, if that is somebody else."""
        other = env.session_to_end(environ)
        if other is None or plain(self.username_of(other.subject)) == plain(username):
            return nullcontext()
        return self._room(environ)

    def _filled_in(  # noqa: PLR0913, PLR0917 - the parts of one try
        self,
        environ: "WSGIEnvironment",
        form: Mapping[str, str],
        level: str,
        target: str,
        choice: str,
        known: Citizen | None,
    ) -> Response:
        """The way on for who proves what she has filled in; else the page again.

        ``known`` is the citizen whose code alone was asked for.
        """
        # Who logs out everywhere while this is looked at has the last word.
        asked = clock.now()
        session = None if known is None else env.session_or_none(environ)
        proof = self._proven(environ, form, level, known)
        if proof.citizen is None:
            username = form.get("username", "")
            _note_refused(level, proof.problem)
            return self.page(
                environ,
                target,
                level,
                username=username,
                problem=proof.said,
                few_left=proof.few_left,
                chosen=choice,
                is_other=known is None,
            )
        if choice:
            target = rehearsal.added(target, choice)
        return self._sign_in(environ, proof.citizen, level, target, asked, session)

    def _choice(self, environ: "WSGIEnvironment", form: Mapping[str, str]) -> str:
        """What a tester has chosen on the page."""
        if not self._rehearses:
            return ""
        login = env.session_beyond_idle(environ)
        if login is not None and rehearsal.FIELD in form:
            # That counts, and not what was kept.
            rehearsal.take(env.values(environ), login)
        return rehearsal.chosen(form)

    def _kept(self, environ: "WSGIEnvironment") -> str:
        """What a tester who is logged in has chosen for the next answer, or ""."""
        login = env.session_beyond_idle(environ) if self._rehearses else None
        return rehearsal.kept(env.values(environ), login) if login else ""

    def _level_for(self, environ: "WSGIEnvironment", target: str, wanted: str) -> str:
        """The level to prove: the participant's question says it, not the form."""
        question, _ = asked_by(environ, target)
        level = wanted if question is None else question.level
        return level if level in self.offered else PASSWORD

    # --- what was filled in ---------------------------------------------------------

    def _proven(
        self,
        environ: "WSGIEnvironment",
        form: Mapping[str, str],
        level: str,
        known: Citizen | None,
    ) -> _Proof:
        """The citizen that this form proves at a level, or the problem.

        The password of a ``known`` citizen was proven before. Their code counts as a
        try at both all the same.
        """
        username = form.get("username", "")
        attempts = Attempts(environ, username, self._citizens.called(username))
        if not attempts.may_try_here():
            return _Proof(problem="blocked", said="blocked")
        may_try = attempts.may_try_password()
        if not may_try and attempts.is_in_her_own_browser:
            # It learns of nothing but its own tries, and has no more work done.
            return _Proof(problem="too-often", said="too-often")
        found = known or self._verified(username, form.get("password", ""))
        citizen = found if may_try else None
        if level != PASSWORD and not self._takes_code(environ, attempts, citizen, form):
            citizen = None
        if citizen is None:
            # The same of a username that nobody has.
            problem = "wrong" if may_try else "too-often"
            return _Proof(
                problem=problem,
                said="too-often" if attempts.has_none_left else problem,
                few_left=attempts.has_few_left,
            )
        attempts.forget(citizen.id, with_code=level != PASSWORD)
        return _Proof(citizen)

    def _verified(self, username: str, password: str) -> Citizen | None:
        """The citizen whose password this is.

        Whatever it is: who is nobody, a wrong password and a name of which no tries
        are left look alike, also by the time that they take.
        """
        with self._hashing:
            return self._citizens.verify(username, password)

    def _known(
        self, environ: "WSGIEnvironment", target: str, level: str
    ) -> Citizen | None:
        """The citizen whose code alone is to be proven, if the hub knows them so."""
        question, domain = asked_by(environ, target)
        return known_citizen(environ, self._citizens, question, domain, level)

    def _takes_code(
        self,
        environ: "WSGIEnvironment",
        attempts: Attempts,
        citizen: Citizen | None,
        form: Mapping[str, str],
    ) -> bool:
        """Whether this is her code, for the first time (RFC 6238 5.2).

        Of nobody it never is, and all the same is done: nobody learns whether the
        password was right.
        """
        code = form.get("code", "")
        may_try = attempts.may_try_code(citizen.id if citizen else "")
        is_right = self._citizens.verify_code(citizen, code)
        if citizen is None or not may_try or not is_right:
            return False
        used = _used(citizen, "".join(code.split()))
        return env.values(environ).add(used, "", clock.now() + _CODE_FOR)

    def _sign_in(  # noqa: PLR0913, PLR0917 - the parts of one proof
        self,
        environ: "WSGIEnvironment",
        citizen: Citizen,
        level: str,
        target: str,
        now: float,
        session: Login | None,
    ) -> Response:
        """Log a citizen in; ``session`` is where the password was proven, if not now.

        Without that session a code alone proves nothing: it ends no later, and nobody
        is logged in if a logout has ended it meanwhile.
        """
        own = env.trust(environ).own
        subject = citizen_here(own.entity_id, citizen.id)
        other, first = env.session_to_end(environ), None
        if other is not None and other.who != subject:
            first = self._make_way(environ, other, target)
        _, domain = asked_by(environ, target)
        proof = Login(
            who=subject,
            level=level,
            started=now if session is None else session.started,
            ends=now + env.sessions(environ).max_session
            if session is None
            else session.ends,
            confirmed=now,
            proven={level: now},
            domains=of_proof(domain, {level: now}),
            attributes=citizen.attributes,
            address=network(environ) if own.is_digid else "",
        )
        issued = now if session is None else session.confirmed
        made = self._log_in(environ, proof, issued)
        if made is None:
            # Another tab was faster, at a higher level.
            return first or see_other(at(own.public_url, target))
        token, login = made
        authentication_proofs.note(environ, token, _page_of(environ, target))
        audit.event(
            "sign-in",
            pseudonym=own.pseudonym(subject.name_id),
            session=own.pseudonym(token),
            level=login.level,
        )
        answer = first or see_other(at(own.public_url, target))
        answer.headerlist.append(env.cookie(environ).set(token))
        with_code = level != PASSWORD
        known = remember(environ, citizen, with_code=with_code)
        answer.headerlist.append(known)
        return answer

    def _log_in(
        self, environ: "WSGIEnvironment", proof: Login, issued: float
    ) -> tuple[str, Login] | None:
        """Make the login that was proven, in the place of the one of this browser.

        A logout since ``issued`` refuses it.
        """
        sessions, current = env.sessions(environ), env.session_beyond_idle(environ)
        login = proof
        if current is not None and not sessions.is_idle(current):
            # A step-up: a level once proven stays proven.
            login = current.confirmed_by(proof)
        return create_in_place(
            sessions,
            login,
            alone=proof,
            issued=issued,
            current=current,
            end_unseen=partial(self._end_unseen, environ),
        )

    def id_of(self, username: str) -> str:
        """Who has this username, or "" where nobody does."""
        return self._citizens.called(username).id

    def username_of(self, citizen_id: str) -> str:
        """What a citizen types as her username, or ""."""
        known = (c.username for c in self._citizens if c.id == citizen_id)
        return next(known, "")

    # --- the page -------------------------------------------------------------------

    def page(  # noqa: PLR0913 - the parts of one page
        self,
        environ: "WSGIEnvironment",
        target: str,
        level: str,
        *,
        username: str = "",
        problem: str | None = None,
        few_left: bool = False,
        chosen: str | None = None,
        is_other: bool = False,
        is_filled: bool = False,
    ) -> Response:
        """The sign-in page; whoever signs in goes to ``target``.

        With ``is_other`` it asks for all of a proof, whoever is signed in here.
        ``chosen`` is what a tester has chosen there; None for what is kept, if it is.
        With ``is_filled`` it has the password and the code of a demo citizen.
        """
        trust = env.trust(environ)
        language = language_of(environ)
        question, domain = asked_by(environ, target)
        name = question and trust.federation.name_of(question.issuer, language)
        logo = question and trust.federation.logo_of(question.issuer, language)
        query = urlencode({"next": target, "level": level})
        action = f"{trust.own.url('login')}?{query}"
        known = None if is_other else self._known(environ, target, level)
        wants_code = level != PASSWORD
        sessions = env.sessions(environ)
        citizens = self._demo_citizens(known)
        codes = self._shown_codes(environ) if wants_code else {}
        return self._pages.page(
            environ,
            "sign_in.html",
            headers=[_SHOWN.set("yes")],
            # The form's redirects lead on to the participant.
            form_action=[] if question is None else [question.acs_url],
            script="show_password.js" if known is None else "",
            action=action,
            known_as="" if known is None else known.username,
            other_url=f"{action}&{_OTHER}=yes",
            name=name,
            service_logo=logo or "",
            username=username,
            problem=problem,
            few_left=few_left,
            why="" if question is None else _why(environ, question, domain, level),
            shared_with=_shared_with(trust, question, domain),
            session_hours=sessions.max_session / 3600,
            idle_hours=sessions.idle / 3600,
            ended_by_idle=0 if question is None else question.idle_limit / 3600,
            is_digid=trust.own.is_digid,
            wants_code=wants_code,
            shown_codes=codes,
            demo_citizens=citizens,
            filled_password=DEMO_PASSWORDS.get(username, "") if is_filled else "",
            filled_code=codes.get(username, "") if is_filled else "",
            is_rehearsal=self._rehearses,
            choices=rehearsal.CHOICES if self._rehearses and question else (),
            chosen=self._kept(environ) if chosen is None else chosen,
        )

    def _shown_codes(self, environ: "WSGIEnvironment") -> dict[str, str]:
        if not self._is_demo:
            return {}
        return {c.username: self._unused_code(environ, c) for c in self._citizens}

    def _unused_code(self, environ: "WSGIEnvironment", citizen: Citizen) -> str:
        """Her code now, or the next one where she has used that already."""
        code = self._citizens.current_code(citizen)
        if env.values(environ).get(_used(citizen, code)) is None:
            return code
        return self._citizens.current_code(citizen, ahead=1)

    def _demo_citizens(self, known: Citizen | None) -> list[tuple[str, str, str]]:
        """Those whom a demonstration names: username, password, name of each.

        Only the one whose code alone is asked for, if one is known.
        """
        if not self._is_demo:
            return []
        return [
            (citizen.username, DEMO_PASSWORDS[citizen.username], citizen.name)
            for citizen in ([known] if known else self._citizens)
            if citizen.username in DEMO_PASSWORDS
        ]


def way_made_for(question: Question) -> tuple[str, str]:
    """The header for a browser in which somebody is out, at the word of who is there.

    That is said where she logs in herself, for this question and for no later one; a
    link to its address says it in no other browser.
    """
    return _WAY_MADE.set(question.handle)


def asked_by(environ: "WSGIEnvironment", target: str) -> tuple[Question | None, str]:
    """The question that an address of ours goes on with, and whose SSO domain that is.

    Raises :class:`eilogin.errors.UnknownPeer` where who asks is no member any more.
    """
    question = behind(environ, target)
    if question is None:
        return None, USUAL_DOMAIN
    entity, _ = env.trust(environ).participant(question.issuer)
    return question, entity.sso_domain


def _note_refused(level: str, problem: str) -> None:
    """Write to the audit log that nobody was signed in, and why.

    A network that has no tries left can go on for ever. Its later ones are counted.
    """
    if problem == "blocked" and rate_limited_log.is_one_too_many("sign-in blocked"):
        metrics.event("sign-in", "refused", peer=None, level=level, reason=problem)
    else:
        audit.event("sign-in", "refused", level=level, reason=problem)


def _used(citizen: Citizen, code: str) -> str:
    """Under which key the store has that she has used this code."""
    return f"code:{citizen.id}:{code}"


def _why(
    environ: "WSGIEnvironment", question: Question, domain: str, level: str
) -> str:
    """Why she signs in, or once more, as the page has it; "" of a stranger."""
    login = env.session_or_none(environ)
    if login is None:
        return "instead" if _WAY_MADE.read(environ) == question.handle else ""
    if is_apart(login, domain, level):
        return "apart"
    return "again" if reaches(login.level, level) else "more"


def _shared_with(trust: Trust, question: Question | None, domain: str) -> str:
    """At which other services she then is logged in too: all, some or none."""
    domains = trust.federation.sso_domains
    if question is None:
        # It is for none of them yet.
        return "some" if domains.keys() - {USUAL_DOMAIN} else "all"
    if trust.own.is_digid and domain != NO_SSO:
        # DigiD's own words are the same for all.
        return "all"
    return shared_with(domain, domains)


def _page_of(environ: "WSGIEnvironment", target: str) -> str:
    """What an address of ours goes on with: the question, whatever else it says."""
    return handle_in(target) or target


def network(environ: "WSGIEnvironment") -> str:
    """What tells the network of a request from others, for a login: a keyed hash."""
    return env.trust(environ).own.pseudonym(f"network\0{network_here(environ)}")


class SignInService:
    """The hub's answer to ``environ['eilogin.login']`` (web.environ.LoginService)."""

    #: Her session is made at the sign-in page.
    headers: Sequence[tuple[str, str]] = ()
    #: And who was here before her was told of there.
    first: Response | None = None

    def __init__(
        self, sign_in: SignIn, environ: "WSGIEnvironment", target: str
    ) -> None:
        self._sign_in = sign_in
        self._environ = environ
        self._target = target

    @property
    def login(self) -> Login | None:
        """The login of this visitor, if there is one."""
        return env.session(self._environ)

    def require(
        self, level: str, *, force: bool = False, passive: bool = False
    ) -> Response | None:
        """None where she is signed in at ``level``; else the sign-in page.

        None too where no page may be shown to her: :attr:`login` tells what she has.
        """
        login = self.login
        if login is not None and not force and reaches(login.level, level):
            return None
        if passive:
            return None
        return self._sign_in.page(
            self._environ, self._target, level, username=self._username(login)
        )

    def take_proof(self) -> bool:
        """Whether she has signed in for this very question, a few minutes ago; once."""
        page = _page_of(self._environ, self._target)
        return authentication_proofs.take(self._environ, self.login, page)

    def _username(self, login: Login | None) -> str:
        """What she need not type again, where more certainty about her is wanted."""
        return self._sign_in.username_of(login.subject) if login else ""
