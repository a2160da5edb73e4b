"""What belongs to what among what is imported: marks, owners, and what one object says of another. Pure."""

from __future__ import annotations

from mcs.api import ServiceSet
from mcs.names import CONTROLLER, IMPORTED_BY, SET_REVISION
from mcs.resources import SERVICE_IMPORTS
from policies.api.meta import Manifest


def is_marked(manifest: Manifest) -> bool:
    return (manifest["metadata"].get("labels") or {}).get(IMPORTED_BY) == CONTROLLER


def annotation(manifest: Manifest | None, name: str) -> str:
    annotations = manifest["metadata"].get("annotations") if manifest else None
    return str((annotations or {}).get(name, ""))


def clusters_of(live: Manifest | None) -> list[dict[str, str]]:
    return ((live or {}).get("status") or {}).get("clusters") or []


def owner_uids(manifest: Manifest) -> set[str]:
    return {owner["uid"] for owner in manifest["metadata"].get("ownerReferences") or ()}


def owner_of(service_import: Manifest) -> Manifest:
    return {
        "apiVersion": SERVICE_IMPORTS.api_version,
        "kind": SERVICE_IMPORTS.kind,
        "name": service_import["metadata"]["name"],
        "uid": service_import["metadata"]["uid"],
        "controller": False,
        "blockOwnerDeletion": False,
    }


def owned(manifest: Manifest, owner: Manifest) -> Manifest:
    return manifest | {"metadata": manifest["metadata"] | {"ownerReferences": [owner]}}


def of_set(service_import: Manifest, found: ServiceSet) -> Manifest:
    """Say which ServiceSet a ServiceImport is made of."""
    metadata = service_import["metadata"]
    revision = {SET_REVISION: f"{found.metadata.uid}/{found.spec.revision}"}
    annotations = metadata["annotations"] | revision
    return service_import | {"metadata": metadata | {"annotations": annotations}}


def with_ips(service_import: Manifest, derived: Manifest | None) -> Manifest:
    if derived is None:
        return service_import
    spec = derived["spec"]
    addresses = {"ips": spec["clusterIPs"], "ipFamilies": spec["ipFamilies"]}
    return service_import | {"spec": service_import["spec"] | addresses}


def same_first_family(live: Manifest, sought: Manifest) -> bool:
    """Whether a Service can be changed into another without giving up its IP."""
    return bool(live["spec"].get("ipFamilies", [])[:1] == sought["spec"]["ipFamilies"][:1])
