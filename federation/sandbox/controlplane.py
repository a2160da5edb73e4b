"""One cluster of real control-plane programs in a folder: start, readiness, stop.

The folder holds everything: certificates, kubeconfigs, the store, logs and pid records. Starting again starts
what does not run; the addresses stay the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import yaml

from federation.sandbox import kwok
from federation.sandbox.certificates import Authority, KeyPair
from federation.sandbox.components import Layout, arguments, programs
from federation.sandbox.endpoint import Endpoint
from federation.sandbox.errors import ComponentFailed
from federation.sandbox.kubeconfig import Kubeconfig, kubeconfig, write
from federation.sandbox.plane import Plane, Role
from federation.sandbox.process import Process

_READY_DEADLINE = 120.0  # seconds; a start takes 3 to 5, and many times that when a machine is busy
_USERS = {
    "admin": ("atoll-sandbox-admin", ["system:masters"]),
    "kube-controller-manager": ("system:kube-controller-manager", []),
    "kube-scheduler": ("system:kube-scheduler", []),
    "kwok": ("kwok", ["system:masters"]),
}
"""Identities with a kubeconfig each: file name, user, groups."""


class ControlPlane:
    """The cluster `plane` in `folder`."""

    def __init__(self, plane: Plane, folder: Path) -> None:
        self.plane = plane
        self.layout = Layout(folder)

    @property
    def processes(self) -> list[Process]:
        """The programs in the order they start."""
        return [Process(self.layout.folder, program) for program in programs(self.plane.role)]

    @property
    def kubeconfig_path(self) -> Path:
        """The kubeconfig of a cluster administrator."""
        return self.layout.kubeconfig("admin")

    @property
    def kubeconfig(self) -> Kubeconfig:
        """The same as a value."""
        config: Kubeconfig = yaml.safe_load(self.kubeconfig_path.read_text())
        return config

    @property
    def admin(self) -> KeyPair:
        """The client certificate of a cluster administrator."""
        return KeyPair(self.layout.certificate("admin"), self.layout.key("admin"))

    def endpoint(self) -> Endpoint:
        """Requests to the API server as a cluster administrator."""
        return Endpoint(self.plane.url, self.layout.certificate("ca"), self.admin)

    def start(self, binaries: Path) -> None:
        """Start what does not run of the programs in `binaries`; wait until the cluster serves its role.

        :raises ComponentFailed: a program ended, or was not ready in time; the text shows the end of its log.
        """
        self._prepare()
        self._start(binaries, "etcd")
        self._start(binaries, "kube-apiserver")
        endpoint = self.endpoint()
        self._wait("kube-apiserver", lambda: endpoint.request("GET", "/readyz").status == 200)
        if self.plane.role is Role.API_ONLY:
            return
        self._start(binaries, "kube-controller-manager")
        if self.plane.role is Role.MEMBER:
            self._start(binaries, "kube-scheduler")
            self._start_nodes(binaries, endpoint)
        accounts = "/api/v1/namespaces/default/serviceaccounts/default"
        self._wait("kube-controller-manager", lambda: endpoint.request("GET", accounts).status == 200)

    def stop(self, deadline: float = 10.0) -> None:
        """Stop every program, the store last: an API server without its store ignores SIGTERM for minutes."""
        for process in reversed(self.processes):
            process.stop(deadline)

    def _start_nodes(self, binaries: Path, endpoint: Endpoint) -> None:
        kwok.register_nodes(endpoint, self.plane)
        if Process(self.layout.folder, "kwok").running() is None:
            kwok.release_leases(endpoint)
        self._start(binaries, "kwok")
        self._wait("kwok", lambda: kwok.nodes_are_ready(endpoint, self.plane))

    def _prepare(self) -> None:
        """Write what the programs read: certificates, kubeconfigs, stages."""
        authority = Authority(self.layout.certificates)
        hosts = ["127.0.0.1", "localhost", self.plane.service_address]
        hosts += [
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            "kubernetes.default.svc.cluster.local",
        ]
        authority.serving("apiserver", hosts)
        authority.serving("etcd", ["127.0.0.1", "localhost"])
        authority.client("etcd-client", "kube-apiserver")
        authority.signing_key("service-accounts")
        for name, (user, groups) in _USERS.items():
            client = authority.client(name, user, groups)
            config = kubeconfig(self.plane.name, self.plane.url, authority.files.certificate, client)
            write(self.layout.kubeconfig(name), config)
        (self.layout.folder / "stages.yaml").write_text(kwok.stages())

    def _start(self, binaries: Path, program: str) -> None:
        process = Process(self.layout.folder, program)
        # kwok keeps a folder of its own in the home folder unless told otherwise.
        environment = {"KWOK_WORKDIR": str(self.layout.folder / "kwok")}
        process.start([binaries / program, *arguments(program, self.plane, self.layout)], environment)

    def _wait(self, program: str, ready: Callable[[], bool]) -> None:
        """Wait until `ready`, or fail with the log of the program that is the cause."""
        until = time.monotonic() + _READY_DEADLINE
        while not _answers(ready):
            for process in self.processes[: self._position(program) + 1]:
                if process.running() is None:
                    raise self._failure(process, "ended")
            if time.monotonic() > until:
                process = Process(self.layout.folder, program)
                raise self._failure(process, f"was not ready after {_READY_DEADLINE:.0f} s")
            time.sleep(0.1)

    def _position(self, program: str) -> int:
        return programs(self.plane.role).index(program)

    def _failure(self, process: Process, what: str) -> ComponentFailed:
        name = f"{self.plane.name}/{process.name}"
        return ComponentFailed(f"{name} {what}. The end of {process.log}:\n{process.tail()}")


def _answers(ready: Callable[[], bool]) -> bool:
    """Whether `ready`; a server that can't be reached yet is not."""
    try:
        return ready()
    except OSError:
        return False
