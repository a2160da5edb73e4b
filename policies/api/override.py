"""OverridePolicy and ClusterOverridePolicy: what differs from cluster to cluster."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from policies.api.meta import (
    AGE,
    Column,
    Kind,
    Model,
    ResourceSelector,
    Rule,
    condition_column,
    list_map,
)
from policies.api.propagation import ClusterAffinity, PolicyStatus

Operator = Literal["add", "remove", "replace"]

Pointer = Annotated[str, Field(min_length=1, max_length=1024)]
ContainerName = Annotated[str, Field(min_length=1, max_length=63)]
EnvVar = Annotated[
    dict[str, Any],
    Field(
        json_schema_extra={
            "properties": {
                "name": {"type": "string", "description": "The name of the variable.", "minLength": 1}
            },
            "required": ["name"],
        }
    ),
]

NEEDS_VALUES = Rule(
    "has(self.value) && size(self.value) > 0", "names nothing to change; add at least one entry", ".value"
)


class ImagePredicate(Model):
    """Where the image stands."""

    path: Pointer
    """The JSON pointer of the field that holds the image, such as `/spec/image`."""


class ImageOverrider(Model):
    """A change of one part of container images."""

    validations = (
        Rule(
            "self.operator == 'remove' || (has(self.value) && self.value != '')",
            "operators add and replace need a value; set value, or use operator: remove",
            ".value",
        ),
        Rule(
            "self.operator != 'remove' || !has(self.value) || self.value == ''",
            "operator remove takes no value; remove value, or use operator: replace",
            ".value",
        ),
        Rule(
            "self.operator != 'remove' || self.component != 'Repository'",
            "an image can't be without a repository; use operator: replace",
            ".operator",
        ),
    )

    predicate: ImagePredicate | None = None
    """The one field to change. Absent means all containers and init containers of a known workload kind."""
    component: Literal["Registry", "Repository", "Tag"]
    """The part of the image to change. Tag stands for tag or digest: setting one clears the other."""
    operator: Operator
    """add appends the value to the part, replace sets it, remove clears it."""
    value: Annotated[str, Field(max_length=512)] = ""
    """The text to append or set."""


class CommandOverrider(Model):
    """For the command or the args of one container."""

    validations = (NEEDS_VALUES,)

    container_name: ContainerName
    """The container or init container to change."""
    operator: Literal["add", "remove"]
    """add appends the values, remove deletes every item that equals one of them."""
    value: Annotated[list[str], Field(max_length=1024)] = []
    """The items to append or delete."""


class EnvOverrider(Model):
    """A change of environment variables of one container."""

    validations = (NEEDS_VALUES,)

    container_name: ContainerName
    """The container or init container to change."""
    operator: Operator
    """add sets variables by name, replace sets those that are already there, remove deletes by name."""
    value: Annotated[list[EnvVar], list_map("name", max_items=1024)] = []
    """The variables, as in a container's `env`; for remove, only their names count."""


class MetadataOverrider(Model):
    """For labels or annotations of the object."""

    validations = (NEEDS_VALUES,)

    operator: Operator
    """add sets entries, replace sets those whose keys are already there, remove deletes by key."""
    value: Annotated[dict[str, str], Field(max_length=256)] = {}
    """The entries; for remove, only their keys count."""


class FieldPatch(Model):
    """A change inside a document that is held as text."""

    sub_path: Pointer
    """The JSON pointer inside the document."""
    operator: Operator
    """As in a JSON patch: add, remove or replace."""
    value: Any = None
    """The value for add and replace."""


class FieldOverrider(Model):
    """A change inside a field that holds a JSON or YAML document as text, such as a key of a ConfigMap."""

    validations = (
        Rule(
            "(has(self.json) && size(self.json) > 0) != (has(self.yaml) && size(self.yaml) > 0)",
            "needs either json or yaml; set exactly one of them",
        ),
    )

    field_path: Pointer
    """The JSON pointer of the field, such as `/data/config.json`."""
    json_patches: Annotated[list[FieldPatch], Field(alias="json", max_length=256)] = []
    """Changes of a JSON document, in order. It is written back compact, with sorted keys."""
    yaml_patches: Annotated[list[FieldPatch], Field(alias="yaml", max_length=256)] = []
    """Changes of a YAML document, in order."""


class PlaintextOverrider(Model):
    """One operation of a JSON patch (RFC 6902) on the object."""

    path: Pointer
    """The JSON pointer of the field, such as `/spec/replicas`. For remove and replace it must be there."""
    operator: Operator
    """As in a JSON patch: add, remove or replace."""
    value: Any = None
    """The value for add and replace."""


class Overriders(Model):
    """Changes of one object, carried out in the order of these fields."""

    image_overrider: Annotated[list[ImageOverrider], Field(max_length=64)] = []
    """Changes of container images."""
    command_overrider: Annotated[list[CommandOverrider], Field(max_length=64)] = []
    """Changes of containers' commands."""
    args_overrider: Annotated[list[CommandOverrider], Field(max_length=64)] = []
    """Changes of containers' arguments."""
    env_overrider: Annotated[list[EnvOverrider], Field(max_length=64)] = []
    """Changes of containers' environment variables."""
    labels_overrider: Annotated[list[MetadataOverrider], Field(max_length=64)] = []
    """Changes of the object's labels; those of a pod template stay."""
    annotations_overrider: Annotated[list[MetadataOverrider], Field(max_length=64)] = []
    """Changes of the object's annotations; those of a pod template stay."""
    field_overrider: Annotated[list[FieldOverrider], Field(max_length=64)] = []
    """Changes inside fields that hold documents as text."""
    merge: dict[str, Any] | None = None
    """A JSON merge patch (RFC 7386): maps are merged, lists and scalars replaced, null deletes.
    `kubectl apply` may lose a null unless used with `--server-side`; `plaintext` removes a field without."""
    plaintext: Annotated[list[PlaintextOverrider], Field(max_length=256)] = []
    """Operations of a JSON patch, in order."""


class OverrideRule(Model):
    """Changes for some clusters."""

    target_cluster: ClusterAffinity | None = None
    """The clusters. Absent means all."""
    overriders: Overriders
    """The changes."""


class OverrideSpec(Model):
    """Which objects differ where, and how."""

    resource_selectors: Annotated[list[ResourceSelector], Field(max_length=512)] = []
    """The objects. Empty means everything; in an OverridePolicy, everything in its namespace."""
    override_rules: Annotated[list[OverrideRule], Field(min_length=1, max_length=256)]
    """The changes, carried out in order; the last writer wins."""


class OverridePolicy(Kind):
    """What differs from cluster to cluster in objects of its namespace."""

    plural: ClassVar[str] = "overridepolicies"
    short_names: ClassVar[tuple[str, ...]] = ("op",)
    namespaced: ClassVar[bool] = True
    columns: ClassVar[tuple[Column, ...]] = (
        Column("Matched", ".status.matched", "integer"),
        Column("Applied", ".status.applied", "integer"),
        Column("Failed", ".status.failed", "integer"),
        condition_column("Ready"),
        AGE,
    )

    spec: OverrideSpec
    """Which objects differ where, and how."""
    status: PolicyStatus = PolicyStatus()
    """What the policy matches, where it is applied, what failed and why."""


class ClusterOverridePolicy(OverridePolicy):
    """What differs from cluster to cluster, in any namespace and in cluster-scoped objects."""

    plural: ClassVar[str] = "clusteroverridepolicies"
    short_names: ClassVar[tuple[str, ...]] = ("cop",)
    namespaced: ClassVar[bool] = False
