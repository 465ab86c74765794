"""Calls a worker's function: on a thread, on the event loop or in a process. It knows no server and no slots."""
