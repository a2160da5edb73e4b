"""How rows of several clusters are printed as one table, and whom a command waits for."""

from __future__ import annotations

import asyncio

import pytest

from federation.cli.get.table import Column, Row, Sheet, columns_of, rows_of, union
from federation.cli.reach import Answer, answers, on_stderr
from federation.kube.errors import ApiError
from federation.kube.resources import Manifest, Resource
from policies.api.cluster import Cluster
from policies.api.meta import API_VERSION

WIDGETS = Resource("example.com", "v1", "widgets", "Widget")
COLUMNS = [Column("Name", is_name=True), Column("Size"), Column("Color", 1)]


def row(name: str, *cells: object) -> Row:
    definitions = [{"name": each.name, "format": "name" if each.is_name else ""} for each in COLUMNS]
    rows = [{"object": {"metadata": {"name": name}}, "cells": [name, *cells]}]
    answer: Manifest = {"kind": "Table", "columnDefinitions": definitions, "rows": rows}
    (found,) = rows_of("m1", WIDGETS, columns_of(answer), answer)
    return found


def lines(sheet: Sheet, *rows: Row) -> list[str]:
    return sheet.lines(COLUMNS, [((row.cluster,), row) for row in rows])


def test_columns_are_aligned_and_the_wide_ones_left_out() -> None:
    assert lines(Sheet("CLUSTER"), row("a", 1, "red"), row("longer", 20, "red")) == [
        "CLUSTER   NAME     SIZE",
        "m1        a        1",
        "m1        longer   20",
    ]
    assert lines(Sheet("CLUSTER", wide=True), row("a", 1, "red"))[1] == "m1        a      1      red"


def test_rows_that_come_later_have_no_second_header_and_stay_in_their_columns() -> None:
    sheet = Sheet("CLUSTER")
    lines(sheet, row("longer", 1, ""))
    assert lines(sheet, row("a", 1, "")) == ["m1        a        1"]
    assert lines(sheet) == []


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "<none>"), ("", "<none>"), (True, "true"), ("one\ntwo", "one..."), ("a\x1b[2Jb", "a^[[2Jb")],
)
def test_a_cell_is_text_of_one_line_that_moves_no_cursor(value: object, shown: str) -> None:
    assert row("a", value, "").cells["Size"] == shown


def test_with_several_kinds_the_name_says_which() -> None:
    assert lines(Sheet("CLUSTER", kinds=True), row("a", 1, ""))[1].split()[1] == "widget.example.com/a"


def test_a_list_that_a_server_does_not_print_is_shown_by_name() -> None:
    answer: Manifest = {"kind": "WidgetList", "items": [{"metadata": {"name": "a", "namespace": "shop"}}]}
    (found,) = rows_of("m1", WIDGETS, columns_of(answer), answer)
    assert (found.key, found.cells) == (("shop", "a"), {"Name": "a"})


def test_a_cluster_that_prints_other_columns_adds_them() -> None:
    assert [each.name for each in union([COLUMNS[:2], [COLUMNS[0], Column("Age")]])] == [
        "Name",
        "Size",
        "Age",
    ]


def cluster(name: str) -> Cluster:
    return Cluster.model_validate({"apiVersion": API_VERSION, "kind": "Cluster", "metadata": {"name": name}})


class Clusters:
    """m1 answers, m2 refuses, m3 is silent for so many seconds."""

    def __init__(self, silence: float) -> None:
        self.silence = silence

    async def ask(self, cluster: Cluster) -> str:
        name = cluster.metadata.name
        if name == "m2":
            raise ApiError("no")
        if name == "m3":
            await asyncio.sleep(self.silence)
        return f"yes of {name}"

    async def answers(self, *, early: bool) -> list[list[Answer[str]]]:
        asked = [cluster(name) for name in ("m1", "m2", "m3")]
        return [some async for some in answers(asked, self.ask, on_stderr, early=early)]


@pytest.mark.parametrize("early", [True, False])
async def test_who_is_waited_for_is_told_and_the_others_may_be_shown_meanwhile(
    early: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("federation.cli.reach.PATIENCE", 0.01)
    first = [Answer("m1", "yes of m1"), Answer("m2", None, "no")]
    last = [Answer("m3", "yes of m3")]
    assert await Clusters(0.1).answers(early=early) == ([first, last] if early else [first + last])
    assert capsys.readouterr().err == "waiting for m3\n"


async def test_nobody_is_told_of_clusters_that_answer_soon(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(await Clusters(0.0).answers(early=True)) == 1
    assert capsys.readouterr().err == ""
