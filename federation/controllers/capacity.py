"""What is free in the members, as the scheduler asks for it, and what it has placed that is not there yet.

Bindings say what was placed, so that a restart forgets nothing: when the capacity of a member becomes known,
all that bindings place there is expected of it until its pods are seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from types import MappingProxyType

import orjson

from federation.controllers.host import Host, PolicyKey, Propagation
from federation.controllers.kinds import Broken, Template, finished
from federation.kube.ref import Ref
from federation.members.fleet import Fleet
from federation.members.health import Health
from policies.api.binding import TargetCluster
from policies.api.propagation import PropagationPolicy
from policies.placement import needs_capacity
from policies.podneeds import Need, need_of_template
from policies.pods import Owner
from policies.podspec import Path
from policies.workloads.interpretation import pod_spec_at

_NOWHERE: Mapping[str, int] = MappingProxyType({})


class Capacities:
    """What is free in all members, known only while some policy asks for it.

    `health(cluster)` is None before the first probe; `again(ref)` has a template placed anew.
    """

    def __init__(
        self,
        host: Host,
        fleet: Fleet,
        health: Callable[[str], Health | None],
        again: Callable[[Ref], None],
    ) -> None:
        self._host, self._fleet, self._health, self._again = host, fleet, health, again
        self._policies: set[PolicyKey] = set()
        self._waiting: dict[Ref, Need] = {}

    def policy_changed(self, key: PolicyKey, policy: Propagation | None) -> None:
        """Begin with the first policy that asks for capacity, and end with the last."""
        self._policies.discard(key)
        if policy is not None and not isinstance(policy, Broken) and needs_capacity(policy.spec.placement):
            self._policies.add(key)
        self._fleet.want_capacity(bool(self._policies))

    # Questions

    def awaited(self, ref: Ref, template: Template, policy: PropagationPolicy | None) -> bool:
        """Whether a template should wait for the capacity of a member that is about to be known.

        It is placed again then.
        """
        need = _asked(template, policy)
        if need is None or not any(self._coming(name) for _, name in self._host.clusters.keys()):
            return False
        self._waiting[ref] = need
        return True

    def free(self, template: Template, policy: PropagationPolicy) -> Mapping[str, int]:
        """Return how many more pods of a template each member takes, if that decides where they go."""
        if (need := _asked(template, policy)) is None:
            return _NOWHERE
        rooms = ((member.name, member.capacity.room(need)) for member in self._fleet if member.health.ready)
        return {name: room for name, room in rooms if room is not None}

    def placed(self, ref: Ref, template: Template, policy: PropagationPolicy | None, *, wholly: bool) -> None:
        """Note whether a template is placed as wished; if not, it is tried again when there is more room."""
        need = None if wholly else _asked(template, policy)
        if need is None:
            self._waiting.pop(ref, None)
        else:
            self._waiting[ref] = need

    def _coming(self, cluster: str) -> bool:
        if (health := self._health(cluster)) is None:
            return True
        member = self._fleet.get(cluster)
        return health.ready and member is not None and member.capacity.coming

    # What was placed

    @contextmanager
    def expecting(
        self,
        ref: Ref,
        template: Template,
        before: Sequence[TargetCluster],
        after: Sequence[TargetCluster],
    ) -> Iterator[None]:
        """Count what is being written to a binding as placed from now on, unless the write fails."""
        self._expect(ref, template, before, after)
        try:
            yield
        except BaseException:
            self._expect(ref, template, after, before)
            raise

    def forget(self, ref: Ref) -> None:
        """A template is gone, or nothing places it any more."""
        self._waiting.pop(ref, None)
        for member in self._fleet if self._policies else ():
            member.capacity.forget(_owner(ref))

    def _expect(
        self,
        ref: Ref,
        template: Template,
        before: Sequence[TargetCluster],
        after: Sequence[TargetCluster],
    ) -> None:
        if not self._policies or (need := _need(template)) is None:
            return
        had = {target.name: target.replicas or 0 for target in before}
        gets = {target.name: target.replicas or 0 for target in after}
        for name in had.keys() | gets.keys():
            if (member := self._fleet.get(name)) is not None and had.get(name) != gets.get(name):
                member.capacity.expect(_owner(ref), need, gets.get(name, 0))

    # What the members say

    def known(self, cluster: str) -> None:
        """Expect of a member what bindings place there, except where its replicas are its own affair."""
        if (member := self._fleet.get(cluster)) is None:
            return
        for ref, record in self._host.bound():
            replicas = next((each.replicas for each in record.spec.clusters if each.name == cluster), None)
            if not replicas or (template := self._host.template(ref)) is None or finished(template):
                continue
            if (need := _need(template)) is not None and not self._fleet.scales(cluster, ref):
                member.capacity.expect(_owner(ref), need, replicas)
        self.changed()

    def grew(self, cluster: str) -> None:
        """Place anew what waits and may fit in a member now."""
        if (member := self._fleet.get(cluster)) is not None:
            room = {need: member.capacity.room(need) for need in set(self._waiting.values())}
            for ref, need in self._waiting.items():
                if room[need]:
                    self._again(ref)

    def changed(self) -> None:
        """Place anew all that waits: other members can be asked than before."""
        for ref in self._waiting:
            self._again(ref)


def _asked(template: Template, policy: PropagationPolicy | None) -> Need | None:
    """Return what each pod of a template needs if capacity decides where they go."""
    if policy is None or template.replicas is None or not needs_capacity(policy.spec.placement):
        return None
    return _need(template)


def _need(template: Template) -> Need | None:
    if template.replicas is None:
        return None
    return _need_of(template.manifest, pod_spec_at(template.workload))


@lru_cache(maxsize=4096)
def _need_of(manifest: bytes, taught: Path | None) -> Need | None:
    return need_of_template(orjson.loads(manifest), taught)


def _owner(ref: Ref) -> Owner:
    return Owner(ref.namespace, ref.resource.group, ref.resource.kind, ref.name)
