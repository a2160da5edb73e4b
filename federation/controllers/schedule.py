"""schedule: template + policy + clusters to ResourceBinding.spec.

One write when a template is first governed, one when what the binding says changes, none otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from operator import is_not

from federation.controllers.capacity import Capacities
from federation.controllers.dependencies import Dependencies
from federation.controllers.evict import Evict
from federation.controllers.host import Host, subject_of
from federation.controllers.kinds import Broken, Record, Template
from federation.controllers.peers import Peers
from federation.controllers.references import owner, reference
from federation.controllers.withdraw import Withdraw, outlived
from federation.kube.merge import difference
from federation.kube.ref import Ref
from federation.kube.resources import Manifest
from federation.members.fleet import Fleet
from policies.api.binding import BindingSpec, Requirement
from policies.api.cluster import Cluster
from policies.api.meta import API_VERSION
from policies.api.propagation import PropagationPolicy, WorkloadAffinity
from policies.copies import FIELD_MANAGER, FINALIZER
from policies.filters import Clusters
from policies.matching import governing
from policies.moving import Moving
from policies.placement import Present, Workload
from policies.requirements import combined, own, without_policy
from policies.scheduling import decide
from policies.verdicts import UNPLACED, Verdict


class Schedule:
    """Reconciles one template's binding, then tells `dispatch` that its copies may need a look.

    `held(cluster)` is called when the brake holds more or less there, `again(ref)` when a template that found
    no place may find one now. `busy(ref)` says whether a copy of a template is being looked at.
    `verdicts` says why a template's placement is what it is.
    """

    def __init__(
        self,
        host: Host,
        fleet: Fleet,
        capacities: Capacities,
        evict: Evict,
        dispatch: Callable[[Ref], None],
        held: Callable[[str], None],
        again: Callable[[Ref], None],
        busy: Callable[[Ref], bool],
        dependencies: Dependencies,
    ) -> None:
        self._host, self._capacities, self._dispatch = host, capacities, dispatch
        self.evict, self._dependencies = evict, dependencies
        self.verdicts: dict[Ref, Verdict] = {}
        self._decided: dict[Ref, Template] = {}
        self._among: dict[Ref, frozenset[str]] = {}
        self._joined: frozenset[str] = frozenset()
        self._last = Clusters(())
        self._again, self._peers = again, Peers(host, self._peer_moved)
        self.withdraw = Withdraw(host, fleet, self.verdicts, held, dependencies.going, busy)

    async def __call__(self, ref: Ref) -> float | None:
        template, record = self._host.template(ref), self._host.binding(ref)
        again = None
        if record is not None and (
            record.deleting or template is None or outlived(ref, record, template.uid)
        ):
            self._decided.pop(ref, None)
            self._forget(ref)
            again = await self.withdraw(ref, record)
        elif template is not None:
            self.withdraw.forget(ref)
            if await self._place(ref, template, record):
                self._decided[ref] = template
                again = await self.withdraw.needless(ref)
            looks = (again, self.evict.again(ref))
            again = min((each for each in looks if each is not None), default=None)
        else:
            self.withdraw.forget(ref)
            self._forget(ref)
            self._dependencies.forget(ref)
            for memory in (self.verdicts, self._decided, self._among):
                memory.pop(ref, None)
        self._dispatch(ref)
        return again

    def decided(self, ref: Ref) -> Template | None:
        """Return the template if the binding was decided for what it says now: only then may copies follow
        it.
        """
        template = self._host.template(ref)
        return template if template is not None and self._decided.get(ref) == template else None

    def considered(self, ref: Ref, cluster: Cluster) -> bool:
        """Whether a cluster was there to choose when the binding was last decided, since it joined."""
        return cluster.metadata.uid in self._among.get(ref, ())

    # A template that exists

    async def _place(self, ref: Ref, template: Template, record: Record | None) -> bool:
        """Bring a binding up to date; False if the decision has to wait."""
        policy = self._governing(ref, template, record)
        required = self._dependencies.required(ref, template, record)
        if isinstance(policy, Verdict):
            self.verdicts[ref] = policy
            if record is not None and list(required) != record.spec.required_by:
                await self._require(ref, template, record, required)
            return True
        if policy is None and record is None and not required:
            self.verdicts.pop(ref, None)
            self._capacities.forget(ref)
            self._dependencies.note(ref, template, None, None)
            return True
        if self._capacities.awaited(ref, template, policy):
            return False
        among = self._candidates()
        spec, verdict = self._decide(ref, template, policy, record, required)
        self.verdicts[ref] = verdict
        self._peers.note(ref, template, frozenset(target.name for target in spec.clusters))
        self._capacities.placed(ref, template, policy, wholly=verdict.reason not in UNPLACED)
        with self._capacities.expecting(ref, template, record.spec.clusters if record else (), spec.clusters):
            await self._write(ref, template, spec, record)
        self._dependencies.note(ref, template, policy, spec)
        self._among[ref] = among
        return True

    async def _require(
        self, ref: Ref, template: Template, record: Record, required: Sequence[Requirement]
    ) -> None:
        """Take in who needs a template while what its own policy wants can't be told."""
        by_policy, staying = own(record.spec), self._clusters().staying
        spec = combined(by_policy, required, staying, before=record.spec)
        await self._write(ref, template, spec, record)

    def _clusters(self) -> Clusters:
        """Return all clusters: the same value until one of them changes, for what it remembers."""
        present = sorted(
            (cluster for _, cluster in self._host.clusters.items()), key=lambda each: each.metadata.name
        )
        if len(present) != len(self._last.ordered) or any(map(is_not, present, self._last.ordered)):
            self._last = Clusters(present)
        return self._last

    def _candidates(self) -> frozenset[str]:
        """Return the UIDs of the Clusters whose kinds are known: the same set for all until they change."""
        clusters = [cluster for _, cluster in self._host.clusters.items()]
        joined = frozenset(cluster.metadata.uid for cluster in clusters if cluster.status.apis)
        if joined != self._joined:
            self._joined = joined
        return self._joined

    def _governing(
        self, ref: Ref, template: Template, record: Record | None
    ) -> PropagationPolicy | Verdict | None:
        """Return the policy in force, None without one, or why the present placement is held."""
        current = record.spec.policy if record else None
        present = self._host.policy_of(record) if record else None
        if isinstance(present, Broken):
            return Verdict(
                "PolicyInvalid", f"{present.kind} {present.metadata.name} is not valid: {present.message}"
            )
        if template.excluded:
            return None
        subject = subject_of(ref, template.labels)
        candidates = self._host.index.candidates(subject)
        return governing(subject, candidates, current)

    def _decide(
        self,
        ref: Ref,
        template: Template,
        policy: PropagationPolicy | None,
        record: Record | None,
        required: Sequence[Requirement],
    ) -> tuple[BindingSpec, Verdict]:
        resource = reference(ref, template.uid)
        said = record.spec if record else BindingSpec(resource=resource)
        before = own(said).model_copy(update={"resource": resource})
        facts, clusters = _facts(ref, template), self._clusters()
        anew = record is not None and record.spec.resource.uid != template.uid
        total, manifest = template.completions, template.manifest
        present = partial(self._present, ref, template, before)

        def decided(moving: Moving | None) -> tuple[BindingSpec, Verdict]:
            return decide(facts, total, policy, before, clusters, present, manifest, anew=anew, moving=moving)

        by_policy = replace(record, spec=own(record.spec)) if record else None
        moving = self.evict.moving(ref, template, policy, by_policy)
        spec, verdict = self.evict.in_turn(ref, before, moving, decided)
        spec = combined(spec, required, clusters.staying, before=said)
        return spec, without_policy(spec) or verdict

    def _present(
        self, ref: Ref, template: Template, before: BindingSpec, policy: PropagationPolicy
    ) -> Present:
        wanted = policy.spec.placement.workload_affinity or WorkloadAffinity()
        return Present(
            before.clusters,
            before.affinity_name,
            rebalance=before.rebalance_triggered_at is not None,
            free=self._capacities.free(template, policy),
            together=self._peers.of(ref, template, wanted.affinity),
            apart=self._peers.of(ref, template, wanted.anti_affinity),
        )

    def _peer_moved(self, ref: Ref) -> None:
        """Those that are placed stay where they are."""
        verdict = self.verdicts.get(ref)
        if verdict is not None and verdict.reason in UNPLACED:
            self._again(ref)

    def _forget(self, ref: Ref) -> None:
        """Count a template that is gone neither with its peers nor with what was placed."""
        self._peers.note(ref, None, frozenset())
        self._capacities.forget(ref)
        self.evict.forget(ref)

    async def _write(self, ref: Ref, template: Template, spec: BindingSpec, record: Record | None) -> None:
        if record is None:
            await self._create(ref, template, spec)
        elif record.spec != spec or template.uid not in record.owners or FINALIZER not in record.finalizers:
            await self._update(ref, template, spec, record)

    async def _create(self, ref: Ref, template: Template, spec: BindingSpec) -> None:
        resource, (namespace, name) = self._host.binding_key(ref)
        manifest = {
            "apiVersion": API_VERSION,
            "kind": resource.kind,
            "metadata": {
                "name": name,
                **({"namespace": namespace} if namespace else {}),
                "finalizers": [FINALIZER],
                "ownerReferences": [_owner(ref, template)],
            },
            "spec": spec.dump(),
        }
        answer = await self._host.api.create(resource, manifest, manager=FIELD_MANAGER)
        self._host.observe_binding(resource, answer)

    async def _update(self, ref: Ref, template: Template, spec: BindingSpec, record: Record) -> None:
        resource, (namespace, name) = self._host.binding_key(ref)
        metadata = record.binding.metadata
        body = {
            "metadata": {
                "resourceVersion": metadata.resource_version,
                "finalizers": sorted({*metadata.finalizers, FINALIZER}),
                "ownerReferences": [_owner(ref, template)],
            },
            "spec": difference(record.spec.dump(), spec.dump()),
        }
        answer = await self._host.api.patch(resource, name, namespace, body, manager=FIELD_MANAGER)
        self._host.observe_binding(resource, answer)


def _facts(ref: Ref, template: Template) -> Workload:
    return Workload(
        group_version=ref.resource.api_version,
        kind=ref.resource.kind,
        replicas=template.replicas,
        uid=template.uid,
        problem=template.problem,
    )


def _owner(ref: Ref, template: Template) -> Manifest:
    return owner(ref, template.uid) | {"blockOwnerDeletion": True}
