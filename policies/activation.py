"""Activation: which version of a policy counts for a template.

A policy that is Lazy moves nothing by being changed: a template goes by what is on record in its binding
until it changes itself. So a mistake in a policy of many templates shows in one of them first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import NamedTuple

from policies.api.binding import BindingSpec
from policies.api.propagation import PropagationSpec
from policies.verdicts import Verdict

_DEFERRED = ("placement", "conflict_resolution", "preserve_resources_on_deletion")
"""The fields of a policy that are put on record. The others only hold writes back, and act at once."""

_DECIDED = ("affinity_name", "rebalance_triggered_at", "evictions")


class Activated(NamedTuple):
    """What was decided for a template, with what the next decision needs to know."""

    spec: BindingSpec
    unmet: Verdict | None
    """Why the policy's wish can't be met."""
    waiting: bool
    """It goes by an older version of its policy."""


def digest(spec: PropagationSpec, template: bytes) -> str:
    """Return 16 hex digits for what is propagated of a template; nothing where no policy asks for it."""
    return hashlib.sha256(template).hexdigest()[:16] if spec.activation_preference == "Lazy" else ""


def in_force(spec: PropagationSpec, before: BindingSpec, template: str) -> PropagationSpec:
    """Return a policy as it counts for a template: the very same if that is what it says now.

    :param before: what was decided for the template last.
    :param template: its digest.
    """
    if not template or before.template_digest != template or before.placement is None or not before.clusters:
        return spec
    recorded = {field: getattr(before, field) for field in _DEFERRED}
    if all(getattr(spec, field) == value for field, value in recorded.items()):
        return spec
    return spec.model_copy(update=recorded)


def activated(
    policy: PropagationSpec,
    before: BindingSpec,
    template: str,
    decided: BindingSpec,
    unmet: Verdict | None,
    staying: Collection[str],
) -> Activated:
    """Return what becomes of a decision.

    Where the policy was not Lazy before, nobody knows by which version of it a template was placed. Then it
    stays where it is, unless nothing changes anyway.

    :param decided: by what `in_force` returned.
    :param staying: the clusters that do not leave the federation.
    """
    if not template:
        return Activated(decided, unmet, False)
    counted = in_force(policy, before, template)
    kept = [target for target in before.clusters if target.name in staying]
    unrecorded = before.placement is None and before.template_digest in ("", template)
    same = unmet is None and _same(decided, before.model_copy(update={"clusters": kept}))
    if unrecorded and kept and not same:
        stays = {field: getattr(before, field) for field in (*_DEFERRED, *_DECIDED)}
        held = decided.model_copy(update=stays | {"clusters": kept, "template_digest": template})
        return Activated(held, None, True)
    recorded = {"placement": counted.placement, "template_digest": template}
    return Activated(decided.model_copy(update=recorded), unmet, counted is not policy)


def _same(decided: BindingSpec, before: BindingSpec) -> bool:
    fields = ("clusters", "affinity_name", *_DEFERRED[1:])
    return all(getattr(decided, field) == getattr(before, field) for field in fields)


def waits(verdict: Verdict) -> Verdict:
    """Say of a template that it goes by an older version of its policy."""
    return Verdict(
        verdict.reason,
        f"{verdict.message}; what its policy says by now counts from the template's next change on "
        "(activationPreference: Lazy)",
    )
