"""Clusters as processes of this machine: the default provider, which needs neither Docker nor root."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import psutil

from federation.sandbox import binaries
from federation.sandbox.binaries import Report
from federation.sandbox.clusters import Component
from federation.sandbox.components import programs
from federation.sandbox.controlplane import ControlPlane
from federation.sandbox.errors import UnknownName
from federation.sandbox.kubeconfig import Kubeconfig
from federation.sandbox.plane import Plane
from federation.sandbox.process import Process


class LocalClusters:
    """The clusters whose folders lie in `folder`."""

    def __init__(self, folder: Path, report: Report) -> None:
        self._folder = folder
        self._report = report

    @cached_property
    def _binaries(self) -> Path:
        return binaries.find(binaries.PROGRAMS, self._report)

    def prepare(self) -> None:
        """Find or make the programs before several clusters start at the same time."""
        assert self._binaries

    def start(self, plane: Plane) -> Kubeconfig:
        cluster = self._cluster(plane)
        cluster.start(self._binaries)
        return cluster.kubeconfig

    def stop(self, plane: Plane) -> None:
        self._cluster(plane).stop()

    def remove(self, plane: Plane) -> None:
        self._cluster(plane).stop(deadline=0)

    def components(self, plane: Plane) -> list[Component]:
        urls = {"etcd": plane.etcd_url, "kube-apiserver": plane.url}
        return [
            component(plane.name, process, urls.get(process.name, ""))
            for process in self._cluster(plane).processes
        ]

    def log_command(self, plane: Plane, component: str, follow: bool) -> list[str]:
        if component not in programs(plane.role):
            raise UnknownName(f"{plane.name} has no {component}; it has {', '.join(programs(plane.role))}")
        return tail_command(Process(self._folder / plane.name, component), follow)

    def webhook_address(self) -> str:
        return "127.0.0.1"

    def _cluster(self, plane: Plane) -> ControlPlane:
        return ControlPlane(plane, self._folder / plane.name)


def component(cluster: str, process: Process, url: str) -> Component:
    """What is to be said of a process."""
    running = process.running()
    try:
        memory = running.memory_info().rss if running else None
    except psutil.NoSuchProcess:
        running, memory = None, None
    state = "Running" if running else "Stopped"
    return Component(cluster, process.name, running.pid if running else None, state, url, memory)


def tail_command(process: Process, follow: bool) -> list[str]:
    """The command line that prints the end of a process's log, and with `follow` what is added."""
    return ["tail", "-n", "200", *(["-F"] if follow else []), str(process.log)]
