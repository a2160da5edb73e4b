"""Examination: what a release sees of the members. It looks at pods where counts do not tell enough, and
deletes those that its kind's driver calls obstacles, within what is permitted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

import orjson
from cachetools import LRUCache

from federation.controllers.apply import Apply
from federation.controllers.host import Host
from federation.controllers.keys import Key
from federation.controllers.kinds import Template
from federation.controllers.pods import pods_of
from federation.controllers.symptoms import Symptoms
from federation.controllers.writer import Writer
from federation.kube.errors import ApiError
from federation.kube.ref import Ref
from federation.kube.resources import Manifest
from federation.members.copies import MemberCopy
from federation.members.fleet import Fleet
from federation.members.member import Member
from policies.api.rollout import Rollout, RolloutCluster
from policies.release.permission import heard, outstanding, permission, permitted
from policies.release.pods import is_ready
from policies.release.state import Sight
from policies.verdicts import Verdict
from policies.workloads import drivers
from policies.workloads.driver import Driver, Pod, Progress

PACE = 5.0
"""Seconds between two looks at pods that do not become ready."""
_REMEMBERED = 4096


class _Last(NamedTuple):
    """The last look at the pods of a copy."""

    time: float
    echo: str
    """What the copy said it was permitted."""


class Examination:
    """Answers for the releases of all workloads."""

    def __init__(self, host: Host, fleet: Fleet, apply: Apply, writer: Writer) -> None:
        self._host, self._fleet, self._apply, self._writer = host, fleet, apply, writer
        self._symptoms = Symptoms()
        self._last: LRUCache[Key, _Last] = LRUCache(maxsize=_REMEMBERED)
        self._denied: LRUCache[Key, Verdict] = LRUCache(maxsize=_REMEMBERED)

    async def look(self, ref: Ref, template: Template, run: Rollout) -> float | None:
        """Look at the pods where those permitted are not known to be ready; how long until the next look."""
        slow, driver = False, drivers.required(ref.resource.group, ref.resource.kind)
        for cluster in run.status.clusters:
            key, member = Key(cluster.name, ref), self._fleet.get(cluster.name)
            copy = self._fleet.copy(cluster.name, ref)
            if member is None or copy is None or not _is_slow(driver, cluster, driver.progress(copy.live)):
                self._symptoms.forget(key)
                self._denied.pop(key, None)
                continue
            slow = True
            if member.available and self._due(key, copy, driver):
                selector = orjson.loads(template.manifest)["spec"]["selector"]
                await self._ask(key, member, copy, selector, run, cluster)
        return PACE if slow else None

    def _due(self, key: Key, copy: MemberCopy, driver: Driver) -> bool:
        """Whether the last look is long enough ago, or pods may have to go since the copy was given more."""
        now, last = asyncio.get_running_loop().time(), self._last.get(key)
        given_more = driver.DELETES and last is not None and last.echo != copy.copy.echo
        if last is not None and last.time + PACE > now + 0.1 and not given_more:
            return False
        self._last[key] = _Last(now, copy.copy.echo)
        return True

    async def _ask(
        self,
        key: Key,
        member: Member,
        copy: MemberCopy,
        selector: Manifest,
        run: Rollout,
        cluster: RolloutCluster,
    ) -> None:
        """Ask for the pods of a copy. What can't be asked stays as it was."""
        driver = drivers.required(key.ref.resource.group, key.ref.resource.kind)
        try:
            pods = await pods_of(member, key.ref, copy, driver, selector)
        except ApiError:
            return  # what is wrong with the member shows in its health
        listed = [*(_pod(pod, True) for pod in pods.newest), *(_pod(pod, False) for pod in pods.others)]
        every, part = driver.placed(listed, copy.live), permitted(run.spec, cluster).part
        newest = [pod for pod in every if pod.newest]
        outliers = driver.outliers(newest, part, copy.live) if part is not None else 0
        rules, ready = run.spec.strategy.pod_failure, _ready(newest, every, cluster.replicas)
        self._symptoms.note(key, copy, pods.newest, rules, ready, outliers)
        rests = self._rests(key) or (cluster.left_out and cluster.state == "Releasing")
        if not driver.DELETES or rests or not self._apply.holds(key):
            return
        if cluster.state == "Stable":
            doomed = driver.leftovers(every, part, copy.live)
        else:
            doomed = driver.obstacles(every, part, cluster.replicas)
        for pod in doomed:
            await self._delete(key, member, pod)

    async def _delete(self, key: Key, member: Member, pod: Pod) -> None:
        try:
            await self._writer.evict(member, key.ref.namespace, pod.name, pod.uid)
        except ApiError as error:
            if error.transient:
                self._last.pop(key, None)  # tried again as soon as any reconcile that failed
                raise
            self._denied[key] = Verdict(
                "PodDeletionRefused",
                f"{key.ref}: cluster {key.cluster} refused to have pod {pod.name} deleted, which has to be "
                f"for its release to go on: {error}",
            )

    def _rests(self, key: Key) -> bool:
        """Whether nothing is written of a copy for now: its cluster is paused, or its policy suspended."""
        cluster, record = self._host.clusters.get(("", key.cluster)), self._host.binding(key.ref)
        if cluster is not None and cluster.spec.paused:
            return True
        return record is not None and self._host.suspended(record, [key.cluster]) is not None

    def sight(self, ref: Ref, template: Template, cluster: str, placed: int | None) -> Sight:
        """Return what is seen of a cluster.

        :param placed: the replicas that were decided for it; None for kinds that are not divided.
        """
        driver = drivers.required(ref.resource.group, ref.resource.kind)
        member, copy = self._fleet.get(cluster), self._fleet.copy(cluster, ref)
        if self._fleet.scales(cluster, ref):
            placed = None
        wanted = driver.replicas(placed, copy.live if copy is not None else None)
        reachable = member is not None and member.available and not self._rests(Key(cluster, ref))
        begun = self._host.rollouts.begun(template.uid)
        if member is None or not member.sees(ref.resource):  # what it was permitted stands
            return Sight(wanted, reachable, permission(begun, cluster) if begun is not None else None)
        if copy is None:
            return Sight(wanted, reachable)
        key, seen = Key(cluster, ref), driver.progress(copy.live)
        return Sight(
            replicas=wanted,
            reachable=reachable,
            holds=outstanding(begun, cluster, heard(copy.copy.echo)),
            current=seen.observed and self._apply.holds(key),
            total=seen.total,
            ready=seen.ready,
            updated=seen.updated,
            updated_ready=max(seen.updated_ready, min(seen.updated, self._symptoms.ready(key, copy))),
            leaving=seen.leaving,
            ordered=seen.ordered,
            failed=self._symptoms.failed(key, copy),
            outliers=self._symptoms.outliers(key, copy),
            refused=self._apply.refusal(key) or self._denied.get(key),
        )


def _is_slow(driver: Driver, cluster: RolloutCluster, seen: Progress) -> bool:
    """Whether a copy, seen by its controller as it is, does not prove all that its pods are to come to."""
    if not seen.observed or not driver.POD_LABEL:
        return False
    if cluster.state == "Restoring":
        return driver.DELETES and seen.updated_ready < cluster.replicas
    if cluster.state == "Stable":
        base = cluster.replicas if cluster.base_permitted is None else cluster.base_permitted
        return driver.DELETES and (seen.updated_ready < base or cluster.base_outliers > 0)
    if cluster.state != "Releasing":
        return False
    return seen.updated_ready < cluster.permitted or cluster.outliers > 0


def _ready(newest: Sequence[Pod], every: Sequence[Pod], replicas: int) -> int:
    """Count the pods of the present template that are ready, at least: of more pods than there are to be,
    some are of nodes that are gone, whatever they say.
    """
    too_many = max(0, sum(not pod.leaving for pod in every) - replicas)
    return max(0, sum(pod.ready for pod in newest) - too_many)


def _pod(live: Manifest, newest: bool) -> Pod:
    name, leaving = live["metadata"]["name"], "deletionTimestamp" in live["metadata"]
    suffix = name.rpartition("-")[2]
    ordinal = int(suffix) if suffix.isdecimal() else 0
    return Pod(name, live["metadata"]["uid"], newest, is_ready(live), leaving, ordinal)
