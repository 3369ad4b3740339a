"""What a hub does where no visitor waits for it: it tells again who was not reached.

A thread of each process of the hub does so, from its first request on, and the command
``eilogin work``: whoever takes up a logout first (``logout_redelivery``). An
operator's commands reach the hub of an ini file by a request of their own, in which
``environ['eilogin.operator']`` takes it (:class:`eilogin.web.environ.Operator`).
"""

import logging
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from eilogin import audit, clock, metrics
from eilogin.errors import EiloginError
from eilogin.federation import Federation, Trust
from eilogin.federation.refresh.refresh_schedule import Newer
from eilogin.hub.logout.departed_participants import (
    DepartedParticipants,
    is_participant,
    left,
    with_departed,
)
from eilogin.hub.logout.logout_propagation import (
    Delivery,
    Propagation,
    Recipient,
    recipients_of,
)
from eilogin.hub.logout.logout_redelivery import QueuedLogout, RetryQueue, queue_of
from eilogin.hub.logout.participant_removal import ParticipantRemoval, RemovalCounts
from eilogin.hub.logout.session_endings import SessionEndings
from eilogin.hub.participant_certificates import Certificates
from eilogin.hub.participants.name_ids import Names, citizen_here
from eilogin.saml.metadata import EntityDescriptor
from eilogin.sessions import Participant, Sessions, Subject
from eilogin.stores import logout_reserve
from eilogin.web import environ as env

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_log = logging.getLogger("eilogin")

#: How often a process looks whether there is something to tell, in seconds.
EVERY = 5.0
#: How much later a process takes up what it cannot tell to all who are left, in
#: seconds: one whose metadata or options are newer is to be first.
_BEHIND = 2 * EVERY
#: How long before its limit a login ends at the soonest, in seconds, beside the time
#: for which all are told: a look may come late, and who is past it is forgotten.
_EARLY = 10.0
#: At most so many seconds before, and so much of what any login has.
_EARLIEST, _SHARE_OF_IT = 60.0, 0.25
#: For how much of that all are told: who is next may be at the limit then.
_TELLING = 0.8
#: How many are told to one participant in a round, of those that wait for it.
_OF_ONE = 50


class Ended(NamedTuple):
    """What has come of the end of somebody's sessions that an operator wanted."""

    #: How many there were at this hub.
    sessions: int
    #: entityIDs of the participants that have confirmed it.
    reached: Sequence[str]
    #: Of those that will be told again, and of those that nobody can tell.
    waiting: Sequence[str]
    untold: Sequence[str]
    #: Whether the hub above knows, where there is one.
    is_above_told: bool


class AtWork:
    """A hub without a visitor, with all that stands before it.

    ``names`` are those that it gives, and ``id_of`` tells who has a username at its own
    sign-in, or "".
    """

    def __init__(
        self,
        environ: "WSGIEnvironment",
        endings: SessionEndings,
        propagation: Propagation,
        names: Names,
        id_of: Callable[[str], str],
    ) -> None:
        self._names = names
        self._id_of = id_of
        self.trust: Trust = env.trust(environ)
        self.sessions: Sessions = env.sessions(environ)
        self.endings = endings
        self._propagation = propagation
        #: Who has left, and is not written down yet; and what keeps that whole.
        self._gone: list[EntityDescriptor] = []
        self._older: Federation | None = None
        self._lock = threading.Lock()
        if self.trust.watch is not None:
            self.trust.watch.subscribe(self._swap)
        #: Which certificates of participants end soon.
        self.certificates = Certificates(lambda: self.trust)
        #: When what is in the store has its turn, by key, as it was read.
        self._later: dict[str, float] = {}
        #: Who could not be asked in the last round.
        self._away: set[str] = set()

    @property
    def _environ(self) -> dict[str, Any]:
        return {env.TRUST: self.trust, env.SESSIONS: self.sessions}

    @property
    def _to_tell(self) -> Trust:
        """Whom we can tell that sessions have ended."""
        return with_departed(self.trust, self.sessions)

    # --- other members --------------------------------------------------------------

    def follow(self, trust: Trust) -> None:
        """Have other members from now on; who has left is told to end its sessions."""
        with self._lock:
            before = self.trust.federation
            # A request that had begun before the last change has the older one.
            if trust.federation in {before, self._older}:
                return
            self._older, self.trust = before, trust
            self._gone += left(before, trust.federation)
        with _noted("recording the departed members failed"):
            self._note_gone()

    def _swap(self, _: Federation, now: Newer) -> None:
        self.follow(replace(self.trust, **now._asdict()))

    def _note_gone(self) -> None:
        with self._lock:
            while self._gone:
                entity = self._gone[0]
                if self._departures.note(entity):
                    _log.warning(
                        "%s is not a member of the federation any more; the hub"
                        " notifies it by its last metadata to end its sessions",
                        entity.entity_id,
                    )
                self._gone.pop(0)

    @property
    def _departures(self) -> DepartedParticipants:
        return DepartedParticipants(self.sessions, self.trust.own.entity_id)

    def end_at_departed(self) -> None:
        """Tell who has left to end its sessions, what could not be told before too.

        Raises :class:`eilogin.errors.StoreUnavailable`.
        """
        self._note_gone()
        departures = self._departures
        for one in departures.all():
            entity_id = one.entity.entity_id
            # Or it is a member again, or one still as far as this process knows.
            is_out = not is_participant(self.trust.federation, entity_id)
            if is_out and one.is_due and departures.take_up(one):
                its = ParticipantRemoval(
                    self._environ, self.endings, self._propagation, entity_id, "removed"
                )
                counts = Counter[str]()
                for removed in its.end(its.find()):
                    counts.update(removed._asdict())
                departures.done(one)
                if counts:
                    _log.warning(
                        "%s has left the federation; sessions there: %d, confirmed as"
                        " ended: %d, to retry: %d, out of reach: %d",
                        entity_id,
                        *(counts[of] for of in RemovalCounts._fields),
                    )

    @property
    def undelivered(self) -> RetryQueue:
        """The logouts of which participants are still to hear."""
        return queue_of(self._environ, self._propagation)

    # --- what an operator asks ----------------------------------------------------

    def called(self, name: str) -> set[Subject]:
        """Who is called so: at our own sign-in, or else at any participant.

        There by a NameID that it was told in a session which lives.
        """
        hub = self.trust.own.entity_id
        known = self._id_of(name)
        if known:
            return {citizen_here(hub, known)}
        return {
            login.who
            for member in self.trust.federation.entities
            for told in self._names.any_of(hub, member.entity_id, name)
            for login in self.sessions.find_told(told)
        }

    def end(self, who: Subject, above: env.LogoutService | None) -> Ended:
        """End all sessions of somebody, and tell all participants, and a hub ``above``.

        Raises :class:`eilogin.errors.StoreUnavailable`.
        """
        logins = self.sessions.find_all_of(who)
        names = [login.session_index for login in logins if login.session_index]
        with logout_reserve.for_logout():
            ending = self.endings.end_everywhere(self._environ, who, "operator")
        can_be_told = partial(self._propagation.can_be_told, self._to_tell)
        waiting = {one.entity_id for one in ending.missed if can_be_told(one)}
        missed = {one.entity_id for one in ending.missed}
        self._propagation.note_no_browser(self.trust, ending.missed)
        return Ended(
            len(logins),
            ending.reached,
            sorted(waiting),
            sorted(missed - waiting),
            above is None or above.end(names),
        )

    def removal(self, entity_id: str) -> ParticipantRemoval:
        """What ends all sessions of a participant.

        Raises :class:`eilogin.errors.UnknownPeer` where there is none of that name.
        """
        return ParticipantRemoval(
            self._environ, self.endings, self._propagation, entity_id
        )

    # --- what there is to do ------------------------------------------------------

    @property
    def soon(self) -> float:
        """How long before its limit a login ends at the soonest, in seconds."""
        most = min(_EARLIEST, self.sessions.max_session * _SHARE_OF_IT)
        return min(self._propagation.longest_again + _EARLY, most)

    def work(self) -> int:
        """Do what is to be done; how many heard late of a logout now.

        Raises :class:`eilogin.errors.StoreUnavailable`.
        """
        with logout_reserve.for_logout():
            self.end_at_departed()
            self.end_who_is_over()
            return self.tell_again()

    def end_who_is_over(self) -> None:
        """End the logins whose limit has come, and tell all participants.

        A moment before the store forgets them, and whom they concern with them. They
        are told once: the limit is theirs too (SessionNotOnOrAfter), and what is kept
        to be told again lasts no longer than that.
        """
        own, told = self.trust.own, list[Participant]()
        for login in self.sessions.find_ending(own.entity_id, clock.now() + self.soon):
            participants = self.sessions.drop(login)
            if participants is not None:
                told += participants
                who = own.pseudonym(login.subject)
                audit.event("session.ended", pseudonym=who, reason="limit")
        # Many may be at their limit at once: each of them has its own time.
        over, longest = self._by_session(told), self.soon * _TELLING
        trust = self._to_tell
        came = self._propagation.tell_again(trust, over, longest)
        missed = [one.left for one in came.values() if one.left is not None]
        self._propagation.note_no_browser(trust, missed)

    def _by_session(self, participants: Iterable[Participant]) -> list[Recipient]:
        """What is said to them of sessions that end, and of no other one of hers."""
        told = recipients_of(participants)
        if not self.trust.own.is_digid:
            return told
        # It names her, and no session: all of hers would end there (DIGID.md 3.2).
        return [one for one in told if not self.sessions.is_in(one.subject)]

    def tell_again(self) -> int:
        """Tell those again who were missed by a logout; how many have heard now."""
        queue = self.undelivered
        entries = [self._worth_telling(queue, one) for one in self._taken_up(queue)]
        left = [one for entry in entries for one in entry.left.values()]
        # Another process may know them, or this one when it is started anew.
        trust = self._to_tell
        beyond = self._out_of_reach(trust, left)
        told, of_one = list[Recipient](), Counter[str]()
        for one in (one for one in left if one not in beyond):
            of_one[one.entity_id] += 1
            if of_one[one.entity_id] <= self._share(one.entity_id):
                told.append(one)
        came = beyond | self._propagation.tell_again(trust, told)
        self._away = {one.entity_id for one, it in came.items() if it.is_away}
        for entry in entries:
            self._note(queue, entry, came)
        return sum(map(_is_told, came.values()))

    def _share(self, entity_id: str) -> int:
        """How many are told to a participant in a round; one, who was away before."""
        return 1 if entity_id in self._away else _OF_ONE

    def _taken_up(self, queue: RetryQueue) -> list[QueuedLogout]:
        """Those whose turn it is, who wait longest first: what a round can take.

        One that has too much to hear keeps no other one from hearing its part.
        """
        of_one, taken = Counter[str](), list[QueuedLogout]()
        for _, entry in sorted(self._due(queue), key=itemgetter(0)):
            whom = {one.entity_id for one in entry.left.values()}
            has_room = any(of_one[one] < self._share(one) for one in whom)
            # Where none is left, that has to be noted.
            if (has_room or not whom) and queue.take_up(entry):
                of_one.update(whom)
                taken.append(entry)
        return taken

    def _due(self, queue: RetryQueue) -> Iterator[tuple[float, QueuedLogout]]:
        """Those whose turn it is, and since when."""
        now, keys, trust = clock.now(), queue.keys(), self._to_tell
        self._later = {key: self._later[key] for key in keys if key in self._later}
        for key in keys:
            if self._later.get(key, now) > now:
                continue
            entry = queue.read(key)
            if entry is None:
                continue
            due = queue.due_at(entry)
            if self._out_of_reach(trust, entry.left.values()):
                due += _BEHIND
            if due > now:
                self._later[key] = due
            else:
                yield due, entry

    def _out_of_reach(
        self, trust: Trust, told: Iterable[Recipient]
    ) -> dict[Recipient, Delivery]:
        """Those of them whom this process cannot tell, and what comes of them."""
        found = {one: self._propagation.out_of_reach(trust, one) for one in told}
        return {one: came for one, came in found.items() if came is not None}

    def _worth_telling(self, queue: RetryQueue, entry: QueuedLogout) -> QueuedLogout:
        """An entry without whom there is nothing to tell, and with its logins ended.

        A new login must not be ended by what is said of an older one. Our message names
        the sessions that have ended; who goes by her name alone, or has said that it
        knows none of them, is not told once she has logged in there again: her next
        logout tells it, and none before that is said to have reached it.
        """
        # Whoever began it may have died before they ended.
        found = (self.sessions.named(name) for name in entry.logins)
        alive = set[tuple[str, str]]()
        for login in [login for login in found if login is not None]:
            if login.proven_since(entry.begun):
                # She has proven since who she is: that one goes on.
                told = self.sessions.participants(login)
                alive |= {(one.entity_id, one.session_index) for one in told}
                continue
            entry = queue.with_more(
                entry, recipients_of(self.sessions.drop(login) or ())
            )
        over = [
            n
            for n, one in entry.left.items()
            if {(one.entity_id, index) for index in one.session_indexes} <= alive
        ]
        # None may have been left, where who was to take it away has died before that.
        if over or not entry.left:
            entry = queue.done(entry, over)
        is_digid = self.trust.own.is_digid
        held = {
            n: one
            for n, one in entry.left.items()
            if queue.may_end_more(entry, n, is_digid=is_digid)
        }
        return queue.hold(entry, held) if held else entry

    def _note(
        self, queue: RetryQueue, entry: QueuedLogout, came: Mapping[Recipient, Delivery]
    ) -> None:
        """Note what came of telling those who were left of an entry."""
        tried = {n: came[one] for n, one in entry.left.items() if one in came}
        values = env.values(self._environ)
        # As where the logout itself has told it.
        partly = [n for n, one in tried.items() if one.left and one.left.is_partial]
        entry = queue.partly(values, entry, partly)
        heard = [n for n, one in tried.items() if one.left is None]
        if heard:
            entry = queue.heard(values, entry, heard)
            if not queue.found(entry.handle):
                metrics.logout_took(clock.now() - entry.begun)
        failed = {n: one.reason for n, one in tried.items() if not _is_told(one)}
        if failed:
            queue.failed(entry, failed)
            self._note_answers(queue, entry, tried)

    def _note_answers(
        self, queue: RetryQueue, entry: QueuedLogout, tried: Mapping[int, Delivery]
    ) -> None:
        """Note who answered without confirming, and who takes no SOAP."""
        values = env.values(self._environ)
        refused = [came for came in tried.values() if came.is_refusal]
        if refused:
            queue.refused(values, entry, refused)
            entry = queue.without_final(values, entry)
        by_browser = {
            n: came.left
            for n, came in tried.items()
            if came.left and came.left.by_browser and n in entry.left
        }
        if by_browser:
            queue.hold(entry, by_browser)


def _is_told(came: Delivery) -> bool:
    return came.left is None or came.left.is_partial


class Worker:
    """The threads of a process in which a hub is at work by itself.

    One ends who is over, one tells again, and one looks after the members: it tells who
    has left the federation, which may take long, and nobody's limit waits for it.
    """

    def __init__(self) -> None:
        #: The process in which all threads have begun; and where some have.
        self._pid = self._begun_in = 0
        self._begun: set[Callable[[AtWork], None]] = set()
        self._lock = threading.Lock()
        self._hub: AtWork | None = None

    def see(self, hub: AtWork) -> None:
        """Be at work from now on, as the hub of the latest request.

        In this very process: the threads of its parent do not run here.
        """
        self._hub = hub
        if self._pid == os.getpid():
            return
        with self._lock:
            if self._begun_in != os.getpid():
                self._begun_in, self._begun = os.getpid(), set()
            try:
                for round_of in {end_once, tell_once, leave_once} - self._begun:
                    threading.Thread(
                        target=self._run,
                        args=(round_of,),
                        name="eilogin-at-work",
                        daemon=True,
                    ).start()
                    self._begun.add(round_of)
            except RuntimeError as error:
                # The machine has no thread for it now; the next request tries again.
                _log.error(
                    "cannot start the background thread of this process; the next"
                    " request tries again: %s",
                    error,
                )
            else:
                self._pid = os.getpid()

    def _run(self, round_of: Callable[[AtWork], None]) -> None:
        pause = threading.Event()
        while not pause.wait(EVERY):
            if self._hub is not None:
                with logout_reserve.for_logout():
                    round_of(self._hub)


def end_once(hub: AtWork) -> None:
    """End who is over; what goes wrong is in the log."""
    with _noted("ending sessions at their limit failed"):
        hub.end_who_is_over()


def leave_once(hub: AtWork) -> None:
    """Tell who has left the federation, and our log whose certificate ends.

    What goes wrong is in the log.
    """
    with _noted("checking the certificates of participants failed"):
        hub.certificates.see()
    with _noted("notifying the departed members failed"):
        hub.end_at_departed()


def tell_once(hub: AtWork) -> None:
    """Tell again who is due, while that reaches some; what goes wrong is in the log."""
    with _noted("retrying logouts failed"):
        while told := hub.tell_again():
            _log.info("logouts delivered from the retry queue: %d", told)


@contextmanager
def _noted(what: str) -> Iterator[None]:
    try:
        yield
    except EiloginError as error:
        _log.warning("%s: %s", what, error)
    except Exception:  # noqa: BLE001 - the next round may be well
        _log.exception("%s", what)
