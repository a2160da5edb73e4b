"""What a Kubernetes API server, or the way to it, can refuse.

    ApiError                  transient, cause, pause
    ├── Unreachable           no usable answer: connection, TLS, time-out, a torn stream
    ├── BadConfiguration      a kubeconfig or credential plugin that leads nowhere
    └── StatusError           code, reason, message, details, retry_after
        ├── Unauthorized      401, also after the token was read anew
        ├── Forbidden         403: RBAC, quota, admission, a terminating namespace (see `cause`)
        ├── NotFound          404: the type is served, this object (or its namespace) is not there
        ├── NotServed         404: the resource type itself is not served here
        ├── Conflict          409: another writer was first, or owns a field
        ├── Gone              410: the resourceVersion or continue token is too old
        ├── Invalid           422: validation refused the object
        ├── SchemaError       the manifest does not fit the schema (500 from apply, 400 elsewhere)
        ├── TooManyRequests   429: come back after `retry_after` seconds
        └── ServerError       5xx
    LeaseLost                 leadership ended before the work did

`transient` says whether the same request may succeed later with nothing changed by a person, `pause` for how
many seconds the server asked to be left alone, a minute at most.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

import orjson

LONGEST_PAUSE = 60.0  # seconds; nothing that changes meanwhile is done sooner
SHOWN = 1000  # characters of a message; the API server prints whole Go structs in some


class ApiError(Exception):
    """A request that did not do what it was sent for."""

    transient: bool = False
    cause: str | None = None
    pause: float = 0.0


class Unreachable(ApiError):
    """The server gave no usable answer; whether it acted on the request is unknown."""

    transient = True


class BadConfiguration(ApiError):
    """There is no way to the server until someone corrects a kubeconfig, a context or a plugin."""


class StatusError(ApiError):
    """The server answered with a failure Status."""

    permanent_causes: ClassVar[frozenset[str]] = frozenset({"FieldManagerConflict", "AlreadyExists"})

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        details: Mapping[str, Any] | None = None,
        retry_after: float | None = None,
    ) -> None:
        self.code, self.reason, self.message = code, reason, shorten(message)
        self.details: Mapping[str, Any] = details or {}
        self.retry_after = retry_after
        self.pause = min(retry_after or 0.0, LONGEST_PAUSE)
        self.cause = _cause(reason, message, self.details)
        self.transient = _transient(self)
        super().__init__(f"{code} {reason}: {self.message}" if reason else f"{code}: {self.message}")


class Unauthorized(StatusError): ...


class Forbidden(StatusError): ...


class NotFound(StatusError): ...


class NotServed(StatusError): ...


class Conflict(StatusError): ...


class Gone(StatusError): ...


class Invalid(StatusError): ...


class SchemaError(StatusError): ...


class TooManyRequests(StatusError): ...


class ServerError(StatusError): ...


class LeaseLost(Exception):
    """The lease could not be renewed in time, or another holds it: stop writing at once."""


def _transient(error: StatusError) -> bool:
    """The one place that decides what may be retried as it is (verified.md 7.16)."""
    if error.cause in StatusError.permanent_causes:
        return False
    return isinstance(error, Conflict | Gone | TooManyRequests | ServerError)


_CAUSES = (  # what details.causes does not say, the message does
    ("QuotaExceeded", re.compile(r"\bexceeded quota: ")),
    ("WebhookFailed", re.compile(r"\bfailed calling webhook ")),
    ("WebhookDenied", re.compile(r"\badmission webhook .* denied the request")),
    ("NamespaceTerminating", re.compile(r"because it is being terminated")),
    ("UidMismatch", re.compile(r"\buid mismatch: |\bthe UID in the precondition ")),
)


def _cause(reason: str, message: str, details: Mapping[str, Any]) -> str | None:
    if reason == "AlreadyExists":
        return reason
    for cause, pattern in _CAUSES:
        if pattern.search(message):
            return cause
    causes = details.get("causes") or ()
    return next((cause["reason"] for cause in causes if cause.get("reason")), None)


_BY_CODE: dict[int, type[StatusError]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    422: Invalid,
    429: TooManyRequests,
}
_TYPE_NOT_SERVED = "the server could not find the requested resource"
_SCHEMA = re.compile(
    r"^failed to (create|convert) typed |strict decoding error|cannot be handled as a |not declared in schema"
)


def status_error(status: Mapping[str, Any], code: int, retry_after: float | None = None) -> StatusError:
    """Make the error for a Status object; a mapping that is no Status is what a bare 404 looks like.

    :param code: used where the Status has none of its own
    :param retry_after: seconds, of the header; the Status may have them in its details instead
    """
    code = status.get("code") or code
    message, details = str(status.get("message") or ""), status.get("details") or {}
    kind = _BY_CODE.get(code) or (ServerError if code >= 500 else StatusError)
    if kind is NotFound and (status.get("kind") != "Status" or message == _TYPE_NOT_SERVED):
        kind = NotServed
    elif code in (400, 500) and _SCHEMA.search(message):
        kind, message = SchemaError, _without_values(message)
    seconds = retry_after if retry_after is not None else details.get("retryAfterSeconds")
    return kind(code, status.get("reason") or "", message, details, seconds)


def response_error(code: int, body: bytes, phrase: str, retry_after: str | None) -> StatusError:
    """Make the error for an HTTP answer, whether or not its body is a Status."""
    try:
        status = orjson.loads(body)
    except orjson.JSONDecodeError:
        status = None
    if not isinstance(status, dict):
        status = {"reason": "", "message": body[:SHOWN].decode(errors="replace").strip() or phrase}
    return status_error(status, code, _seconds(retry_after))


def shorten(message: str, limit: int = SHOWN) -> str:
    """Cut from the middle: the field is named first, the complaint comes last."""
    if len(message) <= limit:
        return message
    head = limit * 3 // 5
    return f"{message[:head]} ... {message[head + 5 - limit :]}"


def _without_values(message: str) -> str:
    """Typed values are Go's notation and may be those of a Secret."""
    return re.sub(r"&?value\.\w+\{.*?\}(?=$|[,;\n])", "another type", message)


def _seconds(header: str | None) -> float | None:
    try:
        return max(0.0, float(header)) if header else None
    except ValueError:
        return None  # a date: no API server sends one
