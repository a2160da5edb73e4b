"""State preservation: what the copy in a new cluster is told of the state of the one it takes the place of.

Values out of `.status`, as labels of the new copy, by which an admission webhook or the workload itself goes
on from there. Only where there is one copy at a time: `purgeMode: Directly` and one cluster.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from policies.api.binding import Eviction, TargetCluster
from policies.api.failover import ClusterFailover
from policies.api.meta import Manifest

_STEP = re.compile(r"""\.?(?P<name>[A-Za-z_][\w-]*)|\[(?P<index>\d+)\]|\[(['"])(?P<quoted>[^'"]+)\3\]""")
_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")


def steps(path: str) -> list[str | int] | None:
    """Return the keys and indices of a JSON path such as `{.jobStatus.ids[0]}`; None of what is none."""
    rest = path.strip()
    if rest.startswith("{") and rest.endswith("}"):
        rest = rest[1:-1].strip()
    rest = rest.removeprefix("$")
    found: list[str | int] = []
    while rest:
        if (match := _STEP.match(rest)) is None:
            return None
        name = match["name"] or match["quoted"]
        found.append(name if name else int(match["index"]))
        rest = rest[match.end() :]
    return found or None


def preserved(
    rules: ClusterFailover | None, targets: Sequence[TargetCluster], status: Manifest
) -> dict[str, str]:
    """Return the labels for what of a status the rules name and can be the value of a label.

    :param targets: where the template is; of more than one nothing is carried over.
    """
    if rules is None or rules.state_preservation is None or len(targets) != 1:
        return {}
    if rules.purge_mode != "Directly":
        return {}
    found = {rule.alias_label_name: _at(status, rule.json_path) for rule in rules.state_preservation.rules}
    return {label: value for label, value in found.items() if value is not None and _VALUE.fullmatch(value)}


def _at(status: Manifest, path: str) -> str | None:
    value: Any = status
    for step in steps(path) or ():
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int | float) else None


def labels(
    target: str, count: int, before: Sequence[TargetCluster], evictions: Sequence[Eviction]
) -> dict[str, str]:
    """Return the labels of the copy in a cluster: as long as it is there it has those that it came with.

    :param count: of clusters in the new placement.
    :param evictions: those on record, and those that begin.
    """
    for each in before:
        if each.name == target:
            return each.preserved_labels or {}
    if count != 1:
        return {}
    return {label: value for each in evictions for label, value in (each.preserved_labels or {}).items()}
