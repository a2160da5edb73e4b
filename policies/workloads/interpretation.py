"""Interpretation: a kind as a ResourceInterpreter describes it, by paths instead of a module of its own.

What a copy says is read once, when it is projected; a value that is not what its path needs is told in
`problem` and never raised, since anybody may write such an object.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from policies import jsonpath
from policies.api.interpreter import HealthCondition, ResourceInterpreterSpec
from policies.api.meta import Manifest
from policies.jsonpath import Keys, Mismatch, Path
from policies.workloads import whole
from policies.workloads.comparison import Scalar, holds
from policies.workloads.workload import Copies, Copy, Health, Workload

OBSERVED_GENERATION = "observedGeneration"


class Check(NamedTuple):
    """A condition on one value of an object."""

    path: Path
    operator: str
    value: Scalar
    other: Path | None

    def holds(self, live: Manifest) -> bool:
        """:raises Mismatch: the values can't be compared"""
        value = jsonpath.find(live, self.path)
        against = self.value if self.other is None else jsonpath.find(live, self.other)
        return holds(value, self.operator, against, self.path)


@dataclass(frozen=True, slots=True)
class Interpretation:
    """A Workload from data. Two are equal when they read a kind alike."""

    replicas_at: Keys | None
    ready_at: Path | None
    sums: tuple[Keys, ...]
    healthy: tuple[Check, ...]
    unhealthy: tuple[Check, ...]
    judges: bool
    """Whether there is anything to judge health by but convention."""
    pod_spec_at: Keys | None

    def replicas(self, manifest: Manifest) -> int | None:
        """None also where a template does not say, or says something else: see `problem`."""
        if "kind" not in manifest:  # a projected copy
            wanted: int | None = manifest.get("replicas")
            return wanted
        return _Reading(manifest).number(self._replicas_path)

    def problem(self, template: Manifest) -> str:
        """Say what keeps a template's replicas from being read; empty when nothing does."""
        reading = _Reading(template)
        reading.number(self._replicas_path)
        return reading.problem

    def with_replicas(self, manifest: Manifest, replicas: int) -> Manifest:
        return manifest if self.replicas_at is None else jsonpath.put(manifest, self.replicas_at, replicas)

    def project(self, live: Manifest) -> Manifest:
        """Read a copy; its status is kept only where nothing of it is summed up."""
        seen, reading = whole.project(live), _Reading(live)
        status = seen["status"]
        return {
            "replicas": reading.number(self._replicas_path),
            "ready": reading.number(self.ready_at),
            "sums": {_text(keys): reading.number(Path(keys)) for keys in self.sums},
            "health": reading.judged(self._judge if self.judges else _by_convention),
            "observed": whole.observed(seen),
            "generations": OBSERVED_GENERATION in status,
            "reported": bool(status),
            "status": {} if self.sums else status,
            "problem": reading.problem,
        }

    def health(self, projected: Manifest) -> Health:
        health: Health = projected.get("health", "Unknown")
        return health

    def ready(self, projected: Manifest) -> int | None:
        """What a status leaves out is 0."""
        if self.ready_at is None or not projected.get("reported"):
            return None
        ready: int = projected.get("ready") or 0
        return ready

    def roll_up(self, copies: Copies, *, generation: int, previous: Manifest, now: str) -> Manifest | None:
        """Sum the numbers; while one of them can't be told, the status stays as it is."""
        lives = [copy.live for copy in copies.values() if copy.live is not None]
        template = {"status": previous}
        summed = any(jsonpath.find(template, Path(keys)) is not None for keys in self.sums)
        if not self.sums or not (summed or any(live.get("reported") for live in lives)):
            return None
        if not all(self._can_sum(live) for live in lives):
            return None
        for keys in self.sums:
            total = sum(live["sums"][_text(keys)] or 0 for live in lives)
            template = jsonpath.put(template, keys, total)
        if any(live["generations"] for live in lives) and all(map(_settled, copies.values())):
            template = jsonpath.put(template, ("status", OBSERVED_GENERATION), generation)
        status: Manifest = template["status"]
        return status

    def _can_sum(self, projected: Manifest) -> bool:
        """Whether a copy was read as wanted, and by no other interpretation of its kind."""
        read: Manifest = projected.get("sums", {})
        return read.keys() == set(map(_text, self.sums)) and not projected["problem"]

    @property
    def _replicas_path(self) -> Path | None:
        return None if self.replicas_at is None else Path(self.replicas_at)

    def _judge(self, live: Manifest) -> Health:
        seen = whole.project(live)
        if not seen["status"]:
            return "Unknown"
        if not whole.observed(seen):
            return "Progressing"
        if any(check.holds(live) for check in self.unhealthy):
            return "Unhealthy"
        return "Healthy" if all(check.holds(live) for check in self.healthy) else "Progressing"


def is_read(projected: Manifest) -> bool:
    """Whether a copy was projected by an interpretation: then `health` and `observed` say how it fares."""
    return "sums" in projected


def replicas_at(workload: Workload) -> Keys | None:
    """Return where objects of a kind say how many replicas they have; None for a kind that is said to have
    none.
    """
    return workload.replicas_at if isinstance(workload, Interpretation) else ("spec", "replicas")


def pod_spec_at(workload: Workload) -> Keys | None:
    """Return where an interpreter says that objects of a kind have their pod spec, if one does."""
    return workload.pod_spec_at if isinstance(workload, Interpretation) else None


Interpretations = Mapping[tuple[str, str], Interpretation]
"""By (group, kind)."""
NONE: Interpretations = MappingProxyType({})


def interpretation(spec: ResourceInterpreterSpec) -> Interpretation:
    """Return what an interpreter says, which is valid."""
    health = spec.health
    return Interpretation(
        replicas_at=_keys(spec.spec_replicas_path),
        ready_at=jsonpath.parse(spec.ready_replicas_path) if spec.ready_replicas_path else None,
        sums=tuple(keys for keys in map(_keys, spec.status_sums) if keys),
        healthy=tuple(map(_check, health.healthy)) if health else (),
        unhealthy=tuple(map(_check, health.unhealthy)) if health else (),
        judges=health is not None and bool(health.healthy or health.unhealthy),
        pod_spec_at=(*pods, "spec") if (pods := _keys(spec.pod_template_path)) else None,
    )


def _keys(text: str) -> Keys | None:
    return jsonpath.parse(text).keys if text else None


def _check(condition: HealthCondition) -> Check:
    other = jsonpath.parse(condition.value_path) if condition.value_path else None
    return Check(jsonpath.parse(condition.path), condition.operator, condition.value, other)


class _Reading:
    """Reads one object, and remembers the first value that is not what its path needs."""

    def __init__(self, live: Manifest) -> None:
        self._live, self.problem = live, ""

    def number(self, path: Path | None) -> int | None:
        try:
            return None if path is None else jsonpath.number(self._live, path)
        except Mismatch as mismatch:
            self.problem = self.problem or str(mismatch)
            return None

    def judged(self, judge: Callable[[Manifest], Health]) -> Health:
        try:
            return judge(self._live)
        except Mismatch as mismatch:
            self.problem = self.problem or str(mismatch)
            return "Unknown"


def _by_convention(live: Manifest) -> Health:
    return whole.health(whole.project(live))


def _settled(copy: Copy) -> bool:
    return copy.current and copy.live is not None and copy.live["generations"] and copy.live["observed"]


def _text(keys: Keys) -> str:
    return str(Path(keys))
