"""Whether a ServiceImport can be used, as its status says it. Pure; reasons of KEP-1645, one is ours."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from mcs.api.service_set import ServiceSetSpec
from mcs.names import derived_service
from mcs.owned import NATIVE_NAME_READY, READY, SOURCES_AVAILABLE
from policies.api.meta import Condition, Manifest
from policies.observation import Stamp, Status, condition
from policies.verdicts import Verdict


class Readiness(NamedTuple):
    """The condition Ready, as far as it does not depend on what it was."""

    status: Status
    verdict: Verdict


IMPORTED = Readiness(
    "True", Verdict("Ready", "the endpoints of all clusters that export the Service are here")
)

_IN_PART = Readiness(
    "True", Verdict("Ready", "the endpoints of all clusters that give signs of life are here")
)
_LAST = Readiness("True", Verdict("Ready", "the last endpoints that there were are here"))
_REACHABLE = Readiness(
    "True", Verdict("ClustersReachable", "all clusters that export the Service give signs of life")
)


def no_common_family(found: ServiceSetSpec, families: tuple[str, ...]) -> Readiness:
    exported, here = ", ".join(found.service.ip_families), ", ".join(families)
    message = f"the Service has {exported} and this cluster {here}; export it with a family that is here, too"
    return Readiness("False", Verdict("IPFamilyNotSupported", message))


def name_taken(found: ServiceSetSpec) -> Readiness:
    name = derived_service((found.namespace, found.name))
    message = f"Service {name}, which is to have the IP, belongs to someone else; delete it in this cluster"
    return Readiness("False", Verdict("NameCollision", message))


def refused(found: ServiceSetSpec, why: str) -> Readiness:
    name = derived_service((found.namespace, found.name))
    return Readiness(
        "False", Verdict("Pending", f"Service {name}, which is to have the IP, was refused: {why}")
    )


def lacks_sources(live: Manifest | None) -> bool:
    """Whether a ServiceImport says that it does without some cluster's endpoints."""
    return any(each.type == SOURCES_AVAILABLE and each.status == "False" for each in _conditions(live or {}))


def status_of(
    found: ServiceSetSpec,
    live: Manifest,
    readiness: Readiness,
    left_out: Collection[str],
    now: str,
    native: Verdict | None = None,
    kept: Collection[str] = (),
) -> Manifest:
    """Return the status to apply to a ServiceImport.

    SourcesAvailable is there from when it is False for the first time: most imports never need it.

    :param live: the ServiceImport as it is
    :param left_out: the clusters whose endpoints it does without
    :param kept: those whose endpoints it has though they give no sign of life, as nobody does
    :param native: what NativeNameReady says; None where it is not asked for
    :param now: in RFC 3339, when the condition's status changes
    """
    before = _conditions(live)
    stamp = Stamp(live["metadata"].get("generation", 0), now)
    said = {READY: _IN_PART if left_out and readiness == IMPORTED else readiness}
    if native is not None:
        said[NATIVE_NAME_READY] = Readiness("True" if native.reason == "Attached" else "False", native)
    if kept:
        said[READY] = _LAST if readiness == IMPORTED else readiness
        said[SOURCES_AVAILABLE] = Readiness("False", _kept(found, kept))
    elif left_out:
        said[SOURCES_AVAILABLE] = Readiness("False", _unreachable(left_out))
    elif any(each.type == SOURCES_AVAILABLE for each in before):
        said[SOURCES_AVAILABLE] = _REACHABLE
    metadata = live["metadata"]
    return {
        "apiVersion": live["apiVersion"],
        "kind": live["kind"],
        "metadata": {"namespace": metadata["namespace"], "name": metadata["name"]},
        "status": {
            "clusters": [{"cluster": name} for name in sorted(each.name for each in found.clusters)],
            "conditions": [
                condition(before, type_, each.status, each.verdict, stamp).dump()
                for type_, each in said.items()
            ],
        },
    }


def _unreachable(clusters: Collection[str]) -> Verdict:
    names = ", ".join(sorted(clusters))
    message = (
        f"no sign of life from {names}: endpoints from there are left out until there is; see `kubectl get "
        "clusters` on the host"
    )
    return Verdict("ClusterUnreachable", message)


def _kept(found: ServiceSetSpec, clusters: Collection[str]) -> Verdict:
    exporting = ", ".join(sorted(each.name for each in found.clusters))
    message = (
        f"no sign of life from {exporting}: the last endpoints, from {', '.join(sorted(clusters))}, are "
        "kept, as spec.staleness.keepLast of the MultiClusterService says, and may not answer; see `kubectl "
        "get clusters` on the host"
    )
    return Verdict("StaleEndpointsKept", message)


def _conditions(live: Manifest) -> list[Condition]:
    found = (live.get("status") or {}).get("conditions") or ()
    return [Condition.model_validate(each) for each in found]
