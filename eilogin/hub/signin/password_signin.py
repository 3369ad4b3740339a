"""The sign-in page of the hub: a username, a password and, for a higher level, a code.

It offers ``require(level)`` like the filter ``login`` of a participant, and answers
with a page instead of a redirect to a hub.
"""

import threading
from collections.abc import Callable, Mapping
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
from eilogin.hub.pending_authn_requests import PendingAuthnRequest, behind
from eilogin.hub.signin import rehearsal
from eilogin.hub.signin.citizens import DEMO_PASSWORDS, Citizen, Citizens, plain
from eilogin.hub.signin.code_step_up import known_citizen
from eilogin.hub.signin.known_browsers import remember
from eilogin.hub.signin.password_login_service import PasswordLoginService, page_of
from eilogin.hub.signin.signin_attempts import SignInAttempts
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

#: Passwords that are hashed at once: each needs memory and a processor.
_AT_ONCE = 4
#: A code is accepted for 90 s: in its period, the one before and the one after. It
#: stays used for longer, in case the clock is set back.
_CODE_FOR = 180.0

#: The parameter that shows the whole form, for another person.
_OTHER = "other"
#: The field of the form that asks for the code alone.
_ALONE = "code-alone"
#: The field of a button that has the form filled in, in a demonstration alone.
_DEMO_CITIZEN = "demo-citizen"
#: Set with the page: a browser that does not bring it with the form keeps no session.
_SHOWN = Cookie("eilogin-sign-in")
#: The request for which another person was logged out: see way_made_for.
_WAY_MADE = Cookie("eilogin-way-made")
_WITHOUT_COOKIES = (
    "the browser sent none of our cookies after the sign-in page;"
    " browsers keep it only with https, or with http on this machine (*.localhost)"
)

#: Ends the sessions of a citizen everywhere; returns the page that comes before the
#: address where the next one goes on, if any (hub.logout.SingleLogout.make_way).
LogOutOther = Callable[["WSGIEnvironment", Login, str], Response | None]
#: Reserves a slot for that during the block, or raises Busy (LogoutSlots.slot).
LogoutRoom = Callable[["WSGIEnvironment"], AbstractContextManager[None]]
#: Ends one session of a citizen who has too many (SessionEndings.end_unseen).
EndUnseen = Callable[["WSGIEnvironment", Login], None]


class _Proof(NamedTuple):
    """The result of a sign-in form."""

    citizen: Citizen | None = None
    #: ``wrong``, ``too-often`` or ``blocked`` without a citizen: for the audit log.
    problem: str = ""
    #: The same for the page, which reveals only what was tried from here.
    said: str = ""
    #: Whether the username has few attempts left, existing or not.
    few_left: bool = False


class PasswordSignIn:
    """Signs citizens in at one of the levels of ``offered``.

    If another citizen is signed in in this browser, ``make_way`` logs that one out;
    ``room`` reserves a slot for it before a code is used. ``end_unseen`` ends a session
    that exceeds the limit of a citizen. ``is_demo`` shows codes and passwords on the
    page. With ``rehearses``, a tester chooses the Response there, and the code proves
    higher levels too.
    """

    #: Whether the sign-in is at another site.
    leads_away = False

    def __init__(  # noqa: PLR0913 - what a sign-in has to do with
        self,
        citizens: Citizens,
        pages: Pages,
        make_way: LogOutOther,
        room: LogoutRoom,
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

    def service(self, environ: "WSGIEnvironment", target: str) -> PasswordLoginService:
        """Return the LoginService of a request; the citizen then goes to ``target``."""
        return PasswordLoginService(self, environ, target)

    def respond(self, environ: "WSGIEnvironment") -> Response:
        """Answer ``/login``: show the page, or read the form."""
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
        """Answer a form that a citizen has sent: to sign in, or to cancel."""
        own = env.trust(environ).own
        choice = self._choice(environ, form)
        if choice in rehearsal.WITHOUT_LOGIN:
            return see_other(at(own.public_url, rehearsal.added(target, choice)))
        if "cancel" in form:
            separator = "&" if "?" in target else "?"
            return see_other(at(own.public_url, f"{target}{separator}cancel=1"))
        if not takes_cookies(environ):
            # Checked before a code is used, or a session made that the browser loses.
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
        """Show the page filled in for a demo citizen. That signs nobody in."""
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
        """Reserve a slot to log out the other person of this browser, if any."""
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
        """Go on if the form proves a citizen; else show the page again.

        ``known`` is the citizen whom the page asked for the code alone.
        """
        # A logout during the check wins.
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
        """Return the Response that a tester chose on the page."""
        if not self._rehearses:
            return ""
        login = env.session_beyond_idle(environ)
        if login is not None and rehearsal.FIELD in form:
            # The choice in this form replaces the stored one.
            rehearsal.take(env.values(environ), login)
        return rehearsal.chosen(form)

    def _kept(self, environ: "WSGIEnvironment") -> str:
        """Return the stored choice of a signed-in tester, or ""."""
        login = env.session_beyond_idle(environ) if self._rehearses else None
        return rehearsal.kept(env.values(environ), login) if login else ""

    def _level_for(self, environ: "WSGIEnvironment", target: str, wanted: str) -> str:
        """Return the level to prove: that of the AuthnRequest, not of the form."""
        pending, _ = pending_request_behind(environ, target)
        level = wanted if pending is None else pending.level
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
        attempts = SignInAttempts(environ, username, self._citizens.called(username))
        if not attempts.may_try_here():
            return _Proof(problem="blocked", said="blocked")
        may_try = attempts.may_try_password()
        if not may_try and attempts.is_in_her_own_browser:
            # This browser learns only of its own attempts.
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
        """Return the citizen with this password, or None.

        An unknown username, a wrong password and a name without attempts left look
        alike, and take as long.
        """
        with self._hashing:
            return self._citizens.verify(username, password)

    def _known(
        self, environ: "WSGIEnvironment", target: str, level: str
    ) -> Citizen | None:
        """The citizen whose code alone is to be proven, if the hub knows them so."""
        pending, domain = pending_request_behind(environ, target)
        return known_citizen(environ, self._citizens, pending, domain, level)

    def _takes_code(
        self,
        environ: "WSGIEnvironment",
        attempts: SignInAttempts,
        citizen: Citizen | None,
        form: Mapping[str, str],
    ) -> bool:
        """Whether the code is right, and used for the first time (RFC 6238 5.2).

        Without a citizen it never is, but takes the same steps: the time does not
        reveal whether the password was right.
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
        """Make the session; ``session`` is the one with the password, if not this form.

        Then a code alone proves nothing without that session: it ends no later, and if
        a logout has ended it meanwhile, nobody is signed in.
        """
        own = env.trust(environ).own
        subject = citizen_here(own.entity_id, citizen.id)
        other, first = env.session_to_end(environ), None
        if other is not None and other.who != subject:
            first = self._make_way(environ, other, target)
        _, domain = pending_request_behind(environ, target)
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
            address=network(environ) if own.profile.records_network else "",
        )
        issued = now if session is None else session.confirmed
        made = self._log_in(environ, proof, issued)
        if made is None:
            # Another tab was faster, at a higher level.
            return first or see_other(at(own.public_url, target))
        token, login = made
        authentication_proofs.note(environ, token, page_of(environ, target))
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
        """Make the proven session, which replaces the one of this browser.

        A logout since ``issued`` rejects it.
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
        """Return the id of the citizen with a username, or ""."""
        return self._citizens.called(username).id

    def username_of(self, citizen_id: str) -> str:
        """Return the username of a citizen, or ""."""
        return self._citizens.username_of(citizen_id)

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
        """Make the sign-in page; after it the citizen goes to ``target``.

        ``is_other`` asks for the whole proof, whoever is signed in here. ``chosen`` is
        the choice of a tester; None for the stored one. ``is_filled`` fills in the
        password and code of a demo citizen.
        """
        trust = env.trust(environ)
        language = language_of(environ)
        pending, domain = pending_request_behind(environ, target)
        name = pending and trust.federation.name_of(pending.issuer, language)
        logo = pending and trust.federation.logo_of(pending.issuer, language)
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
            form_action=[] if pending is None else [pending.acs_url],
            script="show_password.js" if known is None else "",
            action=action,
            known_as="" if known is None else known.username,
            other_url=f"{action}&{_OTHER}=yes",
            name=name,
            service_logo=logo or "",
            username=username,
            problem=problem,
            few_left=few_left,
            why="" if pending is None else _why(environ, pending, domain, level),
            shared_with=_shared_with(trust, pending, domain),
            session_hours=sessions.max_session / 3600,
            idle_hours=sessions.idle / 3600,
            ended_by_idle=0 if pending is None else pending.idle_limit / 3600,
            is_digid=trust.own.profile.hub_rules == "digid",
            wants_code=wants_code,
            shown_codes=codes,
            demo_citizens=citizens,
            filled_password=DEMO_PASSWORDS.get(username, "") if is_filled else "",
            filled_code=codes.get(username, "") if is_filled else "",
            is_rehearsal=self._rehearses,
            choices=rehearsal.CHOICES if self._rehearses and pending else (),
            chosen=self._kept(environ) if chosen is None else chosen,
        )

    def _demo_citizens(self, known: Citizen | None) -> list[tuple[str, str, str]]:
        """Return username, password and name of the demo citizens, or of ``known``."""
        if not self._is_demo:
            return []
        return [
            (citizen.username, DEMO_PASSWORDS[citizen.username], citizen.name)
            for citizen in ([known] if known else self._citizens)
            if citizen.username in DEMO_PASSWORDS
        ]

    def _shown_codes(self, environ: "WSGIEnvironment") -> dict[str, str]:
        if not self._is_demo:
            return {}
        return {c.username: self._unused_code(environ, c) for c in self._citizens}

    def _unused_code(self, environ: "WSGIEnvironment", citizen: Citizen) -> str:
        """Return the present code, or the next one if that is used already."""
        code = self._citizens.current_code(citizen)
        if env.values(environ).get(_used(citizen, code)) is None:
            return code
        return self._citizens.current_code(citizen, ahead=1)


def way_made_for(pending: PendingAuthnRequest) -> tuple[str, str]:
    """Return the header that notes: this browser's former visitor is logged out.

    The next sign-in page for this request, in this browser, says so. A link to the
    address does not.
    """
    return _WAY_MADE.set(pending.handle)


def pending_request_behind(
    environ: "WSGIEnvironment", target: str
) -> tuple[PendingAuthnRequest | None, str]:
    """Return the AuthnRequest that an address goes on with, and its SSO domain.

    Raises :class:`eilogin.errors.UnknownPeer` if its issuer is no member any more.
    """
    pending = behind(environ, target)
    if pending is None:
        return None, USUAL_DOMAIN
    entity, _ = env.trust(environ).participant(pending.issuer)
    return pending, entity.sso_domain


def _note_refused(level: str, problem: str) -> None:
    """Write to the audit log that nobody was signed in, and why.

    A network without attempts left can go on for ever: later ones are only counted.
    """
    if problem == "blocked" and rate_limited_log.is_one_too_many("sign-in blocked"):
        metrics.event("sign-in", "refused", peer=None, level=level, reason=problem)
    else:
        audit.event("sign-in", "refused", level=level, reason=problem)


def _used(citizen: Citizen, code: str) -> str:
    """Return the store's key for a used code."""
    return f"code:{citizen.id}:{code}"


def _why(
    environ: "WSGIEnvironment", pending: PendingAuthnRequest, domain: str, level: str
) -> str:
    """Return why the visitor signs in, as a word for the page; "" if anonymous."""
    login = env.session_or_none(environ)
    if login is None:
        return "instead" if _WAY_MADE.read(environ) == pending.handle else ""
    if is_apart(login, domain, level):
        return "apart"
    return "again" if reaches(login.level, level) else "more"


def _shared_with(trust: Trust, pending: PendingAuthnRequest | None, domain: str) -> str:
    """Return at which other services the visitor then is signed in too."""
    domains = trust.federation.sso_domains
    if pending is None:
        # The sign-in is for no participant yet.
        return "some" if domains.keys() - {USUAL_DOMAIN} else "all"
    if trust.own.profile.hub_rules == "digid" and domain != NO_SSO:
        # DigiD's own words are the same for all.
        return "all"
    return shared_with(domain, domains)


def network(environ: "WSGIEnvironment") -> str:
    """Return a keyed hash of the client network of a request."""
    return env.trust(environ).own.pseudonym(f"network\0{network_here(environ)}")
