"""clusters: keep the fleet connected as the Clusters say, and their status true.

Writes to a Cluster only what changed: no heartbeat. A Cluster that is being deleted is let go once the member
holds nothing of ours any more; a member that cannot be asked holds it until `atoll unjoin --detach`.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from federation.controllers.host import Host
from federation.kube.errors import NotFound
from federation.kube.merge import difference
from federation.kube.resources import Manifest
from federation.members import credentials
from federation.members.credentials import NoCredentials
from federation.members.fleet import Fleet
from federation.members.health import Health, readiness, taint_for
from federation.members.join import FINALIZER
from federation.members.member import Member
from federation.resources import CLUSTER, SECRETS
from federation.timestamps import utc_now
from policies import pod_networks
from policies.api.cluster import Cluster, ClusterStatus, NodeSummary, ResourceSummary, ServedResource
from policies.api.meta import Condition
from policies.failed_taints import tainted
from policies.observation import Stamp, condition
from policies.quantities import written
from policies.verdicts import Verdict

log = logging.getLogger(__name__)

FIELD_MANAGER = "atoll-clusters"
_EMPTIED = "Emptied"
_SUMMED = ("cpu", "memory", "pods")
CREDENTIALS_RECHECK = 30.0
"""Seconds between looks at the Secret of a cluster that refuses our credentials."""
LEAVING_RECHECK = 1.0
"""Seconds between looks at what is left in a member that holds no copies any more."""


class Clusters:
    """Reconciles one Cluster.

    `held(cluster)` says what is held there, or None; `judged(cluster)` is called when it can't be connected
    at all.
    """

    def __init__(
        self,
        host: Host,
        fleet: Fleet,
        held: Callable[[str], Verdict | None],
        judged: Callable[[str], None],
        grace: float,
    ) -> None:
        """:param grace: seconds for which a cluster may be not ready until its taints evict."""
        self._host, self._fleet, self._held, self._judged = host, fleet, held, judged
        self._grace = grace
        self._problems: dict[str, Health] = {}

    async def __call__(self, name: str) -> float | None:
        cluster = self._host.clusters.get(("", name))
        if cluster is None:
            self._fleet.disconnect(name)
            return None
        if _emptied(cluster):
            await self._let_go(cluster)
            return None
        looks = [await self._connect(cluster), await self._write_taints(cluster)]
        leaving = await self._leaving(cluster)
        await self._write_status(self._host.clusters.get(("", name)) or cluster, leaving)
        if leaving and self._empty(name):
            return LEAVING_RECHECK
        return min((each for each in looks if each is not None), default=None)

    async def _connect(self, cluster: Cluster) -> float | None:
        name = cluster.metadata.name
        try:
            self._carry(cluster, await credentials.read(self._host.api, cluster))
        except NoCredentials as problem:
            health = Health(False, problem.reason, str(problem))
            if self._problems.get(name) != health:
                self._problems[name] = health
                self._judged(name)
            return CREDENTIALS_RECHECK
        self._problems.pop(name, None)
        member = self._fleet.get(name)
        return CREDENTIALS_RECHECK if member is None or not member.health.ready else None

    def _carry(self, cluster: Cluster, text: bytes) -> None:
        """Connect with this kubeconfig; one that is in use already isn't even parsed."""
        name, token = cluster.metadata.name, hashlib.sha256(text).hexdigest()
        if self._fleet.carries(name, token):
            return
        kubeconfig = credentials.parsed(cluster, text)
        self._fleet.connect(name, kubeconfig, token, cluster_uid=cluster.status.cluster_uid)

    def health(self, name: str) -> Health | None:
        """Return what is known of a cluster's health, or None before the first probe."""
        if (problem := self._problems.get(name)) is not None:
            return problem
        if misled := self._fleet.problem(name):
            return Health(False, "BadSecret", f"{misled}; run `atoll join` again")
        member = self._fleet.get(name)
        return member.health if member and member.health.reason != "NotProbed" else None

    # Status

    async def _write_status(self, cluster: Cluster, leaving: Verdict | None) -> None:
        name, before = cluster.metadata.name, cluster.status
        if (health := self.health(name)) is None:
            return
        conditions = self._conditions(cluster, health, leaving)
        update: dict[str, Any] = {"conditions": conditions}
        member = self._fleet.get(name)
        if member is not None and member.health.ready:
            update |= _survey(member)
        status = ClusterStatus.model_validate(before.model_dump() | update)
        if status == before:
            return
        body = {
            "metadata": {"resourceVersion": cluster.metadata.resource_version},
            "status": difference(before.dump(), status.dump()),
        }
        await self._patch(name, body, subresource="status")

    def _conditions(self, cluster: Cluster, health: Health, leaving: Verdict | None) -> list[Condition]:
        before, stamp = cluster.status.conditions, Stamp(cluster.metadata.generation, utc_now())
        found = Verdict(health.reason, health.message)
        conditions = [condition(before, "Ready", readiness(health), found, stamp)]
        extra = {
            "Held": self._held(cluster.metadata.name),
            "PodNetworkOverlap": pod_networks.overlapping(cluster, self._all()),
            "Leaving": leaving,
        }
        for type_, verdict in extra.items():
            if verdict is not None:
                conditions.append(condition(before, type_, "True", verdict, stamp))
        return conditions

    def _all(self) -> list[Cluster]:
        return [each for _, each in self._host.clusters.items()]

    async def _leaving(self, cluster: Cluster) -> Verdict | None:
        """Say how far a cluster is that is being deleted; once the copies are gone, the rest is taken back.

        In this order, workloads that still run there can call what is imported.
        """
        name, health = cluster.metadata.name, self.health(cluster.metadata.name)
        if not cluster.metadata.deletion_timestamp or health is None:
            return None
        if (member := self._empty(name)) is not None:
            if remaining := await member.leave(cluster.spec.removal):
                return Verdict("Removing", remaining)
            return Verdict(_EMPTIED, f"nothing that was propagated to {name} is left there")
        if not health.ready:
            return Verdict(
                "ClusterNotReady",
                f"what was propagated to {name} can't be {_verb(cluster)} while it is not ready; "
                f"run `atoll unjoin {name} --detach` to let it go as it is",
            )
        return Verdict("Removing", f"what was propagated to {name} is being {_verb(cluster)}")

    async def _write_taints(self, cluster: Cluster) -> float | None:
        """Keep new workloads away from a cluster that is not ready, and send away those it has after a grace.

        Nothing is said of one that this process has not probed: what is on it was true when the last one
        stopped.
        """
        if (health := self.health(cluster.metadata.name)) is None:
            return None
        present = cluster.spec.taints
        taints, again = tainted(present, taint_for(health), datetime.now(UTC), self._grace)
        if taints != present:
            await self._patch(
                cluster.metadata.name,
                {
                    "metadata": {"resourceVersion": cluster.metadata.resource_version},
                    "spec": {"taints": [taint.dump() for taint in taints]},
                },
            )
        return again

    # Leaving

    def _empty(self, name: str) -> Member | None:
        """Return the member if it is known to hold no copies, and no binding names it."""
        member = self._fleet.get(name)
        if member is None or not member.available or not member.copies.all_synced():
            return None
        if any(record.targets(name) for _, record in self._host.bound()):
            return None
        return None if any(len(informer) for _, informer in member.copies) else member

    async def _let_go(self, cluster: Cluster) -> None:
        """Delete the Secret and end the deletion; done again after a crash, it asks no member."""
        finalizers = [f for f in cluster.metadata.finalizers if f != FINALIZER]
        if reference := cluster.spec.secret_ref:
            with suppress(NotFound):
                await self._host.api.delete(SECRETS, reference.name, reference.namespace)
        await self._patch(
            cluster.metadata.name,
            {
                "metadata": {
                    "resourceVersion": cluster.metadata.resource_version,
                    "finalizers": finalizers or None,
                }
            },
        )
        log.info("cluster %s has left the federation", cluster.metadata.name,
                 extra={"cluster": cluster.metadata.name})  # fmt: skip

    async def _patch(self, name: str, body: Manifest, subresource: str | None = None) -> None:
        with suppress(NotFound):
            answer = await self._host.api.patch(
                CLUSTER, name, None, body, manager=FIELD_MANAGER, subresource=subresource
            )
            self._host.clusters.observe(answer)


def _emptied(cluster: Cluster) -> bool:
    """Whether it is on record that a leaving cluster holds nothing of ours any more."""
    return cluster.metadata.deletion_timestamp is not None and any(
        c.type == "Leaving" and c.reason == _EMPTIED for c in cluster.status.conditions
    )


def _verb(cluster: Cluster) -> str:
    return "deleted" if cluster.spec.removal == "Delete" else "released"


def _survey(member: Member) -> dict[str, Any]:
    nodes, resources = _summary(member)
    return {
        "cluster_uid": member.cluster_uid,
        "kubernetes_version": member.version,
        "apis": [
            ServedResource(group_version=group_version, kinds=list(kinds))
            for group_version, kinds in member.discovery.served().items()
        ],
        "node_summary": nodes,
        "pod_cidrs": member.pod_cidrs,
        "resource_summary": resources,
    }


def _summary(member: Member) -> tuple[NodeSummary, ResourceSummary]:
    """Sum up a member: what its pods ask for is known only while its pods are mirrored."""
    counted = member.capacity.totals
    totals = counted or member.nodes
    resources = ResourceSummary(
        allocatable=_summed(totals.allocatable), requested=_summed(counted.requested) if counted else {}
    )
    return NodeSummary(total=totals.nodes, ready=totals.ready), resources


def _summed(amounts: Mapping[str, int]) -> dict[str, str]:
    return {resource: written(resource, amounts.get(resource, 0)) for resource in _SUMMED}
