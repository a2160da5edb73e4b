"""atoll get: objects of all members, as kubectl shows those of one cluster."""
