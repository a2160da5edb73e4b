"""Wanted: what one cluster is to hold of a template, as everything on the host and in the members has it."""

from __future__ import annotations

from federation.controllers.gate import Gate
from federation.controllers.host import Host
from federation.controllers.keys import Key
from federation.controllers.kinds import Record, Template
from federation.controllers.render import Renderer
from federation.members.copies import Copies
from policies.api.cluster import Cluster
from policies.rendering import Rendered
from policies.verdicts import Verdict, overrides_missing


class Wanted:
    """Answers from the mirrors; it writes nothing."""

    def __init__(self, host: Host, gate: Gate, copies: Copies) -> None:
        self._host, self._gate, self._copies = host, gate, copies
        self._render = Renderer(host, gate)

    def __call__(self, key: Key, template: Template, record: Record, cluster: Cluster) -> Rendered | Verdict:
        """Return the manifest for a cluster that the binding names, or why there is none."""
        if missing := self._host.missing_overrides(record):
            return overrides_missing(missing)
        may = self._gate.permission(key.ref, template, key.cluster)
        if isinstance(may, Verdict):
            return may
        return self._render(
            key.ref, template, record, cluster, may, scaled_there=self._copies.scales(key.cluster, key.ref)
        )
