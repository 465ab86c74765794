"""A worker function gets typed arguments from the input of its task, as its signature says."""
