"""Batched release: how a new revision reaches the pods of all clusters. Pure: values in, verdicts out."""
