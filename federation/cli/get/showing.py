"""What clusters answered is shown: rows as they come, or all objects as a list; and how the command ends."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import typer
import yaml

from federation.cli.get.asking import Found, objects, tables
from federation.cli.get.question import Question, Wanted
from federation.cli.get.table import Column, Row, Sheet, object_name, union
from federation.cli.reach import INCOMPLETE, Answer, answers, clusters_named, on_stderr
from federation.kube.api import Api
from federation.kube.resources import Manifest
from policies.api.meta import GROUP
from policies.matching import group_of

CLUSTER_ANNOTATION = f"{GROUP}/cluster"
"""On objects that programs read: the cluster it is in. It is stored nowhere."""

Answers = Sequence[Answer[Found]]
Answered = Sequence[tuple[str, Found]]


async def show(
    host: Api,
    question: Question,
    names: Sequence[str],
    output: str,
    seconds: float,
    *,
    early: bool,
) -> int:
    """Print what clusters answer; return the exit code.

    :param names: of clusters; none for all
    :param early: rows need not wait for a cluster that does not answer
    """
    clusters = await clusters_named(host, names)
    is_table = output in ("table", "wide")
    ask, printer = (tables if is_table else objects), _Printer(question, wide=output == "wide")
    found: list[Answer[Found]] = []
    async for some in answers(
        clusters, lambda cluster: ask(host, cluster, question, seconds), on_stderr, early=early and is_table
    ):
        found += some
        if is_table:
            printer.show(some)
    if not is_table and (text := _for_programs(found, output)):
        typer.echo(text)
    return _ended(question, found)


class _Printer:
    """Tables, one for each kind; a new one begins when another kind is shown than before."""

    def __init__(self, question: Question, *, wide: bool) -> None:
        self._everywhere, self._wide = question.namespace is None, wide
        self._several = len(question.wanted) > 1
        self._kind, self._sheet = "", Sheet()

    def show(self, some: Answers) -> None:
        found = [answer.found for answer in some if answer.found is not None]
        kinds = list(dict.fromkeys(kind for each in found for kind in each.columns))
        self._several = self._several or len(kinds) > 1
        for kind in kinds:
            columns = union(each.columns.get(kind, []) for each in found)
            rows = [row for each in found for row in sorted(each.rows.get(kind, []), key=lambda row: row.key)]
            if rows:
                self._show_kind(kind, columns, rows)

    def _show_kind(self, kind: str, columns: list[Column], rows: list[Row]) -> None:
        with_namespace = self._everywhere and rows[0].resource.namespaced
        if kind != self._kind:
            if self._kind:
                typer.echo()
            heads = ("CLUSTER", "NAMESPACE") if with_namespace else ("CLUSTER",)
            self._kind, self._sheet = kind, Sheet(*heads, wide=self._wide, kinds=self._several)
        cells = [((row.cluster, row.key[0]) if with_namespace else (row.cluster,), row) for row in rows]
        for line in self._sheet.lines(columns, cells):
            typer.echo(line)


def _for_programs(found: Answers, output: str) -> str:
    """Return all objects, sorted by cluster, each with the annotation that names it."""
    items = [
        (answer.cluster, item) for answer in found if answer.found is not None for item in answer.found.items
    ]
    items.sort(key=lambda each: each[0])
    if output == "name":
        return "\n".join(f"{cluster} {_name(item)}" for cluster, item in items)
    stored = {
        "apiVersion": "v1",
        "kind": "List",
        "items": [_marked(cluster, item) for cluster, item in items],
    }
    if output == "json":
        return json.dumps(stored, indent=2)
    return yaml.safe_dump(stored, sort_keys=False).rstrip()


def _name(item: Manifest) -> str:
    return object_name(group_of(item["apiVersion"]), item["kind"], item["metadata"]["name"])


def _marked(cluster: str, item: Manifest) -> Manifest:
    metadata = {key: value for key, value in item["metadata"].items() if key != "managedFields"}
    annotations = {**(metadata.get("annotations") or {}), CLUSTER_ANNOTATION: cluster}
    return item | {"metadata": metadata | {"annotations": annotations}}


def _ended(question: Question, found: Answers) -> int:
    """Say on standard error what is not among what was shown; return the exit code."""
    answered = [(answer.cluster, answer.found) for answer in found if answer.found is not None]
    failures = [answer.failure for answer in found if answer.failure]
    failures += [failure for _, each in answered for failure in each.failures]
    errors = [error for wanted in question.wanted for error in _nowhere(wanted, answered)] if answered else []
    for error in (*sorted(failures), *errors):
        typer.echo(f"error: {error}", err=True)
    for word, others in _unserved(question, answered):
        typer.echo(f"note: {word} is no kind of {_listed(others)}", err=True)
    if not (failures or errors or any(names for _, each in answered for names in each.names.values())):
        place = f" in namespace {question.namespace}" if question.namespace else ""
        typer.echo(f"none found{place} of {_listed(answered)}", err=True)
    return INCOMPLETE if failures else 1 if errors else 0


def _nowhere(wanted: Wanted, answered: Answered) -> list[str]:
    """Return what no cluster has: the kind, or objects that were named."""
    if all(wanted.word in each.unserved for _, each in answered):
        return [f"{wanted.word} is no kind of {_listed(answered)}; see `kubectl api-resources`"]
    listed = [(cluster, each) for cluster, each in answered if wanted.word in each.names]
    names = set().union(*(each.names[wanted.word] for _, each in listed))
    return [
        f"{wanted.word}/{name} is not found in {_listed(listed)}"
        for name in wanted.names
        if listed and name not in names
    ]


def _unserved(question: Question, answered: Answered) -> Iterator[tuple[str, Answered]]:
    """Yield the kinds that some clusters serve and others do not, which is no error."""
    for wanted in question.wanted:
        others = [(cluster, each) for cluster, each in answered if wanted.word in each.unserved]
        if others and len(others) < len(answered):
            yield wanted.word, others


def _listed(answered: Answered) -> str:
    return f"cluster{'s' * (len(answered) > 1)} {', '.join(sorted(name for name, _ in answered))}"
