"""What a template names that must be where it is."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.api.meta import Manifest
from policies.dependencies import Dependency, dependencies, has_dependencies

CONTAINER = {"name": "web", "image": "nginx"}


def workload(api_version: str, kind: str, *path: str, spec: Manifest, **more: Any) -> Manifest:
    """A workload whose pod spec is at a path."""
    body: Manifest = spec
    for key in reversed(path):
        body = {key: body}
    metadata = {"name": "web", "namespace": "shop"}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": body | more}


def deployment(**spec: Any) -> Manifest:
    return workload("apps/v1", "Deployment", "template", "spec", spec={"containers": [CONTAINER], **spec})


def container(**fields: Any) -> Manifest:
    return deployment(containers=[CONTAINER | fields])


def volume(**source: Any) -> Manifest:
    return deployment(volumes=[{"name": "v", **source}])


def ref(name: str) -> Manifest:
    return {"secretRef": {"name": name}}


def config_map(name: str, *, optional: bool = False) -> Dependency:
    return Dependency("ConfigMap", name, optional)


def secret(name: str, *, optional: bool = False) -> Dependency:
    return Dependency("Secret", name, optional)


@pytest.mark.parametrize(
    ("template", "named"),
    [
        (deployment(), []),
        (container(env=[{"name": "A", "value": "1"}, {"name": "B", "valueFrom": {"fieldRef": {}}}]), []),
        (container(env=[{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}}]),
         [config_map("c")]),
        (container(env=[{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]),
         [secret("s")]),
        (container(envFrom=[{"configMapRef": {"name": "c"}}, ref("s")]), [config_map("c"), secret("s")]),
        (container(envFrom=[{"configMapRef": {"name": "c", "optional": True}}]),
         [config_map("c", optional=True)]),
        (deployment(initContainers=[{"name": "i", "envFrom": [ref("s")]}]), [secret("s")]),
        (volume(configMap={"name": "c"}), [config_map("c")]),
        (volume(secret={"secretName": "s", "optional": True}), [secret("s", optional=True)]),
        (volume(projected={"sources": [{"configMap": {"name": "c"}}, {"secret": {"name": "s"}},
                                       {"serviceAccountToken": {"path": "t"}}, {"downwardAPI": {}}]}),
         [config_map("c"), secret("s")]),
        (volume(persistentVolumeClaim={"claimName": "p"}), [Dependency("PersistentVolumeClaim", "p")]),
        (volume(ephemeral={"volumeClaimTemplate": {"spec": {}}}), []),
        (volume(emptyDir={}), []),
        (volume(azureFile={"secretName": "s", "shareName": "x"}), [secret("s")]),
        (volume(csi={"driver": "d", "nodePublishSecretRef": {"name": "s"}}), [secret("s")]),
        (volume(csi={"driver": "d"}), []),
        *((volume(**{kind: ref("s")}), [secret("s")])
          for kind in ("cephfs", "cinder", "flexVolume", "iscsi", "rbd", "scaleIO", "storageos")),
        (deployment(imagePullSecrets=[{"name": "s"}]), [secret("s")]),
        (deployment(serviceAccountName="robot"), [Dependency("ServiceAccount", "robot")]),
        (deployment(serviceAccount="robot"), [Dependency("ServiceAccount", "robot")]),
        (deployment(serviceAccountName="default"), []),
    ],
)  # fmt: skip
def test_what_a_pod_names_is_a_dependency(template: Manifest, named: list[Dependency]) -> None:
    assert dependencies(template) == tuple(named)


PODS = {"imagePullSecrets": [{"name": "s"}], "containers": [CONTAINER]}


@pytest.mark.parametrize(
    ("api_version", "kind", "path"),
    [
        ("v1", "Pod", ()),
        ("apps/v1", "Deployment", ("template", "spec")),
        ("apps/v1", "StatefulSet", ("template", "spec")),
        ("apps/v1", "DaemonSet", ("template", "spec")),
        ("apps/v1", "ReplicaSet", ("template", "spec")),
        ("batch/v1", "Job", ("template", "spec")),
        ("batch/v1", "CronJob", ("jobTemplate", "spec", "template", "spec")),
        ("apps.kruise.io/v1alpha1", "CloneSet", ("template", "spec")),
        ("apps.kruise.io/v1alpha1", "DaemonSet", ("template", "spec")),
        ("apps.kruise.io/v1beta1", "StatefulSet", ("template", "spec")),
    ],
)
def test_every_kind_with_pods_has_dependencies(api_version: str, kind: str, path: tuple[str, ...]) -> None:
    assert has_dependencies(api_version.rpartition("/")[0], kind)
    assert dependencies(workload(api_version, kind, *path, spec=PODS)) == (secret("s"),)


def test_an_ingress_needs_the_secrets_of_its_certificates() -> None:
    tls = [{"hosts": ["a"], "secretName": "cert"}, {"hosts": ["b"]}]
    assert dependencies(workload("networking.k8s.io/v1", "Ingress", spec={"tls": tls})) == (secret("cert"),)
    assert dependencies(workload("networking.k8s.io/v1", "Ingress", spec={"rules": []})) == ()


def test_a_service_account_needs_what_it_pulls_images_with_and_lends_to_pods() -> None:
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "robot"}}
    account |= {"imagePullSecrets": [{"name": "pull"}], "secrets": [{"name": "mounted"}]}
    assert dependencies(account) == (secret("mounted"), secret("pull"))


@pytest.mark.parametrize(
    ("api_version", "kind"), [("apps/v1", "StatefulSet"), ("apps.kruise.io/v1alpha1", "CloneSet")]
)
def test_claims_that_a_workload_makes_itself_are_none(api_version: str, kind: str) -> None:
    volumes = [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in ("made", "shared")]
    templates = [{"metadata": {"name": "made"}, "spec": {}}]
    own = workload(
        api_version, kind, "template", "spec", spec={"volumes": volumes}, volumeClaimTemplates=templates
    )
    assert dependencies(own) == (Dependency("PersistentVolumeClaim", "shared"),)


def test_what_is_named_twice_is_optional_only_if_it_is_so_both_times() -> None:
    source = {"configMapRef": {"name": "c", "optional": True}}
    twice = container(envFrom=[source, source])
    assert dependencies(twice) == (config_map("c", optional=True),)
    needed = container(envFrom=[source, {"configMapRef": {"name": "c"}}])
    assert dependencies(needed) == (config_map("c"),)


@pytest.mark.parametrize("strange", [None, [], "text", {"template": 7}, {"template": {"spec": [1]}}])
def test_a_template_of_a_shape_nobody_knows_names_nothing(strange: Any) -> None:
    manifest = {"apiVersion": "apps.kruise.io/v1alpha1", "kind": "CloneSet", "metadata": {}, "spec": strange}
    assert dependencies(manifest) == ()


def test_kinds_without_pods_have_none() -> None:
    assert not has_dependencies("", "ConfigMap")
    settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}, "data": {"secretName": "s"}}
    assert dependencies(settings) == ()


NAMES = st.sampled_from(["a", "b", "c"])
SOURCES = st.one_of(
    NAMES.map(lambda name: {"configMap": {"name": name}}),
    NAMES.map(lambda name: {"secret": {"secretName": name}}),
    NAMES.map(lambda name: {"secret": {"secretName": name, "optional": True}}),
    NAMES.map(lambda name: {"persistentVolumeClaim": {"claimName": name}}),
)


@given(st.lists(SOURCES, max_size=6), st.randoms())
def test_the_order_in_which_they_are_named_does_not_matter(
    sources: list[Manifest], chance: random.Random
) -> None:
    shuffled = list(sources)
    chance.shuffle(shuffled)
    one, other = (
        deployment(volumes=[{"name": f"v{index}", **source} for index, source in enumerate(each)])
        for each in (sources, shuffled)
    )
    assert dependencies(one) == dependencies(other)
    assert list(dependencies(one)) == sorted(set(dependencies(one)))
