"""OverridePolicy and ClusterOverridePolicy: what differs from cluster to cluster."""

from __future__ import annotations

from typing import Any, Literal

from policies.api.meta import Model, ObjectMeta, ResourceSelector
from policies.api.propagation import ClusterAffinity, PolicyStatus

Operator = Literal["add", "remove", "replace"]


class ImagePredicate(Model):
    path: str


class ImageOverrider(Model):
    predicate: ImagePredicate | None = None
    component: Literal["Registry", "Repository", "Tag"]
    operator: Operator
    value: str = ""


class CommandOverrider(Model):
    """For the command or the args of one container."""

    container_name: str
    operator: Literal["add", "remove"]
    value: list[str] = []


class EnvOverrider(Model):
    container_name: str
    operator: Operator
    value: list[dict[str, Any]] = []


class MetadataOverrider(Model):
    """For labels or annotations of the object."""

    operator: Operator
    value: dict[str, str] = {}


class FieldPatch(Model):
    sub_path: str
    operator: Operator
    value: Any = None


class FieldOverrider(Model):
    field_path: str
    json_patches: list[FieldPatch] = []  # wire name: json
    yaml_patches: list[FieldPatch] = []  # wire name: yaml


class PlaintextOverrider(Model):
    path: str
    operator: Operator
    value: Any = None


class Overriders(Model):
    image_overrider: list[ImageOverrider] = []
    command_overrider: list[CommandOverrider] = []
    args_overrider: list[CommandOverrider] = []
    env_overrider: list[EnvOverrider] = []
    labels_overrider: list[MetadataOverrider] = []
    annotations_overrider: list[MetadataOverrider] = []
    field_overrider: list[FieldOverrider] = []
    merge: dict[str, Any] | None = None
    plaintext: list[PlaintextOverrider] = []


class OverrideRule(Model):
    target_cluster: ClusterAffinity | None = None
    overriders: Overriders


class OverrideSpec(Model):
    resource_selectors: list[ResourceSelector] = []
    override_rules: list[OverrideRule]


class OverridePolicy(Model):
    api_version: str
    kind: str
    metadata: ObjectMeta
    spec: OverrideSpec
    status: PolicyStatus = PolicyStatus()


class ClusterOverridePolicy(OverridePolicy):
    pass
