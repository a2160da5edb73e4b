"""atoll rollout list: the runs, in the columns that the API server itself gives them."""

from __future__ import annotations

import json

import yaml

from federation.cli.rollout.columns import columns
from federation.kube.api import Api, Manifest
from federation.resources import ROLLOUT

_TABLE = "application/json;as=Table;g=meta.k8s.io;v=v1"


async def listed(api: Api, namespace: str | None, output: str) -> str:
    """Return the runs of a namespace, or of all.

    :param output: `table`, `wide`, `json`, `yaml` or `name`.
    """
    if output in ("table", "wide"):
        answer = await api.request("GET", ROLLOUT.path(namespace), accept=_TABLE, resource=ROLLOUT)
        return _table(answer, namespace, wide=output == "wide")
    items = [item async for page in api.list(ROLLOUT, namespace=namespace) for item in page.items]
    if output == "name":
        return "\n".join(f"{ROLLOUT.plural}.{ROLLOUT.group}/{item['metadata']['name']}" for item in items)
    for item in items:
        item["metadata"].pop("managedFields", None)  # as kubectl does
    stored = {"apiVersion": "v1", "kind": "List", "items": items}
    return (
        json.dumps(stored, indent=2) if output == "json" else yaml.safe_dump(stored, sort_keys=False).rstrip()
    )


def _table(answer: Manifest, namespace: str | None, *, wide: bool) -> str:
    rows = answer["rows"]
    if not rows:
        return f"no rollouts in {namespace}" if namespace else "no rollouts"
    shown = [
        (index, column["name"].upper())
        for index, column in enumerate(answer["columnDefinitions"])
        if wide or column["priority"] == 0
    ]
    first = [] if namespace else ["NAMESPACE"]
    table = [[*first, *(name for _, name in shown)]]
    for row in rows:
        place = [] if namespace else [row["object"]["metadata"]["namespace"]]
        table.append([*place, *(_cell(row["cells"][index]) for index, _ in shown)])
    return columns(table)


def _cell(value: object) -> str:
    return "-" if value in (None, "") else str(value)
