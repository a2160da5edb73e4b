"""Overriders: what differs from cluster to cluster, and in which order.

Override policies are compiled to rules once for each of their versions; what a rule does to a manifest stands
in changes.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from policies.api.cluster import Cluster
from policies.api.meta import Manifest
from policies.api.override import ClusterOverridePolicy, OverridePolicy, OverrideRule
from policies.changes import Change, Format, changes
from policies.matching import BY_KIND, NOT_SELECTED, Subject, specificity
from policies.patching import Refused
from policies.selectors import matches_affinity
from policies.verdicts import OverrideFailed, override_failed


def policy_label(policy: OverridePolicy) -> str:
    """Name a policy as messages begin with it: `<kind> [<namespace>/]<name>`."""
    metadata = policy.metadata
    kind = "ClusterOverridePolicy" if isinstance(policy, ClusterOverridePolicy) else "OverridePolicy"
    return f"{kind} {f'{metadata.namespace}/' if metadata.namespace else ''}{metadata.name}"


class Override:
    """One rule of one version of a policy, compiled. Equal only to itself, so that it can be in a key."""

    __slots__ = ("changes", "policy", "rule", "target")

    def __init__(self, policy: OverridePolicy, index: int, rule: OverrideRule, yaml: Format | None) -> None:
        self.policy = policy_label(policy)
        self.rule = index
        self.target = rule.target_cluster
        self.changes: tuple[Change, ...] = tuple(changes(rule.overriders, yaml))

    def targets(self, cluster: Cluster) -> bool:
        return self.target is None or matches_affinity(self.target, cluster)


def overrides_for(
    subject: Subject, cluster: Cluster, policies: Iterable[OverridePolicy], yaml: Format | None = None
) -> tuple[Override, ...]:
    """Return the rules for an object in a cluster in the order they are carried out; the last writer wins.

    Equal for two clusters whenever the same rules of the same versions apply: group clusters by it and render
    once.

    :param yaml: reads and writes YAML; without it, rules with `fieldOverrider[].yaml` fail.
    """
    return tuple(override for override in overrides_of(subject, policies, yaml) if override.targets(cluster))


def overrides_of(
    subject: Subject, policies: Iterable[OverridePolicy], yaml: Format | None = None
) -> tuple[Override, ...]:
    """Return the rules for an object in any cluster, in the order of `concerning`."""
    ordered = concerning(subject, policies)
    return tuple(override for policy in ordered for override in _overrides(_Version(policy, yaml)))


def concerning(subject: Subject, policies: Iterable[OverridePolicy]) -> list[OverridePolicy]:
    """Return the policies that select an object, in the order they are carried out.

    Cluster-wide policies come first, then those of the namespace; among equals the more specific is later,
    then the greater name.
    """
    ranked = [(rank, policy) for policy in policies if (rank := _rank(subject, policy)) is not None]
    return [policy for _, policy in sorted(ranked, key=lambda item: item[0])]


def concerns(policy: OverridePolicy, subject: Subject) -> bool:
    """Whether a policy selects an object at all, in whatever cluster."""
    return _rank(subject, policy) is not None


def _rank(subject: Subject, policy: OverridePolicy) -> tuple[bool, int, str] | None:
    metadata, selectors = policy.metadata, policy.spec.resource_selectors
    namespaced = not isinstance(policy, ClusterOverridePolicy)
    if metadata.deletion_timestamp or (namespaced and metadata.namespace != subject.namespace):
        return None
    implicit = specificity(selectors, subject) if selectors else BY_KIND
    return None if implicit == NOT_SELECTED else (namespaced, implicit, metadata.name)


class _Version:
    """A policy and a format by identity, to find again what was compiled from these very objects."""

    __slots__ = ("policy", "yaml")

    def __init__(self, policy: OverridePolicy, yaml: Format | None) -> None:
        self.policy, self.yaml = policy, yaml

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Version) and self.policy is other.policy and self.yaml is other.yaml

    def __hash__(self) -> int:
        return id(self.policy)


@lru_cache(maxsize=4096)
def _overrides(version: _Version) -> tuple[Override, ...]:
    rules = enumerate(version.policy.spec.override_rules)
    return tuple(Override(version.policy, index, rule, version.yaml) for index, rule in rules)


def override(manifest: Manifest, overrides: Iterable[Override]) -> Manifest | OverrideFailed:
    """Carry out rules in order. The first that fails, or that would make it another object, ends it."""
    result: Manifest | OverrideFailed = manifest
    for step in steps(manifest, overrides):
        result = step.result
    return result


class Step(NamedTuple):
    """One rule carried out."""

    rule: Override
    before: Manifest
    result: Manifest | OverrideFailed


def steps(manifest: Manifest, overrides: Iterable[Override]) -> Iterator[Step]:
    """Carry out rules in order; the first that fails, or that would make it another object, is the last."""
    identity = _identity(manifest)
    for rule in overrides:
        before = manifest
        try:
            for change in rule.changes:
                manifest = change(manifest)
            if _identity(manifest) != identity:
                raise Refused("", "changes apiVersion, kind, name or namespace; leave them out")
        except Refused as refused:
            yield Step(rule, before, override_failed(rule.policy, rule.rule, refused.path, refused.why))
            return
        yield Step(rule, before, manifest)


def _identity(manifest: Any) -> tuple[Any, ...] | None:
    metadata = manifest.get("metadata") if isinstance(manifest, dict) else None
    if not isinstance(metadata, dict):
        return None
    return (
        manifest.get("apiVersion"),
        manifest.get("kind"),
        metadata.get("name"),
        metadata.get("namespace"),
    )
