"""The hub's own sign-in: a username, a password and, for a higher level, a code.

It answers the same call as the filter ``login`` does for a participant,
``require(level)``, with a page where that filter sends the citizen to a hub.
"""

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode

from webob import Response

from eilogin import audit, clock
from eilogin.hub.citizens import DEMO_PASSWORDS, Citizen, Citizens
from eilogin.hub.questions import Questions
from eilogin.saml.levels import LEVELS, reaches
from eilogin.sessions import Login, Subject
from eilogin.stores import Store
from eilogin.web import environ as env
from eilogin.web.pages import Pages, language_of
from eilogin.web.requests import origin_of, read_form, require_own_form, safe_next
from eilogin.web.urls import see_other

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: The levels that a password, and a password with a code, prove.
PASSWORD, WITH_CODE = LEVELS[0], LEVELS[1]
#: The levels that this sign-in offers.
OFFERED = (PASSWORD, WITH_CODE)

#: So many wrong passwords for one username in so many seconds, then it has to wait.
_MOST_ATTEMPTS = 5
_ATTEMPTS_FOR = 15 * 60.0
#: A code is taken while it is shown, and one before and after; then never again.
_CODE_FOR = 120.0

#: Ends a citizen's sessions everywhere.
EndEverywhere = Callable[["WSGIEnvironment", Login], object]


class SignIn:
    """Signs citizens in.

    ``end_everywhere`` is called for a citizen whose browser another one signs in in;
    ``is_demo`` shows codes and passwords on the page.
    """

    def __init__(
        self,
        citizens: Citizens,
        pages: Pages,
        end_everywhere: EndEverywhere,
        *,
        is_demo: bool,
    ) -> None:
        self._citizens = citizens
        self._pages = pages
        self._end_everywhere = end_everywhere
        self._is_demo = is_demo

    def service(self, environ: "WSGIEnvironment", target: str) -> "SignInService":
        """The call ``require`` for a request whose citizen then goes to ``target``."""
        return SignInService(self, environ, target)

    def respond(self, environ: "WSGIEnvironment") -> Response:
        """``/login``: the page, or what was filled in there."""
        query = parse_qs(environ.get("QUERY_STRING", ""), max_num_fields=20)
        target = safe_next(query.get("next", [""])[0])
        level = query.get("level", [PASSWORD])[0]
        level = level if level in OFFERED else PASSWORD
        if environ["REQUEST_METHOD"] != "POST":
            return self.page(environ, target, level)
        require_own_form(environ, env.trust(environ).own.public_url)
        form = read_form(environ)
        if "cancel" in form:
            separator = "&" if "?" in target else "?"
            return self._go_to(environ, f"{target}{separator}cancel=1")
        username = form.get("username", "")
        attempts = _Attempts(env.sessions(environ).store, username)
        if not attempts.may_try():
            return self._wrong(environ, target, level, username, "blocked")
        citizen = self._citizens.verify(username, form.get("password", ""))
        if citizen is None:
            return self._wrong(environ, target, level, username, "wrong")
        if level == WITH_CODE and not self._takes_code(
            environ, citizen, form.get("code", "")
        ):
            return self._wrong(environ, target, level, username, "code")
        attempts.forget()
        return self._sign_in(environ, citizen, level, target)

    # --- what was filled in ---------------------------------------------------------

    def _takes_code(
        self, environ: "WSGIEnvironment", citizen: Citizen, code: str
    ) -> bool:
        """Whether this is her code, for the first time (RFC 6238 5.2)."""
        if not self._citizens.verify_code(citizen, code):
            return False
        used = f"code:{citizen.id}:{''.join(code.split())}"
        return env.sessions(environ).store.add(used, "", clock.now() + _CODE_FOR)

    def _wrong(
        self,
        environ: "WSGIEnvironment",
        target: str,
        level: str,
        username: str,
        problem: str,
    ) -> Response:
        audit.event("sign-in", "refused", level=level, reason=problem)
        return self.page(environ, target, level, username=username, problem=problem)

    def _sign_in(
        self, environ: "WSGIEnvironment", citizen: Citizen, level: str, target: str
    ) -> Response:
        sessions = env.sessions(environ)
        own = env.trust(environ).own
        now = clock.now()
        subject = Subject(
            own.entity_id, own.entity_id, citizen.id,
            name_qualifier=own.entity_id, sp_name_qualifier=own.entity_id,
        )  # fmt: skip
        token = env.cookie(environ).read(environ)
        before = sessions.find_beyond_idle(token) if token else None
        if before is not None and before.who != subject:
            self._end_everywhere(environ, before)
            before = None
        login = Login(
            who=subject,
            level=level,
            started=now,
            ends=now + sessions.max_session,
            confirmed=now,
            attributes={"bsn": [citizen.bsn], "name": [citizen.name]},
        )
        if before is not None and not sessions.is_idle(before):
            # A step-up: a level once proven stays proven.
            login = before.confirmed_by(login)
        token = sessions.create_login(login, issued=now, replaces=before)
        audit.event(
            "sign-in",
            pseudonym=audit.pseudonym_of(subject.name_id),
            session=audit.pseudonym_of(token),
            level=login.level,
        )
        return self._go_to(environ, target, [env.cookie(environ).set(token)])

    def _go_to(
        self,
        environ: "WSGIEnvironment",
        target: str,
        headers: "list[tuple[str, str]] | None" = None,
    ) -> Response:
        origin = origin_of(env.trust(environ).own.public_url)
        return see_other(origin + target, headers or [])

    # --- the page -------------------------------------------------------------------

    def page(
        self,
        environ: "WSGIEnvironment",
        target: str,
        level: str,
        *,
        username: str = "",
        problem: str | None = None,
    ) -> Response:
        """The sign-in page; whoever signs in goes to ``target``."""
        trust = env.trust(environ)
        language = language_of(environ)
        question = Questions(env.sessions(environ).store).behind(target)
        service = trust.own.entity_id if question is None else question.issuer
        query = urlencode({"next": target, "level": level})
        wants_code = level == WITH_CODE
        return self._pages.page(
            environ,
            "sign_in.html",
            # The form's redirects lead on to the participant.
            form_action=[] if question is None else [question.acs_url],
            action=f"{trust.own.url('login')}?{query}",
            name=trust.federation.name_of(service, language),
            username=username,
            problem=problem,
            wants_code=wants_code,
            shown_codes=self._shown_codes() if wants_code else {},
            demo_citizens=self._demo_citizens(),
        )

    def _shown_codes(self) -> dict[str, str]:
        if not self._is_demo:
            return {}
        return {c.username: self._citizens.current_code(c) for c in self._citizens}

    def _demo_citizens(self) -> list[tuple[str, str, str]]:
        if not self._is_demo:
            return []
        return [
            (citizen.username, DEMO_PASSWORDS[citizen.username], citizen.name)
            for citizen in self._citizens
            if citizen.username in DEMO_PASSWORDS
        ]


class SignInService:
    """The hub's answer to ``environ['eilogin.login']`` (web.environ.LoginService)."""

    def __init__(
        self, sign_in: SignIn, environ: "WSGIEnvironment", target: str
    ) -> None:
        self._sign_in = sign_in
        self._environ = environ
        self._target = target

    def require(
        self, level: str, *, force: bool = False, passive: bool = False
    ) -> Response | None:
        """None where she is signed in at ``level``; else the sign-in page."""
        fault = self._environ.get(env.SESSION_FAULT)
        if fault is not None:
            raise fault
        login = env.session(self._environ)
        if login is not None and not force and reaches(login.level, level):
            return None
        return self._sign_in.page(self._environ, self._target, level)


class _Attempts:
    """The tries at one username's password, counted over all processes."""

    def __init__(self, store: Store, username: str) -> None:
        self._store = store
        digest = hashlib.sha256(username.strip().casefold().encode()).hexdigest()
        self._keys = [f"attempt:{digest}:{n}" for n in range(_MOST_ATTEMPTS)]

    def may_try(self) -> bool:
        """Take one of the tries that are left, or say that none is."""
        until = clock.now() + _ATTEMPTS_FOR
        return any(self._store.add(key, "", until) for key in self._keys)

    def forget(self) -> None:
        """The password was right: all tries are there again."""
        for key in self._keys:
            self._store.take(key)
