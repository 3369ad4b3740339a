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
from eilogin.federation.refresh.refresh_process import Child, child_input, relay
from eilogin.federation.refresh.refresh_tries import SHORTEST, note_failure
from eilogin.federation.refresh.usable_hubs import hubs_of
from eilogin.federation.sources.local_files import fingerprint_of
from eilogin.federation.state.state_folder import SiteFolder, Stamp
from eilogin.federation.state.state_origin import configuration_of
from eilogin.federation.state.state_records import Active, Tries

_log = logging.getLogger("eilogin")

#: Seconds.
EVERY = 0.5
#: The largest share of time for checks of local files.
FILE_CHECK_SHARE = 0.02


class TrustUpdate(NamedTuple):
    """The fields of :class:`eilogin.federation.Trust` that a newer state replaces."""

    federation: Membership
    hub_ids: tuple[str, ...]
    other_endings: tuple[Expiry, ...]


#: A function that gets the earlier members and the update.
Subscriber = Callable[[Membership, TrustUpdate], object]


class OpenedState(NamedTuple):
    """The active state, read from the folder."""

    stamp: Stamp | None
    active: Active
    federation: Membership


class Watch:
    """The active state of a site, and the subscribers to its changes."""

    def __init__(
        self, options: TrustOptions, own: Own, folder: SiteFolder, opened: OpenedState
    ) -> None:
        self.folder = folder
        self.active = active = opened.active
        self.is_awake = False
        self._options, self._own = options, own
        self._configuration = configuration_of(options)
        self._stamp, self._federation = opened.stamp, opened.federation
        self._index = active.state.index
        self._subscribers: list[Subscriber] = []
        self._round_functions: list[Callable[[], object]] = []
        self._child: Child | None = None
        #: The earliest time of a refresh, and the tries before the last one.
        self._not_before, self._tries = 0.0, active.tries
        #: The fingerprint of the local files at the last check, and at the last child.
        self._fingerprint, self._tried_fingerprint = active.tries.look, ""
        #: Whether the last two checks agree, and the time of the next.
        self._is_unchanged, self._next_file_check = False, 0.0
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
            active, quarantine = self.folder.active, self.folder.open_quarantine
        except ConfigurationError:
            return {}
        if active is None:
            return {}
        return {
            "members": active.state.members,
            "age_seconds": clock.now() - (active.tries.worked or active.since),
            "failures": active.tries.failures,
            "waits": quarantine is not None,
        }

    def subscribe(self, subscriber: Subscriber) -> None:
        """Call a subscriber for each newer state, in order of subscription."""
        self._subscribers.append(subscriber)

    def in_each_round(self, function: Callable[[], object]) -> None:
        """Call a function in each round."""
        self._round_functions.append(function)

    def wake(self) -> None:
        """Check now, and regularly."""
        self.check_state()
        self.is_awake = REFRESH_THREAD.add(self)

    def sleep(self) -> None:
        """Stop: this process is a fork."""
        self.is_awake, self._child, self._lock = False, None, threading.Lock()

    def check_state(self) -> None:
        """Check for another active state, and log faults."""
        with self._lock:
            try:
                self._use_newer_state()
            except (ConfigurationError, OSError) as error:
                self._log_fault(f"cannot use the active metadata: {error}")

    def _use_newer_state(self) -> None:
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
            self._log_fault(
                "other options made the active metadata; restart all processes of"
                " this site"
            )
            return
        if active.state.index != self._index:
            # If the index is gone already, another state follows.
            federation = Membership.from_index(self.folder.index(active.state))
            hubs = hubs_of(self._options, self._own, federation)
            earlier, self._federation = self._federation, federation
            self._index = active.state.index
            endings = endings_of(self._options, self._own, federation, hubs)
            update = TrustUpdate(federation, hubs, endings)
            for notify in self._subscribers:
                notify(earlier, update)
            _log.info(
                "%s: federation: %d members, as of state %s",
                self._own.entity_id,
                active.state.members,
                active.state.id,
            )
        self._stamp, self._fault = stamp, ""

    def _log_fault(self, fault: str) -> None:
        if fault != self._fault:
            _log.error("%s: federation: %s", self._own.entity_id, fault)
            self._fault = fault

    # --- refreshing -----------------------------------------------------------------

    def tick(self) -> None:
        """Run one round."""
        self.check_state()
        for function in self._round_functions:
            function()
        if self._child is not None:
            self._check_child(self._child)
        elif self._may_refresh:
            self._check_files()
            # A file that still changes may be incomplete.
            is_ready = self._is_unchanged and self._is_untried(self._fingerprint)
            if self._is_refresh_due or is_ready:
                self._start_child(self._fingerprint)

    def _check_files(self) -> None:
        """Check local files, seldom if a check takes long."""
        if time.monotonic() < self._next_file_check:
            return
        earlier, begun = self._fingerprint, time.thread_time()
        self._fingerprint = fingerprint_of(self._options.federation)
        self._is_unchanged = self._fingerprint == earlier
        seconds = time.thread_time() - begun
        self._next_file_check = time.monotonic() + seconds / FILE_CHECK_SHARE - EVERY

    @property
    def _may_refresh(self) -> bool:
        is_off = self._options.federation_refresh is None
        return not is_off and self._is_ours(self.active)

    def _is_ours(self, active: Active) -> bool:
        """Whether our options made it: a refresh by old ones would undo decisions."""
        return active.state.configuration == self._configuration

    @property
    def _is_refresh_due(self) -> bool:
        return self.active.tries.is_due and self._not_before <= time.monotonic()

    def _is_untried(self, fingerprint: str) -> bool:
        return fingerprint not in (self.active.tries.look, self._tried_fingerprint)

    def refresh_if_due(self) -> bool:
        """Refresh here if due and free, and return whether; raises as ``refresh``."""
        fingerprint = fingerprint_of(self._options.federation)
        is_due = self._may_refresh and _is_due(self.active.tries, fingerprint)
        lock = self.folder.lock() if is_due else None
        if lock is None:
            return False
        try:
            if self._tries_if_due(fingerprint) is None:
                return False
            refresh(self._options, self.folder)
        finally:
            os.close(lock)
        return True

    def _tries_if_due(self, fingerprint: str) -> Tries | None:
        active = self.folder.active
        if active is None or not self._is_ours(active):
            return None
        return active.tries if _is_due(active.tries, fingerprint) else None

    def _start_child(self, fingerprint: str) -> None:
        # Do not repeat a failure at once.
        self._not_before = time.monotonic() + SHORTEST
        self._tried_fingerprint = fingerprint
        try:
            locks = self._take_locks()
            if not locks:
                self._not_before, self._tried_fingerprint = 0.0, ""
                return
            try:
                tries = self._tries_if_due(fingerprint)
                if tries is not None:
                    self._tries = tries
                    self._child = Child(locks, child_input(self._options))
                    REFRESH_THREAD.adopt(self._child)
                else:
                    self._not_before = 0.0
            finally:
                # The child has them too.
                for lock in locks:
                    os.close(lock)
        except (ConfigurationError, OSError) as error:
            self._log_fault(f"cannot begin a refresh: {error}")

    def _take_locks(self) -> list[int]:
        """Take the lock of the folder and a refresh slot; empty if one is not free."""
        lock = self.folder.lock()
        if lock is None:
            return []
        try:
            slot = self.folder.slot()
        except OSError:
            os.close(lock)
            raise
        if slot is None:
            os.close(lock)
            return []
        return [lock, slot]

    def _check_child(self, child: Child) -> None:
        if not child.is_done():
            return
        self._child = None
        relay(child.read_output())
        if child.status == 0:
            self.check_state()
            if self.active.tries != self._tries:
                # The child stored its next time, unless the disk is full.
                self._not_before = 0.0
            return
        why = f"the process that refreshes ended with status {child.status}"
        self._log_fault(why)
        # The child stored nothing.
        with contextlib.suppress(ConfigurationError, OSError), self.folder.locked(0):
            note_failure(self._options, self.folder, why, self._tried_fingerprint)


def _is_due(tries: Tries, fingerprint: str) -> bool:
    return tries.is_due or fingerprint != tries.look


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
        self._children = [
            *(kept for kept in self._children if not (kept.is_done() and kept.is_read)),
            child,
        ]

    def add(self, watch: Watch) -> bool:
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

    def remove(self, watch: Watch) -> None:
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
                _run_round(watches.pop())

    def forget(self) -> None:
        """Put all watches to sleep in a fork, which has no thread."""
        watches, self._lock = list(self._watches), threading.Lock()
        self._watches, self._is_running = weakref.WeakSet(), False
        for watch in watches:
            watch.sleep()


def _run_round(watch: Watch) -> None:
    try:
        watch.tick()
    except Exception:  # noqa: BLE001 - the next round may be well
        _log.exception("the federation watcher failed; it tries again")


REFRESH_THREAD = RefreshThread()
os.register_at_fork(after_in_child=REFRESH_THREAD.forget)
