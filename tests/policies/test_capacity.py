"""How many more pods one cluster takes, beside those that are there and those that are expected."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.api.meta import Manifest
from policies.capacity import Ledger
from policies.nodes import Node, fits
from policies.podneeds import Need, bare, need_of
from policies.pods import Owner, Pod, pod_of

WEB, API = Owner("shop", "apps", "Deployment", "web"), Owner("shop", "apps", "Deployment", "api")


def need(cpu: int = 1, **more: Any) -> Need:
    return Need((("cpu", cpu), ("pods", 1)), **more)


def node(name: str, cpu: int = 4, *, pods: int = 10, ready: bool = True) -> Node:
    return Node(name, {"cpu": cpu, "pods": pods}, ready, False, (), {})


def ledger(*nodes: Node) -> Ledger:
    made = Ledger()
    for each in nodes:
        made.node(each.name, each)
    return made


def live(phase: str = "Running", **metadata: Any) -> Manifest:
    spec = {
        "nodeName": "n1",
        "containers": [{"resources": {"requests": {"cpu": "1"}}}],
        "tolerations": [{"operator": "Exists"}],
    }
    return {
        "metadata": {"name": "p", "namespace": "shop", **metadata},
        "spec": spec,
        "status": {"phase": phase},
    }


def controlled(kind: str, name: str, group: str = "apps/v1", **more: Any) -> Manifest:
    return {
        "ownerReferences": [{"apiVersion": group, "kind": kind, "name": name, "controller": True, **more}]
    }


@pytest.mark.parametrize(
    ("metadata", "owner"),
    [
        ({}, None),
        (controlled("StatefulSet", "db"), Owner("shop", "apps", "StatefulSet", "db")),
        (controlled("Job", "load", "batch/v1"), Owner("shop", "batch", "Job", "load")),
        (controlled("ReplicaSet", "web-5f"), Owner("shop", "apps", "ReplicaSet", "web-5f")),
        (controlled("ReplicaSet", "web-5f") | {"labels": {"pod-template-hash": "5f"}}, WEB),
        (controlled("StatefulSet", "db", controller=False), None),
        (controlled("StatefulSet", "db") | {"deletionTimestamp": "2026-01-01T00:00:00Z"}, None),
    ],
)
def test_a_pod_belongs_to_the_workload_that_made_it(metadata: Manifest, owner: Owner | None) -> None:
    found = pod_of(live(**metadata))
    assert found is not None
    assert found.owner == owner


def test_a_pod_that_ended_takes_nothing() -> None:
    assert pod_of(live("Succeeded")) is None
    assert pod_of(live("Failed")) is None
    assert pod_of(live("Pending")) is not None


def test_of_a_pod_with_a_node_only_what_it_takes_is_kept() -> None:
    pod, waiting = live(), live("Pending")
    del waiting["spec"]["nodeName"]
    assert pod_of(pod) == Pod("n1", bare(need_of(pod["spec"])), None)
    assert pod_of(waiting) == Pod("", need_of(pod["spec"]), None)


def test_room_is_the_sum_over_the_nodes_not_over_their_resources() -> None:
    """Two nodes with 3 CPUs each hold two pods that ask for 2, not three."""
    assert ledger(node("n1", 3), node("n2", 3)).room(need(2)) == 2


def test_pods_take_room_until_they_are_gone() -> None:
    member = ledger(node("n1"))
    member.pod(("shop", "a"), Pod("n1", need(3), None))
    assert member.room(need()) == 1
    assert member.pod(("shop", "a"), None)
    assert member.room(need()) == 4


def test_pods_count_though_they_were_told_of_before_their_node() -> None:
    member = ledger()
    member.pod(("shop", "a"), Pod("n1", need(3), None))
    member.node("n1", node("n1"))
    assert member.room(need()) == 1


def test_a_pod_without_a_node_takes_room_before_and_after_it_gets_one() -> None:
    member = ledger(node("n1", 2), node("n2", 2))
    member.pod(("shop", "a"), Pod("", need(2), None))
    assert member.room(need(2)) == 1
    member.pod(("shop", "a"), Pod("n2", need(2), None))
    assert member.room(need(2)) == 1


def test_what_waits_without_room_gets_it_before_others() -> None:
    member = ledger(node("n1", 2))
    member.pod(("shop", "a"), Pod("n1", need(2), None))
    member.pod(("shop", "waits"), Pod("", need(2), None))
    assert member.room(need(2)) == 0
    member.pod(("shop", "a"), None)
    assert member.room(need(2)) == 0
    member.node("n2", node("n2", 2))
    assert member.room(need(2)) == 1


def test_expected_replicas_take_room_until_their_pods_are_seen() -> None:
    member = ledger(node("n1"))
    member.expect(WEB, need(), 3)
    assert (member.room(need()), member.missing(WEB)) == (1, 3)
    for count in range(3):
        member.pod(("shop", f"web-{count}"), Pod("n1", need(), WEB))
        assert (member.room(need()), member.missing(WEB)) == (1, 2 - count)
    member.pod(("shop", "web-0"), None)
    assert (member.room(need()), member.missing(WEB)) == (2, 0)


def test_replicas_that_are_there_already_are_not_expected() -> None:
    member = ledger(node("n1"))
    for name in ("a", "b"):
        member.pod(("shop", name), Pod("n1", need(), WEB))
    member.expect(WEB, need(), 2)
    assert member.missing(WEB) == 0
    member.expect(WEB, need(), 3)
    assert (member.room(need()), member.missing(WEB)) == (1, 1)


def test_what_is_expected_no_more_gives_its_room_back() -> None:
    member = ledger(node("n1"))
    member.expect(WEB, need(), 3)
    assert member.expect(WEB, need(), 1)
    assert member.room(need()) == 3
    assert not member.expect(WEB, need(), 1)
    assert member.forget(WEB)
    assert member.room(need()) == 4
    assert not member.forget(WEB)


def test_a_changed_template_is_expected_as_it_is_now() -> None:
    member = ledger(node("n1"))
    member.expect(WEB, need(2), 2)
    assert member.room(need()) == 0
    member.expect(WEB, need(1), 2)
    assert member.room(need()) == 2


def test_room_is_not_promised_twice_when_a_pod_lands_on_another_node_than_thought() -> None:
    member = ledger(node("n1", 1), node("n2", 1))
    member.expect(WEB, need(), 1)
    member.expect(API, need(), 1)
    assert member.room(need()) == 0
    for name in ("n1", "n2"):  # wherever it goes
        member.pod(("shop", "web"), Pod(name, need(), WEB))
        assert member.room(need()) == 0
        member.pod(("shop", "web"), Pod("", need(), WEB))


def test_a_node_that_leaves_takes_the_seats_on_it_along() -> None:
    member = ledger(node("n1"), node("n2"))
    member.expect(WEB, need(), 4)
    member.node("n1", None)
    assert member.room(need()) == 0
    member.node("n1", node("n1", ready=False))
    assert member.room(need()) == 0
    member.node("n1", node("n1"))
    assert member.room(need()) == 4


def test_totals_count_what_pods_with_a_node_ask_for() -> None:
    member = ledger(node("n1", 4), node("n2", 8, ready=False))
    member.pod(("shop", "a"), Pod("n1", need(3), None))
    member.pod(("shop", "b"), Pod("n2", need(1), None))
    member.pod(("shop", "c"), Pod("", need(1), None))
    member.expect(WEB, need(), 1)
    totals = member.totals()
    assert (totals.nodes, totals.ready) == (2, 1)
    assert totals.allocatable == {"cpu": 4, "pods": 10}
    assert totals.requested == {"cpu": 4, "pods": 2}
    member.pod(("shop", "a"), None)
    assert member.totals().requested == {"cpu": 1, "pods": 1}


NODES, PODS, OWNERS = ("n1", "n2", "n3"), ("a", "b", "c", "d"), (WEB, API)
CHANGES = st.one_of(
    st.tuples(st.just("node"), st.sampled_from(NODES), st.none() | st.integers(0, 6)),
    st.tuples(
        st.just("pod"),
        st.sampled_from(PODS),
        st.none() | st.builds(Pod, st.sampled_from(("", *NODES)), st.just(need()), st.sampled_from(OWNERS)),
    ),
    st.tuples(st.just("expect"), st.sampled_from(OWNERS), st.integers(0, 4)),
    st.tuples(st.just("ask"), st.integers(1, 3), st.none()),
)


class World:
    """What a ledger was told, and the answer worked out afresh; every pod asks for the same."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.pods: dict[str, Pod] = {}
        self.expected: dict[Owner, int] = {}

    def seen(self, owner: Owner) -> int:
        return sum(pod.owner == owner for pod in self.pods.values())

    def settle(self) -> None:
        """Once as many are seen as were expected, nothing more is."""
        self.expected = {owner: count for owner, count in self.expected.items() if count > self.seen(owner)}

    def room(self) -> int:
        on = [pod.node for pod in self.pods.values()]
        free = sum(
            fits(need(), each, {"cpu": on.count(name), "pods": on.count(name)})
            for name, each in self.nodes.items()
        )
        coming = sum(count - self.seen(owner) for owner, count in self.expected.items())
        return max(0, free - on.count("") - coming)


@given(st.lists(CHANGES, max_size=30))
def test_alike_pods_are_never_promised_more_room_than_there_is_nor_less(changes: list[Any]) -> None:
    member, world = Ledger(), World()
    for what, key, value in changes:
        if what == "node":
            world.nodes.pop(key, None)
            if value is not None:
                world.nodes[key] = node(key, value)
            member.node(key, world.nodes.get(key))
        elif what == "pod":
            world.pods.pop(key, None)
            if value is not None:
                world.pods[key] = value
            member.pod(("shop", key), value)
        elif what == "expect":
            world.expected[key] = value
            member.expect(key, need(), value)
        else:
            assert member.room(need(key)) <= world.room()
        world.settle()
        assert member.room(need()) == world.room()
