"""Driver: what a batched release asks of a kind. A module for each kind, and one for all others."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from policies.api.meta import Manifest
from policies.workloads.replicated import count, observed, wanted


class Part(NamedTuple):
    """How many pods of a cluster may be at a revision."""

    updated: int
    outliers: int = 0
    """Those of them that a partition by ordinals does not cover: see the StatefulSet's driver."""


class Progress(NamedTuple):
    """Counts of pods in one cluster."""

    observed: bool
    """The kind's controller has seen the object as it is: the counts speak of it."""
    total: int
    ready: int
    updated: int
    """Pods of the template that the object has now."""
    updated_ready: int
    """Those of them that are ready, at least."""
    leaving: int = 0
    """Pods that go because there are more than wanted, and stay if more are wanted before they went."""
    ordered: bool = False
    """Its user says which pods are replaced first, whether they are ready or not: BROKEN_FIRST is void."""


class Pod(NamedTuple):
    """One pod of a workload, as it was listed."""

    name: str
    uid: str
    newest: bool
    """It is of the template that the workload has now."""
    ready: bool
    leaving: bool
    """It is being deleted."""
    ordinal: int = 0
    """Of a StatefulSet, the number that its name ends with; `placed`, its place among the pods, from 0."""


class History(NamedTuple):
    """A kind of which each object stands for one template that a workload had."""

    group: str
    kind: str
    plural: str


class Driver(ABC):
    """One kind, and what most kinds have in common. All fields are of the object's `spec`."""

    FIELDS: ClassVar[Sequence[str]]
    """The fields a release takes over; at its end they are the template's again."""
    POD_LABEL: ClassVar[str]
    """The label of a pod that tells its template from others; empty for kinds released by cluster."""
    HISTORY: ClassVar[History | None] = None
    """Where the value of that label is found by `number`, for kinds whose status does not say it."""
    BROKEN_FIRST: ClassVar[bool] = True
    """Of the pods to replace, those that are not ready go first, whoever decides it."""
    SAME_FIRST: ClassVar[bool] = False
    """Those go first that the revision before took."""
    NONE_FIRST: ClassVar[bool] = False
    """It is given the template before any pod may go: what it is held by does not know of a pod of the
    revision before that came after the count.
    """
    BROKEN_BESIDE: ClassVar[bool] = False
    """On the way back they go beside those that `max_unavailable` lets go, whatever it is."""
    DELETES: ClassVar[bool] = False
    """It may name obstacles and leftovers."""
    PER_NODE: ClassVar[bool] = False
    """It has a pod on each node, and a pod that was taken down is made anew of the template there is by then:
    what was begun is brought to its end, on whichever nodes, and wherever nodes went.
    """

    @property
    def units(self) -> str:
        """What a release counts."""
        return "pods" if self.POD_LABEL else "clusters"

    @abstractmethod
    def hold(self, manifest: Manifest, part: Part, replicas: int, /) -> Manifest:
        """Return the fields that let so many of the pods be at the manifest's template, whatever happens.

        :param replicas: pods wanted in the cluster.
        """

    @abstractmethod
    def return_to(self, manifest: Manifest, max_unavailable: int, /) -> Manifest:
        """Return the fields that bring all pods to the manifest's template, so many down at a time.

        They are said outright, also where the manifest leaves them out: what holds it must end in this write.
        """

    @abstractmethod
    def progress(self, projected: Manifest, /) -> Progress:
        """Count the pods of a projected copy."""

    def replicas(self, placed: int | None, projected: Manifest | None, /) -> int | None:
        """Return how many pods are wanted in a cluster, None when nobody knows.

        :param placed: what was decided on the host; None where the cluster decides.
        """
        return wanted(projected) if placed is None and projected is not None else placed

    def resized(self, part: Part, former: int, replicas: int, /) -> Part:
        """Carry a part over to another number of replicas, as it will be once both are written."""
        return Part(in_proportion(part.updated, former, replicas))

    def counted(self, part: Part, updated: int, outliers: int | None, /) -> Part:
        """Carry a part over to what is seen of a cluster that holds it: more may have come of themselves.

        :param updated: pods of the template.
        :param outliers: as of `outliers`; None when they were not counted.
        """
        return Part(max(part.updated, updated))

    def stopped(self, part: Part, /) -> Part:
        """Return the part of a revision that a newer one supersedes: no more pods are to go to it, if that
        can be had; else it goes on until the next revision is written.
        """
        return part

    def newest(self, projected: Manifest, /) -> str | None:
        """Return the value of POD_LABEL for the template that a copy has now; None: the history tells."""
        return None

    def number(self, past: Manifest, /) -> int:
        """Return the place of an object of the history; the greatest is of the present template."""
        raise NotImplementedError

    def placed(self, pods: Sequence[Pod], projected: Manifest, /) -> Sequence[Pod]:
        """Return all pods of a copy with their places as ordinals."""
        return pods

    def outliers(self, newest: Sequence[Pod], part: Part, projected: Manifest, /) -> int:
        """Count the pods of the present template that the partition does not cover, or that may come."""
        return 0

    def obstacles(self, pods: Sequence[Pod], part: Part | None, replicas: int, /) -> Sequence[Pod]:
        """Return the pods that have to be deleted for the others to go on: the kind's controller won't.

        :param part: what the cluster may hold; None when all pods go to the template.
        """
        return ()

    def leftovers(self, pods: Sequence[Pod], part: Part | None, projected: Manifest, /) -> Sequence[Pod]:
        """Return the pods that an earlier release left behind and that have to be deleted before the next:
        as long as they are down, none may go that serves.

        :param part: how much of what it holds the cluster may hold, `stopped`; None for all.
        """
        return ()


def tally(projected: Manifest, total: str, ready: str, updated: str) -> Progress:
    """Count pods by the names that a kind's status has for its counters."""
    all_pods, serving, newest = (count(projected, name) for name in (total, ready, updated))
    return Progress(observed(projected), all_pods, serving, newest, proven(all_pods, serving, newest))


def proven(total: int, ready: int, updated: int) -> int:
    """Return how many pods of the template are ready at least, where ready ones are not told apart: those
    that can't be old.
    """
    return max(0, ready - (total - updated))


def in_proportion(count: int, former: int, replicas: int) -> int:
    """Return a count after scaling: down in proportion, rounded up; up as a Deployment's controller scales
    the new ReplicaSet with the others, rounded half up (measured on Kubernetes 1.36).
    """
    if former == 0:
        return 0
    if replicas < former:
        return -(-count * replicas // former)
    return min(replicas, (2 * count * replicas + former) // (2 * former))
