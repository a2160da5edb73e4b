"""From a template and a decision to the manifest of a cluster and its digest."""

from __future__ import annotations

from copy import deepcopy

import pytest

from policies.api.meta import Manifest
from policies.overriders import overrides_for
from policies.rendering import Rendered, digest, prune, render
from policies.verdicts import OverrideFailed
from tests.policies.examples import WEB, cluster, deployment, op, rule

M1 = cluster("m1")


def rendered(pruned: Manifest, **options: object) -> Manifest:
    result = render(pruned, **options)
    assert isinstance(result, Rendered)
    return result.manifest


def test_replicas_are_set_and_the_template_stays_as_it_is() -> None:
    template = prune(deployment("a:1"))
    before = deepcopy(template)
    assert rendered(template, replicas=7)["spec"] == before["spec"] | {"replicas": 7}
    assert rendered(template) == before
    assert template == before


def test_replicas_that_are_decided_in_the_cluster_are_left_out_whatever_an_override_says() -> None:
    overrides = overrides_for(WEB, M1, [op("o", rule(merge={"spec": {"replicas": 1}}))])
    spec = rendered(prune(deployment("a:1")), overrides=overrides, scaled_there=True)["spec"]
    assert "replicas" not in spec
    assert "template" in spec


def test_a_divided_job_gets_its_share_of_completions() -> None:
    job = prune(deployment("a:1") | {"apiVersion": "batch/v1", "kind": "Job"})
    job["spec"] |= {"completions": 10, "parallelism": 5}
    spec = rendered(job, replicas=2, completions=4)["spec"]
    assert (spec["parallelism"], spec["completions"]) == (2, 4)


def test_overriders_come_after_replicas_and_have_the_last_word() -> None:
    overrides = overrides_for(WEB, M1, [op("o", rule(merge={"spec": {"replicas": 1}}))])
    assert rendered(prune(deployment("a:1")), replicas=7, overrides=overrides)["spec"]["replicas"] == 1


def test_metadata_that_an_override_emptied_is_left_out() -> None:
    overrides = overrides_for(
        WEB, M1, [op("o", rule(merge={"metadata": {"labels": {"a": None}, "annotations": {}}}))]
    )
    manifest = rendered(prune(deployment("a:1", labels={"a": "1"})), overrides=overrides)
    assert manifest["metadata"] == {"name": "web", "namespace": "shop"}


def test_a_failed_override_renders_nothing() -> None:
    overrides = overrides_for(WEB, M1, [op("o", rule(plaintext=[{"path": "/x", "operator": "remove"}]))])
    assert isinstance(render(prune(deployment("a:1")), overrides=overrides), OverrideFailed)


def test_a_digest_is_16_hex_digits_of_what_a_manifest_says() -> None:
    assert digest({"a": 1, "b": {"é": [1.5, None, True]}}) == digest({"b": {"é": [1.5, None, True]}, "a": 1})
    assert digest({"a": 1}) == "015abd7f5cc57a2d"


@pytest.mark.parametrize("other", [{"a": "1"}, {"a": 2}, {"a": [1]}, {"a": None}, {}, {"a": True}])
def test_different_manifests_have_different_digests(other: Manifest) -> None:
    assert digest(other) != digest({"a": 1})


def test_the_digest_of_a_rendered_manifest_follows_its_content() -> None:
    template = prune(deployment("a:1"))
    digests = [render(template, replicas=replicas).digest for replicas in (3, 3, 4)]
    assert digests[0] == digests[1] != digests[2]
    assert all(len(each) == 16 for each in digests)
