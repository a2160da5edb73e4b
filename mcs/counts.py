"""Counts of Services across clusters, read from the mirrors when somebody asks: they are never stale."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection

from federation.metrics import Count
from mcs.agent import Agent
from mcs.liveness import State
from mcs.records import Records


def counts(records: Records, agents: Callable[[], Collection[Agent]]) -> list[Count]:
    """Return what is counted.

    :param agents: names those that run
    """
    return [
        Count("atoll_services", "Services that any cluster exports.", (), lambda: {(): len(records.sets)}),
        Count(
            "atoll_service_conflicts",
            "Services on which clusters disagree.",
            ("reason",),
            lambda: Counter(
                (found.reason,) for _, each in records.sets.items() for found in each.spec.conflicts
            ),
        ),
        Count(
            "atoll_imported_services",
            "ServiceImports in a member.",
            ("cluster",),
            lambda: {(each.cluster,): len(each.locals.imports) for each in agents()},
        ),
        Count(
            "atoll_exports_synced",
            "1 once all that a cluster exports is on the host.",
            ("cluster",),
            lambda: {
                (state.spec.cluster,): int(state.spec.synced)
                for _, state in records.sources.items()
                if not state.spec.left
            },
        ),
        Count(
            "atoll_source_stale",
            "1 while endpoints of a cluster are left out elsewhere, since it gives no sign of life.",
            ("cluster",),
            lambda: {(name,): int(state is State.STALE) for name, state in records.leases.states().items()},
        ),
        Count(
            "atoll_stale_withdrawals",
            "How often endpoints of a cluster were left out, since it gave no sign of life.",
            ("cluster",),
            lambda: {(name,): count for name, count in records.leases.withdrawals.items()},
        ),
        Count(
            "atoll_endpoints_held",
            "How often many Services of a source lost all endpoints at once, which were held in a member.",
            ("cluster", "source"),
            lambda: {
                (each.cluster, source): count
                for each in agents()
                for source, count in each.importer.braking.holds.items()
            },
        ),
    ]
