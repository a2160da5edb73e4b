"""What a schema can't say about RolloutPolicies, ClusterRolloutPolicies and Rollouts.

Amounts are judged here as well as by the rules of the models: a policy in a file has not been to an API
server, and no release may be planned with an amount that means nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from policies.api.meta import GROUP
from policies.api.propagation import ClusterAffinity
from policies.api.rollout import Rollout
from policies.api.rollout_policy import PERCENTAGE, RolloutPolicy, RolloutStep, RolloutStrategy
from policies.matching import group_of
from policies.validation import selection
from policies.validation.findings import Advice, Denial, Finding
from policies.workloads import drivers


def check_policy(policy: RolloutPolicy, clusters: Collection[str] | None) -> Iterator[Finding]:
    """Check one policy against what is known of the clusters."""
    selectors = policy.spec.resource_selectors
    yield from selection.resource_selectors(
        "spec.resourceSelectors", selectors, "RolloutPolicy", policy.metadata.namespace
    )
    for i, selector in enumerate(selectors):
        if why := _why_not(group_of(selector.api_version), selector.kind):
            yield Denial(
                f"spec.resourceSelectors[{i}].kind",
                f"{selector.kind} can't be released in steps: {why}",
                "remove this selector; without a policy it changes in all clusters at once",
            )
    if not selectors:
        yield Advice(
            "spec.resourceSelectors",
            f"empty, so only workloads with the annotation {GROUP}/rollout-policy are released by it",
            "add a selector, or annotate the workloads",
        )
    yield from _strategy("spec", policy.spec, clusters)


def _why_not(group: str, kind: str) -> str:
    if (group, kind) in selection.CLUSTER_SCOPED:
        return "it has no namespace, where its Rollouts would be"
    return drivers.why_not(group, kind)


def check_rollout(rollout: Rollout, clusters: Collection[str] | None) -> Iterator[Finding]:
    """Check one run. Of its strategy only mistakes are told: it can't be changed any more."""
    for finding in _strategy("spec.strategy", rollout.spec.strategy, clusters):
        if isinstance(finding, Denial):
            yield finding
    yield from selection.cluster_names("spec.skipClusters", rollout.spec.skip_clusters, clusters)


def _strategy(field: str, strategy: RolloutStrategy, clusters: Collection[str] | None) -> Iterator[Finding]:
    if (strategy.batches is None) == (not strategy.steps):
        yield Denial(field, "needs either steps or batches", "set exactly one of them")
    yield from _bounds(field, strategy)
    for i, step in enumerate(strategy.steps):
        yield from _amount(f"{field}.steps[{i}].updated", step.updated)
        if step.clusters:
            yield from selection.cluster_affinity(f"{field}.steps[{i}].clusters", step.clusters, clusters)
    yield from _growth(f"{field}.steps", strategy.steps)
    yield from _ending(f"{field}.steps", strategy.steps)
    yield from selection.cluster_names(f"{field}.clusterOrder", strategy.cluster_order, clusters)


def _bounds(field: str, strategy: RolloutStrategy) -> Iterator[Finding]:
    """A bound of 0 is no caution but a release, or a rollback, that never moves."""
    for name, bound in (
        ("maxUnavailable", strategy.max_unavailable),
        ("maxUnavailablePerCluster", strategy.max_unavailable_per_cluster),
        ("rollback.maxUnavailable", strategy.rollback.max_unavailable),
    ):
        if bound is not None:
            yield from _amount(f"{field}.{name}", bound)
        if bound in (0, "0%"):
            yield Denial(
                f"{field}.{name}",
                "with 0 no pod could ever be replaced",
                "set 1 or more, or a percentage",
            )
    yield from _amount(f"{field}.failureBudget.pods", strategy.failure_budget.pods)


def _amount(field: str, amount: int | str) -> Iterator[Denial]:
    if not _means_something(amount):
        yield Denial(
            field,
            f"{amount!r} is neither a count of 0 or more nor a percentage up to 100%",
            "write 3 or 10%",
        )


def _means_something(amount: int | str) -> bool:
    return amount >= 0 if isinstance(amount, int) else bool(re.fullmatch(PERCENTAGE, amount))


def _growth(field: str, steps: Sequence[RolloutStep]) -> Iterator[Denial]:
    """Each step updates more than the one before it of the same clusters and unit.

    Counts can't be told from percentages, nor clusters from others, without the number of replicas; there a
    step that adds nothing is done at once.
    """
    highest: dict[tuple[str, bool], tuple[int, int]] = {}
    for i, step in enumerate(steps):
        if not _means_something(step.updated):
            continue
        scope = (step.clusters or ClusterAffinity()).model_dump_json()
        like = (scope, isinstance(step.updated, int))
        amount = int(str(step.updated).removesuffix("%"))
        before, where = highest.get(like, (-1, 0))
        if amount <= before:
            yield Denial(
                f"{field}[{i}].updated",
                f"{step.updated} is no more than what steps[{where}] reaches already",
                "counts and percentages include the steps before: raise it or remove the step",
            )
        else:
            highest[like] = (amount, i)


def _ending(field: str, steps: Sequence[RolloutStep]) -> Iterator[Advice]:
    if steps and (steps[-1].clusters is not None or steps[-1].updated != "100%"):
        yield Advice(
            field,
            "the last step is not all pods of all clusters, so Atoll adds one that is",
            "end with a step of updated: 100% and no clusters",
        )
