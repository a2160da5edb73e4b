"""Whether a ServiceImport can be used, as its status says it. Pure; reasons of KEP-1645, one is ours."""

from __future__ import annotations

from typing import NamedTuple

from mcs.api.service_set import ServiceSetSpec
from mcs.names import derived_service
from mcs.owned import READY
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


def status_of(found: ServiceSetSpec, live: Manifest, readiness: Readiness, now: str) -> Manifest:
    """Return the status to apply to a ServiceImport.

    :param live: the ServiceImport as it is
    :param now: in RFC 3339, when the condition's status changes
    """
    before = [Condition.model_validate(each) for each in (live.get("status") or {}).get("conditions") or ()]
    stamp = Stamp(live["metadata"].get("generation", 0), now)
    ready = condition(before, READY, readiness.status, readiness.verdict, stamp)
    metadata = live["metadata"]
    return {
        "apiVersion": live["apiVersion"],
        "kind": live["kind"],
        "metadata": {"namespace": metadata["namespace"], "name": metadata["name"]},
        "status": {
            "clusters": [{"cluster": name} for name in sorted(each.name for each in found.clusters)],
            "conditions": [ready.dump()],
        },
    }
