"""The kinds that can be released in steps: some pod by pod, the others cluster by cluster."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from policies import workloads
from policies.api.rollout import RolloutSpec
from policies.matching import group_of, never_propagated
from policies.workloads.advanced_daemonset_driver import AdvancedDaemonSetDriver
from policies.workloads.advanced_statefulset_driver import AdvancedStatefulSetDriver
from policies.workloads.cloneset_driver import CloneSetDriver
from policies.workloads.cluster_driver import ClusterDriver
from policies.workloads.daemonset_driver import DaemonSetDriver
from policies.workloads.deployment_driver import DeploymentDriver
from policies.workloads.driver import Driver
from policies.workloads.statefulset_driver import StatefulSetDriver

_DRIVERS: Mapping[tuple[str, str], Driver] = {
    ("apps", "Deployment"): DeploymentDriver(),
    ("apps", "StatefulSet"): StatefulSetDriver(),
    ("apps", "DaemonSet"): DaemonSetDriver(),
    ("apps.kruise.io", "CloneSet"): CloneSetDriver(),
    ("apps.kruise.io", "DaemonSet"): AdvancedDaemonSetDriver(),
    ("apps.kruise.io", "StatefulSet"): AdvancedStatefulSetDriver(),
}
_FIXED = "it can't be changed once it exists"
_RIGHTS = "what it no longer grants is to end in all clusters at once"
_NEVER: Mapping[tuple[str, str], str] = {
    ("", "Namespace"): "it has no content of its own, and its labels are applied at once",
    ("", "Pod"): _FIXED,
    ("", "Secret"): "its content would lie in ControllerRevisions, which the role `view` reads",
    ("apiextensions.k8s.io", "CustomResourceDefinition"): "what is of its kind would differ between clusters",
    ("apps", "ControllerRevision"): _FIXED,
    ("apps", "ReplicaSet"): "its pods do not follow its pod template; a Deployment's do",
    ("batch", "Job"): _FIXED,
    ("rbac.authorization.k8s.io", "Role"): _RIGHTS,
    ("rbac.authorization.k8s.io", "RoleBinding"): _RIGHTS,
}
"""Kinds that have no driver of their own, and must not have the one for all others."""


@cache
def of(group: str, kind: str) -> Driver | None:
    """Return how a kind is released in steps; None for a kind that can't be."""
    if (driver := _DRIVERS.get((group, kind))) is not None:
        return driver
    return None if why_not(group, kind) else ClusterDriver(workloads.of(group, kind))


def why_not(group: str, kind: str) -> str:
    """Return why a kind can't be released in steps; empty if it can."""
    if (group, kind) in _DRIVERS:
        return ""
    anyone = {"apiVersion": f"{group}/v1", "kind": kind, "metadata": {"name": ""}}
    return _NEVER.get((group, kind)) or never_propagated(anyone)


def required(group: str, kind: str) -> Driver:
    """The same as `of`, where a release of the kind is under way."""
    driver = of(group, kind)
    assert driver is not None, "only kinds with a driver are released in steps"
    return driver


def released(run: RolloutSpec) -> Driver:
    """Return how the workload of a run is released."""
    return required(group_of(run.workload_ref.api_version), run.workload_ref.kind)
