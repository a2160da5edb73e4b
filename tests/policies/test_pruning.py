"""What of a template never reaches a member, and which empty values do."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.api.meta import Manifest
from policies.pruning import prune
from tests.policies.examples import deployment


def a(api_version: str, kind: str, **fields: Any) -> Manifest:
    metadata = {"name": "x", "namespace": "shop"} | fields.pop("metadata", {})
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}


def spec_of(api_version: str, kind: str, spec: Manifest, **metadata: Any) -> Manifest | None:
    return prune(a(api_version, kind, spec=spec, metadata=metadata)).get("spec")


def entry(manager: str, fields: Manifest, **more: Any) -> Manifest:
    return {"manager": manager, "operation": "Update", "fieldsType": "FieldsV1", "fieldsV1": fields, **more}


def test_what_the_host_wrote_into_metadata_goes_and_what_users_wrote_stays() -> None:
    template = deployment("a:1") | {"status": {"replicas": 3}}
    own = {
        "name": "web",
        "namespace": "shop",
        "labels": {"app": "web"},
        "annotations": {"example.com/a": "b"},
    }
    template["metadata"] = deepcopy(own) | {
        "uid": "u",
        "resourceVersion": "7",
        "generation": 2,
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "deletionTimestamp": "2026-01-01T00:00:00Z",
        "deletionGracePeriodSeconds": 0,
        "managedFields": [entry("kubectl", {})],
        "selfLink": "/x",
        "generateName": "we",
        "ownerReferences": [{"uid": "o"}],
        "finalizers": ["example.com/f"],
    }
    template["metadata"]["annotations"] |= {
        "deployment.kubernetes.io/revision": "1",
        "deprecated.daemonset.template.generation": "1",
        "kubectl.kubernetes.io/last-applied-configuration": "{}",
        "mcs.federation.atoll.dev/force": "it is over",
        "mcs.federation.atoll.dev/template": "true",
    }
    assert prune(template) == deployment("a:1") | {"metadata": own}


@pytest.mark.parametrize("empty", [{}, None, []])
@pytest.mark.parametrize("field", ["labels", "annotations", "finalizers", "ownerReferences"])
def test_empty_metadata_would_be_written_again_by_every_apply_and_goes(field: str, empty: Any) -> None:
    assert prune(a("e.com/v1", "Widget", metadata={field: empty}))["metadata"] == {
        "name": "x",
        "namespace": "shop",
    }


def test_null_labels_and_annotations_go() -> None:
    metadata = {"labels": {"a": None, "b": ""}, "annotations": {"a": None}}
    assert prune(a("e.com/v1", "Widget", metadata=metadata))["metadata"] == {
        "name": "x",
        "namespace": "shop",
        "labels": {"b": ""},
    }


def test_nulls_of_built_in_kinds_say_nothing_and_go() -> None:
    template = {"metadata": {"creationTimestamp": None}, "spec": {"volumes": None, "args": [None]}}
    assert spec_of("apps/v1", "Deployment", {"template": template, "paused": None}) == {
        "template": {"metadata": {}, "spec": {"args": [None]}}
    }
    assert "rules" not in prune(a("rbac.authorization.k8s.io/v1", "ClusterRole", rules=None))


@pytest.mark.parametrize(
    ("api_version", "kind"),
    [
        ("e.com/v1", "Widget"),
        ("apps/v1", "ControllerRevision"),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
    ],
)
def test_a_null_that_may_mean_something_stays(api_version: str, kind: str) -> None:
    """A Helm value that is unset on purpose, or `default: null` of a schema."""
    assert spec_of(api_version, kind, {"values": {"unset": None}}) == {"values": {"unset": None}}


@pytest.mark.parametrize(
    ("api_version", "kind", "spec"),
    [
        ("apps/v1", "Deployment", {"template": {"spec": {"volumes": [{"name": "v", "emptyDir": {}}]}}}),
        ("apps/v1", "Deployment", {"template": {"spec": {"securityContext": {}, "tolerations": []}}}),
        (
            "apps/v1",
            "Deployment",
            {"template": {"spec": {"topologySpreadConstraints": [{"labelSelector": {}}]}}},
        ),
        ("networking.k8s.io/v1", "NetworkPolicy", {"podSelector": {}, "policyTypes": ["Ingress"]}),
        (
            "networking.k8s.io/v1",
            "NetworkPolicy",
            {"ingress": [{}], "podSelector": {}, "policyTypes": ["Ingress"]},
        ),
        (
            "networking.k8s.io/v1",
            "NetworkPolicy",
            {
                "ingress": [{"from": [{"namespaceSelector": {}}]}],
                "podSelector": {},
                "policyTypes": ["Ingress"],
            },
        ),
        ("policy/v1", "PodDisruptionBudget", {"selector": {}}),
        ("e.com/v1", "Widget", {"ports": [], "tls": {}, "text": "", "count": 0, "on": False}),
    ],
)
def test_an_empty_value_that_means_something_stays(api_version: str, kind: str, spec: Manifest) -> None:
    assert spec_of(api_version, kind, spec) == spec


def test_an_empty_list_of_rbac_rules_stays() -> None:
    assert prune(a("rbac.authorization.k8s.io/v1", "Role", rules=[]))["rules"] == []


def test_the_rules_of_an_aggregated_role_are_each_clusters_own() -> None:
    role = a("rbac.authorization.k8s.io/v1", "ClusterRole", rules=[{"verbs": ["get"]}])
    assert "rules" in prune(role)
    assert "rules" not in prune(role | {"aggregationRule": {"clusterRoleSelectors": []}})


@pytest.mark.parametrize(
    ("spec", "pruned"),
    [
        ({"ingress": []}, {"policyTypes": ["Ingress"]}),
        ({"ingress": [], "egress": []}, {"policyTypes": ["Ingress"]}),
        ({"egress": [], "policyTypes": ["Egress"]}, {"policyTypes": ["Egress"]}),
        ({"ingress": [], "egress": [{}]}, {"egress": [{}], "policyTypes": ["Ingress", "Egress"]}),
    ],
)
def test_a_network_policy_that_allows_nothing_says_so_by_its_types(spec: Manifest, pruned: Manifest) -> None:
    assert spec_of("networking.k8s.io/v1", "NetworkPolicy", {"podSelector": {}, **spec}) == {
        "podSelector": {},
        **pruned,
    }


SERVICE = {
    "clusterIP": "10.0.0.7",
    "clusterIPs": ["10.0.0.7"],
    "ipFamilies": ["IPv4"],
    "ipFamilyPolicy": "SingleStack",
    "healthCheckNodePort": 31000,
    "ports": [{"port": 80, "nodePort": 30080}, {"port": 53, "protocol": "UDP", "nodePort": 30053}],
    "type": "LoadBalancer",
}


def test_what_the_host_allocated_for_a_service_goes() -> None:
    user = entry(
        "kubectl", {"f:spec": {"f:type": {}, "f:ports": {'k:{"port":80,"protocol":"TCP"}': {"f:port": {}}}}}
    )
    status = entry("cloud", {"f:spec": {"f:healthCheckNodePort": {}}}, subresource="status")
    assert spec_of("v1", "Service", SERVICE, managedFields=[user, status]) == {
        "ports": [{"port": 80}, {"port": 53, "protocol": "UDP"}],
        "type": "LoadBalancer",
    }


def test_what_a_user_asked_for_in_a_service_stays_but_its_cluster_ip() -> None:
    user = entry(
        "kubectl",
        {
            "f:spec": {
                "f:clusterIP": {},
                "f:ipFamilies": {},
                "f:healthCheckNodePort": {},
                "f:ports": {
                    'k:{"port":53,"protocol":"TCP"}': {"f:nodePort": {}},
                    'k:{"port":80,"protocol":"TCP"}': {"f:nodePort": {}},
                },
            }
        },
    )
    assert spec_of("v1", "Service", SERVICE, managedFields=[user]) == {
        "healthCheckNodePort": 31000,
        "ipFamilies": ["IPv4"],
        "ports": [{"port": 80, "nodePort": 30080}, {"port": 53, "protocol": "UDP"}],
        "type": "LoadBalancer",
    }


def test_a_service_from_a_file_keeps_its_node_ports() -> None:
    spec = spec_of("v1", "Service", SERVICE)
    assert spec is not None
    assert spec["ports"] == SERVICE["ports"]
    assert "clusterIP" not in spec


def test_a_headless_service_stays_headless() -> None:
    headless = {"clusterIP": "None", "clusterIPs": ["None"], "selector": {"app": "web"}}
    assert spec_of("v1", "Service", headless) == {"clusterIP": "None", "selector": {"app": "web"}}
    assert prune(a("v1", "Service")) == a("v1", "Service")


GENERATED = {
    "controller-uid": "u",
    "batch.kubernetes.io/controller-uid": "u",
    "job-name": "x",
    "batch.kubernetes.io/job-name": "x",
}


def test_a_job_loses_the_labels_that_tie_it_to_its_uid_on_the_host() -> None:
    spec = {
        "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": "u"}},
        "template": {"metadata": {"labels": GENERATED}, "spec": {}},
    }
    assert spec_of("batch/v1", "Job", spec) == {"template": {"spec": {}}}
    spec["template"]["metadata"]["labels"] = GENERATED | {"app": "web"}
    spec["selector"]["matchLabels"] |= {"app": "web"}
    assert spec_of("batch/v1", "Job", spec) == {
        "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {}},
    }


def test_a_job_with_a_selector_of_its_own_is_left_alone() -> None:
    spec = {"manualSelector": True, "selector": {"matchLabels": GENERATED}, "template": {}}
    assert spec_of("batch/v1", "Job", spec) == spec


def test_a_volume_claim_is_bound_anew_in_each_cluster() -> None:
    annotations = {
        "volume.kubernetes.io/selected-node": "n1",
        "pv.kubernetes.io/bind-completed": "yes",
        "pv.kubernetes.io/bound-by-controller": "yes",
        "mine": "too",
    }
    claim = a(
        "v1",
        "PersistentVolumeClaim",
        spec={"volumeName": "pv1", "resources": {}},
        metadata={"annotations": annotations},
    )
    pruned = prune(claim)
    assert pruned["spec"] == {"resources": {}}
    assert pruned["metadata"]["annotations"] == {"mine": "too"}


def test_a_volume_is_claimed_anew_in_each_cluster() -> None:
    assert spec_of("v1", "PersistentVolume", {"claimRef": {"uid": "u"}, "capacity": {}}) == {"capacity": {}}


def test_a_service_account_loses_the_names_of_its_tokens() -> None:
    secrets = [{"name": "x-token-abcde"}, {"name": "mine"}]
    assert prune(a("v1", "ServiceAccount", secrets=secrets))["secrets"] == [{"name": "mine"}]
    assert "secrets" not in prune(a("v1", "ServiceAccount", secrets=secrets[:1]))


def bundle(*managers: tuple[str, Manifest]) -> dict[str, list[Manifest]]:
    return {"managedFields": [entry(name, fields) for name, fields in managers]}


CLIENT = {"service": {"name": "s", "namespace": "n"}, "caBundle": "Zm9v"}
USERS = {"f:service": {"f:name": {}}}
BOTH = USERS | {"f:caBundle": {}}
INJECTORS: Manifest = {"f:caBundle": {}}


@pytest.mark.parametrize(
    ("managers", "kept"),
    [
        ([("kubectl", USERS), ("cainjector", INJECTORS)], False),
        ([("kubectl", BOTH)], True),
        ([("kubectl", BOTH), ("cainjector", INJECTORS)], True),
        ([], True),
    ],
)
def test_a_ca_bundle_that_an_injector_filled_in_goes(
    managers: list[tuple[str, Manifest]], kept: bool
) -> None:
    expected = CLIENT if kept else {"service": CLIENT["service"]}
    hooks = bundle(
        *((n, {"f:webhooks": {'k:{"name":"w"}': {"f:clientConfig": fields}}}) for n, fields in managers)
    )
    for kind in ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"):
        webhooks = [{"name": "w", "clientConfig": CLIENT}]
        pruned = prune(a("admissionregistration.k8s.io/v1", kind, webhooks=webhooks, metadata=hooks))
        assert pruned["webhooks"] == [{"name": "w", "clientConfig": expected}]
    conversion = bundle(
        *((n, {"f:spec": {"f:conversion": {"f:webhook": {"f:clientConfig": f}}}}) for n, f in managers)
    )
    spec = {"conversion": {"strategy": "Webhook", "webhook": {"clientConfig": CLIENT}}}
    pruned_spec = spec_of("apiextensions.k8s.io/v1", "CustomResourceDefinition", spec, **conversion)
    assert pruned_spec == {"conversion": {"strategy": "Webhook", "webhook": {"clientConfig": expected}}}


@pytest.mark.parametrize(
    ("api_version", "kind", "fields"),
    [
        (
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            {"spec": {"conversion": {"strategy": "None"}}},
        ),
        ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", {"webhooks": []}),
        ("v1", "PersistentVolumeClaim", {}),
    ],
)
def test_what_has_nothing_to_prune_stays_as_it_is(api_version: str, kind: str, fields: Manifest) -> None:
    assert prune(a(api_version, kind, **fields)) == a(api_version, kind, **fields)


LEAVES = st.none() | st.booleans() | st.text(max_size=2) | st.just({}) | st.just([])
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)
TEMPLATES = st.builds(
    lambda kind, fields, labels, annotations: a(
        *kind, **fields, metadata={"labels": labels, "annotations": annotations}
    ),
    st.sampled_from(
        [
            ("v1", "ConfigMap"),
            ("e.com/v1", "Widget"),
            ("apps/v1", "Deployment"),
            ("networking.k8s.io/v1", "NetworkPolicy"),
        ]
    ),
    st.dictionaries(st.sampled_from(["data", "status"]), VALUES),
    st.none() | st.dictionaries(st.text("abc"), st.none() | st.text("abc")),
    st.none() | st.dictionaries(st.text("abc"), st.none() | st.text("abc")),
)


@given(TEMPLATES)
def test_pruning_is_idempotent_and_never_changes_its_input(template: Manifest) -> None:
    before = deepcopy(template)
    pruned = prune(template)
    assert template == before
    assert prune(pruned) == pruned
