"""Dependencies: in a plan, what goes along with the workloads that need it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from policies.api.binding import BindingSpec, PolicyReference, Requirement
from policies.api.meta import GROUP
from policies.api.propagation import PropagationPolicy
from policies.dependencies import dependencies, has_dependencies
from policies.planning.world import Identity, Template, World
from policies.requirements import identity, left_alone, requirement
from policies.workloads.interpretation import pod_spec_at

Required = Mapping[Identity, tuple[Requirement, ...]]


def required(
    world: World, specs: Mapping[Identity, BindingSpec], standing: Mapping[Identity, BindingSpec]
) -> Required:
    """Return who needs each template, in ascending order.

    :param specs: what was decided for the templates by their own policies.
    :param standing: what the bindings say now.
    """
    found: defaultdict[Identity, dict[Identity, Requirement]] = defaultdict(dict)
    for key, spec in standing.items():
        for each in spec.required_by:
            if (kept := _recorded(identity(each.resource), each, world, specs, standing)) is not None:
                found[key][identity(each.resource)] = kept
    for key, spec in specs.items():
        if spec.policy and spec.clusters and _propagates(world.policies.get(policy_identity(spec.policy))):
            for need in _needs(key, world.templates[key], world):
                if need in world.templates:
                    found[need][key] = requirement(spec.resource, spec)
    return {key: tuple(each for _, each in sorted(needs.items())) for key, needs in found.items() if needs}


def policy_identity(policy: PolicyReference) -> Identity:
    return Identity(GROUP, policy.kind, policy.namespace, policy.name)


def _recorded(
    key: Identity,
    recorded: Requirement,
    world: World,
    specs: Mapping[Identity, BindingSpec],
    standing: Mapping[Identity, BindingSpec],
) -> Requirement | None:
    """Return what stays on record of a workload: not what it is decided to need by now, and not of one that
    goes unless it is kept in the members. What the policy wants can't be told if it is not valid.
    """
    if key in world.templates:
        policy = specs[key].policy if key in specs else None
        if policy is None:
            return left_alone(recorded)
        return None if policy_identity(policy) in world.policies else recorded
    if key in standing:
        return left_alone(recorded) if recorded.preserve_resources_on_deletion else None
    return recorded


def _propagates(policy: PropagationPolicy | None) -> bool:
    return policy is not None and policy.spec.propagate_deps


def _needs(key: Identity, template: Template, world: World) -> Iterator[Identity]:
    """Name what a template names, and what the ServiceAccounts among it name."""
    taught = pod_spec_at(template.read_by)
    if taught is None and not has_dependencies(key.group, key.kind):
        return
    for each in dependencies(template.manifest, taught):
        needed = Identity("", each.kind, key.namespace, each.name)
        yield needed
        if each.kind == "ServiceAccount" and (account := world.templates.get(needed)) is not None:
            yield from _needs(needed, account, world)
