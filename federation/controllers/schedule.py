"""schedule: template + policy + clusters to ResourceBinding.spec.

One write when a template is first governed, one when what the binding says changes, none otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from federation.controllers.brake import Brake
from federation.controllers.host import Host, subject_of
from federation.controllers.kinds import Broken, Record, Template
from federation.kube.errors import NotFound
from federation.kube.merge import difference
from federation.kube.ref import Ref
from federation.kube.resources import Manifest
from federation.members.fleet import Fleet
from federation.resources import NAMESPACES
from policies import placement
from policies.api.binding import BindingSpec, PolicyReference, ResourceReference, TargetCluster
from policies.api.meta import API_VERSION
from policies.api.propagation import PropagationPolicy
from policies.copies import FIELD_MANAGER, FINALIZER
from policies.matching import governing
from policies.placement import Workload
from policies.verdicts import Verdict

ABSENCE_GRACE = 1.0
"""Seconds to wait for the garbage collector's recorded deletion before inferring one from a template's
absence.
"""
HELD_RECHECK = 60.0


class Schedule:
    """Reconciles one template's binding, then tells `dispatch` that its copies may need a look.

    `held(cluster)` is called when the brake holds more or less there.
    `verdicts` says why a template's placement is what it is.
    """

    def __init__(
        self, host: Host, fleet: Fleet, dispatch: Callable[[Ref], None], held: Callable[[str], None]
    ) -> None:
        self._host, self._fleet, self._dispatch = host, fleet, dispatch
        self.brake = Brake(host, held)
        self.verdicts: dict[Ref, Verdict] = {}
        self._decided: dict[Ref, Template] = {}
        self._gone: dict[Ref, str] = {}

    async def __call__(self, ref: Ref) -> float | None:
        template, record = self._host.template(ref), self._host.binding(ref)
        again = None
        if record is not None and record.deleting:
            await self._finish(ref, record)
        elif template is None:
            again = await self._without_template(ref, record)
        else:
            self.brake.present(ref)
            await self._place(ref, template, record)
            self._decided[ref] = template
        self._dispatch(ref)
        return again

    def decided(self, ref: Ref) -> Template | None:
        """Return the template if the binding was decided for what it says now: only then may copies follow
        it.
        """
        template = self._host.template(ref)
        return template if template is not None and self._decided.get(ref) == template else None

    def gone(self, ref: Ref, record: Record) -> bool:
        """Whether the host's API server confirmed that the template of this binding is gone."""
        return self._gone.get(ref) == record.binding.metadata.uid

    # A template that exists

    async def _place(self, ref: Ref, template: Template, record: Record | None) -> None:
        policy = self._governing(ref, template, record)
        if isinstance(policy, Verdict):
            self.verdicts[ref] = policy
            return
        if policy is None and record is None:
            self.verdicts.pop(ref, None)
            return
        spec, verdict = self._decide(ref, template, policy, record)
        self.verdicts[ref] = verdict
        if record is None:
            await self._create(ref, template, spec)
        elif record.spec != spec or template.uid not in record.owners or FINALIZER not in record.finalizers:
            await self._update(ref, template, spec, record)

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
        self, ref: Ref, template: Template, policy: PropagationPolicy | None, record: Record | None
    ) -> tuple[BindingSpec, Verdict]:
        resource = ResourceReference(
            api_version=ref.resource.api_version,
            kind=ref.resource.kind,
            plural=ref.resource.plural,
            namespace=ref.namespace,
            name=ref.name,
            uid=template.uid,
        )
        before = record.spec if record else BindingSpec(resource=resource)
        clusters = [cluster for _, cluster in self._host.clusters.items()]
        if policy is None:
            staying = {
                cluster.metadata.name for cluster in clusters if not cluster.metadata.deletion_timestamp
            }
            kept = [target for target in before.clusters if target.name in staying]
            spec = before.model_copy(update={"resource": resource, "policy": None, "clusters": kept})
            return spec, _NO_POLICY
        if unsupported := placement.unsupported_fields(policy.spec):
            decision = placement.hold(unsupported[0], clusters, before.clusters)
        else:
            facts = _facts(ref, template)
            decision = placement.place(facts, policy.spec.placement, clusters, before.clusters)
        placed = policy.spec.placement
        shares = placement.completions(template.completions, placed, decision.clusters, template.uid)
        targets = [
            TargetCluster(name=target.name, replicas=target.replicas, completions=shares.get(target.name))
            for target in decision.clusters
        ]
        spec = BindingSpec(
            resource=resource,
            policy=PolicyReference(
                kind=policy.kind,  # type: ignore[arg-type]
                namespace=policy.metadata.namespace,
                name=policy.metadata.name,
            ),
            conflict_resolution=policy.spec.conflict_resolution,
            preserve_resources_on_deletion=policy.spec.preserve_resources_on_deletion,
            clusters=targets,
            evictions=before.evictions,
        )
        return spec, decision.verdict or _scheduled(decision.clusters)

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

    # A binding that is being deleted

    async def _finish(self, ref: Ref, record: Record) -> None:
        """Let the binding go once no cluster holds a copy that must go with it.

        The template is asked for once; from then on the copies go, even if the template is created anew
        meanwhile.
        """
        self.brake.present(ref)
        if FINALIZER not in record.finalizers:
            return
        if not self.gone(ref, record) and await self._template_gone(ref):
            self._gone[ref] = record.binding.metadata.uid
        if self.gone(ref, record) and self._copies_remain(ref, record):
            self.verdicts[ref] = _DELETING
            return  # each copy that goes brings this key back
        resource, (namespace, name) = self._host.binding_key(ref)
        metadata = record.binding.metadata
        remaining = [finalizer for finalizer in metadata.finalizers if finalizer != FINALIZER]
        body = {"metadata": {"resourceVersion": metadata.resource_version, "finalizers": remaining or None}}
        with suppress(NotFound):
            await self._host.api.patch(resource, name, namespace, body, manager=FIELD_MANAGER)
        for memory in (self.verdicts, self._gone, self._decided):
            memory.pop(ref, None)

    def _copies_remain(self, ref: Ref, record: Record) -> bool:
        """Whether a cluster that the binding names, or any we can see, may still hold a copy."""
        named = {target.name for target in record.spec.clusters}
        for name in named | {member.name for member in self._fleet}:
            member = self._fleet.get(name)
            if member is None:
                if name in named and self._host.clusters.get(("", name)) is not None:
                    return True  # known to the federation, but not connected yet
                continue
            if name in named and not (member.available and member.copies.synced(ref.resource)):
                return True
            if member.copies.get(ref.resource, ref.key) is not None:
                return True
        return False

    async def _template_gone(self, ref: Ref) -> bool:
        """Ask the host's API server itself: a template is gone when it says 404, or that it is being deleted,
        or its namespace with all that is in it.

        A kind that is no longer served is no answer: NotServed is raised.
        """
        try:
            live = await self._host.api.get(ref.resource, ref.name, ref.namespace, metadata_only=True)
        except NotFound:
            return True
        return "deletionTimestamp" in live["metadata"] or await self._namespace_goes(ref.namespace)

    async def _namespace_goes(self, namespace: str) -> bool:
        if not namespace:
            return False
        try:
            live = await self._host.api.get(NAMESPACES, namespace, metadata_only=True)
        except NotFound:
            return True
        return "deletionTimestamp" in live["metadata"]

    # A binding whose template is not there

    async def _without_template(self, ref: Ref, record: Record | None) -> float | None:
        """Delete the binding of a template that is gone, within the brake; without an owner reference,
        keep it.
        """
        self._decided.pop(ref, None)
        if record is None:
            self.brake.present(ref)
            self.verdicts.pop(ref, None)
            return None
        if not self._host.templates.synced(ref.resource):
            return None  # the first list brings this key back
        if not record.owners:
            self.verdicts[ref] = _TEMPLATE_MISSING
            return None
        waited = self.brake.absent(ref, tuple(target.name for target in record.spec.clusters))
        if waited < ABSENCE_GRACE:
            return ABSENCE_GRACE - waited
        if not await self._template_gone(ref):
            return ABSENCE_GRACE
        if (cluster := self.brake.holds(ref)) is not None:
            self.verdicts[ref] = _held(cluster)
            return HELD_RECHECK
        self.brake.released(ref)
        resource, (namespace, name) = self._host.binding_key(ref)
        with suppress(NotFound):
            await self._host.api.delete(resource, name, namespace, uid=record.binding.metadata.uid)
        return None


_DELETING = Verdict("Deleting", "the copies in the members are being removed")
_NO_POLICY = Verdict(
    "NoPolicy", "no policy selects the template: its copies stay as they are; apply a policy that does"
)
_TEMPLATE_MISSING = Verdict(
    "TemplateMissing",
    "the template does not exist and this binding has no owner reference to it (as after a restore): its "
    "copies stay; apply the template again, or delete this binding to remove them",
)


def _held(cluster: str) -> Verdict:
    return Verdict(
        "DeletionHeld",
        f"the template is gone, but so are more than a fifth of all in cluster {cluster} within a minute: "
        "its copies stay; apply the templates again, or delete this binding to remove them",
    )


def _scheduled(clusters: tuple[TargetCluster, ...]) -> Verdict:
    return Verdict("Scheduled", f"placed on {len(clusters)} cluster{'s'[: len(clusters) != 1]}")


def _facts(ref: Ref, template: Template) -> Workload:
    return Workload(
        group_version=ref.resource.api_version,
        kind=ref.resource.kind,
        replicas=template.replicas,
        uid=template.uid,
    )


def _owner(ref: Ref, template: Template) -> Manifest:
    return {
        "apiVersion": ref.resource.api_version,
        "kind": ref.resource.kind,
        "name": ref.name,
        "uid": template.uid,
        "blockOwnerDeletion": True,
    }
