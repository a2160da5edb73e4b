"""The federation in one process: who listens to whom, carried as one task tree.

Level-triggered from end to end: a change names keys, nothing more. schedule runs before apply, apply before
observe, each for the keys it was told; whoever finishes tells the next.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Awaitable, Callable, Set
from typing import Any

from federation.applies import Applies
from federation.controllers.apply import Apply
from federation.controllers.capacity import Capacities
from federation.controllers.clusters import Clusters
from federation.controllers.dependencies import Dependencies
from federation.controllers.endings import Endings
from federation.controllers.evict import Evict
from federation.controllers.gate import Gate, under_way
from federation.controllers.held import Held
from federation.controllers.host import Host, Override, PolicyKey, Propagation
from federation.controllers.interpret import HOST, SETTLE, Interpret
from federation.controllers.kept import Kept
from federation.controllers.keys import Key
from federation.controllers.kinds import Broken
from federation.controllers.matched import Matched, policy_keys
from federation.controllers.observe import Observe
from federation.controllers.release import Release
from federation.controllers.report import Report
from federation.controllers.rollout_policies import RolloutPolicies
from federation.controllers.schedule import Schedule
from federation.controllers.writer import Writer
from federation.kube.api import Api
from federation.kube.config import from_dict
from federation.kube.controller import Controller
from federation.kube.discovery import Discovery
from federation.kube.events import Events
from federation.kube.ref import Ref
from federation.kube.resources import Resource
from federation.members.autoscalers import Scaled
from federation.members.fleet import Connect, Fleet
from federation.members.health import Health
from federation.members.member import Alone, Companion
from federation.metrics import Count, Metrics
from federation.settings import Settings
from policies.api.cluster import Cluster
from policies.api.rollout import Rollout, RolloutStatus
from policies.interpreting import GroupKind
from policies.matching import group_of
from policies.release.news import news
from policies.requirements import lapsed
from policies.workloads import drivers

log = logging.getLogger(__name__)

CLUSTER_PERIOD = 60.0
"""Seconds between two looks at a Cluster's Secret and status when nothing calls for one."""


class Federation:
    """The reconcilers over one host, wired. `ready` is set once the first backlog is known."""

    def __init__(
        self,
        api: Api,
        host_id: str,
        settings: Settings,
        metrics: Metrics,
        connect: Connect | None = None,
        companion: Companion | None = None,
    ) -> None:
        """`connect` makes the Api of a member; by default one to the server that its kubeconfig names."""
        self._settings, self._metrics = settings, metrics
        self.ready = asyncio.Event()
        self.host = Host(api, Discovery(api), self)
        self.fleet = Fleet(host_id, self, connect or self._connect, companion or Alone())
        observe, workers = metrics.reconciled, settings.workers
        self.applies = Applies(self._reconcile_copy, workers=workers, observe=observe)
        self._held = Held(self.host, self.fleet, self.applies.idle, self._cluster_after)
        self._capacities = Capacities(self.host, self.fleet, self._health, self._schedule_again)
        self.evict = Evict(
            self.host,
            self.fleet,
            settings.evictions,
            self._health,
            self._schedule_again,
            self._held.changed,
            lambda key: self._applying.holds(key),
            self._released,
        )
        self._dependencies = Dependencies(self.host, self._schedule_again, self._look_at_status, self._behind)
        self._scheduling = Schedule(
            self.host,
            self.fleet,
            self._capacities,
            self.evict,
            self._dispatch,
            self._held.changed,
            self._schedule_again,
            self._busy,
            self._dependencies,
        )
        kept, writer = Kept(self._held.changed), Writer(api, host_id)
        self._held.tell(self.evict.verdict, self._scheduling.withdraw.brake.verdict, kept.verdict)
        self._gate, self._endings = Gate(self.host, self.fleet), Endings(self.host, self.fleet)
        self._applying = Apply(
            self.host,
            self.fleet,
            self._scheduling,
            writer,
            kept,
            self._gate,
            self._endings,
            self.applies.look,
        )
        told = self._told(Events(api, "atoll", settings.identity))
        releasing = Release(
            self.host, self.fleet, self._scheduling, self._applying, writer, self._gate, self._unseen, told
        )
        self._observing = Observe(
            self.host,
            self.fleet,
            self._scheduling,
            self._applying,
            self._endings,
            queued=self._queued,
            running=self.applies.running,
            released=self._released,
            reported=self._reported,
            missing=self._dependencies.missing,
        )
        self._matched = Matched(self.host)
        self._reporting = Report(self.host, self._matched)
        self.schedule = Controller(
            "schedule", self._scheduling, workers=workers, observe=observe, fields=_object
        )
        self.observe = Controller(
            "observe", self._observing, workers=workers, observe=observe, fields=_object
        )
        self.release = Controller("release", releasing, workers=workers, observe=observe, fields=_object)
        self.report = Controller("report", self._reporting, workers=2, observe=observe)
        self.rollout_policies = Controller(
            "rollout-policies", RolloutPolicies(self.host), workers=2, observe=observe
        )
        self._interpreting = Interpret(self.host, self.fleet)
        self.interpret = Controller("interpret", self._interpreting, workers=1, observe=observe)
        self._connecting = Clusters(
            self.host, self.fleet, self._held.verdict, self.health_changed, settings.evictions.grace
        )
        self.clusters = Controller(
            "clusters", self._connecting, workers=4, observe=observe, fields=lambda name: {"cluster": name}
        )
        self._last: dict[str, Cluster] = {}

    async def run(self) -> None:
        """Mirror, then reconcile, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.applies.run(), name="apply")
            group.create_task(self.fleet.run(), name="fleet")
            group.create_task(self.host.run(), name="host")
            await self.host.synced()
            gc.freeze()  # what a first list brings lives long: keep the collector from walking it
            for controller in self._controllers():
                group.create_task(controller.run(), name=controller.name)
            self.ready.set()
            log.info(
                "reconciling: %d policies, %d bindings, %d clusters",
                sum(1 for _ in self.host.policies()),
                sum(1 for _ in self.host.bound()),
                len(self.host.clusters),
            )
            while True:
                await asyncio.sleep(CLUSTER_PERIOD)
                for _, name in self.host.clusters.keys():
                    self.clusters.queue.add(name)

    def _controllers(self) -> list[Controller[Any]]:
        return [
            self.clusters,
            self.schedule,
            self.release,
            self.observe,
            self.report,
            self.rollout_policies,
            self.interpret,
        ]

    def counts(self) -> tuple[Count, ...]:
        """Return what is counted only when somebody asks."""
        evictions = "Workloads that leave a cluster, or should."
        return (Count("atoll_evictions", evictions, ("cluster", "state"), self.evict.counts),)

    def _told(self, events: Events) -> Callable[[Rollout, RolloutStatus], Awaitable[None]]:
        """Return who is told of a run's new status: people by Events, Prometheus by counts."""

        async def told(before: Rollout, after: RolloutStatus) -> None:
            self._metrics.released(before.status, after)
            for each in news(before.status, after, drivers.released(before.spec).units):
                await events.tell(before.dump(), *each)

        return told

    async def _connect(self, name: str, kubeconfig: dict[str, Any]) -> Api:
        configuration = await from_dict(kubeconfig)
        return Api(
            configuration, in_flight=self._settings.member_in_flight, observe=self._metrics.requests(name)
        )

    # What the host says

    def template_changed(self, ref: Ref) -> None:
        self.schedule.queue.add(ref)
        self._look_at_policies(ref)  # its labels may have changed
        self._dependencies.template_changed(ref)
        self._interpreted(ref)

    def binding_changed(self, ref: Ref) -> None:
        self.schedule.queue.add(ref)
        self._dependencies.binding_changed(ref)
        self._let_go()
        self._look_at_policies(ref)

    def templates_synced(self, resource: Resource) -> None:
        """Bindings whose templates are not in the first list want a look, too."""
        for ref, _ in self.host.bound():
            if ref.resource == resource:
                self.schedule.queue.add(ref)
        self._dependencies.synced(resource)

    def kinds_changed(self, resources: frozenset[Resource]) -> None:
        self.fleet.want(resources)

    def propagation_changed(self, key: PolicyKey, old: Propagation | None, new: Propagation | None) -> None:
        for group, kind in _selected(old) | _selected(new):
            for ref in self.host.templates_of(group, kind):
                self.schedule.queue.add(ref)
        for ref, record in self.host.bound():
            if key in policy_keys(record):
                self.schedule.queue.add(ref)
        self._capacities.policy_changed(key, new)
        self._report_on(key)

    def override_changed(self, key: PolicyKey, old: Override | None, new: Override | None) -> None:
        kinds = _selected(old) | _selected(new)
        everything = any(policy is not None and not _selected(policy) for policy in (old, new))
        for ref, record in self.host.bound():
            if key[1][0] in ("", ref.namespace) and (
                everything
                or (ref.resource.group, ref.resource.kind) in kinds
                or key in self.host.needed_overrides(record)
            ):
                self._dispatch(ref)
                for concerned in policy_keys(record):
                    self._report_on(concerned)
        self._matched.override_changed(key)
        self._report_on(key)

    def cluster_changed(self, name: str) -> None:
        cluster, before = self.host.clusters.get(("", name)), self._last.pop(name, None)
        if cluster is not None:
            self._last[name] = cluster
        self.clusters.queue.add(name)
        if _matters(cluster) == _matters(before):
            return
        for resource, informer in self.host.templates:
            for key in informer.keys():
                self.schedule.queue.add(Ref(resource, *key))
        for ref, record in self.host.bound():
            if record.targets(name):
                self.schedule.queue.add(ref)
        if cluster is None:
            self.applies.stop(name)
        elif cluster.metadata.deletion_timestamp:
            self._look_at_all(name)

    def rollout_changed(self, ref: Ref) -> None:
        self.release.queue.add(ref)
        self.observe.queue.add(ref)
        self._look_at_copies(ref)

    def interpreters_changed(self, kinds: Set[GroupKind]) -> None:
        self.fleet.interpret(self.host.interpreters.in_force, kinds)
        for name in self.host.interpreters.names():
            self.interpret.queue.add(name)

    def rollout_policy_changed(self, key: PolicyKey) -> None:
        self.rollout_policies.queue.add(key)
        for ref, _ in self.host.bound():
            self._release(ref)

    # What the members say

    def copy_changed(self, cluster: str, ref: Ref) -> None:
        self._endings.note(cluster, ref)
        self.applies.look(Key(cluster, ref))
        record = self.host.binding(ref)
        if record is not None and (record.deleting or record.moves or lapsed(record.spec)):
            self.schedule.queue.add(ref)
        self._interpreted(ref, cluster)
        self._let_go()

    def scaling_changed(self, cluster: str, scaled: Scaled) -> None:
        for resource, _ in self.host.templates:
            if (resource.group, resource.kind) == (scaled.group, scaled.kind):
                ref = Ref(resource, scaled.namespace, scaled.name)
                self.applies.look(Key(cluster, ref))
                self._release(ref)

    def copies_synced(self, cluster: str, resource: Resource) -> None:
        for ref, record in self.host.bound():
            if ref.resource == resource and (record.targets(cluster) or record.leaves(cluster)):
                self.applies.look(Key(cluster, ref))
                if record.deleting or record.moves:
                    self.schedule.queue.add(ref)
        self._let_go()

    def health_changed(self, cluster: str) -> None:
        self.clusters.queue.add(cluster)
        self._capacities.changed()
        self.evict.health_changed()
        if cluster in self.fleet:
            self.applies.start(cluster)
        for ref, record in self.host.bound():
            if record.targets(cluster):
                self.applies.look(Key(cluster, ref))
                self.observe.queue.add(ref)
                self._release(ref)

    def surveyed(self, cluster: str) -> None:
        self.clusters.queue.add(cluster)

    def capacity_known(self, cluster: str) -> None:
        self._capacities.known(cluster)

    def capacity_grew(self, cluster: str) -> None:
        self._capacities.grew(cluster)

    def _let_go(self) -> None:
        """Whatever went may have been the last that held a leaving cluster."""
        for name, cluster in self._last.items():
            if cluster.metadata.deletion_timestamp:
                self.clusters.queue.add(name)

    def _health(self, cluster: str) -> Health | None:
        return self._connecting.health(cluster)

    # From one reconciler to the next

    async def _reconcile_copy(self, key: Key) -> float | None:
        try:
            return await self._applying(key)
        finally:
            self.observe.queue.add(key.ref)
            self._release(key.ref)
            self._held.looked(key.cluster)
            self._dependencies.copy_settled(key.ref)

    def _look_at_all(self, cluster: str) -> None:
        if (member := self.fleet.get(cluster)) is not None:
            for resource, informer in member.copies:
                for key in informer.keys():
                    self.applies.look(Key(cluster, Ref(resource, *key)))

    def _released(self, ref: Ref) -> bool:
        template = self.host.template(ref)
        return template is not None and under_way(self.host.rollouts.latest(template.uid))

    def _release(self, ref: Ref) -> None:
        """Have the release of a workload looked at, if it has one."""
        template = self.host.template(ref)
        if template is not None and self._gate.governs(ref, template):
            self.release.queue.add(ref)

    def _dispatch(self, ref: Ref) -> None:
        """Have a template's release looked at, and every copy: those that should be, and those that are."""
        self._release(ref)
        self._look_at_copies(ref)

    def _look_at_copies(self, ref: Ref) -> None:
        record = self.host.binding(ref)
        targets = {target.name for target in record.spec.clusters} if record else set()
        for member in self.fleet:
            if member.name in targets or member.copies.get(ref.resource, ref.key) is not None:
                self.applies.look(Key(member.name, ref))
        self.observe.queue.add(ref)

    def _interpreted(self, ref: Ref, cluster: str = HOST) -> None:
        """Have an interpreter tell of an object that it can't read, or can again."""
        if name := self._interpreting.note(ref, cluster):
            self.interpret.queue.add_after(name, SETTLE)

    def _schedule_again(self, ref: Ref) -> None:
        self.schedule.queue.add(ref)

    def _cluster_after(self, name: str, seconds: float) -> None:
        self.clusters.queue.add_after(name, seconds)

    def _look_at_status(self, ref: Ref) -> None:
        self.observe.queue.add(ref)

    def _busy(self, ref: Ref) -> bool:
        return self.applies.running(ref)

    def _behind(self, ref: Ref) -> bool:
        """Whether some copy may be of another state of its template than the present one."""
        record = self.host.binding(ref)
        targets = record.spec.clusters if record else ()
        outcomes = [self._applying.outcomes.get(Key(target.name, ref)) for target in targets]
        settled = all(each is not None and each.applied and each.present for each in outcomes)
        return not settled or self._queued(ref) or self._busy(ref)

    def _queued(self, ref: Ref) -> bool:
        """Whether a template or one of its copies has yet to be looked at since a change."""
        if self.schedule.queue.waiting(ref) or self.schedule.queue.running(ref):
            return True
        record = self.host.binding(ref)
        targets = record.spec.clusters if record else ()
        return any(self._awaited(target.name, ref) for target in targets)

    def _awaited(self, cluster: str, ref: Ref) -> bool:
        return self.applies.waiting(cluster, ref) or self._unseen(cluster, ref)

    def _unseen(self, cluster: str, ref: Ref) -> bool:
        """Whether it has yet to be seen what a cluster holds; when it is, that brings the template back."""
        if self._connecting.health(cluster) is None:  # not probed yet; when it is, that brings the key back
            return self.host.clusters.get(("", cluster)) is not None
        member = self.fleet.get(cluster)
        if member is None or not member.available or member.sees(ref.resource):
            return False
        return member.mirror_failure(ref.resource) is None

    def _look_at_policies(self, ref: Ref) -> None:
        for key in self._matched.look(ref):
            self._report_on(key)

    def _reported(self, ref: Ref) -> None:
        for key in self._matched.policies(ref):
            self._report_on(key)
        if (record := self.host.binding(ref)) is not None and record.moves:
            self.schedule.queue.add(ref)

    def _report_on(self, key: PolicyKey) -> None:
        self._reporting.note(key)
        self.report.queue.add(key)


def _object(ref: Ref) -> dict[str, str]:
    return {"object": str(ref)}


def _selected(policy: Propagation | Override | None) -> set[tuple[str, str]]:
    """Return (group, kind) of what a policy selects; a policy that is not valid selects nothing."""
    if policy is None or isinstance(policy, Broken):
        return set()
    return {(group_of(selector.api_version), selector.kind) for selector in policy.spec.resource_selectors}


def _matters(cluster: Cluster | None) -> object:
    """What of a Cluster can move templates, the taint of one that is not ready included; not its numbers."""
    if cluster is None:
        return None
    return (
        cluster.metadata.labels,
        cluster.spec,
        cluster.status.apis,
        bool(cluster.metadata.deletion_timestamp),
    )
