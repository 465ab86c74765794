"""Finds errors in definitions before a server or a workflow does."""
