"""How objects are named, what differs told by whose doing it is, and values in one line: without a server."""

from __future__ import annotations

from typing import Any

import pytest

from federation.cli.explaining.comparing import Compared, fields_of, told
from federation.cli.explaining.explanation import Applied, Contender, Explanation, Placed
from federation.cli.explaining.objects import words_of
from federation.cli.explaining.telling import as_data
from federation.cli.explaining.telling import told as told_all
from federation.cli.explaining.values import document, shown
from federation.kube.differences import Difference
from federation.kube.errors import ApiError
from federation.kube.ref import Ref
from federation.kube.resources import Manifest
from federation.resources import DEPLOYMENTS
from policies.api.binding import ClusterResult, Eviction, Requirement, TargetCluster
from policies.verdicts import Verdict, evicting, override_failed

WEB = Ref(DEPLOYMENTS, "shop", "web")


@pytest.mark.parametrize(
    ("words", "kind", "name"),
    [(["deploy/web"], "deploy", "web"), (["deploy", "web"], "deploy", "web"), (["a.b.c/w"], "a.b.c", "w")],
)
def test_an_object_is_named_in_one_word_or_two(words: list[str], kind: str, name: str) -> None:
    assert words_of(words) == (kind, name)


@pytest.mark.parametrize(
    "words", [["web"], ["/web"], ["deploy/"], ["a/b/c"], ["deploy", "a", "b"], ["deploy/a", "b"]]
)
def test_other_words_are_answered_with_the_usage(words: list[str]) -> None:
    with pytest.raises(ApiError, match="name an object as KIND/NAME or KIND NAME"):
        words_of(words)


def live(*managed: tuple[str, Manifest], **spec: Any) -> Manifest:
    """A Deployment with its status, marks and owners of fields."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "web",
            "resourceVersion": "7",
            "labels": {"federation.atoll.dev/host": "me"},
            "annotations": {"federation.atoll.dev/digest": "d"},
            "managedFields": [
                {"manager": manager, "fieldsV1": {"f:spec": fields}} for manager, fields in managed
            ],
        },
        "spec": spec,
        "status": {"replicas": 1},
    }


OURS, SCALED = ("atoll", {"f:replicas": {}}), ("scaler", {"f:replicas": {}})


@pytest.mark.parametrize(
    ("owners", "is_current", "why"),
    [
        ([OURS], False, "to be applied"),
        ([SCALED], False, "drift: set by scaler"),
        ([OURS, SCALED], False, "to be applied"),
        ([SCALED], True, "drift: set by scaler"),
        ([], False, "to be applied"),
        ([], True, "drift"),
    ],
)
def test_a_difference_is_drift_when_others_took_the_field_or_the_host_wants_nothing_new(
    owners: list[tuple[str, Manifest]], is_current: bool, why: str
) -> None:
    found = fields_of(live(*owners, replicas=8), live(replicas=3), is_current=is_current)
    lines = list(told(WEB, Compared("m1", tuple(found))))
    assert lines == [
        "--- deployments.apps/web in shop, cluster m1",
        "+++ as the host wants it",
        f"@@ spec.replicas @@ {why}",
        "-8",
        "+3",
    ]


def test_a_field_that_was_removed_in_a_cluster_is_drift() -> None:
    (found,) = fields_of(live(), live(paused=True), is_current=True)
    lines = list(told(WEB, Compared("m1", (found,))))
    assert lines[2:] == ["@@ spec.paused @@ drift: removed in the cluster", "+true"]


def test_status_marks_and_what_the_server_counts_are_no_differences() -> None:
    later = live(("other", {}), replicas=3)
    later["metadata"] |= {"labels": {}, "annotations": {}, "resourceVersion": "8", "generation": 2}
    later["status"] = {}
    assert fields_of(live(replicas=3), later, is_current=False) == []


def test_texts_are_compared_line_by_line() -> None:
    before, after = live(text="a\nb\nc"), live(text="a\nx\nc")
    lines = list(told(WEB, Compared("m1", tuple(fields_of(before, after, is_current=False)))))
    assert lines[3:] == [" a", "-b", "+x", " c"]


def test_an_object_that_is_not_there_differs_and_one_that_is_the_same_says_nothing() -> None:
    assert Compared("m1", missing=True).differs
    assert list(told(WEB, Compared("m1", missing=True)))[2].startswith("@@ not in the cluster")
    assert list(told(WEB, Compared("m1"))) == []


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (None, "(none)"),
        ("", '""'),
        ("nginx:1", "nginx:1"),
        ("a\nb", '"a\\nb"'),
        (["-v"], '["-v"]'),
        ("x" * 200, "x" * 120 + "…"),
    ],
)
def test_a_value_is_told_in_one_line(value: Any, line: str) -> None:
    assert shown(value) == line


def test_documents_have_texts_as_blocks_and_no_anchors() -> None:
    twice = {"a": "b"}
    assert document({"x": twice, "y": twice}, "yaml") == "x:\n  a: b\ny:\n  a: b"
    assert document({"x": "a\nb\n"}, "yaml") == "x: |\n  a\n  b"
    assert document({"x": 1}, "json") == '{\n  "x": 1\n}'


def explanation(*clusters: Placed, **more: Any) -> Explanation:
    web = Contender("PropagationPolicy", "shop", "web", None)
    placed = Verdict("Scheduled", "placed")
    whole: dict[str, Any] = {"policies": (web,), "scheduled": placed, "affinity": "", "release": None, **more}
    return Explanation(WEB, "", clusters=clusters, **whole)


def copy(name: str, **result: Any) -> Placed:
    target = TargetCluster(name=name, replicas=3)
    return Placed(name, target, None, ClusterResult(name=name, **result) if result else None, ())


def rows(found: Explanation) -> list[str]:
    """The table of clusters, with one space between cells."""
    text = told_all(found)
    return [" ".join(line.split()) for line in text[text.index("CLUSTER ") :].splitlines()[1:]]


def test_each_cluster_says_how_its_copy_stands_or_why_there_is_none() -> None:
    found = explanation(
        copy("m1", applied=True, health="Healthy", replicas=3, ready=2),
        copy("m2", reason="NotServed", message="cluster m2 does not serve its kind", health="Unknown"),
        copy("m3"),
        Placed("m4", None, evicting("m4"), None, ()),
    )
    assert rows(found) == [
        "m1 yes 3 yes Healthy 2/3 -",
        "m2 yes 3 no Unknown - NotServed: does not serve its kind",
        "m3 yes 3 no - - Pending: nobody has looked at the copy yet",
        "m4 no - - - - Evicting: is being evicted from",
    ]


def test_what_workloads_need_names_them_and_asks_for_no_policy() -> None:
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "plural": "deployments", "name": "web"}
    policy = {"kind": "PropagationPolicy", "namespace": "shop", "name": "web"}
    needs = [
        Requirement.model_validate({"resource": owner, "clusters": ["m1", "m2"], **governing})
        for governing in ({"policy": policy}, {})
    ]
    found = explanation(copy("m1"), policies=(), required_by=tuple(needs))
    head = told_all(found).partition("\n\n")[0].splitlines()
    assert head[1:] == [
        "no policy of its own governs it: it goes where workloads need it",
        "Scheduled: placed",
        "needed by Deployment web (PropagationPolicy shop/web) in m1, m2",
        "needed by Deployment web (no policy by now) in m1, m2",
    ]
    assert as_data(found)["requiredBy"][0]["clusters"] == ["m1", "m2"]


def test_what_it_leaves_is_named_with_the_reason() -> None:
    said = "cluster m1 has the taint {a: NoExecute}"
    left = Eviction(
        from_cluster="m1", replicas=3, reason="TaintUntolerated", message=said, creation_timestamp="T"
    )
    found = explanation(copy("m2"), evictions=(left,))
    assert f"leaves cluster m1 with 3 replicas since T: {said}\n" in told_all(found)
    assert as_data(found)["evictions"] == [left.dump()]


def test_overrides_that_are_the_same_in_several_clusters_are_told_once() -> None:
    change = Difference(("spec", "paused"), "spec.paused", None, True)
    same = (Applied("OverridePolicy shop/o", 0, (change,), None),)
    failing = (
        Applied("OverridePolicy shop/o", 1, (), override_failed("OverridePolicy shop/o", 1, "/x", "no")),
    )
    idle = (Applied("OverridePolicy shop/o", 2, (), None),)
    placed = [
        copy(name)._replace(overrides=overrides)
        for name, overrides in {"m1": same, "m2": failing, "m3": same, "m4": (), "m5": idle}.items()
    ]
    assert told_all(explanation(*placed)).split("\n\n")[2:] == [
        "overrides in m1, m3:\n1. OverridePolicy shop/o: spec.overrideRules[0]\n"
        "   spec.paused: (none) -> true",
        "overrides in m2:\n1. OverridePolicy shop/o: spec.overrideRules[1]\n"
        "   fails: OverridePolicy shop/o: spec.overrideRules[1]: /x: no",
        "overrides in m5:\n1. OverridePolicy shop/o: spec.overrideRules[2]\n   changes nothing",
    ]
    assert [len(each["overrides"]) for each in as_data(explanation(*placed))["clusters"]] == [1, 1, 1, 0, 1]


def test_the_group_of_clusters_in_use_is_named() -> None:
    assert "group of clusterAffinities in use: near" in told_all(explanation(affinity="near"))
