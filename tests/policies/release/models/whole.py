"""What becomes of an object that its cluster takes as a whole, and whose controller says when it is ready."""

from __future__ import annotations

from dataclasses import dataclass

from policies.api.meta import Manifest
from policies.workloads.driver import Pod as Listed
from tests.policies.release.models.common import Member, Pod, Spec


@dataclass
class Whole(Member):
    """A cluster with one object; a Pod stands for its being ready."""

    KIND = ("cert-manager.io/v1", "Certificate", "certificates")

    unit: Pod | None = None

    @property
    def wanted(self) -> int:
        return 1 if self.spec else 0

    @property
    def pods(self) -> list[Pod]:
        return [self.unit] if self.unit else []

    def settle(self, spec: Spec) -> None:
        self.spec = self.seen = spec
        self.unit = Pod(0)

    def resize(self, size: int) -> None:
        """There is one object."""

    def at(self, revision: str) -> int:
        """What was written is there at once, whether or not its controller has seen it."""
        return int(self.spec is not None and self.spec.revision == revision)

    def live(self, now: float) -> Manifest:
        if self.spec is None or self.unit is None:
            return {"generation": 1, "status": {}}
        ready = {"type": "Ready", "status": "True" if self.unit.ready_at <= now else "False"}
        seen = 2 if self.observed() else 1
        return {"generation": 2, "status": {"observedGeneration": seen, "conditions": [ready]}}

    def listing(self, now: float) -> list[Listed]:
        """Nobody asks for pods."""
        return []

    def delete(self, pod: Listed) -> None:
        raise AssertionError("there are no pods to delete")

    def sync(self, now: float) -> None:
        if self.spec is None:
            return
        if self.unit is None or self.seen is None or self.seen.revision != self.spec.revision:
            self.unit = self.new_pod(self.spec.revision, now)
        self.seen = self.spec

    def evict(self, now: float) -> None:
        """Others leave it alone."""
