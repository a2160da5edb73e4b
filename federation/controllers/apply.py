"""apply: binding + template + overrides to one manifest in one cluster, and what must go from there.

The key is (cluster, template), so that a slow cluster holds up its own copies only. At most one write for
each change of the rendered manifest; none when the member already holds it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from federation.controllers.contest import Contest, contested
from federation.controllers.endings import Endings
from federation.controllers.gate import Gate
from federation.controllers.host import Host
from federation.controllers.kept import Kept
from federation.controllers.keys import Key
from federation.controllers.kinds import Record, Template
from federation.controllers.schedule import Schedule
from federation.controllers.wanted import Wanted
from federation.controllers.writer import Refused, Writer
from federation.kube.errors import ApiError, NotServed, StatusError, Unreachable
from federation.members.copies import MemberCopy
from federation.members.fleet import Fleet
from federation.members.member import Member
from policies.api.cluster import Cluster
from policies.copies import UNACCOUNTED, Keep, Placed, Put, Release, Remove, decide, holds
from policies.rendering import Rendered
from policies.requirements import conflict_resolution, is_required, preserves
from policies.verdicts import Verdict
from policies.workloads.ending import FINISHED

REFUSED_RECHECK = 60.0
"""Seconds until an object that is not ours is looked at again."""
REMOVED_RECHECK = 30.0
"""Seconds until a removal that no watch event confirms is asked for again."""
UNSYNCED_RECHECK = 2.0
"""Seconds until a kind whose first list has not come is looked at again; the list itself comes sooner."""
INVALID_RECHECK = 600.0
"""Seconds until a manifest that the member refuses is tried again although no input changed."""


class Outcome(NamedTuple):
    """How the last look at a copy ended."""

    digest: str
    """Of the manifest wanted in the cluster; empty when there is none."""
    applied: bool
    """The member holds it."""
    verdict: Verdict | None
    """Why not, or what a person should know."""
    present: bool = True
    """What it holds, or is to hold, is the template as it is now: no release keeps it at another revision."""


class _Attempt(NamedTuple):
    """Everything that a refusal may depend on."""

    digest: str
    echo: str
    copy: MemberCopy | None
    conflict_resolution: str


class Apply:
    """Reconciles one copy. `outcomes` is what `observe` reports; `again(key)` brings a parked key back."""

    def __init__(
        self,
        host: Host,
        fleet: Fleet,
        schedule: Schedule,
        writer: Writer,
        kept: Kept,
        gate: Gate,
        endings: Endings,
        again: Callable[[Key], None],
    ) -> None:
        self._host, self._fleet, self._schedule, self._writer = host, fleet, schedule, writer
        self._endings = endings
        self._gate, self._wanted = gate, Wanted(host, gate, fleet)
        self._contest, self._again = Contest(), again
        self._refusals: dict[Key, tuple[_Attempt, float]] = {}
        self._removals: dict[Key, tuple[str, float]] = {}
        self._kept = kept
        self.outcomes: dict[Key, Outcome] = {}

    async def __call__(self, key: Key) -> float | None:
        member, cluster = self._fleet.get(key.cluster), self._host.clusters.get(("", key.cluster))
        record = self._host.binding(key.ref)
        targeted = record is not None and record.targets(key.cluster)
        if member is None or cluster is None:
            self._forget(key)
            self._kept.note(key, None)
            return None
        if not member.available:
            self._park(key, member, targeted)
            return None
        if not member.sees(key.ref.resource):
            if targeted and (failure := member.mirror_failure(key.ref.resource)) is not None:
                self.outcomes[key] = Outcome("", False, _failure(key, failure))
            return UNSYNCED_RECHECK
        if cluster.spec.paused:
            self.outcomes[key] = Outcome("", False, _paused(key.cluster))
            return None
        copy = member.copies.get(key.ref.resource, key.ref.key)
        action = decide(self._placed(key, record, cluster), copy.copy if copy else None)
        try:
            if isinstance(action, Put):
                assert record is not None
                return await self._put(key, member, cluster, record, copy, action.suspended)
            return await self._leave(key, member, action)
        except Unreachable as error:
            member.suspect(error)
            self._park(key, member, targeted)
        return None

    def _park(self, key: Key, member: Member, targeted: bool) -> None:
        """Leave a copy be until its member answers again: then it runs at once, not after a back-off."""
        member.park(key, lambda: self._again(key))
        if targeted:
            self.outcomes[key] = Outcome("", False, _not_ready(key.cluster))

    def _placed(self, key: Key, record: Record | None, cluster: Cluster) -> Placed:
        leaving = cluster.metadata.deletion_timestamp is not None
        return Placed(
            binding=record.binding if record else None,
            targeted=record is not None and record.targets(key.cluster),
            template_gone=record is not None and self._schedule.withdraw.gone(key.ref, record),
            preserve=record is not None and preserves(record.spec),
            removal=cluster.spec.removal if leaving else None,
            considered=self._schedule.considered(key.ref, cluster),
            suspended=self._host.suspended(record, [key.cluster]) if record else None,
            evicted=self._schedule.evict.stays(key.ref, record, key.cluster) if record else None,
            required=record is not None and is_required(record.spec, key.cluster),
        )

    async def _leave(self, key: Key, member: Member, action: Keep | Remove | Release) -> float | None:
        if isinstance(action, Remove):
            return await self._remove(key, member, action.uid)
        self._forget(key)
        self._kept.note(key, _unaccounted(action))
        match action:
            case Release():
                await self._writer.release(member, key.ref)
            case Keep(verdict) if verdict is not None:
                self.outcomes[key] = Outcome("", False, verdict)
            case _:
                pass
        return None

    async def _remove(self, key: Key, member: Member, uid: str) -> float:
        """Delete a copy once: looks at it change nothing until the watch tells that it went."""
        now = asyncio.get_running_loop().time()
        removed, until = self._removals.get(key, ("", 0.0))
        if removed != uid or now >= until:
            self._forget(key)
            self._kept.note(key, None)
            record = self._host.binding(key.ref)
            wholly = record is not None and self._schedule.evict.purges(record, key.cluster)
            await self._writer.remove(member, key.ref, uid, wholly=wholly)
            until = now + REMOVED_RECHECK
            self._removals[key] = uid, until
        return until - now

    def _forget(self, key: Key) -> None:
        self._removals.pop(key, None)
        self.outcomes.pop(key, None)
        self._refusals.pop(key, None)
        self._contest.forget(key)

    # A copy that is wanted

    async def _put(
        self,
        key: Key,
        member: Member,
        cluster: Cluster,
        record: Record,
        copy: MemberCopy | None,
        suspended: Verdict | None,
    ) -> float | None:
        self._kept.note(key, None)
        template = self._schedule.decided(key.ref)
        ungoverned = record.spec.policy is not None and self._host.policy_of(record) is None
        if template is None or template.deleting or ungoverned:
            return None  # schedule has yet to see what is there now, and brings this key back
        if copy is None and (why := self._endings.prevents(key, template, record)) is not None:
            self.outcomes[key] = Outcome("", why.reason == FINISHED, why)
            return None
        rendered = self._wanted(key, template, record, cluster)
        if suspended is not None:
            standing = self._suspended(key, template, record, copy, rendered)
            self.outcomes[key] = standing._replace(verdict=suspended)
            return None
        if isinstance(rendered, Verdict):
            self.outcomes[key] = Outcome("", False, rendered)
            return None
        present = self._is_present(key, template, rendered)
        if copy is not None and held_by(copy, rendered, record):
            taken = self._contest.drift(key, rendered, copy) + self._contest.loosened(rendered, copy)
            if not taken:
                self._applied(key, rendered, present)
                return None
            if (pause := self._contest.pause(key)) > 0:
                self.outcomes[key] = Outcome(rendered.digest, True, contested(key.cluster, taken), present)
                return pause
        attempt = _Attempt(rendered.digest, rendered.echo, copy, conflict_resolution(record.spec))
        refused, until = self._refusals.get(key, (None, 0.0))
        if refused == attempt and (rest := until - asyncio.get_running_loop().time()) > 0:
            return rest
        return await self._write(key, member, record, rendered, attempt, present)

    def _suspended(
        self,
        key: Key,
        template: Template,
        record: Record,
        copy: MemberCopy | None,
        rendered: Rendered | Verdict,
    ) -> Outcome:
        """Say how a copy stands that is not written for now."""
        self._refusals.pop(key, None)  # what is not asked for is not refused
        if isinstance(rendered, Verdict) or copy is None or not held_by(copy, rendered, record):
            return Outcome("", False, None)
        taken = self._contest.drift(key, rendered, copy) + self._contest.loosened(rendered, copy)
        return Outcome(rendered.digest, not taken, None, self._is_present(key, template, rendered))

    def _is_present(self, key: Key, template: Template, rendered: Rendered) -> bool:
        """Whether a manifest is of the template as it is now, and not held at another revision."""
        if not rendered.revision:
            return True
        return rendered.revision == self._gate.present(key.ref, template).name

    def holds(self, key: Key) -> bool:
        """Whether a cluster holds what it is to hold by what the host says now."""
        copy, cluster = self._fleet.copy(key.cluster, key.ref), self._host.clusters.get(("", key.cluster))
        record, template = self._host.binding(key.ref), self._schedule.decided(key.ref)
        if copy is None or cluster is None or record is None or template is None:
            return False
        if not record.targets(key.cluster):
            return False
        rendered = self._wanted(key, template, record, cluster)
        return isinstance(rendered, Rendered) and held_by(copy, rendered, record)

    def refusal(self, key: Key) -> Verdict | None:
        """Return why a cluster does not take what it is to hold, when trying again won't help."""
        return self.outcomes[key].verdict if key in self._refusals and key in self.outcomes else None

    async def _write(
        self,
        key: Key,
        member: Member,
        record: Record,
        rendered: Rendered,
        attempt: _Attempt,
        present: bool,
    ) -> float | None:
        try:
            answer = await self._writer.put(member, key.ref, record, rendered, attempt.copy)
        except Refused as refused:
            return self._refused(key, attempt, refused.verdict, REFUSED_RECHECK)
        except Unreachable:
            raise  # the caller parks the key
        except ApiError as error:
            verdict = _failure(key, error)
            if _namespace_terminating(error):
                member.await_namespace(key.ref.namespace, key, lambda: self._again(key))
                self.outcomes[key] = Outcome(rendered.digest, False, verdict)
                return REFUSED_RECHECK
            if not error.transient:
                return self._refused(key, attempt, verdict, INVALID_RECHECK)
            self.outcomes[key] = Outcome(rendered.digest, False, verdict)
            raise
        self._refusals.pop(key, None)
        self._contest.written(key, rendered, answer)
        self._applied(key, rendered, present)
        return None

    def _applied(self, key: Key, rendered: Rendered, present: bool) -> None:
        verdict = self._contest.verdict(key) or _held_back(rendered, present)
        if verdict is None and self._fleet.scales(key.cluster, key.ref):
            verdict = _scaled_there(key.cluster)
        self.outcomes[key] = Outcome(rendered.digest, True, verdict, present)

    def _refused(self, key: Key, attempt: _Attempt, verdict: Verdict, recheck: float) -> float:
        """Remember a refusal: it is not tried again before its time unless what it depends on changes."""
        self.outcomes[key] = Outcome(attempt.digest, False, verdict)
        self._refusals[key] = attempt, asyncio.get_running_loop().time() + recheck
        return recheck


def held_by(copy: MemberCopy, rendered: Rendered, record: Record) -> bool:
    """Whether a copy was written from this manifest, and permitted no more and no less."""
    return holds(copy.copy, rendered.digest, rendered.echo, record.binding)


def _held_back(rendered: Rendered, present: bool) -> Verdict | None:
    if present:
        return None
    said = f"held at revision {rendered.revision} by its Rollout; `atoll rollout status`"
    return Verdict("ReleasePending", said)


def _scaled_there(cluster: str) -> Verdict:
    said = f"a HorizontalPodAutoscaler in cluster {cluster} decides its replicas"
    return Verdict("ReplicasByAutoscaler", said)


def _unaccounted(action: Keep | Remove | Release) -> Verdict | None:
    """Return why a copy is kept that no binding accounts for; None of every other copy."""
    verdict = action.verdict if isinstance(action, Keep) else None
    return verdict if verdict is not None and verdict.reason in UNACCOUNTED else None


def _not_ready(cluster: str) -> Verdict:
    """The details stand on the Cluster: said here, each change of them would be written to every binding."""
    return Verdict(
        "ClusterNotReady", f"cluster {cluster} is not ready; see `kubectl describe cluster {cluster}`"
    )


def _paused(cluster: str) -> Verdict:
    return Verdict("ClusterPaused", f"nothing is written to cluster {cluster} while its spec.paused is true")


def _namespace_terminating(error: ApiError) -> bool:
    return isinstance(error, StatusError) and error.cause == "NamespaceTerminating"


def _failure(key: Key, error: ApiError) -> Verdict:
    """Say what the member answered, and what a person can do about it."""
    what = f"{key.ref}: cluster {key.cluster} refused the apply: {error}"
    if isinstance(error, NotServed):
        return Verdict(
            "NotServed", f"{key.ref}: cluster {key.cluster} does not serve its kind; install the CRD there"
        )
    if _namespace_terminating(error):
        return Verdict("NamespaceTerminating", f"{what}; it is applied once the namespace is gone")
    if "immutable" in str(error) or "may not be changed" in str(error):
        return Verdict(
            "ImmutableField",
            f"{what}; restore the field in the template, or delete the object in the cluster",
        )
    reason = error.reason if isinstance(error, StatusError) and error.reason else "ApplyFailed"
    return Verdict(reason, what)
