"""Fake members, one module for each kind that is released in steps."""

from __future__ import annotations

from collections.abc import Mapping

from tests.policies.release.models.advanced_daemonset import AdvancedDaemonSet
from tests.policies.release.models.advanced_statefulset import AdvancedStatefulSet
from tests.policies.release.models.cloneset import CloneSet
from tests.policies.release.models.common import Member
from tests.policies.release.models.daemonset import DaemonSet
from tests.policies.release.models.deployment import Deployment
from tests.policies.release.models.statefulset import StatefulSet
from tests.policies.release.models.whole import Whole

MODELS: Mapping[str, type[Member]] = {
    model.__name__: model
    for model in (Deployment, StatefulSet, DaemonSet, CloneSet, AdvancedStatefulSet, AdvancedDaemonSet, Whole)
}
"""By name: kinds of different groups may be called alike."""
OF_PODS = [kind for kind, model in MODELS.items() if model is not Whole]
"""Kinds of which a cluster may hold a part."""
