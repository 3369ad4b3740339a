"""Show the sign-in page."""

from typing import Any
from urllib.parse import urlencode

from webob import Response

from eilogin.federation import Trust
from eilogin.hub.participants.sso_domains import is_apart, shared_with
from eilogin.hub.pending_authn_requests import PendingAuthnRequest
from eilogin.hub.signin import rehearsal
from eilogin.hub.signin.citizen_accounts import DEMO_PASSWORDS, Citizen, Citizens
from eilogin.hub.signin.code_step_up import known_citizen
from eilogin.hub.signin.credential_check import PASSWORD, used_code
from eilogin.hub.signin.signin_request import SignInRequest
from eilogin.saml.assurance_levels import reaches
from eilogin.saml.metadata import NO_SSO
from eilogin.sessions import USUAL_DOMAIN
from eilogin.web.browser.browser_cookies import Cookie
from eilogin.web.pages.page_languages import language_of
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.visit import Visit

#: The parameter for the whole form, for another person.
OTHER = "other"
#: Set with the page: a browser that does not return it would lose the session.
_SHOWN = Cookie("eilogin-sign-in")
_WAY_MADE = Cookie("eilogin-way-made")


class SignInPage:
    """Makes the page; ``is_demo`` shows passwords, ``rehearses`` shows choices."""

    def __init__(
        self, pages: Pages, citizens: Citizens, *, is_demo: bool, rehearses: bool
    ) -> None:
        self._pages = pages
        self._citizens = citizens
        self._is_demo = is_demo
        self._rehearses = rehearses

    def show(  # noqa: PLR0913 - the parts of one page
        self,
        visit: Visit,
        request: SignInRequest,
        level: str,
        *,
        username: str = "",
        problem: str | None = None,
        few_left: bool = False,
        chosen: str | None = None,
        is_other: bool = False,
        is_filled: bool = False,
    ) -> Response:
        """Show the sign-in page, which leads on to the target of a request.

        ``is_other`` asks for the whole proof. ``chosen`` is a tester's choice; None for
        the stored one. ``is_filled`` fills in a demo citizen.
        """
        trust = visit.trust
        pending = request.pending
        query = urlencode({"next": request.target, "level": level})
        action = f"{trust.own.url('login')}?{query}"
        session_citizen = None
        if not is_other:
            session_citizen = known_citizen(visit, self._citizens, request, level)
        wants_code = level != PASSWORD
        codes = self._shown_codes(visit) if wants_code else {}
        about = _about_request(visit, pending, request.domain, level)
        return self._pages.page(
            visit,
            "sign_in.html",
            headers=[_SHOWN.set("yes")],
            script="show_password.js" if session_citizen is None else "",
            action=action,
            known_as="" if session_citizen is None else session_citizen.username,
            other_url=f"{action}&{OTHER}=yes",
            username=username,
            problem=problem,
            few_left=few_left,
            is_digid=trust.own.profile.asks_for_digid,
            wants_code=wants_code,
            shown_codes=codes,
            demo_citizens=self._demo_citizens(session_citizen),
            filled_password=DEMO_PASSWORDS.get(username, "") if is_filled else "",
            filled_code=codes.get(username, "") if is_filled else "",
            is_rehearsal=self._rehearses,
            choices=rehearsal.CHOICES if self._rehearses and pending else (),
            chosen=self._stored_choice(visit) if chosen is None else chosen,
            **about,
        )

    def _demo_citizens(
        self, session_citizen: Citizen | None
    ) -> list[tuple[str, str, str]]:
        if not self._is_demo:
            return []
        return [
            (citizen.username, DEMO_PASSWORDS[citizen.username], citizen.name)
            for citizen in ([session_citizen] if session_citizen else self._citizens)
            if citizen.username in DEMO_PASSWORDS
        ]

    def _shown_codes(self, visit: Visit) -> dict[str, str]:
        if not self._is_demo:
            return {}
        return {c.username: self._unused_code(visit, c) for c in self._citizens}

    def _unused_code(self, visit: Visit, citizen: Citizen) -> str:
        # A code counts once.
        code = self._citizens.current_code(citizen)
        if visit.values.get(used_code(citizen, code)) is None:
            return code
        return self._citizens.current_code(citizen, ahead=1)

    def _stored_choice(self, visit: Visit) -> str:
        login = visit.session_beyond_idle() if self._rehearses else None
        return rehearsal.stored(visit.values, login) if login else ""


def way_made_for(pending: PendingAuthnRequest) -> tuple[str, str]:
    """Return the header by which the next page says that the person is logged out."""
    return _WAY_MADE.set(pending.handle)


def _about_request(
    visit: Visit,
    pending: PendingAuthnRequest | None,
    domain: str,
    level: str,
) -> dict[str, Any]:
    trust, sessions = visit.trust, visit.sessions
    variables = {
        "shared_with": _shared_with(trust, pending, domain),
        "session_hours": sessions.max_session / 3600,
        "idle_hours": sessions.idle / 3600,
    }
    if pending is None:
        none = {"name": None, "service_logo": "", "why": "", "ended_by_idle": 0}
        return variables | none | {"form_action": []}
    language = language_of(visit)
    return variables | {
        # The form's redirects lead on to the participant.
        "form_action": [pending.acs_url],
        "name": trust.federation.name_of(pending.issuer, language),
        "service_logo": trust.federation.logo_of(pending.issuer, language) or "",
        "why": _reason(visit, pending, domain, level),
        "ended_by_idle": pending.idle_limit / 3600,
    }


def _reason(visit: Visit, pending: PendingAuthnRequest, domain: str, level: str) -> str:
    # A word for the template.
    login = visit.session_or_none
    if login is None:
        return (
            "instead" if _WAY_MADE.read(visit.cookie_header) == pending.handle else ""
        )
    if is_apart(login, domain, level):
        return "apart"
    return "again" if reaches(login.level, level) else "more"


def _shared_with(trust: Trust, pending: PendingAuthnRequest | None, domain: str) -> str:
    domains = trust.federation.sso_domains
    if pending is None:
        # The sign-in is for no participant yet.
        return "some" if domains.keys() - {USUAL_DOMAIN} else "all"
    if not trust.own.profile.names_sso_domains and domain != NO_SSO:
        return "all"
    return shared_with(domain, domains)
