"""Owned: what of an object in a member the importer decides, to tell whether it is as it should be. Pure.

The fields of the API that are left out are the server's, or everybody's (such as others' labels).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from federation.kube.resources import Resource
from mcs.names import HEADLESS, MANAGED_BY, MCS_SERVICE, NATIVE, SERVICE_NAME, SOURCE_CLUSTER, STANDBY_FOR
from mcs.resources import ENDPOINT_SLICES, SERVICE_IMPORTS, SERVICES
from mcs.slices import Slice, projected
from policies.api.meta import Manifest

READY = "Ready"
"""The condition of a ServiceImport that is ours (KEP-1645)."""
NATIVE_NAME_READY, SOURCES_AVAILABLE = "NativeNameReady", "SourcesAvailable"
"""Those that the KEP does not know."""
PRESENT = {"endpointSliceObjects": "Present"}
"""What the status of each ServiceImport says where it can: EndpointSlices are always written (KEP-1645)."""
_CONDITIONS = (READY, NATIVE_NAME_READY, SOURCES_AVAILABLE)
_SERVICE_FIELDS = frozenset(
    {
        "type", "selector", "externalIPs", "ports", "sessionAffinity", "sessionAffinityConfig",
        "internalTrafficPolicy", "trafficDistribution", "ipFamilies", "ipFamilyPolicy",
    }
)  # fmt: skip
SLICE_LABELS = (MANAGED_BY, MCS_SERVICE, SOURCE_CLUSTER, SERVICE_NAME, HEADLESS, NATIVE, STANDBY_FOR)
"""Those of an EndpointSlice that mean something."""


class Part(NamedTuple):
    """A kind of object, or a subresource of it, that is written as a whole."""

    resource: Resource
    held: Callable[[Manifest, Manifest], Manifest]
    """`held(live, wanted)`: what the live object has where `wanted` decides; equal to `decided(wanted)` if it
    is as wanted."""
    subresource: str | None = None
    whole: bool = False
    """Whether nobody else has a word in it."""


def decided(wanted: Manifest) -> Manifest:
    """Return a manifest without what says only which object it is."""
    metadata = {k: v for k, v in wanted["metadata"].items() if k not in ("name", "namespace")}
    return {k: v for k, v in wanted.items() if k not in ("apiVersion", "kind")} | {"metadata": metadata}


def slice_held(piece: Slice, wanted: Manifest) -> Manifest:
    """Like `SLICE.held`, of what a mirror keeps: content, labels that mean something, the one owner."""
    metadata: Manifest = {"labels": {key: piece.labels[key] for key in SLICE_LABELS if key in piece.labels}}
    if owners := wanted["metadata"].get("ownerReferences"):
        metadata["ownerReferences"] = owners if [piece.owner] == [each["uid"] for each in owners] else []
    return {"metadata": metadata, **piece.content}


def _import_held(live: Manifest, wanted: Manifest) -> Manifest:
    return {"metadata": _metadata(live, wanted), "spec": live.get("spec", {})}


def _service_held(live: Manifest, wanted: Manifest) -> Manifest:
    """An IP is the server's, unless it is to be `None`."""
    decided_here = _SERVICE_FIELDS | wanted["spec"].keys()
    spec = {field: value for field, value in live["spec"].items() if field in decided_here}
    return {"metadata": _metadata(live, wanted), "spec": spec}


def _status_held(live: Manifest, wanted: Manifest) -> Manifest:
    status = live.get("status") or {}
    return {
        "metadata": {},
        "status": {
            **{name: status[name] for name in PRESENT.keys() & wanted["status"].keys() & status.keys()},
            "clusters": sorted(status.get("clusters") or (), key=lambda each: str(each["cluster"])),
            "conditions": sorted(
                (each for each in status.get("conditions") or () if each["type"] in _CONDITIONS),
                key=lambda each: _CONDITIONS.index(each["type"]),
            ),
        },
    }


def _metadata(live: Manifest, wanted: Manifest) -> Manifest:
    metadata, sought = live["metadata"], wanted["metadata"]
    held: dict[str, Any] = {}
    for field in ("labels", "annotations"):
        if field in sought:
            there = metadata.get(field) or {}
            held[field] = {key: there[key] for key in sought[field] if key in there}
    if owners := sought.get("ownerReferences"):
        uids = {each["uid"] for each in owners}
        held["ownerReferences"] = [o for o in metadata.get("ownerReferences") or () if o["uid"] in uids]
    return held


IMPORT = Part(SERVICE_IMPORTS, _import_held)
STATUS = Part(SERVICE_IMPORTS, _status_held, "status")
SERVICE = Part(SERVICES, _service_held, whole=True)
SLICE = Part(ENDPOINT_SLICES, lambda live, wanted: slice_held(projected(live), wanted), whole=True)
