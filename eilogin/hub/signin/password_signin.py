"""The sign-in page: a username, a password and, for a higher level, a code."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial

from webob import Response

from eilogin import audit, clock, metrics
from eilogin.errors import CookiesRefused
from eilogin.hub.participants.name_ids import citizen_here
from eilogin.hub.participants.sso_domains import of_proof
from eilogin.hub.signin import rehearsal
from eilogin.hub.signin.citizen_accounts import Citizen, Citizens, plain
from eilogin.hub.signin.code_step_up import known_citizen
from eilogin.hub.signin.credential_check import (
    OFFERED,
    PASSWORD,
    CredentialCheck,
)
from eilogin.hub.signin.hub_login_service import HubLoginService, page_of
from eilogin.hub.signin.known_browsers import remember
from eilogin.hub.signin.signin_page import (
    OTHER,
    SignInPage,
)
from eilogin.hub.signin.signin_request import SignInRequest
from eilogin.saml.assurance_levels import LEVELS
from eilogin.sessions import Login, create_in_place
from eilogin.web import authentication_proofs
from eilogin.web.limits.client_network import network_here
from eilogin.web.limits.login_loops import takes_cookies
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.reporting import rate_limited_log
from eilogin.web.requests import (
    read_form,
    read_query,
    require_own_form,
    safe_next,
)
from eilogin.web.site_urls import at, root, see_other, this_page
from eilogin.web.visit import Visit

#: The form field for the code alone.
_ALONE = "code-alone"
_DEMO_CITIZEN = "demo-citizen"
_WITHOUT_COOKIES = (
    "the browser sent none of our cookies after the sign-in page;"
    " browsers keep it only with https, or with http on this machine (*.localhost)"
)

#: Ends a citizen's sessions; may return the page to show before an address
#: (``HubLogout.make_way``).
LogOutOther = Callable[[Visit, Login, str], Response | None]
#: Reserves a slot for a logout, or raises Busy.
LogoutRoom = Callable[[Visit], AbstractContextManager[None]]
#: Ends one of too many sessions (``SessionEndings.end_unseen``).
EndUnseen = Callable[[Visit, Login], None]


class PasswordSignIn:
    """Signs citizens in at the levels of ``offered``.

    ``make_way`` logs out another citizen of this browser; ``room`` reserves a slot for
    that before a code is used.
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
        self._credentials = CredentialCheck(citizens)
        self.page = SignInPage(pages, citizens, is_demo=is_demo, rehearses=rehearses)
        self._make_way = make_way
        self._room = room
        self._end_unseen = end_unseen
        self._is_demo = is_demo

    def service(self, visit: Visit, request: SignInRequest) -> HubLoginService:
        """Return the LoginService of a request."""
        return HubLoginService(self, visit, request)

    def respond(self, visit: Visit) -> Response:
        """Answer ``/login``: show the page, or read the form."""
        visit.allow_only("GET", "HEAD", "POST")
        own = visit.trust.own
        query = read_query(visit)
        target = safe_next(query.get("next"), root(own.public_url))
        request = SignInRequest.behind(visit, target)
        level = self._level_for(request, query.get("level", PASSWORD))
        is_other = query.get(OTHER) == "yes"
        if visit.method != "POST":
            return self.page.show(visit, request, level, is_other=is_other)
        require_own_form(visit, own.public_url)
        form = read_form(visit)
        if self._is_demo and _DEMO_CITIZEN in form:
            return self._filled(visit, request, level, form, is_other=is_other)
        return self._sent(visit, request, level, form, is_other=is_other)

    def _sent(
        self,
        visit: Visit,
        request: SignInRequest,
        level: str,
        form: Mapping[str, str],
        *,
        is_other: bool,
    ) -> Response:
        own, target = visit.trust.own, request.target
        choice = self._choice(visit, form)
        if choice in rehearsal.WITHOUT_LOGIN:
            return see_other(at(own.public_url, rehearsal.added(target, choice)))
        if "cancel" in form:
            separator = "&" if "?" in target else "?"
            return see_other(at(own.public_url, f"{target}{separator}cancel=1"))
        if not takes_cookies(visit):
            # Refuse it now, before a code is used or a session is lost.
            error = CookiesRefused(_WITHOUT_COOKIES)
            again = this_page(visit, own.public_url)
            return self._pages.refuse(visit, error, event="login", again=again)
        session_citizen = None
        if _ALONE in form and "username" not in form:
            session_citizen = known_citizen(visit, self._citizens, request, level)
            if session_citizen is None:
                # The session is over: show the whole form.
                return self.page.show(visit, request, level, is_other=is_other)
            form = {**form, "username": session_citizen.username}
        with self._room_for(visit, form.get("username", "")):
            return self._filled_in(visit, form, level, request, choice, session_citizen)

    def _filled(
        self,
        visit: Visit,
        request: SignInRequest,
        level: str,
        form: Mapping[str, str],
        *,
        is_other: bool,
    ) -> Response:
        return self.page.show(
            visit,
            request,
            level,
            username=form[_DEMO_CITIZEN],
            chosen=rehearsal.chosen(form) if self._rehearses else "",
            is_other=is_other,
            is_filled=True,
        )

    def _room_for(self, visit: Visit, username: str) -> AbstractContextManager[None]:
        other = visit.session_to_end()
        if other is None or plain(self.username_of(other.subject)) == plain(username):
            return nullcontext()
        return self._room(visit)

    def _filled_in(  # noqa: PLR0913, PLR0917 - the parts of one try
        self,
        visit: Visit,
        form: Mapping[str, str],
        level: str,
        request: SignInRequest,
        choice: str,
        session_citizen: Citizen | None,
    ) -> Response:
        # With a ``session_citizen``, the form has the code alone.
        # A logout during the check is later, so the new session does not start.
        began = clock.now()
        session = None if session_citizen is None else visit.session_or_none
        proof = self._credentials.check(visit, form, level, session_citizen)
        if proof.citizen is None:
            username = form.get("username", "")
            _note_refused(level, proof.problem)
            return self.page.show(
                visit,
                request,
                level,
                username=username,
                problem=proof.shown_problem,
                few_left=proof.few_left,
                chosen=choice,
                is_other=session_citizen is None,
            )
        if choice:
            target = rehearsal.added(request.target, choice)
            request = replace(request, target=target)
        return self._sign_in(visit, proof.citizen, level, request, began, session)

    def _choice(self, visit: Visit, form: Mapping[str, str]) -> str:
        if not self._rehearses:
            return ""
        login = visit.session_beyond_idle()
        if login is not None and rehearsal.FIELD in form:
            # This choice replaces the stored one.
            rehearsal.take(visit.values, login)
        return rehearsal.chosen(form)

    def _level_for(self, request: SignInRequest, requested: str) -> str:
        # The form has no say in the level of an AuthnRequest.
        pending = request.pending
        level = requested if pending is None else pending.level
        return level if level in self.offered else PASSWORD

    def _sign_in(  # noqa: PLR0913, PLR0917 - the parts of one proof
        self,
        visit: Visit,
        citizen: Citizen,
        level: str,
        request: SignInRequest,
        now: float,
        session: Login | None,
    ) -> Response:
        """Create the session, and return the next page or redirect.

        If the form had only a code, ``session`` has proven the password. Then the new
        session ends no later than that one, and a logout in the meantime ends both.
        """
        own, target = visit.trust.own, request.target
        subject = citizen_here(own.entity_id, citizen.id)
        other, page = visit.session_to_end(), None
        if other is not None and other.who != subject:
            page = self._make_way(visit, other, target)
        proof = Login(
            who=subject,
            level=level,
            started=now if session is None else session.started,
            ends=now + visit.sessions.max_session if session is None else session.ends,
            confirmed=now,
            proven={level: now},
            domains=of_proof(request.domain, {level: now}),
            attributes=citizen.attributes,
            address=network(visit) if own.profile.records_network else "",
        )
        issued = now if session is None else session.confirmed
        created = self._log_in(visit, proof, issued)
        if created is None:
            # Another tab was faster, at a higher level.
            return page or see_other(at(own.public_url, target))
        token, login = created
        if request.pending is not None:
            authentication_proofs.note(visit, token, page_of(visit, target))
        audit.event(
            "sign-in",
            pseudonym=own.pseudonym(subject.name_id),
            session=own.pseudonym(token),
            level=login.level,
        )
        answer = page or see_other(at(own.public_url, target))
        answer.headerlist.append(visit.cookie.set(token))
        with_code = level != PASSWORD
        browser_cookie = remember(visit, citizen, with_code=with_code)
        answer.headerlist.append(browser_cookie)
        return answer

    def _log_in(
        self, visit: Visit, proof: Login, issued: float
    ) -> tuple[str, Login] | None:
        """Replace this browser's session, unless a logout since ``issued``."""
        sessions, current = visit.sessions, visit.session_beyond_idle()
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
            end_unseen=partial(self._end_unseen, visit),
        )

    def id_of(self, username: str) -> str:
        """Return the id of the citizen with a username, or ""."""
        return self._citizens.called(username).id

    def username_of(self, citizen_id: str) -> str:
        """Return the username of a citizen, or ""."""
        return self._citizens.username_of(citizen_id)


def _note_refused(level: str, problem: str) -> None:
    # A network without attempts left would flood the audit log.
    if problem == "blocked" and rate_limited_log.is_one_too_many("sign-in blocked"):
        metrics.event("sign-in", "refused", peer=None, level=level, reason=problem)
    else:
        audit.event("sign-in", "refused", level=level, reason=problem)


def network(visit: Visit) -> str:
    """Return a keyed hash of the client network."""
    return visit.trust.own.pseudonym(f"network\0{network_here(visit)}")
