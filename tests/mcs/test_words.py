"""Whose word counts: since when nothing that is missing on a host is taken for gone."""

from __future__ import annotations

from typing import Any

import pytest

from federation.kube.api import Api
from federation.kube.config import Configuration
from mcs.names import SOURCE_CLUSTER, SOURCE_LEASE, WHOLE_TIME, Service, host_namespace
from mcs.records import Records
from mcs.words import Words
from policies.api.meta import API_VERSION, Manifest

WEB = ("shop", "web")


class Heard:
    """Who was told what."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Service]] = []
        self.words = Words(lambda cluster, service: self.told.append((cluster, service)))


@pytest.fixture
def heard() -> Heard:
    return Heard()


def test_nobody_has_given_a_word_at_first(heard: Heard) -> None:
    assert "m1" not in heard.words


def test_a_word_counts_until_the_host_is_listed_anew(heard: Heard) -> None:
    heard.words.give("m1")
    assert "m1" in heard.words
    assert "m2" not in heard.words
    heard.words.doubt()
    assert "m1" not in heard.words


def test_who_waits_for_a_word_is_told_once_and_nobody_else(heard: Heard) -> None:
    heard.words.wait(WEB, ["m1", "m2"])
    heard.words.wait(WEB, ["m1"])
    heard.words.give("m3")
    assert heard.told == []
    for _ in range(2):
        heard.words.give("m1")
    assert heard.told == [("m1", WEB)]


def test_who_waits_still_does_when_the_host_is_listed_once_more(heard: Heard) -> None:
    heard.words.wait(WEB, ["m1"])
    heard.words.doubt()
    heard.words.give("m1")
    assert heard.told == [("m1", WEB)]


def test_nobody_waits_for_a_word_that_was_given(heard: Heard) -> None:
    heard.words.give("m1")
    heard.words.wait(WEB, ["m1"])
    heard.words.doubt()
    heard.words.give("m1")
    assert heard.told == []


def test_that_the_host_is_listed_is_counted_and_told(heard: Heard) -> None:
    seen: list[int] = []
    heard.words.doubting.add(lambda: seen.append(heard.words.lists))
    heard.words.doubt()
    heard.words.doubt()
    assert seen == [1, 2]


# What counts as a word


@pytest.fixture
def records() -> Records:
    """Mirrors that nothing runs: they have what tests put in, as if a watch told it."""
    return Records(Api(Configuration("http://127.0.0.1:1")))


def lease(word: str, version: int, *, renewed: str = "now") -> Manifest:
    metadata = {
        "namespace": host_namespace("m1"),
        "name": SOURCE_LEASE,
        "resourceVersion": str(version),
        "labels": {SOURCE_CLUSTER: "m1"},
        "annotations": {WHOLE_TIME: word},
    }
    return {"metadata": metadata, "spec": {"renewTime": renewed}}


def state(version: int, **said: Any) -> Manifest:
    metadata = {"namespace": "atoll-system", "name": "m1", "uid": "u", "resourceVersion": str(version)}
    return {
        "apiVersion": API_VERSION,
        "kind": "SourceState",
        "metadata": metadata,
        "spec": {"cluster": "m1", **said},
    }


async def test_a_word_in_a_lease_is_one_if_it_is_another_than_before(records: Records) -> None:
    records.leases.mirror.observe(lease("1", 10))
    records.words.doubt()
    records.leases.mirror.observe(lease("1", 11, renewed="later"))
    assert "m1" not in records.words, "a sign of life is no word"
    records.leases.mirror.observe(lease("2", 12))
    assert "m1" in records.words


async def test_a_word_that_a_list_shows_is_none(records: Records) -> None:
    """It may be that of a backup; and the next one is compared with it."""
    records.leases.mirror.observe(lease("5", 10))
    records.words.doubt()
    records.leases.mirror.listing = True
    records.leases.mirror.observe(lease("3", 11))
    assert "m1" not in records.words
    records.leases.mirror.listing = False
    records.leases.mirror.observe(lease("3", 12, renewed="later"))
    assert "m1" not in records.words
    records.leases.mirror.observe(lease("5", 13))
    assert "m1" in records.words


async def test_that_an_epoch_has_all_on_the_host_is_a_word(records: Records) -> None:
    records.sources.observe(state(10, epoch="a", synced=False))
    assert "m1" not in records.words
    records.sources.observe(state(11, epoch="a", synced=True))
    assert "m1" in records.words


async def test_that_it_had_is_none_if_a_list_says_it(records: Records) -> None:
    records.sources.listing = True
    records.sources.observe(state(10, epoch="a", synced=True))
    assert "m1" not in records.words


async def test_a_cluster_without_a_word_is_not_certain_whatever_its_state_says(records: Records) -> None:
    records.sources.observe(state(10, epoch="a", synced=True))
    assert records.certain() == {"m1"}
    records.words.doubt()
    assert records.certain() == frozenset()
    records.sources.observe(state(11, left=True))
    assert records.certain() == {"m1"}
