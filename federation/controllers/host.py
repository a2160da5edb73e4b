"""Host: the mirrors of the host cluster, and the questions the reconcilers ask of them.

Holds policies, clusters, bindings, and the templates of every kind that a policy or a binding names. It
decides nothing and writes nothing; what changed is named to a Listener, never how.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence, Set
from typing import Any, Protocol

from federation.controllers.interpreters import Interpreters
from federation.controllers.kinds import (
    Broken,
    Record,
    Template,
    cluster_of,
    override_of,
    propagation_of,
    record_of,
    template_of,
)
from federation.controllers.rollouts import Rollouts
from federation.kube.api import Api
from federation.kube.discovery import Discovery
from federation.kube.informer import Informer
from federation.kube.mirrors import Mirrors
from federation.kube.ref import Ref
from federation.kube.resources import Key, Manifest, Resource
from federation.kube.served import Served
from federation.resources import (
    CLUSTER,
    CLUSTER_OVERRIDE,
    CLUSTER_PROPAGATION,
    CLUSTER_RESOURCE_BINDING,
    OVERRIDE,
    PROPAGATION,
    RESOURCE_BINDING,
)
from policies.api.binding import PolicyReference
from policies.api.cluster import Cluster
from policies.api.override import OverridePolicy
from policies.api.propagation import ClusterPropagationPolicy, PropagationPolicy
from policies.copies import binding_name
from policies.interpreting import GroupKind
from policies.matching import Index, Subject
from policies.requirements import parties, suspenders
from policies.suspension import suspends
from policies.verdicts import Verdict

Propagation = PropagationPolicy | Broken
Override = OverridePolicy | Broken
PolicyKey = tuple[Resource, Key]


class Listener(Protocol):
    """Who is told that something changed. Calls are made in the loop and must not block."""

    def template_changed(self, ref: Ref) -> None: ...
    def binding_changed(self, ref: Ref) -> None: ...
    def propagation_changed(
        self, key: PolicyKey, old: Propagation | None, new: Propagation | None
    ) -> None: ...
    def override_changed(self, key: PolicyKey, old: Override | None, new: Override | None) -> None: ...
    def cluster_changed(self, name: str) -> None: ...
    def rollout_changed(self, ref: Ref) -> None: ...
    def rollout_policy_changed(self, key: PolicyKey) -> None: ...
    def interpreters_changed(self, kinds: Set[GroupKind]) -> None: ...
    def templates_synced(self, resource: Resource) -> None: ...
    def kinds_changed(self, resources: frozenset[Resource]) -> None: ...


class Host:
    """Everything the controllers know of the host cluster."""

    def __init__(self, api: Api, discovery: Discovery, listener: Listener) -> None:
        self.api, self.discovery, self._listener = api, discovery, listener
        self.templates: Mirrors[Template] = Mirrors(self._mirror_templates, listener.templates_synced)
        self.clusters: Informer[Cluster] = Informer(
            api, CLUSTER, cluster_of, lambda key: listener.cluster_changed(key[1])
        )
        self._bindings = {
            resource: Informer(api, resource, record_of, self._binding_changed(resource))
            for resource in (RESOURCE_BINDING, CLUSTER_RESOURCE_BINDING)
        }
        self._propagations: dict[Resource, Informer[Propagation]] = {
            resource: Informer(api, resource, propagation_of, self._propagation_changed(resource))
            for resource in (PROPAGATION, CLUSTER_PROPAGATION)
        }
        self._overrides: dict[Resource, Informer[Override]] = {
            resource: Informer(api, resource, override_of, self._override_changed(resource))
            for resource in (OVERRIDE, CLUSTER_OVERRIDE)
        }
        self.interpreters = Interpreters(api, self._interpreters_changed)
        self.rollouts = Rollouts(api, listener.rollout_changed, listener.rollout_policy_changed)
        self._refs: dict[PolicyKey, Ref] = {}  # of bindings, to name the template when the binding is gone
        self._last: dict[PolicyKey, Propagation | Override] = {}
        self._index: Index | None = None
        self._needed: frozenset[Resource] = frozenset()
        self._served = Served(api, discovery, self._want_templates)

    async def run(self) -> None:
        """Carry all mirrors; never returns."""
        async with asyncio.TaskGroup() as group:
            for informer in self._own():
                group.create_task(informer.run())
            await self._own_synced()
            group.create_task(self.templates.run())
            group.create_task(self._served.run())

    async def synced(self) -> None:
        """Wait until every mirror holds a whole list."""
        await self._own_synced()
        await self.discovery.refresh()
        self._want_templates()
        for _, informer in self.templates:
            await informer.listed(lambda _: True)  # one kind must not keep all others waiting

    def _own(self) -> list[Informer[Any]]:
        return [
            self.clusters,
            *self._bindings.values(),
            *self._propagations.values(),
            *self._overrides.values(),
            self.interpreters.informer,
            *self.rollouts.informers(),
        ]

    async def _own_synced(self) -> None:
        for informer in self._own():
            await informer.synced.wait()

    # Templates

    def _mirror_templates(self, resource: Resource) -> Informer[Template]:
        return Informer(
            self.api,
            resource,
            lambda live: template_of(live, self.interpreters.in_force),
            lambda key: self._listener.template_changed(Ref(resource, *key)),
        )

    def need(self, resources: frozenset[Resource]) -> None:
        """Mirror these kinds, too: some policy propagates what its workloads need."""
        if resources != self._needed:
            self._needed = resources
            self._want_templates()

    def _interpreters_changed(self, kinds: Set[GroupKind]) -> None:
        """Read the templates of these kinds anew. They stay as they were until then."""
        for resource, informer in self.templates:
            if (resource.group, resource.kind) in kinds:
                informer.relist()
        self._listener.interpreters_changed(kinds)

    def _want_templates(self) -> None:
        """Mirror the kinds that policies select, those that bindings refer to and those that are needed."""
        wanted = {ref.resource for ref in self._refs.values()} | self._needed
        for group, kind in self.index.kinds():
            if (resource := self.discovery.resource(group, kind)) is not None:
                wanted.add(resource)
        self.templates.want(wanted)
        self._listener.kinds_changed(frozenset(wanted))

    def template(self, ref: Ref) -> Template | None:
        return self.templates.get(ref.resource, ref.key)

    def observe_template(self, ref: Ref, manifest: Manifest) -> None:
        """Take the server's answer to a status write into the store."""
        if (informer := self.templates[ref.resource]) is not None:
            informer.observe(manifest)

    def templates_of(self, group: str, kind: str) -> Iterator[Ref]:
        """Name the known templates of a kind."""
        for resource, informer in self.templates:
            if (resource.group, resource.kind) == (group, kind):
                for key in informer.keys():
                    yield Ref(resource, *key)

    # Bindings

    def binding(self, ref: Ref) -> Record | None:
        resource, key = self.binding_key(ref)
        return self._bindings[resource].get(key)

    def binding_key(self, ref: Ref) -> PolicyKey:
        resource = RESOURCE_BINDING if ref.resource.namespaced else CLUSTER_RESOURCE_BINDING
        return resource, (ref.namespace, binding_name(ref.resource.plural, ref.resource.group, ref.name))

    def observe_binding(self, resource: Resource, manifest: Manifest) -> None:
        """Take the server's answer to a write into the store, before the watch brings it."""
        self._bindings[resource].observe(manifest)

    def bound(self) -> Iterator[tuple[Ref, Record]]:
        """Yield every binding with the reference to its template."""
        for resource, informer in self._bindings.items():
            for key, record in informer.items():
                yield self._refs[resource, key], record

    def _binding_changed(self, resource: Resource) -> Callable[[Key], None]:
        def changed(key: Key) -> None:
            record = self._bindings[resource].get(key)
            if record is not None and (resource, key) not in self._refs:
                self._refs[resource, key] = record.ref
                if self.templates[record.ref.resource] is None:
                    self._want_templates()
            ref = self._refs[resource, key] if record is not None else self._refs.pop((resource, key))
            self._listener.binding_changed(ref)

        return changed

    # Policies

    @property
    def index(self) -> Index:
        """The valid propagation policies, by the kinds they select."""
        if self._index is None:
            policies = (policy for informer in self._propagations.values() for _, policy in informer.items())
            self._index = Index(policy for policy in policies if not isinstance(policy, Broken))
        return self._index

    def overrides(self, namespace: str) -> list[OverridePolicy]:
        """Return the valid override policies that can concern objects of a namespace (or cluster-scoped
        ones).
        """
        return [
            policy
            for informer in self._overrides.values()
            for key, policy in informer.items()
            if key[0] in ("", namespace) and not isinstance(policy, Broken)
        ]

    def policy_of(self, record: Record) -> Propagation | None:
        """Return the policy that a binding records as governing, if it is still there."""
        return self._propagation(record.spec.policy)

    def _propagation(self, named: PolicyReference | None) -> Propagation | None:
        if named is None:
            return None
        resource = PROPAGATION if named.kind == "PropagationPolicy" else CLUSTER_PROPAGATION
        return self._propagations[resource].get((named.namespace, named.name))

    def policy(self, key: PolicyKey) -> Propagation | Override | None:
        """Return a policy of any of the four kinds."""
        resource, name = key
        if resource in self._propagations:
            return self._propagations[resource].get(name)
        return self._overrides[resource].get(name)

    def observe_policy(self, resource: Resource, manifest: Manifest) -> None:
        """Take the server's answer to a status write into the store."""
        if resource in self._propagations:
            self._propagations[resource].observe(manifest)
        else:
            self._overrides[resource].observe(manifest)

    def needed_overrides(self, record: Record) -> list[PolicyKey]:
        """Name what those who want a template wait for: override policies of their policy's own scope, as in
        Karmada.
        """
        named = [self._propagation(party.policy) for party in parties(record.spec)]
        return [
            (
                CLUSTER_OVERRIDE if isinstance(policy, ClusterPropagationPolicy) else OVERRIDE,
                (policy.metadata.namespace, name),
            )
            for policy in named
            if isinstance(policy, PropagationPolicy)
            for name in policy.spec.dependent_overrides
        ]

    def missing_overrides(self, record: Record) -> list[str]:
        """Name those that are not there, or not valid and so of no effect."""
        return [
            f"{resource.kind} {'/'.join(part for part in key if part)}"
            for resource, key in self.needed_overrides(record)
            if not isinstance(self._overrides[resource].get(key), OverridePolicy)
        ]

    def suspended(self, record: Record, clusters: Sequence[str]) -> Verdict | None:
        """Return why nothing of a template is written to some of these clusters for now.

        What the policy says counts at once, before it is on record for the last of its templates; what is
        on record counts until that is taken back, also when the policy is gone or not valid.
        """
        for party, concerned in suspenders(record.spec, clusters):
            policy = self._propagation(party.policy)
            said = policy.spec.suspension if isinstance(policy, PropagationPolicy) else None
            for suspension in (party.suspension, said):
                if verdict := suspends(party.policy, suspension, concerned):
                    return verdict
        return None

    def policies(self) -> Iterator[tuple[PolicyKey, Propagation | Override]]:
        """Yield every policy of the four kinds, broken ones included."""
        for resource, propagations in self._propagations.items():
            for key, propagation in propagations.items():
                yield (resource, key), propagation
        for resource, overrides in self._overrides.items():
            for key, override in overrides.items():
                yield (resource, key), override

    def _propagation_changed(self, resource: Resource) -> Callable[[Key], None]:
        def changed(key: Key) -> None:
            new = self._propagations[resource].get(key)
            old = self._remember((resource, key), new)
            assert not isinstance(old, OverridePolicy)
            if _same(old, new):
                return
            self._index = None
            self._want_templates()
            self._listener.propagation_changed((resource, key), old, new)

        return changed

    def _override_changed(self, resource: Resource) -> Callable[[Key], None]:
        def changed(key: Key) -> None:
            new = self._overrides[resource].get(key)
            old = self._remember((resource, key), new)
            assert not isinstance(old, PropagationPolicy)
            if _same(old, new):
                return
            self._listener.override_changed((resource, key), old, new)

        return changed

    def _remember(
        self, key: PolicyKey, value: Propagation | Override | None
    ) -> Propagation | Override | None:
        """Note the present value of a policy and return the one before: what it selected needs a look,
        too.
        """
        old = self._last.pop(key, None)
        if value is not None:
            self._last[key] = value
        return old


def _same(old: Propagation | Override | None, new: Propagation | Override | None) -> bool:
    """Whether only the status of a policy differs."""
    if old is None or new is None or isinstance(old, Broken) or isinstance(new, Broken):
        return old == new
    return old.spec == new.spec and old.metadata.deletion_timestamp == new.metadata.deletion_timestamp


def subject_of(ref: Ref, labels: dict[str, str]) -> Subject:
    return Subject(ref.resource.group, ref.resource.kind, ref.namespace, ref.name, labels)
