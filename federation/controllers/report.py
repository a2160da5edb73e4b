"""report: what became of each policy, into its status. Coalesced: one write once things have settled."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from federation.controllers.host import Host, Override, PolicyKey, Propagation, subject_of
from federation.controllers.kinds import Broken, Record
from federation.kube.errors import NotFound
from federation.kube.ref import Ref
from federation.resources import CLUSTER_OVERRIDE, CLUSTER_PROPAGATION, OVERRIDE, PROPAGATION
from federation.timestamps import utc_now
from policies.api.override import OverridePolicy
from policies.api.propagation import PolicyFailure, PolicyStatus, PropagationPolicy
from policies.observation import SUSPENDED, Stamp, Status, condition
from policies.overriders import concerns, policy_label
from policies.scheduling import policy_reference
from policies.suspension import told
from policies.verdicts import Verdict

FIELD_MANAGER = "atoll-status"
SETTLE = 2.0
"""Seconds without news before a policy's status is written."""
LONGEST = 10.0
"""Seconds after which it is written all the same."""
RECHECK = 60.0
"""Seconds after news until a policy is looked at once more: its bindings' status may change unannounced."""
SHOWN_FAILURES = 20


class Report:
    """Reconciles the status of one policy."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._news: dict[PolicyKey, float] = {}
        self._first: dict[PolicyKey, float] = {}
        self._governing: dict[Ref, list[PolicyKey]] = {}

    def note(self, key: PolicyKey) -> None:
        """Something that concerns the policy changed."""
        now = asyncio.get_running_loop().time()
        self._news[key] = now
        self._first.setdefault(key, now)

    def left(self, ref: Ref) -> list[PolicyKey]:
        """Note what governs a template by now; return those that did when last asked and no more do."""
        record, before = self._host.binding(ref), self._governing.pop(ref, [])
        if record is None:
            return before
        self._governing[ref] = policy_keys(record)
        return [key for key in before if key not in self._governing[ref]]

    async def __call__(self, key: PolicyKey) -> float | None:
        now = asyncio.get_running_loop().time()
        due = min(self._news.get(key, 0.0) + SETTLE, self._first.get(key, 0.0) + LONGEST)
        if due > now:
            return due - now
        news = self._news.pop(key, None)
        self._first.pop(key, None)
        policy = self._host.policy(key)
        if policy is None:
            return None
        before = policy.status
        status = self._status(policy, before, Stamp(policy.metadata.generation, utc_now()))
        if status != before:
            with suppress(NotFound):
                answer = await self._host.api.patch(
                    key[0], key[1][1], key[1][0], {"status": status.dump()},
                    subresource="status", manager=FIELD_MANAGER,
                )  # fmt: skip
                self._host.observe_policy(key[0], answer)
        return RECHECK if news is not None else None

    def _status(self, policy: Propagation | Override, before: PolicyStatus, stamp: Stamp) -> PolicyStatus:
        if isinstance(policy, Broken):
            return _with(before, [], 0, "False", Verdict("Invalid", policy.message), stamp)
        if isinstance(policy, PropagationPolicy):
            return _propagation_status(policy, self._governed(policy), before, stamp)
        matched = [(ref, record) for ref, record in self._host.bound() if self._overrides(policy, ref)]
        failing = [
            failure
            for ref, record in matched
            for failure in _failures(ref, record)
            if failure.reason == "OverrideFailed" and failure.message.startswith(f"{policy_label(policy)}: ")
        ]
        return _summary(matched, failing, before, stamp)

    def _governed(self, policy: PropagationPolicy) -> list[tuple[Ref, Record]]:
        metadata = policy.metadata
        return [
            (ref, record)
            for ref, record in self._host.bound()
            if (chosen := record.spec.policy) is not None
            and (chosen.kind, chosen.namespace, chosen.name)
            == (policy.kind, metadata.namespace, metadata.name)
        ]

    def _overrides(self, policy: OverridePolicy, ref: Ref) -> bool:
        template = self._host.template(ref)
        return concerns(policy, subject_of(ref, template.labels if template else {}))


def policy_keys(record: Record) -> list[PolicyKey]:
    """Name the propagation policy whose status a binding's change concerns."""
    if (policy := record.spec.policy) is None:
        return []
    resource = PROPAGATION if policy.kind == "PropagationPolicy" else CLUSTER_PROPAGATION
    return [(resource, (policy.namespace, policy.name))]


def override_key(policy: OverridePolicy) -> PolicyKey:
    resource = OVERRIDE if policy.kind == "OverridePolicy" else CLUSTER_OVERRIDE
    return resource, (policy.metadata.namespace, policy.metadata.name)


def _propagation_status(
    policy: PropagationPolicy, governed: list[tuple[Ref, Record]], before: PolicyStatus, stamp: Stamp
) -> PolicyStatus:
    """What waits because the policy is suspended has not failed: its user wants it so."""
    failures = [failure for ref, record in governed for failure in _failures(ref, record)]
    failing = [failure for failure in failures if failure.reason != SUSPENDED]
    return _summary(governed, failing, before, stamp, told(policy_reference(policy), policy.spec.suspension))


def _failures(ref: Ref, record: Record) -> list[PolicyFailure]:
    failing = [result for result in record.binding.status.clusters if not result.applied and result.reason]
    if not record.spec.clusters:
        verdict = next((c for c in record.binding.status.conditions if c.type == "Scheduled"), None)
        if verdict is not None and verdict.status == "False":
            return [PolicyFailure(object=str(ref), reason=verdict.reason, message=verdict.message)]
    return [
        PolicyFailure(object=str(ref), cluster=result.name, reason=result.reason, message=result.message)
        for result in failing
    ]


def _summary(
    matched: list[tuple[Ref, Record]],
    failing: list[PolicyFailure],
    before: PolicyStatus,
    stamp: Stamp,
    suspended: Verdict | None = None,
) -> PolicyStatus:
    applied = sum(_is_applied(record) for _, record in matched)
    if failing:
        verdict = Verdict("Failing", f"{failing[0].object}: {failing[0].reason}: {failing[0].message}")
    elif suspended is not None:
        verdict = suspended
    elif not matched:
        verdict = Verdict("NothingMatched", "no object on the host is governed by this policy")
    else:
        verdict = Verdict("Applied", f"{applied} of {len(matched)} objects hold in all their clusters")
    status: Status = "False" if failing or suspended else "True"
    return _with(before, failing, len(matched), status, verdict, stamp, applied)


def _is_applied(record: Record) -> bool:
    return any(c.type == "Applied" and c.status == "True" for c in record.binding.status.conditions)


def _with(
    before: PolicyStatus,
    failing: list[PolicyFailure],
    matched: int,
    status: Status,
    verdict: Verdict,
    stamp: Stamp,
    applied: int = 0,
) -> PolicyStatus:
    return PolicyStatus(
        observed_generation=stamp.generation,
        matched=matched,
        applied=applied,
        failed=len({failure.object for failure in failing}),
        failures=sorted(failing, key=lambda f: (f.object, f.cluster))[:SHOWN_FAILURES],
        conditions=[condition(before.conditions, "Ready", status, verdict, stamp)],
    )
