"""Values that mean the same under other names: taints, purge modes, and what Karmada's webhook fills in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from policies.api.meta import Manifest
from policies.karmada.notes import NO_MAXIMUM, PURGE_MODES, SELECTING, STATIC_WEIGHTS, TAINTS

Said = tuple[str, str]
"""The path of a field, and a sentence."""


def renamed(spec: Manifest) -> tuple[Manifest, list[Said]]:
    """Return a spec with our values, and what is to be said of them; the input stays as it is."""
    said: list[Said] = []
    if isinstance(placement := spec.get("placement"), dict):
        spec = spec | {"placement": _placement(placement, said)}
    if isinstance(failover := spec.get("failover"), dict):
        spec = spec | {"failover": _failover(failover, said)}
    return spec, said


def _placement(placement: Manifest, said: list[Said]) -> Manifest:
    changed: Manifest = {}
    if isinstance(tolerations := placement.get("clusterTolerations"), list):
        changed["clusterTolerations"] = [
            _toleration(f"spec.placement.clusterTolerations[{i}]", each, said)
            for i, each in enumerate(tolerations)
        ]
    if isinstance(constraints := placement.get("spreadConstraints"), list):
        changed["spreadConstraints"] = [
            _constraint(f"spec.placement.spreadConstraints[{i}]", each, said)
            for i, each in enumerate(constraints)
        ]
    if changed.get("spreadConstraints") and _weighted(placement.get("replicaScheduling")):
        said.append(("spec.placement.replicaScheduling.weightPreference.staticWeightList", STATIC_WEIGHTS))
    return placement | changed


def _weighted(scheduling: Any) -> bool:
    weights = scheduling.get("weightPreference") if isinstance(scheduling, dict) else None
    return isinstance(weights, dict) and bool(weights.get("staticWeightList"))


def _toleration(at: str, toleration: Any, said: list[Said]) -> Any:
    if not isinstance(toleration, dict):
        return toleration
    key = str(toleration.get("key") or "")
    if key in TAINTS:
        said.append((f"{at}.key", f"written as {TAINTS[key]}, which clusters in trouble get here"))
        return toleration | {"key": TAINTS[key]}
    if key.startswith("cluster.karmada.io/"):
        said.append((f"{at}.key", f"clusters don't get the taint {key} here; remove it, or set it yourself"))
    return toleration


def _constraint(at: str, constraint: Any, said: list[Said]) -> Any:
    """Karmada's zero is absence, and its webhook takes a constraint without a field for one on clusters."""
    if not isinstance(constraint, dict):
        return constraint
    numbers = ("minGroups", "maxGroups")
    kept = {field: value for field, value in constraint.items() if value or field not in numbers}
    if not (kept.get("spreadByField") or kept.get("spreadByLabel")):
        kept["spreadByField"] = "cluster"
        said.append((at, "spreadByField: cluster is written, which Karmada's webhook fills in"))
    said.extend((at, sentence) for sentence in _of_constraint(kept))
    return kept


def _of_constraint(constraint: Manifest) -> Iterator[str]:
    if "maxGroups" not in constraint:
        yield NO_MAXIMUM
    if constraint.get("spreadByLabel") or constraint.get("spreadByField") in ("zone", "provider"):
        yield SELECTING


def _failover(failover: Manifest, said: list[Said]) -> Manifest:
    """Write purge modes by their present names."""
    changed: Manifest = {}
    for cause, behavior in failover.items():
        mode = behavior.get("purgeMode") if isinstance(behavior, dict) else None
        if isinstance(mode, str) and mode in PURGE_MODES:
            said.append(
                (f"spec.failover.{cause}.purgeMode", f"written as {PURGE_MODES[mode]}, its present name")
            )
            changed[cause] = behavior | {"purgeMode": PURGE_MODES[mode]}
    return failover | changed
