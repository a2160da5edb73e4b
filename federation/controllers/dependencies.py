"""dependencies: who needs what, from the templates whose policies propagate what they need.

A binding has on record which workloads need its template. A workload that is merely not there, or not looked
at yet since this process began, goes on needing what is on record; one whose deletion is on record keeps its
binding until no other names it, so that a crash in between forgets nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple

import orjson

from federation.controllers.host import Host
from federation.controllers.kinds import Record, Template
from federation.controllers.references import reference
from federation.kube.ref import Ref
from federation.kube.resources import Resource
from federation.resources import CONFIG_MAPS, SECRETS, SERVICE_ACCOUNTS, VOLUME_CLAIMS
from policies.api.binding import BindingSpec, Requirement
from policies.api.propagation import PropagationPolicy
from policies.dependencies import Dependency, dependencies, has_dependencies
from policies.podspec import Path
from policies.requirements import Identity, identity, left_alone, missing, requirement
from policies.verdicts import Verdict
from policies.workloads.interpretation import pod_spec_at

_RESOURCES = {each.kind: each for each in (CONFIG_MAPS, SECRETS, SERVICE_ACCOUNTS, VOLUME_CLAIMS)}


class _Owner(NamedTuple):
    """What is known of a template that names others, since it was last decided."""

    ref: Ref
    needs: Mapping[Ref, bool]
    """What it names, and whether it does without."""
    requirement: Requirement | None
    """What it asks for; None while no policy governs it: then what it is on record to need stays as it is."""


class Dependencies:
    """Built as templates are decided, and told of every change since.

    :param again: has a template decided anew because it is needed otherwise.
    :param tell: has the status of a workload looked at.
    :param behind: whether some copy of a workload may be of another state of its template than the present.
    """

    def __init__(
        self,
        host: Host,
        again: Callable[[Ref], None],
        tell: Callable[[Ref], None],
        behind: Callable[[Ref], bool],
    ) -> None:
        self._host, self._again, self._tell, self._behind = host, again, tell, behind
        self._owners: dict[Identity, _Owner] = {}
        self._needed_by: defaultdict[Ref, set[Identity]] = defaultdict(set)
        self._named: dict[Ref, frozenset[Identity]] = {}  # by bindings
        self._naming: defaultdict[Identity, set[Ref]] = defaultdict(set)
        self._kinds: Counter[Resource] = Counter()
        self._gone: dict[Identity, Ref] = {}
        self._present: set[Ref] = set()

    # What a template needs

    def note(
        self, ref: Ref, template: Template, policy: PropagationPolicy | None, spec: BindingSpec | None
    ) -> None:
        """Take in what was decided for a template, once that is on record; without a policy nothing is."""
        taught = pod_spec_at(template.workload) is not None
        known, key = taught or has_dependencies(ref.resource.group, ref.resource.kind), _identity(ref)
        if not known and key not in self._owners and key not in self._naming:
            return
        self._gone.pop(key, None)
        propagates = policy is not None and policy.spec.propagate_deps
        if not propagates and key not in self._owners and key not in self._naming:
            return
        if propagates and not known:
            return  # nothing tells any more what it names: that stays
        if policy is None or spec is None:
            self._put(key, _Owner(ref, {}, None))
            return
        needs = self._needs(ref.namespace, template) if propagates else {}
        self._put(key, _Owner(ref, needs, requirement(reference(ref, ""), spec)))

    def going(self, ref: Ref) -> bool:
        """Note that a template is gone for good; return whether it is still on record to need something."""
        key = _identity(ref)
        if key not in self._gone:
            self._gone[key] = ref
            self._drop(key)
        return any(self._waits(each, key) for each in self._naming.get(key, ()))

    def forget(self, ref: Ref) -> None:
        """Neither the template nor its binding is there."""
        self._gone.pop(_identity(ref), None)
        if _identity(ref) in self._owners:
            self._drop(_identity(ref))

    def missing(self, ref: Ref) -> Verdict | None:
        """Say what a template needs that is not on the host."""
        owner = self._owners.get(_identity(ref))
        absent = [
            f"{each.resource.kind} {each.name}"
            for each, optional in (owner.needs if owner else {}).items()
            if not optional and self._host.templates.synced(each.resource) and not self._is_there(each)
        ]
        return missing(absent) if absent else None

    # Who needs a template

    def required(self, ref: Ref, template: Template, record: Record | None) -> tuple[Requirement, ...]:
        """Return what asks for a template, in ascending order."""
        if template.excluded:
            return ()
        recorded = {identity(each.resource): each for each in record.spec.required_by} if record else {}
        keys = recorded.keys() | self._needed_by.get(ref, frozenset())
        found = (self._requirement(key, ref, recorded.get(key)) for key in sorted(keys))
        return tuple(each for each in found if each is not None)

    def _requirement(self, key: Identity, ref: Ref, recorded: Requirement | None) -> Requirement | None:
        if key in self._gone:
            return left_alone(recorded) if recorded and recorded.preserve_resources_on_deletion else None
        if (owner := self._owners.get(key)) is None:
            return recorded
        if owner.requirement is None:
            return left_alone(recorded) if recorded else None
        needs = ref in owner.needs or (recorded is not None and self._behind(owner.ref))
        return owner.requirement if needs and owner.requirement.clusters else None

    # What changed

    def copy_settled(self, ref: Ref) -> None:
        """A copy had its look: what the template does not name any more may go once all hold it as it is."""
        if (owner := self._owners.get(_identity(ref))) is not None:
            for each in self._naming.get(_identity(ref), set()) - owner.needs.keys():
                self._again(each)

    def template_changed(self, ref: Ref) -> None:
        """What a workload needs came, went, or itself names something else by now."""
        if ref not in self._needed_by:
            return
        owners = [self._owners[key] for key in self._needed_by[ref]]
        if self._is_there(ref) != (ref in self._present):
            self._present ^= {ref}
            for owner in owners:
                self._tell(owner.ref)
        if ref.resource == SERVICE_ACCOUNTS:
            for owner in owners:
                if (template := self._host.template(owner.ref)) is not None:
                    needs = self._needs(owner.ref.namespace, template)
                    self._put(_identity(owner.ref), owner._replace(needs=needs))

    def synced(self, resource: Resource) -> None:
        """What is not in the first list of a kind is missing."""
        for ref, keys in self._needed_by.items():
            if ref.resource == resource and not self._is_there(ref):
                for key in keys:
                    self._tell(self._owners[key].ref)

    def binding_changed(self, ref: Ref) -> None:
        """Take in which workloads a binding names; one that goes may have waited for that."""
        record, before = self._host.binding(ref), self._named.pop(ref, frozenset())
        required = record.spec.required_by if record else ()
        named = frozenset(identity(each.resource) for each in required)
        if named:
            self._named[ref] = named
        for key in before - named:
            self._naming[key].discard(ref)
            if not self._naming[key]:
                del self._naming[key]
        for key in named - before:
            self._naming[key].add(ref)
        for key in (before | named) & self._gone.keys():
            self._again(self._gone[key])

    def _put(self, key: Identity, owner: _Owner) -> None:
        """Have decided anew whatever is needed otherwise than before."""
        if self._owners.get(key) == owner:
            return
        self._take_out(key)
        self._owners[key] = owner
        for ref in owner.needs:
            self._needed_by[ref].add(key)
            self._kinds[ref.resource] += 1
            if self._is_there(ref):
                self._present.add(ref)
            self._again(ref)
        self._host.need(frozenset(+self._kinds))
        self._tell(owner.ref)

    def _drop(self, key: Identity) -> None:
        self._take_out(key)
        self._host.need(frozenset(+self._kinds))

    def _take_out(self, key: Identity) -> None:
        owner = self._owners.pop(key, None)
        needs = owner.needs if owner else {}
        for ref in needs:
            self._needed_by[ref].discard(key)
            self._kinds[ref.resource] -= 1
            if not self._needed_by[ref]:
                del self._needed_by[ref]
                self._present.discard(ref)
        for ref in {*needs, *self._naming.get(key, ())}:
            self._again(ref)

    # Looks at the host

    def _needs(self, namespace: str, template: Template) -> Mapping[Ref, bool]:
        """Return what a template names, and what the ServiceAccounts among it name."""
        needs = _refs(namespace, template)
        accounts = [self._host.template(ref) for ref in needs if ref.resource == SERVICE_ACCOUNTS]
        for account in accounts:
            for ref, optional in _refs(namespace, account).items() if account is not None else ():
                needs[ref] = optional and needs.get(ref, True)
        return needs

    def _is_there(self, ref: Ref) -> bool:
        template = self._host.template(ref)
        return template is not None and not template.deleting

    def _waits(self, ref: Ref, key: Identity) -> bool:
        """Whether the binding of what is needed will be decided anew without a workload that is gone.

        That of a template which is not there stays as it is, for other reasons.
        """
        record = self._host.binding(ref)
        if record is None or record.deleting or not self._is_there(ref):
            return False
        recorded = next((each for each in record.spec.required_by if identity(each.resource) == key), None)
        return recorded is not None and not _is_left_alone(recorded)


def _identity(ref: Ref) -> Identity:
    return Identity(ref.resource.group, ref.resource.kind, ref.namespace, ref.name)


def _refs(namespace: str, template: Template) -> dict[Ref, bool]:
    named = _dependencies(template.manifest, pod_spec_at(template.workload))
    return {Ref(_RESOURCES[each.kind], namespace, each.name): each.optional for each in named}


@lru_cache(maxsize=4096)
def _dependencies(manifest: bytes, taught: Path | None) -> tuple[Dependency, ...]:
    return dependencies(orjson.loads(manifest), taught)


def _is_left_alone(recorded: Requirement) -> bool:
    """Whether this is how a workload stays on record that is kept in the members when it is gone here."""
    return recorded.policy is None and recorded.preserve_resources_on_deletion
