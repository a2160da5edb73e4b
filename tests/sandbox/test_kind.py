"""The kind clusters of a sandbox, as far as can be told without Docker."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from federation.sandbox.components import HOST_CONTROLLERS
from federation.sandbox.errors import ComponentFailed, ToolMissing
from federation.sandbox.kind import KindClusters, cluster_name, configuration, create_command, gateway
from federation.sandbox.plane import Plane, Role

HOST = Plane("host", Role.HOST, 0, 20001, 20002)
MEMBER = Plane("m2", Role.MEMBER, 2, 20003, 20004)


def test_a_member_is_created_with_its_own_kubeconfig_and_waited_for():
    name = cluster_name("dev", MEMBER)
    assert create_command(name, MEMBER, Path("/k")) == [
        "kind", "create", "cluster", "--name", "atoll-dev-m2",
        "--config", "-", "--kubeconfig", "/k", "--wait", "300s",
    ]  # fmt: skip


def test_the_host_is_not_waited_for_since_its_nodes_never_are_ready():
    assert "--wait" not in create_command("atoll-dev-host", HOST, Path("/k"))


def test_a_member_has_a_node_in_each_zone():
    nodes = configuration(MEMBER)["nodes"]
    assert [node["role"] for node in nodes] == ["control-plane", "worker", "worker"]
    zones = [node["labels"]["topology.kubernetes.io/zone"] for node in nodes]
    assert zones == ["us-east-a", "us-east-b", "us-east-c"]


def test_an_api_only_member_has_one_node():
    assert configuration(Plane("m1", Role.API_ONLY, 1, 1, 2))["nodes"] == [{"role": "control-plane"}]


def test_addresses_differ_between_clusters_and_stay_after_a_restart():
    networking = configuration(MEMBER)["networking"]
    assert networking == {
        "apiServerAddress": "127.0.0.1",
        "apiServerPort": 20004,
        "podSubnet": "10.2.0.0/16",
        "serviceSubnet": "172.18.0.0/16",
    }


def test_the_host_runs_no_workload_controllers_with_either_form_of_kubeadm():
    patches = [yaml.safe_load(patch) for patch in configuration(HOST)["kubeadmConfigPatches"]]
    arguments = {patch["apiVersion"]: patch["controllerManager"]["extraArgs"] for patch in patches}
    assert arguments == {
        "kubeadm.k8s.io/v1beta3": {"controllers": HOST_CONTROLLERS},
        "kubeadm.k8s.io/v1beta4": [{"name": "controllers", "value": HOST_CONTROLLERS}],
    }


def test_webhooks_are_reached_at_the_gateway_of_the_docker_network():
    network = {"Name": "kind", "IPAM": {"Config": [{"Gateway": "fc00::1"}, {"Gateway": "172.19.0.1"}]}}
    assert gateway(network) == "172.19.0.1"
    with pytest.raises(ComponentFailed, match="no IPv4 gateway"):
        gateway({"Name": "kind", "IPAM": {"Config": []}})


def test_without_docker_the_error_names_it_and_the_other_provider(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissing, match=r"needs docker .*--provider binaries"):
        KindClusters(tmp_path, "dev").prepare()
