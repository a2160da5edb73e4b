"""Policies of Karmada (`policy.karmada.io/v1alpha1`) to ours: what has a counterpart, and what is to be said.

Facts are of Karmada v1.16. The types are read as data: nothing of Karmada is imported.
"""
