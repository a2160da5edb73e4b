"""What is merged comes back from a real host as it was written, so that it is not written again."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings

from federation.install import install
from federation.kube.api import Api
from mcs.api import ServiceSet
from mcs.api.cluster_export import ClusterExportSpec
from mcs.api.service_set import ServiceSetSpec
from mcs.merge import merged
from mcs.names import FIELD_MANAGER
from mcs.resources import SERVICE_SETS
from policies.api.meta import API_VERSION
from tests.apiserver.clients import NAMESPACES, api_of
from tests.mcs.exports import any_exports, export
from tests.servers import ApiServer

CHANGES = 40


def random_changes() -> list[list[ClusterExportSpec]]:
    found: list[list[ClusterExportSpec]] = []

    @settings(max_examples=CHANGES, database=None)
    @given(any_exports())
    def draw(exports: list[ClusterExportSpec]) -> None:
        found.append(exports)

    draw()
    return found


async def applied(api: Api, namespace: str, spec: ServiceSetSpec) -> ServiceSetSpec:
    manifest = {
        "apiVersion": API_VERSION,
        "kind": "ServiceSet",
        "metadata": {"name": "web", "namespace": namespace},
        "spec": spec.dump(),
    }
    return ServiceSet.model_validate(await api.apply(SERVICE_SETS, manifest, manager=FIELD_MANAGER)).spec


@pytest.fixture
async def host(apiserver: ApiServer, namespace: str) -> AsyncIterator[Api]:
    async with api_of(apiserver) as api:
        await install(api)
        await api.create(NAMESPACES, {"metadata": {"name": namespace}}, manager="test")
        yield api


async def test_the_host_keeps_what_is_merged_through_any_changes(host: Api, namespace: str) -> None:
    before: ServiceSetSpec | None = None
    for exports in random_changes():
        found = merged(exports, before)
        assert found is not None
        before = await applied(host, namespace, found)
        assert before == found
        assert merged(exports, before) is before


async def test_the_host_keeps_the_order_of_clusters(host: Api, namespace: str) -> None:
    for seconds in [(1, 2, 3), (3, 2, 1), (2, 3, 1)]:
        found = merged((export(f"m{i}", second) for i, second in enumerate(seconds)), None)
        assert found is not None
        stored = await applied(host, namespace, found)
        assert [each.name for each in stored.clusters] == [each.name for each in found.clusters]


async def test_labels_that_are_exported_no_more_are_gone(host: Api, namespace: str) -> None:
    for labels in [{"a": "1", "b": "2"}, {"a": "2"}, {}]:
        found = merged([export("m1", labels=labels, annotations=labels)], None)
        assert found is not None
        stored = await applied(host, namespace, found)
        assert (stored.service.labels, stored.service.annotations) == (labels, labels)
