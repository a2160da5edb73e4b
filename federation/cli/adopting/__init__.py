"""The command that brings what runs already under the federation: atoll adopt."""
