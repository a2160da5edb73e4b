"""evict: which templates leave which clusters now, and when their old copies go.

`policies.eviction` says what is due; this says whether it may begin: not before the cluster was probed by
this process, not faster than the pace, and not while so many clusters fail that the host itself is the
suspect.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

from federation.controllers.host import Host
from federation.controllers.keys import Key
from federation.controllers.kinds import Record, Template, finished
from federation.controllers.pace import Pace
from federation.kube.ref import Ref
from federation.members.fleet import Fleet
from federation.members.health import Health
from federation.settings import Evictions
from policies import workloads
from policies.api.binding import BindingSpec, Eviction
from policies.api.cluster import Cluster
from policies.api.failover import Failover
from policies.api.propagation import PropagationPolicy
from policies.eviction import (
    FAILED,
    REASONS,
    UNHEALTHY,
    Facts,
    brake,
    grace_left,
    outlook,
    standing,
    stays,
    unwell,
)
from policies.moving import Moving
from policies.preservation import preserved
from policies.suspension import in_force
from policies.verdicts import Verdict
from policies.workloads import ending


class Evict:
    """Answers the scheduler, and apply about old copies.

    `health(cluster)` is None before the first probe; `again(ref)` has a template scheduled;
    `changed(cluster)` is called when more or less is held there; `holds(key)` says whether a copy is what it
    is to be, `released(ref)` whether a template is being released in steps.
    """

    def __init__(
        self,
        host: Host,
        fleet: Fleet,
        settings: Evictions,
        health: Callable[[str], Health | None],
        again: Callable[[Ref], None],
        changed: Callable[[str], None],
        holds: Callable[[Key], bool],
        released: Callable[[Ref], bool],
    ) -> None:
        self._host, self._fleet, self._health = host, fleet, health
        self._again, self._changed, self._holds, self._released = again, changed, holds, released
        self._pace, self._share = Pace(settings.rate), settings.brake
        self._next: dict[Ref, float] = {}
        self._held: dict[Ref, frozenset[str]] = {}
        self._braked: Verdict | None = None

    # What the scheduler asks

    def moving(
        self, ref: Ref, template: Template, policy: PropagationPolicy | None, record: Record | None
    ) -> Moving | None:
        """Return what of a template leaves clusters, or may begin to; None if nothing does."""
        self._next.pop(ref, None)
        clusters = self._concerned(record, policy)
        if policy is None or record is None or not clusters:
            self.forget(ref)
            return None
        now, before = datetime.now(UTC), record.spec
        afresh = before.rebalance_triggered_at is not None
        facts = Facts(clusters, policy.spec, template.generation, afresh)
        going = standing(before.evictions, facts, lambda name: self._has(name, ref), now)
        self._look_after(ref, *(grace_left(each, now) for each in going.evictions))
        if finished(template) or template.deleting or in_force(policy.spec.suspension):
            self.forget(ref)
            return Moving(going)
        unhealthy, running = self._unhealthy(ref, record), ending.unfinished(record.binding)
        found = outlook(policy.spec, running, clusters, now)
        failing = unwell(policy.spec, running, unhealthy, template.generation, now)
        self._look_after(ref, *(each.again for each in (found, failing) if each.again is not None))
        tainted = {each.from_cluster for each in found.due}
        failed = (each for each in failing.due if each.from_cluster not in tainted)
        wished = [self._remembering(ref, each, record, policy) for each in (*found.due, *failed)]
        due = self._permitted(ref, wished)
        lingering = {each.from_cluster for each in due if self._has(each.from_cluster, ref)}
        return Moving(going._replace(lingering=going.lingering | lingering), due, frozenset(unhealthy))

    def in_turn(
        self,
        ref: Ref,
        before: BindingSpec,
        moving: Moving | None,
        decide: Callable[[Moving | None], tuple[BindingSpec, Verdict]],
    ) -> tuple[BindingSpec, Verdict]:
        """Decide without those evictions that would begin and whose turn has not come."""
        spec, verdict = decide(moving)
        if moving is None or not moving.due:
            return spec, verdict
        standing = {each.from_cluster for each in before.evictions}
        begun = [each.from_cluster for each in spec.evictions if each.from_cluster not in standing]
        waits = {name: wait for name in begun if (wait := self._pace.wait(name, ref)) > 0}
        if not waits:
            return spec, verdict
        self._look_after(ref, *waits.values())
        return decide(moving._replace(due=[each for each in moving.due if each.from_cluster not in waits]))

    def again(self, ref: Ref) -> float | None:
        """Return the seconds until the next look that the last decision asked for."""
        return self._next.get(ref)

    def forget(self, ref: Ref) -> None:
        """Nothing of a template is to leave any cluster."""
        self._pace.keep(ref, ())
        self._hold(ref, frozenset())

    def _concerned(self, record: Record | None, policy: PropagationPolicy | None) -> Mapping[str, Cluster]:
        """Return the clusters of a template if some of them may be left, now or later."""
        if record is None or policy is None:
            return {}
        names = {target.name for target in record.spec.clusters}
        names |= {each.from_cluster for each in record.spec.evictions}
        found = ((name, self._host.clusters.get(("", name))) for name in names)
        clusters = {name: cluster for name, cluster in found if cluster is not None}
        marked = (taint.effect == "NoExecute" for each in clusters.values() for taint in each.spec.taints)
        watched = policy.spec.failover is not None and policy.spec.failover.application is not None
        return clusters if watched or record.spec.evictions or any(marked) else {}

    def _unhealthy(self, ref: Ref, record: Record) -> Mapping[str, str]:
        """Return since when copies are unhealthy that are so now. A release tells of its own failures."""
        if self._released(ref):
            return {}
        since = {each.name: each.unhealthy_since for each in record.binding.status.clusters}
        return {
            name: time
            for name, time in since.items()
            if time is not None and self._judged(Key(name, ref)) == "Unhealthy"
        }

    def _look_after(self, ref: Ref, *seconds: float) -> None:
        """Look again then; what is over already brings nothing new by itself."""
        for each in seconds:
            if each > 0:
                self._next[ref] = min(each, self._next.get(ref, each))

    def _remembering(
        self, ref: Ref, eviction: Eviction, record: Record, policy: PropagationPolicy
    ) -> Eviction:
        """Return the record of an eviction with what is to be known of the state of the old copy."""
        name, failover = eviction.from_cluster, policy.spec.failover or Failover()
        rules = failover.application if eviction.reason == UNHEALTHY else failover.cluster
        copy = self._fleet.copy(name, ref)
        told = next((each.status for each in record.binding.status.clusters if each.name == name), None)
        status = copy.live.get("status") if copy is not None else told  # what is on record, out of reach
        labels = preserved(rules, record.spec.clusters, status or {})
        return eviction.model_copy(update={"preserved_labels": labels}) if labels else eviction

    # What may begin

    def _permitted(self, ref: Ref, due: Iterable[Eviction]) -> tuple[Eviction, ...]:
        """Return what may begin of what is due; the rest is tried again when more is known of clusters."""
        due = [each for each in due if self._believed(each)]
        self._pace.keep(ref, {each.from_cluster for each in due})
        braked = self._brake() if due else None
        probed = tuple(each for each in due if self._health(each.from_cluster) is not None)
        if braked is not None or len(probed) < len(due):
            self._braked = braked if self._asked_all() else None  # a start alone is nothing to tell
            self._hold(ref, frozenset(each.from_cluster for each in due))
            return () if braked else probed
        self._hold(ref, frozenset())
        return probed

    def _believed(self, eviction: Eviction) -> bool:
        """A cluster that answers again has its taint for a moment yet."""
        health = self._health(eviction.from_cluster)
        failed = {REASONS[key] for key in FAILED}
        return health is None or not (health.ready and eviction.reason in failed)

    def _asked_all(self) -> bool:
        return all(self._health(name) is not None for _, name in self._host.clusters.keys())

    def _brake(self) -> Verdict | None:
        """Count the clusters that this process does not know to be ready."""
        present = [name for (_, name), each in self._host.clusters.items() if not _leaves(each)]
        unready = [name for name in present if not ((health := self._health(name)) and health.ready)]
        return brake(len(present), len(unready), self._share)

    # What is held

    def _hold(self, ref: Ref, clusters: frozenset[str]) -> None:
        before = self._held.pop(ref, frozenset())
        if clusters:
            self._held[ref] = clusters
        for cluster in before ^ clusters:
            self._changed(cluster)

    def health_changed(self) -> None:
        """Have what is held looked at again."""
        for ref in self._held:
            self._again(ref)

    def held(self) -> Counter[str]:
        """Return how many evictions are held, by cluster."""
        return Counter(cluster for clusters in self._held.values() for cluster in clusters)

    def counts(self) -> Mapping[tuple[str, ...], int]:
        """Return how many have begun, and how many are held, by cluster and state."""
        evictions = (each for _, record in self._host.bound() for each in record.spec.evictions)
        begun = Counter(each.from_cluster for each in evictions)
        found: dict[tuple[str, ...], int] = {(name, "begun"): count for name, count in begun.items()}
        return found | {(name, "held"): count for name, count in self.held().items()}

    def verdict(self, cluster: str) -> Verdict | None:
        """Say what is held in a cluster by the brake, or None."""
        if self._braked is None or not (count := self.held()[cluster]):
            return None
        what = f"{count} workload{'s'[: count != 1]} should leave this cluster"
        return Verdict(self._braked.reason, f"{what}: {self._braked.message}")

    # The old copies

    def stays(self, ref: Ref, record: Record, cluster: str) -> Verdict | None:
        """Return why a cluster that a template leaves keeps the old copy for now; None if it does not."""
        eviction = next((each for each in record.spec.evictions if each.from_cluster == cluster), None)
        if eviction is None:
            return None
        keys = [Key(target.name, ref) for target in record.spec.clusters]
        there = bool(keys) and all(self._holds(key) for key in keys)
        healthy = there and all(self._judged(key) == "Healthy" for key in keys)
        return stays(eviction, datetime.now(UTC), there=there, healthy=healthy)

    def purges(self, record: Record, cluster: str) -> bool:
        """Whether the old copy in a cluster goes before others come, with all that belongs to it."""
        return any(
            each.from_cluster == cluster and each.purge_mode == "Directly" for each in record.spec.evictions
        )

    def _judged(self, key: Key) -> workloads.Health:
        """Return how a copy fares, as far as it can be seen now."""
        member, copy = self._fleet.get(key.cluster), self._fleet.copy(key.cluster, key.ref)
        if member is None or not member.available or copy is None:
            return "Unknown"
        return copy.workload.health(copy.live)

    def _has(self, cluster: str, ref: Ref) -> bool | None:
        """Whether a cluster has a copy, as far as is known; None if it has long been out of reach."""
        member, said = self._fleet.get(cluster), self._host.clusters.get(("", cluster))
        if member is not None and member.available and member.sees(ref.resource):
            return member.copies.get(ref.resource, ref.key) is not None
        failed = said is not None and any(
            taint.key in FAILED and taint.effect == "NoExecute" for taint in said.spec.taints
        )
        unseen = member is not None and member.mirror_failure(ref.resource) is not None
        return None if failed or unseen else True


def _leaves(cluster: Cluster) -> bool:
    return cluster.metadata.deletion_timestamp is not None
