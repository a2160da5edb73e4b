"""atoll get --watch: a row for each object of each member, then one for each change, until interrupted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import typer

from federation.cli.get.asking import Printed, meant_by, printed
from federation.cli.get.question import Question
from federation.cli.get.table import ACCEPT, Column, Row, Sheet, rows_of
from federation.cli.reach import clusters_named, reached
from federation.kube.api import Api
from federation.kube.errors import ApiError, Gone, Unreachable
from federation.kube.resources import Key, Resource, Selector, newer
from policies.api.cluster import Cluster

_AGAIN = 2.0  # seconds until a cluster that failed is asked again
_EVENT = len("MODIFIED")


async def follow(host: Api, question: Question, names: Sequence[str], seconds: float, *, wide: bool) -> int:
    """Print rows until cancelled; a cluster that fails is named, and asked again.

    :raises ApiError: one of the clusters is no member, or several kinds are asked for
    """
    if len(question.wanted) > 1 or len(question.wanted[0].names) > 1:
        raise ApiError("--watch follows one kind, or one object of it")
    sheet = _Sheet(question, wide=wide)
    async with asyncio.TaskGroup() as group:
        for cluster in await clusters_named(host, names):
            group.create_task(_Followed(host, cluster, question, seconds, sheet).run())
    return 1  # nothing could be followed


class _Sheet:
    """The rows of all clusters in one table, in the order of events."""

    def __init__(self, question: Question, *, wide: bool) -> None:
        self._everywhere = question.namespace is None
        heads = ("EVENT", "CLUSTER", "NAMESPACE") if self._everywhere else ("EVENT", "CLUSTER")
        self._sheet = Sheet(*heads, wide=wide)

    def show(self, event: str, columns: Sequence[Column], row: Row) -> None:
        place = [row.key[0] or "-"] if self._everywhere else []
        for line in self._sheet.lines(columns, [([event.ljust(_EVENT), row.cluster, *place], row)]):
            typer.echo(line)


class _Followed:
    """One cluster, for ever: what was shown of it, so that nothing is shown twice after a failure."""

    def __init__(
        self, host: Api, cluster: Cluster, question: Question, seconds: float, sheet: _Sheet
    ) -> None:
        self._host, self._cluster, self._question = host, cluster, question
        self._seconds, self._sheet = seconds, sheet
        self._shown: dict[Key, Row] = {}
        self._columns: list[Column] = []
        self._failure = ""

    async def run(self) -> None:
        while True:
            try:
                async with reached(self._host, self._cluster, self._seconds) as api:
                    return await self._follow(api)
            except ApiError as error:
                self._say(str(error))
            await asyncio.sleep(_AGAIN)

    def _say(self, failure: str) -> None:
        """Name a failure once; when the cluster answered in between, again."""
        if failure != self._failure:
            typer.echo(f"error: {failure}; trying again", err=True)
        self._failure = failure

    async def _follow(self, api: Api) -> None:
        meant, unserved = await meant_by(api, self._question, self._seconds)
        if unserved:
            raise ApiError(f"cluster {self._name}: {unserved[0]} is no kind there")
        if len(meant) > 1:
            typer.echo(f"error: {meant[0].word} means several kinds; --watch follows one", err=True)
            return
        _, resource, (selector,) = meant[0]
        while True:
            got = await printed(api, self._name, resource, self._question.namespace, selector, self._seconds)
            self._failure = ""
            self._listed(got)
            try:
                await self._watch(api, resource, selector, got.version)
            except (Gone, Unreachable):
                await asyncio.sleep(_AGAIN)

    def _listed(self, got: Printed) -> None:
        self._columns = got.columns
        there = {row.key for row in got.rows}
        gone = [row for key, row in self._shown.items() if key not in there]
        self._changed("DELETED", gone)
        for row in sorted(got.rows, key=lambda row: row.key):
            self._changed("MODIFIED" if row.key in self._shown else "ADDED", [row])

    async def _watch(self, api: Api, resource: Resource, selector: Selector, version: str) -> None:
        watched = api.watch(
            resource, version, namespace=self._question.namespace, selector=selector, accept=ACCEPT
        )
        async with watched as events:
            async for event in events:
                if event.type != "BOOKMARK":
                    rows = rows_of(self._name, resource, self._columns, event.manifest)
                    self._changed(event.type, rows)

    def _changed(self, event: str, rows: Sequence[Row]) -> None:
        for row in rows:
            before = self._shown.get(row.key)
            if event == "DELETED":
                self._shown.pop(row.key, None)
            elif before is not None and not newer(row.version, before.version):
                continue
            else:
                self._shown[row.key] = row
            self._sheet.show(event, self._columns, row)

    @property
    def _name(self) -> str:
        return self._cluster.metadata.name
