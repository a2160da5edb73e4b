"""atoll cordon and uncordon: nothing new is placed in a cluster, and again it may be; also after a drain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from federation.cli.completion import cluster_names
from federation.cli.host import Context, Kubeconfig, connected, run
from federation.cli.reach import cluster_named
from federation.kube.api import Api
from federation.kube.errors import Conflict
from federation.resources import CLUSTER
from federation.timestamps import utc_now
from policies.api.meta import GROUP, Taint
from policies.eviction import DRAIN_TAINT

UNSCHEDULABLE_TAINT = f"{GROUP}/unschedulable"
"""As `node.kubernetes.io/unschedulable` says it of a Node."""
FIELD_MANAGER = "atoll-cordon"

_Names = Annotated[
    list[str],
    typer.Argument(metavar="CLUSTER", help="Names of Clusters.", autocompletion=cluster_names),
]


def is_cordoned(taints: Sequence[Taint]) -> bool:
    return any(taint.key == UNSCHEDULABLE_TAINT for taint in taints)


def cordon(names: _Names, kubeconfig: Kubeconfig = None, context: Context = None) -> None:
    """Have nothing new placed in clusters; what is there stays, and goes on being updated."""
    run(connected(kubeconfig, context, lambda api: _each(api, names, True)))


def uncordon(names: _Names, kubeconfig: Kubeconfig = None, context: Context = None) -> None:
    """Let clusters have new workloads again, and keep what they have: takes back `cordon` and `drain`."""
    run(connected(kubeconfig, context, lambda api: _each(api, names, False)))


async def _each(host: Api, names: Sequence[str], wanted: bool) -> None:
    done = "cordoned" if wanted else "uncordoned"
    for name in names:
        changed = await put(host, name, cordoned if wanted else uncordoned)
        typer.echo(f"cluster/{name} {done}" if changed else f"cluster/{name} already {done}")


async def put(host: Api, name: str, change: Callable[[Sequence[Taint]], list[Taint]]) -> bool:
    """Change the taints of a Cluster, which others write, too; return whether they were different.

    :raises ApiError: there is no such Cluster
    """
    while True:
        cluster = await cluster_named(host, name)
        taints = change(cluster.spec.taints)
        if taints == cluster.spec.taints:
            return False
        body = {
            "metadata": {"resourceVersion": cluster.metadata.resource_version},
            "spec": {"taints": [taint.dump() for taint in taints]},
        }
        try:
            await host.patch(CLUSTER, name, None, body, manager=FIELD_MANAGER)
        except Conflict:  # the controller wrote what it found of the cluster
            continue
        return True


def cordoned(taints: Sequence[Taint]) -> list[Taint]:
    if is_cordoned(taints):
        return list(taints)
    return [*taints, Taint(key=UNSCHEDULABLE_TAINT, effect="NoSchedule", time_added=utc_now())]


def uncordoned(taints: Sequence[Taint]) -> list[Taint]:
    return [taint for taint in taints if taint.key not in (UNSCHEDULABLE_TAINT, DRAIN_TAINT)]
