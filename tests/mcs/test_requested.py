"""Which ServiceExports a member gets, and loses, because of a MultiClusterService on the host."""

from __future__ import annotations

from typing import Any

import pytest

from federation.kube.api import Api
from federation.kube.config import Configuration
from mcs.locals import Locals
from mcs.names import REQUESTED
from mcs.records import Records
from mcs.requested import Requested
from policies.api.meta import Manifest

WEB = ("shop", "web")


class Deaf:
    """Who is told of what changes, and does not mind."""

    def export_changed(self, service: object) -> None: ...

    import_changed = namespace_changed = export_changed


def manifest(name: str, namespace: str = "", **fields: Any) -> Manifest:
    metadata = {"namespace": namespace, "name": name, "resourceVersion": "7", **fields.pop("metadata", {})}
    return {"apiVersion": "v1", "kind": "x", "metadata": metadata, **fields}


def export(**labels: str) -> Manifest:
    return manifest("web", "shop", metadata={"labels": labels})


USERS, OURS = export(), export(**{REQUESTED: "true"})


@pytest.fixture
def records() -> Records:
    """Of a host with the Cluster m1, labeled `tier=near`."""
    made = Records(Api(Configuration("http://127.0.0.1:1")))
    made.memberships.mirror.observe(manifest("m1", metadata={"labels": {"tier": "near"}}))
    return made


@pytest.fixture
def requested(records: Records) -> Requested:
    """Of the member m1, which has the namespace."""
    locals_ = Locals(records.api, Deaf())
    locals_.namespaces.observe(manifest("shop"))
    return Requested("m1", locals_, records)


def want(records: Records, *, version: str = "7", deleted: bool = False, **spec: Any) -> None:
    gone = {"deletionTimestamp": "2026-11-22T00:00:00Z"} if deleted else {}
    metadata = {"resourceVersion": version, **gone}
    records.policies.observe(manifest("web", "shop", metadata=metadata, spec=spec))


NEAR, FAR = ({"labelSelector": {"matchLabels": {"tier": tier}}} for tier in ("near", "far"))


@pytest.mark.parametrize(
    ("spec", "here", "due"),
    [
        ({"exportFrom": NEAR}, None, True),
        ({"exportFrom": NEAR}, USERS, False),
        ({"exportFrom": NEAR}, OURS, False),
        ({"exportFrom": FAR}, None, False),
        ({"exportFrom": FAR}, USERS, False),
        ({"exportFrom": FAR}, OURS, True),
        ({}, OURS, True),
    ],
)
def test_an_export_is_made_where_it_is_asked_for_and_ours_removed_where_not(
    records: Records, requested: Requested, spec: Manifest, here: Manifest | None, due: bool
) -> None:
    want(records, **spec)
    assert requested.is_due(WEB, here) is due


def test_what_the_host_does_not_know_of_is_left_alone(records: Records, requested: Requested) -> None:
    assert not requested.is_due(WEB, OURS)


def test_what_was_seen_to_be_deleted_is_remembered_until_it_is_wanted_again(records: Records) -> None:
    want(records, deleted=True, exportFrom=NEAR)
    assert records.ended == {WEB}
    want(records, version="8", exportFrom=NEAR)
    assert records.ended == set()


def test_ours_goes_though_what_asked_for_it_is_gone_before_anyone_looked(
    records: Records, requested: Requested
) -> None:
    records.ended.add(WEB)
    assert requested.is_due(WEB, OURS)
    assert not requested.is_due(WEB, USERS)


def test_nothing_is_due_in_a_cluster_that_the_host_does_not_know(records: Records) -> None:
    locals_ = Locals(records.api, Deaf())
    locals_.namespaces.observe(manifest("shop"))
    unknown = Requested("m9", locals_, records)
    for selection in ({}, {"clusterNames": ["m9"]}, FAR):
        want(records, exportFrom=selection)
        assert not unknown.is_due(WEB, None)
        assert not unknown.is_due(WEB, OURS)


def test_a_namespace_that_is_not_there_gets_no_export(records: Records) -> None:
    want(records, exportFrom=NEAR)
    assert not Requested("m1", Locals(records.api, Deaf()), records).is_due(WEB, None)
