"""The versions of the programs a sandbox runs; `go/*/go.mod` name the same, which a test holds."""

from __future__ import annotations

KUBERNETES = "1.36.3"
ETCD = "3.6.16"
KWOK = "0.8.0"

STAMP = f"kubernetes v{KUBERNETES}\netcd v{ETCD}\nkwok v{KWOK}\n"
"""What a complete folder of programs says it was made from."""
