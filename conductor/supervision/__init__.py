"""Several worker processes as one program: they are started, replaced when they die, and ended together."""
