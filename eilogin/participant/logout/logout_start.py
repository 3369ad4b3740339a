"""She logs out here: her session ends, and the hub is told, which tells all others.

The session ends before anything is sent, so that whatever happens afterwards she is
logged out here. The hub is told in her browser, or over SOAP, and then she stays here.
"""

import hashlib
import hmac
import json
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

from webob import Response

from eilogin import audit, clock
from eilogin.errors import (
    AlgorithmMissing,
    EiloginError,
    MessageUnexpected,
    PeerUnavailable,
    Refused,
    StoreUnavailable,
    Unavailable,
    UnknownPeer,
)
from eilogin.federation import Trust
from eilogin.participant import inner_hub, logout_hint
from eilogin.participant.inner_hub import Inside
from eilogin.participant.login.hub_reachability import is_reachable
from eilogin.participant.logout import logout_hooks, unconfirmed_logouts
from eilogin.participant.logout.logout_hooks import Hooks
from eilogin.participant.logout.logout_pages import Afterwards, LoggedOut
from eilogin.participant.logout.logout_requests import HubTold, judged
from eilogin.participant.logout.logout_retry_queue import Courier, LogoutQueue
from eilogin.participant.logout.unconfirmed_logouts import Notice
from eilogin.saml import bindings, messages
from eilogin.saml.metadata import Endpoint
from eilogin.sessions import Login, Subject
from eilogin.web import environ as env
from eilogin.web.browser.browser_cookies import Cookie
from eilogin.web.inbound_messages import verify
from eilogin.web.limits import login_loops
from eilogin.web.outbound_messages import send_through_browser
from eilogin.web.pages.page_rendering import Pages, note_refusal
from eilogin.web.requests import read_query, safe_next

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: How long we wait for the hub to send the visitor back, in seconds: she may look at
#: its page of a partial logout for a while. And how long she can read what came of it.
_KEPT_FOR = 60 * 60.0

#: How long what the hub has answered is so: for the way to our page, in seconds. Nobody
#: here can see who has logged in elsewhere since.
_A_MOMENT = 10.0

#: The parameter of our logout by which a visitor asks to have the hub told again:
#: then the browser goes there, even if this server sees no hub. A reload does not.
_AGAIN, _AGAIN_NOW = "again", "yes"

#: Ties a logout to its browser: nobody else's answer says "logged out" here. It comes
#: along with the hub's POST too, and holds nothing but the request's ID.
_UNDER_WAY = Cookie("eilogin-logout", same_site="None")


class Leaving:
    """Logs visitors out of one participant; ``usual`` is where they are afterwards."""

    def __init__(  # noqa: PLR0913, PLR0917 - what it leads on to
        self,
        pages: Pages,
        hub_told: HubTold,
        inside_: Inside,
        logged_out: LoggedOut,
        hooks_: Hooks,
        usual: str,
    ) -> None:
        self._pages = pages
        self._hooks = hooks_
        self._hub_told = hub_told
        self._queue = LogoutQueue(hub_told, _delivered)
        #: Delivers what is queued, in this process.
        self.courier = Courier(self._queue)
        self._inside = inside_
        self._logged_out = logged_out
        self._usual = usual

    def leave(
        self,
        environ: "WSGIEnvironment",
        login: Login,
        target: str,
        *,
        cause: str = logout_hooks.HERE,
    ) -> Response:
        """End a login here, and tell the hub; she is at ``target`` afterwards.

        ``cause`` is one of those of ``logout_hooks``. A hub inside that began
        it knows itself whom it reached.
        """
        is_hubs = cause == logout_hooks.INSIDE
        # Before it ends, so that a second click finds the one or the other.
        notice = (
            unconfirmed_logouts.new_notice(login)
            if is_hubs
            else unconfirmed_logouts.keep(environ, login)
        )
        is_reached = self._end_here(environ, login, cause, notice.key)
        then = Afterwards(
            target,
            begun_inside=is_hubs,
            # It tells itself whom it reached; nobody told a hub that she left behind.
            is_partial=bool(login.left) or not (is_reached or is_hubs),
        )
        answer = self._tell_hub(environ, notice, then)
        # Who logs out means to log in again, however soon that is.
        answer.headerlist.append(login_loops.forget())
        return answer

    def leave_again(self, environ: "WSGIEnvironment", target: str) -> Response | None:
        """Tell the hub of a logout in this browser of which it may not have heard.

        None where there is none. A second click on the logout comes here, and so does
        the link of a page that could not say what came of the first.
        """
        notice = unconfirmed_logouts.find(environ)
        if notice is None:
            return None
        notice = unconfirmed_logouts.as_of_now(environ, notice)
        then = Afterwards(target, is_partial=notice.is_partial)
        is_asked_for = read_query(environ).get(_AGAIN) == _AGAIN_NOW
        return self._tell_hub(environ, notice, then, in_any_case=is_asked_for)

    def leave_without_session(
        self, environ: "WSGIEnvironment", target: str
    ) -> Response | None:
        """Tell the hub of a logout in a browser whose session here is gone.

        By the logout hint of this browser, or once more of a logout that the hub may
        not have heard of; None without either. The session that the hint names ends
        here too, if the store knows it under another cookie.
        """
        hinted = _hinted(environ)
        if hinted is not None:
            return self._leave_named(environ, hinted, target)
        return self.leave_again(environ, target)

    def _leave_named(
        self, environ: "WSGIEnvironment", login: Login | None, target: str
    ) -> Response | None:
        if login is None:
            return None
        notice = unconfirmed_logouts.keep(environ, login, logout_hint.held(environ))
        is_reached = self._end_here(environ, login, logout_hooks.HERE, notice.key)
        then = Afterwards(target, is_partial=bool(login.left) or not is_reached)
        answer = self._tell_hub(environ, notice, then)
        answer.headerlist.append(login_loops.forget())
        return answer

    def leave_ended(self, environ: "WSGIEnvironment", target: str) -> Response | None:
        """Tell the hub of a pending logout whose session has ended already.

        The store failed half-way: after the end of the session, and before the hub was
        told. None where nobody knows any more what the hub has to hear.
        """
        notice = unconfirmed_logouts.of_session(environ)
        if notice is None:
            answer = self.leave_again(environ, target)
            named = logout_hint.read_of_session(environ)
            return answer or self._leave_named(environ, named, target)
        notice = unconfirmed_logouts.as_of_now(environ, notice)
        then = Afterwards(target, is_partial=notice.is_partial)
        return self._tell_hub(environ, notice, then)

    def is_known(self, environ: "WSGIEnvironment") -> bool:
        """Whether a logout of this browser would end anything, as far as is known."""
        if env.session_to_end(environ) is not None:
            return True
        return _hinted(environ) is not None

    def again_url(self, environ: "WSGIEnvironment", target: str) -> str:
        """Where the hub is told again, if there is anything to tell it; or ""."""
        return (
            ""
            if unconfirmed_logouts.find(environ) is None
            else _again_at(environ, target)
        )

    def end(self, environ: "WSGIEnvironment", login: Login, cause: str) -> bool:
        """The same without her browser; whether the hub says that all know it."""
        self._end_here(environ, login, cause)
        others = self._tell_directly(environ, unconfirmed_logouts.new_notice(login))
        return others == "everywhere" and not login.left

    def end_all(
        self, environ: "WSGIEnvironment", logins: Iterable[Login], cause: str
    ) -> bool:
        """The same of several; whether the hub says of each that all know it.

        Told of the first one it may have ended others too; those it knows no more.
        """
        sessions, told = env.sessions(environ), list[bool]()
        for login in logins:
            if not told or sessions.is_live(login):
                told.append(self.end(environ, login, cause))
        return all(told)

    def end_by_script(
        self, environ: "WSGIEnvironment", login: Login
    ) -> list[tuple[str, str]]:
        """The same for a script of the application's, which goes to no hub.

        The headers for its answer. A hub that was not told is when her browser comes to
        our own logout; for a while she sees there what came of it in any case.
        """
        notice = unconfirmed_logouts.keep(environ, login)
        self._end_here(environ, login, logout_hooks.APPLICATION, notice.key)
        return self._tell_by_script(environ, notice)

    def end_ended_by_script(self, environ: "WSGIEnvironment") -> list[tuple[str, str]]:
        """The same of a pending logout whose session has ended already.

        See :meth:`leave_ended`. Where nobody knows any more what the hub has to hear,
        this browser is not signed in silently.
        """
        notice = unconfirmed_logouts.of_session(environ)
        if notice is not None:
            notice = unconfirmed_logouts.as_of_now(environ, notice)
            return self._tell_by_script(environ, notice)
        login = logout_hint.read_of_session(environ)
        if login is None:
            return logout_hint.mark_spent(environ)
        notice = unconfirmed_logouts.keep(environ, login, logout_hint.held(environ))
        self._end_here(environ, login, logout_hooks.APPLICATION, notice.key)
        return self._tell_by_script(environ, notice)

    def _tell_by_script(
        self, environ: "WSGIEnvironment", notice: Notice
    ) -> list[tuple[str, str]]:
        held = _held(environ, notice)
        if self._tell_directly(environ, notice):
            unconfirmed_logouts.keep_briefly(environ, notice)
            return [*held, *logout_hint.let_go(environ)]
        self._has_queued(environ, notice, Afterwards(self._usual))
        return [*held, *logout_hint.mark(environ, notice.login, notice.key)]

    def _tell_directly(self, environ: "WSGIEnvironment", notice: Notice) -> str:
        """Tell the hub over SOAP; what it says of the others, or "" of nothing."""
        try:
            endpoints = self._hub_told.endpoints(env.trust(environ), notice.login)
            for endpoint in endpoints:
                if endpoint.binding == bindings.SOAP:
                    return self._hub_told.directly(environ, notice, endpoint)
        except EiloginError as error:
            note_refusal(error, "logout.answered", environ)
        return ""

    def _end_here(
        self, environ: "WSGIEnvironment", login: Login, cause: str, kept: str = ""
    ) -> bool:
        """End it, and have a hub inside do so; whether all know whom that tells.

        ``kept`` names the logout of this browser (:attr:`Notice.key`), or is "".
        """
        # The mark that this leaves refuses an answer of the hub that is on its way to
        # another tab; it says by the hub's clock when it was issued.
        issued = clock.now() + login.ahead
        noted = self._inside.note(environ, login.named)
        ended = env.sessions(environ).end_login(login, issued=issued)
        logout_hint.spend(environ, login, kept)
        audit.event(
            "logout.sent",
            pseudonym=env.trust(environ).own.pseudonym(login.who.name_id),
            peer=login.who.issuer,
        )
        self._hooks.tell(environ, ended, cause, login)
        return self._inside.tell(environ, noted, [login])

    # --- telling the hub --------------------------------------------------------------

    def _tell_hub(
        self,
        environ: "WSGIEnvironment",
        notice: Notice,
        then: Afterwards,
        *,
        in_any_case: bool = False,
    ) -> Response:
        trust, login = env.trust(environ), notice.login
        try:
            endpoints = self._hub_told.endpoints(trust, login)
        except UnknownPeer as error:
            return self._untold(environ, notice, then, error)
        reference, is_away = "", False
        for endpoint in endpoints:
            if endpoint.binding != bindings.SOAP:
                hub, is_kept = login.who.issuer, bool(notice.secret)
                can_wait = is_kept and not in_any_case
                if can_wait and not is_reachable(trust, hub, endpoint, in_doubt=True):
                    return self._not_there(environ, notice, then)
                try:
                    return self._send(environ, notice, endpoint, then)
                except AlgorithmMissing as error:
                    return self._untold(environ, notice, then, error)
            try:
                others = self._hub_told.directly(environ, notice, endpoint)
            except EiloginError as error:
                reference = note_refusal(error, "logout.answered", environ)
                is_away = isinstance(error, Unavailable)
            else:
                return self._heard(environ, notice, then, others)
        return self._unconfirmed(
            environ, notice, then, "unconfirmed", reference, may_queue=is_away
        )

    def _unconfirmed(  # noqa: PLR0913 - what is known of one logout
        self,
        environ: "WSGIEnvironment",
        notice: Notice,
        then: Afterwards,
        others: str,
        reference: str = "",
        *,
        may_queue: bool = True,
    ) -> Response:
        """The page of a logout that the hub has not heard, or does not confirm.

        Where this server goes on to deliver it, the page says so.
        """
        headers = _left(environ, notice)
        if may_queue and self._has_queued(environ, notice, then):
            others, under_way = "retrying", _queued_name(notice.key)
            headers.append(_UNDER_WAY.set(under_way, max_age=int(_KEPT_FOR)))
        return self._logged_out.answer(
            environ,
            then,
            others,
            headers=headers,
            reference=reference,
            again=_again_at(environ, then.target),
        )

    def _has_queued(
        self, environ: "WSGIEnvironment", notice: Notice, then: Afterwards
    ) -> bool:
        """Have this server deliver a logout; whether it does."""
        try:
            if not self._queue.add(environ, notice):
                return False
        except (StoreUnavailable, UnknownPeer) as error:
            note_refusal(error, "logout.sent", environ)
            return False
        # Its page says what came of it, once that is known.
        asked = _Asked(notice.login.who.issuer, then, notice.key)
        until, key = clock.now() + _KEPT_FOR, _key(_queued_name(notice.key))
        env.values(environ).change(key, lambda _: asked.text, until)
        self.courier.wake(environ)
        return True

    def deliver(self, environ: "WSGIEnvironment") -> int:
        """Deliver the queued logouts whose turn it is; how many hubs have heard of.

        Raises :class:`eilogin.errors.StoreUnavailable`.
        """
        return self._queue.deliver(environ)

    def _heard(
        self, environ: "WSGIEnvironment", notice: Notice, then: Afterwards, others: str
    ) -> Response:
        """What she reads of one that the hub has answered over SOAP.

        As where her browser brought the answer: at an address at which loading the page
        anew is no other logout.
        """
        until, own = clock.now() + _KEPT_FOR, env.trust(environ).own
        asked = _Asked(notice.login.who.issuer, then, notice.key, clock.now(), others)
        key = _key(notice.request_id)
        # Her browser may have been sent with the same message before.
        env.values(environ).change(key, lambda _: asked.text, until)
        under_way = _UNDER_WAY.set(notice.request_id, max_age=int(_KEPT_FOR))
        headers = [under_way, *logout_hint.let_go(environ)]
        return self._settled(
            environ, notice, then, others, headers, page_at=own.url("slo")
        )

    def _settled(  # noqa: PLR0913, PLR0917 - what is known of one logout
        self,
        environ: "WSGIEnvironment",
        notice: Notice,
        then: Afterwards,
        others: str,
        headers: Iterable[tuple[str, str]] = (),
        page_at: str = "",
    ) -> Response:
        """The page of one of which there is nothing more to tell the hub."""
        _forget_notice(environ, notice.key)
        gone = [env.cookie(environ).expire(), *unconfirmed_logouts.let_go(environ)]
        headers = [*gone, *(headers or logout_hint.let_go(environ))]
        return self._logged_out.answer(
            environ, then, others, headers=headers, page_at=page_at
        )

    def _untold(
        self,
        environ: "WSGIEnvironment",
        notice: Notice,
        then: Afterwards,
        error: EiloginError,
    ) -> Response:
        """The page for a logout of which nobody can be told, however often."""
        note_refusal(error, "logout.sent", environ)
        # The hub goes on to know this browser, and must not sign it in silently.
        mark = logout_hint.mark(environ, notice.login, "")
        return self._settled(environ, notice, then, "not-told", mark)

    def _not_there(
        self, environ: "WSGIEnvironment", notice: Notice, then: Afterwards
    ) -> Response:
        """The page in the place of one that her browser would not get."""
        error = PeerUnavailable(
            f"{notice.login.who.issuer!r} accepts no connections, or a gateway "
            "answers in its place. eilogin does not send the browser there until "
            "the visitor asks for it"
        )
        error.peer = notice.login.who.issuer
        note_refusal(error, "logout.sent", environ)
        return self._unconfirmed(environ, notice, then, "not-told")

    def _send(
        self,
        environ: "WSGIEnvironment",
        notice: Notice,
        endpoint: Endpoint,
        then: Afterwards,
    ) -> Response:
        """Have her browser bring the LogoutRequest."""
        trust, hub = env.trust(environ), notice.login.who.issuer
        # Remembered by the ID that the hub's answer will name.
        until = clock.now() + _KEPT_FOR
        asked = _Asked(hub, then, notice.key)
        key = _key(notice.request_id)
        env.values(environ).add(key, asked.text, until, durable=False)
        under_way = _UNDER_WAY.set(notice.request_id, max_age=int(_KEPT_FOR))
        return send_through_browser(
            environ,
            self._pages,
            endpoint,
            bindings.REQUEST,
            self._hub_told.request(trust, notice, endpoint),
            key=trust.key_for(hub),
            headers=[*_left(environ, notice), under_way],
        )

    # --- what it answers --------------------------------------------------------------

    def come_back(
        self, environ: "WSGIEnvironment", received: bindings.Received
    ) -> Response:
        """The hub's LogoutResponse, in her browser (SAML profiles 4.4.3.5).

        What comes of it she reads at an address without it, for it is soon too old, and
        a page is loaded anew. One that cannot be believed leaves her logged out here
        all the same, and says nothing of the others.
        """
        trust = env.trust(environ)
        held, stored = _kept(environ)
        # Who is logged in (again) is not told that she is not.
        if stored is None or env.session(environ) is not None:
            # Refused in any case; why, depends on whether it can be believed.
            verify(received, trust.hub_keys, trust.weak)
            raise _not_started_here()
        asked = _Asked.read(stored, self._usual)
        headers: list[tuple[str, str]] = []
        # Nothing is more than that: it is a double click, or the hub's page once more.
        if asked.others != "everywhere":
            try:
                others = _said(trust, received, asked, held)
            except Refused as error:
                if not asked.others:
                    return self._not_believed(environ, asked, error)
                note_refusal(error, "logout.answered", environ)
                others = asked.others
            if not others:
                raise _not_started_here()
            if not asked.others or others == "everywhere":
                asked = asked._replace(answered=clock.now(), others=others)
                headers = _note(environ, held, stored, asked)
        return self._logged_out.answer(
            environ,
            asked.then,
            asked.others,
            headers=headers,
            page_at=trust.own.url("slo"),
        )

    def _not_believed(
        self, environ: "WSGIEnvironment", asked: "_Asked", error: Refused
    ) -> Response:
        reference = note_refusal(error, "logout.answered", environ)
        again = unconfirmed_logouts.is_kept(environ, asked.kept)
        return self._logged_out.answer(
            environ,
            asked.then,
            "unconfirmed",
            reference=reference,
            again=_again_at(environ, asked.then.target) if again else "",
            status=error.status,
        )

    def answered(
        self,
        environ: "WSGIEnvironment",
        target: str | None = None,
        headers: Iterable[tuple[str, str]] = (),
    ) -> Response | None:
        """What the hub has answered to the last logout of this browser, if it did.

        ``target`` is where the visitor wants to be now, if that is not where the logout
        led to.

        None where a hub inside began it, and tells her. Who loads the page anew comes
        here by whatever led her to it first, as her browser says: so does a link of
        another site, which changes nothing of what that page says is past.
        """
        _, stored = _kept(environ)
        asked = _Asked.read(stored or "", self._usual)
        if asked.kept and not asked.others:
            # This server may have delivered it, after the browser went to the hub.
            stored = env.values(environ).get(_key(_queued_name(asked.kept)))
            asked = _Asked.read(stored or "", self._usual)
        if not asked.others or asked.then.begun_inside:
            return None
        then = asked.then if target is None else asked.then._replace(target=target)
        return self._logged_out.answer(
            environ,
            then,
            asked.others,
            headers=headers,
            at_instant=asked.answered,
            is_past=not asked.is_new,
        )


def _said(trust: Trust, received: bindings.Received, asked: "_Asked", held: str) -> str:
    """What the hub says of the others, or "" where it answers another logout.

    Raises :class:`eilogin.errors.Refused` where it cannot be believed.
    """
    inbound = verify(received, trust.hub_keys, trust.weak)
    response = messages.read_logout_response(inbound.element)
    if not _is_same(held, response.in_response_to):
        return ""
    return judged(response, asked.hub, held, trust.own.url("slo"))


def _hinted(environ: "WSGIEnvironment") -> Login | None:
    """The session that the logout hint names, if its logout has not begun yet.

    The hint names the newest session of this browser. An older session cookie, which
    somebody may have put there, can lead to the notice of another session's logout.
    """
    hinted = logout_hint.read(environ)
    if hinted is None:
        return None
    notice = unconfirmed_logouts.find(environ)
    is_begun = notice is not None and notice.login.name == hinted.name
    return None if is_begun else hinted


def _note(
    environ: "WSGIEnvironment", held: str, stored: str, asked: "_Asked"
) -> list[tuple[str, str]]:
    """Keep what the hub has answered, and have it told no more; the headers for that.

    Of two answers at once the one that is noted first is kept.
    """
    until, values = asked.answered + _KEPT_FOR, env.values(environ)
    values.swap(_key(held), stored, asked.text, until, durable=False)
    _forget_notice(environ, asked.kept)
    under_way = _UNDER_WAY.set(held, max_age=int(_KEPT_FOR))
    return [under_way, *unconfirmed_logouts.let_go(environ), logout_hint.drop()]


def _kept(environ: "WSGIEnvironment") -> tuple[str, str | None]:
    """The ID of the last LogoutRequest of this browser, and what is kept of it."""
    held = _UNDER_WAY.read(environ) or ""
    return held, env.values(environ).get(_key(held)) if held else None


def forget(environ: "WSGIEnvironment", who: Subject) -> list[tuple[str, str]]:
    """The headers after which no answer of a hub says "logged out": she is logged in.

    Nor is a hub told of a logout of before that. If that was of somebody else than is
    in now (``who``), this server goes on to deliver it. Raises StoreUnavailable.
    """
    is_under_way = _UNDER_WAY.read(environ) is not None
    before = logout_hint.left(environ)
    if before is not None and before.login.who == who:
        LogoutQueue.drop(environ, before.kept)
    unconfirmed_logouts.void(environ)
    return [
        *([_UNDER_WAY.expire()] if is_under_way else []),
        *unconfirmed_logouts.let_go(environ),
    ]


def _held(environ: "WSGIEnvironment", notice: Notice) -> list[tuple[str, str]]:
    """The headers by which a browser without a session may have the hub told again."""
    held = [unconfirmed_logouts.hold(notice)] if notice.secret else []
    return [env.cookie(environ).expire(), *held]


def _left(environ: "WSGIEnvironment", notice: Notice) -> list[tuple[str, str]]:
    """The same, and this browser is marked until the hub confirms the logout."""
    held = _held(environ, notice)
    return [*held, *logout_hint.mark(environ, notice.login, notice.key)]


def _forget_notice(environ: "WSGIEnvironment", kept: str) -> None:
    """Tell the hub no more of a logout; it has heard it, or can never be told."""
    unconfirmed_logouts.forget(environ, kept)
    LogoutQueue.drop(environ, kept)


def _delivered(environ: "WSGIEnvironment", kept: str, others: str) -> None:
    """A hub has heard of a queued logout; keep that for its browser."""
    now = clock.now()
    unconfirmed_logouts.forget(environ, kept)
    logout_hint.unmark(environ, kept, now + env.sessions(environ).max_session)

    def answered(stored: str | None) -> str | None:
        if stored is None:
            return None
        asked = _Asked.read(stored, "")
        return asked._replace(answered=now, others=others).text

    key = _key(_queued_name(kept))
    env.values(environ).change(key, answered, now + _KEPT_FOR)


def _queued_name(kept: str) -> str:
    """By what a queued logout is remembered for its browser, in place of a message."""
    return hashlib.sha256(b"queued\0" + kept.encode()).hexdigest()


def _again_at(environ: "WSGIEnvironment", target: str) -> str:
    """The address at which the hub is told again; she is at ``target`` afterwards."""
    query = {_AGAIN: _AGAIN_NOW, **({"next": target} if target else {})}
    return f"{env.trust(environ).own.url('logout')}?{urlencode(query)}"


def was_here(environ: "WSGIEnvironment") -> bool:
    """Whether this browser has had a session here that is over, or logs out just now.

    Its cookie is there until the browser hears of the end, which may have come in
    another tab, or from the hub.
    """
    if env.cookie(environ).read(environ) is not None:
        return True
    held, stored = _kept(environ)
    asked = _Asked.read(stored or "", "")
    return held != "" and (not asked.others or asked.is_new)


class _Asked(NamedTuple):
    """What is remembered of a logout under way."""

    hub: str
    then: Afterwards
    #: Under which key the store has what the hub has to hear (:mod:`.unheard`), or "".
    kept: str = ""
    #: When the hub answered, and what of the others; 0 and "" while it did not.
    answered: float = 0.0
    others: str = ""

    @property
    def text(self) -> str:
        """For the store."""
        return json.dumps([self.hub, self.kept, self.answered, self.others, *self.then])

    @property
    def is_new(self) -> bool:
        """Whether the hub has answered just now."""
        return abs(clock.now() - self.answered) <= _A_MOMENT

    @classmethod
    def read(cls, text: str, usual: str) -> "_Asked":
        """What :attr:`text` says; ``usual`` is where she is if it says no page.

        Of a text that nobody can read no hub: none is believed then.
        """
        try:
            hub, kept, answered, others, wanted, is_hubs, is_partial = json.loads(text)
        except ValueError:
            return cls("", Afterwards(usual))
        then = Afterwards(safe_next(wanted, usual), is_hubs, is_partial)
        return cls(hub, then, kept, answered, others)


def _key(request_id: str) -> str:
    return f"logout:{request_id}"


def _not_started_here() -> MessageUnexpected:
    return MessageUnexpected("a logout that did not start here")


def _is_same(one: str, other: str) -> bool:
    # Bytes, for whatever a client sends.
    return hmac.compare_digest(one.encode(), other.encode())


class LogoutCall:
    """``environ['eilogin.logout']``: see :class:`eilogin.web.environ.LogoutService`."""

    __slots__ = ("_environ", "_leaving")

    def __init__(self, leaving: Leaving, environ: "WSGIEnvironment") -> None:
        self._leaving = leaving
        self._environ = environ

    def leave(self, target: str, names: Collection[str]) -> Response | None:
        """End the login of this visitor, and tell the hub of it, maybe through her."""
        login = env.session_to_end(self._environ)
        if login is None or login.name not in names:
            return None
        return self._leaving.leave(
            self._environ, login, target, cause=logout_hooks.INSIDE
        )

    def end(self, names: Collection[str]) -> bool:
        """End logins without her browser; whether all of them are out everywhere."""
        sessions = env.sessions(self._environ)
        found = [sessions.named(name) for name in names]
        logins = [login for login in found if login is not None]
        is_told = self._leaving.end_all(self._environ, logins, logout_hooks.INSIDE)
        return is_told and len(logins) == len(names)

    def outcome(self, target: str) -> bool | None:
        """Whether she is logged out everywhere, after :meth:`leave`; None before."""
        return inner_hub.outcome(self._environ, target)
