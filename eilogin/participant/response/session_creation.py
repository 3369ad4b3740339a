"""Create the session of a visitor from an assertion, and redirect to their page."""

from collections.abc import Sequence
from dataclasses import replace

from webob import Response

from eilogin import audit, clock
from eilogin.errors import LevelTooLow, LoginLost, ProofTooOld, SubjectChanged
from eilogin.federation import Own, Trust
from eilogin.participant import digid_profile, logout_hint
from eilogin.participant.forms.post_replay import PostReplay
from eilogin.participant.login import cancelled_login, hub_choice, pending_logins
from eilogin.participant.login.authn_requests import (
    forget_passive_login,
    remember_passive_login,
)
from eilogin.participant.login.passive_login import without_mark
from eilogin.participant.login.pending_logins import PendingLogin
from eilogin.participant.login.return_targets import redirect_to_target
from eilogin.participant.logout import logout_state
from eilogin.participant.policy import path_limits
from eilogin.participant.response.name_id_formats import Mismatch, NameIDFormatCheck
from eilogin.participant.response.response_intake import use_once
from eilogin.participant.subject_names import also_of, for_application, subject_of
from eilogin.saml import messages
from eilogin.saml.assurance_levels import reaches
from eilogin.saml.message_checks import SKEW
from eilogin.sessions import Login, Subject, create_in_place
from eilogin.web import authentication_proofs
from eilogin.web.limits import login_loops
from eilogin.web.limits.client_network import ClientNetworkCheck
from eilogin.web.visit import Visit


class SessionCreator:
    """Signs visitors in at one participant.

    * ``subject``: the sources of the visitor's name.
    * ``mismatch``: the option ``name_id_mismatch``.
    * ``sectors``: the kinds of numbers of DigiD.
    * ``quiet``: seconds between passive logins.
    """

    def __init__(  # noqa: PLR0913 - options, each by its name
        self,
        forms: PostReplay,
        client_network: ClientNetworkCheck,
        *,
        subject: Sequence[str],
        mismatch: Mismatch = "refuse",
        sectors: Sequence[str] = digid_profile.ONLY_BSN,
        quiet: float,
    ) -> None:
        self._forms = forms
        self._client_network = client_network
        self._subject = subject
        self._formats = NameIDFormatCheck(mismatch)
        self._sectors = sectors
        self._quiet = quiet

    def would_replace(self, visit: Visit, pending: PendingLogin) -> bool:
        """Return whether a Response would end a login that another hub confirmed."""
        # That login began after the AuthnRequest. A hub can delay its Response, and so
        # choose when the visitor becomes somebody else.
        current = self._client_network.of_this_network(visit, visit.session)
        return (
            current is not None
            and current.who.issuer != pending.hub
            and pending.begun_as != pending_logins.tag_of(current)
            # With DigiD, the Response of another visitor ends the session.
            and not visit.trust.own.profile.failed_login_ends_session
        )

    def log_in(
        self,
        visit: Visit,
        pending: PendingLogin,
        assertion: messages.Assertion,
    ) -> Response:
        """Create the session of an assertion, and redirect to the page.

        ``assertion`` is verified, and answers this browser's ``pending``. Raise
        LevelTooLow, ProofTooOld, SubjectMissing, MessageReplayed, LoginEnded,
        StoreUnavailable, and with DigiD SectorRefused or SubjectChanged; then nobody is
        signed in.
        """
        sessions, own = visit.sessions, visit.trust.own
        new = self._new_login(visit, pending, assertion)
        current = self._client_network.of_this_network(visit, visit.session)
        idle = None if current else self._idle_of(visit, new)
        new = replace(
            new,
            left=_left_behind(current, new),
            # An idle session keeps its start, which limits it if the hub sends no end.
            started=new.started if idle is None else idle.started,
        )
        if own.profile.failed_login_ends_session:
            _require_same(current, new)
        if not pending_logins.claim(visit, pending):
            return answer_repeated_response(visit, pending_logins.again(visit, pending))
        use_once(visit, assertion)
        proven_at = _proof_instant(own, pending, assertion)
        created = create_in_place(
            sessions,
            _merged(pending, proven_at, new, current),
            alone=_merged(pending, proven_at, new, None),
            issued=assertion.issued,
            current=current or _resumed(idle, new),
        )
        if created is None:
            return redirect_to_target(visit, pending.target)
        token, login = created
        pending_logins.spend(visit, pending, sessions.key_of(token))
        if pending.is_forced and own.hub_inside is not None:
            authentication_proofs.note(visit, token, pending.target)
        audit.event(
            _audit_event(current, login),
            pseudonym=own.pseudonym(login.who.name_id),
            session=own.pseudonym(token),
            peer=assertion.issuer,
            level=login.level,
        )
        headers = [
            visit.cookie.set(token),
            *self._forms.owner_cookie(visit, login, token),
            *self._login_headers(visit, pending, current, login.who),
            *logout_hint.hint_headers(visit, token),
        ]
        return redirect_to_target(visit, without_mark(visit, pending.target), headers)

    def _idle_of(self, visit: Visit, new: Login) -> Login | None:
        idle = self._client_network.of_this_network(visit, visit.session_beyond_idle())
        return None if idle is None or idle.who != new.who else idle

    def _new_login(
        self,
        visit: Visit,
        pending: PendingLogin,
        assertion: messages.Assertion,
    ) -> Login:
        trust = visit.trust
        level = _level_reached(trust, pending, assertion)
        new = _login_of(assertion, level, self._identified(trust, assertion))
        return replace(
            new,
            subject=for_application(trust, new.who, self._subject),
            also=also_of(assertion, new.who),
            address=self._client_network.mark(visit),
        )

    def _login_headers(
        self,
        visit: Visit,
        pending: PendingLogin,
        current: Login | None,
        who: Subject,
    ) -> Sequence[tuple[str, str]]:
        headers = [
            self._passive_login_note(pending, current),
            *pending_logins.spent_cookie(visit, pending),
            *cancelled_login.forget(visit),
            *hub_choice.remember(visit, who.issuer),
            *logout_state.forget(visit, who),
        ]
        if not pending.is_passive:
            headers.append(login_loops.note(visit, pending.target))
        return headers

    def _identified(
        self, trust: Trust, assertion: messages.Assertion
    ) -> digid_profile.Identified:
        if trust.own.profile.has_sector_numbers:
            return digid_profile.identified(trust, assertion, self._sectors)
        who = subject_of(trust, assertion, self._subject)
        self._formats.check(trust, who)
        return digid_profile.Identified(who, assertion.attributes)

    def _passive_login_note(
        self, pending: PendingLogin, current: Login | None
    ) -> tuple[str, str]:
        # A browser that returns no session cookie would start passive logins for ever.
        if pending.is_passive and current is None:
            return remember_passive_login(self._quiet)
        return forget_passive_login()


def _resumed(idle: Login | None, new: Login) -> Login | None:
    # The application's content for an idle session stays valid, such as a token in a
    # kept form. A login at a lower level resumes none. Earlier proofs do not count.
    return idle if idle is not None and reaches(new.level, idle.level) else None


def _left_behind(current: Login | None, new: Login) -> tuple[str, ...]:
    # These hubs get no LogoutRequest for their replaced login here.
    if current is None:
        return ()
    hubs = (*current.left, current.who.issuer)
    return tuple(hub for hub in dict.fromkeys(hubs) if hub != new.who.issuer)


def answer_repeated_response(visit: Visit, pending: PendingLogin) -> Response:
    """Redirect to the page of a spent login; raise LoginLost after a logout."""
    if visit.session is not None:
        return redirect_to_target(visit, pending.target)
    session_key = pending.spent_by
    is_claimed = session_key == pending_logins.CLAIMED
    if not is_claimed and visit.sessions.store.read(session_key) is None:
        raise LoginLost("this Response was used before, and its session has ended")
    return redirect_to_target(
        visit, pending.target, [login_loops.note(visit, pending.target)]
    )


def _level_reached(
    trust: Trust, pending: PendingLogin, assertion: messages.Assertion
) -> str:
    level, hub = trust.classes.level_of(assertion.level_class), assertion.issuer
    if level is None:
        raise LevelTooLow(
            f"the login needs the level {pending.level}, but {hub!r} confirmed "
            f"the class {assertion.level_class!r}, which no line of level_classes "
            f"has: add it there if it is good enough, or {trust.whom_to_ask(hub)}"
        )
    if not reaches(level, pending.level):
        raise LevelTooLow(
            f"the login needs the level {pending.level}, but {hub!r} confirmed "
            f"{level} ({assertion.level_class!r}): {trust.whom_to_ask(hub)}"
        )
    if pending.is_forced and assertion.authn_instant < pending.requested_at - SKEW:
        confirmed, requested = map(
            _clock_time, (assertion.authn_instant, pending.requested_at)
        )
        raise ProofTooOld(
            f"eilogin asked for a fresh login at {requested} (ForceAuthn), but "
            f"{hub!r} confirmed a login of {confirmed} (AuthnInstant): does the hub "
            f"support ForceAuthn, and is its clock right? {trust.whom_to_ask(hub)}",
            pending.target,
        )
    return level


def _clock_time(instant: float) -> str:
    return clock.utc(instant).isoformat(timespec="seconds")


def _require_same(current: Login | None, new: Login) -> None:
    # DigiD 2.2 demands that.
    if current is not None and current.who != new.who:
        hub = new.who.issuer
        raise SubjectChanged(
            f"{hub!r} names another visitor than the one who is signed in here. "
            "eilogin ends the session; the other visitor has to log in again. "
            "You need not do anything"
        )


def _login_of(
    assertion: messages.Assertion, level: str, identified: digid_profile.Identified
) -> Login:
    now = clock.now()
    return Login(
        who=identified.who,
        level=level,
        # A hub may send no end, and may have confirmed it long ago.
        started=now,
        ends=assertion.session_ends or float("inf"),
        confirmed=now,
        attributes=identified.attributes,
        session_index=assertion.session_index,
        ahead=max(0.0, assertion.issued - now),
    )


def _proof_instant(
    own: Own, pending: PendingLogin, assertion: messages.Assertion
) -> float:
    # DigiD calls each Response a new proof, but asks the visitor for one only at higher
    # levels and with ForceAuthn (DigiD 1.5).
    is_new_proof = pending.is_forced or reaches(
        pending.level, digid_profile.NEVER_SHARED
    )
    return (
        assertion.authn_instant if is_new_proof or own.profile.tells_proof_age else 0.0
    )


def _merged(
    pending: PendingLogin,
    instant: float,
    new: Login,
    current: Login | None,
) -> Login:
    same_visitor = current if current is not None and current.who == new.who else None
    proven = path_limits.proven_at(
        instant,
        new.level,
        asked=pending.requested_at if pending.is_forced else None,
        before=same_visitor,
    )
    login = replace(new, proven=proven)
    return login if same_visitor is None else same_visitor.confirmed_by(login)


def _audit_event(before: Login | None, now: Login) -> str:
    if before is None or before.who != now.who:
        return "login"
    return "keep-alive" if before.level == now.level else "step-up"
