"""ResourceInterpreter: what Atoll is to know of a kind that it does not know by itself."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from policies.api.meta import AGE, Column, Condition, Kind, Model, condition_column, list_map

PathText = Annotated[str, Field(max_length=512)]

Operator = Literal[
    "Exists",
    "DoesNotExist",
    "Equal",
    "NotEqual",
    "GreaterThan",
    "GreaterThanOrEqual",
    "LessThan",
    "LessThanOrEqual",
]


class InterpreterTarget(Model):
    """A kind."""

    api_version: Annotated[str, Field(min_length=1, max_length=317)]
    """The API version of the kind, such as `example.com/v1`. Only the group counts, not the version."""
    kind: Annotated[str, Field(min_length=1, max_length=63)]
    """The kind, such as `Database`."""


class HealthCondition(Model):
    """What must hold of one value of an object."""

    path: Annotated[str, Field(min_length=1, max_length=512)]
    """Where the value stands, such as `.status.phase` or
    `.status.conditions[?(@.type=="Ready")].status`."""
    operator: Operator
    """How it is compared with `value`, or with what stands at `valuePath`. Exists and DoesNotExist take
    neither. A value that is not there equals nothing; compared with a number it is 0."""
    value: Any = None
    """A text, a number, true or false."""
    value_path: PathText = ""
    """Where the other value stands in the same object, such as `.spec.replicas`."""


class HealthInterpretation(Model):
    """When a copy is healthy. One whose `status.observedGeneration` is behind is Progressing in any case."""

    unhealthy: Annotated[list[HealthCondition], Field(max_length=16)] = []
    """One of these makes a copy Unhealthy."""
    healthy: Annotated[list[HealthCondition], Field(max_length=16)] = []
    """All of these make a copy Healthy, else it is Progressing. Without any, a copy that is not Unhealthy is
    Healthy."""


class ResourceInterpreterSpec(Model):
    """What Atoll is to know of a kind."""

    target: InterpreterTarget
    """The kind."""
    spec_replicas_path: PathText = ""
    """Where an object says how many replicas it has, such as `.spec.replicas`: a whole number, which is
    divided among the clusters where a policy says so."""
    ready_replicas_path: PathText = ""
    """Where the status says how many of them are ready, such as `.status.readyReplicas`."""
    status_sums: Annotated[list[PathText], Field(max_length=32)] = []
    """Numbers in the status, such as `.status.readyReplicas`: the template's is the sum of those of all
    copies. Without any, the status of each copy is in the binding."""
    health: HealthInterpretation | None = None
    """When a copy is healthy. Absent, its condition Ready tells."""
    pod_template_path: PathText = ""
    """Where an object has its pod template, such as `.spec.template`. What a pod asks for is read there."""


class ResourceInterpreterStatus(Model):
    """Whether a kind is read as the interpreter says."""

    observed_generation: int = 0
    """The generation of the interpreter that the status speaks of."""
    conditions: Annotated[list[Condition], list_map("type")] = []
    """The state of the interpreter: Ready, with a reason when it is not."""


class ResourceInterpreter(Kind):
    """What Atoll is to know of a kind that it does not know by itself: where it has its replicas and the
    numbers of its status, and when it is healthy."""

    plural: ClassVar[str] = "resourceinterpreters"
    short_names: ClassVar[tuple[str, ...]] = ("ri",)
    namespaced: ClassVar[bool] = False
    columns: ClassVar[tuple[Column, ...]] = (
        Column("Target-Kind", ".spec.target.kind"),
        Column("Replicas-Path", ".spec.specReplicasPath"),
        condition_column("Ready"),
        AGE,
    )

    spec: ResourceInterpreterSpec
    """What Atoll is to know of the kind."""
    status: ResourceInterpreterStatus = ResourceInterpreterStatus()
    """Whether the kind is read that way."""
