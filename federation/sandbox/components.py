"""The programs of a cluster and their command lines. Pure: a plane and its folder in, arguments out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from federation.sandbox.plane import Plane, Role

# Names changed between releases, and an unknown one makes kube-controller-manager exit at once.
HOST_CONTROLLERS = (
    "namespace-controller,garbage-collector-controller,serviceaccount-controller,"
    "serviceaccount-token-controller,root-ca-certificate-publisher-controller"
)
_CONTROLLERS = {
    Role.HOST: HOST_CONTROLLERS,
    Role.MEMBER: "*,-node-ipam-controller,-node-route-controller,-cloud-node-lifecycle-controller,"
    "-service-lb-controller",
}
_PROGRAMS = {
    Role.API_ONLY: ("etcd", "kube-apiserver"),
    Role.HOST: ("etcd", "kube-apiserver", "kube-controller-manager"),
    Role.MEMBER: ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok"),
}


@dataclass(frozen=True)
class Layout:
    """Where the files of one cluster lie."""

    folder: Path

    @property
    def certificates(self) -> Path:
        return self.folder / "certificates"

    def certificate(self, name: str) -> Path:
        return self.certificates / f"{name}.crt"

    def key(self, name: str) -> Path:
        return self.certificates / f"{name}.key"

    def kubeconfig(self, user: str) -> Path:
        return self.folder / f"{user}.kubeconfig"


def programs(role: Role) -> tuple[str, ...]:
    """The programs of a cluster in the order they start; they stop in the opposite order."""
    return _PROGRAMS[role]


def arguments(program: str, plane: Plane, layout: Layout) -> list[str]:
    """The arguments of `program` in the cluster `plane`."""
    return _ARGUMENTS[program](plane, layout)


def _etcd(plane: Plane, layout: Layout) -> list[str]:
    files = [layout.certificate("etcd"), layout.key("etcd"), layout.certificate("ca")]
    return [
        "--name=default",
        f"--data-dir={layout.folder / 'etcd'}",
        f"--listen-client-urls={plane.etcd_url}",
        f"--advertise-client-urls={plane.etcd_url}",
        "--listen-peer-urls=https://127.0.0.1:0",
        *_flags(["cert-file", "key-file", "trusted-ca-file"], files),
        *_flags(["peer-cert-file", "peer-key-file", "peer-trusted-ca-file"], files),
        "--client-cert-auth",
        "--peer-client-cert-auth",
        "--unsafe-no-fsync",  # a throw-away store; the disk would be the slowest part of a fleet
        "--watch-progress-notify-interval=5s",  # kube-apiserver serves consistent lists from its cache by it
        "--log-level=warn",
    ]


def _apiserver(plane: Plane, layout: Layout) -> list[str]:
    tokens = layout.key("service-accounts")
    # Without a token controller an API server that insists on service accounts would refuse every pod.
    without_accounts = ["--disable-admission-plugins=ServiceAccount"] if plane.role is Role.API_ONLY else []
    return [
        f"--etcd-servers={plane.etcd_url}",
        f"--etcd-cafile={layout.certificate('ca')}",
        f"--etcd-certfile={layout.certificate('etcd-client')}",
        f"--etcd-keyfile={layout.key('etcd-client')}",
        "--bind-address=127.0.0.1",
        f"--secure-port={plane.apiserver_port}",
        f"--tls-cert-file={layout.certificate('apiserver')}",
        f"--tls-private-key-file={layout.key('apiserver')}",
        f"--client-ca-file={layout.certificate('ca')}",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={tokens.with_suffix('.pub')}",
        f"--service-account-signing-key-file={tokens}",
        "--authorization-mode=RBAC",
        f"--service-cluster-ip-range={plane.service_cidr}",
        "--allow-privileged=true",
        "--endpoint-reconciler-type=none",  # else the Endpoints of the Service `kubernetes` flap
        "--profiling=false",
        *without_accounts,
    ]


def _controller_manager(plane: Plane, layout: Layout) -> list[str]:
    return [
        *_client(layout, "kube-controller-manager"),
        f"--controllers={_CONTROLLERS[plane.role]}",
        "--use-service-account-credentials=true",
        f"--service-account-private-key-file={layout.key('service-accounts')}",
        f"--root-ca-file={layout.certificate('ca')}",
        f"--cluster-signing-cert-file={layout.certificate('ca')}",
        f"--cluster-signing-key-file={layout.key('ca')}",
    ]


def _scheduler(plane: Plane, layout: Layout) -> list[str]:
    return _client(layout, "kube-scheduler")


def _client(layout: Layout, user: str) -> list[str]:
    """What is common to the components that are clients of the API server and serve nothing themselves."""
    return [f"--kubeconfig={layout.kubeconfig(user)}", "--leader-elect=false", "--secure-port=0"]


def _kwok(plane: Plane, layout: Layout) -> list[str]:
    return [
        f"--kubeconfig={layout.kubeconfig('kwok')}",
        f"--config={layout.folder / 'stages.yaml'}",
        f"--cidr={plane.pod_cidr}",
        "--manage-all-nodes=true",
        # With 0 the node lifecycle controller would take the nodes for dead after 50 seconds.
        "--node-lease-duration-seconds=40",
    ]


def _flags(names: list[str], values: list[Path]) -> list[str]:
    return [f"--{name}={value}" for name, value in zip(names, values, strict=True)]


_ARGUMENTS: dict[str, Callable[[Plane, Layout], list[str]]] = {
    "etcd": _etcd,
    "kube-apiserver": _apiserver,
    "kube-controller-manager": _controller_manager,
    "kube-scheduler": _scheduler,
    "kwok": _kwok,
}
