"""What clients can ask. Each call is one transaction."""
