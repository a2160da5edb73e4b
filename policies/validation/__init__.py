"""What a schema can't say about our kinds: `validate` tells what keeps an object out and what to warn of.

The API server enforces the schema and its rules by itself. What is here runs in the admission webhook, and
again in the controllers for objects that were stored while the webhook was down.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from pydantic import ValidationError

from policies.api import KINDS
from policies.api.binding import ResourceBinding
from policies.api.cluster import Cluster
from policies.api.interpreter import ResourceInterpreter
from policies.api.meta import Kind, Manifest
from policies.api.override import OverridePolicy
from policies.api.propagation import PropagationPolicy
from policies.api.rollout import Rollout
from policies.api.rollout_policy import RolloutPolicy
from policies.validation import interpreter, override, propagation, rollout, syntax
from policies.validation.findings import Advice, Denial, Finding

__all__ = ["Advice", "Denial", "Verdict", "validate"]

_BY_KIND = {kind.__name__: kind for kind in KINDS}


class Verdict(NamedTuple):
    """What validation says of one object."""

    denials: tuple[Denial, ...] = ()
    """Mistakes; with any, the object must not be stored nor acted upon."""
    warnings: tuple[Advice, ...] = ()
    """What its author should know."""


def validate(manifest: Manifest, clusters: Collection[str] | None = None) -> Verdict:
    """Judge an object of one of our kinds.

    :param clusters: the names of the Clusters that exist; None when they are not known.
    :raises KeyError: the manifest is of no kind of ours.
    """
    try:
        kind = _BY_KIND[manifest["kind"]].model_validate(manifest)
    except ValidationError as mistakes:
        return Verdict(denials=tuple(_unreadable(mistakes)))
    findings = list(_check(kind, clusters))
    return Verdict(
        tuple(finding for finding in findings if isinstance(finding, Denial)),
        tuple(finding for finding in findings if isinstance(finding, Advice)),
    )


def _check(kind: Kind, clusters: Collection[str] | None) -> Iterator[Finding]:
    match kind:
        case PropagationPolicy():
            yield from propagation.check(kind, clusters)
        case OverridePolicy():
            yield from override.check(kind, clusters)
        case RolloutPolicy():
            yield from rollout.check_policy(kind, clusters)
        case Rollout():
            yield from rollout.check_rollout(kind, clusters)
        case ResourceInterpreter():
            yield from interpreter.check(kind)
        case Cluster():
            yield from _cluster(kind)
        case ResourceBinding():
            yield Advice(
                "spec",
                f"a {kind.kind} is written by Atoll, which will undo what others change",
                "change the policy instead",
            )


def _cluster(cluster: Cluster) -> Iterator[Finding]:
    if cluster.spec.secret_ref is None:
        yield Advice(
            "spec.secretRef", "without it the cluster can't be reached", "use `atoll join` or name a Secret"
        )
    for i, taint in enumerate(cluster.spec.taints):
        yield from syntax.label_key(f"spec.taints[{i}].key", taint.key)
        yield from syntax.label_value(f"spec.taints[{i}].value", taint.value)
    for i, cidr in enumerate(cluster.spec.pod_cidrs):
        yield from syntax.cidr(f"spec.podCIDRs[{i}]", cidr)


def _unreadable(mistakes: ValidationError) -> Iterator[Denial]:
    """Say what does not fit the schema; the API server never stores such an object, a file may hold one."""
    for mistake in mistakes.errors(include_url=False, include_input=False):
        path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in mistake["loc"])
        yield Denial(path.lstrip("."), mistake["msg"], "see `kubectl explain` for the field")
