"""Workload kinds: replicas, health and status, one module for each kind."""

from __future__ import annotations

from collections.abc import Mapping

from policies.workloads import (
    advanced_daemonset,
    advanced_statefulset,
    cloneset,
    cronjob,
    daemonset,
    deployment,
    horizontalpodautoscaler,
    ingress,
    job,
    persistentvolumeclaim,
    pod,
    poddisruptionbudget,
    replicaset,
    service,
    statefulset,
    whole,
)
from policies.workloads.interpretation import NONE, Interpretations
from policies.workloads.workload import Copies, Copy, Health, Workload

__all__ = ["Copies", "Copy", "Health", "Workload", "is_whole", "of"]

_KINDS: Mapping[tuple[str, str], Workload] = {
    ("apps", "DaemonSet"): daemonset,
    ("apps", "Deployment"): deployment,
    ("apps", "ReplicaSet"): replicaset,
    ("apps", "StatefulSet"): statefulset,
    ("apps.kruise.io", "CloneSet"): cloneset,
    ("apps.kruise.io", "DaemonSet"): advanced_daemonset,
    ("apps.kruise.io", "StatefulSet"): advanced_statefulset,
    ("autoscaling", "HorizontalPodAutoscaler"): horizontalpodautoscaler,
    ("batch", "CronJob"): cronjob,
    ("batch", "Job"): job,
    ("networking.k8s.io", "Ingress"): ingress,
    ("policy", "PodDisruptionBudget"): poddisruptionbudget,
    ("", "PersistentVolumeClaim"): persistentvolumeclaim,
    ("", "Pod"): pod,
    ("", "Service"): service,
}


def of(group: str, kind: str, interpretations: Interpretations = NONE) -> Workload:
    """Return what is known of a kind: by a module of ours, else as a ResourceInterpreter says; kinds nobody
    knows anything of are propagated whole.
    """
    return _KINDS.get((group, kind)) or interpretations.get((group, kind)) or whole


def is_whole(group: str, kind: str) -> bool:
    """Whether the status of a kind is kept on the binding, as we can't sum it up."""
    return (group, kind) not in _KINDS
