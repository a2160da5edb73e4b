"""The classification of what API servers answer; cases are those seen on Kubernetes 1.36."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from federation.kube import errors
from federation.kube.errors import response_error


def status(code: int, reason: str, message: str, **details: Any) -> bytes:
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code}
    return orjson.dumps({**body, "reason": reason, "message": message, "details": details})


TERMINATING = [{"reason": "NamespaceTerminating", "message": "...", "field": "metadata.namespace"}]
OWNED = [{"reason": "FieldManagerConflict", "message": 'conflict with "hpa"', "field": ".spec.replicas"}]
SCHEMA = (
    "failed to create typed patch object (shop/web; apps/v1, Kind=Deployment): .spec.foo: field not declared"
)
WEBHOOK = 'Internal error occurred: failed calling webhook "w.x": dial tcp: connect: connection refused'
UID = "Operation cannot be fulfilled: the UID in the precondition (a) does not match the UID in record (b)."

CASES = [
    # code, body, kind, transient, cause
    (401, status(401, "Unauthorized", "Unauthorized"), errors.Unauthorized, False, None),
    (403, status(403, "Forbidden", 'User "joe" cannot patch resource'), errors.Forbidden, False, None),
    (403, status(403, "Forbidden", "x", causes=TERMINATING), errors.Forbidden, False, "NamespaceTerminating"),
    (
        403,
        status(403, "Forbidden", 'pods "a" is forbidden: exceeded quota: q'),
        errors.Forbidden,
        False,
        "QuotaExceeded",
    ),
    (
        403,
        status(403, "Forbidden", 'admission webhook "w.x" denied the request: no'),
        errors.Forbidden,
        False,
        "WebhookDenied",
    ),
    (
        404,
        status(404, "NotFound", 'deployments.apps "web" not found', name="web"),
        errors.NotFound,
        False,
        None,
    ),
    (
        404,
        status(404, "NotFound", "the server could not find the requested resource"),
        errors.NotServed,
        False,
        None,
    ),
    (404, b"404 page not found\n", errors.NotServed, False, None),
    (409, status(409, "Conflict", "the object has been modified"), errors.Conflict, True, None),
    (
        409,
        status(409, "AlreadyExists", 'widgets "a" already exists'),
        errors.Conflict,
        False,
        "AlreadyExists",
    ),
    (
        409,
        status(409, "Conflict", "Apply failed with 1 conflict", causes=OWNED),
        errors.Conflict,
        False,
        "FieldManagerConflict",
    ),
    (409, status(409, "Conflict", UID), errors.Conflict, True, "UidMismatch"),
    (410, status(410, "Expired", "too old resource version"), errors.Gone, True, None),
    (413, b"limit is 3145728", errors.StatusError, False, None),
    (422, status(422, "Invalid", "spec.selector: field is immutable"), errors.Invalid, False, None),
    (429, status(429, "TooManyRequests", "please try again later"), errors.TooManyRequests, True, None),
    (500, status(500, "", SCHEMA), errors.SchemaError, False, None),
    (500, status(500, "InternalError", WEBHOOK), errors.ServerError, True, "WebhookFailed"),
    (
        400,
        status(400, "BadRequest", 'strict decoding error: unknown field "spec.foo"'),
        errors.SchemaError,
        False,
        None,
    ),
    (400, status(400, "BadRequest", "metadata.managedFields must be nil"), errors.StatusError, False, None),
    (503, b"upstream connect error", errors.ServerError, True, None),
    (302, b"", errors.StatusError, False, None),
]


@pytest.mark.parametrize(("code", "body", "kind", "transient", "cause"), CASES)
def test_an_answer_becomes_the_error_that_says_whether_to_retry(
    code: int, body: bytes, kind: type[errors.StatusError], transient: bool, cause: str | None
) -> None:
    error = response_error(code, body, "phrase", None)
    assert (type(error), error.transient, error.cause, error.code) == (kind, transient, cause, code)


def test_retry_after_is_read_from_the_header_or_else_from_the_details() -> None:
    body = status(429, "TooManyRequests", "later", retryAfterSeconds=3)
    assert response_error(429, body, "", "7").retry_after == 7
    assert response_error(429, body, "", None).retry_after == 3
    assert response_error(429, b"busy", "", "Wed, 21 Oct 2026 07:28:00 GMT").retry_after is None


def test_a_long_message_keeps_its_beginning_and_its_complaint() -> None:
    message = "spec.template: Invalid value: {" + "Name:x, " * 1000 + "}: field is immutable"
    error = response_error(422, status(422, "Invalid", message), "", None)
    assert len(error.message) <= errors.SHOWN
    assert error.message.startswith("spec.template: Invalid value")
    assert error.message.endswith("field is immutable")
    assert len(str(error)) < 1100


def test_a_schema_error_does_not_repeat_the_value_it_complains_about() -> None:
    message = (
        "failed to create typed patch object (shop/tls; /v1, Kind=Secret): "
        '.data.key: expected string, got &value.valueUnstructured{Value:map[string]interface {}{"hunter":2}}'
    )
    error = response_error(500, status(500, "", message), "", None)
    assert error.message.endswith(".data.key: expected string, got another type")


def test_the_details_name_the_field_of_each_conflict() -> None:
    error = response_error(409, status(409, "Conflict", "Apply failed", causes=OWNED), "", None)
    assert error.details["causes"][0]["field"] == ".spec.replicas"


def test_an_answer_that_is_no_status_still_says_something() -> None:
    assert str(response_error(502, b"", "Bad Gateway", None)) == "502: Bad Gateway"
    assert str(response_error(500, b"[1]", "x", None)) == "500: [1]"
