"""observe: what the members answer and report, into ResourceBinding.status and template.status.

Writes are coalesced: the first waits until every copy of the template has had its look, later ones keep a
distance, and none is made when nothing changed. Their number does not grow with the clusters.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from federation.controllers.apply import Apply, Outcome
from federation.controllers.endings import Endings
from federation.controllers.host import Host
from federation.controllers.keys import Key
from federation.controllers.kinds import Record, Template
from federation.controllers.schedule import Schedule
from federation.kube.errors import NotFound
from federation.kube.merge import difference
from federation.kube.ref import Ref
from federation.members.fleet import Fleet
from federation.timestamps import utc_now
from policies import workloads
from policies.api.binding import ClusterResult
from policies.observation import SUSPENDED, Stamp, binding_status
from policies.requirements import parties
from policies.verdicts import Verdict
from policies.workloads import ending

FIELD_MANAGER = "atoll-status"
DISTANCE = 1.0
"""Seconds between two status writes of one template at least."""
RELEASE_DISTANCE = 15.0
"""The same while a template is released in steps: its pods change all the time, and its Rollout tells."""
PATIENCE = 3.0
"""Seconds to wait for a cluster whose apply is under way."""


class Observe:
    """Reconciles the status of one template and its binding.

    `queued(ref)` and `running(ref)` say whether schedule or apply still have a look at the template before
    them, `released(ref)` whether it is being released in steps, `missing(ref)` what it needs that the host
    has not.
    """

    def __init__(
        self,
        host: Host,
        fleet: Fleet,
        schedule: Schedule,
        apply: Apply,
        endings: Endings,
        queued: Callable[[Ref], bool],
        running: Callable[[Ref], bool],
        released: Callable[[Ref], bool],
        reported: Callable[[Ref], None],
        missing: Callable[[Ref], Verdict | None],
    ) -> None:
        self._host, self._fleet, self._schedule, self._apply = host, fleet, schedule, apply
        self._queued, self._running, self._reported = queued, running, reported
        self._endings, self._released, self._missing = endings, released, missing
        self._written: dict[Ref, float] = {}
        self._waiting: dict[Ref, float] = {}

    async def __call__(self, ref: Ref) -> float | None:
        record, template = self._host.binding(ref), self._host.template(ref)
        if record is None:
            self._written.pop(ref, None)
            self._waiting.pop(ref, None)
            self._endings.forget(ref)
            return None
        if self._queued(ref):
            return None  # whoever takes it from the queue brings this key back
        now = asyncio.get_running_loop().time()
        if self._running(ref) and now - self._waiting.setdefault(ref, now) < PATIENCE:
            return PATIENCE
        self._waiting.pop(ref, None)
        distance = RELEASE_DISTANCE if self._released(ref) else DISTANCE
        if (pause := self._written.get(ref, -distance) + distance - now) > 0:
            return pause
        if await self._write_binding(ref, record) | await self._write_template(ref, template, record):
            self._written[ref] = now
            self._reported(ref)
        return None

    async def _write_binding(self, ref: Ref, record: Record) -> bool:
        verdict = self._schedule.verdicts.get(ref)
        if verdict is None:
            return False
        before = record.binding.status
        named = [target.name for target in record.spec.clusters] + self._lingering(ref, record)
        results = [self._result(ref, name, record) for name in named]
        past = [r for r in before.clusters if r.name not in named and ending.is_recorded(r, record.spec)]
        stamp = Stamp(record.binding.metadata.generation, utc_now())
        status = binding_status(record.spec, verdict, results, before, stamp, self._missing(ref), past)
        if status == before:
            return False
        resource, (namespace, name) = self._host.binding_key(ref)
        with suppress(NotFound):
            answer = await self._host.api.patch(
                resource,
                name,
                namespace,
                {"status": status.dump()},
                subresource="status",
                manager=FIELD_MANAGER,
            )
            self._host.observe_binding(resource, answer)
        return True

    def _lingering(self, ref: Ref, record: Record) -> list[str]:
        """Name the clusters that keep a copy they are to lose only because its policy is suspended."""
        if all(party.suspension is None for party in parties(record.spec)):
            return []
        others = (member.name for member in self._fleet if not record.targets(member.name))
        outcomes = {name: self._apply.outcomes.get(Key(name, ref), _PENDING) for name in others}
        return [name for name, outcome in outcomes.items() if _is_suspended(outcome)]

    def _result(self, ref: Ref, cluster: str, record: Record) -> ClusterResult:
        """Say how the copy in one cluster stands."""
        member, copy = self._fleet.get(cluster), self._fleet.copy(cluster, ref)
        if member is None or not member.available or copy is None:
            return self._unseen(ref, cluster, record, there=copy is not None)
        outcome = self._apply.outcomes.get(Key(cluster, ref), _PENDING)
        verdict = outcome.verdict or Verdict("", "")
        group, kind = ref.resource.group, ref.resource.kind
        told = workloads.is_whole(group, kind) or ending.ended(group, kind, copy.live)
        return ClusterResult(
            name=cluster,
            digest=copy.copy.digest,
            applied=outcome.applied,
            reason=verdict.reason,
            message=verdict.message,
            health=copy.workload.health(copy.live),
            replicas=copy.workload.replicas(copy.live),
            ready=copy.workload.ready(copy.live),
            status=(copy.live["status"] or None) if told else None,
            template_uid=record.spec.resource.uid if ending.may_end(group, kind) else None,
        )

    def _unseen(self, ref: Ref, cluster: str, record: Record, *, there: bool) -> ClusterResult:
        """Say how a copy stands that is gone or out of reach: it keeps its last numbers, and its end."""
        outcome = self._apply.outcomes.get(Key(cluster, ref), _PENDING)
        verdict = outcome.verdict or Verdict("", "")
        over = verdict.reason == ending.FINISHED
        last = next((r for r in record.binding.status.clusters if r.name == cluster), None)
        said: dict[str, Any] = {
            "applied": outcome.applied and (there or over),
            "reason": verdict.reason,
            "message": verdict.message,
            "health": "Healthy" if over else "Unknown",
        }
        if (end := self._endings.last_seen(Key(cluster, ref), record)) is not None:
            workload = workloads.of(ref.resource.group, ref.resource.kind)
            said |= {"health": workload.health(end), "ready": workload.ready(end), "status": end["status"]}
            said["template_uid"] = record.spec.resource.uid
        return (last or ClusterResult(name=cluster)).model_copy(update=said)

    async def _write_template(self, ref: Ref, template: Template | None, record: Record) -> bool:
        governed = record.spec.policy is not None or record.spec.required_by
        if template is None or template.deleting or not governed or record.deleting:
            return False
        if template.uid != record.spec.resource.uid:
            return False  # what is known is of an earlier one of its name
        copies = {target.name: self._copy(ref, target.name, record) for target in record.spec.clusters}
        unheard = {name for name, copy in copies.items() if copy.live is None and not copy.reachable}
        if unheard & _held(record):
            return False  # out of reach since this process began: the numbers it had are in the status only
        status = template.workload.roll_up(
            copies, generation=template.generation, previous=template.status, now=utc_now()
        )
        if status is None or status == template.status:
            return False
        body = {"status": difference(template.status, status)}
        with suppress(NotFound):
            answer = await self._host.api.patch(
                ref.resource, ref.name, ref.namespace, body, subresource="status", manager=FIELD_MANAGER
            )
            self._host.observe_template(ref, answer)
        return True

    def _copy(self, ref: Ref, cluster: str, record: Record) -> workloads.Copy:
        member, copy = self._fleet.get(cluster), self._fleet.copy(cluster, ref)
        outcome = self._apply.outcomes.get(Key(cluster, ref), _PENDING)
        end = self._endings.last_seen(Key(cluster, ref), record)
        return workloads.Copy(
            live=copy.live if copy else end,
            current=outcome.applied and outcome.present,
            reachable=end is not None or (member is not None and member.available),
        )


def _is_suspended(outcome: Outcome) -> bool:
    return outcome.verdict is not None and outcome.verdict.reason == SUSPENDED


def _held(record: Record) -> set[str]:
    """The clusters whose copies have been seen before."""
    return {result.name for result in record.binding.status.clusters if result.digest}


_PENDING = Outcome("", False, None)
