"""Choice: which policy a workload is released by."""

from __future__ import annotations

from collections.abc import Iterable

from policies.api.rollout_policy import ClusterRolloutPolicy, RolloutPolicy
from policies.matching import NOT_SELECTED, Subject, specificity

POLICY_ANNOTATION = "federation.atoll.dev/rollout-policy"
"""On a workload: the policy it follows, a RolloutPolicy of its namespace or else a ClusterRolloutPolicy."""


def followed(subject: Subject, named: str, policies: Iterable[RolloutPolicy]) -> RolloutPolicy | None:
    """Return the policy that a workload names by its annotation, else the one that selects it.

    Those of the namespace come first; among equals the more specific, then the smaller name.

    :param named: the value of the annotation, or empty.
    """
    ranked = [(rank, policy) for policy in policies if (rank := _rank(policy, subject, named)) is not None]
    return min(ranked, key=lambda item: item[0])[1] if ranked else None


def _rank(policy: RolloutPolicy, subject: Subject, named: str) -> tuple[bool, int, str] | None:
    metadata, wide = policy.metadata, isinstance(policy, ClusterRolloutPolicy)
    if metadata.deletion_timestamp or (not wide and metadata.namespace != subject.namespace):
        return None
    if named:
        return (wide, 0, named) if metadata.name == named else None
    closeness = specificity(policy.spec.resource_selectors, subject)
    return None if closeness == NOT_SELECTED else (wide, -closeness, metadata.name)
