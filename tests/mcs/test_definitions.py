"""Which CustomResourceDefinitions a member gets for Services, and which of those it has prevail."""

from __future__ import annotations

import hashlib
from importlib import resources
from typing import Any

import pytest

from mcs.definitions import definitions, release_of, replaces, resource_of
from mcs.resources import SERVICE_EXPORTS, SERVICE_IMPORTS
from policies.api.meta import Manifest

US, THEM = "atoll-join", "helm"
OF_MCS_API = {
    "multicluster.x-k8s.io_serviceexports.yaml": (
        "3aff015c50f793fe86da3c9e080d512f15ce855221d797e94f8ea4d97c380c38"
    ),
    "multicluster.x-k8s.io_serviceimports.yaml": (
        "648c8b9c0cd33a7e678d35c5cfc402cfef64c8a82946fb08f76097b875a3b82a"
    ),
}
"""SHA-256 of the files of mcs-api v0.5.2."""


def definition(
    versions: str = "v1beta1", release: str = "", revision: str = "", manager: str = THEM, **spec: Any
) -> Manifest:
    """The definition of ServiceExport as a cluster has it, with the versions that it serves."""
    labels = {
        "multicluster.x-k8s.io/release-version": release,
        "multicluster.x-k8s.io/crd-schema-revision": revision,
    }
    return {
        "metadata": {
            "labels": {label: value for label, value in labels.items() if value},
            "managedFields": [{"manager": manager}],
        },
        "spec": {
            "group": "multicluster.x-k8s.io",
            "scope": "Namespaced",
            "names": {"plural": "serviceexports", "kind": "ServiceExport"},
            "versions": [{"name": version, "served": True} for version in versions.split()],
            **spec,
        },
    }


OURS = definition("v1alpha1 v1beta1", "v0.5.0", "0")


def test_the_kinds_are_those_that_the_controllers_use() -> None:
    served = {resource for each in definitions() if (resource := resource_of(each))}
    assert served >= {SERVICE_EXPORTS, SERVICE_IMPORTS}
    assert {resource.group_resource for resource in served - {SERVICE_EXPORTS, SERVICE_IMPORTS}} == {
        "clusterproperties.about.k8s.io"
    }


@pytest.mark.parametrize(("file", "digest"), OF_MCS_API.items())
def test_the_files_of_others_are_unchanged(file: str, digest: str) -> None:
    content = resources.files("mcs").joinpath("crds", file).read_bytes()
    assert hashlib.sha256(content).hexdigest() == digest


@pytest.mark.parametrize(
    ("present", "replaced"),
    [
        pytest.param(definition("v1alpha1"), True, id="serves no version that does"),
        pytest.param(definition("v1alpha1", "v0.2.0", "3"), True, id="and is of an earlier release"),
        pytest.param(definition("v1beta1"), False, id="another tool's that does"),
        pytest.param(definition("v1beta1", "v0.4.9", "7"), False, id="another tool's, of an earlier release"),
        pytest.param(definition("v1beta1", "v0.4.9", "7", US), True, id="ours, of an earlier release"),
        pytest.param(definition("v1beta1", "v0.5.0", "", US), True, id="ours, of an earlier revision"),
        pytest.param(definition("v1beta1", "v0.5.0", "0", US), False, id="ours as it is"),
        pytest.param(definition("v1beta1", "v0.5.0", "1", US), False, id="of a later revision"),
        pytest.param(definition("v1beta1", "v0.10.0", "0", US), False, id="of a later release"),
        pytest.param(definition("v1", "v1.0.0", "0"), False, id="of a later release that will not do"),
    ],
)
def test_a_definition_replaces_what_is_older_and_ours_or_of_no_use(present: Manifest, replaced: bool) -> None:
    assert replaces(OURS, present, US) == replaced


@pytest.mark.parametrize("ours", [each for each in definitions() if release_of(each)])
def test_the_definitions_replace_ours_of_the_release_before(ours: Manifest) -> None:
    labels = {"multicluster.x-k8s.io/release-version": "v0.5.0"}
    before = ours["metadata"] | {"labels": ours["metadata"]["labels"] | labels}
    assert replaces(ours, ours | {"metadata": before | {"managedFields": [{"manager": US}]}}, US)
    assert not replaces(ours, ours | {"metadata": before | {"managedFields": [{"manager": THEM}]}}, US)


def test_a_version_that_is_not_served_does_not_count() -> None:
    withdrawn = definition("v1beta1")
    withdrawn["spec"]["versions"][0]["served"] = False
    assert resource_of(withdrawn) is None


def test_the_best_of_the_served_versions_is_used() -> None:
    served = (
        definition("v1alpha1 v1beta1", group="about.k8s.io"),
        definition("v1alpha1", group="about.k8s.io"),
    )
    assert [resource.version for each in served if (resource := resource_of(each))] == ["v1beta1", "v1alpha1"]


def test_a_release_is_compared_by_its_numbers() -> None:
    assert release_of(definition(release="v0.10.0", revision="0")) > release_of(OURS)
    assert release_of(definition(release="v0.5.0", revision="10")) > release_of(OURS)
    assert release_of(definition(release="main")) == ()
