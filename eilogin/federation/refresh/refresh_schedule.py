"""Use a newly active state in a running process, and start refreshes when due.

A thread of each process does both. It starts with the first request, because a fork
copies no threads. Every half second it checks for another active state, and gives its
members to the subscribers. If a refresh is due or a local file has changed, it starts a
child process, unless another process here refreshes.
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

#: Seconds.
EVERY = 0.5
#: Share of time for checks of local files.
MOST_LOOKING = 0.02


class Newer(NamedTuple):
    """Fields of :class:`eilogin.federation.Trust`."""

    federation: Membership
    hub_ids: tuple[str, ...]
    other_endings: tuple[Expiry, ...]


Told = Callable[[Membership, Newer], object]


class Opened(NamedTuple):
    """The active state, read from the folder."""

    stamp: Stamp | None
    active: Active
    federation: Membership


class Watch:
    """The active state of a site, and the subscribers to its changes."""

    def __init__(
        self, options: TrustOptions, own: Own, folder: SiteFolder, opened: "Opened"
    ) -> None:
        self.folder = folder
        self.active = active = opened.active
        self.is_awake = False
        self._options, self._own = options, own
        self._configuration = configuration_of(options)
        self._stamp, self._federation = opened.stamp, opened.federation
        self._index = active.state.index
        self._told: list[Told] = []
        self._in_each_round: list[Callable[[], object]] = []
        self._child: Child | None = None
        #: The earliest time of a refresh, and the tries before the last one.
        self._not_before, self._tries = 0.0, active.tries
        #: The last look at local files, and that of the last child.
        self._seen, self._begun = active.tries.look, ""
        #: Whether the last looks agree, and when to look again.
        self._is_still, self._next_look = False, 0.0
        self._fault = ""
        self._lock = threading.Lock()

    @property
    def entity_id(self) -> str:
        """The entityID of the site."""
        return self._own.entity_id

    @property
    def options(self) -> TrustOptions:
        """The options of the site."""
        return self._options

    def numbers(self) -> dict[str, float]:
        """Metrics (:mod:`eilogin.metrics`); none of a broken state."""
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
        """Call a subscriber for each newer state, in order of subscription."""
        self._told.append(told)

    def in_each_round(self, do: Callable[[], object]) -> None:
        """Call a function in each round."""
        self._in_each_round.append(do)

    def wake(self) -> None:
        """Check now, and regularly."""
        self.look()
        self.is_awake = ROUND.take(self)

    def sleep(self) -> None:
        """Stop: this process is a fork."""
        self.is_awake, self._child, self._lock = False, None, threading.Lock()

    def look(self) -> None:
        """Check for another active state, and log faults."""
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
            # The next check sees later changes.
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
            # If the index is gone already, another state follows.
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
        if fault != self._fault:
            _log.error("%s: federation: %s", self._own.entity_id, fault)
            self._fault = fault

    # --- refreshing -----------------------------------------------------------------

    def tick(self) -> None:
        """Run one round."""
        self.look()
        for do in self._in_each_round:
            do()
        if self._child is not None:
            self._see_child(self._child)
        elif self._may_refresh:
            self._see_files()
            # Otherwise somebody may be writing them.
            is_ready = self._is_still and self._is_another(self._seen)
            if self._is_time or is_ready:
                self._begin(self._seen)

    def _see_files(self) -> None:
        """Look at local files, seldom if a look takes long."""
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
        """Whether our options made it: a refresh by old ones would undo decisions."""
        return active.state.configuration == self._configuration

    @property
    def _is_time(self) -> bool:
        return self.active.tries.is_due and self._not_before <= time.monotonic()

    def _is_another(self, look: str) -> bool:
        return look not in (self.active.tries.look, self._begun)

    def refresh_if_due(self) -> bool:
        """Refresh here if due and free, and return whether; raises as ``refresh``."""
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
        active = self.folder.active
        if active is None or not self._is_ours(active):
            return None
        return active.tries if _is_due(active.tries, look) else None

    def _begin(self, look: str) -> None:
        # Do not repeat a failure at once.
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
                # It noted its next time, unless the disk is full.
                self._not_before = 0.0
            return
        why = f"the process that refreshes ended with status {child.status}"
        self._complain(why)
        # The child noted nothing.
        with contextlib.suppress(ConfigurationError, OSError), self.folder.locked(0):
            note_failure(self._options, self.folder, why, self._begun)


def _is_due(tries: Tries, look: str) -> bool:
    return tries.is_due or look != tries.look


class RefreshThread:
    """The thread of this process that checks all awake watches."""

    def __init__(self) -> None:
        self._watches: weakref.WeakSet[Watch] = weakref.WeakSet()
        #: They may outlive their watch.
        self._children: list[Child] = []
        self._is_running = False
        self._lock = threading.Lock()

    def adopt(self, child: Child) -> None:
        """Keep a child until it ends, even without its watch."""
        found = [one for one in self._children if not (one.is_done() and one.is_read)]
        self._children = [*found, child]

    def take(self, watch: Watch) -> bool:
        """Check one more watch; False if the system can start no thread."""
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
        """The checked watches."""
        with self._lock:
            return frozenset(self._watches)

    def leave(self, watch: Watch) -> None:
        """Stop checking a watch."""
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
            # Hold no watch by name, so that it can be collected.
            while watches:
                _do(watches.pop())

    def forget(self) -> None:
        """Put all watches to sleep in a fork, which has no thread."""
        watches, self._lock = list(self._watches), threading.Lock()
        self._watches, self._is_running = weakref.WeakSet(), False
        for watch in watches:
            watch.sleep()


def _do(watch: Watch) -> None:
    try:
        watch.tick()
    except Exception:  # noqa: BLE001 - the next round may be well
        _log.exception("the federation watcher failed; it tries again")


ROUND = RefreshThread()
os.register_at_fork(after_in_child=ROUND.forget)
