"""atoll plan: from files alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from click.testing import Result
from typer.testing import CliRunner

from federation.cli.main import app
from federation.cli.plan import plan_command
from policies.api.meta import API_VERSION, Manifest

APP: Manifest = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {
        "replicas": 4,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "nginx:1"}]},
        },
    },
}


def of_ours(kind: str, name: str, **spec: Any) -> Manifest:
    metadata = {"name": name} | ({} if kind.startswith("Cluster") else {"namespace": "shop"})
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}


def policy(*clusters: str, **placement: Any) -> Manifest:
    placement = {
        "clusterAffinity": {"clusterNames": list(clusters)},
        "replicaScheduling": {"replicaSchedulingType": "Divided"},
        **placement,
    }
    selectors = [{"apiVersion": "apps/v1", "kind": "Deployment"}]
    return of_ours("PropagationPolicy", "web", resourceSelectors=selectors, placement=placement)


CLUSTERS = [of_ours("Cluster", f"m{n}") for n in (1, 2, 3)]
NOTE = (
    "note: status.apis of Clusters m1, m2, m3 is not in the files: taken to serve every kind; "
    "`kubectl get clusters -o yaml` has it"
)


ALONE = typer.Typer()  # all commands take a while to be put together
ALONE.command()(plan_command)


class Files:
    """A directory of manifests, and plans from them."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def plan(self, *options: str, base: list[Manifest] | None = None, given: list[Manifest]) -> Result:
        line = ["-f", self._written("given.yaml", given)]
        if base is not None:
            line += ["--base", self._written("base.yaml", base)]
        return CliRunner().invoke(ALONE, [*line, *options])

    def _written(self, name: str, manifests: list[Manifest]) -> str:
        path = self._path / name
        path.write_text(yaml.safe_dump_all(manifests))
        return str(path)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_a_plan_from_nothing_creates(files: Files) -> None:
    result = files.plan(given=[*CLUSTERS, policy("m1", "m2"), APP])
    assert (result.exit_code, result.stderr.splitlines()) == (0, [NOTE])
    assert result.stdout.splitlines() == [
        "Deployment shop/web, by PropagationPolicy shop/web",
        "  + m1, m2: create, 2 replicas",
        "2 to create, 0 to update, 0 to move, 0 to delete, 0 to release; 0 unchanged",
    ]


def test_a_change_of_the_policy_moves_and_one_of_the_template_shows_its_fields(files: Files) -> None:
    changed = yaml.safe_load(yaml.safe_dump(APP).replace("nginx:1", "nginx:2"))
    result = files.plan(base=[*CLUSTERS, policy("m1", "m2"), APP], given=[policy("m2", "m3"), changed])
    assert result.stdout.splitlines() == [
        "Deployment shop/web, by PropagationPolicy shop/web",
        "  > m3: move from m1, 2 replicas",
        "  ~ m2: update",
        '      spec.template.spec.containers[web].image: "nginx:1" -> "nginx:2"',
        "0 to create, 1 to update, 1 to move, 0 to delete, 0 to release; 0 unchanged",
    ]


def test_a_plan_is_for_programs_too(files: Files) -> None:
    arguments = {"base": [*CLUSTERS, policy("m1", "m2"), APP], "given": [policy("m2")]}
    result = files.plan("-o", "json", **arguments)  # type: ignore[arg-type]
    found = json.loads(result.stdout)
    assert found["objects"] == [
        {
            "group": "apps",
            "kind": "Deployment",
            "namespace": "shop",
            "name": "web",
            "policy": {"kind": "PropagationPolicy", "namespace": "shop", "name": "web"},
            "clusters": [
                {
                    "cluster": "m2",
                    "action": "update",
                    "fields": [{"path": "spec.replicas", "old": 2, "new": 4}],
                },
                {"cluster": "m1", "action": "delete"},
            ],
            "failures": [],
            "unchanged": 0,
        }
    ]
    assert found["counts"] == {
        "create": 0, "update": 1, "move": 0, "delete": 1, "release": 0, "unchanged": 0, "failing": 0,
    }  # fmt: skip
    assert yaml.safe_load(files.plan("-o", "yaml", **arguments).stdout) == found  # type: ignore[arg-type]


def test_a_field_that_was_not_there_has_no_old_value(files: Files) -> None:
    labeled = APP | {"metadata": {**APP["metadata"], "labels": {"a": "b"}}}
    result = files.plan("-o", "json", base=[*CLUSTERS, policy("m1"), APP], given=[labeled])
    fields = json.loads(result.stdout)["objects"][0]["clusters"][0]["fields"]
    assert fields == [{"path": "metadata.labels", "new": {"a": "b"}}]


def test_a_policy_that_names_a_cluster_that_is_not_there_is_noted(files: Files) -> None:
    result = files.plan(given=[*CLUSTERS, policy("m1", "web"), APP])
    assert result.stderr.count("there is no Cluster") == 1
    assert "clusterNames[1]: there is no Cluster 'web'" in result.stderr


def test_what_does_not_change_is_shown_with_wide_only(files: Files) -> None:
    everything = [*CLUSTERS, policy("m1", "m2"), APP]
    assert files.plan(base=everything, given=[APP]).stdout.splitlines() == [
        "0 to create, 0 to update, 0 to move, 0 to delete, 0 to release; 2 unchanged"
    ]
    assert files.plan("-o", "wide", base=everything, given=[APP]).stdout.splitlines()[:2] == [
        "Deployment shop/web, by PropagationPolicy shop/web",
        "    2 unchanged",
    ]


@pytest.mark.parametrize(
    ("clusters", "options", "code", "said"),
    [
        (["m2"], ["--max-deletions", "1"], 0, ""),
        (["m2"], ["--max-deletions", "0"], 3, "1 copy would be deleted, and at most 0 may"),
        (["m2", "m3"], ["--max-moves", "0"], 3, "1 copy would be moved, and at most 0 may"),
        (["m2", "m3"], ["--max-deletions", "0"], 0, ""),
        (["m2"], [], 0, ""),
    ],
)
def test_more_than_is_allowed_has_an_exit_code_of_its_own(
    files: Files, clusters: list[str], options: list[str], code: int, said: str
) -> None:
    result = files.plan(*options, base=[*CLUSTERS, policy("m1", "m2"), APP], given=[policy(*clusters)])
    assert result.exit_code == code
    assert said in result.stderr
    assert result.stdout.splitlines()[-1].endswith("unchanged")


def test_what_files_leave_out_stays_unless_it_is_pruned_and_clusters_stay_in_any_case(files: Files) -> None:
    base = [*CLUSTERS, policy("m1", "m2"), APP]
    assert "0 to delete" in files.plan(base=base, given=[policy("m1", "m2")]).stdout
    pruned = files.plan("--prune", base=base, given=[policy("m1", "m2")])
    assert pruned.stdout.splitlines() == [
        "Deployment shop/web",
        "  - m1, m2: delete",
        "0 to create, 0 to update, 0 to move, 2 to delete, 0 to release; 0 unchanged",
    ]


def test_bindings_among_the_base_say_where_things_are(files: Files) -> None:
    resource = {"apiVersion": "apps/v1", "kind": "Deployment", "plural": "deployments", "namespace": "shop"}
    placed = {"resource": {**resource, "name": "web"}, "clusters": [{"name": "m3", "replicas": 4}]}
    base = [*CLUSTERS, policy("m2", "m3"), APP, of_ours("ResourceBinding", "web.deployments.apps", **placed)]
    assert files.plan(base=base, given=[policy("m2")]).stdout.splitlines()[1:2] == [
        "  > m2: move from m3, 4 replicas"
    ]


def test_a_file_is_applied_to_an_object_that_comes_from_a_host(files: Files) -> None:
    filled = yaml.safe_load(yaml.safe_dump(APP))
    filled["metadata"]["uid"] = "1"
    filled["spec"]["progressDeadlineSeconds"] = 600
    assert "2 unchanged" in files.plan(base=[*CLUSTERS, policy("m1", "m2"), filled], given=[APP]).stdout
    del filled["metadata"]["uid"]
    assert "2 to update" in files.plan(base=[*CLUSTERS, policy("m1", "m2"), filled], given=[APP]).stdout


def test_a_cluster_in_a_file_still_serves_what_it_did(files: Files) -> None:
    serving = CLUSTERS[0] | {"status": {"apis": [{"groupVersion": "v1", "kinds": ["ConfigMap"]}]}}
    result = files.plan(base=[serving, policy("m1")], given=[CLUSTERS[0], APP])
    assert "0/1 clusters fit: 1 does not serve apps/v1 Deployment" in result.stdout


def test_mistakes_are_all_named_with_file_document_and_field(files: Files, tmp_path: Path) -> None:
    wrong = policy("m1")
    wrong["spec"]["placement"]["spreadConstraint"] = []
    wrong["spec"]["placement"]["clusterTolerations"] = [{"key": "a b", "operator": "Exists"}]
    result = files.plan(given=[*CLUSTERS, wrong, APP, APP])
    assert result.exit_code == 1
    place = f"error: {tmp_path}/given.yaml: document"
    assert [line.split("; ")[0] for line in result.stderr.splitlines()] == [
        f"{place} 6: Deployment shop/web is in {tmp_path}/given.yaml: document 5, too",
        f"{place} 4: PropagationPolicy shop/web: spec.placement.spreadConstraint: there is no such field",
        f"{place} 4: PropagationPolicy shop/web: spec.placement.clusterTolerations[0].key: "
        "'a b' is no valid key",
    ]
    assert result.stdout == ""


def test_a_value_of_the_wrong_type_is_a_mistake(files: Files) -> None:
    wrong = policy("m1") | {"spec": {"resourceSelectors": [], "priority": "high"}}
    lines = files.plan(given=[wrong]).stderr.splitlines()
    assert any("spec.priority: Input should be a valid integer" in line for line in lines)


def test_kinds_of_services_are_known_and_others_in_our_group_are_not(files: Files) -> None:
    service = of_ours("MultiClusterService", "web")
    assert files.plan(given=[service]).exit_code == 0
    assert "there is no such field" in files.plan(given=[service | {"spec": {"a": 1}}]).stderr
    assert "there is no Policy in" in files.plan(given=[of_ours("Policy", "web")]).stderr


def test_what_stays_on_the_host_is_noted(files: Files) -> None:
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "a"}}
    assert (
        "Lease default/a: it stays on the host: Leases belong to one cluster"
        in files.plan(given=[lease]).stderr
    )


def test_an_object_without_a_namespace_is_in_the_one_that_is_given(files: Files) -> None:
    here = APP | {"metadata": {"name": "web"}}
    assert "Deployment shop/web" in files.plan("-n", "shop", given=[*CLUSTERS, policy("m1"), here]).stdout
    assert "Deployment" not in files.plan(given=[*CLUSTERS, policy("m1"), here]).stdout


def test_a_kind_that_a_definition_in_the_files_calls_cluster_scoped_has_no_namespace(files: Files) -> None:
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "lamps.example.com"},
        "spec": {"group": "example.com", "scope": "Cluster", "names": {"kind": "Lamp"}},
    }
    lamp = {"apiVersion": "example.com/v1", "kind": "Lamp", "metadata": {"name": "desk"}}
    every = of_ours(
        "ClusterPropagationPolicy",
        "all",
        resourceSelectors=[{"apiVersion": "example.com/v1", "kind": "Lamp"}],
    )
    assert "Lamp desk, by" in files.plan(given=[*CLUSTERS, definition, lamp, every]).stdout
    assert "Lamp default/desk, by" in files.plan(given=[*CLUSTERS, lamp, every]).stdout


def test_it_is_a_command_of_atoll(files: Files) -> None:
    result = CliRunner().invoke(app, ["plan", "--help"])
    assert "Exit code 0: a plan." in result.stdout


def test_the_host_and_files_are_not_both_the_base(files: Files) -> None:
    result = files.plan("--from-live", base=[], given=[APP])
    assert result.exit_code == 2
    assert "--from-live takes the host for the base" in result.stderr


DATABASE: Manifest = {
    "apiVersion": "example.com/v1",
    "kind": "Database",
    "metadata": {"name": "orders", "namespace": "shop"},
    "spec": {"size": 3},
}


def databases(path: str) -> Manifest:
    """An interpreter that finds the replicas of a Database at a path."""
    target = {"apiVersion": "example.com/v1", "kind": "Database"}
    spec = {"target": target, "specReplicasPath": path}
    metadata = {"name": "databases"}
    return {"apiVersion": API_VERSION, "kind": "ResourceInterpreter", "metadata": metadata, "spec": spec}


def of_databases() -> Manifest:
    divided = policy("m1", "m2")
    divided["spec"]["resourceSelectors"] = [{"apiVersion": "example.com/v1", "kind": "Database"}]
    return divided


def test_a_kind_is_read_as_the_interpreters_in_the_files_say(files: Files) -> None:
    base = [*CLUSTERS, of_databases(), databases(".spec.size"), DATABASE]
    told = files.plan(base=base, given=[DATABASE | {"spec": {"size": 5}}])
    assert "spec.size: 2 -> 3" in told.stdout


def test_a_changed_interpreter_changes_what_is_there(files: Files) -> None:
    base = [*CLUSTERS, of_databases(), databases(".spec.shards"), DATABASE]
    told = files.plan(base=base, given=[databases(".spec.size")])
    assert "spec.size: 3 -> 2" in told.stdout
    assert "spec.size: 3 -> 1" in told.stdout
