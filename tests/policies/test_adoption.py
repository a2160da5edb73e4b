"""What may be adopted, and the template that it becomes."""

from __future__ import annotations

from typing import Any

import pytest

from policies.adoption import author, obstacle, template
from policies.api.meta import Manifest

HOST = "0123456789ab"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def deployment(**metadata: Any) -> Manifest:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "uid": "u", "resourceVersion": "7", **metadata},
        "spec": {"replicas": 2},
        "status": {"replicas": 2},
    }


def labelled(host: str) -> Manifest:
    return deployment(labels={"federation.atoll.dev/host": host})


def owned(**owner: Any) -> Manifest:
    return deployment(ownerReferences=[{"kind": "App", "name": "shop", **owner}])


OBSTACLES = [
    ("plain", deployment(), ""),
    ("marked before", labelled(HOST), ""),
    ("owned by what does not control it", owned(), ""),
    ("another federation's", labelled("ffffffffffff"), "it belongs to the federation host ffffffffffff"),
    ("a controller's", owned(controller=True), "it belongs to App shop, which would make it again"),
    ("terminating", deployment(deletionTimestamp="2026-01-01T00:00:00Z"), "it is being deleted there"),
    (
        "never propagated",
        deployment(namespace="kube-system"),
        "it is never propagated: namespace kube-system",
    ),
]


@pytest.mark.parametrize(
    ("live", "said"), [case[1:] for case in OBSTACLES], ids=[case[0] for case in OBSTACLES]
)
def test_what_can_not_be_adopted_says_why(live: Manifest, said: str) -> None:
    found = obstacle(live, HOST)
    assert found.startswith(said)
    assert bool(found) == bool(said)


def test_the_template_is_what_was_said_and_not_what_the_cluster_keeps_account_of() -> None:
    live = deployment(labels={"app": "web"}, annotations={"deployment.kubernetes.io/revision": "3"})
    assert template(live) == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}},
        "spec": {"replicas": 2},
    }
    assert author(template(live)) == "atoll-adopt"


def test_the_record_of_kubectl_apply_goes_with_the_template_and_makes_it_kubectls() -> None:
    made = template(deployment(annotations={LAST_APPLIED: "{}", "of": "users"}))
    assert made["metadata"]["annotations"] == {LAST_APPLIED: "{}", "of": "users"}
    assert author(made) == "kubectl-client-side-apply"


def test_marks_of_a_federation_do_not_become_part_of_the_template() -> None:
    """An object has them that is adopted once more, or that a cluster kept when it was let go as it was."""
    marks = {f"federation.atoll.dev/{name}": "x" for name in ("digest", "binding", "release")}
    live = deployment(labels={"federation.atoll.dev/host": HOST}, annotations=marks)
    assert template(live)["metadata"] == {"name": "web", "namespace": "shop"}
