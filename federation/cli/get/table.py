"""Tables of API servers, and how those of several clusters become one.

An API server prints objects as columns and rows, the ones that kubectl shows; custom resources have those of
their definition. https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from federation.kube.resources import Key, Manifest, Resource

ACCEPT = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
_NAME = {"name": "Name", "format": "name", "priority": 0}
_ESCAPED = str.maketrans({"\x1b": "^[", "\r": "\\r", "\t": " "})
"""What would move the cursor of a terminal, as kubectl writes it."""


class Column(NamedTuple):
    """A column; one with a priority above 0 is for `-o wide`."""

    name: str
    priority: int = 0
    is_name: bool = False


class Row(NamedTuple):
    """One object in one cluster; the cells are by name of their column."""

    cluster: str
    resource: Resource
    key: Key
    version: str
    cells: Mapping[str, str]


def columns_of(answer: Manifest) -> list[Column]:
    """Return the columns of a Table; of a list that a server could not print, the name."""
    definitions = answer.get("columnDefinitions") or [_NAME]
    return [
        Column(each["name"], each.get("priority", 0), each.get("format") == "name") for each in definitions
    ]


def rows_of(cluster: str, resource: Resource, columns: Sequence[Column], answer: Manifest) -> list[Row]:
    """Return the rows of a Table; of a list that a server could not print, a row for each object."""
    if answer.get("kind") == "Table":
        printed = [(each["object"]["metadata"], each["cells"]) for each in answer.get("rows") or ()]
    else:
        printed = [(each["metadata"], [each["metadata"]["name"]]) for each in answer.get("items") or ()]
    return [
        Row(
            cluster,
            resource,
            (metadata.get("namespace", ""), metadata["name"]),
            metadata.get("resourceVersion", ""),
            {column.name: _cell(value) for column, value in zip(columns, cells, strict=True)},
        )
        for metadata, cells in printed
    ]


def union(of: Iterable[Sequence[Column]]) -> list[Column]:
    """Return the columns of all clusters, each once, in the order of the first that has it."""
    found: dict[str, Column] = {}
    for columns in of:
        for column in columns:
            found.setdefault(column.name, column)
    return list(found.values())


def object_name(group: str, kind: str, name: str) -> str:
    """Return an object as kubectl names it: `deployment.apps/web`."""
    return f"{kind.lower()}.{group}/{name}" if group else f"{kind.lower()}/{name}"


class Sheet:
    """Rows as lines whose columns stay where they are, though the rows come one after another.

    :param extra: the heads of columns before those of the server
    """

    def __init__(self, *extra: str, wide: bool = False, kinds: bool = False) -> None:
        self._extra, self._wide, self._kinds = extra, wide, kinds
        self._header: list[str] = []
        self._widths: list[int] = []

    def lines(self, columns: Sequence[Column], rows: Sequence[tuple[Sequence[str], Row]]) -> list[str]:
        """Return lines for rows with their extra cells, under a header where that is another than before."""
        if not rows:
            return []
        shown = [column for column in columns if self._wide or column.priority == 0]
        header = [*self._extra, *(column.name.upper() for column in shown)]
        cells = [[*extra, *(self._text(column, row) for column in shown)] for extra, row in rows]
        if header != self._header:
            self._header, self._widths = header, [0] * len(header)
            cells.insert(0, header)
        self._widths = [
            max(width, *map(len, column))
            for width, column in zip(self._widths, zip(*cells, strict=True), strict=True)
        ]
        return [
            "   ".join(cell.ljust(width) for cell, width in zip(line, self._widths, strict=True)).rstrip()
            for line in cells
        ]

    def _text(self, column: Column, row: Row) -> str:
        text = row.cells.get(column.name, "<none>")
        if not (self._kinds and column.is_name):
            return text
        return object_name(row.resource.group, row.resource.kind, text)


def _cell(value: object) -> str:
    if value is None or value == "":
        return "<none>"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    first, newline, _ = text.partition("\n")  # as kubectl: a row is a line
    return first.translate(_ESCAPED) + ("..." if newline else "")
