"""What all kinds share: the model base, object metadata, references, selectors and conditions.

The schema of each model is what the API server enforces: types and bounds come from the annotations,
descriptions from the docstrings, and what one field alone can't say from `validations`.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

GROUP = "federation.atoll.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
FORCE = f"mcs.{GROUP}/force"
"""Annotation by which the author of a change insists that callers of a Service may lose it: the reason."""
TEMPLATE = f"mcs.{GROUP}/template"
"""Annotation of a ServiceExport on a host that is a member, too: it is for others, and no export itself."""

Manifest = dict[str, Any]
"""An API object as it travels: a JSON object with apiVersion, kind and metadata."""


class Rule(NamedTuple):
    """An invariant the API server checks at every write: a CEL expression over `self`."""

    rule: str
    message: str
    """What is wrong and the remedy, for the person who wrote the object."""
    field: str = ""
    """The field to blame, relative to the model, as a path (`.tolerationSeconds`)."""


class Column(NamedTuple):
    """A column of `kubectl get`."""

    name: str
    path: str
    type: str = "string"
    priority: int = 0
    """0 is always shown, 1 with `-o wide`."""


AGE = Column("Age", ".metadata.creationTimestamp", "date")


def condition_column(condition: str) -> Column:
    """Return the column that shows the status of one condition."""
    return Column(condition, f'.status.conditions[?(@.type=="{condition}")].status')


def list_map(*keys: str, max_items: int | None = None) -> Any:
    """Annotate a list whose items are told apart by `keys`: unique, and merged one by one by apply."""
    return Field(
        max_length=max_items,
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keys)},
    )


_INT32 = 2**31 - 1

Int32 = Annotated[int, Field(ge=-_INT32 - 1, le=_INT32, json_schema_extra={"format": "int32"})]
Count = Annotated[int, Field(ge=0, le=_INT32, json_schema_extra={"format": "int32"})]
Name = Annotated[str, Field(min_length=1, max_length=253)]
Namespace = Annotated[str, Field(max_length=63)]
LabelKey = Annotated[str, Field(min_length=1, max_length=317)]
LabelValue = Annotated[str, Field(max_length=63)]
ClusterNames = Annotated[list[Name], Field(max_length=4096)]
Timestamp = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


def _add_validations(schema: dict[str, Any], model: type[Any]) -> None:
    """Carry a model's rules into its JSON schema, in the form of a CRD."""
    if model.validations:
        schema["x-kubernetes-validations"] = [
            {"rule": rule.rule, "message": rule.message} | ({"fieldPath": rule.field} if rule.field else {})
            for rule in model.validations
        ]


class Model(BaseModel):
    """A value of our API: snake_case here, camelCase on the wire, unknown fields ignored, never changed."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        use_attribute_docstrings=True,
        extra="ignore",
        frozen=True,
        json_schema_extra=_add_validations,
    )

    validations: ClassVar[tuple[Rule, ...]] = ()

    def dump(self) -> Manifest:
        """Return the wire form: fields that were set, without nulls."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True)


class OwnerReference(Model):
    """An object that this one belongs to and is deleted with."""

    api_version: str
    kind: str
    name: str
    uid: str


class ObjectMeta(Model):
    """The part of an object's metadata that Atoll reads."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: str = ""
    deletion_timestamp: str | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    finalizers: list[str] = []
    owner_references: list[OwnerReference] = []


class Kind(Model):
    """A kind of our API group; beside its fields, how kubectl finds and shows it."""

    plural: ClassVar[str]
    short_names: ClassVar[tuple[str, ...]] = ()
    namespaced: ClassVar[bool]
    columns: ClassVar[tuple[Column, ...]] = (AGE,)

    api_version: str
    """The version of the API this object is written in: `federation.atoll.dev/v1alpha1`."""
    kind: str
    """The kind of this object."""
    metadata: ObjectMeta


class LabelSelectorRequirement(Model):
    """A condition on one label."""

    validations = (
        Rule(
            "!(self.operator in ['In', 'NotIn']) || (has(self.values) && size(self.values) > 0)",
            "operators In and NotIn need values; add at least one value",
            ".values",
        ),
        Rule(
            "self.operator in ['In', 'NotIn'] || !has(self.values) || size(self.values) == 0",
            "operators Exists and DoesNotExist take no values; remove values or use In",
            ".values",
        ),
    )

    key: LabelKey
    """The key of the label."""
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    """In: the value is one of `values`. NotIn: it is none of them, or the label is absent.
    Exists, DoesNotExist: whether the label is there."""
    values: Annotated[list[LabelValue], Field(max_length=256)] = []
    """The values for In and NotIn."""


class LabelSelector(Model):
    """A selection by labels; all conditions must hold, an empty selector selects everything."""

    match_labels: Annotated[dict[str, LabelValue], Field(max_length=64)] = {}
    """Labels that must be there with exactly these values."""
    match_expressions: Annotated[list[LabelSelectorRequirement], Field(max_length=64)] = []
    """Further conditions on labels."""


class ResourceSelector(Model):
    """A selection of objects of one kind: by name, else by labels, else all of the kind."""

    api_version: Annotated[str, Field(min_length=1, max_length=317)]
    """The API version of the objects, such as `apps/v1`. Only the group counts, not the version."""
    kind: Annotated[str, Field(min_length=1, max_length=63)]
    """The kind of the objects, such as `Deployment`."""
    namespace: Namespace = ""
    """The namespace of the objects. A namespaced policy may only name its own, which empty means too;
    in a cluster-scoped policy, empty means all."""
    name: Annotated[str, Field(max_length=253)] = ""
    """The name of one object. When it is set, `labelSelector` is ignored."""
    label_selector: LabelSelector | None = None
    """Labels the objects must have. Without it and without `name`, all objects of the kind are selected."""


class Condition(Model):
    """One aspect of an object's state."""

    type: str
    """The aspect, in CamelCase."""
    status: Literal["True", "False", "Unknown"]
    """Whether it holds."""
    reason: str
    """Why, as one word in CamelCase for programs."""
    message: str = ""
    """Why, as a sentence for people, with the remedy."""
    observed_generation: int = 0
    """The generation of the object that this condition speaks of."""
    last_transition_time: Timestamp = ""
    """When `status` changed last."""


class Taint(Model):
    """A mark on a cluster that keeps workloads away which do not tolerate it."""

    key: LabelKey
    """The name of the taint, in the syntax of a label key."""
    value: LabelValue = ""
    """A value to tell taints of one key apart."""
    effect: Literal["NoSchedule", "NoExecute"]
    """NoSchedule: nothing new is placed here. NoExecute: also, what is here is evicted."""
    time_added: Timestamp | None = None
    """When the taint was added; evictions count from here."""


class Toleration(Model):
    """A taint that does not matter."""

    validations = (
        Rule(
            "!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
            "only valid with effect NoExecute; set effect: NoExecute or remove tolerationSeconds",
            ".tolerationSeconds",
        ),
        Rule(
            "self.operator != 'Exists' || !has(self.value) || self.value == ''",
            "operator Exists takes no value; remove value or set operator: Equal",
            ".value",
        ),
        Rule(
            "self.operator == 'Exists' || (has(self.key) && self.key != '')",
            "only operator Exists may leave the key empty; set key, or operator: Exists for any taint",
            ".key",
        ),
    )

    key: Annotated[str, Field(max_length=317)] = ""
    """The key of the taint. Empty, with operator Exists, stands for all keys."""
    operator: Literal["Equal", "Exists"] = "Equal"
    """Equal: key and value must be those of the taint. Exists: the value does not matter."""
    value: LabelValue = ""
    """The value of the taint, for operator Equal."""
    effect: Literal["", "NoSchedule", "NoExecute"] = ""
    """The effect of the taint. Empty stands for all effects."""
    toleration_seconds: Count | None = None
    """How long a NoExecute taint is tolerated before the workload is evicted. Absent means for ever."""
