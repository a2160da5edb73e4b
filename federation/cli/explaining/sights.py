"""What members have of one object, asked once, for the classes that otherwise ask the mirrors of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from federation.cli.explaining.known import Known
from federation.cli.reach import answers, reached
from federation.controllers.writer import is_placed_by
from federation.kube.api import Api, Manifest
from federation.kube.errors import Forbidden, NotFound
from federation.kube.ref import Ref
from federation.members.autoscalers import AUTOSCALERS, Scaled, scaled_by
from federation.members.copies import MemberCopy, has_replicas, projection
from policies.api.cluster import Cluster
from policies.copies import HOST_LABEL

ANSWER = 10.0
"""Seconds that a member has for its first answer."""


class Sight(NamedTuple):
    """What one member has."""

    name: str
    live: Manifest | None
    """The object of that name there, whosever it is."""
    copy: MemberCopy | None
    """None unless it is ours."""
    scaled: bool
    """An autoscaler there decides its replicas."""


class Sights:
    """What the members that answered have."""

    def __init__(self, sights: Iterable[Sight]) -> None:
        self._sights = {sight.name: sight for sight in sights}

    def __iter__(self) -> Iterator[Sight]:
        return iter(self._sights.values())

    def of(self, cluster: str) -> Sight | None:
        return self._sights.get(cluster)

    def copy(self, cluster: str, ref: Ref) -> MemberCopy | None:
        sight = self.of(cluster)
        return sight.copy if sight is not None else None

    def scales(self, cluster: str, ref: Ref) -> bool:
        sight = self.of(cluster)
        return sight is not None and sight.scaled and sight.copy is not None


async def look(
    known: Known, host_id: str, clusters: Sequence[Cluster], waiting: Callable[[str], None]
) -> tuple[Sights, dict[str, str]]:
    """Ask members; return what they have, and why some gave no answer."""

    async def ask(cluster: Cluster) -> Sight:
        async with reached(known.host.api, cluster, ANSWER) as api:
            return await _sight(api, known, host_id, cluster.metadata.name)

    seen: list[Sight] = []
    failures: dict[str, str] = {}
    async for batch in answers(clusters, ask, waiting, early=False):
        for answer in batch:
            if answer.found is not None:
                seen.append(answer.found)
            else:
                failures[answer.cluster] = answer.failure
    return Sights(seen), failures


async def _sight(api: Api, known: Known, host_id: str, name: str) -> Sight:
    ref, record = known.ref, known.record
    try:
        live = await api.get(ref.resource, ref.name, ref.namespace)
    except NotFound:
        return Sight(name, None, None, scaled=False)
    owner = (live["metadata"].get("labels") or {}).get(HOST_LABEL, "")
    is_ours = owner == host_id or (bool(owner) and record is not None and is_placed_by(record, live))
    read_by = known.host.interpreters.in_force
    copy = projection(ref.resource, lambda: read_by)(live) if is_ours else None
    return Sight(name, live, copy, has_replicas(ref.resource, read_by) and await _is_scaled(api, ref))


async def _is_scaled(api: Api, ref: Ref) -> bool:
    workload = Scaled(ref.namespace, ref.resource.group, ref.resource.kind, ref.name)
    try:
        async for page in api.list(AUTOSCALERS, namespace=ref.namespace):
            if any(scaled_by(item) == workload for item in page.items):
                return True
    except (NotFound, Forbidden):
        pass  # a member that refuses to list them has none, as far as the controller is concerned
    return False
