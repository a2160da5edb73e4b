"""Writer: carries out in a member what was decided about a copy. The single place that writes to members."""

from __future__ import annotations

from contextlib import suppress

from federation.controllers.kinds import Record
from federation.kube.api import Api
from federation.kube.errors import Conflict, NotFound, NotServed
from federation.kube.ownership import without
from federation.kube.ref import Ref
from federation.kube.resources import Manifest
from federation.members.copies import MemberCopy, fields_of, projection
from federation.members.member import Member
from federation.resources import NAMESPACES, PODS
from policies.copies import (
    BINDING_ANNOTATION,
    DIGEST_ANNOTATION,
    FIELD_MANAGER,
    HOST_LABEL,
    RELEASE_ANNOTATION,
    RELEASE_MANAGER,
    REPLICAS_MANAGER,
    SHADOW_LABEL,
    stamp,
)
from policies.jsonpath import has, put
from policies.rendering import Rendered, prune
from policies.requirements import conflict_resolution
from policies.verdicts import Verdict
from policies.workloads.interpretation import replicas_at

_MANAGERS = (FIELD_MANAGER, RELEASE_MANAGER, REPLICAS_MANAGER)


class Refused(Exception):
    """The object in the member is not ours to write."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.message)
        self.verdict = verdict


class Writer:
    """Writes to members on behalf of one host."""

    def __init__(self, host: Api, host_id: str) -> None:
        self._host, self._host_id = host, host_id

    async def put(
        self, member: Member, ref: Ref, record: Record, rendered: Rendered, copy: MemberCopy | None
    ) -> MemberCopy:
        """Bring a copy to a manifest and its release; raises Refused if the object is there and not ours.

        What a release holds a copy by goes with the manifest in one write, and then belongs to a field
        manager of its own: a wave is a write by that manager alone. At the end it lets go first.
        """
        if copy is not None and gives_replicas_up(rendered, copy):
            await self._keep_replicas(member, ref, copy)
        if rendered.restraint is None:
            if copy is not None and copy.restrained:
                copy = await self._hold(member, ref, rendered, copy)
            return await self._put(member, ref, record, rendered, copy)
        if copy is None or copy.copy.digest != rendered.digest or copy.copy.echo == rendered.echo:
            copy = await self._put(member, ref, record, rendered, copy)
        return await self._hold(member, ref, rendered, copy)

    async def _put(
        self, member: Member, ref: Ref, record: Record, rendered: Rendered, copy: MemberCopy | None
    ) -> MemberCopy:
        manifest = stamp(
            rendered.whole,
            host=self._host_id,
            digest=rendered.digest,
            binding=record.binding,
            echo=rendered.echo,
        )
        apply = self._apply if copy is not None else self._apply_first
        try:
            answer = await apply(member, ref, record, manifest)
        except NotFound as error:
            if isinstance(error, NotServed) or not ref.namespace:
                raise
            await self._create_namespace(member.api, ref.namespace)
            answer = await apply(member, ref, record, manifest)
        return _observed(member, ref, answer)

    async def _hold(self, member: Member, ref: Ref, rendered: Rendered, copy: MemberCopy) -> MemberCopy:
        """Apply, as the release, what holds this very object and what it says of that, or let go of it."""
        metadata: Manifest = {"name": ref.name, "namespace": ref.namespace, "uid": copy.copy.uid}
        manifest: Manifest = {
            "apiVersion": ref.resource.api_version,
            "kind": ref.resource.kind,
            "metadata": metadata,
        }
        if rendered.restraint is not None:
            metadata["annotations"] = {RELEASE_ANNOTATION: rendered.echo}
            manifest["spec"] = rendered.restraint
        answer = await member.api.apply(ref.resource, manifest, manager=RELEASE_MANAGER)
        return _observed(member, ref, answer)

    async def _keep_replicas(self, member: Member, ref: Ref, copy: MemberCopy) -> None:
        """Have the replicas stay what they are when our apply does not say them any more.

        A field that its last owner leaves out goes back to its default, here 1. An autoscaler owns it only
        once it has changed it; then this conflicts, and nothing is to be done (KEP-2332; measured on
        Kubernetes 1.36).
        """
        manifest = {
            "apiVersion": ref.resource.api_version,
            "kind": ref.resource.kind,
            "metadata": {"name": ref.name, "namespace": ref.namespace, "uid": copy.copy.uid},
        }
        manifest = with_replicas_kept(manifest, copy)
        with suppress(Conflict):
            await member.api.apply(ref.resource, manifest, manager=REPLICAS_MANAGER, force=False)

    async def _apply(self, member: Member, ref: Ref, record: Record, manifest: Manifest) -> Manifest:
        return await member.api.apply(ref.resource, manifest, manager=FIELD_MANAGER)

    async def _apply_first(self, member: Member, ref: Ref, record: Record, manifest: Manifest) -> Manifest:
        """Apply where no copy is known: create the object, or look whose it is when there is one already."""
        try:
            return await self._apply(member, ref, record, _only_new(manifest))
        except Conflict:
            await self._look(member, ref, record)
            return await self._apply(member, ref, record, manifest)

    async def remove(self, member: Member, ref: Ref, uid: str, *, wholly: bool = False) -> None:
        """Delete the object with this UID; its dependents follow in the background, or if `wholly`, it is
        there until they are gone.
        """
        how = "Foreground" if wholly else "Background"
        with suppress(NotFound):
            await member.api.delete(ref.resource, ref.name, ref.namespace, uid=uid, propagation=how)

    async def evict(self, member: Member, namespace: str, name: str, uid: str) -> None:
        """Delete the pod with this UID; one that is gone, or another of its name, is left alone."""
        with suppress(NotFound, Conflict):
            await member.api.delete(PODS, name, namespace, uid=uid)

    async def release(self, member: Member, ref: Ref) -> None:
        """Leave the object as it is and give up our label, annotations and field ownership."""
        try:
            live = await member.api.get(ref.resource, ref.name, ref.namespace, metadata_only=True)
        except NotFound:
            return
        metadata = live["metadata"]
        ours = (DIGEST_ANNOTATION, BINDING_ANNOTATION, RELEASE_ANNOTATION)
        body = {
            "metadata": {
                "resourceVersion": metadata["resourceVersion"],
                "labels": {HOST_LABEL: None},
                "annotations": dict.fromkeys(ours),
                "managedFields": without(metadata.get("managedFields") or [], *_MANAGERS) or [{}],
            }
        }
        await member.api.patch(ref.resource, ref.name, ref.namespace, body, manager=FIELD_MANAGER)

    async def _look(self, member: Member, ref: Ref, record: Record) -> None:
        """Raise Refused unless the object in the member is ours, or may be taken over."""
        try:
            live = await member.api.get(ref.resource, ref.name, ref.namespace, metadata_only=True)
        except NotServed:
            raise
        except NotFound:
            return
        if (verdict := refusal(ref, member.name, record, live, self._host_id)) is not None:
            raise Refused(verdict)

    async def _create_namespace(self, member: Api, name: str) -> None:
        """Create a namespace in the member like the host's; one that exists is left alone."""
        pruned: Manifest = prune(await self._host.get(NAMESPACES, name))["metadata"]
        labels = {k: v for k, v in pruned.get("labels", {}).items() if k != "kubernetes.io/metadata.name"}
        metadata = {"name": name, "labels": labels | {HOST_LABEL: self._host_id}}
        if annotations := pruned.get("annotations"):
            metadata["annotations"] = annotations
        manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
        with suppress(Conflict):
            await member.create(NAMESPACES, manifest, manager=FIELD_MANAGER)


def refusal(ref: Ref, cluster: str, record: Record, live: Manifest, host_id: str) -> Verdict | None:
    """Return why an object in a member is not ours to write; None if it is ours, or may be taken over."""
    labels = live["metadata"].get("labels") or {}
    owner = labels.get(HOST_LABEL, "")
    if owner == host_id or is_placed_by(record, live):
        return None
    if owner:
        return _foreign(ref, cluster, owner)
    if conflict_resolution(record.spec) == "Abort" and labels.get(SHADOW_LABEL) != "true":
        return _unmanaged(ref, cluster)
    return None


def is_placed_by(record: Record, live: Manifest) -> bool:
    """Whether an object in a member says that it was placed by a binding."""
    placed_by = (live["metadata"].get("annotations") or {}).get(BINDING_ANNOTATION, "")
    return bool(placed_by.startswith(f"{record.binding.metadata.uid}/"))


def gives_replicas_up(rendered: Rendered, copy: MemberCopy) -> bool:
    """Whether we own the replicas of a copy whose manifest does not speak of them."""
    keys = replicas_at(copy.workload)
    if keys is None or has(rendered.manifest, keys):
        return False
    owned = has(fields_of(copy.owned), [f"f:{key}" for key in keys])
    return owned and copy.workload.replicas(copy.live) is not None


def with_replicas_kept(manifest: Manifest, copy: MemberCopy) -> Manifest:
    """Return a manifest that asks for as many replicas as a copy does."""
    keys = replicas_at(copy.workload)
    return manifest if keys is None else put(manifest, keys, copy.workload.replicas(copy.live))


def _only_new(manifest: Manifest) -> Manifest:
    """Return the manifest in a form that an apply creates, and that conflicts with any object there is.

    An apply with a resourceVersion creates an object that is absent and is refused (409) when the stored one
    has another version; no object has version 1, the first that etcd gives is 2. One request does what a look
    and an apply would do in two, and nobody can come in between.
    """
    return manifest | {"metadata": manifest["metadata"] | {"resourceVersion": "1"}}


def _observed(member: Member, ref: Ref, answer: Manifest) -> MemberCopy:
    """Take the server's answer into the member's mirror."""
    if (mirror := member.copies[ref.resource]) is not None:
        mirror.observe(answer)
    return projection(ref.resource)(answer)


def _foreign(ref: Ref, cluster: str, owner: str) -> Verdict:
    return Verdict(
        "OwnedByAnotherHost",
        f"{ref} in cluster {cluster} belongs to the federation host {owner}; release it there first, or "
        f"start this host with --host-id {owner} if it replaces that one",
    )


def _unmanaged(ref: Ref, cluster: str) -> Verdict:
    return Verdict(
        "ConflictResolutionAbort",
        f"{ref} exists in cluster {cluster} and is not managed by Atoll; take it over by `atoll adopt --from "
        f"{cluster}`, delete it there, or set spec.conflictResolution: Overwrite in the policy",
    )
