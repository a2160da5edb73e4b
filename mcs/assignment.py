"""Assignment: who exports and imports for a cluster, as its Cluster says."""

from __future__ import annotations

from typing import NamedTuple

from federation.kube.resources import Manifest
from policies.api.cluster import ServicesAgent


class Assignment(NamedTuple):
    """What concerns Services of a Cluster."""

    agent: ServicesAgent
    """Where its agent runs."""
    leaves: bool
    """Whether it is being deleted: then no agent runs any more."""


def assignment_of(cluster: Manifest) -> Assignment:
    """Read a Cluster. What an agent of another release does not know is the host's."""
    agent: ServicesAgent = "Member" if cluster.get("spec", {}).get("servicesAgent") == "Member" else "Host"
    return Assignment(agent, "deletionTimestamp" in cluster["metadata"])
