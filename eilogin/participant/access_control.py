"""Decide whether a request may pass to the application, by the rule of its path."""

from collections.abc import Callable

from webob import Response

from eilogin.config import did_you_mean
from eilogin.errors import EiloginError
from eilogin.participant.expiry.keep_alive import KeepAlive
from eilogin.participant.forms.post_replay import PostReplay, handle_in
from eilogin.participant.inner_logout import InnerLogout
from eilogin.participant.login.login_required import LoginRequired, can_be_passive
from eilogin.participant.login.passive_login import PassiveLogin
from eilogin.participant.policy import attribute_access, path_limits
from eilogin.participant.policy.path_rules import PathRules
from eilogin.participant.policy.strictest_rule import OFF, OPTIONAL, PathRule
from eilogin.saml.assurance_levels import LEVELS, reaches
from eilogin.sessions import Login
from eilogin.web import authentication_proofs
from eilogin.web import environ as env
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.site_urls import this_page
from eilogin.web.visit import Visit

ErrorPage = Callable[[Visit, Exception], Response]


class AccessControl:
    """Answers a request that may not pass to the pages of one participant."""

    def __init__(  # noqa: PLR0913 - one part for each decision
        self,
        pages: Pages,
        rules: PathRules,
        *,
        passive_login: PassiveLogin,
        keep_alive: KeepAlive,
        login_required: LoginRequired,
        forms: PostReplay,
        inner_logout: InnerLogout,
        refuses_when_down: bool,
    ) -> None:
        self._pages = pages
        self._rules = rules
        self._passive_login = passive_login
        self._keep_alive = keep_alive
        self._login_required = login_required
        self._forms = forms
        self._inner_logout = inner_logout
        self._refuses_when_down = refuses_when_down

    def stop(self, visit: Visit) -> Response | None:
        """Return eilogin's answer, or None if the request may pass."""
        rule = self._rules.rule_of(visit)
        login, environ = visit.session_or_none, visit.environ
        if (
            login is not None
            and login.level in rule.enough
            and environ["REQUEST_METHOD"] == "GET"
            and env.SESSION_FAULT not in environ
        ):
            # A short cut for most requests: _stop_by returns the same.
            return self._keep_alive.note_page_view(visit, login)
        return self._stop_by(rule, visit, login)

    def _stop_by(
        self, rule: PathRule, visit: Visit, login: Login | None
    ) -> Response | None:
        if rule.need == OFF:
            visit.set_session(None)
            visit.environ[env.OFF] = True
            return None
        if rule.need == OPTIONAL:
            return self._stop_optional(visit)
        if self._is_logout_without_access(visit, login, rule):
            visit.environ[env.ADDRESS] = env.APP_LOGOUT
            return None
        if rule.has_limits:
            refusal = self._stop_by_limit(visit, rule)
            if refusal is not None:
                return refusal
        if visit.method == "POST":
            return self._check_form(visit, rule.need)
        return self.require(visit, rule.need)

    def _is_logout_without_access(
        self, visit: Visit, login: Login | None, rule: PathRule
    ) -> bool:
        # Such a visitor must not have to log in first. If the store fails, they may be
        # signed in.
        return (
            not visit.has_session_fault
            and self._inner_logout.is_way_out(visit)
            and not attribute_access.is_open_to(visit, login, rule)
        )

    def _stop_optional(self, visit: Visit) -> Response | None:
        # If the session cannot be read, visit.session raises the reason.
        login = visit.session if self._refuses_when_down else visit.session_or_none
        answer = self._passive_login.begin(visit) if self._passive_login.is_on else None
        return (
            answer if login is None else self._keep_alive.note_page_view(visit, login)
        )

    def _stop_by_limit(self, visit: Visit, rule: PathRule) -> Response | None:
        login = visit.session
        if path_limits.needs_proof(visit, login, rule) or (
            login is None and path_limits.wants_proof_at_login(visit, rule)
        ):
            visit.environ[env.FRESH] = True
            return None
        unmet = attribute_access.unmet(login, rule)
        if login is None or not unmet:
            return None
        # A keep-alive may bring attributes that the hub has added since the login.
        redirect = self._keep_alive.note_page_view(visit, login)
        return redirect or attribute_access.refuse(visit, self._pages, login, unmet)

    def _check_form(self, visit: Visit, level: str) -> Response | None:
        handle = handle_in(visit)
        answer = self.require(visit, level)
        if answer is not None:
            return self._forms.store(visit, level, handle, answer)
        if handle is None:
            return None
        # The stored form may be for a path with a stricter rule.
        return self._forms.send(visit, handle) or self.stop(visit)

    def require(
        self,
        visit: Visit,
        level: str,
        *,
        force: bool = False,
        passive: bool = False,
    ) -> Response | None:
        """See ``LoginService``. Raise EiloginError if the session cannot be read."""
        login = visit.session
        force = force or visit.needs_fresh_proof
        if login is not None and not force and reaches(login.level, level):
            return self._keep_alive.note_page_view(visit, login)
        if passive and not can_be_passive(visit):
            return None
        return self._login_required.answer(visit, level, force=force, passive=passive)


class ParticipantLoginService:
    """``environ['eilogin.login']``: see :class:`eilogin.web.environ.LoginService`."""

    __slots__ = ("_access_control", "_refused", "_visit")

    def __init__(
        self, access_control: AccessControl, visit: Visit, refused: ErrorPage
    ) -> None:
        self._access_control = access_control
        self._visit = visit
        self._refused = refused

    @property
    def login(self) -> Login | None:
        """The visitor's login, or None, also if it cannot be read."""
        return self._visit.session_or_none

    def require(
        self, level: str, *, force: bool = False, passive: bool = False
    ) -> Response | None:
        """Return None, an answer or an error page; ValueError for an unknown level."""
        if level not in LEVELS:
            hint = did_you_mean(str(level).lower(), LEVELS)
            expected = ", ".join(map(repr, LEVELS))
            raise ValueError(f"found the level {level!r}; expected {expected}{hint}")
        require = self._access_control.require
        try:
            return require(self._visit, level, force=force, passive=passive)
        except EiloginError as error:
            return self._refused(self._visit, error)

    @property
    def tells_proof(self) -> bool:
        """Whether a login says when the visitor last proved who they are."""
        return self._visit.trust.own.profile.tells_proof_age

    def take_proof(self) -> bool:
        """Return whether the visitor gave this page a fresh proof, minutes ago."""
        page = this_page(self._visit, self._visit.trust.own.public_url)
        return authentication_proofs.take(self._visit, self.login, page)
