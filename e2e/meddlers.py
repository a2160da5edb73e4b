"""What meddlers do to records on the host, and to the namespace and the definitions of a member.

What they change on the host is put back. What users lose in a member they bring back themselves, and the rest
comes again with it.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from e2e.accidents import Accidents, Menu
from e2e.fleet import CLEANED, names
from federation.kube.errors import NotFound
from federation.kube.resources import Manifest, Resource
from federation.settings import NAMESPACE
from mcs.install import install
from mcs.names import MCS_SERVICE, SERVICE_NAMESPACE, SOURCE_LEASE, host_namespace, set_name
from mcs.resources import (
    CLUSTER_EXPORTS,
    ENDPOINT_SLICES,
    LEASES,
    SERVICE_EXPORTS,
    SERVICE_IMPORTS,
    SERVICE_SETS,
    SOURCE_STATES,
)
from tests.federated import CRDS, NAMESPACES, absent

_MEDDLER = "meddler"


# Records on the host


async def set_is_edited(scene: Accidents, cluster: str, service: str) -> None:
    """What it says counts until it is put back."""
    scene.imports.exempt |= {(each, service) for each in scene.fleet.members}
    name = set_name((scene.estate.namespace, service))
    live = await scene.fleet.host.get(SERVICE_SETS, name, NAMESPACE)
    if live is None:
        return
    edits: list[Manifest] = [
        {"clusters": live["spec"]["clusters"][:-1]},
        {"clusters": []},
        {"ports": [{"name": "wrong", "port": 81, "protocol": "TCP"}]},
        {"revision": 1},
        {"revision": live["spec"]["revision"] + 1000},
    ]
    await _edit(scene, SERVICE_SETS, name, NAMESPACE, scene.chance.choice(edits))


async def source_state_is_edited(scene: Accidents, cluster: str, service: str) -> None:
    """Nothing goes, whatever it says: what a cluster exports is on the host."""
    edits: list[Manifest] = [{"synced": False}, {"epoch": "another"}, {"synced": False, "epoch": ""}]
    await _edit(scene, SOURCE_STATES, cluster, NAMESPACE, scene.chance.choice(edits))


async def record_is_edited(scene: Accidents, cluster: str, service: str) -> None:
    """What a cluster is said to export counts until it is put back."""
    scene.imports.exempt |= {(each, service) for each in scene.fleet.members}
    edits: dict[Resource, Manifest] = {
        ENDPOINT_SLICES: {"endpoints": []},
        CLUSTER_EXPORTS: {"spec": {"service": {"ports": [{"name": "wrong", "port": 81, "protocol": "TCP"}]}}},
    }
    resource = scene.chance.choice(list(edits))
    home, labels = (
        host_namespace(cluster),
        f"{MCS_SERVICE}={service},{SERVICE_NAMESPACE}={scene.estate.namespace}",
    )
    if found := await names(scene.fleet.host, resource, home, labels):
        scene.details = resource.plural
        with suppress(NotFound):
            await scene.fleet.host.api.patch(
                resource, scene.chance.choice(sorted(found)), home, edits[resource], manager=_MEDDLER
            )


async def lease_is_edited(scene: Accidents, cluster: str, service: str) -> None:
    """Nothing goes: times of different clocks are never compared."""
    by = timedelta(seconds=scene.chance.choice([-3600, 3600, -5 * 365 * 86400]))
    time = (datetime.now(UTC) + by).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    await _edit(scene, LEASES, SOURCE_LEASE, host_namespace(cluster), {"renewTime": time})


async def lease_is_lost(scene: Accidents, cluster: str, service: str) -> None:
    await scene.fleet.host.delete(LEASES, SOURCE_LEASE, host_namespace(cluster))


# A member


async def namespace_is_deleted(scene: Accidents, cluster: str, service: str) -> None:
    _exempt(scene, cluster)
    member, name = scene.fleet.members[cluster], scene.estate.namespace
    async with scene.estate.razed(cluster):
        await member.delete(NAMESPACES, name)
        await member.until(NAMESPACES, name, None, absent, seconds=CLEANED)
        manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        await member.apply(NAMESPACES, manifest)


async def definition_is_deleted(scene: Accidents, cluster: str, service: str) -> None:
    """With it go all objects of the kind; somebody joins the cluster again, which installs it."""
    _exempt(scene, cluster)
    kind = scene.chance.choice([SERVICE_EXPORTS, SERVICE_IMPORTS])
    scene.details = kind.plural
    member, name = scene.fleet.members[cluster], f"{kind.plural}.{kind.group}"
    async with scene.estate.razed(cluster):
        await member.delete(CRDS, name)
        await member.until(CRDS, name, None, absent, seconds=CLEANED)
        await install(member.api, cluster, await scene.fleet.host_id())


async def _edit(
    scene: Accidents, resource: Resource, name: str, namespace: str, spec: dict[str, Any]
) -> None:
    scene.details = f"to {spec}"
    with suppress(NotFound):  # it is not there, or no more
        await scene.fleet.host.api.patch(resource, name, namespace, {"spec": spec}, manager=_MEDDLER)


def _exempt(scene: Accidents, cluster: str) -> None:
    scene.imports.exempt |= {(cluster, service) for service in scene.estate.services}


MENU: Menu = {
    set_is_edited: 2,
    source_state_is_edited: 2,
    record_is_edited: 2,
    lease_is_edited: 1,
    lease_is_lost: 1,
    namespace_is_deleted: 1,
    definition_is_deleted: 1,
}
STILL: Menu = {source_state_is_edited: 1, lease_is_edited: 1, lease_is_lost: 1}
