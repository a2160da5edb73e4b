"""What is under the plain name of a Service in a member, so that its callers reach all clusters: pure.

The numbers N1 to N7 are the design's. A Service that a user made is never changed, and the cluster's own
endpoints are behind it already (N5).
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any, NamedTuple

from mcs.api.service_set import ServiceSetSpec
from mcs.importing import Import, key_of, service_spec
from mcs.names import (
    ADOPT_EXISTING,
    HEADLESS,
    MANAGED_BY,
    NATIVE,
    SERVICE_NAME,
    SHADOW,
    SOURCE_CLUSTER,
    native_name,
)
from mcs.shadows import is_shadow, is_taken_over
from mcs.slices import Slice
from policies.api.meta import Manifest
from policies.verdicts import Verdict


class Native(NamedTuple):
    """What is to be in a member under the plain name, beside what users and Kubernetes put there."""

    shadow: Manifest | None = None
    """The Service to apply, its owner reference aside; None: there is to be none of ours."""
    slices: Mapping[str, Manifest] = {}
    """EndpointSlices to apply by name, owner references aside."""
    verdict: Verdict | None = None
    """What NativeNameReady says, True if it is Attached; None: it is not asked for (N1)."""


def native(cluster: str, found: ServiceSetSpec, plan: Import, live: Manifest | None) -> Native:
    """Decide what goes under the plain name of a Service in a cluster.

    :param plan: what the cluster imports of it
    :param live: the Service of that name as it is there
    """
    if found.service.mode != "NativeName":
        return Native()
    if not plan.families:
        return Native(verdict=_NO_FAMILY)
    if live is not None and not is_shadow(live):
        return _attached(cluster, found, plan, live)
    if live is None and any(each.name == cluster for each in found.clusters):
        # It was there a moment ago: who replaces it must not find ours in its place.
        return Native(None, _slices(cluster, found, plan), _vanished(found))
    return Native(_shadow(found, plan.families), _slices(cluster, found, plan), _MADE)


def kept(
    cluster: str,
    found: ServiceSetSpec,
    wanted: Native,
    here: Mapping[str, Slice],
    certain: Container[str],
) -> frozenset[str]:
    """Name the slices under the plain name that stay, and the shadow with them, though nothing is wanted.

    A ServiceSet that ends it does not speak for an exporter that nobody has heard of since the host began
    anew: its export may be the oldest, which decides.

    :param here: the slices of ours in the cluster by name
    :param certain: as for `leftovers`
    """
    attached = {name: piece.source for name, piece in here.items() if piece.native}
    exporting = {each.name for each in found.clusters} | {"", cluster}
    accounted = all(source in exporting or source in certain for source in attached.values())
    return frozenset() if accounted or wanted.shadow or wanted.slices else frozenset(attached)


def _attached(cluster: str, found: ServiceSetSpec, plan: Import, live: Manifest) -> Native:
    """N3: nothing is attached where callers would get something else than they asked for."""
    if difference := _difference(found, live):
        return Native(verdict=_mismatch(found, f"{difference}; make them agree"))
    if not (found.service.adopt_existing or _is_willing(live) or is_taken_over(live)):
        remedy = f"annotate it with {ADOPT_EXISTING}=true, or the oldest ServiceExport for all clusters"
        return Native(verdict=_mismatch(found, f"it is not Atoll's; to attach others to it, {remedy}"))
    return Native(None, _slices(cluster, found, plan), _ATTACHED)


def _is_willing(live: Manifest) -> bool:
    return (live["metadata"].get("annotations") or {}).get(ADOPT_EXISTING) == "true"


def _difference(found: ServiceSetSpec, live: Manifest) -> str:
    """Say what of a Service is not as it is imported; empty if nothing is. It may lack ports of others."""
    spec, type_ = live["spec"], found.service.type
    if spec.get("type") == "ExternalName":
        return "its spec.type is ExternalName"
    if (spec.get("clusterIP") == "None") != (type_ == "Headless"):
        return f"it is {'not ' * (type_ == 'Headless')}headless, and the ServiceImport is {type_}"
    exported = {(port.name, port.protocol, port.port) for port in found.service.ports}
    strange = [_text(port) for port in spec.get("ports") or () if _port(port) not in exported]
    return f"the ServiceImport does not have its spec.ports {', '.join(strange)}" if strange else ""


def _port(port: Mapping[str, Any]) -> tuple[str, str, int]:
    return port.get("name") or "", port.get("protocol") or "TCP", port["port"]


def _text(port: Mapping[str, Any]) -> str:
    name, protocol, number = _port(port)
    return f"{name} {number}/{protocol}".strip()


def _shadow(found: ServiceSetSpec, families: tuple[str, ...]) -> Manifest:
    """N2: a Service without selector, like the derived one."""
    without_ip = {"clusterIP": "None"} if found.service.type == "Headless" else {}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"namespace": found.namespace, "name": found.name, "labels": {SHADOW: "true"}},
        "spec": service_spec(found, families) | without_ip,
    }


def _slices(cluster: str, found: ServiceSetSpec, plan: Import) -> dict[str, Manifest]:
    """Return the slices of other clusters once more, without what ties them to the ServiceImport.

    Else who looks for those of the ServiceImport would count endpoints twice.
    """
    return {
        native_name(name): each | {"metadata": _slice_metadata(found, name, each["metadata"]["labels"])}
        for name, each in plan.slices.items()
        if each["metadata"]["labels"][SOURCE_CLUSTER] != cluster
    }


def _slice_metadata(found: ServiceSetSpec, name: str, labels: Mapping[str, str]) -> Manifest:
    shared = {key: labels[key] for key in (MANAGED_BY, SOURCE_CLUSTER, HEADLESS) if key in labels}
    return {
        "namespace": found.namespace,
        "name": native_name(name),
        "labels": {**shared, SERVICE_NAME: found.name, NATIVE: "true"},
    }


_MADE = Verdict("Attached", "Atoll made a Service of that name here, as there was none")
_ATTACHED = Verdict("Attached", "endpoints of other clusters are attached to the Service that is here")
_NO_FAMILY = Verdict("IPFamilyNotSupported", "the condition Ready says why nothing can be attached")


def refused_shadow(found: ServiceSetSpec, why: str) -> Verdict:
    return Verdict("Pending", f"{_title(found)}, which Atoll makes, was refused: {why}")


def _vanished(found: ServiceSetSpec) -> Verdict:
    return Verdict(
        "Pending", f"{_title(found)} is gone from this cluster; if it does not come back, Atoll makes one"
    )


def _mismatch(found: ServiceSetSpec, why: str) -> Verdict:
    return Verdict("ServiceMismatch", f"{_title(found)} reaches this cluster only: {why}")


def _title(found: ServiceSetSpec) -> str:
    return f"Service {'/'.join(key_of(found))}"
