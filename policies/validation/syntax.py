"""Syntax of the strings users write: label keys and values, JSON pointers, environment variables.

The rules of labels are those of Kubernetes' `validation.IsQualifiedName` and `IsValidLabelValue`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_network

from policies.validation.findings import Denial

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_POINTER = re.compile(r"(/([^~/]|~[01])*)+")
_ENV_NAME = re.compile(r"[ -<>-~]+")


def label_key(field: str, key: str) -> Iterator[Denial]:
    """Check the key of a label, an annotation or a taint: `[prefix/]name`."""
    prefix, slash, name = key.rpartition("/")
    if not _NAME.fullmatch(name):
        yield Denial(
            field,
            f"{key!r} is no valid key",
            "use at most 63 letters, digits, '-', '_' and '.', beginning and ending with a letter or digit, "
            "after an optional prefix such as example.com/",
        )
    elif slash and not (_SUBDOMAIN.fullmatch(prefix) and len(prefix) <= 253):
        yield Denial(
            field, f"the prefix of {key!r} is no DNS name", "use a prefix such as example.com/, or none"
        )


def label_value(field: str, value: str) -> Iterator[Denial]:
    """Check the value of a label or a taint; empty is valid."""
    if value and not _NAME.fullmatch(value):
        yield Denial(
            field,
            f"{value!r} is no valid label value",
            "use at most 63 letters, digits, '-', '_' and '.', beginning and ending with a letter or digit",
        )


def cidr(field: str, network: str) -> Iterator[Denial]:
    """Check a network: an address and the length of its prefix."""
    try:
        ip_network(network)
    except ValueError as error:
        yield Denial(field, str(error), "write the first address and its prefix, as in 10.1.0.0/16")


def pointer(field: str, path: str) -> Iterator[Denial]:
    """Check a JSON pointer (RFC 6901) to a field; the pointer to the whole object is refused."""
    if not path.startswith("/"):
        yield Denial(field, f"{path!r} is no JSON pointer", "begin it with '/', as in /spec/replicas")
    elif not _POINTER.fullmatch(path):
        yield Denial(field, f"{path!r} has a stray '~'", "write '~' as ~0 and a '/' inside a key as ~1")


def tokens(path: str) -> tuple[str, ...]:
    """Return the keys a valid JSON pointer goes through."""
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in path.split("/")[1:])


def env_name(field: str, name: str) -> Iterator[Denial]:
    """Check the name of an environment variable: printable ASCII without '=', as the API server does."""
    if not _ENV_NAME.fullmatch(name):
        yield Denial(
            field, f"{name!r} is no name of an environment variable", "use printable ASCII characters but '='"
        )
