"""Explaining: why a template is, or is not, in each of the clusters. The words for a decision, no decision.

What the filters turn down speaks for itself; the rest of the clusters that a template is not placed on fit,
and were left out by what comes after the filters.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from policies.api.propagation import Placement
from policies.placement import Decision, divides, needs_capacity
from policies.verdicts import Rejection, Verdict, not_chosen, placement_pending


def unplaced(
    decision: Decision, placement: Placement, clusters: Iterable[str], targets: Collection[str]
) -> dict[str, Verdict]:
    """Return why each cluster is no target, in ascending order of names.

    :param decision: what the policy makes of the clusters as they are now.
    :param targets: where the template is placed, by its binding.
    """
    wanted = {target.name for target in decision.clusters}
    return {
        name: _why(name, decision.rejections.get(name), placement, decision.verdict, name in wanted)
        for name in sorted(clusters)
        if name not in targets
    }


def _why(
    name: str, rejection: Rejection | None, placement: Placement, verdict: Verdict | None, wanted: bool
) -> Verdict:
    if rejection is not None:
        return rejection
    told = not (needs_capacity(placement) or placement.workload_affinity)  # else only the controller can
    if wanted and told:
        return placement_pending(name)
    if verdict is not None:
        return not_chosen(name, "the policy's wish can't be met")
    if placement.spread_constraints:
        return not_chosen(name, "the spreadConstraints take others")
    if divides(placement):
        return not_chosen(name, "the division of replicas gives it none")
    return not_chosen(name, "others come before it")
