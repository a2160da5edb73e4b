"""Pruning: what the host's control plane put into a template, or is said to the host, and no member must get.

Only what is known to be the host's goes, and what makes an identical apply write again (verified: empty maps
and lists in metadata, `ingress: []` of a NetworkPolicy). Other empty values stay: `emptyDir: {}` and
`podSelector: {}` mean something, and so may any empty value or null of a custom resource.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from policies.api.meta import FORCE, TEMPLATE, Manifest
from policies.fieldsets import Tree, owning

_ANNOTATIONS = frozenset(
    {
        "kubectl.kubernetes.io/last-applied-configuration",
        "deprecated.daemonset.template.generation",
        "pv.kubernetes.io/bind-completed",
        "pv.kubernetes.io/bound-by-controller",
        "volume.kubernetes.io/selected-node",
        FORCE,
        TEMPLATE,
    }
)
_ANNOTATION_PREFIXES = ("deployment.kubernetes.io/",)
_JOB_LABELS = frozenset(
    {
        "controller-uid",
        "batch.kubernetes.io/controller-uid",
        "job-name",
        "batch.kubernetes.io/job-name",
    }
)
_TYPED_GROUPS = frozenset(
    {
        "",
        "apps",
        "autoscaling",
        "batch",
        "networking.k8s.io",
        "policy",
        "rbac.authorization.k8s.io",
        "scheduling.k8s.io",
        "storage.k8s.io",
    }
)
"""Groups whose types can't tell null from absent, but for the ControllerRevision's data."""


def prune(template: Manifest) -> Manifest:
    """Return the part of a template that is propagated. Idempotent; the template itself stays as it is."""
    group = template["apiVersion"].rpartition("/")[0]
    kind = template["kind"]
    pruned = {key: value for key, value in template.items() if key != "status" and value is not None}
    pruned["metadata"] = _metadata(template["metadata"])  # first: managedFields are half of many objects
    if group in _TYPED_GROUPS and kind != "ControllerRevision":
        pruned = _without_nulls(pruned)
    if (prune_kind := _KINDS.get((group, kind))) is not None:
        pruned = prune_kind(pruned, template["metadata"].get("managedFields") or [])
    return pruned


def _metadata(metadata: Manifest) -> Manifest:
    """Return name, namespace, and the labels and annotations that are users' own, where there are any."""
    annotations = metadata.get("annotations") or {}
    kept = {
        "name": metadata["name"],
        "namespace": metadata.get("namespace"),
        "labels": _without_nulls(metadata.get("labels")),
        "annotations": {
            key: value
            for key, value in annotations.items()
            if value is not None and key not in _ANNOTATIONS and not key.startswith(_ANNOTATION_PREFIXES)
        },
    }
    return {key: value for key, value in kept.items() if value}


def without_empty_metadata(manifest: Manifest) -> Manifest:
    """Leave out metadata that says nothing, such as `labels: {}`: each apply of it would be a change."""
    return manifest | {"metadata": {key: value for key, value in manifest["metadata"].items() if value}}


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_without_nulls(each) for each in value]
    return value


def _without(value: Manifest, *keys: str) -> Manifest:
    return {key: each for key, each in value.items() if key not in keys}


def _spec(pruned: Manifest, change: Callable[[Manifest], Manifest]) -> Manifest:
    return pruned | {"spec": change(pruned["spec"])} if pruned.get("spec") else pruned


def _service(pruned: Manifest, managed_fields: Sequence[Tree]) -> Manifest:
    """Addresses and ports the host allocated are taken in members already; those a user asked for stay.

    Without managedFields (a file) all is a user's but the cluster IP, which no two clusters can share.
    """

    def users(*path: str) -> bool:
        return not managed_fields or bool(owning(managed_fields, "spec", *path))

    def port(each: Manifest) -> Manifest:
        key = json.dumps({"port": each.get("port"), "protocol": each.get("protocol", "TCP")})
        return (
            each if "nodePort" not in each or users("ports", key, "nodePort") else _without(each, "nodePort")
        )

    def change(spec: Manifest) -> Manifest:
        dropped = {"clusterIPs"} if spec.get("clusterIP") == "None" else {"clusterIP", "clusterIPs"}
        allocated = ("healthCheckNodePort", "ipFamilies", "ipFamilyPolicy")
        dropped |= {field for field in allocated if not users(field)}
        ports = {"ports": [port(each) for each in spec["ports"]]} if spec.get("ports") else {}
        return _without(spec, *dropped) | ports

    return _spec(pruned, change)


def _job(pruned: Manifest, _: Sequence[Tree]) -> Manifest:
    """The host's Job controller tells pods apart by the Job's UID on the host."""

    def unlabeled(holder: Manifest, field: str) -> Manifest:
        labels = {key: value for key, value in (holder.get(field) or {}).items() if key not in _JOB_LABELS}
        return holder | {field: labels} if labels else _without(holder, field)

    def change(spec: Manifest) -> Manifest:
        if spec.get("manualSelector"):
            return spec
        template = spec["template"]
        metadata = unlabeled(template.get("metadata") or {}, "labels")
        template = template | {"metadata": metadata} if metadata else _without(template, "metadata")
        selector = unlabeled(spec.get("selector") or {}, "matchLabels")
        rest = _without(spec, "selector") | {"template": template}
        return rest | {"selector": selector} if selector else rest

    return _spec(pruned, change)


def _network_policy(pruned: Manifest, _: Sequence[Tree]) -> Manifest:
    """Leave out empty lists of rules: with policyTypes set they say the same, and stay as they are
    applied.
    """

    def change(spec: Manifest) -> Manifest:
        types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]
        empty = [direction for direction in ("ingress", "egress") if not spec.get(direction)]
        return _without(spec, *empty) | {"policyTypes": types}

    return _spec(pruned, change)


def _volume_claim(pruned: Manifest, _: Sequence[Tree]) -> Manifest:
    return _spec(pruned, lambda spec: _without(spec, "volumeName"))


def _volume(pruned: Manifest, _: Sequence[Tree]) -> Manifest:
    return _spec(pruned, lambda spec: _without(spec, "claimRef"))


def _cluster_role(pruned: Manifest, _: Sequence[Tree]) -> Manifest:
    """The rules of an aggregated role are every cluster's own to fill in."""
    return _without(pruned, "rules") if pruned.get("aggregationRule") else pruned


def _service_account(pruned: Manifest, _: Sequence[Tree]) -> Manifest:
    token = f"{pruned['metadata']['name']}-token-"
    kept = [secret for secret in pruned.get("secrets") or () if not secret.get("name", "").startswith(token)]
    return pruned | {"secrets": kept} if kept else _without(pruned, "secrets")


def _webhooks(pruned: Manifest, managed_fields: Sequence[Tree]) -> Manifest:
    def change(webhook: Manifest) -> Manifest:
        config = webhook.get("clientConfig") or {}
        path = ("webhooks", json.dumps({"name": webhook.get("name")}), "clientConfig")
        return webhook | {"clientConfig": _own_bundle(config, managed_fields, *path)}

    return (
        pruned | {"webhooks": [change(each) for each in pruned["webhooks"]]}
        if pruned.get("webhooks")
        else pruned
    )


def _definition(pruned: Manifest, managed_fields: Sequence[Tree]) -> Manifest:
    conversion = pruned["spec"].get("conversion") or {}
    webhook = conversion.get("webhook") or {}
    if not webhook.get("clientConfig"):
        return pruned
    config = _own_bundle(
        webhook["clientConfig"], managed_fields, "spec", "conversion", "webhook", "clientConfig"
    )
    conversion = conversion | {"webhook": webhook | {"clientConfig": config}}
    return pruned | {"spec": pruned["spec"] | {"conversion": conversion}}


def _own_bundle(config: Manifest, managed_fields: Sequence[Tree], *path: str) -> Manifest:
    """Drop the CA bundle of an injector: a manager that says nothing of where the webhook is."""
    owners = [tree for tree in owning(managed_fields, *path) if "f:caBundle" in tree]
    injected = owners and not any("f:service" in tree or "f:url" in tree for tree in owners)
    return _without(config, "caBundle") if injected else config


_KINDS: Mapping[tuple[str, str], Callable[[Manifest, Sequence[Tree]], Manifest]] = {
    ("", "PersistentVolume"): _volume,
    ("", "PersistentVolumeClaim"): _volume_claim,
    ("", "Service"): _service,
    ("", "ServiceAccount"): _service_account,
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"): _webhooks,
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"): _webhooks,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _definition,
    ("batch", "Job"): _job,
    ("networking.k8s.io", "NetworkPolicy"): _network_policy,
    ("rbac.authorization.k8s.io", "ClusterRole"): _cluster_role,
}
