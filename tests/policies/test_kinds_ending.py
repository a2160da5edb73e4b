"""What has ended is not started again: what a record says, and for which template."""

from __future__ import annotations

import pytest

from policies import workloads
from policies.api.binding import BindingSpec, BindingStatus, ClusterResult
from policies.api.meta import Manifest
from policies.observation import Stamp, binding_status
from policies.verdicts import Verdict
from policies.workloads.ending import ended, ends, is_recorded, last_seen, why_not

UID = "uid-1"
DONE: Manifest = {"succeeded": 2, "conditions": [{"type": "Complete", "status": "True"}]}


def record(status: Manifest | None = None, uid: str = UID) -> ClusterResult:
    return ClusterResult(name="m1", digest="d", status=status, template_uid=uid)


def reason(result: ClusterResult | None, *, over: bool = False, uid: str = UID) -> str | None:
    verdict = why_not("jobs/once in shop", "m1", over=over, result=result, uid=uid)
    return verdict.reason if verdict else None


@pytest.mark.parametrize(
    ("group", "kind", "spec", "so"),
    [
        ("batch", "Job", {}, True),
        ("", "Pod", {"restartPolicy": "Never"}, True),
        ("", "Pod", {"restartPolicy": "OnFailure"}, True),
        ("", "Pod", {"restartPolicy": "Always"}, False),
        ("", "Pod", {}, False),
        ("apps", "Deployment", {}, False),
        ("example.com", "Job", {}, False),
    ],
)
def test_what_runs_to_an_end(group: str, kind: str, spec: Manifest, so: bool) -> None:
    assert ends(group, kind, spec) is so


@pytest.mark.parametrize(("end", "so"), [("Complete", True), ("Failed", True), ("Suspended", False)])
def test_a_job_has_ended_when_it_is_complete_or_failed(end: str, so: bool) -> None:
    status = {"conditions": [{"type": end, "status": "True"}]}
    assert ended("batch", "Job", {"spec": {}, "status": status}) is so
    assert not ended("example.com", "Job", {"spec": {}, "status": status})


@pytest.mark.parametrize(
    ("result", "over", "told"),
    [
        (None, False, None),
        (record(DONE), False, "Finished"),
        (record(), False, "GoneUnseen"),
        (record(), True, "Finished"),
        (None, True, "Finished"),
        (record(DONE, "uid-0"), False, None),
        (record(None, "uid-0"), False, None),
        (record(DONE, ""), False, None),
    ],
    ids=[
        "never there",
        "ended",
        "went while nobody watched",
        "that, and the whole has ended",
        "never there, and the whole has ended",
        "an earlier template ended",
        "an earlier template was there",
        "a record of nothing that ends",
    ],
)
def test_why_a_cluster_without_a_copy_is_not_given_one(
    result: ClusterResult | None, over: bool, told: str | None
) -> None:
    assert reason(result, over=over) == told


def test_a_template_without_uid_is_like_no_other() -> None:
    assert reason(record(DONE, ""), uid="") is None


def test_the_record_stands_for_the_copy() -> None:
    end = last_seen(record(DONE), UID)
    assert end is not None
    assert ended("batch", "Job", end)
    workload = workloads.of("batch", "Job")
    assert workload.health(end) == "Healthy"
    copies = {"m1": workloads.Copy(end, current=True, reachable=True)}
    status = workload.roll_up(copies, generation=1, previous={}, now="2026-01-01T00:00:00Z")
    assert status is not None
    assert status["succeeded"] == 2
    assert ended("batch", "Job", {"status": status})


def test_the_record_of_a_cluster_that_left_is_kept_and_not_counted() -> None:
    resource = {"apiVersion": "batch/v1", "kind": "Job", "plural": "jobs", "name": "once", "uid": UID}
    spec = BindingSpec.model_validate({"resource": resource, "clusters": [{"name": "m2"}]})
    assert is_recorded(record(DONE), spec)
    assert not is_recorded(record(DONE, "uid-0"), spec)
    assert not is_recorded(record(), spec)
    present = ClusterResult(name="m2", applied=True, health="Healthy")
    placed, stamp = Verdict("Scheduled", "placed on 1 cluster"), Stamp(2, "2026-01-01T00:00:00Z")
    status = binding_status(spec, placed, [present], BindingStatus(), stamp, past=[record(DONE)])
    assert [each.name for each in status.clusters] == ["m1", "m2"]
    assert all("1/1" in c.message for c in status.conditions if c.type in ("Applied", "Healthy"))


def test_the_record_of_a_pod_stands_for_it_as_well() -> None:
    end = last_seen(record({"phase": "Succeeded"}), UID)
    assert end is not None
    assert ended("", "Pod", end)
    assert workloads.of("", "Pod").health(end) == "Healthy"
