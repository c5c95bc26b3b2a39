"""A lesson to come."""
