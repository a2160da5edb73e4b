"""Proposal: what would come of adopting one object of a cluster. Everything is checked; nothing is written.

The template is asked of the host as a dry run, so that it is what the host would make of it; what the
controller would then do is decided by its own classes, and the change in the cluster told by the cluster.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import NamedTuple

from federation.cli.adopting.placing import Decided, Refusal, decided
from federation.cli.explaining.comparing import Field, fields_of
from federation.cli.explaining.known import Known, Nobody, bound, found, known_as
from federation.cli.explaining.sights import ANSWER, Sight, Sights, look
from federation.cli.reach import asked_of
from federation.controllers.gate import Gate
from federation.controllers.host import Host
from federation.controllers.keys import Key
from federation.controllers.wanted import Wanted
from federation.controllers.writer import refusal
from federation.kube.api import Api, Manifest
from federation.kube.discovery import Discovery
from federation.kube.errors import ApiError, NotFound, NotServed, StatusError
from federation.kube.ref import Ref
from federation.members.copies import projection
from policies.adoption import FIELD_MANAGER, author, obstacle, template
from policies.api.binding import Requirement, TargetCluster
from policies.api.cluster import Cluster
from policies.copies import FIELD_MANAGER as APPLY
from policies.copies import HOST_LABEL
from policies.rendering import Rendered
from policies.verdicts import Verdict


@dataclass(frozen=True)
class From:
    """Where objects are adopted from, and for whom."""

    host: Api
    discovery: Discovery
    member: Api
    cluster: Cluster
    host_id: str
    waiting: Callable[[str], None]

    @property
    def name(self) -> str:
        return self.cluster.metadata.name

    def asked(self) -> AbstractContextManager[None]:
        """Have what goes wrong inside be told as what the cluster is asked."""
        return asked_of(self.name, ANSWER)


class Elsewhere(NamedTuple):
    """What another cluster is to hold of the object."""

    target: TargetCluster
    said: str
    """What is in the way there; empty if nothing is."""
    present: bool
    """It holds a copy of ours already."""


@dataclass(frozen=True)
class Proposal:
    """What would come of adopting an object."""

    ref: Ref
    live: Manifest
    """As it is in the cluster."""
    template: Manifest
    """As it would be made on the host."""
    on_host: bool
    """The host has it already."""
    decided: Decided
    changes: tuple[Field, ...] = ()
    """What would not stay as it is in the cluster."""
    elsewhere: tuple[Elsewhere, ...] = field(default=())

    def marked(self, host_id: str) -> bool:
        """Whether the object says already that it is a host's."""
        return bool((self.live["metadata"].get("labels") or {}).get(HOST_LABEL) == host_id)


async def proposed(source: From, asked: Ref, required: Sequence[Requirement] = ()) -> Proposal:
    """Return what would come of adopting an object.

    :param required: the workloads that are adopted with it and need it.
    :raises Refusal: it can't be adopted
    """
    host = Host(source.host, source.discovery, Nobody())
    ref = await bound(host, asked)
    live = await _running(source, ref)
    wanted = template(live)
    present = await found(source.host, ref)
    if present is not None and "deletionTimestamp" in present["metadata"]:
        raise Refusal("the host has one of that name that is being deleted; wait until it is gone")
    known = await known_as(host, ref, present or await _as_made(source, ref, wanted))
    place = decided(known, source.cluster, present is not None, required)
    await _recordable(source, place)
    sights, failures = await _sights(source, place.known, place.targets)
    return Proposal(
        ref=ref,
        live=live,
        template=wanted,
        on_host=present is not None,
        decided=place,
        changes=await _changes(source, place, live, sights),
        elsewhere=tuple(_elsewhere(source, place, sights, failures)),
    )


async def _running(source: From, ref: Ref) -> Manifest:
    with source.asked():
        try:
            live = await found(source.member, ref)
        except NotServed:
            raise Refusal(f"cluster {source.name} does not serve {ref.resource.api_version}") from None
    if live is None:
        raise Refusal(f"not found in cluster {source.name}; name its namespace with -n")
    if why := obstacle(live, source.host_id):
        raise Refusal(why)
    return live


async def _as_made(source: From, ref: Ref, wanted: Manifest) -> Manifest:
    """Return the template as the host would store it."""
    query = {"fieldManager": author(wanted), "dryRun": "All"}
    path = ref.resource.path(ref.namespace or None)
    try:
        made = await source.host.request("POST", path, query=query, body=wanted, resource=ref.resource)
    except NotFound:
        raise Refusal(
            f"the host has no namespace {ref.namespace}; `kubectl create namespace {ref.namespace}` there"
        ) from None
    except StatusError as error:
        raise Refusal(f"the host would refuse it: {error}") from None
    # The UID is that of a dry run: who goes by it gets another one in the end.
    return made | {"metadata": made["metadata"] | {"uid": "", "resourceVersion": "1"}}


async def _recordable(source: From, place: Decided) -> None:
    """Ask the host whether it would take the binding that comes first."""
    if place.seed is None:
        return
    resource, _ = place.known.host.binding_key(place.known.ref)
    try:
        await source.host.apply(resource, place.seed, manager=FIELD_MANAGER, dry_run=True)
    except StatusError as error:
        raise Refusal(f"the host would refuse to record where it is: {error}") from None


async def _sights(
    source: From, known: Known, targets: Mapping[str, Cluster]
) -> tuple[Sights, Mapping[str, str]]:
    """Return what the clusters of a placement have; the object to adopt counts as ours."""
    sights, failures = await look(known, source.host_id, list(targets.values()), source.waiting)
    return Sights(_ours(source, known, sight) for sight in sights), failures


def _ours(source: From, known: Known, sight: Sight) -> Sight:
    if sight.name != source.name or sight.live is None:
        return sight
    read_by = known.host.interpreters.in_force
    return sight._replace(copy=projection(known.ref.resource, lambda: read_by)(sight.live))


async def _changes(source: From, place: Decided, live: Manifest, sights: Sights) -> tuple[Field, ...]:
    """Return what the apply of the controller would change in the cluster, as its API server says."""
    known, host = place.known, place.known.host
    rendered = Wanted(host, Gate(host, sights), sights)(
        Key(source.name, known.ref), known.template, place.record, place.targets[source.name]
    )
    if isinstance(rendered, Verdict):
        raise Refusal(f"{rendered.reason}: {rendered.message}")
    manifest = _marked(rendered, live, source.host_id)
    try:
        after = await source.member.apply(known.ref.resource, manifest, manager=APPLY, dry_run=True)
    except StatusError as error:
        raise Refusal(f"cluster {source.name} would refuse the apply: {error}") from None
    return tuple(fields_of(live, after, is_current=False))


def _marked(rendered: Rendered, live: Manifest, host_id: str) -> Manifest:
    manifest = rendered.whole
    metadata = manifest["metadata"]
    labels = metadata.get("labels", {}) | {HOST_LABEL: host_id}
    return manifest | {"metadata": metadata | {"labels": labels, "uid": live["metadata"]["uid"]}}


def _elsewhere(source: From, place: Decided, sights: Sights, failures: Mapping[str, str]) -> list[Elsewhere]:
    return [
        _in_another(source, place, target, sights.of(target.name), failures.get(target.name, ""))
        for target in place.record.spec.clusters
        if target.name != source.name
    ]


def _in_another(
    source: From, place: Decided, target: TargetCluster, sight: Sight | None, failure: str
) -> Elsewhere:
    if sight is None or sight.live is None:
        return Elsewhere(target, failure, present=False)
    verdict = refusal(place.known.ref, target.name, place.record, sight.live, source.host_id)
    if verdict is None:
        return Elsewhere(target, "", present=sight.copy is not None)
    said = f"{verdict.reason}: it runs there by itself; adopt it from {target.name}, too"
    return Elsewhere(target, said, present=False)


def checked(cluster: Cluster) -> None:
    """Have only clusters be adopted from that can be written to.

    :raises ApiError: this one can't
    """
    name, metadata = cluster.metadata.name, cluster.metadata
    ready = next((c for c in cluster.status.conditions if c.type == "Ready"), None)
    if metadata.deletion_timestamp:
        raise ApiError(f"cluster {name} is leaving the federation")
    if cluster.spec.paused:
        raise ApiError(f"cluster {name} is paused; take spec.paused out of the Cluster first")
    if ready is None or ready.status != "True":
        raise ApiError(f"cluster {name} is not ready; see `kubectl describe cluster {name}`")
