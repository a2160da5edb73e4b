"""The resource types this project itself reads and writes by name."""

from __future__ import annotations

from federation.kube.resources import Resource
from policies.api import KINDS
from policies.api.meta import GROUP, VERSION

_OURS = {
    kind.__name__: Resource(GROUP, VERSION, kind.plural, kind.__name__, kind.namespaced) for kind in KINDS
}

CLUSTER = _OURS["Cluster"]
PROPAGATION = _OURS["PropagationPolicy"]
CLUSTER_PROPAGATION = _OURS["ClusterPropagationPolicy"]
OVERRIDE = _OURS["OverridePolicy"]
CLUSTER_OVERRIDE = _OURS["ClusterOverridePolicy"]
RESOURCE_BINDING = _OURS["ResourceBinding"]
CLUSTER_RESOURCE_BINDING = _OURS["ClusterResourceBinding"]
ROLLOUT_POLICY = _OURS["RolloutPolicy"]
CLUSTER_ROLLOUT_POLICY = _OURS["ClusterRolloutPolicy"]
ROLLOUT = _OURS["Rollout"]
RESOURCE_INTERPRETER = _OURS["ResourceInterpreter"]

NAMESPACES = Resource("", "v1", "namespaces", "Namespace", False)
PODS = Resource("", "v1", "pods", "Pod")
CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")
SECRETS = Resource("", "v1", "secrets", "Secret")
SERVICE_ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")
VOLUME_CLAIMS = Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
CONTROLLER_REVISIONS = Resource("apps", "v1", "controllerrevisions", "ControllerRevision")
NODES = Resource("", "v1", "nodes", "Node", False)
ROLES = Resource("rbac.authorization.k8s.io", "v1", "roles", "Role")
ROLE_BINDINGS = Resource("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding")
CLUSTER_ROLES = Resource("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", False)
CLUSTER_ROLE_BINDINGS = Resource(
    "rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", False
)
ADMISSION_POLICIES, ADMISSION_BINDINGS = (
    Resource("admissionregistration.k8s.io", "v1", plural, kind, False)
    for plural, kind in (
        ("validatingadmissionpolicies", "ValidatingAdmissionPolicy"),
        ("validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding"),
    )
)
WEBHOOKS = Resource(
    "admissionregistration.k8s.io",
    "v1",
    "validatingwebhookconfigurations",
    "ValidatingWebhookConfiguration",
    False,
)
