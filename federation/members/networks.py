"""Whether the pods of a member can be told from those of the others, asked when it joins.

Later the controller says it in the condition PodNetworkOverlap of its Cluster; here is whoever can still
choose another network.
"""

from __future__ import annotations

from federation.kube.api import Api
from federation.resources import CLUSTER, NODES
from policies.api.cluster import Cluster
from policies.pod_networks import of_nodes, overlapping
from policies.verdicts import Verdict


async def overlap(host: Api, member: Api, name: str) -> Verdict | None:
    """Return what is wrong with the pod network of a member, or None.

    :raises ApiError: also where whoever asks may not list the Nodes of the member
    """
    nodes = [node async for page in member.list(NODES) for node in page.items]
    clusters = [Cluster.model_validate(each) async for page in host.list(CLUSTER) for each in page.items]
    own = next((each for each in clusters if each.metadata.name == name), None)
    if own is None:
        return None
    status = own.status.model_copy(update={"pod_cidrs": of_nodes(nodes)})
    return overlapping(own.model_copy(update={"status": status}), clusters)
