"""Slices of other clusters that stand by while enough of the caller's own cluster is ready: pure.

Rule 49 of the design, for where hints can't do it: under the plain name, whose own slices are not ours, and
where nodes have no zones. Such slices are as they were, under a name that nobody calls.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from mcs.names import HEADLESS, SERVICE_NAME, STANDBY_FOR, standby_name
from policies.api.meta import Manifest

SETTLE = 2.0
"""Seconds for which something is to hold before others are called, or no more, because of it."""
Ready = Mapping[tuple[str, str], Collection[str]]
"""By IP family and name of a port, the addresses that are ready behind it."""


def ready(contents: Iterable[Manifest]) -> Ready:
    """Return what answers of some slices. Callers of each port and family need somebody who does."""
    found: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for content in contents:
        addresses = set(_ready(content["endpoints"]))
        for port in content["ports"]:
            found[content["addressType"], port.get("name") or ""] |= addresses
    return found


def _ready(endpoints: Iterable[Manifest]) -> Iterator[str]:
    for each in endpoints:
        if (each.get("conditions") or {}).get("ready") is not False:  # unset: the API says ready
            yield from each["addresses"]


class Need(NamedTuple):
    """How a slice of another cluster is needed, by what is ready in the caller's own."""

    enough: bool
    """It is not: there are enough for each of its ports."""
    none: bool
    """Some port of it has nobody else."""


def need(content: Manifest, local: Ready, min_local: int) -> Need:
    keys = [(content["addressType"], each.get("name") or "") for each in content["ports"]]
    fewest = min((len(local.get(key, ())) for key in keys), default=0)
    return Need(fewest >= min_local, fewest == 0)


class Standing(NamedTuple):
    """Whether a slice stands by."""

    by: bool
    pause: float | None = None
    """Seconds until that may change though nothing else does."""


def standing(now: bool, needed: Need, unlike: float) -> Standing:
    """Decide whether a slice is to stand by.

    Where nobody else answers, it is called at once: each second would be one without an answer. Everything
    else waits, so that an endpoint that comes and goes moves nothing back and forth.

    :param now: whether it does
    :param unlike: the seconds for which it was not as it should have been
    """
    if now == needed.enough or needed.none:
        return Standing(needed.enough)
    left = SETTLE - unlike
    return Standing(now, left) if left > 0 else Standing(needed.enough)


def standing_by(manifest: Manifest) -> Manifest:
    """Return a slice as one that nobody calls.

    kube-proxy never takes an endpoint out whose slice comes under another name: it forgets the slice only if
    that is gone from its watch, which passes by what has the label HEADLESS. Others go by the name.
    """
    labels = manifest["metadata"]["labels"]
    name = labels[SERVICE_NAME]
    moved = {SERVICE_NAME: standby_name(name), STANDBY_FOR: name, HEADLESS: ""}
    return manifest | {"metadata": manifest["metadata"] | {"labels": labels | moved}}


def called(labels: Mapping[str, str]) -> dict[str, str]:
    """Return the labels of a slice as they are when it does not stand by."""
    if STANDBY_FOR not in labels:
        return dict(labels)
    rest = {key: value for key, value in labels.items() if key not in (STANDBY_FOR, HEADLESS)}
    return rest | {SERVICE_NAME: labels[STANDBY_FOR]}
