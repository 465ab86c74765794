"""The embedded server's HTTP side: it reads requests, calls the engine and writes the answers."""
