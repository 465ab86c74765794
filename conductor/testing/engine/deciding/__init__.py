"""Finds what is to do next in a workflow. Nothing here has effects."""
