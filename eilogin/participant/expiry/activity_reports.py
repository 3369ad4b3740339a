"""Activity reports: tell the hub in the background that a visitor is active here.

The hub's session becomes idle when the visitor works at one site only. A hub that takes
reports says so in its metadata (``act:ActivityService``); ours does. To such a hub a
thread of this process sends a signed message over SOAP: the NameID, the SessionIndex
and the instant of the last activity. It sends one at most every five minutes for a
session, and only after new activity. The requests of visitors never wait for it.

Activity is what the idle limit counts here: a page or form that the visitor looks at,
and the button of the warning. With ``profile = digid`` nothing is sent.

The thread runs only while there are such visitors: servers fork.
"""

import logging
import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from eilogin import clock
from eilogin.errors import EiloginError, InNameOf, UnknownPeer
from eilogin.federation import Membership, Trust
from eilogin.saml import bindings, messages, xml_signatures
from eilogin.saml.message_checks import require_answer, require_issuer, require_recent
from eilogin.saml.metadata import Endpoint
from eilogin.sessions import Login, Sessions
from eilogin.sessions.idle_limit import TOUCH_INTERVAL
from eilogin.web import environ as env
from eilogin.web.inbound_messages import open_soap

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_log = logging.getLogger("eilogin")

#: Seconds between two rounds of the thread, where nothing is urgent.
EVERY = 5.0
#: Seconds between two reports of one session: this, or this share of ``idle`` if that
#: is less.
_INTERVAL, _SHARE = 300.0, 1 / 3
#: Seconds after which a report that did not reach the hub is sent again.
_RETRY = 60.0
#: Seconds that the hub may take for an answer.
_TIMEOUT = 5.0
#: Sessions that one process keeps in mind. For those beyond that nothing is sent.
_MOST = 20_000
#: Seconds between two log lines about reports that do not reach a hub.
_LOGS_EVERY = 60.0


@dataclass(slots=True)
class _Visitor:
    """A session with activity that the hub may not know."""

    login: Login
    #: The last activity that the hub knows, and when the next report is due.
    known: float
    due: float


class ActivityReports:
    """Reports of one participant, sent by a thread of this process."""

    def __init__(self) -> None:
        self._visitors: dict[str, _Visitor] = {}
        self._lock = threading.Lock()
        #: Set where a report is due at once: the hub's idle limit may be near.
        self._urgent = threading.Event()
        #: The process in which the thread runs, or 0.
        self._pid = 0
        #: The federation in which no hub of ours takes reports.
        self._nobody_in: Membership | None = None
        self._environ: dict[str, Any] = {}
        self._logged = 0.0

    # --- in requests ------------------------------------------------------------------

    def note(self, environ: "WSGIEnvironment", login: Login) -> None:
        """Remember that a visitor is active now; cheap, for each page calls it.

        Does nothing if no hub accepts reports.
        """
        if login.key in self._visitors:
            return
        trust = env.trust(environ)
        if trust.federation is not self._nobody_in:
            self._begin(environ, trust, login)

    def note_inside(
        self, environ: "WSGIEnvironment", name: str, instant: float
    ) -> None:
        """Note that a visitor was active at a participant of the inner hub.

        ``name`` is that of the session here (:attr:`eilogin.sessions.Login.name`).
        ``instant`` lies in the past. The hub above gets a report in turn.
        """
        sessions = env.sessions(environ)
        login = sessions.named(name)
        if login is not None and sessions.note_activity(login, instant):
            self.note(environ, login)

    def _begin(self, environ: "WSGIEnvironment", trust: Trust, login: Login) -> None:
        if not any(_address(trust, hub) for hub in trust.hub_ids):
            self._nobody_in = trust.federation
            return
        if login.named is None or not login.session_index:
            return
        if len(self._visitors) >= _MOST or not _address(trust, login.who.issuer):
            return
        sessions = env.sessions(environ)
        self._environ = {env.TRUST: trust, env.SESSIONS: sessions}
        due = max(clock.now(), login.confirmed + _interval(sessions))
        with self._lock:
            self._visitors[login.key] = _Visitor(login, login.confirmed, due)
            # The thread of a parent process does not run in this one.
            if self._pid != os.getpid():
                self._start()
        if due <= clock.now():
            self._urgent.set()

    def _start(self) -> None:
        try:
            start(self._run)
        except RuntimeError as error:
            # The next visitor tries again.
            self._visitors.clear()
            _log.error("activity: cannot start a thread: %s", error)
        else:
            self._pid = os.getpid()

    # --- in the thread ----------------------------------------------------------------

    def _run(self) -> None:
        while True:
            self._urgent.wait(EVERY)
            self._urgent.clear()
            try:
                self.send()
            except Exception:  # noqa: BLE001 - the next round may be well
                _log.exception("activity: the report to the hub failed")
            with self._lock:
                if not self._visitors:
                    self._pid = 0
                    return

    def send(self) -> int:
        """Send all reports that are due; return how many a hub has answered."""
        sent, now, away = 0, clock.now(), set[str]()
        for key, visitor in list(self._visitors.items()):
            if visitor.due > now:
                continue
            login = self._with_news(visitor)
            if login is None:
                self._visitors.pop(key, None)
            elif login.who.issuer not in away:
                sent += self._report(visitor, login, away)
        return sent

    @property
    def _sessions(self) -> Sessions:
        return env.sessions(self._environ)

    def _with_news(self, visitor: _Visitor) -> Login | None:
        """Return the session as it is now; None if it ended or has no new activity."""
        try:
            login = self._sessions.as_of_now(visitor.login)
        except EiloginError:
            return None
        if login is None or self._sessions.is_idle(login):
            return None
        reported = max(visitor.known, login.confirmed)
        is_new = self._sessions.active_at(login) - reported >= _worth(self._sessions)
        return login if is_new else None

    def _report(self, visitor: _Visitor, login: Login, away: set[str]) -> int:
        """Send one report, unless another process has; 1 if the hub has answered."""
        now, interval = clock.now(), _interval(self._sessions)
        active, mark = self._sessions.active_at(login), f"reported:{login.name}"
        visitor.due = now + interval
        values = env.values(self._environ)
        try:
            # It expires before the next report is due, which any process may send.
            if not values.add(mark, "", now + interval * 0.9, durable=False):
                return 0
            self._tell(login, active)
        except EiloginError as error:
            visitor.due = now + min(_RETRY, interval)
            away.add(login.who.issuer)
            self._forget(mark)
            self._log_once(login.who.issuer, error)
            return 0
        visitor.known = active
        return 1

    def _forget(self, mark: str) -> None:
        try:
            env.values(self._environ).take(mark)
        except EiloginError:
            # It expires by itself.
            return

    def _tell(self, login: Login, active: float) -> None:
        """Send one report; raise EiloginError if the hub does not answer it."""
        trust, hub = env.trust(self._environ), login.who.issuer
        endpoint = _address(trust, hub)
        if endpoint is None or login.named is None or not login.session_index:
            return
        report = messages.ActivityReport(
            id=messages.new_id(),
            issued=clock.now(),
            issuer=trust.own.entity_id,
            name_id=login.named.as_name_id(),
            session_index=login.session_index,
            active_at=active,
            destination=endpoint.location,
        )
        element = messages.write_activity_report(report)
        xml_signatures.sign(element, trust.key_for(hub))
        body = bindings.wrap_soap(element)
        with InNameOf(hub):
            octets = trust.back_channel.post(endpoint.location, body, timeout=_TIMEOUT)
            signed, issuer = open_soap(octets, trust.hub_keys)
            response = messages.read_response(signed)
            require_issuer(issuer, hub)
            require_answer(response.in_response_to, report.id)
            require_recent(response.issued, clock.now())
            # The status does not matter: a hub without that session needs no report.

    def _log_once(self, hub: str, error: EiloginError) -> None:
        now = clock.now()
        if abs(now - self._logged) >= _LOGS_EVERY:
            self._logged = now
            _log.warning(
                "activity: cannot report active visitors to %r, so the hub may "
                "ask for their password sooner; will retry in %.0f s: %s",
                hub,
                _RETRY,
                error,
            )


def _address(trust: Trust, hub: str) -> Endpoint | None:
    """Return where a hub accepts reports; None if it accepts none."""
    accepts = trust.own.profile.has_activity_reports
    if not (accepts and trust.has_single_sign_on):
        return None
    try:
        return trust.hub(hub).activity_service
    except UnknownPeer:
        return None


def _interval(sessions: Sessions) -> float:
    """Seconds between two reports of one session."""
    return min(_INTERVAL, sessions.idle * _SHARE)


def _worth(sessions: Sessions) -> float:
    """Seconds of new activity below which no report is sent."""
    return min(TOUCH_INTERVAL, _interval(sessions) / 5)


def start(run: Any) -> None:
    """Start the thread that sends reports. Tests replace this function."""
    threading.Thread(target=run, name="eilogin-activity", daemon=True).start()
