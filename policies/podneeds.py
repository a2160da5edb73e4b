"""Pod needs: what a pod asks of a node, as kube-scheduler reads it.

What a member's own admission adds to a pod (defaults of a LimitRange, the overhead of a RuntimeClass) is seen
in its pods, not in a template.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from policies.api.meta import Manifest
from policies.podspec import Path, pod_spec_path
from policies.quantities import amounts

PODS = "pods"
_POD_LEVEL = ("cpu", "memory", "hugepages-")
"""What a pod can ask for as a whole (KEP-2837)."""


class Tolerated(NamedTuple):
    """A core/v1 Toleration."""

    key: str
    operator: str
    value: str
    effect: str


class Expression(NamedTuple):
    """A core/v1 NodeSelectorRequirement."""

    key: str
    operator: str
    values: tuple[str, ...]


class Term(NamedTuple):
    """A core/v1 NodeSelectorTerm: all of it must hold."""

    labels: tuple[Expression, ...]
    fields: tuple[Expression, ...]


class Need(NamedTuple):
    """What a pod asks of a node. Hashable, so that equal pods are counted together."""

    requests: tuple[tuple[str, int], ...]
    """(resource, amount) in ascending order, zeros left out, one of `pods` always among them."""
    tolerated: tuple[Tolerated, ...] = ()
    node_selector: tuple[tuple[str, str], ...] = ()
    node_terms: tuple[Term, ...] | None = None
    """One of them must hold; None where nothing is asked."""


def need_of_template(manifest: Manifest, taught: Path | None = None) -> Need | None:
    """Return what each pod of a workload needs.

    None for a kind without pods, and for what can't be one: a kind whose CRD does not say what is in its
    template can hold anything there.

    :param taught: where a ResourceInterpreter says that the pod spec is.
    """
    if (path := pod_spec_path(manifest) or taught) is None:
        return None
    spec: Any = manifest
    try:
        for key in path:
            spec = spec[key]
        return need_of(spec)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def need_of(spec: Manifest) -> Need:
    """Return what a pod with this spec needs."""
    affinity = ((spec.get("affinity") or {}).get("nodeAffinity") or {}).get(
        "requiredDuringSchedulingIgnoredDuringExecution"
    )
    return _shared(
        Need(
            tuple(sorted(_requests(spec).items())),
            tuple(_tolerated(each) for each in spec.get("tolerations") or ()),
            tuple(sorted((spec.get("nodeSelector") or {}).items())),
            tuple(_term(each) for each in affinity.get("nodeSelectorTerms") or ()) if affinity else None,
        )
    )


def bare(need: Need) -> Need:
    """Return what a pod takes where it is: where else it could be does not matter any more."""
    return _shared(Need(need.requests))


@lru_cache(maxsize=16384)
def _shared(need: Need) -> Need:
    """Return the same value for equal ones: many pods are alike."""
    return need


def _requests(spec: Manifest) -> dict[str, int]:
    """Return what the scheduler counts for a pod (`resource.PodRequests`, KEP-753 for sidecars): what its
    containers and sidecars ask for together, or what an init container does beside the sidecars started
    before it, whichever is more.
    """
    running = _sum(_asked(each) for each in spec.get("containers") or ())
    sidecars: dict[str, int] = {}
    starting: dict[str, int] = {}
    for each in spec.get("initContainers") or ():
        asked = _asked(each)
        if each.get("restartPolicy") == "Always":
            running, sidecars = _sum((running, asked)), _sum((sidecars, asked))
            asked = {}
        starting = _most(starting, _sum((sidecars, asked)))
    total = _of_the_pod(spec.get("resources") or {}, _most(running, starting))
    total = _sum((total, amounts(spec.get("overhead") or {})))
    return {resource: amount for resource, amount in total.items() if amount > 0} | {PODS: 1}


def _asked(container: Manifest) -> dict[str, int]:
    """A limit without a request is the request, too: the API server sets it in pods, not in templates."""
    resources = container.get("resources") or {}
    return amounts((resources.get("limits") or {}) | (resources.get("requests") or {}))


def _of_the_pod(resources: Manifest, containers: Mapping[str, int]) -> Mapping[str, int]:
    """Put what the pod asks for as a whole in the place of what its containers do."""
    limits, requests = (
        {name: text for name, text in (resources.get(field) or {}).items() if name.startswith(_POD_LEVEL)}
        for field in ("limits", "requests")
    )
    return {**amounts(limits), **containers, **amounts(requests)}


def _sum(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    return _merged(parts, lambda one, other: one + other)


def _most(*parts: Mapping[str, int]) -> dict[str, int]:
    return _merged(parts, max)


def _merged(parts: Iterable[Mapping[str, int]], merge: Callable[[int, int], int]) -> dict[str, int]:
    merged: dict[str, int] = {}
    for part in parts:
        for resource, amount in part.items():
            merged[resource] = merge(merged.get(resource, 0), amount)
    return merged


def _tolerated(toleration: Manifest) -> Tolerated:
    return Tolerated(
        toleration.get("key") or "",
        toleration.get("operator") or "Equal",
        toleration.get("value") or "",
        toleration.get("effect") or "",
    )


def _term(term: Manifest) -> Term:
    return Term(_expressions(term.get("matchExpressions")), _expressions(term.get("matchFields")))


def _expressions(requirements: Sequence[Manifest] | None) -> tuple[Expression, ...]:
    return tuple(
        Expression(each["key"], each["operator"], tuple(each.get("values") or ()))
        for each in requirements or ()
    )
