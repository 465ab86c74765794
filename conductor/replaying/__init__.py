"""Runs the function of a worker again, on the input that a task had in production. Nothing is sent to the server."""
