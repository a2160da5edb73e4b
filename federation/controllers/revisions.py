"""Revisions: what workloads were at, kept on the host as ControllerRevisions."""

from __future__ import annotations

from contextlib import suppress

from federation.controllers.host import Host
from federation.controllers.kinds import Template
from federation.controllers.references import owner
from federation.kube.errors import Conflict, NotFound
from federation.kube.ref import Ref
from federation.kube.resources import Manifest
from federation.resources import CONTROLLER_REVISIONS
from policies.copies import FIELD_MANAGER
from policies.release.revision import WORKLOAD_LABEL, Revision


class Revisions:
    """Keeps the revisions of workloads. A revision that is returned to becomes the last one again."""

    def __init__(self, host: Host) -> None:
        self._host = host

    async def keep(self, ref: Ref, template: Template, revision: Revision) -> None:
        """Have a revision on the host, before anything is released to it.

        Before the first run the first revision stays the first: it is what the clusters are at.
        """
        stored = self._host.rollouts.revisions(template.uid)
        if stored and stored[-1].revision.name == revision.name:
            return
        if (
            stored
            and stored[0].revision.name == revision.name
            and not self._host.rollouts.begun(template.uid)
        ):
            return
        number = stored[-1].number + 1 if stored else 1
        if any(each.revision.name == revision.name for each in stored):
            answer = await self._renumber(ref, revision, number)
        else:
            try:
                answer = await self._create(ref, template, revision, number)
            except Conflict:  # made before a restart, and not in the mirror yet: nothing else tells of it
                answer = await self._renumber(ref, revision, number)
        self._host.rollouts.observe_revision(answer)

    async def _create(self, ref: Ref, template: Template, revision: Revision, number: int) -> Manifest:
        manifest = {
            "apiVersion": "apps/v1",
            "kind": "ControllerRevision",
            "metadata": {
                "name": revision.name,
                "namespace": ref.namespace,
                "labels": {WORKLOAD_LABEL: template.uid},
                "ownerReferences": [owner(ref, template.uid)],
            },
            "data": revision.data,
            "revision": number,
        }
        return await self._host.api.create(CONTROLLER_REVISIONS, manifest, manager=FIELD_MANAGER)

    async def _renumber(self, ref: Ref, revision: Revision, number: int) -> Manifest:
        """Make a revision the last one."""
        body = {"revision": number}
        return await self._host.api.patch(
            CONTROLLER_REVISIONS, revision.name, ref.namespace, body, manager=FIELD_MANAGER
        )

    async def prune(self, ref: Ref, template: Template, needed: set[str], limit: int) -> None:
        """Delete the oldest revisions beyond a limit, those that are needed aside."""
        spare = [
            each.revision.name
            for each in self._host.rollouts.revisions(template.uid)
            if each.revision.name not in needed
        ]
        for name in spare[: max(0, len(spare) - limit)]:
            with suppress(NotFound):
                await self._host.api.delete(CONTROLLER_REVISIONS, name, ref.namespace)
