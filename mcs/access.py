"""Roles and who has them, in the form that setting up needs them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from federation.kube.resources import Manifest

RBAC = "rbac.authorization.k8s.io/v1"


def rule(group: str, resources: Sequence[str], verbs: Sequence[str], names: Sequence[str] = ()) -> Manifest:
    """Return a rule of a role; with `names`, for objects of these names only."""
    found: Manifest = {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)}
    return found | ({"resourceNames": list(names)} if names else {})


def bound(kind: str, metadata: dict[str, Any], account: dict[str, Any]) -> Manifest:
    """Return the binding, named like its role, that gives an account a Role, or a ClusterRole everywhere."""
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": metadata["name"]}
    subject = {"kind": "ServiceAccount", "name": account["name"], "namespace": account["namespace"]}
    return {
        "apiVersion": RBAC,
        "kind": f"{kind}Binding",
        "metadata": metadata,
        "roleRef": reference,
        "subjects": [subject],
    }
