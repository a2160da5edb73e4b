"""Key: the name of one copy, a template in a cluster."""

from __future__ import annotations

from typing import NamedTuple

from federation.kube.ref import Ref


class Key(NamedTuple):
    """What `apply` reconciles."""

    cluster: str
    ref: Ref

    def __str__(self) -> str:
        return f"{self.ref} on {self.cluster}"
