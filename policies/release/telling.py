"""Telling: how a release says where it stands."""

from __future__ import annotations

from collections.abc import Sequence

from policies.api.meta import Condition
from policies.api.rollout import Phase
from policies.observation import Stamp, condition
from policies.verdicts import Verdict
from policies.workloads.conditions import names as named

__all__ = ["TERMINAL", "conditions", "named"]

TERMINAL: frozenset[Phase] = frozenset({"Completed", "RolledBack", "Superseded", "Cancelled"})
_STANDING: frozenset[Phase] = TERMINAL | {"Halted", "Paused"}
_FAILED: frozenset[Phase] = frozenset({"Halted", "RollingBack", "RolledBack"})


def conditions(before: Sequence[Condition], phase: Phase, verdict: Verdict, stamp: Stamp) -> list[Condition]:
    """Return the conditions of a run: exactly one of them is what `kubectl wait` is after."""
    return [
        condition(before, "Progressing", "False" if phase in _STANDING else "True", verdict, stamp),
        condition(before, "Completed", "True" if phase == "Completed" else "False", verdict, stamp),
        condition(before, "Failed", "True" if phase in _FAILED else "False", verdict, stamp),
    ]
