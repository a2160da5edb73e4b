from __future__ import annotations

import pytest

from federation.kube.resources import Resource, key_of, newer

DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
ROLES = Resource("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", namespaced=False)
PODS = Resource("", "v1", "pods", "Pod")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (DEPLOYMENTS.path(), "/apis/apps/v1/deployments"),
        (DEPLOYMENTS.path("shop"), "/apis/apps/v1/namespaces/shop/deployments"),
        (DEPLOYMENTS.path("shop", "web", "scale"), "/apis/apps/v1/namespaces/shop/deployments/web/scale"),
        (PODS.path("shop", "a.b"), "/api/v1/namespaces/shop/pods/a.b"),
        (
            ROLES.path("ignored", "system:x/y"),
            "/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Ax%2Fy",
        ),
    ],
)
def test_a_path_names_one_thing_with_its_name_quoted(path: str, expected: str) -> None:
    assert path == expected


def test_a_resource_is_called_as_kubectl_and_manifests_call_it() -> None:
    assert (DEPLOYMENTS.api_version, DEPLOYMENTS.group_resource) == ("apps/v1", "deployments.apps")
    assert (PODS.api_version, PODS.group_resource) == ("v1", "pods")


def test_the_key_of_a_cluster_scoped_object_has_an_empty_namespace() -> None:
    assert key_of({"metadata": {"name": "n1"}}) == ("", "n1")
    assert key_of({"metadata": {"name": "web", "namespace": "shop"}}) == ("shop", "web")


def test_resource_versions_compare_as_numbers_and_nothing_else_is_newer() -> None:
    assert newer("10", "9")
    assert not newer("9", "9")
    assert not newer("abc", "9")
    assert not newer("9", "abc")
