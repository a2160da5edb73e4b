"""What Atoll reaches on this machine, beside a bare loop that does the same with no control layer at all."""
