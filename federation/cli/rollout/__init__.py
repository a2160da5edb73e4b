"""atoll rollout: see, plan and steer batched releases."""
