"""The ValidatingWebhookConfiguration for Services across clusters: when the API server asks.

Whoever deletes or changes something that no cluster exports pays for the question, so it is asked of writes
that can matter only. `federation.service_admission` answers.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from federation.settings import NAMESPACE
from federation.webhooks import ALIVE, at
from mcs.checks.standing import BY_OTHERS
from mcs.resources import MULTI_CLUSTER_SERVICES, SERVICE_EXPORTS, SERVICES
from policies.api.meta import GROUP, Manifest

NAME = "atoll-services"
TIMEOUT_SECONDS = 3

_SPEC_CHANGED = {
    "name": "spec-changed",
    "expression": "request.operation != 'UPDATE' || object.spec != oldObject.spec",
}
"""Labels, annotations and status of a Service are nobody's business elsewhere."""
_ABROAD = {
    "name": "not-of-the-cluster-itself",
    "expression": "!request.namespace.startsWith('kube-') && !request.namespace.startsWith('fed-') && "
    f"request.namespace != '{NAMESPACE}'",
}
"""For a Namespace, too: the namespace of the request is its name."""


class Question(NamedTuple):
    """What the API server asks about one type, and under which path."""

    group: str
    version: str
    plural: str
    operations: tuple[str, ...]
    conditions: tuple[dict[str, str], ...] = ()
    required: bool = False
    """Whether nothing is stored while nobody answers."""
    namespaced: bool = True

    @property
    def path(self) -> str:
        """Its handler, too."""
        return "-".join(("across", self.plural, *(operation.lower() for operation in self.operations)))


def _of(resource: Any, *operations: str, required: bool = False, changed: bool = False) -> Question:
    conditions = (_ABROAD, *((ALIVE,) if required else ()), *((_SPEC_CHANGED,) if changed else ()))
    return Question(resource.group, resource.version, resource.plural, operations, conditions, required)


QUESTIONS = (
    _of(SERVICE_EXPORTS, "CREATE", "UPDATE", required=True),
    _of(SERVICE_EXPORTS, "DELETE"),
    _of(SERVICES, "CREATE", "UPDATE", "DELETE", changed=True),
    _of(MULTI_CLUSTER_SERVICES, "CREATE", "UPDATE", "DELETE", changed=True),
    Question("", "v1", "namespaces", ("DELETE",), (_ABROAD,), namespaced=False),
    Question(GROUP, "v1alpha1", "propagationpolicies", ("UPDATE",), (_SPEC_CHANGED,)),
    Question(
        GROUP, "v1alpha1", "clusterpropagationpolicies", ("UPDATE",), (_SPEC_CHANGED,), namespaced=False
    ),
    Question(GROUP, "v1alpha1", "overridepolicies", ("CREATE", "UPDATE", "DELETE"), (_SPEC_CHANGED,)),
    Question(
        GROUP,
        "v1alpha1",
        "clusteroverridepolicies",
        ("CREATE", "UPDATE", "DELETE"),
        (_SPEC_CHANGED,),
        namespaced=False,
    ),
    Question(GROUP, "v1alpha1", "clusters", ("DELETE",), namespaced=False),
)
"""All that is asked. An outage holds up no deletion, and no Service: only what names an export waits."""


def service_webhook_configuration(client_config: dict[str, Any]) -> Manifest:
    """Return the configuration; `client_config` as in `federation.webhooks`."""
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": NAME},
        "webhooks": [_webhook(question, client_config) for question in QUESTIONS],
    }


def _webhook(question: Question, client_config: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": f"{question.path}.mcs.{GROUP}",
        "admissionReviewVersions": ["v1"],
        "clientConfig": at(client_config, question.path),
        "rules": [
            {
                "apiGroups": [question.group],
                "apiVersions": [question.version],
                "operations": list(question.operations),
                "resources": [question.plural],
                "scope": "Namespaced" if question.namespaced else "Cluster",
            }
        ],
        "failurePolicy": "Fail" if question.required else "Ignore",
        "matchConditions": [BY_OTHERS, *question.conditions],
        "matchPolicy": "Equivalent",
        "sideEffects": "None",
        "timeoutSeconds": TIMEOUT_SECONDS,
    }
