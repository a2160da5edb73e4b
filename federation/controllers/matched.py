"""Matched: which placed templates each policy governs or changes.

Kept as it changes, so that what a report costs follows from what its policy matches, not from all that the
host has.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from federation.controllers.host import Host, Override, PolicyKey, subject_of
from federation.controllers.kinds import Record
from federation.kube.ref import Ref
from federation.resources import CLUSTER_OVERRIDE, CLUSTER_PROPAGATION, OVERRIDE, PROPAGATION
from policies.api.binding import PolicyReference
from policies.api.override import OverridePolicy
from policies.overriders import concerns
from policies.requirements import parties


class Matched:
    """Tells by policy and by template; it is told when one of them changes."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._policies: dict[Ref, frozenset[PolicyKey]] = {}
        self._templates: dict[PolicyKey, set[Ref]] = defaultdict(set)

    def by(self, key: PolicyKey) -> Iterable[Ref]:
        """Return the templates that a policy matches, in no order."""
        return self._templates.get(key, ())

    def policies(self, ref: Ref) -> frozenset[PolicyKey]:
        """Return the policies that match a template."""
        return self._policies.get(ref, frozenset())

    def look(self, ref: Ref) -> frozenset[PolicyKey]:
        """Look at a template or its binding that changed; return the policies that match it since, or no
        more.
        """
        record = self._host.binding(ref)
        return self._put(ref, frozenset(self._matching(ref, record)) if record is not None else frozenset())

    def override_changed(self, key: PolicyKey) -> None:
        """Look at an override policy that changed."""
        policy, former = self._host.policy(key), self._templates.pop(key, set())
        for ref in former:
            self._put(ref, self.policies(ref) - {key})
        if isinstance(policy, OverridePolicy):
            for ref, _ in self._host.bound():
                if self._changes(policy, ref):
                    self._put(ref, self.policies(ref) | {key})

    def _matching(self, ref: Ref, record: Record) -> Iterable[PolicyKey]:
        yield from policy_keys(record)
        for policy in self._host.overrides(ref.namespace):
            if self._changes(policy, ref):
                yield override_key(policy)

    def _changes(self, policy: Override, ref: Ref) -> bool:
        template = self._host.template(ref)
        assert isinstance(policy, OverridePolicy)
        return concerns(policy, subject_of(ref, template.labels if template else {}))

    def _put(self, ref: Ref, now: frozenset[PolicyKey]) -> frozenset[PolicyKey]:
        before = self._policies.pop(ref, frozenset())
        if now:
            self._policies[ref] = now
        for key in now - before:
            self._templates[key].add(ref)
        for key in before - now:
            if key in self._templates:
                self._templates[key].discard(ref)
                if not self._templates[key]:
                    del self._templates[key]
        return now ^ before


def policy_keys(record: Record) -> list[PolicyKey]:
    """Name the propagation policies whose status a binding's change concerns: the one that governs, and those
    of workloads that need the template.
    """
    named = (party.policy for party in parties(record.spec))
    return list(dict.fromkeys(_key(policy) for policy in named if policy is not None))


def _key(policy: PolicyReference) -> PolicyKey:
    resource = PROPAGATION if policy.kind == "PropagationPolicy" else CLUSTER_PROPAGATION
    return resource, (policy.namespace, policy.name)


def override_key(policy: OverridePolicy) -> PolicyKey:
    resource = OVERRIDE if policy.kind == "OverridePolicy" else CLUSTER_OVERRIDE
    return resource, (policy.metadata.namespace, policy.metadata.name)
