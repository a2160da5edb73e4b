"""When a cluster is given up, and when it is believed again; in seconds of the observer's own clock."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.settings import Staleness
from mcs.liveness import Beat, Liveness, State

TICK, RENEW, SILENT, FROZEN, GRACE = 1, 10, 60, 300, 5


class Observed:
    """An observer that looks every second, and the Leases that it is shown."""

    def __init__(self) -> None:
        self.liveness = Liveness(Staleness())
        self.now = 0
        self.gone: dict[str, int] = {}
        """When each cluster was given up."""
        self._beats: dict[str, Beat] = {}

    def renew(self, cluster: str = "m1", *, fresh: bool = True) -> None:
        """The cluster's agent gives a sign of life, now."""
        before = self._beats.get(cluster, Beat("", ""))
        renewed = f"{len(before.renewed)}" + before.renewed
        self._beats[cluster] = Beat(renewed, renewed if fresh else before.fresh)
        self.liveness.saw(cluster, self._beats[cluster], self.now)

    def write_again(self) -> None:
        """Somebody changes a Lease without renewing it."""
        self.liveness.saw("m1", self._beats["m1"], self.now)

    def pass_(self, seconds: int, *, connected: bool = True) -> None:
        for _ in range(seconds):
            self.now += TICK
            self._look(connected)

    def stop(self, seconds: int) -> None:
        """The observer does not run for a while."""
        self.now += seconds
        self._look(True)

    def live(self, seconds: int, *, fresh: bool = True, cluster: str = "m1") -> None:
        for _ in range(seconds // RENEW):
            self.renew(cluster, fresh=fresh)
            self.pass_(RENEW)

    @property
    def state(self) -> State | None:
        return self.liveness.state("m1")

    def believes(self) -> bool:
        return "m1" in self.liveness.proven(self.now)

    def _look(self, connected: bool) -> None:
        self.liveness.looked(self.now, connected=connected)
        for cluster in self.liveness.suspects(self.now):
            self.liveness.give_up(cluster)
            self.gone[cluster] = self.now


@pytest.fixture
def observed() -> Observed:
    """Of m1, which was alive for a minute."""
    made = Observed()
    made.live(60)
    return made


# Who is given up


def test_a_cluster_that_gives_no_sign_of_life_is_given_up_after_the_time_for_that(observed: Observed) -> None:
    """I5."""
    observed.renew()
    since = observed.now
    observed.pass_(SILENT + RENEW)
    assert observed.gone == {"m1": since + SILENT}


def test_a_cluster_that_its_agent_does_not_reach_is_given_up_later(observed: Observed) -> None:
    observed.renew()
    since = observed.now
    observed.pass_(RENEW)
    observed.live(FROZEN + RENEW, fresh=False)
    assert observed.gone == {"m1": since + FROZEN}


def test_a_lease_that_changes_otherwise_is_no_sign_of_life(observed: Observed) -> None:
    for _ in range(SILENT):
        observed.write_again()
        observed.pass_(TICK)
    assert observed.state is State.STALE


def test_a_cluster_seen_for_the_first_time_has_its_full_time(observed: Observed) -> None:
    observed.renew("m2")
    observed.pass_(SILENT - TICK)
    assert observed.liveness.state("m2") is State.NEW
    observed.pass_(TICK)
    assert observed.liveness.state("m2") is State.STALE


def test_a_cluster_without_a_lease_is_never_given_up(observed: Observed) -> None:
    """I17: nothing follows from what is missing."""
    observed.liveness.lost("m1")
    observed.pass_(2 * FROZEN)
    assert observed.state is None
    assert not observed.gone


# While the observer is cut off itself


def test_nobody_is_given_up_while_the_observer_is_cut_off_nor_in_the_full_time_after(
    observed: Observed,
) -> None:
    """I6."""
    observed.pass_(2 * FROZEN, connected=False)
    observed.pass_(SILENT)
    assert not observed.gone
    observed.pass_(TICK)
    assert observed.state is State.STALE


def test_an_observer_that_did_not_run_for_a_while_takes_it_for_its_own_absence(observed: Observed) -> None:
    observed.stop(2 * FROZEN)
    observed.pass_(SILENT - TICK)
    assert not observed.gone


def test_a_short_interruption_gives_no_more_than_the_time_to_hear_what_came_meanwhile(
    observed: Observed,
) -> None:
    observed.renew()
    since = observed.now
    observed.pass_(SILENT - 2)
    observed.pass_(GRACE - 1, connected=False)
    back = observed.now + TICK
    observed.pass_(RENEW)
    assert observed.gone == {"m1": back + GRACE}
    assert observed.gone["m1"] > since + SILENT


def test_a_short_interruption_takes_no_time_away(observed: Observed) -> None:
    observed.renew()
    since = observed.now
    observed.pass_(GRACE - 1, connected=False)
    observed.pass_(SILENT)
    assert observed.gone == {"m1": since + SILENT}


# Who is believed again


@pytest.fixture
def given_up(observed: Observed) -> Observed:
    observed.pass_(SILENT)
    assert observed.state is State.STALE
    return observed


def test_two_signs_of_life_in_a_row_are_believed(given_up: Observed) -> None:
    given_up.renew()
    assert not given_up.believes()
    given_up.pass_(RENEW)
    given_up.renew()
    assert given_up.believes()


def test_signs_that_are_far_apart_are_no_row(given_up: Observed) -> None:
    for _ in range(3):
        given_up.renew()
        given_up.pass_(40)
    assert not given_up.believes()


def test_a_cluster_that_its_agent_does_not_reach_is_not_believed(given_up: Observed) -> None:
    given_up.renew()
    given_up.pass_(RENEW)
    given_up.live(2 * RENEW, fresh=False)
    assert not given_up.believes()


def test_a_cluster_that_died_again_before_it_was_heard_in_full_is_not_believed(given_up: Observed) -> None:
    given_up.live(2 * RENEW)
    assert given_up.believes()
    given_up.pass_(SILENT)
    assert not given_up.believes()


def test_who_is_believed_has_the_full_time_again(given_up: Observed) -> None:
    given_up.live(2 * RENEW)
    given_up.liveness.believe("m1")
    assert not given_up.believes()
    since = given_up.now - RENEW
    given_up.pass_(SILENT)
    assert given_up.gone["m1"] == since + SILENT


def test_a_cluster_that_is_given_up_stays_so_while_the_observer_is_cut_off(given_up: Observed) -> None:
    given_up.pass_(2 * SILENT, connected=False)
    given_up.pass_(TICK)
    assert given_up.state is State.STALE
    assert not given_up.believes()


@pytest.mark.parametrize(
    "times", [{"renew": 30}, {"silent": 20}, {"frozen": 59}, {"grace": 0}, {"grace": 60}], ids=str
)
def test_times_that_would_take_a_late_sign_for_none_are_refused(times: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="three times"):
        Staleness(**times)


# Laws

_SPANS = st.lists(
    st.tuples(
        st.integers(1, 200),
        st.sampled_from(["alive", "frozen", "silent", "away", "not running", "believed"]),
    ),
    max_size=12,
)
"""What happens one after the other, for so many seconds."""


@settings(max_examples=50)
@given(_SPANS)
def test_a_cluster_is_given_up_no_sooner_and_no_later_than_said(spans: list[tuple[int, str]]) -> None:
    """I5 and I6, whatever came before: beside it, how long everything was, counted by the second."""
    observed = Observed()
    observed.renew()
    observed.pass_(TICK)  # the first look
    silent = frozen = back = 0
    for seconds, what in spans:
        before = observed.state
        if what in ("away", "not running"):
            gap = seconds + TICK if what == "away" else seconds
            if what == "away":
                observed.pass_(seconds, connected=False)
                observed.pass_(TICK)
            else:
                observed.stop(seconds)
            silent, frozen, back = (0, 0, 0) if gap > GRACE else (silent + gap, frozen + gap, 0)
            assert observed.state is before or gap <= GRACE
            continue
        for _ in range(seconds):
            before = observed.state
            if what in ("alive", "frozen"):
                observed.renew(fresh=what == "alive")
                silent, frozen = 0, 0 if what == "alive" else frozen
            if what == "believed" and observed.believes():
                observed.liveness.believe("m1")
                before = State.LIVE
            observed.pass_(TICK)
            silent, frozen, back = silent + TICK, frozen + TICK, back + TICK
            if before is not State.STALE:
                in_time = silent < SILENT and frozen < FROZEN
                assert observed.state is before or not in_time
                assert observed.state is State.STALE or in_time or back < GRACE
