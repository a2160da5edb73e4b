"""What would become of the copies if other manifests were applied: two worlds, and how they differ."""
