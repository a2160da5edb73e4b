"""What a policy says of itself, from the bindings of what it matches."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from policies.api.binding import ResourceBinding
from policies.api.meta import API_VERSION
from policies.api.propagation import PolicyStatus
from policies.observation import Stamp
from policies.reporting import Failure, Standing, invalid, override_status, propagation_status, standing
from policies.verdicts import Verdict

NOW = Stamp(3, "2026-01-01T00:00:00Z")
LATER = Stamp(3, "2026-01-02T00:00:00Z")
HELD = Standing(True, ())
NEW = PolicyStatus()
SCHEDULED = ("True", "Scheduled")


def binding(scheduled: tuple[str, str], applied: str, **clusters: str) -> ResourceBinding:
    """A binding with the reasons that its clusters give; empty where they hold what they should."""
    results = [
        {"name": name, "applied": not reason, "reason": reason, "message": f"in {name}"}
        for name, reason in clusters.items()
    ]
    conditions: list[dict[str, Any]] = [
        {"type": "Scheduled", "status": scheduled[0], "reason": scheduled[1], "message": "so decided"},
        {"type": "Applied", "status": applied, "reason": "Some"},
    ]
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "plural": "deployments", "name": "web"}
    return ResourceBinding.model_validate(
        {
            "apiVersion": API_VERSION,
            "kind": "ResourceBinding",
            "metadata": {"name": "web.deployments.apps", "namespace": "shop"},
            "spec": {"resource": reference},
            "status": {"conditions": conditions, "clusters": results},
        }
    )


def test_an_object_stands_as_its_binding_says() -> None:
    assert standing("web", binding(SCHEDULED, "True", m1="")) == HELD
    assert standing("web", binding(SCHEDULED, "False", m1="", m2="Forbidden")) == Standing(
        False, (Failure("web", "m2", "Forbidden", "in m2"),)
    )


def test_what_is_kept_where_it_is_because_it_fits_nowhere_has_failed_too() -> None:
    stands = standing("web", binding(("False", "NoClusterFit"), "True", m1=""))
    assert stands == Standing(True, (Failure("web", "", "NoClusterFit", "so decided"),))


def test_what_waits_because_its_user_wants_it_so_has_not_failed() -> None:
    assert standing("web", binding(SCHEDULED, "False", m1="Suspended")).failures == ()
    assert standing("web", binding(("False", "Deleting"), "True", m1="")).failures == ()


def test_a_policy_counts_objects_and_names_the_first_failures() -> None:
    failing = [Standing(False, (failure(9 - each, "m1"), failure(9 - each, "m2"))) for each in range(9)]
    status = propagation_status([*failing, *[HELD] * 4, Standing(True, (failure(50, "m1"),))], None, NEW, NOW)
    assert (status.matched, status.applied, status.failed) == (14, 5, 10)
    assert (status.observed_generation, status.conditions[0].observed_generation) == (3, 3)
    assert [(each.object, each.cluster) for each in status.failures[:3]] == [
        ("web01", "m1"),
        ("web01", "m2"),
        ("web02", "m1"),
    ]
    many = [Standing(False, (failure(each, "m1"),)) for each in range(50)]
    assert len(propagation_status(many, None, NEW, NOW).failures) == 20
    ready = status.conditions[0]
    assert (ready.type, ready.status, ready.reason) == ("Ready", "False", "Failing")
    assert ready.message == "web01: Forbidden: in m1"


def failure(number: int, cluster: str, reason: str = "Forbidden") -> Failure:
    return Failure(f"web{number:02}", cluster, reason, f"in {cluster}")


def test_only_its_own_failures_concern_an_override_policy() -> None:
    label = "OverridePolicy shop/eu"
    mine = Failure("a", "m1", "OverrideFailed", f"{label}: spec.overrideRules[0]: no such path")
    others = Failure("a", "m1", "OverrideFailed", "OverridePolicy shop/eu-west: spec.overrideRules[0]: no")
    found = [Standing(False, (mine,)), Standing(False, (others,)), Standing(False, (failure(1, "m1"),)), HELD]
    status = override_status(found, label, NEW, NOW)
    assert (status.matched, status.applied, status.failed) == (4, 1, 1)
    assert [each.message for each in status.failures] == [mine.message]


READY = [
    ([], None, "True", "NothingMatched"),
    ([HELD], None, "True", "Applied"),
    ([HELD], Verdict("Suspended", "by its user"), "False", "Suspended"),
    ([Standing(False, (failure(1, "m1"),))], Verdict("Suspended", "by its user"), "False", "Failing"),
]


def test_ready_says_in_one_word_how_it_is() -> None:
    for standings, suspended, status, reason in READY:
        (ready,) = propagation_status(standings, suspended, NEW, NOW).conditions
        assert (ready.status, ready.reason) == (status, reason)
    (ready,) = invalid("spec: no", NEW, NOW).conditions
    assert (ready.status, ready.reason, ready.message) == ("False", "Invalid", "spec: no")


FAILURES = st.builds(
    Failure,
    st.sampled_from(["a", "b", "c"]),
    st.sampled_from(["", "m1", "m2"]),
    st.sampled_from(["X", "Y"]),
    st.just("said"),
)
STANDINGS = st.lists(st.builds(Standing, st.booleans(), st.lists(FAILURES, max_size=3).map(tuple)))


@given(STANDINGS, st.randoms())
def test_the_same_state_gives_the_same_status_in_whatever_order_and_whenever(
    standings: list[Standing], random: Any
) -> None:
    before = propagation_status(standings, None, NEW, NOW)
    random.shuffle(standings)
    assert propagation_status(standings, None, before, LATER) == before
