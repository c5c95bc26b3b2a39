"""Tasks of sections 1 and 2."""
