"""What of an object is released in steps, what is applied at once, and what a revision keeps."""

from __future__ import annotations

from typing import Any

import pytest

from policies.api.meta import Manifest
from policies.matching import subject_of
from policies.release.content import content, with_content
from policies.release.revision import LARGEST, Revision, read, revision_of
from tests.policies.examples import deployment, op, rule

CONFIGMAP: Manifest = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}},
    "data": {"color": "red"},
    "binaryData": {"logo": "AA=="},
}
POD: Manifest = {"spec": {"containers": [{"name": "report", "image": "a:1"}]}}
CRON_JOB: Manifest = {
    "apiVersion": "batch/v1",
    "kind": "CronJob",
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {"schedule": "0 4 * * *", "jobTemplate": {"spec": {"template": POD}}},
}
WEB: Manifest = deployment("a:1")


def revision(manifest: Manifest, *rules: Any, uid: str = "1") -> Revision:
    return revision_of(manifest, uid, subject_of(manifest), [op("o", *rules)] if rules else [])


@pytest.mark.parametrize(
    ("manifest", "released"),
    [
        (CONFIGMAP, {"data": {"color": "red"}, "binaryData": {"logo": "AA=="}}),
        (CRON_JOB, POD),
        (WEB, WEB["spec"]["template"]),
    ],
    ids=["ConfigMap", "CronJob", "Deployment"],
)
def test_the_content_is_the_pod_template_or_all_but_metadata(manifest: Manifest, released: Manifest) -> None:
    assert content(manifest) == released
    assert with_content(manifest, content(manifest)) == manifest


def test_another_content_takes_the_place_of_all_of_the_present_one() -> None:
    changed = with_content(CONFIGMAP, {"data": {"shape": "round"}})
    assert changed == {key: CONFIGMAP[key] for key in ("apiVersion", "kind", "metadata")} | {
        "data": {"shape": "round"}
    }
    again = with_content(CRON_JOB, {"spec": {}})
    assert again["spec"] == {"schedule": "0 4 * * *", "jobTemplate": {"spec": {"template": {"spec": {}}}}}


METADATA = CONFIGMAP["metadata"] | {"labels": {"app": "other"}, "annotations": {"a": "b"}}


@pytest.mark.parametrize(
    ("manifest", "changed", "same"),
    [
        (CONFIGMAP, CONFIGMAP | {"metadata": METADATA}, True),
        (CONFIGMAP, CONFIGMAP | {"data": {"color": "blue"}}, False),
        (CONFIGMAP, CONFIGMAP | {"immutable": True}, False),
        (CRON_JOB, CRON_JOB | {"spec": CRON_JOB["spec"] | {"suspend": True}}, True),
        (WEB, WEB | {"spec": WEB["spec"] | {"replicas": 9}}, True),
        (WEB, deployment("a:2"), False),
    ],
)
def test_a_revision_is_named_by_its_content(manifest: Manifest, changed: Manifest, same: bool) -> None:
    assert (revision(manifest).name == revision(changed).name) is same


def test_an_object_made_anew_has_other_revisions() -> None:
    assert revision(CONFIGMAP).name != revision(CONFIGMAP, uid="2").name


IMAGE = {"component": "Tag", "operator": "replace", "value": "2"}
CONCERNS: list[tuple[Manifest, bool, bool]] = [
    ({"labelsOverrider": [{"operator": "add", "value": {"a": "b"}}]}, False, False),
    ({"annotationsOverrider": [{"operator": "add", "value": {"a": "b"}}]}, False, False),
    ({"plaintext": [{"path": "/metadata/labels/a", "operator": "add", "value": "b"}]}, False, False),
    ({"plaintext": [{"path": "/data/color", "operator": "replace", "value": "b"}]}, True, False),
    ({"plaintext": [{"path": "/spec", "operator": "replace", "value": {}}]}, True, True),
    ({"merge": {"metadata": {"labels": {"a": "b"}}}}, False, False),
    ({"merge": {"data": {"color": "blue"}}}, True, False),
    ({"merge": {"spec": {"template": {}}}}, True, True),
    ({"imageOverrider": [IMAGE]}, False, True),
    ({"imageOverrider": [IMAGE | {"predicate": {"path": "/data/image"}}]}, True, True),
]


@pytest.mark.parametrize(("overriders", "of_configmap", "of_deployment"), CONCERNS)
def test_a_revision_keeps_the_override_rules_that_can_change_its_content(
    overriders: Manifest, of_configmap: bool, of_deployment: bool
) -> None:
    for manifest, concerned in ((CONFIGMAP, of_configmap), (WEB, of_deployment)):
        with_rule = revision(manifest, rule(**overriders))
        assert bool(with_rule.overrides) is concerned, manifest["kind"]
        assert (with_rule.name != revision(manifest).name) is concerned, manifest["kind"]


@pytest.mark.parametrize("manifest", [CONFIGMAP, CRON_JOB, WEB], ids=lambda m: m["kind"])
def test_what_is_read_back_is_what_was_kept(manifest: Manifest) -> None:
    kept = revision(manifest, rule(merge={"spec": {"template": {}}}))
    assert read(kept.name, kept.data) == kept._replace(size=0)


def test_what_holds_no_content_is_no_revision() -> None:
    with pytest.raises(ValueError, match="holds neither"):
        read("web-1", {"spec": {}})


def test_a_revision_fits_as_long_as_its_json_is_small_enough() -> None:
    small, large = ({"data": {"a": "é" * count}} for count in (LARGEST // 2 - 100, LARGEST // 2))
    assert revision(CONFIGMAP | small).fits
    assert not revision(CONFIGMAP | large).fits
