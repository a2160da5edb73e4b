"""Roles and who has them, in the form that setting up needs them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from federation.kube.resources import Manifest

_RBAC = "rbac.authorization.k8s.io"
_VERSION = f"{_RBAC}/v1"
RoleKind = Literal["Role", "ClusterRole"]


def role(kind: RoleKind, metadata: dict[str, Any], rules: Sequence[Manifest]) -> Manifest:
    """Return a role that allows what its rules say."""
    return {"apiVersion": _VERSION, "kind": kind, "metadata": metadata, "rules": list(rules)}


def aggregated(name: str, label: str) -> Manifest:
    """Return a ClusterRole that allows what all ClusterRoles with a label, `"true"` its value, do."""
    selectors = [{"matchLabels": {label: "true"}}]
    rule = {"aggregationRule": {"clusterRoleSelectors": selectors}}
    return {"apiVersion": _VERSION, "kind": "ClusterRole", "metadata": {"name": name}, **rule}


def rule(group: str, resources: Sequence[str], verbs: Sequence[str], names: Sequence[str] = ()) -> Manifest:
    """Return a rule of a role; with `names`, for objects of these names only."""
    found: Manifest = {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)}
    return found | ({"resourceNames": list(names)} if names else {})


def paths(*urls: str) -> Manifest:
    """Return a rule of a ClusterRole: to read what is no resource."""
    return {"nonResourceURLs": list(urls), "verbs": ["get"]}


def bound(
    kind: RoleKind, metadata: dict[str, Any], account: dict[str, Any], *, role_name: str | None = None
) -> Manifest:
    """Return the binding that gives an account a Role, or a ClusterRole everywhere.

    :param role_name: None: the role has the binding's name
    """
    reference = {"apiGroup": _RBAC, "kind": kind, "name": role_name or metadata["name"]}
    subject = {"kind": "ServiceAccount", "name": account["name"], "namespace": account["namespace"]}
    return {
        "apiVersion": _VERSION,
        "kind": f"{kind}Binding",
        "metadata": metadata,
        "roleRef": reference,
        "subjects": [subject],
    }
