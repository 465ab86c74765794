"""A worker's function is called: on a thread, on the event loop or in a process. Knows no server and no slots."""
