"""Since when a copy is unhealthy: a time on the host, so that no restart begins it anew."""

from __future__ import annotations

import pytest

from policies.api.binding import BindingSpec, BindingStatus, ClusterResult, ResourceReference
from policies.observation import Stamp, binding_status
from policies.verdicts import Verdict

WEB = ResourceReference(api_version="apps/v1", kind="Deployment", plural="deployments", name="web")
BEFORE, NOW = "2026-11-22T11:00:00Z", "2026-11-22T12:00:00Z"


@pytest.mark.parametrize(
    ("was", "health", "since"),
    [
        (None, "Unhealthy", NOW),
        (BEFORE, "Unhealthy", BEFORE),
        (BEFORE, "Unknown", BEFORE),  # out of sight: its time goes on
        (None, "Unknown", None),
        (BEFORE, "Healthy", None),
        (BEFORE, "Progressing", None),
    ],
)
def test_it_is_told_from_the_first_look_until_it_fares_better(
    was: str | None, health: str, since: str | None
) -> None:
    before = BindingStatus(clusters=[ClusterResult(name="m1", health="Unhealthy", unhealthy_since=was)])
    result = ClusterResult.model_validate({"name": "m1", "health": health, "unhealthySince": was})
    status = binding_status(
        BindingSpec(resource=WEB), Verdict("Scheduled", ""), [result], before, Stamp(1, NOW)
    )
    assert status.clusters[0].unhealthy_since == since
