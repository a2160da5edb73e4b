"""release: a change of a governed workload's content to a Rollout, and the Rollout to its end.

What is permitted is written to the Rollout first; the copies are looked at when it changed, and follow it.
Counts alone are written at a distance: what they say is in the members.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import orjson
from cachetools import LRUCache

from federation.controllers.apply import Apply
from federation.controllers.examination import Examination
from federation.controllers.gate import Gate, under_way
from federation.controllers.host import Host
from federation.controllers.kinds import Broken, Record, Template
from federation.controllers.references import owner, reference
from federation.controllers.revisions import Revisions
from federation.controllers.schedule import Schedule
from federation.controllers.writer import Writer
from federation.kube.errors import NotFound
from federation.kube.ref import Ref
from federation.members.fleet import Fleet
from federation.resources import ROLLOUT
from policies.api.meta import API_VERSION
from policies.api.rollout import Rollout, RolloutSpec, RolloutStatus
from policies.api.rollout_policy import RolloutPolicy, RolloutStrategy
from policies.copies import FIELD_MANAGER
from policies.release.revision import WORKLOAD_LABEL
from policies.release.run import advance, decided
from policies.release.state import Wish, steps
from policies.selectors import matches_affinity
from policies.verdicts import Verdict
from policies.workloads import drivers

STATUS_MANAGER = "atoll-status"
DISTANCE = 15.0
"""Seconds between two writes of a Rollout's status when only counts changed."""
_REMEMBERED = 4096


class Release:
    """Reconciles the releases of one workload."""

    def __init__(
        self,
        host: Host,
        fleet: Fleet,
        schedule: Schedule,
        apply: Apply,
        writer: Writer,
        gate: Gate,
        unseen: Callable[[str, Ref], bool],
        told: Callable[[Rollout, RolloutStatus], Awaitable[None]],
    ) -> None:
        """`unseen(cluster, ref)` says that what a cluster holds is about to be seen, and brings the key back;
        `told(run, status)` is called after a run's next status was written.
        """
        self._host, self._fleet, self._schedule = host, fleet, schedule
        self._gate, self._unseen, self._told = gate, unseen, told
        self._revisions = Revisions(host)
        self._examination = Examination(host, fleet, apply, writer)
        self._written: LRUCache[str, float] = LRUCache(maxsize=_REMEMBERED)

    async def __call__(self, ref: Ref) -> float | None:
        template, record = self._schedule.decided(ref), self._host.binding(ref)
        if template is None or template.deleting or record is None or record.deleting:
            return None
        run = self._host.rollouts.latest(template.uid)
        policy, present = self._gate.policy(ref, template), self._gate.present(ref, template)
        if policy is None and not under_way(run):
            return None
        if any(self._unseen(target.name, ref) for target in record.spec.clusters):
            return None  # a run would take a cluster for one that holds nothing, or for one that is away
        if present.fits:  # the gate says what is wrong if it does not
            await self._revisions.keep(ref, template, present)
        if run is None or not under_way(run):
            run = await self._begin(ref, template, policy, present.name) if present.fits else None
        if run is None:
            return None
        wish = self._wish(template, record, run, present.name, isinstance(policy, RolloutPolicy))
        return await self._advance(ref, template, record, run, wish)

    # A run begins

    async def _begin(
        self, ref: Ref, template: Template, policy: RolloutPolicy | Broken | None, revision: str
    ) -> Rollout | None:
        """Make a run if the workload is at a revision that its clusters are to get."""
        base, last = self._gate.base(ref, template), self._host.rollouts.latest(template.uid)
        if not isinstance(policy, RolloutPolicy) or not isinstance(base, str):
            return None
        if not due(last, base, revision):
            return None
        strategy = RolloutStrategy.model_validate(policy.spec.dump())
        spec = RolloutSpec(
            workload_ref=reference(ref, template.uid),
            target_revision=revision,
            stable_revision=base,
            strategy=strategy,
        )
        manifest = {
            "apiVersion": API_VERSION,
            "kind": "Rollout",
            "metadata": {
                "name": self._name(ref, last.number + 1 if last else 1),
                "namespace": ref.namespace,
                "labels": {WORKLOAD_LABEL: template.uid},
                "ownerReferences": [owner(ref, template.uid)],
            },
            "spec": spec.dump(),
        }
        answer = await self._host.api.create(ROLLOUT, manifest, manager=FIELD_MANAGER)
        self._host.rollouts.observe_run(answer)
        await self._tidy(ref, template, spec)
        return Rollout.model_validate(answer)

    def _name(self, ref: Ref, number: int) -> str:
        """Name a run for its workload, and for its kind where one of another kind has the same name."""
        name = f"{ref.name}-{number}"
        other = self._host.rollouts.named(ref.namespace, name)
        if other is None or other.spec.workload_ref.plural == ref.resource.plural:
            return name
        return f"{ref.name}-{ref.resource.plural}-{number}"

    async def _tidy(self, ref: Ref, template: Template, spec: RolloutSpec) -> None:
        """Forget what is older than the history that the policy keeps."""
        limit = spec.strategy.revision_history_limit
        needed = {spec.target_revision, spec.stable_revision}
        await self._revisions.prune(ref, template, needed, limit)
        for run in self._host.rollouts.runs(template.uid)[: -(limit + 1)]:
            await self._host.api.delete(ROLLOUT, run.metadata.name, ref.namespace, uid=run.metadata.uid)

    # A run goes on

    async def _advance(
        self, ref: Ref, template: Template, record: Record, run: Rollout, wish: Wish
    ) -> float | None:
        waits = [await self._examination.look(ref, template, run)]
        sights = {
            target.name: self._examination.sight(ref, template, target.name, target.replicas)
            for target in record.spec.clusters
        }
        found = advance(run.spec, run.metadata.generation, run.status, wish, sights, datetime.now(UTC))
        waits.append(found.look_again)
        if found.status != run.status:
            waits.append(await self._note(run, found.status))
        return min((wait for wait in waits if wait is not None), default=None)

    async def _note(self, run: Rollout, status: RolloutStatus) -> float | None:
        """Write a status; when it says no more than new counts, that may wait for so many seconds."""
        now, uid = asyncio.get_running_loop().time(), run.metadata.uid
        if decided(status) == decided(run.status):
            pause = self._written.get(uid, -DISTANCE) + DISTANCE - now
            if pause > 0:
                return pause
        self._written[uid] = now
        await self._write(run, status)
        await self._told(run, status)
        return None

    async def _write(self, run: Rollout, status: RolloutStatus) -> None:
        """Write a status; a run that somebody else wrote to meanwhile is looked at anew."""
        metadata = run.metadata
        body = {"metadata": {"resourceVersion": metadata.resource_version}, "status": _wire(status)}
        try:
            answer = await self._host.api.patch(
                ROLLOUT, metadata.name, metadata.namespace, body,
                subresource="status", manager=STATUS_MANAGER,
            )  # fmt: skip
        except NotFound:
            return
        self._host.rollouts.observe_run(answer)

    def _wish(self, template: Template, record: Record, run: Rollout, revision: str, governed: bool) -> Wish:
        clusters = [cluster for _, cluster in self._host.clusters.items()]
        scopes = [
            None
            if step.clusters is None
            else frozenset(c.metadata.name for c in clusters if matches_affinity(step.clusters, c))
            for step in steps(run.spec)
        ]
        seconds, suspended = _min_ready_seconds(run, template), self._suspended(record)
        return Wish(revision, scopes, seconds, governed, suspended)

    def _suspended(self, record: Record) -> Verdict | None:
        """Return why nothing is written to any of the clusters; when it is to some, the others are away."""
        names = [target.name for target in record.spec.clusters]
        if not all(self._host.suspended(record, [name]) for name in names):
            return None
        return self._host.suspended(record, names)


def _min_ready_seconds(run: Rollout, template: Template) -> int:
    if drivers.released(run.spec).units != "pods":
        return 0
    seconds: int = orjson.loads(template.manifest)["spec"].get("minReadySeconds", 0)
    return seconds


def due(last: Rollout | None, base: str, revision: str) -> bool:
    """Whether a revision is to be released: not one that clusters are at, nor one that was given up."""
    if last is None:
        return revision != base
    if revision in last.status.rejected_revisions:
        return False
    if last.status.phase == "Cancelled":  # clusters are between two revisions: its target was given up
        return revision != last.spec.target_revision
    if last.status.phase == "RolledBack":
        return revision not in (last.spec.target_revision, base)
    return revision != base


def _wire(status: RolloutStatus) -> dict[str, object]:
    """Return a status as a merge patch that says everything: what is not set any more is null."""
    unset = {name for name, value in status if value is None}
    nulls = {RolloutStatus.model_fields[name].alias or name: None for name in unset}
    return nulls | status.model_dump(mode="json", by_alias=True, exclude_none=True)
