"""Run the background work of a hub in threads."""

import logging
import os
import threading
from collections.abc import Callable

from eilogin.hub import hub_jobs
from eilogin.hub.hub_jobs import HubJobs, noted_failure
from eilogin.stores import logout_reserve

_log = logging.getLogger("eilogin")


class HubThreads:
    """Runs each job in a thread of its own, so that none delays the others."""

    def __init__(self) -> None:
        #: The process with all threads, and with some.
        self._pid = self._begun_in = 0
        self._begun: set[Callable[[HubJobs], None]] = set()
        self._lock = threading.Lock()
        self._hub: HubJobs | None = None

    def see(self, hub: HubJobs) -> None:
        """Work for the hub of the latest request; start the threads once a process."""
        self._hub = hub
        if self._pid == os.getpid():
            return
        with self._lock:
            if self._begun_in != os.getpid():
                self._begun_in, self._begun = os.getpid(), set()
            try:
                for round_of in {
                    end_expired_sessions,
                    retry_logouts,
                    check_members,
                } - self._begun:
                    threading.Thread(
                        target=self._run,
                        args=(round_of,),
                        name="eilogin-at-work",
                        daemon=True,
                    ).start()
                    self._begun.add(round_of)
            except RuntimeError as error:
                _log.error(
                    "cannot start the background thread of this process; the next"
                    " request tries again: %s",
                    error,
                )
            else:
                self._pid = os.getpid()

    def _run(self, round_of: Callable[[HubJobs], None]) -> None:
        pause = threading.Event()
        while not pause.wait(hub_jobs.EVERY):
            if self._hub is not None:
                with logout_reserve.for_logout():
                    round_of(self._hub)


def end_expired_sessions(hub: HubJobs) -> None:
    """End sessions at their limit; log errors."""
    with noted_failure("ending sessions at their limit failed"):
        hub.end_expired_sessions()


def check_members(hub: HubJobs) -> None:
    """Notify departed members, warn of expiring certificates; log errors."""
    with noted_failure("checking the certificates of participants failed"):
        hub.certificates.see()
    with noted_failure("notifying the departed members failed"):
        hub.end_at_departed()


def retry_logouts(hub: HubJobs) -> None:
    """Retry due logouts until none is delivered; log errors."""
    with noted_failure("retrying logouts failed"):
        while delivered := hub.retry_logouts():
            _log.info("logouts delivered from the retry queue: %d", delivered)
