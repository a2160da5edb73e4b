"""Keeping: whose endpoints stay where no cluster that exports a Service gives signs of life. Pure."""

from __future__ import annotations

from collections.abc import Set

from mcs.api.service_set import ServiceSetSpec


def last_kept(found: ServiceSetSpec, here: Set[str], missing: frozenset[str]) -> frozenset[str]:
    """Name the clusters whose endpoints stay though they give no sign of life: the last ones, where a
    MultiClusterService asks for that.

    Those that went before do not come back. A cluster that exports the Service itself is never missing to
    itself, and has its own.

    :param here: the clusters of which there are endpoints in the cluster
    :param missing: those that it is to do without
    """
    asked = found.policy is not None and found.policy.keep_last == "WhenAllStale"
    exporting = {each.name for each in found.clusters}
    return missing & exporting & here if asked and exporting <= missing else frozenset()
