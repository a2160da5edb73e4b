"""SourceState: whether what a cluster exports is on the host in full; written by its exporter.

What is not on the host is only known not to be exported where this says `synced`, or that the cluster left. A
host that was rebuilt or restored says neither, so nothing is withdrawn because of it.
"""

from __future__ import annotations

from typing import ClassVar

from policies.api.meta import AGE, Column, Kind, Model, Name


class SourceStateSpec(Model):
    """What is known of a cluster's exports."""

    cluster: Name
    """The cluster."""
    epoch: str = ""
    """Which start of its exporter speaks."""
    synced: bool = False
    """Whether everything that it exported when this exporter began is here, and nothing else."""
    left: bool = False
    """Whether the cluster left the federation, and what it exported is gone for good."""


class SourceState(Kind):
    """A cluster that exports Services. There is one for each cluster that ever joined."""

    plural: ClassVar[str] = "sourcestates"
    namespaced: ClassVar[bool] = True
    columns: ClassVar[tuple[Column, ...]] = (
        Column("Synced", ".spec.synced", "boolean"),
        Column("Left", ".spec.left", "boolean"),
        AGE,
    )

    spec: SourceStateSpec
    """What is known of a cluster's exports."""
