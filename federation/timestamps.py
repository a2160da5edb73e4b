"""Times as the API writes them."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> str:
    """Return the time in RFC 3339, in whole seconds, as metav1.Time is."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
