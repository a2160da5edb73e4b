"""What a cluster that left has on the host goes once, however often it is looked at."""

from __future__ import annotations

from federation.install import install
from federation.resources import NAMESPACES
from federation.settings import NAMESPACE
from mcs.departures import Departures
from mcs.names import FIELD_MANAGER, host_namespace
from mcs.records import Records
from mcs.resources import SOURCE_STATES
from policies.api.meta import API_VERSION
from tests.apiserver.clients import api_of
from tests.mcs.apiserver.exporters import counted
from tests.servers import Fleet


async def test_a_cluster_that_never_exported_loses_its_namespace_and_with_it_its_account(
    fleet: Fleet, namespace: str
) -> None:
    async with api_of(fleet.host) as host, counted(fleet.host) as (api, writes):
        await install(host)
        await host.create(NAMESPACES, {"metadata": {"name": host_namespace(namespace)}}, manager="test")
        await Departures(Records(api), lambda cluster: False)(namespace)
        assert writes == {"namespaces": 1}


async def test_a_namespace_that_is_on_its_way_out_is_not_deleted_again(fleet: Fleet, namespace: str) -> None:
    """The controller of namespaces, which this host does not have, may be slow; and SourceStates stay."""
    cluster = f"left-{namespace}"
    state = {
        "apiVersion": API_VERSION,
        "kind": "SourceState",
        "metadata": {"namespace": NAMESPACE, "name": cluster},
        "spec": {"cluster": cluster, "left": True},
    }
    async with api_of(fleet.host) as host:
        await install(host)
        await host.create(NAMESPACES, {"metadata": {"name": host_namespace(cluster)}}, manager="test")
        said = await host.apply(SOURCE_STATES, state, manager=FIELD_MANAGER)
        for deletions in (1, 0):
            async with counted(fleet.host) as (api, writes):
                records = Records(api)
                records.sources.observe(said)
                await Departures(records, lambda cluster: False)(cluster)
            assert writes == ({"namespaces": 1} if deletions else {})
        await host.delete(SOURCE_STATES, cluster, NAMESPACE)
