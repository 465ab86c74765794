"""The requests of clients. Each call is one transaction."""
