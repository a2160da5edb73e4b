"""The commands that read: atoll explain, render and diff."""
