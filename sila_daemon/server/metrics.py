"""Figures for monitoring, in Prometheus's text format."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

    from sila_daemon.server.ops.op_store import Outcome

CONTENT_TYPE = CONTENT_TYPE_LATEST

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

Gauges = Callable[[], dict[str, float]]
"""Looks at what there is now: values by the names of `GAUGES`."""

GAUGES = {
    "sila_connections": "Engine.IO connections that are open",
    "sila_sessions": "spaces joined by connections",
    "sila_hubs": "spaces that are open",
    "sila_queued_batches": "batches of ops that wait for their commit",
    "sila_unfinished_uploads": "uploads that may go on, in open spaces",
    "sila_audit_waiting": "entries of the audit log that wait to be written",
}


class _Now(Collector):
    """Gauges that are looked up when somebody asks."""

    def __init__(self) -> None:
        self.look: Gauges = dict

    def collect(self) -> Iterator[Metric]:
        values = self.look()
        for name, meaning in GAUGES.items():
            yield GaugeMetricFamily(name, meaning, values.get(name, 0.0))


class Metrics:
    """What one server counts."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._now = _Now()
        self._registry.register(self._now)
        ProcessCollector(registry=self._registry)
        registry = self._registry
        self._requests = Counter(
            "sila_http_requests",
            "requests answered",
            ("method", "route", "status"),
            registry=registry,
        )
        self._request_seconds = Histogram(
            "sila_http_request_seconds",
            "time to answer",
            ("route",),
            buckets=_SECONDS,
            registry=registry,
        )
        self._bytes = Counter(
            "sila_http_bytes", "bytes of bodies", ("direction",), registry=registry
        )
        self._events = Counter("sila_events", "events of clients", ("name",), registry=registry)
        self._ops = Counter(
            "sila_ops", "ops by what became of them", ("outcome",), registry=registry
        )
        self._accepted = self._ops.labels("accepted")
        self._duplicates = self._ops.labels("duplicate")
        self._event_counters: dict[str, Counter] = {}
        self._rejected = Counter("sila_rejected", "what was refused", ("code",), registry=registry)
        self._commit_seconds = Histogram(
            "sila_commit_seconds",
            "time of one durable commit of ops",
            buckets=_SECONDS,
            registry=registry,
        )

    def watch(self, look: Gauges) -> None:
        """Sets where the gauges come from."""
        self._now.look = look

    def request(
        self, method: str, route: str, status: int, seconds: float, received: int, sent: int
    ) -> None:
        """Counts one request; `route` is a template, so that there are few of them."""
        self._requests.labels(method, route, str(status)).inc()
        self._request_seconds.labels(route).observe(seconds)
        self._bytes.labels("in").inc(received)
        self._bytes.labels("out").inc(sent)

    def event(self, name: str) -> None:
        """Counts one event of a client."""
        counter = self._event_counters.get(name)
        if counter is None:
            counter = self._event_counters[name] = self._events.labels(name)
        counter.inc()

    def committed(self, seconds: float, outcomes: Sequence[Outcome]) -> None:
        """Counts one commit of ops."""
        self._commit_seconds.observe(seconds)
        self._accepted.inc(sum(outcome.accepted for outcome in outcomes))
        self._duplicates.inc(sum(outcome.duplicates for outcome in outcomes))

    def rejected(self, code: str) -> None:
        """Counts one op, event or request that was refused."""
        self._rejected.labels(code).inc()

    def text(self) -> bytes:
        """Renders everything."""
        return generate_latest(self._registry)
