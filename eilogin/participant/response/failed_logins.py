"""Pages and redirects after a login that failed or was lost."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import unquote, urlencode

from webob import Response

from eilogin import audit
from eilogin.errors import (
    Help,
    LevelTooLow,
    LoginFailed,
    LoginLost,
    PathRefused,
    ProofTooOld,
    Refused,
)
from eilogin.federation import Own, Trust
from eilogin.participant.login import cancelled_login, hub_choice, pending_logins
from eilogin.participant.login.authn_requests import (
    login_address,
    remember_passive_login,
)
from eilogin.participant.login.passive_login import without_mark
from eilogin.participant.login.pending_logins import PendingLogin
from eilogin.participant.login.return_targets import is_own_address, redirect_to_target
from eilogin.participant.policy import attribute_access
from eilogin.participant.policy.path_rules import PathRules
from eilogin.participant.policy.strictest_rule import OFF, OPTIONAL, PathRule
from eilogin.participant.response import login_restart
from eilogin.participant.session_end import SessionEnd
from eilogin.saml import messages
from eilogin.saml.assurance_levels import LEVELS
from eilogin.saml.printable_text import short
from eilogin.web import environ as env
from eilogin.web.pages.page_frame import name_of
from eilogin.web.pages.page_languages import language_of
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.pages.refusal_records import note_refusal
from eilogin.web.requests import origin_of
from eilogin.web.site_urls import root, this_page
from eilogin.web.visit import Visit


class _BackLink(NamedTuple):
    #: A target, an address of the hub, or "".
    back_url: str
    #: ``page``, ``website`` or ``hub``.
    back_to: str
    back_name: str = ""


class FailedLogins:
    """Answers the browser after a Response without a login, or after a lost login.

    ``passive_login_pause``: seconds. ``cancel_texts``: by language. ``is_exact``:
    ``comparison = exact``.
    """

    def __init__(  # noqa: PLR0913 - options, each by its name
        self,
        pages: Pages,
        rules: PathRules,
        *,
        passive_login_pause: float,
        cancel_texts: Mapping[str, str],
        session_end: SessionEnd,
        is_exact: bool = False,
    ) -> None:
        self._pages = pages
        self._rules = rules
        self._is_exact = is_exact
        self._passive_login_pause = passive_login_pause
        self._cancel_texts = cancel_texts
        self._session_end = session_end

    def answer(
        self, visit: Visit, pending: PendingLogin, failure: LoginFailed
    ) -> Response:
        """Answer a cancelled or passive login; raise LoginFailed for other failures."""
        audit.event(
            "login",
            "refused",
            peer=pending.hub,
            level=pending.level,
            reason=short(failure.status_codes[-1]),
        )
        if pending.is_passive:
            ended = self._ended_elsewhere(visit, pending, failure)
            return self.silently(visit, pending, ended)
        trust = visit.trust
        is_late = messages.TOO_LATE in failure.status_codes
        restart = login_restart.begin_in_time(visit, pending) if is_late else None
        if restart is not None:
            return restart
        if trust.own.hub_inside is not None:
            code = failure.status_codes[-1]
            ended = self._ended(visit, failure)
            return _redirect_to_inner_hub(visit, pending, code, ended)
        if is_late or messages.AUTHN_FAILED not in failure.status_codes:
            codes = failure.status_codes
            raise LoginFailed(_log_text(trust, pending, failure), codes, _helps(codes))
        if trust.own.profile.returns_after_cancel:
            ended = self._ended(visit, failure)
            return cancelled_login.redirect_back(
                visit,
                self._page_with_notice(visit, pending.began or pending.target),
                [*ended, pending_logins.drop(pending.handle)],
                ended=bool(ended),
            )
        return self._cancelled(visit, pending)

    def _cancelled(self, visit: Visit, pending: PendingLogin) -> Response:
        target, level, back = pending.target, pending.level, pending.began
        # Otherwise the visitor would have to choose the hub again.
        is_needed = hub_choice.is_needed(visit.trust)
        hub = pending.hub if is_needed else ""
        return self._pages.page(
            visit,
            "cancelled.html",
            login_url=login_address(visit, target, level, hub=hub, back=back),
            choose_url=hub_choice.address(visit, target, level, back=back),
            **self._way_back(
                visit, pending.hub, back, "" if pending.is_required else target
            )._asdict(),
            logged_in=visit.session is not None,
        )

    def led_back(self, visit: Visit) -> Response | None:
        """Return the page of a cancelled login, unless this page reports it."""
        if not cancelled_login.take_mark(visit):
            return None
        if not cancelled_login.is_due(visit):
            return cancelled_login.to_plain_page(visit)
        need = self._rules.rule_of(visit).need
        if need == OPTIONAL:
            return None
        return self._cancelled_here(visit, LEVELS[0] if need == OFF else need)

    def _cancelled_here(self, visit: Visit, level: str) -> Response:
        own = visit.trust.own
        target = this_page(visit, own.public_url)
        return self._pages.page(
            visit,
            "cancelled.html",
            status=403,
            headers=cancelled_login.forget(visit),
            login_url=login_address(visit, target, level),
            choose_url=hub_choice.address(visit, target, level),
            **self._way_back(visit, hub_choice.known_hub(visit))._asdict(),
            ended=cancelled_login.has_ended(visit),
            words=self._cancel_texts[language_of(visit)],
        )

    def too_low(
        self,
        visit: Visit,
        pending: PendingLogin,
        error: LevelTooLow | ProofTooOld,
    ) -> Response:
        """Redirect to the inner hub; without one, do as :meth:`lacking`."""
        if visit.trust.own.hub_inside is None:
            return self.lacking(visit, pending, error)
        note_refusal(error, "login", visit)
        ended = self._ended(visit, error)
        return _redirect_to_inner_hub(visit, pending, messages.NO_AUTHN_CONTEXT, ended)

    def lacking(self, visit: Visit, pending: PendingLogin, error: Refused) -> Response:
        """Redirect an anonymous visitor after a passive login, or raise ``error``."""
        if visit.session is not None:
            raise error
        return self.refused(visit, pending, error)

    def refused(self, visit: Visit, pending: PendingLogin, error: Refused) -> Response:
        """Redirect after a rejected passive login; otherwise raise ``error``."""
        if not pending.is_passive:
            raise error
        note_refusal(error, "login", visit)
        return self.silently(visit, pending)

    def silently(
        self,
        visit: Visit,
        pending: PendingLogin,
        headers: Sequence[tuple[str, str]] = (),
    ) -> Response:
        """Redirect without a new session, and delay the next passive login."""
        target = without_mark(visit, pending.target)
        return redirect_to_target(
            visit, target, [*headers, remember_passive_login(self._passive_login_pause)]
        )

    def _ended_elsewhere(
        self, visit: Visit, pending: PendingLogin, failure: LoginFailed
    ) -> list[tuple[str, str]]:
        # The hub no longer knows the session at a keep-alive: the visitor may have
        # logged out elsewhere, without a LogoutRequest to us. The session stays if the
        # visitor was only idle or has logged in since, or if eilogin requested more
        # than a session.
        login = visit.session
        if (
            login is None
            or messages.NO_PASSIVE not in failure.status_codes
            or messages.IDLE in failure.status_codes
            or (pending.level, pending.is_forced) != (LEVELS[0], False)
            # With ``exact``, the hub may not confirm a session at another level.
            or (self._is_exact and login.level != pending.level)
            or pending.begun_as != pending_logins.tag_of(login)
            or login.confirmed > pending.requested_at
        ):
            return []
        return self._session_end.end_here(visit, short(messages.NO_PASSIVE))

    def forgotten(self, visit: Visit, error: LoginLost) -> Response:
        """Return the page of a lost login for a visitor who has a session by now."""
        own = visit.trust.own
        return self._pages.page(
            visit,
            "logged_in.html",
            status=409,
            reference=note_refusal(error, "login", visit),
            telephone=own.telephone,
            name=name_of(own, language_of(visit)),
            website_url=root(own.public_url),
        )

    def _page_with_notice(self, visit: Visit, target: str) -> str:
        rule = self._rule_at(target)
        if rule is None or rule.need == OFF:
            return root(visit.trust.own.public_url)
        return target

    def says_it_at(self, visit: Visit) -> bool:
        """Return whether the page of this request may report the cancelled login."""
        return cancelled_login.is_due(visit) and self._rules.rule_of(visit).need != OFF

    def _way_back(self, visit: Visit, hub: str, *pages: str) -> _BackLink:
        trust = visit.trust
        page = self._first_open(visit, pages)
        if page:
            return _BackLink(page, "page")
        site = trust.own.public_url
        page = self._first_open(visit, (_link_of(trust.own), root(site)))
        if page:
            return _BackLink(page, "website")
        federation, language = trust.federation, language_of(visit)
        name = federation.name_of(hub, language) if hub else ""
        return _BackLink(federation.link_of(hub, language), "hub", name)

    def public_page(self, visit: Visit) -> str:
        """Return a page of this site that needs no login, or ""."""
        own = visit.trust.own
        for page in filter(None, (_link_of(own), root(own.public_url))):
            rule = self._rule_at(page)
            if rule is not None and rule.need in (OFF, OPTIONAL):
                return page
        return ""

    def _first_open(self, visit: Visit, pages: Sequence[str]) -> str:
        own = visit.trust.own
        is_anonymous = visit.session is None
        for page in filter(None, pages):
            # The page of a kept form needs a login, though its path needs none.
            is_ours = is_own_address(own, page.partition("?")[0])
            rule = None if is_ours and is_anonymous else self._rule_at(page)
            if self._is_open(visit, rule):
                return page
        return ""

    def _rule_at(self, target: str) -> PathRule | None:
        try:
            return self._rules.rule_for(unquote(target.partition("?")[0]))
        except PathRefused:
            return None

    def _is_open(self, visit: Visit, rule: PathRule | None) -> bool:
        login = visit.session
        return rule is not None and attribute_access.is_open_to(visit, login, rule)

    def _ended(self, visit: Visit, error: Refused) -> list[tuple[str, str]]:
        # DigiD requires that, even for a session at a lower level.
        if not visit.trust.own.profile.failed_login_ends_session:
            return []
        return self._session_end.end_here(visit, error.code)


def _link_of(own: Own) -> str:
    origin = origin_of(own.public_url)
    return own.link.removeprefix(origin) if own.link.startswith(f"{origin}/") else ""


def _redirect_to_inner_hub(
    visit: Visit,
    pending: PendingLogin,
    code: str,
    headers: Sequence[tuple[str, str]] = (),
) -> Response:
    separator = "&" if "?" in pending.target else "?"
    reason = urlencode({env.REFUSED: short(code)})
    return redirect_to_target(visit, f"{pending.target}{separator}{reason}", headers)


#: The likely cause, by the last part of a status code (SAML core 3.2.2.2).
_LIKELY_CAUSE = {
    "NoAuthnContext": "the hub cannot log visitors in at that level, or the visitor "
    "did not reach it; see comparison and level_classes",
    "NoPassive": "the hub would have had to ask the visitor, which IsPassive "
    "forbids; but eilogin had not asked for a passive login",
    "RequestDenied": "the hub does not serve this site: does it have our newest "
    "metadata",
    "UnknownPrincipal": "the hub knows the visitor, but not as a user of this site",
    "InvalidNameIDPolicy": "the hub sends no NameID in the format of name_id_format",
    "InvalidAttrNameOrValue": "the hub does not know an attribute in our metadata",
    "RequestUnsupported": "the hub does not support a part of the AuthnRequest",
    "UnsupportedBinding": "the hub does not answer over the binding of acs",
    "NoSupportedIDP": "the hubs behind it cannot log the visitor in",
    "NoAvailableIDP": "the hub cannot reach any hub behind it",
    "ProxyCountExceeded": "too many hubs are between it and the hub of the visitor",
    "VersionMismatch": "the hub does not support SAML 2.0",
    "TooLate": "the hub rejects our AuthnRequest as too old: are both clocks right",
    "Requester": "the hub says that the fault is in our AuthnRequest",
    "Responder": "the hub says that the fault is on its side",
}
#: The advice of the error page, where waiting does not help.
_HELPS: Mapping[str, Help] = {
    "NoAuthnContext": "level",
    **dict.fromkeys(
        (
            "RequestDenied",
            "UnknownPrincipal",
            "InvalidNameIDPolicy",
            "InvalidAttrNameOrValue",
            "RequestUnsupported",
            "UnsupportedBinding",
            "NoSupportedIDP",
            "ProxyCountExceeded",
            "VersionMismatch",
        ),
        "organisation",
    ),
}
#: Characters of a status code in the log.
_SHOWN = 80


def _helps(codes: Sequence[str]) -> Help:
    names = [short(code) for code in reversed(codes)]
    return next((_HELPS[name] for name in names if name in _HELPS), "")


def _log_text(trust: Trust, pending: PendingLogin, failure: LoginFailed) -> str:
    names = [short(code)[:_SHOWN] for code in failure.status_codes]
    causes = (_LIKELY_CAUSE[name] for name in reversed(names) if name in _LIKELY_CAUSE)
    cause = next(causes, "")
    reason = f" ({cause})" if cause else ""
    return (
        f"{pending.hub!r} answered {'/'.join(names)!a}{reason}; expected a login "
        f"at level {pending.level} and the status Success: "
        f"{trust.whom_to_ask(pending.hub)}"
    )
