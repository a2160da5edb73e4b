"""Signs of life of clusters, as far as a command can tell: by the times that agents wrote, not by a clock."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from federation.kube.api import Api, Manifest
from federation.kube.errors import Forbidden
from federation.settings import STALENESS
from mcs.names import FRESH_TIME, SOURCE_CLUSTER, SOURCE_LEASE, host_namespace
from mcs.resources import LEASES


async def without_sign(api: Api) -> dict[str, str]:
    """Return `silent` of a host; who may not read Leases is told of none."""
    selector = {"labelSelector": SOURCE_CLUSTER, "fieldSelector": f"metadata.name={SOURCE_LEASE}"}
    try:
        listed = [each async for page in api.list(LEASES, selector=selector) for each in page.items]
    except Forbidden:
        return {}
    return silent(listed)


def silent(listed: Iterable[Manifest]) -> dict[str, str]:
    """Return, by cluster, since when (RFC 3339) those give no sign of life that others do without by now.

    The latest sign of any cluster stands for now: while the controller does not run, nobody gives signs, and
    nobody is given up. Other times than the defaults are not known here.
    """
    leases = {cluster: lease for lease in listed if (cluster := _cluster(lease))}
    latest = max(map(_renewed, leases.values()), default="")
    return {cluster: since for cluster, lease in leases.items() if (since := _silent_since(lease, latest))}


def _cluster(lease: Manifest) -> str:
    """Return whose Lease it is; empty if it is in another's namespace, where it says nothing."""
    cluster: str = lease["metadata"]["labels"][SOURCE_CLUSTER]
    return cluster if lease["metadata"]["namespace"] == host_namespace(cluster) else ""


def _renewed(lease: Manifest) -> str:
    return (lease.get("spec") or {}).get("renewTime") or ""


def _silent_since(lease: Manifest, latest: str) -> str:
    """Return since when a Lease, or what it says of its cluster, stands still for too long; else nothing."""
    fresh = (lease["metadata"].get("annotations") or {}).get(FRESH_TIME, "")
    for since, limit in ((_renewed(lease), STALENESS.silent), (fresh, STALENESS.frozen)):
        if since and _seconds_between(since, latest) >= limit:
            return str(since)
    return ""


def _seconds_between(since: str, latest: str) -> float:
    return (datetime.fromisoformat(latest) - datetime.fromisoformat(since)) / timedelta(seconds=1)
