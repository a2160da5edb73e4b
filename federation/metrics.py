"""Metrics of one controller process, in Prometheus' terms. Labels are bounded: controllers, clusters,
resources.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from policies.api.rollout import RolloutStatus
from policies.release.telling import TERMINAL

_SECONDS = (0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_WRITES = {"POST", "PUT", "PATCH", "DELETE"}


class Count(NamedTuple):
    """What is counted only when somebody asks."""

    name: str
    documentation: str
    labels: tuple[str, ...]
    read: Callable[[], Mapping[tuple[str, ...], int]]
    """Return the counts by values of the labels."""


class _Counts(Collector):
    """The counts of the present term; none while another process leads, which has its own."""

    def __init__(self) -> None:
        self.present: tuple[Count, ...] = ()

    def collect(self) -> Iterator[Metric]:
        for each in self.present:
            family = GaugeMetricFamily(each.name, each.documentation, labels=each.labels)
            for labels, count in each.read().items():
                family.add_metric(labels, count)
            yield family


class Metrics:
    """What the process counts; `text` is the exposition."""

    def __init__(self) -> None:
        self._registry, self._counts = CollectorRegistry(), _Counts()
        self._registry.register(self._counts)
        ProcessCollector(registry=self._registry)
        self._reconciles = Histogram(
            "atoll_reconcile_seconds", "Time of one reconcile.", ("controller", "outcome"),
            registry=self._registry, buckets=_SECONDS,
        )  # fmt: skip
        self._requests = Histogram(
            "atoll_request_seconds", "Time of one request to an API server.", ("cluster", "verb", "code"),
            registry=self._registry, buckets=_SECONDS,
        )  # fmt: skip
        self._writes = Counter(
            "atoll_writes_total", "Writes to an API server.", ("cluster", "resource", "code"),
            registry=self._registry,
        )  # fmt: skip
        self._depth = Gauge(
            "atoll_workqueue_depth", "Keys that wait for a worker.", ("controller",), registry=self._registry
        )
        self._lag = Gauge(
            "atoll_event_loop_lag_seconds",
            "How late the last timer of the loop was.",
            registry=self._registry,
        )
        self._leading = Gauge(
            "atoll_leading", "1 while this process holds the lease.", registry=self._registry
        )

        self._rollouts = Counter(
            "atoll_rollouts_total", "Rollouts that ended.", ("result",), registry=self._registry
        )
        self._steps = Counter(
            "atoll_rollout_steps_total", "Steps of Rollouts that were finished.", registry=self._registry
        )

    def released(self, before: RolloutStatus, after: RolloutStatus) -> None:
        """Count what a Rollout came to."""
        finished = [sum(step.finish_time is not None for step in status.steps) for status in (before, after)]
        self._steps.inc(max(0, finished[1] - finished[0]))
        if after.phase in TERMINAL and before.phase not in TERMINAL:
            self._rollouts.labels(after.phase).inc()

    def reconciled(self, controller: str, seconds: float, outcome: str) -> None:
        self._reconciles.labels(controller, outcome).observe(seconds)

    def requests(self, cluster: str) -> Callable[[str, str, int, float], None]:
        """Return the observer of one Api."""

        def observe(method: str, what: str, code: int, seconds: float) -> None:
            self._requests.labels(cluster, method, str(code)).observe(seconds)
            if method in _WRITES:
                self._writes.labels(cluster, what, str(code)).inc()

        return observe

    def watch_queue(self, controller: str, length: Callable[[], int]) -> None:
        """Expose the depth of a queue."""
        self._depth.labels(controller).set_function(lambda: float(length()))

    def count(self, counts: Iterable[Count]) -> None:
        """Expose these from now on, in place of those before."""
        self._counts.present = tuple(counts)

    def lag(self, seconds: float) -> None:
        self._lag.set(seconds)

    def leading(self, held: bool) -> None:
        self._leading.set(1 if held else 0)

    def text(self) -> bytes:
        return generate_latest(self._registry)
