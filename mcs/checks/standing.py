"""Standing rules: what an object alone shows to be wrong, refused by the host's API server itself.

They are ValidatingAdmissionPolicies (Kubernetes 1.30), which hold while no controller runs. So they are here
only, in CEL, and not in the webhook a second time.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from mcs.names import CONTROLLER, MANAGED_BY
from policies.api.meta import FORCE, GROUP, Manifest

_OWN = "atoll-system"
RESERVED = ("kubernetes.io", "k8s.io", "multicluster.kubernetes.io", GROUP, f"mcs.{GROUP}")
"""Prefixes of keys that say something to Kubernetes or to us, wherever they are."""

BY_OTHERS = {
    "name": "by-others",
    "expression": f"!request.userInfo.username.startsWith('system:serviceaccount:{_OWN}:')"
    " && !request.userInfo.username.startsWith('system:serviceaccount:fed-')"
    " && !request.userInfo.username.startsWith('system:serviceaccount:kube-system:')"
    " && request.userInfo.username != 'system:kube-controller-manager'",
}
"""Not by our own accounts, nor by the platform's: garbage collection must not be held up."""
_BY_HAND = {
    "name": "by-hand",
    "expression": "!has(request.options.fieldManager) || !request.options.fieldManager.startsWith('atoll')",
}
_BOUND = {"name": "not-masters", "expression": "!('system:masters' in request.userInfo.groups)"}
"""An administrator whom no rule binds may run the controller, and may have to clean up."""
_ALIVE = {"name": "alive", "expression": "object == null || !has(object.metadata.deletionTimestamp)"}
_OURS = {
    "name": "ours",
    "expression": " || ".join(
        f"({each} != null && has({each}.metadata.labels) && '{MANAGED_BY}' in {each}.metadata.labels"
        f" && {each}.metadata.labels['{MANAGED_BY}'] == '{CONTROLLER}')"
        for each in ("object", "oldObject")
    ),
}

_FORCED = (
    f"(has(object.metadata.annotations) && '{FORCE}' in object.metadata.annotations"
    f" && object.metadata.annotations['{FORCE}'] != '')"
)
_NAME = "([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]"
_DNS = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_KEY = f"^({_DNS}(\\\\.{_DNS})*/)?{_NAME}$"
"""As `validation.IsQualifiedName` has it, but for the length of the prefix."""
_VALUE = f"^({_NAME})?$"
_EXPORTED = ("exportedLabels", "exportedAnnotations")


class Rule(NamedTuple):
    """A ValidatingAdmissionPolicy: what it is asked about, and what must hold."""

    name: str
    group: str
    plural: str
    operations: tuple[str, ...]
    conditions: tuple[dict[str, str], ...]
    validations: tuple[dict[str, str], ...]
    variables: tuple[dict[str, str], ...] = ()
    action: str = "Deny"


def manifests() -> list[Manifest]:
    """Return the policies, each followed by its binding."""
    return [manifest for rule in _RULES for manifest in (_policy(rule), _binding(rule))]


def _policy(rule: Rule) -> Manifest:
    matched = {
        "apiGroups": [rule.group],
        "apiVersions": ["*"],
        "operations": list(rule.operations),
        "resources": [rule.plural],
    }
    spec: dict[str, Any] = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [matched]},
        "matchConditions": list(rule.conditions),
        "validations": list(rule.validations),
    }
    if rule.variables:
        spec["variables"] = list(rule.variables)
    return _manifest("ValidatingAdmissionPolicy", rule.name, spec)


def _binding(rule: Rule) -> Manifest:
    spec = {"policyName": _title(rule.name), "validationActions": [rule.action]}
    return _manifest("ValidatingAdmissionPolicyBinding", rule.name, spec)


def _manifest(kind: str, name: str, spec: dict[str, Any]) -> Manifest:
    version = "admissionregistration.k8s.io/v1"
    return {"apiVersion": version, "kind": kind, "metadata": {"name": _title(name)}, "spec": spec}


def _title(name: str) -> str:
    return f"{name}.mcs.{GROUP}"


def _keys(field: str, condition: str) -> str:
    """Return the keys of a map of a ServiceExport for which a condition on `k` holds."""
    at = f"object.spec.{field}"
    return f"has(object.spec) && has({at}) ? {at}.filter(k, {condition}) : []"


def _no(variable: str, field: str, says: str, subject: str = "key") -> dict[str, str]:
    """Require that a variable with keys of a map is empty, else blame the first of them."""
    message = f"""'spec.{field}["' + variables.{variable}[0] + '"]: {subject} {says}'"""
    return {
        "expression": f"size(variables.{variable}) == 0",
        "messageExpression": message,
        "reason": "Invalid",
    }


def _variable(name: str, expression: str) -> dict[str, str]:
    return {"name": name, "expression": expression}


def _reserved() -> str:
    return " || ".join(f"k.startsWith('{prefix}/')" for prefix in RESERVED)


_BAD_VALUES = f"!object.spec.exportedLabels[k].matches('{_VALUE}')"

_EXPORTS = Rule(
    "exports",
    "multicluster.x-k8s.io",
    "serviceexports",
    ("CREATE", "UPDATE"),
    (BY_OTHERS, _ALIVE),
    (
        {  # V03
            "expression": "object.metadata.name.matches('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$')",
            "messageExpression": "'metadata.name: must be a DNS label of at most 63 characters because "
            "exports are name-mapped to a Service (got ' + string(size(object.metadata.name)) + ')'",
            "reason": "Invalid",
        },
        {  # V05
            "expression": "request.operation != 'CREATE' || !(request.namespace in "
            f"['kube-system', 'kube-public', 'kube-node-lease']) || {_FORCED}",
            "messageExpression": "'exports from namespace \"' + request.namespace + '\" are not allowed; to "
            f"""do it nevertheless, annotate the object with {FORCE}: "<reason>"'""",
            "reason": "Forbidden",
        },
        # V06
        *(_no(f"reserved{i}", field, "is reserved") for i, field in enumerate(_EXPORTED)),
        *(_no(f"malformed{i}", field, "is no valid key") for i, field in enumerate(_EXPORTED)),
        _no("values", "exportedLabels", "is no valid label value", "what it says"),
    ),
    (
        *(_variable(f"reserved{i}", _keys(field, _reserved())) for i, field in enumerate(_EXPORTED)),
        *(
            _variable(f"malformed{i}", _keys(field, f"!k.matches('{_KEY}')"))
            for i, field in enumerate(_EXPORTED)
        ),
        _variable("values", _keys("exportedLabels", _BAD_VALUES)),
    ),
)
_ADVICE = Rule(
    "exports-advice",
    "multicluster.x-k8s.io",
    "serviceexports",
    ("CREATE",),
    (BY_OTHERS,),
    (
        {  # V05
            "expression": "!(request.namespace in "
            "['default', 'kube-system', 'kube-public', 'kube-node-lease'])",
            "messageExpression": "'exports from namespace \"' + request.namespace + '\" are discouraged'",
        },
    ),
    action="Warn",
)
_IMPORTS = Rule(  # V25
    "imports",
    "multicluster.x-k8s.io",
    "serviceimports",
    ("CREATE", "UPDATE", "DELETE"),
    (BY_OTHERS, _BY_HAND, _BOUND),
    (
        {
            "expression": "false",
            "message": "ServiceImport objects are managed by the MCS controller",
            "reason": "Forbidden",
        },
    ),
)
_SLICES = Rule(  # V26
    "endpointslices",
    "discovery.k8s.io",
    "endpointslices",
    ("CREATE", "UPDATE", "DELETE"),
    (BY_OTHERS, _BY_HAND, _BOUND, _OURS),
    (
        {
            "expression": "false",
            "messageExpression": "'EndpointSlice \"' + (object != null ? object : oldObject).metadata.name"
            f" + '\" is managed by {CONTROLLER}'",
            "message": f"the EndpointSlice is managed by {CONTROLLER}",
            "reason": "Forbidden",
        },
    ),
)
_DERIVED = Rule(  # V37
    "derived-services",
    "",
    "services",
    ("CREATE",),
    (BY_OTHERS, _BY_HAND),
    (
        {
            "expression": "!object.metadata.name.startsWith('derived-')",
            "message": 'Service names starting with "derived-" are reserved',
            "reason": "Forbidden",
        },
    ),
)
_RULES = (_EXPORTS, _ADVICE, _IMPORTS, _SLICES, _DERIVED)
