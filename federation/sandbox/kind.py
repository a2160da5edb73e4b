"""Clusters as kind nodes in Docker, for machines that have it: the same fleet, with real kubelets.

The host gets no workload controllers, so that nothing but static pods runs there: no network plugin, no DNS.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

from federation.sandbox.clusters import Component
from federation.sandbox.components import HOST_CONTROLLERS
from federation.sandbox.errors import ComponentFailed, ToolMissing
from federation.sandbox.kubeconfig import Kubeconfig, renamed
from federation.sandbox.plane import Plane, Role

_READY_DEADLINE = "300s"
_SOURCES = {"docker": "https://docs.docker.com/get-docker", "kind": "https://kind.sigs.k8s.io"}


class KindClusters:
    """The kind clusters of the sandbox `sandbox`; their kubeconfigs lie in `folder`."""

    def __init__(self, folder: Path, sandbox: str) -> None:
        self._folder = folder
        self._sandbox = sandbox

    def prepare(self) -> None:
        """Check that the tools are there.

        :raises ToolMissing: with where to get them.
        """
        for tool in _SOURCES:
            if shutil.which(tool) is None:
                raise _missing(tool)

    def start(self, plane: Plane) -> Kubeconfig:
        name = cluster_name(self._sandbox, plane)
        path = self._folder / plane.name / "admin.kubeconfig"
        if name in _run(["kind", "get", "clusters"]).split():
            _run(["docker", "start", *self._nodes(plane)])
            _run(["kind", "export", "kubeconfig", "--name", name, "--kubeconfig", str(path)])
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            _run(create_command(name, plane, path), yaml.safe_dump(configuration(plane)))
        config: Kubeconfig = yaml.safe_load(path.read_text())
        return renamed(config, plane.name)

    def stop(self, plane: Plane) -> None:
        if nodes := self._nodes(plane):
            _run(["docker", "stop", *nodes])

    def remove(self, plane: Plane) -> None:
        _run(["kind", "delete", "cluster", "--name", cluster_name(self._sandbox, plane)])

    def components(self, plane: Plane) -> list[Component]:
        nodes = self._nodes(plane)
        if not nodes:
            return [Component(plane.name, "node", None, "Stopped", plane.url, None)]
        states = json.loads(_run(["docker", "inspect", *nodes]))
        return [
            Component(
                plane.name,
                state["Name"].removeprefix("/"),
                state["State"]["Pid"] or None,
                "Running" if state["State"]["Running"] else "Stopped",
                plane.url,
                None,
            )
            for state in states
        ]

    def log_command(self, plane: Plane, component: str, follow: bool) -> list[str]:
        node = f"{cluster_name(self._sandbox, plane)}-control-plane"
        path = self._folder / plane.name / "admin.kubeconfig"
        pod = f"{component}-{node}"
        return ["kubectl", f"--kubeconfig={path}", "-n=kube-system", "logs", *(["-f"] if follow else []), pod]

    def webhook_address(self) -> str:
        networks = json.loads(_run(["docker", "network", "inspect", "kind"]))
        return gateway(networks[0])

    def _nodes(self, plane: Plane) -> list[str]:
        return _run(["kind", "get", "nodes", "--name", cluster_name(self._sandbox, plane)]).split()


def cluster_name(sandbox: str, plane: Plane) -> str:
    """The name kind knows the cluster by."""
    return f"atoll-{sandbox}-{plane.name}"


def create_command(name: str, plane: Plane, kubeconfig: Path) -> list[str]:
    """The command line that creates a cluster; its configuration comes from standard input."""
    # The host's nodes never become Ready: the daemon set of the network plugin has no controller there.
    wait = [] if plane.role is Role.HOST else ["--wait", _READY_DEADLINE]
    files = ["--config", "-", "--kubeconfig", str(kubeconfig)]
    return ["kind", "create", "cluster", "--name", name, *files, *wait]


def configuration(plane: Plane) -> dict[str, Any]:
    """The kind configuration of a cluster."""
    networking = {
        "apiServerAddress": "127.0.0.1",
        "apiServerPort": plane.apiserver_port,
        "podSubnet": plane.pod_cidr,
        "serviceSubnet": plane.service_cidr,
    }
    config: dict[str, Any] = {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "networking": networking,
    }
    match plane.role:
        case Role.HOST:
            networking["disableDefaultCNI"] = True
            patches = [yaml.safe_dump(patch) for patch in _controller_patches()]
            return config | {"nodes": [{"role": "control-plane"}], "kubeadmConfigPatches": patches}
        case Role.API_ONLY:
            return config | {"nodes": [{"role": "control-plane"}]}
        case Role.MEMBER:
            return config | {"nodes": [_node(plane, zone) for zone in plane.zones]}


def _node(plane: Plane, zone: str) -> dict[str, Any]:
    role = "control-plane" if zone == plane.zones[0] else "worker"
    labels = {"topology.kubernetes.io/region": plane.region, "topology.kubernetes.io/zone": zone}
    return {"role": role, "labels": labels}


def _controller_patches() -> list[dict[str, Any]]:
    """Leave the host its few controllers, in both forms kubeadm has; kind takes the one that fits."""
    listed = [{"name": "controllers", "value": HOST_CONTROLLERS}]
    forms: list[tuple[str, Any]] = [("v1beta3", {"controllers": HOST_CONTROLLERS}), ("v1beta4", listed)]
    return [
        {
            "kind": "ClusterConfiguration",
            "apiVersion": f"kubeadm.k8s.io/{version}",
            "controllerManager": {"extraArgs": extra_arguments},
        }
        for version, extra_arguments in forms
    ]


def gateway(network: dict[str, Any]) -> str:
    """The IPv4 address under which containers of a Docker network reach this machine.

    :raises ComponentFailed: the network has none.
    """
    for entry in network["IPAM"]["Config"]:
        if "." in (address := entry.get("Gateway", "")):
            return str(address)
    raise ComponentFailed(
        f"the Docker network {network['Name']} has no IPv4 gateway; remove it and try again"
    )


def _run(command: list[str], stdin: str = "") -> str:
    try:
        done = subprocess.run(command, input=stdin, capture_output=True, text=True)
    except FileNotFoundError:
        raise _missing(command[0]) from None
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()
        raise ComponentFailed(f"`{' '.join(command)}` ended with {done.returncode}:\n{said[-2000:]}")
    return done.stdout


def _missing(tool: str) -> ToolMissing:
    return ToolMissing(
        f"the provider kind needs {tool} ({_SOURCES[tool]}); without Docker use --provider binaries"
    )
