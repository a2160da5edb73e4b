"""A sandbox: a host and members in a folder, with the Atoll controller beside them.

Every command reads what was saved, looks at what runs, and does what is missing: `up` after a crash repairs.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import yaml

from federation.sandbox import fleet_steps, ports, process, state
from federation.sandbox.binaries import Report
from federation.sandbox.clusters import Clusters, Component
from federation.sandbox.errors import SandboxError, UnknownName
from federation.sandbox.fleet_steps import FleetPlan
from federation.sandbox.kind import KindClusters
from federation.sandbox.kubeconfig import Kubeconfig, merged, renamed, write
from federation.sandbox.local import LocalClusters, component, tail_command
from federation.sandbox.plane import Plane, Role, new_plane
from federation.sandbox.process import Process
from federation.sandbox.state import State

T = TypeVar("T")

CONTROLLER = "controller"
HOST = "host"

_PARALLEL = 4  # an API server needs two seconds of a core to start


class Sandbox:
    """The sandbox `name`, whether it exists or not; `report` is told each step."""

    def __init__(self, name: str, report: Report) -> None:
        self.name = name
        self.folder = state.folder_of(name)
        self._report = report
        folder = self.folder / "clusters"
        self._providers: dict[str, Clusters] = {
            "binaries": LocalClusters(folder, report),
            "kind": KindClusters(folder, name),
        }

    @property
    def kubeconfig(self) -> Path:
        """The merged kubeconfig: contexts `host`, `m1`, `m2`, …"""
        return self.folder / "kubeconfig"

    @property
    def controller(self) -> Process:
        return Process(self.folder, CONTROLLER)

    def up(self, members: int, role: Role, provider: str) -> None:
        """Bring up the host, at least `members` members, and the controller; start what does not run.

        Members that exist keep their role. When it returns, every Cluster is Ready.

        :raises SandboxError: a step failed; run again, it goes on from there.
        """
        self._refuse_another(provider)
        self._providers[provider].prepare()
        with state.locked(self.folder):
            wanted = self._planned(members, role, provider)
            state.save(self.folder, wanted)
            self._end_strays(wanted)
            self._start_clusters(wanted, wanted.planes)
            fleet_steps.run(self._plan(wanted), self._report)

    def down(self) -> None:
        """Stop every process and remove every file. Nothing happens where there is no sandbox."""
        if not self.folder.exists():
            self._report(f"there is no sandbox {self.name}")
            return
        with state.locked(self.folder):
            self._report(f"removing the sandbox {self.name}")
            self.controller.stop(deadline=0)
            if (saved := state.load(self.folder)) is not None:
                _each(saved.planes, self._clusters(saved).remove)
            process.end(process.strays(self.folder), deadline=0)
            shutil.rmtree(self.folder)
        for parent in (self.folder.parent, state.home()):
            with suppress(OSError):  # others' sandboxes, or other files, are in it
                parent.rmdir()

    def stop(self, name: str) -> None:
        """Stop the cluster or the controller `name`: an outage on purpose."""
        with state.locked(self.folder):
            saved = self._saved()
            self._report(f"stopping {name}")
            if name == CONTROLLER:
                self.controller.stop()
            else:
                self._clusters(saved).stop(saved.plane(name))

    def start(self, name: str) -> None:
        """Start what `stop` stopped, at the same address, and wait until it serves."""
        with state.locked(self.folder):
            saved = self._saved()
            if name == CONTROLLER:
                fleet_steps.start_controller(self._plan(saved), self._report)
            else:
                self._start_clusters(saved, [saved.plane(name)])

    def status(self) -> list[Component]:
        """Every component, running or not.

        :raises UnknownName: there is no such sandbox.
        """
        saved = self._saved()
        clusters = self._clusters(saved)
        found = [part for plane in saved.planes for part in clusters.components(plane)]
        url = f"https://{clusters.webhook_address()}:{saved.webhook_port}"
        return [*found, component("", self.controller, url)]

    def log_command(self, name: str, follow: bool) -> list[str]:
        """The command line that prints the log of `controller` or of CLUSTER/COMPONENT."""
        saved = self._saved()
        if name == CONTROLLER:
            return tail_command(self.controller, follow)
        cluster, _, program = name.partition("/")
        return self._clusters(saved).log_command(saved.plane(cluster), program, follow)

    def existing_kubeconfig(self) -> Path:
        """The path of the merged kubeconfig.

        :raises UnknownName: there is no such sandbox.
        """
        self._saved()
        return self.kubeconfig

    def _saved(self) -> State:
        if (saved := state.load(self.folder)) is None:
            raise UnknownName(
                f"there is no sandbox {self.name}; `atoll sandbox up --name {self.name}` makes one"
            )
        return saved

    def _refuse_another(self, provider: str) -> None:
        saved = state.load(self.folder)
        if saved is not None and saved.provider != provider:
            raise SandboxError(
                f"the sandbox {self.name} was made with --provider {saved.provider}; take it down first, "
                "or give another --name"
            )

    def _planned(self, members: int, role: Role, provider: str) -> State:
        """What is there, grown by the members that are missing."""
        saved = state.load(self.folder)
        if saved is None:
            saved = State(provider, (new_plane(HOST, Role.HOST, 0),), *ports.free(2))
        missing = range(len(saved.members) + 1, members + 1)
        added = tuple(new_plane(f"m{index}", role, index) for index in missing)
        return replace(saved, planes=saved.planes + added)

    def _plan(self, saved: State) -> FleetPlan:
        return FleetPlan(
            kubeconfig=self.kubeconfig,
            host=HOST,
            members=saved.members,
            controller=self.controller,
            certificates=self.folder / "certificates",
            webhook_address=self._clusters(saved).webhook_address(),
            webhook_port=saved.webhook_port,
            metrics_port=saved.metrics_port,
        )

    def _clusters(self, saved: State) -> Clusters:
        return self._providers[saved.provider]

    def _start_clusters(self, saved: State, planes: Sequence[Plane]) -> None:
        """Start clusters side by side, then write the kubeconfig of all that have one."""
        clusters = self._clusters(saved)
        clusters.prepare()

        def start(plane: Plane) -> Kubeconfig:
            if any(part.state != "Running" for part in clusters.components(plane)):
                self._report(f"starting {plane.name} ({plane.role})")
            return clusters.start(plane)

        names = [plane.name for plane in planes]
        started = dict(zip(names, _each(planes, start), strict=True))
        known = self._known_kubeconfigs() | started
        write(self.kubeconfig, merged(known[plane.name] for plane in saved.planes))

    def _known_kubeconfigs(self) -> dict[str, Kubeconfig]:
        if not self.kubeconfig.exists():
            return {}
        config = yaml.safe_load(self.kubeconfig.read_text())
        names = [context["name"] for context in config["contexts"]]
        return {name: renamed(config | {"current-context": name}, name) for name in names}

    def _end_strays(self, saved: State) -> None:
        """End processes of a command that was killed before it could record them."""
        recorded = {component("", self.controller, "").pid}
        if saved.provider == "binaries":
            clusters = self._clusters(saved)
            recorded |= {part.pid for plane in saved.planes for part in clusters.components(plane)}
        process.end((stray for stray in process.strays(self.folder) if stray.pid not in recorded), deadline=0)


def _each(planes: Sequence[Plane], verb: Callable[[Plane], T]) -> list[T]:
    """Apply `verb` to several clusters at a time; a failure is raised when the others are done."""
    with ThreadPoolExecutor(_PARALLEL) as pool:
        return list(pool.map(verb, planes))
