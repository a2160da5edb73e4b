"""State: what the clusters hold of one namespace, told so that two runs can be compared.

Times and versions are left out. UIDs and digests differ from run to run, but that the same one stands in two
places does not: each is replaced by a name in the order of first sight.
"""

from __future__ import annotations

import asyncio
import difflib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from federation.kube.resources import Manifest, Resource
from federation.resources import CONTROLLER_REVISIONS, ROLLOUT, ROLLOUT_POLICY
from mcs.names import SET_REVISION
from policies.copies import BINDING_ANNOTATION
from tests.federated import (
    BINDINGS,
    CLUSTERS,
    CONFIGMAPS,
    DEPLOYMENTS,
    NAMESPACES,
    OVERRIDES,
    POLICIES,
    Cluster,
)

State = dict[str, dict[str, Manifest]]
"""By cluster, then by `plural/name`."""


class Kinds(NamedTuple):
    """What a scenario is about."""

    payload: tuple[Resource, ...]
    """What is in the members."""
    on_host: tuple[Resource, ...]
    """What scenarios make on the host, with what becomes of it there."""
    records: tuple[tuple[str, Resource], ...] = ()
    """By namespace, what the controller keeps on the host: all of it is the scenario's."""


_PAYLOAD = (DEPLOYMENTS, CONFIGMAPS)
PROPAGATION = Kinds(
    _PAYLOAD, (*_PAYLOAD, POLICIES, OVERRIDES, BINDINGS, ROLLOUT_POLICY, ROLLOUT, CONTROLLER_REVISIONS)
)
_VOLATILE = frozenset(
    {
        "creationTimestamp",
        "exportCreationTimestamp",
        "resourceVersion",
        "generation",
        "lastTransitionTime",
        "lastUpdateTime",
        "timeAdded",
        "time",
        "startTime",
        "progressTime",
        "readyTime",
        "finishTime",
        "endTime",
    }
)
_UNIQUE = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b[0-9a-f]{16,64}\b|(?<=[a-z]-)[0-9a-f]{10}\b"
    r"|\b172(\.[0-9]{1,3}){3}\b"  # the IPs of Services
)
_SURVEYED = ("apis", "kubernetesVersion", "nodeSummary", "resourceSummary", "podCIDRs", "clusterUid")


async def collect(clusters: Mapping[str, Cluster], namespace: str, kinds: Kinds) -> State:
    """Read the objects of a namespace in all clusters, the records, and the Clusters."""
    found = await asyncio.gather(
        *(_objects(name, cluster, namespace, kinds) for name, cluster in clusters.items())
    )
    text = json.dumps(dict(zip(clusters, found, strict=True)), sort_keys=True).replace(namespace, "NS")
    names: dict[str, str] = {}
    text = _UNIQUE.sub(lambda match: names.setdefault(match[0], f"unique-{len(names) + 1}"), text)
    state: State = json.loads(text)
    return state


async def _objects(cluster: str, server: Cluster, namespace: str, kinds: Kinds) -> dict[str, Manifest]:
    resources = kinds.on_host if cluster == "host" else kinds.payload
    lists = [_listed(server, resource, namespace) for resource in resources]
    if cluster == "host":
        lists.append(_listed(server, CLUSTERS, None))
        lists.extend(_listed(server, resource, home) for home, resource in kinds.records)
    objects = {name: live for found in await asyncio.gather(*lists) for name, live in found.items()}
    if (live := await server.get(NAMESPACES, namespace)) is not None:
        objects["namespaces/NS"] = _stable(live)
    return objects


async def _listed(server: Cluster, resource: Resource, namespace: str | None) -> dict[str, Manifest]:
    pages = [page async for page, _ in server.api.list(resource, namespace=namespace)]
    return {f"{resource.plural}/{_name(m)}": _stable(m) for page in pages for m in page}


def _name(live: Manifest) -> str:
    """Return what an object is called in each run: a ControllerRevision by its number, not by its digest."""
    name: str = live["metadata"]["name"]
    return str(live["revision"]) if "revision" in live else name


def _stable(live: Manifest) -> Manifest:
    metadata = live["metadata"]
    generation = metadata.get("generation")
    if (annotations := metadata.get("annotations")) and BINDING_ANNOTATION in annotations:
        annotations[BINDING_ANNOTATION] = annotations[BINDING_ANNOTATION].partition("/")[0]
    if annotations and SET_REVISION in annotations:
        annotations[SET_REVISION] = annotations[SET_REVISION].partition("/")[0]
    if live["kind"] == "ServiceSet":
        del live["spec"]["revision"]  # it counts the ways that exports came to be what they are
    entries = metadata.pop("managedFields", [])
    metadata["managers"] = {
        f"{entry['manager']} {entry['operation']} {entry.get('subresource', '')}": entry.get("fieldsV1")
        for entry in entries
    }
    if live["kind"] == "Cluster":
        del metadata["managers"]
        for name in _SURVEYED:
            live.get("status", {}).pop(name, None)
    stable: Manifest = _without(live, generation)
    return stable


def _without(value: Any, generation: int | None) -> Any:
    """Drop what is volatile; of an observedGeneration keep whether it is the object's present one."""
    if isinstance(value, list):
        return [_without(item, generation) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {name: _without(item, generation) for name, item in value.items() if name not in _VOLATILE}
    if "deletionTimestamp" in kept:
        kept["deletionTimestamp"] = "set"
    if "observedGeneration" in kept:
        kept["observedGeneration"] = "current" if value["observedGeneration"] == generation else "old"
    return kept


def difference(expected: State, found: State) -> str:
    """Show how a state differs from the one that should be, object by object."""
    return "\n".join(
        line
        for place in sorted(_places(expected) | _places(found))
        for line in _lines(place, expected, found)
    )


def _places(state: State) -> set[tuple[str, str]]:
    return {(cluster, name) for cluster, objects in state.items() for name in objects}


def _lines(place: tuple[str, str], expected: State, found: State) -> Iterable[str]:
    cluster, name = place
    before, after = (state.get(cluster, {}).get(name) for state in (expected, found))
    if before is None or after is None:
        return [f"{cluster}: {name}: {'should not be there' if before is None else 'missing'}"]
    texts = [json.dumps(live, indent=1, sort_keys=True).splitlines() for live in (before, after)]
    where = f"{cluster}: {name}"
    return difflib.unified_diff(
        texts[0], texts[1], f"{where} (unperturbed)", f"{where} (perturbed)", n=2, lineterm=""
    )
