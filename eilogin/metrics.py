"""Metrics for a monitoring system, in the format of Prometheus.

A process counts the events of :mod:`eilogin.audit` after :func:`turn_on`, for a hub or
a site with ``metrics_token``. Otherwise it does not need the library (extra
``metrics``). No metric contains data of a citizen. Labels are only members of the
federation, levels, and codes of eilogin.

Several processes share totals in the folder of ``PROMETHEUS_MULTIPROC_DIR``. Without
it, a request gets the metrics of one process.
"""

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from types import MappingProxyType
from typing import TYPE_CHECKING

from eilogin.errors import ConfigurationError, EiloginError, Unavailable

if TYPE_CHECKING:
    from prometheus_client import Counter
    from prometheus_client.metrics_core import Metric

_log = logging.getLogger("eilogin")

_FOLDER = "PROMETHEUS_MULTIPROC_DIR"

#: Seconds: from members that answer at once, to logouts until the session's limit.
_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 7.5, 10, 30, 60, 300, 1800, 7200)

#: Reasons besides error codes: status codes of a failed login (SAML core 3.2.2.2),
#: reasons of a rejected password, causes of a session end.
WORDS = (
    *("AuthnFailed", "InvalidAttrNameOrValue", "InvalidNameIDPolicy", "Idle"),
    *("NoAuthnContext", "NoAvailableIDP", "NoPassive", "NoSupportedIDP"),
    *("PartialLogout", "ProxyCountExceeded", "RequestDenied", "RequestUnsupported"),
    *("Requester", "Responder", "UnknownPrincipal", "UnsupportedBinding"),
    *("blocked", "too-often", "wrong"),
    *("another-citizen", "here", "limit", "operator", "too-many"),
)


FEDERATION = {
    "members": "Members of the federation.",
    "age_seconds": "Seconds since the last refresh in which no source failed.",
    "failures": "Refreshes since then in which a source failed.",
    "waits": "1 if a change of a member waits for approval, else 0.",
}


def require() -> None:
    """Raise ConfigurationError, with the missing part, if nothing can be counted."""
    if not find_spec("prometheus_client"):
        raise ConfigurationError(
            "the package 'prometheus-client': pip install 'eilogin[metrics]'"
        )
    folder = os.environ.get(_FOLDER, "")
    if folder and not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigurationError(
            f"a folder that this user may write to in the variable {_FOLDER}; "
            f"found {folder!r}"
        )


class Meters:
    """All metrics of this process; needs :func:`require`."""

    def __init__(self) -> None:
        from prometheus_client import (  # noqa: PLC0415
            CollectorRegistry,
            Counter,
            Histogram,
        )

        self._folder = os.environ.get(_FOLDER, "")
        # The default registry holds the application's own metrics.
        self._registry = registry = CollectorRegistry()
        self._reasons = frozenset((*WORDS, *_codes(EiloginError)))
        self._is_failure_logged = False
        self._sign_ins = Counter(
            "eilogin_sign_ins",
            "Sign-ins at the hub.",
            ("level",),
            registry=registry,
        )
        self._logins = Counter(
            "eilogin_logins",
            "Logins; at a hub, assertions for a participant.",
            ("peer", "level"),
            registry=registry,
        )
        self._refusals = Counter(
            "eilogin_refusals",
            "Rejections and failures, by audit event and error code.",
            ("event", "reason"),
            registry=registry,
        )
        self._received = Counter(
            "eilogin_logouts_received",
            "LogoutRequests of a peer.",
            ("peer",),
            registry=registry,
        )
        self._ended = Counter(
            "eilogin_sessions_ended",
            "Sessions that ended without a LogoutRequest of a peer.",
            ("reason",),
            registry=registry,
        )
        self._deliveries = Counter(
            "eilogin_logout_deliveries",
            "LogoutRequests to a peer: ok, or the error code.",
            ("peer", "outcome"),
            registry=registry,
        )
        self._logout_seconds = Histogram(
            "eilogin_logout_seconds",
            "Seconds from the click to the last confirmation of a logout.",
            buckets=_BUCKETS,
            registry=registry,
        )

    def event(
        self,
        code: str,
        outcome: str,
        peer: str | None,
        level: str | None,
        reason: str | None,
    ) -> None:
        """Count an event that has a metric; ``peer`` has proven its identity."""
        peer, level = peer or "", level or ""
        is_well = outcome == "ok"
        match code:
            case "logout.delivered":
                result = outcome if is_well else self._bounded(reason)
                self._count(self._deliveries, peer, result)
            case "sign-in" if is_well:
                self._count(self._sign_ins, level)
            case "login" if is_well:
                self._count(self._logins, peer, level)
            case "logout.received" if is_well:
                self._count(self._received, peer)
            case "session.ended":
                self._count(self._ended, self._bounded(reason))
            case _ if not is_well:
                self._count(self._refusals, code, self._bounded(reason))

    def logout_took(self, seconds: float) -> None:
        """Record the seconds until the last participant confirmed a logout."""
        with self._logging_failures():
            self._logout_seconds.observe(seconds)

    def exposition(
        self,
        accepted: str,
        undelivered: Callable[[], int] | None,
        ends: Mapping[tuple[str, str], float],
        federation: Mapping[str, float] = MappingProxyType({}),
    ) -> tuple[bytes, str]:
        """Return all metrics as a text, and its content type.

        ``accepted`` is the Accept header. ``undelivered`` counts the logouts in the
        retry queue, while the store answers. ``ends`` holds the expiry of certificates
        by owner ("" for our own) and name. ``federation`` has values of
        :data:`FEDERATION`.
        """
        from prometheus_client.exposition import choose_encoder  # noqa: PLC0415

        generate, content_type = choose_encoder(accepted)
        collector = _ExpositionCollector(
            self._collected(), undelivered, ends, federation
        )
        return generate(collector), content_type

    def _collected(self) -> "Iterable[Metric]":
        if not self._folder:
            return self._registry.collect()
        from prometheus_client.multiprocess import (  # noqa: PLC0415
            MultiProcessCollector,
        )

        # The application may keep its own metrics in that folder.
        metrics = MultiProcessCollector(None, self._folder).collect()
        return (metric for metric in metrics if metric.name.startswith("eilogin_"))

    def _bounded(self, reason: str | None) -> str:
        """Map a reason, which others may invent, to a limited set."""
        return reason if reason in self._reasons else "other"

    def _count(self, counter: "Counter", *labels: str) -> None:
        with self._logging_failures():
            counter.labels(*labels).inc()

    @contextmanager
    def _logging_failures(self) -> Iterator[None]:
        """Log the first failure to write a metric, and raise nothing."""
        try:
            yield
        except (OSError, ValueError):
            if not self._is_failure_logged:
                self._is_failure_logged = True
                _log.exception(
                    "metrics: cannot write a number, so it is lost; check "
                    "the folder in %s",
                    _FOLDER,
                )


class _ExpositionCollector:
    """Collect the counted metrics, and those computed at each request."""

    def __init__(
        self,
        counted: "Iterable[Metric]",
        undelivered: Callable[[], int] | None,
        ends: Mapping[tuple[str, str], float],
        federation: Mapping[str, float],
    ) -> None:
        self._counted = counted
        self._undelivered = undelivered
        self._ends = ends
        self._federation = federation

    def collect(self) -> "Iterator[Metric]":
        from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415

        yield from self._counted
        certificates = GaugeMetricFamily(
            "eilogin_certificate_ends_timestamp_seconds",
            "When a certificate expires, in seconds since 1970.",
            labels=("peer", "certificate"),
        )
        for labels, instant in self._ends.items():
            certificates.add_metric(labels, instant)
        yield certificates
        for name, value in self._federation.items():
            yield GaugeMetricFamily(
                f"eilogin_federation_{name}", FEDERATION[name], value=value
            )
        if self._undelivered is None:
            return
        with suppress(Unavailable):
            yield GaugeMetricFamily(
                "eilogin_logouts_undelivered",
                "Logouts in the retry queue.",
                value=self._undelivered(),
            )


_meters: Meters | None = None


def turn_on() -> Meters:
    """Count in this process from now on, and return its meters.

    Raise the error of :func:`require`.
    """
    global _meters  # noqa: PLW0603 - of a process, as the audit log is
    if _meters is None:
        _meters = Meters()
    return _meters


def event(
    code: str,
    outcome: str,
    *,
    peer: str | None,
    level: str | None,
    reason: str | None,
) -> None:
    """Count an event of the audit log, if this process counts."""
    if _meters is not None:
        _meters.event(code, outcome, peer, level, reason)


def logout_took(seconds: float) -> None:
    """Record the seconds to the last confirmation of a logout, if counting is on."""
    if _meters is not None:
        _meters.logout_took(seconds)


def _codes(root: type[EiloginError]) -> Iterator[str]:
    yield root.code
    for kind in root.__subclasses__():
        yield from _codes(kind)
