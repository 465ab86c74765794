"""Task and workflow definitions: what the server fills in, what it refuses, and those that are registered."""
