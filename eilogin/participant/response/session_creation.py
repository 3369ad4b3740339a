"""From what the hub signed to a session of this visitor, and on to her page.

What comes before, from the request to the assertion, is ``response_intake``.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

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
from eilogin.web import environ as env
from eilogin.web.limits import login_loops
from eilogin.web.limits.client_network import Whereabouts

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class SessionCreator:
    """Logs visitors in at one participant.

    ``subject`` says by what the hub names them (:data:`SubjectSources`),
    ``mismatch`` what becomes of a NameID in another format than was asked for,
    ``sectors`` by which numbers DigiD may name them; ``quiet`` is for how many seconds
    a hub that confirmed a stranger silently is not asked again in that way.
    """

    def __init__(  # noqa: PLR0913 - options, each by its name
        self,
        forms: PostReplay,
        whereabouts: Whereabouts,
        *,
        subject: Sequence[str],
        mismatch: Mismatch = "refuse",
        sectors: Sequence[str] = digid_profile.ONLY_BSN,
        quiet: float,
    ) -> None:
        self._forms = forms
        self._whereabouts = whereabouts
        self._subject = subject
        self._formats = NameIDFormatCheck(mismatch)
        self._sectors = sectors
        self._quiet = quiet

    def would_replace(self, environ: "WSGIEnvironment", pending: PendingLogin) -> bool:
        """Whether an answer ends a login that she has got by another hub meanwhile.

        What she had when she went to this one, she means to leave. But a hub can keep
        its answer back for as long as a login may be under way: she would be somebody
        else when it pleases.
        """
        current = self._whereabouts.of_this_network(environ, env.session(environ))
        return (
            current is not None
            and current.who.issuer != pending.hub
            and pending.begun_as != pending_logins.tag_of(current)
            # It ends the session of who is somebody else.
            and not env.trust(environ).own.is_digid
        )

    def log_in(
        self,
        environ: "WSGIEnvironment",
        pending: PendingLogin,
        assertion: messages.Assertion,
    ) -> Response:
        """Make the login that an assertion speaks of, and go on to the page.

        ``assertion`` was verified and answers ``pending``, which is this browser's.
        Raises :class:`eilogin.errors.LevelTooLow`, :class:`eilogin.errors.ProofTooOld`,
        :class:`eilogin.errors.SubjectMissing`, :class:`eilogin.errors.MessageReplayed`,
        :class:`eilogin.errors.LoginEnded` or :class:`eilogin.errors.StoreUnavailable`,
        and of DigiD :class:`eilogin.errors.SectorRefused` or
        :class:`eilogin.errors.SubjectChanged`; nobody is logged in then.
        """
        sessions, own = env.sessions(environ), env.trust(environ).own
        new = self._new_login(environ, pending, assertion)
        current = self._whereabouts.of_this_network(environ, env.session(environ))
        idle = None if current else self._idle_of(environ, new)
        new = replace(
            new,
            left=_left_behind(current, new),
            # First sight of her was that, for a hub that tells no end.
            started=new.started if idle is None else idle.started,
        )
        if own.is_digid:
            _require_same(current, new)
        if not pending_logins.claim(environ, pending):
            return answer_repeated_response(
                environ, pending_logins.again(environ, pending)
            )
        use_once(environ, assertion)
        instant = _proven(own, pending, assertion)
        made = create_in_place(
            sessions,
            _merged(pending, instant, new, current),
            alone=_merged(pending, instant, new, None),
            issued=assertion.issued,
            current=current or _going_on(idle, new),
        )
        if made is None:
            return redirect_to_target(environ, pending.target)
        token, login = made
        pending_logins.spend(environ, pending, sessions.key_of(token))
        if pending.is_forced and own.hub_inside is not None:
            authentication_proofs.note(environ, token, pending.target)
        audit.event(
            _what_happened(current, login),
            pseudonym=own.pseudonym(login.who.name_id),
            session=own.pseudonym(token),
            peer=assertion.issuer,
            level=login.level,
        )
        headers = [
            env.cookie(environ).set(token),
            *self._forms.owner_cookie(environ, login, token),
            *self._login_headers(environ, pending, current, login.who),
            *logout_hint.keep(environ, token),
        ]
        return redirect_to_target(
            environ, without_mark(environ, pending.target), headers
        )

    def _idle_of(self, environ: "WSGIEnvironment", new: Login) -> Login | None:
        """The login of the same citizen in this browser that is only idle."""
        idle = self._whereabouts.of_this_network(
            environ, env.session_beyond_idle(environ)
        )
        return None if idle is None or idle.who != new.who else idle

    def _new_login(
        self,
        environ: "WSGIEnvironment",
        pending: PendingLogin,
        assertion: messages.Assertion,
    ) -> Login:
        """The login that an assertion speaks of, used from where she is now."""
        trust = env.trust(environ)
        level = _level_reached(trust, pending, assertion)
        new = _login_of(assertion, level, self._identified(trust, assertion))
        return replace(
            new,
            subject=for_application(trust, new.who, self._subject),
            also=also_of(assertion, new.who),
            address=self._whereabouts.mark(environ),
        )

    def _login_headers(
        self,
        environ: "WSGIEnvironment",
        pending: PendingLogin,
        current: Login | None,
        who: Subject,
    ) -> Sequence[tuple[str, str]]:
        """The headers by which her browser knows what came of what it asked."""
        headers = [
            self._passive_login_note(pending, current),
            *pending_logins.spent_cookie(environ, pending),
            *cancelled_login.forget(environ),
            *hub_choice.remember(environ, who.issuer),
            *logout_state.forget(environ, who),
        ]
        if not pending.is_passive:
            headers.append(login_loops.note(environ, pending.target))
        return headers

    def _identified(
        self, trust: Trust, assertion: messages.Assertion
    ) -> digid_profile.Identified:
        if trust.own.is_digid:
            return digid_profile.identified(trust, assertion, self._sectors)
        who = subject_of(trust, assertion, self._subject)
        self._formats.check(trust, who)
        return digid_profile.Identified(who, assertion.attributes)

    def _passive_login_note(
        self, pending: PendingLogin, current: Login | None
    ) -> tuple[str, str]:
        """Whether the hub may be asked silently again.

        Not at once where a stranger was let in silently: if her session cookie does not
        come back, she is a stranger to the page that asked, and it would ask for ever.
        """
        if pending.is_passive and current is None:
            return remember_passive_login(self._quiet)
        return forget_passive_login()


def _going_on(idle: Login | None, new: Login) -> Login | None:
    """A login that goes on because it was only idle.

    It is of the same citizen, so what the application has kept for her, by a cookie
    that is good in that login alone, is hers again: the token in a form that was kept
    meanwhile, say. Nothing that was proven in it counts any more; so what it may have
    shown her at a higher level is not hers at a lower one.
    """
    return idle if idle is not None and reaches(new.level, idle.level) else None


def _left_behind(current: Login | None, new: Login) -> tuple[str, ...]:
    """The hubs that do not hear that their login here has ended."""
    if current is None:
        return ()
    hubs = (*current.left, current.who.issuer)
    return tuple(hub for hub in dict.fromkeys(hubs) if hub != new.who.issuer)


def answer_repeated_response(
    environ: "WSGIEnvironment", pending: PendingLogin
) -> Response:
    """On to the page, for who brings the answer to a login for the second time.

    Her session may be on its way to this browser, or its cookie was lost because she
    clicked twice: then the page asks the hub, which knows her. After a logout there is
    no page to go on to by itself.
    """
    if env.session(environ) is not None:
        return redirect_to_target(environ, pending.target)
    session_key = pending.spent_by
    is_under_way = session_key == pending_logins.CLAIMED
    if not is_under_way and env.sessions(environ).store.read(session_key) is None:
        raise LoginLost("this Response was used before, and its session has ended")
    return redirect_to_target(
        environ, pending.target, [login_loops.note(environ, pending.target)]
    )


def _level_reached(
    trust: Trust, pending: PendingLogin, assertion: messages.Assertion
) -> str:
    """The level that was confirmed, if that is what was asked for.

    Raises LevelTooLow, and ProofTooOld where she was to prove who she is.
    """
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
    if pending.is_forced and assertion.authn_instant < pending.asked - SKEW:
        confirmed, requested = map(
            _clock_time, (assertion.authn_instant, pending.asked)
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
    """Somebody else than is logged in here is not logged in unasked (DigiD 2.2)."""
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
        # First sight of her here: a hub may tell no end, and may have confirmed her
        # long ago.
        started=now,
        ends=assertion.session_ends or float("inf"),
        confirmed=now,
        attributes=identified.attributes,
        session_index=assertion.session_index,
        ahead=max(0.0, assertion.issued - now),
    )


def _proven(own: Own, pending: PendingLogin, assertion: messages.Assertion) -> float:
    """When she proved who she is, 0 where nobody can tell.

    DigiD calls each answer a new proof, also one that it gives without asking her
    (DigiD 1.5). It asks her where that was demanded, and for its higher levels.
    """
    is_asked = pending.is_forced or reaches(pending.level, digid_profile.NEVER_SHARED)
    return assertion.authn_instant if is_asked or not own.is_digid else 0.0


def _merged(
    pending: PendingLogin,
    instant: float,
    new: Login,
    current: Login | None,
) -> Login:
    """What the hub said, with what was confirmed of the same citizen before.

    ``instant`` is when she proved who she is, as far as is known.
    """
    before = current if current is not None and current.who == new.who else None
    proven = path_limits.proven_at(
        instant,
        new.level,
        asked=pending.asked if pending.is_forced else None,
        before=before,
    )
    login = replace(new, proven=proven)
    return login if before is None else before.confirmed_by(login)


def _what_happened(before: Login | None, now: Login) -> str:
    if before is None or before.who != now.who:
        return "login"
    return "keep-alive" if before.level == now.level else "step-up"
