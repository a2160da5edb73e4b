"""A cluster of real programs: who may enter, what survives a restart."""

from __future__ import annotations

import ssl

import pytest

from federation.sandbox.endpoint import Endpoint


def test_the_api_server_serves_its_own_version(apiserver):
    version = apiserver.plane.endpoint().request("GET", "/version").manifest
    assert version["gitVersion"].startswith("v1.")


def test_a_member_is_not_trusted_by_another(fleet):
    m1, m2 = fleet.members["m1"].plane.endpoint(), fleet.members["m2"].plane
    with pytest.raises(ssl.SSLCertVerificationError):
        Endpoint(m1.url, m2.layout.certificate("ca"), m2.admin).request("GET", "/readyz")
    stranger = Endpoint(m1.url, fleet.members["m1"].plane.layout.certificate("ca"), m2.admin)
    assert stranger.request("GET", "/api/v1/namespaces").status == 401


def test_objects_and_the_address_survive_an_outage(fleet, namespace):
    member = fleet.members["m2"]
    endpoint = member.plane.endpoint()
    endpoint.request("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    member.stop()
    with pytest.raises(OSError, match="refused"):
        endpoint.request("GET", "/readyz")
    member.start()
    assert endpoint.request("GET", f"/api/v1/namespaces/{namespace}").status == 200
