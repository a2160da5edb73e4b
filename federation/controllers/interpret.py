"""interpret: whether each ResourceInterpreter counts, and what of its kind can't be read, into its status."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress

from federation.controllers.host import Host
from federation.controllers.interpreters import Interpreter
from federation.controllers.kinds import Broken
from federation.kube.errors import NotFound
from federation.kube.ref import Ref
from federation.members.fleet import Fleet
from federation.resources import RESOURCE_INTERPRETER
from federation.timestamps import utc_now
from policies.api.interpreter import ResourceInterpreter, ResourceInterpreterStatus
from policies.interpreting import GroupKind, target_of, unreadable
from policies.observation import Stamp, Status, condition
from policies.verdicts import Verdict
from policies.workloads.interpretation import Interpretation

FIELD_MANAGER = "atoll-status"
HOST = ""
"""Where templates are."""
SETTLE = 1.0
"""Seconds until an interpreter tells that more or less can be read."""


class Interpret:
    """Reconciles the status of one ResourceInterpreter, by its name."""

    def __init__(self, host: Host, fleet: Fleet) -> None:
        self._host, self._fleet = host, fleet
        self._unread: defaultdict[GroupKind, set[tuple[str, Ref]]] = defaultdict(set)

    def note(self, ref: Ref, cluster: str = HOST) -> str:
        """Take in whether an object can be read; return the interpreter that is to tell what changed, if any
        is.
        """
        kind = ref.resource.group, ref.resource.kind
        if (interpreter := self._host.interpreters.of(kind)) is None:
            return ""
        unread = bool(self._problem(cluster, ref))
        if not unread and (cluster, ref) not in self._unread[kind]:
            return ""
        (self._unread[kind].add if unread else self._unread[kind].discard)((cluster, ref))
        return interpreter.metadata.name

    def _problem(self, cluster: str, ref: Ref) -> str:
        if cluster == HOST:
            template = self._host.template(ref)
            return template.problem if template is not None else ""
        copy = self._fleet.copy(cluster, ref)
        read = copy is not None and isinstance(copy.workload, Interpretation)
        return copy.live["problem"] if copy is not None and read else ""

    async def __call__(self, name: str) -> None:
        interpreter = self._host.interpreters[name]
        if interpreter is None:
            return
        before, generation = interpreter.status, interpreter.metadata.generation
        status, verdict = self._judge(interpreter)
        conditions = [condition(before.conditions, "Ready", status, verdict, Stamp(generation, utc_now()))]
        if conditions == before.conditions and before.observed_generation == generation:
            return
        after = ResourceInterpreterStatus(observed_generation=generation, conditions=conditions)
        with suppress(NotFound):
            answer = await self._host.api.patch(
                RESOURCE_INTERPRETER, name, None, {"status": after.dump()},
                subresource="status", manager=FIELD_MANAGER,
            )  # fmt: skip
            self._host.interpreters.observe(answer)

    def _judge(self, interpreter: Interpreter) -> tuple[Status, Verdict]:
        if isinstance(interpreter, Broken):
            return "False", Verdict("Invalid", interpreter.message)
        target = target_of(interpreter)
        counting = self._host.interpreters.of(target)
        if counting is not None and counting.metadata.name != interpreter.metadata.name:
            return "False", _conflict(interpreter, counting)
        problems = {
            (cluster, str(ref)): problem
            for cluster, ref in self._unread[target]
            if (problem := self._problem(cluster, ref))
        }
        if problems:
            return "False", unreadable(problems)
        return "True", Verdict("Valid", f"every {target[1]} is read as it says")


def _conflict(interpreter: ResourceInterpreter, counting: ResourceInterpreter) -> Verdict:
    name, kind = counting.metadata.name, interpreter.spec.target.kind
    return Verdict(
        "Conflict",
        f"ResourceInterpreter {name} is for {kind}, too, and older: that one counts; delete one of the two",
    )
