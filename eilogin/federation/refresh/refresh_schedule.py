"""Use a newly active state in a running process, and start refreshes when due.

A thread of each process does both, from the first request on. Nothing starts when an
application is built, because a fork copies no threads. Every half second the thread
checks whether another state is active, whoever made it, and gives its members to the
subscribers. It starts a child process if a refresh is due, or if a local file of
members has changed, and no other process here refreshes. The child holds the lock,
which is free again when the child ends.
"""

import contextlib
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable
from typing import NamedTuple

from eilogin import clock
from eilogin.errors import ConfigurationError
from eilogin.federation.local.local_entity import Own
from eilogin.federation.members.certificate_expiry import endings_of
from eilogin.federation.members.expiry_alarms import Expiry
from eilogin.federation.members.membership import Membership
from eilogin.federation.members.trust_options import TrustOptions
from eilogin.federation.refresh.metadata_refresh import refresh
from eilogin.federation.refresh.refresh_process import Child, question, relay
from eilogin.federation.refresh.refresh_tries import SHORTEST, note_failure
from eilogin.federation.refresh.usable_hubs import hubs_of
from eilogin.federation.sources.local_files import look_at
from eilogin.federation.state.state_folder import SiteFolder, Stamp
from eilogin.federation.state.state_origin import configuration_of
from eilogin.federation.state.state_records import Active, Tries

_log = logging.getLogger("eilogin")

#: Seconds between two looks.
EVERY = 0.5
#: The share of the time that looking at files of this machine takes at most.
MOST_LOOKING = 0.02


class Newer(NamedTuple):
    """The parts of a newer state: fields of :class:`eilogin.federation.Trust`."""

    federation: Membership
    hub_ids: tuple[str, ...]
    other_endings: tuple[Expiry, ...]


#: A subscriber gets the members before and after the change.
Told = Callable[[Membership, Newer], object]


class Opened(NamedTuple):
    """The active state, read from the folder."""

    #: The last stamp of the folder.
    stamp: Stamp
    active: Active
    federation: Membership


class Watch:
    """The active state of a site, and the subscribers to its changes."""

    def __init__(
        self, options: TrustOptions, own: Own, folder: SiteFolder, opened: "Opened"
    ) -> None:
        self.folder = folder
        #: The active state, as far as this process knows.
        self.active = active = opened.active
        #: Whether it is looked after in this process.
        self.is_awake = False
        self._options, self._own = options, own
        self._configuration = configuration_of(options)
        self._stamp, self._federation = opened.stamp, opened.federation
        self._index = active.state.index
        self._told: list[Told] = []
        self._in_each_round: list[Callable[[], object]] = []
        self._child: Child | None = None
        #: Not again before that, unless the one that began then noted how it went:
        #: then these tries are others.
        self._not_before, self._tries = 0.0, active.tries
        #: How the files of this machine looked the last time, and when a child began.
        self._seen, self._begun = active.tries.look, ""
        #: Whether they had looked so before that; and when to look again.
        self._is_still, self._next_look = False, 0.0
        self._fault = ""
        self._lock = threading.Lock()

    @property
    def entity_id(self) -> str:
        """The entityID of the site."""
        return self._own.entity_id

    @property
    def options(self) -> TrustOptions:
        """By which options it is refreshed."""
        return self._options

    def numbers(self) -> dict[str, float]:
        """How it is, in numbers (:mod:`eilogin.metrics`); none where it is broken."""
        try:
            active, waiting = self.folder.active, self.folder.waiting
        except ConfigurationError:
            return {}
        if active is None:
            return {}
        return {
            "members": active.state.members,
            "age_seconds": clock.now() - (active.tries.worked or active.since),
            "failures": active.tries.failures,
            "waits": waiting is not None,
        }

    def subscribe(self, told: Told) -> None:
        """Call a subscriber for each newer state, in the order of subscription."""
        self._told.append(told)

    def in_each_round(self, do: Callable[[], object]) -> None:
        """Have something be done as often as it is looked after, which is often."""
        self._in_each_round.append(do)

    def wake(self) -> None:
        """Look after it from now on, in this process; at once a first time."""
        self.look()
        self.is_awake = ROUND.take(self)

    def sleep(self) -> None:
        """Look after it no more: this process is a fork of the one that did."""
        self.is_awake, self._child, self._lock = False, None, threading.Lock()

    def look(self) -> None:
        """Check whether another state is active; its faults go to the log."""
        with self._lock:
            try:
                self._look()
            except (ConfigurationError, OSError) as error:
                self._complain(f"cannot use the active metadata: {error}")

    def _look(self) -> None:
        stamp = self.folder.stamp
        if stamp == self._stamp:
            return
        active = self.folder.active
        if active is None or self.folder.stamp != stamp:
            # The next check sees changes that arrived meanwhile.
            return
        self.active = active
        if not self._is_ours(active):
            self._stamp = stamp
            self._complain(
                "other options made the active metadata; restart all processes of"
                " this site"
            )
            return
        if active.state.index != self._index:
            # One that is gone already was followed by another: see the next time.
            federation = Membership.from_index(self.folder.index(active.state))
            hubs = hubs_of(self._options, self._own, federation)
            before, self._federation = self._federation, federation
            self._index = active.state.index
            endings = endings_of(self._options, self._own, federation, hubs)
            for told in self._told:
                told(before, Newer(federation, hubs, endings))
            _log.info(
                "%s: federation: %d members, as of state %s",
                self._own.entity_id,
                active.state.members,
                active.state.id,
            )
        self._stamp, self._fault = stamp, ""

    def _complain(self, fault: str) -> None:
        """Say what is wrong, once for as long as it is."""
        if fault != self._fault:
            _log.error("%s: federation: %s", self._own.entity_id, fault)
            self._fault = fault

    # --- refreshing -----------------------------------------------------------------

    def tick(self) -> None:
        """Do what is to be done now."""
        self.look()
        for do in self._in_each_round:
            do()
        if self._child is not None:
            self._see_child(self._child)
        elif self._may_refresh:
            self._see_files()
            # Else somebody may be writing them at the moment.
            is_ready = self._is_still and self._is_another(self._seen)
            if self._is_time or is_ready:
                self._begin(self._seen)

    def _see_files(self) -> None:
        """See how the files of this machine look now: seldom, where they are many."""
        if time.monotonic() < self._next_look:
            return
        before, begun = self._seen, time.thread_time()
        self._seen = look_at(self._options.federation)
        self._is_still = self._seen == before
        took = time.thread_time() - begun
        self._next_look = time.monotonic() + took / MOST_LOOKING - EVERY

    @property
    def _may_refresh(self) -> bool:
        is_off = self._options.federation_refresh is None
        return not is_off and self._is_ours(self.active)

    def _is_ours(self, active: Active) -> bool:
        """Whether it was made by our options: else others refresh it, and we restart.

        By ours it would be taken back what somebody has decided since.
        """
        return active.state.configuration == self._configuration

    @property
    def _is_time(self) -> bool:
        return self.active.tries.is_due and self._not_before <= time.monotonic()

    def _is_another(self, look: str) -> bool:
        """Whether nobody has read files that look so, or has begun to."""
        return look not in (self.active.tries.look, self._begun)

    def refresh_if_due(self) -> bool:
        """Refresh now and here, if it is time and nobody is at it; whether that was so.

        Raises as :func:`eilogin.federation.refresh.metadata_refresh.refresh`.
        """
        look = look_at(self._options.federation)
        is_due = self._may_refresh and _is_due(self.active.tries, look)
        number = self.folder.lock() if is_due else None
        if number is None:
            return False
        try:
            if self._tries_if_due(look) is None:
                return False
            refresh(self._options, self.folder)
        finally:
            os.close(number)
        return True

    def _tries_if_due(self, look: str) -> Tries | None:
        """How it went until now, if it is still due: for who holds the lock."""
        active = self.folder.active
        if active is None or not self._is_ours(active):
            return None
        return active.tries if _is_due(active.tries, look) else None

    def _begin(self, look: str) -> None:
        # If this fails, not again and again.
        self._not_before, self._begun = time.monotonic() + SHORTEST, look
        try:
            held = self._held()
            if not held:
                self._not_before, self._begun = 0.0, ""
                return
            try:
                tries = self._tries_if_due(look)
                if tries is not None:
                    self._tries = tries
                    self._child = Child(held, question(self._options))
                    ROUND.adopt(self._child)
                else:
                    self._not_before = 0.0
            finally:
                # The child has them too.
                for number in held:
                    os.close(number)
        except (ConfigurationError, OSError) as error:
            self._complain(f"cannot begin a refresh: {error}")

    def _held(self) -> list[int]:
        """The files that a child holds; empty if another process refreshes."""
        lock = self.folder.lock()
        if lock is None:
            return []
        try:
            turn = self.folder.turn()
        except OSError:
            os.close(lock)
            raise
        if turn is None:
            os.close(lock)
            return []
        return [lock, turn]

    def _see_child(self, child: Child) -> None:
        if not child.is_done():
            return
        self._child = None
        relay(child.told())
        if child.status == 0:
            self.look()
            if self.active.tries != self._tries:
                # It noted when it is time again; on a disk that is full it could not.
                self._not_before = 0.0
            return
        why = f"the process that refreshes ended with status {child.status}"
        self._complain(why)
        # It has noted nothing itself.
        with contextlib.suppress(ConfigurationError, OSError), self.folder.locked(0):
            note_failure(self._options, self.folder, why, self._begun)


def _is_due(tries: Tries, look: str) -> bool:
    """Whether it is time, or files of this machine look otherwise than at the last."""
    return tries.is_due or look != tries.look


class RefreshThread:
    """The thread of this process that looks after all that is awake."""

    def __init__(self) -> None:
        self._watches: weakref.WeakSet[Watch] = weakref.WeakSet()
        #: Children whose site may be gone before they end.
        self._children: list[Child] = []
        self._is_running = False
        self._lock = threading.Lock()

    def adopt(self, child: Child) -> None:
        """Have a child for as long as it runs, whoever began it is gone or not."""
        found = [one for one in self._children if not (one.is_done() and one.is_read)]
        self._children = [*found, child]

    def take(self, watch: Watch) -> bool:
        """Look after one more; False where the machine has no thread for it now."""
        with self._lock:
            self._watches.add(watch)
            if self._is_running:
                return True
            try:
                threading.Thread(
                    target=self._run, name="eilogin-federation", daemon=True
                ).start()
            except RuntimeError as error:
                _log.error("this process does not refresh: %s", error)
                return False
            self._is_running = True
            return True

    @property
    def awake(self) -> frozenset[Watch]:
        """The watches that the thread looks after."""
        with self._lock:
            return frozenset(self._watches)

    def leave(self, watch: Watch) -> None:
        """Stop looking after a watch, for example because its site is gone."""
        with self._lock:
            self._watches.discard(watch)

    def _run(self) -> None:
        pause = threading.Event()
        while not pause.wait(EVERY):
            with self._lock:
                watches = list(self._watches)
                if not watches:
                    self._is_running = False
                    return
            # None is held by a name of ours until the next round: who is gone is gone.
            while watches:
                _do(watches.pop())

    def forget(self) -> None:
        """In a child of this process no thread runs: all are asleep again."""
        watches, self._lock = list(self._watches), threading.Lock()
        self._watches, self._is_running = weakref.WeakSet(), False
        for watch in watches:
            watch.sleep()


def _do(watch: Watch) -> None:
    try:
        watch.tick()
    except Exception:  # noqa: BLE001 - the next round may be well
        _log.exception("the federation watcher failed; it tries again")


#: The round of this process.
ROUND = RefreshThread()
os.register_at_fork(after_in_child=ROUND.forget)
