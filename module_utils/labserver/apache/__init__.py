"""Apache on a host that others use too: what it serves, and what of that is ours."""
