"""What the host knows, mirrored: a cluster speaks only in its own namespace."""

from __future__ import annotations

import pytest

from federation.kube.api import Api
from federation.kube.config import Configuration
from mcs.api.cluster_export import ClusterExportSpec
from mcs.api.service import ServiceTraits
from mcs.exporting import export_manifest, slice_manifest
from mcs.names import SERVICE_NAME, host_namespace
from mcs.records import Records
from mcs.slices import projected, service_at_home
from policies.api.meta import Manifest

SERVICE = ("shop", "web")
EMPTY = {"addressType": "IPv4", "endpoints": [], "ports": []}


@pytest.fixture
def records() -> Records:
    """Mirrors that nothing runs: they have what tests put in."""
    return Records(Api(Configuration("http://127.0.0.1:1")))


def stored(manifest: Manifest, *, namespace: str | None = None) -> Manifest:
    """What a server makes of an object, in another namespace if one is given."""
    metadata = manifest["metadata"] | {"uid": "u", "resourceVersion": "7"}
    return manifest | {"metadata": metadata | ({"namespace": namespace} if namespace else {})}


def a_copy(cluster: str) -> Manifest:
    return slice_manifest(cluster, SERVICE, "web-1", EMPTY)


def an_export(cluster: str) -> Manifest:
    spec = ClusterExportSpec(
        cluster=cluster,
        namespace=SERVICE[0],
        name=SERVICE[1],
        export_creation_timestamp="2026-11-21T02:00:00Z",
        service=ServiceTraits(type="ClusterSetIP"),
    )
    return export_manifest(spec)


async def test_what_a_cluster_says_in_its_namespace_counts(records: Records) -> None:
    records.slices.observe(stored(a_copy("m1")))
    records.exports.observe(stored(an_export("m1")))
    assert list(records.slices_of("m1", SERVICE)) == ["web-1"]
    assert [export.spec.cluster for export in records.exports_of(SERVICE)] == ["m1"]
    assert records.exported_by("m1") == {SERVICE}
    assert records.exported_by("m2") == set()


@pytest.mark.parametrize("namespace", [host_namespace("m2"), "shop"])
async def test_what_it_says_elsewhere_does_not(records: Records, namespace: str) -> None:
    records.slices.observe(stored(a_copy("m1"), namespace=namespace))
    records.exports.observe(stored(an_export("m1"), namespace=namespace))
    assert records.slices_of("m1", SERVICE) == {}
    assert records.exports_of(SERVICE) == []


def test_a_copy_for_the_host_is_nothing_that_a_host_that_is_a_member_imports_or_exports() -> None:
    copy = stored(a_copy("m1"))
    copy["metadata"]["labels"] |= {SERVICE_NAME: "web"}
    assert service_at_home(copy["metadata"]["namespace"], projected(copy)) is None
