"""atoll top: how full the members are."""
