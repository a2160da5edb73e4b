"""Interpreters: the mirror of ResourceInterpreters, and how each kind is read by those that count.

It decides nothing by itself and writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set

from federation.controllers.kinds import Broken, valid
from federation.kube.api import Api
from federation.kube.informer import Informer
from federation.kube.resources import Key, Manifest
from federation.resources import RESOURCE_INTERPRETER
from policies import interpreting
from policies.api.interpreter import ResourceInterpreter
from policies.interpreting import GroupKind
from policies.workloads.interpretation import NONE, Interpretations

Interpreter = ResourceInterpreter | Broken


class Interpreters:
    """`changed(kinds)` is told of every change of an interpreter, with the kinds that are read in another way
    from then on, if there are any.
    """

    def __init__(self, api: Api, changed: Callable[[Set[GroupKind]], None]) -> None:
        self.informer: Informer[Interpreter] = Informer(
            api, RESOURCE_INTERPRETER, _interpreter, self._interpreter_changed
        )
        self.in_force: Interpretations = NONE
        self._chosen: Mapping[GroupKind, ResourceInterpreter] = {}
        self._changed = changed

    def __getitem__(self, name: str) -> Interpreter | None:
        return self.informer.get(("", name))

    def names(self) -> list[str]:
        return [name for _, name in self.informer.keys()]

    def of(self, target: GroupKind) -> ResourceInterpreter | None:
        """Return the interpreter that counts for a kind."""
        return self._chosen.get(target)

    def observe(self, manifest: Manifest) -> None:
        """Take the server's answer to a status write into the store."""
        self.informer.observe(manifest)

    def _interpreter_changed(self, _: Key) -> None:
        before = self.in_force
        valid_ones = (each for _, each in self.informer.items() if not isinstance(each, Broken))
        self._chosen = interpreting.in_force(valid_ones)
        self.in_force = interpreting.interpretations(self._chosen)
        self._changed(interpreting.read_anew(before, self.in_force))


def _interpreter(live: Manifest) -> Interpreter:
    return valid(live, ResourceInterpreter)
