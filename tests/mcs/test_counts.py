"""What `/metrics` says of Services: as it is when somebody asks."""

from __future__ import annotations

from typing import Any

from federation.kube.api import Api
from federation.kube.config import Configuration
from federation.kube.resources import Resource
from federation.metrics import Metrics
from mcs.agent import Agent
from mcs.api.service_set import SetConflict
from mcs.counts import counts
from mcs.names import SOURCE_CLUSTER, SOURCE_LEASE, host_namespace, set_name
from mcs.records import Records
from mcs.resources import LEASES, SERVICE_IMPORTS, SERVICE_SETS, SOURCE_STATES
from policies.api.meta import Manifest
from tests.mcs.imports import WEB, service_set


def _stored(resource: Resource, name: str, **fields: Any) -> Manifest:
    """What a server makes of an object."""
    metadata = {"namespace": "atoll-system", "name": name, "uid": "u", "resourceVersion": "7"}
    return {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata, **fields}


def _a_set(*reasons: str) -> Manifest:
    spec = service_set("m1", "m2").model_copy(
        update={"conflicts": [SetConflict(reason=reason, message="they differ") for reason in reasons]}
    )
    return _stored(SERVICE_SETS, set_name(WEB), spec=spec.dump())


def _a_source(cluster: str, **said: bool) -> Manifest:
    return _stored(SOURCE_STATES, cluster, spec={"cluster": cluster, **said})


def _a_lease(cluster: str) -> Manifest:
    lease = _stored(LEASES, SOURCE_LEASE)
    lease["metadata"] |= {"namespace": host_namespace(cluster), "labels": {SOURCE_CLUSTER: cluster}}
    return lease


def _lines(metrics: Metrics) -> set[str]:
    told = ("service", "exports", "stale")
    return {line for line in metrics.text().decode().splitlines() if any(word in line for word in told)}


async def test_counts_are_those_of_the_moment_and_of_the_process_that_leads() -> None:
    api, metrics, agents = Api(Configuration("http://127.0.0.1:1")), Metrics(), set[Agent]()
    records = Records(api)
    metrics.count(counts(records, lambda: agents))
    assert "atoll_services 0.0" in _lines(metrics)

    records.sets.observe(_a_set("PortConflict", "TypeConflict"))
    for source in (_a_source("m1", synced=True), _a_source("m2"), _a_source("m3", left=True)):
        records.sources.observe(source)
    records.leases.mirror.observe(_a_lease("m1"))
    agents.add(agent := Agent("m1", api, records))
    agent.locals.imports.observe(_stored(SERVICE_IMPORTS, "web"))
    assert {line for line in _lines(metrics) if not line.startswith("#")} == {
        "atoll_services 1.0",
        'atoll_service_conflicts{reason="PortConflict"} 1.0',
        'atoll_service_conflicts{reason="TypeConflict"} 1.0',
        'atoll_imported_services{cluster="m1"} 1.0',
        'atoll_exports_synced{cluster="m1"} 1.0',
        'atoll_exports_synced{cluster="m2"} 0.0',
        'atoll_source_stale{cluster="m1"} 0.0',
    }

    metrics.count(())
    assert _lines(metrics) == set()
