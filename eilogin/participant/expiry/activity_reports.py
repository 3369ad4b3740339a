"""Activity reports: tell the hub in the background that a visitor is active here.

Without reports, the hub's session becomes idle while the visitor works at one site. If
the hub's metadata has an ``act:ActivityService``, a thread sends it a signed message
over SOAP: NameID, SessionIndex and the instant of the last activity. It does so only
after new activity, at most every five minutes, and never with ``profile = digid``.
Activity is a page or form that the visitor looks at, and the button of the warning.

The thread runs only while there are such visitors, because servers fork.
"""

import logging
import os
import threading
from dataclasses import dataclass
from typing import Any

from eilogin import clock
from eilogin.errors import EiloginError, InNameOf, UnknownPeer
from eilogin.federation import Membership, Trust
from eilogin.participant.login.hub_reachability import RouteToHub
from eilogin.saml import bindings, messages, xml_signatures
from eilogin.saml.message_checks import require_answer, require_issuer, require_recent
from eilogin.sessions import Login, Sessions
from eilogin.sessions.idle_limit import TOUCH_INTERVAL
from eilogin.web.inbound_messages import open_soap_answer
from eilogin.web.visit import Visit

_log = logging.getLogger("eilogin")

#: Seconds between two rounds of the thread.
EVERY = 5.0
#: Seconds between reports of a session, or this share of ``idle`` if less.
_INTERVAL, _SHARE = 300.0, 1 / 3
#: Seconds until a failed report is sent again.
_RETRY = 60.0
_TIMEOUT = 5.0
#: Sessions in one process; eilogin reports no further ones.
_MOST = 20_000
_LOGS_EVERY = 60.0


@dataclass(slots=True)
class _Visitor:
    login: Login
    #: The last activity that the hub knows, and the instant of the next report.
    reported: float
    due: float


class ActivityReports:
    """Reports of one participant, sent by a thread of this process."""

    def __init__(self) -> None:
        self._visitors: dict[str, _Visitor] = {}
        self._lock = threading.Lock()
        #: Set for a report that is due now, as the hub's idle limit may be near.
        self._urgent = threading.Event()
        self._pid = 0
        #: The federation, if none of its hubs takes reports.
        self._without_reports: Membership | None = None
        self._visit = Visit({})
        self._logged = 0.0

    # --- in requests ------------------------------------------------------------------

    def note(self, visit: Visit, login: Login) -> None:
        """Remember that a visitor is active now; fast, because each page calls it."""
        if login.key in self._visitors:
            return
        trust = visit.trust
        if trust.federation is not self._without_reports:
            self._begin(visit, trust, login)

    def note_inside(self, visit: Visit, name: str, instant: float) -> None:
        """Note past activity of session ``name`` at a participant of the inner hub."""
        sessions = visit.sessions
        login = sessions.named(name)
        if login is not None and sessions.note_activity(login, instant):
            self.note(visit, login)

    def _begin(self, visit: Visit, trust: Trust, login: Login) -> None:
        hub = login.who.issuer
        if _route(trust, hub) is None:
            if not any(_route(trust, other) for other in trust.hub_ids if other != hub):
                self._without_reports = trust.federation
            return
        if login.named is None or not login.session_index:
            return
        if len(self._visitors) >= _MOST:
            return
        sessions = visit.sessions
        self._visit = Visit.without_request(trust, sessions)
        due = max(clock.now(), login.confirmed + _interval(sessions))
        with self._lock:
            self._visitors[login.key] = _Visitor(login, login.confirmed, due)
            # After a fork, the thread of the parent does not run here.
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
            except Exception:  # noqa: BLE001 - the next round may succeed
                _log.exception("activity: the report to the hub failed")
            with self._lock:
                if not self._visitors:
                    self._pid = 0
                    return

    def send(self) -> int:
        """Send all reports that are due; return how many a hub has answered."""
        sent, now, unreachable = 0, clock.now(), set[str]()
        for key, visitor in list(self._visitors.items()):
            if visitor.due > now:
                continue
            login = self._with_new_activity(visitor)
            if login is None:
                self._visitors.pop(key, None)
            elif login.who.issuer not in unreachable:
                sent += self._report(visitor, login, unreachable)
        return sent

    @property
    def _sessions(self) -> Sessions:
        return self._visit.sessions

    def _with_new_activity(self, visitor: _Visitor) -> Login | None:
        try:
            login = self._sessions.as_of_now(visitor.login)
        except EiloginError:
            return None
        if login is None or self._sessions.is_idle(login):
            return None
        reported = max(visitor.reported, login.confirmed)
        is_new = self._sessions.active_at(login) - reported >= _least_new_activity(
            self._sessions
        )
        return login if is_new else None

    def _report(self, visitor: _Visitor, login: Login, unreachable: set[str]) -> int:
        # Return 1 if the hub has answered.
        now, interval = clock.now(), _interval(self._sessions)
        active, value_name = self._sessions.active_at(login), f"reported:{login.name}"
        visitor.due = now + interval
        values = self._visit.values
        try:
            # It expires before any process may send the next report.
            if not values.add(value_name, "", now + interval * 0.9, durable=False):
                return 0
            self._send_report(login, active)
        except EiloginError as error:
            visitor.due = now + min(_RETRY, interval)
            unreachable.add(login.who.issuer)
            self._forget(value_name)
            self._log_once(login.who.issuer, error)
            return 0
        visitor.reported = active
        return 1

    def _forget(self, value_name: str) -> None:
        try:
            self._visit.values.take(value_name)
        except EiloginError:
            # It expires by itself.
            return

    def _send_report(self, login: Login, active: float) -> None:
        trust, hub = self._visit.trust, login.who.issuer
        route = _route(trust, hub)
        if route is None or login.named is None or not login.session_index:
            return
        hub_peer, endpoint = route
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
        xml_signatures.sign(element, trust.key_for(hub_peer))
        body = bindings.wrap_soap(element)
        with InNameOf(hub):
            octets = trust.back_channel.post(endpoint.location, body, timeout=_TIMEOUT)
            signed, sender = open_soap_answer(octets, hub_peer, trust.hub_peer)
            response = messages.read_response(signed)
            require_issuer(sender.entity_id, hub)
            require_answer(response.in_response_to, report.id)
            require_recent(response.issued, clock.now())
            # Any status will do: a hub without that session needs no report.

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


def _route(trust: Trust, entity_id: str) -> RouteToHub | None:
    accepts = trust.own.profile.has_activity_reports
    if not (accepts and trust.has_single_sign_on):
        return None
    try:
        hub = trust.hub_peer(entity_id)
    except UnknownPeer:
        return None
    endpoint = hub.role.activity_service
    return RouteToHub(hub, endpoint) if endpoint else None


def _interval(sessions: Sessions) -> float:
    return min(_INTERVAL, sessions.idle * _SHARE)


def _least_new_activity(sessions: Sessions) -> float:
    return min(TOUCH_INTERVAL, _interval(sessions) / 5)


def start(run: Any) -> None:
    """Start the thread that sends reports. Tests replace this function."""
    threading.Thread(target=run, name="eilogin-activity", daemon=True).start()
