"""Brake: holds deletions that nobody recorded when they come in numbers.

A template that is absent while its binding is not being deleted was removed by someone our watch did not see:
most likely rightly, but a restore that lost templates looks the same. A few are believed, many are held.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable

from federation.controllers.host import Host
from federation.kube.ref import Ref
from policies.copies import within_brake
from policies.verdicts import Verdict, deletions_held

WINDOW = 60.0
"""Seconds over which inferred deletions count together."""


class Brake:
    """Counts, for each cluster, the templates found absent and the deletions inferred from that.

    `changed(cluster)` is called when more or less is held there.
    """

    def __init__(self, host: Host, changed: Callable[[str], None]) -> None:
        self._host, self._changed = host, changed
        self._since: dict[Ref, float] = {}
        self._clusters: dict[Ref, tuple[str, ...]] = {}
        self._waiting: Counter[str] = Counter()
        self._inferred: dict[str, deque[float]] = {}
        self._placed: tuple[float, Counter[str]] = (float("-inf"), Counter())
        self.held: set[Ref] = set()

    def absent(self, ref: Ref, clusters: tuple[str, ...]) -> float:
        """Note a template as absent; return for how many seconds it has been."""
        if ref not in self._since:
            self._since[ref] = time.monotonic()
            self._clusters[ref] = clusters
            self._waiting.update(clusters)
        return time.monotonic() - self._since[ref]

    def present(self, ref: Ref) -> None:
        """Note that a template is there, or that its binding is gone or being deleted."""
        if self._since.pop(ref, None) is not None:
            self._let_go(ref)
            self._waiting.subtract(self._clusters.pop(ref))

    def released(self, ref: Ref) -> None:
        """Count the deletion that is about to follow from the template's absence."""
        for cluster in self._clusters.get(ref, ()):
            self._inferred.setdefault(cluster, deque()).append(time.monotonic())
        self.present(ref)

    def holds(self, ref: Ref) -> str | None:
        """Return a cluster for which this deletion, with all that wait beside it, would be too much at
        once.
        """
        for cluster in self._clusters.get(ref, ()):
            if not within_brake(self._waiting[cluster] + self._recent(cluster), self._total(cluster)):
                if ref not in self.held:
                    self.held.add(ref)
                    self._tell(self._clusters[ref])
                return cluster
        self._let_go(ref)
        return None

    def _let_go(self, ref: Ref) -> None:
        if ref in self.held:
            self.held.remove(ref)
            self._tell(self._clusters[ref])

    def _tell(self, clusters: Iterable[str]) -> None:
        for cluster in clusters:
            self._changed(cluster)

    def verdict(self, cluster: str) -> Verdict | None:
        """Say how many deletions are held in a cluster, or None."""
        count = sum(cluster in self._clusters[ref] for ref in self.held)
        return deletions_held(count) if count else None

    def _recent(self, cluster: str) -> int:
        times = self._inferred.get(cluster, deque())
        while times and times[0] < time.monotonic() - WINDOW:
            times.popleft()
        return len(times)

    def _total(self, cluster: str) -> int:
        counted, placed = self._placed
        if time.monotonic() - counted > 1.0:
            placed = Counter(
                target.name for _, record in self._host.bound() for target in record.spec.clusters
            )
            self._placed = time.monotonic(), placed
        return placed[cluster]
