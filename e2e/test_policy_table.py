"""Each rule about policies, on a full sandbox: where the template goes and what the members get."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from copy import deepcopy
from functools import partial
from itertools import product
from typing import Any

import jsonpointer
import pytest

from e2e.fleet import SETTLE, Fleet, namespace_on
from e2e.policy_table import TABLE, Row
from federation.kube.resources import Manifest
from tests.federated import OVERRIDES, POLICIES, absent, condition, reason

pytestmark = pytest.mark.timeout(300)

_COUNTS = {"Deployment": "/spec/replicas", "Job": "/spec/parallelism"}


@pytest.mark.parametrize("section", TABLE)
async def test_policies_do_what_each_rule_says(fleet: Fleet, namespace: str, section: str) -> None:
    async with asyncio.TaskGroup() as group:
        for number, row in enumerate(TABLE[section]):
            group.create_task(_holds(fleet, f"{namespace}-{number}", row))


async def _holds(fleet: Fleet, namespace: str, row: Row) -> None:
    async with namespace_on(fleet, namespace):
        try:
            await _given(fleet, namespace, row)
            await _is_placed(fleet, namespace, row)
        except AssertionError as failure:
            failure.add_note(f"the rule: {row.rule}")
            raise


async def _given(fleet: Fleet, namespace: str, row: Row) -> None:
    for manifest in row.policies:
        resource = POLICIES if manifest["kind"] == POLICIES.kind else OVERRIDES
        await fleet.host.apply(resource, _in(namespace, manifest))
    await fleet.host.apply(row.resource, _in(namespace, row.template))


def _in(namespace: str, manifest: Manifest) -> Manifest:
    placed = deepcopy(manifest)
    placed["metadata"]["namespace"] = namespace
    return placed


async def _is_placed(fleet: Fleet, namespace: str, row: Row) -> None:
    name = row.template["metadata"]["name"]
    binding = await fleet.binding(row.resource, name, namespace, partial(_says, row))
    placed = _targets(binding)
    for cluster, member in fleet.members.items():
        holds = partial(_has, row, cluster, placed[cluster]) if cluster in placed else absent
        await member.until(row.resource, name, namespace, holds, seconds=SETTLE)


def _says(row: Row, binding: Manifest | None) -> bool:
    if binding is None or condition(binding, "Scheduled") is None:
        return False
    placed = _targets(binding)
    if row.reason:
        return reason(binding, "Scheduled") == row.reason and not placed
    return condition(binding, "Applied") == "True" and any(
        placed == dict(zip(names, row.placed.values(), strict=True))
        for names in product(*(name.split(" or ") for name in row.placed))
    )


def _targets(binding: Manifest) -> Mapping[str, int | None]:
    targets: Sequence[Mapping[str, Any]] = binding["spec"].get("clusters", [])
    return {target["name"]: target.get("replicas") for target in targets}


def _has(row: Row, cluster: str, replicas: int | None, copy: Manifest | None) -> bool:
    if copy is None:
        return False
    values = dict(row.has.get(cluster, {}))
    if replicas is not None:
        values[_COUNTS[copy["kind"]]] = replicas
    return all(jsonpointer.resolve_pointer(copy, pointer, None) == value for pointer, value in values.items())
