"""Which templates a policy matches, kept up to date by what changes. No API server: the mirrors are told."""

from __future__ import annotations

from typing import Any

import pytest

from federation.cli.explaining.known import Nobody
from federation.controllers.host import Host
from federation.controllers.matched import Matched
from federation.kube.api import Api
from federation.kube.config import Configuration
from federation.kube.discovery import Discovery
from federation.kube.ref import Ref
from federation.kube.resources import Manifest, Resource
from policies.api.meta import API_VERSION
from policies.copies import binding_name
from tests.federated import A_DEPLOYMENT, BINDINGS, DEPLOYMENTS, OVERRIDES, POLICIES, deployment, selects

APP, OTHER = (POLICIES, ("shop", "app")), (POLICIES, ("shop", "other"))
EU = (OVERRIDES, ("shop", "eu"))
RED = selects("apps/v1", "Deployment", labelSelector={"matchLabels": {"team": "red"}})


class Told:
    """A host's mirrors, told of objects as a watch would; each change is looked at."""

    def __init__(self) -> None:
        api = Api(Configuration())
        self.host = Host(api, Discovery(api), Nobody())
        self.host.templates.want({DEPLOYMENTS})
        self.matched, self._version = Matched(self.host), 1

    def template(self, name: str, namespace: str = "shop", **labels: str) -> Ref:
        ref = Ref(DEPLOYMENTS, namespace, name)
        made = deployment(name, namespace)
        made["metadata"]["labels"] = labels
        self.host.observe_template(ref, self._stored(made))
        return ref

    def bind(self, ref: Ref, by: str = "app") -> frozenset[Any]:
        governing = {"kind": "PropagationPolicy", "namespace": "shop", "name": by}
        resource = {"apiVersion": "apps/v1", "kind": "Deployment", "plural": "deployments"}
        name = binding_name("deployments", "apps", ref.name)
        manifest = {
            "apiVersion": API_VERSION,
            "kind": "ResourceBinding",
            "metadata": {"name": name, "namespace": ref.namespace},
            "spec": {
                "resource": {**resource, "namespace": ref.namespace, "name": ref.name},
                "policy": governing,
            },
        }
        self.host.observe_binding(BINDINGS, self._stored(manifest))
        return self.matched.look(ref)

    def override(self, *selectors: Manifest) -> None:
        rule = {"overriders": {"labelsOverrider": [{"operator": "add", "value": {"a": "b"}}]}}
        spec = {"overrideRules": [rule], "resourceSelectors": list(selectors)}
        self._policy(OVERRIDES, "OverridePolicy", "eu", spec)
        self.matched.override_changed(EU)

    def _policy(self, resource: Resource, kind: str, name: str, spec: Manifest) -> None:
        metadata = {"name": name, "namespace": "shop"}
        manifest = {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}
        self.host.observe_policy(resource, self._stored(manifest))

    def _stored(self, manifest: Manifest) -> Manifest:
        self._version += 1
        more = {"uid": manifest["metadata"]["name"], "resourceVersion": str(self._version), "generation": 1}
        return manifest | {"metadata": manifest["metadata"] | more}


@pytest.fixture
def told() -> Told:
    return Told()


async def test_a_policy_matches_what_bindings_say_it_governs(told: Told) -> None:
    web, api = told.template("web"), told.template("api")
    assert told.bind(web) == {APP}
    told.bind(api)
    assert set(told.matched.by(APP)) == {web, api}
    assert told.bind(web, by="other") == {APP, OTHER}, "both have something to say"
    assert (set(told.matched.by(APP)), set(told.matched.by(OTHER))) == ({api}, {web})
    assert told.bind(web, by="other") == frozenset(), "nothing changed"


async def test_an_override_policy_matches_what_it_selects_of_what_is_placed(told: Told) -> None:
    red, blue = told.template("red", team="red"), told.template("blue", team="blue")
    told.bind(red)
    told.override(RED)
    assert told.bind(blue) == {APP}
    assert set(told.matched.by(EU)) == {red}
    assert told.matched.policies(red) == {APP, EU}


async def test_an_override_policy_that_changes_matches_others(told: Told) -> None:
    red, blue = told.template("red", team="red"), told.template("blue", team="blue")
    for each in (red, blue):
        told.bind(each)
    told.override(RED)
    told.override(A_DEPLOYMENT)
    assert set(told.matched.by(EU)) == {red, blue}
    told.override(selects("v1", "ConfigMap"))
    assert list(told.matched.by(EU)) == []
    assert told.matched.policies(red) == {APP}


async def test_a_template_that_changes_its_labels_is_no_more_matched(told: Told) -> None:
    red = told.template("red", team="red")
    told.bind(red)
    told.override(RED)
    told.template("red", team="blue")
    assert told.matched.look(red) == {EU}
    assert list(told.matched.by(EU)) == []


async def test_those_of_other_namespaces_are_not_matched(told: Told) -> None:
    elsewhere = told.template("web", namespace="other")
    told.override()
    told.bind(elsewhere)
    assert list(told.matched.by(EU)) == []
