"""Fields that a kind does not have."""

from __future__ import annotations

from typing import Any

import pytest

from policies.api.override import OverridePolicy
from policies.api.propagation import PropagationPolicy
from policies.api.schema import kind_schema
from policies.validation.unknown import unknown_fields


def overriders(**fields: Any) -> dict[str, Any]:
    return {"spec": {"overrideRules": [{"overriders": fields}]}}


@pytest.mark.parametrize(
    ("kind", "manifest", "unknown"),
    [
        (PropagationPolicy, {"spec": {"priority": 1}, "metadata": {"anything": 1}}, []),
        (PropagationPolicy, {"spce": {}}, ["spce"]),
        (PropagationPolicy, {"spec": {"resourceSelectors": [{}, {"a": 1}]}}, ["spec.resourceSelectors[1].a"]),
        (
            PropagationPolicy,
            {"spec": {"resourceSelectors": [{"labelSelector": {"matchLabels": {"any.key": "x"}}}]}},
            [],
        ),
        (OverridePolicy, overriders(merge={"spec": {"anything": 1}}), []),
        (OverridePolicy, overriders(plaintext=[{"path": "/a", "value": {"b": {"c": 1}}}]), []),
        (OverridePolicy, overriders(envOverrider=[{"value": [{"name": "a", "valueFrom": {"x": 1}}]}]), []),
        (OverridePolicy, overriders(image=[]), ["spec.overrideRules[0].overriders.image"]),
        (PropagationPolicy, {"spec": {"placement": "of the wrong type"}}, []),
    ],
)
def test_a_field_is_unknown_if_the_schema_does_not_name_it(
    kind: type[PropagationPolicy | OverridePolicy], manifest: dict[str, Any], unknown: list[str]
) -> None:
    assert list(unknown_fields(kind_schema(kind), manifest)) == unknown
