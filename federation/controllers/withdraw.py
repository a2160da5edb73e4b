"""Withdraw: bindings that go. Those that are being deleted, and those whose template is not there.

Nothing is deleted because something is missing: a template counts as gone when the host's API server says so
itself, and then within the brake.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from federation.controllers.brake import Brake
from federation.controllers.host import Host
from federation.controllers.kinds import Record
from federation.kube.errors import NotFound
from federation.kube.ref import Ref
from federation.members.fleet import Fleet
from federation.resources import NAMESPACES
from policies.copies import FIELD_MANAGER, FINALIZER
from policies.requirements import lapsed
from policies.verdicts import Verdict
from policies.workloads import ending

ABSENCE_GRACE = 1.0
"""Seconds to wait for the garbage collector's recorded deletion before inferring one."""
HELD_RECHECK = 60.0
NEEDLESS_RECHECK = 10.0
BUSY_RECHECK = 0.1


class Withdraw:
    """Reconciles a binding that goes; `verdicts` is told why it stays meanwhile.

    `held(cluster)` is called when the brake holds more or less there, `needs(ref)` once a template is gone
    and as long as it says that the template is still on record to need others. `busy(ref)` says whether a
    copy is being looked at.
    """

    def __init__(
        self,
        host: Host,
        fleet: Fleet,
        verdicts: dict[Ref, Verdict],
        held: Callable[[str], None],
        needs: Callable[[Ref], bool],
        busy: Callable[[Ref], bool],
    ) -> None:
        self._host, self._fleet, self._verdicts = host, fleet, verdicts
        self._needs, self._busy = needs, busy
        self.brake = Brake(host, held)
        self._gone: dict[Ref, str] = {}

    async def __call__(self, ref: Ref, record: Record) -> float | None:
        if not record.deleting:
            return await self._without_template(ref, record)
        await self._finish(ref, record)
        return None

    def forget(self, ref: Ref) -> None:
        """The template is there, or its binding is not."""
        self.brake.present(ref)

    def gone(self, ref: Ref, record: Record) -> bool:
        """Whether the host's API server confirmed that the template of this binding is gone."""
        return self._gone.get(ref) == record.binding.metadata.uid

    # A binding that is being deleted

    async def _finish(self, ref: Ref, record: Record) -> None:
        """Let the binding go once no cluster holds a copy that must go with it.

        The template is asked for once; from then on the copies go, even if the template is created anew
        meanwhile.
        """
        self.brake.present(ref)
        if FINALIZER not in record.finalizers:
            return
        if not self.gone(ref, record) and await self._template_gone(ref, record):
            self._gone[ref] = record.binding.metadata.uid
        if self.gone(ref, record) and (self._needs(ref) | self._copies_remain(ref, record)):
            self._verdicts[ref] = _DELETING
            return  # each copy that goes brings this key back
        resource, (namespace, name) = self._host.binding_key(ref)
        metadata = record.binding.metadata
        remaining = [finalizer for finalizer in metadata.finalizers if finalizer != FINALIZER]
        body = {"metadata": {"resourceVersion": metadata.resource_version, "finalizers": remaining or None}}
        with suppress(NotFound):
            await self._host.api.patch(resource, name, namespace, body, manager=FIELD_MANAGER)
        self._verdicts.pop(ref, None)
        self._gone.pop(ref, None)

    def _copies_remain(self, ref: Ref, record: Record) -> bool:
        """Whether a cluster that the binding names, or any we can see, may still hold a copy."""
        named = {target.name for target in record.spec.clusters}
        named |= {eviction.from_cluster for eviction in record.spec.evictions}
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

    async def _template_gone(self, ref: Ref, record: Record) -> bool:
        """Ask the host's API server itself: a template is gone when it says 404, or that it is being deleted,
        or its namespace with all that is in it, or that it is another one which is to run.

        A kind that is no longer served is no answer: NotServed is raised.
        """
        try:
            live = await self._host.api.get(ref.resource, ref.name, ref.namespace, metadata_only=True)
        except NotFound:
            return True
        if "deletionTimestamp" in live["metadata"] or outlived(ref, record, live["metadata"]["uid"]):
            return True
        return await self._namespace_goes(ref.namespace)

    async def _namespace_goes(self, namespace: str) -> bool:
        if not namespace:
            return False
        try:
            live = await self._host.api.get(NAMESPACES, namespace, metadata_only=True)
        except NotFound:
            return True
        return "deletionTimestamp" in live["metadata"]

    # A binding that nothing needs

    async def needless(self, ref: Ref) -> float | None:
        """Delete the binding of a template that no workload needs any more, once no cluster holds a copy."""
        record = self._host.binding(ref)
        if record is None or record.deleting or not lapsed(record.spec):
            return None
        if self._busy(ref):
            return BUSY_RECHECK  # it may be writing a copy that nobody has seen yet
        if any(self._may_hold(name, ref) for _, name in self._host.clusters.keys()):
            return NEEDLESS_RECHECK  # each copy that goes brings this key back sooner
        resource, (namespace, name) = self._host.binding_key(ref)
        with suppress(NotFound):
            await self._host.api.delete(resource, name, namespace, uid=record.binding.metadata.uid)
        return None

    def _may_hold(self, cluster: str, ref: Ref) -> bool:
        """Whether a cluster holds a copy, or can't be asked."""
        member = self._fleet.get(cluster)
        if member is None or not member.available or not member.copies.synced(ref.resource):
            return True
        return member.copies.get(ref.resource, ref.key) is not None

    # A binding whose template is not there

    async def _without_template(self, ref: Ref, record: Record) -> float | None:
        """Delete the binding of a template that is gone, within the brake; without an owner reference,
        keep it.
        """
        if not self._host.templates.synced(ref.resource):
            return None  # the first list brings this key back
        if not record.owners:
            self._verdicts[ref] = _TEMPLATE_MISSING
            return None
        waited = self.brake.absent(ref, tuple(target.name for target in record.spec.clusters))
        if waited < ABSENCE_GRACE:
            return ABSENCE_GRACE - waited
        if not await self._template_gone(ref, record):
            return ABSENCE_GRACE
        if (cluster := self.brake.holds(ref)) is not None:
            self._verdicts[ref] = _held(cluster)
            return HELD_RECHECK
        self.brake.released(ref)
        resource, (namespace, name) = self._host.binding_key(ref)
        with suppress(NotFound):
            await self._host.api.delete(resource, name, namespace, uid=record.binding.metadata.uid)
        return None


def outlived(ref: Ref, record: Record, uid: str) -> bool:
    """Whether a binding is of an earlier template than that with this UID, whose copies won't do for it.

    Those of most kinds do, as they are brought to what the template says. A Job or Pod runs once, and what
    is left of the earlier one has run, or can't be changed.
    """
    another = bool(record.owners) and uid not in record.owners
    return another and ending.may_end(ref.resource.group, ref.resource.kind)


_DELETING = Verdict("Deleting", "the copies in the members are being removed")
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
