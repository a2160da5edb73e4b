"""Copies: where every template goes in a world, and the manifest that each cluster gets of it.

Decided and rendered by the functions by which the controllers do it. What only members know is not in it:
replicas that an autoscaler there owns, and how far a release is.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

from policies.api.binding import BindingSpec, ResourceReference
from policies.api.propagation import PropagationPolicy, WorkloadAffinity
from policies.changes import Format
from policies.matching import governing
from policies.overriders import Override, overrides_of
from policies.placement import Present
from policies.planning.dependencies import policy_identity, required
from policies.planning.peers import Peers
from policies.planning.world import Identity, Template, World
from policies.rendering import Rendered, canonical, render
from policies.requirements import NEEDLESS, combined, own, without_policy
from policies.scheduling import decide
from policies.verdicts import OverrideFailed, Verdict


class Decided(NamedTuple):
    """What the binding of a template says, and why."""

    spec: BindingSpec
    verdict: Verdict


Decisions = Mapping[Identity, Decided]
Copies = Mapping[Identity, Mapping[str, Rendered | OverrideFailed]]
"""The manifest, or what keeps it from being made, by template and cluster."""


def decisions(
    world: World,
    standing: Mapping[Identity, BindingSpec],
    invalid: Mapping[Identity, Verdict],
) -> Decisions:
    """Decide for every template that is governed, or was.

    :param standing: what the bindings say now.
    :param invalid: stored policies that are not valid: what they govern stays where it is.
    """
    decided: dict[Identity, Decided] = {}
    targets = {key: [target.name for target in spec.clusters] for key, spec in standing.items()}
    peers = Peers(world.templates, targets)
    for key, template in world.templates.items():
        before = standing.get(key)
        if before and before.policy and (verdict := invalid.get(policy_identity(before.policy))):
            decided[key] = Decided(before, verdict)
            continue
        candidates = world.index.candidates(template.subject)
        policy = governing(template.subject, candidates, before.policy if before else None)
        if policy is None and before is None:
            continue
        before = own(before) if before else BindingSpec(resource=_reference(key, template))
        present = partial(_present, key, before, peers)
        decided[key] = Decided(
            *decide(
                template.workload,
                template.completions,
                policy,
                before,
                world.clusters,
                present,
                canonical(template.manifest) if _is_lazy(policy) else b"",
            )
        )
        peers.note(key, (target.name for target in decided[key].spec.clusters))
    return {**decided, **_needed(world, standing, decided)}


def _needed(world: World, standing: Mapping[Identity, BindingSpec], decided: Decisions) -> Decisions:
    """Decide anew what workloads need, or needed so far."""
    needs = required(world, {key: each.spec for key, each in decided.items()}, standing)
    depending = {key for key, spec in standing.items() if spec.dependency and key in world.templates}
    found: dict[Identity, Decided] = {}
    for key in sorted(needs.keys() | depending):
        by_policy = decided.get(key)
        spec = by_policy.spec if by_policy else BindingSpec(resource=_reference(key, world.templates[key]))
        before = standing.get(key, spec)
        spec = combined(spec, needs.get(key, ()), world.clusters.staying, before=before)
        verdict = without_policy(spec) or (by_policy.verdict if by_policy else NEEDLESS)
        found[key] = Decided(spec, verdict)
    return found


def _present(key: Identity, before: BindingSpec, peers: Peers, policy: PropagationPolicy) -> Present:
    affinity = policy.spec.placement.workload_affinity
    wanted = affinity or WorkloadAffinity()
    return Present(
        before.clusters,
        before.affinity_name,
        together=peers.of(key, wanted.affinity),
        apart=peers.of(key, wanted.anti_affinity),
    )


def _reference(key: Identity, template: Template) -> ResourceReference:
    """Refer to a template that has no binding. Nothing here asks for the plural, which files don't say."""
    return ResourceReference(
        api_version=template.workload.group_version,
        kind=key.kind,
        plural=key.kind.lower(),
        namespace=key.namespace,
        name=key.name,
        uid=template.workload.uid,
    )


class Renderer:
    """Renders with a memory: one manifest for all clusters, and both worlds, that get the same."""

    def __init__(self, yaml: Format) -> None:
        self._yaml = yaml
        self._rendered: dict[
            tuple[int, int | None, int | None, tuple[tuple[str, str], ...], tuple[Override, ...]],
            Rendered | OverrideFailed,
        ] = {}
        self._templates: list[Template] = []  # so that no other has the id of one

    def copies(self, world: World, specs: Mapping[Identity, BindingSpec]) -> Copies:
        """Return what the clusters hold once the bindings of a world are carried out."""
        return {
            key: self._of(world.templates[key], spec, world)
            for key, spec in specs.items()
            if key in world.templates
        }

    def _of(
        self, template: Template, spec: BindingSpec, world: World
    ) -> dict[str, Rendered | OverrideFailed]:
        subject = template.subject
        rules = overrides_of(subject, world.overrides(subject.namespace), self._yaml)
        self._templates.append(template)
        copies: dict[str, Rendered | OverrideFailed] = {}
        for target in spec.clusters:
            if (cluster := world.clusters.by_name.get(target.name)) is None:
                continue
            overrides = tuple(rule for rule in rules if rule.targets(cluster))
            labels = tuple(sorted((target.preserved_labels or {}).items()))
            key = id(template), target.replicas, target.completions, labels, overrides
            if key not in self._rendered:
                self._rendered[key] = render(
                    template.manifest,
                    replicas=target.replicas,
                    completions=target.completions,
                    overrides=overrides,
                    labels=target.preserved_labels or {},
                    workload=template.read_by,
                )
            copies[target.name] = self._rendered[key]
        return copies


def _is_lazy(policy: PropagationPolicy | None) -> bool:
    return policy is not None and policy.spec.activation_preference == "Lazy"
